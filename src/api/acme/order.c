/* order.c - newOrder, order, finalize (RFC 8555 §7.4). Translation only: what happens is decided in
 * core/order.c. */
#include "acme/objects.h"
#include "api/acme/acme.h"

#include "base/encode.h"
#include "crypto/digest.h"

#define ISSUE_WAIT_MS 2000
#define PROCESSING_WAIT_MS 1000

/* assay dev --strict: RFC 8555 promises no order of the authorizations. */
static void trainer_shuffle(struct str *v, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		uint32_t random;
		struct str last = v[i - 1];

		random_bytes(&random, sizeof(random));
		v[i - 1] = v[random % i];
		v[random % i] = last;
	}
}

static bool is_among(const struct id *v, size_t count, struct id id)
{
	for (size_t i = 0; i < count; i++) {
		if (id_eq(v[i], id))
			return true;
	}
	return false;
}

enum rc reply_order(struct request *req, const struct order *o, int status)
{
	struct str id = id_str(req->arena, o->record.id), body;
	struct acme_order doc = {
		.status = str_of(order_state_name(o->state)),
		.identifiers = o->identifiers,
		.identifier_count = o->identifier_count,
		.not_before = o->record.not_before,
		.not_after = o->record.not_after,
		.expires = o->record.expires_at,
		.finalize = acme_url(req, "finalize", id),
		.profile = o->record.profile,
		.replaces = o->record.replaces,
		.error = o->error,
	};
	struct str *authzs = arena_array(req->arena, o->authz_count + 1, sizeof(*authzs));
	enum rc rc = explain_error(req, o->record.id, &doc.error);

	if (rc != RC_OK)
		return rc;
	if (!authzs)
		return RC_NOMEM;
	for (size_t i = 0; i < o->authz_count; i++) {
		if (!is_among(o->authzs, i, o->authzs[i]))
			authzs[doc.authorization_count++] = acme_url(req, "authz", id_str(req->arena, o->authzs[i]));
	}
	if (req->config->strict_trainer)
		trainer_shuffle(authzs, doc.authorization_count);
	doc.authorizations = authzs;
	if (o->state == ORDER_STATE_VALID) {
		char *serial = arena_alloc(req->arena, 2 * o->record.certificate.len + 1);

		if (!serial)
			return RC_NOMEM;
		hex_encode(o->record.certificate, serial);
		doc.certificate = acme_url(req, "cert", str_of(serial));
	}
	rc = acme_order_encode(req->arena, &doc, &body);
	if (rc != RC_OK)
		return rc;
	reply_header(req, "Location", acme_url(req, "order", id));
	if (o->state == ORDER_STATE_PROCESSING)
		reply_header(req, "Retry-After", STR("1")); /* FIELD Q26: integer, short */
	return reply_set(req, status, "application/json", body);
}

enum rc handle_new_order(struct request *req, struct fault *f)
{
	struct acme_new_order body;
	struct order order;
	enum rc rc;

	rc = acme_new_order_decode(req->arena, req->payload, &body, f);
	if (rc == RC_OK)
		rc = order_create(&req->core, req->directory, req->account, &body, &order, f);
	if (rc != RC_OK)
		return rc;
	return reply_order(req, &order, 201);
}

static enum rc load_order(struct request *req, struct order *out, struct fault *f)
{
	struct id id;

	if (!id_parse(req->path_id, &id))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such order");
	return order_load_for(&req->core, req->account, id, out, f);
}

static enum rc show_order(struct request *req, struct fault *f)
{
	struct order order;
	enum rc rc = load_order(req, &order, f);

	if (rc != RC_OK)
		return rc;
	if (order.state == ORDER_STATE_PROCESSING && !req->config->strict_trainer &&
	    request_wait(req, order.record.id, PROCESSING_WAIT_MS))
		return RC_OK; /* answered when it is issued, so that the client need not poll */
	return reply_order(req, &order, 200);
}

enum rc handle_order(struct request *req, struct fault *f)
{
	enum rc rc = gate_no_payload(req, f);

	return rc == RC_OK ? show_order(req, f) : rc;
}

enum rc handle_finalize(struct request *req, struct fault *f)
{
	struct acme_finalize body;
	struct order order;
	enum rc rc;

	rc = acme_finalize_decode(req->arena, req->payload, &body, f);
	if (rc == RC_OK)
		rc = load_order(req, &order, f); /* not found and not yours look the same */
	if (rc == RC_OK)
		req->instance = explain_url(req, order.record.id);
	/* Ownership, orderNotReady and the CSR's names are decided in core/order.c and nowhere else, so
	 * that the CLI and the upstream issuer follow the same rules. */
	if (rc == RC_OK)
		rc = order_finalize(&req->core, &order, req->account, body.csr, f);
	if (rc != RC_OK)
		return rc;
	if (order.state == ORDER_STATE_VALID)
		return reply_order(req, &order, 200);
	/* Held until the certificate is durable or 2 s have passed: then the order is shown as
	 * "processing" and the client polls (RFC 8555 §7.4). */
	if (!req->config->strict_trainer)
		request_watch(req, order.record.id, ISSUE_WAIT_MS);
	req->then = show_order;
	if (tx_is_empty(req->core.tx)) { /* it was claimed before */
		req->then = NULL;
		return show_order(req, f);
	}
	return reply_order(req, &order, 200);
}
