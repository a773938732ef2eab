/* Waiting for an order or authorization to change: who is told, once, and who is not. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/thread.h"
#include "core/watch.h"

struct waiting {
	struct watcher watcher; /* first */
	unsigned fired;         /* atomic */
};

static struct watch *watch;

static int setup(void **state)
{
	(void)state;
	return watch_new(&watch) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	watch_free(watch);
	return 0;
}

static void on_fire(struct watcher *w)
{
	__atomic_add_fetch(&((struct waiting *)w)->fired, 1, __ATOMIC_RELAXED);
}

static struct waiting waiting_for(struct id id)
{
	return (struct waiting){ .watcher = { .id = id, .fired = on_fire } };
}

static void test_watch__all_that_wait_for_it_are_told_once(void **state)
{
	struct id id = id_new(), other = id_new();
	struct waiting a = waiting_for(id), b = waiting_for(id), c = waiting_for(other);

	(void)state;
	watch_fire(watch, id); /* nobody: nothing */
	watch_add(watch, &a.watcher);
	watch_add(watch, &c.watcher);
	watch_add(watch, &b.watcher);
	watch_fire(watch, id);
	watch_fire(watch, id);
	assert_int_equal(a.fired, 1);
	assert_int_equal(b.fired, 1);
	assert_int_equal(c.fired, 0);
	assert_false(watch_remove(watch, &a.watcher)); /* has fired */
	assert_true(watch_remove(watch, &c.watcher));
	assert_false(watch_remove(watch, &c.watcher));
	watch_fire(watch, other);
	assert_int_equal(c.fired, 0);
}

/* Ids that fall into one bucket are told apart, wherever they stand in its list. */
static void test_watch__one_bucket(void **state)
{
	struct id id = id_new();
	struct waiting w[5];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(w); i++) {
		id.b[0] = (uint8_t)i; /* the bucket is that of the last octets */
		w[i] = waiting_for(id);
		watch_add(watch, &w[i].watcher);
	}
	assert_true(watch_remove(watch, &w[2].watcher));
	watch_fire(watch, w[4].watcher.id);
	watch_fire(watch, w[0].watcher.id);
	for (size_t i = 0; i < COUNT_OF(w); i++)
		assert_int_equal(w[i].fired, i == 0 || i == 4);
	watch_add(watch, &w[2].watcher);
	watch_fire(watch, w[2].watcher.id);
	assert_int_equal(w[2].fired, 1);
	assert_true(watch_remove(watch, &w[1].watcher));
	assert_true(watch_remove(watch, &w[3].watcher));
}

/* --- one thread fires while another stops waiting: exactly one of the two has it --- */

#define ROUNDS 2000

static struct id raced;
static unsigned round_no; /* atomic */

static void fire_main(void *arg)
{
	(void)arg;
	while (__atomic_load_n(&round_no, __ATOMIC_ACQUIRE) < ROUNDS)
		watch_fire(watch, raced);
}

static void test_watch__fires_or_is_removed(void **state)
{
	struct waiting w;
	struct thread t = { 0 };
	unsigned fired = 0;

	(void)state;
	__atomic_store_n(&round_no, 0, __ATOMIC_RELEASE);
	raced = id_new();
	assert_int_equal(thread_start(&t, "fire", fire_main, NULL), RC_OK);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		bool removed;

		w = waiting_for(raced);
		watch_add(watch, &w.watcher);
		while (i % 2 && !__atomic_load_n(&w.fired, __ATOMIC_RELAXED))
			(void)sched_yield(); /* every other one until it has fired */
		removed = watch_remove(watch, &w.watcher);
		assert_int_equal(__atomic_load_n(&w.fired, __ATOMIC_RELAXED), removed ? 0 : 1);
		fired += !removed;
		__atomic_store_n(&round_no, i, __ATOMIC_RELEASE);
	}
	thread_join(&t);
	assert_in_range(fired, ROUNDS / 2, ROUNDS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_watch__all_that_wait_for_it_are_told_once),
		T(test_watch__one_bucket),
		T(test_watch__fires_or_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
