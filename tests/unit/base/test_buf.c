/* test_buf.c - growth up to the maximum, and errors that stick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"

static void test_buf_add__text_is_terminated(void **state)
{
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_true(buf_ok(&b));
	assert_non_null(buf_str(&b).p);
	assert_int_equal(buf_str(&b).len, 0);
	buf_add_text(&b, "GET ");
	buf_add_str(&b, STR("/acme"));
	buf_add_char(&b, '/');
	buf_addf(&b, "%d%s", 42, "!");
	buf_add(&b, NULL, 0);
	assert_string_equal(b.p, "GET /acme/42!");
	assert_true(str_is(buf_str(&b), "GET /acme/42!"));
	assert_int_equal(buf_bytes(&b).len, 13);
}

static void test_buf_add__reaches_the_maximum_and_not_more(void **state)
{
	(void)state;
	for (size_t max = 0; max < 1100; max += 7) {
		AUTO(buf) struct buf b;

		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_add_char(&b, 'x');
		assert_true(buf_ok(&b));
		assert_int_equal(b.len, max);
		assert_true(b.cap <= max + 1);
		buf_add_char(&b, 'y');
		assert_false(buf_ok(&b));
		assert_int_equal(b.len, max);
	}
}

static void test_buf_add__errors_stick_until_reset(void **state)
{
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_add_text(&b, "1234");
	buf_add_text(&b, "56789");
	assert_false(buf_ok(&b));
	buf_add_char(&b, 'x'); /* would fit, but half a document is worse than none */
	buf_addf(&b, "%d", 1);
	assert_int_equal(b.len, 4);
	assert_string_equal(b.p, "1234");
	buf_reset(&b);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "");
	buf_add_text(&b, "12345678");
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "12345678");
}

static void test_buf_add__lengths_that_overflow_are_refused(void **state)
{
	static const size_t lens[] = { 9, 1 << 20, SIZE_MAX / 2, SIZE_MAX - 4, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lens); i++) {
		AUTO(buf) struct buf b;

		buf_init(&b, 8);
		buf_add(&b, "x", lens[i]); /* refused before it is read */
		assert_false(buf_ok(&b));
		buf_reset(&b);
		buf_add_text(&b, "abcd");
		buf_add(&b, "x", lens[i]);
		assert_false(buf_ok(&b));
		assert_string_equal(b.p, "abcd");
	}
}

static void test_buf_addf__grows_and_takes_back_what_does_not_fit(void **state)
{
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 600);
	buf_addf(&b, "%s", "");
	assert_int_equal(b.len, 0);
	buf_addf(&b, "%300d", 5);
	assert_int_equal(b.len, 300);
	buf_addf(&b, "%300d", 6);
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 600);
	assert_int_equal(b.p[599], '6');
	buf_addf(&b, "%d", 7);
	assert_false(buf_ok(&b));
	assert_int_equal(b.len, 600);
	assert_int_equal(b.p[600], '\0');
	buf_reset(&b);
	buf_add_text(&b, "ab");
	buf_addf(&b, "%700d", 1);
	assert_false(buf_ok(&b));
	assert_string_equal(b.p, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_add__text_is_terminated),
		cmocka_unit_test(test_buf_add__reaches_the_maximum_and_not_more),
		cmocka_unit_test(test_buf_add__errors_stick_until_reset),
		cmocka_unit_test(test_buf_add__lengths_that_overflow_are_refused),
		cmocka_unit_test(test_buf_addf__grows_and_takes_back_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
