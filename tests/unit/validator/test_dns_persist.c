/* test_dns_persist.c - persistent validation records (draft-ietf-acme-dns-persist): what one record
 * says, and the challenge against a stub name server. */
#include "validator/dns_persist_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/records.h"
#include "stub_dns.h"
#include "validator/validator.h"

#define ACCOUNT "https://ca.test/acme/acct/1"
#define OURS "ca.test; accounturi=" ACCOUNT
#define PLACE "_validation-persist."
#define NOW 1800000000 /* 2027-01-15 */

static const struct str ISSUERS[] = { { "ca.test", 7 }, { "second.test", 11 } };

/* --- one record --- */

static const struct {
	const char *what, *text;
	enum dns_persist_verdict verdict; /* for the name itself */
	bool wildcard_too;                /* if VALID: for a wildcard as well */
	int64_t until;
	const char *why;
} RECORDS[] = {
	{ "the example of the draft", OURS, DNS_PERSIST_VALID },
	{ "another of our names", "second.test; accounturi=" ACCOUNT, DNS_PERSIST_VALID },
	{ "with policy", OURS "; policy=wildcard", DNS_PERSIST_VALID, true },
	{ "policy in capitals", OURS "; POLICY=WildCard", DNS_PERSIST_VALID, true },
	{ "another policy", OURS "; policy=subtree", DNS_PERSIST_VALID, false },
	{ "an empty policy", OURS "; policy=", DNS_PERSIST_VALID, false },
	{ "no space", "ca.test;accounturi=" ACCOUNT ";policy=wildcard", DNS_PERSIST_VALID, true },
	{ "much space", " \tca.test \t; accounturi \t=\t " ACCOUNT " ; policy = wildcard ", DNS_PERSIST_VALID, true },
	{ "issuer in capitals with a final dot", "CA.Test.; accounturi=" ACCOUNT, DNS_PERSIST_VALID },
	{ "in time", OURS "; persistUntil=1800000001", DNS_PERSIST_VALID, false, NOW + 1 },
	{ "at the last second", OURS "; persistuntil=1800000000", DNS_PERSIST_VALID, false, NOW },
	{ "unknown parameter", OURS "; tag=value", DNS_PERSIST_VALID },
	{ "unknown parameter twice", OURS "; tag=value; tag=value", DNS_PERSIST_VALID },
	{ "unknown parameter first", "ca.test; x=; accounturi=" ACCOUNT, DNS_PERSIST_VALID },

	{ "another CA", "other.test; accounturi=" ACCOUNT, DNS_PERSIST_FOREIGN },
	{ "another CA, broken", "other.test; accounturi", DNS_PERSIST_FOREIGN },
	{ "a name that begins as ours", "ca.test.example; accounturi=" ACCOUNT, DNS_PERSIST_FOREIGN },
	{ "a name that ends as ours", "x.ca.test; accounturi=" ACCOUNT, DNS_PERSIST_FOREIGN },
	{ "two final dots", "ca.test..; accounturi=" ACCOUNT, DNS_PERSIST_FOREIGN },
	{ "nobody", "; accounturi=" ACCOUNT, DNS_PERSIST_FOREIGN },
	{ "something else", "v=spf1 -all", DNS_PERSIST_FOREIGN },
	{ "nothing", "", DNS_PERSIST_FOREIGN },

	{ "issuer only", "ca.test", DNS_PERSIST_MALFORMED, .why = "names no account" },
	{ "issuer and semicolon", "ca.test;", DNS_PERSIST_MALFORMED, .why = "names no account" },
	{ "no account", "ca.test; policy=wildcard", DNS_PERSIST_MALFORMED, .why = "names no account" },
	{ "empty account", "ca.test; accounturi=", DNS_PERSIST_MALFORMED, .why = "names no account" },
	{ "account twice", OURS "; accounturi=" ACCOUNT, DNS_PERSIST_MALFORMED, .why = "twice" },
	{ "account twice, in capitals", OURS "; ACCOUNTURI=x", DNS_PERSIST_MALFORMED, .why = "twice" },
	{ "policy twice", OURS "; policy=x; policy=wildcard", DNS_PERSIST_MALFORMED, .why = "twice" },
	{ "time twice", OURS "; persistUntil=1900000000; persistUntil=1900000000", DNS_PERSIST_MALFORMED, .why = "twice" },
	{ "no number", OURS "; persistUntil=tomorrow", DNS_PERSIST_MALFORMED, .why = "persistUntil" },
	{ "half a number", OURS "; persistUntil=1900000000x", DNS_PERSIST_MALFORMED, .why = "persistUntil" },
	{ "another base", OURS "; persistUntil=0x71400000", DNS_PERSIST_MALFORMED, .why = "persistUntil" },
	{ "an empty number", OURS "; persistUntil=", DNS_PERSIST_MALFORMED, .why = "persistUntil" },
	{ "too large a number", OURS "; persistUntil=99999999999999999999", DNS_PERSIST_MALFORMED, .why = "persistUntil" },
	{ "semicolon at the end", OURS ";", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "two semicolons", "ca.test;; accounturi=" ACCOUNT, DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "no equals sign", OURS "; flag", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "no tag", OURS "; =x", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "space in a value", OURS "; policy=wild card", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "control octet", OURS "; x=\n", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },
	{ "other octet", OURS "; x=\xc3\xa4", DNS_PERSIST_MALFORMED, .why = "RFC 8659 §4.2" },

	{ "another account", OURS "1", DNS_PERSIST_REFUSED, .why = "accounturi" },
	{ "account in capitals", "ca.test; accounturi=https://CA.test/acme/acct/1", DNS_PERSIST_REFUSED, .why = "accounturi" },
	{ "over", OURS "; persistUntil=1799999999", DNS_PERSIST_REFUSED, .why = "has passed" },
	{ "long over", OURS "; persistUntil=0", DNS_PERSIST_REFUSED, .why = "has passed" },
	{ "before 1970", OURS "; persistUntil=-1", DNS_PERSIST_REFUSED, .why = "has passed" },
};

static void test_dns_persist_judge__table(void **state)
{
	struct dns_persist_request r = { .issuers = ISSUERS, .issuer_count = 2, .account_url = STR(ACCOUNT), .now = NOW };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(RECORDS); i++)
		for (r.wildcard = false;; r.wildcard = true) {
			enum dns_persist_verdict want = RECORDS[i].verdict, got;
			const char *why = NULL;
			int64_t until = -1;

			if (r.wildcard && want == DNS_PERSIST_VALID && !RECORDS[i].wildcard_too)
				want = DNS_PERSIST_REFUSED;
			got = dns_persist_judge(str_of(RECORDS[i].text), &r, &until, &why);
			if (got != want)
				fail_msg("%s: %d, not %d: %s", RECORDS[i].what, got, want, why);
			if (want == DNS_PERSIST_VALID)
				assert_int_equal(until, RECORDS[i].until);
			if (RECORDS[i].why && !strstr(why, RECORDS[i].why))
				fail_msg("%s: %s", RECORDS[i].what, why);
			if (r.wildcard)
				break;
		}
}

/* --- the challenge --- */

static const struct stub_dns_row ROWS[] = {
	{ PLACE "good.test", DNS_TXT, .data = "v=spf1 -all|other.test; accounturi=x|" OURS },
	{ PLACE "chunks.test", DNS_TXT, .data = "ca.test;+ accounturi=https://ca.test/+acme/acct/1" },
	{ PLACE "wild.test", DNS_TXT, .data = OURS "; policy=wildcard" },
	{ PLACE "until.test", DNS_TXT, .data = OURS "; persistUntil=1900000000" },
	{ PLACE "over.test", DNS_TXT, .data = OURS "; persistUntil=1000000000" },
	{ PLACE "broken.test", DNS_TXT, .data = OURS "; policy|ca.test; accounturi=https://ca.test/acme/acct/2" },
	{ PLACE "foreign.test", DNS_TXT, .data = "other.test; accounturi=" ACCOUNT },
	{ PLACE "secret.test", DNS_TXT, .data = "ca.test; accounturi=https://ca.test/acme/acct/hunter2" },
	{ "_validation-persist", DNS_TXT, .data = OURS "; policy=wildcard" },
	{ "sibling.test", DNS_TXT, .data = OURS },
	{ "validation-persist.sibling.test", DNS_TXT, .data = OURS },
	{ "_acme-challenge.sibling.test", DNS_TXT, .data = OURS },
	{ PLACE "test", DNS_TXT, .data = OURS "; policy=wildcard" },
	{ PLACE "broken-dns.test", DNS_TXT, STUB_DNS_SERVFAIL },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct addr server;
	struct resolver *resolver;
	struct validator_env *validators;
} env;

static struct validation_result seen;
static unsigned seen_count;

static void on_done(void *arg, const struct validation_result *r)
{
	(void)arg;
	seen = *r;
	seen_count++;
	loop_stop(env.loop);
}

static struct validation_request request(const struct identifier *id)
{
	return (struct validation_request){
		.identifier = id,
		.account_url = STR(ACCOUNT),
		.issuers = ISSUERS,
		.issuer_count = 2,
		.policy = { .targets = { .preset = ADDR_PUBLIC }, .resolver = env.resolver, .deadline_ms = 5000 },
	};
}

static void validate(const char *name, bool wildcard)
{
	struct identifier id = { .value = str_of(name), .wildcard = wildcard };
	struct validation_request r = request(&id);
	struct validation *v;

	seen_count = 0;
	assert_int_equal(VALIDATOR_DNS_PERSIST01.start(env.validators, &r, on_done, NULL, &v), RC_OK);
	assert_int_equal(seen_count, 0);
	loop_run(env.loop);
	assert_int_equal(seen_count, 1);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static int setup(void **state)
{
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	env.dns = stub_dns_start(ROWS, &env.server);
	return loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL) ||
	       validator_env_new(env.loop, &env.validators);
}

static int teardown(void **state)
{
	(void)state;
	validator_env_free(env.validators);
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_dns_stop(env.dns);
	return 0;
}

static void test_dns_persist01__any_record_that_names_us_and_the_account(void **state)
{
	static const char *const NAMES[] = { "good.test", "chunks.test", "wild.test" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
		validate(NAMES[i], false);
		if (!seen.valid)
			fail_msg("%s: %s", NAMES[i], seen.detail);
		assert_int_equal(seen.valid_until, 0);
	}
	validate("until.test", false);
	assert_true(seen.valid);
	assert_int_equal(seen.valid_until, 1900000000);
}

static void test_dns_persist01__wildcards_need_their_policy(void **state)
{
	(void)state;
	validate("wild.test", true);
	assert_true(seen.valid);
	validate("good.test", true);
	assert_false(seen.valid);
	assert_int_equal(seen.problem, PROBLEM_UNAUTHORIZED);
	assert_has(seen.detail, "it lacks policy=wildcard");
	assert_has(seen.detail, "publish a TXT record with \"" OURS "; policy=wildcard\" there");
}

static void test_dns_persist01__refusals(void **state)
{
	static const struct {
		const char *name;
		enum problem problem;
		const char *detail;
	} CASES[] = {
		{ "over.test", PROBLEM_UNAUTHORIZED, "persistUntil has passed" },
		{ "broken.test", PROBLEM_MALFORMED, "is not of the form" },
		{ "foreign.test", PROBLEM_UNAUTHORIZED, "has no record for this CA" },
		{ "secret.test", PROBLEM_UNAUTHORIZED, "accounturi is not that of this account" },
		{ "sibling.test", PROBLEM_UNAUTHORIZED, PLACE "sibling.test does not exist" }, /* TRUST V34 */
		{ "broken-dns.test", PROBLEM_DNS, "SERVFAIL" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		validate(CASES[i].name, false);
		assert_false(seen.valid);
		assert_true(seen.transient);
		assert_int_equal(seen.problem, CASES[i].problem);
		assert_has(seen.detail, CASES[i].detail);
		assert_null(strstr(seen.detail, "hunter2"));
	}
}

static void test_dns_persist01_start__what_can_never_be_proven(void **state)
{
	struct identifier ip = { .type = IDENTIFIER_IP, .value = STR("127.0.0.1"), .ip = { 127, 0, 0, 1 },
				 .ip_len = 4 }, id = { .value = STR("good.test") };
	struct validation_request r = request(&ip);
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_DNS_PERSIST01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&id);
	r.issuer_count = 0;
	assert_int_equal(VALIDATOR_DNS_PERSIST01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&id);
	r.account_url = (struct str){ 0 };
	assert_int_equal(VALIDATOR_DNS_PERSIST01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&id);
	assert_int_equal(VALIDATOR_DNS_PERSIST01.start(env.validators, &r, on_done, NULL, &v), RC_OK);
	VALIDATOR_DNS_PERSIST01.cancel(v);
	VALIDATOR_DNS_PERSIST01.cancel(NULL);
	assert_ptr_equal(validator_by_challenge(CHALLENGE_DNS_PERSIST_01), &VALIDATOR_DNS_PERSIST01);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_dns_persist_judge__table),
		cmocka_unit_test(test_dns_persist01__any_record_that_names_us_and_the_account),
		cmocka_unit_test(test_dns_persist01__wildcards_need_their_policy),
		cmocka_unit_test(test_dns_persist01__refusals),
		cmocka_unit_test(test_dns_persist01_start__what_can_never_be_proven),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
