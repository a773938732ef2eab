/* config_zones.c - patterns of names and addresses, what is blocked, and which zone decides about a
 * name. */
#include "acme/identifier.h"
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

int zone_pattern_compare(const struct zone_pattern *a, const struct zone_pattern *b)
{
	size_t shorter = a->dns.len < b->dns.len ? a->dns.len : b->dns.len;
	int order;

	if (a->any || b->any)
		return (int)a->any - (int)b->any;
	if (!a->dns.p != !b->dns.p)
		return a->dns.p ? 1 : -1;
	if (!a->dns.p) {
		order = memcmp(a->net.ip, b->net.ip, sizeof(a->net.ip));
		return order ? order : (int)a->net.bits - (int)b->net.bits;
	}
	order = memcmp(a->dns.p, b->dns.p, shorter);
	if (order == 0 && a->dns.len != b->dns.len)
		order = a->dns.len < b->dns.len ? -1 : 1;
	return order ? order : (int)a->below - (int)b->below;
}

bool config_build_patterns(struct builder *b, const struct setting_strs *list, const char *what,
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

	if (!config_build_patterns(b, &c->raw.block.names, "block.names", &c->block_names, &c->block_name_count))
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
		if (!tlds->v[i].len || memchr(tlds->v[i].p, '.', tlds->v[i].len) ||
		    identifier_parse(b->a, STR("dns"), str_of(below), &id, NULL) != RC_OK)
			config_bad(b, config_line_of(tlds, i), "block.tlds",
				   "must be the last label of names, without dots: zip");
		else
			c->block_tlds[c->block_tld_count++] = (struct str){ id.value.p + 2, id.value.len - 2 };
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
