/* policy.c - see policy.h. */
#include "core/policy.h"

#include "acme/identifier.h"
#include "core/authz.h"
#include "core/eab.h"

/* --- what nobody may have --- */

static struct str last_label(struct str name)
{
	for (size_t i = name.len; i > 0; i--) {
		if (name.p[i - 1] == '.')
			return (struct str){ name.p + i, name.len - i };
	}
	return name;
}

static enum rc check_blocked(const struct config *c, const struct identifier *id, struct fault *f)
{
	for (size_t i = 0; i < c->block_name_count; i++) {
		if (zone_pattern_touches(&c->block_names[i], id))
			return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					 "policy: %.*s %s %.*s, which this server never certifies; the operator has set it (block.names)",
					 STR_ARG(id->shown), id->wildcard ? "would cover" : "falls under",
					 STR_ARG(c->block_names[i].text));
	}
	if (id->type != IDENTIFIER_DNS)
		return RC_OK;
	for (size_t i = 0; i < c->block_tld_count; i++) {
		if (str_eq(last_label(id->value), c->block_tlds[i]))
			return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					 "policy: %.*s is under the top-level domain \"%.*s\", which this server never certifies; the operator has set it (block.tlds)",
					 STR_ARG(id->shown), STR_ARG(c->block_tlds[i]));
	}
	return RC_OK;
}

/* --- whom a zone serves --- */

static bool lists(const struct str *v, size_t count, struct str what)
{
	for (size_t i = 0; i < count; i++) {
		if (what.len && str_eq(v[i], what))
			return true;
	}
	return false;
}

static enum rc check_account(const struct eab_scope *who, const struct zone *z, const struct identifier *id,
			     struct fault *f)
{
	if (z->accounts == ZONE_ANYONE)
		return RC_OK;
	if (!who->kid.p)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "policy: zone \"%.*s\", which has %.*s, is for accounts with an external account binding (RFC 8555 §7.3.4); ask the operator for a key and register with it",
				 STR_ARG(z->name), STR_ARG(id->shown));
	/* A binding counts as long as its key is there: unknown means denied. */
	if (!who->known)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "policy: zone \"%.*s\", which has %.*s, needs a binding key that is in force; \"%.*s\" of this account is not there any more",
				 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(who->kid));
	if (z->accounts == ZONE_BOUND || lists(z->bindings, z->binding_count, who->kid) ||
	    lists(z->bindings, z->binding_count, who->name))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "policy: zone \"%.*s\", which has %.*s, is for other binding keys than \"%.*s\" of this account; the operator can add it (bindings)",
			 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(who->kid));
}

bool policy_zone_has_profile(const struct zone *z, struct str profile)
{
	return !z->profile_count || lists(z->profiles, z->profile_count, profile);
}

static enum rc check_profile(const struct policy_request *r, const struct zone *z, const struct identifier *id,
			     struct fault *f)
{
	bool good = false;

	for (size_t i = 0; !r->profile.p && i < r->directory->profile_count; i++)
		good |= policy_zone_has_profile(z, r->directory->profiles[i]->name);
	if (good || (r->profile.p && policy_zone_has_profile(z, r->profile)))
		return RC_OK;
	if (!r->profile.p)
		return fault_set(f, RC_DENIED, PROBLEM_INVALID_PROFILE,
				 "policy: zone \"%.*s\", which has %.*s, allows none of the profiles of directory \"%.*s\"",
				 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(r->directory->name));
	return fault_set(f, RC_DENIED, PROBLEM_INVALID_PROFILE,
			 "policy: zone \"%.*s\", which has %.*s, does not allow profile \"%.*s\"; order another",
			 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(r->profile));
}

static enum rc check_zone(const struct policy_request *r, const struct eab_scope *who, const struct zone *z,
			  const struct identifier *id, struct fault *f)
{
	enum rc rc = check_account(who, z, id, f);

	return rc == RC_OK ? check_profile(r, z, id, f) : rc;
}

/* Zones that give single names below a wildcard to somebody: it must not take those along. */
static enum rc check_covered(const struct config *c, const struct policy_request *r, const struct eab_scope *who,
			     const struct zone *own, const struct identifier *id, struct fault *f)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < c->zone_count; i++) {
		const struct zone *z = &c->zones[i];
		bool touched = false;

		for (size_t k = 0; z != own && k < z->pattern_count; k++)
			touched |= !z->patterns[k].any && !z->patterns[k].below &&
				   zone_pattern_touches(&z->patterns[k], id);
		if (touched)
			rc = check_zone(r, who, z, id, f);
	}
	return rc;
}

static enum rc check_provable(const struct zone *z, const struct identifier *id, struct fault *f)
{
	if (authz_provable_by(z, id))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
			 id->wildcard ? "policy: wildcard names are proven in the DNS, by dns-01 (RFC 8555 §7.1.3) or its kin, which zone \"%.*s\", which has %.*s, does not offer"
				      : "policy: zone \"%.*s\", which has %.*s, offers no challenge that can prove this identifier",
			 STR_ARG(z->name), STR_ARG(id->shown));
}

static enum rc decide(struct context *c, const struct policy_request *r, const struct eab_scope *who,
		      const struct identifier *id, const struct zone **out, struct fault *f)
{
	const struct zone *zone;
	enum rc rc = check_blocked(c->config, id, f);

	if (rc == RC_OK)
		rc = eab_check_names(who, id, 1, f);
	if (rc != RC_OK)
		return rc;
	zone = config_zone(c->config, id);
	if (!zone)
		return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				 "policy: no zone of this server covers %.*s; the operator can add one (zones:)",
				 STR_ARG(id->shown));
	if (zone->broken.p)
		return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				 "policy: zone \"%.*s\", which has %.*s, cannot be used as it is stored; the operator must set it again (assay zone show)",
				 STR_ARG(zone->name), STR_ARG(id->shown));
	for (size_t i = 0; i < zone->except_count; i++) {
		if (zone_pattern_touches(&zone->excepts[i], id))
			return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					 "policy: %.*s would cover %.*s, which zone \"%.*s\" excepts; order the names one by one",
					 STR_ARG(id->shown), STR_ARG(zone->excepts[i].text), STR_ARG(zone->name));
	}
	rc = check_zone(r, who, zone, id, f);
	if (rc == RC_OK && id->wildcard)
		rc = check_covered(c->config, r, who, zone, id, f);
	if (rc == RC_OK)
		rc = check_provable(zone, id, f);
	if (rc == RC_OK)
		*out = zone;
	return rc;
}

/* Who asks: the account's binding key, its profiles. */
static enum rc find_asker(struct context *c, const struct policy_request *r, struct eab_scope *out, struct fault *f)
{
	enum rc rc = eab_scope_of(c, r->eab_kid, out, f);

	return rc == RC_OK && r->profile.p ? eab_check_profile(out, r->profile, f) : rc;
}

enum rc policy_zone(struct context *c, const struct policy_request *r, const struct identifier *id,
		    const struct zone **out, struct fault *f)
{
	struct eab_scope who;
	enum rc rc = find_asker(c, r, &who, f);

	return rc == RC_OK ? decide(c, r, &who, id, out, f) : rc;
}

/* --- the names of one certificate --- */

const struct authority *policy_authority(const struct policy_request *r, const struct zone *z)
{
	return z->authority ? z->authority : r->directory->authority;
}

/* Adds one to what is refused: several problems in one answer are "compound" (RFC 8555 §6.7.1). */
static void add_refusal(struct fault *all, const struct identifier *id, const struct fault *one)
{
	if (all->problem == PROBLEM_NONE)
		(void)fault_set(all, one->rc, one->problem, "%s", one->detail);
	else if (all->problem != one->problem)
		all->problem = PROBLEM_COMPOUND;
	fault_add_sub(all, one->problem, identifier_type_name(id->type), id->shown, "%s", one->detail);
}

static enum rc end_refusals(struct fault *all, struct fault *f)
{
	enum rc rc = all->problem == PROBLEM_NONE ? RC_OK : RC_DENIED;

	if (f && rc != RC_OK)
		*f = *all;
	else
		fault_done(all);
	return rc;
}

/* All names beside those of the first's authority. */
static enum rc check_one_authority(const struct policy_request *r, const struct identifier *v, size_t count,
				   const struct zone *const *zones, struct fault *f)
{
	const struct authority *first = policy_authority(r, zones[0]);
	struct fault all = { 0 };

	for (size_t i = 1; i < count; i++) {
		const struct authority *a = policy_authority(r, zones[i]);
		AUTO(fault) struct fault one = { 0 };

		if (a == first)
			continue;
		(void)fault_set(&one, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				"policy: \"%.*s\" issues for %.*s (zone \"%.*s\") and \"%.*s\" for %.*s (zone \"%.*s\"); order them separately",
				STR_ARG(a->name), STR_ARG(v[i].shown), STR_ARG(zones[i]->name), STR_ARG(first->name),
				STR_ARG(v[0].shown), STR_ARG(zones[0]->name));
		add_refusal(&all, &v[i], &one);
	}
	return end_refusals(&all, f);
}

enum rc policy_names(struct context *c, const struct policy_request *r, const struct identifier *v, size_t count,
		     const struct zone ***out_zones, const struct authority **out_authority, struct fault *f)
{
	const struct zone **zones = arena_array(c->arena, count, sizeof(*zones));
	struct fault all = { 0 };
	struct eab_scope who;
	enum rc rc;

	if (!zones)
		return RC_NOMEM;
	rc = find_asker(c, r, &who, f);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		AUTO(fault) struct fault one = { 0 };

		rc = decide(c, r, &who, &v[i], &zones[i], &one);
		if (rc == RC_DENIED)
			add_refusal(&all, &v[i], &one);
		else if (rc != RC_OK)
			break;
	}
	if (rc != RC_OK && rc != RC_DENIED) {
		fault_done(&all);
		return rc;
	}
	rc = end_refusals(&all, f);
	if (rc == RC_OK)
		rc = check_one_authority(r, v, count, zones, f);
	if (rc != RC_OK)
		return rc;
	*out_zones = zones;
	*out_authority = policy_authority(r, zones[0]);
	return RC_OK;
}
