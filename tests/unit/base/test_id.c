/* test_id.c - ids that ascend, differ in every thread and process, and have one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/thread.h"

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id));
}

static int64_t id_ms(struct id id)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id.b[i];
	return ms;
}

static void test_id_new__ascends_within_one_millisecond(void **state)
{
	struct id before, next;
	char text_before[ID_TEXT_LEN + 1], text[ID_TEXT_LEN + 1];

	(void)state;
	clock_fake(1795259045123);
	before = id_new();
	for (int i = 0; i < 20000; i++) {
		next = id_new();
		assert_true(compare(&before, &next) < 0);
		id_text(before, text_before);
		id_text(next, text);
		assert_true(strcmp(text_before, text) < 0);
		before = next;
	}
	/* Some 256 fit in a millisecond; then they run ahead, but not far. */
	assert_in_range(id_ms(before) - 1795259045123, 20, 400);
	clock_fake_advance_ms(60000);
	next = id_new();
	assert_true(id_ms(next) == 1795259105123);
	assert_true(compare(&before, &next) < 0);
	clock_real();
}

static void test_id_new__a_clock_that_falls_back(void **state)
{
	struct id before, next;

	(void)state;
	clock_fake(1800000000000);
	before = id_new();
	clock_fake_advance_ms(-9000); /* a small step: still ascending */
	next = id_new();
	assert_true(compare(&before, &next) < 0);
	assert_in_range(id_ms(next), 1800000000000, 1800000000001);
	clock_fake_advance_ms(-3600000); /* a large one was an error before: follow the clock */
	next = id_new();
	assert_true(id_ms(next) == 1800000000000 - 3609000);
	clock_real();
}

static void test_id_new__neighbours_do_not_tell_the_next(void **state)
{
	unsigned seen[10] = { 0 };
	struct id a, b;

	(void)state;
	clock_fake(1900000000000);
	a = id_new();
	for (int i = 0; i < 200; i++) {
		unsigned differ = 0;

		b = id_new();
		for (int k = 7; k < ID_LEN; k++) {
			seen[k - 7] += a.b[k] != b.b[k];
			differ += a.b[k] != b.b[k];
		}
		assert_true(differ >= 4); /* fewer: less likely than 2^-35 */
		a = b;
	}
	for (int k = 0; k < 9; k++)
		assert_true(seen[k] > 150);
	clock_real();
}

#define PER_THREAD 5000
#define THREADS 4

struct maker {
	struct thread thread;
	struct id ids[PER_THREAD];
};

static void make_ids(void *arg)
{
	struct maker *m = arg;

	for (int i = 0; i < PER_THREAD; i++)
		m->ids[i] = id_new();
}

static void test_id_new__threads_share_no_id_and_each_ascends(void **state)
{
	struct maker *makers = calloc(THREADS, sizeof(*makers));
	struct id *all = calloc(THREADS * PER_THREAD, sizeof(*all));

	(void)state;
	assert_non_null(makers);
	assert_non_null(all);
	for (int t = 0; t < THREADS; t++)
		assert_int_equal(thread_start(&makers[t].thread, "maker", make_ids, &makers[t]),
				 RC_OK);
	for (int t = 0; t < THREADS; t++) {
		thread_join(&makers[t].thread);
		for (int i = 1; i < PER_THREAD; i++)
			assert_true(compare(&makers[t].ids[i - 1], &makers[t].ids[i]) < 0);
		memcpy(all + t * PER_THREAD, makers[t].ids, sizeof(makers[t].ids));
	}
	qsort(all, THREADS * PER_THREAD, sizeof(*all), compare);
	for (int i = 1; i < THREADS * PER_THREAD; i++)
		assert_false(id_eq(all[i - 1], all[i]));
	free(all);
	free(makers);
}

static void test_id_new__a_child_draws_its_own_octets(void **state)
{
	struct id parent, child = { { 0 } };
	int pipe_fds[2], status;
	pid_t pid;

	(void)state;
	clock_fake(1795259045000);
	(void)id_new(); /* the pool is filled, then copied by fork() */
	assert_int_equal(pipe(pipe_fds), 0);
	clock_fake_advance_ms(1); /* both start a new millisecond from the pool */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		child = id_new();
		_exit(write(pipe_fds[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
	}
	parent = id_new();
	assert_int_equal(read(pipe_fds[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(id_ms(parent) == id_ms(child));
	assert_memory_not_equal(parent.b + 6, child.b + 6, 10);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	clock_real();
}

static void test_id_text__known_values(void **state)
{
	static const struct {
		struct id id;
		const char *text;
	} rows[] = {
		{ { { 0 } }, "00000000000000000000000000" },
		{ { { [15] = 1 } }, "00000000000000000000000001" },
		{ { { [0 ... 15] = 0xff } }, "7zzzzzzzzzzzzzzzzzzzzzzzzz" },
		{ { { 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x7b, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
		      0xf0, 0x11, 0x22 } }, "01hf7yat3v28t5cy4tqkff0492" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[ID_TEXT_LEN + 1];
		struct id id;

		id_text(rows[i].id, text);
		assert_string_equal(text, rows[i].text);
		assert_true(id_parse(str_of(text), &id));
		assert_true(id_eq(id, rows[i].id));
	}
	assert_true(id_is_zero((struct id){ { 0 } }));
	assert_false(id_is_zero(rows[1].id));
}

static void test_id_parse__one_text_per_id(void **state)
{
	static const char *const rows[] = {
		"", "0", "0000000000000000000000000", "000000000000000000000000000",
		"80000000000000000000000000",  /* beyond 128 bits */
		"zzzzzzzzzzzzzzzzzzzzzzzzzz",
		"01HF7YAT3V28T5CY4TQKFF0492",  /* upper case */
		"01hf7yat3v28t5cy4tqkff049i",  /* i, l, o, u are not in the alphabet */
		"01hf7yat3v28t5cy4tqkff049l", "01hf7yat3v28t5cy4tqkff049o",
		"01hf7yat3v28t5cy4tqkff049u", "01hf7yat3v28t5cy4tqkff049 ",
		"-1hf7yat3v28t5cy4tqkff0492", "01hf7yat3v28t5cy4tqkff04/.",
		"01hf7yat3v28t5cy4tqkff049\xc3",
	};
	struct id id = { { 7 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (id_parse(str_of(rows[i]), &id))
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(id.b[0], 7);
	}
	assert_false(id_parse((struct str){ "01hf7yat3v28t5cy4tqkff04\0\0", 26 }, &id));
	assert_false(id_parse((struct str){ NULL, 0 }, &id));
}

static void test_id_parse__round_trip(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct id id = id_new(), back;
		char text[ID_TEXT_LEN + 1];

		id_text(id, text);
		assert_int_equal(strlen(text), ID_TEXT_LEN);
		assert_true(id_parse(str_of(text), &back));
		assert_true(id_eq(id, back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id_new__ascends_within_one_millisecond),
		cmocka_unit_test(test_id_new__a_clock_that_falls_back),
		cmocka_unit_test(test_id_new__neighbours_do_not_tell_the_next),
		cmocka_unit_test(test_id_new__threads_share_no_id_and_each_ascends),
		cmocka_unit_test(test_id_new__a_child_draws_its_own_octets),
		cmocka_unit_test(test_id_text__known_values),
		cmocka_unit_test(test_id_parse__one_text_per_id),
		cmocka_unit_test(test_id_parse__round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
