/* test_dns01.c - the DNS challenge against a stub name server (RFC 8555 §8.4). */
#include "validator/validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/records.h"
#include "stub_dns.h"
#include "seen.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
#define DIGEST "NGwKoXBgCT8JhEa0bK7AwfSqHyu_ZWeugV07fLGIVq0" /* base64url(SHA-256(KEY_AUTH)) */
#define OTHER "0iv_q0hWiWeugV07fLGIVq0NGwKoXBgCT8JhEa0bK7A"

static char huge[16000], many[16000];

enum { ROW_RIGHT, ROW_LATER, ROW_SILENT };

static const struct stub_dns_row ROWS[] = {
	[ROW_RIGHT] = { "_acme-challenge.right.test", DNS_TXT, .data = DIGEST },
	[ROW_LATER] = { "_acme-challenge.later.test", DNS_TXT, .data = OTHER, .later = DIGEST },
	[ROW_SILENT] = { "_acme-challenge.silent.test", DNS_TXT, STUB_DNS_SILENT },
	{ "_acme-challenge.several.test", DNS_TXT, .data = "v=spf1 -all|" OTHER "|" DIGEST "|x" },
	{ "_acme-challenge.chunks.test", DNS_TXT, .data = "NGwKoXBgCT8JhEa0bK7A+wfSqHyu_ZWeu+gV07fLGIVq0" },
	{ "_acme-challenge.huge.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = huge },
	{ "_acme-challenge.many.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = many },
	/* TRUST V34: the right value, but not where the challenge asks for it. */
	{ "sibling.test", DNS_TXT, .data = DIGEST },
	{ "acme-challenge.sibling.test", DNS_TXT, .data = DIGEST },
	{ "_acme_challenge.sibling.test", DNS_TXT, .data = DIGEST },
	{ "_acme-challenge.www.sibling.test", DNS_TXT, .data = DIGEST },
	{ "_acme-challenge._acme-challenge.sibling.test", DNS_TXT, .data = DIGEST },
	{ "_acme-challenge.test", DNS_TXT, .data = DIGEST },
	/* Aliases. */
	{ "_acme-challenge.alias.test", DNS_TXT, .cname = "alias.challenges.test" },
	{ "alias.challenges.test", DNS_TXT, .data = DIGEST },
	{ "_acme-challenge.dangling.test", DNS_TXT, .cname = "nowhere.challenges.test" },
	{ "_acme-challenge.loop.test", DNS_TXT, .cname = "loop.challenges.test" },
	{ "loop.challenges.test", DNS_TXT, .cname = "_acme-challenge.loop.test" },
	{ "_acme-challenge.long.test", DNS_TXT, .cname = "l1.test" },
	{ "l1.test", DNS_TXT, .cname = "l2.test" },
	{ "l2.test", DNS_TXT, .cname = "l3.test" },
	{ "l3.test", DNS_TXT, .cname = "l4.test" },
	{ "l4.test", DNS_TXT, .cname = "l5.test" },
	{ "l5.test", DNS_TXT, .cname = "l6.test" },
	{ "l6.test", DNS_TXT, .cname = "l7.test" },
	{ "l7.test", DNS_TXT, .cname = "l8.test" },
	{ "l8.test", DNS_TXT, .cname = "l9.test" },
	{ "l9.test", DNS_TXT, .data = DIGEST },
	/* Nearly. */
	{ "_acme-challenge.keyauth.test", DNS_TXT, .data = KEY_AUTH },
	{ "_acme-challenge.quoted.test", DNS_TXT, .data = "\"" DIGEST "\"" },
	{ "_acme-challenge.padded.test", DNS_TXT, .data = DIGEST "=" },
	{ "_acme-challenge.space.test", DNS_TXT, .data = " " DIGEST },
	{ "_acme-challenge.case.test", DNS_TXT, .data = "nGWKOxbGct8jHeA0Bk7aWFsQhYU_zwEUGv07FlgivQ0" },
	{ "_acme-challenge.cut.test", DNS_TXT, .data = "NGwKoXBgCT8JhEa0bK7AwfSqHyu_ZWeugV07fLGIVq" },
	{ "_acme-challenge.secret.test", DNS_TXT, .data = "internal: hunter2" },
	{ "_acme-challenge.empty.test", DNS_A, .data = "127.0.0.1" },
	{ "_acme-challenge.servfail.test", 0, STUB_DNS_SERVFAIL },
	{ "_acme-challenge.refused.test", 0, STUB_DNS_REFUSED },
	{ "_acme-challenge.garbage.test", 0, STUB_DNS_GARBAGE },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct addr server;
	struct resolver *resolver;
	struct validator_env *validators;
} env;

static void on_done(void *arg, const struct validation_result *r)
{
	seen_note(arg, r);
	loop_stop(env.loop);
}

static struct validation_request request(const struct identifier *id)
{
	return (struct validation_request){
		.identifier = id,
		.token = STR(TOKEN),
		.key_authorization = STR(KEY_AUTH),
		.policy = { .targets = { .preset = ADDR_PUBLIC }, /* nobody is dialled */
			    .resolver = env.resolver,
			    .deadline_ms = 5000 },
	};
}

static void run(const struct validation_request *r, struct seen *seen)
{
	struct validation *v;

	*seen = (struct seen){ 0 };
	assert_int_equal(VALIDATOR_DNS01.start(env.validators, r, on_done, seen, &v), RC_OK);
	assert_int_equal(seen->count, 0);
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

static void validate(const char *name, struct seen *seen)
{
	struct identifier id = { .type = IDENTIFIER_DNS, .value = str_of(name) };
	struct validation_request r = request(&id);

	run(&r, seen);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* 50 texts of some 250 octets, of which one is right; and one text of 900 octets beside it. */
static void make_texts(void)
{
	size_t len = 0;

	for (unsigned i = 0; i < 50; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "%s%0240u", i ? "|" : "", i);
	snprintf(many + len, sizeof(many) - len, "|%s", DIGEST);
	len = 0;
	for (unsigned i = 0; i < 4; i++)
		len += (size_t)snprintf(huge + len, sizeof(huge) - len, "%s%0230u", i ? "+" : "", i);
	snprintf(huge + len, sizeof(huge) - len, "|%s", DIGEST);
}

static int setup(void **state)
{
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	make_texts();
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

static void test_rfc8555_8_4__digest_in_a_txt_record_proves_control(void **state)
{
	struct seen seen;

	(void)state;
	validate("right.test", &seen);
	if (!seen.result.valid)
		fail_msg("%s", seen.result.detail);
	assert_string_equal(seen.result.detail, "");
	assert_has(seen.trace, "dns _acme-challenge.right.test TXT: 1 text (");
	assert_int_equal(stub_dns_asked(env.dns, ROW_RIGHT), 1);
}

/* RFC 8555 §8.4: for *.right.test the record of right.test is asked. */
static void test_rfc8555_7_1_3__wildcard(void **state)
{
	struct identifier id = { .value = STR("right.test"), .wildcard = true };
	struct validation_request r = request(&id);
	struct seen seen;

	(void)state;
	assert_true(VALIDATOR_DNS01.wildcard);
	run(&r, &seen);
	assert_true(seen.result.valid);
}

static void test_rfc8555_8_4__any_of_several_records(void **state)
{
	static const char *const NAMES[] = { "several.test", "chunks.test", "huge.test", "many.test" };
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
		validate(NAMES[i], &seen);
		if (!seen.result.valid)
			fail_msg("%s: %s\n%s", NAMES[i], seen.result.detail, seen.trace);
	}
	assert_true(stub_dns_asked_tcp(env.dns) >= 2); /* RFC 7766 §5: truncated, so TCP */
}

static void test_v34__sibling_labels_never_count(void **state)
{
	struct seen seen;

	(void)state;
	validate("sibling.test", &seen);
	assert_false(seen.result.valid);
	assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "_acme-challenge.sibling.test does not exist in the DNS (NXDOMAIN)");
	assert_has(seen.result.detail, "\"" DIGEST "\"");
}

static void test_rfc1034_3_6_2__aliases_are_followed_within_limits(void **state)
{
	struct seen seen;

	(void)state;
	validate("alias.test", &seen);
	assert_true(seen.result.valid);
	assert_has(seen.trace, "1 text, CNAME alias.challenges.test (");
	validate("dangling.test", &seen);
	assert_false(seen.result.valid);
	assert_true(seen.result.transient);
	validate("loop.test", &seen);
	assert_false(seen.result.valid);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	validate("long.test", &seen); /* nine, at most DNS_CNAMES_MAX are followed */
	assert_false(seen.result.valid);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
}

static void test_rfc8555_8_4__near_misses_are_explained(void **state)
{
	static const struct {
		const char *name, *detail;
	} CASES[] = {
		{ "keyauth.test", "the key authorization itself, not its digest" },
		{ "quoted.test", "between quotes of its own" },
		{ "padded.test", "padding or white space behind it" },
		{ "case.test", "upper and lower case" },
		{ "space.test", "none of the 1 TXT records" },
		{ "cut.test", "none of the 1 TXT records" },
		{ "secret.test", "none of the 1 TXT records" },
	};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		validate(CASES[i].name, &seen);
		assert_false(seen.result.valid);
		assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
		assert_true(seen.result.transient);
		assert_has(seen.result.detail, CASES[i].detail);
		/* An alias may lead to records that the client cannot read itself. */
		assert_null(strstr(seen.result.detail, "hunter2"));
		assert_null(strstr(seen.trace, "hunter2"));
	}
}

/* What was published meanwhile is seen by the next attempt: absences and old data are not kept. */
static void test_dns01__next_attempt_sees_the_new_record(void **state)
{
	struct seen seen;

	(void)state;
	validate("later.test", &seen);
	assert_false(seen.result.valid);
	assert_true(seen.result.transient);
	validate("later.test", &seen);
	assert_true(seen.result.valid);
	assert_int_equal(stub_dns_asked(env.dns, ROW_LATER), 2);
}

static void test_dns01__failures_have_their_problem(void **state)
{
	static const struct {
		const char *name;
		enum problem problem;
		const char *detail;
	} CASES[] = {
		{ "nothing.test", PROBLEM_INCORRECT_RESPONSE, "NXDOMAIN" },
		{ "empty.test", PROBLEM_INCORRECT_RESPONSE, "has no TXT record" },
		{ "servfail.test", PROBLEM_DNS, "SERVFAIL" },
		{ "refused.test", PROBLEM_DNS, "no answer for _acme-challenge.refused.test TXT" },
		{ "garbage.test", PROBLEM_DNS, "no answer for _acme-challenge.garbage.test TXT" },
	};
	struct identifier silent = { .value = STR("silent.test") };
	struct validation_request r = request(&silent);
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		validate(CASES[i].name, &seen);
		assert_false(seen.result.valid);
		assert_true(seen.result.transient);
		assert_int_equal(seen.result.problem, CASES[i].problem);
		assert_has(seen.result.detail, CASES[i].detail);
	}
	r.policy.deadline_ms = 150;
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "within 150 ms");
	assert_true(seen.result.duration_ms >= 150 && seen.result.duration_ms < 2000);
}

/* A zone whose key is known and whose answers carry no signature: neither the record nor its absence
 * is believed, and waiting does not help. */
static void test_rfc4035_5_5__bogus_answers_are_refused(void **state)
{
	static const char ANCHOR[] = "test. IN DS 12345 13 2 "
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	static const char *const NAMES[] = { "right.test", "nothing.test" };
	char path[] = "/tmp/assay-anchor-XXXXXX";
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .dnssec = true,
				      .trust_anchor_file = path, .timeout_ms = 5000 };
	int fd = mkstemp(path);
	struct resolver *r;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, ANCHOR, sizeof(ANCHOR) - 1), sizeof(ANCHOR) - 1);
	close(fd);
	assert_int_equal(resolver_new(env.loop, &o, &r, NULL), RC_OK);
	unlink(path);
	for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
		struct identifier id = { .value = str_of(NAMES[i]) };
		struct validation_request q = request(&id);
		struct seen seen;

		q.policy.resolver = r;
		run(&q, &seen);
		assert_false(seen.result.valid);
		assert_false(seen.result.transient);
		assert_int_equal(seen.result.problem, PROBLEM_DNS);
		assert_has(seen.result.detail, "RFC 4035 §5.5");
	}
	resolver_free(r);
}

/* A name that leaves no room for the label cannot be proven so, and the client is told. */
static void test_rfc1035_2_3_4__name_too_long_for_the_label(void **state)
{
	char name[LIMIT_NAME + 1] = "";
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < LIMIT_NAME; i++)
		name[i] = i % 50 == 49 ? '.' : 'a';
	name[LIMIT_NAME] = '\0';
	validate(name, &seen);
	assert_false(seen.result.valid);
	assert_false(seen.result.transient);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_has(seen.result.detail, "RFC 1035 §2.3.4");
}

static void test_dns01_start__what_can_never_be_proven(void **state)
{
	struct identifier ip = { .type = IDENTIFIER_IP, .value = STR("127.0.0.1"), .ip = { 127, 0, 0, 1 },
				 .ip_len = 4 }, id = { .value = STR("right.test") };
	struct validation_request r = request(&ip);
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_DNS01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	assert_false(VALIDATOR_DNS01.ip); /* RFC 8738 §7 */
	r = request(&id);
	r.key_authorization = (struct str){ 0 };
	assert_int_equal(VALIDATOR_DNS01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	assert_int_equal(VALIDATOR_DNS01.challenge, CHALLENGE_DNS_01);
	assert_ptr_equal(validator_by_type(STR("dns-01")), &VALIDATOR_DNS01);
}

static void test_dns01_cancel__no_call_afterwards(void **state)
{
	struct identifier id = { .value = STR("right.test") };
	struct validation_request r = request(&id);
	struct seen seen = { 0 }, after;
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_DNS01.start(env.validators, &r, on_done, &seen, &v), RC_OK);
	VALIDATOR_DNS01.cancel(v);
	VALIDATOR_DNS01.cancel(NULL);
	validate("right.test", &after);
	assert_true(after.result.valid);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_rfc8555_8_4__digest_in_a_txt_record_proves_control),
		cmocka_unit_test(test_rfc8555_7_1_3__wildcard),
		cmocka_unit_test(test_rfc8555_8_4__any_of_several_records),
		cmocka_unit_test(test_v34__sibling_labels_never_count),
		cmocka_unit_test(test_rfc1034_3_6_2__aliases_are_followed_within_limits),
		cmocka_unit_test(test_rfc8555_8_4__near_misses_are_explained),
		cmocka_unit_test(test_dns01__next_attempt_sees_the_new_record),
		cmocka_unit_test(test_dns01__failures_have_their_problem),
		cmocka_unit_test(test_rfc4035_5_5__bogus_answers_are_refused),
		cmocka_unit_test(test_rfc1035_2_3_4__name_too_long_for_the_label),
		cmocka_unit_test(test_dns01_start__what_can_never_be_proven),
		cmocka_unit_test(test_dns01_cancel__no_call_afterwards),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
