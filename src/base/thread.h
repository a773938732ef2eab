/* thread.h - named threads, and a blocking queue for the threads that have no event loop. */
#ifndef ASSAY_BASE_THREAD_H
#define ASSAY_BASE_THREAD_H

#include <pthread.h>

#include "base/rc.h"

struct thread {
	pthread_t id;
	int started;
};

/* All signals are blocked in the new thread. name: at most 15 characters. */
enum rc thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg) MUST_USE;
void thread_join(struct thread *t);

/* Intrusive FIFO: put a struct queue_item first in what you queue. The queue owns an item from
 * queue_put until queue_take_all gives it back. */
struct queue_item {
	struct queue_item *next;
};

struct queue {
	pthread_mutex_t lock; /* guards all below; a leaf lock, nothing is called while it is held */
	pthread_cond_t filled, ended;
	struct queue_item *head, **tail;
	int closed;
};

void queue_init(struct queue *q);
void queue_done(struct queue *q);
/* False when the queue is closed: the caller keeps the item. */
int queue_put(struct queue *q, struct queue_item *item);
/* Blocks until there is something or the queue is closed; returns the whole list in order, or NULL
 * when closed and empty. */
struct queue_item *queue_take_all(struct queue *q);
/* Does not block. */
struct queue_item *queue_poll_all(struct queue *q);
/* Blocks for this many microseconds while the queue fills, or until it is closed. */
void queue_rest(struct queue *q, unsigned us);
void queue_close(struct queue *q);

#endif
