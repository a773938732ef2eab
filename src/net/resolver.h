/* resolver.h - DNS on the event loop (libunbound): A, AAAA, TXT, CAA, NS with DNSSEC state.
 * One resolver per upstream configuration; belongs to the loop's thread. Answers are cached for at
 * most a minute and absences for two seconds, so that a client that has just published a record
 * need not wait for us. */
#ifndef ASSAY_NET_RESOLVER_H
#define ASSAY_NET_RESOLVER_H

#include "base/limits.h"
#include "net/addr.h"
#include "net/loop.h"

struct resolver;

struct resolver_options {
	const struct addr *servers; /* forwarders, with port; none: the system's /etc/resolv.conf */
	size_t server_count;
	bool use_hosts;    /* also read /etc/hosts (default without servers) */
	bool dnssec;       /* validate; a bogus answer is RC_DENIED, never an absence */
	const char *trust_anchor_file; /* NULL: the root key of the system */
	int timeout_ms;    /* for one question with all its retries; 0: 5 s */
};
enum rc resolver_new(struct loop *l, const struct resolver_options *o, struct resolver **out,
		     struct fault *f) MUST_USE;
/* Answers to open questions: none. Not from within done. NULL is allowed. */
void resolver_free(struct resolver *r);
/* Was it made with dnssec? */
bool resolver_validates(const struct resolver *r);

struct dns_caa { /* RFC 8659 §4.1, as sent */
	uint8_t flags;
	struct str tag, value;
};

/* Slices and arrays live only during the callback. */
struct dns_answer {
	enum rc rc; /* OK, NOTFOUND (NXDOMAIN or no data), DENIED (bogus), TIMEOUT, IO (SERVFAIL...), NOMEM */
	int rcode;
	bool nxdomain, secure;
	bool authoritative;  /* AA: from the horse's mouth (dns_direct.h); means nothing from a resolver */
	struct addr addrs[LIMIT_DNS_ADDRESSES]; /* A or AAAA, port 0; what is beyond is left out */
	size_t addr_count;
	struct str *texts;     /* TXT: character-strings joined */
	size_t text_count;
	struct dns_caa *caa;
	size_t caa_count;
	struct str *hosts;     /* NS: names of servers, as text without the final dot */
	size_t host_count;
	struct str alias;      /* what the name itself is a CNAME of; absent when it is none */
	struct str canonical;  /* where the CNAME chain led; absent likewise */
	char why[200];         /* for the trace: "SERVFAIL from 10.0.0.2:53 (validation failure ...)" */
};
enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_TXT = 16, DNS_AAAA = 28, DNS_CAA = 257 };
/* "AAAA" */
const char *dns_type_text(enum dns_type type);

struct dns_query;
/* name: letters, digits, '-', '_' and dots; RC_INVALID otherwise. RC_BUSY: too many are open.
 * done runs once on the loop's thread, never from within resolver_ask, unless cancelled before;
 * also for answers from the cache. */
enum rc resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		     void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		     struct dns_query **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void resolver_cancel(struct dns_query *q);

#endif
