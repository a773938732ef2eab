/* thread.c - named threads that leave signals to the main thread, and a blocking queue. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct start {
	void (*fn)(void *arg);
	void *arg;
	char name[16];
};

static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), start.name);
	start.fn(start.arg);
	return NULL;
}

enum rc thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg)
{
	struct start *start = calloc(1, sizeof(*start));
	sigset_t all, before;
	int error;

	if (!start)
		return RC_NOMEM;
	start->fn = fn;
	start->arg = arg;
	strncpy(start->name, name, sizeof(start->name) - 1);
	/* The new thread inherits the mask, so that no signal can reach it before it blocks them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&t->id, NULL, thread_main, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		free(start);
		return error == EAGAIN ? RC_LIMIT : RC_INTERNAL;
	}
	t->started = 1;
	return RC_OK;
}

void thread_join(struct thread *t)
{
	if (!t || !t->started)
		return;
	pthread_join(t->id, NULL);
	t->started = 0;
}

void queue_init(struct queue *q)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->filled, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&q->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	q->head = NULL;
	q->tail = &q->head;
	q->closed = 0;
}

void queue_done(struct queue *q)
{
	if (!q)
		return;
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->ended);
	pthread_mutex_destroy(&q->lock);
}

int queue_put(struct queue *q, struct queue_item *item)
{
	int closed;

	item->next = NULL;
	pthread_mutex_lock(&q->lock);
	closed = q->closed;
	if (!closed) {
		/* Whoever takes, takes all: one waiter is enough, and only for the first. */
		if (!q->head)
			pthread_cond_signal(&q->filled);
		*q->tail = item;
		q->tail = &item->next;
	}
	pthread_mutex_unlock(&q->lock);
	return !closed;
}

/* With the lock held. */
static struct queue_item *take(struct queue *q)
{
	struct queue_item *items = q->head;

	q->head = NULL;
	q->tail = &q->head;
	return items;
}

struct queue_item *queue_take_all(struct queue *q)
{
	struct queue_item *items;

	pthread_mutex_lock(&q->lock);
	while (!q->head && !q->closed)
		pthread_cond_wait(&q->filled, &q->lock);
	items = take(q);
	pthread_mutex_unlock(&q->lock);
	return items;
}

struct queue_item *queue_poll_all(struct queue *q)
{
	struct queue_item *items;

	pthread_mutex_lock(&q->lock);
	items = take(q);
	pthread_mutex_unlock(&q->lock);
	return items;
}

/* The machine's own clock, not base/clock: this is about its processors, and no test turns it. */
void queue_rest(struct queue *q, unsigned us)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(us % 1000000) * 1000;
	until.tv_sec += us / 1000000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&q->lock);
	while (!q->closed && pthread_cond_timedwait(&q->ended, &q->lock, &until) == 0)
		;
	pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = 1;
	pthread_cond_broadcast(&q->filled);
	pthread_cond_broadcast(&q->ended);
	pthread_mutex_unlock(&q->lock);
}
