/* account.c - newAccount, account, its orders list, keyChange (RFC 8555 §7.3, §7.1.2.1). */
#include "acme/jwk.h"
#include "acme/problem.h"
#include "acme/objects.h"
#include "api/acme/acme.h"
#include "base/limits.h"

#define ORDERS_PER_PAGE 50

static enum rc reply_account(struct request *req, const struct account_record *r, int status)
{
	struct str id = id_str(req->arena, r->id), rest = r->contacts, line, body;
	struct str contacts[LIMIT_CONTACTS];
	struct acme_account doc = {
		.status = str_of(account_status_name(r->status)),
		.contacts = contacts,
		.terms_agreed = r->terms_agreed_at != 0,
		.orders = acme_url(req, "orders", id),
		.created_at = r->created_at,
		.eab = r->eab,
		.jwk = r->jwk,
	};
	enum rc rc;

	while (rest.len && doc.contact_count < LIMIT_CONTACTS) {
		(void)str_cut(rest, '\n', &line, &rest);
		contacts[doc.contact_count++] = line;
	}
	rc = acme_account_encode(req->arena, &doc, &body);
	if (rc != RC_OK)
		return rc;
	reply_header(req, "Location", acme_url(req, "acct", id)); /* FIELD Q20: with 200 and 201 */
	return reply_set(req, status, "application/json", body);
}

/* The account's own key signs its URL; another account's URL is unauthorized. */
static enum rc own_account(struct request *req, struct account_record *out, struct fault *f)
{
	struct id id;

	if (!id_parse(req->path_id, &id) || !id_eq(id, req->account->id))
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.3: the request is not signed by the key of this account");
	return account_get(&req->core, id, out, f);
}

enum rc handle_new_account(struct request *req, struct fault *f)
{
	char peer[ADDR_TEXT_MAX];
	struct acme_new_account body;
	struct account_record account;
	struct new_account n;
	bool created;
	enum rc rc;

	rc = acme_new_account_decode(req->arena, req->payload, &body, f);
	if (rc != RC_OK)
		return rc;
	addr_text_ip(http_exchange_peer(req->exchange), peer);
	n = (struct new_account){ .key = req->jws.jwk, .body = &body, .url = req->jws.url, .peer = str_of(peer) };
	rc = account_create(&req->core, req->directory, &n, &account, &created, f);
	if (rc == RC_NOTFOUND && f && f->problem == PROBLEM_ACCOUNT_DOES_NOT_EXIST)
		f->status = 400; /* RFC 8555 §7.3.1 */
	if (rc != RC_OK)
		return rc;
	return reply_account(req, &account, created ? 201 : 200);
}

enum rc handle_account(struct request *req, struct fault *f)
{
	struct acme_new_account body = { 0 };
	struct account_record account;
	enum rc rc;

	rc = own_account(req, &account, f);
	if (rc == RC_OK && req->payload.len) /* an empty payload is POST-as-GET */
		rc = acme_new_account_decode(req->arena, req->payload, &body, f);
	if (rc == RC_OK && req->payload.len)
		rc = account_update(&req->core, &account, &body, f);
	if (rc != RC_OK)
		return rc;
	req->drop_account = req->payload.len > 0;
	req->drop_account_id = account.id;
	return reply_account(req, &account, 200);
}

/* RFC 8555 §7.1.2.1: newest first, in pages with Link rel="next". */
enum rc handle_orders(struct request *req, struct fault *f)
{
	struct order_record key = { .account = req->account->id }, after = key, *rows;
	struct store_query q = { .table = &ORDERS, .index = ORDERS_BY_ACCOUNT, .key = &key, .key_columns = 1,
				 .descending = true, .limit = ORDERS_PER_PAGE + 1 };
	struct str name, cursor, *urls, body;
	struct account_record account;
	size_t count;
	enum rc rc;

	rc = own_account(req, &account, f);
	if (rc == RC_OK)
		rc = gate_no_payload(req, f);
	if (rc != RC_OK)
		return rc;
	if (req->http->query.p) {
		(void)str_cut(req->http->query, '=', &name, &cursor);
		if (!str_is(name, "cursor") || !id_parse(cursor, &after.id))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 8555 §7.1.2.1: the query is not one that this server gave in Link rel=\"next\"");
		q.after = &after;
	}
	rc = store_list(req->core.read, &q, req->arena, &rows, &count);
	urls = rc == RC_OK ? arena_array(req->arena, ORDERS_PER_PAGE + 1, sizeof(*urls)) : NULL;
	if (!urls)
		return rc != RC_OK ? rc : RC_NOMEM;
	for (size_t i = 0; i < count && i < ORDERS_PER_PAGE; i++)
		urls[i] = acme_url(req, "order", id_str(req->arena, rows[i].id));
	rc = acme_orders_encode(req->arena, urls, count < ORDERS_PER_PAGE ? count : ORDERS_PER_PAGE, &body);
	if (rc == RC_OK && count > ORDERS_PER_PAGE)
		rc = reply_headerf(req, "Link", "<%.*s?cursor=%.*s>;rel=\"next\"",
				   STR_ARG(acme_url(req, "orders", req->path_id)),
				   STR_ARG(id_str(req->arena, rows[ORDERS_PER_PAGE - 1].id)));
	if (rc != RC_OK)
		return rc;
	return reply_set(req, 200, "application/json", body);
}

/* RFC 8555 §7.3.5: the outer JWS is by the old key, the inner by the new one, both for this URL. */
static enum rc check_inner(struct request *req, const struct jws *inner, struct fault *f)
{
	struct acme_key_change change;
	struct pubkey *old = NULL;
	struct id id;
	enum rc rc;

	if (!inner->jwk)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.3.5: the inner JWS must have a \"jwk\", the new key");
	rc = jws_verify(inner, inner->jwk, f);
	if (rc != RC_OK)
		return rc;
	if (!str_eq(inner->url, req->jws.url))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.3.5: inner and outer JWS must have the same \"url\"");
	rc = acme_key_change_decode(req->arena, inner->payload, &change, f);
	if (rc != RC_OK)
		return rc;
	if (gate_account_url(req, change.account, &id) != RC_OK || !id_eq(id, req->account->id))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.3.5: \"account\" is not the account that signed the request");
	rc = jwk_parse(change.old_key, &old, f);
	if (rc == RC_OK && !pubkey_eq(old, req->account->key))
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "RFC 8555 §7.3.5: \"oldKey\" is not the account's current key");
	if (rc == RC_OK && pubkey_eq(inner->jwk, req->account->key))
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "policy: the new key is the account's current key");
	pubkey_free(old);
	return rc;
}

enum rc handle_key_change(struct request *req, struct fault *f)
{
	struct account_record account;
	AUTO(jws) struct jws inner = { 0 };
	struct id owner;
	enum rc rc;

	rc = jws_parse_inner(req->arena, req->payload, &inner, f);
	if (rc == RC_OK)
		rc = check_inner(req, &inner, f);
	if (rc == RC_OK)
		rc = account_get(&req->core, req->account->id, &account, f);
	if (rc == RC_OK)
		rc = account_change_key(&req->core, &account, inner.jwk, &owner, f);
	if (rc == RC_CONFLICT) {
		struct str body;

		/* A reply of its own, since this fault has a Location. */
		rc = fault_to_json(req->arena, f, NULL, &body);
		if (rc != RC_OK)
			return rc;
		reply_header(req, "Location", acme_url(req, "acct", id_str(req->arena, owner)));
		return reply_set(req, 409, "application/problem+json", body);
	}
	if (rc != RC_OK)
		return rc;
	req->drop_account = true;
	req->drop_account_id = account.id;
	return reply_account(req, &account, 200);
}
