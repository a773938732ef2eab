/* test_arena.c - one lifetime, a maximum, and little memory when idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/auto.h"

static size_t block_count(const struct arena *a, size_t *out_octets)
{
	size_t count = 0;

	*out_octets = 0;
	for (const struct arena_block *b = a->first; b; b = b->next) {
		count++;
		*out_octets += b->cap;
	}
	return count;
}

static void test_arena_alloc__is_zeroed_and_aligned(void **state)
{
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (int round = 0; round < 3; round++) {
		for (size_t len = 0; len < 300; len++) {
			uint8_t *p = arena_alloc(&a, len);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xa5, len);
		}
		arena_reset(&a);
	}
}

static void test_arena_alloc__pieces_do_not_overlap(void **state)
{
	AUTO(arena) struct arena a;
	uint8_t *p[400];

	(void)state;
	arena_init(&a, 8 << 20);
	for (size_t i = 0; i < COUNT_OF(p); i++) {
		p[i] = arena_alloc(&a, i * 37);
		assert_non_null(p[i]);
		memset(p[i], (int)(i & 0xff), i * 37);
	}
	for (size_t i = 0; i < COUNT_OF(p); i++)
		for (size_t k = 0; k < i * 37; k++)
			assert_int_equal(p[i][k], i & 0xff);
}

static void test_arena_alloc__stops_at_the_maximum(void **state)
{
	static const struct {
		size_t max, first, second;
		bool first_ok, second_ok;
	} rows[] = {
		{ 64, 64, 1, true, false },
		{ 64, 65, 64, false, true },
		{ 64, 48, 16, true, true },
		{ 10, 10, 17, true, false }, /* the maximum is rounded up to 16 */
		{ 0, 0, 1, true, false },
		{ 1 << 20, 1 << 20, 1, true, false },
		{ 1 << 20, (1 << 20) + 1, 1, false, true },
		{ SIZE_MAX, SIZE_MAX, 1, false, true },
		{ SIZE_MAX, SIZE_MAX - 15, 1, false, true },
		{ SIZE_MAX, SIZE_MAX / 2 + 17, 1, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		void *p, *q;

		arena_init(&a, rows[i].max);
		p = arena_alloc(&a, rows[i].first);
		assert_int_equal(p != NULL, rows[i].first_ok);
		q = arena_alloc(&a, rows[i].second);
		assert_int_equal(q != NULL, rows[i].second_ok);
	}
}

static void test_arena_alloc__many_small_ones_stop_at_the_maximum(void **state)
{
	AUTO(arena) struct arena a;
	size_t count = 0;

	(void)state;
	arena_init(&a, 100 * 1024);
	while (count < 100000 && arena_alloc(&a, 16))
		count++;
	assert_int_equal(count, 100 * 1024 / 16);
	assert_int_equal(a.used, 100 * 1024);
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 16));
}

static void test_arena_array__refuses_an_overflow(void **state)
{
	static const struct {
		size_t count, size;
		bool ok;
	} rows[] = {
		{ 0, 8, true }, { 8, 0, true }, { 10, 10, true }, { 128, 8, true }, { 129, 8, false },
		{ SIZE_MAX, 2, false }, { SIZE_MAX / 2 + 2, 2, false }, { 2, SIZE_MAX, false },
		{ (size_t)1 << 32, (size_t)1 << 32, false },
	};
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1024);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		void *p = arena_array(&a, rows[i].count, rows[i].size);

		assert_int_equal(p != NULL, rows[i].ok);
		arena_reset(&a);
	}
}

static void test_arena_reset__keeps_one_block_of_ordinary_size(void **state)
{
	AUTO(arena) struct arena a;
	size_t octets;

	(void)state;
	arena_init(&a, 4 << 20);
	for (int i = 0; i < 200; i++) {
		assert_non_null(arena_alloc(&a, 1000));
		assert_non_null(arena_alloc(&a, 18000)); /* in a block of its own */
	}
	assert_true(block_count(&a, &octets) > 200);
	arena_reset(&a);
	assert_int_equal(a.used, 0);
	assert_true(block_count(&a, &octets) <= 1);
	assert_true(octets <= 16 * 1024);
	assert_non_null(arena_alloc(&a, 1 << 20)); /* nothing but a large block */
	arena_reset(&a);
	(void)block_count(&a, &octets);
	assert_true(octets <= 16 * 1024);
	arena_done(&a);
	assert_non_null(arena_alloc(&a, 1 << 20)); /* a large block alone is not kept */
	arena_reset(&a);
	(void)block_count(&a, &octets);
	assert_true(octets <= 16 * 1024);
}

static void test_arena_alloc__a_large_piece_leaves_the_block_in_use(void **state)
{
	AUTO(arena) struct arena a;
	size_t octets, before;

	(void)state;
	arena_init(&a, 4 << 20);
	assert_non_null(arena_alloc(&a, 16));
	for (int i = 0; i < 20; i++) {
		assert_non_null(arena_alloc(&a, 17000));
		assert_non_null(arena_alloc(&a, 16));
	}
	before = block_count(&a, &octets);
	assert_true(before <= (ARENA_BLOCK ? 21 : 41));
	assert_true(octets < 20 * 17000 + 17 * 1024);
}

static void test_arena_copies__absent_stays_absent(void **state)
{
	AUTO(arena) struct arena a;
	struct str s;
	struct bytes b;
	char *text;

	(void)state;
	arena_init(&a, 4096);
	s = arena_str(&a, (struct str){ NULL, 0 });
	assert_null(s.p);
	s = arena_str(&a, STR(""));
	assert_non_null(s.p);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.p[0], '\0');
	s = arena_str(&a, STR("a\0b"));
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "a\0b", 4);
	b = arena_bytes(&a, bytes_of(NULL, 0));
	assert_null(b.p);
	b = arena_bytes(&a, bytes_of("\x00\xff", 2));
	assert_memory_equal(b.p, "\x00\xff", 2);
	text = arena_cstr(&a, (struct str){ "abc", 2 });
	assert_string_equal(text, "ab");
	s = arena_str(&a, (struct str){ "x", SIZE_MAX });
	assert_null(s.p);
	assert_int_equal(s.len, 0);
	s = arena_str(&a, (struct str){ "x", 5000 }); /* refused before it is read */
	assert_null(s.p);
}

static void test_arena_printf__short_long_and_too_long(void **state)
{
	AUTO(arena) struct arena a;
	char *p, long_text[1000];

	(void)state;
	arena_init(&a, 4096);
	p = arena_printf(&a, "%s-%d", "order", 7);
	assert_string_equal(p, "order-7");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	for (size_t len = 250; len < 260; len++) {
		p = arena_printf(&a, "%.*s", (int)len, long_text);
		assert_int_equal(strlen(p), len);
	}
	assert_null(arena_printf(&a, "%5000d", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_alloc__is_zeroed_and_aligned),
		cmocka_unit_test(test_arena_alloc__pieces_do_not_overlap),
		cmocka_unit_test(test_arena_alloc__stops_at_the_maximum),
		cmocka_unit_test(test_arena_alloc__many_small_ones_stop_at_the_maximum),
		cmocka_unit_test(test_arena_array__refuses_an_overflow),
		cmocka_unit_test(test_arena_reset__keeps_one_block_of_ordinary_size),
		cmocka_unit_test(test_arena_alloc__a_large_piece_leaves_the_block_in_use),
		cmocka_unit_test(test_arena_copies__absent_stays_absent),
		cmocka_unit_test(test_arena_printf__short_long_and_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
