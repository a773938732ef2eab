/* explain.c - POST-as-GET explain/ID: what became of an order or authorization, for its owner: the trace
 * that `assay order why` shows the operator. It is what "instance" of their problem documents leads to
 * (RFC 7807 §3.1). Signed like every read (RFC 8555 §6.3), so that the URL alone, in somebody's log,
 * tells nobody anything; another's and none look the same. */
#include "acme/objects.h"
#include "acme/problem.h"
#include "api/acme/acme.h"

struct str explain_url(struct request *req, struct id id)
{
	return acme_url(req, "explain", id_str(req->arena, id));
}

enum rc explain_error(struct request *req, struct id id, struct str *error)
{
	struct str url;

	if (!error->p)
		return RC_OK;
	url = explain_url(req, id);
	return url.p ? problem_with_instance(req->arena, *error, url.p, error) : RC_NOMEM;
}

static enum rc reply_explanation(struct request *req, const struct acme_explanation *x)
{
	struct str body;
	enum rc rc = acme_explanation_encode(req->arena, x, &body);

	return rc == RC_OK ? reply_set(req, 200, "application/json", body) : rc;
}

static enum rc explain_authz(struct request *req, const struct authz_record *z)
{
	struct acme_explanation x = {
		.kind = "authorization",
		.url = acme_url(req, "authz", id_str(req->arena, z->id)),
		.status = str_of(authz_state_name(authz_state(z, req->core.now))),
		.error = z->error,
		.trace = z->trace,
	};
	struct identifier *id;
	size_t count;
	enum rc rc = identifiers_from_text(req->arena, z->identifier, &id, &count);

	if (rc != RC_OK || count != 1)
		return rc != RC_OK ? rc : RC_INTERNAL;
	x.identifier = id;
	if (z->attempted)
		x.challenge = str_of(challenge_type_name(z->attempted));
	return reply_explanation(req, &x);
}

static enum rc explain_order(struct request *req, const struct order *o)
{
	struct str *authzs = arena_array(req->arena, o->authz_count + 1, sizeof(*authzs));
	struct acme_explanation x = {
		.kind = "order",
		.url = acme_url(req, "order", id_str(req->arena, o->record.id)),
		.status = str_of(order_state_name(o->state)),
		.error = o->error,
		.trace = o->record.trace,
		.authorizations = authzs,
		.authorization_count = o->authz_count,
	};

	if (!authzs)
		return RC_NOMEM;
	for (size_t i = 0; i < o->authz_count; i++) {
		authzs[i] = explain_url(req, o->authzs[i]);
		if (!authzs[i].p)
			return RC_NOMEM;
	}
	return reply_explanation(req, &x);
}

enum rc handle_explain(struct request *req, struct fault *f)
{
	struct authz_record z;
	struct order order;
	struct id id;
	enum rc rc = gate_no_payload(req, f);

	if (rc == RC_OK && !id_parse(req->path_id, &id))
		rc = RC_NOTFOUND;
	if (rc == RC_OK)
		rc = authz_load_for(&req->core, req->account, id, &z, NULL);
	if (rc == RC_OK)
		return explain_authz(req, &z);
	if (rc == RC_NOTFOUND && id_parse(req->path_id, &id))
		rc = order_load_for(&req->core, req->account, id, &order, NULL);
	if (rc == RC_OK)
		return explain_order(req, &order);
	return rc == RC_NOTFOUND ? fault_set(f, rc, PROBLEM_NOT_FOUND, "there is no such order or authorization") : rc;
}
