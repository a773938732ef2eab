/* test_fault.c - details that cannot carry control characters, and a bounded list of reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/fault.h"

static void test_fault_set__fills_and_returns_the_code(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	assert_int_equal(fault_set(&f, RC_INVALID, PROBLEM_BAD_CSR, "%s is wrong", "CN"),
			 RC_INVALID);
	assert_int_equal(f.rc, RC_INVALID);
	assert_int_equal(f.problem, PROBLEM_BAD_CSR);
	assert_string_equal(f.detail, "CN is wrong");
	assert_int_equal(fault_set(NULL, RC_DENIED, PROBLEM_CAA, "nobody listens"), RC_DENIED);
}

static void test_fault_set__keeps_nothing_of_an_earlier_fault(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	fault_set(&f, RC_LIMIT, PROBLEM_RATE_LIMITED, "first and longer");
	f.retry_after_s = 60;
	f.status = 503;
	fault_add_sub(&f, PROBLEM_CAA, "dns", STR("a.example"), "forbidden");
	fault_set(&f, RC_IO, PROBLEM_DNS, "second");
	assert_int_equal(f.retry_after_s, 0);
	assert_int_equal(f.status, 0);
	assert_int_equal(f.sub_count, 0);
	assert_null(f.subs);
	assert_string_equal(f.detail, "second");
}

static void test_fault_set__may_wrap_its_own_text(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	fault_set(&f, RC_IO, PROBLEM_CONNECTION, "connection refused");
	fault_add_sub(&f, PROBLEM_DNS, "dns", STR("b.example"), "no such name");
	fault_set(&f, RC_IO, PROBLEM_CONNECTION, "10.0.0.1: %s (%s)", f.detail,
		  f.subs[0].detail);
	assert_string_equal(f.detail, "10.0.0.1: connection refused (no such name)");
}

static void test_fault_set__control_characters_become_question_marks(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	fault_set(&f, RC_INVALID, PROBLEM_MALFORMED, "a\r\nb\x1b\xff%c|", 7);
	assert_string_equal(f.detail, "a??b???|");
	fault_add_sub(&f, PROBLEM_DNS, "dns", STR("x\ny\0z"), "tab\there");
	assert_string_equal(f.subs[0].identifier, "x?y?z");
	assert_string_equal(f.subs[0].detail, "tab?here");
}

static void test_fault_set__long_text_is_cut_at_a_character(void **state)
{
	AUTO(fault) struct fault f = { 0 };
	char text[3 * FAULT_DETAIL_MAX];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'x', sizeof(text));
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof(text) - 1] = '\0';
		fault_set(&f, RC_INVALID, PROBLEM_MALFORMED, "%s", text);
		assert_true(strlen(f.detail) > FAULT_DETAIL_MAX - 5);
		assert_true(str_is_utf8(str_of(f.detail)));
		assert_null(strchr(f.detail, '?'));
	}
}

static void test_fault_add_sub__stops_at_the_maximum(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	fault_set(&f, RC_DENIED, PROBLEM_COMPOUND, "several");
	for (int i = 0; i < FAULT_SUBS_MAX + 50; i++)
		fault_add_sub(&f, PROBLEM_CAA, "dns", STR("a.example"), "reason %d", i);
	assert_int_equal(f.sub_count, FAULT_SUBS_MAX);
	for (int i = 0; i < FAULT_SUBS_MAX; i++) {
		char expected[32];

		snprintf(expected, sizeof(expected), "reason %d", i);
		assert_string_equal(f.subs[i].detail, expected);
		assert_string_equal(f.subs[i].identifier, "a.example");
		assert_string_equal(f.subs[i].identifier_type, "dns");
		assert_int_equal(f.subs[i].problem, PROBLEM_CAA);
	}
	fault_add_sub(NULL, PROBLEM_CAA, "dns", STR("a"), "nobody listens");
}

static void test_fault_done__may_be_called_again(void **state)
{
	struct fault f = { 0 };

	(void)state;
	fault_add_sub(&f, PROBLEM_CAA, NULL, (struct str){ NULL, 0 }, "no name");
	assert_string_equal(f.subs[0].identifier, "");
	fault_done(&f);
	assert_int_equal(f.sub_count, 0);
	fault_done(&f);
	fault_done(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault_set__fills_and_returns_the_code),
		cmocka_unit_test(test_fault_set__keeps_nothing_of_an_earlier_fault),
		cmocka_unit_test(test_fault_set__may_wrap_its_own_text),
		cmocka_unit_test(test_fault_set__control_characters_become_question_marks),
		cmocka_unit_test(test_fault_set__long_text_is_cut_at_a_character),
		cmocka_unit_test(test_fault_add_sub__stops_at_the_maximum),
		cmocka_unit_test(test_fault_done__may_be_called_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
