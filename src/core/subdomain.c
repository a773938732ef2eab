/* subdomain.c - see subdomain.h. */
#include "core/subdomain.h"

#include "base/limits.h"
#include "core/authz.h"

#define AUTHZS_LOOKED_AT 4 /* of each ancestor, the newest */

int64_t subdomain_challenges(const struct config *c, const struct identifier *ancestor,
			     const struct identifier *id)
{
	const struct zone *above, *below;

	if (!identifier_is_below(id, ancestor))
		return 0;
	above = config_zone(c, ancestor);
	below = config_zone(c, id);
	if (!above || !below || !above->subdomains || !below->subdomains)
		return 0;
	return above->challenges & below->challenges & SUBDOMAIN_CHALLENGES;
}

/* The canonical text of one identifier, "dns:*.a.example", is this one's? */
static bool is_text_of(struct str text, const struct identifier *id)
{
	struct str kind, name;

	if (!str_cut(text, ':', &kind, &name) || !str_is(kind, identifier_type_name(id->type)))
		return false;
	if (id->wildcard != str_starts(name, "*."))
		return false;
	if (id->wildcard)
		name = (struct str){ name.p + 2, name.len - 2 };
	return str_eq(name, id->value);
}

/* The name of an authorization for a DNS name that is no wildcard. */
static bool read_name(const struct authz_record *z, struct identifier *out)
{
	struct identifier id = { .type = IDENTIFIER_DNS };
	struct str kind;

	if (!str_cut(z->identifier, ':', &kind, &id.value) || !str_is(kind, identifier_type_name(IDENTIFIER_DNS)) ||
	    str_starts(id.value, "*."))
		return false;
	*out = id;
	return true;
}

bool authz_covers(const struct config *c, const struct authz_record *z, const struct identifier *id)
{
	struct identifier ancestor;

	if (is_text_of(z->identifier, id))
		return true;
	if (z->subdomains != 1 || !read_name(z, &ancestor))
		return false;
	/* What was tried, once something was; until then what may be. */
	return (subdomain_challenges(c, &ancestor, id) & (z->attempted ? z->attempted : z->offered)) != 0;
}

bool authz_serves_subdomains(const struct config *c, const struct authz_record *z)
{
	struct identifier below;

	if (!read_name(z, &below))
		return false;
	below.wildcard = true;
	return authz_covers(c, z, &below);
}

static enum rc find_at(struct context *c, struct id account, struct str ancestor, const struct identifier *id,
		       int64_t until, struct id *out)
{
	struct authz_record key = { .account = account }, *found;
	struct store_query q = { .table = &AUTHZS, .index = AUTHZS_BY_NAME, .key = &key, .key_columns = 2,
				 .descending = true, .limit = AUTHZS_LOOKED_AT };
	size_t count;
	enum rc rc;

	key.identifier = str_of(arena_printf(c->arena, "dns:%.*s", STR_ARG(ancestor)));
	if (!key.identifier.p)
		return RC_NOMEM;
	rc = store_list(c->read, &q, c->arena, &found, &count);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (authz_state(&found[i], until) == AUTHZ_STATE_VALID && authz_covers(c->config, &found[i], id)) {
			*out = found[i].id;
			return RC_OK;
		}
	}
	return RC_NOTFOUND;
}

enum rc subdomain_find(struct context *c, struct id account, const struct identifier *id, int64_t until,
		       struct id *out)
{
	const struct zone *zone = config_zone(c->config, id);
	struct str ancestor = id->value, label;
	enum rc rc = RC_NOTFOUND;

	if (id->type != IDENTIFIER_DNS || !zone || !zone->subdomains || !(zone->challenges & SUBDOMAIN_CHALLENGES))
		return RC_NOTFOUND;
	if (id->wildcard)
		rc = find_at(c, account, ancestor, id, until, out);
	for (size_t i = 0; rc == RC_NOTFOUND && i < LIMIT_ANCESTORS && str_cut(ancestor, '.', &label, &ancestor); i++)
		rc = find_at(c, account, ancestor, id, until, out);
	return rc;
}
