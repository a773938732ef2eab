/* journal.c - what is going on: jobs under way. */
#include "api/admin/resource.h"

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
