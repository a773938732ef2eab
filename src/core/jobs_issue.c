/* jobs_issue.c - the job that issues: load -> policy -> CAA -> issuer (asynchronous) -> valid | invalid | later,
 * until the order expires. What policy forbids by now, and the order of an account that was deactivated
 * (RFC 8555 §7.3.6), ends here, but only while the issuer was not asked: what it may have signed is
 * recorded, so that no certificate exists that nobody can revoke. */
#include "base/clock.h"
#include "base/log.h"
#include "core/job_run.h"

#define ISSUE_RETRY_FIRST_MS 500
#define ISSUE_RETRY_MAX_MS 30000

static int64_t issue_gap_ms(const struct job_run *run)
{
	int64_t gap = ISSUE_RETRY_FIRST_MS;

	for (int64_t i = 0; i < run->row.attempt && gap < ISSUE_RETRY_MAX_MS; i++)
		gap *= 2;
	return gap < ISSUE_RETRY_MAX_MS ? gap : ISSUE_RETRY_MAX_MS;
}

static bool issue_may_pass(enum rc rc)
{
	return rc == RC_UNAVAILABLE || rc == RC_BUSY || rc == RC_TIMEOUT || rc == RC_NOMEM || rc == RC_IO;
}

static enum rc issue_refused(struct context *c, struct order *order, const char *why)
{
	AUTO(fault) struct fault f = { 0 };

	(void)fault_set(&f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "the issuer refused: %s", why);
	LOG_ERROR("issue_refused", F_ID("order", order->record.id), F_TEXT("cause", f.detail));
	return order_failed(c, order, &f);
}

/* The order of this run into run->order; RC_NOTFOUND: there is nothing to do for it any more. */
static enum rc issue_load(struct job_run *run, struct context *c, struct fault *f)
{
	struct order *order = arena_alloc(c->arena, sizeof(*order));
	enum rc rc;

	if (!order)
		return RC_NOMEM;
	rc = order_load(c, run_subject(run), order, f);
	if (rc == RC_OK && order->state != ORDER_STATE_PROCESSING)
		rc = RC_NOTFOUND;
	if (rc == RC_OK)
		run->order = order;
	return rc;
}

static enum rc issue_recorded(struct context *c, struct order *order, struct bytes certificate)
{
	enum rc rc = order_issued(c, order, certificate);

	if (rc == RC_OK)
		LOG_INFO("issued", F_ID("order", order->record.id), F_STR("names", order->record.identifiers));
	else if (rc == RC_INTERNAL) /* nothing was added to c->tx; it will not be another next time */
		rc = issue_refused(c, order, "its certificate is not the one that was claimed");
	return rc;
}

/* With the order as it was when the issuer was asked: whoever changed it since makes the commit fail,
 * and the run begins again. */
static void issue_result(void *arg, enum rc issued, struct bytes certificate, const struct fault *why)
{
	const char *cause = why && why->detail[0] ? why->detail : rc_text(issued);
	struct job_run *run = arg;
	struct context c;
	enum rc rc;

	if (run_context_next(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	if (issued == RC_OK) {
		rc = issue_recorded(&c, run->order, certificate);
	} else if (issue_may_pass(issued) && run->order->record.expires_at > c.now) {
		run->is_asked = false; /* it has not signed, or nobody has seen what it signed */
		LOG_WARN("issuer_unavailable", F_ID("order", run->order->record.id), F_TEXT("cause", cause));
		run_retry(run, &c, issue_gap_ms(run), str_of(cause));
		return;
	} else {
		rc = issue_refused(&c, run->order, cause);
	}
	run_finish(run, &c, rc);
}

/* Does policy still allow it? RC_DENIED, RC_NOTFOUND: no. */
static enum rc issue_check(const struct job_run *run, struct context *c, struct fault *f)
{
	/* An order of the operator has no account; nobody but the operator decides about it. */
	if (run->is_asked || run->is_resumed || id_is_zero(run->order->record.account))
		return RC_OK;
	return order_check_issue(c, run->order, f);
}

static void issue_end_without(struct job_run *run, const struct fault *why)
{
	struct context c;

	if (run_context_next(run, &c) == RC_OK)
		run_finish(run, &c, order_failed(&c, run->order, why));
	else
		run_later(run, 1000);
}

static void issue_ask(struct job_run *run)
{
	struct issuer *issuer = run->jobs->service->issuer;
	const struct order_record *r = &run->order->record;
	enum rc rc;

	run->is_asked = true;
	rc = issuer->ops->issue(issuer, r->authority, r->profile, r->claim, issue_result, run);
	if (rc != RC_OK)
		issue_result(run, rc, (struct bytes){ 0 }, NULL);
}

/* The DNS has said who may issue; meanwhile the account may have gone. */
static void issue_caa_done(void *arg, enum rc rc, const struct fault *why)
{
	struct job_run *run = arg;
	struct context c = { .service = run->jobs->service, .config = run->config, .read = run->jobs->read,
			     .arena = &run->arena, .now = clock_now_s() };
	AUTO(fault) struct fault f = { 0 };

	run->gate = NULL;
	run->jobs->asking--;
	if (rc == RC_OK) {
		rc = issue_check(run, &c, &f);
		why = &f;
	}
	if (rc == RC_OK)
		issue_ask(run);
	else if (rc == RC_DENIED || rc == RC_NOTFOUND)
		issue_end_without(run, why);
	else
		issue_result(run, rc, (struct bytes){ 0 }, why);
}

static struct resolver *issue_resolver(void *arg, const struct zone *zone)
{
	struct job_run *run = arg;

	return zone_resolver(run->jobs, run->config, zone);
}

/* How control of each identifier was proven, in the order's order (RFC 8657 §4). */
static enum rc issue_methods(struct context *c, const struct order *order, int64_t **out)
{
	int64_t *methods = arena_array(c->arena, order->identifier_count, sizeof(*methods));

	if (!methods)
		return RC_NOMEM;
	for (size_t i = 0; i < order->authz_count; i++) {
		struct authz_record z;
		enum rc rc = authz_load(c, order->authzs[i], &z);

		if (rc != RC_OK)
			return rc == RC_NOTFOUND ? RC_INTERNAL : rc;
		methods[i] = z.attempted;
	}
	*out = methods;
	return RC_OK;
}

static enum rc issue_caa(struct job_run *run, struct context *c)
{
	const struct order *order = run->order;
	struct caa_gate_request r = {
		.env = run->jobs->validators,
		.config = c->config,
		.order = order,
		.directory = config_directory(c->config, order->record.directory),
		.resolver_for = issue_resolver,
		.resolver_arg = run,
	};
	int64_t *methods;
	enum rc rc;

	if (!r.directory)
		return RC_INTERNAL;
	rc = issue_methods(c, order, &methods);
	if (rc != RC_OK)
		return rc;
	r.methods = methods;
	resolvers_for(run->jobs, run->config, 0);
	rc = caa_gate_start(&r, run->jobs->loop, issue_caa_done, run, &run->gate);
	run->jobs->asking += rc == RC_OK;
	return rc;
}

void issue_begin(struct job_run *run)
{
	AUTO(fault) struct fault f = { 0 };
	struct context c;
	enum rc rc;

	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = issue_load(run, &c, &f);
	if (rc != RC_OK) {
		run_finish(run, &c, rc == RC_NOTFOUND ? RC_OK : rc);
		return;
	}
	rc = issue_check(run, &c, &f);
	if (rc == RC_DENIED || rc == RC_NOTFOUND) {
		LOG_WARN("issue_denied", F_ID("order", run->order->record.id), F_TEXT("cause", f.detail));
		run_finish(run, &c, order_failed(&c, run->order, &f));
		return;
	}
	tx_free(c.tx);
	/* The operator's own orders (no account) are not asked about: the operator is the authority. */
	if (rc == RC_OK && !id_is_zero(run->order->record.account) && caa_gate_needed(c.config, run->order))
		rc = issue_caa(run, &c);
	else if (rc == RC_OK)
		issue_ask(run);
	if (rc != RC_OK)
		issue_result(run, rc, (struct bytes){ 0 }, &f);
}
