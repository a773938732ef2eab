/* eab.c - external account binding keys (RFC 8555 §7.3.4): made, listed, revoked. The HMAC key is in
 * the answer that made it and never again. */
#include "core/eab.h"
#include "acme/members.h"
#include "api/admin/resource.h"
#include "base/limits.h"

#define LIST_MAX 100
#define USES_MAX 1000000000

static void show_members(struct request *req, struct json_out *o, const struct eab_record *r)
{
	json_out_str(o, "kid", r->kid);
	json_out_str(o, "status", str_of(eab_status(r, req->core.now)));
	show_text(o, "name", r->name);
	json_out_bool(o, "reusable", r->uses == 0);
	if (r->uses)
		json_out_int(o, "uses", r->uses);
	json_out_int(o, "used", r->used);
	show_lines(o, "zones", r->zones);
	show_lines(o, "profiles", r->profiles);
	show_time(o, "created_at", r->created_at);
	json_out_str(o, "created_by", r->created_by);
	show_time(o, "expires_at", r->expires_at);
	show_time(o, "revoked_at", r->revoked_at);
}

static enum rc show_eab(struct request *req, struct json_out *o, const void *record)
{
	json_out_open(o, NULL, '{');
	show_members(req, o, record);
	json_out_close(o, '}');
	return RC_OK;
}

static struct str eab_cursor(struct request *req, const void *record)
{
	(void)req;
	return ((const struct eab_record *)record)->kid;
}

enum rc admin_eab_keys(struct request *req, struct fault *f)
{
	struct str limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "limit", &limit }, { "after", &after }, { 0 } };
	struct eab_record behind = { 0 };
	struct listing l = {
		.name = "eab",
		.query = { .table = &EABS, .index = STORE_PRIMARY, .descending = true },
		.record_size = sizeof(struct eab_record),
		.show = show_eab,
		.cursor = eab_cursor,
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc == RC_OK && after.p) {
		behind.kid = after;
		l.after = &behind;
	}
	return rc == RC_OK ? reply_listing(req, &l) : rc;
}

static enum rc reply_eab(struct request *req, int status, const struct eab_record *r, struct str key)
{
	AUTO(answer) struct answer a;

	answer_init(&a);
	json_out_open(&a.out, NULL, '{');
	show_members(req, &a.out, r);
	show_text(&a.out, "hmac_key", key);
	json_out_close(&a.out, '}');
	return reply_json(req, status, &a);
}

static enum rc load(struct request *req, struct eab_record *out, struct fault *f)
{
	struct str kid;
	enum rc rc = admin_segment_decode(req->arena, req->path_id, &kid, f);

	return rc == RC_OK ? eab_load(&req->core, kid, out, f) : rc;
}

enum rc admin_eab_key(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	struct eab_record r;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	if (rc == RC_OK)
		rc = load(req, &r, f);
	return rc == RC_OK ? reply_eab(req, 200, &r, (struct str){ 0 }) : rc;
}

static enum rc read_terms(const struct members *m, struct eab_new *n)
{
	struct str expires = { 0 };
	bool has_uses = false, reusable = false;
	enum rc rc = member_int(m, "uses", &has_uses, &n->uses);

	if (rc == RC_OK)
		rc = member_bool(m, "reusable", &reusable);
	if (rc == RC_OK)
		rc = member_str(m, "expires", MEMBER_OPTIONAL, &expires);
	if (rc != RC_OK)
		return rc;
	if (has_uses && (reusable || n->uses < 1 || n->uses > USES_MAX))
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"uses\" must be 1 or more, and not be given with \"reusable\"");
	if (!has_uses)
		n->uses = reusable ? 0 : 1;
	if (expires.p && !str_to_duration_s(expires, &n->lifetime_s))
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"expires\" must be a time such as \"30d\", \"36h\" or \"15m\"");
	return RC_OK;
}

static enum rc read_body(struct request *req, struct eab_new *out, struct fault *f)
{
	static const char *const known[] = { "name", "uses", "reusable", "expires", "zones", "profiles", NULL };
	struct members m = { .arena = req->arena, .section = "admin API", .f = f };
	struct str *zones = NULL, *profiles = NULL;
	AUTO_JSON json_t *object = NULL;
	struct eab_new n = { 0 };
	enum rc rc = json_read_object(req->http->body, LIMIT_JSON_BYTES, "admin API", &object, f);

	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	m.object = object;
	if (rc == RC_OK)
		rc = member_str(&m, "name", MEMBER_OPTIONAL, &n.name);
	if (rc == RC_OK)
		rc = member_strs(&m, "zones", MEMBER_OPTIONAL, LIST_MAX, &zones, &n.zone_count);
	if (rc == RC_OK)
		rc = member_strs(&m, "profiles", MEMBER_OPTIONAL, LIST_MAX, &profiles, &n.profile_count);
	if (rc == RC_OK)
		rc = read_terms(&m, &n);
	if (rc != RC_OK)
		return rc;
	n.zones = zones;
	n.profiles = profiles;
	*out = n;
	return RC_OK;
}

enum rc admin_eab_add(struct request *req, struct fault *f)
{
	struct eab_record r;
	struct eab_new n;
	struct str key;
	enum rc rc = read_body(req, &n, f);

	if (rc == RC_OK)
		rc = eab_add(&req->core, &n, &r, &key, f);
	return rc == RC_OK ? reply_eab(req, 201, &r, key) : rc;
}

enum rc admin_eab_revoke(struct request *req, struct fault *f)
{
	struct eab_record r;
	enum rc rc = admin_nothing_decode(req->http->body, f);

	if (rc == RC_OK)
		rc = load(req, &r, f);
	if (rc == RC_OK)
		rc = eab_revoke(&req->core, &r);
	return rc == RC_OK ? reply_eab(req, 200, &r, (struct str){ 0 }) : rc;
}
