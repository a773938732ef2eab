/* request.c - running handlers, holding replies until they are durable, waiting.
 *
 *   on_request -> route (finds the handler; for ACME the gate) -> run
 *   run: handler -> fault? reply it
 *               -> waits? parked until the subject changes or the timer ends, then run again
 *               -> writes? submit; durable -> (then ? run it : send)   conflict -> run again
 *               -> send */
#include "api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/problem.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/check.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/nonce.h"
#include "core/revocation.h"

#define CONFLICT_TRIES 8
#define COPIED_MAX (64 * 1024) /* longer lists are not copied into their reply */
#define IDLE_REQUESTS 16

struct request_thread {
	struct request_thread_options o;
	struct loop *loop;
	struct http_server *http;
	struct config *config; /* of the start: the server borrows its hosts and proxies, which change by restart only */
	struct store_read *read;
	struct request *idle; /* kept for reuse, with their first arena block */
	unsigned idle_count;
};

static void run(struct request *req);
static void send_reply(struct request *req);

/* --- replies --- */

void reply_header(struct request *req, const char *name, struct str value)
{
	if (req->header_count < REPLY_HEADERS_MAX)
		req->headers[req->header_count++] = (struct http_header){ str_of(name), value };
}

/* Where memory is out the header is left out: only for those that a client can do without. */
static void reply_header_text(struct request *req, const char *name, const char *value)
{
	if (value)
		reply_header(req, name, str_of(value));
}

enum rc reply_headerf(struct request *req, const char *name, const char *fmt, ...)
{
	char text[2048];
	struct str value;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		return RC_INTERNAL;
	value = arena_str(req->arena, (struct str){ text, (size_t)n });
	if (!value.p)
		return RC_NOMEM;
	reply_header(req, name, value);
	return RC_OK;
}

enum rc reply_set(struct request *req, int status, const char *content_type, struct str body)
{
	req->status = status;
	req->body = body;
	if (content_type)
		reply_header(req, "Content-Type", str_of(content_type));
	return RC_OK;
}

/* Refused requests are news; the others are seen at level debug, their effects have events. */
static void log_reply(struct request *req, const struct fault *f)
{
	enum log_level level = req->status >= 500 ? LOG_LEVEL_WARN : req->status >= 400 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	char text[ADDR_TEXT_MAX];

	if (!log_enabled(level))
		return;
	addr_text(http_exchange_peer(req->exchange), text);
	LOG_AT(level, "request", F_TEXT("peer", text), F_STR("target", req->http->target),
	       F_INT("status", req->status), F_INT("us", clock_mono_us() - req->started_us),
	       F_TEXT("problem", f ? problem_name(f->problem) : ""), F_TEXT("detail", f ? f->detail : ""));
}

/* RFC 8555 §7.3.3: who must agree is told where the terms are, by Link and as "instance". */
static void lead_to_terms(struct request *req, const struct fault *f)
{
	if (f->problem != PROBLEM_USER_ACTION_REQUIRED || !req->directory || !req->directory->terms.p)
		return;
	reply_header_text(req, "Link", arena_printf(req->arena, "<%.*s>;rel=\"terms-of-service\"",
						    STR_ARG(req->directory->terms)));
	req->instance = str_of(arena_cstr(req->arena, req->directory->terms));
}

static void reply_fault(struct request *req, struct fault *f)
{
	struct str body;

	req->header_count = 0;
	req->body = (struct str){ 0 };
	req->status = fault_status(f);
	lead_to_terms(req, f);
	if (fault_to_json(req->arena, f, req->instance.p, &body) == RC_OK)
		(void)reply_set(req, req->status, "application/problem+json", body);
	if (f->retry_after_s > 0)
		reply_header_text(req, "Retry-After", arena_printf(req->arena, "%d", f->retry_after_s));
	if (f->problem == PROBLEM_METHOD_NOT_ALLOWED)
		reply_header(req, "Allow", str_of(req->allow ? req->allow : "POST"));
	log_request_id(req->id);
	log_reply(req, f);
	log_request_id("");
}

/* A fault for a rc that came without one. */
static void fault_from_rc(struct fault *f, enum rc rc)
{
	if (f->problem != PROBLEM_NONE)
		return;
	if (rc == RC_NOMEM || rc == RC_BUSY || rc == RC_UNAVAILABLE || rc == RC_TIMEOUT || rc == RC_CONFLICT) {
		(void)fault_set(f, rc, PROBLEM_UNAVAILABLE, "the server is busy (%s); try again", rc_text(rc));
		f->retry_after_s = 1;
	} else {
		(void)fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "an internal error; the operator finds it in the log");
	}
}

static void request_release(struct request *req)
{
	struct request_thread *t = req->thread;

	tx_free(req->core.tx);
	jws_done(&req->jws);
	account_unref(req->account);
	crl_unref(req->list);
	check_free(req->check);
	config_unref(req->config);
	if (req->timer)
		loop_timer_clear(req->timer);
	if (t->idle_count < IDLE_REQUESTS) {
		arena_reset(&req->own_arena);
		req->next = t->idle;
		t->idle = req;
		t->idle_count++;
		return;
	}
	loop_timer_free(req->timer);
	arena_done(&req->own_arena);
	free(req);
}

static void list_sent(void *list)
{
	crl_unref(list);
}

static void send_reply(struct request *req)
{
	struct http_reply reply = { .status = req->status, .headers = req->headers };
	char nonce[NONCE_TEXT_LEN + 1];

	if (req->acme) {
		nonce_mint(req->core.service->nonces, nonce);
		reply_header(req, "Replay-Nonce", (struct str){ nonce, NONCE_TEXT_LEN });
		reply_header(req, "Cache-Control", STR("no-store"));
		if (req->directory)
			reply_header_text(req, "Link",
					  arena_printf(req->arena, "<%.*s%.*s/directory>;rel=\"index\"",
						       STR_ARG(req->base), STR_ARG(req->directory->prefix)));
	}
	reply_header(req, "Request-Id", str_of(req->id));
	if (req->status < 400)
		log_reply(req, NULL);
	metrics_request(req->thread->o.admin ? "admin" : req->endpoint, req->status,
			clock_mono_us() - req->started_us);
	reply.header_count = req->header_count;
	reply.body = str_bytes(req->body);
	/* A list may have tens of MB: it is sent from where it is, to any number of clients. */
	if (req->list && req->body.p == (const char *)req->list->der.p && req->body.len > COPIED_MAX) {
		reply.body_free = list_sent;
		reply.body_arg = TAKE(req->list);
	}
	http_reply(req->exchange, &reply);
	request_release(req);
}

/* --- waiting ---
 * A watcher is linked from request_watch() until it fires, its time is over, or the reply leaves.
 * Firing happens on the writer's thread and arrives here as a posted work item; while that is on its
 * way the request must not be released. */

static void wait_over(struct request *req)
{
	loop_timer_clear(req->timer);
	req->wait = WAIT_OVER;
	if (req->sending) {
		send_reply(req);
	} else if (req->parked) {
		req->parked = false;
		run(req);
	}
}

static void watch_arrived(struct loop_work *w)
{
	wait_over((struct request *)w);
}

static void watch_fired(struct watcher *w)
{
	struct request *req = (struct request *)((char *)w - offsetof(struct request, watcher));

	req->work.fn = watch_arrived;
	loop_post(req->thread->loop, &req->work);
}

static void wait_timer(void *arg)
{
	struct request *req = arg;

	/* If it is no longer linked it has fired, and its work item is on the way. */
	if (watch_remove(req->core.service->watch, &req->watcher))
		wait_over(req);
}

void request_watch(struct request *req, struct id subject, int timeout_ms)
{
	if (req->wait != WAIT_NONE)
		return;
	if (!req->timer && loop_timer_new(req->thread->loop, wait_timer, req, &req->timer) != RC_OK)
		return; /* answers at once instead */
	req->watcher = (struct watcher){ .id = subject, .fired = watch_fired };
	req->wait = WAIT_LINKED;
	watch_add(req->core.service->watch, &req->watcher);
	loop_timer_set(req->timer, timeout_ms);
}

bool request_wait(struct request *req, struct id subject, int timeout_ms)
{
	if (req->wait == WAIT_NONE) {
		request_watch(req, subject, timeout_ms);
		/* It may have changed between our reading and our registering. */
		req->look_again = req->wait == WAIT_LINKED;
	}
	req->held = req->wait == WAIT_LINKED;
	return req->held;
}

/* The reply is ready: it leaves now, or when the watcher's work item has arrived. */
static void finish(struct request *req)
{
	req->sending = true;
	if (req->wait == WAIT_LINKED && !watch_remove(req->core.service->watch, &req->watcher))
		return;
	send_reply(req);
}

/* --- running --- */

static void committed_here(struct loop_work *w)
{
	struct request *req = (struct request *)w;
	AUTO(fault) struct fault f = { 0 };

	switch (req->committed) {
	case RC_OK:
		if (req->then) {
			req->handler = TAKE(req->then);
			run(req);
			return;
		}
		break;
	case RC_CONFLICT:
		if (++req->tries < CONFLICT_TRIES) {
			run(req);
			return;
		}
		/* fall through */
	default:
		fault_from_rc(&f, req->committed);
		reply_fault(req, &f);
	}
	finish(req);
}

/* On the writer's thread: the transaction is durable, or not. The request's own work item may be
 * under way for its watcher, so that this one has an item of its own. */
struct commit_work {
	struct loop_work work;
	struct request *req;
};

static void commit_arrived(struct loop_work *w)
{
	committed_here(&((struct commit_work *)w)->req->work);
}

static void committed(void *arg, enum rc rc)
{
	struct commit_work *cw = arg;
	struct request *req = cw->req;

	req->committed = rc;
	if (rc == RC_OK) {
		if (req->drop_account)
			account_cache_drop(req->core.service->accounts, req->drop_account_id);
		if (req->core.job_count)
			jobs_start(req->core.service->jobs, &req->core);
	}
	loop_post(req->thread->loop, &cw->work);
}

static void submit(struct request *req)
{
	struct commit_work *cw = arena_alloc(req->arena, sizeof(*cw));
	AUTO(fault) struct fault f = { 0 };

	if (!cw) {
		fault_from_rc(&f, RC_NOMEM);
		reply_fault(req, &f);
		finish(req);
		return;
	}
	cw->work.fn = commit_arrived;
	cw->req = req;
	store_submit(req->core.service->store, TAKE(req->core.tx), committed, cw);
}

static enum rc run_handler(struct request *req, struct fault *f)
{
	enum rc rc;

	if (!req->core.tx)
		req->core.tx = tx_new();
	if (!req->core.tx)
		return RC_NOMEM;
	tx_reset(req->core.tx);
	req->core.job_count = 0;
	req->core.now = clock_now_s();
	req->header_count = 0;
	rc = store_read_begin(req->core.read);
	if (rc != RC_OK)
		return rc;
	rc = req->handler(req, f);
	store_read_end(req->core.read);
	return rc;
}

static void run(struct request *req)
{
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	log_request_id(req->id);
	do {
		req->held = req->look_again = false;
		rc = run_handler(req, &f);
	} while (rc == RC_OK && req->held && req->look_again);
	log_request_id("");
	if (rc == RC_OK && req->held) {
		req->parked = true;
		return;
	}
	if (rc != RC_OK) {
		tx_reset(req->core.tx);
		fault_from_rc(&f, rc);
		reply_fault(req, &f);
	} else if (!tx_is_empty(req->core.tx)) {
		submit(req);
		return;
	}
	finish(req);
}

static struct request *request_new(struct request_thread *t)
{
	struct request *req = t->idle;
	struct loop_timer *timer = NULL;
	struct arena arena;

	if (req) {
		t->idle = req->next;
		t->idle_count--;
		timer = req->timer;
		arena = req->own_arena;
		memset(req, 0, sizeof(*req));
		req->own_arena = arena;
		req->timer = timer;
	} else {
		req = calloc(1, sizeof(*req));
		if (!req)
			return NULL;
		arena_init(&req->own_arena, LIMIT_REQUEST_ARENA);
	}
	req->thread = t;
	req->arena = &req->own_arena;
	return req;
}

static void reply_no_memory(struct http_exchange *x)
{
	struct http_header retry = { STR("Retry-After"), STR("1") };

	http_reply(x, &(struct http_reply){ .status = 503, .headers = &retry, .header_count = 1, .close = true });
}

static void on_request(void *arg, struct http_exchange *x, const struct http_request *http)
{
	struct request_thread *t = arg;
	struct request *req = request_new(t);
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	if (!req) {
		reply_no_memory(x);
		return;
	}
	req->exchange = x;
	req->http = http;
	req->started_us = clock_mono_us();
	id_text(id_new(), req->id);
	req->config = service_config(t->o.service);
	req->core = (struct context){
		.service = t->o.service,
		.config = req->config,
		.read = t->read,
		.arena = req->arena,
		.now = clock_now_s(),
		.actor = STR("anonymous"),
	};
	log_request_id(req->id);
	rc = t->o.route(req, &f);
	log_request_id("");
	if (rc == RC_OK) {
		run(req);
		return;
	}
	fault_from_rc(&f, rc);
	reply_fault(req, &f);
	send_reply(req);
}

static void on_proxy_refused(void *arg, const struct addr *proxy, const char *why)
{
	char text[ADDR_TEXT_MAX];

	(void)arg;
	addr_text(proxy, text);
	LOG_WARN("proxy_refused", F_TEXT("peer", text), F_TEXT("cause", why));
}

enum rc request_thread_new(const struct request_thread_options *o, struct loop *loop,
			   struct request_thread **out)
{
	struct request_thread *t = calloc(1, sizeof(*t));
	struct config *config = service_config(o->service);
	struct http_server_options ho = {
		.loop = loop,
		.on_request = on_request,
		.arg = t,
		.max_body = o->admin ? LIMIT_HTTP_ADMIN_BODY : LIMIT_HTTP_BODY,
		.max_connections = o->max_connections,
		.hosts = o->any_host ? NULL : config->hosts,
		.host_count = o->any_host ? 0 : config->host_count,
		.reuse_port = !o->admin,
	};
	enum rc rc;

	if (o->proxied) {
		ho.proxies = (struct proxies){ config->proxies, config->proxy_count,
					       config->raw.proxies.protocol == PROXY_PROTOCOL };
		ho.on_proxy_refused = on_proxy_refused;
	}

	if (!t) {
		config_unref(config);
		return RC_NOMEM;
	}
	t->o = *o;
	t->loop = loop;
	t->config = config;
	rc = store_read_open(o->service->store, &t->read);
	if (rc == RC_OK)
		rc = http_server_new(&ho, &t->http);
	if (rc != RC_OK) {
		request_thread_free(t);
		return rc;
	}
	*out = t;
	return RC_OK;
}

struct http_server *request_thread_http(struct request_thread *t)
{
	return t->http;
}

void request_thread_free(struct request_thread *t)
{
	if (!t)
		return;
	http_server_free(t->http);
	while (t->idle) {
		struct request *req = t->idle;

		t->idle = req->next;
		loop_timer_free(req->timer);
		arena_done(&req->own_arena);
		free(req);
	}
	store_read_close(t->read);
	config_unref(t->config);
	free(t);
}
