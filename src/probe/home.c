/* home.c - see home.h. One attempt after the other:
 *
 *   resolve (targets.c) -> dial one address after the other -> hello -> welcome -> UP
 *        ^                          | none                       | refused    | lost
 *        +------ a gap that doubles, with jitter, up to a minute +------------+
 */
#include "probe/home.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "net/targets.h"

#define GAP_FIRST_MS 1000
#define GAP_MAX_MS 60000
#define GAP_REFUSED_MS 30000  /* somebody must change the settings first */
#define STEADY_MS 60000       /* a link that lasted so long was a good one */
#define CONNECT_MS 15000      /* all addresses together */
#define WELCOME_MS 10000
#define SILENT_KEEPALIVES 3

struct home {
	struct home_options options;
	struct watcher *watcher;
	struct resolver *resolver; /* where the server is: the system's */
	struct targets targets;
	struct buf trace; /* of targets; read by nobody */
	struct addr_policy anywhere;
	struct addr literal;
	bool is_literal;
	struct link *link;
	bool welcome;              /* we are known there */
	struct loop_timer *timer;  /* the next attempt; the welcome; the keep-alive */
	int64_t due_ms, gap_ms, up_ms, heard_ms, keepalive_ms;
	char where[ADDR_TEXT_MAX];
	struct arena arena; /* of the message at hand */
	void (*drained)(void *arg);
	void *drained_arg;
};

static void attempt(struct home *h);
static void dial(struct home *h);

/* --- the gap --- */

static void tell(struct home *h, bool connected, const char *text)
{
	if (h->options.status)
		h->options.status(h->options.arg, connected, text);
}

/* Another attempt after a while: between half and the whole of the gap, so that a hundred probes do not
 * come back in the same moment. */
static void again(struct home *h, const char *why)
{
	uint16_t jitter;
	int64_t wait_ms;
	char text[400];

	random_bytes(&jitter, sizeof(jitter));
	wait_ms = h->gap_ms / 2 + h->gap_ms / 2 * jitter / 65536;
	LOG_WARN("server_lost", F_TEXT("server", h->options.host), F_TEXT("cause", why), F_INT("next_try_ms", wait_ms));
	snprintf(text, sizeof(text), "not connected: %.300s", why);
	tell(h, false, text);
	h->gap_ms = h->gap_ms * 2 < GAP_MAX_MS ? h->gap_ms * 2 : GAP_MAX_MS;
	loop_timer_set(h->timer, wait_ms);
}

static void check_drained(struct home *h)
{
	void (*done)(void *arg) = h->drained;

	if (!done || watcher_count(h->watcher) > 0)
		return;
	h->drained = NULL;
	done(h->drained_arg);
}

/* The link is gone, or is closed here. */
static void lost(struct home *h, const char *why)
{
	link_close(h->link);
	h->link = NULL;
	watcher_cancel_all(h->watcher); /* nobody waits for them any more */
	if (h->welcome && clock_mono_ms() - h->up_ms >= STEADY_MS)
		h->gap_ms = GAP_FIRST_MS;
	h->welcome = false;
	if (h->drained)
		loop_timer_set(h->timer, 0);
	else
		again(h, why);
}

/* --- messages --- */

static enum rc send_message(struct home *h, const struct probe_message *m)
{
	AUTO(buf) struct buf b;
	enum rc rc;

	buf_init(&b, LIMIT_LINK_MESSAGE + 1);
	rc = probe_message_encode(m, &b);
	return rc == RC_OK ? link_send(h->link, buf_bytes(&b)) : rc;
}

/* From the watcher. */
static void on_seen(void *arg, uint64_t id, const struct probe_seen *seen)
{
	struct home *h = arg;
	struct probe_message m = { .type = PROBE_SEEN, .id = id, .seen = *seen };
	enum rc rc = h->link ? send_message(h, &m) : RC_OK;

	if (rc == RC_LIMIT) { /* an answer that is larger than a message: say so instead */
		m.seen = (struct probe_seen){ .kind = seen->kind };
		m.seen.fetched.rc = m.seen.shaken.rc = m.seen.answered.rc = RC_IO;
		m.seen.fetched.problem = m.seen.shaken.problem = PROBLEM_CONNECTION;
		snprintf(m.seen.fetched.why, sizeof(m.seen.fetched.why), "the answer is too large");
		snprintf(m.seen.shaken.why, sizeof(m.seen.shaken.why), "the answer is too large");
		snprintf(m.seen.answered.why, sizeof(m.seen.answered.why), "the answer is too large");
		rc = send_message(h, &m);
	}
	if (rc != RC_OK)
		LOG_WARN("look_not_reported", F_TEXT("cause", rc_text(rc)));
	if (h->drained)
		loop_timer_set(h->timer, 0); /* this look is still counted */
}

static bool on_welcome(struct home *h, const struct probe_message *m)
{
	char text[400];

	if (h->welcome)
		return false;
	h->welcome = true;
	h->up_ms = clock_mono_ms();
	h->keepalive_ms = m->keepalive_ms;
	loop_timer_set(h->timer, h->keepalive_ms);
	LOG_INFO("server_connected", F_TEXT("server", h->where), F_STR("service", m->name));
	snprintf(text, sizeof(text), "connected to %.*s at %s", STR_ARG(m->name), h->where);
	tell(h, true, text);
	return true;
}

static bool on_look(struct home *h, struct bytes in)
{
	enum rc rc = h->welcome ? watcher_look(h->watcher, in) : RC_INVALID;

	return rc == RC_OK || rc == RC_NOMEM;
}

static bool on_message(void *arg, struct bytes in)
{
	struct home *h = arg;
	struct probe_message m;
	char why[300];

	h->heard_ms = clock_mono_ms();
	arena_reset(&h->arena);
	if (probe_message_decode(&h->arena, in, &m) != RC_OK)
		return false;
	switch (m.type) {
	case PROBE_WELCOME:
		return on_welcome(h, &m);
	case PROBE_REFUSED:
		snprintf(why, sizeof(why), "the server refuses this probe: %.*s", STR_ARG(m.why));
		h->gap_ms = h->gap_ms < GAP_REFUSED_MS ? GAP_REFUSED_MS : h->gap_ms;
		lost(h, why);
		return true;
	case PROBE_LOOK:
		return on_look(h, in);
	case PROBE_CANCEL:
		watcher_cancel(h->watcher, m.id);
		check_drained(h);
		return true;
	case PROBE_PING:
		m.type = PROBE_PONG;
		return send_message(h, &m) == RC_OK;
	default:
		return false;
	}
}

/* --- the link --- */

static void on_up(void *arg)
{
	struct home *h = arg;
	const struct probe_message m = { .type = PROBE_HELLO, .protocol = PROBE_VERSION, .name = h->options.name,
					 .version = STR(ASSAY_VERSION), .at_once = LIMIT_PROBE_TASKS };

	h->heard_ms = clock_mono_ms();
	loop_timer_set(h->timer, WELCOME_MS);
	if (send_message(h, &m) != RC_OK)
		lost(h, "the hello cannot be sent");
}

static void on_down(void *arg, const char *why)
{
	struct home *h = arg;
	bool was_welcome = h->welcome;
	char text[300];

	h->link = NULL; /* it frees itself */
	if (strstr(why, "bad certificate")) /* RFC 8446 §6.2: it looked at ours */
		why = "the server does not know this probe's key: `assay probe key` prints the line for its settings";
	snprintf(text, sizeof(text), "%s: %.200s", h->where, why);
	targets_failed(&h->targets, why);
	if (was_welcome || h->drained)
		lost(h, text);
	else
		dial(h);
}

/* The next address of the server. */
static void dial(struct home *h)
{
	const struct link_handler handler = { .up = on_up, .message = on_message, .down = on_down, .arg = h };
	struct addr a;
	int64_t share_ms;
	char why[300];

	while (targets_next(&h->targets, h->due_ms - clock_mono_ms(), &a, &share_ms)) {
		enum rc rc;

		addr_text(&a, h->where);
		loop_timer_clear(h->timer); /* the link has its own */
		rc = link_dial(h->options.loop, h->options.tls, &a, h->options.host, share_ms, &handler, &h->link);
		if (rc == RC_OK)
			return;
		targets_failed(&h->targets, rc_text(rc));
	}
	snprintf(why, sizeof(why), "%s cannot be reached: %.200s", h->options.host, h->targets.failures);
	again(h, why);
}

static void on_found(void *arg)
{
	struct home *h = arg;

	if (h->targets.rc == RC_OK)
		dial(h);
	else
		again(h, h->targets.why);
}

static void attempt(struct home *h)
{
	const struct targets_spec spec = {
		.host = h->options.host,
		.literal = h->is_literal ? &h->literal : NULL,
		.port = h->options.port,
		.policy = &h->anywhere,
		.resolver = h->resolver,
		.trace = &h->trace,
		.found = on_found,
		.arg = h,
	};

	buf_reset(&h->trace);
	h->due_ms = clock_mono_ms() + CONNECT_MS;
	targets_find(&h->targets, &spec);
}

static void on_timer(void *arg)
{
	struct home *h = arg;

	if (h->drained) {
		check_drained(h);
	} else if (!h->link) {
		attempt(h);
	} else if (!h->welcome) {
		lost(h, "it does not say welcome: is that the port of listen.probes?");
	} else if (clock_mono_ms() - h->heard_ms > SILENT_KEEPALIVES * h->keepalive_ms) {
		lost(h, "it said nothing for too long");
	} else {
		loop_timer_set(h->timer, h->keepalive_ms);
	}
}

/* --- life --- */

enum rc home_new(const struct home_options *o, struct home **out, struct fault *f)
{
	struct home *h = calloc(1, sizeof(*h));
	const struct resolver_options system = { .use_hosts = true };
	enum rc rc;

	if (!h)
		return RC_NOMEM;
	h->options = *o;
	h->options.watcher.loop = o->loop;
	h->options.watcher.seen = on_seen;
	h->options.watcher.arg = h;
	h->gap_ms = GAP_FIRST_MS;
	/* The server may be anywhere: it is the operator of this probe who says where. */
	h->anywhere = (struct addr_policy){ .preset = ADDR_DEV };
	h->is_literal = addr_ip_parse(str_of(o->host), o->port, &h->literal);
	buf_init(&h->trace, LIMIT_TRACE);
	arena_init(&h->arena, PROBE_ARENA_MAX);
	rc = watcher_new(&h->options.watcher, &h->watcher);
	if (rc == RC_OK)
		rc = resolver_new(o->loop, &system, &h->resolver, f);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, on_timer, h, &h->timer);
	if (rc != RC_OK) {
		home_free(h);
		return rc;
	}
	*out = h;
	loop_timer_set(h->timer, 0);
	return RC_OK;
}

void home_free(struct home *h)
{
	if (!h)
		return;
	link_finish(h->link);
	targets_cancel(&h->targets);
	watcher_free(h->watcher);
	resolver_free(h->resolver);
	loop_timer_free(h->timer);
	buf_done(&h->trace);
	arena_done(&h->arena);
	free(h);
}

void home_drain(struct home *h, void (*done)(void *arg), void *arg)
{
	const struct probe_message bye = { .type = PROBE_BYE };

	h->drained = done;
	h->drained_arg = arg;
	if (h->link && h->welcome && send_message(h, &bye) != RC_OK)
		LOG_DEBUG("bye_not_sent");
	loop_timer_set(h->timer, 0);
}
