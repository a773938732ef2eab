/* relay.h - somebody else looks: what a fetcher, a TLS prober or a resolver would do itself is done in
 * another place of the network, by a program that reports what it saw. Whoever uses one of the three
 * need not know; the relay sees to it that every errand ends, whatever becomes of that program.
 * Belongs to the loop's thread. */
#ifndef ASSAY_NET_RELAY_H
#define ASSAY_NET_RELAY_H

#include "net/dns_direct.h"
#include "net/fetch.h"
#include "net/tls_probe.h"

struct errand;
struct relay;

struct relay_ops {
	/* The request is copied. seen runs once, never from within the call, unless cancelled before;
	 * what it gets lives only meanwhile. RC_LIMIT: the request is too large to be sent. */
	enum rc (*fetch)(struct relay *r, const struct fetch_request *request,
			 void (*seen)(void *arg, const struct fetch_result *result), void *arg,
			 struct errand **out);
	enum rc (*handshake)(struct relay *r, const struct tls_probe_request *request,
			     void (*seen)(void *arg, const struct tls_probe_result *result), void *arg,
			     struct errand **out);
	enum rc (*ask)(struct relay *r, struct str name, enum dns_type type,
		       void (*seen)(void *arg, const struct dns_answer *answer), void *arg,
		       struct errand **out);
	/* As dns_direct_ask(). */
	enum rc (*ask_server)(struct relay *r, const struct dns_direct_spec *spec,
			      void (*seen)(void *arg, const struct dns_answer *answer), void *arg,
			      struct errand **out);
	void (*cancel)(struct errand *e); /* not once seen has begun; NULL is allowed */
};

/* First in whatever carries errands. */
struct relay {
	const struct relay_ops *ops;
};

/* Freed as their kinds are; the relay must outlive them. */
enum rc fetcher_new_relayed(struct loop *l, struct relay *relay, struct fetcher **out) MUST_USE;
enum rc tls_prober_new_relayed(struct loop *l, struct relay *relay, struct tls_prober **out) MUST_USE;
/* dnssec: whether what is said to be signed right is so. */
enum rc resolver_new_relayed(struct loop *l, struct relay *relay, bool dnssec, struct resolver **out) MUST_USE;
/* NULL: it asks by itself. */
struct relay *resolver_relay(const struct resolver *r);

#endif
