/* test_str.c - slices, numbers, durations, UTF-8; and the names of result codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rc.h"
#include "base/str.h"

static void test_str_eq__compares_lengths_and_octets(void **state)
{
	(void)state;
	assert_true(str_eq(STR(""), (struct str){ NULL, 0 }));
	assert_false(str_eq(STR("a"), STR("a\0")));
	assert_false(str_is(STR("good.test\0.evil"), "good.test"));
	assert_true(str_eq_nocase(STR("Host"), STR("hOST")));
	assert_false(str_eq_nocase(STR("host"), STR("hosts")));
	assert_false(str_eq_nocase(STR("@"), STR("`"))); /* differ in bit 5, are no letters */
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
}

static void test_str_starts_ends__edges(void **state)
{
	(void)state;
	assert_true(str_starts(STR("*.lab"), "*."));
	assert_false(str_starts(STR("*"), "*."));
	assert_true(str_starts((struct str){ NULL, 0 }, ""));
	assert_false(str_starts((struct str){ NULL, 0 }, "x"));
	assert_true(str_ends(STR("a.lab"), ".lab"));
	assert_false(str_ends(STR("lab"), ".lab"));
	assert_true(str_ends((struct str){ NULL, 0 }, ""));
}

static void test_str_cut__first_separator(void **state)
{
	struct str head, rest, whole = STR("a.b.c");

	(void)state;
	assert_true(str_cut(whole, '.', &head, &rest));
	assert_true(str_is(head, "a"));
	assert_true(str_is(rest, "b.c"));
	assert_true(str_cut(STR("a."), '.', &head, &rest));
	assert_non_null(rest.p);
	assert_int_equal(rest.len, 0);
	assert_true(str_cut(STR("."), '.', &head, &rest));
	assert_int_equal(head.len, 0);
	assert_false(str_cut(STR("abc"), '.', &head, &rest));
	assert_true(str_is(head, "abc"));
	assert_null(rest.p);
	assert_false(str_cut((struct str){ NULL, 0 }, '.', &head, &rest));
	assert_null(head.p);
	/* head and rest may be the slice itself, for loops */
	assert_true(str_cut(whole, '.', &head, &whole));
	assert_true(str_cut(whole, '.', &head, &whole));
	assert_true(str_is(head, "b"));
	assert_true(str_is(whole, "c"));
}

static void test_str_to_int__table(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "7", true, 7 },
		{ "-1", true, -1 },
		{ "007", true, 7 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-", false, 0 },
		{ "+1", false, 0 },
		{ "--1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1x", false, 0 },
		{ "0x10", false, 0 },
		{ "1.0", false, 0 },
		{ "\xd9\xa1", false, 0 }, /* ARABIC-INDIC DIGIT ONE */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t value = 99;

		assert_int_equal(str_to_int(str_of(rows[i].text), &value), rows[i].ok);
		assert_true(value == (rows[i].ok ? rows[i].value : 99));
	}
	assert_false(str_to_int((struct str){ NULL, 0 }, &(int64_t){ 0 }));
	assert_false(str_to_int(STR("1\0"), &(int64_t){ 0 }));
}

static void test_str_to_duration_s__table(void **state)
{
	static const struct {
		const char *text;
		int64_t value; /* 0: refused */
	} rows[] = {
		{ "90d", 90 * 86400 },
		{ "36h", 36 * 3600 },
		{ "15m", 900 },
		{ "30s", 30 },
		{ "2w", 14 * 86400 },
		{ "1y", 365 * 86400 },
		{ "600", 600 },
		{ "1", 1 },
		{ "9223372036854775807", INT64_MAX },
		{ "9223372036854775807s", INT64_MAX },
		{ "9223372036854775808", 0 },
		{ "153722867280912930m", 9223372036854775800 },
		{ "153722867280912931m", 0 },
		{ "292471208678y", 0 },
		{ "0", 0 },
		{ "0s", 0 },
		{ "-1d", 0 },
		{ "-0d", 0 },
		{ "d", 0 },
		{ "", 0 },
		{ "1D", 0 },
		{ "1h30m", 0 },
		{ "1.5h", 0 },
		{ "1 h", 0 },
		{ " 1h", 0 },
		{ "1ms", 0 },
		{ "1mm", 0 },
		{ "+1h", 0 },
		{ "P1D", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t value = -5;

		assert_int_equal(str_to_duration_s(str_of(rows[i].text), &value),
				 rows[i].value != 0);
		assert_true(value == (rows[i].value ? rows[i].value : -5));
	}
	assert_false(str_to_duration_s((struct str){ NULL, 0 }, &(int64_t){ 0 }));
}

static void test_str_utf8_at__rfc3629_3(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t code;
	} rows[] = {
		{ "a", 1, 'a' },
		{ "\x7f", 1, 0x7f },
		{ "\xc2\x80", 2, 0x80 },
		{ "\xdf\xbf", 2, 0x7ff },
		{ "\xe0\xa0\x80", 3, 0x800 },
		{ "\xe2\x82\xac!", 3, 0x20ac },
		{ "\xed\x9f\xbf", 3, 0xd7ff },
		{ "\xee\x80\x80", 3, 0xe000 },
		{ "\xf0\x90\x80\x80", 4, 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
		{ "\x80", 0, 0 },             /* continuation without a start */
		{ "\xc0\x80", 0, 0 },         /* overlong NUL */
		{ "\xc1\xbf", 0, 0 },         /* overlong */
		{ "\xe0\x9f\xbf", 0, 0 },     /* overlong */
		{ "\xf0\x8f\xbf\xbf", 0, 0 }, /* overlong */
		{ "\xed\xa0\x80", 0, 0 },     /* surrogate */
		{ "\xed\xbf\xbf", 0, 0 },     /* surrogate */
		{ "\xf4\x90\x80\x80", 0, 0 }, /* beyond U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", 0, 0 },
		{ "\xff", 0, 0 },
		{ "\xc3", 0, 0 }, /* cut */
		{ "\xe2\x82", 0, 0 },
		{ "\xf0\x90\x80", 0, 0 },
		{ "\xc3(", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t code = 0;

		assert_int_equal(str_utf8_at(str_of(rows[i].text), 0, &code), rows[i].len);
		assert_int_equal(code, rows[i].code);
		assert_int_equal(str_is_utf8(str_of(rows[i].text)), rows[i].len > 0);
	}
	assert_true(str_is_utf8((struct str){ NULL, 0 }));
	assert_true(str_is_utf8(STR("a\0b")));
}

static void test_str_printable__hides_controls_and_cuts_at_characters(void **state)
{
	static const struct {
		const char *text;
		size_t cap;
		const char *shown;
	} rows[] = {
		{ "plain", 100, "plain" },
		{ "a\r\nb\x1b[31m\x7f", 100, "a??b?[31m?" },
		{ "\xc2\x9b" "31m", 100, "?31m" },           /* CSI as one C1 character */
		{ "a\xe2\x80\xae" "gpj.exe", 100, "a?gpj.exe" }, /* RIGHT-TO-LEFT OVERRIDE */
		{ "a\xe2\x80\xa8" "b", 100, "a?b" },           /* LINE SEPARATOR */
		{ "\xc3\xa4\xff\xc3", 100, "\xc3\xa4??" },
		{ "abc", 3, "ab" },
		{ "\xc3\xa4\xc3\xa4", 4, "\xc3\xa4" },
		{ "\xc3\xa4", 2, "" },
		{ "abc", 1, "" },
		{ "", 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[128];

		memset(out, 'x', sizeof(out));
		assert_int_equal(str_printable(str_of(rows[i].text), out, rows[i].cap),
				 strlen(rows[i].shown));
		assert_string_equal(out, rows[i].shown);
		assert_int_equal(out[rows[i].cap], 'x');
	}
	assert_int_equal(str_printable((struct str){ NULL, 0 }, (char[1]){ 'x' }, 1), 0);
}

static void test_rc_text__never_null(void **state)
{
	(void)state;
	for (int i = -2; i < 100; i++)
		assert_non_null(rc_text((enum rc)i));
	assert_string_equal(rc_text(RC_OK), "ok");
	assert_string_equal(rc_text(RC_INTERNAL), "internal error");
	assert_string_equal(rc_text((enum rc)99), "unknown");
	for (int i = RC_OK; i <= RC_INTERNAL; i++)
		assert_string_not_equal(rc_text((enum rc)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str_eq__compares_lengths_and_octets),
		cmocka_unit_test(test_str_starts_ends__edges),
		cmocka_unit_test(test_str_cut__first_separator),
		cmocka_unit_test(test_str_to_int__table),
		cmocka_unit_test(test_str_to_duration_s__table),
		cmocka_unit_test(test_str_utf8_at__rfc3629_3),
		cmocka_unit_test(test_str_printable__hides_controls_and_cuts_at_characters),
		cmocka_unit_test(test_rc_text__never_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
