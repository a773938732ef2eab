/* sweep.c - a few hundred rows a round, found by their expiry index, removed in one transaction
 * that nobody waits for. A row that changed meanwhile keeps that transaction from happening; the
 * next round finds what is left. Certificates stay: they are the inventory. */
#include "core/sweep.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/account.h"

#define SWEEP_ROWS 500

static void swept(void *arg, enum rc rc)
{
	(void)arg;
	if (rc != RC_OK && rc != RC_CONFLICT)
		LOG_WARN("sweep_failed", F_TEXT("cause", rc_text(rc)));
}

static void submit(struct service *s, struct tx *tx)
{
	if (tx_is_empty(tx))
		tx_free(tx);
	else
		store_submit(s->store, tx, swept, NULL);
}

/* Orders and authorizations end alike: by expires_at, kept for a while to be explained. */
static size_t sweep_authzs(struct service *s, struct store_read *read, struct arena *a, int64_t before)
{
	struct store_query q = { .table = &AUTHZS, .index = AUTHZS_BY_EXPIRES, .upper = &before,
				 .limit = SWEEP_ROWS };
	struct authz_record *rows;
	struct tx *tx = tx_new();
	size_t count = 0;

	if (!tx)
		return 0;
	if (store_list(read, &q, a, &rows, &count) != RC_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (tx_delete(tx, &AUTHZS, &rows[i]) != RC_OK)
			break;
	}
	submit(s, tx);
	arena_reset(a);
	return count;
}

static size_t sweep_orders(struct service *s, struct store_read *read, struct arena *a, int64_t before)
{
	struct store_query q = { .table = &ORDERS, .index = ORDERS_BY_EXPIRES, .upper = &before,
				 .limit = SWEEP_ROWS };
	struct order_record *rows;
	struct tx *tx = tx_new();
	size_t count = 0, gone = 0;

	if (!tx)
		return 0;
	if (store_list(read, &q, a, &rows, &count) != RC_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].status == ORDER_PROCESSING) /* its job ends it */
			continue;
		if (tx_delete(tx, &ORDERS, &rows[i]) != RC_OK)
			break;
		gone++;
	}
	submit(s, tx);
	arena_reset(a);
	return gone;
}

/* Accounts that were made long ago and have neither order nor certificate. Who comes back with such
 * a key hears accountDoesNotExist and registers again (FIELD A30). */
static size_t sweep_accounts(struct service *s, struct store_read *read, struct arena *a, int64_t before)
{
	struct store_query q = { .table = &ACCOUNTS, .index = ACCOUNTS_BY_CREATED, .upper = &before,
				 .limit = SWEEP_ROWS };
	struct account_record *rows;
	struct tx *tx = tx_new();
	size_t count = 0, gone = 0;

	if (!tx)
		return 0;
	if (store_list(read, &q, a, &rows, &count) != RC_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		struct order_record order = { .account = rows[i].id };
		struct cert_record cert = { .account = rows[i].id };
		int64_t orders, certs;

		if (store_count(read, &ORDERS, ORDERS_BY_ACCOUNT, &order, 1, &orders) != RC_OK ||
		    store_count(read, &CERTS, CERTS_BY_ACCOUNT, &cert, 1, &certs) != RC_OK ||
		    orders || certs)
			continue;
		if (tx_delete(tx, &ACCOUNTS, &rows[i]) != RC_OK)
			break;
		account_cache_drop(s->accounts, rows[i].id);
		gone++;
	}
	submit(s, tx);
	arena_reset(a);
	return gone;
}

size_t sweep(struct service *s, const struct config *config, struct store_read *read)
{
	int64_t now = clock_now_s();
	int64_t kept = config->raw.lifetimes.finished_order_s;
	int64_t unused = config->raw.lifetimes.unused_account_s;
	AUTO(arena) struct arena a;
	size_t gone;

	arena_init(&a, 16 * LIMIT_REQUEST_ARENA);
	gone = sweep_orders(s, read, &a, now - kept);
	gone += sweep_authzs(s, read, &a, now - kept);
	if (unused > 0)
		gone += sweep_accounts(s, read, &a, now - unused);
	if (gone)
		LOG_INFO("swept", F_INT("rows", gone));
	return gone;
}
