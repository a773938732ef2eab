/* jobs.h - long work that survives a restart: validation, issuance, sweeping. A job is a row with a
 * due time and a lease; the row is written in the transaction that makes the work necessary and
 * removed in the one that finishes it. All jobs run on one loop (outbound), none blocks. */
#ifndef ASSAY_CORE_JOBS_H
#define ASSAY_CORE_JOBS_H

#include "core/core.h"
#include "net/loop.h"
#include "validator/validator.h"

struct jobs_options {
	struct service *service;
	struct loop *loop;
	struct validator_env *validators;
};
enum rc jobs_new(const struct jobs_options *o, struct jobs **out) MUST_USE;
/* On the loop's thread: takes over what a former run left behind, then starts the periodic sweep. */
void jobs_resume(struct jobs *j);
/* Waits for what was submitted to the store and drops the runs under way, whose rows stay. Before
 * store_close(), validator_env_free() and the end of the loop; the issuer must answer no more. */
void jobs_free(struct jobs *j);

/* Adds a job to the context's transaction, due after delay_ms. */
enum rc job_add(struct context *c, int64_t kind, struct id subject, int64_t delay_ms) MUST_USE;
/* After the transaction became durable; any thread. */
void jobs_start(struct jobs *j, const struct context *c);
/* Numbers for status pages. */
void jobs_counts(struct jobs *j, unsigned *running, unsigned *waiting);

#endif
