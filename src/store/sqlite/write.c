/* write.c - the writer's connection: groups, single operations, checkpoints. Everything here runs on
 * the writer thread. */
#include <stdio.h>

#include "base/log.h"
#include "store/sqlite/sqlite.h"
#include "store/table.h"

/* Pages that the WAL grows by between checkpoints (16 MiB). A larger one copies hot pages less often,
 * but every read has to look through its index. */
#define CHECKPOINT_PAGES 2000
/* When readers have kept the WAL from starting over for so long, wait for them for a moment. */
#define WAL_PAGES_MAX (4 * CHECKPOINT_PAGES)
#define CHECKPOINT_WAIT_MS 50

static struct sqlite_store *self(struct store *s)
{
	return (struct sqlite_store *)s; /* base is the first member */
}

/* Turns a failure into our words; keeps the first cause for the fatal callback. */
static enum rc failed(struct sqlite_store *s, const char *doing, int sqlite_rc)
{
	enum rc rc = connection_rc(&s->writer, sqlite_rc);

	if (rc == RC_CONFLICT)
		return rc;
	if (rc == RC_IO && !s->base.error[0])
		snprintf(s->base.error, sizeof(s->base.error), "%s: %s (%d)", doing,
			 sqlite3_errmsg(s->writer.db), sqlite_rc);
	LOG_ERROR("store_write_failed", F_TEXT("doing", doing),
		  F_TEXT("cause", sqlite3_errmsg(s->writer.db)), F_INT("code", sqlite_rc));
	return rc;
}

enum rc sqlite_own(struct sqlite_store *s, int wait_ms)
{
	enum rc rc;
	int step;

	if (s->lock_fd >= 0)
		return RC_OK;
	rc = file_lock_writer(s->path, wait_ms, &s->lock_fd);
	if (rc != RC_OK)
		return rc;
	sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);

	/* What a crashed process left in the WAL is only as durable as its last fsync was true. */
	step = sqlite3_wal_checkpoint_v2(s->writer.db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	rc = step == SQLITE_OK ? RC_OK : failed(s, "take the log over", step);
	return rc == RC_BUSY ? RC_OK : rc; /* a reader or a full disk: the WAL keeps what it has */
}

enum rc sqlite_begin(struct store *base, int wait_ms)
{
	struct sqlite_store *s = self(base);
	enum rc rc = sqlite_own(s, wait_ms);
	int step;

	if (rc != RC_OK) {
		snprintf(base->error, sizeof(base->error), "cannot lock %s-lock", s->path);
		LOG_ERROR("store_locked", F_TEXT("path", s->path), F_TEXT("result", rc_text(rc)));
		return rc;
	}
	sqlite3_busy_timeout(s->writer.db, wait_ms);
	step = connection_step(&s->writer, &s->writer.begin_immediate, "BEGIN IMMEDIATE");
	return step == SQLITE_OK ? RC_OK : failed(s, "begin", step);
}

enum rc sqlite_commit(struct store *base)
{
	struct sqlite_store *s = self(base);
	int step = connection_step(&s->writer, &s->writer.commit, "COMMIT");

	return step == SQLITE_OK ? RC_OK : failed(s, "commit", step);
}

void sqlite_rollback(struct store *base)
{
	struct sqlite_store *s = self(base);

	/* SQLite rolls back by itself after some errors. What remains when this fails is no
	 * transaction that could ever be committed: the next BEGIN fails. */
	if (!sqlite3_get_autocommit(s->writer.db))
		connection_step(&s->writer, &s->writer.rollback, "ROLLBACK");
}

/* --- operations --- */

static int bind_insert(sqlite3_stmt *stmt, const struct tx_op *op)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; rc == SQLITE_OK && i < op->table->column_count; i++)
		rc = row_bind(stmt, (int)i + 1, op->table, op->record, i);
	return rc;
}

static int bind_update(sqlite3_stmt *stmt, const struct tx_op *op)
{
	int rc = SQLITE_OK, n = 1;

	for (unsigned i = 0; rc == SQLITE_OK && i < op->table->column_count; i++)
		if (op->columns >> i & 1)
			rc = row_bind(stmt, n++, op->table, op->record, i);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, n++, op->version + 1);
	if (rc == SQLITE_OK)
		rc = row_bind(stmt, n++, op->table, op->record, 0);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, n, op->version);
	return rc;
}

static int bind_key_and_version(sqlite3_stmt *stmt, const struct tx_op *op, bool with_version)
{
	int rc = row_bind(stmt, 1, op->table, op->record, 0);

	if (rc == SQLITE_OK && with_version)
		rc = sqlite3_bind_int64(stmt, 2, op->version);
	return rc;
}

static struct statement_shape op_shape(const struct tx_op *op)
{
	struct statement_shape shape = { .index = STORE_PRIMARY };

	switch (op->kind) {
	case TX_INSERT:
		shape.kind = STATEMENT_INSERT;
		break;
	case TX_UPDATE:
		shape.kind = STATEMENT_UPDATE;
		shape.columns = op->columns;
		break;
	case TX_DELETE:
		shape.kind = op->version ? STATEMENT_DELETE : STATEMENT_DELETE_ANY;
		break;
	case TX_EXPECT:
		shape.kind = STATEMENT_EXPECT;
		break;
	}
	return shape;
}

static enum rc apply_op(struct sqlite_store *s, const struct tx_op *op)
{
	struct statement_shape shape = op_shape(op);
	sqlite3_stmt *stmt = connection_statement(&s->writer, op->table, shape);
	bool must_change = op->kind == TX_UPDATE || (op->kind == TX_DELETE && op->version);
	enum rc rc = RC_OK;
	int step;

	if (!stmt) {
		step = sqlite3_extended_errcode(s->writer.db);
		return failed(s, "prepare", step == SQLITE_OK ? SQLITE_NOMEM : step);
	}
	if (op->kind == TX_INSERT)
		step = bind_insert(stmt, op);
	else if (op->kind == TX_UPDATE)
		step = bind_update(stmt, op);
	else
		step = bind_key_and_version(stmt, op, shape.kind != STATEMENT_DELETE_ANY);
	if (step == SQLITE_OK)
		step = sqlite3_step(stmt);

	if (step != SQLITE_DONE && step != SQLITE_ROW)
		rc = failed(s, op->table->name, step);
	else if (op->kind == TX_EXPECT && step != SQLITE_ROW)
		rc = RC_CONFLICT;
	else if (must_change && sqlite3_changes64(s->writer.db) != 1)
		rc = RC_CONFLICT;
	sqlite3_reset(stmt);
	return rc;
}

static enum rc apply_ping(struct sqlite_store *s)
{
	int step = connection_step(&s->writer, &s->ping,
				   "UPDATE store_schema SET pings = (pings + 1) & 0xffffffff");

	return step == SQLITE_OK ? RC_OK : failed(s, "ping", step);
}

/* A savepoint that does not obey leaves the tx half done: never to be committed. */
static enum rc savepoint_failed(struct sqlite_store *s, int step)
{
	enum rc rc = failed(s, "savepoint", step);

	if (rc == RC_INTERNAL && !s->base.error[0])
		snprintf(s->base.error, sizeof(s->base.error), "savepoint: %s",
			 sqlite3_errmsg(s->writer.db));
	return rc == RC_INTERNAL || rc == RC_CONFLICT ? RC_IO : rc;
}

/* Can a tx fail when it has already changed something? One operation is undone by itself. */
static bool needs_savepoint(const struct tx *tx)
{
	for (const struct tx_op *op = tx->first; op; op = op->next)
		if (op->kind != TX_EXPECT)
			return op->next != NULL;
	return false;
}

enum rc sqlite_apply(struct store *base, const struct tx *tx, bool undo, bool *out_is_clean)
{
	struct sqlite_store *s = self(base);
	bool saved = undo && needs_savepoint(tx);
	const struct tx_op *op;
	enum rc rc = RC_OK;
	int step;

	*out_is_clean = true;
	if (tx->ping)
		return apply_ping(s);
	if (saved) {
		step = connection_step(&s->writer, &s->savepoint, "SAVEPOINT tx");
		if (step != SQLITE_OK)
			return savepoint_failed(s, step);
	}
	for (op = tx->first; op; op = op->next) {
		rc = apply_op(s, op);
		if (rc != RC_OK)
			break; /* this statement has undone itself */
		*out_is_clean &= op->kind == TX_EXPECT;
	}
	if (!saved)
		return rc;
	if (rc == RC_CONFLICT || rc == RC_INTERNAL) {
		step = connection_step(&s->writer, &s->rollback_to, "ROLLBACK TO tx");
		if (step != SQLITE_OK)
			return savepoint_failed(s, step);
		*out_is_clean = true;
	} else if (rc != RC_OK) {
		return rc; /* the whole group is rolled back */
	}
	step = connection_step(&s->writer, &s->release, "RELEASE tx");
	return step == SQLITE_OK ? rc : savepoint_failed(s, step);
}

/* --- checkpoints --- */

/* After PASSIVE has copied all, the next commit begins the WAL anew, unless a reader still uses it.
 * TRUNCATE waits a moment for such readers: only when the WAL has become long. */
enum rc sqlite_settle(struct store *base)
{
	struct sqlite_store *s = self(base);
	int mode = SQLITE_CHECKPOINT_PASSIVE;
	int step, pages = 0, copied = 0;

	if (s->wal_pages < s->wal_checkpointed)
		s->wal_checkpointed = 0; /* it has begun anew */
	if (s->wal_pages - s->wal_checkpointed < CHECKPOINT_PAGES)
		return RC_OK;
	if (s->wal_pages >= WAL_PAGES_MAX)
		mode = SQLITE_CHECKPOINT_TRUNCATE;
	sqlite3_busy_timeout(s->writer.db, CHECKPOINT_WAIT_MS);
	step = sqlite3_wal_checkpoint_v2(s->writer.db, "main", mode, &pages, &copied);
	s->wal_checkpointed = s->wal_pages;
	if (step == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE)
		s->wal_pages = s->wal_checkpointed = 0;
	LOG_DEBUG("store_checkpoint", F_INT("pages", pages), F_INT("copied", copied),
		  F_INT("code", step));
	if (step == SQLITE_OK || step == SQLITE_BUSY || (step & 0xff) == SQLITE_LOCKED)
		return RC_OK;
	/* A full disk: the WAL has everything and stays. Anything else is as bad as a failed commit. */
	return failed(s, "checkpoint", step);
}
