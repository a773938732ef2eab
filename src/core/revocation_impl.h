/* revocation_impl.h - what publishing full lists (revocation.c) and delta lists (revocation_delta.c) share.
 * Private to src/core. */
#ifndef ASSAY_CORE_REVOCATION_IMPL_H
#define ASSAY_CORE_REVOCATION_IMPL_H

#include "base/thread.h"
#include "core/cert.h"
#include "core/revocation.h"
#include "crypto/crl.h"

struct list {
	struct str name;
	size_t authority; /* number in the config */
	unsigned shard;   /* 0: the full list */
	struct str url;   /* of a shard */
	bool delta;       /* it follows its full list in the table (revocation_delta.c) */
	struct str delta_url; /* of a full list: where that is */
	struct crl *current; /* guarded by revocation.lock */
	int64_t version;  /* of its row; 0: there is none */
	int64_t this_update;
	uint8_t content[SHA256_LEN]; /* of the current list's entries */
	bool published;
	/* the round at hand */
	struct buf entries;
	uint8_t new_content[SHA256_LEN];
};

struct revocation {
	struct queue_item item; /* first: posted to the thread */
	struct loop_work work;  /* posted back */
	void (*step)(struct revocation *r); /* what the thread is to do */
	void (*next)(struct revocation *r); /* what the loop is to do then */
	enum rc rc;                         /* of the step, or of the commit */
	struct service *service;
	struct config *config; /* that of the start: authorities change by restart only */
	struct loop *loop;
	struct signer *signer;
	struct store_read *read; /* the thread's own */
	struct queue queue;
	struct thread thread;
	pthread_mutex_t lock; /* guards current of every list; a leaf */
	struct list *lists;
	size_t count;
	uint64_t *last_numbers; /* by authority */
	struct pubkey **keys;   /* by authority */
	struct loop_timer *timer;
	void (*ready)(void *arg);
	void *arg;
	/* Another thread says that something is revoked. */
	struct loop_work poke;
	bool poked; /* atomic: poke is on its way */
	/* the round at hand */
	bool busy, again, failed;
	bool scan; /* all revoked certificates are walked */
	int64_t started_ms, took_ms;
	size_t at; /* list */
	struct crl_spec spec;
	struct buf tbs;
	struct crl *made;
	uint8_t sig[SIG_MAX];
	size_t sig_len;
	struct arena names; /* of the lists */
	struct arena arena; /* scratch: of the start, then of the thread */
	bool stopped;       /* works that are still posted do nothing */
};

const struct authority *list_authority(const struct revocation *r, const struct list *l);
/* When it must be published at the latest; 0: at once. */
int64_t list_due_at(const struct revocation *r, const struct list *l);
/* The list has nothing new and its time has not come. */
bool list_is_current(const struct revocation *r, const struct list *l);

/* --- a round; each step is the loop's unless it says otherwise --- */

/* Runs step on the thread, then next on the loop. Any thread. */
void revocation_run(struct revocation *r, void (*step)(struct revocation *r), void (*next)(struct revocation *r));
typedef void (*list_add_fn)(struct revocation *r, const struct cert_record *row, int64_t now);
/* On the thread: gives add() every revoked certificate, those since a time only if since is set. */
enum rc revocation_scan(struct revocation *r, const int64_t *since, list_add_fn add) MUST_USE;
/* From the entries of the list at hand, whose number is found here, to the published list. */
void revocation_build(struct revocation *r);
/* Goes on with the list at r->at, or one behind it. */
void revocation_next_list(struct revocation *r);
void revocation_round_end(struct revocation *r, enum rc rc, const char *what);

/* --- delta lists (revocation_delta.c) --- */

/* Adds that of the authority whose full list was added last. */
enum rc delta_add(struct revocation *r, size_t authority) MUST_USE;
/* The full list that a delta is about. */
const struct list *delta_base(const struct list *delta);
/* The delta at r->at is published if it has anything new, or its time has come. */
void delta_begin(struct revocation *r);

#endif
