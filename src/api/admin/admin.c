/* admin.c - which path of the admin API is whose (default deny), and who may use it. */
#include "api/admin/admin.h"

#include <pwd.h>
#include <unistd.h>

#include "api/admin/resource.h"

/* A path matches exactly: segment by segment, "*" is one segment that is not empty. */
static const struct route {
	const char *path;
	enum http_method method;
	handler_fn handler;
} routes[] = {
	{ "/v1/status", HTTP_GET, admin_status },
	{ "/v1/check", HTTP_GET, admin_check },
	{ "/v1/accounts", HTTP_GET, admin_accounts },
	{ "/v1/accounts/*", HTTP_GET, admin_account },
	{ "/v1/accounts/*/deactivate", HTTP_POST, admin_account_deactivate },
	{ "/v1/orders", HTTP_GET, admin_orders },
	{ "/v1/orders/*", HTTP_GET, admin_order },
	{ "/v1/orders/*/why", HTTP_GET, admin_order_why },
	{ "/v1/certs", HTTP_GET, admin_certs },
	{ "/v1/certs", HTTP_POST, admin_cert_issue },
	{ "/v1/certs/renew-early", HTTP_POST, admin_renew_early },
	{ "/v1/certs/*", HTTP_GET, admin_cert },
	{ "/v1/certs/*/revoke", HTTP_POST, admin_cert_revoke },
	{ "/v1/eab", HTTP_GET, admin_eab_keys },
	{ "/v1/eab", HTTP_POST, admin_eab_add },
	{ "/v1/eab/*", HTTP_GET, admin_eab_key },
	{ "/v1/eab/*/revoke", HTTP_POST, admin_eab_revoke },
	{ "/v1/limits", HTTP_GET, admin_limits },
	{ "/v1/limits/reset", HTTP_POST, admin_limits_reset },
	{ "/v1/authorities", HTTP_GET, admin_authorities },
	{ "/v1/authorities/*", HTTP_GET, admin_authority },
	{ "/v1/directories", HTTP_GET, admin_directories },
	{ "/v1/directories/*", HTTP_GET, admin_directory },
	{ "/v1/zones", HTTP_GET, admin_zones },
	{ "/v1/zones/*", HTTP_GET, admin_zone },
	{ "/v1/zones/*", HTTP_POST, admin_zone_set },
	{ "/v1/zones/*/remove", HTTP_POST, admin_zone_remove },
	{ "/v1/document", HTTP_GET, admin_document },
	{ "/v1/document", HTTP_POST, admin_document_apply },
	{ "/v1/probes", HTTP_GET, admin_probes },
	{ "/v1/jobs", HTTP_GET, admin_jobs },
	{ "/v1/audit", HTTP_GET, admin_audit },
	{ "/v1/audit/chain", HTTP_GET, admin_audit_chain },
	{ "/v1/audit/checkpoint", HTTP_GET, admin_audit_checkpoint },
	{ "/v1/audit/checkpoint", HTTP_POST, admin_audit_checkpoint_make },
};

/* The name that the audit trail keeps: the user's, or the number of one without a name. */
static enum rc name_operator(struct request *req, unsigned uid)
{
	struct passwd entry, *found = NULL;
	char space[4096], *name;

	if (getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 && found)
		name = arena_cstr(req->arena, str_of(found->pw_name));
	else
		name = arena_printf(req->arena, "uid %u", uid);
	req->operator_name = str_of(name);
	req->core.actor = str_of(name ? arena_printf(req->arena, "operator %s", name) : NULL);
	return req->core.actor.p ? RC_OK : RC_NOMEM;
}

static enum rc check_peer(struct request *req, struct fault *f)
{
	unsigned uid, gid;
	int pid;

	if (http_exchange_peer_cred(req->exchange, &uid, &gid, &pid) && (uid == 0 || uid == geteuid()))
		return name_operator(req, uid);
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "policy: the admin socket serves root and the server's own user only");
}

static bool path_matches(const char *pattern, struct str path, struct str *out_id)
{
	struct str wanted = str_of(pattern), want, have, id = { 0 };
	bool more_wanted = true, more = true;

	while (more_wanted && more) {
		more_wanted = str_cut(wanted, '/', &want, &wanted);
		more = str_cut(path, '/', &have, &path);
		if (str_is(want, "*") && have.len)
			id = have;
		else if (!str_eq(want, have))
			return false;
	}
	if (more_wanted || more)
		return false;
	*out_id = id;
	return true;
}

enum rc admin_route(struct request *req, struct fault *f)
{
	enum rc rc = check_peer(req, f);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		if (!path_matches(routes[i].path, req->http->path, &req->path_id))
			continue;
		req->allow = req->allow ? "GET, POST" : routes[i].method == HTTP_GET ? "GET" : "POST";
		if (req->http->method == routes[i].method) {
			req->handler = routes[i].handler;
			return RC_OK;
		}
	}
	if (req->allow)
		return fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED, "this resource answers %s", req->allow);
	return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "the admin API has nothing at this path");
}
