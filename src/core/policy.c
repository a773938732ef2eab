/* policy.c - see policy.h. */
#include "core/policy.h"

#include "acme/identifier.h"

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

/* A binding counts as long as its key does: one that was revoked, or that the settings no longer
 * have, binds nobody. *out_name: what the operator calls it. */
static enum rc find_binding(struct context *c, struct str kid, bool *out_good, struct str *out_name)
{
	struct eab_record r;
	enum rc rc;

	for (size_t i = 0; i < c->config->eab_key_count; i++) {
		if (str_eq(c->config->eab_keys[i].kid, kid)) {
			*out_good = true;
			*out_name = kid;
			return RC_OK;
		}
	}
	rc = store_get(c->read, &EABS, STORE_PRIMARY, &(struct eab_record){ .kid = kid }, c->arena, &r);
	*out_good = rc == RC_OK && !r.revoked_at;
	*out_name = rc == RC_OK ? r.name : (struct str){ 0 };
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static bool lists(const struct str *v, size_t count, struct str what)
{
	for (size_t i = 0; i < count; i++) {
		if (what.len && str_eq(v[i], what))
			return true;
	}
	return false;
}

static enum rc check_account(struct context *c, const struct policy_request *r, const struct zone *z,
			     const struct identifier *id, struct fault *f)
{
	struct str name;
	bool good;
	enum rc rc;

	if (z->accounts == ZONE_ANYONE)
		return RC_OK;
	if (!r->eab_kid.p)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "policy: zone \"%.*s\", which has %.*s, is for accounts with an external account binding (RFC 8555 §7.3.4); ask the operator for a key and register with it",
				 STR_ARG(z->name), STR_ARG(id->shown));
	rc = find_binding(c, r->eab_kid, &good, &name);
	if (rc != RC_OK)
		return rc;
	if (!good)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "policy: zone \"%.*s\", which has %.*s, needs a binding key that is in force; \"%.*s\" of this account was revoked or removed",
				 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(r->eab_kid));
	if (z->accounts == ZONE_BOUND || lists(z->bindings, z->binding_count, r->eab_kid) ||
	    lists(z->bindings, z->binding_count, name))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "policy: zone \"%.*s\", which has %.*s, is for other binding keys than \"%.*s\" of this account; the operator can add it (bindings)",
			 STR_ARG(z->name), STR_ARG(id->shown), STR_ARG(r->eab_kid));
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

static enum rc check_zone(struct context *c, const struct policy_request *r, const struct zone *z,
			  const struct identifier *id, struct fault *f)
{
	enum rc rc = check_account(c, r, z, id, f);

	return rc == RC_OK ? check_profile(r, z, id, f) : rc;
}

/* Zones that give single names below a wildcard to somebody: it must not take those along. */
static enum rc check_covered(struct context *c, const struct policy_request *r, const struct zone *own,
			     const struct identifier *id, struct fault *f)
{
	const struct config *config = c->config;
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < config->zone_count; i++) {
		const struct zone *z = &config->zones[i];
		bool touched = false;

		for (size_t k = 0; z != own && k < z->pattern_count; k++)
			touched |= !z->patterns[k].any && !z->patterns[k].below &&
				   zone_pattern_touches(&z->patterns[k], id);
		if (touched)
			rc = check_zone(c, r, z, id, f);
	}
	return rc;
}

enum rc policy_zone(struct context *c, const struct policy_request *r, const struct identifier *id,
		    const struct zone **out, struct fault *f)
{
	const struct zone *zone;
	enum rc rc = check_blocked(c->config, id, f);

	if (rc != RC_OK)
		return rc;
	zone = config_zone(c->config, id);
	if (!zone)
		return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				 "policy: no zone of this server covers %.*s; the operator can add one (zones:)",
				 STR_ARG(id->shown));
	for (size_t i = 0; i < zone->except_count; i++) {
		if (zone_pattern_touches(&zone->excepts[i], id))
			return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					 "policy: %.*s would cover %.*s, which zone \"%.*s\" excepts; order the names one by one",
					 STR_ARG(id->shown), STR_ARG(zone->excepts[i].text), STR_ARG(zone->name));
	}
	rc = check_zone(c, r, zone, id, f);
	if (rc == RC_OK && id->wildcard)
		rc = check_covered(c, r, zone, id, f);
	if (rc == RC_OK)
		*out = zone;
	return rc;
}
