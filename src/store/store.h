/* store.h - durable records: reads from snapshots, writes in transactions with preconditions.
 *
 * The store knows tables, not orders: a table is described once (struct store_table, records.c) and
 * every back end serves all tables from that description. Back ends: memory (tests), sqlite; the
 * contract suite tests/contract/store.c runs over each. Nothing here speaks SQL.
 *
 * Reading. A struct store_read belongs to one thread at a time. Between store_read_begin() and
 * store_read_end() all reads see one snapshot; outside, each read sees what is committed.
 *
 * Writing. A struct tx collects inserts, updates, deletes and expectations with their preconditions
 * and is handed to the writer as a whole: all of it happens or none. Updates and deletes name the
 * version that was read; when the row has another version or is gone, or an insert meets a row with
 * the same unique key, the whole tx ends in RC_CONFLICT and the caller reads and decides again.
 * The writer groups the transactions that wait into one durable commit; done callbacks run after
 * that commit (fsync), on the writer's thread, in the order of submission. An I/O error of a commit
 * is final: every waiting tx gets RC_IO and the process must stop (never retry an fsync). */
#ifndef ASSAY_STORE_STORE_H
#define ASSAY_STORE_STORE_H

#include "base/arena.h"
#include "base/fault.h"
#include "base/id.h"

/* --- tables --- */

enum store_type {
	STORE_ID,   /* struct id */
	STORE_INT,  /* int64_t */
	STORE_TEXT, /* struct str; absent is NULL */
	STORE_BLOB, /* struct bytes; absent is NULL */
};

struct store_column {
	const char *name;
	enum store_type type;
	size_t offset; /* in the record struct */
};

#define STORE_INDEX_COLUMNS 4

struct store_index {
	const char *name;
	unsigned char columns[STORE_INDEX_COLUMNS]; /* numbers of columns */
	unsigned char count;
	bool unique;  /* rows whose first index column is absent (or 0/zero id) are not in the index */
	bool partial; /* likewise not in the index, without being unique: keeps sweeps small */
};

/* Order: INT by value, ID, TEXT and BLOB by their octets, the shorter of two prefixes first.
 * An index column of type TEXT or BLOB must be present in every row, except the first column of a
 * unique or partial index; column 0 must be present and not zero; TEXT is UTF-8 without NUL
 * (tx_insert() and tx_update() answer RC_INVALID otherwise). So no comparison ever meets an absent
 * value, and every back end orders alike.
 *
 * Column 0 is the primary key (ID, TEXT or BLOB). The column named "version" (INT) is kept by the
 * store: 1 after insert, +1 at each update. Every table has one. */
/* A table whose rows are chained: each has a number, the hash of the row before it and its own, all
 * three given by the writer in the transaction that inserts it. Rows are never changed or removed.
 * At most one table of a store is chained. */
struct store_chain {
	unsigned char number; /* INT; with a unique index of its own */
	unsigned char before; /* BLOB, 32 octets; zeroes in the first row */
	unsigned char hash;   /* BLOB, 32 octets */
	unsigned char index;  /* over number */
};

struct store_table {
	const char *name;
	size_t record_size;
	const struct store_column *columns;
	unsigned column_count; /* at most 32 */
	const struct store_index *indexes;
	unsigned index_count;
	unsigned version_column;
	const struct store_chain *chain; /* NULL: an ordinary table */
};

/* What the hash of a row must be: SHA-256 over the table's name and every column but version and the
 * hash itself, each with type and length. */
void store_chain_hash(const struct store_table *t, const void *record, uint8_t out[32]);

#define STORE_PRIMARY (-1)

/* A set of columns for tx_update(): STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_ERROR). */
static inline uint32_t store_columns(const unsigned char *columns, size_t count)
{
	uint32_t set = 0;

	for (size_t i = 0; i < count; i++)
		set |= UINT32_C(1) << columns[i];
	return set;
}
#define STORE_COLUMNS(...)                                       \
	store_columns((const unsigned char[]){ __VA_ARGS__ },    \
		      sizeof((const unsigned char[]){ __VA_ARGS__ }))

/* --- opening --- */

struct store;
struct store_read;
struct store_migration; /* store/migrations/migrations.h */
struct tx;

struct store_options {
	struct str url; /* "sqlite:/path/file.db", "memory:" */
	const struct store_table *const *tables; /* NULL-terminated; must outlive the store */
	bool create; /* make it when it does not exist (init, dev) */
	/* Tests only; NULL: STORE_MIGRATIONS, which lead to STORE_TABLES. */
	const struct store_migration *const *migrations;
	int busy_limit_ms; /* how long a tx waits for a lock of another process; 0: 5000 */
};

/* Opens, checks (integrity of the header, schema version, journal mode, synchronous) and migrates
 * to the newest schema by numbered migrations; a store of a newer version is refused. Starts the
 * writer thread. */
enum rc store_open(const struct store_options *options, struct store **out, struct fault *f) MUST_USE;
/* Finishes what was submitted, then closes. All readers must be closed before. */
void store_close(struct store *s);
/* Called once, on the writer's thread, after an I/O error; the default logs and aborts. */
void store_on_fatal(struct store *s, void (*fn)(void *arg, const char *what), void *arg);
/* A short description for status pages: "sqlite 3.40.1, wal, synchronous full". */
const char *store_describe(struct store *s);
/* Does one durable empty commit, for /health/ready. Waits; not on an event-loop thread. */
enum rc store_ping(struct store *s) MUST_USE;
/* Writes a consistent copy of the whole store to a new file (mode 0600, durable when RC_OK) while
 * others read and write. An existing file is never overwritten (RC_CONFLICT). RC_INVALID: this back
 * end has no copies. */
enum rc store_backup(struct store *s, const char *path, struct fault *f) MUST_USE;
/* Reads everything and compares it: pages, indexes, types. Minutes for millions of rows. Each line
 * of what is wrong goes to report, then RC_INVALID; RC_OK: nothing is wrong. */
enum rc store_check(struct store *s, void (*report)(void *arg, const char *line), void *arg) MUST_USE;

/* --- reading --- */

enum rc store_read_open(struct store *s, struct store_read **out) MUST_USE;
void store_read_close(struct store_read *r);
/* The snapshot is taken at the first read after it, or before. Keep it short: what is overwritten
 * meanwhile cannot be reused until the end. Does not nest. */
enum rc store_read_begin(struct store_read *r) MUST_USE;
void store_read_end(struct store_read *r);

/* Any of these may answer RC_NOMEM (the arena is full), RC_BUSY, or RC_IO (the file is damaged).
 *
 * key: a record in which the index's columns (or column 0 for STORE_PRIMARY) are filled.
 * out_record is filled on RC_OK, its slices live in the arena. RC_NOTFOUND. For a non-unique index
 * the first row in order. */
enum rc store_get(struct store_read *r, const struct store_table *t, int index, const void *key,
		  struct arena *a, void *out_record) MUST_USE;

struct store_query {
	const struct store_table *table;
	int index;            /* STORE_PRIMARY or a number */
	const void *key;      /* the first key_columns of the index must be equal to these */
	unsigned key_columns; /* 0: whole table in index order */
	const int64_t *upper; /* if set: the next index column (INT) must be <= *upper */
	const int64_t *lower; /* if set: the next index column (INT) must be >= *lower */
	const void *after;    /* if set: a record; only rows behind it in index order, then primary key */
	bool descending;
	size_t limit; /* at most this many, >= 1 */
	/* STORE_COLUMNS() that are wanted, the others come out 0 or absent; 0: all. A query that wants
	 * only columns of its index and the primary key never touches the rows. */
	uint32_t columns;
};
/* out_records: address of a pointer to the record struct; it gets an array of out_count records in
 * the arena (NULL when there are none). RC_OK also when there are none. RC_INVALID: bounds without
 * an INT column behind the key columns.
 *   struct job_record *jobs;
 *   rc = store_list(r, &(struct store_query){ .table = &JOBS, ... }, a, &jobs, &count); */
enum rc store_list(struct store_read *r, const struct store_query *q, struct arena *a,
		   void *out_records, size_t *out_count) MUST_USE;
/* Rows in the table (index STORE_PRIMARY, key_columns 0), or with these index columns. Walks what it
 * counts. */
enum rc store_count(struct store_read *r, const struct store_table *t, int index, const void *key,
		    unsigned key_columns, int64_t *out) MUST_USE;

/* --- writing --- */

/* What one tx may hold; beyond it tx_*() answer RC_LIMIT. */
#define TX_OPS_MAX 10000
#define TX_BYTES_MAX (16 * 1024 * 1024)

/* Copies everything it is given; belongs to the caller until store_submit(). NULL: no memory. */
struct tx *tx_new(void);
void tx_free(struct tx *tx);
/* Forgets all operations: a handler that runs again starts empty. */
void tx_reset(struct tx *tx);
bool tx_is_empty(const struct tx *tx);
/* A chained table's own columns (struct store_chain) need not be filled: the writer does. */
enum rc tx_insert(struct tx *tx, const struct store_table *t, const void *record) MUST_USE;
/* Writes the columns of the set (bit n = column n; never the primary key or version) of the row
 * whose primary key and version are those in record. */
enum rc tx_update(struct tx *tx, const struct store_table *t, const void *record, uint32_t columns) MUST_USE;
/* Row must have record's version; version 0 in record: any. A missing row is RC_CONFLICT unless
 * version is 0. */
enum rc tx_delete(struct tx *tx, const struct store_table *t, const void *record) MUST_USE;
/* The row must still have the version in record. */
enum rc tx_expect(struct tx *tx, const struct store_table *t, const void *record) MUST_USE;

/* Operations are carried out in the order in which they were added; each sees those before it.
 * What may conflict is best added first: then nothing has to be undone.
 * The versions and records that the caller holds are not changed. */
typedef void (*tx_done_fn)(void *arg, enum rc rc);
/* The store owns tx from here on. done runs exactly once: RC_OK (durable), RC_CONFLICT, RC_IO,
 * RC_BUSY (the database is locked by somebody else for more than 5 s, or the disk is full), RC_NOMEM,
 * RC_INTERNAL. An empty tx is done after everything submitted before it is durable. */
void store_submit(struct store *s, struct tx *tx, tx_done_fn done, void *arg);
/* The same and waits. Not on an event-loop thread. */
enum rc store_commit(struct store *s, struct tx *tx) MUST_USE;

#endif
