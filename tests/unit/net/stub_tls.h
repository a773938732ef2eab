/* stub_tls.h - a TLS server for tests on loopback that answers as it is told, and the certificates that
 * it shows: those of a tls-alpn-01 challenge (RFC 8737 §3) with any one thing wrong. */
#ifndef ASSAY_TESTS_STUB_TLS_H
#define ASSAY_TESTS_STUB_TLS_H

#include <openssl/types.h>

#include "net/addr.h"

/* --- certificates --- */

enum stub_key { STUB_KEY_P256, STUB_KEY_P384, STUB_KEY_RSA2048, STUB_KEY_RSA1024, STUB_KEY_ED25519 };

struct stub_cert_plan {
	const char *subject;  /* CN; NULL: "challenge" */
	const char *issuer;   /* CN, if it is not the subject's */
	const char *sans;     /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
	const char *oid;      /* of the extension; NULL: 1.3.6.1.5.5.7.1.31; "": no extension */
	const uint8_t *value; /* its content; NULL: digest as an OCTET STRING */
	size_t value_len;
	const uint8_t *digest; /* 32 octets */
	bool not_critical, twice;
	enum stub_key key;
	bool signed_by_other; /* by another key than its own */
	bool expired;
	bool version1;        /* and so without extensions */
};

struct stub_cert {
	X509 *cert;
	EVP_PKEY *key;
};
struct stub_cert stub_cert_make(const struct stub_cert_plan *plan);
void stub_cert_done(struct stub_cert *c);

/* --- the server --- */

enum stub_tls_act {
	STUB_TLS_SERVE,
	STUB_TLS_HANG,  /* takes the connection and says nothing */
	STUB_TLS_CLOSE, /* closes it after the ClientHello */
	STUB_TLS_PLAIN, /* answers with HTTP */
	STUB_TLS_STALL, /* stops in the middle of its first flight */
};

struct stub_tls_plan {
	enum stub_tls_act act;
	int min_version, max_version; /* TLS1_2_VERSION ...; 0: any that libssl has */
	const char *alpn; /* what is chosen, whatever was offered; NULL: no ALPN; "": the alert */
	const struct stub_cert *cert;
	X509 *second;     /* shown behind it; NULL: none */
};

/* What one connection was like. */
struct stub_tls_seen {
	unsigned connections;
	char sni[300], alpn[300];  /* alpn: the offered list, separated by commas */
	size_t application_octets; /* received after the handshake */
	bool handshake, closed_properly;
};

struct stub_tls;
struct stub_tls *stub_tls_start(const char *ip);
uint16_t stub_tls_port(const struct stub_tls *s);
/* Before the connection that it is for; plan and certificate are borrowed. */
void stub_tls_set(struct stub_tls *s, const struct stub_tls_plan *plan);
/* Waits until `connections` of them have ended; about the last one. */
struct stub_tls_seen stub_tls_wait(struct stub_tls *s, unsigned connections);
void stub_tls_stop(struct stub_tls *s);

#endif
