/* limits.h - everything that a peer can make grow, with its maximum. Checked before parsing. */
#ifndef ASSAY_BASE_LIMITS_H
#define ASSAY_BASE_LIMITS_H

#define LIMIT_HTTP_LINE (8 * 1024)        /* request line */
#define LIMIT_HTTP_HEADERS (16 * 1024)    /* all header lines together */
#define LIMIT_HTTP_HEADER_COUNT 100
#define LIMIT_HTTP_BODY (64 * 1024)       /* decoded body of any request */
#define LIMIT_HTTP_ADMIN_BODY (1024 * 1024)
#define LIMIT_HTTP_CHUNKS 1024
#define LIMIT_PROXY_HEADER 2048           /* of the PROXY protocol, with what is added to the addresses */
#define LIMIT_CONNECTIONS 4096            /* per server; the listener pauses beyond it */

#define LIMIT_JSON_BYTES (64 * 1024)      /* JWS, payload */
#define LIMIT_JSON_DEPTH 16
#define LIMIT_JSON_TOKENS 2000
#define LIMIT_JSON_STRING (48 * 1024)     /* a base64url CSR inside a payload */
#define LIMIT_JWS_PROTECTED (8 * 1024)
#define LIMIT_JSON_RESOURCE (384 * 1024)  /* an object or problem document as servers show it */

#define LIMIT_CSR_BYTES (24 * 1024)
#define LIMIT_CERT_BYTES (32 * 1024)
#define LIMIT_TBS_BYTES (32 * 1024)
#define LIMIT_DER_DEPTH 12
#define LIMIT_OID_BYTES 32
#define LIMIT_RSA_BITS_MIN 2048
#define LIMIT_RSA_BITS_MAX 8192

#define LIMIT_IDENTIFIERS 100             /* in one order */
#define LIMIT_ANCESTORS 16                /* domains above a name that are looked through (RFC 9444) */
#define LIMIT_ISSUER_NAMES 10             /* shown in a challenge, draft-ietf-acme-dns-persist §3.1 */
#define LIMIT_NAME 253                    /* a DNS name, RFC 1035 §2.3.4 */
#define LIMIT_CONTACTS 10
#define LIMIT_CONTACT 320

#define LIMIT_HTTP01_BODY 1024
#define LIMIT_HTTP01_REDIRECTS 5
#define LIMIT_TRACE (8 * 1024)            /* what is kept of one validation */
#define LIMIT_DNS_ADDRESSES 16            /* addresses tried for one name */
#define LIMIT_DNS_SERVERS 32              /* addresses of the name servers of one zone */

#define LIMIT_SIGNER_MESSAGE (48 * 1024)
#define LIMIT_LINK_MESSAGE (128 * 1024)   /* between server and probe */
#define LIMIT_LINK_QUEUE (2 * 1024 * 1024) /* sent and not read by the other side */
#define LIMIT_PROBE_TASKS 64              /* looks under way at one probe */
#define LIMIT_PROBE_WAITING 4096          /* that wait for their turn at one probe */
#define LIMIT_PROBE_VISITORS 64           /* connections that are no probe (yet), at one time */
#define LIMIT_PROBE_PREFIXES 1024         /* of each list of a zone that is sent to a probe */
#define LIMIT_PROBES 32                   /* that one zone names */
#define LIMIT_REQUEST_ARENA (1024 * 1024)
#define LIMIT_SETTINGS_BYTES (4 * 1024 * 1024)
#define LIMIT_STORED_ZONES 200             /* zones set at run time; more belong in the file */
#define LIMIT_STORED_ZONES_BYTES (24 * 1024) /* of their text: the document fits a request */
#define LIMIT_SETTINGS_DEPTH 16           /* nested mappings and lists */
#define LIMIT_SETTINGS_ERRORS 100         /* reported in one run */

#endif
