/* dns_txt.h - what the proofs in TXT records share (dns-01, dns-account-01, dns-persist-01): the records
 * of one name are asked for as the zone's policy says, and whoever looks for a proof judges what comes.
 * By the resolver there is one view of the name; by the authoritative servers there are several, and
 * each must hold the proof. Belongs to the outbound loop's thread. */
#ifndef ASSAY_VALIDATOR_DNS_TXT_H
#define ASSAY_VALIDATOR_DNS_TXT_H

#include "base/encode.h"
#include "validator/validator.h"

/* The records of one view; slices only during the call. */
struct dns_txt_view {
	const char *name;         /* that was asked for */
	const struct str *texts;  /* character-strings joined */
	size_t text_count;
	const char *absent;       /* when there are none: "has no TXT record" */
};

struct dns_txt_spec {
	const struct validator_policy *policy; /* its lists and resolver are borrowed until done */
	struct str name;
	const char *rule; /* that has us ask: "RFC 8555 §8.4" */
	/* Sets valid and valid_until, or else the fault. out is empty before. */
	void (*judge)(void *arg, const struct dns_txt_view *view, struct validation_result *out);
	validation_done_fn done; /* once, not from within dns_txt_start, unless cancelled before */
	void *arg;               /* of both */
};

struct dns_txt;
enum rc dns_txt_start(struct validator_env *env, const struct dns_txt_spec *spec, struct dns_txt **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void dns_txt_cancel(struct dns_txt *t);

/* For judges: sets the fault; what strangers wrote is made printable. */
void dns_txt_fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* The judge of RFC 8555 §8.4, for whoever has the digest of the key authorization as its proof: one of
 * the texts is it. */
struct dns_digest {
	size_t key_authorization_len;
	char key_authorization[512];
	char expected[B64URL_LEN(32) + 1];
};
/* RC_INVALID: no key authorization, or none that can be. */
enum rc dns_digest_init(struct dns_digest *d, struct str key_authorization) MUST_USE;
void dns_digest_judge(const struct dns_digest *d, const char *rule, const struct dns_txt_view *view,
		      struct validation_result *out);

#endif
