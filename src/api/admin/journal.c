/* journal.c - what is going on and what was done: jobs under way, the audit trail. */
#include "api/admin/resource.h"
#include "base/encode.h"

/* --- jobs --- */

static const char *job_kind_name(int64_t kind)
{
	switch ((enum job_kind)kind) {
	case JOB_VALIDATE:
		return "validate";
	case JOB_ISSUE:
		return "issue";
	case JOB_SWEEP:
		return "sweep";
	}
	return "unknown";
}

static struct str subject_str(struct request *req, struct bytes subject)
{
	struct id id;

	if (subject.len != ID_LEN)
		return STR("");
	memcpy(id.b, subject.p, ID_LEN);
	return id_str(req->arena, id);
}

static struct str job_cursor(struct request *req, const void *record)
{
	return id_str(req->arena, ((const struct job_record *)record)->id);
}

static enum rc show_job(struct request *req, struct json_out *o, const void *record)
{
	const struct job_record *j = record;
	struct str id = id_str(req->arena, j->id), subject = subject_str(req, j->subject);

	if (!id.p || !subject.p)
		return RC_NOMEM;
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", id);
	json_out_str(o, "kind", str_of(job_kind_name(j->kind)));
	json_out_str(o, "subject", subject);
	show_time(o, "due_at", j->due_at_ms / 1000);
	json_out_int(o, "attempt", j->attempt + 1);
	show_text(o, "note", j->note);
	json_out_close(o, '}');
	return RC_OK;
}

/* The oldest first: what hangs is on top. */
enum rc admin_jobs(struct request *req, struct fault *f)
{
	struct str limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "limit", &limit }, { "after", &after }, { 0 } };
	struct job_record behind = { 0 };
	struct listing l = {
		.name = "jobs",
		.query = { .table = &JOBS, .index = STORE_PRIMARY },
		.record_size = sizeof(struct job_record),
		.show = show_job,
		.cursor = job_cursor,
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc == RC_OK && after.p) {
		if (!id_parse(after, &behind.id))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the id of a job");
		l.after = &behind;
	}
	return rc == RC_OK ? reply_listing(req, &l) : rc;
}

/* --- audit --- */

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
