/* acme.h - the ACME endpoints (RFC 8555 §7): one file per resource, each only a translation. */
#ifndef ASSAY_API_ACME_ACME_H
#define ASSAY_API_ACME_ACME_H

#include "api/request.h"
#include "core/order.h"

/* Finds directory and endpoint for the path and, for POST, authenticates (gate.c). Also the
 * bootstrap pages: /root.pem, /roots.pem, /root.der, /terms, /health/.... */
enum rc acme_route(struct request *req, struct fault *f);

/* Which key may sign (RFC 8555 §6.2). */
enum gate_key { GATE_KID, GATE_JWK, GATE_EITHER };
/* JWS, content type, nonce, url, account (RFC 8555 §6.2-6.5): fills req->jws, payload, account. */
enum rc gate_check(struct request *req, enum gate_key key, struct fault *f);
/* The account id in a kid or account URL of this directory. */
enum rc gate_account_url(struct request *req, struct str url, struct id *out);
/* RFC 8555 §6.3: the resource is only read; a payload is refused. */
enum rc gate_no_payload(struct request *req, struct fault *f);

/* "https://host/acme/NAME/ID" in the arena; absent when memory is out. */
struct str acme_url(struct request *req, const char *name, struct str id);

enum rc handle_directory(struct request *req, struct fault *f);
enum rc handle_new_nonce(struct request *req, struct fault *f);
enum rc handle_new_account(struct request *req, struct fault *f);
enum rc handle_account(struct request *req, struct fault *f);
enum rc handle_orders(struct request *req, struct fault *f);
enum rc handle_key_change(struct request *req, struct fault *f);
enum rc handle_new_order(struct request *req, struct fault *f);
enum rc handle_order(struct request *req, struct fault *f);
enum rc handle_finalize(struct request *req, struct fault *f);
enum rc handle_new_authz(struct request *req, struct fault *f);
enum rc handle_authz(struct request *req, struct fault *f);
enum rc handle_challenge(struct request *req, struct fault *f);
enum rc handle_explain(struct request *req, struct fault *f);
enum rc handle_cert(struct request *req, struct fault *f);
enum rc handle_renewal_info(struct request *req, struct fault *f);
enum rc handle_revoke(struct request *req, struct fault *f);

/* Where the owner reads what became of an order or authorization; absent when memory is out. */
struct str explain_url(struct request *req, struct id id);
/* Gives a stored problem document, if there is one, that URL as its "instance". */
enum rc explain_error(struct request *req, struct id id, struct str *error) MUST_USE;

/* The order object as reply, with Location and Retry-After while it is under way. */
enum rc reply_order(struct request *req, const struct order *order, int status);

#endif
