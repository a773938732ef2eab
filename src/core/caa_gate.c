/* caa_gate.c - one check for each identifier, all at once; the gate opens when every one of them has
 * answered. Each check writes its own slot, and the slots are counted at the end: no name can be
 * checked twice in the place of another (TRUST V26), and a check that never began counts as failed
 * (TRUST V25). */
#include "core/caa_gate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "validator/caa.h"

#define CAA_DEADLINE_MS 8000

struct caa_slot {
	struct caa_gate *gate;
	size_t index;
	struct caa_check *check; /* under way */
	enum caa_mode mode;
	enum { SLOT_WAITING, SLOT_PASSED, SLOT_DENIED, SLOT_FAILED, SLOT_FAILED_FOR_NOW } outcome;
	enum problem problem;
	char detail[800];
};

struct caa_gate {
	const struct order *order;
	void (*done)(void *arg, enum rc rc, const struct fault *f);
	void *arg;
	size_t waiting;
	struct loop_work finish; /* when nothing was left to wait for at the start */
	struct caa_slot slots[];
};

bool caa_gate_needed(const struct config *c, const struct order *order)
{
	for (size_t i = 0; i < order->identifier_count; i++) {
		const struct zone *zone = config_zone(c, &order->identifiers[i]);

		/* No zone any more: asked, and then refused. */
		if (!zone || zone->caa != CAA_OFF)
			return true;
	}
	return false;
}

static void gate_end(struct caa_gate *g)
{
	AUTO(fault) struct fault f = { 0 };
	size_t passed = 0, later = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < g->order->identifier_count; i++) {
		const struct caa_slot *s = &g->slots[i];
		const struct identifier *id = &g->order->identifiers[i];

		if (s->outcome == SLOT_PASSED) {
			passed++;
			continue;
		}
		later += s->outcome == SLOT_FAILED_FOR_NOW;
		if (rc == RC_OK)
			rc = fault_set(&f, RC_DENIED, s->problem ? s->problem : PROBLEM_CAA, "%s", s->detail);
		fault_add_sub(&f, s->problem ? s->problem : PROBLEM_CAA, identifier_type_name(id->type), id->shown,
			      "%s", s->detail);
	}
	if (passed == g->order->identifier_count)
		rc = RC_OK;
	else if (later && passed + later == g->order->identifier_count)
		rc = RC_UNAVAILABLE;
	g->done(g->arg, rc, &f);
	free(g);
}

static void slot_settle(struct caa_slot *s, const struct caa_result *r)
{
	bool enforce = s->mode == CAA_ENFORCE;

	if (r->verdict == CAA_VERDICT_ALLOWED) {
		s->outcome = SLOT_PASSED;
		return;
	}
	LOG_WARN(enforce ? "caa_refused" : "caa_reported", F_TEXT("name", r->name), F_TEXT("owner", r->owner),
		 F_TEXT("records", r->records), F_TEXT("detail", r->detail));
	if (!enforce) {
		s->outcome = SLOT_PASSED;
		return;
	}
	s->problem = r->problem;
	(void)snprintf(s->detail, sizeof(s->detail), "%s", r->detail);
	if (r->verdict == CAA_VERDICT_DENIED)
		s->outcome = SLOT_DENIED;
	else
		s->outcome = r->transient ? SLOT_FAILED_FOR_NOW : SLOT_FAILED;
}

static void slot_done(void *arg, const struct caa_result *result)
{
	struct caa_slot *s = arg;
	struct caa_gate *g = s->gate;

	s->check = NULL;
	slot_settle(s, result);
	if (--g->waiting == 0)
		gate_end(g);
}

/* Starts the check of one name; false: it is settled without. */
static bool slot_start(const struct caa_gate_request *r, struct caa_gate *g, size_t i, struct str url)
{
	const struct identifier *id = &r->order->identifiers[i];
	const struct zone *zone = config_zone(r->config, id);
	struct caa_slot *s = &g->slots[i];
	struct caa_request q = {
		.identifier = id,
		.issuers = r->directory->caa_identities,
		.issuer_count = r->directory->caa_identity_count,
		.account_url = url,
		.method = str_of(challenge_type_name(r->methods[i])),
		.deadline_ms = CAA_DEADLINE_MS,
	};

	*s = (struct caa_slot){ .gate = g, .index = i, .mode = zone ? zone->caa : CAA_ENFORCE };
	if (zone && (zone->caa == CAA_OFF || id->type == IDENTIFIER_IP)) {
		s->outcome = SLOT_PASSED; /* RFC 8659 is about domain names */
		return false;
	}
	q.resolver = zone ? r->resolver_for(r->resolver_arg, zone) : NULL;
	if (q.resolver && caa_check_start(r->env, &q, slot_done, s, &s->check) == RC_OK)
		return true;
	s->outcome = zone && zone->caa == CAA_REPORT ? SLOT_PASSED : SLOT_FAILED_FOR_NOW;
	s->problem = PROBLEM_CAA;
	(void)snprintf(s->detail, sizeof(s->detail),
		       "RFC 8659 §3: the DNS could not be asked for the CAA records of %.*s", STR_ARG(id->value));
	return false;
}

static void gate_finish(struct loop_work *w)
{
	gate_end((struct caa_gate *)((char *)w - offsetof(struct caa_gate, finish)));
}

enum rc caa_gate_start(const struct caa_gate_request *r, struct loop *loop,
		       void (*done)(void *arg, enum rc rc, const struct fault *f), void *arg,
		       struct caa_gate **out)
{
	struct caa_gate *g = calloc(1, sizeof(*g) + r->order->identifier_count * sizeof(struct caa_slot));
	AUTO(arena) struct arena a;
	struct str url;

	if (!g)
		return RC_NOMEM;
	arena_init(&a, 4096);
	url = account_url(&a, r->config, r->directory, r->order->record.account);
	if (!url.p) {
		free(g);
		return RC_NOMEM;
	}
	g->order = r->order;
	g->done = done;
	g->arg = arg;
	for (size_t i = 0; i < r->order->identifier_count; i++)
		g->waiting += slot_start(r, g, i, url);
	*out = g;
	if (g->waiting == 0) {
		g->finish.fn = gate_finish;
		loop_post(loop, &g->finish);
	}
	return RC_OK;
}

static void gate_orphaned(struct loop_work *w)
{
	free((struct caa_gate *)((char *)w - offsetof(struct caa_gate, finish)));
}

void caa_gate_cancel(struct caa_gate *g)
{
	if (!g)
		return;
	if (g->waiting == 0) { /* its end is posted already */
		g->finish.fn = gate_orphaned;
		return;
	}
	for (size_t i = 0; i < g->order->identifier_count; i++)
		caa_check_cancel(g->slots[i].check);
	free(g);
}
