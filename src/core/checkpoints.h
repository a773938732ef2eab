/* checkpoints.h - signed checkpoints of the audit trail (crypto/checkpoint.h). Every ten minutes, after
 * every thousand acts, when the service starts and when it ends, the number and hash of the trail's last
 * row go to the signer, if there is anything new. It keeps them in its own journal and signs them; the
 * signature becomes a row of the trail itself. At each start, and each time, the signer's newest
 * checkpoint is compared with the store: a store that was restored from an older copy, or a trail that
 * was cut off or written anew, is found (TRUST §4, backup / restore).
 * All of it on one loop's thread, but for checkpoints_act(). */
#ifndef ASSAY_CORE_CHECKPOINTS_H
#define ASSAY_CORE_CHECKPOINTS_H

#include "core/core.h"
#include "crypto/checkpoint.h"
#include "net/loop.h"
#include "signer/signer.h"

#define CHECKPOINT_EVERY_MS (10 * 60 * 1000)
#define CHECKPOINT_ROWS 1000

struct checkpoints;

struct checkpoints_options {
	struct service *service;
	struct loop *loop;
	struct signer *signer;
	/* Runs once on the loop: RC_OK; or RC_DENIED: the store does not have what the signer noted, and
	 * nothing must be issued with it; anything else: they could not be compared. */
	void (*ready)(void *arg, enum rc rc, const struct fault *f);
	void *arg;
};
/* Before the loop runs. A store in memory has no past to compare: then ready follows at once. */
enum rc checkpoints_start(const struct checkpoints_options *o, struct checkpoints **out, struct fault *f) MUST_USE;
/* After the loop has ended and before the store is closed. */
void checkpoints_stop(struct checkpoints *c);
/* When neither store nor loop is there any more. */
void checkpoints_free(struct checkpoints *c);

/* A row is being added to the trail. Any thread. */
void checkpoints_act(struct service *s);
/* One more checkpoint, then done. */
void checkpoints_finish(struct checkpoints *c, void (*done)(void *arg), void *arg);

/* What a round found. */
struct checkpoints_state {
	enum rc rc; /* RC_OK; RC_DENIED as above; else why there is no new checkpoint */
	struct str authority;
	struct checkpoint newest; /* that the signer has; number 0: none */
	bool given_up;
	char detail[FAULT_DETAIL_MAX];
};
/* Begins a round after all that is there now: the signer is asked, and with make it gets a new
 * checkpoint if there is anything new. Returns the round's number; watch_fire() tells of its end. 0: this
 * service has no checkpoints. */
uint64_t checkpoints_ask(struct service *s, bool make);
struct id checkpoints_subject(const struct service *s, uint64_t round);
/* False while the round is under way. */
bool checkpoints_result(const struct service *s, uint64_t round, const struct checkpoints_state **out);

#endif
