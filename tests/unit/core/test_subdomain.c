/* What an authorization proves (RFC 9444): exactly its own name, or the names below it, and never
 * another. The pairs are the whole policy; each line is one that somebody got wrong somewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "core/subdomain.h"
#include "issuer/ca_create.h"

static char folder[] = "/tmp/assay-test-subdomain-XXXXXX";
static struct arena arena;
static struct config *config;

static const char *const SETTINGS =
	"public_url: https://ca.test\n"
	"store: \"memory:\"\n"
	"authorities:\n"
	"  lab: {key: \"file:%s/issuing.key\", passphrase: \"file:x\"}\n"
	"directories: {default: {issuer: lab}}\n"
	"zones:\n"
	"  - {names: [example.org, \"*.example.org\", \"10.0.0.0/8\"], challenges: [http-01, dns-01, tls-alpn-01], subdomains: true}\n"
	"  - {names: [closed.example.org, \"*.closed.example.org\"], challenges: [dns-01]}\n"
	"  - {names: [web.example.org, \"*.web.example.org\"], challenges: [http-01], subdomains: true}\n"
	"  - {names: [host.test, \"*.host.test\"], challenges: [dns-01]}\n"
	"  - {names: [only.test], challenges: [dns-01], subdomains: true}\n";

static int setup(void **state)
{
	AUTO_PTR(secret) struct secret *pass = NULL;
	struct ca_create_options o = { .name = STR("Test"), .key_type = KEY_P256 };
	struct setting_errors errors = { 0 };
	struct ca_created created;

	(void)state;
	arena_init(&arena, 64 * 1024 * 1024);
	if (!mkdtemp(folder) || secret_new(str_bytes(STR("secret")), &pass) != RC_OK)
		return -1;
	o.directory = str_of(folder);
	o.root_passphrase = o.issuing_passphrase = pass;
	if (ca_create(&arena, &o, &created, NULL) != RC_OK)
		return -1;
	return config_from_text(&arena, str_of(arena_printf(&arena, SETTINGS, folder)), "assay.yaml", &config, &errors) == RC_OK
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	config_unref(config);
	arena_done(&arena);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct identifier identifier(const char *text)
{
	struct identifier *ids;
	size_t count;

	assert_int_equal(identifiers_from_text(&arena, str_of(text), &ids, &count), RC_OK);
	assert_int_equal(count, 1);
	return ids[0];
}

static void test_rfc9444_7_1__whole_labels_are_compared(void **state)
{
	static const struct {
		const char *id, *ancestor;
		bool below;
	} cases[] = {
		{ "dns:a.example.org", "dns:example.org", true },
		{ "dns:b.a.example.org", "dns:example.org", true },
		{ "dns:a.EXAMPLE.org", "dns:Example.ORG", true },
		{ "dns:*.example.org", "dns:example.org", true },
		{ "dns:*.a.example.org", "dns:example.org", true },
		{ "dns:a.example.org", "dns:org", true },
		{ "dns:example.org", "dns:example.org", false },
		{ "dns:badexample.org", "dns:example.org", false },
		{ "dns:*.badexample.org", "dns:example.org", false },
		{ "dns:example.org", "dns:a.example.org", false },
		{ "dns:a.example.org", "dns:b.example.org", false },
		{ "dns:example.org.evil.test", "dns:example.org", false },
		{ "dns:a.example.org", "dns:*.example.org", false },
		{ "dns:*.a.example.org", "dns:*.example.org", false },
		{ "ip:10.0.0.1", "dns:example.org", false },
		{ "dns:a.example.org", "ip:10.0.0.1", false },
		{ "ip:10.0.0.1", "ip:10.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct identifier id = identifier(cases[i].id), ancestor = identifier(cases[i].ancestor);

		if (identifier_is_below(&id, &ancestor) != cases[i].below)
			fail_msg("%s below %s", cases[i].id, cases[i].ancestor);
	}
}

/* An authorization row and an identifier. */
struct pair {
	const char *authz, *id;
	bool subdomains;
	int64_t offered, attempted;
	bool covers;
};

#define DNS CHALLENGE_DNS_01
#define HTTP CHALLENGE_HTTP_01

static const struct pair pairs[] = {
	/* Itself, and nothing else, when it is an ordinary one. */
	{ "dns:example.org", "dns:example.org", false, HTTP | DNS, HTTP, true },
	{ "dns:example.org", "dns:EXAMPLE.org.", false, HTTP | DNS, HTTP, true },
	{ "dns:*.example.org", "dns:*.example.org", false, DNS, DNS, true },
	{ "ip:10.0.0.1", "ip:10.0.0.1", false, HTTP, HTTP, true },
	{ "dns:example.org", "dns:a.example.org", false, HTTP | DNS, DNS, false },
	{ "dns:example.org", "dns:*.example.org", false, HTTP | DNS, DNS, false },
	{ "dns:*.example.org", "dns:example.org", false, DNS, DNS, false },
	{ "dns:*.example.org", "dns:a.example.org", false, DNS, DNS, false },
	{ "dns:a.example.org", "dns:b.example.org", false, DNS, DNS, false },
	{ "dns:a.example.org", "dns:example.org", false, DNS, DNS, false },
	{ "ip:10.0.0.1", "ip:10.0.0.2", false, HTTP, HTTP, false },
	{ "ip:10.0.0.1", "ip:10.0.0.10", false, HTTP, HTTP, false },
	/* Names below it, when it was made for them and proven in the DNS. */
	{ "dns:example.org", "dns:example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:a.example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:c.b.a.example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:*.example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:*.a.example.org", true, DNS, DNS, true },
	{ "dns:a.example.org", "dns:b.a.example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:a.example.org", true, DNS, 0, true },
	{ "dns:example.org", "dns:a.example.org", true, DNS, CHALLENGE_DNS_PERSIST_01, false },
	{ "dns:example.org", "dns:a.example.org", true, DNS | HTTP, HTTP, false },
	{ "dns:example.org", "dns:a.example.org", true, HTTP, 0, false },
	{ "dns:example.org", "dns:a.example.org", true, DNS, CHALLENGE_TLS_ALPN_01, false },
	{ "dns:a.example.org", "dns:example.org", true, DNS, DNS, false },
	{ "dns:a.example.org", "dns:*.example.org", true, DNS, DNS, false },
	{ "dns:a.example.org", "dns:b.example.org", true, DNS, DNS, false },
	{ "dns:a.example.org", "dns:ba.example.org", true, DNS, DNS, false },
	{ "dns:example.org", "dns:notexample.org", true, DNS, DNS, false },
	{ "dns:*.example.org", "dns:a.example.org", true, DNS, DNS, false },
	{ "dns:*.example.org", "dns:*.a.example.org", true, DNS, DNS, false },
	{ "dns:example.org", "ip:10.0.0.1", true, DNS, DNS, false },
	{ "ip:10.0.0.1", "dns:example.org", true, DNS, DNS, false },
	{ "ip:10.0.0.0", "ip:10.0.0.1", true, DNS, DNS, false },
	/* Only where the zones of both say so. */
	{ "dns:example.org", "dns:closed.example.org", true, DNS, DNS, false },
	{ "dns:example.org", "dns:a.closed.example.org", true, DNS, DNS, false },
	{ "dns:closed.example.org", "dns:a.closed.example.org", true, DNS, DNS, false },
	{ "dns:closed.example.org", "dns:closed.example.org", true, DNS, DNS, true },
	{ "dns:example.org", "dns:a.web.example.org", true, DNS, DNS, false }, /* proven by http-01 only */
	{ "dns:host.test", "dns:a.host.test", true, DNS, DNS, false },
	{ "dns:only.test", "dns:a.only.test", true, DNS, DNS, false }, /* no zone */
	{ "dns:test", "dns:only.test", true, DNS, DNS, false },
	{ "dns:org", "dns:example.org", true, DNS, DNS, false },
	/* Rows that nobody wrote. */
	{ "", "dns:example.org", true, DNS, DNS, false },
	{ "dns:", "dns:example.org", true, DNS, DNS, false },
	{ "example.org", "dns:example.org", true, DNS, DNS, false },
	{ "ip:example.org", "dns:example.org", true, DNS, DNS, false },
	{ "dns:.", "dns:a.example.org", true, DNS, DNS, false },
	{ "dns:.example.org", "dns:a.example.org", true, DNS, DNS, false },
};

static void test_authz_covers__nothing_but_what_it_proves(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		const struct pair *p = &pairs[i];
		struct authz_record z = { .identifier = str_of(p->authz), .subdomains = p->subdomains,
					  .offered = p->offered, .attempted = p->attempted };
		struct identifier id = identifier(p->id);

		if (authz_covers(config, &z, &id) != p->covers)
			fail_msg("pair %zu: %s for %s", i, p->authz, p->id);
	}
}

static void test_rfc9444_4_1__subdomainAuthAllowed(void **state)
{
	static const struct {
		const char *authz;
		int64_t subdomains, attempted;
		bool serves;
	} cases[] = {
		{ "dns:example.org", 1, DNS, true },       { "dns:a.example.org", 1, DNS, true },
		{ "dns:example.org", 0, DNS, false },      { "dns:example.org", 1, HTTP, false },
		{ "dns:*.example.org", 1, DNS, false },    { "dns:closed.example.org", 1, DNS, false },
		{ "dns:only.test", 1, DNS, false },        { "ip:10.0.0.1", 1, DNS, false },
		{ "dns:elsewhere.test", 1, DNS, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct authz_record z = { .identifier = str_of(cases[i].authz), .subdomains = cases[i].subdomains,
					  .offered = DNS, .attempted = cases[i].attempted };

		if (authz_serves_subdomains(config, &z) != cases[i].serves)
			fail_msg("%s", cases[i].authz);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc9444_7_1__whole_labels_are_compared),
		cmocka_unit_test(test_authz_covers__nothing_but_what_it_proves),
		cmocka_unit_test(test_rfc9444_4_1__subdomainAuthAllowed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
