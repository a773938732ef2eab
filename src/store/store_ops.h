/* store_ops.h - what a back end provides, and what store.c, tx.c and writer.c share. Internal to
 * store/: users include store/store.h. A back end is one row in the table of store.c. */
#ifndef ASSAY_STORE_STORE_OPS_H
#define ASSAY_STORE_STORE_OPS_H

#include "base/thread.h"
#include "store/store.h"

/* --- a recorded transaction (tx.c) --- */

enum tx_kind { TX_INSERT, TX_UPDATE, TX_DELETE, TX_EXPECT };

struct tx_op {
	struct tx_op *next;
	enum tx_kind kind;
	uint32_t columns; /* TX_UPDATE: to be written */
	const struct store_table *table;
	int64_t version; /* that the row must have; TX_DELETE: 0 is any */
	/* A copy by table_copy(): all columns for TX_INSERT (version 1), the key and what is to be
	 * written otherwise. */
	_Alignas(16) uint8_t record[];
};

struct tx {
	struct queue_item item; /* first: the writer's queue owns it from store_submit() on */
	struct tx_op *first, **tail;
	size_t op_count, bytes;
	bool ping; /* write something, so that the commit is a real one */
	int64_t submitted_at_ms; /* clock_mono_ms() */
	tx_done_fn done;
	void *done_arg;
	enum rc rc; /* the result, while its group is written */
};

/* --- back ends --- */

/* Writing happens on the writer thread only, reading on any. */
struct store_ops {
	const char *scheme; /* of the URL */

	/* where: the URL behind the scheme. base is filled by store.c afterwards. */
	enum rc (*open)(const struct store_options *options, struct str where, struct store **out,
			struct fault *f);
	void (*close)(struct store *s);
	enum rc (*backup)(struct store *s, const char *path, struct fault *f);
	enum rc (*check)(struct store *s, void (*report)(void *arg, const char *line), void *arg);

	enum rc (*read_open)(struct store *s, struct store_read **out);
	void (*read_close)(struct store_read *r);
	enum rc (*read_begin)(struct store_read *r);
	void (*read_end)(struct store_read *r);
	enum rc (*list)(struct store_read *r, const struct store_query *q, struct arena *a,
			void *out_records, size_t *out_count);
	enum rc (*get)(struct store_read *r, const struct store_table *t, int index,
		       const void *key, struct arena *a, void *out_record);
	enum rc (*count)(struct store_read *r, const struct store_table *t, int index,
			 const void *key, unsigned key_columns, int64_t *out);

	/* A group of transactions: begin, apply each, commit (durable) or rollback. RC_IO anywhere is
	 * final: s->error says what happened.
	 * begin waits at most wait_ms for the lock of another process, then RC_BUSY.
	 * apply: RC_CONFLICT and RC_INTERNAL concern this tx alone. *out_is_clean then says whether
	 * nothing of it is left; with undo that is so always. If it is not, or after any other
	 * failure, the caller rolls the group back. */
	enum rc (*begin)(struct store *s, int wait_ms);
	enum rc (*apply)(struct store *s, const struct tx *tx, bool undo, bool *out_is_clean);
	enum rc (*commit)(struct store *s);
	void (*rollback)(struct store *s);
	/* After every group, when its callbacks have run: checkpoints and the like. */
	enum rc (*settle)(struct store *s);
};

/* The end of the chain as the writer has it. */
struct chain_head {
	bool known;
	int64_t number;
	uint8_t hash[32];
};

struct store {
	const struct store_ops *ops;
	const struct store_table *const *tables;
	int busy_limit_ms;
	const struct store_table *chained; /* the chained table, if there is one */
	char description[96];
	struct queue queue; /* of struct tx */
	struct thread writer;
	/* The writer thread's own: */
	struct chain_head head;
	bool failed; /* an I/O error happened: nothing is written any more */
	char error[256];
	/* Set before the first submit: */
	void (*fatal)(void *arg, const char *what);
	void *fatal_arg;
};

struct store_read {
	struct store *store;
};

extern const struct store_ops SQLITE_STORE;
extern const struct store_ops MEMORY_STORE;

/* --- chained tables (chain.c), on the writer's thread --- */

/* Reads the end of the chain, once; after begin(), when nobody else can write. */
enum rc chain_load(struct store *s) MUST_USE;
/* Gives the transaction's rows of the chained table their place behind the head, and moves it. */
void chain_link(struct store *s, const struct tx *tx);

/* --- the writer thread (writer.c) --- */

enum rc writer_start(struct store *s) MUST_USE;
/* Finishes what was submitted. */
void writer_stop(struct store *s);

#endif
