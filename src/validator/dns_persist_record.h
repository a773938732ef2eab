/* dns_persist_record.h - what one persistent validation record says about one request
 * (draft-ietf-acme-dns-persist §4): text in, judgement out. No state: safe from any thread. */
#ifndef ASSAY_VALIDATOR_DNS_PERSIST_RECORD_H
#define ASSAY_VALIDATOR_DNS_PERSIST_RECORD_H

#include "base/str.h"

/* Who asks whom for what. */
struct dns_persist_request {
	const struct str *issuers; /* our issuer domain names, as the challenge shows them */
	size_t issuer_count;
	struct str account_url;
	bool wildcard;             /* names below are wanted too, so that policy=wildcard is needed */
	int64_t now;
};

enum dns_persist_verdict {
	DNS_PERSIST_FOREIGN,   /* for another CA, or no such record at all */
	DNS_PERSIST_MALFORMED, /* for us, and not to be read */
	DNS_PERSIST_REFUSED,   /* for us, and not for this request */
	DNS_PERSIST_VALID,
};
/* out_until: seconds since 1970 for which it is valid at most, 0 for no end; only when VALID.
 * out_why: what is wrong, with the rule; static; only when MALFORMED or REFUSED. */
enum dns_persist_verdict dns_persist_judge(struct str text, const struct dns_persist_request *r, int64_t *out_until,
					   const char **out_why);

#endif
