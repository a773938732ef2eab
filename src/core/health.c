/* health.c - ready means: the store commits durably, the signer answers, the clock is not before this
 * program was built (TRUST §4, clock jump). */
#include "core/health.h"

#include <stdlib.h>

#include "base/clock.h"

#define PROBE_EVERY_MS 5000
/* 2026-11-01: a clock before this is wrong. */
#define BUILT_AT 1793491200

struct health {
	struct loop_work work; /* first: the store's answer */
	struct service *service;
	struct loop *loop;
	struct signer *signer;
	struct loop_timer *timer;
	enum rc committed;
	bool stopped;
	bool busy; /* a probe is under way: the store or the signer has not answered yet */
	const char *why; /* atomic; static text, NULL: ready */
};

static void set_why(struct health *h, const char *why)
{
	h->busy = false;
	__atomic_store_n(&h->why, why, __ATOMIC_RELEASE);
}

static void signer_answered(void *arg, enum rc rc, struct bytes signature, const struct fault *f)
{
	struct health *h = arg;

	(void)signature;
	(void)f;
	set_why(h, rc == RC_OK ? NULL : "the signer does not answer");
}

static void store_answered_here(struct loop_work *w)
{
	struct health *h = (struct health *)w;

	if (h->stopped)
		return;
	if (h->committed != RC_OK)
		set_why(h, "the store does not commit");
	else if (signer_ping(h->signer, signer_answered, h) != RC_OK)
		set_why(h, "the signer is busy");
}

static void store_answered(void *arg, enum rc rc)
{
	struct health *h = arg;

	h->committed = rc;
	h->work.fn = store_answered_here;
	loop_post(h->loop, &h->work);
}

static void probe(void *arg)
{
	struct health *h = arg;
	struct tx *tx;

	loop_timer_set(h->timer, PROBE_EVERY_MS);
	if (h->busy) {
		__atomic_store_n(&h->why, "the store or the signer has not answered for seconds", __ATOMIC_RELEASE);
		return;
	}
	if (clock_now_s() < BUILT_AT) {
		set_why(h, "the clock is wrong: it shows a time before this program was made");
		return;
	}
	tx = tx_new();
	if (!tx)
		return;
	h->busy = true;
	store_submit(h->service->store, tx, store_answered, h);
}

enum rc health_new(struct service *s, struct loop *loop, struct signer *signer, struct health **out)
{
	struct health *h = calloc(1, sizeof(*h));
	enum rc rc;

	if (!h)
		return RC_NOMEM;
	h->service = s;
	h->loop = loop;
	h->signer = signer;
	h->why = "starting";
	rc = loop_timer_new(loop, probe, h, &h->timer);
	if (rc != RC_OK) {
		free(h);
		return rc;
	}
	loop_timer_set(h->timer, 0);
	*out = h;
	return RC_OK;
}

void health_stop(struct health *h)
{
	if (!h)
		return;
	loop_timer_free(h->timer);
	h->timer = NULL;
	h->stopped = true;
}

void health_free(struct health *h)
{
	free(h);
}

const char *health_why_not_ready(struct service *s)
{
	if (__atomic_load_n(&s->draining, __ATOMIC_ACQUIRE))
		return "stopping";
	return __atomic_load_n(&s->health->why, __ATOMIC_ACQUIRE);
}

void health_draining(struct service *s)
{
	__atomic_store_n(&s->draining, true, __ATOMIC_RELEASE);
}
