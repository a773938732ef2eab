/* test_nomem.c - each allocation of base/ fails in turn: no crash, no leak, a clean error.
 * The linker sends every allocation through the __wrap_ functions (--wrap). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/thread.h"

static long countdown = -1; /* allocations until one fails; -1: none does */

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_reallocarray(void *p, size_t count, size_t len);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t len);
void *__real_mmap64(void *p, size_t len, int prot, int flags, int fd, off_t at);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_reallocarray(void *p, size_t count, size_t len);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t len);
void *__wrap_mmap64(void *p, size_t len, int prot, int flags, int fd, off_t at);

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
	return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *p, size_t len)
{
	return fails() ? NULL : __real_realloc(p, len);
}

void *__wrap_reallocarray(void *p, size_t count, size_t len)
{
	return fails() ? NULL : __real_reallocarray(p, count, len);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t len)
{
	return fails() ? NULL : __real_strndup(s, len);
}

void *__wrap_mmap64(void *p, size_t len, int prot, int flags, int fd, off_t at)
{
	return fails() ? MAP_FAILED : __real_mmap64(p, len, prot, flags, fd, at);
}

/* Runs work with the first, the second, ... allocation failing, until none is left to fail. Work
 * returns whether it succeeded; it must not before, and must at the end. */
static void fail_each(bool (*work)(void), long least)
{
	for (long nth = 0;; nth++) {
		bool ok;

		countdown = nth;
		ok = work();
		if (countdown >= 0) { /* nothing failed: that was the last round */
			countdown = -1;
			assert_true(ok);
			assert_true(nth >= least);
			return;
		}
		countdown = -1;
		assert_false(ok);
		assert_true(nth < 1000);
	}
}

static bool arena_work(void)
{
	AUTO(arena) struct arena a;
	struct bytes out;
	bool ok = true;

	arena_init(&a, 1 << 20);
	for (int i = 0; i < 3; i++) {
		ok &= arena_alloc(&a, 100) != NULL;
		ok &= arena_str(&a, STR("name")).p != NULL;
		ok &= arena_array(&a, 1000, 10) != NULL;
		ok &= arena_printf(&a, "%5000d", i) != NULL;
		ok &= b64url_decode_arena(&a, STR("AAAA"), &out) == RC_OK;
	}
	return ok;
}

static void test_arena__each_allocation_fails_in_turn(void **state)
{
	(void)state;
	fail_each(arena_work, 4);
}

static bool buf_work(void)
{
	AUTO(buf) struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100; i++) {
		buf_addf(&b, "%300d", i);
		buf_add_text(&b, "text");
	}
	return buf_ok(&b);
}

static void test_buf__each_allocation_fails_in_turn(void **state)
{
	(void)state;
	fail_each(buf_work, 5);
}

static bool fault_work(void)
{
	AUTO(fault) struct fault f = { 0 };
	int added = 0;

	fault_set(&f, RC_DENIED, PROBLEM_COMPOUND, "several");
	for (int i = 0; i < 5; i++) {
		size_t before = f.sub_count;

		fault_add_sub(&f, PROBLEM_DNS, "dns", STR("a.example"), "reason %d", i);
		added += f.sub_count > before;
		if (f.sub_count > before)
			assert_string_equal(f.subs[before].identifier, "a.example");
	}
	assert_string_equal(f.detail, "several");
	return added == 5;
}

static void test_fault__each_allocation_fails_in_turn(void **state)
{
	(void)state;
	fail_each(fault_work, 18);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_thread_start__no_memory(void **state)
{
	struct thread t = { 0 };

	(void)state;
	countdown = 0;
	assert_int_equal(thread_start(&t, "t", nothing, NULL), RC_NOMEM);
	countdown = -1;
	assert_int_equal(t.started, 0);
	thread_join(&t);
}

static bool secret_work(void)
{
	AUTO_PTR(secret) struct secret *s = NULL;
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = secret_load(STR("file:/proc/self/../../etc/passwd"), &s, &f);

	assert_int_equal(rc, f.rc);
	assert_true(rc == RC_OK || rc == RC_NOMEM);
	assert_int_equal(s != NULL, rc == RC_OK);
	return rc == RC_OK;
}

static void test_secret_load__each_allocation_fails_in_turn(void **state)
{
	(void)state;
	fail_each(secret_work, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena__each_allocation_fails_in_turn),
		cmocka_unit_test(test_buf__each_allocation_fails_in_turn),
		cmocka_unit_test(test_fault__each_allocation_fails_in_turn),
		cmocka_unit_test(test_thread_start__no_memory),
		cmocka_unit_test(test_secret_load__each_allocation_fails_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
