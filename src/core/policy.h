/* policy.h - may this account have this name? (DESIGN: zones.) One answer for newOrder, newAuthz,
 * finalize, the moment before issuing, and `assay check`: what is blocked for everybody, the zone that
 * covers the name, whom that zone serves and with which profiles. No zone, no certificate. */
#ifndef ASSAY_CORE_POLICY_H
#define ASSAY_CORE_POLICY_H

#include "core/core.h"

struct identifier;

struct policy_request {
	const struct directory *directory;
	struct str eab_kid; /* of the account's binding (RFC 8555 §7.3.4); absent: none */
	struct str profile; /* absent: not chosen yet, any of the directory's may do */
};

/* The zone that decides about an identifier and lets this account have it. RC_DENIED with the ACME
 * problem (rejectedIdentifier; unauthorized or invalidProfile where it is about who asks for what) and
 * a sentence that names zone, rule and remedy. A wildcard is refused too when it would cover a name
 * that is blocked, that its zone excepts, or that another zone does not let this account have. */
enum rc policy_zone(struct context *c, const struct policy_request *r, const struct identifier *id,
		    const struct zone **out, struct fault *f) MUST_USE;

/* The same for the names of one certificate; all that are refused are reported together, as
 * subproblems (RFC 8555 §6.7.1). One authority signs: names whose zones have different ones are
 * refused. *out_zones: one for each name, in the arena. */
enum rc policy_names(struct context *c, const struct policy_request *r, const struct identifier *v, size_t count,
		     const struct zone ***out_zones, const struct authority **out_authority,
		     struct fault *f) MUST_USE;

/* Who issues for names of the zone in this directory. */
const struct authority *policy_authority(const struct policy_request *r, const struct zone *z);
/* Whether the zone's `profiles` allow this one. */
bool policy_zone_has_profile(const struct zone *z, struct str profile);

#endif
