/* store.c - the table of back ends and the way into them. */
#include <stdlib.h>

#include "base/log.h"
#include "store/migrations/migrations.h"
#include "store/store_ops.h"
#include "store/table.h"

#define BUSY_LIMIT_MS 5000

static const struct store_ops *const back_ends[] = {
	&SQLITE_STORE,
	&MEMORY_STORE,
};

static void fatal_default(void *arg, const char *what)
{
	(void)arg;
	LOG_ERROR("store_fatal", F_TEXT("what", what));
	abort(); /* no orderly end: nothing may be answered as if it had been stored */
}

enum rc store_open(const struct store_options *options, struct store **out, struct fault *f)
{
	struct store_options o = *options;
	const struct store_ops *ops = NULL;
	struct str scheme, where;
	struct store *s;
	enum rc rc;

	if (str_cut(o.url, ':', &scheme, &where))
		for (size_t i = 0; i < COUNT_OF(back_ends); i++)
			if (str_is(scheme, back_ends[i]->scheme))
				ops = back_ends[i];
	if (!ops)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "store: \"%.*s\" is not a store; write sqlite:/path/file.db",
				 STR_ARG(o.url));
	for (size_t i = 0; o.tables[i]; i++)
		if (!table_is_sound(o.tables[i]))
			return fault_set(f, RC_INTERNAL, PROBLEM_NONE,
					 "store: the description of table %s is wrong",
					 o.tables[i]->name);
	if (!o.migrations)
		o.migrations = STORE_MIGRATIONS;
	if (o.busy_limit_ms <= 0)
		o.busy_limit_ms = BUSY_LIMIT_MS;

	rc = ops->open(&o, where, &s, f);
	if (rc != RC_OK)
		return rc;
	s->ops = ops;
	s->tables = o.tables;
	for (size_t i = 0; o.tables[i]; i++)
		if (o.tables[i]->chain)
			s->chained = o.tables[i];
	s->busy_limit_ms = o.busy_limit_ms;
	s->fatal = fatal_default;
	rc = writer_start(s);
	if (rc != RC_OK) {
		ops->close(s);
		return fault_set(f, rc, PROBLEM_NONE, "store: cannot start the writer thread");
	}
	*out = s;
	return RC_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	writer_stop(s);
	s->ops->close(s);
}

void store_on_fatal(struct store *s, void (*fn)(void *arg, const char *what), void *arg)
{
	s->fatal = fn;
	s->fatal_arg = arg;
}

const char *store_describe(struct store *s)
{
	return s->description;
}

enum rc store_backup(struct store *s, const char *path, struct fault *f)
{
	return s->ops->backup(s, path, f);
}

enum rc store_check(struct store *s, void (*report)(void *arg, const char *line), void *arg)
{
	return s->ops->check(s, report, arg);
}

/* --- reading --- */

enum rc store_read_open(struct store *s, struct store_read **out)
{
	enum rc rc = s->ops->read_open(s, out);

	if (rc == RC_OK)
		(*out)->store = s;
	return rc;
}

void store_read_close(struct store_read *r)
{
	if (r)
		r->store->ops->read_close(r);
}

enum rc store_read_begin(struct store_read *r)
{
	return r->store->ops->read_begin(r);
}

void store_read_end(struct store_read *r)
{
	r->store->ops->read_end(r);
}

enum rc store_get(struct store_read *r, const struct store_table *t, int index, const void *key,
		  struct arena *a, void *out_record)
{
	return r->store->ops->get(r, t, index, key, a, out_record);
}

enum rc store_list(struct store_read *r, const struct store_query *q, struct arena *a,
		   void *out_records, size_t *out_count)
{
	const struct store_index *ix = table_index(q->table, q->index);

	if (q->limit < 1 || q->key_columns > index_column_count(ix))
		return RC_INVALID;
	if (!ix && q->key_columns > 0 && q->after)
		return RC_INVALID; /* nothing is behind the one row of a primary key */
	if (q->upper || q->lower) {
		if (q->key_columns >= index_column_count(ix) ||
		    q->table->columns[index_column(ix, q->key_columns)].type != STORE_INT)
			return RC_INVALID;
	}
	return r->store->ops->list(r, q, a, out_records, out_count);
}

enum rc store_count(struct store_read *r, const struct store_table *t, int index, const void *key,
		    unsigned key_columns, int64_t *out)
{
	if (key_columns > index_column_count(table_index(t, index)))
		return RC_INVALID;
	return r->store->ops->count(r, t, index, key, key_columns, out);
}
