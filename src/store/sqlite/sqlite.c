/* sqlite.c - the SQLite back end: opening, closing, and who does what.
 *
 * WAL with synchronous=FULL: each commit is one fsync of the WAL, readers never wait for the writer.
 * One connection writes (writer.c's thread); each struct store_read is a connection that only reads.
 *
 * Checkpoints. SQLite before 3.51.3 (Debian 12 has 3.40.1) can lose pages when one connection
 * begins the WAL anew while another is about to checkpoint it: the second takes frames of the new
 * WAL for copied that never were, and the file is damaged (https://sqlite.org/wal.html#walresetbug).
 * That takes two connections of which one writes or checkpoints while the other checkpoints. So here
 * only one connection ever does either: automatic checkpoints are off everywhere, readers do not
 * even checkpoint when they are closed last, and the writer checkpoints between its commits. Other
 * processes are kept out by a lock on PATH-lock, taken at open or else before the first write;
 * reading beside a running service (assay store check, a backup) needs no lock.
 *
 * Failures. An I/O error while writing is final (writer.c). After a failed fsync the page cache may
 * show octets that the disk never got, to the next process as well; so whoever takes the file over
 * first writes the whole WAL into the database and syncs that. A full disk is not final: pages reach the WAL
 * before the sync that makes a commit, so nothing is in doubt; everything is rolled back, the
 * callers get RC_BUSY, and the next commit succeeds when there is room. */
#include "store/sqlite/sqlite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In a table WITHOUT ROWID a row of more than a quarter of a page gets a page of its own. With 4 KiB
 * that would be every certificate; with 8 KiB rows up to 2,000 octets stay in line. */
#define PAGE_SIZE "8192"

static pthread_once_t sqlite_configured = PTHREAD_ONCE_INIT;

/* Counting every allocation under one lock is nothing that we look at. Fails when the process used
 * SQLite before, which does no harm. */
static void configure_sqlite(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	((struct sqlite_store *)arg)->wal_pages = pages;
	return SQLITE_OK;
}

static enum rc open_fault(struct sqlite_store *s, const char *doing, struct fault *f)
{
	int code = sqlite3_extended_errcode(s->writer.db);
	enum rc rc = connection_rc(&s->writer, code);

	return fault_set(f, rc == RC_OK ? RC_IO : rc, PROBLEM_NONE, "store: %s: %s: %s", s->path,
			 doing, sqlite3_errmsg(s->writer.db));
}

/* Is it ours, or empty? Nothing has been written so far. */
static enum rc check_identity(struct sqlite_store *s, struct fault *f)
{
	int64_t id = connection_pragma(&s->writer, "PRAGMA application_id", -1);

	if (id == SCHEMA_APPLICATION_ID)
		return RC_OK;
	if (id == -1)
		return open_fault(s, "cannot be read", f);
	if (id != 0 || connection_pragma(&s->writer, "SELECT count(*) FROM sqlite_schema", -1) != 0)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "store: %s is a database, but not an Assay store", s->path);
	return RC_OK;
}

/* "wal" is what we need; network file systems cannot. */
static enum rc set_journal_mode(struct sqlite_store *s, struct fault *f)
{
	sqlite3_stmt *stmt = NULL;
	const char *mode;
	bool ok;

	ok = connection_run(&s->writer, "PRAGMA page_size = " PAGE_SIZE) == SQLITE_OK &&
	     sqlite3_prepare_v2(s->writer.db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL) ==
		     SQLITE_OK &&
	     sqlite3_step(stmt) == SQLITE_ROW;
	mode = ok ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	ok = ok && mode && strcmp(mode, "wal") == 0;
	sqlite3_finalize(stmt);
	if (!ok)
		return open_fault(s, "no write-ahead log here (is it a network file system?)", f);
	if (connection_pragma(&s->writer, "PRAGMA synchronous", -1) != 2)
		return fault_set(f, RC_INTERNAL, PROBLEM_NONE, "store: synchronous is not FULL");
	/* PRAGMA journal_mode resets it. */
	return connection_run(&s->writer, "PRAGMA wal_autocheckpoint = 0") == SQLITE_OK
		       ? RC_OK : open_fault(s, "wal_autocheckpoint", f);
}

static void sqlite_close(struct store *base)
{
	struct sqlite_store *s = (struct sqlite_store *)base;

	sqlite3_finalize(s->savepoint);
	sqlite3_finalize(s->release);
	sqlite3_finalize(s->rollback_to);
	sqlite3_finalize(s->ping);
	/* If we own the file, the last connection checkpoints and removes the WAL; not after an I/O
	 * error, when nothing may be written or synced any more. */
	if (base->failed)
		sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	connection_done(&s->writer);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
}

/* SQLite takes a name that begins with "file:" for a URI, so relative ones get a "./". */
static char *database_path(struct str where)
{
	char *path = NULL;

	if (where.len == 0 || memchr(where.p, 0, where.len))
		return NULL;
	if (asprintf(&path, "%s%.*s", where.p[0] == '/' ? "" : "./", STR_ARG(where)) < 0)
		return NULL;
	return path;
}

static enum rc bring_up_to_date(struct sqlite_store *s, const struct store_options *options,
				struct fault *f)
{
	bool is_current;
	enum rc rc = schema_inspect(s->writer.db, options->migrations, options->create, &is_current, f);

	if (rc != RC_OK)
		return rc;
	rc = sqlite_own(s, is_current ? 0 : options->busy_limit_ms);
	if (rc == RC_BUSY && is_current)
		return RC_OK; /* to read beside the process that writes */
	if (rc == RC_BUSY)
		return fault_set(f, rc, PROBLEM_NONE,
				 "store: %s must be migrated, but another process writes to it", s->path);
	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_NONE, "store: %s: the log cannot be taken over: %s",
				 s->path, sqlite3_errmsg(s->writer.db));
	return is_current ? RC_OK : schema_migrate(s->writer.db, options->migrations, f);
}

static enum rc open_writer(struct sqlite_store *s, const struct store_options *options,
			   struct fault *f)
{
	enum rc rc = connection_open(&s->writer, s->path, CONNECTION_WRITE, options->busy_limit_ms);

	if (rc != RC_OK)
		return open_fault(s, "cannot be opened", f);
	rc = check_identity(s, f);
	if (rc == RC_OK)
		rc = set_journal_mode(s, f);
	if (rc == RC_OK)
		rc = bring_up_to_date(s, options, f);
	if (rc == RC_OK)
		rc = schema_verify(s->writer.db, options->tables, f);
	if (rc != RC_OK)
		return rc;
	sqlite3_wal_hook(s->writer.db, on_commit, s);
	snprintf(s->base.description, sizeof(s->base.description),
		 "sqlite %s, wal, synchronous full", sqlite3_libversion());
	return RC_OK;
}

static enum rc sqlite_open(const struct store_options *options, struct str where,
			   struct store **out, struct fault *f)
{
	struct sqlite_store *s;
	enum rc rc;

	pthread_once(&sqlite_configured, configure_sqlite);
	s = calloc(1, sizeof(*s));
	if (!s)
		return RC_NOMEM;
	s->lock_fd = -1;
	s->path = database_path(where);
	if (!s->path) {
		rc = fault_set(f, RC_INVALID, PROBLEM_NONE,
			       "store: a path is missing; write sqlite:/path/file.db");
	} else {
		rc = file_prepare(s->path, options->create, f);
		if (rc == RC_OK)
			rc = open_writer(s, options, f);
	}
	if (rc != RC_OK) {
		sqlite_close(&s->base);
		return rc;
	}
	*out = &s->base;
	return RC_OK;
}

const struct store_ops SQLITE_STORE = {
	.scheme = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.backup = sqlite_backup,
	.check = sqlite_check,
	.read_open = sqlite_read_open,
	.read_close = sqlite_read_close,
	.read_begin = sqlite_read_begin,
	.read_end = sqlite_read_end,
	.list = sqlite_list,
	.get = sqlite_get,
	.count = sqlite_count,
	.begin = sqlite_begin,
	.apply = sqlite_apply,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.settle = sqlite_settle,
};
