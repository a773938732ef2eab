/* caa.h - may this service issue for this name, by the DNS (RFC 8659, RFC 8657)? One asynchronous
 * check of one name; a request for several names makes one check each. Decides nothing about orders:
 * whether a refusal stops an issuance is the zone's mode, which the caller knows.
 * Belongs to the outbound loop's thread. */
#ifndef ASSAY_VALIDATOR_CAA_H
#define ASSAY_VALIDATOR_CAA_H

#include "acme/identifier.h"
#include "net/resolver.h"
#include "validator/validator.h"

struct caa_request {
	const struct identifier *identifier;
	struct resolver *resolver; /* of the zone; borrowed until done */
	const struct str *issuers; /* our issuer domain names (directory meta caaIdentities) */
	size_t issuer_count;       /* at least one */
	struct str account_url;    /* of the account that asks, as clients see it */
	struct str method;         /* by which control of this name was proven: "dns-01" */
	int64_t deadline_ms;       /* for all questions together */
};

enum caa_verdict {
	CAA_VERDICT_ALLOWED, /* by a record, or because there is none; always for IP addresses */
	CAA_VERDICT_DENIED,  /* by the records in `records` */
	CAA_VERDICT_FAILED,  /* it could not be found out: never the same as no records (TRUST V25) */
};

struct caa_result {
	enum caa_verdict verdict;
	bool transient;       /* of FAILED: another try may succeed; not after wrong signatures */
	enum problem problem; /* NONE, caa (DENIED), dns or serverInternal (FAILED) */
	char name[LIMIT_NAME + 3];  /* that was checked, with "*." */
	char owner[LIMIT_NAME + 1]; /* whose records decided, or could not be had; "" if none exist */
	char records[400];    /* those records: '0 issue "ca.example", 0 iodef "mailto:a@b"'; cut */
	char detail[800];     /* the reason, with the rule; what to do, unless allowed */
	struct str trace;     /* lines; only during the callback */
	int64_t duration_ms;
};

struct caa_check;
/* The request is copied but for its resolver. done runs once, never from within caa_check_start,
 * unless cancelled before. RC_INVALID: no such name can be in the DNS. */
enum rc caa_check_start(struct validator_env *env, const struct caa_request *r,
			void (*done)(void *arg, const struct caa_result *result), void *arg,
			struct caa_check **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void caa_check_cancel(struct caa_check *c);

#endif
