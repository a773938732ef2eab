/* resolver.c - questions to libunbound on the loop.
 *
 * libunbound runs in the loop's own event_base (no thread, no pipe) and gives back raw responses,
 * which dns_message.c reads. It sends each question from a random port with a random id, matches
 * the question section, retries, and turns to TCP when a response is truncated. 0x20 (random case)
 * stays off: we always ask forwarders, some of which do not keep the case, and each such answer
 * would cost several more questions.
 *
 * A question is in exactly one of three lists. `waiting`: libunbound has enough to do; each question
 * costs it some 20 KiB. `asked`: in the order of asking, as `waiting` is, which is that of their
 * deadlines since all have the same time, so one timer serves all. `answered`: from which answers are
 * delivered in a later turn of the loop. libunbound may answer from its cache while we still ask, so
 * delivering later is what keeps done out of resolver_ask(); it also keeps callers out of
 * libunbound's stack.
 *
 * With a relay (relay.h) a question is in `waiting` until somebody else's resolver has answered. */
#include "net/resolver.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unbound.h>
#include <unbound-event.h>

#include "base/clock.h"
#include "net/dns_failures.h"
#include "net/dns_message.h"
#include "net/relay.h"

#define QUERIES_MAX 4096         /* open at one time */
#define QUERIES_ASKED_MAX 256    /* of them, in libunbound */
#define QUERIES_IDLE_MAX 64      /* kept for the next question */
#define QUERY_ARENA (160 * 1024) /* a response has at most 64 KiB */
#define TIMEOUT_MS 5000
#define ROOT_KEY_FILE "/usr/share/dns/root.key" /* Debian's dns-root-data */
#define CLASS_IN 1
#define SEC_BOGUS 1
#define SEC_SECURE 2

enum query_state { QUERY_WAITING, QUERY_ASKED, QUERY_ANSWERED }; /* names the list it is in */

struct dns_query {
	TAILQ_ENTRY(dns_query) link;
	struct resolver *resolver;
	void (*done)(void *arg, const struct dns_answer *answer);
	void *arg;
	enum dns_type type;
	enum query_state state;
	int async_id;     /* libunbound's */
	struct errand *errand; /* with a relay */
	int64_t due_ms;
	char text[LIMIT_NAME + 2];
	struct dns_name name;
	struct arena arena; /* of the answer's slices */
	struct dns_answer answer;
};

TAILQ_HEAD(query_list, dns_query);

struct resolver {
	struct ub_ctx *ctx;  /* NULL with a relay */
	struct relay *relay; /* NULL: asks itself */
	struct event *deliver;
	struct loop_timer *timer;
	int64_t timeout_ms;
	struct query_list waiting, asked, answered, idle;
	size_t open_count, asked_count, idle_count;
	bool validates;
	bool closing; /* libunbound answers what is open when it is taken down */
	char servers[100]; /* for why */
};

/* --- questions --- */

static void query_free(struct dns_query *q)
{
	arena_done(&q->arena);
	free(q);
}

/* Gives a query that is in no list back to the idle ones. */
static void query_close(struct dns_query *q)
{
	struct resolver *r = q->resolver;

	r->open_count--;
	if (r->idle_count >= QUERIES_IDLE_MAX) {
		query_free(q);
		return;
	}
	arena_done(&q->arena);
	arena_init(&q->arena, QUERY_ARENA);
	TAILQ_INSERT_HEAD(&r->idle, q, link);
	r->idle_count++;
}

static struct dns_query *query_open(struct resolver *r)
{
	struct dns_query *q = TAILQ_FIRST(&r->idle);

	if (q) {
		TAILQ_REMOVE(&r->idle, q, link);
		r->idle_count--;
	} else {
		q = calloc(1, sizeof(*q));
		if (!q)
			return NULL;
		q->resolver = r;
		arena_init(&q->arena, QUERY_ARENA);
	}
	q->answer = (struct dns_answer){ .rc = RC_INTERNAL };
	r->open_count++;
	return q;
}

static void query_leave(struct dns_query *q)
{
	struct resolver *r = q->resolver;

	switch (q->state) {
	case QUERY_WAITING:
		TAILQ_REMOVE(&r->waiting, q, link);
		break;
	case QUERY_ASKED:
		TAILQ_REMOVE(&r->asked, q, link);
		r->asked_count--;
		break;
	case QUERY_ANSWERED:
		TAILQ_REMOVE(&r->answered, q, link);
		break;
	}
}

static void query_answered(struct dns_query *q)
{
	struct resolver *r = q->resolver;

	query_leave(q);
	TAILQ_INSERT_TAIL(&r->answered, q, link);
	q->state = QUERY_ANSWERED;
	event_active(r->deliver, EV_TIMEOUT, 1); /* which also asks what waits */
}

/* All that is asked was asked before all that waits. */
static struct dns_query *first_due(struct resolver *r)
{
	struct dns_query *q = TAILQ_FIRST(&r->asked);

	return q ? q : TAILQ_FIRST(&r->waiting);
}

static void timer_arm(struct resolver *r)
{
	struct dns_query *first = first_due(r);
	int64_t delay_ms;

	if (!first) {
		loop_timer_clear(r->timer);
		return;
	}
	delay_ms = first->due_ms - clock_mono_ms();
	loop_timer_set(r->timer, delay_ms > 0 ? delay_ms : 0);
}

static void on_timer(void *arg)
{
	struct resolver *r = arg;
	int64_t now_ms = clock_mono_ms();
	struct dns_query *q;

	while ((q = first_due(r)) && q->due_ms <= now_ms) {
		if (q->state == QUERY_ASKED)
			(void)ub_cancel(r->ctx, q->async_id); /* it may just have ended */
		q->answer.rc = RC_TIMEOUT;
		snprintf(q->answer.why, sizeof(q->answer.why), "no answer from %s within %lld ms",
			 r->servers, (long long)r->timeout_ms);
		query_answered(q);
	}
	timer_arm(r);
}

static void on_unbound(void *arg, int rcode, void *packet, int packet_len, int sec, char *why_bogus,
		       int was_ratelimited)
{
	struct dns_query *q = arg;
	struct resolver *r = q->resolver;
	struct dns_answer *a = &q->answer;

	(void)was_ratelimited;
	if (r->closing)
		return;
	a->secure = sec == SEC_SECURE;
	/* With an rcode the packet is whatever its buffer last held. */
	if (rcode == 0 && packet && packet_len > 0)
		dns_message_read(&q->arena, bytes_of(packet, (size_t)packet_len), &q->name, q->type, a);
	else
		*a = (struct dns_answer){ .rc = RC_IO, .rcode = rcode };
	if (sec == SEC_BOGUS) {
		/* RFC 4035 §5.5: bogus data is not data, and no proof of absence either. */
		char reason[120];

		str_printable(str_of(why_bogus ? why_bogus : ""), reason, sizeof(reason));
		*a = (struct dns_answer){ .rc = RC_DENIED, .rcode = a->rcode };
		snprintf(a->why, sizeof(a->why), "DNSSEC validation failed (RFC 4035 §5.5)%s%s",
			 reason[0] ? ": " : "", reason);
	} else if (a->rc == RC_IO && !a->why[0]) {
		snprintf(a->why, sizeof(a->why), "%s from %s", dns_rcode_text(a->rcode), r->servers);
	}
	query_answered(q);
}

/* Hands questions to libunbound while it may have more. */
static void ask_waiting(struct resolver *r)
{
	struct dns_query *q;

	if (r->relay)
		return;
	while (r->asked_count < QUERIES_ASKED_MAX && (q = TAILQ_FIRST(&r->waiting))) {
		int err;

		query_leave(q);
		TAILQ_INSERT_TAIL(&r->asked, q, link);
		r->asked_count++;
		q->state = QUERY_ASKED;
		err = ub_resolve_event(r->ctx, q->text, (int)q->type, CLASS_IN, q, on_unbound, &q->async_id);
		if (err != 0) {
			q->answer = (struct dns_answer){ .rc = err == UB_NOMEM ? RC_NOMEM : RC_IO };
			snprintf(q->answer.why, sizeof(q->answer.why), "cannot ask: %s", ub_strerror(err));
			query_answered(q);
		}
	}
	timer_arm(r);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	size_t count = 0;
	struct dns_query *q;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(q, &r->answered, link)
		count++;
	/* What is answered meanwhile has its own turn; what is cancelled meanwhile is not here. */
	while (count-- > 0 && (q = TAILQ_FIRST(&r->answered))) {
		query_leave(q);
		dns_failures_count(q->answer.rc);
		q->done(q->arg, &q->answer);
		query_close(q);
	}
	ask_waiting(r);
	if (!TAILQ_EMPTY(&r->answered))
		event_active(r->deliver, EV_TIMEOUT, 1);
}

/* --- with a relay --- */

/* The answer's slices, into the query's arena. */
static bool keep_answer(struct dns_query *q, const struct dns_answer *a)
{
	struct str *texts = arena_array(&q->arena, a->text_count, sizeof(*texts));
	struct dns_caa *caa = arena_array(&q->arena, a->caa_count, sizeof(*caa));
	struct str *hosts = arena_array(&q->arena, a->host_count, sizeof(*hosts));
	bool ok = texts && caa && hosts;

	q->answer = *a;
	q->answer.canonical = arena_str(&q->arena, a->canonical);
	q->answer.alias = arena_str(&q->arena, a->alias);
	for (size_t i = 0; ok && i < a->text_count; i++) {
		texts[i] = arena_str(&q->arena, a->texts[i]);
		ok = texts[i].p;
	}
	for (size_t i = 0; ok && i < a->caa_count; i++) {
		caa[i] = (struct dns_caa){ a->caa[i].flags, arena_str(&q->arena, a->caa[i].tag),
					   arena_str(&q->arena, a->caa[i].value) };
		ok = caa[i].tag.p && caa[i].value.p;
	}
	for (size_t i = 0; ok && i < a->host_count; i++) {
		hosts[i] = arena_str(&q->arena, a->hosts[i]);
		ok = hosts[i].p;
	}
	q->answer.texts = texts;
	q->answer.caa = caa;
	q->answer.hosts = hosts;
	return ok && (!a->canonical.p || q->answer.canonical.p) && (!a->alias.p || q->answer.alias.p);
}

static void on_seen(void *arg, const struct dns_answer *a)
{
	struct dns_query *q = arg;

	q->errand = NULL;
	if (!keep_answer(q, a))
		q->answer = (struct dns_answer){ .rc = RC_NOMEM };
	query_answered(q);
}

/* --- asking --- */

enum rc resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		     void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		     struct dns_query **out)
{
	struct dns_query *q;
	enum rc rc;

	if (r->open_count >= QUERIES_MAX)
		return RC_BUSY;
	q = query_open(r);
	if (!q)
		return RC_NOMEM;
	if (name.len >= sizeof(q->text) || !dns_name_parse(name, &q->name)) {
		query_close(q);
		return RC_INVALID;
	}
	memcpy(q->text, name.p, name.len);
	q->text[name.len] = '\0';
	q->type = type;
	q->done = done;
	q->arg = arg;
	q->due_ms = clock_mono_ms() + r->timeout_ms;
	q->state = QUERY_WAITING;
	rc = r->relay ? r->relay->ops->ask(r->relay, name, type, on_seen, q, &q->errand) : RC_OK;
	if (rc != RC_OK) {
		query_close(q);
		return rc;
	}
	TAILQ_INSERT_TAIL(&r->waiting, q, link);
	ask_waiting(r);
	*out = q;
	return RC_OK;
}

void resolver_cancel(struct dns_query *q)
{
	struct resolver *r;

	if (!q)
		return;
	r = q->resolver;
	if (q->errand)
		r->relay->ops->cancel(q->errand);
	q->errand = NULL;
	if (q->state == QUERY_ASKED)
		(void)ub_cancel(r->ctx, q->async_id);
	query_leave(q);
	query_close(q);
	event_active(r->deliver, EV_TIMEOUT, 1); /* there may be room for one that waits */
}

/* --- setting up --- */

/* Small caches; and what libunbound would otherwise do for a public recursive server. */
static const struct {
	const char *name, *value;
} OPTIONS[] = {
	{ "msg-cache-size:", "512k" },
	{ "rrset-cache-size:", "512k" },
	{ "key-cache-size:", "256k" },
	{ "neg-cache-size:", "64k" },
	{ "msg-cache-slabs:", "1" },
	{ "rrset-cache-slabs:", "1" },
	{ "infra-cache-slabs:", "1" },
	{ "key-cache-slabs:", "1" },
	{ "infra-cache-numhosts:", "100" },
	/* A record that was just published or corrected must be seen by the next attempt. */
	{ "cache-max-ttl:", "60" },
	{ "cache-max-negative-ttl:", "2" },
	{ "aggressive-nsec:", "no" },
	{ "rrset-roundrobin:", "no" }, /* two attempts can be compared */
	/* A forwarder that was away is asked again soon, not after 15 minutes. */
	{ "infra-host-ttl:", "30" },
	{ "infra-keep-probing:", "yes" },
	{ "do-not-query-localhost:", "no" }, /* forwarders on this machine are usual */
	{ "outgoing-range:", "512" }, /* sockets; libunbound also finishes what was given up */
	{ "num-queries-per-thread:", "1024" },
};

/* Names that libunbound answers NXDOMAIN by itself and that private networks use: home.arpa
 * (RFC 8375) and test (RFC 2606). The server that is asked must decide. */
static const char *const UNBLOCKED_ZONES[] = { "home.arpa.", "test." };

static int setup_options(struct ub_ctx *ctx, const struct resolver_options *o)
{
	const char *anchors = o->trust_anchor_file ? o->trust_anchor_file : ROOT_KEY_FILE;
	int err = ub_ctx_set_option(ctx, "module-config:", o->dnssec ? "validator iterator" : "iterator");

	for (size_t i = 0; i < COUNT_OF(OPTIONS) && err == 0; i++)
		err = ub_ctx_set_option(ctx, OPTIONS[i].name, OPTIONS[i].value);
	if (err == 0 && o->dnssec)
		err = ub_ctx_add_ta_file(ctx, anchors);
	return err;
}

static int setup_servers(struct resolver *r, const struct resolver_options *o)
{
	size_t len = 0;
	int err = 0;

	if (o->use_hosts || o->server_count == 0)
		(void)ub_ctx_hosts(r->ctx, NULL); /* no such file: no such names */
	if (o->server_count == 0) {
		snprintf(r->servers, sizeof(r->servers), "the system's resolvers");
		return ub_ctx_resolvconf(r->ctx, NULL);
	}
	for (size_t i = 0; i < o->server_count && err == 0; i++) {
		char ip[ADDR_TEXT_MAX], forward[ADDR_TEXT_MAX + 8], shown[ADDR_TEXT_MAX];

		addr_text_ip(&o->servers[i], ip);
		addr_text(&o->servers[i], shown);
		snprintf(forward, sizeof(forward), "%s@%u", ip, (unsigned)addr_port(&o->servers[i]));
		err = ub_ctx_set_fwd(r->ctx, forward);
		if (len < sizeof(r->servers))
			len += (size_t)snprintf(r->servers + len, sizeof(r->servers) - len, "%s%s",
						i ? ", " : "", shown);
	}
	return err;
}

static int setup_context(struct resolver *r, const struct resolver_options *o)
{
	int err;

	(void)ub_ctx_debugout(r->ctx, NULL); /* libraries return, they do not log */
	err = setup_options(r->ctx, o);
	if (err == 0)
		err = setup_servers(r, o);
	/* The first of these finishes the setting up, so that a missing trust anchor shows here. */
	for (size_t i = 0; i < COUNT_OF(UNBLOCKED_ZONES) && err == 0; i++)
		err = ub_ctx_zone_remove(r->ctx, UNBLOCKED_ZONES[i]);
	return err;
}

static struct resolver *resolver_alloc(void)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	TAILQ_INIT(&r->waiting);
	TAILQ_INIT(&r->asked);
	TAILQ_INIT(&r->answered);
	TAILQ_INIT(&r->idle);
	return r;
}

enum rc resolver_new_relayed(struct loop *l, struct relay *relay, bool dnssec, struct resolver **out)
{
	struct resolver *r = resolver_alloc();

	if (!r)
		return RC_NOMEM;
	r->relay = relay;
	r->validates = dnssec;
	r->deliver = event_new(loop_event_base(l), -1, 0, on_deliver, r);
	if (!r->deliver) {
		resolver_free(r);
		return RC_NOMEM;
	}
	*out = r;
	return RC_OK;
}

enum rc resolver_new(struct loop *l, const struct resolver_options *o, struct resolver **out,
		     struct fault *f)
{
	struct resolver *r = resolver_alloc();
	enum rc rc = RC_NOMEM;
	int err;

	if (!r)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "out of memory");
	r->validates = o->dnssec;
	r->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
	r->ctx = ub_ctx_create_event(loop_event_base(l));
	r->deliver = event_new(loop_event_base(l), -1, 0, on_deliver, r);
	if (!r->ctx || !r->deliver) {
		fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "out of memory for the resolver");
		goto failed;
	}
	rc = loop_timer_new(l, on_timer, r, &r->timer);
	if (rc != RC_OK) {
		fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "no timer for the resolver: %s", rc_text(rc));
		goto failed;
	}
	err = setup_context(r, o);
	if (err != 0) {
		rc = fault_set(f, RC_IO, PROBLEM_SERVER_INTERNAL, "cannot set up the resolver (%s)%s%s",
			       ub_strerror(err), o->dnssec ? "; DNSSEC needs the trust anchor " : "",
			       !o->dnssec ? "" : o->trust_anchor_file ? o->trust_anchor_file : ROOT_KEY_FILE);
		goto failed;
	}
	*out = r;
	return RC_OK;
failed:
	resolver_free(r);
	return rc;
}

bool resolver_validates(const struct resolver *r)
{
	return r->validates;
}

struct relay *resolver_relay(const struct resolver *r)
{
	return r->relay;
}

static void free_all(struct query_list *list)
{
	struct dns_query *q;

	while ((q = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, q, link);
		if (q->errand)
			q->resolver->relay->ops->cancel(q->errand);
		query_free(q);
	}
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->closing = true;
	if (r->ctx)
		ub_ctx_delete(r->ctx);
	free_all(&r->waiting);
	free_all(&r->asked);
	free_all(&r->answered);
	free_all(&r->idle);
	loop_timer_free(r->timer);
	if (r->deliver)
		event_free(r->deliver);
	free(r);
}
