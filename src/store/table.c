/* table.c - records by the description of their table. */
#include "store/table.h"

static const struct id ZERO_ID;

static const void *member(const struct store_table *t, const void *record, unsigned column)
{
	return (const uint8_t *)record + t->columns[column].offset;
}

struct store_value table_value(const struct store_table *t, const void *record, unsigned column)
{
	struct store_value v = { .type = t->columns[column].type };
	const void *m = member(t, record, column);

	switch (v.type) {
	case STORE_ID:
		v.p = m;
		v.len = ID_LEN;
		break;
	case STORE_INT:
		v.i = *(const int64_t *)m;
		break;
	case STORE_TEXT:
		v.p = ((const struct str *)m)->p;
		v.len = v.p ? ((const struct str *)m)->len : 0;
		break;
	case STORE_BLOB:
		v.p = ((const struct bytes *)m)->p;
		v.len = v.p ? ((const struct bytes *)m)->len : 0;
		break;
	}
	return v;
}

void table_set(const struct store_table *t, void *record, unsigned column, struct store_value v)
{
	void *m = (uint8_t *)record + t->columns[column].offset;

	switch (t->columns[column].type) {
	case STORE_ID:
		memcpy(m, v.p, ID_LEN);
		break;
	case STORE_INT:
		*(int64_t *)m = v.i;
		break;
	case STORE_TEXT:
		*(struct str *)m = (struct str){ v.p, v.len };
		break;
	case STORE_BLOB:
		*(struct bytes *)m = bytes_of(v.p, v.len);
		break;
	}
}

bool value_is_unset(struct store_value v)
{
	switch (v.type) {
	case STORE_ID:
		return memcmp(v.p, ZERO_ID.b, ID_LEN) == 0;
	case STORE_INT:
		return v.i == 0;
	default:
		return !v.p;
	}
}

int value_compare(struct store_value a, struct store_value b)
{
	int order = 0;

	if (a.type == STORE_INT)
		return (a.i > b.i) - (a.i < b.i);
	if (!a.p || !b.p)
		return (a.p != NULL) - (b.p != NULL);
	if (a.len && b.len)
		order = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

const struct store_index *table_index(const struct store_table *t, int index)
{
	return index == STORE_PRIMARY ? NULL : &t->indexes[index];
}

unsigned index_column_count(const struct store_index *ix)
{
	return ix ? ix->count : 1;
}

unsigned index_column(const struct store_index *ix, unsigned i)
{
	return ix ? ix->columns[i] : 0;
}

bool index_holds(const struct store_table *t, const struct store_index *ix, const void *record)
{
	return !ix || (!ix->unique && !ix->partial) ||
	       !value_is_unset(table_value(t, record, ix->columns[0]));
}

int index_compare(const struct store_table *t, const struct store_index *ix, unsigned count,
		  const void *a, const void *b)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned column = index_column(ix, i);
		int order = value_compare(table_value(t, a, column), table_value(t, b, column));

		if (order)
			return order;
	}
	return 0;
}

uint32_t table_all_columns(const struct store_table *t)
{
	return t->column_count == 32 ? UINT32_MAX : (UINT32_C(1) << t->column_count) - 1;
}

size_t table_copy_size(const struct store_table *t, const void *record, uint32_t columns)
{
	size_t size = t->record_size;

	for (unsigned i = 0; i < t->column_count; i++) {
		enum store_type type = t->columns[i].type;

		if ((columns >> i & 1) && (type == STORE_TEXT || type == STORE_BLOB))
			size += table_value(t, record, i).len + 1;
	}
	return size;
}

void table_copy(const struct store_table *t, const void *record, uint32_t columns, void *mem)
{
	uint8_t *tail = (uint8_t *)mem + t->record_size;

	memset(mem, 0, t->record_size);
	for (unsigned i = 0; i < t->column_count; i++) {
		struct store_value v;

		if (!(columns >> i & 1))
			continue;
		v = table_value(t, record, i);
		if ((v.type == STORE_TEXT || v.type == STORE_BLOB) && v.p) {
			memcpy(tail, v.p, v.len);
			tail[v.len] = 0;
			v.p = tail;
			tail += v.len + 1;
		}
		table_set(t, mem, i, v);
	}
}

/* Eight octets at a time while they are ASCII and not NUL; the rest the careful way. */
static bool text_is_valid(const char *p, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t w;
	size_t i = 0;

	for (; i + sizeof(w) <= len; i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if (((w - ones) | w) & high)
			break;
	}
	return !memchr(p + i, 0, len - i) && str_is_utf8((struct str){ p + i, len - i });
}

/* Must the column have a value? The first column of a unique or partial index need not. */
static bool column_is_required(const struct store_table *t, unsigned column)
{
	for (unsigned i = 0; i < t->index_count; i++) {
		const struct store_index *ix = &t->indexes[i];

		for (unsigned c = ix->unique || ix->partial ? 1 : 0; c < ix->count; c++)
			if (ix->columns[c] == column)
				return true;
	}
	return false;
}

bool table_row_is_valid(const struct store_table *t, const void *record, uint32_t columns)
{
	if (value_is_unset(table_value(t, record, 0)))
		return false;
	for (unsigned i = 0; i < t->column_count; i++) {
		struct store_value v;

		if (!(columns >> i & 1))
			continue;
		v = table_value(t, record, i);
		if (v.type == STORE_TEXT && v.p && !text_is_valid(v.p, v.len))
			return false;
		if ((v.type == STORE_TEXT || v.type == STORE_BLOB) && !v.p &&
		    column_is_required(t, i))
			return false;
	}
	return true;
}

bool table_is_sound(const struct store_table *t)
{
	static const size_t sizes[] = {
		[STORE_ID] = sizeof(struct id), [STORE_INT] = sizeof(int64_t),
		[STORE_TEXT] = sizeof(struct str), [STORE_BLOB] = sizeof(struct bytes),
	};
	size_t end = 0;

	if (t->column_count < 2 || t->column_count > 32 || t->columns[0].type == STORE_INT ||
	    t->version_column == 0 || t->version_column >= t->column_count ||
	    strcmp(t->columns[t->version_column].name, "version") != 0 ||
	    t->columns[t->version_column].type != STORE_INT)
		return false;
	for (unsigned i = 0; i < t->column_count; i++) {
		if (!t->columns[i].name || t->columns[i].offset != end)
			return false; /* in the order of the struct, none left out */
		end += sizes[t->columns[i].type];
	}
	for (unsigned i = 0; i < t->index_count; i++) {
		const struct store_index *ix = &t->indexes[i];

		if (!ix->name || ix->count < 1 || ix->count > STORE_INDEX_COLUMNS)
			return false;
		for (unsigned c = 0; c < ix->count; c++)
			if (ix->columns[c] == 0 || ix->columns[c] >= t->column_count)
				return false;
	}
	if (t->chain && (t->record_size > STORE_CHAINED_MAX || t->chain->index >= t->index_count ||
			 !t->indexes[t->chain->index].unique || t->indexes[t->chain->index].count != 1 ||
			 t->indexes[t->chain->index].columns[0] != t->chain->number ||
			 t->columns[t->chain->number].type != STORE_INT ||
			 t->columns[t->chain->before].type != STORE_BLOB ||
			 t->columns[t->chain->hash].type != STORE_BLOB))
		return false;
	return end == t->record_size;
}
