/* resolver.h - DNS on the event loop (libunbound): A, AAAA, TXT, CAA with DNSSEC state.
 * One resolver per upstream configuration; belongs to the loop's thread. */
#ifndef ASSAY_NET_RESOLVER_H
#define ASSAY_NET_RESOLVER_H

#include "net/addr.h"
#include "net/loop.h"

struct resolver;

struct resolver_options {
	const struct addr *servers; /* forwarders; none: the system's /etc/resolv.conf */
	size_t server_count;
	bool use_hosts;    /* also read /etc/hosts (default without servers) */
	bool dnssec;       /* validate; a bogus answer is RC_DENIED, never an absence */
	int timeout_ms;    /* for one question with all its retries */
};
enum rc resolver_new(struct loop *l, const struct resolver_options *o, struct resolver **out,
		     struct fault *f) MUST_USE;
void resolver_free(struct resolver *r); /* answers to open questions: none */

struct dns_answer {
	enum rc rc;          /* OK, NOTFOUND (NXDOMAIN or no data), DENIED (bogus), TIMEOUT, IO (SERVFAIL...) */
	int rcode;
	bool nxdomain, secure;
	struct addr addrs[16]; /* A or AAAA, port 0 */
	size_t addr_count;
	struct str *texts;     /* TXT: character-strings joined; only during the callback */
	size_t text_count;
	char why[200];         /* for the trace: "SERVFAIL from 10.0.0.2 (validation failure ...)" */
};
enum dns_type { DNS_A = 1, DNS_TXT = 16, DNS_AAAA = 28, DNS_CAA = 257 };

struct dns_query;
/* done runs once on the loop's thread unless cancelled before; also for answers from the cache. */
enum rc resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		     void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		     struct dns_query **out) MUST_USE;
void resolver_cancel(struct dns_query *q);

#endif
