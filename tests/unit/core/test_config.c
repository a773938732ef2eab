/* The settings file: what is refused, with its place, and which zone an identifier falls into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/authz.h"
#include "core/config.h"
#include "crypto/digest.h"
#include "issuer/ca_create.h"

static char folder[] = "/tmp/assay-test-config-XXXXXX";
static struct arena arena;

/* A real authority on disk: the settings are only good with one. */
static int make_authority(void **state)
{
	AUTO_PTR(secret) struct secret *pass = NULL;
	struct ca_create_options o = { .name = STR("Test"), .key_type = KEY_P256,
				       .root_lifetime_s = 86400 * 365, .issuing_lifetime_s = 86400 * 300 };
	struct ca_created created;

	(void)state;
	arena_init(&arena, 64 * 1024 * 1024);
	if (!mkdtemp(folder) || secret_new(str_bytes(STR("secret")), &pass) != RC_OK)
		return -1;
	o.directory = str_of(folder);
	o.root_passphrase = o.issuing_passphrase = pass;
	return ca_create(&arena, &o, &created, NULL) == RC_OK ? 0 : -1;
}

static int remove_authority(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	arena_done(&arena);
	return system(command);
}

#define PROBE_KEY "\"8cb5a98b2a5bdd237a208c2fc8da5b054b1125e88aed45fcece94706893636ca\""
#define HEAD                                                                 \
	"public_url: https://ca.test\n"                                      \
	"store: \"memory:\"\n"                                                   \
	"authorities:\n"                                                     \
	"  lab: {key: \"file:FOLDER/issuing.key\", passphrase: \"file:x\"}\n"
#define DIRECTORIES "directories: {default: {issuer: lab}}\n"

static struct str with_folder(const char *text)
{
	const char *mark = strstr(text, "FOLDER");
	char *out;

	out = mark ? arena_printf(&arena, "%.*s%s%s", (int)(mark - text), text, folder, mark + 6)
		   : arena_printf(&arena, "%s", text);
	assert_non_null(out);
	return str_of(out);
}

static struct config *good(const char *text)
{
	struct setting_errors errors = { 0 };
	struct config *c = NULL;
	enum rc rc = config_from_text(&arena, with_folder(text), "assay.yaml", &c, &errors);

	for (size_t i = 0; i < errors.count; i++)
		print_error("%s\n", errors.v[i].text);
	assert_int_equal(rc, RC_OK);
	return c;
}

static void test_config__defaults_of_a_minimal_file(void **state)
{
	struct config *c = good(HEAD DIRECTORIES);
	const struct directory *d = config_directory(c, STR("default"));

	(void)state;
	assert_non_null(d);
	assert_true(str_is(d->prefix, "/acme"));
	assert_true(str_is(d->terms, "https://ca.test/terms"));
	assert_true(str_is(d->profiles[0]->name, "server"));
	assert_int_equal(d->profiles[0]->lifetime_s, 90 * 86400);
	assert_int_equal(c->raw.validation.http01_port, 80);
	assert_int_equal(c->zone_count, 0);
	config_unref(c);
}

/* Where no caa_identities are set, the host of public_url is one, without its port. */
static void test_rfc8659__the_host_is_the_identity(void **state)
{
	static const struct {
		const char *url, *identity;
	} rows[] = {
		{ "https://ca.test", "ca.test" }, { "https://ca.test:8443", "ca.test" },
		{ "https://[fd00::5]:8443", "fd00::5" }, { "https://[fd00::5]", "fd00::5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[600];
		struct config *c;

		(void)snprintf(text, sizeof(text), "public_url: \"%s\"\n%s", rows[i].url,
			       strstr(HEAD DIRECTORIES, "store:"));
		c = good(text);
		assert_true(str_is(c->directories[0].caa_identities[0], rows[i].identity));
		config_unref(c);
	}
}

static void test_config__each_error_is_named(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "public_url: http://ca.test\nstore: \"memory:\"\nauthorities: {}\n" DIRECTORIES, "public_url" },
		{ "public_url: https://ca.test/x\nstore: \"memory:\"\nauthorities: {}\n" DIRECTORIES, "without a path" },
		{ HEAD "directories: {default: {issuer: labb}}\n", "there is no such authority" },
		{ HEAD "directories: {default: {issuer: lab, profiles: [servre]}}\n", "there is no such profile" },
		{ HEAD "directories: {default: {issuer: lab, prefix: acme}}\n", "must begin with /" },
		{ HEAD "directories: {a: {issuer: lab, prefix: /x}, b: {issuer: lab, prefix: /x}}\n", "has the same" },
		{ HEAD DIRECTORIES "zones: [{names: [\"a..b\"]}]\n", "names" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], challenges: [http-02]}]\n", "must be http-01" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], targets: [10.0.0.0/33]}]\n", "targets" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], resolver: nine}]\n", "resolver" },
		{ HEAD DIRECTORIES "zones:\n  - names: [\"*\"]\n    issuer: labb\n", "assay.yaml:7: issuer: there is no such authority" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], profiles: [server, servre]}]\n", "profiles: there is no such profile" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], certificates: often}]\n", "certificates: must be like 100/h" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], probes: [east]}]\n", "there is no such probe" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], probes: [east, east]}]\nprobes: {east: {key: " PROBE_KEY "}}\n", "same probe twice" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], probes: [east], probe_quorum: 2}]\nprobes: {east: {key: " PROBE_KEY "}}\n",
		  "greater than the number of `probes`" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], probe_quorum: 1}]\n", "greater than the number" },
		{ HEAD DIRECTORIES "probes: {east: {key: ab}}\n", "key: 64 hex digits are wanted" },
		{ HEAD DIRECTORIES "probes: {server: {key: " PROBE_KEY "}}\n", "is this server's own view" },
		{ HEAD DIRECTORIES "probes: {\"e st\": {key: " PROBE_KEY "}}\n", "a name is 1 to 64 letters" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], bindings: [k1]}]\n", "only count with `accounts: bindings`" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], accounts: bindings}]\n", "add `bindings: [KEY]`" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], except: [a..b]}]\n", "except: " },
		{ HEAD DIRECTORIES "zones: [{names: [\"*.a\"], except: [\"*\"]}]\n", "would except everything" },
		{ HEAD DIRECTORIES "zones: [{names: []}]\n", "names: a zone needs at least one" },
		{ HEAD DIRECTORIES "zones: [{name: a b, names: [\"*\"]}]\n", "name: a name is 1 to 64 letters" },
		{ HEAD DIRECTORIES "zones:\n  - {name: a, names: [\"*.a\"]}\n  - {name: a, names: [\"*.b\"]}\n",
		  "assay.yaml:8: name: another zone has the same" },
		{ HEAD DIRECTORIES "zones:\n  - {name: a, names: [x.test]}\n  - {name: b, names: [\n    y.test,\n    X.TEST.]}\n",
		  "assay.yaml:10: names: zone \"a\" has X.TEST. already" },
		{ HEAD DIRECTORIES "zones: [{names: [10.0.0.0/8]}, {names: [10.0.0.0/8]}, {names: [10.0.0.0/8]}]\n", "already" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\", \"*\"]}]\n", "already" },
		{ HEAD DIRECTORIES "zones: [{names: [\"*\"], preset: internet}]\n", "preset" },
		{ HEAD DIRECTORIES "block: {names: [\"*.*.test\"]}\n", "block.names" },
		{ HEAD DIRECTORIES "block: {tlds: [zip, .mov]}\n", "block.tlds: must be the last label" },
		{ HEAD DIRECTORIES "block: {tlds: [co.uk]}\n", "without dots" },
		{ HEAD DIRECTORIES "block: {tlds: [\"\"]}\n", "block.tlds" },
		{ HEAD DIRECTORIES "profiles: {p: {lifetime: 10d, max_lifetime: 5d}}\n", "less than lifetime" },
		{ HEAD DIRECTORIES "profiles: {p: {usages: [code]}}\n", "server or client" },
		{ HEAD DIRECTORIES "profiles: {p: {keys: [rsa1024]}}\n", "must be p256" },
		{ HEAD DIRECTORIES "lifetimes: {nonce: 5m}\n", "nonce" },
		{ HEAD DIRECTORIES "eab_keys: {k: {key: \"file:/nonexistent\"}}\n", "/nonexistent" },
		{ HEAD DIRECTORIES "zone: []\n", "did you mean" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct setting_errors errors = { 0 };
		struct config *c = NULL;
		bool found = false;

		if (config_from_text(&arena, with_folder(cases[i].text), "assay.yaml", &c, &errors) != RC_INVALID)
			fail_msg("case %zu is not refused: %s", i, cases[i].error);
		assert_null(c);
		for (size_t k = 0; k < errors.count; k++)
			found |= strstr(errors.v[k].text, cases[i].error) != NULL;
		if (!found)
			print_error("case %zu: no error has \"%s\"; first: %s\n", i, cases[i].error,
				    errors.count ? errors.v[0].text : "(none)");
		assert_true(found);
	}
}

static void test_config__the_most_specific_zone_wins(void **state)
{
	struct config *c = good(HEAD DIRECTORIES
				"zones:\n"
				"  - names: [\"*.lab.test\", \"10.0.0.0/8\", \"fd00::/8\"]\n"
				"  - names: [\"*.deep.lab.test\", \"10.1.0.0/16\"]\n"
				"  - names: [\"nas.lab.test\", \"10.1.2.3/32\"]\n");
	static const struct {
		const char *type, *value;
		int zone; /* -1: none */
	} cases[] = {
		{ "dns", "web.lab.test", 0 },	    { "dns", "WEB.Lab.Test.", 0 },
		{ "dns", "a.b.lab.test", 0 },	    { "dns", "lab.test", -1 },
		{ "dns", "*.lab.test", 0 },	    { "dns", "*.web.lab.test", 0 },
		{ "dns", "xlab.test", -1 },	    { "dns", "lab.test.evil", -1 },
		{ "dns", "a.deep.lab.test", 1 },    { "dns", "deep.lab.test", 0 },
		{ "dns", "*.deep.lab.test", 1 },    { "dns", "nas.lab.test", 2 },
		{ "dns", "*.nas.lab.test", 0 },	    { "dns", "x.nas.lab.test", 0 },
		{ "ip", "10.9.9.9", 0 },	    { "ip", "10.1.9.9", 1 },
		{ "ip", "10.1.2.3", 2 },	    { "ip", "11.0.0.1", -1 },
		{ "ip", "fd00::1", 0 },		    { "ip", "fe80::1", -1 },
		{ "dns", "other", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct identifier id;
		const struct zone *z;

		assert_int_equal(identifier_parse(&arena, str_of(cases[i].type), str_of(cases[i].value), &id, NULL),
				 RC_OK);
		z = config_zone(c, &id);
		if ((z ? (int)z->number : -1) != cases[i].zone)
			print_error("%s falls into zone %d, not %d\n", cases[i].value, z ? (int)z->number : -1,
				    cases[i].zone);
		assert_int_equal(z ? (int)z->number : -1, cases[i].zone);
	}
	config_unref(c);
}

static void test_config__any_is_the_least_specific(void **state)
{
	struct config *c = good(HEAD DIRECTORIES "zones: [{names: [\"*\"]}, {names: [\"*.test\"]}]\n");
	struct identifier id;

	(void)state;
	assert_int_equal(identifier_parse(&arena, STR("dns"), STR("a.test"), &id, NULL), RC_OK);
	assert_int_equal(config_zone(c, &id)->number, 1);
	assert_int_equal(identifier_parse(&arena, STR("ip"), STR("192.0.2.1"), &id, NULL), RC_OK);
	assert_int_equal(config_zone(c, &id)->number, 0);
	config_unref(c);
}

static void test_config__presets_give_what_is_not_set(void **state)
{
	struct config *c = good(HEAD DIRECTORIES
				"preset: public\n"
				"zones:\n"
				"  - {names: [\"*\"]}\n"
				"  - {names: [\"*.lab.test\"], preset: private}\n"
				"  - {names: [\"*.x.test\"], preset: public, caa: off, address_policy: dev, dns: resolver, dnssec: off, challenges: [dns-01]}\n"
				"  - {names: [\"*.y.test\"], preset: private, caa: enforce, dnssec: require, dns: authoritative, address_policy: private}\n");
	static const struct {
		enum addr_preset targets;
		enum caa_mode caa;
		enum zone_dnssec dnssec;
		enum zone_dns dns;
		int64_t challenges;
	} expected[] = {
		{ ADDR_PUBLIC, CAA_ENFORCE, ZONE_DNSSEC_VALIDATE, ZONE_DNS_AUTHORITATIVE,
		  CHALLENGE_HTTP_01 | CHALLENGE_DNS_01 | CHALLENGE_TLS_ALPN_01 },
		{ ADDR_PRIVATE, CAA_REPORT, ZONE_DNSSEC_OFF, ZONE_DNS_RESOLVER, CHALLENGE_HTTP_01 },
		{ ADDR_DEV, CAA_OFF, ZONE_DNSSEC_OFF, ZONE_DNS_RESOLVER, CHALLENGE_DNS_01 },
		{ ADDR_PRIVATE, CAA_ENFORCE, ZONE_DNSSEC_REQUIRE, ZONE_DNS_AUTHORITATIVE, CHALLENGE_HTTP_01 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		const struct zone *z = &c->zones[i];

		assert_int_equal(z->targets.preset, expected[i].targets);
		assert_int_equal(z->caa, expected[i].caa);
		assert_int_equal(z->dnssec, expected[i].dnssec);
		assert_int_equal(z->dns, expected[i].dns);
		assert_int_equal(z->challenges, expected[i].challenges);
	}
	config_unref(c);
	c = good(HEAD DIRECTORIES "zones: [{names: [\"*\"]}]\n"); /* without a word: private */
	assert_int_equal(c->zones[0].targets.preset, ADDR_PRIVATE);
	assert_int_equal(c->zones[0].caa, CAA_REPORT);
	config_unref(c);
}

/* --- the most specific wins, whatever the order --- */

#define PROPERTY_ZONES 24
#define PROPERTY_ROUNDS 60
static uint32_t property_state;

static unsigned property_random(unsigned below)
{
	property_state = property_state * 1664525 + 1013904223;
	return (property_state >> 8) % below;
}

/* Few labels, so that names often meet patterns. */
static char *property_name(void)
{
	char *text = arena_printf(&arena, "%c.test", 'a' + (int)property_random(3));

	for (unsigned n = property_random(3); n > 0; n--)
		text = arena_printf(&arena, "%c.%s", 'a' + (int)property_random(3), text);
	return text;
}

static char *property_pattern(void)
{
	switch (property_random(4)) {
	case 0:
		return property_name();
	case 1:
		return property_random(2) ? arena_printf(&arena, "10.%u.0.0/%u", property_random(2), 16 + property_random(5))
					  : arena_printf(&arena, "10.0.0.0/%u", 8 + property_random(5));
	case 2:
		return property_random(8) ? arena_printf(&arena, "10.%u.%u.1", property_random(2), property_random(2))
					  : arena_printf(&arena, "*");
	}
	return arena_printf(&arena, "*.%s", property_name());
}

/* Written down from the definition, without the code under test: the longest text of what fits. */
static bool oracle_fits(const char *pattern, const char *name, int *out_rank)
{
	size_t pattern_len = strlen(pattern), name_len = strlen(name);

	if (strcmp(pattern, "*") == 0) {
		*out_rank = 0;
		return true;
	}
	if (strcmp(pattern, name) == 0) {
		*out_rank = strncmp(pattern, "*.", 2) == 0 ? (int)pattern_len : 1000;
		return true;
	}
	*out_rank = (int)pattern_len;
	return strncmp(pattern, "*.", 2) == 0 && name_len > pattern_len - 1 &&
	       strcmp(name + name_len - (pattern_len - 1), pattern + 1) == 0 && strcmp(name, pattern + 2) != 0;
}

static const char *zones_text(char **patterns, const unsigned *order, size_t count)
{
	char *text = arena_printf(&arena, "%szones:\n", HEAD DIRECTORIES);

	for (size_t i = 0; i < count; i++)
		text = arena_printf(&arena, "%s  - {name: z%u, names: [\"%s\"]}\n", text, order[i], patterns[order[i]]);
	return text;
}

static size_t property_patterns(char **patterns)
{
	struct zone_pattern parsed[PROPERTY_ZONES];
	size_t count = 0;

	for (unsigned tries = 0; tries < 4 * PROPERTY_ZONES && count < PROPERTY_ZONES; tries++) {
		bool is_new = true;

		patterns[count] = property_pattern();
		assert_int_equal(zone_pattern_parse(&arena, str_of(patterns[count]), &parsed[count], NULL), RC_OK);
		for (size_t i = 0; i < count; i++)
			is_new &= zone_pattern_compare(&parsed[i], &parsed[count]) != 0;
		count += is_new;
	}
	return count;
}

static void property_round(void)
{
	char *patterns[PROPERTY_ZONES];
	unsigned order[PROPERTY_ZONES];
	size_t count = property_patterns(patterns);
	struct config *c[2];

	for (unsigned i = 0; i < count; i++)
		order[i] = i;
	for (int k = 0; k < 2; k++) {
		for (size_t i = count; i > 1; i--) {
			unsigned other = property_random((unsigned)i), last = order[i - 1];

			order[i - 1] = order[other];
			order[other] = last;
		}
		c[k] = good(zones_text(patterns, order, count));
	}
	for (int n = 0; n < 40; n++) {
		bool is_ip = property_random(3) == 0;
		const char *name = is_ip ? arena_printf(&arena, "10.%u.%u.%u", property_random(2), property_random(2), property_random(3))
					 : arena_printf(&arena, "%s%s", property_random(4) ? "" : "*.", property_name());
		const struct zone *z[2];
		struct identifier id;
		int best = -1, best_rank = -1, rank;

		assert_int_equal(identifier_parse(&arena, is_ip ? STR("ip") : STR("dns"), str_of(name), &id, NULL), RC_OK);
		for (int k = 0; k < 2; k++)
			z[k] = config_zone(c[k], &id);
		assert_true(!z[0] == !z[1]);
		if (z[0])
			assert_true(str_eq(z[0]->name, z[1]->name));
		for (size_t i = 0; !is_ip && i < count; i++) {
			if (patterns[i][0] != '1' && oracle_fits(patterns[i], name, &rank) && rank > best_rank) {
				best = (int)i;
				best_rank = rank;
			}
		}
		if (!is_ip && (z[0] ? strtol(z[0]->name.p + 1, NULL, 10) : -1) != best)
			fail_msg("%s falls into %s, not %s", name, z[0] ? z[0]->pattern_text.p : "none",
				 best < 0 ? "none" : patterns[best]);
	}
	config_unref(c[0]);
	config_unref(c[1]);
}

static void test_config__the_most_specific_wins_whatever_the_order(void **state)
{
	(void)state;
	property_state = 1;
	for (int i = 0; i < PROPERTY_ROUNDS; i++)
		property_round();
}

static void test_config__what_a_zone_excepts_falls_to_another(void **state)
{
	struct config *c = good(HEAD DIRECTORIES "zones: [{names: [\"*.test\", 10.0.0.0/8], except: [\"*.lab.test\", "
				"nas.test, 10.9.0.0/16]}, {names: [\"*\"], except: [10.9.9.0/24]}]\n");
	static const struct {
		const char *type, *value;
		int zone; /* -1: none */
	} cases[] = {
		{ "dns", "a.test", 0 },	    { "dns", "nas.test", 1 }, { "dns", "x.nas.test", 0 }, { "dns", "lab.test", 0 },
		{ "dns", "a.lab.test", 1 }, { "ip", "10.1.1.1", 0 },  { "ip", "10.9.1.1", 1 },	  { "ip", "10.9.9.1", -1 },
		/* It would cover nas.test, but stays with the zone of the rest: policy_zone() refuses it. */
		{ "dns", "*.test", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct identifier id;
		const struct zone *z;

		assert_int_equal(identifier_parse(&arena, str_of(cases[i].type), str_of(cases[i].value), &id, NULL),
				 RC_OK);
		z = config_zone(c, &id);
		assert_int_equal(z ? (int)z->number : -1, cases[i].zone);
	}
	config_unref(c);
}

static void test_zone_pattern_touches__a_wildcard_takes_along_one_label(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool touches;
	} cases[] = {
		{ "secret.lab.test", "*.lab.test", true }, { "secret.lab.test", "secret.lab.test", true },
		{ "a.b.lab.test", "*.lab.test", false },   { "lab.test", "*.lab.test", false },
		{ "*.b.lab.test", "*.lab.test", false },   { "*.lab.test", "*.lab.test", true },
		{ "*.lab.test", "*.a.lab.test", true },	   { "*", "*.lab.test", true },
		{ "secret.xlab.test", "*.lab.test", false }, { "lab", "*.lab.test", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct zone_pattern p;
		struct identifier id;

		assert_int_equal(zone_pattern_parse(&arena, str_of(cases[i].pattern), &p, NULL), RC_OK);
		assert_int_equal(identifier_parse(&arena, STR("dns"), str_of(cases[i].name), &id, NULL), RC_OK);
		assert_int_equal(zone_pattern_touches(&p, &id), cases[i].touches);
	}
}

/* --- with the zones of the store --- */

static const struct zone *zone_of(const struct config *c, const char *name)
{
	struct identifier id;

	assert_int_equal(identifier_parse(&arena, STR("dns"), str_of(name), &id, NULL), RC_OK);
	return config_zone(c, &id);
}

static void test_config_with_zones__those_of_the_file_win(void **state)
{
	struct config *file = good(HEAD DIRECTORIES "zones: [{name: all, names: [\"*\"]}, {name: a, names: [x.a.test]}]\n");
	struct stored_zone v[] = {
		{ STR("a"), STR("names: [\"*.taken.test\"]\n"), { 0 } },
		{ STR("good"), STR("names: [\"*.good.test\"]\nchallenges: [dns-01]\n"), { 0 } },
		{ STR("gone"), STR("names: [\"*.gone.test\"]\nissuer: nobody\n"), { 0 } },
		{ STR("overlap"), STR("names: [x.a.test, \"*.overlap.test\"]\n"), { 0 } },
		{ STR("syntax"), STR("names: [\n"), { 0 } },
		{ STR("twin1"), STR("names: [\"*.twin.test\"]\n"), { 0 } },
		{ STR("twin2"), STR("names: [\"*.TWIN.test\", \"*.two.test\"]\n"), { 0 } },
	};
	struct config *c, *again;

	(void)state;
	assert_int_equal(config_with_zones(file, v, COUNT_OF(v), &c), RC_OK);
	config_unref(file); /* the other holds it */
	assert_true(str_is(zone_of(c, "x.taken.test")->name, "all"));
	assert_non_null(strstr(v[0].why.p, "that one counts"));
	assert_null(v[1].why.p);
	assert_true(zone_of(c, "x.good.test")->stored && zone_of(c, "x.good.test")->challenges == CHALLENGE_DNS_01);
	/* What is broken keeps its names, so that they do not fall to the wide zone, and proves nothing. */
	assert_non_null(strstr(v[2].why.p, "there is no such authority"));
	assert_true(zone_of(c, "x.gone.test")->broken.p && zone_of(c, "x.gone.test")->challenges == 0);
	assert_non_null(strstr(v[3].why.p, "already"));
	assert_true(str_is(zone_of(c, "x.a.test")->name, "a") && !zone_of(c, "x.a.test")->broken.p);
	assert_non_null(zone_of(c, "x.overlap.test")->broken.p);
	assert_non_null(strstr(v[4].why.p, "zone syntax:"));
	assert_true(v[5].why.p && v[6].why.p && zone_of(c, "x.twin.test")->broken.p && zone_of(c, "x.two.test")->broken.p);
	/* Upon such a one another is built upon the file's. */
	assert_int_equal(config_with_zones(c, v + 1, 1, &again), RC_OK);
	config_unref(c);
	assert_int_equal(again->zone_count, 3);
	assert_true(str_is(zone_of(again, "x.gone.test")->name, "all"));
	config_unref(again);
}

static void test_config__the_signers_law_names_every_profile(void **state)
{
	struct config *c = good(HEAD DIRECTORIES "profiles: {lab: {lifetime: 10d}}\n");
	AUTO(buf) struct buf law;

	(void)state;
	buf_init(&law, LIMIT_SETTINGS_BYTES);
	assert_int_equal(config_signer_law(c, &law), RC_OK);
	assert_non_null(strstr(law.p, "authority lab"));
	assert_non_null(strstr(law.p, "profile server"));
	assert_non_null(strstr(law.p, "profile lab"));
	assert_non_null(strstr(law.p, "signer.journal"));
	config_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config__defaults_of_a_minimal_file),
		cmocka_unit_test(test_rfc8659__the_host_is_the_identity),
		cmocka_unit_test(test_config__each_error_is_named),
		cmocka_unit_test(test_config__the_most_specific_zone_wins),
		cmocka_unit_test(test_config__any_is_the_least_specific),
		cmocka_unit_test(test_config__presets_give_what_is_not_set),
		cmocka_unit_test(test_config__the_most_specific_wins_whatever_the_order),
		cmocka_unit_test(test_config__what_a_zone_excepts_falls_to_another),
		cmocka_unit_test(test_zone_pattern_touches__a_wildcard_takes_along_one_label),
		cmocka_unit_test(test_config_with_zones__those_of_the_file_win),
		cmocka_unit_test(test_config__the_signers_law_names_every_profile),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
