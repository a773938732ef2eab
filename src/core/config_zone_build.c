/* config_zone_build.c - one zone from its settings, whether of the file or of the store. What it cannot
 * mean is an error with its line: a zone that says less than its operator thinks would let more pass. */
#include <stdio.h>
#include <stdlib.h>

#include "core/authz.h"
#include "core/config_build.h"
#include "core/rate_limit.h"

/* What a zone says where it does not say otherwise. `public` is for names that the whole world
 * resolves: nothing private is dialled, and everybody's wishes about issuance are respected. */
static const struct {
	enum addr_preset targets;
	enum caa_mode caa;
	enum zone_dnssec dnssec;
	enum zone_dns dns;
	int64_t challenges;
} presets[] = {
	[ZONE_PRIVATE] = { ADDR_PRIVATE, CAA_REPORT, ZONE_DNSSEC_OFF, ZONE_DNS_RESOLVER, CHALLENGE_HTTP_01 },
	[ZONE_PUBLIC] = { ADDR_PUBLIC, CAA_ENFORCE, ZONE_DNSSEC_VALIDATE, ZONE_DNS_AUTHORITATIVE,
			  CHALLENGE_HTTP_01 | CHALLENGE_DNS_01 | CHALLENGE_TLS_ALPN_01 },
};

/* Words of the table: the first is "as the preset says", the others follow the enum. */
static int chosen(int word, int of_preset)
{
	return word == 0 ? of_preset : word - 1;
}

static struct str join(struct arena *a, const struct setting_strs *list)
{
	struct str text = list->count ? list->v[0] : STR("(none)");

	for (size_t i = 1; i < list->count && text.len < 200; i++)
		text = str_of(arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(list->v[i])));
	return text;
}

static void build_challenges(struct builder *b, const struct config_zone *raw, struct zone *z)
{
	for (size_t i = 0; i < raw->challenges.count; i++) {
		int64_t bit = challenge_type_bit(raw->challenges.v[i]);

		if (!bit)
			config_bad(b, config_line_of(&raw->challenges, i), "challenges",
				   "must be http-01, dns-01, tls-alpn-01, dns-account-01 or dns-persist-01");
		z->challenges |= bit;
	}
	if (raw->challenges.count == 0)
		z->challenges = presets[z->preset].challenges;
}

static bool build_resolver(struct builder *b, const struct config_zone *raw, unsigned line, struct zone *z)
{
	AUTO(fault) struct fault f = { 0 };

	if (!raw->resolver.p)
		return true;
	z->resolvers = arena_array(b->a, 1, sizeof(*z->resolvers));
	if (!z->resolvers)
		return false;
	if (addr_parse(raw->resolver, 53, z->resolvers, &f) == RC_OK)
		z->resolver_count = 1;
	else
		config_bad(b, line, "resolver", f.detail);
	return true;
}

static void build_accounts(struct builder *b, const struct config_zone *raw, unsigned line, struct zone *z)
{
	z->accounts = (enum zone_accounts)raw->accounts;
	z->bindings = raw->bindings.v;
	z->binding_count = raw->bindings.count;
	if (raw->bindings.count && z->accounts != ZONE_BINDINGS)
		config_bad(b, config_line_of(&raw->bindings, 0), "bindings",
			   "they only count with `accounts: bindings`; set that too, or remove them");
	if (!raw->bindings.count && z->accounts == ZONE_BINDINGS)
		config_bad(b, line, "accounts", "`bindings` needs the list of keys; add `bindings: [KEY]`");
}

static bool has_probe(const struct config *c, struct str name)
{
	const struct config_probe *v = c->raw.probes.v;

	if (str_is(name, PROBE_SERVER))
		return true; /* our own view among others */
	for (size_t i = 0; i < c->raw.probes.count; i++) {
		if (str_eq(v[i].name, name))
			return true;
	}
	return false;
}

static void build_probes(struct builder *b, const struct config_zone *raw, unsigned line, struct zone *z)
{
	z->probes = raw->probes.v;
	z->probe_count = raw->probes.count;
	z->probe_quorum = (size_t)raw->probe_quorum;
	for (size_t i = 0; i < raw->probes.count; i++) {
		if (!has_probe(b->c, raw->probes.v[i]))
			config_bad(b, config_line_of(&raw->probes, i), "probes",
				   "there is no such probe; add it under `probes:` with its key");
		for (size_t k = 0; k < i; k++) {
			if (str_eq(raw->probes.v[i], raw->probes.v[k])) /* it would count twice for the quorum */
				config_bad(b, config_line_of(&raw->probes, i), "probes", "names the same probe twice");
		}
	}
	if (z->probe_quorum > z->probe_count)
		config_bad(b, line, "probe_quorum", "is greater than the number of `probes`; name more or ask for fewer");
}

/* Who issues, with which profiles, how many. */
static void build_issuance(struct builder *b, const struct config_zone *raw, unsigned line, struct zone *z)
{
	z->profiles = raw->profiles.v;
	z->profile_count = raw->profiles.count;
	for (size_t i = 0; i < raw->profiles.count; i++) {
		if (!config_profile(b->c, raw->profiles.v[i]))
			config_bad(b, config_line_of(&raw->profiles, i), "profiles",
				   "there is no such profile; add it under `profiles:`");
	}
	if (raw->issuer.p) {
		z->authority = config_authority(b->c, raw->issuer);
		if (!z->authority)
			config_bad(b, line, "issuer", "there is no such authority; it is a name under `authorities:`");
	}
	if (raw->certificates.p && !limit_parse(raw->certificates, &z->certificates))
		config_bad(b, line, "certificates", "must be like 100/h, 5/7d or off");
}

bool config_build_zone(struct builder *b, const struct config_zone *raw, size_t number, unsigned line,
		       struct zone *z)
{
	z->number = number;
	z->name = raw->name.p ? raw->name : str_of(arena_printf(b->a, "zone-%zu", number + 1));
	config_check_word(b, z->name, line, "name");
	z->preset = raw->preset ? (enum zone_preset)(raw->preset - 1) : (enum zone_preset)b->c->raw.preset;
	z->targets.preset = (enum addr_preset)chosen(raw->address_policy, presets[z->preset].targets);
	z->caa = (enum caa_mode)chosen(raw->caa, presets[z->preset].caa);
	z->dns = (enum zone_dns)chosen(raw->dns, presets[z->preset].dns);
	z->dnssec = (enum zone_dnssec)chosen(raw->dnssec, presets[z->preset].dnssec);
	z->subdomains = raw->subdomains;
	z->pattern_text = join(b->a, &raw->names);
	build_challenges(b, raw, z);
	build_accounts(b, raw, line, z);
	build_probes(b, raw, line, z);
	build_issuance(b, raw, line, z);
	if (!z->name.p || !z->pattern_text.p || !build_resolver(b, raw, line, z) ||
	    !config_build_patterns(b, &raw->names, "names", &z->patterns, &z->pattern_count) ||
	    !config_build_patterns(b, &raw->except, "except", &z->excepts, &z->except_count) ||
	    !config_build_prefixes(b, &raw->targets, "targets", &z->targets.allow, &z->targets.allow_count) ||
	    !config_build_prefixes(b, &raw->deny_targets, "deny_targets", &z->targets.deny, &z->targets.deny_count))
		return false;
	if (!raw->names.count)
		config_bad(b, line, "names", "a zone needs at least one");
	for (size_t i = 0; i < z->except_count; i++) {
		if (z->excepts[i].any)
			config_bad(b, line, "except", "\"*\" would except everything; remove the zone instead");
	}
	return true;
}

/* --- zones beside each other --- */

static int by_pattern(const void *x, const void *y)
{
	const struct owned_pattern *a = x, *b = y;
	int order = zone_pattern_compare(a->pattern, b->pattern);

	if (order)
		return order;
	return a->zone != b->zone ? (a->zone < b->zone ? -1 : 1) : a->line < b->line ? -1 : a->line > b->line;
}

bool config_sort_patterns(struct builder *b, struct owned_pattern **out, size_t *out_count)
{
	const struct config_zone *raw = b->c->raw.zones.v;
	struct owned_pattern *v;
	size_t count = 0;

	for (size_t i = 0; i < b->c->zone_count; i++)
		count += b->c->zones[i].pattern_count;
	v = arena_array(b->a, count + 1, sizeof(*v));
	if (!v)
		return false;
	count = 0;
	for (size_t i = 0; i < b->c->zone_count; i++) {
		const struct zone *z = &b->c->zones[i];

		/* A pattern that was wrong is missing here: then the line is the zone's. */
		for (size_t k = 0; k < z->pattern_count; k++)
			v[count++] = (struct owned_pattern){
				&z->patterns[k], z, z->pattern_count == raw[i].names.count
							    ? config_line_of(&raw[i].names, k)
							    : b->c->raw.zones.lines[i] };
	}
	qsort(v, count, sizeof(*v), by_pattern);
	*out = v;
	*out_count = count;
	return true;
}

/* The same pattern twice: which of the two zones decided would hang on their order. */
static bool check_patterns(struct builder *b)
{
	struct owned_pattern *v;
	size_t count;

	if (!config_sort_patterns(b, &v, &count))
		return false;
	for (size_t i = 1; i < count; i++) {
		char why[256];

		if (zone_pattern_compare(v[i - 1].pattern, v[i].pattern) != 0)
			continue;
		(void)snprintf(why, sizeof(why), "zone \"%.*s\" has %.100s already; remove it from one of them",
			       STR_ARG(v[i - 1].zone->name), arena_cstr(b->a, v[i].pattern->text));
		config_bad(b, v[i].line, "names", why);
	}
	return true;
}

static int by_name(const void *x, const void *y)
{
	const struct zone *a = *(const struct zone *const *)x, *b = *(const struct zone *const *)y;
	size_t shorter = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.p, b->name.p, shorter);

	if (order == 0 && a->name.len != b->name.len)
		order = a->name.len < b->name.len ? -1 : 1;
	return order ? order : a < b ? -1 : a > b;
}

static bool check_names(struct builder *b)
{
	const struct zone **v = arena_array(b->a, b->c->zone_count + 1, sizeof(*v));

	if (!v)
		return false;
	for (size_t i = 0; i < b->c->zone_count; i++)
		v[i] = &b->c->zones[i];
	qsort(v, b->c->zone_count, sizeof(*v), by_name);
	for (size_t i = 1; i < b->c->zone_count; i++) {
		if (str_eq(v[i - 1]->name, v[i]->name))
			config_bad(b, b->c->raw.zones.lines[v[i]->number], "name",
				   "another zone has the same; names of zones are unique");
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
		if (!config_build_zone(b, &raw[i], i, c->raw.zones.lines[i], &c->zones[i]))
			return false;
		c->zone_count++;
	}
	return check_names(b) && check_patterns(b);
}
