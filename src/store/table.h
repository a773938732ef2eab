/* table.h - what the back ends share about records: reading, comparing and copying them by the
 * description of their table. Internal to store/. */
#ifndef ASSAY_STORE_TABLE_H
#define ASSAY_STORE_TABLE_H

#include "store/store.h"

/* One column of a record: i for INT, p and len otherwise (p NULL: absent). Borrowed. */
struct store_value {
	enum store_type type;
	int64_t i;
	const void *p;
	size_t len;
};

/* A record of a chained table has at most so many octets. */
#define STORE_CHAINED_MAX 512

struct store_value table_value(const struct store_table *t, const void *record, unsigned column);
/* Writes v, whose octets must live as long as the record, into the column. v.type must be the
 * column's type; an ID must have its 16 octets. */
void table_set(const struct store_table *t, void *record, unsigned column, struct store_value v);
/* Absent, 0 or the zero id: such rows are not in a unique or partial index. */
bool value_is_unset(struct store_value v);
/* < 0, 0, > 0 in the order that store.h defines; absent comes first. */
int value_compare(struct store_value a, struct store_value b);

/* NULL for STORE_PRIMARY. */
const struct store_index *table_index(const struct store_table *t, int index);
unsigned index_column_count(const struct store_index *ix);
unsigned index_column(const struct store_index *ix, unsigned i);
/* Does the row belong into the index? */
bool index_holds(const struct store_table *t, const struct store_index *ix, const void *record);
/* By the first count columns of the index; ix NULL: by the primary key. */
int index_compare(const struct store_table *t, const struct store_index *ix, unsigned count,
		  const void *a, const void *b);

/* Octets that table_copy() needs: the record and its TEXT and BLOB columns of the set, each TEXT
 * with a NUL behind it. */
size_t table_copy_size(const struct store_table *t, const void *record, uint32_t columns);
/* Copies the columns of the set into mem (16-byte aligned, table_copy_size() octets); the others
 * become 0 or absent. */
void table_copy(const struct store_table *t, const void *record, uint32_t columns, void *mem);
uint32_t table_all_columns(const struct store_table *t);

/* The columns of the set fit what store.h asks of a row: keys present, TEXT is UTF-8 without NUL. */
bool table_row_is_valid(const struct store_table *t, const void *record, uint32_t columns);
/* The description itself is sound (offsets, version column, index columns); for store_open() and
 * the tests. */
bool table_is_sound(const struct store_table *t);

#endif
