/* config_zones.c - zones and blocks from strings to what decides, and which zone decides about a name. */
#include "acme/identifier.h"
#include "core/authz.h"
#include "core/config_build.h"

bool config_build_prefixes(struct builder *b, const struct setting_strs *list, const char *what,
			   const struct prefix **out, size_t *out_count)
{
	struct prefix *v = arena_array(b->a, list->count + 1, sizeof(*v));
	AUTO(fault) struct fault f = { 0 };

	if (!v)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_parse(list->v[i], &v[*out_count], &f) == RC_OK)
			(*out_count)++;
		else
			config_bad(b, config_line_of(list, i), what, f.detail);
	}
	*out = v;
	return true;
}

enum rc zone_pattern_parse(struct arena *a, struct str text, struct zone_pattern *out, struct fault *f)
{
	struct zone_pattern p = { .text = text };
	struct identifier id;
	enum rc rc;

	if (str_is(text, "*")) {
		p.any = true;
	} else if (prefix_parse(text, &p.net, NULL) != RC_OK) {
		rc = identifier_parse(a, STR("dns"), text, &id, f);
		if (rc != RC_OK)
			return rc;
		p.below = id.wildcard;
		p.dns = id.value;
	}
	*out = p;
	return RC_OK;
}

static bool build_patterns(struct builder *b, const struct setting_strs *list, const char *what,
			   struct zone_pattern **out, size_t *out_count)
{
	struct zone_pattern *v = arena_array(b->a, list->count + 1, sizeof(*v));
	size_t count = 0;

	if (!v)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		AUTO(fault) struct fault f = { 0 };

		if (zone_pattern_parse(b->a, list->v[i], &v[count], &f) == RC_OK)
			count++;
		else
			config_bad(b, config_line_of(list, i), what, f.detail);
	}
	*out = v;
	*out_count = count;
	return true;
}

bool config_build_block(struct builder *b)
{
	const struct setting_strs *tlds = &b->c->raw.block.tlds;
	struct config *c = b->c;

	if (!build_patterns(b, &c->raw.block.names, "block.names", &c->block_names, &c->block_name_count))
		return false;
	c->block_tlds = arena_array(b->a, tlds->count + 1, sizeof(*c->block_tlds));
	if (!c->block_tlds)
		return false;
	for (size_t i = 0; i < tlds->count; i++) {
		const char *below = arena_printf(b->a, "x.%.*s", STR_ARG(tlds->v[i]));
		struct identifier id;

		if (!below)
			return false;
		/* As the last label of a name: canonical, and an A-label where it is one. */
		if (memchr(tlds->v[i].p, '.', tlds->v[i].len) ||
		    identifier_parse(b->a, STR("dns"), str_of(below), &id, NULL) != RC_OK)
			config_bad(b, config_line_of(tlds, i), "block.tlds", "must be the last label of names, without dots: zip");
		else
			c->block_tlds[c->block_tld_count++] = (struct str){ id.value.p + 2, id.value.len - 2 };
	}
	return true;
}

static struct str join(struct arena *a, const struct setting_strs *list)
{
	struct str text = list->count ? list->v[0] : STR("(none)");

	for (size_t i = 1; i < list->count && text.len < 200; i++)
		text = str_of(arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(list->v[i])));
	return text;
}

static bool build_zone(struct builder *b, const struct config_zone *raw, size_t number, unsigned line,
		       struct zone *z)
{
	z->number = number;
	z->name = raw->name.p ? raw->name : str_of(arena_printf(b->a, "zone-%zu", number + 1));
	z->accounts = (enum zone_accounts)raw->accounts;
	z->bindings = raw->bindings.v;
	z->binding_count = raw->bindings.count;
	z->subdomains = raw->subdomains;
	z->dns = (enum zone_dns)raw->dns;
	z->dnssec = (enum zone_dnssec)raw->dnssec;
	z->probes = raw->probes.v;
	z->probe_count = raw->probes.count;
	z->probe_quorum = (size_t)raw->probe_quorum;
	z->profiles = raw->profiles.v;
	z->profile_count = raw->profiles.count;
	z->caa = (enum caa_mode)raw->caa;
	z->targets.preset = (enum addr_preset)raw->preset;
	z->pattern_text = join(b->a, &raw->names);
	if (!build_patterns(b, &raw->names, "names", &z->patterns, &z->pattern_count) ||
	    !build_patterns(b, &raw->except, "except", &z->excepts, &z->except_count) ||
	    !config_build_prefixes(b, &raw->targets, "targets", &z->targets.allow, &z->targets.allow_count) ||
	    !config_build_prefixes(b, &raw->deny_targets, "deny_targets", &z->targets.deny, &z->targets.deny_count))
		return false;
	for (size_t i = 0; i < raw->challenges.count; i++) {
		int64_t bit = challenge_type_bit(raw->challenges.v[i]);

		if (!bit)
			config_bad(b, config_line_of(&raw->challenges, i), "challenges", "must be http-01, dns-01, tls-alpn-01, dns-account-01 or dns-persist-01");
		z->challenges |= bit;
	}
	if (raw->resolver.p) {
		AUTO(fault) struct fault f = { 0 };

		z->resolvers = arena_array(b->a, 1, sizeof(*z->resolvers));
		if (!z->resolvers)
			return false;
		if (addr_parse(raw->resolver, 53, z->resolvers, &f) == RC_OK)
			z->resolver_count = 1;
		else
			config_bad(b, line, "resolver", f.detail);
	}
	return true;
}

bool config_build_zones(struct builder *b)
{
	struct config *c = b->c;
	const struct config_zone *raw = c->raw.zones.v;

	c->zones = arena_array(b->a, c->raw.zones.count + 1, sizeof(*c->zones));
	if (!c->zones)
		return false;
	for (size_t i = 0; i < c->raw.zones.count; i++) {
		if (!build_zone(b, &raw[i], i, c->raw.zones.lines[i], &c->zones[i]))
			return false;
		c->zone_count++;
	}
	return true;
}

/* --- which zone --- */

/* How well a pattern fits, more is more specific; 0: not at all. An exact name beats every
 * subtree, a longer subtree or prefix a shorter one, and "*" loses to all. */
unsigned zone_pattern_fit(const struct zone_pattern *p, const struct identifier *id)
{
	if (p->any)
		return 1;
	if (id->type == IDENTIFIER_IP) {
		struct addr a = addr_from_ip(id->ip, id->ip_len, 0);

		return !p->dns.p && prefix_contains(&p->net, &a) ? 2 + p->net.bits : 0;
	}
	if (!p->dns.p)
		return 0;
	if (!p->below)
		return !id->wildcard && str_eq(p->dns, id->value) ? 1000 : 0;
	/* "*.lab.internal": names below it, and the wildcard "*.lab.internal" itself. */
	if (id->wildcard && str_eq(p->dns, id->value))
		return 2 + (unsigned)p->dns.len;
	if (id->value.len > p->dns.len + 1 && id->value.p[id->value.len - p->dns.len - 1] == '.' &&
	    memcmp(id->value.p + id->value.len - p->dns.len, p->dns.p, p->dns.len) == 0)
		return 2 + (unsigned)p->dns.len;
	return 0;
}

bool zone_pattern_touches(const struct zone_pattern *p, const struct identifier *id)
{
	struct str first, rest;

	if (zone_pattern_fit(p, id))
		return true;
	/* "*.x" covers names of one more label (RFC 6125 §6.4.3). */
	return id->wildcard && p->dns.p && !p->below && str_cut(p->dns, '.', &first, &rest) &&
	       str_eq(rest, id->value);
}

static bool zone_excepts(const struct zone *z, const struct identifier *id)
{
	for (size_t i = 0; i < z->except_count; i++) {
		if (zone_pattern_fit(&z->excepts[i], id))
			return true;
	}
	return false;
}

const struct zone *config_zone(const struct config *c, const struct identifier *id)
{
	const struct zone *best = NULL;
	unsigned best_fit = 0;

	for (size_t i = 0; i < c->zone_count; i++) {
		const struct zone *z = &c->zones[i];
		unsigned zone_fit = 0;

		for (size_t k = 0; k < z->pattern_count; k++) {
			unsigned fit = zone_pattern_fit(&z->patterns[k], id);

			zone_fit = fit > zone_fit ? fit : zone_fit;
		}
		if (zone_fit > best_fit && !zone_excepts(z, id)) {
			best = z;
			best_fit = zone_fit;
		}
	}
	return best;
}
