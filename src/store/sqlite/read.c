/* read.c - reading: each struct store_read is a connection of its own, so that readers neither wait
 * for each other nor for the writer (WAL). Outside begin and end each statement is a snapshot of its
 * own. */
#include <stdlib.h>

#include "base/log.h"
#include "store/sqlite/sqlite.h"
#include "store/table.h"

struct sqlite_read {
	struct store_read base; /* first */
	struct connection c;
};

static enum rc read_failed(struct sqlite_read *r, int sqlite_rc)
{
	enum rc rc = connection_rc(&r->c, sqlite_rc);

	if (rc == RC_OK) /* sqlite_rc was of no use: a statement could not be prepared */
		rc = connection_rc(&r->c, sqlite3_extended_errcode(r->c.db));
	if (rc == RC_OK)
		rc = RC_NOMEM;
	if (rc != RC_BUSY && rc != RC_NOMEM)
		LOG_ERROR("store_read_failed", F_TEXT("cause", sqlite3_errmsg(r->c.db)),
			  F_INT("code", sqlite3_extended_errcode(r->c.db)));
	return rc == RC_CONFLICT ? RC_INTERNAL : rc;
}

enum rc sqlite_read_open(struct store *s, struct store_read **out)
{
	struct sqlite_store *store = (struct sqlite_store *)s;
	struct sqlite_read *r = calloc(1, sizeof(*r));
	enum rc rc;

	if (!r)
		return RC_NOMEM;
	rc = connection_open(&r->c, store->path, CONNECTION_READ, s->busy_limit_ms);
	if (rc != RC_OK) {
		connection_done(&r->c);
		free(r);
		return rc;
	}
	*out = &r->base;
	return RC_OK;
}

void sqlite_read_close(struct store_read *base)
{
	struct sqlite_read *r = (struct sqlite_read *)base;

	connection_done(&r->c);
	free(r);
}

enum rc sqlite_read_begin(struct store_read *base)
{
	struct sqlite_read *r = (struct sqlite_read *)base;
	int rc = connection_step(&r->c, &r->c.begin, "BEGIN");

	return rc == SQLITE_OK ? RC_OK : read_failed(r, rc);
}

void sqlite_read_end(struct store_read *base)
{
	struct sqlite_read *r = (struct sqlite_read *)base;

	/* A failed read may have ended it already. */
	if (!sqlite3_get_autocommit(r->c.db))
		connection_step(&r->c, &r->c.commit, "COMMIT");
}

/* A row without the first column of a unique or partial index is not in it, so nothing is found. */
static bool key_finds_nothing(const struct store_table *t, const struct store_index *ix,
			      const void *key, unsigned key_columns)
{
	return key_columns > 0 && !index_holds(t, ix, key);
}

/* Binds the key's columns as parameters 1 to key_columns. */
static int bind_key(sqlite3_stmt *stmt, const struct store_table *t, const struct store_index *ix,
		    const void *key, unsigned key_columns)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; rc == SQLITE_OK && i < key_columns; i++)
		rc = row_bind(stmt, (int)i + 1, t, key, index_column(ix, i));
	return rc;
}

/* The first row in order: a list of one, unless the key can match one row only. */
static enum rc get_first(struct store_read *base, const struct store_table *t, int index,
			 const void *key, struct arena *a, void *out_record)
{
	struct store_query q = {
		.table = t, .index = index, .key = key, .limit = 1,
		.key_columns = table_index(t, index)->count,
	};
	size_t count;
	void *found;
	enum rc rc = sqlite_list(base, &q, a, &found, &count);

	if (rc == RC_OK && count == 0)
		rc = RC_NOTFOUND;
	if (rc == RC_OK)
		memcpy(out_record, found, t->record_size);
	return rc;
}

enum rc sqlite_get(struct store_read *base, const struct store_table *t, int index, const void *key,
		   struct arena *a, void *out_record)
{
	struct sqlite_read *r = (struct sqlite_read *)base;
	const struct store_index *ix = table_index(t, index);
	unsigned columns = index_column_count(ix);
	sqlite3_stmt *stmt;
	enum rc rc;
	int step;

	if (ix && !ix->unique)
		return get_first(base, t, index, key, a, out_record);
	if (key_finds_nothing(t, ix, key, columns))
		return RC_NOTFOUND;
	stmt = connection_statement(&r->c, t, (struct statement_shape){
		.kind = STATEMENT_GET, .index = (int8_t)index, .key_columns = (uint8_t)columns });
	if (!stmt)
		return read_failed(r, SQLITE_OK);
	step = bind_key(stmt, t, ix, key, columns);
	if (step == SQLITE_OK)
		step = sqlite3_step(stmt);
	if (step == SQLITE_ROW)
		rc = row_read(stmt, t, 0, a, out_record);
	else if (step == SQLITE_DONE)
		rc = RC_NOTFOUND;
	else
		rc = read_failed(r, step);
	sqlite3_reset(stmt);
	return rc;
}

/* --- lists --- */

/* What is left of a query when bounds that say the same are merged: "after" is itself a bound at the
 * end where the walk starts. Two bounds at one end would make SQLite start at one and filter by the
 * other, row by row. */
struct list_plan {
	const int64_t *upper, *lower;
	const void *after;
	uint8_t flags;
	bool is_empty; /* everything with these key columns comes before "after" */
};

static struct list_plan list_plan(const struct store_query *q, const struct store_index *ix)
{
	struct list_plan plan = { q->upper, q->lower, q->after, q->descending ? LIST_DESCENDING : 0 };
	const int64_t **start = q->descending ? &plan.upper : &plan.lower;
	int order = 0; /* of the rows of the list, compared with "after" by their key columns */

	if (plan.after)
		order = index_compare(q->table, ix, q->key_columns, q->key, q->after);
	plan.is_empty = q->descending ? order > 0 : order < 0;
	if (order)
		plan.after = NULL;
	if (plan.after && *start) {
		int64_t at = table_value(q->table, q->after, index_column(ix, q->key_columns)).i;
		bool is_inside = q->descending ? at <= **start : at >= **start;

		if (is_inside)
			*start = NULL;
		else
			plan.after = NULL; /* everything inside the bound is behind it */
	}
	plan.flags |= (plan.upper ? LIST_UPPER : 0) | (plan.lower ? LIST_LOWER : 0) |
		      (plan.after ? LIST_AFTER : 0);
	return plan;
}

static int bind_list(sqlite3_stmt *stmt, const struct store_query *q, const struct list_plan *plan,
		     const struct store_index *ix)
{
	unsigned end = ix ? ix->count + 1u : 1; /* the index's columns, then the primary key */
	int n = (int)q->key_columns + 1;
	int rc = bind_key(stmt, q->table, ix, q->key, q->key_columns);

	if (rc == SQLITE_OK && plan->upper)
		rc = sqlite3_bind_int64(stmt, n++, *plan->upper);
	if (rc == SQLITE_OK && plan->lower)
		rc = sqlite3_bind_int64(stmt, n++, *plan->lower);
	for (unsigned i = q->key_columns; plan->after && rc == SQLITE_OK && i < end; i++)
		rc = row_bind(stmt, n++, q->table, plan->after,
			      i < index_column_count(ix) ? index_column(ix, i) : 0);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, n, q->limit > INT64_MAX ? INT64_MAX
								     : (int64_t)q->limit);
	return rc;
}

/* An array of records in an arena that grows by doubling. */
struct records {
	uint8_t *p;
	size_t count, cap;
};

static void *records_add(struct records *records, const struct store_query *q, struct arena *a)
{
	size_t size = q->table->record_size;

	if (records->count == records->cap) {
		size_t cap = records->cap ? records->cap * 2 : q->limit < 16 ? q->limit : 16;
		uint8_t *p = arena_array(a, cap, size);

		if (!p)
			return NULL;
		if (records->count)
			memcpy(p, records->p, records->count * size);
		records->p = p;
		records->cap = cap;
	}
	return records->p + records->count++ * size;
}

enum rc sqlite_list(struct store_read *base, const struct store_query *q, struct arena *a,
		    void *out_records, size_t *out_count)
{
	struct sqlite_read *r = (struct sqlite_read *)base;
	const struct store_index *ix = table_index(q->table, q->index);
	const struct list_plan plan = list_plan(q, ix);
	struct records records = { 0 };
	enum rc rc = RC_OK;
	sqlite3_stmt *stmt;
	int step = SQLITE_DONE;

	if (!plan.is_empty && !key_finds_nothing(q->table, ix, q->key, q->key_columns)) {
		stmt = connection_statement(&r->c, q->table, (struct statement_shape){
			.kind = STATEMENT_LIST, .index = (int8_t)q->index,
			.key_columns = (uint8_t)q->key_columns, .flags = plan.flags,
			.columns = q->columns });
		if (!stmt)
			return read_failed(r, SQLITE_OK);
		step = bind_list(stmt, q, &plan, ix);
		while (step == SQLITE_OK || step == SQLITE_ROW) {
			void *record;

			step = sqlite3_step(stmt);
			if (step != SQLITE_ROW)
				break;
			record = records_add(&records, q, a);
			rc = record ? row_read(stmt, q->table, q->columns, a, record) : RC_NOMEM;
			if (rc != RC_OK)
				break;
		}
		if (step != SQLITE_ROW && step != SQLITE_DONE)
			rc = read_failed(r, step);
		sqlite3_reset(stmt);
	}
	if (rc == RC_OK) {
		memcpy(out_records, &records.p, sizeof(records.p)); /* void ** of any type */
		*out_count = records.count;
	}
	return rc;
}

enum rc sqlite_count(struct store_read *base, const struct store_table *t, int index,
		     const void *key, unsigned key_columns, int64_t *out)
{
	struct sqlite_read *r = (struct sqlite_read *)base;
	const struct store_index *ix = table_index(t, index);
	enum rc rc = RC_OK;
	sqlite3_stmt *stmt;
	int step;

	if (key_finds_nothing(t, ix, key, key_columns)) {
		*out = 0;
		return RC_OK;
	}
	stmt = connection_statement(&r->c, t, (struct statement_shape){
		.kind = STATEMENT_COUNT, .index = (int8_t)index,
		.key_columns = (uint8_t)key_columns });
	if (!stmt)
		return read_failed(r, SQLITE_OK);
	step = bind_key(stmt, t, ix, key, key_columns);
	if (step == SQLITE_OK)
		step = sqlite3_step(stmt);
	if (step == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	else
		rc = read_failed(r, step);
	sqlite3_reset(stmt);
	return rc;
}
