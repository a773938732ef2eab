/* core.h - what the rules of the server work with. core/ knows no HTTP and no SQL: a caller (an
 * endpoint of api/, a job, the CLI through api/admin) brings a context: a read handle, an arena, a
 * transaction that collects writes, and the time. Core functions decide and add to the transaction;
 * the caller commits it. RC_CONFLICT from the commit means: start again with a fresh read. */
#ifndef ASSAY_CORE_CORE_H
#define ASSAY_CORE_CORE_H

#include <pthread.h>

#include "core/config.h"
#include "store/records.h"
#include "store/store.h"

struct jobs;
struct nonces;
struct account_cache;
struct health;
struct watch;
struct revocation;
struct responder;
struct checkpoints;
struct secret;
struct limits;
struct signer;
struct probes;
struct perspectives_ops;

/* The running service. Everything here lives from start to stop and may be used by any thread. */
struct service {
	struct store *store;
	struct issuer *issuer;
	struct signer *signer; /* NULL: none (tests) */
	struct jobs *jobs;
	struct nonces *nonces;
	struct account_cache *accounts;
	struct watch *watch;
	struct health *health;
	struct revocation *revocation; /* NULL: no lists are published (tests) */
	struct responder *responder;   /* NULL: nobody answers OCSP */
	struct checkpoints *checkpoints; /* NULL: the audit trail has none (tests, a store in memory) */
	struct limits *limits; /* NULL: none (tests) */
	struct probes *probes; /* of the jobs' loop (probing.h); NULL: none (tests) */
	const struct perspectives_ops *perspectives; /* NULL like probes */
	struct secret *seal_key; /* seals secrets in the store (crypto/seal.h) */
	bool draining; /* atomic */
	struct config *config; /* current snapshot: service_config() takes a reference */
	pthread_mutex_t config_lock; /* guards config; a leaf */
	struct {
		struct id order, authz, account;
	} sweep_cursors;       /* of the jobs' loop (sweep.c) */
	struct id node;        /* this process, for leases */
	int64_t started_at;
};

struct config *service_config(struct service *s);
void service_set_config(struct service *s, struct config *c); /* takes c */

#define CONTEXT_JOBS 8

/* One decision: a request, or a step of a job. */
struct context {
	struct service *service;
	const struct config *config;
	struct store_read *read;
	struct arena *arena;
	struct tx *tx;
	int64_t now;
	struct str actor; /* who does it, for the audit trail: "account ID", "operator NAME", "system" */
	/* Jobs that tx creates: started as soon as it is durable (jobs_start). */
	struct {
		struct id id;
		int64_t kind;
		struct id subject;
		int64_t due_at_ms;
	} jobs[CONTEXT_JOBS];
	unsigned job_count;
	bool limits_taken; /* this request has paid, and does not pay again when it runs again */
};

/* One row of the audit trail in the transaction of the act. */
enum rc audit_add(struct context *c, const char *action, struct str subject, const char *fmt, ...)
	PRINTF_LIKE(4, 5) MUST_USE;
/* The text of an id in the arena. */
struct str id_str(struct arena *a, struct id id);

#endif
