/* writer.c - the one thread that writes, and group commit.
 *
 * Transactions wait in a queue. The writer takes all that wait, carries them out one after the
 * other in one transaction of the back end, makes that durable once, then runs the callbacks in the
 * order of submission. While one group is being made durable the next gathers by itself, so a lone tx
 * has the shortest way and a crowd shares the fsync. After a crowd the writer rests for a moment, so
 * that the next one is larger: pages that all of them touch are then written once.
 *
 * After an I/O error nothing is known about what the disk holds, and asking it again may be answered
 * with a lie (an fsync that fails once may report success the next time although the pages were
 * dropped). So the first one is final: fatal, RC_IO for everybody, and nothing is written any more
 * until a new process has opened the store and verified it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_ops.h"

/* Bounds what one commit holds in memory and how long the first of the group waits. */
#define GROUP_MAX 256

/* A group of so many is a crowd, and this is how long the writer rests after it. */
#define CROWD 4
#define REST_US 2000

/* Concerns the tx alone; everything else but RC_OK concerns its group. */
static bool is_own_failure(enum rc rc)
{
	return rc == RC_CONFLICT || rc == RC_INTERNAL;
}

static bool writes(const struct tx *tx)
{
	return tx->first || tx->ping;
}

static struct tx *next_of(const struct tx *tx)
{
	return (struct tx *)tx->item.next; /* item is the first member */
}

/* How long this group may wait for a lock: its oldest tx must be answered in time. */
static int wait_left_ms(const struct store *s, const struct tx *oldest)
{
	int64_t waited = clock_mono_ms() - oldest->submitted_at_ms;

	return waited >= s->busy_limit_ms ? 0 : s->busy_limit_ms - (int)waited;
}

enum attempt { ATTEMPT_DONE, ATTEMPT_FAILED, ATTEMPT_AGAIN };

/* Applies the first count of the list; tx->rc gets each one's own result. ATTEMPT_FAILED: *out_rc is
 * the result of all. ATTEMPT_AGAIN: a tx failed half-way and cannot be undone alone. */
static enum attempt apply_all(struct store *s, struct tx *tx, size_t count, bool undo,
			      enum rc *out_rc)
{
	for (size_t i = 0; i < count; i++, tx = next_of(tx)) {
		struct chain_head head = s->head;
		bool is_clean = true;

		tx->rc = RC_OK;
		if (!writes(tx))
			continue;
		chain_link(s, tx);
		tx->rc = s->ops->apply(s, tx, undo, &is_clean);
		if (tx->rc == RC_OK)
			continue;
		s->head = head; /* the next one takes its place */
		if (is_own_failure(tx->rc) && is_clean)
			continue;
		*out_rc = tx->rc;
		return is_own_failure(tx->rc) ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
	}
	return ATTEMPT_DONE;
}

/* Carries out the first count of the list and returns the result of the group.
 *
 * To be able to undo one tx of a group costs every tx a savepoint, a sixth of what writing costs.
 * Conflicts are rare, and most show in the first operation, when nothing was changed. So the group
 * is first tried without; only when a tx fails half-way it is rolled back and done again with. */
static enum rc write_group(struct store *s, struct tx *list, size_t count)
{
	struct tx *tx = list;
	bool has_writes = false;
	enum rc rc;

	for (size_t i = 0; i < count; i++, tx = next_of(tx)) {
		tx->rc = RC_OK;
		has_writes |= writes(tx);
	}
	if (!has_writes)
		return RC_OK;

	for (int undo = 0; undo <= 1; undo++) {
		enum attempt attempt = ATTEMPT_FAILED;
		struct chain_head head;

		rc = s->ops->begin(s, wait_left_ms(s, list));
		if (rc != RC_OK)
			return rc;
		rc = chain_load(s);
		head = s->head;
		if (rc == RC_OK)
			attempt = apply_all(s, list, count, undo, &rc);
		if (attempt == ATTEMPT_DONE)
			rc = s->ops->commit(s);
		if (rc == RC_OK)
			return RC_OK;
		s->head = head;
		s->ops->rollback(s);
		if (attempt != ATTEMPT_AGAIN)
			return rc;
	}
	return RC_INTERNAL; /* with undo nothing is left half-done */
}

static void fail(struct store *s)
{
	s->failed = true;
	s->fatal(s->fatal_arg, s->error);
}

/* Writes the first count of the list, answers them and returns the rest. */
static struct tx *run_group(struct store *s, struct tx *list, size_t count)
{
	enum rc rc = s->failed ? RC_IO : write_group(s, list, count);

	if (rc == RC_IO && !s->failed)
		fail(s);
	for (size_t i = 0; i < count; i++) {
		struct tx *tx = list;
		tx_done_fn done = tx->done;
		void *arg = tx->done_arg;
		enum rc result = rc == RC_OK ? tx->rc : rc;

		list = next_of(tx);
		tx_free(tx);
		done(arg, result);
	}
	if (!s->failed && s->ops->settle(s) == RC_IO)
		fail(s);
	return list;
}

static void run(void *arg)
{
	struct store *s = arg;
	struct tx *list;

	while ((list = (struct tx *)queue_take_all(&s->queue))) {
		bool crowded = false;

		while (list) {
			size_t count = 0;

			for (struct tx *tx = list; tx && count < GROUP_MAX; tx = next_of(tx))
				count++;
			crowded |= count >= CROWD;
			list = run_group(s, list, count);
		}
		if (crowded)
			queue_rest(&s->queue, REST_US);
	}
}

enum rc writer_start(struct store *s)
{
	enum rc rc;

	queue_init(&s->queue);
	rc = thread_start(&s->writer, "store-writer", run, s);
	if (rc != RC_OK)
		queue_done(&s->queue);
	return rc;
}

void writer_stop(struct store *s)
{
	queue_close(&s->queue);
	thread_join(&s->writer);
	queue_done(&s->queue);
}

void store_submit(struct store *s, struct tx *tx, tx_done_fn done, void *arg)
{
	tx->done = done;
	tx->done_arg = arg;
	tx->submitted_at_ms = clock_mono_ms();
	if (!queue_put(&s->queue, &tx->item)) {
		/* Only when submitted during store_close(), which its user must not do. */
		tx_free(tx);
		done(arg, RC_INTERNAL);
	}
}

/* --- waiting for the result --- */

struct waiter {
	pthread_mutex_t lock; /* guards the rest; a leaf lock */
	pthread_cond_t changed;
	bool is_done;
	enum rc rc;
};

static void wake(void *arg, enum rc rc)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&w->lock);
	w->is_done = true;
	w->rc = rc;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

enum rc store_commit(struct store *s, struct tx *tx)
{
	struct waiter w = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

	store_submit(s, tx, wake, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.is_done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	return w.rc;
}

enum rc store_ping(struct store *s)
{
	struct tx *tx = tx_new();

	if (!tx)
		return RC_NOMEM;
	tx->ping = true;
	return store_commit(s, tx);
}
