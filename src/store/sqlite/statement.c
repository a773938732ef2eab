/* statement.c - the SQL of every statement, put together from table descriptions.
 *
 * INDEXED BY makes a query that its index cannot answer an error when it is prepared, never a slow
 * scan. tests/unit/store checks the query plans: nothing is sorted and nothing is scanned but the
 * index in its order. */
#include "store/sqlite/connection.h"
#include "store/table.h"

static void add_name(struct buf *sql, const char *name)
{
	buf_addf(sql, "\"%s\"", name);
}

/* Those of the set, 0: all. */
static void add_columns(struct buf *sql, const struct store_table *t, uint32_t columns)
{
	bool first = true;

	for (unsigned i = 0; i < t->column_count; i++) {
		if (columns && !(columns >> i & 1))
			continue;
		buf_add_text(sql, first ? "" : ", ");
		add_name(sql, t->columns[i].name);
		first = false;
	}
}

static const char *column_name(const struct store_table *t, const struct store_index *ix, unsigned i)
{
	return t->columns[i < index_column_count(ix) ? index_column(ix, i) : 0].name;
}

/* Columns of the order behind the key: those of the index that are left, then the primary key. */
static unsigned order_count(const struct store_index *ix)
{
	return ix ? ix->count + 1u : 1;
}

/* " FROM t INDEXED BY i WHERE k = ?1 AND ..." with the condition of a partial index repeated, so
 * that SQLite knows that the index has all the rows. */
static void add_source(struct buf *sql, const struct store_table *t, struct statement_shape shape)
{
	const struct store_index *ix = table_index(t, shape.index);

	buf_add_text(sql, " FROM ");
	add_name(sql, t->name);
	if (ix) {
		buf_add_text(sql, " INDEXED BY ");
		add_name(sql, ix->name);
	}
	buf_add_text(sql, " WHERE ");
	if (ix && (ix->unique || ix->partial)) {
		const struct store_column *first = &t->columns[ix->columns[0]];

		schema_index_condition(sql, first->name, first->type);
	} else {
		buf_add_text(sql, "1");
	}
	for (unsigned i = 0; i < shape.key_columns; i++) {
		buf_add_text(sql, " AND ");
		add_name(sql, column_name(t, ix, i));
		buf_addf(sql, " = ?%u", i + 1);
	}
}

static void add_list(struct buf *sql, const struct store_table *t, struct statement_shape shape)
{
	const struct store_index *ix = table_index(t, shape.index);
	bool descending = shape.flags & LIST_DESCENDING;
	unsigned first = shape.key_columns, end = order_count(ix), n = first + 1;

	add_source(sql, t, shape);
	if (shape.flags & LIST_UPPER) {
		buf_add_text(sql, " AND ");
		add_name(sql, column_name(t, ix, first));
		buf_addf(sql, " <= ?%u", n++);
	}
	if (shape.flags & LIST_LOWER) {
		buf_add_text(sql, " AND ");
		add_name(sql, column_name(t, ix, first));
		buf_addf(sql, " >= ?%u", n++);
	}
	if (shape.flags & LIST_AFTER) {
		buf_add_text(sql, " AND (");
		for (unsigned i = first; i < end; i++) {
			buf_add_text(sql, i > first ? ", " : "");
			add_name(sql, column_name(t, ix, i));
		}
		buf_add_text(sql, descending ? ") < (" : ") > (");
		for (unsigned i = first; i < end; i++)
			buf_addf(sql, "%s?%u", i > first ? ", " : "", n++);
		buf_add_text(sql, ")");
	}
	for (unsigned i = first; i < end; i++) {
		buf_add_text(sql, i > first ? ", " : " ORDER BY ");
		add_name(sql, column_name(t, ix, i));
		buf_add_text(sql, descending ? " DESC" : "");
	}
	buf_addf(sql, " LIMIT ?%u", n);
}

static void add_insert(struct buf *sql, const struct store_table *t)
{
	buf_add_text(sql, "INSERT INTO ");
	add_name(sql, t->name);
	buf_add_text(sql, " (");
	add_columns(sql, t, 0);
	buf_add_text(sql, ") VALUES (");
	for (unsigned i = 0; i < t->column_count; i++)
		buf_addf(sql, "%s?%u", i ? ", " : "", i + 1);
	buf_add_text(sql, ")");
}

static void add_update(struct buf *sql, const struct store_table *t, uint32_t columns)
{
	unsigned n = 1;

	buf_add_text(sql, "UPDATE ");
	add_name(sql, t->name);
	buf_add_text(sql, " SET ");
	for (unsigned i = 0; i < t->column_count; i++) {
		if (!(columns >> i & 1))
			continue;
		add_name(sql, t->columns[i].name);
		buf_addf(sql, " = ?%u, ", n++);
	}
	buf_addf(sql, "\"version\" = ?%u WHERE ", n);
	add_name(sql, t->columns[0].name);
	buf_addf(sql, " = ?%u AND \"version\" = ?%u", n + 1, n + 2);
}

static void add_key_condition(struct buf *sql, const struct store_table *t, bool with_version)
{
	buf_add_text(sql, " FROM ");
	add_name(sql, t->name);
	buf_add_text(sql, " WHERE ");
	add_name(sql, t->columns[0].name);
	buf_add_text(sql, " = ?1");
	if (with_version)
		buf_add_text(sql, " AND \"version\" = ?2");
}

void statement_sql(struct buf *sql, const struct store_table *t, struct statement_shape shape)
{
	switch ((enum statement_kind)shape.kind) {
	case STATEMENT_GET:
		buf_add_text(sql, "SELECT ");
		add_columns(sql, t, 0);
		add_source(sql, t, shape);
		break;
	case STATEMENT_LIST:
		buf_add_text(sql, "SELECT ");
		add_columns(sql, t, shape.columns);
		add_list(sql, t, shape);
		break;
	case STATEMENT_COUNT:
		buf_add_text(sql, "SELECT count(*)");
		add_source(sql, t, shape);
		break;
	case STATEMENT_INSERT:
		add_insert(sql, t);
		break;
	case STATEMENT_UPDATE:
		add_update(sql, t, shape.columns);
		break;
	case STATEMENT_DELETE:
	case STATEMENT_DELETE_ANY:
		buf_add_text(sql, "DELETE");
		add_key_condition(sql, t, shape.kind == STATEMENT_DELETE);
		break;
	case STATEMENT_EXPECT:
		buf_add_text(sql, "SELECT 1");
		add_key_condition(sql, t, true);
		break;
	}
}
