/* objects_show.c - what the server shows: the resources of RFC 8555 §7.1 as JSON text. Written
 * straight into a buffer (json_out.c), members in a fixed order; what is absent is left out, never
 * null (certbot and OpenBao's users have met that). */
#include "acme/json.h"
#include "acme/objects.h"
#include "base/buf.h"
#include "base/limits.h"

static void text_if_any(struct json_out *o, const char *key, struct str value)
{
	if (value.p)
		json_out_str(o, key, value);
}

static void raw_if_any(struct json_out *o, const char *key, struct str json)
{
	if (json.p)
		json_out_raw(o, key, json);
}

static void time_if_any(struct json_out *o, const char *key, int64_t at_s)
{
	if (at_s != 0)
		json_out_time(o, key, at_s);
}

static void texts(struct json_out *o, const char *key, const struct str *v, size_t count)
{
	json_out_open(o, key, '[');
	for (size_t i = 0; i < count; i++)
		json_out_str(o, NULL, v[i]);
	json_out_close(o, ']');
}

static void identifier(struct json_out *o, const char *key, const struct identifier *id,
		       struct str value)
{
	json_out_open(o, key, '{');
	json_out_str(o, "type", str_of(identifier_type_name(id->type)));
	json_out_str(o, "value", value);
	json_out_close(o, '}');
}

/* --- directory (RFC 8555 §7.1.1) --- */

static enum rc profiles(struct json_out *o, struct arena *a, const struct acme_directory *d)
{
	json_out_open(o, "profiles", '{'); /* draft-ietf-acme-profiles §3 */
	for (size_t i = 0; i < d->profile_count; i++) {
		const char *name = arena_cstr(a, d->profiles[i].name);

		if (!name)
			return RC_NOMEM;
		json_out_str(o, name, d->profiles[i].doc.p ? d->profiles[i].doc : STR(""));
	}
	json_out_close(o, '}');
	return RC_OK;
}

static enum rc meta(struct json_out *o, struct arena *a, const struct acme_directory *d)
{
	enum rc rc = RC_OK;

	json_out_open(o, "meta", '{');
	text_if_any(o, "termsOfService", d->terms);
	text_if_any(o, "website", d->website);
	if (d->caa_identity_count > 0)
		texts(o, "caaIdentities", d->caa_identities, d->caa_identity_count);
	json_out_bool(o, "externalAccountRequired", d->eab_required);
	if (d->subdomains)
		json_out_bool(o, "subdomainAuthAllowed", true); /* RFC 9444 §4.4 */
	if (d->profile_count > 0)
		rc = profiles(o, a, d);
	json_out_close(o, '}');
	return rc;
}

enum rc acme_directory_encode(struct arena *a, const struct acme_directory *d, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	enum rc rc;

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	text_if_any(&o, "newNonce", d->new_nonce);
	text_if_any(&o, "newAccount", d->new_account);
	text_if_any(&o, "newOrder", d->new_order);
	text_if_any(&o, "newAuthz", d->new_authz);
	text_if_any(&o, "revokeCert", d->revoke_cert);
	text_if_any(&o, "keyChange", d->key_change);
	text_if_any(&o, "renewalInfo", d->renewal_info); /* RFC 9773 §4 */
	rc = meta(&o, a, d);
	json_out_close(&o, '}');
	return rc == RC_OK ? json_out_take(&o, a, out) : rc;
}

/* --- account (RFC 8555 §7.1.2) --- */

enum rc acme_account_encode(struct arena *a, const struct acme_account *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "status", x->status);
	texts(&o, "contact", x->contacts, x->contact_count);
	if (x->terms_agreed)
		json_out_bool(&o, "termsOfServiceAgreed", true);
	text_if_any(&o, "orders", x->orders);
	time_if_any(&o, "createdAt", x->created_at);
	raw_if_any(&o, "key", x->jwk);
	raw_if_any(&o, "externalAccountBinding", x->eab);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

enum rc acme_orders_encode(struct arena *a, const struct str *urls, size_t count, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	texts(&o, "orders", urls, count);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- order (RFC 8555 §7.1.3) --- */

enum rc acme_order_encode(struct arena *a, const struct acme_order *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "status", x->status);
	time_if_any(&o, "expires", x->expires);
	json_out_open(&o, "identifiers", '[');
	for (size_t i = 0; i < x->identifier_count; i++)
		identifier(&o, NULL, &x->identifiers[i], x->identifiers[i].shown);
	json_out_close(&o, ']');
	time_if_any(&o, "notBefore", x->not_before);
	time_if_any(&o, "notAfter", x->not_after);
	text_if_any(&o, "profile", x->profile);
	text_if_any(&o, "replaces", x->replaces);
	raw_if_any(&o, "error", x->error);
	texts(&o, "authorizations", x->authorizations, x->authorization_count);
	json_out_str(&o, "finalize", x->finalize);
	text_if_any(&o, "certificate", x->certificate);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- authorization and challenge (RFC 8555 §7.1.4, §7.1.5) --- */

static void challenge(struct json_out *o, const struct acme_challenge *x)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "type", x->type);
	json_out_str(o, "url", x->url);
	json_out_str(o, "status", x->status);
	time_if_any(o, "validated", x->validated);
	text_if_any(o, "token", x->token);
	text_if_any(o, "accounturi", x->account_uri);
	if (x->issuer_count > 0)
		texts(o, "issuer-domain-names", x->issuers, x->issuer_count);
	raw_if_any(o, "error", x->error);
	json_out_close(o, '}');
}

enum rc acme_challenge_encode(struct arena *a, const struct acme_challenge *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	challenge(&o, x);
	return json_out_take(&o, a, out);
}

/* RFC 8555 §7.1.4: an authorization names the base domain, in the spelling of the order (FIELD
 * Q11, Q12). */
static struct str base_domain(const struct identifier *id)
{
	struct str shown = id->shown;

	if (id->wildcard && str_starts(shown, "*.")) {
		shown.p += 2;
		shown.len -= 2;
	}
	return shown;
}

enum rc acme_authz_encode(struct arena *a, const struct acme_authz *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	identifier(&o, "identifier", &x->identifier, base_domain(&x->identifier));
	json_out_str(&o, "status", x->status);
	time_if_any(&o, "expires", x->expires);
	if (x->wildcard) /* true or absent, never false (RFC 8555 §7.1.4) */
		json_out_bool(&o, "wildcard", true);
	if (x->subdomains) /* RFC 9444 §4.1; absent means false */
		json_out_bool(&o, "subdomainAuthAllowed", true);
	json_out_open(&o, "challenges", '[');
	for (size_t i = 0; i < x->challenge_count; i++)
		challenge(&o, &x->challenges[i]);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- what became of it --- */

static void lines(struct json_out *o, const char *key, struct str text)
{
	struct str line;

	json_out_open(o, key, '[');
	while (text.len) {
		(void)str_cut(text, '\n', &line, &text);
		if (line.len)
			json_out_str(o, NULL, line);
	}
	json_out_close(o, ']');
}

enum rc acme_explanation_encode(struct arena *a, const struct acme_explanation *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, x->kind, x->url);
	if (x->identifier)
		identifier(&o, "identifier", x->identifier, x->identifier->shown);
	json_out_str(&o, "status", x->status);
	text_if_any(&o, "challenge", x->challenge);
	raw_if_any(&o, "error", x->error);
	lines(&o, "trace", x->trace);
	if (x->authorization_count > 0)
		texts(&o, "authorizations", x->authorizations, x->authorization_count);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- renewal information (RFC 9773 §4.2) --- */

enum rc acme_renewal_info_encode(struct arena *a, const struct acme_renewal_info *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	json_out_open(&o, "suggestedWindow", '{');
	json_out_time(&o, "start", x->start);
	json_out_time(&o, "end", x->end);
	json_out_close(&o, '}');
	text_if_any(&o, "explanationURL", x->explanation_url);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}
