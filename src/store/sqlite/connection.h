/* connection.h - one SQLite connection with its prepared statements, and the SQL that they come
 * from. A connection belongs to one thread at a time (SQLITE_OPEN_NOMUTEX). Internal to
 * store/sqlite.
 *
 * SQL is put together from the table descriptions only; every value is a bound parameter. A
 * statement is prepared when it is first needed and kept for the life of the connection; which
 * ones there are is bounded by the code (tables x indexes x shapes of query), not by data. */
#ifndef ASSAY_STORE_SQLITE_CONNECTION_H
#define ASSAY_STORE_SQLITE_CONNECTION_H

#include <sqlite3.h>

#include "base/buf.h"
#include "store/migrations/migrations.h"
#include "store/store.h"

/* --- shapes of statements (statement.c) --- */

enum statement_kind {
	STATEMENT_GET = 1, /* columns of the first row: key columns */
	STATEMENT_LIST,    /* columns: key columns, upper, lower, after columns, limit */
	STATEMENT_COUNT,   /* count: key columns */
	STATEMENT_INSERT,  /* all columns in order */
	STATEMENT_UPDATE,  /* columns of the set in order, new version, key, old version */
	STATEMENT_DELETE,  /* key, version */
	STATEMENT_DELETE_ANY, /* key */
	STATEMENT_EXPECT,  /* key, version: one row when it is so */
};

/* Of STATEMENT_LIST. */
enum { LIST_UPPER = 1, LIST_LOWER = 2, LIST_AFTER = 4, LIST_DESCENDING = 8 };

/* Parameters are numbered in the order said above. */
struct statement_shape {
	uint8_t kind;        /* enum statement_kind */
	int8_t index;        /* STORE_PRIMARY or a number */
	uint8_t key_columns; /* of the index, that must be equal */
	uint8_t flags;       /* LIST_* */
	uint32_t columns;    /* STATEMENT_UPDATE; STATEMENT_LIST: 0 is all */
};

void statement_sql(struct buf *sql, const struct store_table *t, struct statement_shape shape);

/* --- schema (schema.c) --- */

#define SCHEMA_APPLICATION_ID 0x41535359 /* "ASSY", in the file's header */
#define SCHEMA_SQL_MAX (16 * 1024)

/* The name of the type in SQL. */
const char *schema_column_type(enum store_type type);
/* "col" <> 0 or alike: the condition under which a row is in a unique or partial index. */
void schema_index_condition(struct buf *sql, const char *column, enum store_type type);
/* Is the file one that the migrations can bring up to date? *out_is_current: nothing is missing. */
enum rc schema_inspect(sqlite3 *db, const struct store_migration *const *migrations, bool create,
		       bool *out_is_current, struct fault *f) MUST_USE;
/* Runs the migrations that are missing, in one transaction. */
enum rc schema_migrate(sqlite3 *db, const struct store_migration *const *migrations,
		       struct fault *f) MUST_USE;
/* Compares the file with the descriptions. */
enum rc schema_verify(sqlite3 *db, const struct store_table *const *tables, struct fault *f) MUST_USE;

/* --- connection (connection.c) --- */

struct prepared {
	const struct store_table *table; /* NULL: free */
	struct statement_shape shape;
	sqlite3_stmt *stmt;
};

struct connection {
	sqlite3 *db;
	sqlite3_stmt *begin, *begin_immediate, *commit, *rollback;
	struct prepared *prepared; /* hash table, open addressing; a power of two */
	size_t prepared_cap, prepared_count;
};

enum connection_role { CONNECTION_READ, CONNECTION_WRITE, CONNECTION_COPY };

/* path as given to sqlite3_open_v2(), which must exist. */
enum rc connection_open(struct connection *c, const char *path, enum connection_role role,
			int busy_ms) MUST_USE;
void connection_done(struct connection *c);
/* The statement, reset, all parameters to be bound. NULL: c->db's error. */
sqlite3_stmt *connection_statement(struct connection *c, const struct store_table *t,
				   struct statement_shape shape) MUST_USE;
/* Runs statements without parameters or rows; SQLite's result code. */
int connection_run(struct connection *c, const char *sql) MUST_USE;
/* Prepares *stmt when it is NULL, runs it to its end, resets it. */
int connection_step(struct connection *c, sqlite3_stmt **stmt, const char *sql);
/* The first column of the first row as an integer; fallback when there is none. */
int64_t connection_pragma(struct connection *c, const char *sql, int64_t fallback) MUST_USE;
/* SQLite's result code in our words. */
enum rc connection_rc(const struct connection *c, int sqlite_rc);

/* --- values (row.c) --- */

/* Binds as parameter n; the octets must live until the statement is reset. */
int row_bind(sqlite3_stmt *stmt, int n, const struct store_table *t, const void *record,
	     unsigned column) MUST_USE;
/* Fills the record from the current row, whose columns are those of the set (0: all) in order. */
enum rc row_read(sqlite3_stmt *stmt, const struct store_table *t, uint32_t columns, struct arena *a,
		 void *out_record) MUST_USE;

#endif
