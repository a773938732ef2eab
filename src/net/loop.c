/* loop.c - libevent's dispatcher with three things of our own around it: a queue of posted works, a
 * heap of timers that obey base/clock (and so the fake clock), and a stop flag.
 *
 * The event_base is used by the loop's thread alone and created without locks. Other threads touch
 * only `posted`, `awake`, `stop` and the eventfd. A poster that finds the list empty and the loop
 * not awake writes to the eventfd; every other post costs one compare-and-swap. No wake-up is lost:
 * the poster publishes the work before it reads `awake`, the loop clears `awake` before it looks at
 * the list, and all four are sequentially consistent. */
#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct loop_timer {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	int64_t due_ms;
	size_t slot; /* in the heap; TIMER_IDLE when not set */
};
#define TIMER_IDLE SIZE_MAX

struct loop_fd {
	struct event *event;
	void (*fn)(void *arg);
	void *arg;
};

struct signal_handler {
	struct signal_handler *next;
	struct event *event;
	void (*fn)(void *arg, int signo);
	void *arg;
};

struct loop {
	struct event_base *base;
	struct event *wake_event, *timer_event;
	int wake_fd;
	struct signal_handler *signals;

	_Atomic(struct loop_work *) posted; /* newest first */
	atomic_bool awake;                  /* will look at posted before it sleeps */
	atomic_bool stop;

	/* A binary heap by due_ms. There is room for every timer that exists, so that setting one
	 * cannot fail. */
	struct loop_timer **heap;
	size_t heap_len, heap_cap, timer_count;
	int64_t armed_due_ms; /* what timer_event waits for; INT64_MAX: nothing */
};

/* The loop that this thread runs, for posts to itself. */
static _Thread_local const struct loop *running;

/* --- timers --- */

static void heap_put(struct loop *l, size_t slot, struct loop_timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_up(struct loop *l, size_t slot, struct loop_timer *t)
{
	while (slot > 0 && l->heap[(slot - 1) / 2]->due_ms > t->due_ms) {
		heap_put(l, slot, l->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	heap_put(l, slot, t);
}

static void heap_down(struct loop *l, size_t slot, struct loop_timer *t)
{
	for (;;) {
		size_t child = 2 * slot + 1;

		if (child + 1 < l->heap_len && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
			child++;
		if (child >= l->heap_len || l->heap[child]->due_ms >= t->due_ms)
			break;
		heap_put(l, slot, l->heap[child]);
		slot = child;
	}
	heap_put(l, slot, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	size_t slot = t->slot;
	struct loop_timer *last = l->heap[--l->heap_len];

	t->slot = TIMER_IDLE;
	if (last == t)
		return;
	if (slot > 0 && l->heap[(slot - 1) / 2]->due_ms > last->due_ms)
		heap_up(l, slot, last);
	else
		heap_down(l, slot, last);
}

/* The one libevent timer waits for the earliest of ours. When that one is cleared it still fires,
 * finds nothing due and is armed anew: cheaper than arming at every change. */
static void timers_arm(struct loop *l)
{
	struct timeval delay = { 0 };
	int64_t due_ms, delay_ms;

	if (l->heap_len == 0)
		return;
	due_ms = l->heap[0]->due_ms;
	if (due_ms >= l->armed_due_ms)
		return;
	delay_ms = due_ms - clock_mono_ms();
	if (delay_ms < 1)
		delay_ms = 1;
	delay.tv_sec = (time_t)(delay_ms / 1000);
	delay.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	/* On failure armed_due_ms stays, so that the next change tries again. */
	if (event_add(l->timer_event, &delay) == 0)
		l->armed_due_ms = due_ms;
}

void loop_timers_check(struct loop *l)
{
	int64_t now_ms = clock_mono_ms();

	/* Ends: a timer set by fn is due after now_ms. */
	while (l->heap_len > 0 && l->heap[0]->due_ms <= now_ms) {
		struct loop_timer *t = l->heap[0];

		heap_remove(l, t);
		t->fn(t->arg); /* may free t */
	}
	timers_arm(l);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	l->armed_due_ms = INT64_MAX;
	loop_timers_check(l);
}

enum rc loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg, struct loop_timer **out)
{
	struct loop_timer *t;

	if (l->timer_count == l->heap_cap) {
		size_t cap = l->heap_cap ? 2 * l->heap_cap : 16;
		struct loop_timer **heap = reallocarray(l->heap, cap, sizeof(struct loop_timer *));

		if (!heap)
			return RC_NOMEM;
		l->heap = heap;
		l->heap_cap = cap;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return RC_NOMEM;
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg, .slot = TIMER_IDLE };
	l->timer_count++;
	*out = t;
	return RC_OK;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	struct loop *l = t->loop;
	int64_t now_ms = clock_mono_ms();

	loop_timer_clear(t);
	if (delay_ms < 1)
		delay_ms = 1;
	t->due_ms = delay_ms < INT64_MAX - 1 - now_ms ? now_ms + delay_ms : INT64_MAX - 1;
	heap_up(l, l->heap_len++, t);
	timers_arm(l);
}

void loop_timer_clear(struct loop_timer *t)
{
	if (t->slot != TIMER_IDLE)
		heap_remove(t->loop, t);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	loop_timer_clear(t);
	t->loop->timer_count--;
	free(t);
}

/* --- posted works --- */

static void wake(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n;

	/* EAGAIN means that the counter is full: the loop is about to wake anyway. */
	do
		n = write(l->wake_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;
	ssize_t n;

	(void)what;
	(void)arg;
	/* EAGAIN is harmless, and there is nothing else to do: loop_run() looks at the list next. */
	do
		n = read(fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
}

void loop_post(struct loop *l, struct loop_work *w)
{
	struct loop_work *newest = atomic_load(&l->posted);

	do
		w->next = newest;
	while (!atomic_compare_exchange_weak(&l->posted, &newest, w));
	if (!newest && running != l && !atomic_load(&l->awake))
		wake(l);
}

static void run_posted(struct loop *l)
{
	struct loop_work *newest = atomic_exchange(&l->posted, NULL);
	struct loop_work *oldest = NULL;

	while (newest) {
		struct loop_work *w = newest;

		newest = w->next;
		w->next = oldest;
		oldest = w;
	}
	while (oldest) {
		struct loop_work *w = oldest;

		oldest = w->next;
		w->fn(w); /* w is no longer ours */
	}
}

/* --- the loop --- */

enum rc loop_new(struct loop **out)
{
	struct event_config *config = event_config_new();
	struct loop *l = calloc(1, sizeof(*l));

	if (!config || !l) {
		if (config)
			event_config_free(config);
		free(l);
		return RC_NOMEM;
	}
	l->armed_due_ms = INT64_MAX;
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
	event_config_free(config);
	if (l->base && l->wake_fd >= 0) {
		l->wake_event = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
		l->timer_event = event_new(l->base, -1, 0, on_timer, l);
	}
	if (!l->wake_event || !l->timer_event || event_add(l->wake_event, NULL) != 0) {
		loop_free(l);
		return RC_IO;
	}
	*out = l;
	return RC_OK;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (atomic_load(&l->posted))
		run_posted(l);
	while (l->signals) {
		struct signal_handler *s = l->signals;

		l->signals = s->next;
		event_free(s->event);
		free(s);
	}
	if (l->wake_event)
		event_free(l->wake_event);
	if (l->timer_event)
		event_free(l->timer_event);
	if (l->base)
		event_base_free(l->base);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	free(l->heap);
	free(l);
}

/* One round: events, then what was posted up to then. */
static void loop_round(struct loop *l, int flags)
{
	atomic_store(&l->awake, false);
	if (atomic_load(&l->posted))
		flags |= EVLOOP_NONBLOCK;
	event_base_loop(l->base, flags);
	atomic_store(&l->awake, true);
	run_posted(l);
}

void loop_run(struct loop *l)
{
	const struct loop *outer = running;

	running = l;
	while (!atomic_load(&l->stop))
		loop_round(l, EVLOOP_ONCE);
	atomic_store(&l->stop, false);
	running = outer;
}

void loop_step(struct loop *l)
{
	const struct loop *outer = running;

	running = l;
	loop_round(l, EVLOOP_NONBLOCK);
	running = outer;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	wake(l);
}

void *loop_event_base(struct loop *l)
{
	return l->base;
}

/* --- descriptors and signals --- */

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
	struct loop_fd *e = arg;

	(void)fd;
	(void)what;
	e->fn(e->arg);
}

enum rc loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg), void *arg, struct loop_fd **out)
{
	struct loop_fd *e = calloc(1, sizeof(*e));

	if (!e)
		return RC_NOMEM;
	e->fn = fn;
	e->arg = arg;
	e->event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_fd, e);
	if (!e->event || event_add(e->event, NULL) != 0) {
		loop_fd_free(e);
		return RC_IO;
	}
	*out = e;
	return RC_OK;
}

void loop_fd_free(struct loop_fd *e)
{
	if (!e)
		return;
	if (e->event)
		event_free(e->event);
	free(e);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct signal_handler *s = arg;

	(void)what;
	s->fn(s->arg, (int)signo);
}

enum rc loop_signal(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg)
{
	struct signal_handler *s = calloc(1, sizeof(*s));

	if (!s)
		return RC_NOMEM;
	s->fn = fn;
	s->arg = arg;
	s->event = evsignal_new(l->base, signo, on_signal, s);
	if (!s->event || event_add(s->event, NULL) != 0) {
		if (s->event)
			event_free(s->event);
		free(s);
		return RC_IO;
	}
	s->next = l->signals;
	l->signals = s;
	return RC_OK;
}
