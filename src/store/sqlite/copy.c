/* copy.c - backup and full check, each on a connection of its own and beside normal work. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/sqlite/sqlite.h"

static enum rc copy_fault(struct connection *c, const char *doing, struct fault *f)
{
	enum rc rc = connection_rc(c, sqlite3_extended_errcode(c->db));

	return fault_set(f, rc == RC_OK ? RC_NOMEM : rc, PROBLEM_NONE, "store: %s: %s", doing,
			 sqlite3_errmsg(c->db));
}

static enum rc vacuum_into(struct connection *c, const char *path, struct fault *f)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;

	if (sqlite3_prepare_v2(c->db, "VACUUM INTO ?1", -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_DONE)
		rc = copy_fault(c, "backup", f);
	sqlite3_finalize(stmt);
	return rc;
}

/* SQLite does not sync what it vacuums into. */
static enum rc make_durable(const char *path)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	enum rc rc = fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;

	if (fd >= 0)
		close(fd);
	return rc == RC_OK ? file_sync_directory(path) : rc;
}

enum rc sqlite_backup(struct store *base, const char *path, struct fault *f)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	struct connection c;
	enum rc rc;
	int fd;

	/* VACUUM INTO takes an empty file: ours, so that nobody else can read it. */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(f, errno == EEXIST ? RC_CONFLICT : RC_IO, PROBLEM_NONE,
				 "store: backup: %s: %s", path, strerror(errno));
	close(fd);
	rc = connection_open(&c, s->path, CONNECTION_COPY, base->busy_limit_ms);
	if (rc == RC_OK)
		rc = vacuum_into(&c, path, f);
	else
		rc = copy_fault(&c, "backup", f);
	connection_done(&c);
	if (rc == RC_OK) {
		rc = make_durable(path);
		if (rc != RC_OK)
			fault_set(f, rc, PROBLEM_NONE, "store: backup: %s: %s", path,
				  strerror(errno));
	}
	if (rc != RC_OK)
		(void)unlink(path);
	return rc;
}

enum rc sqlite_check(struct store *base, void (*report)(void *arg, const char *line), void *arg)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	struct connection c;
	sqlite3_stmt *stmt = NULL;
	enum rc rc = connection_open(&c, s->path, CONNECTION_COPY, base->busy_limit_ms);
	int step = SQLITE_ERROR;

	if (rc == RC_OK && sqlite3_prepare_v2(c.db, "PRAGMA integrity_check(100)", -1, &stmt,
					      NULL) == SQLITE_OK) {
		while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
			const char *line = (const char *)sqlite3_column_text(stmt, 0);

			if (line && strcmp(line, "ok") == 0)
				continue;
			report(arg, line ? line : "no memory");
			rc = RC_INVALID;
		}
	}
	if (step != SQLITE_DONE) {
		enum rc cause = connection_rc(&c, sqlite3_extended_errcode(c.db));

		report(arg, sqlite3_errmsg(c.db));
		rc = cause == RC_OK ? RC_INTERNAL : cause == RC_IO ? RC_INVALID : cause;
	}
	sqlite3_finalize(stmt);
	connection_done(&c);
	return rc;
}
