/* limit.c - rate limits: what is set, who is near or at them, forgiving. */
#include "core/rate_limit.h"
#include "acme/members.h"
#include "api/admin/resource.h"
#include "base/limits.h"

#define SHOWN_BUCKETS 200

static void show_rules(struct request *req, struct json_out *o)
{
	json_out_open(o, "rules", '[');
	for (int i = 0; i < LIMIT_RULES; i++) {
		const struct limit *l = &req->config->limits[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "name", str_of(limit_rule_name((enum limit_rule)i)));
		json_out_int(o, "count", l->count);
		json_out_int(o, "period_s", l->period_s);
		json_out_int(o, "refused", (int64_t)limits_refused(req->core.service->limits, (enum limit_rule)i));
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

enum rc admin_limits(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	struct limit_state *v;
	AUTO(answer) struct answer a;
	size_t count;
	enum rc rc;

	answer_init(&a);
	rc = admin_query_decode(req->arena, req->http->query, &none, f);
	if (rc == RC_OK)
		rc = limits_list(req->core.service->limits, req->config, req->arena, SHOWN_BUCKETS, &v, &count);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	show_rules(req, &a.out);
	json_out_open(&a.out, "fullest", '[');
	for (size_t i = 0; i < count; i++) {
		json_out_open(&a.out, NULL, '{');
		json_out_str(&a.out, "rule", str_of(limit_rule_name(v[i].rule)));
		json_out_str(&a.out, "subject", v[i].subject);
		json_out_int(&a.out, "used", v[i].used);
		json_out_int(&a.out, "count", req->config->limits[v[i].rule].count);
		json_out_close(&a.out, '}');
	}
	json_out_close(&a.out, ']');
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

enum rc admin_limits_reset(struct request *req, struct fault *f)
{
	static const char *const known[] = { "subject", "all", NULL };
	struct members m = { .arena = req->arena, .section = "admin API", .f = f };
	AUTO_JSON json_t *object = NULL;
	struct str subject = { 0 };
	AUTO(answer) struct answer a;
	size_t count;
	enum rc rc;

	answer_init(&a);
	rc = json_read_object(req->http->body, LIMIT_JSON_BYTES, "admin API", &object, f);
	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	m.object = object;
	if (rc == RC_OK)
		rc = member_str(&m, "subject", MEMBER_OPTIONAL, &subject);
	if (rc == RC_OK && !subject.p && !json_is_true(member_get(&m, "all")))
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "say whose: \"subject\" or \"all\": true");
	if (rc == RC_OK)
		rc = audit_add(&req->core, "limit.reset", subject.p ? subject : STR("*"), "%s", "");
	if (rc != RC_OK)
		return rc;
	count = limits_reset(req->core.service->limits, subject);
	json_out_open(&a.out, NULL, '{');
	json_out_int(&a.out, "reset", (int64_t)count);
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}
