/* test_caa.c - finding the Relevant CAA RRset through a stub name server (RFC 8659 §3). */
#include "validator/caa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "stub_dns.h"

enum { ROW_TOP, ROW_FREE, ROW_BELOW_ALIAS };

static const struct stub_dns_row ROWS[] = {
	[ROW_TOP] = { "test", DNS_CAA, .data = "0 issue top.test" },
	[ROW_FREE] = { "free.internal", DNS_A, .data = "10.0.0.1" },
	[ROW_BELOW_ALIAS] = { "target.internal", DNS_CAA, .data = "0 issue nobody.test" },
	{ "ok.internal", DNS_CAA, .data = "0 issue ca.test|0 iodef mailto:a@b.test" },
	{ "deny.internal", DNS_CAA, .data = "0 issue other.test" },
	{ "child.deny.internal", DNS_CAA, .data = "0 issue ca.test" },
	{ "iodef.deny.internal", DNS_CAA, .data = "0 iodef mailto:a@b.test" },
	{ "wild.internal", DNS_CAA, .data = "0 issue other.test|0 issuewild ca.test" },
	{ "critical.internal", DNS_CAA, .data = "0 issue ca.test|128 tbs x" },
	{ "params.internal", DNS_CAA,
	  .data = "0 issue ca.test;accounturi=https://ca.test/acct/1;validationmethods=dns-01" },
	/* An alias at the name itself, and one on the way up. */
	{ "alias.internal", 0, .cname = "ok.internal" },
	{ "empty.internal", 0, .cname = "nothing-at-all.example" },
	{ "www.empty.internal", DNS_A, .data = "10.0.0.1" },
	{ "servfail.internal", 0, STUB_DNS_SERVFAIL },
	{ "a.servfail.internal", DNS_A, .data = "10.0.0.1" },
	{ "refused.internal", 0, STUB_DNS_REFUSED },
	{ "garbage.internal", 0, STUB_DNS_GARBAGE },
	{ "silent.internal", 0, STUB_DNS_SILENT },
	{ "huge.internal", DNS_CAA, STUB_DNS_TRUNCATE, .data = "0 issue ca.test" },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct addr server;
	struct resolver *resolver;
	struct validator_env *validators;
	unsigned open;
} env;

struct seen {
	unsigned count;
	struct caa_result result;
	char trace[LIMIT_TRACE + 1];
};

static void on_done(void *arg, const struct caa_result *r)
{
	struct seen *seen = arg;

	seen->count++;
	seen->result = *r;
	snprintf(seen->trace, sizeof(seen->trace), "%.*s", STR_ARG(r->trace));
	if (--env.open == 0)
		loop_stop(env.loop);
}

static const struct str ISSUERS[] = { { "ca.test", 7 } };

static struct caa_request request(const struct identifier *id)
{
	return (struct caa_request){
		.identifier = id,
		.resolver = env.resolver,
		.issuers = ISSUERS,
		.issuer_count = 1,
		.account_url = STR("https://ca.test/acct/1"),
		.method = STR("dns-01"),
		.deadline_ms = 5000,
	};
}

static void run(const struct caa_request *r, struct seen *seen)
{
	struct caa_check *c;

	*seen = (struct seen){ 0 };
	env.open = 1;
	assert_int_equal(caa_check_start(env.validators, r, on_done, seen, &c), RC_OK);
	assert_int_equal(seen->count, 0);
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

static void check(const char *name, bool wildcard, struct seen *seen)
{
	struct identifier id = { .value = str_of(name), .wildcard = wildcard };
	struct caa_request r = request(&id);

	run(&r, seen);
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

static void test_rfc8659_3__the_nearest_records_decide(void **state)
{
	static const struct {
		const char *name;
		enum caa_verdict verdict;
		const char *owner;
	} CASES[] = {
		{ "ok.internal", CAA_VERDICT_ALLOWED, "ok.internal" },
		{ "a.b.c.ok.internal", CAA_VERDICT_ALLOWED, "ok.internal" },
		{ "deny.internal", CAA_VERDICT_DENIED, "deny.internal" },
		{ "www.deny.internal", CAA_VERDICT_DENIED, "deny.internal" },
		{ "child.deny.internal", CAA_VERDICT_ALLOWED, "child.deny.internal" },
		{ "x.child.deny.internal", CAA_VERDICT_ALLOWED, "child.deny.internal" },
		/* Records without issue end the climb as well. */
		{ "iodef.deny.internal", CAA_VERDICT_ALLOWED, "iodef.deny.internal" },
		{ "host.test", CAA_VERDICT_DENIED, "test" },        /* of the top-level domain */
		{ "free.internal", CAA_VERDICT_ALLOWED, "" },       /* none up to the root */
		{ "gone.nowhere.internal", CAA_VERDICT_ALLOWED, "" }, /* NXDOMAIN is an absence */
		{ "huge.internal", CAA_VERDICT_ALLOWED, "huge.internal" }, /* over TCP */
		{ "critical.internal", CAA_VERDICT_DENIED, "critical.internal" },
		{ "params.internal", CAA_VERDICT_ALLOWED, "params.internal" },
	};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		check(CASES[i].name, false, &seen);
		if (seen.result.verdict != CASES[i].verdict)
			fail_msg("%s: %s\n%s", CASES[i].name, seen.result.detail, seen.trace);
		assert_string_equal(seen.result.owner, CASES[i].owner);
		assert_string_equal(seen.result.name, CASES[i].name);
		assert_int_equal(seen.result.problem,
				 CASES[i].verdict == CAA_VERDICT_DENIED ? PROBLEM_CAA : PROBLEM_NONE);
	}
}

static void test_caa_check__results_explain(void **state)
{
	struct seen seen;

	(void)state;
	check("www.deny.internal", false, &seen);
	assert_string_equal(seen.result.records, "0 issue \"other.test\"");
	assert_has(seen.result.detail, "RFC 8659 §3: the CAA records of deny.internal forbid this service to "
				       "issue for www.deny.internal");
	assert_has(seen.result.detail, "publish 'deny.internal. CAA 0 issue \"ca.test\"'");
	assert_has(seen.trace, "dns www.deny.internal CAA: NXDOMAIN (");
	assert_has(seen.trace, "dns deny.internal CAA: 0 issue \"other.test\" (");
	assert_false(seen.result.transient);
	check("ok.internal", false, &seen);
	assert_string_equal(seen.result.records, "0 issue \"ca.test\", 0 iodef \"mailto:a@b.test\"");
	check("gone.internal", false, &seen);
	assert_has(seen.result.detail, "neither gone.internal nor any of its parents");
	assert_has(seen.trace, "dns internal CAA: NXDOMAIN (");
}

static void test_rfc8659_4_3__wildcard(void **state)
{
	struct seen seen;

	(void)state;
	check("wild.internal", true, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_ALLOWED);
	assert_string_equal(seen.result.name, "*.wild.internal");
	check("wild.internal", false, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_DENIED);
	check("deny.internal", true, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_DENIED);
	assert_has(seen.result.detail, "publish 'deny.internal. CAA 0 issuewild \"ca.test\"'");
}

/* RFC 8659 §3: an alias leads to the target's own records, but not to the target's parents. */
static void test_rfc8659_3__aliases(void **state)
{
	struct seen seen;

	(void)state;
	check("alias.internal", false, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_ALLOWED);
	assert_has(seen.trace, ", CNAME ok.internal (");
	check("www.empty.internal", false, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_ALLOWED);
	assert_string_equal(seen.result.owner, "");
	assert_null(strstr(seen.trace, "dns example CAA"));
}

static void test_rfc8657__account_and_method(void **state)
{
	struct identifier id = { .value = STR("params.internal") };
	struct caa_request r = request(&id);
	struct seen seen;

	(void)state;
	r.account_url = STR("https://ca.test/acct/2");
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_DENIED);
	assert_has(seen.result.detail, "RFC 8657 §3");
	r = request(&id);
	r.method = STR("http-01");
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_DENIED);
	assert_has(seen.result.detail, "RFC 8657 §4");
	/* Nothing known of the account or the method allows nothing. */
	r.account_url = r.method = (struct str){ 0 };
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_DENIED);
}

/* TRUST V25: what cannot be found out is not an absence, wherever on the way up it happens. */
static void test_v25__failures_are_no_absence(void **state)
{
	static const struct {
		const char *name, *owner, *detail;
	} CASES[] = {
		{ "servfail.internal", "servfail.internal", "SERVFAIL" },
		{ "a.servfail.internal", "servfail.internal", "SERVFAIL" },
		{ "x.y.servfail.internal", "servfail.internal", "SERVFAIL" },
		{ "refused.internal", "refused.internal", "no answer" },
		{ "garbage.internal", "garbage.internal", "no answer" },
	};
	struct identifier silent = { .value = STR("silent.internal") };
	struct caa_request r = request(&silent);
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		check(CASES[i].name, false, &seen);
		assert_int_equal(seen.result.verdict, CAA_VERDICT_FAILED);
		assert_int_equal(seen.result.problem, PROBLEM_DNS);
		assert_true(seen.result.transient);
		assert_string_equal(seen.result.owner, CASES[i].owner);
		assert_has(seen.result.detail, CASES[i].detail);
	}
	r.deadline_ms = 150;
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_FAILED);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "within 150 ms");
	assert_true(seen.result.duration_ms >= 150 && seen.result.duration_ms < 2000);
}

/* A zone whose key is known and whose answers carry no signature: no proof of absence either. */
static void test_rfc4035_5_5__bogus_answers_are_refused(void **state)
{
	static const char ANCHOR[] = "internal. IN DS 12345 13 2 "
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	char path[] = "/tmp/assay-anchor-XXXXXX";
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .dnssec = true,
				      .trust_anchor_file = path, .timeout_ms = 5000 };
	struct identifier id = { .value = STR("free.internal") };
	struct caa_request r = request(&id);
	int fd = mkstemp(path);
	struct seen seen;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, ANCHOR, sizeof(ANCHOR) - 1), sizeof(ANCHOR) - 1);
	close(fd);
	assert_int_equal(resolver_new(env.loop, &o, &r.resolver, NULL), RC_OK);
	unlink(path);
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_FAILED);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_false(seen.result.transient);
	assert_has(seen.result.detail, "RFC 4035 §5.5");
	resolver_free(r.resolver);
}

static void test_caa_check__addresses_have_no_caa(void **state)
{
	struct identifier id = { .type = IDENTIFIER_IP, .value = STR("10.0.0.1"), .ip = { 10, 0, 0, 1 },
				 .ip_len = 4 };
	struct caa_request r = request(&id);
	struct seen seen;

	(void)state;
	run(&r, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_ALLOWED);
	assert_has(seen.result.detail, "10.0.0.1 is an address");
	assert_string_equal(seen.trace, "");
}

static void test_caa_check__the_climb_is_limited(void **state)
{
	char name[LIMIT_NAME + 1] = "";
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < 45; i++)
		strcat(name, "a.");
	strcat(name, "internal");
	check(name, false, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_FAILED);
	assert_false(seen.result.transient);
	assert_has(seen.result.detail, "more than 40 labels");
	/* 34 labels: an IPv6 address in the reverse tree. */
	name[0] = '\0';
	for (size_t i = 0; i < 33; i++)
		strcat(name, "a.");
	strcat(name, "internal");
	check(name, false, &seen);
	assert_int_equal(seen.result.verdict, CAA_VERDICT_ALLOWED);
}

/* TRUST V26: each check is about its own name. */
static void test_v26__many_at_once_are_told_apart(void **state)
{
	enum { COUNT = 100, DENIED_AT = 57 };
	static struct seen seen[COUNT];
	char names[COUNT][40];
	struct caa_check *c;

	(void)state;
	env.open = COUNT;
	for (size_t i = 0; i < COUNT; i++) {
		struct identifier id;
		struct caa_request r;

		snprintf(names[i], sizeof(names[i]), "n%zu.%s", i, i == DENIED_AT ? "deny.internal" : "ok.internal");
		id = (struct identifier){ .value = str_of(names[i]) };
		r = request(&id);
		seen[i] = (struct seen){ 0 };
		assert_int_equal(caa_check_start(env.validators, &r, on_done, &seen[i], &c), RC_OK);
	}
	loop_run(env.loop);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(seen[i].count, 1);
		assert_string_equal(seen[i].result.name, names[i]);
		assert_int_equal(seen[i].result.verdict,
				 i == DENIED_AT ? CAA_VERDICT_DENIED : CAA_VERDICT_ALLOWED);
	}
}

static void test_caa_check__start_and_cancel(void **state)
{
	struct identifier none = { .value = STR("") }, odd = { .value = STR("a b.internal") },
			  id = { .value = STR("ok.internal") };
	struct caa_request r = request(&none);
	struct seen seen = { 0 }, after;
	struct caa_check *c;

	(void)state;
	assert_int_equal(caa_check_start(env.validators, &r, on_done, &seen, &c), RC_INVALID);
	r = request(&odd);
	assert_int_equal(caa_check_start(env.validators, &r, on_done, &seen, &c), RC_INVALID);
	r = request(&id);
	r.issuer_count = 0;
	assert_int_equal(caa_check_start(env.validators, &r, on_done, &seen, &c), RC_INVALID);
	r = request(&id);
	assert_int_equal(caa_check_start(env.validators, &r, on_done, &seen, &c), RC_OK);
	caa_check_cancel(c);
	caa_check_cancel(NULL);
	check("ok.internal", false, &after);
	assert_int_equal(after.result.verdict, CAA_VERDICT_ALLOWED);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_rfc8659_3__the_nearest_records_decide),
		cmocka_unit_test(test_caa_check__results_explain),
		cmocka_unit_test(test_rfc8659_4_3__wildcard),
		cmocka_unit_test(test_rfc8659_3__aliases),
		cmocka_unit_test(test_rfc8657__account_and_method),
		cmocka_unit_test(test_v25__failures_are_no_absence),
		cmocka_unit_test(test_rfc4035_5_5__bogus_answers_are_refused),
		cmocka_unit_test(test_caa_check__addresses_have_no_caa),
		cmocka_unit_test(test_caa_check__the_climb_is_limited),
		cmocka_unit_test(test_v26__many_at_once_are_told_apart),
		cmocka_unit_test(test_caa_check__start_and_cancel),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
