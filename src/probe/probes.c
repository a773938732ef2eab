/* probes.c - see probes.h.
 *
 * A connection is a visitor until its hello has named a probe of the settings whose key it has proven to
 * have; then it is that probe's link. An errand is in one list of its probe: `waiting` until the probe has
 * room, `asked` until it has answered. When the link is lost, all of both end at once: whoever wants to
 * know tries again later, and by then the probe is back or is named as the reason. */
#include "probe/probes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"

#define KEEPALIVE_MS 15000
#define SILENT_KEEPALIVES 2
#define ANSWER_GRACE_MS 3000  /* of the network, beyond a look's own deadline */
#define HOLD_OFF_MS 2000      /* of an address whose key was not known */
#define HELD_OFF_MAX 64
#define REFUSALS_LOG_MS 10000 /* between two lines about them */
#define LISTENERS_MAX 8

struct visitor;

struct probe_errand {
	TAILQ_ENTRY(probe_errand) next;
	struct probe *probe;
	uint64_t id;
	enum probe_look_kind kind;
	bool asked;
	struct buf message;
	struct loop_timer *timer;
	int64_t deadline_ms;
	void (*done)(void *arg, const struct probe_seen *seen, const char *why);
	void *arg;
};

TAILQ_HEAD(errands, probe_errand);

struct probe {
	struct probe *next;
	struct probes *probes;
	uint8_t key[SHA256_LEN];
	struct visitor *visitor; /* NULL: not connected */
	bool leaving;            /* it said bye */
	struct errands waiting, asked;
	unsigned at_once;
	struct probe_status status; /* guarded by probes->lock where others read it */
};

struct visitor {
	TAILQ_ENTRY(visitor) next;
	struct probes *probes;
	struct link *link;
	struct probe *probe; /* NULL until the hello */
	struct loop_timer *timer; /* until the hello; then the keep-alive */
	int64_t heard_ms;
	uint64_t pings;
};

struct probes {
	struct probes_options options;
	char service[256];
	struct link_listener *listeners[LISTENERS_MAX];
	size_t listener_count;
	struct probe *all;
	TAILQ_HEAD(, visitor) visitors;
	unsigned nameless; /* visitors without a probe */
	uint64_t last_id;
	int64_t started_at;
	struct {
		uint8_t ip[16];
		int64_t until_ms;
	} held_off[HELD_OFF_MAX];
	size_t held_off_next;
	int64_t refusal_logged_ms;
	unsigned refusals_unlogged;
	struct arena arena; /* of the message at hand */
	pthread_mutex_t lock; /* guards the list of probes, their status, and refused; a leaf */
	uint64_t refused;
};

static struct probe *probe_by_name(const struct probes *p, struct str name)
{
	struct probe *x = p->all;

	while (x && !str_is(name, x->status.name))
		x = x->next;
	return x;
}

/* --- errands --- */

static void errand_free(struct probe_errand *e)
{
	loop_timer_free(e->timer);
	buf_done(&e->message);
	free(e);
}

static void errand_leave(struct probe_errand *e)
{
	struct probe *x = e->probe;

	TAILQ_REMOVE(e->asked ? &x->asked : &x->waiting, e, next);
	pthread_mutex_lock(&x->probes->lock);
	if (e->asked)
		x->status.under_way--;
	else
		x->status.waiting--;
	pthread_mutex_unlock(&x->probes->lock);
}

/* Ends it; seen is NULL for a failure. */
static void errand_end(struct probe_errand *e, const struct probe_seen *seen, const char *why)
{
	struct probe *x = e->probe;

	errand_leave(e);
	pthread_mutex_lock(&x->probes->lock);
	x->status.failures += !seen;
	pthread_mutex_unlock(&x->probes->lock);
	e->done(e->arg, seen, why);
	errand_free(e);
}

static void send_number(struct visitor *v, enum probe_message_type type, uint64_t id)
{
	const struct probe_message m = { .type = type, .id = id };
	AUTO(buf) struct buf b;

	buf_init(&b, 64);
	/* What cannot be sent now is not sent: a link whose other end does not read is found by its silence. */
	if (probe_message_encode(&m, &b) == RC_OK && link_send(v->link, buf_bytes(&b)) != RC_OK)
		LOG_DEBUG("probe_message_dropped", F_INT("type", type));
}

/* Sends what waits while the probe has room. */
static void pump(struct probe *x)
{
	struct probe_errand *e;

	while (x->visitor && !x->leaving && x->status.under_way < x->at_once && (e = TAILQ_FIRST(&x->waiting))) {
		if (link_send(x->visitor->link, buf_bytes(&e->message)) != RC_OK)
			return; /* it does not read; the keep-alive or the errands' own time will tell */
		errand_leave(e);
		e->asked = true;
		buf_done(&e->message);
		TAILQ_INSERT_TAIL(&x->asked, e, next);
		pthread_mutex_lock(&x->probes->lock);
		x->status.under_way++;
		pthread_mutex_unlock(&x->probes->lock);
	}
}

static void on_errand_timer(void *arg)
{
	struct probe_errand *e = arg;
	struct probe *x = e->probe;
	char why[PROBE_TROUBLE_MAX];

	snprintf(why, sizeof(why), "probe %s did not answer within %lld ms", x->status.name,
		 (long long)(e->deadline_ms + ANSWER_GRACE_MS));
	if (e->asked && x->visitor)
		send_number(x->visitor, PROBE_CANCEL, e->id);
	errand_end(e, NULL, why);
	pump(x);
}

bool probes_missing(struct probes *p, struct str name, char why[PROBE_TROUBLE_MAX])
{
	const struct probe *x = probe_by_name(p, name);
	char at[21];

	if (x && x->visitor && !x->leaving)
		return false;
	if (!x) {
		snprintf(why, PROBE_TROUBLE_MAX, "probe %.*s is not among the probes of the settings", STR_ARG(name));
	} else if (x->leaving) {
		snprintf(why, PROBE_TROUBLE_MAX, "probe %s (%s) is about to stop", x->status.name, x->status.address);
	} else if (x->status.since) {
		clock_rfc3339(x->status.since, at);
		snprintf(why, PROBE_TROUBLE_MAX, "probe %s (last at %s) is not connected since %s", x->status.name,
			 x->status.address, at);
	} else {
		clock_rfc3339(p->started_at, at);
		snprintf(why, PROBE_TROUBLE_MAX, "probe %s has not connected since this server started at %s",
			 x->status.name, at);
	}
	return true;
}

enum rc probes_look(struct probes *p, struct str name, const struct probe_look *look, int64_t deadline_ms,
		    void (*done)(void *arg, const struct probe_seen *seen, const char *why), void *arg,
		    struct probe_errand **out)
{
	struct probe_message m = { .type = PROBE_LOOK, .id = ++p->last_id, .look = *look };
	struct probe *x = probe_by_name(p, name);
	struct probe_errand *e;
	enum rc rc;

	if (!x || !x->visitor || x->leaving)
		return RC_UNAVAILABLE;
	if (x->status.waiting >= LIMIT_PROBE_WAITING)
		return RC_BUSY;
	e = calloc(1, sizeof(*e));
	if (!e)
		return RC_NOMEM;
	buf_init(&e->message, LIMIT_LINK_MESSAGE);
	e->probe = x;
	e->id = m.id;
	e->kind = look->kind;
	e->deadline_ms = deadline_ms;
	e->done = done;
	e->arg = arg;
	rc = probe_message_encode(&m, &e->message);
	if (rc == RC_OK)
		rc = loop_timer_new(p->options.loop, on_errand_timer, e, &e->timer);
	if (rc != RC_OK) {
		errand_free(e);
		return rc;
	}
	loop_timer_set(e->timer, deadline_ms + ANSWER_GRACE_MS);
	TAILQ_INSERT_TAIL(&x->waiting, e, next);
	pthread_mutex_lock(&p->lock);
	x->status.waiting++;
	x->status.looks++;
	pthread_mutex_unlock(&p->lock);
	*out = e;
	pump(x);
	return RC_OK;
}

void probes_cancel(struct probe_errand *e)
{
	struct probe *x;

	if (!e)
		return;
	x = e->probe;
	if (e->asked && x->visitor)
		send_number(x->visitor, PROBE_CANCEL, e->id);
	errand_leave(e);
	errand_free(e);
	pump(x);
}

/* --- the end of a link --- */

static void fail_errands(struct probe *x, const char *why)
{
	struct probe_errand *e;

	while ((e = TAILQ_FIRST(&x->asked)) || (e = TAILQ_FIRST(&x->waiting)))
		errand_end(e, NULL, why);
}

/* The link is gone or is being closed by the caller. */
static void visitor_gone(struct visitor *v, const char *why)
{
	struct probes *p = v->probes;
	struct probe *x = v->probe;
	char trouble[PROBE_TROUBLE_MAX];

	TAILQ_REMOVE(&p->visitors, v, next);
	loop_timer_free(v->timer);
	free(v);
	if (!x) {
		p->nameless--;
		return;
	}
	LOG_WARN("probe_lost", F_TEXT("probe", x->status.name), F_TEXT("peer", x->status.address), F_TEXT("cause", why),
		 F_INT("looks", x->status.under_way + x->status.waiting));
	pthread_mutex_lock(&p->lock);
	x->visitor = NULL;
	x->leaving = false;
	x->status.connected = false;
	x->status.since = clock_now_s();
	pthread_mutex_unlock(&p->lock);
	snprintf(trouble, sizeof(trouble), "probe %s (%s) was lost while it looked: %.90s", x->status.name,
		 x->status.address, why);
	fail_errands(x, trouble);
}

static void on_down(void *arg, const char *why)
{
	visitor_gone(arg, why);
}

/* Ends the link from our side. */
static void visitor_dismiss(struct visitor *v, const char *why)
{
	const struct probe_message m = { .type = PROBE_REFUSED, .why = str_of(why) };
	struct link *link = v->link;
	AUTO(buf) struct buf b;

	buf_init(&b, 1024);
	if (probe_message_encode(&m, &b) == RC_OK && link_send(link, buf_bytes(&b)) == RC_OK)
		link_finish(link);
	else
		link_close(link);
	visitor_gone(v, why);
}

/* --- who is refused --- */

static void refusal_log(struct probes *p, const char *peer, const char *name, const uint8_t key[SHA256_LEN],
			const char *cause)
{
	int64_t now_ms = clock_mono_ms();
	char hex[2 * SHA256_LEN + 1];

	pthread_mutex_lock(&p->lock);
	p->refused++;
	pthread_mutex_unlock(&p->lock);
	if (p->refusal_logged_ms && now_ms - p->refusal_logged_ms < REFUSALS_LOG_MS) {
		p->refusals_unlogged++;
		return;
	}
	hex_encode(bytes_of(key, SHA256_LEN), hex);
	LOG_WARN("probe_refused", F_TEXT("peer", peer), F_TEXT("name", name), F_TEXT("key", hex), F_TEXT("cause", cause),
		 F_INT("more", p->refusals_unlogged));
	p->refusal_logged_ms = now_ms ? now_ms : 1;
	p->refusals_unlogged = 0;
}

static void hold_off(struct probes *p, const struct addr *peer)
{
	size_t at = p->held_off_next++ % HELD_OFF_MAX;

	addr_ip16(peer, p->held_off[at].ip);
	p->held_off[at].until_ms = clock_mono_ms() + HOLD_OFF_MS;
}

static bool is_held_off(const struct probes *p, const struct addr *peer)
{
	int64_t now_ms = clock_mono_ms();
	uint8_t ip[16];

	addr_ip16(peer, ip);
	for (size_t i = 0; i < HELD_OFF_MAX; i++)
		if (p->held_off[i].until_ms > now_ms && memcmp(p->held_off[i].ip, ip, sizeof(ip)) == 0)
			return true;
	return false;
}

/* In the handshake: is there a probe with this key? Which one it is says the hello. */
static bool knows(void *arg, const char *peer, const uint8_t key[SHA256_LEN])
{
	struct probes *p = arg;
	struct addr from;

	for (const struct probe *x = p->all; x; x = x->next)
		if (memcmp(x->key, key, SHA256_LEN) == 0)
			return true;
	if (addr_parse(str_of(peer), 1, &from, NULL) == RC_OK)
		hold_off(p, &from);
	refusal_log(p, peer, "", key, "no probe of the settings has this key");
	return false;
}

/* --- messages --- */

static void heard(struct visitor *v)
{
	v->heard_ms = clock_mono_ms();
	if (!v->probe)
		return;
	pthread_mutex_lock(&v->probes->lock);
	v->probe->status.last_seen = clock_now_s();
	pthread_mutex_unlock(&v->probes->lock);
}

static int64_t keepalive_ms(const struct probes *p)
{
	return p->options.keepalive_ms ? p->options.keepalive_ms : KEEPALIVE_MS;
}

static void welcome(struct visitor *v)
{
	const struct probe_message m = { .type = PROBE_WELCOME, .name = str_of(v->probes->service),
					 .keepalive_ms = (uint32_t)keepalive_ms(v->probes) };
	AUTO(buf) struct buf b;

	buf_init(&b, 1024);
	if (probe_message_encode(&m, &b) != RC_OK || link_send(v->link, buf_bytes(&b)) != RC_OK)
		LOG_WARN("probe_not_welcomed", F_TEXT("probe", v->probe->status.name));
}

static void take_in(struct visitor *v, struct probe *x, const struct probe_message *m)
{
	struct probes *p = v->probes;
	char peer[ADDR_TEXT_MAX];

	addr_text(link_peer(v->link), peer);
	if (x->visitor)
		visitor_dismiss(x->visitor, "another program with this probe's key and name has connected");
	p->nameless--;
	v->probe = x;
	x->at_once = m->at_once < LIMIT_PROBE_TASKS ? m->at_once : LIMIT_PROBE_TASKS;
	pthread_mutex_lock(&p->lock);
	x->visitor = v;
	x->leaving = false;
	x->status.connected = true;
	x->status.since = x->status.last_seen = clock_now_s();
	snprintf(x->status.address, sizeof(x->status.address), "%s", peer);
	snprintf(x->status.version, sizeof(x->status.version), "%.*s", STR_ARG(m->version));
	pthread_mutex_unlock(&p->lock);
	loop_timer_set(v->timer, keepalive_ms(p));
	LOG_INFO("probe_connected", F_TEXT("probe", x->status.name), F_TEXT("peer", peer), F_STR("version", m->version));
	welcome(v);
}

static void on_hello(struct visitor *v, const struct probe_message *m)
{
	struct probe *x = m->protocol == PROBE_VERSION ? probe_by_name(v->probes, m->name) : NULL;
	uint8_t key[SHA256_LEN] = { 0 };
	char peer[ADDR_TEXT_MAX], name[PROBE_NAME_MAX + 1];
	const char *cause = NULL;

	if (m->protocol != PROBE_VERSION)
		cause = "this server speaks version 1 of the probe protocol: use the same version of assay at both ends";
	else if (!x)
		cause = "no probe of the settings has this name: add it to `probes:`, or give the right --name";
	else if (!link_peer_key(v->link, key) || memcmp(key, x->key, sizeof(key)) != 0)
		cause = "the probe of this name has another key in the settings";
	if (!cause) {
		take_in(v, x, m);
		return;
	}
	addr_text(link_peer(v->link), peer);
	snprintf(name, sizeof(name), "%.*s", STR_ARG(m->name));
	refusal_log(v->probes, peer, name, key, cause);
	hold_off(v->probes, link_peer(v->link));
	visitor_dismiss(v, cause);
}

static bool on_seen(struct probe *x, const struct probe_message *m)
{
	struct probe_errand *e;

	TAILQ_FOREACH(e, &x->asked, next)
		if (e->id == m->id)
			break;
	if (!e)
		return true; /* was cancelled meanwhile */
	if (e->kind != m->seen.kind)
		return false;
	errand_end(e, &m->seen, NULL);
	pump(x);
	return true;
}

static bool on_message(void *arg, struct bytes in)
{
	struct visitor *v = arg;
	struct probes *p = v->probes;
	struct probe_message m;

	arena_reset(&p->arena);
	if (probe_message_decode(&p->arena, in, &m) != RC_OK)
		return false;
	heard(v);
	if (!v->probe) {
		if (m.type != PROBE_HELLO)
			return false;
		on_hello(v, &m);
		return true;
	}
	switch (m.type) {
	case PROBE_SEEN:
		return on_seen(v->probe, &m);
	case PROBE_PING:
		send_number(v, PROBE_PONG, m.id);
		return true;
	case PROBE_PONG:
		pump(v->probe);
		return true;
	case PROBE_BYE:
		v->probe->leaving = true;
		LOG_INFO("probe_leaving", F_TEXT("probe", v->probe->status.name));
		return true;
	default:
		return false;
	}
}

static void on_visitor_timer(void *arg)
{
	struct visitor *v = arg;
	int64_t every_ms = keepalive_ms(v->probes);

	if (!v->probe) {
		visitor_dismiss(v, "it did not say who it is");
		return;
	}
	if (clock_mono_ms() - v->heard_ms > SILENT_KEEPALIVES * every_ms) {
		link_close(v->link);
		visitor_gone(v, "it said nothing for too long");
		return;
	}
	send_number(v, PROBE_PING, ++v->pings);
	loop_timer_set(v->timer, every_ms);
}

static void on_up(void *arg)
{
	struct visitor *v = arg;

	loop_timer_set(v->timer, LINK_HANDSHAKE_MS);
}

static bool on_accept(void *arg, struct link *link, struct link_handler *out)
{
	struct probes *p = arg;
	struct visitor *v;

	if (p->nameless >= LIMIT_PROBE_VISITORS || is_held_off(p, link_peer(link)))
		return false;
	v = calloc(1, sizeof(*v));
	if (!v || loop_timer_new(p->options.loop, on_visitor_timer, v, &v->timer) != RC_OK) {
		free(v);
		return false;
	}
	v->probes = p;
	v->link = link;
	TAILQ_INSERT_TAIL(&p->visitors, v, next);
	p->nameless++;
	*out = (struct link_handler){ .up = on_up, .message = on_message, .down = on_down, .arg = v };
	return true;
}

/* --- the settings --- */

static const struct probe_pin *pin_of(const struct probe *x, const struct probe_pin *pins, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(pins[i].name, x->status.name) && memcmp(pins[i].key, x->key, SHA256_LEN) == 0)
			return &pins[i];
	return NULL;
}

/* Those that are gone from the settings, or have another key there. */
static void cut_off(struct probes *p, const struct probe_pin *pins, size_t count)
{
	struct probe **at = &p->all, *x;

	while ((x = *at)) {
		if (pin_of(x, pins, count)) {
			at = &x->next;
			continue;
		}
		LOG_INFO("probe_removed", F_TEXT("probe", x->status.name));
		if (x->visitor)
			visitor_dismiss(x->visitor, "this probe, or its key, is no longer in the settings");
		pthread_mutex_lock(&p->lock);
		*at = x->next;
		pthread_mutex_unlock(&p->lock);
		free(x);
	}
}

enum rc probes_allow(struct probes *p, const struct probe_pin *pins, size_t count, struct str service)
{
	snprintf(p->service, sizeof(p->service), "%.*s", STR_ARG(service));
	cut_off(p, pins, count);
	for (size_t i = 0; i < count; i++) {
		struct probe *x;

		if (probe_by_name(p, pins[i].name))
			continue;
		x = probe_name_ok(pins[i].name) ? calloc(1, sizeof(*x)) : NULL;
		if (!x)
			return probe_name_ok(pins[i].name) ? RC_NOMEM : RC_INVALID;
		x->probes = p;
		memcpy(x->key, pins[i].key, SHA256_LEN);
		memcpy(x->status.name, pins[i].name.p, pins[i].name.len);
		TAILQ_INIT(&x->waiting);
		TAILQ_INIT(&x->asked);
		pthread_mutex_lock(&p->lock);
		x->next = p->all;
		p->all = x;
		pthread_mutex_unlock(&p->lock);
	}
	return RC_OK;
}

/* --- life --- */

enum rc probes_new(const struct probes_options *o, struct probes **out)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (!p)
		return RC_NOMEM;
	p->options = *o;
	p->started_at = clock_now_s();
	TAILQ_INIT(&p->visitors);
	arena_init(&p->arena, PROBE_ARENA_MAX);
	pthread_mutex_init(&p->lock, NULL);
	*out = p;
	return RC_OK;
}

enum rc probes_listen(struct probes *p, const struct addr *a, struct addr *out_bound, struct fault *f)
{
	const struct link_listener_options o = {
		.loop = p->options.loop, .tls = p->options.tls,
		.known = { .alpn = PROBE_PROTOCOL, .knows = knows, .arg = p },
		.accept = on_accept, .arg = p,
	};
	enum rc rc;

	if (p->listener_count == LISTENERS_MAX)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "listen.probes: at most %d addresses", LISTENERS_MAX);
	rc = link_listen(&o, a, &p->listeners[p->listener_count], out_bound, f);
	p->listener_count += rc == RC_OK;
	return rc;
}

void probes_drain(struct probes *p)
{
	if (!p)
		return;
	while (p->listener_count > 0)
		link_listener_free(p->listeners[--p->listener_count]);
}

void probes_free(struct probes *p)
{
	struct visitor *v;

	if (!p)
		return;
	probes_drain(p);
	while ((v = TAILQ_FIRST(&p->visitors))) {
		link_close(v->link);
		visitor_gone(v, "this server stops");
	}
	while (p->all) {
		struct probe *x = p->all;

		p->all = x->next;
		free(x);
	}
	arena_done(&p->arena);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* --- for people --- */

size_t probes_list(struct probes *p, struct probe_status *out, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&p->lock);
	for (const struct probe *x = p->all; x; x = x->next, count++)
		if (count < max)
			out[count] = x->status;
	pthread_mutex_unlock(&p->lock);
	return count;
}

uint64_t probes_refused(struct probes *p)
{
	uint64_t refused;

	pthread_mutex_lock(&p->lock);
	refused = p->refused;
	pthread_mutex_unlock(&p->lock);
	return refused;
}
