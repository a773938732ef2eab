/* revocation.h - revocation lists (RFC 5280 §5): one for all certificates of each authority, and as many
 * by serial as its settings say. A list is published when the service starts and something is new, at
 * half the lifetime of the one before, and about a second after a revocation became durable.
 * revocation_changed() and revocation_list() may be called from any thread. */
#ifndef ASSAY_CORE_REVOCATION_H
#define ASSAY_CORE_REVOCATION_H

#include "core/core.h"
#include "net/loop.h"
#include "signer/signer.h"

struct revocation;

struct revocation_options {
	struct service *service;
	struct loop *loop;
	struct signer *signer;
	/* Runs once on the loop: there is a list for everything that was revoked before the start
	 * (TRUST V36), or the signer or the store does not let us make one for now. */
	void (*ready)(void *arg);
	void *arg;
};
/* Waits for the store; before the loop runs. */
enum rc revocation_start(const struct revocation_options *o, struct revocation **out, struct fault *f) MUST_USE;
/* After the loop has ended and before the store is closed. */
void revocation_stop(struct revocation *r);
/* When neither store nor loop is there any more: both may have held something of ours. */
void revocation_free(struct revocation *r);

/* A certificate is being revoked in a transaction that will be submitted at once. */
void revocation_changed(struct service *s);

/* A published list: immutable, counted. */
struct crl {
	int refs; /* atomic */
	uint64_t number;
	int64_t this_update, next_update;
	struct bytes der; /* owned */
};
/* By name, "lab" or "lab-3"; NULL: there is no such list, or none that is still good. The caller's to
 * unref. */
struct crl *revocation_list(struct service *s, struct str name);
void crl_unref(struct crl *c);
/* When the authority's list of this kind is not good any more (of shards: the first); 0: there is none. */
enum list_kind { LIST_FULL, LIST_SHARD, LIST_DELTA, LIST_KINDS };
int64_t revocation_next_update(struct service *s, const struct authority *a, enum list_kind kind);
/* Would this be the name of a list? */
bool revocation_has_list(struct service *s, struct str name);

#endif
