/* watcher.c - see watcher.h. Fetching, shaking hands and asking are net/'s, as at the server. */
#include "probe/watcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/dns_direct.h"

#define RESOLVERS_MAX 16 /* kept, one for each way that zones ask */

struct eyes { /* a resolver, and how it was made */
	struct resolver *resolver;
	struct addr servers[PROBE_SERVERS_MAX];
	size_t server_count;
	bool dnssec;
	int64_t timeout_ms;
	unsigned users;
	uint64_t used; /* when last, by the watcher's own count */
};

struct watch {
	TAILQ_ENTRY(watch) next;
	struct watcher *watcher;
	uint64_t id;
	struct arena arena; /* of the look */
	struct probe_look look;
	struct eyes *eyes;
	struct fetch *fetch;
	struct tls_probe *handshake;
	struct dns_query *question;
	struct dns_direct *direct;
};

struct watcher {
	struct watcher_options options;
	struct fetcher *fetcher;
	struct tls_prober *prober;
	struct eyes eyes[RESOLVERS_MAX];
	uint64_t uses;
	TAILQ_HEAD(, watch) all;
	size_t count;
};

/* --- resolvers --- */

static bool same_servers(const struct eyes *e, const struct addr *servers, size_t count)
{
	bool same = e->server_count == count;

	for (size_t i = 0; same && i < count; i++)
		same = addr_eq(&e->servers[i], &servers[i]);
	return same;
}

/* One that is made as asked, or the one whose place may be taken; NULL: all are in use. */
static struct eyes *find_eyes(struct watcher *w, const struct probe_dns *dns, const struct addr *servers, size_t count)
{
	struct eyes *oldest = NULL;

	for (size_t i = 0; i < RESOLVERS_MAX; i++) {
		struct eyes *e = &w->eyes[i];

		if (e->resolver && e->dnssec == dns->dnssec && e->timeout_ms == dns->timeout_ms &&
		    same_servers(e, servers, count))
			return e;
		if (e->users == 0 && (!oldest || e->used < oldest->used))
			oldest = e;
	}
	if (oldest) {
		resolver_free(oldest->resolver);
		*oldest = (struct eyes){ 0 };
	}
	return oldest;
}

static enum rc open_eyes(struct watch *k, struct fault *f)
{
	struct watcher *w = k->watcher;
	const struct probe_dns *dns = &k->look.dns;
	bool own = w->options.resolver_count > 0;
	const struct addr *servers = own ? w->options.resolvers : dns->servers;
	size_t count = own ? w->options.resolver_count : dns->server_count;
	struct resolver_options o = { .servers = servers, .server_count = count, .use_hosts = count == 0,
				      .dnssec = dns->dnssec, .trust_anchor_file = w->options.trust_anchor_file,
				      .timeout_ms = (int)dns->timeout_ms };
	struct eyes *e = find_eyes(w, dns, servers, count);
	enum rc rc;

	if (!e)
		return fault_set(f, RC_BUSY, PROBLEM_NONE, "too many resolvers are in use");
	if (!e->resolver) {
		rc = resolver_new(w->options.loop, &o, &e->resolver, f);
		if (rc != RC_OK)
			return rc;
		for (size_t i = 0; i < count; i++)
			e->servers[i] = servers[i];
		e->server_count = count;
		e->dnssec = dns->dnssec;
		e->timeout_ms = dns->timeout_ms;
	}
	e->users++;
	e->used = ++w->uses;
	k->eyes = e;
	return RC_OK;
}

/* --- looks --- */

static struct watch *watch_by_id(struct watcher *w, uint64_t id)
{
	struct watch *k;

	TAILQ_FOREACH(k, &w->all, next)
		if (k->id == id)
			return k;
	return NULL;
}

/* What runs is cancelled. */
static void watch_free(struct watch *k)
{
	fetch_cancel(k->fetch);
	tls_probe_cancel(k->handshake);
	resolver_cancel(k->question);
	dns_direct_cancel(k->direct);
	if (k->eyes)
		k->eyes->users--;
	TAILQ_REMOVE(&k->watcher->all, k, next);
	k->watcher->count--;
	arena_done(&k->arena);
	free(k);
}

static void tell(struct watch *k, const struct probe_seen *seen)
{
	struct watcher *w = k->watcher;
	uint64_t id = k->id;

	k->fetch = NULL;
	k->handshake = NULL;
	k->question = NULL;
	k->direct = NULL;
	w->options.seen(w->options.arg, id, seen);
	watch_free(k);
}

static void on_fetched(void *arg, const struct fetch_result *r)
{
	tell(arg, &(struct probe_seen){ .kind = PROBE_LOOK_FETCH, .fetched = *r });
}

static void on_shaken(void *arg, const struct tls_probe_result *r)
{
	tell(arg, &(struct probe_seen){ .kind = PROBE_LOOK_HANDSHAKE, .shaken = *r });
}

static void on_answered(void *arg, const struct dns_answer *a)
{
	tell(arg, &(struct probe_seen){ .kind = PROBE_LOOK_ASK, .answered = *a });
}

/* The probe's own trouble: nothing was looked at. */
static void tell_failure(struct watch *k, enum rc rc, const char *why)
{
	struct probe_seen seen = { .kind = k->look.kind };

	seen.fetched.rc = seen.shaken.rc = rc == RC_INVALID ? rc : RC_INTERNAL;
	seen.fetched.problem = seen.shaken.problem = PROBLEM_SERVER_INTERNAL;
	seen.fetched.transient = seen.shaken.transient = rc != RC_INVALID;
	seen.answered.rc = rc == RC_INVALID ? rc : RC_IO;
	snprintf(seen.fetched.why, sizeof(seen.fetched.why), "the probe cannot look: %.300s", why);
	snprintf(seen.shaken.why, sizeof(seen.shaken.why), "the probe cannot look: %.300s", why);
	snprintf(seen.answered.why, sizeof(seen.answered.why), "the probe cannot ask: %.160s", why);
	tell(k, &seen);
}

/* The zone's rules were asked at the server; what this segment allows is asked here. */
static enum rc ask_server(struct watch *k, struct fault *f)
{
	const struct dns_direct_spec spec = { .server = k->look.ask.server, .name = k->look.ask.name,
					      .type = k->look.ask.type, .timeout_ms = k->look.dns.timeout_ms };
	enum rc rc = addr_policy_check(&k->watcher->options.local, &spec.server, f);

	return rc == RC_OK ? dns_direct_ask(k->watcher->options.loop, &spec, on_answered, k, &k->direct) : rc;
}

static enum rc begin(struct watch *k, struct fault *f)
{
	struct watcher *w = k->watcher;
	struct probe_look *look = &k->look;
	struct resolver *resolver = k->eyes->resolver;

	look->policy.also = &w->options.local;
	switch (look->kind) {
	case PROBE_LOOK_FETCH:
		look->fetch.policy = &look->policy;
		look->fetch.resolver = resolver;
		return fetch_start(w->fetcher, &look->fetch, on_fetched, k, &k->fetch);
	case PROBE_LOOK_HANDSHAKE:
		look->handshake.policy = &look->policy;
		look->handshake.resolver = resolver;
		return tls_probe_start(w->prober, &look->handshake, on_shaken, k, &k->handshake);
	case PROBE_LOOK_ASK:
		if (look->ask.server.len)
			return ask_server(k, f);
		return resolver_ask(resolver, look->ask.name, look->ask.type, on_answered, k, &k->question);
	}
	return RC_INTERNAL;
}

enum rc watcher_look(struct watcher *w, struct bytes message)
{
	struct watch *k = calloc(1, sizeof(*k));
	AUTO(fault) struct fault f = { 0 };
	struct probe_message m;
	enum rc rc;

	if (!k)
		return RC_NOMEM;
	arena_init(&k->arena, PROBE_ARENA_MAX);
	rc = probe_message_decode(&k->arena, message, &m);
	if (rc == RC_OK && (m.type != PROBE_LOOK || watch_by_id(w, m.id) || w->count >= LIMIT_PROBE_TASKS))
		rc = RC_INVALID;
	if (rc != RC_OK) {
		arena_done(&k->arena);
		free(k);
		return rc;
	}
	k->watcher = w;
	k->id = m.id;
	k->look = m.look;
	TAILQ_INSERT_TAIL(&w->all, k, next);
	w->count++;
	rc = open_eyes(k, &f);
	if (rc == RC_OK)
		rc = begin(k, &f);
	if (rc != RC_OK) {
		LOG_WARN("look_failed", F_TEXT("cause", f.detail[0] ? f.detail : rc_text(rc)));
		tell_failure(k, rc, f.detail[0] ? f.detail : rc_text(rc));
	}
	return RC_OK;
}

void watcher_cancel(struct watcher *w, uint64_t id)
{
	struct watch *k = watch_by_id(w, id);

	if (k)
		watch_free(k);
}

void watcher_cancel_all(struct watcher *w)
{
	struct watch *k;

	while ((k = TAILQ_FIRST(&w->all)))
		watch_free(k);
}

size_t watcher_count(const struct watcher *w)
{
	return w->count;
}

enum rc watcher_new(const struct watcher_options *o, struct watcher **out)
{
	struct watcher *w = calloc(1, sizeof(*w));
	enum rc rc;

	if (!w)
		return RC_NOMEM;
	TAILQ_INIT(&w->all);
	w->options = *o;
	rc = fetcher_new(o->loop, &w->fetcher);
	if (rc == RC_OK)
		rc = tls_prober_new(o->loop, &w->prober);
	if (rc != RC_OK) {
		watcher_free(w);
		return rc;
	}
	*out = w;
	return RC_OK;
}

void watcher_free(struct watcher *w)
{
	if (!w)
		return;
	watcher_cancel_all(w);
	fetcher_free(w->fetcher);
	tls_prober_free(w->prober);
	for (size_t i = 0; i < RESOLVERS_MAX; i++)
		resolver_free(w->eyes[i].resolver);
	free(w);
}
