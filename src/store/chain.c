/* chain.c - chained tables: the writer is the only one that knows the order in which rows become
 * durable, so it numbers and hashes them, a moment before they are written. A row whose transaction
 * fails gives its place back. Costs two or three microseconds a row. */
#include "base/auto.h"
#include "crypto/digest.h"
#include "store/store_ops.h"
#include "store/table.h"

#define PIECES_MAX (2 * 32 + 1)

struct field_head {
	uint8_t octets[9]; /* type, then length or value */
};

static void put_u64(uint8_t p[8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* 'i' and the value; 'n'; 'd', 't' or 'b', the length and then the octets. No two rows have the same
 * text. */
static size_t field(struct store_value v, struct field_head *head, struct bytes *out)
{
	static const char types[] = { [STORE_ID] = 'd', [STORE_TEXT] = 't', [STORE_BLOB] = 'b' };

	out[0] = bytes_of(head->octets, sizeof(head->octets));
	if (v.type == STORE_INT) {
		head->octets[0] = 'i';
		put_u64(head->octets + 1, (uint64_t)v.i);
		return 1;
	}
	head->octets[0] = (uint8_t)(v.p ? types[v.type] : 'n');
	put_u64(head->octets + 1, v.p ? v.len : 0);
	out[1] = bytes_of(v.p, v.p ? v.len : 0);
	return 2;
}

void store_chain_hash(const struct store_table *t, const void *record, uint8_t out[32])
{
	struct bytes pieces[PIECES_MAX];
	struct field_head heads[32];
	size_t count = 1;

	pieces[0] = bytes_of(t->name, strlen(t->name) + 1);
	for (unsigned i = 0; i < t->column_count; i++) {
		if (i != t->version_column && i != t->chain->hash)
			count += field(table_value(t, record, i), &heads[i], pieces + count);
	}
	sha256_pieces(pieces, count, out);
}

enum rc chain_load(struct store *s)
{
	const struct store_table *t = s->chained;
	_Alignas(16) uint8_t key[STORE_CHAINED_MAX] = { 0 };
	struct store_read *read = NULL;
	struct store_value hash;
	AUTO(arena) struct arena a;
	size_t count = 0;
	void *row;
	enum rc rc;

	if (!t || s->head.known)
		return RC_OK;
	arena_init(&a, 1024 * 1024);
	rc = s->ops->read_open(s, &read);
	if (rc != RC_OK)
		return rc;
	read->store = s;
	rc = s->ops->list(read,
			  &(struct store_query){ .table = t, .index = t->chain->index, .key = key, .descending = true,
						 .limit = 1 },
			  &a, &row, &count);
	if (rc == RC_OK && count > 0) {
		s->head.number = table_value(t, row, t->chain->number).i;
		hash = table_value(t, row, t->chain->hash);
		if (hash.p && hash.len == sizeof(s->head.hash))
			memcpy(s->head.hash, hash.p, hash.len);
	}
	s->ops->read_close(read);
	s->head.known = rc == RC_OK;
	return rc;
}

void chain_link(struct store *s, const struct tx *tx)
{
	for (struct tx_op *op = tx->first; op; op = op->next) {
		const struct store_table *t = op->table;

		if (!t->chain || op->kind != TX_INSERT)
			continue;
		table_set(t, op->record, t->chain->number,
			  (struct store_value){ STORE_INT, .i = ++s->head.number });
		/* tx_insert() made room; the octets belong to the operation. */
		memcpy((void *)table_value(t, op->record, t->chain->before).p, s->head.hash, sizeof(s->head.hash));
		store_chain_hash(t, op->record, s->head.hash);
		memcpy((void *)table_value(t, op->record, t->chain->hash).p, s->head.hash, sizeof(s->head.hash));
	}
}
