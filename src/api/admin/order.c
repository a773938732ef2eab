/* order.c - orders as the operator sees them. An order under way is waited for, so that a command
 * which follows one need not poll. */
#include "core/order.h"
#include "api/admin/resource.h"
#include "base/auto.h"
#include "base/limits.h"

#define PROCESSING_WAIT_MS 10000
#define ORDER_ARENA (4 * LIMIT_IDENTIFIERS * LIMIT_TRACE)

enum rc show_order_members(struct request *req, struct json_out *o, const struct order *order)
{
	const struct order_record *r = &order->record;
	struct str id = id_str(req->arena, r->id);
	struct str account = id_str(req->arena, r->account);
	struct str serial = serial_str(req->arena, r->serial);

	if (!id.p || !account.p || !serial.p)
		return RC_NOMEM;
	json_out_str(o, "id", id);
	json_out_str(o, "status", str_of(order_state_name(order->state)));
	if (!id_is_zero(r->account))
		json_out_str(o, "account", account);
	else
		json_out_bool(o, "by_operator", true);
	show_text(o, "directory", r->directory);
	show_identifiers(o, "identifiers", r->identifiers);
	json_out_str(o, "profile", r->profile);
	show_text(o, "authority", r->authority);
	show_time(o, "not_before", r->not_before);
	show_time(o, "not_after", r->not_after);
	show_time(o, "created_at", r->created_at);
	show_time(o, "expires_at", r->expires_at);
	show_text(o, "replaces", r->replaces);
	if (r->serial.len)
		json_out_str(o, order->state == ORDER_STATE_VALID ? "certificate" : "claimed_serial", serial);
	if (order->error.p)
		json_out_raw(o, "error", order->error);
	return RC_OK;
}

static enum rc show_order(struct request *req, struct json_out *o, const void *record)
{
	struct context c = req->core;
	AUTO(arena) struct arena own; /* the authorizations' traces are too much for a page of orders */
	struct order order;
	enum rc rc;

	arena_init(&own, ORDER_ARENA);
	c.arena = &own;
	/* Its state follows from its authorizations: only core knows how. */
	rc = order_load(&c, ((const struct order_record *)record)->id, &order, NULL);
	if (rc != RC_OK)
		return rc;
	json_out_open(o, NULL, '{');
	rc = show_order_members(req, o, &order);
	json_out_close(o, '}');
	return rc;
}

static struct str order_cursor(struct request *req, const void *record)
{
	return id_str(req->arena, ((const struct order_record *)record)->id);
}

enum rc admin_orders(struct request *req, struct fault *f)
{
	struct str account = { 0 }, limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "account", &account }, { "limit", &limit }, { "after", &after }, { 0 } };
	struct order_record key = { 0 };
	struct listing l = {
		.name = "orders",
		.query = { .table = &ORDERS, .index = STORE_PRIMARY, .descending = true },
		.record_size = sizeof(struct order_record),
		.show = show_order,
		.cursor = order_cursor,
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc != RC_OK)
		return rc;
	if (account.p) {
		if (!id_parse(account, &key.account))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"account\" is not the id of an account");
		l.query.index = ORDERS_BY_ACCOUNT;
		l.query.key = &key;
		l.query.key_columns = 1;
	}
	if (after.p) {
		if (!id_parse(after, &key.id))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the id of an order");
		l.after = &key;
	}
	return reply_listing(req, &l);
}

enum rc admin_load_order(struct request *req, struct order *out, struct fault *f)
{
	struct id id;

	if (!id_parse(req->path_id, &id))
		return admin_not_found("order", f);
	return order_load(&req->core, id, out, f);
}

enum rc admin_order(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	AUTO(answer) struct answer a;
	struct order order;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	answer_init(&a);
	if (rc == RC_OK)
		rc = admin_load_order(req, &order, f);
	if (rc != RC_OK)
		return rc;
	if (order.state == ORDER_STATE_PROCESSING && request_wait(req, order.record.id, PROCESSING_WAIT_MS))
		return RC_OK;
	json_out_open(&a.out, NULL, '{');
	rc = show_order_members(req, &a.out, &order);
	json_out_close(&a.out, '}');
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}
