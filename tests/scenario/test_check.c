/* The doctor (core/check.h): that it decides as an order would be decided, leaves nothing behind, and
 * ends whenever it must. What it says about the network is in tests/system/test_check.py. */
#include "kit.h"

#include "core/check.h"
#include "core/rate_limit.h"

static struct check *begin(struct check_request r)
{
	struct context *c = kit_begin();
	struct check *k = NULL;

	must(check_start(c, &r, &k, &kit.actor.f));
	kit_drop();
	return k;
}

/* To its end; free it. */
static struct check *ask(struct check_request r)
{
	struct check *k = begin(r);

	kit_settle();
	assert_non_null(check_report(k));
	for (size_t i = 0; i < check_report(k)->line_count; i++) {
		const struct check_line *line = &check_report(k)->lines[i];

		assert_true(line->text.len > 0);
		assert_int_equal(line->grade != CHECK_OK, line->remedy.len > 0);
	}
	return k;
}

static enum rc try_ask(struct check_request r)
{
	struct context *c = kit_begin();
	struct check *k = NULL;
	enum rc rc = check_start(c, &r, &k, &kit.actor.f);

	kit_drop();
	check_free(k);
	return rc;
}

/* Is there such a line? */
static bool tells(const struct check *k, enum check_grade grade, const char *topic, const char *text)
{
	const struct check_report *r = check_report(k);

	for (size_t i = 0; i < r->line_count; i++) {
		if (r->lines[i].grade == grade && strcmp(r->lines[i].topic, topic) == 0 && text_has(r->lines[i].text, text))
			return true;
	}
	return false;
}

static bool would_issue(const char *name, struct str account)
{
	struct check *k = ask((struct check_request){ .name = str_of(name), .account = account });
	bool would = check_report(k)->would_issue;

	check_free(k);
	return would;
}

static struct str account_text(const struct account *a)
{
	return id_str(&kit.actor.arena, a->id);
}

static int64_t rows(void)
{
	int64_t count = 0;

	for (size_t i = 0; STORE_TABLES[i]; i++)
		count += kit_count(STORE_TABLES[i]);
	return count;
}

static void test_check__leaves_nothing_behind(void **state)
{
	const struct account *a = kit_account();
	int64_t before = rows();
	struct check *k;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlimits: {new_orders_per_account_hour: 1/h, certificates_per_name: 1/h}\n");
	script_host("10.0.0.1");
	for (int i = 0; i < 3; i++)
		assert_true(would_issue("a.test", account_text(a)));
	assert_int_equal(rows(), before);
	assert_int_equal(script_issued(), 0);
	kit_issue(a, "dns:a.test");
	k = ask((struct check_request){ .name = STR("a.test"), .account = account_text(a) });
	assert_true(tells(k, CHECK_FAIL, "limits", "new-orders-per-account-hour") ||
		    tells(k, CHECK_FAIL, "limits", "certificates-per-name"));
	check_free(k);
	for (int i = 0; i < LIMIT_RULES; i++)
		assert_int_equal(limits_refused(kit.service.limits, (enum limit_rule)i), 0);
}

static void test_check__one_way_is_enough(void **state)
{
	struct check *k;

	(void)state;
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n");
	script_host("10.0.0.1");
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT, ANSWER_FINAL);
	k = ask((struct check_request){ .name = STR("a.test") });
	assert_true(check_report(k)->would_issue);
	assert_true(tells(k, CHECK_WARN, "http-01", "refused"));
	assert_true(text_has(check_report(k)->cause, "dns-01"));
	check_free(k);
	SCRIPT_VALIDATIONS("b.test", ANSWER_TRANSIENT);
	k = ask((struct check_request){ .name = STR("b.test"), .challenge = STR("http-01") });
	assert_false(check_report(k)->would_issue);
	assert_true(tells(k, CHECK_FAIL, "http-01", "refused"));
	check_free(k);
}

static void test_check__what_is_proven_is_proven(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();

	(void)state;
	kit_issue(a, "dns:a.test");
	script_all(ANSWER_TRANSIENT);
	assert_true(would_issue("a.test", account_text(a)));
	assert_false(would_issue("a.test", account_text(b)));
	assert_false(would_issue("a.test", (struct str){ 0 }));
	kit_advance_ms(400 * DAY_MS);
	assert_false(would_issue("a.test", account_text(a)));
}

static void test_check__caa_as_the_zone_has_it(void **state)
{
	static const struct {
		const char *mode;
		enum dns_script dns;
		bool issues;
	} rows[] = {
		{ "off", DNS_FORBIDS, true },      { "report", DNS_FORBIDS, true },  { "enforce", DNS_FORBIDS, false },
		{ "enforce", DNS_HAS_NONE, true }, { "enforce", DNS_FAILS, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		kit_settings(arena_printf(&kit.actor.arena, "zones: [{names: [\"*\"], caa: %s}]\n", rows[i].mode));
		script_host("10.0.0.1");
		script_dns(rows[i].dns);
		assert_int_equal(would_issue("a.test", (struct str){ 0 }), rows[i].issues);
	}
}

static void test_check__the_clock(void **state)
{
	struct check *k;

	(void)state;
	script_host("10.0.0.1");
	(void)kit_account();
	clock_fake(KIT_START_MS - HOUR_MS / 2);
	k = ask((struct check_request){ .name = STR("a.test") });
	assert_true(tells(k, CHECK_WARN, "clock", "went back by 30 min"));
	assert_true(check_report(k)->would_issue);
	check_free(k);
	clock_fake(KIT_START_MS + 366 * 5 * DAY_MS - 40 * DAY_MS);
	k = ask((struct check_request){ .name = STR("a.test") });
	assert_true(tells(k, CHECK_WARN, "authority", "ends at") || tells(k, CHECK_FAIL, "authority", "would refuse"));
	check_free(k);
	clock_fake(KIT_START_MS + 40 * 366 * DAY_MS);
	k = ask((struct check_request){ .name = STR("a.test") });
	assert_true(tells(k, CHECK_FAIL, "authority", "would refuse"));
	assert_true(tells(k, CHECK_FAIL, "clock", "after its authority ended"));
	check_free(k);
}

static void test_check__questions_that_make_no_sense(void **state)
{
	const struct account *a = kit_account();

	(void)state;
	assert_int_equal(try_ask((struct check_request){ .name = STR("a.test"), .account = STR("x") }), RC_INVALID);
	kit_assert_fault(PROBLEM_MALFORMED, "account");
	assert_int_equal(try_ask((struct check_request){ .name = STR("a.test"), .directory = STR("x") }), RC_NOTFOUND);
	assert_int_equal(try_ask((struct check_request){ .name = STR("a.test"), .challenge = STR("x") }), RC_INVALID);
	assert_int_equal(try_ask((struct check_request){ .name = STR("a.test"), .account = account_text(a),
							 .directory = STR("bound") }),
			 RC_INVALID);
	kit_assert_fault(PROBLEM_MALFORMED, "default");
}

static void test_check__at_most_four_and_none_waits(void **state)
{
	struct check_request r = { .name = STR("a.test") };
	struct check *held[4];

	(void)state;
	script_all(ANSWER_HOLD);
	for (size_t i = 0; i < COUNT_OF(held); i++)
		held[i] = begin(r);
	kit_settle();
	assert_null(check_report(held[0]));
	assert_int_equal(try_ask(r), RC_BUSY);
	check_free(held[0]); /* whose asker has gone */
	held[0] = begin(r);
	kit_settle();
	assert_int_equal(script_release(NULL, ANSWER_VALID), 4);
	kit_settle();
	for (size_t i = 0; i < COUNT_OF(held); i++) {
		assert_true(check_report(held[i])->would_issue);
		check_free(held[i]);
	}
}

/* The old zone's resolver stays as long as somebody asks it; new questions wait for the new one. */
static void test_reload__while_one_is_under_way(void **state)
{
	struct check_request r = { .name = STR("a.test") };
	struct check *k;

	(void)state;
	script_all(ANSWER_HOLD);
	k = begin(r);
	kit_settle();
	kit_settings("zones: [{names: [\"*\"], name: other}]\n");
	assert_int_equal(try_ask(r), RC_BUSY);
	kit_assert_fault(PROBLEM_UNAVAILABLE, "reloaded");
	assert_int_equal(script_release(NULL, ANSWER_VALID), 1);
	kit_settle();
	assert_true(str_is(check_report(k)->zone, "zone-1"));
	check_free(k);
	script_all(ANSWER_VALID);
	k = ask(r);
	assert_true(str_is(check_report(k)->zone, "other"));
	check_free(k);
}

static void test_end__while_one_is_under_way(void **state)
{
	struct check *asking_dns, *asking_host;

	(void)state;
	script_all(ANSWER_HOLD);
	asking_host = begin((struct check_request){ .name = STR("a.test") });
	kit_settle();
	script_dns(DNS_SILENT);
	asking_dns = begin((struct check_request){ .name = STR("b.test") });
	kit_settle();
	kit_crash();
	assert_null(check_report(asking_dns));
	assert_null(check_report(asking_host));
	check_free(asking_dns);
	check_free(asking_host);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_check__leaves_nothing_behind),
		SCENARIO(test_check__one_way_is_enough),
		SCENARIO(test_check__what_is_proven_is_proven),
		SCENARIO(test_check__caa_as_the_zone_has_it),
		SCENARIO(test_check__the_clock),
		SCENARIO(test_check__questions_that_make_no_sense),
		SCENARIO(test_check__at_most_four_and_none_waits),
		SCENARIO(test_reload__while_one_is_under_way),
		SCENARIO(test_end__while_one_is_under_way),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
