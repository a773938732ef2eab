/* test_table_print.c - tables that a peer's text cannot break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/table_print.h"

static struct arena arena;
static char printed[64 * 1024];

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void print(const struct table *t)
{
	FILE *to = fmemopen(printed, sizeof(printed), "w");

	assert_non_null(to);
	assert_true(table_print(t, to));
	assert_int_equal(fclose(to), 0);
}

static void test_table__columns_are_aligned(void **state)
{
	static const char *const headings[] = { "A", "LONG HEADING", "C" };
	struct table t;

	(void)state;
	table_init(&t, &arena, headings, 3);
	table_cell(&t, STR("much longer"));
	table_cell(&t, STR("x"));
	table_cell(&t, STR("last"));
	table_cell(&t, STR("\xc3\xa9\xc3\xa9")); /* two characters of two octets */
	table_cell(&t, (struct str){ 0 });
	table_cell(&t, STR("end"));
	print(&t);
	assert_string_equal(printed, "A            LONG HEADING  C\n"
				     "much longer  x             last\n"
				     "\xc3\xa9\xc3\xa9           -             end\n");
}

static void test_table__control_characters_are_harmless(void **state)
{
	static const char *const headings[] = { "A" };
	struct table t;

	(void)state;
	table_init(&t, &arena, headings, 1);
	table_cell(&t, STR("\033[2Jgone\nnew line\r\x07\x7f\xff\xe2\x80\xae"));
	print(&t);
	assert_string_equal(printed, "A\n?[2Jgone?new line?????\n");
}

static void test_table__long_cells_are_cut_and_many_rows_fit(void **state)
{
	static const char *const headings[] = { "A" };
	static char text[5000];
	struct table t;

	(void)state;
	memset(text, 'x', sizeof(text));
	table_init(&t, &arena, headings, 1);
	table_cell(&t, (struct str){ text, sizeof(text) });
	print(&t);
	assert_true(strlen(printed) < 400);
	for (int i = 0; i < 2000; i++)
		table_cell(&t, STR("row"));
	assert_int_equal(t.cell_count, 2001);
	assert_false(t.failed);
}

static void test_table__without_memory_says_so(void **state)
{
	static const char *const headings[] = { "A" };
	struct arena small;
	struct table t;

	(void)state;
	arena_init(&small, 64);
	table_init(&t, &small, headings, 1);
	table_cell(&t, STR("x"));
	assert_true(t.failed);
	assert_false(table_print(&t, stdout));
	arena_done(&small);
}

static void test_time_short(void **state)
{
	struct str got = time_short(&arena, STR("2026-11-21T11:04:05Z"));

	(void)state;
	assert_int_equal(got.len, 17);
	assert_memory_equal(got.p, "2026-11-21 11:04Z", 17);
	assert_null(time_short(&arena, (struct str){ 0 }).p);
	assert_int_equal(time_short(&arena, STR("soon")).len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table__columns_are_aligned),
		cmocka_unit_test(test_table__control_characters_are_harmless),
		cmocka_unit_test(test_table__long_cells_are_cut_and_many_rows_fit),
		cmocka_unit_test(test_table__without_memory_says_so),
		cmocka_unit_test(test_time_short),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
