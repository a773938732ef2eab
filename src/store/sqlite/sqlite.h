/* sqlite.h - the parts of the SQLite back end. Internal to store/sqlite. */
#ifndef ASSAY_STORE_SQLITE_SQLITE_H
#define ASSAY_STORE_SQLITE_SQLITE_H

#include "store/sqlite/connection.h"
#include "store/store_ops.h"

struct sqlite_store {
	struct store base; /* first */
	char *path;        /* never begins with "file:" */
	int lock_fd;       /* of PATH-lock; -1: not ours yet */
	/* The writer thread's own: */
	struct connection writer;
	sqlite3_stmt *savepoint, *release, *rollback_to, *ping;
	int wal_pages;        /* in the WAL after the last commit */
	int wal_checkpointed; /* wal_pages at the last checkpoint */
};

/* file.c: who may read and write the file. */
enum rc file_prepare(const char *path, bool create, struct fault *f) MUST_USE;
/* Makes what happened to names in the file's directory durable. */
enum rc file_sync_directory(const char *path) MUST_USE;
/* One process writes. Waits at most wait_ms; RC_BUSY. Held until the fd is closed. */
enum rc file_lock_writer(const char *path, int wait_ms, int *out_fd) MUST_USE;

/* read.c */
enum rc sqlite_read_open(struct store *s, struct store_read **out);
void sqlite_read_close(struct store_read *r);
enum rc sqlite_read_begin(struct store_read *r);
void sqlite_read_end(struct store_read *r);
enum rc sqlite_list(struct store_read *r, const struct store_query *q, struct arena *a,
		    void *out_records, size_t *out_count);
enum rc sqlite_get(struct store_read *r, const struct store_table *t, int index, const void *key,
		   struct arena *a, void *out_record);
enum rc sqlite_count(struct store_read *r, const struct store_table *t, int index, const void *key,
		     unsigned key_columns, int64_t *out);

/* write.c */
/* Makes this the process that writes and checkpoints, and what it finds durable; at once when it
 * already is. */
enum rc sqlite_own(struct sqlite_store *s, int wait_ms) MUST_USE;
enum rc sqlite_begin(struct store *s, int wait_ms);
enum rc sqlite_apply(struct store *s, const struct tx *tx, bool undo, bool *out_is_clean);
enum rc sqlite_commit(struct store *s);
void sqlite_rollback(struct store *s);
enum rc sqlite_settle(struct store *s);

/* copy.c */
enum rc sqlite_backup(struct store *s, const char *path, struct fault *f);
enum rc sqlite_check(struct store *s, void (*report)(void *arg, const char *line), void *arg);

#endif
