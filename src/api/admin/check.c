/* check.c - GET /v1/check?name=: would this name get a certificate now, and if not, why? The answer is
 * held while the DNS and the name's addresses are asked (core/check.h). */
#include "core/check.h"
#include "api/admin/resource.h"

void show_check_line(struct json_out *o, const struct check_line *line)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "grade", str_of(check_grade_name(line->grade)));
	json_out_str(o, "topic", str_of(line->topic));
	json_out_str(o, "text", line->text);
	show_text(o, "remedy", line->remedy);
	if (line->trace.p)
		show_lines(o, "trace", line->trace);
	json_out_close(o, '}');
}

static enum rc reply_report(struct request *req, const struct check_report *r)
{
	AUTO(answer) struct answer a;

	answer_init(&a);
	json_out_open(&a.out, NULL, '{');
	json_out_str(&a.out, "name", r->name);
	show_text(&a.out, "account", r->account);
	show_text(&a.out, "directory", r->directory);
	show_text(&a.out, "zone", r->zone);
	show_text(&a.out, "profile", r->profile);
	show_text(&a.out, "authority", r->authority);
	json_out_open(&a.out, "lines", '[');
	for (size_t i = 0; i < r->line_count; i++)
		show_check_line(&a.out, &r->lines[i]);
	json_out_close(&a.out, ']');
	json_out_bool(&a.out, "would_issue", r->would_issue);
	json_out_str(&a.out, "cause", r->cause);
	json_out_str(&a.out, "remedy", r->remedy);
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

static enum rc begin(struct request *req, struct fault *f)
{
	struct check_request r = { 0 };
	const struct query_param params[] = {
		{ "name", &r.name }, { "account", &r.account }, { "directory", &r.directory },
		{ "profile", &r.profile }, { "challenge", &r.challenge }, { 0 },
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK && !r.name.len)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "say which \"name\"");
	return rc == RC_OK ? check_start(&req->core, &r, &req->check, f) : rc;
}

enum rc admin_check(struct request *req, struct fault *f)
{
	const struct check_report *report;
	enum rc rc = req->check ? RC_OK : begin(req, f);

	if (rc != RC_OK)
		return rc;
	/* Everything of a check has a deadline: the time here is for what nobody thought of. */
	if (!check_report(req->check) && request_wait(req, check_id(req->check), CHECK_MOST_MS))
		return RC_OK;
	report = check_report(req->check);
	if (!report)
		return fault_set(f, RC_TIMEOUT, PROBLEM_UNAVAILABLE, "the check did not end in time; see the server's log");
	return reply_report(req, report);
}
