/* dns_direct.h - one question to one name server, past every resolver (RFC 1035 §4.2): for those who
 * must know what this very server says now. Belongs to the loop's thread. */
#ifndef ASSAY_NET_DNS_DIRECT_H
#define ASSAY_NET_DNS_DIRECT_H

#include "net/resolver.h"

struct dns_direct_spec {
	struct addr server; /* with port; the caller has vetted it */
	struct str name;    /* as resolver_ask() has it */
	enum dns_type type;
	int64_t timeout_ms; /* all tries together */
};

struct dns_direct;
/* The answer is of the server's own authority or RC_IO: one that sends us elsewhere, refuses or has it
 * from somebody else says nothing here. Its `why` does not name the server; TIMEOUT has none. BUSY and
 * NOMEM: this machine could not ask. Slices live only during done, which runs once, never from within
 * dns_direct_ask, unless cancelled before. RC_INVALID: no such name can be asked for. */
enum rc dns_direct_ask(struct loop *l, const struct dns_direct_spec *spec,
		       void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		       struct dns_direct **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void dns_direct_cancel(struct dns_direct *q);

#endif
