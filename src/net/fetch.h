/* fetch.h - one HTTP GET to a host that we do not trust, as domain validation needs it
 * (RFC 8555 §8.3): resolve once, vet each address by policy, dial exactly the vetted address,
 * IPv6 first with IPv4 fallback when dialling fails, redirects (301, 302, 307, 308) vetted anew,
 * limited time and body. Redirects may lead to https, with any certificate.
 * libcurl's multi interface on our loop; belongs to the loop's thread. */
#ifndef ASSAY_NET_FETCH_H
#define ASSAY_NET_FETCH_H

#include "base/buf.h"
#include "net/resolver.h"

struct fetcher;
/* One per loop; keeps idle easy handles. */
enum rc fetcher_new(struct loop *l, struct fetcher **out) MUST_USE;
/* What is under way is cancelled. Not from within done. NULL is allowed. */
void fetcher_free(struct fetcher *x);

#define FETCH_REDIRECT_PORTS_MAX 8

struct fetch_request {
	struct str host;      /* DNS name or IP literal without brackets */
	uint16_t port;        /* of the first request */
	struct str path;      /* origin-form */
	const struct addr_policy *policy; /* copied; its lists and the resolver are borrowed until done */
	struct resolver *resolver;
	const uint16_t *redirect_ports; /* allowed in redirects; scheme http or https */
	size_t redirect_port_count;     /* at most FETCH_REDIRECT_PORTS_MAX */
	unsigned max_redirects;
	size_t max_body;
	int64_t deadline_ms;  /* for everything together, from now */
	struct str user_agent;
};

/* Everything that was tried, in order, as text lines for the trace:
 * "dns web1.lab.internal AAAA: none (3 ms)", "connect 10.0.0.5:80: connection refused (1 ms)",
 * "http GET http://web1.lab.internal/.well-known/...: 404 (12 ms)". Peer text is escaped and cut. */
struct fetch_result {
	/* OK: a response, whole if its status is 200, else only its head (and then no body);
	 * LIMIT: body over max; DENIED: policy, or DNSSEC; NOTFOUND: no address; TIMEOUT: deadline;
	 * UNAVAILABLE: DNS failed, nobody to connect to, or the exchange broke; INVALID: what came
	 * is no proper response or redirect; else our own trouble. */
	enum rc rc;
	enum problem problem; /* PROBLEM_NONE with RC_OK, else dns, connection, tls, unauthorized
				 (a body over max), serverInternal */
	bool transient;  /* worth another try: dial errors, timeouts, SERVFAIL, 5xx */
	int status;      /* of the last response, 0 if none */
	int64_t date_at; /* its Date (RFC 9110 §6.6.1); 0: none that can be read */
	struct bytes body;
	struct addr dialled; /* that answered last; len 0 if none did */
	char why[400];   /* one sentence for the problem's detail; names addresses and outcome, never
			    the peer's body and no port state of denied addresses */
	struct str trace;
};

struct fetch;
/* done runs once on the loop's thread, never from within fetch_start; result and its slices live
 * only during the call. */
/* RC_INVALID: no such host, port or path can be. */
enum rc fetch_start(struct fetcher *x, const struct fetch_request *r,
		    void (*done)(void *arg, const struct fetch_result *result), void *arg,
		    struct fetch **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void fetch_cancel(struct fetch *op);

#endif
