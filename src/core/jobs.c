/* jobs.c - the runner of long work: one function per step of a job.
 *
 *   validate: load -> validator (asynchronous) -> valid | invalid | later, with a growing gap
 *   issue:    load -> issuer (asynchronous)    -> valid | invalid | later, until the order expires
 *
 * A run lives on the jobs' loop from job_begin() to run_free(). Its result is one transaction that
 * also removes the job's row; when that meets RC_CONFLICT somebody changed the subject meanwhile
 * and the run begins again from what is stored. After a restart jobs_resume() begins every row that
 * is left: a claim goes to the signer again, which answers with what it signed before. */
#include "core/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/jwk.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/caa_gate.h"
#include "core/order.h"
#include "core/sweep.h"
#include "core/watch.h"
#include "crypto/digest.h"

#define LEASE_MS 60000
#define VALIDATIONS_AT_ONCE 256
#define SWEEP_EVERY_MS (5 * 60 * 1000)
#define ISSUE_RETRY_FIRST_MS 500
#define ISSUE_RETRY_MAX_MS 30000
#define RESUME_BATCH 1000

struct job_run {
	struct loop_work work; /* first: posted to the loop */
	struct jobs *jobs;
	struct job_run *next;  /* in the list of waiting validations */
	struct job_run *older, **link; /* among all runs */
	struct job_record row;
	uint8_t subject[ID_LEN];
	struct config *config;
	struct arena arena;
	struct loop_timer *timer; /* made when first needed */
	const struct validator_ops *validator; /* whose validation is under way */
	struct validation *validation;
	struct caa_gate *gate;
	struct order *order;   /* in the arena, while the gate is asked */
	struct buf trace;      /* of all attempts since the start */
	enum rc committed;
	bool finished;         /* the transaction at hand removes the job */
	bool posted;           /* work is on its way to the loop, or will be after the commit */
	bool holds_slot;       /* counts among the validations at once */
};

struct jobs {
	struct service *service;
	struct loop *loop;
	struct validator_env *validators;
	struct store_read *read;
	struct job_run *waiting, **waiting_tail; /* validations beyond VALIDATIONS_AT_ONCE */
	bool is_starting; /* validate_next() is at work */
	unsigned asking;  /* orders whose names the DNS is asked about (CAA) */
	unsigned validating, running, waiting_count; /* the counts are read by other threads */
	pthread_mutex_t lock; /* guards newest and the links of all runs; a leaf */
	struct job_run *newest;
	struct loop_timer *sweep_timer;
	struct config *resolver_config; /* whose zones the resolvers are for */
	struct resolver **resolvers;
};

static void job_begin(struct job_run *run);

/* --- runs --- */

static void run_later(struct job_run *run, int64_t delay_ms);

static void run_posted(struct loop_work *w)
{
	struct job_run *run = (struct job_run *)w;
	int64_t delay_ms = run->row.due_at_ms - clock_now_ms();

	run->posted = false;
	if (delay_ms > 0)
		run_later(run, delay_ms);
	else
		job_begin(run);
}

static struct job_run *run_new(struct jobs *j)
{
	struct job_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->jobs = j;
	arena_init(&run->arena, LIMIT_REQUEST_ARENA);
	buf_init(&run->trace, LIMIT_TRACE);
	run->work.fn = run_posted;
	pthread_mutex_lock(&j->lock);
	run->older = j->newest;
	run->link = &j->newest;
	if (run->older)
		run->older->link = &run->older;
	j->newest = run;
	pthread_mutex_unlock(&j->lock);
	return run;
}

/* Of a run that is in no list any more. */
static void run_release(struct job_run *run)
{
	loop_timer_free(run->timer);
	arena_done(&run->arena);
	buf_done(&run->trace);
	config_unref(run->config);
	free(run);
}

static void run_destroy(struct job_run *run)
{
	struct jobs *j = run->jobs;

	pthread_mutex_lock(&j->lock);
	*run->link = run->older;
	if (run->older)
		run->older->link = run->link;
	pthread_mutex_unlock(&j->lock);
	run_release(run);
}

/* A work that arrives after jobs_free(). */
static void run_orphaned(struct loop_work *w)
{
	run_release((struct job_run *)w);
}

static void validate_next(struct jobs *j);

/* A run that waits for a timer keeps nobody out; it queues again when its time has come. */
static void give_slot(struct job_run *run)
{
	if (run->holds_slot)
		run->jobs->validating--;
	run->holds_slot = false;
}

static void run_free(struct job_run *run)
{
	struct jobs *j = run->jobs;

	__atomic_sub_fetch(&j->running, 1, __ATOMIC_RELAXED);
	give_slot(run);
	run_destroy(run);
	validate_next(j);
}

/* --- contexts and commits --- */

static enum rc run_context(struct job_run *run, struct context *c)
{
	struct jobs *j = run->jobs;

	arena_reset(&run->arena);
	config_unref(run->config);
	run->config = service_config(j->service);
	*c = (struct context){
		.service = j->service,
		.config = run->config,
		.read = j->read,
		.arena = &run->arena,
		.tx = tx_new(),
		.now = clock_now_s(),
		.actor = STR("system"),
	};
	return c->tx ? RC_OK : RC_NOMEM;
}

static void run_committed_here(struct loop_work *w)
{
	struct job_run *run = (struct job_run *)w;

	run->posted = false;
	run->work.fn = run_posted;
	if (run->committed == RC_OK && run->finished) {
		run_free(run);
	} else if (run->committed == RC_OK) {
		run_later(run, run->row.due_at_ms - clock_now_ms());
	} else if (run->committed == RC_CONFLICT) {
		job_begin(run); /* the subject changed: decide again */
	} else {
		LOG_WARN("job_not_recorded", F_ID("job", run->row.id), F_TEXT("cause", rc_text(run->committed)));
		run_later(run, 1000);
	}
}

/* On the writer's thread. */
static void run_committed(void *arg, enum rc rc)
{
	struct job_run *run = arg;
	struct id subject;

	run->committed = rc;
	memcpy(subject.b, run->subject, ID_LEN);
	if (rc == RC_OK && run->finished)
		watch_fire(run->jobs->service->watch, subject);
	run->work.fn = run_committed_here;
	loop_post(run->jobs->loop, &run->work);
}

static void run_submit(struct job_run *run, struct context *c)
{
	run->posted = true;
	store_submit(run->jobs->service->store, c->tx, run_committed, run);
}

/* Ends the job: its row goes in the same transaction as its result. */
static void run_finish(struct job_run *run, struct context *c, enum rc rc)
{
	if (rc == RC_OK)
		rc = tx_delete(c->tx, &JOBS, &run->row);
	if (rc == RC_OK) {
		run->finished = true;
		run_submit(run, c);
		return;
	}
	tx_free(c->tx);
	if (rc == RC_CONFLICT) {
		run_later(run, 0);
		return;
	}
	LOG_ERROR("job_failed", F_ID("job", run->row.id), F_INT("kind", run->row.kind),
		  F_TEXT("cause", rc_text(rc)));
	run_later(run, 5000);
}

/* Another try after delay_ms; recorded, so that it also happens after a restart. */
static void run_retry(struct job_run *run, struct context *c, int64_t delay_ms, struct str note)
{
	struct job_record next = run->row;

	next.attempt++;
	next.due_at_ms = clock_now_ms() + delay_ms;
	next.lease_until_ms = next.due_at_ms + LEASE_MS;
	next.note = note;
	if (tx_update(c->tx, &JOBS, &next,
		      STORE_COLUMNS(JOB_COL_ATTEMPT, JOB_COL_DUE_AT_MS, JOB_COL_LEASE_UNTIL_MS, JOB_COL_NOTE)) !=
	    RC_OK) {
		tx_free(c->tx);
		run_later(run, delay_ms);
		return;
	}
	run->row.attempt = next.attempt;
	run->row.due_at_ms = next.due_at_ms;
	run->row.version++;
	run->finished = false;
	run_submit(run, c);
}

static void run_timer(void *arg)
{
	job_begin(arg);
}

static void run_later(struct job_run *run, int64_t delay_ms)
{
	if (!run->timer && loop_timer_new(run->jobs->loop, run_timer, run, &run->timer) != RC_OK) {
		LOG_ERROR("job_dropped", F_ID("job", run->row.id), F_TEXT("cause", "no memory for a timer"));
		run_free(run); /* the row stays: the next start takes it up */
		return;
	}
	loop_timer_set(run->timer, delay_ms > 0 ? delay_ms : 0);
	give_slot(run);
	validate_next(run->jobs);
}

static struct id run_subject(const struct job_run *run)
{
	struct id id;

	memcpy(id.b, run->subject, ID_LEN);
	return id;
}

/* --- validate --- */

/* The resolvers of the zones, one each; made anew when the settings changed. */
static struct resolver *zone_resolver(struct jobs *j, const struct config *config, const struct zone *zone)
{
	struct resolver_options o = {
		.servers = zone->resolvers,
		.server_count = zone->resolver_count,
		.use_hosts = zone->resolver_count == 0,
		.timeout_ms = (int)(config->raw.validation.deadline_s * 1000 / 2),
	};
	AUTO(fault) struct fault f = { 0 };

	if (j->resolver_config != config)
		return NULL;
	if (!j->resolvers[zone->number] &&
	    resolver_new(j->loop, &o, &j->resolvers[zone->number], &f) != RC_OK)
		LOG_ERROR("resolver_failed", F_STR("zone", zone->pattern_text), F_TEXT("cause", f.detail));
	return j->resolvers[zone->number];
}

static void resolvers_free(struct jobs *j)
{
	for (size_t i = 0; j->resolvers && i < j->resolver_config->zone_count; i++)
		resolver_free(j->resolvers[i]);
	free(j->resolvers);
	j->resolvers = NULL;
	config_unref(j->resolver_config);
	j->resolver_config = NULL;
}

/* own: 1 when the caller is among those that are validating. */
static void resolvers_for(struct jobs *j, struct config *config, unsigned own)
{
	/* While somebody asks, the old resolvers stay: they hold questions. */
	if (j->resolver_config == config || (j->resolver_config && j->validating + j->asking > own))
		return;
	resolvers_free(j);
	j->resolvers = calloc(config->zone_count + 1, sizeof(*j->resolvers));
	if (j->resolvers)
		j->resolver_config = config_ref(config);
}

static int64_t validate_gap_ms(const struct job_run *run)
{
	int64_t gap = run->config->raw.validation.first_retry_s * 1000;
	uint16_t jitter;

	random_bytes(&jitter, sizeof(jitter));
	for (int64_t i = 0; i < run->row.attempt && i < 8; i++)
		gap *= 2;
	return gap + gap * jitter / 65536 / 4; /* up to a quarter more */
}

static void validate_result(void *arg, const struct validation_result *result)
{
	struct job_run *run = arg;
	struct validation_result whole = *result;
	struct authz_record z;
	struct context c;
	enum rc rc;

	run->validation = NULL;
	buf_addf(&run->trace, "attempt %lld\n", (long long)run->row.attempt + 1);
	buf_add_str(&run->trace, result->trace);
	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = authz_load(&c, run_subject(run), &z);
	if (rc == RC_NOTFOUND || (rc == RC_OK && !authz_is_processing(&z, c.now))) {
		run_finish(run, &c, RC_OK); /* deactivated, expired or swept meanwhile */
		return;
	}
	if (!result->valid && result->transient && run->row.attempt + 1 < run->config->raw.validation.attempts) {
		run_retry(run, &c, validate_gap_ms(run), str_of(result->detail));
		return;
	}
	whole.trace = buf_str(&run->trace);
	if (rc == RC_OK)
		rc = challenge_validated(&c, &z, &whole);
	if (result->valid)
		LOG_INFO("validated", F_ID("authz", z.id), F_STR("identifier", z.identifier),
			 F_INT("ms", result->duration_ms));
	else
		LOG_WARN("validation_failed", F_ID("authz", z.id), F_STR("identifier", z.identifier),
			 F_TEXT("detail", result->detail));
	run_finish(run, &c, rc);
}

static void validate_refused(struct job_run *run, enum problem problem, const char *why)
{
	struct validation_result result = { .problem = problem };

	(void)snprintf(result.detail, sizeof(result.detail), "%.500s", why);
	validate_result(run, &result);
}

static enum rc validate_request(struct job_run *run, struct context *c, const struct authz_record *z,
				struct validation_request *out, struct fault *f)
{
	const struct zone *zone;
	struct account *account;
	struct identifier *ids;
	size_t count;
	enum rc rc;

	rc = identifiers_from_text(c->arena, z->identifier, &ids, &count);
	if (rc != RC_OK || count != 1)
		return rc != RC_OK ? rc : RC_INTERNAL;
	zone = config_zone(c->config, ids);
	if (!zone || !(zone->challenges & z->attempted))
		return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				 "policy: the zone no longer allows this challenge");
	rc = account_owner(c, z->account, &account, f);
	if (rc != RC_OK)
		return rc;
	resolvers_for(run->jobs, run->config, 1);
	*out = (struct validation_request){
		.identifier = ids,
		.token = z->token,
		.policy = {
			.targets = zone->targets,
			.resolver = zone_resolver(run->jobs, run->config, zone),
			.http01_port = (uint16_t)c->config->raw.validation.http01_port,
			.https_port = (uint16_t)c->config->raw.validation.https_port,
			.tls_alpn01_port = (uint16_t)c->config->raw.validation.tls_alpn01_port,
			.deadline_ms = c->config->raw.validation.deadline_s * 1000,
		},
	};
	rc = key_authorization(c->arena, z->token, account->key, &out->key_authorization);
	account_unref(account);
	if (rc == RC_OK && !out->policy.resolver)
		rc = RC_BUSY; /* settings were just reloaded: the new resolvers come when the old are idle */
	return rc;
}

static void validate_start(struct job_run *run)
{
	const struct validator_ops *v;
	struct validation_request request;
	AUTO(fault) struct fault f = { 0 };
	struct authz_record z;
	struct context c;
	enum rc rc;

	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = authz_load(&c, run_subject(run), &z);
	if (rc == RC_NOTFOUND || (rc == RC_OK && !authz_is_processing(&z, c.now))) {
		run_finish(run, &c, RC_OK);
		return;
	}
	v = rc == RC_OK ? validator_by_challenge(z.attempted) : NULL;
	if (rc == RC_OK && !v)
		rc = RC_INTERNAL;
	if (rc == RC_OK)
		rc = validate_request(run, &c, &z, &request, &f);
	tx_free(c.tx);
	run->validator = v;
	if (rc == RC_OK)
		rc = v->start(run->jobs->validators, &request, validate_result, run, &run->validation);
	if (rc == RC_DENIED || rc == RC_NOTFOUND || rc == RC_INTERNAL || rc == RC_INVALID)
		validate_refused(run, f.problem ? f.problem : PROBLEM_SERVER_INTERNAL,
				 f.detail[0] ? f.detail : "the validation could not be started");
	else if (rc != RC_OK)
		run_later(run, 200);
}

static void validate_next(struct jobs *j)
{
	/* validate_start() may give its slot back at once and come here again: the outer call goes on. */
	if (j->is_starting)
		return;
	j->is_starting = true;
	while (j->waiting && j->validating < VALIDATIONS_AT_ONCE) {
		struct job_run *run = j->waiting;

		j->waiting = run->next;
		if (!j->waiting)
			j->waiting_tail = &j->waiting;
		__atomic_sub_fetch(&j->waiting_count, 1, __ATOMIC_RELAXED);
		j->validating++;
		run->holds_slot = true;
		validate_start(run);
	}
	j->is_starting = false;
}

static void validate_begin(struct job_run *run)
{
	struct jobs *j = run->jobs;

	if (run->holds_slot) {
		validate_start(run);
		return;
	}
	run->next = NULL;
	*j->waiting_tail = run;
	j->waiting_tail = &run->next;
	__atomic_add_fetch(&j->waiting_count, 1, __ATOMIC_RELAXED);
	validate_next(j);
}

/* --- issue --- */

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

static void issue_result(void *arg, enum rc issued, struct bytes certificate, const struct fault *why)
{
	struct job_run *run = arg;
	AUTO(fault) struct fault f = { 0 };
	struct order order;
	struct context c;
	enum rc rc;

	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = order_load(&c, run_subject(run), &order, &f);
	if (rc == RC_NOTFOUND || (rc == RC_OK && order.state != ORDER_STATE_PROCESSING)) {
		run_finish(run, &c, RC_OK);
		return;
	}
	if (rc == RC_OK && issued == RC_OK) {
		rc = order_issued(&c, &order, certificate);
		if (rc == RC_OK)
			LOG_INFO("issued", F_ID("order", order.record.id), F_STR("names", order.record.identifiers));
		else if (rc == RC_INTERNAL) /* nothing was added to c.tx; it will not be another next time */
			rc = issue_refused(&c, &order, "its certificate is not the one that was claimed");
	} else if (rc == RC_OK && issue_may_pass(issued) && order.record.expires_at > c.now) {
		LOG_WARN("issuer_unavailable", F_ID("order", order.record.id),
			 F_TEXT("cause", why && why->detail[0] ? why->detail : rc_text(issued)));
		run_retry(run, &c, issue_gap_ms(run), str_of(why ? why->detail : rc_text(issued)));
		return;
	} else if (rc == RC_OK) {
		rc = issue_refused(&c, &order, why && why->detail[0] ? why->detail : rc_text(issued));
	}
	run_finish(run, &c, rc);
}

static void issue_ask(struct job_run *run, const struct order_record *r)
{
	struct issuer *issuer = run->jobs->service->issuer;
	enum rc rc = issuer->ops->issue(issuer, r->authority, r->profile, r->claim, issue_result, run);

	if (rc != RC_OK)
		issue_result(run, rc, (struct bytes){ 0 }, NULL);
}

/* The DNS has said who may issue. */
static void issue_caa_done(void *arg, enum rc rc, const struct fault *why)
{
	struct job_run *run = arg;
	struct order order;
	struct context c;

	run->gate = NULL;
	run->jobs->asking--;
	if (rc == RC_OK) {
		issue_ask(run, &run->order->record);
		return;
	}
	if (rc != RC_DENIED) {
		issue_result(run, rc, (struct bytes){ 0 }, why);
		return;
	}
	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = order_load(&c, run_subject(run), &order, NULL);
	if (rc == RC_OK && order.state == ORDER_STATE_PROCESSING)
		rc = order_failed(&c, &order, why);
	else if (rc == RC_OK || rc == RC_NOTFOUND)
		rc = RC_OK;
	run_finish(run, &c, rc);
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

static enum rc issue_caa(struct job_run *run, struct context *c, const struct order *order)
{
	struct caa_gate_request r = {
		.env = run->jobs->validators,
		.config = c->config,
		.directory = config_directory(c->config, order->record.directory),
		.resolver_for = issue_resolver,
		.resolver_arg = run,
	};
	int64_t *methods;
	enum rc rc;

	run->order = arena_alloc(c->arena, sizeof(*run->order));
	if (!run->order)
		return RC_NOMEM;
	*run->order = *order;
	r.order = run->order;
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

static void issue_begin(struct job_run *run)
{
	AUTO(fault) struct fault f = { 0 };
	struct order order;
	struct context c;
	enum rc rc;

	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = order_load(&c, run_subject(run), &order, &f);
	if (rc == RC_NOTFOUND || (rc == RC_OK && order.state != ORDER_STATE_PROCESSING)) {
		run_finish(run, &c, RC_OK);
		return;
	}
	tx_free(c.tx);
	/* The operator's own orders (no account) are not asked about: the operator is the authority. */
	if (rc == RC_OK && !id_is_zero(order.record.account) && caa_gate_needed(c.config, &order))
		rc = issue_caa(run, &c, &order);
	else if (rc == RC_OK)
		issue_ask(run, &order.record);
	if (rc != RC_OK)
		issue_result(run, rc, (struct bytes){ 0 }, &f);
}

/* --- the runner --- */

static void job_begin(struct job_run *run)
{
	switch ((enum job_kind)run->row.kind) {
	case JOB_VALIDATE:
		validate_begin(run);
		return;
	case JOB_ISSUE:
		issue_begin(run);
		return;
	case JOB_SWEEP:
		break;
	}
	LOG_ERROR("job_unknown", F_ID("job", run->row.id), F_INT("kind", run->row.kind));
	run_free(run); /* a newer version's; the row stays for it */
}

enum rc job_add(struct context *c, int64_t kind, struct id subject, int64_t delay_ms)
{
	struct job_record row = {
		.id = id_new(),
		.kind = kind,
		.subject = bytes_of(subject.b, ID_LEN),
		.due_at_ms = clock_now_ms() + delay_ms,
		.lease_owner = c->service->node,
	};

	if (c->job_count == CONTEXT_JOBS)
		return RC_INTERNAL;
	row.lease_until_ms = row.due_at_ms + LEASE_MS;
	c->jobs[c->job_count].id = row.id;
	c->jobs[c->job_count].kind = kind;
	c->jobs[c->job_count].subject = subject;
	c->jobs[c->job_count].due_at_ms = row.due_at_ms;
	c->job_count++;
	return tx_insert(c->tx, &JOBS, &row);
}

void jobs_start(struct jobs *j, const struct context *c)
{
	for (unsigned i = 0; i < c->job_count; i++) {
		struct job_run *run = run_new(j);

		if (!run) {
			LOG_ERROR("job_delayed", F_ID("job", c->jobs[i].id), F_TEXT("cause", "no memory"));
			continue; /* the row stays */
		}
		memcpy(run->subject, c->jobs[i].subject.b, ID_LEN);
		run->row = (struct job_record){ .id = c->jobs[i].id, .version = 1, .kind = c->jobs[i].kind,
						.due_at_ms = c->jobs[i].due_at_ms };
		run->posted = true;
		__atomic_add_fetch(&j->running, 1, __ATOMIC_RELAXED);
		loop_post(j->loop, &run->work);
	}
}

void jobs_counts(struct jobs *j, unsigned *running, unsigned *waiting)
{
	*running = __atomic_load_n(&j->running, __ATOMIC_RELAXED);
	*waiting = __atomic_load_n(&j->waiting_count, __ATOMIC_RELAXED);
}

static void jobs_sweep(void *arg)
{
	struct jobs *j = arg;
	struct config *config = service_config(j->service);

	sweep(j->service, config, j->read);
	config_unref(config);
	loop_timer_set(j->sweep_timer, SWEEP_EVERY_MS);
}

enum rc jobs_new(const struct jobs_options *o, struct jobs **out)
{
	struct jobs *j = calloc(1, sizeof(*j));
	enum rc rc;

	if (!j)
		return RC_NOMEM;
	j->service = o->service;
	j->loop = o->loop;
	j->validators = o->validators;
	j->waiting_tail = &j->waiting;
	pthread_mutex_init(&j->lock, NULL);
	rc = store_read_open(o->service->store, &j->read);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, jobs_sweep, j, &j->sweep_timer);
	if (rc != RC_OK) {
		jobs_free(j);
		return rc;
	}
	*out = j;
	return RC_OK;
}

/* One row of an earlier run. With one node its lease means nothing any more: its owner is gone. */
static void resume_row(struct jobs *j, const struct job_record *row)
{
	struct job_run *run = run_new(j);
	int64_t delay_ms = row->due_at_ms - clock_now_ms();

	if (!run || row->subject.len != ID_LEN) {
		LOG_ERROR("job_not_resumed", F_ID("job", row->id));
		if (run)
			run_destroy(run);
		return;
	}
	memcpy(run->subject, row->subject.p, ID_LEN);
	run->row = (struct job_record){ .id = row->id, .version = row->version, .kind = row->kind,
					.attempt = row->attempt, .due_at_ms = row->due_at_ms };
	__atomic_add_fetch(&j->running, 1, __ATOMIC_RELAXED);
	run_later(run, delay_ms);
}

void jobs_resume(struct jobs *j)
{
	AUTO(arena) struct arena a;
	struct job_record last = { 0 };
	size_t total = 0, count;

	arena_init(&a, 16 * LIMIT_REQUEST_ARENA);
	do {
		struct store_query q = { .table = &JOBS, .index = STORE_PRIMARY, .limit = RESUME_BATCH,
					 .after = total ? &last : NULL };
		struct job_record *rows;

		count = 0;
		if (store_list(j->read, &q, &a, &rows, &count) != RC_OK) {
			LOG_ERROR("jobs_not_resumed", F_TEXT("cause", "the job table cannot be read"));
			break;
		}
		for (size_t i = 0; i < count; i++)
			resume_row(j, &rows[i]);
		total += count;
		if (count)
			last = (struct job_record){ .id = rows[count - 1].id };
		arena_reset(&a);
	} while (count == RESUME_BATCH);
	if (total)
		LOG_INFO("jobs_resumed", F_INT("count", total));
	loop_timer_set(j->sweep_timer, SWEEP_EVERY_MS);
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	/* What was submitted is durable, and its callbacks have run: nobody else knows the runs now, but
	 * the loop those that were posted to it. */
	if (store_ping(j->service->store) != RC_OK)
		LOG_WARN("jobs_end", F_TEXT("cause", "the store does not commit"));
	while (j->newest) {
		struct job_run *run = j->newest;

		j->newest = run->older;
		if (run->validation)
			run->validator->cancel(run->validation);
		caa_gate_cancel(run->gate);
		if (run->posted)
			run->work.fn = run_orphaned;
		else
			run_release(run);
	}
	loop_timer_free(j->sweep_timer);
	resolvers_free(j);
	store_read_close(j->read);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
