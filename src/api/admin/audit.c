/* audit.c - what was done: the audit trail, its chain and its checkpoints. */
#include "api/admin/resource.h"
#include "base/clock.h"
#include "base/encode.h"
#include "core/checkpoints.h"

#define CHECKPOINT_WAIT_MS 20000

static struct str audit_cursor(struct request *req, const void *record)
{
	return id_str(req->arena, ((const struct audit_record *)record)->id);
}

static enum rc show_audit(struct request *req, struct json_out *o, const void *record)
{
	const struct audit_record *r = record;
	struct str id = id_str(req->arena, r->id);

	if (!id.p)
		return RC_NOMEM;
	json_out_open(o, NULL, '{');
	json_out_int(o, "number", r->number);
	json_out_str(o, "id", id);
	show_time(o, "at", r->at);
	json_out_str(o, "actor", r->actor);
	json_out_str(o, "action", r->action);
	json_out_str(o, "subject", r->subject);
	if (r->detail.len)
		json_out_str(o, "detail", r->detail);
	json_out_close(o, '}');
	return RC_OK;
}

/* --- the chain: the oldest first, with all that its hashes are about (core/audit.h) --- */

static struct str chain_cursor(struct request *req, const void *record)
{
	return str_of(arena_printf(req->arena, "%lld", (long long)((const struct audit_record *)record)->number));
}

static void show_hash(struct json_out *o, const char *key, struct bytes hash)
{
	char hex[65] = "";

	if (hash.len == 32)
		hex_encode(hash, hex);
	json_out_str(o, key, str_of(hex));
}

static enum rc show_chain(struct request *req, struct json_out *o, const void *record)
{
	const struct audit_record *r = record;
	struct str id = id_str(req->arena, r->id);

	if (!id.p)
		return RC_NOMEM;
	json_out_open(o, NULL, '{');
	json_out_int(o, "number", r->number);
	json_out_str(o, "id", id);
	json_out_int(o, "at_s", r->at);
	show_text(o, "actor", r->actor);
	show_text(o, "action", r->action);
	show_text(o, "subject", r->subject);
	show_text(o, "detail", r->detail);
	show_hash(o, "before", r->before);
	show_hash(o, "hash", r->hash);
	json_out_close(o, '}');
	return RC_OK;
}

enum rc admin_audit_chain(struct request *req, struct fault *f)
{
	struct str limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "limit", &limit }, { "after", &after }, { 0 } };
	struct audit_record behind = { 0 };
	struct listing l = {
		.name = "audit",
		.query = { .table = &AUDITS, .index = AUDITS_BY_NUMBER },
		.record_size = sizeof(struct audit_record),
		.show = show_chain,
		.cursor = chain_cursor,
	};
	int64_t from;
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc == RC_OK && after.p) {
		if (!str_to_int(after, &behind.number) || behind.number < 0 || behind.number == INT64_MAX)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the number of an entry");
		from = behind.number + 1;
		l.query.lower = &from;
	}
	return rc == RC_OK ? reply_listing(req, &l) : rc;
}

enum rc admin_audit(struct request *req, struct fault *f)
{
	struct str limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "limit", &limit }, { "after", &after }, { 0 } };
	struct audit_record behind = { 0 };
	struct listing l = {
		.name = "audit",
		.query = { .table = &AUDITS, .index = STORE_PRIMARY, .descending = true },
		.record_size = sizeof(struct audit_record),
		.show = show_audit,
		.cursor = audit_cursor,
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc == RC_OK && after.p) {
		if (!id_parse(after, &behind.id))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the id of an entry");
		l.after = &behind;
	}
	return rc == RC_OK ? reply_listing(req, &l) : rc;
}

/* --- checkpoints --- */

static void show_newest(struct json_out *o, const struct checkpoints_state *s)
{
	if (!s->newest.number)
		return;
	json_out_open(o, "newest", '{');
	json_out_int(o, "number", s->newest.number);
	show_hash(o, "hash", bytes_of(s->newest.hash, sizeof(s->newest.hash)));
	show_time(o, "at", s->newest.at);
	if (s->given_up)
		json_out_bool(o, "given_up", true);
	json_out_close(o, '}');
}

/* After the signer was asked, which takes a moment. */
static enum rc show_checkpoint(struct request *req, struct fault *f)
{
	const struct checkpoints_state *state;
	AUTO(answer) struct answer a;
	int64_t round;

	answer_init(&a);
	if (!str_to_int(req->path_id, &round))
		return RC_INTERNAL;
	if (!checkpoints_result(req->core.service, (uint64_t)round, &state)) {
		if (request_wait(req, checkpoints_subject(req->core.service, (uint64_t)round), CHECKPOINT_WAIT_MS))
			return RC_OK;
		return fault_set(f, RC_UNAVAILABLE, PROBLEM_UNAVAILABLE, "the signer has not answered");
	}
	/* That the store is not as the signer noted is an answer: whoever reads the trail finds out where. */
	if (state->rc != RC_OK && state->rc != RC_DENIED)
		return fault_set(f, RC_UNAVAILABLE, PROBLEM_UNAVAILABLE, "no checkpoint: %s", state->detail);
	json_out_open(&a.out, NULL, '{');
	json_out_str(&a.out, "authority", state->authority);
	show_newest(&a.out, state);
	if (state->detail[0])
		json_out_str(&a.out, "problem", str_of(state->detail));
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

static enum rc ask_signer(struct request *req, bool make, struct fault *f)
{
	uint64_t round = checkpoints_ask(req->core.service, make);

	if (!round && make)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "a store in memory has no checkpoints");
	if (!round)
		return reply_set(req, 200, "application/json", STR("{}"));
	req->path_id = str_of(arena_printf(req->arena, "%llu", (unsigned long long)round));
	if (!req->path_id.p)
		return RC_NOMEM;
	req->handler = show_checkpoint;
	return show_checkpoint(req, f);
}

enum rc admin_audit_checkpoint(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	return rc == RC_OK ? ask_signer(req, false, f) : rc;
}

enum rc admin_audit_checkpoint_make(struct request *req, struct fault *f)
{
	enum rc rc = admin_nothing_decode(req->http->body, f);

	return rc == RC_OK ? ask_signer(req, true, f) : rc;
}
