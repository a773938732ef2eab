/* test_retry.c - Retry-After and the gaps between looks (RFC 9110 §5.6.7, §10.2.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/retry.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */

static const struct {
	const char *value;
	int64_t after_s; /* -1: not understood */
} rows[] = {
	{ "0", 0 },
	{ "120", 120 },
	{ "00120", 120 },
	{ "86400", 86400 },
	{ "86401", RETRY_AFTER_MAX_S },
	{ "99999999999999999999999999", RETRY_AFTER_MAX_S },
	{ "Fri, 15 Jan 2027 08:00:30 GMT", 30 },
	{ "Friday, 15-Jan-27 08:01:00 GMT", 60 },
	{ "Fri Jan 15 08:00:05 2027", 5 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 0 },
	{ "Sun Nov  6 08:49:37 1994", 0 },
	{ "Fri, 15 Jan 2100 08:00:30 GMT", RETRY_AFTER_MAX_S },
	{ "Fri, 15 Jan 9999 23:59:59 GMT", RETRY_AFTER_MAX_S },
	{ "", -1 },
	{ "-1", -1 },
	{ "+1", -1 },
	{ "1.5", -1 },
	{ " 1", -1 },
	{ "1s", -1 },
	{ "Fri, 15 Jan 2027 08:00:30 CET", -1 },
	{ "Fri, 15 Jan 2027 08:00:30 GMT ", -1 },
	{ "Fri, 32 Jan 2027 08:00:30 GMT", -1 },
	{ "Fri, 15 Jan 2027 24:00:30 GMT", -1 },
	{ "Fri, 15 Foo 2027 08:00:30 GMT", -1 },
	{ "Fry, 15 Jan 2027 08:00:30 GMT", -1 },
	{ "2027-01-15T08:00:30Z", -1 },
};

static void test_retry_after_parse__rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t s = -1;

		if (!retry_after_parse(str_of(rows[i].value), NOW, &s))
			assert_int_equal(s, -1);
		if (s != rows[i].after_s)
			fail_msg("%s: %lld, not %lld", rows[i].value, (long long)s, (long long)rows[i].after_s);
	}
}

static void test_retry_after_parse__absent(void **state)
{
	int64_t s;

	(void)state;
	assert_false(retry_after_parse((struct str){ 0 }, NOW, &s));
}

static void test_rfc9110_5_6_7__example_date_in_all_three_forms(void **state)
{
	static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
					     "Sun Nov  6 08:49:37 1994" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		int64_t at_s = 0;

		assert_true(http_date_parse(str_of(forms[i]), NOW, &at_s));
		assert_int_equal(at_s, 784111777);
	}
}

static void test_v48__gaps_grow_and_never_overflow(void **state)
{
	int64_t before = 0;

	(void)state;
	for (unsigned look = 0; look < 10000; look++) {
		int64_t least = retry_gap_ms(look, -1, 0), most = retry_gap_ms(look, -1, UINT32_MAX);

		assert_true(least >= before && least >= RETRY_GAP_MIN_MS && least <= RETRY_GAP_MAX_MS);
		assert_true(most >= least && most <= least + least / 4);
		before = least;
	}
	assert_int_equal(before, RETRY_GAP_MAX_MS);
	assert_int_equal(retry_gap_ms(UINT32_MAX, -1, 0), RETRY_GAP_MAX_MS);
}

static void test_retry_gap__never_sooner_than_asked(void **state)
{
	(void)state;
	assert_int_equal(retry_gap_ms(0, 5, 0), 5000);
	assert_int_equal(retry_gap_ms(0, 0, 0), RETRY_GAP_MIN_MS);
	assert_int_equal(retry_gap_ms(100, 5, 0), RETRY_GAP_MAX_MS);
	assert_true(retry_gap_ms(0, RETRY_AFTER_MAX_S, UINT32_MAX) >= RETRY_AFTER_MAX_S * 1000LL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_after_parse__rows),
		cmocka_unit_test(test_retry_after_parse__absent),
		cmocka_unit_test(test_rfc9110_5_6_7__example_date_in_all_three_forms),
		cmocka_unit_test(test_v48__gaps_grow_and_never_overflow),
		cmocka_unit_test(test_retry_gap__never_sooner_than_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
