/* zone.c - zones: those of the settings file, to be looked at, and those of the store, to be changed; and
 * the store's part of the settings as one document. */
#include "acme/members.h"
#include "api/admin/resource.h"
#include "base/limits.h"
#include "core/authz.h"
#include "core/zones.h"

/* --- showing --- */

static void show_strs(struct json_out *o, const char *key, const struct setting_strs *list)
{
	json_out_open(o, key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_out_str(o, NULL, list->v[i]);
	json_out_close(o, ']');
}

static void show_challenges(struct json_out *o, int64_t challenges)
{
	json_out_open(o, "challenges", '[');
	for (int64_t bit = 1; bit <= challenges; bit <<= 1) {
		if (challenges & bit)
			json_out_str(o, NULL, str_of(challenge_type_name(bit)));
	}
	json_out_close(o, ']');
}

static void show_proof(struct json_out *o, const struct config_zone *raw, const struct zone *z)
{
	static const char *const targets[] = { [ADDR_PRIVATE] = "private", [ADDR_PUBLIC] = "public", [ADDR_DEV] = "dev" };
	static const char *const caa[] = { [CAA_OFF] = "off", [CAA_REPORT] = "report", [CAA_ENFORCE] = "enforce" };
	static const char *const dns[] = { [ZONE_DNS_RESOLVER] = "resolver", [ZONE_DNS_AUTHORITATIVE] = "authoritative" };
	static const char *const dnssec[] = { [ZONE_DNSSEC_OFF] = "off", [ZONE_DNSSEC_VALIDATE] = "validate",
					      [ZONE_DNSSEC_REQUIRE] = "require" };

	show_challenges(o, z->challenges);
	json_out_bool(o, "subdomains", z->subdomains);
	json_out_str(o, "address_policy", str_of(targets[z->targets.preset]));
	show_strs(o, "targets", &raw->targets);
	show_strs(o, "deny_targets", &raw->deny_targets);
	json_out_str(o, "resolver", raw->resolver.p ? raw->resolver : STR("system"));
	json_out_str(o, "dns", str_of(dns[z->dns]));
	json_out_str(o, "dnssec", str_of(dnssec[z->dnssec]));
	json_out_str(o, "caa", str_of(caa[z->caa]));
	if (z->probe_count) {
		show_strs(o, "probes", &raw->probes);
		json_out_int(o, "probe_quorum", (int64_t)(z->probe_quorum ? z->probe_quorum : z->probe_count));
	}
}

void show_zone(struct request *req, struct json_out *o, const char *key, const struct zone *z)
{
	static const char *const accounts[] = { [ZONE_ANYONE] = "anyone", [ZONE_BOUND] = "bound",
						[ZONE_BINDINGS] = "bindings" };
	const struct config_zone *raw = &((const struct config_zone *)req->config->raw.zones.v)[z->number];

	json_out_open(o, key, '{');
	json_out_int(o, "number", (int64_t)z->number);
	json_out_str(o, "name", z->name);
	json_out_str(o, "from", z->stored ? STR("store") : STR("file"));
	show_text(o, "broken", z->broken);
	show_strs(o, "names", &raw->names);
	show_strs(o, "except", &raw->except);
	json_out_str(o, "accounts", str_of(accounts[z->accounts]));
	if (z->binding_count)
		show_strs(o, "bindings", &raw->bindings);
	show_proof(o, raw, z);
	show_text(o, "issuer", raw->issuer);
	if (z->profile_count)
		show_strs(o, "profiles", &raw->profiles);
	show_text(o, "certificates", raw->certificates);
	json_out_close(o, '}');
}

enum rc admin_zones(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	AUTO(answer) struct answer a;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	answer_init(&a);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	json_out_open(&a.out, "zones", '[');
	for (size_t i = 0; i < req->config->zone_count; i++)
		show_zone(req, &a.out, NULL, &req->config->zones[i]);
	json_out_close(&a.out, ']');
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

static enum rc reply_zone(struct request *req, struct str name, struct fault *f)
{
	AUTO(answer) struct answer a;

	answer_init(&a);
	for (size_t i = 0; i < req->config->zone_count; i++) {
		if (!str_eq(req->config->zones[i].name, name))
			continue;
		show_zone(req, &a.out, NULL, &req->config->zones[i]);
		return reply_json(req, 200, &a);
	}
	return admin_not_found("zone", f);
}

enum rc admin_zone(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	struct str name;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	return rc == RC_OK ? reply_zone(req, name, f) : rc;
}

/* --- changing; the answer comes when the change is durable and in force --- */

static enum rc read_text(struct request *req, const char *member, struct str *out, bool *out_dry_run, struct fault *f)
{
	const char *const known[] = { member, out_dry_run ? "dry_run" : NULL, NULL };
	struct members m = { .arena = req->arena, .section = "admin API", .f = f };
	AUTO_JSON json_t *object = NULL;
	enum rc rc = json_read_object(req->http->body, LIMIT_JSON_BYTES, "admin API", &object, f);

	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	m.object = object;
	if (rc == RC_OK)
		rc = member_str(&m, member, MEMBER_REQUIRED, out);
	if (rc == RC_OK && out_dry_run)
		rc = member_bool(&m, "dry_run", out_dry_run);
	return rc;
}

static enum rc refresh(struct request *req)
{
	enum rc rc = zones_refresh(req->core.service);

	if (rc != RC_OK)
		return rc;
	config_unref(req->config);
	req->config = service_config(req->core.service);
	req->core.config = req->config;
	return RC_OK;
}

static enum rc zone_is_set(struct request *req, struct fault *f)
{
	struct str name;
	enum rc rc = refresh(req);

	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	return rc == RC_OK ? reply_zone(req, name, f) : rc;
}

enum rc admin_zone_set(struct request *req, struct fault *f)
{
	struct str name, text;
	bool changed;
	enum rc rc = read_text(req, "text", &text, NULL, f);

	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	if (rc == RC_OK)
		rc = zone_put(&req->core, name, text, &changed, f);
	if (rc != RC_OK)
		return rc;
	if (!changed)
		return reply_zone(req, name, f);
	req->then = zone_is_set;
	return RC_OK;
}

static enum rc reply_removed(struct request *req, struct str name)
{
	AUTO(answer) struct answer a;

	answer_init(&a);
	json_out_open(&a.out, NULL, '{');
	json_out_str(&a.out, "removed", name);
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

static enum rc zone_is_removed(struct request *req, struct fault *f)
{
	struct str name;
	enum rc rc = refresh(req);

	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	return rc == RC_OK ? reply_removed(req, name) : rc;
}

enum rc admin_zone_remove(struct request *req, struct fault *f)
{
	struct str name;
	bool changed;
	enum rc rc = admin_nothing_decode(req->http->body, f);

	if (rc == RC_OK)
		rc = admin_segment_decode(req->arena, req->path_id, &name, f);
	if (rc == RC_OK)
		rc = zone_put(&req->core, name, (struct str){ 0 }, &changed, f);
	if (rc == RC_OK)
		req->then = zone_is_removed;
	return rc;
}

/* --- the document --- */

enum rc admin_document(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	AUTO(answer) struct answer a;
	struct str text;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	answer_init(&a);
	if (rc == RC_OK)
		rc = zones_document(&req->core, &text);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	json_out_str(&a.out, "document", text);
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}

static void show_change(struct json_out *o, const struct zone_change *v)
{
	static const char *const kinds[] = { [ZONE_ADDED] = "add", [ZONE_CHANGED] = "change", [ZONE_REMOVED] = "remove" };

	json_out_open(o, NULL, '{');
	json_out_str(o, "zone", v->name);
	json_out_str(o, "change", str_of(kinds[v->kind]));
	show_text(o, "before", v->before);
	show_text(o, "after", v->after);
	json_out_close(o, '}');
}

/* The answer was made with the change that is durable now. */
static enum rc document_is_applied(struct request *req, struct fault *f)
{
	enum rc rc = refresh(req);

	(void)f;
	return rc == RC_OK ? reply_set(req, req->status, "application/json", req->body) : rc;
}

enum rc admin_document_apply(struct request *req, struct fault *f)
{
	struct zone_change *v;
	AUTO(answer) struct answer a;
	struct str text;
	bool dry_run = false;
	size_t count;
	enum rc rc = read_text(req, "document", &text, &dry_run, f);

	answer_init(&a);
	if (rc == RC_OK)
		rc = zones_compare(&req->core, text, &v, &count, f);
	if (rc == RC_OK)
		rc = zones_apply(&req->core, v, count, f);
	if (rc != RC_OK)
		return rc;
	if (dry_run) {
		tx_reset(req->core.tx); /* it was made only to find out whether it would be good */
	} else if (count) {
		req->then = document_is_applied;
	}
	json_out_open(&a.out, NULL, '{');
	json_out_bool(&a.out, "applied", !dry_run);
	json_out_open(&a.out, "changes", '[');
	for (size_t i = 0; i < count; i++)
		show_change(&a.out, &v[i]);
	json_out_close(&a.out, ']');
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}
