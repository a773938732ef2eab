/* validator.h - "is it yours?": one asynchronous proof of control (RFC 8555 §8).
 * A validator is one file and one row in the table of validator.c. It decides nothing about orders:
 * it is told what to look for and reports what it saw, with a trace of everything it tried.
 * Belongs to the outbound loop's thread. */
#ifndef ASSAY_VALIDATOR_VALIDATOR_H
#define ASSAY_VALIDATOR_VALIDATOR_H

#include "acme/identifier.h"
#include "net/addr.h"
#include "net/fetch.h"
#include "net/resolver.h"

/* What a zone says about validation; borrowed for the duration. */
struct validator_policy {
	struct addr_policy targets;
	struct resolver *resolver;
	bool dns_authoritative;   /* DNS challenges ask all authoritative servers of the name */
	bool dnssec_required;     /* an answer that is not signed is refused */
	uint16_t dns_port;        /* of authoritative servers; 0: 53 */
	uint16_t http01_port;     /* 80, or as configured */
	uint16_t https_port;      /* 443: where redirects may go beside http01_port */
	uint16_t tls_alpn01_port; /* 443 */
	int64_t deadline_ms;      /* for one attempt, all of it */
};

struct validation_request {
	const struct identifier *identifier;
	struct str token;             /* base64url */
	struct str key_authorization; /* RFC 8555 §8.1 */
	struct str account_url;       /* of who asks, as it sees it: dns-account-01, dns-persist-01 */
	const struct str *issuers;    /* the directory's names in the DNS (CAA, dns-persist-01) */
	size_t issuer_count;
	struct validator_policy policy;
};

struct validation_result {
	bool valid;
	bool transient; /* failed, but another try may succeed */
	enum problem problem;
	char detail[600]; /* why it failed: for the client; cites the rule and says what to do */
	struct str trace; /* lines; only during the callback */
	int64_t duration_ms;
	/* What was seen on the way, for `assay check`: somebody took a connection; the status of the last
	 * HTTP response and its Date, 0 if there was none. */
	bool connected;
	int http_status;
	int64_t http_date;
	int64_t valid_until; /* dns-persist-01: seconds since 1970, the proof is no good after; 0: no end */
};

struct validator_env;
/* Shared by all validations of one loop: the fetcher and what else they need. */
enum rc validator_env_new(struct loop *l, struct validator_env **out) MUST_USE;
/* All validations must have ended or been cancelled. NULL is allowed. */
void validator_env_free(struct validator_env *env);

struct validation;
typedef void (*validation_done_fn)(void *arg, const struct validation_result *result);

struct validator_ops {
	const char *type;  /* "http-01" */
	int64_t challenge; /* CHALLENGE_HTTP_01 of store/records.h */
	bool wildcard;     /* may prove "*.name" (RFC 8555 §7.1.3) */
	bool ip;           /* may prove an address (RFC 8738 §4) */
	/* The request is copied, but for its policy's lists and resolver. done runs once, never from
	 * within start, unless cancelled before. RC_INVALID: this can never be proven so. */
	enum rc (*start)(struct validator_env *env, const struct validation_request *r,
			 validation_done_fn done, void *arg, struct validation **out);
	void (*cancel)(struct validation *v); /* not once done has begun; NULL is allowed */
};

/* By type name or challenge bit; NULL when unknown (and then nothing is validated). */
const struct validator_ops *validator_by_type(struct str type);
const struct validator_ops *validator_by_challenge(int64_t challenge);
/* All, NULL-terminated. */
const struct validator_ops *const *validators(void);

extern const struct validator_ops VALIDATOR_HTTP01, VALIDATOR_DNS01, VALIDATOR_TLSALPN01,
	VALIDATOR_DNS_ACCOUNT01, VALIDATOR_DNS_PERSIST01;

#endif
