/* connection.c - opening a connection with its settings, and its prepared statements. */
#include "store/sqlite/connection.h"

#include <errno.h>
#include <stdlib.h>

/* Page caches, in KiB. Readers lean on the page cache of the kernel; together the connections must
 * leave the server under its 40 MiB. No mmap: its pages would count as resident as well. */
#define READ_CACHE "256"
#define WRITE_CACHE "2048"

#define STATEMENT_SQL_MAX (8 * 1024)

static int run_pragmas(struct connection *c, enum connection_role role)
{
	/* secure_delete: Debian's SQLite overwrites by default what is deleted; FAST does so where
	 * it costs no further write. Secrets are not stored in the clear anyhow. */
	static const char common[] =
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA secure_delete = FAST;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA mmap_size = 0;"
		/* Only the writer checkpoints, and when it wants to: see sqlite.c. */
		"PRAGMA wal_autocheckpoint = 0;";
	int rc = connection_run(c, common);

	if (rc != SQLITE_OK)
		return rc;
	switch (role) {
	case CONNECTION_READ:
		return connection_run(c, "PRAGMA query_only = ON;"
					 "PRAGMA cache_size = -" READ_CACHE ";");
	case CONNECTION_WRITE:
		return connection_run(c, "PRAGMA synchronous = FULL;"
					 "PRAGMA cache_size = -" WRITE_CACHE ";");
	case CONNECTION_COPY: /* backup and check: short-lived */
		break;
	}
	return SQLITE_OK;
}

enum rc connection_open(struct connection *c, const char *path, enum connection_role role,
			int busy_ms)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
		    SQLITE_OPEN_PRIVATECACHE;
	int rc;

	*c = (struct connection){ 0 };
	rc = sqlite3_open_v2(path, &c->db, flags, NULL);
	if (!c->db)
		return RC_NOMEM;
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(c->db, busy_ms);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* "name" in double quotes is a name or an error, never a string. */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* see sqlite_own() */
	if (rc == SQLITE_OK)
		rc = run_pragmas(c, role);
	return connection_rc(c, rc); /* the caller reads the message, then connection_done() */
}

void connection_done(struct connection *c)
{
	for (size_t i = 0; i < c->prepared_cap; i++)
		sqlite3_finalize(c->prepared[i].stmt);
	free(c->prepared);
	sqlite3_finalize(c->begin);
	sqlite3_finalize(c->begin_immediate);
	sqlite3_finalize(c->commit);
	sqlite3_finalize(c->rollback);
	sqlite3_close(c->db);
	*c = (struct connection){ 0 };
}

int connection_run(struct connection *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL);
}

int connection_step(struct connection *c, sqlite3_stmt **stmt, const char *sql)
{
	int rc;

	if (!*stmt) {
		rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	do
		rc = sqlite3_step(*stmt);
	while (rc == SQLITE_ROW);
	sqlite3_reset(*stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int64_t connection_pragma(struct connection *c, const char *sql, int64_t fallback)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = fallback;

	if (sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

enum rc connection_rc(const struct connection *c, int sqlite_rc)
{
	switch (sqlite_rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_CONSTRAINT:
		return sqlite_rc == SQLITE_CONSTRAINT_UNIQUE ||
		       sqlite_rc == SQLITE_CONSTRAINT_PRIMARYKEY ? RC_CONFLICT : RC_INTERNAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL: /* what was written so far is rolled back; it may work later */
		return RC_BUSY;
	case SQLITE_NOMEM:
		return RC_NOMEM;
	case SQLITE_IOERR:
		if (sqlite_rc == SQLITE_IOERR_NOMEM)
			return RC_NOMEM;
		/* A quota or a file size limit is a full disk by another name. Writes precede the
		 * sync that makes a commit, so nothing is in doubt. */
		if (sqlite_rc == SQLITE_IOERR_WRITE &&
		    (sqlite3_system_errno(c->db) == EDQUOT || sqlite3_system_errno(c->db) == EFBIG))
			return RC_BUSY;
		return RC_IO;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PROTOCOL:
	case SQLITE_PERM:
	case SQLITE_NOLFS:
		return RC_IO;
	default:
		return RC_INTERNAL;
	}
}

/* --- prepared statements --- */

static uint64_t shape_number(struct statement_shape shape)
{
	uint64_t number;

	_Static_assert(sizeof(shape) == sizeof(number), "a shape has no padding");
	memcpy(&number, &shape, sizeof(number));
	return number;
}

/* The entry of this statement, or the free one where it belongs. The table is never full. */
static struct prepared *find(struct prepared *entries, size_t cap, const struct store_table *t,
			     struct statement_shape shape)
{
	uint64_t number = shape_number(shape);
	uint64_t hash = (number ^ ((uintptr_t)t >> 3)) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(hash >> 32) & (cap - 1);

	while (entries[i].table && (entries[i].table != t || shape_number(entries[i].shape) != number))
		i = (i + 1) & (cap - 1);
	return &entries[i];
}

static bool grow(struct connection *c)
{
	size_t cap = c->prepared_cap ? c->prepared_cap * 2 : 64;
	struct prepared *entries = calloc(cap, sizeof(*entries));

	if (!entries)
		return false;
	for (size_t i = 0; i < c->prepared_cap; i++)
		if (c->prepared[i].table)
			*find(entries, cap, c->prepared[i].table, c->prepared[i].shape) =
				c->prepared[i];
	free(c->prepared);
	c->prepared = entries;
	c->prepared_cap = cap;
	return true;
}

sqlite3_stmt *connection_statement(struct connection *c, const struct store_table *t,
				   struct statement_shape shape)
{
	struct prepared *entry;
	struct buf sql;
	sqlite3_stmt *stmt = NULL;

	if (c->prepared_count * 2 >= c->prepared_cap && !grow(c))
		return NULL;
	entry = find(c->prepared, c->prepared_cap, t, shape);
	if (entry->table)
		return entry->stmt;

	buf_init(&sql, STATEMENT_SQL_MAX);
	statement_sql(&sql, t, shape);
	if (buf_ok(&sql) && sqlite3_prepare_v3(c->db, sql.p, (int)sql.len + 1,
					       SQLITE_PREPARE_PERSISTENT, &stmt, NULL) == SQLITE_OK) {
		*entry = (struct prepared){ t, shape, stmt };
		c->prepared_count++;
	}
	buf_done(&sql);
	return stmt;
}
