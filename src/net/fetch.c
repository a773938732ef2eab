/* fetch.c - the life of one fetch:
 *
 *   resolve -> vet -> dial the first address -> response --- 301, 302, 307, 308 ---> resolve ...
 *                        | cannot connect        |
 *                        v                       v
 *                     the next address        finished <--- deadline, at any time
 *
 * Addresses come from one resolution per URL (targets.h) and are vetted and dialled as they are.
 *
 * Finished fetches are delivered in a later turn of the loop, so that done never runs inside
 * fetch_start(), libcurl or libunbound.
 *
 * A fetcher with a relay (relay.h) does none of this but deliver: somebody else's fetcher does. */
#include "net/fetch.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/fetch_hop.h"
#include "net/fetch_url.h"
#include "net/relay.h"
#include "net/targets.h"
#include "net/trace.h"

#define USER_AGENT_MAX 128

struct fetch {
	TAILQ_ENTRY(fetch) link; /* in fetcher->open or fetcher->finished */
	struct fetcher *fetcher;
	void (*done)(void *arg, const struct fetch_result *result);
	void *arg;
	bool finished;

	struct addr_policy policy;
	struct resolver *resolver;
	uint16_t redirect_ports[FETCH_REDIRECT_PORTS_MAX];
	size_t redirect_port_count;
	unsigned redirects_left, redirects_max;
	size_t max_body;
	char user_agent[USER_AGENT_MAX];
	struct loop_timer *timer; /* the deadline, or the time of this address to connect */
	int64_t deadline_ms, due_ms;

	struct fetch_url url; /* of this hop */
	int64_t step_ms;      /* when the question or the connection began */
	struct targets targets;
	struct addr peer;     /* of the hop */
	struct hop *hop;
	struct errand *errand; /* instead of all these, with a relay */

	struct fetch_result result;
	struct buf body, trace;
};

TAILQ_HEAD(fetch_list, fetch);

struct fetcher {
	struct loop *loop;
	struct hops *hops;   /* NULL with a relay */
	struct relay *relay; /* NULL: fetches itself */
	struct event *deliver;
	struct fetch_list open, finished;
};

static void resolve(struct fetch *op);
static void dial(struct fetch *op);

/* --- what is told --- */

static int64_t since_ms(const struct fetch *op)
{
	return clock_mono_ms() - op->step_ms;
}

/* "web1.lab.internal" or "[fd00::1]", with the port. */
static void url_text(const struct fetch_url *u, char out[LIMIT_NAME + 16])
{
	if (u->is_literal)
		addr_text(&u->literal, out);
	else
		snprintf(out, LIMIT_NAME + 16, "%s:%u", u->host, (unsigned)u->port);
}

/* --- the end --- */

/* Lets go of everything that could still call us. */
static void stop(struct fetch *op)
{
	targets_cancel(&op->targets);
	hop_cancel(op->hop);
	op->hop = NULL;
	if (op->errand)
		op->fetcher->relay->ops->cancel(op->errand);
	op->errand = NULL;
	if (op->timer)
		loop_timer_clear(op->timer);
}

static void finish(struct fetch *op, enum rc rc, enum problem problem, bool transient, const char *fmt,
		   ...) PRINTF_LIKE(5, 6);
static void finish(struct fetch *op, enum rc rc, enum problem problem, bool transient, const char *fmt, ...)
{
	struct fetcher *x = op->fetcher;
	char raw[sizeof(op->result.why)];
	va_list args;

	stop(op);
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	str_printable(str_of(raw), op->result.why, sizeof(op->result.why));
	op->result.rc = rc;
	op->result.problem = problem;
	op->result.transient = transient;
	op->finished = true;
	TAILQ_REMOVE(&x->open, op, link);
	TAILQ_INSERT_TAIL(&x->finished, op, link);
	event_active(x->deliver, EV_TIMEOUT, 1);
}

static void finish_internal(struct fetch *op, enum rc rc)
{
	finish(op, rc, PROBLEM_SERVER_INTERNAL, true, "this server could not make the request: %s",
	       rc_text(rc));
}

static void fetch_free(struct fetch *op)
{
	stop(op);
	loop_timer_free(op->timer);
	TAILQ_REMOVE(op->finished ? &op->fetcher->finished : &op->fetcher->open, op, link);
	buf_done(&op->body);
	buf_done(&op->trace);
	free(op);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct fetcher *x = arg;
	size_t count = 0;
	struct fetch *op;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(op, &x->finished, link)
		count++;
	while (count-- > 0 && (op = TAILQ_FIRST(&x->finished))) {
		op->result.body = buf_bytes(&op->body);
		op->result.trace = buf_str(&op->trace);
		op->done(op->arg, &op->result);
		fetch_free(op);
	}
	if (!TAILQ_EMPTY(&x->finished))
		event_active(x->deliver, EV_TIMEOUT, 1);
}

static void deadline(struct fetch *op)
{
	char where[LIMIT_NAME + 16], peer[ADDR_TEXT_MAX];

	if (!op->hop) {
		trace_add(&op->trace, "dns %s: no answer (%lld ms)", op->url.host, (long long)since_ms(op));
		finish(op, RC_TIMEOUT, PROBLEM_DNS, true, "the DNS did not answer for %s within %lld ms",
		       op->url.host, (long long)op->deadline_ms);
		return;
	}
	url_text(&op->url, where);
	addr_text(&op->peer, peer);
	switch (hop_stage(op->hop)) {
	case HOP_CONNECTING:
		trace_add(&op->trace, "connect %s: timed out (%lld ms)", peer, (long long)since_ms(op));
		finish(op, RC_TIMEOUT, PROBLEM_CONNECTION, true, "could not connect to %s: %s%s%s: timed out",
		       where, op->targets.failures, op->targets.failures[0] ? ", " : "", peer);
		return;
	case HOP_IN_TLS:
		trace_add(&op->trace, "tls %s: the handshake timed out (%lld ms)", peer,
			  (long long)since_ms(op));
		finish(op, RC_TIMEOUT, PROBLEM_TLS, true, "no TLS with %s (%s): the handshake timed out",
		       op->url.host, peer);
		return;
	case HOP_CONNECTED:
		trace_add(&op->trace, "http GET %s: no whole response (%lld ms)", op->url.text,
			  (long long)since_ms(op));
		finish(op, RC_TIMEOUT, PROBLEM_CONNECTION, true,
		       "%s (%s) was reached but did not answer in full within %lld ms", where, peer,
		       (long long)op->deadline_ms);
		return;
	}
}

static void on_timer(void *arg)
{
	struct fetch *op = arg;
	int64_t left_ms = op->due_ms - clock_mono_ms();
	char peer[ADDR_TEXT_MAX];

	if (left_ms <= 0) {
		deadline(op);
		return;
	}
	loop_timer_set(op->timer, left_ms);
	if (!op->hop || hop_stage(op->hop) != HOP_CONNECTING)
		return;
	addr_text(&op->peer, peer);
	trace_add(&op->trace, "connect %s: timed out (%lld ms)", peer, (long long)since_ms(op));
	targets_failed(&op->targets, "timed out");
	hop_cancel(op->hop);
	op->hop = NULL;
	dial(op);
}

/* --- the response --- */

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 307 || status == 308;
}

static void follow(struct fetch *op, struct str location)
{
	const char *why = "";
	struct fetch_url to;
	enum rc rc;

	if (!location.p) {
		finish(op, RC_INVALID, PROBLEM_CONNECTION, false, "%s answered %d without a Location",
		       op->url.host, op->result.status);
		return;
	}
	trace_add(&op->trace, "redirect %d to %.*s", op->result.status, STR_ARG(location));
	if (op->redirects_left == 0) {
		finish(op, RC_LIMIT, PROBLEM_CONNECTION, false, "more than %u redirects, the last from %s",
		       op->redirects_max, op->url.host);
		return;
	}
	op->redirects_left--;
	rc = fetch_url_redirect(&op->url, location, &to, &why);
	if (rc == RC_NOMEM) {
		finish_internal(op, rc);
		return;
	}
	if (rc != RC_OK) {
		finish(op, RC_INVALID, PROBLEM_CONNECTION, false, "%s answered %d with a Location that is "
		       "not followed: %s", op->url.host, op->result.status, why);
		return;
	}
	for (size_t i = 0; i < op->redirect_port_count; i++) {
		if (op->redirect_ports[i] != to.port)
			continue;
		op->url = to;
		resolve(op);
		return;
	}
	finish(op, RC_DENIED, PROBLEM_CONNECTION, false,
	       "policy: %s redirects to port %u, where redirects are not followed", op->url.host,
	       (unsigned)to.port);
}

static void on_response(struct fetch *op, const struct hop_result *r)
{
	trace_add(&op->trace, "http GET %s: %d (%lld ms)", op->url.text, r->status, (long long)since_ms(op));
	op->result.status = r->status;
	op->result.date_at = r->date_at;
	if (is_redirect(r->status)) {
		follow(op, r->location);
		return;
	}
	buf_add(&op->body, r->body.p, r->body.len);
	if (!buf_ok(&op->body)) {
		finish_internal(op, RC_NOMEM);
		return;
	}
	finish(op, RC_OK, PROBLEM_NONE, r->status >= 500, "%s answered %d", op->url.host, r->status);
}

static void on_hop(void *arg, const struct hop_result *r)
{
	struct fetch *op = arg;
	char text[ADDR_TEXT_MAX];
	bool connected = hop_stage(op->hop) == HOP_CONNECTED;

	op->hop = NULL;
	addr_text(&op->peer, text);
	if (connected) {
		op->result.dialled = op->peer;
		trace_add(&op->trace, "connect %s: ok", text);
	}
	switch (r->outcome) {
	case HOP_RESPONSE:
		on_response(op, r);
		return;
	case HOP_NO_CONNECT:
		trace_add(&op->trace, "connect %s: %s (%lld ms)", text, r->text, (long long)since_ms(op));
		targets_failed(&op->targets, r->text);
		dial(op);
		return;
	case HOP_NO_TLS:
		trace_add(&op->trace, "tls %s: %s (%lld ms)", text, r->text, (long long)since_ms(op));
		finish(op, RC_UNAVAILABLE, PROBLEM_TLS, true, "no TLS with %s (%s): %s", op->url.host, text,
		       r->text);
		return;
	case HOP_BROKEN:
		trace_add(&op->trace, "http GET %s: %s (%lld ms)", op->url.text, r->text, (long long)since_ms(op));
		finish(op, r->transient ? RC_UNAVAILABLE : RC_INVALID, PROBLEM_CONNECTION, r->transient,
		       "%s (%s): %s", op->url.host, text, r->text);
		return;
	case HOP_TOO_LARGE:
		op->result.status = r->status;
		op->result.date_at = r->date_at;
		trace_add(&op->trace, "http GET %s: %d, body over %zu octets (%lld ms)", op->url.text,
			  r->status, op->max_body, (long long)since_ms(op));
		finish(op, RC_LIMIT, PROBLEM_UNAUTHORIZED, false,
		       "%s (%s) answered %d with a body of more than %zu octets", op->url.host, text,
		       r->status, op->max_body);
		return;
	case HOP_FAILED:
		break;
	}
	trace_add(&op->trace, "http GET %s: %s here", op->url.text, rc_text(r->rc));
	finish_internal(op, r->rc);
}

/* --- addresses --- */

/* Dials the next address. */
static void dial(struct fetch *op)
{
	char where[LIMIT_NAME + 16];
	struct hop_spec spec = {
		.url = op->url.text,
		.policy = op->policy,
		.max_body = op->max_body,
		.user_agent = op->user_agent,
	};
	int64_t share_ms;
	enum rc rc;

	op->step_ms = clock_mono_ms();
	if (!targets_next(&op->targets, op->due_ms - op->step_ms, &op->peer, &share_ms)) {
		url_text(&op->url, where);
		finish(op, RC_UNAVAILABLE, PROBLEM_CONNECTION, true, "could not connect to %s: %s", where,
		       op->targets.failures);
		return;
	}
	loop_timer_set(op->timer, share_ms);
	spec.addr = op->peer;
	rc = hop_start(op->fetcher->hops, &spec, on_hop, op, &op->hop);
	if (rc != RC_OK)
		finish_internal(op, rc);
}

static void on_found(void *arg)
{
	struct fetch *op = arg;
	struct targets *t = &op->targets;

	if (t->rc == RC_OK)
		dial(op);
	else
		finish(op, t->rc, t->problem, t->transient, "%s", t->why);
}

/* Begins a hop. */
static void resolve(struct fetch *op)
{
	struct targets_spec spec = {
		.host = op->url.host,
		.literal = op->url.is_literal ? &op->url.literal : NULL,
		.port = op->url.port,
		.policy = &op->policy,
		.resolver = op->resolver,
		.trace = &op->trace,
		.found = on_found,
		.arg = op,
	};

	op->step_ms = clock_mono_ms();
	loop_timer_set(op->timer, op->due_ms > op->step_ms ? op->due_ms - op->step_ms : 0);
	targets_find(&op->targets, &spec);
}

/* --- with a relay --- */

static void on_seen(void *arg, const struct fetch_result *r)
{
	struct fetch *op = arg;

	op->errand = NULL;
	op->result.status = r->status;
	op->result.dialled = r->dialled;
	buf_add(&op->body, r->body.p, r->body.len);
	buf_add_str(&op->trace, r->trace);
	if (!buf_ok(&op->body) || !buf_ok(&op->trace))
		finish_internal(op, RC_LIMIT);
	else
		finish(op, r->rc, r->problem, r->transient, "%s", r->why);
}

/* --- starting --- */

enum rc fetch_start(struct fetcher *x, const struct fetch_request *r,
		    void (*done)(void *arg, const struct fetch_result *result), void *arg,
		    struct fetch **out)
{
	const char *why;
	struct fetch *op;
	enum rc rc;

	if (r->redirect_port_count > FETCH_REDIRECT_PORTS_MAX || r->user_agent.len >= USER_AGENT_MAX)
		return RC_INVALID;
	op = calloc(1, sizeof(*op));
	if (!op)
		return RC_NOMEM;
	op->fetcher = x;
	op->done = done;
	op->arg = arg;
	op->policy = *r->policy;
	op->resolver = r->resolver;
	if (r->redirect_port_count)
		memcpy(op->redirect_ports, r->redirect_ports,
		       r->redirect_port_count * sizeof(*r->redirect_ports));
	op->redirect_port_count = r->redirect_port_count;
	op->redirects_left = op->redirects_max = r->max_redirects;
	op->max_body = r->max_body;
	snprintf(op->user_agent, sizeof(op->user_agent), "%.*s", STR_ARG(r->user_agent));
	op->deadline_ms = r->deadline_ms;
	op->due_ms = clock_mono_ms() + r->deadline_ms;
	buf_init(&op->body, r->max_body);
	buf_init(&op->trace, LIMIT_TRACE);
	TAILQ_INSERT_TAIL(&x->open, op, link);
	rc = fetch_url_first(r->host, r->port, r->path, &op->url, &why);
	if (rc == RC_OK && x->relay)
		rc = x->relay->ops->fetch(x->relay, r, on_seen, op, &op->errand);
	else if (rc == RC_OK)
		rc = loop_timer_new(x->loop, on_timer, op, &op->timer);
	if (rc != RC_OK) {
		fetch_free(op);
		return rc;
	}
	*out = op;
	if (!x->relay)
		resolve(op);
	return RC_OK;
}

void fetch_cancel(struct fetch *op)
{
	if (op)
		fetch_free(op);
}

static enum rc new_fetcher(struct loop *l, struct relay *relay, struct fetcher **out)
{
	struct fetcher *x = calloc(1, sizeof(*x));
	enum rc rc;

	if (!x)
		return RC_NOMEM;
	TAILQ_INIT(&x->open);
	TAILQ_INIT(&x->finished);
	x->loop = l;
	x->relay = relay;
	x->deliver = event_new(loop_event_base(l), -1, 0, on_deliver, x);
	rc = !x->deliver ? RC_NOMEM : relay ? RC_OK : hops_new(l, &x->hops);
	if (rc != RC_OK) {
		fetcher_free(x);
		return rc;
	}
	*out = x;
	return RC_OK;
}

enum rc fetcher_new(struct loop *l, struct fetcher **out)
{
	return new_fetcher(l, NULL, out);
}

enum rc fetcher_new_relayed(struct loop *l, struct relay *relay, struct fetcher **out)
{
	return new_fetcher(l, relay, out);
}

void fetcher_free(struct fetcher *x)
{
	struct fetch *op;

	if (!x)
		return;
	while ((op = TAILQ_FIRST(&x->open)) || (op = TAILQ_FIRST(&x->finished)))
		fetch_free(op);
	hops_free(x->hops);
	if (x->deliver)
		event_free(x->deliver);
	free(x);
}
