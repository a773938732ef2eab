/* tx.c - recording a transaction. Each operation is one block of memory of exactly the size that it
 * needs: many transactions wait at once, and a waiting one should be small. */
#include <stdlib.h>

#include "store/store_ops.h"
#include "store/table.h"

struct tx *tx_new(void)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (tx)
		tx->tail = &tx->first;
	return tx;
}

void tx_reset(struct tx *tx)
{
	struct tx_op *op, *next;

	for (op = tx->first; op; op = next) {
		next = op->next;
		free(op);
	}
	tx->first = NULL;
	tx->tail = &tx->first;
	tx->op_count = 0;
	tx->bytes = 0;
}

void tx_free(struct tx *tx)
{
	if (!tx)
		return;
	tx_reset(tx);
	free(tx);
}

bool tx_is_empty(const struct tx *tx)
{
	return !tx->first;
}

/* copied: the columns that the operation needs; *out gets the new operation, already in tx. */
static enum rc add(struct tx *tx, enum tx_kind kind, const struct store_table *t,
		   const void *record, uint32_t copied, struct tx_op **out)
{
	size_t size = sizeof(struct tx_op) + table_copy_size(t, record, copied);
	struct tx_op *op;

	if (tx->op_count >= TX_OPS_MAX || size > TX_BYTES_MAX - tx->bytes)
		return RC_LIMIT;
	op = aligned_alloc(_Alignof(struct tx_op), (size + 15) & ~(size_t)15);
	if (!op)
		return RC_NOMEM;
	*op = (struct tx_op){ .kind = kind, .table = t };
	op->version = table_value(t, record, t->version_column).i;
	table_copy(t, record, copied, op->record);
	*tx->tail = op;
	tx->tail = &op->next;
	tx->op_count++;
	tx->bytes += size;
	*out = op;
	return RC_OK;
}

/* Room in the operation for what the writer will put there. */
static void chain_blank(const struct store_table *t, void *record)
{
	static const uint8_t blank[32];
	struct store_value v = { STORE_BLOB, .p = blank, .len = sizeof(blank) };

	table_set(t, record, t->chain->before, v);
	table_set(t, record, t->chain->hash, v);
}

enum rc tx_insert(struct tx *tx, const struct store_table *t, const void *record)
{
	_Alignas(16) uint8_t blanked[STORE_CHAINED_MAX];
	uint32_t columns = table_all_columns(t);
	struct tx_op *op;
	enum rc rc;

	if (t->chain) {
		memcpy(blanked, record, t->record_size);
		chain_blank(t, blanked);
		record = blanked;
	}
	if (!table_row_is_valid(t, record, columns))
		return RC_INVALID;
	rc = add(tx, TX_INSERT, t, record, columns, &op);
	if (rc != RC_OK)
		return rc;
	op->version = 1;
	table_set(t, op->record, t->version_column, (struct store_value){ STORE_INT, .i = 1 });
	return RC_OK;
}

enum rc tx_update(struct tx *tx, const struct store_table *t, const void *record, uint32_t columns)
{
	uint32_t kept = 1 | UINT32_C(1) << t->version_column;
	struct tx_op *op;
	enum rc rc;

	if (t->chain || columns == 0 || (columns & kept) || (columns & ~table_all_columns(t)) ||
	    table_value(t, record, t->version_column).i < 1 ||
	    !table_row_is_valid(t, record, columns | 1))
		return RC_INVALID;
	rc = add(tx, TX_UPDATE, t, record, columns | kept, &op);
	if (rc == RC_OK)
		op->columns = columns;
	return rc;
}

enum rc tx_delete(struct tx *tx, const struct store_table *t, const void *record)
{
	struct tx_op *op;

	if (t->chain || !table_row_is_valid(t, record, 1))
		return RC_INVALID;
	return add(tx, TX_DELETE, t, record, 1, &op);
}

enum rc tx_expect(struct tx *tx, const struct store_table *t, const void *record)
{
	struct tx_op *op;

	if (!table_row_is_valid(t, record, 1))
		return RC_INVALID;
	return add(tx, TX_EXPECT, t, record, 1, &op);
}
