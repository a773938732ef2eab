/* watcher.h - a probe's eyes: carries out the looks that the server sends, within what the operator of this
 * segment allows, and says what was seen. Belongs to the loop's thread. */
#ifndef ASSAY_PROBE_WATCHER_H
#define ASSAY_PROBE_WATCHER_H

#include "net/loop.h"
#include "probe/message.h"

struct watcher;

struct watcher_options {
	struct loop *loop;
	/* Where this probe may connect, whatever the server says: both must allow. Its lists are borrowed. */
	struct addr_policy local;
	const struct addr *resolvers; /* that are asked here instead of the zone's; borrowed */
	size_t resolver_count;
	const char *trust_anchor_file; /* NULL: the root key of the system */
	/* A look has ended; what it saw lives only meanwhile. */
	void (*seen)(void *arg, uint64_t id, const struct probe_seen *seen);
	void *arg;
};
enum rc watcher_new(const struct watcher_options *o, struct watcher **out) MUST_USE;
/* NULL is allowed. */
void watcher_free(struct watcher *w);

/* message: an encoded PROBE_LOOK. RC_INVALID: it is none, or its id is under way. A look that cannot be
 * begun is seen as a failure. */
enum rc watcher_look(struct watcher *w, struct bytes message) MUST_USE;
void watcher_cancel(struct watcher *w, uint64_t id);
void watcher_cancel_all(struct watcher *w);
/* Looks under way. */
size_t watcher_count(const struct watcher *w);

#endif
