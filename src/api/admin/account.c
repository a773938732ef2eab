/* account.c - ACME accounts as the operator sees them; deactivation (RFC 8555 §7.3.6). */
#include "core/account.h"
#include "acme/jwk.h"
#include "api/admin/resource.h"
#include "base/encode.h"

static const char *key_name(const struct account_record *r, char out[16])
{
	AUTO_PTR(pubkey) struct pubkey *key = NULL;

	if (jwk_parse(r->jwk, &key, NULL) != RC_OK)
		return "unknown";
	(void)str_printable(str_of(key_type_name(pubkey_type(key), pubkey_bits(key))), out, 16);
	return out;
}

static enum rc show_account(struct request *req, struct json_out *o, const void *record)
{
	const struct account_record *r = record;
	char thumbprint[B64URL_LEN(32) + 1], key[16];
	struct str id = id_str(req->arena, r->id);

	if (!id.p || r->thumbprint.len != 32)
		return id.p ? RC_INTERNAL : RC_NOMEM;
	b64url_encode(r->thumbprint, thumbprint);
	json_out_open(o, NULL, '{');
	json_out_str(o, "id", id);
	json_out_str(o, "status", str_of(account_status_name(r->status)));
	json_out_str(o, "directory", r->directory);
	show_lines(o, "contacts", r->contacts);
	json_out_str(o, "key", str_of(key_name(r, key)));
	json_out_str(o, "thumbprint", str_of(thumbprint));
	show_text(o, "eab_kid", r->eab_kid);
	show_time(o, "terms_agreed_at", r->terms_agreed_at);
	show_time(o, "created_at", r->created_at);
	show_text(o, "created_from", r->created_from);
	json_out_close(o, '}');
	return RC_OK;
}

static struct str account_cursor(struct request *req, const void *record)
{
	return id_str(req->arena, ((const struct account_record *)record)->id);
}

static bool has_status(const void *record, const void *status)
{
	return ((const struct account_record *)record)->status == *(const int64_t *)status;
}

static int64_t status_parse(struct str text)
{
	for (int64_t s = ACCOUNT_VALID; s <= ACCOUNT_REVOKED; s++) {
		if (str_is(text, account_status_name(s)))
			return s;
	}
	return 0;
}

enum rc admin_accounts(struct request *req, struct fault *f)
{
	struct str status = { 0 }, limit = { 0 }, after = { 0 };
	const struct query_param params[] = { { "status", &status }, { "limit", &limit }, { "after", &after }, { 0 } };
	struct account_record behind = { 0 };
	int64_t wanted = 0;
	struct listing l = {
		.name = "accounts",
		.query = { .table = &ACCOUNTS, .index = STORE_PRIMARY, .descending = true },
		.record_size = sizeof(struct account_record),
		.show = show_account,
		.cursor = account_cursor,
		.arg = &wanted,
	};
	enum rc rc = admin_query_decode(req->arena, req->http->query, params, f);

	if (rc == RC_OK)
		rc = admin_limit_decode(limit, &l.limit, f);
	if (rc != RC_OK)
		return rc;
	if (status.p) {
		wanted = status_parse(status);
		l.wanted = has_status;
		if (!wanted)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "\"status\" must be valid, deactivated or revoked");
	}
	if (after.p) {
		if (!id_parse(after, &behind.id))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"after\" is not the id of an account");
		l.after = &behind;
	}
	return reply_listing(req, &l);
}

static enum rc load_account(struct request *req, struct account_record *out, struct fault *f)
{
	struct id id;
	enum rc rc;

	if (!id_parse(req->path_id, &id))
		return admin_not_found("account", f);
	rc = account_get(&req->core, id, out, f);
	return rc == RC_NOTFOUND ? admin_not_found("account", f) : rc;
}

static enum rc reply_account(struct request *req, const struct account_record *r)
{
	AUTO(answer) struct answer a;
	enum rc rc;

	answer_init(&a);
	rc = show_account(req, &a.out, r);
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}

enum rc admin_account(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	struct account_record r;
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	if (rc == RC_OK)
		rc = load_account(req, &r, f);
	return rc == RC_OK ? reply_account(req, &r) : rc;
}

enum rc admin_account_deactivate(struct request *req, struct fault *f)
{
	struct account_record r;
	enum rc rc = admin_nothing_decode(req->http->body, f);

	if (rc == RC_OK)
		rc = load_account(req, &r, f);
	if (rc != RC_OK)
		return rc;
	/* Doing it twice is no error: what was asked for is so. */
	if (r.status == ACCOUNT_VALID) {
		rc = account_deactivate(&req->core, &r);
		req->drop_account = true;
		req->drop_account_id = r.id;
	}
	return rc == RC_OK ? reply_account(req, &r) : rc;
}
