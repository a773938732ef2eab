/* account.c - accounts from the client's side (RFC 8555 §7.3). */
#include <stdio.h>

#include "acme/jws.h"
#include "base/limits.h"
#include "client/client_impl.h"
#include "client/url.h"

/* One request and what is made from it. */
#define ACCOUNT_ARENA (2 * 1024 * 1024)

enum rc client_set_account(struct client *c, struct str url, struct fault *f)
{
	enum rc rc = client_check_url(c, "the account", url, f);

	if (rc == RC_OK) /* url_check() knows the length */
		(void)snprintf(c->account_url, sizeof(c->account_url), "%.*s", STR_ARG(url));
	return rc;
}

static enum rc bind_external(struct client *c, struct arena *a, const struct client_account *account,
			     struct str *out_eab, struct fault *f)
{
	if (account->eab_kid.p)
		return jws_sign_eab(a, account->eab_key, account->eab_kid, c->directory.new_account,
				    privkey_pubkey(c->key), out_eab);
	/* Asking for an account that exists needs no binding (RFC 8555 §7.3.1). */
	if (c->directory.eab_required && !account->only_existing)
		return fault_set(f, RC_DENIED, PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
				 "RFC 8555 §7.3.4: this server wants an external account binding; ask its operator for a key id and a key");
	return RC_OK;
}

enum rc client_register(struct client *c, struct arena *a, const struct client_account *account,
			struct str *out_url, struct fault *f)
{
	struct acme_new_account body = {
		.has_contact = account->contact_count > 0,
		.contacts = (struct str *)account->contacts,
		.contact_count = account->contact_count,
		.terms_agreed = account->agree_terms,
		.only_return_existing = account->only_existing,
	};
	struct client_request r = { .what = "newAccount", .url = c->directory.new_account, .auth = CLIENT_BY_JWK };
	AUTO(arena) struct arena scratch;
	struct acme_account shown;
	struct web_response answer;
	struct str url;
	enum rc rc;

	arena_init(&scratch, ACCOUNT_ARENA);
	client_begin(c, CLIENT_DEADLINE_S);
	rc = bind_external(c, &scratch, account, &body.eab, f);
	if (rc == RC_OK)
		rc = acme_new_account_encode(&scratch, &body, &r.payload);
	if (rc == RC_OK)
		rc = client_call(c, &scratch, &r, &answer, f);
	if (rc == RC_OK)
		rc = client_location(c, a, &answer, "newAccount", &url, f);
	if (rc == RC_OK)
		rc = acme_account_decode(&scratch, answer.body, &shown, f);
	if (rc != RC_OK)
		return rc;
	if (!str_is(shown.status, "valid"))
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.3.6: the account of this key is \"%.*s\"; take another account key",
				 (int)(shown.status.len < 40 ? shown.status.len : 40), shown.status.p);
	rc = client_set_account(c, url, f);
	if (rc == RC_OK && out_url)
		*out_url = url;
	return rc;
}

enum rc client_key_change(struct client *c, const struct privkey *new_key, struct fault *f)
{
	struct client_request r = { .what = "keyChange", .url = c->directory.key_change };
	AUTO(arena) struct arena scratch;
	struct web_response answer;
	struct str inner;
	enum rc rc;

	if (!r.url.p)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "this server offers no keyChange (RFC 8555 §7.3.5)");
	arena_init(&scratch, ACCOUNT_ARENA);
	client_begin(c, CLIENT_DEADLINE_S);
	rc = acme_key_change_encode(&scratch, str_of(c->account_url), privkey_pubkey(c->key), &inner);
	/* The inner JWS has no nonce and is signed by the new key (RFC 8555 §7.3.5). */
	if (rc == RC_OK)
		rc = jws_sign(&scratch, new_key, (struct str){ 0 }, (struct str){ 0 }, r.url, inner, &r.payload);
	if (rc == RC_OK)
		rc = client_call(c, &scratch, &r, &answer, f);
	if (rc == RC_OK)
		c->key = new_key;
	return rc;
}

enum rc client_deactivate(struct client *c, struct fault *f)
{
	struct client_request r = { .what = "account", .url = str_of(c->account_url),
				    .payload = ACME_DEACTIVATE_JSON };
	AUTO(arena) struct arena scratch;
	struct web_response answer;
	enum rc rc;

	arena_init(&scratch, ACCOUNT_ARENA);
	client_begin(c, CLIENT_DEADLINE_S);
	rc = client_call(c, &scratch, &r, &answer, f);
	if (rc == RC_OK)
		c->account_url[0] = '\0';
	return rc;
}

enum rc client_revoke(struct client *c, struct bytes cert_der, int reason, struct fault *f)
{
	struct client_request r = { .what = "revokeCert", .url = c->directory.revoke_cert };
	AUTO(arena) struct arena scratch;
	struct web_response answer;
	enum rc rc;

	if (!r.url.p)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "this server offers no revokeCert (RFC 8555 §7.6)");
	if (cert_der.len > LIMIT_CERT_BYTES)
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "the certificate is too long");
	arena_init(&scratch, ACCOUNT_ARENA);
	client_begin(c, CLIENT_DEADLINE_S);
	rc = acme_revoke_encode(&scratch, cert_der, reason, &r.payload);
	if (rc == RC_OK)
		rc = client_call(c, &scratch, &r, &answer, f);
	return rc;
}
