/* row.c - values between records and statements. */
#include "store/sqlite/connection.h"
#include "store/table.h"

int row_bind(sqlite3_stmt *stmt, int n, const struct store_table *t, const void *record,
	     unsigned column)
{
	struct store_value v = table_value(t, record, column);

	switch (v.type) {
	case STORE_INT:
		return sqlite3_bind_int64(stmt, n, v.i);
	case STORE_ID:
		return sqlite3_bind_blob(stmt, n, v.p, ID_LEN, SQLITE_STATIC);
	case STORE_TEXT: /* absent is NULL: p says so */
		return sqlite3_bind_text64(stmt, n, v.p, v.len, SQLITE_STATIC, SQLITE_UTF8);
	case STORE_BLOB:
		return sqlite3_bind_blob64(stmt, n, v.p, v.len, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

/* A copy of the column's octets with a NUL behind them, in the arena. */
static enum rc copy_octets(sqlite3_stmt *stmt, int n, struct arena *a, struct store_value *v)
{
	/* The pointer before the length, as SQLite asks. It is NULL for an empty BLOB. */
	const void *p = v->type == STORE_TEXT ? (const void *)sqlite3_column_text(stmt, n)
					      : sqlite3_column_blob(stmt, n);
	size_t len = (size_t)sqlite3_column_bytes(stmt, n);
	uint8_t *copy;

	if (!p && len > 0)
		return RC_NOMEM;
	copy = arena_alloc(a, len + 1);
	if (!copy)
		return RC_NOMEM;
	if (len > 0)
		memcpy(copy, p, len);
	v->p = copy;
	v->len = len;
	return RC_OK;
}

enum rc row_read(sqlite3_stmt *stmt, const struct store_table *t, uint32_t columns, struct arena *a,
		 void *out_record)
{
	int n = 0;

	memset(out_record, 0, t->record_size);
	for (unsigned i = 0; i < t->column_count; i++) {
		struct store_value v = { .type = t->columns[i].type };
		int at = n;
		enum rc rc;

		if (columns && !(columns >> i & 1))
			continue;
		n++;
		switch (v.type) {
		case STORE_INT:
			v.i = sqlite3_column_int64(stmt, at);
			break;
		case STORE_ID:
			v.p = sqlite3_column_blob(stmt, at);
			if (!v.p || sqlite3_column_bytes(stmt, at) != ID_LEN)
				return RC_IO; /* not written by us: the file is damaged */
			break;
		case STORE_TEXT:
		case STORE_BLOB:
			if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
				continue;
			rc = copy_octets(stmt, at, a, &v);
			if (rc != RC_OK)
				return rc;
			break;
		}
		table_set(t, out_record, i, v);
	}
	return RC_OK;
}
