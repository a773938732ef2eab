/* watch.c - a hash table of waiting requests, by id. */
#include "core/watch.h"

#include <pthread.h>
#include <stdlib.h>

#define WATCH_BUCKETS 1024

struct watch {
	pthread_mutex_t lock; /* guards bucket; a leaf: fired() only posts to a loop */
	struct watcher *bucket[WATCH_BUCKETS];
};

static struct watcher **watch_bucket(struct watch *w, struct id id)
{
	/* The last octets of an id are random. */
	unsigned n = (unsigned)id.b[ID_LEN - 1] << 8 | id.b[ID_LEN - 2];

	return &w->bucket[n % WATCH_BUCKETS];
}

enum rc watch_new(struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return RC_NOMEM;
	pthread_mutex_init(&w->lock, NULL);
	*out = w;
	return RC_OK;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watch_add(struct watch *w, struct watcher *x)
{
	struct watcher **bucket = watch_bucket(w, x->id);

	pthread_mutex_lock(&w->lock);
	x->next = *bucket;
	x->linked = true;
	*bucket = x;
	pthread_mutex_unlock(&w->lock);
}

bool watch_remove(struct watch *w, struct watcher *x)
{
	bool was_linked;

	pthread_mutex_lock(&w->lock);
	was_linked = x->linked;
	for (struct watcher **p = watch_bucket(w, x->id); was_linked && *p; p = &(*p)->next) {
		if (*p == x) {
			*p = x->next;
			break;
		}
	}
	x->linked = false;
	pthread_mutex_unlock(&w->lock);
	return was_linked;
}

void watch_fire(struct watch *w, struct id id)
{
	struct watcher **p = watch_bucket(w, id);

	pthread_mutex_lock(&w->lock);
	while (*p) {
		struct watcher *x = *p;

		if (!id_eq(x->id, id)) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		x->linked = false;
		x->fired(x);
	}
	pthread_mutex_unlock(&w->lock);
}
