/* memory.c - the back end that forgets: for tests, with the semantics of the durable ones.
 *
 * Rows are never changed. An update makes a new version and ends the life of the old one; each has
 * the number of the commit that it was born in and of the one that it died in. A reader sees the
 * versions that live at its snapshot, which is the number of a commit, so it neither waits for the
 * writer nor keeps it waiting. Dead versions are freed when no snapshot is left that could see them.
 * Each index is an array of versions in order: keys that grow with time append.
 *
 * The writer's group has the number after the last commit; committing is making that number the
 * last. What the group did is in a log, so that a tx or all of it can be undone. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_ops.h"
#include "store/table.h"

#define ALIVE INT64_MAX

struct row {
	int64_t born, died; /* numbers of commits */
	struct row *next_dead;
	const struct store_table *table;
	_Alignas(16) uint8_t record[]; /* by table_copy() */
};

struct order {
	struct row **rows; /* by index columns, then primary key, then birth */
	size_t count, cap;
};

struct memory_table {
	const struct store_table *t;
	struct order *orders; /* [0]: primary key; [1 + n]: index n */
};

struct change {
	struct row *row;
	bool is_birth; /* else a death */
};

struct memory_read {
	struct store_read base; /* first */
	int64_t snapshot;       /* -1: none */
	struct memory_read *next;
};

struct memory_store {
	struct store base;    /* first */
	pthread_mutex_t lock; /* guards all below; a leaf lock, held for single operations */
	struct memory_table *tables;
	size_t table_count;
	int64_t committed; /* number of the last commit */
	struct memory_read *readers;
	struct row *dead, **dead_tail; /* by time of death */
	struct change *log;            /* of the group */
	size_t log_count, log_cap;
};

static struct memory_store *self(struct store *s)
{
	return (struct memory_store *)s;
}

static struct memory_table *find_table(struct memory_store *s, const struct store_table *t)
{
	for (size_t i = 0; i < s->table_count; i++)
		if (s->tables[i].t == t)
			return &s->tables[i];
	return NULL;
}

/* --- ordered arrays --- */

static int compare_rows(const struct store_table *t, int index, const void *a, const void *b)
{
	const struct store_index *ix = table_index(t, index);
	int order = index_compare(t, ix, index_column_count(ix), a, b);

	return order || !ix ? order : index_compare(t, NULL, 1, a, b);
}

/* The first position whose row is not before (or, with behind, is behind) the record. */
static size_t bound(const struct order *o, const struct store_table *t, int index,
		    const void *record, bool behind)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_rows(t, index, o->rows[middle]->record, record);

		if (order < 0 || (behind && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool order_reserve(struct order *o)
{
	size_t cap = o->cap ? o->cap * 2 : 16;
	struct row **rows;

	if (o->count < o->cap)
		return true;
	rows = realloc(o->rows, cap * sizeof(*rows));
	if (!rows)
		return false;
	o->rows = rows;
	o->cap = cap;
	return true;
}

static void order_insert(struct order *o, const struct store_table *t, int index, struct row *row)
{
	size_t at = bound(o, t, index, row->record, true);

	memmove(o->rows + at + 1, o->rows + at, (o->count - at) * sizeof(*o->rows));
	o->rows[at] = row;
	o->count++;
}

static void order_remove(struct order *o, const struct store_table *t, int index,
			 const struct row *row)
{
	size_t at = bound(o, t, index, row->record, false);

	while (o->rows[at] != row)
		at++;
	o->count--;
	memmove(o->rows + at, o->rows + at + 1, (o->count - at) * sizeof(*o->rows));
}

/* --- versions of rows --- */

static void row_unlink(struct memory_store *s, struct row *row)
{
	struct memory_table *table = find_table(s, row->table);

	for (int i = STORE_PRIMARY; i < (int)row->table->index_count; i++)
		if (index_holds(row->table, table_index(row->table, i), row->record))
			order_remove(&table->orders[i + 1], row->table, i, row);
	free(row);
}

static bool row_link(struct memory_store *s, struct row *row)
{
	struct memory_table *table = find_table(s, row->table);

	for (int i = STORE_PRIMARY; i < (int)row->table->index_count; i++)
		if (!order_reserve(&table->orders[i + 1]))
			return false;
	for (int i = STORE_PRIMARY; i < (int)row->table->index_count; i++)
		if (index_holds(row->table, table_index(row->table, i), row->record))
			order_insert(&table->orders[i + 1], row->table, i, row);
	return true;
}

static struct row *row_new(const struct store_table *t, const void *record)
{
	uint32_t columns = table_all_columns(t);
	size_t size = sizeof(struct row) + table_copy_size(t, record, columns);
	struct row *row = aligned_alloc(_Alignof(struct row), (size + 15) & ~(size_t)15);

	if (!row)
		return NULL;
	*row = (struct row){ .died = ALIVE, .table = t };
	table_copy(t, record, columns, row->record);
	return row;
}

/* The version that the writer sees: alive, and the same by all columns of the index. */
static struct row *find_alive(struct memory_store *s, const struct store_table *t, int index,
			      const void *record)
{
	const struct store_index *ix = table_index(t, index);
	const struct order *o = &find_table(s, t)->orders[index + 1];
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index_compare(t, ix, index_column_count(ix), o->rows[middle]->record, record) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < o->count; low++) {
		if (index_compare(t, ix, index_column_count(ix), o->rows[low]->record, record) != 0)
			return NULL;
		if (o->rows[low]->died == ALIVE)
			return o->rows[low];
	}
	return NULL;
}

/* --- the group and its log --- */

static bool log_reserve(struct memory_store *s)
{
	size_t cap = s->log_cap ? s->log_cap * 2 : 64;
	struct change *log;

	if (s->log_count + 2 <= s->log_cap) /* an update is a death and a birth */
		return true;
	log = realloc(s->log, cap * sizeof(*log));
	if (!log)
		return false;
	s->log = log;
	s->log_cap = cap;
	return true;
}

static void kill_row(struct memory_store *s, struct row *row)
{
	row->died = s->committed + 1;
	s->log[s->log_count++] = (struct change){ row, false };
}

static enum rc give_birth(struct memory_store *s, const struct store_table *t, const void *record)
{
	struct row *row;

	for (unsigned i = 0; i < t->index_count; i++)
		if (t->indexes[i].unique && index_holds(t, &t->indexes[i], record) &&
		    find_alive(s, t, (int)i, record))
			return RC_CONFLICT;
	row = row_new(t, record);
	if (!row)
		return RC_NOMEM;
	row->born = s->committed + 1;
	if (!row_link(s, row)) {
		free(row);
		return RC_NOMEM;
	}
	s->log[s->log_count++] = (struct change){ row, true };
	return RC_OK;
}

static void undo_to(struct memory_store *s, size_t mark)
{
	while (s->log_count > mark) {
		struct change *change = &s->log[--s->log_count];

		if (change->is_birth)
			row_unlink(s, change->row);
		else
			change->row->died = ALIVE;
	}
}

/* Frees the dead that nobody can see any more. */
static void bury(struct memory_store *s)
{
	int64_t oldest = s->committed;

	for (const struct memory_read *r = s->readers; r; r = r->next)
		if (r->snapshot >= 0 && r->snapshot < oldest)
			oldest = r->snapshot;
	while (s->dead && s->dead->died <= oldest) {
		struct row *row = s->dead;

		s->dead = row->next_dead;
		if (!s->dead)
			s->dead_tail = &s->dead;
		row_unlink(s, row);
	}
}

static enum rc update(struct memory_store *s, const struct tx_op *op, struct row *old)
{
	const struct store_table *t = op->table;
	uint8_t *record;
	enum rc rc;

	record = malloc(t->record_size);
	if (!record)
		return RC_NOMEM;
	memcpy(record, old->record, t->record_size);
	for (unsigned i = 0; i < t->column_count; i++)
		if (op->columns >> i & 1)
			table_set(t, record, i, table_value(t, op->record, i));
	table_set(t, record, t->version_column,
		  (struct store_value){ STORE_INT, .i = op->version + 1 });
	kill_row(s, old);
	rc = give_birth(s, t, record);
	free(record);
	return rc;
}

static enum rc apply_op(struct memory_store *s, const struct tx_op *op)
{
	const struct store_table *t = op->table;
	struct row *row = find_alive(s, t, STORE_PRIMARY, op->record);
	bool is_expected = row && table_value(t, row->record, t->version_column).i == op->version;

	if (!log_reserve(s))
		return RC_NOMEM;
	switch (op->kind) {
	case TX_INSERT:
		return row ? RC_CONFLICT : give_birth(s, t, op->record);
	case TX_UPDATE:
		return is_expected ? update(s, op, row) : RC_CONFLICT;
	case TX_DELETE:
		if (op->version != 0 && !is_expected)
			return RC_CONFLICT;
		if (row)
			kill_row(s, row);
		return RC_OK;
	case TX_EXPECT:
		return is_expected ? RC_OK : RC_CONFLICT;
	}
	return RC_INTERNAL;
}

static enum rc memory_begin(struct store *base, int wait_ms)
{
	(void)wait_ms;
	self(base)->log_count = 0;
	return RC_OK;
}

static enum rc memory_apply(struct store *base, const struct tx *tx, bool undo, bool *out_is_clean)
{
	struct memory_store *s = self(base);
	enum rc rc = RC_OK;
	size_t mark;

	(void)undo; /* undoing costs nothing here */
	pthread_mutex_lock(&s->lock);
	mark = s->log_count;
	for (const struct tx_op *op = tx->first; op && rc == RC_OK; op = op->next)
		rc = apply_op(s, op);
	if (rc != RC_OK)
		undo_to(s, mark);
	pthread_mutex_unlock(&s->lock);
	*out_is_clean = true;
	return rc;
}

static enum rc memory_commit(struct store *base)
{
	struct memory_store *s = self(base);

	pthread_mutex_lock(&s->lock);
	s->committed++;
	for (size_t i = 0; i < s->log_count; i++) {
		if (s->log[i].is_birth)
			continue;
		*s->dead_tail = s->log[i].row;
		s->dead_tail = &s->log[i].row->next_dead;
	}
	s->log_count = 0;
	bury(s);
	pthread_mutex_unlock(&s->lock);
	return RC_OK;
}

static void memory_rollback(struct store *base)
{
	struct memory_store *s = self(base);

	pthread_mutex_lock(&s->lock);
	undo_to(s, 0);
	pthread_mutex_unlock(&s->lock);
}

static enum rc memory_settle(struct store *base)
{
	(void)base;
	return RC_OK;
}

/* --- reading --- */

static enum rc memory_read_open(struct store *base, struct store_read **out)
{
	struct memory_store *s = self(base);
	struct memory_read *r = calloc(1, sizeof(*r));

	if (!r)
		return RC_NOMEM;
	r->snapshot = -1;
	pthread_mutex_lock(&s->lock);
	r->next = s->readers;
	s->readers = r;
	pthread_mutex_unlock(&s->lock);
	*out = &r->base;
	return RC_OK;
}

static void memory_read_close(struct store_read *base)
{
	struct memory_store *s = self(base->store);
	struct memory_read *r = (struct memory_read *)base, **at;

	pthread_mutex_lock(&s->lock);
	for (at = &s->readers; *at != r; at = &(*at)->next)
		;
	*at = r->next;
	pthread_mutex_unlock(&s->lock);
	free(r);
}

static enum rc memory_read_begin(struct store_read *base)
{
	struct memory_store *s = self(base->store);
	struct memory_read *r = (struct memory_read *)base;

	pthread_mutex_lock(&s->lock);
	r->snapshot = s->committed;
	pthread_mutex_unlock(&s->lock);
	return RC_OK;
}

static void memory_read_end(struct store_read *base)
{
	struct memory_store *s = self(base->store);
	struct memory_read *r = (struct memory_read *)base;

	pthread_mutex_lock(&s->lock);
	r->snapshot = -1;
	bury(s);
	pthread_mutex_unlock(&s->lock);
}

/* Where the row is in index order: before the range of the query (< 0), in it, or behind it. */
static int place(const struct store_query *q, const void *record)
{
	const struct store_index *ix = table_index(q->table, q->index);
	int order = index_compare(q->table, ix, q->key_columns, record, q->key);
	int64_t at = 0;

	if (order)
		return order;
	if (q->lower || q->upper)
		at = table_value(q->table, record, index_column(ix, q->key_columns)).i;
	if (q->lower && at < *q->lower)
		return -1;
	if (q->upper && at > *q->upper)
		return 1;
	if (q->after) {
		order = compare_rows(q->table, q->index, record, q->after);
		if (!q->descending && order <= 0)
			return -1;
		if (q->descending && order >= 0)
			return 1;
	}
	return 0;
}

/* The first position with place() >= least. */
static size_t place_bound(const struct order *o, const struct store_query *q, int least)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int at = place(q, o->rows[middle]->record);

		if (at < 0 || (least > 0 && at == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Versions that live at the snapshot, in the order of the query, at most q->limit; copied to out[]
 * when it is not NULL. */
static enum rc collect(struct memory_read *r, const struct store_query *q, struct arena *a,
		       uint8_t *out, size_t *out_count)
{
	struct memory_store *s = self(r->base.store);
	const struct memory_table *table = find_table(s, q->table);
	const struct order *o = &table->orders[q->index + 1];
	int64_t at = r->snapshot >= 0 ? r->snapshot : s->committed;
	size_t low = place_bound(o, q, 0), high = place_bound(o, q, 1), count = 0;

	for (size_t i = low; i < high && count < q->limit; i++) {
		const struct row *row = o->rows[q->descending ? high - 1 - (i - low) : i];
		size_t size;
		void *copy;

		if (row->born > at || row->died <= at)
			continue;
		if (out) {
			uint32_t columns = q->columns ? q->columns : table_all_columns(q->table);

			size = table_copy_size(q->table, row->record, columns);
			copy = arena_alloc(a, size);
			if (!copy)
				return RC_NOMEM;
			table_copy(q->table, row->record, columns, copy);
			memcpy(out + count * q->table->record_size, copy, q->table->record_size);
		}
		count++;
	}
	*out_count = count;
	return RC_OK;
}

static enum rc memory_list(struct store_read *base, const struct store_query *q, struct arena *a,
			   void *out_records, size_t *out_count)
{
	struct memory_read *r = (struct memory_read *)base;
	struct memory_store *s = self(base->store);
	uint8_t *records = NULL;
	size_t count = 0;
	enum rc rc;

	pthread_mutex_lock(&s->lock);
	rc = collect(r, q, a, NULL, &count);
	if (rc == RC_OK && count > 0) {
		records = arena_array(a, count, q->table->record_size);
		rc = records ? collect(r, q, a, records, &count) : RC_NOMEM;
	}
	pthread_mutex_unlock(&s->lock);
	if (rc == RC_OK) {
		memcpy(out_records, &records, sizeof(records)); /* a pointer to any record */
		*out_count = count;
	}
	return rc;
}

static enum rc memory_get(struct store_read *base, const struct store_table *t, int index,
			  const void *key, struct arena *a, void *out_record)
{
	struct store_query q = {
		.table = t, .index = index, .key = key, .limit = 1,
		.key_columns = index_column_count(table_index(t, index)),
	};
	size_t count = 0;
	void *found;
	enum rc rc = memory_list(base, &q, a, &found, &count);

	if (rc == RC_OK && count == 0)
		rc = RC_NOTFOUND;
	if (rc == RC_OK)
		memcpy(out_record, found, t->record_size);
	return rc;
}

static enum rc memory_count(struct store_read *base, const struct store_table *t, int index,
			    const void *key, unsigned key_columns, int64_t *out)
{
	struct store_query q = {
		.table = t, .index = index, .key = key, .key_columns = key_columns,
		.limit = SIZE_MAX,
	};
	struct memory_store *s = self(base->store);
	size_t count = 0;
	enum rc rc;

	pthread_mutex_lock(&s->lock);
	rc = collect((struct memory_read *)base, &q, NULL, NULL, &count);
	pthread_mutex_unlock(&s->lock);
	if (rc == RC_OK)
		*out = (int64_t)count;
	return rc;
}

/* --- the store --- */

static void memory_close(struct store *base)
{
	struct memory_store *s = self(base);

	for (size_t i = 0; i < s->table_count; i++) {
		struct memory_table *table = &s->tables[i];

		for (size_t n = 0; table->orders && n < table->orders[0].count; n++)
			free(table->orders[0].rows[n]); /* every version is in the first order */
		for (size_t n = 0; table->orders && n <= table->t->index_count; n++)
			free(table->orders[n].rows);
		free(table->orders);
	}
	free(s->tables);
	free(s->log);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static enum rc memory_open(const struct store_options *options, struct str where,
			   struct store **out, struct fault *f)
{
	struct memory_store *s;
	size_t count = 0;

	if (where.len > 0)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "store: write just \"memory:\"");
	while (options->tables[count])
		count++;
	s = calloc(1, sizeof(*s));
	if (!s)
		return RC_NOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->dead_tail = &s->dead;
	s->tables = calloc(count + 1, sizeof(*s->tables));
	s->table_count = s->tables ? count : 0;
	for (size_t i = 0; i < s->table_count; i++) {
		s->tables[i].t = options->tables[i];
		s->tables[i].orders = calloc(options->tables[i]->index_count + 1,
					     sizeof(*s->tables[i].orders));
		if (!s->tables[i].orders)
			s->table_count = i;
	}
	if (!s->tables || s->table_count < count) {
		memory_close(&s->base);
		return RC_NOMEM;
	}
	snprintf(s->base.description, sizeof(s->base.description), "memory, lost at exit");
	*out = &s->base;
	return RC_OK;
}

static enum rc memory_backup(struct store *base, const char *path, struct fault *f)
{
	(void)base;
	(void)path;
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "store: a store in memory has no backups");
}

/* Every index holds exactly its rows, in order. */
static enum rc memory_check(struct store *base, void (*report)(void *arg, const char *line),
			    void *arg)
{
	struct memory_store *s = self(base);
	enum rc rc = RC_OK;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->table_count; i++) {
		const struct store_table *t = s->tables[i].t;

		for (int n = STORE_PRIMARY; n < (int)t->index_count; n++) {
			const struct order *o = &s->tables[i].orders[n + 1];

			for (size_t k = 1; k < o->count; k++)
				if (compare_rows(t, n, o->rows[k - 1]->record,
						 o->rows[k]->record) > 0)
					rc = RC_INVALID;
		}
		if (rc != RC_OK)
			report(arg, t->name);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

const struct store_ops MEMORY_STORE = {
	.scheme = "memory",
	.open = memory_open,
	.close = memory_close,
	.backup = memory_backup,
	.check = memory_check,
	.read_open = memory_read_open,
	.read_close = memory_read_close,
	.read_begin = memory_read_begin,
	.read_end = memory_read_end,
	.list = memory_list,
	.get = memory_get,
	.count = memory_count,
	.begin = memory_begin,
	.apply = memory_apply,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.settle = memory_settle,
};
