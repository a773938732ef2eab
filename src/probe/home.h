/* home.h - a probe's way home: dials the server, says who it is, hands the looks that come to the watcher
 * and what it saw back. A lost link is dialled again after a growing gap, for ever. Nothing listens here.
 * Belongs to the loop's thread. */
#ifndef ASSAY_PROBE_HOME_H
#define ASSAY_PROBE_HOME_H

#include "net/link.h"
#include "probe/watcher.h"

struct home;

struct home_options {
	struct loop *loop;
	const char *host;   /* of the server: a name or an address */
	uint16_t port;
	struct tls_client *tls;
	struct str name;    /* ours */
	struct watcher_options watcher; /* loop, seen and arg are set here */
	/* For people: "connected to ...", "not connected: ..."; may be NULL. */
	void (*status)(void *arg, bool connected, const char *text);
	void *arg;
};
/* Begins to dial. */
enum rc home_new(const struct home_options *o, struct home **out, struct fault *f) MUST_USE;
/* NULL is allowed. */
void home_free(struct home *h);
/* Takes no more looks, finishes those under way, then calls done (once, perhaps never: see to a limit). */
void home_drain(struct home *h, void (*done)(void *arg), void *arg);

#endif
