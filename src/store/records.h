/* records.h - the rows that Assay keeps, one struct per table (descriptions in records.c).
 * X_COL_Y numbers the columns in the order of the struct, for the sets that tx_update() takes:
 *   tx_update(tx, &ORDERS, &order, STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_ERROR))
 * Times are seconds since 1970 unless the name says _ms; 0 means none. Text that is a list says how
 * it is written. STRICT: every column exists from the first migration on that names it. */
#ifndef ASSAY_STORE_RECORDS_H
#define ASSAY_STORE_RECORDS_H

#include "store/store.h"

enum account_status { ACCOUNT_VALID = 1, ACCOUNT_DEACTIVATED, ACCOUNT_REVOKED };

struct account_record {
	struct id id;
	int64_t version;
	struct str directory;   /* name of the directory it belongs to */
	struct bytes thumbprint; /* SHA-256 (RFC 7638), 32 octets */
	struct str jwk;         /* canonical JSON */
	int64_t status;         /* enum account_status */
	struct str contacts;    /* URLs, one a line */
	int64_t terms_agreed_at;
	struct str eab_kid;
	struct str eab;         /* the binding as received, JSON */
	int64_t created_at;
	struct str created_from; /* peer address */
};
enum {
	ACCOUNT_COL_ID, ACCOUNT_COL_VERSION, ACCOUNT_COL_DIRECTORY, ACCOUNT_COL_THUMBPRINT,
	ACCOUNT_COL_JWK, ACCOUNT_COL_STATUS, ACCOUNT_COL_CONTACTS, ACCOUNT_COL_TERMS_AGREED_AT,
	ACCOUNT_COL_EAB_KID, ACCOUNT_COL_EAB, ACCOUNT_COL_CREATED_AT, ACCOUNT_COL_CREATED_FROM,
};
extern const struct store_table ACCOUNTS;
enum { ACCOUNTS_BY_KEY /* unique: directory, thumbprint */, ACCOUNTS_BY_CREATED };

/* The stored status; "ready" and the death of an authorization are derived (core/order.c). */
enum order_status { ORDER_PENDING = 1, ORDER_PROCESSING, ORDER_VALID, ORDER_INVALID };

struct order_record {
	struct id id;
	int64_t version;
	struct id account;
	struct str directory;
	int64_t status;          /* enum order_status */
	struct str identifiers;  /* identifiers_to_text() */
	struct bytes authzs;     /* ids of the authorizations, 16 octets each, in identifier order */
	struct str profile;
	struct bytes profile_hash; /* of the profile as it was at newOrder: pinned (TRUST V29) */
	int64_t not_before, not_after; /* as asked for */
	int64_t expires_at;
	int64_t created_at;
	struct str replaces;
	struct bytes csr_hash;   /* SHA-256 of the CSR that was accepted (idempotent finalize) */
	struct str authority;    /* that issues; set when claimed */
	struct bytes serial;     /* set when claimed */
	struct bytes claim;      /* what the issuer needs to go on after a crash: the TBS (local) */
	struct bytes certificate; /* serial-based id of the certificate, when valid */
	struct str error;        /* problem document, when invalid */
	struct str trace;        /* what happened, for `assay order why` */
};
enum {
	ORDER_COL_ID, ORDER_COL_VERSION, ORDER_COL_ACCOUNT, ORDER_COL_DIRECTORY,
	ORDER_COL_STATUS, ORDER_COL_IDENTIFIERS, ORDER_COL_AUTHZS, ORDER_COL_PROFILE,
	ORDER_COL_PROFILE_HASH, ORDER_COL_NOT_BEFORE, ORDER_COL_NOT_AFTER, ORDER_COL_EXPIRES_AT,
	ORDER_COL_CREATED_AT, ORDER_COL_REPLACES, ORDER_COL_CSR_HASH, ORDER_COL_AUTHORITY,
	ORDER_COL_SERIAL, ORDER_COL_CLAIM, ORDER_COL_CERTIFICATE, ORDER_COL_ERROR,
	ORDER_COL_TRACE,
};
extern const struct store_table ORDERS;
enum { ORDERS_BY_ACCOUNT /* account */,
       ORDERS_BY_SERIAL /* serial, partial */ };

enum authz_status { AUTHZ_PENDING = 1, AUTHZ_VALID, AUTHZ_INVALID, AUTHZ_DEACTIVATED, AUTHZ_REVOKED };
/* Challenge types as bits, so that one row says which are offered. */
enum {
	CHALLENGE_HTTP_01 = 1,
	CHALLENGE_DNS_01 = 2,
	CHALLENGE_TLS_ALPN_01 = 4,
	CHALLENGE_DNS_ACCOUNT_01 = 8,
	CHALLENGE_DNS_PERSIST_01 = 16,
};

/* One authorization with its challenges, which share its token. At most one challenge is tried:
 * the first success makes it valid, the first failure invalid (RFC 8555 §7.1.6). */
struct authz_record {
	struct id id;
	int64_t version;
	struct id account;
	struct str identifier;  /* canonical, as identifiers_to_text() writes one: "dns:*.a.example" */
	struct str shown;       /* the client's spelling, without "*." */
	int64_t status;         /* enum authz_status */
	int64_t expires_at;
	int64_t created_at;
	struct str token;       /* base64url of 32 random octets */
	int64_t offered;        /* set of CHALLENGE_* */
	int64_t attempted;      /* the CHALLENGE_* that was triggered, 0: none yet */
	int64_t attempted_at;
	int64_t validated_at;
	struct str error;       /* problem document of the failed challenge */
	struct str trace;       /* record of the validation: JSON lines, what was tried and answered */
	int64_t subdomains;     /* 1: it may serve names below the identifier (RFC 9444) */
};
enum {
	AUTHZ_COL_ID, AUTHZ_COL_VERSION, AUTHZ_COL_ACCOUNT, AUTHZ_COL_IDENTIFIER,
	AUTHZ_COL_SHOWN, AUTHZ_COL_STATUS, AUTHZ_COL_EXPIRES_AT, AUTHZ_COL_CREATED_AT,
	AUTHZ_COL_TOKEN, AUTHZ_COL_OFFERED, AUTHZ_COL_ATTEMPTED, AUTHZ_COL_ATTEMPTED_AT,
	AUTHZ_COL_VALIDATED_AT, AUTHZ_COL_ERROR, AUTHZ_COL_TRACE,
	AUTHZ_COL_SUBDOMAINS,
};
extern const struct store_table AUTHZS;
enum { AUTHZS_BY_NAME /* account, identifier */ };

enum cert_status { CERT_VALID = 1, CERT_REVOKED };

struct cert_record {
	struct bytes serial; /* primary key; starts with the time, so rows append */
	int64_t version;
	struct str authority;
	struct id account; /* zero: made by the operator (CLI) */
	struct id order;   /* zero likewise */
	struct str profile;
	struct str names;  /* identifiers_to_text(), canonical */
	struct bytes der;
	struct bytes spki_hash; /* SHA-256 of the SubjectPublicKeyInfo */
	int64_t not_before, not_after;
	int64_t issued_at;
	int64_t status; /* enum cert_status */
	int64_t revoked_at;
	int64_t revoked_reason; /* RFC 5280 §5.3.1 */
	struct str revoked_by;  /* "account ID", "certificate key", "operator NAME" */
	struct id replaced_by;  /* order that replaces it (RFC 9773 §5); zero: none */
	int64_t renew_from, renew_until; /* the operator's window (RFC 9773 §4.2); 0: by lifetime */
};
enum {
	CERT_COL_SERIAL, CERT_COL_VERSION, CERT_COL_AUTHORITY, CERT_COL_ACCOUNT, CERT_COL_ORDER,
	CERT_COL_PROFILE, CERT_COL_NAMES, CERT_COL_DER, CERT_COL_SPKI_HASH, CERT_COL_NOT_BEFORE,
	CERT_COL_NOT_AFTER, CERT_COL_ISSUED_AT, CERT_COL_STATUS, CERT_COL_REVOKED_AT,
	CERT_COL_REVOKED_REASON, CERT_COL_REVOKED_BY,
	CERT_COL_REPLACED_BY, CERT_COL_RENEW_FROM, CERT_COL_RENEW_UNTIL,
};
extern const struct store_table CERTS;
enum { CERTS_BY_ACCOUNT /* account */, CERTS_BY_NOT_AFTER, CERTS_BY_REVOKED /* revoked_at, authority, revoked_reason, not_after; partial */ };

enum job_kind { JOB_VALIDATE = 1, JOB_ISSUE, JOB_SWEEP };

/* Long work (core/jobs.h). A job is leased to the node that runs it; an expired lease may be taken
 * by anybody. */
struct job_record {
	struct id id;
	int64_t version;
	int64_t kind;
	struct bytes subject; /* id of the order or authorization */
	int64_t due_at_ms;
	int64_t attempt;
	struct id lease_owner; /* node; zero: free */
	int64_t lease_until_ms;
	struct str note; /* last error, for status pages */
};
enum {
	JOB_COL_ID, JOB_COL_VERSION, JOB_COL_KIND, JOB_COL_SUBJECT, JOB_COL_DUE_AT_MS,
	JOB_COL_ATTEMPT, JOB_COL_LEASE_OWNER, JOB_COL_LEASE_UNTIL_MS, JOB_COL_NOTE,
};
extern const struct store_table JOBS;

/* Small settings of the service itself: key/value (own TLS certificate, node ids, ...). */
struct meta_record {
	struct str key; /* primary */
	int64_t version;
	struct bytes value;
};
enum {
	META_COL_KEY, META_COL_VERSION, META_COL_VALUE,
};
extern const struct store_table METAS;

/* The newest revocation list of an authority, or of one of its shards (core/revocation.h). */
struct crl_record {
	struct str name; /* primary: "lab", or "lab-3" for its third shard */
	int64_t version;
	int64_t number;  /* RFC 5280 §5.2.3 */
	int64_t this_update, next_update;
	struct bytes content; /* SHA-256 of its entries: tells whether there is something new */
	struct bytes der; /* absent for one that is too large to keep */
};
enum {
	CRL_COL_NAME, CRL_COL_VERSION, CRL_COL_NUMBER, CRL_COL_THIS_UPDATE, CRL_COL_NEXT_UPDATE,
	CRL_COL_CONTENT, CRL_COL_DER,
};
extern const struct store_table CRLS;

/* External account binding keys that the operator made (RFC 8555 §7.3.4, core/eab.h). */
struct eab_record {
	struct str kid; /* primary; begins with the time */
	int64_t version;
	struct str name;      /* for people */
	struct bytes sealed;  /* the HMAC key (crypto/seal.h), about kid */
	int64_t uses, used;   /* accounts it may make, 0: any number; and has made */
	struct str zones;     /* patterns of names its accounts may order, one a line; absent: all */
	struct str profiles;  /* likewise */
	int64_t created_at;
	struct str created_by;
	int64_t expires_at;   /* 0: never; for registering, not for the accounts made before */
	int64_t revoked_at;   /* 0: not revoked */
};
enum {
	EAB_COL_KID, EAB_COL_VERSION, EAB_COL_NAME, EAB_COL_SEALED, EAB_COL_USES, EAB_COL_USED,
	EAB_COL_ZONES, EAB_COL_PROFILES, EAB_COL_CREATED_AT, EAB_COL_CREATED_BY, EAB_COL_EXPIRES_AT,
	EAB_COL_REVOKED_AT,
};
extern const struct store_table EABS;

/* Zones that were set at run time (assay zone set): those of the settings file are not here. */
struct zone_record {
	struct str name; /* primary */
	int64_t version;
	struct str text; /* YAML: one element of the settings file's zones, without its name */
	int64_t created_at, updated_at;
	struct str updated_by;
};
enum {
	ZONE_COL_NAME, ZONE_COL_VERSION, ZONE_COL_TEXT, ZONE_COL_CREATED_AT, ZONE_COL_UPDATED_AT,
	ZONE_COL_UPDATED_BY,
};
extern const struct store_table ZONES;

/* Audit trail: a hash chain, append only, written in the transaction of the act. */
struct audit_record {
	struct id id;
	int64_t version;
	int64_t at;
	struct str actor;   /* "account ID", "operator NAME", "system" */
	struct str action;  /* "account.create", "cert.issue", ... */
	struct str subject; /* id or name */
	struct str detail;  /* key=value words */
	int64_t number;     /* 1, 2, 3, ...: this and the next two by the writer (struct store_chain) */
	struct bytes before, hash;
};
enum {
	AUDIT_COL_ID, AUDIT_COL_VERSION, AUDIT_COL_AT, AUDIT_COL_ACTOR, AUDIT_COL_ACTION,
	AUDIT_COL_SUBJECT, AUDIT_COL_DETAIL, AUDIT_COL_NUMBER, AUDIT_COL_BEFORE, AUDIT_COL_HASH,
};
extern const struct store_table AUDITS;
enum { AUDITS_BY_NUMBER };

/* All of the above, NULL-terminated: for store_open(). */
extern const struct store_table *const STORE_TABLES[];

#endif
