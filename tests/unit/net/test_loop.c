/* test_loop.c - posts from other threads, timers by the real and the fake clock, descriptors. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "net/loop.h"

#define SENDERS 4
#define WORKS 20000

struct sender {
	struct thread thread;
	struct test *t;
	unsigned number;
};

struct test {
	struct loop *loop;
	struct sender senders[SENDERS];
	unsigned seen[SENDERS]; /* touched by the loop's thread only */
	unsigned total;
};

struct numbered {
	struct loop_work work;
	struct test *t;
	unsigned sender, number;
};

static struct loop *new_loop(void)
{
	struct loop *l = NULL;

	assert_int_equal(loop_new(&l), RC_OK);
	return l;
}

static void on_numbered(struct loop_work *w)
{
	struct numbered *n = (struct numbered *)w;
	struct test *t = n->t;

	assert_int_equal(n->number, t->seen[n->sender]); /* in the sender's order */
	t->seen[n->sender]++;
	if (++t->total == SENDERS * WORKS)
		loop_stop(t->loop);
	free(n);
}

static void send_works(void *arg)
{
	struct sender *s = arg;

	for (unsigned i = 0; i < WORKS; i++) {
		struct numbered *n = calloc(1, sizeof(*n));

		n->work.fn = on_numbered;
		n->t = s->t;
		n->sender = s->number;
		n->number = i;
		loop_post(s->t->loop, &n->work);
	}
}

static void test_loop_post__many_senders_each_in_order_none_lost(void **state)
{
	struct test t = { .loop = new_loop() };

	(void)state;
	for (unsigned i = 0; i < SENDERS; i++) {
		t.senders[i].t = &t;
		t.senders[i].number = i;
		assert_int_equal(thread_start(&t.senders[i].thread, "sender", send_works, &t.senders[i]),
				 RC_OK);
	}
	loop_run(t.loop); /* ends only when every work has run */
	for (unsigned i = 0; i < SENDERS; i++) {
		thread_join(&t.senders[i].thread);
		assert_int_equal(t.seen[i], WORKS);
	}
	loop_free(t.loop);
}

/* One post at a time to a loop that sleeps: a lost wake-up would hang. */
struct ping {
	struct loop_work work;
	struct queue *done;
	struct queue_item item;
};

static void on_ping(struct loop_work *w)
{
	struct ping *p = (struct ping *)w;

	queue_put(p->done, &p->item);
}

static void run_loop(void *arg)
{
	loop_run(arg);
}

static void test_loop_post__wakes_a_sleeping_loop_every_time(void **state)
{
	struct loop *l = new_loop();
	struct thread thread;
	struct queue done;

	(void)state;
	queue_init(&done);
	assert_int_equal(thread_start(&thread, "loop", run_loop, l), RC_OK);
	for (int i = 0; i < 5000; i++) {
		struct ping p = { .work.fn = on_ping, .done = &done };

		loop_post(l, &p.work);
		assert_non_null(queue_take_all(&done));
	}
	loop_stop(l);
	thread_join(&thread);
	queue_done(&done);
	loop_free(l);
}

struct chain {
	struct loop_work work;
	struct loop *loop;
	int left;
	int fd_calls;
};

static void on_chain(struct loop_work *w)
{
	struct chain *c = (struct chain *)w;

	if (--c->left == 0)
		loop_stop(c->loop);
	else
		loop_post(c->loop, &c->work);
}

static void on_chain_fd(void *arg)
{
	struct chain *c = arg;

	c->fd_calls++;
}

static void test_loop_post__a_work_that_posts_itself_does_not_starve_events(void **state)
{
	struct chain c = { .work.fn = on_chain, .loop = new_loop(), .left = 100 };
	struct loop_fd *e;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(loop_fd_new(c.loop, fds[0], on_chain_fd, &c, &e), RC_OK);
	loop_post(c.loop, &c.work);
	loop_run(c.loop);
	assert_int_equal(c.left, 0);
	assert_in_range(c.fd_calls, 90, 110); /* readable all the time: once each round */
	loop_fd_free(e);
	loop_free(c.loop);
	close(fds[0]);
	close(fds[1]);
}

static void on_left_over(struct loop_work *w)
{
	struct chain *c = (struct chain *)w;

	c->left--;
}

static void test_loop_free__runs_what_was_posted(void **state)
{
	struct chain c = { .work.fn = on_left_over, .left = 1 };
	struct loop *l = new_loop();

	(void)state;
	loop_post(l, &c.work);
	loop_free(l);
	assert_int_equal(c.left, 0);
	loop_free(NULL);
}

static void test_loop_stop__before_run_is_not_lost(void **state)
{
	struct loop *l = new_loop();

	(void)state;
	loop_stop(l);
	loop_run(l);
	loop_stop(l);
	loop_run(l); /* each stop ends one run */
	loop_free(l);
}

/* --- timers --- */

struct timer_log {
	struct loop *loop;
	struct loop_timer *timers[8];
	int order[256];
	int count;
};

struct timer_arg {
	struct timer_log *log;
	int id;
};

static void on_timer(void *arg)
{
	struct timer_arg *t = arg;

	t->log->order[t->log->count++] = t->id;
}

static void test_loop_timer__fake_clock_fires_in_order_of_time(void **state)
{
	static const int64_t delays_ms[] = { 500, 100, 300, 200, 400, 0 };
	static const int expected[] = { 5, 1, 3, 2, 4, 0 };
	struct timer_log log = { .loop = new_loop() };
	struct timer_arg args[6];

	(void)state;
	clock_fake(0);
	for (int i = 0; i < 6; i++) {
		args[i] = (struct timer_arg){ &log, i };
		assert_int_equal(loop_timer_new(log.loop, on_timer, &args[i], &log.timers[i]), RC_OK);
		loop_timer_set(log.timers[i], delays_ms[i]);
	}
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 0); /* time stands still */
	clock_fake_advance_ms(299);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 3);
	clock_fake_advance_ms(1000);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(log.order[i], expected[i]);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 6); /* one-shot */
	for (int i = 0; i < 6; i++)
		loop_timer_free(log.timers[i]);
	loop_free(log.loop);
	clock_real();
}

static void test_loop_timer__cleared_and_moved(void **state)
{
	struct timer_log log = { .loop = new_loop() };
	struct timer_arg args[3];

	(void)state;
	clock_fake(0);
	for (int i = 0; i < 3; i++) {
		args[i] = (struct timer_arg){ &log, i };
		assert_int_equal(loop_timer_new(log.loop, on_timer, &args[i], &log.timers[i]), RC_OK);
		loop_timer_set(log.timers[i], 100);
	}
	loop_timer_clear(log.timers[0]);
	loop_timer_clear(log.timers[0]); /* again: nothing */
	loop_timer_set(log.timers[1], 300);
	clock_fake_advance_ms(150);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 1);
	assert_int_equal(log.order[0], 2);
	clock_fake_advance_ms(150);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 2);
	assert_int_equal(log.order[1], 1);
	loop_timer_set(log.timers[0], INT64_MAX); /* far, not past */
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 2);
	for (int i = 0; i < 3; i++)
		loop_timer_free(log.timers[i]);
	loop_timer_free(NULL);
	loop_free(log.loop);
	clock_real();
}

/* Random sets and clears against a plain list. */
static void test_loop_timer__heap_agrees_with_a_list(void **state)
{
	enum { N = 200 };
	static struct timer_arg args[N];
	static struct loop_timer *timers[N];
	static int64_t due_ms[N];
	static struct timer_log log;
	unsigned seed = 1;
	int64_t now_ms = 0, last_ms = 0;

	(void)state;
	clock_fake(0);
	log.loop = new_loop();
	for (int i = 0; i < N; i++) {
		args[i] = (struct timer_arg){ &log, i };
		assert_int_equal(loop_timer_new(log.loop, on_timer, &args[i], &timers[i]), RC_OK);
	}
	for (int round = 0; round < 3000; round++) {
		int i = (int)((seed = seed * 1103515245 + 12345) >> 8) % N;
		int64_t delay_ms = 1 + (seed >> 16) % 1000;

		if (round % 5 == 4) {
			loop_timer_clear(timers[i]);
			due_ms[i] = 0;
		} else {
			loop_timer_set(timers[i], delay_ms);
			due_ms[i] = now_ms + delay_ms;
		}
		if (round % 3 != 0)
			continue;
		now_ms += 5;
		clock_fake_advance_ms(5);
		log.count = 0;
		loop_timers_check(log.loop);
		for (int k = 0; k < log.count; k++) {
			int id = log.order[k];

			assert_true(due_ms[id] && due_ms[id] <= now_ms);
			/* Those due at the same time come in any order. */
			assert_true(due_ms[id] >= last_ms);
			last_ms = due_ms[id];
			due_ms[id] = 0;
		}
		for (int k = 0; k < N; k++)
			assert_false(due_ms[k] && due_ms[k] <= now_ms);
	}
	for (int i = 0; i < N; i++)
		loop_timer_free(timers[i]);
	loop_free(log.loop);
	clock_real();
}

static void on_timer_free_self(void *arg)
{
	struct timer_log *log = arg;

	loop_timer_free(log->timers[0]);
	log->timers[0] = NULL;
	log->count++;
}

static void on_timer_again(void *arg)
{
	struct timer_log *log = arg;

	if (++log->count == 3)
		loop_stop(log->loop);
	else
		loop_timer_set(log->timers[0], 0);
}

static void test_loop_timer__may_free_or_set_itself(void **state)
{
	struct timer_log log = { .loop = new_loop() };

	(void)state;
	clock_fake(0);
	assert_int_equal(loop_timer_new(log.loop, on_timer_free_self, &log, &log.timers[0]), RC_OK);
	loop_timer_set(log.timers[0], 10);
	clock_fake_advance_ms(10);
	loop_timers_check(log.loop);
	assert_int_equal(log.count, 1);
	clock_real();

	/* The real clock, on libevent's timer: ends by itself. */
	log.count = 0;
	assert_int_equal(loop_timer_new(log.loop, on_timer_again, &log, &log.timers[0]), RC_OK);
	loop_timer_set(log.timers[0], 1);
	loop_run(log.loop);
	assert_int_equal(log.count, 3);
	loop_timer_free(log.timers[0]);
	loop_free(log.loop);
}

static void test_loop_timer__earlier_one_set_later_is_not_late(void **state)
{
	struct timer_log log = { .loop = new_loop() };
	struct timer_arg args[2] = { { &log, 0 }, { &log, 1 } };
	int64_t start_ms = clock_mono_ms();

	(void)state;
	assert_int_equal(loop_timer_new(log.loop, on_timer, &args[0], &log.timers[0]), RC_OK);
	assert_int_equal(loop_timer_new(log.loop, on_timer_again, &log, &log.timers[1]), RC_OK);
	loop_timer_set(log.timers[0], 3600 * 1000);
	log.count = 2; /* on_timer_again stops the loop at 3 */
	loop_timer_set(log.timers[1], 5);
	loop_run(log.loop);
	assert_in_range(clock_mono_ms() - start_ms, 4, 60 * 1000);
	loop_timer_free(log.timers[0]);
	loop_timer_free(log.timers[1]);
	loop_free(log.loop);
}

/* --- signals --- */

static void on_signal(void *arg, int signo)
{
	assert_int_equal(signo, SIGUSR1);
	loop_stop(arg);
}

static void test_loop_signal__is_a_call_on_the_loop(void **state)
{
	struct loop *l = new_loop();

	(void)state;
	assert_int_equal(loop_signal(l, SIGUSR1, on_signal, l), RC_OK);
	raise(SIGUSR1);
	loop_run(l);
	loop_free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_post__many_senders_each_in_order_none_lost),
		cmocka_unit_test(test_loop_post__wakes_a_sleeping_loop_every_time),
		cmocka_unit_test(test_loop_post__a_work_that_posts_itself_does_not_starve_events),
		cmocka_unit_test(test_loop_free__runs_what_was_posted),
		cmocka_unit_test(test_loop_stop__before_run_is_not_lost),
		cmocka_unit_test(test_loop_timer__fake_clock_fires_in_order_of_time),
		cmocka_unit_test(test_loop_timer__cleared_and_moved),
		cmocka_unit_test(test_loop_timer__heap_agrees_with_a_list),
		cmocka_unit_test(test_loop_timer__may_free_or_set_itself),
		cmocka_unit_test(test_loop_timer__earlier_one_set_later_is_not_late),
		cmocka_unit_test(test_loop_signal__is_a_call_on_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
