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

		assert_int_equal(config_from_text(&arena, with_folder(cases[i].text), "assay.yaml", &c, &errors),
				 RC_INVALID);
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
		cmocka_unit_test(test_config__each_error_is_named),
		cmocka_unit_test(test_config__the_most_specific_zone_wins),
		cmocka_unit_test(test_config__any_is_the_least_specific),
		cmocka_unit_test(test_config__what_a_zone_excepts_falls_to_another),
		cmocka_unit_test(test_zone_pattern_touches__a_wildcard_takes_along_one_label),
		cmocka_unit_test(test_config__the_signers_law_names_every_profile),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
