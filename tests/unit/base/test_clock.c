/* test_clock.c - fake time, and RFC 3339 at the dates where others went wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/str.h"

static void test_clock_fake__stands_until_moved(void **state)
{
	(void)state;
	clock_fake(1700000000123);
	assert_true(clock_now_ms() == 1700000000123);
	assert_true(clock_now_s() == 1700000000);
	assert_true(clock_mono_ms() == 0);
	clock_fake_advance_ms(1900);
	assert_true(clock_now_ms() == 1700000002023);
	assert_true(clock_now_s() == 1700000002);
	assert_true(clock_mono_ms() == 1900);
	assert_true(clock_mono_us() == 1900000);
	clock_real();
	assert_true(clock_now_s() > 1700000100);
}

static void test_clock_real__moves_forward(void **state)
{
	int64_t start_us, now_us;

	(void)state;
	clock_real();
	start_us = clock_mono_us();
	do
		now_us = clock_mono_us();
	while (now_us == start_us);
	assert_true(now_us > start_us);
	assert_true(clock_mono_ms() >= start_us / 1000);
}

static const struct {
	const char *text;
	int64_t at_s;
} dates[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1999-12-31T23:59:59Z", 946684799 },
	{ "2000-02-29T00:00:00Z", 951782400 },
	{ "2000-03-01T00:00:00Z", 951868800 },
	{ "2024-02-29T12:34:56Z", 1709210096 },
	{ "2026-11-21T11:04:05Z", 1795259045 },
	{ "2038-01-19T03:14:07Z", INT32_MAX },
	{ "2038-01-19T03:14:08Z", (int64_t)INT32_MAX + 1 },
	{ "2049-12-31T23:59:59Z", 2524607999 }, /* last UTCTime, RFC 5280 §4.1.2.5 */
	{ "2050-01-01T00:00:00Z", 2524608000 }, /* first GeneralizedTime */
	{ "2100-02-28T23:59:59Z", 4107542399 }, /* no leap year */
	{ "2100-03-01T00:00:00Z", 4107542400 },
	{ "2106-02-07T06:28:15Z", UINT32_MAX },
	{ "2400-02-29T00:00:00Z", 13574563200 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
};

static void test_clock_rfc3339__known_dates_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		char text[21];
		int64_t at_s = -1;

		clock_rfc3339(dates[i].at_s, text);
		assert_string_equal(text, dates[i].text);
		assert_true(clock_parse_rfc3339(text, 20, &at_s));
		assert_true(at_s == dates[i].at_s);
	}
}

static void test_clock_rfc3339__every_day_of_four_centuries(void **state)
{
	char before[21] = "", text[21];
	int64_t at_s;

	(void)state;
	for (int64_t day = 0; day < 146097 * 2; day++) {
		int64_t when_s = day * 86400 + day % 86400;

		clock_rfc3339(when_s, text);
		assert_true(strncmp(before, text, 10) < 0);
		assert_true(clock_parse_rfc3339(text, 20, &at_s));
		assert_true(at_s == when_s);
		memcpy(before, text, sizeof(before));
	}
}

static void test_clock_rfc3339__out_of_range_is_clamped(void **state)
{
	char text[21];

	(void)state;
	clock_rfc3339(-1, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_rfc3339(INT64_MIN, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_rfc3339(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void test_clock_parse_rfc3339__accepted_forms(void **state)
{
	static const struct {
		const char *text;
		int64_t at_s;
	} rows[] = {
		{ "2026-11-21t11:04:05z", 1795259045 },
		{ "2026-11-21T11:04:05.1Z", 1795259045 },
		{ "2026-11-21T11:04:05.999999999999Z", 1795259045 },
		{ "2026-11-21T11:04:05+00:00", 1795259045 },
		{ "2026-11-21T11:04:05-00:00", 1795259045 },
		{ "2026-11-21T12:04:05+01:00", 1795259045 },
		{ "2026-11-21T16:34:05.5+05:30", 1795259045 },
		{ "2026-11-20T19:04:05-16:00", 1795259045 },
		{ "2026-11-22T11:03:05+23:59", 1795259045 },
		{ "1970-01-01T23:59:00+23:59", 0 },
		{ "1969-12-31T23:00:00-01:00", 0 },
		{ "9999-12-31T22:59:59-01:00", 253402300799 },
		{ "2024-02-29T23:59:59-00:01", 1709251259 },
		{ "1998-12-31T23:59:60Z", 915148800 },        /* RFC 3339 §5.8 */
		{ "1990-12-31T15:59:60-08:00", 662688000 },   /* RFC 3339 §5.8 */
		{ "1985-04-12T23:20:50.52Z", 482196050 },     /* RFC 3339 §5.8 */
		{ "1996-12-19T16:39:57-08:00", 851042397 },   /* RFC 3339 §5.8 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t at_s = -1;

		assert_true(clock_parse_rfc3339(rows[i].text, (unsigned)strlen(rows[i].text),
						&at_s));
		assert_true(at_s == rows[i].at_s);
	}
}

static void test_clock_parse_rfc3339__refused_forms(void **state)
{
	static const char *const rows[] = {
		"", "2", "2026", "2026-11-21", "2026-11-21T11:04:05", "2026-11-21T11:04Z",
		"2026-11-21 11:04:05Z",      /* RFC 3339 allows a space, RFC 8555 uses none */
		"2026-11-21T11:04:05ZZ", "2026-11-21T11:04:05Z ", " 2026-11-21T11:04:05Z",
		"2026-11-21T11:04:05.Z", "2026-11-21T11:04:05,5Z",
		"2026-11-21T11:04:05+0100", "2026-11-21T11:04:05+01", "2026-11-21T11:04:05+1:00",
		"2026-11-21T11:04:05+24:00", "2026-11-21T11:04:05+01:60",
		"2026-00-21T11:04:05Z", "2026-13-21T11:04:05Z",
		"2026-11-00T11:04:05Z", "2026-11-31T11:04:05Z", "2026-01-32T11:04:05Z",
		"2026-02-29T11:04:05Z", "2100-02-29T00:00:00Z", "2024-02-30T00:00:00Z",
		"2026-11-21T24:00:00Z", "2026-11-21T11:60:05Z", "2026-11-21T11:04:61Z",
		"2026-11-21T11:04:60Z",      /* a leap second within a day */
		"1998-12-31T23:59:60+01:00",
		"20261-11-21T11:04:05Z", "-026-11-21T11:04:05Z", "+2026-11-21T11:04:05Z",
		"2026-1-21T11:04:05Z", "2026/11/21T11:04:05Z",
		"1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
		"1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t at_s = 77;

		if (clock_parse_rfc3339(rows[i], (unsigned)strlen(rows[i]), &at_s))
			fail_msg("accepted: %s", rows[i]);
		assert_true(at_s == 77);
	}
	assert_false(clock_parse_rfc3339("2026-11-21T11:04:05Z", 19, &(int64_t){ 0 }));
	assert_false(clock_parse_rfc3339("2026-11-21T11:04:05Z\0", 21, &(int64_t){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_fake__stands_until_moved),
		cmocka_unit_test(test_clock_real__moves_forward),
		cmocka_unit_test(test_clock_rfc3339__known_dates_both_ways),
		cmocka_unit_test(test_clock_rfc3339__every_day_of_four_centuries),
		cmocka_unit_test(test_clock_rfc3339__out_of_range_is_clamped),
		cmocka_unit_test(test_clock_parse_rfc3339__accepted_forms),
		cmocka_unit_test(test_clock_parse_rfc3339__refused_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
