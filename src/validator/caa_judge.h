/* caa_judge.h - what one set of CAA records says about one request (RFC 8659 §4, RFC 8657): without
 * sockets, records in, judgement out. No state: safe from any thread. */
#ifndef ASSAY_VALIDATOR_CAA_JUDGE_H
#define ASSAY_VALIDATOR_CAA_JUDGE_H

#include "net/resolver.h"

/* Who wants to issue, for whom, and how control was proven. */
struct caa_issuance {
	const struct str *issuers; /* our issuer domain names (RFC 8659 §4.2) */
	size_t issuer_count;
	struct str account_url;    /* RFC 8657 §3 */
	struct str method;         /* "dns-01" (RFC 8657 §4) */
	bool wildcard;             /* for "*." and the name */
};

/* The value of an issue or issuewild property. */
struct caa_issue {
	struct str issuer;      /* empty: nobody may issue */
	struct str account_uri; /* absent: any account */
	struct str methods;     /* absent: any method; else comma-separated */
	/* A parameter that we know is there more than once (RFC 8657 §3). */
	bool contradicts;
};
/* False when it does not match the grammar of RFC 8659 §4.2, and then it stands for nobody. */
bool caa_issue_parse(struct str value, struct caa_issue *out);

#define CAA_WHY_MAX 360
/* May it be issued? why gets the reason, which names the record that decided. count > 0. */
bool caa_judge(const struct dns_caa *records, size_t count, const struct caa_issuance *issuance,
	       char why[CAA_WHY_MAX]);

/* '0 issue "ca.example"' as zone files have it, made printable; cut to fit. Returns the length. */
size_t caa_text(const struct dns_caa *record, char *out, size_t cap);

#endif
