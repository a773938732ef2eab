/* test_caa_judge.c - what CAA records say (RFC 8659 §4, RFC 8657). */
#include "validator/caa_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ACCOUNT "https://ca.test/acme/acct/1"

static const struct str ISSUERS[] = { { "ca.test", 7 }, { "second.ca.test", 14 } };

struct row {
	unsigned flags;
	const char *tag, *value;
};

struct judge_case {
	struct row rows[4];
	bool plain, wildcard; /* allowed? */
	const char *why;      /* of the plain one */
};

static bool judge(const struct row *rows, bool wildcard, char why[CAA_WHY_MAX])
{
	struct caa_issuance issuance = {
		.issuers = ISSUERS,
		.issuer_count = COUNT_OF(ISSUERS),
		.account_url = STR(ACCOUNT),
		.method = STR("dns-01"),
		.wildcard = wildcard,
	};
	struct dns_caa records[4];
	size_t count = 0;

	for (; count < 4 && rows[count].tag; count++)
		records[count] = (struct dns_caa){ (uint8_t)rows[count].flags, str_of(rows[count].tag),
						   str_of(rows[count].value) };
	return caa_judge(records, count, &issuance, why);
}

static void check(const struct judge_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char why[CAA_WHY_MAX], why_wildcard[CAA_WHY_MAX];

		if (judge(cases[i].rows, false, why) != cases[i].plain)
			fail_msg("case %zu: %s", i, why);
		if (judge(cases[i].rows, true, why_wildcard) != cases[i].wildcard)
			fail_msg("case %zu, wildcard: %s", i, why_wildcard);
		if (!strstr(why, cases[i].why))
			fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].why, why);
	}
}

static void test_rfc8659_4_2__issue(void **state)
{
	static const struct judge_case CASES[] = {
		{ { { 0, "issue", "ca.test" } }, true, true, "0 issue \"ca.test\": it names this service" },
		{ { { 0, "issue", "other.test" } }, false, false, "0 issue \"other.test\": it names another" },
		{ { { 0, "issue", "other.test" }, { 0, "issue", "second.ca.test" } }, true, true, "names this" },
		{ { { 0, "issue", ";" } }, false, false, "it names nobody" },
		{ { { 0, "issue", "" } }, false, false, "it names nobody" },
		{ { { 0, "issue", " \t" } }, false, false, "it names nobody" },
		{ { { 0, "ISSUE", "CA.Test" } }, true, true, "names this" }, /* without case */
		{ { { 0, "issue", " \tca.test\t " } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test;" } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test ; a=1" } }, true, true, "names this" },
		{ { { 0, "issue", "a.ca.test" } }, false, false, "another issuer" },
		{ { { 0, "issue", "ca.tes" } }, false, false, "another issuer" },
		{ { { 0, "issue", "ca.testx" } }, false, false, "another issuer" },
		{ { { 0, "iodef", "mailto:a@b.test" } }, true, true, "no issue property" },
		{ { { 0, "unknown", "x" } }, true, true, "no issue property" },
		{ { { 0, "issuemail", ";" } }, true, true, "no issue property" }, /* RFC 9495 */
	};

	(void)state;
	check(CASES, COUNT_OF(CASES));
}

/* What breaks the grammar is read as "nobody", not as if it were not there. */
static void test_rfc8659_4_2__malformed_values_authorize_nobody(void **state)
{
	static const char *const VALUES[] = {
		"%%%%%", "ca.test.", ".ca.test", "ca..test", "-ca.test", "ca-.test", "ca.-test", "ca_.test", "ca test",
		"ca.test x", "ca.test,second.ca.test", "ca.test;;", "ca.test; a", "ca.test; a=1;", "ca.test; =1",
		"ca.test; a=1 b=2", "ca.test; a=1; ;b=2", "ca.test; a-=1", "ca.test; a=\x01", "ca.test; a=\"x y\"",
		"ca.test\n", "\xc3\xa9.test", "ca.test; a=\xc3\xa9", "\"ca.test\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(VALUES); i++) {
		struct row rows[4] = { { 0, "issue", VALUES[i] } };
		struct caa_issue issue;
		char why[CAA_WHY_MAX];

		if (caa_issue_parse(str_of(VALUES[i]), &issue))
			fail_msg("\"%s\" was parsed", VALUES[i]);
		assert_false(judge(rows, false, why));
		assert_non_null(strstr(why, "malformed"));
		/* It takes nothing from another record. */
		rows[1] = (struct row){ 0, "issue", "ca.test" };
		assert_true(judge(rows, false, why));
	}
}

static void test_rfc8659_4_2__parameters(void **state)
{
	struct caa_issue issue;

	(void)state;
	assert_true(caa_issue_parse(STR(" ca.test ;\tab-1 = x:/?=y ; accounturi=u;validationmethods="), &issue));
	assert_true(str_is(issue.issuer, "ca.test"));
	assert_true(str_is(issue.account_uri, "u"));
	assert_non_null(issue.methods.p);
	assert_int_equal(issue.methods.len, 0);
	assert_false(issue.contradicts);
	assert_true(caa_issue_parse(STR("; a=1"), &issue));
	assert_int_equal(issue.issuer.len, 0);
	assert_null(issue.account_uri.p);
}

static void test_rfc8659_4_3__issuewild(void **state)
{
	static const struct judge_case CASES[] = {
		{ { { 0, "issuewild", ";" } }, true, false, "no issue property" },
		{ { { 0, "issuewild", "ca.test" } }, true, true, "no issue property" },
		{ { { 0, "issue", ";" }, { 0, "issuewild", "ca.test" } }, false, true, "names nobody" },
		{ { { 0, "issue", "ca.test" }, { 0, "issuewild", ";" } }, true, false, "names this" },
		{ { { 0, "issue", "ca.test" }, { 0, "issuewild", "other.test" } }, true, false, "names this" },
		{ { { 0, "issue", "ca.test" }, { 0, "issuewild", "%" } }, true, false, "names this" },
	};

	(void)state;
	check(CASES, COUNT_OF(CASES));
}

static void test_rfc8659_4_1__unknown_critical_property_forbids(void **state)
{
	static const struct judge_case CASES[] = {
		{ { { 128, "tbs", "x" }, { 0, "issue", "ca.test" } }, false, false, "128 tbs \"x\": it is critical" },
		{ { { 0, "issue", "ca.test" }, { 128, "tbs", "" } }, false, false, "critical" },
		{ { { 255, "tbs", "x" } }, false, false, "critical" },
		{ { { 127, "tbs", "x" } }, true, true, "no issue property" }, /* other flags say nothing */
		{ { { 1, "tbs", "x" } }, true, true, "no issue property" },
		{ { { 128, "issue", "ca.test" } }, true, true, "names this" },
		{ { { 128, "issue", "other.test" } }, false, false, "another issuer" },
		{ { { 128, "iodef", "mailto:a@b.test" } }, true, true, "no issue property" },
		{ { { 128, "issuemail", "other.test" } }, true, true, "no issue property" },
		{ { { 128, "issue2", "ca.test" } }, false, false, "critical" },
		{ { { 128, "is\xc3\xbcsue", "ca.test" } }, false, false, "critical" },
	};

	(void)state;
	check(CASES, COUNT_OF(CASES));
}

static void test_rfc8657_3__accounturi(void **state)
{
	static const struct judge_case CASES[] = {
		{ { { 0, "issue", "ca.test; accounturi=" ACCOUNT } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test; AccountURI=" ACCOUNT } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test; accounturi=" ACCOUNT "2" } }, false, false, "RFC 8657 §3" },
		{ { { 0, "issue", "ca.test; accounturi=https://CA.test/acme/acct/1" } }, false, false, "§3" },
		{ { { 0, "issue", "ca.test; AccountURI=https://x" } }, false, false, "RFC 8657 §3" },
		{ { { 0, "issue", "ca.test; accounturi=" } }, false, false, "RFC 8657 §3" },
		{ { { 0, "issue", "ca.test; accounturi=" ACCOUNT "; accounturi=" ACCOUNT } }, false, false, "twice" },
		{ { { 0, "issue", "other.test; accounturi=" ACCOUNT } }, false, false, "another issuer" },
		{ { { 0, "issue", "ca.test; accounturi=https://x" }, { 0, "issue", "ca.test" } }, true, true, "names" },
		/* The one that nearly fits is the one that is explained. */
		{ { { 0, "issue", "other.test" }, { 0, "issue", "ca.test; accounturi=https://x" } }, false, false,
		  "accounturi=https://x" },
		{ { { 0, "issuewild", "ca.test; accounturi=https://x" } }, true, false, "no issue" },
	};

	(void)state;
	check(CASES, COUNT_OF(CASES));
}

static void test_rfc8657_4__validationmethods(void **state)
{
	static const struct judge_case CASES[] = {
		{ { { 0, "issue", "ca.test; validationmethods=dns-01" } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test; validationmethods=http-01,dns-01" } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-01,tls-alpn-01" } }, true, true, "names this" },
		{ { { 0, "issue", "ca.test; validationmethods=http-01" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-0" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-011" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-01," } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=,dns-01" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=dns_01,dns-01" } }, false, false, "RFC 8657 §4" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-01;validationmethods=dns-01" } }, false, false, "twice" },
		{ { { 0, "issue", "ca.test; validationmethods=dns-01; accounturi=https://x" } }, false, false, "§3" },
	};

	(void)state;
	check(CASES, COUNT_OF(CASES));
}

static void test_caa_text__strangers_text_is_made_printable(void **state)
{
	struct dns_caa record = { 0, STR("is\x1bsue"), STR("a\nb\"") };
	char out[100];

	(void)state;
	assert_int_equal(caa_text(&record, out, sizeof(out)), 15);
	assert_string_equal(out, "0 is?sue \"a?b\"\"");
	assert_int_equal(caa_text(&record, out, 5), 4);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_rfc8659_4_2__issue),
		cmocka_unit_test(test_rfc8659_4_2__malformed_values_authorize_nobody),
		cmocka_unit_test(test_rfc8659_4_2__parameters),
		cmocka_unit_test(test_rfc8659_4_3__issuewild),
		cmocka_unit_test(test_rfc8659_4_1__unknown_critical_property_forbids),
		cmocka_unit_test(test_rfc8657_3__accounturi),
		cmocka_unit_test(test_rfc8657_4__validationmethods),
		cmocka_unit_test(test_caa_text__strangers_text_is_made_printable),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
