/* test_thread.c - signals stay with the main thread; the queue loses and repeats nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/thread.h"

struct seen {
	sigset_t mask;
	char name[16];
};

static void look(void *arg)
{
	struct seen *seen = arg;

	pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
}

static void test_thread_start__blocks_signals_and_sets_the_name(void **state)
{
	static const struct {
		const char *name, *shown;
	} rows[] = { { "writer", "writer" }, { "a-name-that-is-too-long", "a-name-that-is-" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct seen seen = { 0 };
		struct thread t = { 0 };
		sigset_t mask;

		assert_int_equal(thread_start(&t, rows[i].name, look, &seen), RC_OK);
		thread_join(&t);
		thread_join(&t); /* again: nothing */
		assert_string_equal(seen.name, rows[i].shown);
		assert_true(sigismember(&seen.mask, SIGTERM));
		assert_true(sigismember(&seen.mask, SIGHUP));
		assert_true(sigismember(&seen.mask, SIGINT));
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		assert_false(sigismember(&mask, SIGTERM)); /* the caller's is as it was */
	}
	thread_join(NULL);
}

struct item {
	struct queue_item link;
	int sender, number;
};

static void *close_it(void *q)
{
	queue_close(q);
	return NULL;
}

/* A minute would be the limit of the test. */
static void test_queue__rest_ends_when_the_queue_does(void **state)
{
	pthread_t closer;
	struct queue q;

	(void)state;
	queue_init(&q);
	queue_rest(&q, 1);
	assert_int_equal(pthread_create(&closer, NULL, close_it, &q), 0);
	queue_rest(&q, 60 * 1000 * 1000);
	pthread_join(closer, NULL);
	queue_done(&q);
}

static void test_queue__first_in_first_out(void **state)
{
	struct item items[10] = { 0 };
	struct queue_item *got;
	struct queue q;

	(void)state;
	queue_init(&q);
	assert_null(queue_poll_all(&q));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++) {
			items[i].number = i;
			assert_true(queue_put(&q, &items[i].link));
		}
		got = round == 1 ? queue_take_all(&q) : queue_poll_all(&q);
		for (int i = 0; i < 10; i++, got = got->next)
			assert_int_equal(((struct item *)got)->number, i);
		assert_null(got);
		assert_null(queue_poll_all(&q));
	}
	queue_done(&q);
}

static void test_queue_close__gives_back_what_is_left_and_takes_no_more(void **state)
{
	struct item a = { 0 }, b = { 0 };
	struct queue q;

	(void)state;
	queue_init(&q);
	assert_true(queue_put(&q, &a.link));
	queue_close(&q);
	assert_false(queue_put(&q, &b.link));
	assert_ptr_equal(queue_take_all(&q), &a.link);
	assert_null(queue_take_all(&q)); /* does not block */
	assert_null(queue_take_all(&q));
	queue_done(&q);
	queue_done(NULL);
}

enum { SENDERS = 3, RECEIVERS = 2, PER_SENDER = 4000 };

static struct queue shared;
static unsigned char received[SENDERS][PER_SENDER];

struct worker {
	struct thread thread;
	struct item *items;
	int ordered, count;
};

static void send_all(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < PER_SENDER; i++)
		if (!queue_put(&shared, &w->items[i].link))
			abort();
}

static void receive(void *arg)
{
	struct worker *w = arg;
	int last[SENDERS] = { -1, -1, -1 };
	struct queue_item *list;

	w->ordered = 1;
	while ((list = queue_take_all(&shared))) {
		while (list) {
			struct item *item = (struct item *)list;

			list = list->next; /* the item is ours, and so is its link */
			w->ordered &= item->number > last[item->sender];
			last[item->sender] = item->number;
			received[item->sender][item->number]++;
			w->count++;
		}
	}
}

static void test_queue__every_item_reaches_one_receiver_in_order(void **state)
{
	struct worker senders[SENDERS] = { 0 }, receivers[RECEIVERS] = { 0 };
	int count = 0;

	(void)state;
	queue_init(&shared);
	for (int i = 0; i < RECEIVERS; i++)
		assert_int_equal(thread_start(&receivers[i].thread, "receive", receive,
					      &receivers[i]), RC_OK);
	for (int i = 0; i < SENDERS; i++) {
		senders[i].items = calloc(PER_SENDER, sizeof(*senders[i].items));
		assert_non_null(senders[i].items);
		for (int k = 0; k < PER_SENDER; k++) {
			senders[i].items[k].sender = i;
			senders[i].items[k].number = k;
		}
		assert_int_equal(thread_start(&senders[i].thread, "send", send_all, &senders[i]),
				 RC_OK);
	}
	for (int i = 0; i < SENDERS; i++)
		thread_join(&senders[i].thread);
	queue_close(&shared);
	for (int i = 0; i < RECEIVERS; i++) {
		thread_join(&receivers[i].thread);
		assert_true(receivers[i].ordered);
		count += receivers[i].count;
	}
	assert_int_equal(count, SENDERS * PER_SENDER);
	for (int i = 0; i < SENDERS; i++) {
		for (int k = 0; k < PER_SENDER; k++)
			assert_int_equal(received[i][k], 1);
		free(senders[i].items);
	}
	queue_done(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thread_start__blocks_signals_and_sets_the_name),
		cmocka_unit_test(test_queue__rest_ends_when_the_queue_does),
		cmocka_unit_test(test_queue__first_in_first_out),
		cmocka_unit_test(test_queue_close__gives_back_what_is_left_and_takes_no_more),
		cmocka_unit_test(test_queue__every_item_reaches_one_receiver_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
