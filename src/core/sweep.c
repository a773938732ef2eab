/* sweep.c - a few hundred rows of each table a round, the oldest first, removed in one transaction
 * that nobody waits for. A row that changed meanwhile keeps that transaction from happening; the
 * next round finds what is left. Certificates stay: they are the inventory. */
#include "core/sweep.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/account.h"

#define SWEEP_ROWS 500

/* What one transaction removes. An account leaves the cache when it is gone for good, not before: a
 * request may have put it there meanwhile. */
struct swept {
	struct account_cache *accounts; /* NULL: these are no accounts */
	size_t count;
	struct id ids[SWEEP_ROWS];
};

static void swept(void *arg, enum rc rc)
{
	struct swept *gone = arg;

	if (rc != RC_OK && rc != RC_CONFLICT)
		LOG_WARN("sweep_failed", F_TEXT("cause", rc_text(rc)));
	for (size_t i = 0; gone->accounts && rc == RC_OK && i < gone->count; i++)
		account_cache_drop(gone->accounts, gone->ids[i]);
	free(gone);
}

static void submit(struct service *s, struct tx *tx, struct swept *gone)
{
	if (gone->count) {
		store_submit(s->store, tx, swept, gone);
		return;
	}
	tx_free(tx);
	free(gone);
}

/* One table's share of a round: from where the last round stopped, in order of creation (the primary
 * key's order), until a row that is too young to be over. is_over() says what goes; the walk starts
 * anew when it has come to the young ones. Nothing expires before it was made, so that no index by
 * expiry is needed: it would cost every newOrder two writes. */
struct walk {
	const struct store_table *table;
	struct id *cursor;      /* in the service: the last row looked at */
	int64_t before;         /* what ended before this goes */
	int64_t (*created_at)(const void *row);
	/* May it go? reads what it needs. */
	bool (*is_over)(struct service *s, struct store_read *read, const void *row, int64_t before);
};

static size_t walk_round(struct service *s, struct store_read *read, struct arena *a, const struct walk *w)
{
	/* Every table here has its id first. */
	char *after = arena_alloc(a, w->table->record_size), *rows;
	struct store_query q = { .table = w->table, .index = STORE_PRIMARY, .limit = SWEEP_ROWS };
	struct swept *gone = calloc(1, sizeof(*gone));
	struct tx *tx = tx_new();
	size_t count = 0, gone_count, i;

	if (!after || !tx || !gone) {
		tx_free(tx);
		free(gone);
		return 0;
	}
	gone->accounts = w->table == &ACCOUNTS ? s->accounts : NULL;
	memcpy(after, w->cursor, sizeof(*w->cursor));
	if (!id_is_zero(*w->cursor))
		q.after = after;
	if (store_list(read, &q, a, &rows, &count) != RC_OK)
		count = 0;
	for (i = 0; i < count; i++) {
		const char *row = rows + i * w->table->record_size;

		if (w->created_at(row) > w->before)
			break;
		memcpy(w->cursor, row, sizeof(*w->cursor));
		if (w->is_over(s, read, row, w->before) && tx_delete(tx, w->table, row) == RC_OK)
			gone->ids[gone->count++] = *w->cursor;
	}
	if (i < SWEEP_ROWS) /* came to the young ones, or to the end */
		*w->cursor = (struct id){ { 0 } };
	gone_count = gone->count;
	submit(s, tx, gone);
	arena_reset(a);
	return gone_count;
}

static int64_t authz_created_at(const void *row)
{
	return ((const struct authz_record *)row)->created_at;
}

static bool authz_is_over(struct service *s, struct store_read *read, const void *row, int64_t before)
{
	(void)s;
	(void)read;
	return ((const struct authz_record *)row)->expires_at <= before;
}

static int64_t order_created_at(const void *row)
{
	return ((const struct order_record *)row)->created_at;
}

static bool order_is_over(struct service *s, struct store_read *read, const void *row, int64_t before)
{
	const struct order_record *r = row;

	(void)s;
	(void)read;
	return r->expires_at <= before && r->status != ORDER_PROCESSING; /* such a one its job ends */
}

static int64_t account_created_at(const void *row)
{
	return ((const struct account_record *)row)->created_at;
}

/* Accounts that were made long ago and have neither order nor certificate. Who comes back with such
 * a key hears accountDoesNotExist and registers again (FIELD A30). */
static bool account_is_unused(struct service *s, struct store_read *read, const void *row, int64_t before)
{
	const struct account_record *r = row;
	struct order_record order = { .account = r->id };
	struct cert_record cert = { .account = r->id };
	int64_t orders, certs;

	(void)s;
	(void)before;
	if (store_count(read, &ORDERS, ORDERS_BY_ACCOUNT, &order, 1, &orders) != RC_OK ||
	    store_count(read, &CERTS, CERTS_BY_ACCOUNT, &cert, 1, &certs) != RC_OK)
		return false;
	return orders == 0 && certs == 0;
}

size_t sweep(struct service *s, const struct config *config, struct store_read *read)
{
	int64_t now = clock_now_s();
	int64_t kept = config->raw.lifetimes.finished_order_s;
	int64_t unused = config->raw.lifetimes.unused_account_s;
	AUTO(arena) struct arena a;
	size_t gone;

	arena_init(&a, 16 * LIMIT_REQUEST_ARENA);
	gone = walk_round(s, read, &a, &(struct walk){ &ORDERS, &s->sweep_cursors.order, now - kept,
						       order_created_at, order_is_over });
	gone += walk_round(s, read, &a, &(struct walk){ &AUTHZS, &s->sweep_cursors.authz, now - kept,
							authz_created_at, authz_is_over });
	if (unused > 0)
		gone += walk_round(s, read, &a, &(struct walk){ &ACCOUNTS, &s->sweep_cursors.account, now - unused,
								account_created_at, account_is_unused });
	if (gone)
		LOG_INFO("swept", F_INT("rows", gone));
	return gone;
}
