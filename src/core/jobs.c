/* jobs.c - the runner of long work. The steps of each kind of job: jobs_validate.c, jobs_issue.c.
 *
 * A run lives on the jobs' loop from job_begin() to run_free(). Its result is one transaction that
 * also removes the job's row; when that meets RC_CONFLICT somebody changed the subject meanwhile
 * and the run begins again from what is stored. After a restart jobs_resume() begins every row that
 * is left: a claim goes to the signer again, which answers with what it signed before. */
#include "core/jobs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/check.h"
#include "core/job_run.h"
#include "core/metrics.h"
#include "core/sweep.h"
#include "core/watch.h"

#define LEASE_MS 60000
#define SWEEP_EVERY_MS (5 * 60 * 1000)
#define RESUME_BATCH 1000

/* --- runs --- */

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

/* A run that waits for a timer keeps nobody out; it queues again when its time has come. */
static void give_slot(struct job_run *run)
{
	if (run->holds_slot)
		run->jobs->validating--;
	run->holds_slot = false;
}

void run_free(struct job_run *run)
{
	struct jobs *j = run->jobs;

	__atomic_sub_fetch(&j->running, 1, __ATOMIC_RELAXED);
	give_slot(run);
	run_destroy(run);
	validate_next(j);
}

/* --- contexts and commits --- */

enum rc run_context(struct job_run *run, struct context *c)
{
	arena_reset(&run->arena);
	run->order = NULL;
	return run_context_next(run, c);
}

enum rc run_context_next(struct job_run *run, struct context *c)
{
	struct jobs *j = run->jobs;

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
void run_finish(struct job_run *run, struct context *c, enum rc rc)
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
void run_retry(struct job_run *run, struct context *c, int64_t delay_ms, struct str note)
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

void run_later(struct job_run *run, int64_t delay_ms)
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

struct id run_subject(const struct job_run *run)
{
	struct id id;

	memcpy(id.b, run->subject, ID_LEN);
	return id;
}

/* --- the runner --- */

void job_begin(struct job_run *run)
{
	metrics_job(clock_now_ms() - run->row.due_at_ms);
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
	run->is_resumed = true;
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
	checks_end(j);
	loop_timer_free(j->sweep_timer);
	resolvers_free(j);
	store_read_close(j->read);
	pthread_mutex_destroy(&j->lock);
	free(j);
}
