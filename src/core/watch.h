/* watch.h - waiting for an order or authorization to change: a request that shows one "processing"
 * is held for a moment and answered when the change is durable, so that clients need not poll.
 * Thread-safe; several requests may watch one id. */
#ifndef ASSAY_CORE_WATCH_H
#define ASSAY_CORE_WATCH_H

#include "base/id.h"
#include "base/rc.h"

struct watch;

/* Embedded in the waiting request. */
struct watcher {
	struct watcher *next;
	struct id id;
	bool linked;
	/* Called on the thread that made the change (the store's writer); must only post to a loop. */
	void (*fired)(struct watcher *w);
};

enum rc watch_new(struct watch **out) MUST_USE;
void watch_free(struct watch *w);
/* Register before reading the state, so that no change is missed. */
void watch_add(struct watch *w, struct watcher *x);
/* True: it was removed before it fired. */
bool watch_remove(struct watch *w, struct watcher *x);
void watch_fire(struct watch *w, struct id id);

#endif
