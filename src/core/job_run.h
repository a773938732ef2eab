/* job_run.h - one run of a job, shared by the runner (jobs.c) and the two kinds of job: validation
 * (jobs_validate.c) and issuance (jobs_issue.c). Everything here belongs to the jobs' loop. */
#ifndef ASSAY_CORE_JOB_RUN_H
#define ASSAY_CORE_JOB_RUN_H

#include "core/caa_gate.h"
#include "core/jobs.h"
#include "core/order.h"

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
	struct authz_record authz; /* as it was when the validation began; in the arena */
	struct order *order;   /* as it was when the job began; in the arena; NULL: not read */
	struct buf trace;      /* of all attempts since the start */
	enum rc committed;
	bool finished;         /* the transaction at hand removes the job */
	bool posted;           /* work is on its way to the loop, or will be after the commit */
	bool is_asked;         /* the issuer has it in hand and may have signed */
	bool is_resumed;       /* from before a restart: nobody knows how far it came */
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
	struct check *checks; /* of the doctor (check.c) */
	struct loop_timer *sweep_timer;
	struct config *resolver_config; /* whose zones the resolvers are for */
	struct resolver **resolvers;
};

/* Begins the run from what is stored. */
void job_begin(struct job_run *run);
/* Frees the run; its row stays unless a transaction removed it. */
void run_free(struct job_run *run);
/* A fresh context with an empty transaction; what the arena held is gone, and so is run->order. */
enum rc run_context(struct job_run *run, struct context *c) MUST_USE;
/* The same for the next step, which goes on with what the arena holds. Rows in it may have changed
 * meanwhile: then their version makes the commit end in RC_CONFLICT, and the run begins again. */
enum rc run_context_next(struct job_run *run, struct context *c) MUST_USE;
/* Ends the job: its row goes in the same transaction as its result. Takes c's transaction. */
void run_finish(struct job_run *run, struct context *c, enum rc rc);
/* Another try after delay_ms; recorded, so that it also happens after a restart. Takes c's transaction. */
void run_retry(struct job_run *run, struct context *c, int64_t delay_ms, struct str note);
/* Begins again after delay_ms; not recorded. */
void run_later(struct job_run *run, int64_t delay_ms);
struct id run_subject(const struct job_run *run);

/* The resolver of a zone; NULL: it cannot be made, or the settings were just reloaded and somebody
 * still asks by the old ones (then: later). */
struct resolver *zone_resolver(struct jobs *j, const struct config *config, const struct zone *zone);
/* Makes the resolvers those of config as soon as nobody asks. own: 1 when the caller is among those
 * that are validating. */
void resolvers_for(struct jobs *j, struct config *config, unsigned own);
void resolvers_free(struct jobs *j);

void validate_begin(struct job_run *run);
/* Starts what waits while there is room. */
void validate_next(struct jobs *j);
void issue_begin(struct job_run *run);

#endif
