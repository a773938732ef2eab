/* checkpoints.c - see checkpoints.h.
 *
 * One round:  ask      the signer for its newest checkpoint
 *             compare  the row that it names with the store's
 *             sign     if wanted: the last row of the trail, which is durable, goes to the signer
 *             store    a row with the signature, in the trail itself
 *
 * So a checkpoint's own row is covered by the next one. A trail whose last row is the checkpoint of the row
 * before has nothing new. */
#include "core/checkpoints.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/audit.h"
#include "core/watch.h"
#include "signer/messages.h"

struct checkpoints {
	struct loop_work work; /* first: posted back by the store's writer */
	void (*next)(struct checkpoints *c); /* what the loop is to do then */
	enum rc rc;                          /* of the commit */
	struct loop_work poke; /* enough rows were added */
	bool poked;            /* atomic: poke is on its way */
	unsigned acts;         /* atomic: rows since the last round */
	struct service *service;
	struct config *config; /* that of the start: authorities change by restart only */
	const struct authority *authority;
	struct pubkey *key; /* its */
	struct loop *loop;
	struct signer *signer;
	struct store_read *read;
	struct loop_timer *timer;
	struct arena arena;
	void (*ready)(void *arg, enum rc rc, const struct fault *f);
	void *ready_arg;
	void (*done)(void *arg); /* at the end */
	void *done_arg;
	struct id subject;
	uint64_t started, finished; /* rounds */
	bool busy, make, compared;
	bool again, again_make; /* another round is wanted */
	bool stopped;
	struct checkpoint making;
	struct checkpoints_state state; /* of the last round that ended, or of the one under way */
};

static void round_begin(struct checkpoints *c, bool make);

/* --- the end of a round --- */

static void tell_ready(struct checkpoints *c, const struct fault *f)
{
	void (*ready)(void *, enum rc, const struct fault *) = c->ready;

	c->ready = NULL;
	if (ready)
		ready(c->ready_arg, c->compared ? RC_OK : c->state.rc, f);
}

static void round_end(struct checkpoints *c, enum rc rc, const struct fault *f)
{
	void (*done)(void *) = c->done;

	c->busy = false;
	c->finished = c->started;
	c->state.rc = rc;
	c->state.detail[0] = '\0';
	if (rc != RC_OK) {
		memcpy(c->state.detail, f && f->detail[0] ? f->detail : "", f && f->detail[0] ? strlen(f->detail) + 1 : 1);
		LOG_ERROR(c->compared ? "checkpoint_not_made" : "audit_trail_not_as_noted", F_TEXT("rc", rc_text(rc)),
			  F_TEXT("detail", c->state.detail));
	}
	arena_reset(&c->arena);
	loop_timer_set(c->timer, CHECKPOINT_EVERY_MS);
	watch_fire(c->service->watch, checkpoints_subject(c->service, c->finished));
	tell_ready(c, f);
	if (c->again) {
		round_begin(c, c->again_make);
	} else if (done) {
		c->done = NULL;
		done(c->done_arg);
	}
}

static void round_failed(struct checkpoints *c, enum rc rc, const char *what)
{
	AUTO(fault) struct fault f = { 0 };

	(void)fault_set(&f, rc, PROBLEM_SERVER_INTERNAL, "%s: %s", what, rc_text(rc));
	round_end(c, rc, &f);
}

/* --- storing --- */

static void arrived(struct loop_work *w)
{
	struct checkpoints *c = (struct checkpoints *)w;

	if (!c->stopped)
		c->next(c);
}

/* On the writer's thread. */
static void committed(void *arg, enum rc rc)
{
	struct checkpoints *c = arg;

	c->rc = rc;
	c->work.fn = arrived;
	loop_post(c->loop, &c->work);
}

static void submit_row(struct checkpoints *c, struct audit_record *row, void (*next)(struct checkpoints *c))
{
	struct tx *tx = tx_new();
	enum rc rc = tx ? RC_OK : RC_NOMEM;

	row->id = id_new();
	row->at = clock_now_s();
	row->actor = STR("system");
	if (rc == RC_OK)
		rc = tx_insert(tx, &AUDITS, row);
	if (rc != RC_OK) {
		tx_free(tx);
		round_failed(c, rc, "store");
		return;
	}
	c->next = next;
	store_submit(c->service->store, tx, committed, c);
}

/* --- signing --- */

static void checkpoint_stored(struct checkpoints *c)
{
	if (c->rc != RC_OK) {
		round_failed(c, c->rc, "store");
		return;
	}
	LOG_INFO("checkpoint_made", F_INT("row", c->making.number));
	round_end(c, RC_OK, NULL);
}

static void on_signed(void *arg, enum rc rc, struct bytes payload, const struct fault *f)
{
	struct checkpoints *c = arg;
	struct audit_checkpoint made = { .authority = c->authority->name,
					 .key_id = c->authority->issuing.subject_key_id };
	struct audit_record row = { .action = AUDIT_CHECKPOINT };

	if (rc != RC_OK) {
		round_end(c, rc, f);
		return;
	}
	c->making.at = message_checkpoint_at(payload);
	made.checkpoint = c->making;
	made.sig = bytes_of(payload.p + MESSAGE_CHECKPOINT_TIME, payload.len - MESSAGE_CHECKPOINT_TIME);
	rc = checkpoint_verify(&made.checkpoint, c->key, made.sig);
	if (rc == RC_OK)
		rc = audit_checkpoint_text(&c->arena, &made, &row);
	if (rc != RC_OK) {
		round_failed(c, rc, "the signature of a checkpoint");
		return;
	}
	c->state.newest = c->making;
	c->state.given_up = false;
	submit_row(c, &row, checkpoint_stored);
}

static enum rc last_row(struct checkpoints *c, struct audit_record *out)
{
	struct audit_record key = { 0 }, *rows;
	const struct store_query q = { .table = &AUDITS, .index = AUDITS_BY_NUMBER, .key = &key, .descending = true,
				       .limit = 1 };
	size_t count;
	enum rc rc = store_list(c->read, &q, &c->arena, &rows, &count);

	if (rc == RC_OK && count == 0)
		return RC_NOTFOUND;
	if (rc == RC_OK)
		*out = rows[0];
	return rc;
}

/* Is it the row of the newest checkpoint, right behind the one that it covers? */
static bool is_own_row(const struct checkpoints *c, const struct audit_record *row)
{
	return str_eq(row->action, AUDIT_CHECKPOINT) && row->number == c->state.newest.number + 1;
}

static void sign_last_row(struct checkpoints *c)
{
	struct audit_record row;
	enum rc rc = last_row(c, &row);

	if (rc == RC_NOTFOUND) {
		round_end(c, RC_OK, NULL);
		return;
	}
	if (rc != RC_OK) {
		round_failed(c, rc, "store");
		return;
	}
	if (!c->state.given_up && (row.number == c->state.newest.number || is_own_row(c, &row))) {
		round_end(c, RC_OK, NULL);
		return;
	}
	c->making = (struct checkpoint){ .number = row.number };
	if (row.hash.len == sizeof(c->making.hash))
		memcpy(c->making.hash, row.hash.p, row.hash.len);
	rc = signer_checkpoint(c->signer, c->authority->name, &c->making, on_signed, c);
	if (rc != RC_OK)
		round_failed(c, rc, "signer");
}

/* --- comparing --- */

/* The trail does not have the row that the signer noted, or has another in its place. */
static enum rc not_as_noted(const struct checkpoints *c, int64_t last, struct fault *f)
{
	const struct checkpoint *noted = &c->state.newest;
	char at[21], head[CHECKPOINT_HEAD_MAX];

	clock_rfc3339(noted->at, at);
	checkpoint_head_text(noted->number, noted->hash, head);
	if (last < noted->number)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "rollback suspected: the store's audit trail ends at row %lld, and the signer noted row "
				 "%lld at %s. The store is an older copy, or its end was removed: what was issued and "
				 "revoked since then is not in it. docs/operations.md (\"Restoring\") says what to do; "
				 "then start once with --accept-rollback %s",
				 (long long)last, (long long)noted->number, at, head);
	return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
			 "rollback suspected: row %lld of the store's audit trail is not the one that the signer noted at "
			 "%s. The store went on from an older copy, or its trail was written anew. docs/operations.md "
			 "(\"Restoring\") says what to do; then start once with --accept-rollback %s",
			 (long long)noted->number, at, head);
}

static enum rc compare(struct checkpoints *c, struct fault *f)
{
	struct audit_record key = { .number = c->state.newest.number }, row, last = { 0 };
	enum rc rc = store_get(c->read, &AUDITS, AUDITS_BY_NUMBER, &key, &c->arena, &row);

	if (rc == RC_OK && bytes_eq(row.hash, bytes_of(c->state.newest.hash, sizeof(c->state.newest.hash))))
		return RC_OK;
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "store: %s", rc_text(rc));
	rc = last_row(c, &last);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "store: %s", rc_text(rc));
	return not_as_noted(c, last.number, f);
}

static void noted_in_trail(struct checkpoints *c)
{
	if (c->rc != RC_OK) {
		c->compared = false;
		round_failed(c, c->rc, "store");
		return;
	}
	sign_last_row(c);
}

/* What was found, or accepted, is an act of its own; then follows a checkpoint. */
static void note_in_trail(struct checkpoints *c, struct str action, const struct checkpoint *about)
{
	struct audit_record last = { 0 }, row = { .action = action };
	char head[CHECKPOINT_HEAD_MAX];
	enum rc rc = last_row(c, &last);

	row.detail = str_of(arena_printf(&c->arena, "last_row=%lld", (long long)last.number));
	if ((rc != RC_OK && rc != RC_NOTFOUND) || !row.detail.p) {
		c->compared = false;
		round_failed(c, row.detail.p ? rc : RC_NOMEM, "store");
		return;
	}
	checkpoint_head_text(about->number, about->hash, head);
	row.subject = str_of(head);
	LOG_WARN("audit_trail", F_STR("action", action), F_TEXT("noted", head), F_INT("last_row", last.number));
	submit_row(c, &row, noted_in_trail);
}

/* Does the trail have a later checkpoint than the signer? Then its journal is an older copy, or a new one,
 * and may have forgotten serials. Looked for once, among the rows between two checkpoints. */
static bool signer_is_behind(struct checkpoints *c, struct checkpoint *out)
{
	struct audit_record key = { 0 }, *rows;
	const struct store_query q = { .table = &AUDITS, .index = AUDITS_BY_NUMBER, .key = &key, .descending = true,
				       .limit = 2 * CHECKPOINT_ROWS,
				       .columns = STORE_COLUMNS(AUDIT_COL_NUMBER, AUDIT_COL_ACTION, AUDIT_COL_SUBJECT) };
	size_t count;

	if (c->finished > 0 || store_list(c->read, &q, &c->arena, &rows, &count) != RC_OK)
		return false;
	for (size_t i = 0; i < count; i++)
		if (str_eq(rows[i].action, AUDIT_CHECKPOINT))
			return checkpoint_head_parse(rows[i].subject, &out->number, out->hash) &&
			       out->number > c->state.newest.number;
	return false;
}

static void on_newest(void *arg, enum rc rc, struct bytes payload, const struct fault *f)
{
	struct checkpoints *c = arg;
	AUTO(fault) struct fault why = { 0 };
	struct checkpoint later = { 0 };

	c->state.newest = (struct checkpoint){ 0 };
	c->state.given_up = false;
	if (rc == RC_OK)
		message_last_of(payload, &c->state.newest, &c->state.given_up);
	if (rc != RC_OK && rc != RC_NOTFOUND) {
		round_end(c, rc, f);
		return;
	}
	if (rc == RC_OK && !c->state.given_up && (rc = compare(c, &why)) != RC_OK) {
		round_end(c, rc, &why);
		return;
	}
	c->compared = true;
	if (c->state.given_up)
		note_in_trail(c, STR("audit.accept-rollback"), &c->state.newest);
	else if (signer_is_behind(c, &later))
		note_in_trail(c, STR("audit.signer-behind"), &later);
	else if (c->make)
		sign_last_row(c);
	else
		round_end(c, RC_OK, NULL);
}

/* --- rounds --- */

static void round_begin(struct checkpoints *c, bool make)
{
	enum rc rc;

	if (c->busy) {
		c->again = true;
		c->again_make |= make;
		return;
	}
	c->busy = true;
	c->again = c->again_make = c->compared = false;
	c->make = make;
	c->started++;
	__atomic_store_n(&c->acts, 0, __ATOMIC_RELAXED);
	rc = signer_last_checkpoint(c->signer, on_newest, c);
	if (rc != RC_OK)
		round_failed(c, rc, "signer");
}

static void on_timer(void *arg)
{
	round_begin(arg, true);
}

static void poke_arrived(struct loop_work *w)
{
	struct checkpoints *c = (struct checkpoints *)((char *)w - offsetof(struct checkpoints, poke));

	__atomic_store_n(&c->poked, false, __ATOMIC_RELEASE);
	if (!c->stopped)
		round_begin(c, true);
}

void checkpoints_act(struct service *s)
{
	struct checkpoints *c = s ? s->checkpoints : NULL;

	if (c && __atomic_add_fetch(&c->acts, 1, __ATOMIC_RELAXED) >= CHECKPOINT_ROWS &&
	    !__atomic_exchange_n(&c->poked, true, __ATOMIC_ACQ_REL))
		loop_post(c->loop, &c->poke);
}

uint64_t checkpoints_ask(struct service *s, bool make)
{
	struct checkpoints *c = s->checkpoints;
	uint64_t round;

	if (!c)
		return 0;
	round = c->started + 1;
	round_begin(c, make);
	return round;
}

struct id checkpoints_subject(const struct service *s, uint64_t round)
{
	struct id id = s->checkpoints->subject;

	for (size_t i = 0; i < 8; i++)
		id.b[ID_LEN - 1 - i] ^= (uint8_t)(round >> (8 * i));
	return id;
}

bool checkpoints_result(const struct service *s, uint64_t round, const struct checkpoints_state **out)
{
	*out = &s->checkpoints->state;
	return s->checkpoints->finished >= round;
}

void checkpoints_finish(struct checkpoints *c, void (*done)(void *arg), void *arg)
{
	if (!c) {
		done(arg);
		return;
	}
	c->done = done;
	c->done_arg = arg;
	round_begin(c, true);
}

/* --- start and end --- */

static enum rc start(struct checkpoints *c, const struct checkpoints_options *o, struct fault *f)
{
	enum rc rc = pubkey_from_spki(c->authority->issuing.spki, &c->key, f);

	if (rc == RC_OK)
		rc = store_read_open(o->service->store, &c->read);
	if (rc == RC_OK)
		rc = loop_timer_new(o->loop, on_timer, c, &c->timer);
	return rc;
}

enum rc checkpoints_start(const struct checkpoints_options *o, struct checkpoints **out, struct fault *f)
{
	struct checkpoints *c;
	enum rc rc;

	if (str_is(o->service->config->raw.store, "memory:")) {
		o->ready(o->arg, RC_OK, NULL);
		return RC_OK;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return RC_NOMEM;
	c->service = o->service;
	c->config = service_config(o->service);
	c->authority = &c->config->authorities[0];
	c->loop = o->loop;
	c->signer = o->signer;
	c->ready = o->ready;
	c->ready_arg = o->arg;
	c->subject = id_new();
	c->state.authority = c->authority->name;
	c->poke.fn = poke_arrived;
	arena_init(&c->arena, LIMIT_REQUEST_ARENA);
	rc = start(c, o, f);
	if (rc != RC_OK) {
		checkpoints_stop(c);
		checkpoints_free(c);
		return rc;
	}
	loop_timer_set(c->timer, 0);
	*out = c;
	return RC_OK;
}

void checkpoints_stop(struct checkpoints *c)
{
	if (!c)
		return;
	c->stopped = true;
	loop_timer_free(c->timer);
	c->timer = NULL;
	store_read_close(c->read);
	c->read = NULL;
}

void checkpoints_free(struct checkpoints *c)
{
	if (!c)
		return;
	pubkey_free(c->key);
	arena_done(&c->arena);
	config_unref(c->config);
	free(c);
}
