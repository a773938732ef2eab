/* own_cert.c - an order of the operator (core/order.c, order_create_direct) for the host names of
 * the settings, waited for like any other; then the listeners' certificate is swapped. */
#include "api/own_cert.h"

#include <stdlib.h>

#include "acme/problem.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/cert.h"
#include "core/jobs.h"
#include "core/order.h"
#include "core/watch.h"
#include "crypto/csr.h"

#define RETRY_MS 2000
#define RENEW_RETRY_MS 60000 /* while the last one still serves */
#define WAIT_MS 10000

struct own_cert {
	struct loop_work work; /* first */
	struct watcher watcher;
	struct service *service;
	struct loop *loop;
	struct tls_server *tls;
	struct store_read *read;
	struct loop_timer *timer;
	void (*ready)(void *arg); /* NULL once it ran */
	void (*refused)(void *arg, const char *why);
	void *arg;
	struct privkey *key; /* of the certificate under way */
	struct id order;
	struct context context; /* of the transaction under way; its arena is ours */
	struct arena arena;
	struct config *config;
	enum rc committed;
	bool waiting; /* the watcher is linked or its work item under way */
};

/* Can it be otherwise in a moment? */
static bool may_pass(enum rc rc)
{
	return rc != RC_DENIED && rc != RC_INVALID;
}

static void again(struct own_cert *o, enum rc rc, const char *cause)
{
	if (o->ready && !may_pass(rc)) {
		o->refused(o->arg, cause);
		return;
	}
	LOG_WARN("own_certificate_delayed", F_TEXT("cause", cause));
	loop_timer_set(o->timer, o->ready ? RETRY_MS : RENEW_RETRY_MS);
}

/* The host names of the settings without ports, as identifiers. */
static enum rc own_names(struct own_cert *o, struct identifier **out, size_t *out_count)
{
	const struct config *c = o->config;
	struct identifier *ids = arena_array(&o->arena, c->host_count, sizeof(*ids));
	size_t count = 0;

	if (!ids)
		return RC_NOMEM;
	for (size_t i = 0; i < c->host_count; i++) {
		struct str host = c->hosts[i], rest;
		bool known = false;

		if (host.len && host.p[0] == '[') {
			(void)str_cut((struct str){ host.p + 1, host.len - 1 }, ']', &host, &rest);
		} else {
			(void)str_cut(c->hosts[i], ':', &host, &rest);
		}
		if (identifier_parse(&o->arena, STR("ip"), host, &ids[count], NULL) != RC_OK &&
		    identifier_parse(&o->arena, STR("dns"), host, &ids[count], NULL) != RC_OK)
			return RC_INVALID;
		for (size_t k = 0; k < count; k++)
			known |= identifier_eq(&ids[k], &ids[count]);
		count += !known;
	}
	*out = ids;
	*out_count = count;
	return RC_OK;
}

static enum rc own_csr(struct own_cert *o, const struct identifier *ids, size_t count, struct csr *out,
		       struct fault *f)
{
	struct san *sans = arena_array(&o->arena, count, sizeof(*sans));
	struct csr_spec spec = { .sans = sans, .san_count = count };
	struct bytes der;
	enum rc rc;

	if (!sans)
		return RC_NOMEM;
	privkey_free(o->key);
	o->key = NULL;
	rc = privkey_generate(KEY_P256, 0, &o->key);
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = identifier_san(&o->arena, &ids[i], &sans[i]);
	if (rc == RC_OK)
		rc = csr_build(&o->arena, &spec, o->key, &der);
	if (rc == RC_OK)
		rc = csr_parse(&o->arena, der, out, f);
	return rc;
}

static void order_changed(struct loop_work *w);

static void watch_fired(struct watcher *w)
{
	struct own_cert *o = (struct own_cert *)((char *)w - offsetof(struct own_cert, watcher));

	o->work.fn = order_changed;
	loop_post(o->loop, &o->work);
}

static void context_begin(struct own_cert *o)
{
	arena_reset(&o->arena);
	config_unref(o->config);
	o->config = service_config(o->service);
	o->context = (struct context){ .service = o->service, .config = o->config, .read = o->read,
				       .arena = &o->arena, .now = clock_now_s(), .actor = STR("system") };
}

/* The order is valid: put its certificate to use. */
static enum rc install(struct own_cert *o, struct order *order)
{
	const struct authority *a = config_authority(o->config, order->record.authority);
	AUTO(fault) struct fault f = { 0 };
	struct cert_record cert;
	struct bytes *chain;
	int64_t life;
	enum rc rc;

	rc = cert_load(&o->context, order->record.certificate, &cert, &f);
	if (rc != RC_OK || !a)
		return rc != RC_OK ? rc : RC_INTERNAL;
	chain = arena_array(&o->arena, a->chain_count + 1, sizeof(*chain));
	if (!chain)
		return RC_NOMEM;
	chain[0] = cert.der;
	memcpy(chain + 1, a->chain, a->chain_count * sizeof(*chain));
	/* The root itself is not sent: clients have it or do not trust us. */
	rc = tls_server_set_certificate(o->tls, chain, a->chain_count > 1 ? a->chain_count : 2, o->key, &f);
	if (rc != RC_OK) {
		LOG_ERROR("own_certificate_refused", F_TEXT("cause", f.detail));
		return rc;
	}
	life = cert.not_after - clock_now_s();
	LOG_INFO("own_certificate", F_STR("names", cert.names), F_INT("days", life / 86400));
	loop_timer_set(o->timer, life * 1000 * 2 / 3);
	if (o->ready) {
		void (*ready)(void *) = o->ready;

		o->ready = NULL;
		ready(o->arg);
	}
	return RC_OK;
}

static void order_changed(struct loop_work *w)
{
	struct own_cert *o = (struct own_cert *)w;
	AUTO(fault) struct fault f = { 0 };
	struct order order;
	enum rc rc;

	o->waiting = false;
	loop_timer_clear(o->timer);
	context_begin(o);
	rc = order_load(&o->context, o->order, &order, &f);
	if (rc == RC_OK && order.state == ORDER_STATE_INVALID) {
		if (fault_from_json(order.error, &f) != RC_OK)
			(void)fault_set(&f, RC_INTERNAL, PROBLEM_SERVER_INTERNAL, "the order's error cannot be read");
		rc = RC_DENIED;
	} else if (rc == RC_OK && order.state != ORDER_STATE_VALID) {
		rc = RC_UNAVAILABLE;
	}
	if (rc == RC_OK)
		rc = install(o, &order);
	if (rc != RC_OK)
		again(o, rc, f.detail[0] ? f.detail : rc_text(rc));
}

static void committed(void *arg, enum rc rc)
{
	struct own_cert *o = arg;

	/* On the writer's thread. When it failed, the timer tries again. */
	if (rc == RC_OK)
		jobs_start(o->service->jobs, &o->context);
}

static void begin(void *arg)
{
	struct own_cert *o = arg;
	AUTO(csr) struct csr csr = { 0 };
	AUTO(fault) struct fault f = { 0 };
	struct direct_request d = { .csr = &csr };
	struct order order;
	enum rc rc;

	if (o->waiting && !watch_remove(o->service->watch, &o->watcher))
		return; /* it just changed: order_changed() is on its way */
	o->waiting = false;
	context_begin(o);
	o->context.tx = tx_new();
	if (!o->context.tx) {
		again(o, RC_NOMEM, "no memory");
		return;
	}
	d.authority = o->config->directories[0].authority;
	d.profile = o->config->directories[0].profiles[0];
	rc = own_names(o, &d.identifiers, &d.identifier_count);
	if (rc == RC_OK)
		rc = own_csr(o, d.identifiers, d.identifier_count, &csr, &f);
	if (rc == RC_OK)
		rc = order_create_direct(&o->context, &d, &order, &f);
	if (rc != RC_OK) {
		tx_free(o->context.tx);
		again(o, rc, f.detail[0] ? f.detail : rc_text(rc));
		return;
	}
	o->order = order.record.id;
	o->watcher = (struct watcher){ .id = o->order, .fired = watch_fired };
	o->waiting = true;
	watch_add(o->service->watch, &o->watcher);
	loop_timer_set(o->timer, WAIT_MS);
	store_submit(o->service->store, o->context.tx, committed, o);
}

enum rc own_cert_start(const struct own_cert_options *options, struct own_cert **out)
{
	struct own_cert *o = calloc(1, sizeof(*o));
	enum rc rc;

	if (!o)
		return RC_NOMEM;
	o->service = options->service;
	o->loop = options->loop;
	o->tls = options->tls;
	o->ready = options->ready;
	o->refused = options->refused;
	o->arg = options->arg;
	arena_init(&o->arena, LIMIT_REQUEST_ARENA);
	rc = store_read_open(o->service->store, &o->read);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, begin, o, &o->timer);
	if (rc != RC_OK) {
		own_cert_free(o);
		return rc;
	}
	loop_timer_set(o->timer, 0);
	*out = o;
	return RC_OK;
}

void own_cert_free(struct own_cert *o)
{
	if (!o)
		return;
	if (o->waiting)
		(void)watch_remove(o->service->watch, &o->watcher);
	loop_timer_free(o->timer);
	privkey_free(o->key);
	config_unref(o->config);
	arena_done(&o->arena);
	store_read_close(o->read);
	free(o);
}
