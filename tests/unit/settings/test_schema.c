/* test_schema.c - good files fill structs, bad files say everything that is wrong, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/limits.h"
#include "settings/schema.h"

enum caa { CAA_OFF, CAA_REPORT, CAA_ENFORCE };
static const char *const caa_names[] = { "off", "report", "enforce", NULL };

struct listen {
	struct setting_strs acme, admin;
	int64_t backlog;
	bool reuse;
};
struct authority {
	struct str name, key, passphrase;
	int64_t lifetime_s;
	struct setting_strs permit;
};
struct zone {
	struct setting_strs names, challenges;
	int caa;
	struct setting_items probes;
};
struct probe {
	struct str address;
	int64_t port;
};
struct top {
	int64_t guard_before;
	struct str name, store;
	struct listen listen;
	struct setting_items authorities, zones;
	int64_t nonce_s;
	int64_t guard_after;
};

static enum rc check_store(struct str value, struct fault *f)
{
	if (str_starts(value, "sqlite:"))
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "must be sqlite:PATH");
}

static enum rc check_challenge(struct str value, struct fault *f)
{
	if (str_is(value, "http-01") || str_is(value, "dns-01"))
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "no such challenge");
}

static const struct setting listen_rows[] = {
	{ .name = "acme", .type = SETTING_STR_LIST, .offset = offsetof(struct listen, acme),
	  .fallback = ":443 :8443", .reload = SETTING_RESTART, .doc = "Addresses for ACME." },
	{ .name = "admin", .type = SETTING_STR_LIST, .offset = offsetof(struct listen, admin) },
	{ .name = "backlog", .type = SETTING_INT, .offset = offsetof(struct listen, backlog),
	  .fallback = "128", .min = 1, .max = 4096, .unit = "connections" },
	{ .name = "reuse", .type = SETTING_BOOL, .offset = offsetof(struct listen, reuse),
	  .fallback = "true" },
	{ 0 },
};
static const struct setting authority_rows[] = {
	{ .name = "key", .type = SETTING_STR, .offset = offsetof(struct authority, key),
	  .required = true, .doc = "Where the key is: file:PATH | pkcs11:URI." },
	{ .name = "passphrase", .type = SETTING_STR,
	  .offset = offsetof(struct authority, passphrase) },
	{ .name = "lifetime", .type = SETTING_DURATION,
	  .offset = offsetof(struct authority, lifetime_s), .fallback = "90d", .min = 3600,
	  .max = 397 * 86400 },
	{ .name = "permit", .type = SETTING_STR_LIST, .offset = offsetof(struct authority, permit) },
	{ 0 },
};
static const struct setting probe_rows[] = {
	{ .name = "address", .type = SETTING_STR, .offset = offsetof(struct probe, address),
	  .required = true },
	{ .name = "port", .type = SETTING_INT, .offset = offsetof(struct probe, port),
	  .fallback = "80" },
	{ 0 },
};
static const struct setting zone_rows[] = {
	{ .name = "names", .type = SETTING_STR_LIST, .offset = offsetof(struct zone, names),
	  .required = true },
	{ .name = "challenges", .type = SETTING_STR_LIST,
	  .offset = offsetof(struct zone, challenges), .fallback = "http-01",
	  .check = check_challenge },
	{ .name = "caa", .type = SETTING_ENUM, .offset = offsetof(struct zone, caa),
	  .values = caa_names, .fallback = "enforce" },
	{ .name = "probes", .type = SETTING_LIST, .offset = offsetof(struct zone, probes),
	  .children = probe_rows, .item_size = sizeof(struct probe) },
	{ 0 },
};
static const struct setting rows[] = {
	{ .name = "name", .type = SETTING_STR, .offset = offsetof(struct top, name),
	  .required = true, .doc = "What people see." },
	{ .name = "store", .type = SETTING_STR, .offset = offsetof(struct top, store),
	  .fallback = "sqlite:assay.db", .check = check_store, .reload = SETTING_RESTART },
	{ .name = "listen", .type = SETTING_MAP, .offset = offsetof(struct top, listen),
	  .children = listen_rows },
	{ .name = "authorities", .type = SETTING_NAMED, .offset = offsetof(struct top, authorities),
	  .children = authority_rows, .item_size = sizeof(struct authority) },
	{ .name = "zones", .type = SETTING_LIST, .offset = offsetof(struct top, zones),
	  .children = zone_rows, .item_size = sizeof(struct zone) },
	{ .name = "nonce_lifetime", .type = SETTING_DURATION, .offset = offsetof(struct top, nonce_s),
	  .fallback = "1h", .min = 1800, .max = 86400 },
	{ 0 },
};

/* One run; the arena is the fixture's. */
struct run {
	struct arena a;
	struct top top;
	struct setting_errors errors;
	enum rc rc;
};

static void run_str(struct run *run, struct str yaml)
{
	arena_init(&run->a, 64 << 20);
	memset(&run->top, 0x5a, sizeof(run->top));
	run->rc = settings_read(&run->a, yaml, "assay.yaml", rows, &run->top, &run->errors);
	assert_true(run->top.guard_before == 0x5a5a5a5a5a5a5a5a);
	assert_true(run->top.guard_after == 0x5a5a5a5a5a5a5a5a);
}

static void run_done(struct run *run)
{
	arena_done(&run->a);
}

static void run_text(struct run *run, const char *yaml)
{
	run_str(run, str_of(yaml));
}

static struct authority *authority_at(struct run *run, size_t i)
{
	assert_true(i < run->top.authorities.count);
	return (struct authority *)run->top.authorities.v + i;
}

static struct zone *zone_at(struct run *run, size_t i)
{
	assert_true(i < run->top.zones.count);
	return (struct zone *)run->top.zones.v + i;
}

static void assert_strs(const struct setting_strs *strs, const char *expected)
{
	char all[512] = "";

	for (size_t i = 0; i < strs->count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%.*s", i ? " " : "",
			 STR_ARG(strs->v[i]));
	assert_string_equal(all, expected);
}

static void check_lab(struct run *run)
{
	if (run->rc != RC_OK)
		fail_msg("%s", run->errors.v[0].text);
	assert_true(str_is(run->top.name, "Home Lab"));
	assert_true(str_is(run->top.store, "sqlite:/var/lib/assay/assay.db"));
	assert_strs(&run->top.listen.acme, ":443");
	assert_strs(&run->top.listen.admin, "unix:/run/assay/admin.sock");
	assert_true(run->top.listen.backlog == 128);
	assert_true(run->top.listen.reuse == false);
	assert_int_equal(run->top.authorities.count, 2);
	assert_true(str_is(authority_at(run, 0)->name, "lab"));
	assert_true(str_is(authority_at(run, 0)->key, "file:/var/lib/assay/ca/issuing.key"));
	assert_strs(&authority_at(run, 0)->permit, "lab.internal 10.0.0.0/8");
	assert_true(authority_at(run, 0)->lifetime_s == 6 * 86400);
	assert_true(str_is(authority_at(run, 1)->name, "other one"));
	assert_null(authority_at(run, 1)->passphrase.p);
	assert_true(authority_at(run, 1)->lifetime_s == 90 * 86400);
	assert_int_equal(run->top.zones.count, 2);
	assert_strs(&zone_at(run, 0)->names, "*.lab.internal 10.0.0.0/8");
	assert_int_equal(zone_at(run, 0)->caa, CAA_REPORT);
	assert_strs(&zone_at(run, 0)->challenges, "http-01 dns-01");
	assert_int_equal(zone_at(run, 0)->probes.count, 1);
	assert_true(((struct probe *)zone_at(run, 0)->probes.v)->port == 8080);
	assert_int_equal(zone_at(run, 1)->caa, CAA_ENFORCE);
	assert_strs(&zone_at(run, 1)->challenges, "http-01");
	assert_true(run->top.nonce_s == 3600);
}

static void test_settings_read__block_style(void **state)
{
	struct run run;

	(void)state;
	run_text(&run,
		 "# the lab\n"
		 "---\n"
		 "name: Home Lab\n"
		 "store: \"sqlite:/var/lib/assay/assay.db\"\n"
		 "listen:\n"
		 "  acme:\n"
		 "  - ':443'\n"
		 "  admin:\n"
		 "    - unix:/run/assay/admin.sock\n"
		 "  reuse: false\n"
		 "authorities:\n"
		 "  lab:\n"
		 "    key: file:/var/lib/assay/ca/issuing.key\n"
		 "    permit:\n"
		 "      - lab.internal\n"
		 "      - 10.0.0.0/8\n"
		 "    lifetime: 6d\n"
		 "  other one:\n"
		 "    key: pkcs11:x\n"
		 "zones:\n"
		 "  - names:\n"
		 "      - \"*.lab.internal\"\n"
		 "      - 10.0.0.0/8\n"
		 "    challenges: [http-01, dns-01]\n"
		 "    caa: report\n"
		 "    probes:\n"
		 "      - address: 10.0.0.9 # in the DMZ\n"
		 "        port: 8080\n"
		 "  - names: [home.arpa]\n"
		 "...\n");
	check_lab(&run);
	assert_int_equal(run.top.zones.lines[1], 29);
	assert_int_equal(run.top.authorities.lines[1], 18);
	assert_int_equal(zone_at(&run, 0)->names.lines[1], 23);
	run_done(&run);
}

static void test_settings_read__flow_style(void **state)
{
	struct run run;

	(void)state;
	run_text(&run,
		 "{name: Home Lab, store: 'sqlite:/var/lib/assay/assay.db',\n"
		 " listen: {acme: [\":443\"], admin: [\"unix:/run/assay/admin.sock\"], reuse: false},\n"
		 " authorities: {lab: {key: file:/var/lib/assay/ca/issuing.key,\n"
		 "   permit: [lab.internal, 10.0.0.0/8], lifetime: 144h}, other one: {key: pkcs11:x}},\n"
		 " zones: [{names: [\"*.lab.internal\", 10.0.0.0/8], challenges: [http-01, dns-01],\n"
		 "   caa: report, probes: [{address: 10.0.0.9, port: 8080}]}, {names: [home.arpa]}]}\n");
	check_lab(&run);
	assert_int_equal(run.top.zones.lines[1], 6);
	run_done(&run);
}

static void test_settings_read__scalars_are_what_the_schema_says(void **state)
{
	static const struct {
		const char *yaml, *name;
	} cases[] = {
		{ "name: no\n", "no" },
		{ "name: 12:30\n", "12:30" },
		{ "name: 0x10\n", "0x10" },
		{ "name: null\n", "null" },
		{ "name: ~\n", "~" },
		{ "name: 1.50\n", "1.50" },
		{ "name: 2026-11-21\n", "2026-11-21" },
		{ "name: \"\"\n", "" },
		{ "name: \"a\\tb\\u00e4\"\n", "a\tb\xc3\xa4" },
		{ "name: |\n  two\n  lines\n", "two\nlines\n" },
		{ "name: >-\n  two\n  lines\n", "two lines" },
		{ "name: 'it''s'\n", "it's" },
		{ "\xef\xbb\xbfname: bom\n", "bom" },
		{ "name: windows\r\nnonce_lifetime: 2h\r\n", "windows" },
		{ "? name\n: explicit\n", "explicit" },
		{ "\"name\": quoted key\n", "quoted key" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct run run;

		run_text(&run, cases[i].yaml);
		if (run.rc != RC_OK)
			fail_msg("%s", run.errors.v[0].text);
		assert_true(str_is(run.top.name, cases[i].name));
		assert_non_null(run.top.name.p);
		run_done(&run);
	}
}

static void test_settings_read__defaults(void **state)
{
	struct run run;

	(void)state;
	run_text(&run, "name: x\nlisten: {backlog: 4096}\nzones: []\n");
	assert_int_equal(run.rc, RC_OK);
	assert_true(str_is(run.top.store, "sqlite:assay.db"));
	assert_strs(&run.top.listen.acme, ":443 :8443");
	assert_int_equal(run.top.listen.acme.lines[0], 0);
	assert_int_equal(run.top.listen.admin.count, 0);
	assert_true(run.top.listen.backlog == 4096);
	assert_true(run.top.listen.reuse);
	assert_int_equal(run.top.zones.count, 0);
	assert_int_equal(run.top.authorities.count, 0);
	assert_true(run.top.nonce_s == 3600);
	run_done(&run);
	run_text(&run, "name: x\nlisten: {acme: []}\n"); /* an empty list is not the default */
	assert_int_equal(run.rc, RC_OK);
	assert_int_equal(run.top.listen.acme.count, 0);
	run_done(&run);
}

/* Bad files: all errors, in order, one to a line. */
static const struct {
	const char *yaml, *errors;
} bad[] = {
	{ "", "assay.yaml:1:1: name: is required\n" },
	{ "# nothing\n", "assay.yaml:1:1: name: is required\n" },
	{ "---\n", "assay.yaml:1:1: name: is required\n" },
	{ "{}\n", "assay.yaml:1:1: name: is required\n" },
	{ "hello\n", "assay.yaml:1:1: must be a mapping, not a single value\n" },
	{ "- name: x\n", "assay.yaml:1:1: must be a mapping, not a list\n" },
	{ "name: x\nnmae: y\n",
	  "assay.yaml:2:1: nmae: unknown key; did you mean \"name\"?\n" },
	{ "Name: x\n", "assay.yaml:1:1: Name: unknown key; did you mean \"name\"?\n"
		       "assay.yaml:1:1: name: is required\n" },
	{ "name: x\nnonce-lifetime: 1h\n",
	  "assay.yaml:2:1: nonce-lifetime: unknown key; did you mean \"nonce_lifetime\"?\n" },
	{ "name: x\nfoobar: {a: [1, {b: 2}]}\nstore: sqlite:y\n",
	  "assay.yaml:2:1: foobar: unknown key; there are: name, store, listen, authorities, zones, "
	  "nonce_lifetime\n" },
	{ "name: x\nzones:\n  - names: [a]\n    challenge: [http-01]\n",
	  "assay.yaml:4:5: zones[0].challenge: unknown key; did you mean \"challenges\"?\n" },
	{ "name: x\nstore: sqlite:a\nname: y\n",
	  "assay.yaml:3:1: name: this key was given before, in line 1\n" },
	{ "name: x\nlisten: {reuse: true, reuse: true}\n",
	  "assay.yaml:2:23: listen.reuse: this key was given before, in line 2\n" },
	{ "name: x\nauthorities:\n  a: {key: 1}\n  b: {key: 2}\n  a: {key: 3}\n  a: {key: 4}\n",
	  "assay.yaml:5:3: authorities.a: this name was given before, in line 3\n"
	  "assay.yaml:6:3: authorities.a: this name was given before, in line 5\n" },
	{ "name: x\nlisten: {backlog: 0}\n",
	  "assay.yaml:2:19: listen.backlog: 0 is out of range: 1 to 4096 connections\n" },
	{ "name: x\nlisten: {backlog: 4097}\n",
	  "assay.yaml:2:19: listen.backlog: 4097 is out of range: 1 to 4096 connections\n" },
	{ "name: x\nlisten: {backlog: 1e3}\n",
	  "assay.yaml:2:19: listen.backlog: \"1e3\" is not a whole number\n" },
	{ "name: x\nlisten: {backlog: 99999999999999999999}\n",
	  "assay.yaml:2:19: listen.backlog: \"99999999999999999999\" is not a whole number\n" },
	{ "name: x\nlisten: {reuse: yes}\n",
	  "assay.yaml:2:17: listen.reuse: \"yes\" is not true or false\n" },
	{ "name: x\nlisten: {reuse: True}\n",
	  "assay.yaml:2:17: listen.reuse: \"True\" is not true or false\n" },
	{ "name: x\nnonce_lifetime: 29m\n",
	  "assay.yaml:2:17: nonce_lifetime: 29m is out of range: 30m to 1d\n" },
	{ "name: x\nnonce_lifetime: 1 hour\n",
	  "assay.yaml:2:17: nonce_lifetime: \"1 hour\" is not a duration like 90d, 12h, 15m or 30s\n" },
	{ "name: x\nnonce_lifetime: 0\n",
	  "assay.yaml:2:17: nonce_lifetime: \"0\" is not a duration like 90d, 12h, 15m or 30s\n" },
	{ "name: x\nzones: [{names: [a], caa: enforced}]\n",
	  "assay.yaml:2:27: zones[0].caa: \"enforced\" is not one of: off, report, enforce; "
	  "did you mean \"enforce\"?\n" },
	{ "name: x\nzones: [{names: [a], caa: 1}]\n",
	  "assay.yaml:2:27: zones[0].caa: \"1\" is not one of: off, report, enforce\n" },
	{ "name: x\nstore: mysql:y\n", "assay.yaml:2:8: store: must be sqlite:PATH\n" },
	{ "name: x\nzones: [{names: [a], challenges: [http-01, sms-01]}]\n",
	  "assay.yaml:2:44: zones[0].challenges[1]: no such challenge\n" },
	{ "name: x\nzones: [{names: a}]\n",
	  "assay.yaml:2:17: zones[0].names: must be a list, not a single value\n" },
	{ "name: x\nzones: [{names: {a: b}}]\n",
	  "assay.yaml:2:17: zones[0].names: must be a list, not a mapping\n" },
	{ "name: x\nzones: [{names: [[a]]}]\n",
	  "assay.yaml:2:18: zones[0].names[0]: must be a single value, not a list\n" },
	{ "name: x\nzones: {names: [a]}\n",
	  "assay.yaml:2:8: zones: must be a list of mappings, not a mapping\n" },
	{ "name: x\nzones: [a, {names: [a]}]\n",
	  "assay.yaml:2:9: zones[0]: must be a mapping, not a single value\n" },
	{ "name: x\nauthorities: [a]\n",
	  "assay.yaml:2:14: authorities: must be a mapping from names to mappings, not a list\n" },
	{ "name: x\nauthorities: {a: b}\n",
	  "assay.yaml:2:18: authorities.a: must be a mapping, not a single value\n" },
	{ "name: x\nlisten: [a]\n", "assay.yaml:2:9: listen: must be a mapping, not a list\n" },
	{ "name: [x]\n", "assay.yaml:1:7: name: must be a single value, not a list\n" },
	{ "name:\n", "assay.yaml:1:6: name: has no value; leave the key out where there is nothing "
		     "to say, else it must be a single value\n" },
	{ "name: x\nzones:\n", "assay.yaml:2:7: zones: has no value; leave the key out where there "
			       "is nothing to say, else it must be a list of mappings\n" },
	{ "name: x\nzones:\n-\n",
	  "assay.yaml:3:2: zones[0]: has no value; leave the key out where there is nothing to say, "
	  "else it must be a mapping\n" },
	{ "name: x\nauthorities: {a: {permit: [b]}}\n",
	  "assay.yaml:2:18: authorities.a.key: is required\n" },
	{ "name: x\nzones: [{names: [a], probes: [{port: 5}]}]\n",
	  "assay.yaml:2:31: zones[0].probes[0].address: is required\n" },
	{ "name: &n x\nstore: *n\n",
	  "assay.yaml:1:7: name: anchors (&n) are not used in settings\n"
	  "assay.yaml:2:8: store: aliases (*n) are not used in settings\n" },
	{ "name: x\nlisten: &l\n  reuse: true\n",
	  "assay.yaml:2:9: listen: anchors (&l) are not used in settings\n" },
	{ "name: x\nbogus: {a: &b [*c]}\n",
	  "assay.yaml:2:1: bogus: unknown key; there are: name, store, listen, authorities, zones, "
	  "nonce_lifetime\n"
	  "assay.yaml:2:12: anchors (&b) are not used in settings\n"
	  "assay.yaml:2:16: aliases (*c) are not used in settings\n" },
	{ "name: x\n<<: *base\n",
	  "assay.yaml:2:1: <<: unknown key; there are: name, store, listen, authorities, zones, "
	  "nonce_lifetime\n"
	  "assay.yaml:2:5: aliases (*base) are not used in settings\n" },
	{ "*a : x\nname: y\n", "assay.yaml:1:1: aliases (*a) are not used in settings\n" },
	{ "name: !!str x\n", "assay.yaml:1:7: name: tags (tag:yaml.org,2002:str) are not used in "
			     "settings\n" },
	{ "name: ! x\n", "assay.yaml:1:7: name: tags (!) are not used in settings\n" },
	{ "name: !secret x\n", "assay.yaml:1:7: name: tags (!secret) are not used in settings\n" },
	{ "!!map {name: x}\n", "assay.yaml:1:1: tags (tag:yaml.org,2002:map) are not used in settings\n" },
	{ "%YAML 1.1\n---\nname: x\n", "assay.yaml:1:1: directives (%) are not used in settings\n" },
	{ "%TAG ! tag:x,2000:\n---\nname: x\n",
	  "assay.yaml:1:1: directives (%) are not used in settings\n" },
	{ "name: x\n---\nname: y\n",
	  "assay.yaml:2:1: a second document; settings are one document\n" },
	{ "[a, b]: x\nname: y\n", "assay.yaml:1:1: a key must be a name\n" },
	{ "? {a: [b]}\n: [c]\nname: y\n", "assay.yaml:1:3: a key must be a name\n" },
	{ "\"\": x\nname: y\n", "assay.yaml:1:1: a key must be a name\n" },
	{ "\"na\\0me\": x\nname: y\n", "assay.yaml:1:1: a key must be a name\n" },
	{ "name: \"a\\0b\"\n", "assay.yaml:1:7: name: has a NUL character\n" },
	{ "name: x\nauthorities: {a: {key: y, permit: [\"\\0\"]}}\n",
	  "assay.yaml:2:36: authorities.a.permit[0]: has a NUL character\n" },
	{ "name: x\n\"\\e[31mred\\n\": y\n",
	  "assay.yaml:2:1: ?[31mred?: unknown key; there are: name, store, listen, authorities, "
	  "zones, nonce_lifetime\n" },
	{ "name: x\nlisten: {backlog: \"\\u202e4\"}\n",
	  "assay.yaml:2:19: listen.backlog: \"?4\" is not a whole number\n" },
	/* Broken YAML: what came before is reported as well. */
	{ "nmae: x\nlisten: {reuse: true\n",
	  "assay.yaml:1:1: nmae: unknown key; did you mean \"name\"?\n"
	  "assay.yaml:3:1: did not find expected ',' or '}' while parsing a flow mapping that starts "
	  "in line 2\n" },
	{ "name: x\n\tstore: y\n",
	  "assay.yaml:2:1: found a tab character that violates indentation while scanning a plain "
	  "scalar that starts in line 1\n" },
	{ "name: 'x\n",
	  "assay.yaml:2:1: found unexpected end of stream while scanning a quoted scalar that starts "
	  "in line 1\n" },
	{ "name: x: y\n", "assay.yaml:1:8: mapping values are not allowed in this context\n" },
	{ "name: x\n  store: y\n",
	  "assay.yaml:2:8: mapping values are not allowed in this context\n" },
	{ "name: \"\\q\"\n",
	  "assay.yaml:1:8: found unknown escape character while parsing a quoted scalar that starts "
	  "in line 1\n" },
	{ "name: @x\n",
	  "assay.yaml:1:7: found character that cannot start any token while scanning for the next "
	  "token that starts in line 1\n" },
	{ "name: \xff\xfe\n", "assay.yaml:1:1: invalid leading UTF-8 octet (octet 6 of the file)\n" },
	{ "name: \xed\xa0\x80\n", "assay.yaml:1:1: invalid Unicode character (octet 6 of the file)\n" },
	{ "name: a\x01" "b\n",
	  "assay.yaml:1:1: control characters are not allowed (octet 7 of the file)\n" },
	/* Several at once. */
	{ "nmae: a\nlisten:\n  backlog: many\n  reuse: on\nzones:\n  - caa: maybe\n  - names: [b]\n"
	  "    chalenges: []\nnonce_lifetime: 1s\n",
	  "assay.yaml:1:1: nmae: unknown key; did you mean \"name\"?\n"
	  "assay.yaml:1:1: name: is required\n"
	  "assay.yaml:3:12: listen.backlog: \"many\" is not a whole number\n"
	  "assay.yaml:4:10: listen.reuse: \"on\" is not true or false\n"
	  "assay.yaml:6:5: zones[0].names: is required\n"
	  "assay.yaml:6:10: zones[0].caa: \"maybe\" is not one of: off, report, enforce\n"
	  "assay.yaml:8:5: zones[1].chalenges: unknown key; did you mean \"challenges\"?\n"
	  "assay.yaml:9:17: nonce_lifetime: 1s is out of range: 30m to 1d\n" },
};

static void join_errors(const struct setting_errors *errors, char *out, size_t cap)
{
	out[0] = '\0';
	for (size_t i = 0; i < errors->count; i++)
		snprintf(out + strlen(out), cap - strlen(out), "%s\n", errors->v[i].text);
}

static void test_settings_read__bad_files_say_everything(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct run run;
		char all[4096];

		run_text(&run, bad[i].yaml);
		join_errors(&run.errors, all, sizeof(all));
		if (run.rc != RC_INVALID || strcmp(all, bad[i].errors) != 0) {
			print_error("for <<%s>> (rc %d) expected:\n%sgot:\n%s", bad[i].yaml, run.rc,
				    bad[i].errors, all);
			failed++;
		}
		run_done(&run);
	}
	assert_int_equal(failed, 0);
}

/* YAML of a certain shape: head, then count times unit, then tail. */
static struct str repeat(const char *head, const char *unit, size_t count, const char *tail)
{
	size_t len = strlen(head) + count * strlen(unit) + strlen(tail);
	char *p = malloc(len + 1), *end;

	assert_non_null(p);
	end = stpcpy(p, head);
	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, unit);
	stpcpy(end, tail);
	return (struct str){ p, len };
}

static void test_settings_read__limits(void **state)
{
	static const struct {
		const char *head, *unit, *tail;
		size_t count, errors;
		const char *first;
	} cases[] = {
		{ "name: x\nfoobar: ", "[", "", 100000, 2, "unknown key" },
		{ "name: x\nfoobar: ", "{a: ", "", 100000, 2, "unknown key" },
		{ "name: ", "[", "", 16, 2, "must be a single value" },
		{ "name: x\n", "b: c\n", "", 500000, LIMIT_SETTINGS_ERRORS, "unknown key" },
		{ "name: x\nlisten: {backlog: ", "9", "}\n", 1000000, 1, "is not a whole number" },
		{ "name: x\n# ", "y", "\n", LIMIT_SETTINGS_BYTES, 1, "longer than 4 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str yaml = repeat(cases[i].head, cases[i].unit, cases[i].count,
					 cases[i].tail);
		struct run run;

		run_str(&run, yaml);
		assert_int_equal(run.rc, RC_INVALID);
		assert_int_equal(run.errors.count, cases[i].errors);
		if (!strstr(run.errors.v[0].text, cases[i].first))
			fail_msg("%s", run.errors.v[0].text);
		assert_true(strlen(run.errors.v[0].text) < 600);
		run_done(&run);
		free((void *)(uintptr_t)yaml.p);
	}
}

static void test_settings_read__depth_is_limited(void **state)
{
	struct run run;

	(void)state;
	/* One level is the mapping of the file itself. */
	run_text(&run, "name: x\nq: [[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]\nstore: y\n");
	assert_int_equal(run.rc, RC_INVALID);
	assert_int_equal(run.errors.count, 2);
	assert_string_equal(run.errors.v[1].text,
			    "assay.yaml:2:19: nested deeper than 16 levels");
	run_done(&run);
	run_text(&run, "name: x\nq: [[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]\nstore: y\n");
	assert_int_equal(run.errors.count, 2); /* the unknown key, and that the store is wrong */
	assert_string_equal(run.errors.v[1].text, "assay.yaml:3:8: store: must be sqlite:PATH");
	run_done(&run);
}

static void test_settings_read__many_names_take_no_quadratic_time(void **state)
{
	enum { NAMES = 100000 };
	char *yaml = malloc(NAMES * 24 + 64), *end;
	struct run run;

	(void)state;
	assert_non_null(yaml);
	end = stpcpy(yaml, "name: x\nauthorities:\n");
	for (int i = 0; i < NAMES; i++)
		end += snprintf(end, 24, " a%06d: {key: k}\n", i);
	end = stpcpy(end, " a000007: {key: k}\n");
	run_str(&run, (struct str){ yaml, (size_t)(end - yaml) });
	assert_int_equal(run.rc, RC_INVALID);
	assert_int_equal(run.errors.count, 1);
	assert_string_equal(run.errors.v[0].text, "assay.yaml:100003:2: authorities.a000007: this "
			    "name was given before, in line 10");
	assert_int_equal(run.top.authorities.count, NAMES + 1);
	run_done(&run);
	free(yaml);
}

static void test_settings_read__a_small_arena_is_no_memory(void **state)
{
	static const char yaml[] = "name: x\nlisten: {acme: [a, b, c]}\nauthorities: {a: {key: b}}\n"
				   "zones: [{names: [a, b]}, {names: [c]}]\nbogus: y\n";
	bool seen_nomem = false;

	(void)state;
	for (size_t max = 0; max < 8192; max += 16) {
		AUTO(arena) struct arena a;
		struct setting_errors errors;
		struct top top;
		enum rc rc;

		arena_init(&a, max);
		rc = settings_read(&a, STR(yaml), "f", rows, &top, &errors);
		assert_true(rc == RC_NOMEM || (rc == RC_INVALID && errors.count == 1));
		seen_nomem |= rc == RC_NOMEM;
		if (max > 8000)
			assert_int_equal(rc, RC_INVALID);
	}
	assert_true(seen_nomem);
}

static void test_settings_add_error__goes_to_its_place(void **state)
{
	struct setting_errors errors = { 0 };
	AUTO(arena) struct arena a;
	char all[512];

	(void)state;
	arena_init(&a, 65536);
	settings_add_error(&a, &errors, "f", 7, "second of %d", 7);
	settings_add_error(&a, &errors, "f", 3, "first\n\x1b");
	settings_add_error(&a, &errors, "f", 7, "third");
	settings_add_error(&a, &errors, "f", 9, "last");
	join_errors(&errors, all, sizeof(all));
	assert_string_equal(all, "f:3: first??\nf:7: second of 7\nf:7: third\nf:9: last\n");
	for (int i = 0; i < 500; i++)
		settings_add_error(&a, &errors, "f", 8, "more");
	assert_int_equal(errors.count, LIMIT_SETTINGS_ERRORS);
}

static void test_settings_add_error__is_never_lost(void **state)
{
	struct setting_errors errors = { 0 };
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 0);
	settings_add_error(&a, &errors, "f", 1, "wrong");
	assert_int_equal(errors.count, 1);
	assert_non_null(errors.v[0].text);
	settings_add_error(&a, &errors, "f", 1, "wrong");
	assert_int_equal(errors.count, 1);
}

static void test_settings_manual__table(void **state)
{
	AUTO(buf) struct buf out;

	(void)state;
	buf_init(&out, 16384);
	settings_manual(rows, &out);
	assert_true(buf_ok(&out));
	assert_string_equal(out.p,
		"| setting | value | default | change takes | meaning |\n"
		"|---|---|---|---|---|\n"
		"| `name` | text | required | reload | What people see. |\n"
		"| `store` | text | `sqlite:assay.db` | restart |  |\n"
		"| `listen` | mapping |  | reload |  |\n"
		"| `listen.acme` | list of text | `:443 :8443` | restart | Addresses for ACME. |\n"
		"| `listen.admin` | list of text |  | reload |  |\n"
		"| `listen.backlog` | number, 1 to 4096, connections | `128` | reload |  |\n"
		"| `listen.reuse` | true or false | `true` | reload |  |\n"
		"| `authorities` | mapping by name |  | reload |  |\n"
		"| `authorities.NAME.key` | text | required | reload | Where the key is: file:PATH "
		"\\| pkcs11:URI. |\n"
		"| `authorities.NAME.passphrase` | text |  | reload |  |\n"
		"| `authorities.NAME.lifetime` | duration, 1h to 397d | `90d` | reload |  |\n"
		"| `authorities.NAME.permit` | list of text |  | reload |  |\n"
		"| `zones` | list of mappings |  | reload |  |\n"
		"| `zones[].names` | list of text | required | reload |  |\n"
		"| `zones[].challenges` | list of text | `http-01` | reload |  |\n"
		"| `zones[].caa` | one of `off`, `report`, `enforce` | `enforce` | reload |  |\n"
		"| `zones[].probes` | list of mappings |  | reload |  |\n"
		"| `zones[].probes[].address` | text | required | reload |  |\n"
		"| `zones[].probes[].port` | number | `80` | reload |  |\n"
		"| `nonce_lifetime` | duration, 30m to 1d | `1h` | reload |  |\n");
}

/* --- writing --- */

static void test_settings_write__what_is_not_the_default(void **state)
{
	struct authority out, again;
	struct listen listen = { .backlog = 128 };
	struct setting_errors errors = { 0 };
	struct str yaml = STR("permit: [\"no: #\", 12:30, 'q\"u\\o', \"\\u00e4\\n\\U0001F512\"]\n"
			      "lifetime: 172800\npassphrase: ''\nkey: a b\n");
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf b, second;

	(void)state;
	arena_init(&a, 1 << 20);
	buf_init(&b, 4096);
	buf_init(&second, 4096);
	assert_int_equal(settings_read(&a, yaml, "f", authority_rows, &out, &errors), RC_OK);
	settings_write(authority_rows, &out, 2, &b);
	assert_string_equal(b.p, "  key: \"a b\"\n"
				 "  passphrase: \"\"\n"
				 "  lifetime: 2d\n"
				 "  permit: [\"no: #\", \"12:30\", \"q\\\"u\\\\o\", \"\\u00E4\\u000A\\U0001F512\"]\n");
	assert_int_equal(settings_read(&a, buf_str(&b), "f", authority_rows, &again, &errors), RC_OK);
	settings_write(authority_rows, &again, 2, &second);
	assert_string_equal(second.p, b.p);
	assert_true(str_eq(again.permit.v[3], out.permit.v[3]));
	buf_done(&second);
	buf_init(&second, 4096);
	settings_write(listen_rows, &listen, 0, &second); /* an empty list and false are not the defaults here */
	assert_string_equal(second.p, "acme: []\nreuse: false\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_read__block_style),
		cmocka_unit_test(test_settings_read__flow_style),
		cmocka_unit_test(test_settings_read__scalars_are_what_the_schema_says),
		cmocka_unit_test(test_settings_read__defaults),
		cmocka_unit_test(test_settings_read__bad_files_say_everything),
		cmocka_unit_test(test_settings_read__limits),
		cmocka_unit_test(test_settings_read__depth_is_limited),
		cmocka_unit_test(test_settings_read__many_names_take_no_quadratic_time),
		cmocka_unit_test(test_settings_read__a_small_arena_is_no_memory),
		cmocka_unit_test(test_settings_add_error__goes_to_its_place),
		cmocka_unit_test(test_settings_add_error__is_never_lost),
		cmocka_unit_test(test_settings_manual__table),
		cmocka_unit_test(test_settings_write__what_is_not_the_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
