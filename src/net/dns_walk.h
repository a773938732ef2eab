/* dns_walk.h - what the authoritative servers of a name say, each of them asked directly: the zone of
 * the name is found through a resolver, then the addresses of its name servers, then every one of them
 * is asked. Aliases are followed into other zones. Belongs to the loop's thread.
 * RFC 1034 §4.2 (zones), RFC 1035 §4, RFC 6672 §2.3 (a DNAME shows as a CNAME). */
#ifndef ASSAY_NET_DNS_WALK_H
#define ASSAY_NET_DNS_WALK_H

#include "base/buf.h"
#include "net/resolver.h"

#define DNS_WALK_LABEL (LIMIT_NAME + 3 + ADDR_TEXT_MAX) /* "ns2.lab.test (10.0.0.3)" */

struct dns_walk_end {
	enum rc rc;     /* OK: all that answered were heard; DENIED (policy, DNSSEC), UNAVAILABLE */
	bool transient; /* another try may do better */
	char why[500];  /* unless OK: what is wrong with whom, and what to do */
};

struct dns_walk_spec {
	struct str name;
	enum dns_type type;
	struct resolver *resolver; /* that knows where the zones are; borrowed until done */
	struct addr_policy policy; /* where packets may go, name servers included; its lists are borrowed */
	uint16_t port;             /* of the name servers: 53 */
	int64_t timeout_ms;        /* of one question to one server */
	struct buf *trace;
	/* What one server says: RC_OK, or RC_NOTFOUND. Slices only during the call. Nothing counts until
	 * done has said RC_OK. The walk may not be cancelled from within. */
	void (*answer)(void *arg, const char *server, const struct dns_answer *answer);
	/* Once, not from within dns_walk_start, unless cancelled before. */
	void (*done)(void *arg, const struct dns_walk_end *end);
	void *arg;
};

struct dns_walk;
/* RC_INVALID: no such name can be asked for. There is no deadline but the caller's. */
enum rc dns_walk_start(struct loop *l, const struct dns_walk_spec *spec, struct dns_walk **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void dns_walk_cancel(struct dns_walk *w);

#endif
