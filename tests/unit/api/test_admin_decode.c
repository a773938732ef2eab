/* test_admin_decode.c - what admin clients send: strict, and refused by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/admin/decode.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/limits.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, LIMIT_REQUEST_ARENA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void assert_str(struct str got, const char *wanted)
{
	assert_int_equal(got.len, strlen(wanted));
	assert_memory_equal(got.p, wanted, got.len);
}

/* --- query --- */

static enum rc query(const char *text, struct str *a, struct str *b, struct fault *f)
{
	const struct query_param table[] = { { "name", a }, { "limit", b }, { 0 } };

	*a = *b = (struct str){ 0 };
	return admin_query_decode(&arena, str_of(text), table, f);
}

static void test_query__known_parameters_in_any_order(void **state)
{
	struct str a, b;

	(void)state;
	assert_int_equal(query("limit=5&name=a%2eexample", &a, &b, NULL), RC_OK);
	assert_str(a, "a.example");
	assert_str(b, "5");
	assert_int_equal(query("name=*.b+c%20d%C3%A9", &a, &b, NULL), RC_OK);
	assert_str(a, "*.b c d\xc3\xa9");
	assert_null(b.p);
	assert_int_equal(query("name=", &a, &b, NULL), RC_OK);
	assert_non_null(a.p);
	assert_int_equal(a.len, 0);
	assert_int_equal(query(NULL, &a, &b, NULL), RC_OK);
	assert_null(a.p);
	assert_int_equal(query("", &a, &b, NULL), RC_OK);
}

static void test_query__refused(void **state)
{
	static const struct {
		const char *query, *says;
	} cases[] = {
		{ "nmae=x", "\"nmae\"" },           { "name=x&name=y", "twice" },
		{ "name", "no value" },             { "name=x&&limit=1", "no value" },
		{ "name=%", "%" },                  { "name=%4", "%" },
		{ "name=%zz", "%" },                { "name=%4g", "%" },
		{ "name=%00", "control" },          { "name=a%0ab", "control" },
		{ "name=%1b[31m", "control" },      { "name=%ff", "UTF-8" },
		{ "name=%e2%80%ae", "control" },    { "NAME=x", "\"NAME\"" },
		{ "=x", "\"\"" },                   { "name%3d=x", "\"name%3d\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(fault) struct fault f = { 0 };
		struct str a, b;

		assert_int_equal(query(cases[i].query, &a, &b, &f), RC_INVALID);
		assert_int_equal(f.problem, PROBLEM_MALFORMED);
		if (!strstr(f.detail, cases[i].says))
			fail_msg("%s: %s", cases[i].query, f.detail);
	}
}

static void test_segment__plus_is_a_plus(void **state)
{
	struct str out;

	(void)state;
	assert_int_equal(admin_segment_decode(&arena, STR("my%20lab+1"), &out, NULL), RC_OK);
	assert_str(out, "my lab+1");
	assert_int_equal(admin_segment_decode(&arena, STR("a%"), &out, NULL), RC_INVALID);
}

static void test_limit__range(void **state)
{
	static const char *const bad[] = { "0", "-1", "1001", "", "x", "1 ", "0x10", "99999999999999999999" };
	int64_t limit = 0;

	(void)state;
	assert_int_equal(admin_limit_decode((struct str){ 0 }, &limit, NULL), RC_OK);
	assert_int_equal(limit, ADMIN_PAGE);
	assert_int_equal(admin_limit_decode(STR("1"), &limit, NULL), RC_OK);
	assert_int_equal(limit, 1);
	assert_int_equal(admin_limit_decode(STR("1000"), &limit, NULL), RC_OK);
	assert_int_equal(limit, ADMIN_PAGE_MAX);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		limit = 7;
		assert_int_equal(admin_limit_decode(str_of(bad[i]), &limit, NULL), RC_INVALID);
		assert_int_equal(limit, 7);
	}
}

/* --- bodies --- */

static void test_issue__everything(void **state)
{
	struct admin_issue x;

	(void)state;
	assert_int_equal(admin_issue_decode(&arena,
					    STR("{\"dns\":[\"a.lan\",\"*.b.lan\"],\"ip\":[\"10.0.0.1\"],\"profile\":\"short\","
						"\"authority\":\"ca\",\"duration\":\"36h\",\"csr\":\"PEM\"}"),
					    &x, NULL),
			 RC_OK);
	assert_int_equal(x.dns_count, 2);
	assert_str(x.dns[1], "*.b.lan");
	assert_int_equal(x.ip_count, 1);
	assert_str(x.ip[0], "10.0.0.1");
	assert_str(x.profile, "short");
	assert_str(x.authority, "ca");
	assert_int_equal(x.duration_s, 36 * 3600);
	assert_str(x.csr, "PEM");
}

static void test_issue__csr_alone(void **state)
{
	struct admin_issue x;

	(void)state;
	assert_int_equal(admin_issue_decode(&arena, STR("{\"csr\":\"PEM\"}"), &x, NULL), RC_OK);
	assert_int_equal(x.dns_count + x.ip_count, 0);
	assert_int_equal(x.duration_s, 0);
	assert_null(x.profile.p);
	assert_null(x.authority.p);
}

static void test_issue__refused(void **state)
{
	static const struct {
		const char *json, *says;
	} cases[] = {
		{ "{}", "\"csr\"" },
		{ "{\"csr\":1}", "\"csr\"" },
		{ "{\"csr\":\"x\",\"dsn\":[\"a\"]}", "\"dsn\"" },
		{ "{\"csr\":\"x\",\"key\":\"y\"}", "\"key\"" },
		{ "{\"csr\":\"x\",\"dns\":\"a\"}", "\"dns\"" },
		{ "{\"csr\":\"x\",\"dns\":[1]}", "\"dns\"" },
		{ "{\"csr\":\"x\",\"duration\":\"0d\"}", "\"duration\"" },
		{ "{\"csr\":\"x\",\"duration\":\"90 days\"}", "\"duration\"" },
		{ "{\"csr\":\"x\",\"duration\":90}", "\"duration\"" },
		{ "{\"csr\":\"x\",\"csr\":\"y\"}", "twice" },
		{ "[]", "object" },
		{ "", "empty" },
		{ "{\"csr\":\"x\"} {}", "RFC 8259" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(fault) struct fault f = { 0 };
		struct admin_issue x;

		assert_int_equal(admin_issue_decode(&arena, str_of(cases[i].json), &x, &f), RC_INVALID);
		if (!strstr(f.detail, cases[i].says))
			fail_msg("%s: %s", cases[i].json, f.detail);
	}
}

static void test_issue__more_names_than_a_certificate_has(void **state)
{
	AUTO(fault) struct fault f = { 0 };
	AUTO(buf) struct buf b;
	struct admin_issue x;

	(void)state;
	buf_init(&b, 64 * 1024);
	buf_add_text(&b, "{\"csr\":\"x\",\"ip\":[\"10.0.0.1\"],\"dns\":[");
	for (int i = 0; i < LIMIT_IDENTIFIERS; i++)
		buf_addf(&b, "%s\"n%d.lan\"", i ? "," : "", i);
	buf_add_text(&b, "]}");
	assert_int_equal(admin_issue_decode(&arena, buf_str(&b), &x, &f), RC_INVALID);
	assert_non_null(strstr(f.detail, "100"));
}

static void test_revoke__reasons(void **state)
{
	static const struct {
		const char *json;
		int64_t reason;
	} good[] = {
		{ "", 0 }, { "{}", 0 }, { "{\"reason\":null}", 0 }, { "{\"reason\":\"keyCompromise\"}", 1 },
		{ "{\"reason\":\"KEYCOMPROMISE\"}", 1 }, { "{\"reason\":4}", 4 }, { "{\"reason\":\"5\"}", 5 },
		{ "{\"reason\":\"privilegeWithdrawn\"}", 9 },
	};
	static const char *const bad[] = {
		"{\"reason\":\"cACompromise\"}", "{\"reason\":6}", "{\"reason\":7}", "{\"reason\":-1}",
		"{\"reason\":\"\"}", "{\"reason\":true}", "{\"reason\":1.0}", "{\"raeson\":1}", "[]", "1",
	};
	int64_t reason;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		reason = -7;
		assert_int_equal(admin_revoke_decode(&arena, str_of(good[i].json), &reason, NULL), RC_OK);
		assert_int_equal(reason, good[i].reason);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(admin_revoke_decode(&arena, str_of(bad[i]), &reason, NULL), RC_INVALID);
}

static void test_nothing__is_nothing(void **state)
{
	(void)state;
	assert_int_equal(admin_nothing_decode((struct str){ 0 }, NULL), RC_OK);
	assert_int_equal(admin_nothing_decode(STR("{}"), NULL), RC_OK);
	assert_int_equal(admin_nothing_decode(STR("{\"force\":true}"), NULL), RC_INVALID);
	assert_int_equal(admin_nothing_decode(STR("null"), NULL), RC_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query__known_parameters_in_any_order),
		cmocka_unit_test(test_query__refused),
		cmocka_unit_test(test_segment__plus_is_a_plus),
		cmocka_unit_test(test_limit__range),
		cmocka_unit_test(test_issue__everything),
		cmocka_unit_test(test_issue__csr_alone),
		cmocka_unit_test(test_issue__refused),
		cmocka_unit_test(test_issue__more_names_than_a_certificate_has),
		cmocka_unit_test(test_revoke__reasons),
		cmocka_unit_test(test_nothing__is_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
