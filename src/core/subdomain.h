/* subdomain.h - what an authorization proves: the identifier it names and, where policy allows it, the
 * names below (RFC 9444). Only names, only where the zones of both names say so, and only by a
 * challenge in the DNS: a web server at example.org says nothing about who has a.example.org. */
#ifndef ASSAY_CORE_SUBDOMAIN_H
#define ASSAY_CORE_SUBDOMAIN_H

#include "acme/identifier.h"
#include "core/core.h"

/* The challenges that may prove a name for all names below it. Not dns-persist-01, whose record says
 * itself whether it speaks for more than its own name. */
#define SUBDOMAIN_CHALLENGES (CHALLENGE_DNS_01 | CHALLENGE_DNS_ACCOUNT_01)

/* The challenges that could prove ancestor for the identifier too; 0: policy does not allow it. */
int64_t subdomain_challenges(const struct config *c, const struct identifier *ancestor,
			     const struct identifier *id);

/* Does it stand for the identifier, once it is valid? Asked whenever an authorization is used for an
 * order, not only when the order is made. */
bool authz_covers(const struct config *c, const struct authz_record *z, const struct identifier *id);
/* Does it serve names below its own now (subdomainAuthAllowed, RFC 9444 §4.1)? */
bool authz_serves_subdomains(const struct config *c, const struct authz_record *z);
/* A valid authorization of the account for a domain above the identifier that covers it and stays
 * valid until then, the nearest first. RC_NOTFOUND. */
enum rc subdomain_find(struct context *c, struct id account, const struct identifier *id, int64_t until,
		       struct id *out) MUST_USE;

#endif
