/* objects_client.c - the client's half: requests as it writes them, resources as it reads them
 * (RFC 8555 §7). A server's answer is as untrusted as a client's request: limits come first, and a
 * token that could leave its place is refused (CVE-2026-40611). */
#include "acme/jwk.h"
#include "acme/members.h"
#include "acme/objects.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/limits.h"

/* --- requests --- */

enum rc acme_new_account_encode(struct arena *a, const struct acme_new_account *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_BYTES);
	json_out_open(&o, NULL, '{');
	if (x->has_contact) {
		json_out_open(&o, "contact", '[');
		for (size_t i = 0; i < x->contact_count; i++)
			json_out_str(&o, NULL, x->contacts[i]);
		json_out_close(&o, ']');
	}
	if (x->terms_agreed)
		json_out_bool(&o, "termsOfServiceAgreed", true);
	if (x->only_return_existing)
		json_out_bool(&o, "onlyReturnExisting", true);
	if (x->eab.p)
		json_out_raw(&o, "externalAccountBinding", x->eab);
	if (x->status == ACCOUNT_DEACTIVATE)
		json_out_str(&o, "status", STR("deactivated"));
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

enum rc acme_new_order_encode(struct arena *a, const struct acme_new_order *x, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_BYTES);
	json_out_open(&o, NULL, '{');
	json_out_open(&o, "identifiers", '[');
	for (size_t i = 0; i < x->identifier_count; i++) {
		json_out_open(&o, NULL, '{');
		json_out_str(&o, "type", str_of(identifier_type_name(x->identifiers[i].type)));
		json_out_str(&o, "value", x->identifiers[i].shown);
		if (x->ancestors && x->ancestors[i].shown.p) /* RFC 9444 §4.3 */
			json_out_str(&o, "ancestorDomain", x->ancestors[i].shown);
		json_out_close(&o, '}');
	}
	json_out_close(&o, ']');
	if (x->not_before)
		json_out_time(&o, "notBefore", x->not_before);
	if (x->not_after)
		json_out_time(&o, "notAfter", x->not_after);
	if (x->profile.p)
		json_out_str(&o, "profile", x->profile);
	if (x->replaces.p)
		json_out_str(&o, "replaces", x->replaces);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

static enum rc octets_member(struct json_out *o, struct arena *a, const char *key,
			     struct bytes octets)
{
	char *text = arena_alloc(a, B64URL_LEN(octets.len) + 1);

	if (!text)
		return RC_NOMEM;
	json_out_str(o, key, (struct str){ text, b64url_encode(octets, text) });
	return RC_OK;
}

enum rc acme_finalize_encode(struct arena *a, struct bytes csr, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	enum rc rc;

	buf_init(&b, LIMIT_JSON_BYTES);
	json_out_open(&o, NULL, '{');
	rc = octets_member(&o, a, "csr", csr);
	json_out_close(&o, '}');
	return rc == RC_OK ? json_out_take(&o, a, out) : rc;
}

enum rc acme_revoke_encode(struct arena *a, struct bytes cert, int reason, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	enum rc rc;

	buf_init(&b, LIMIT_JSON_BYTES);
	json_out_open(&o, NULL, '{');
	rc = octets_member(&o, a, "certificate", cert);
	if (reason >= 0)
		json_out_int(&o, "reason", reason);
	json_out_close(&o, '}');
	return rc == RC_OK ? json_out_take(&o, a, out) : rc;
}

enum rc acme_key_change_encode(struct arena *a, struct str account_url,
			       const struct pubkey *old_key, struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	struct str jwk;
	enum rc rc = jwk_to_json(a, old_key, &jwk);

	buf_init(&b, LIMIT_JSON_BYTES);
	if (rc != RC_OK)
		return rc;
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "account", account_url);
	json_out_raw(&o, "oldKey", jwk);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- directory --- */

static enum rc read_profiles(const struct members *meta, struct acme_directory *d)
{
	const json_t *object = member_get(meta, "profiles");
	struct acme_profile_doc *list;
	const char *name;
	json_t *doc;

	if (!json_is_object(object) || json_object_size(object) == 0)
		return RC_OK; /* a draft's member: not worth refusing a directory for */
	list = arena_array(meta->arena, json_object_size(object), sizeof(*list));
	if (!list)
		return RC_NOMEM;
	json_object_foreach((json_t *)object, name, doc) {
		struct acme_profile_doc *p = &list[d->profile_count];

		p->name = arena_str(meta->arena, str_of(name));
		p->doc = arena_str(meta->arena, json_is_string(doc) ? json_text(doc) : STR(""));
		if (!p->name.p || !p->doc.p)
			return RC_NOMEM;
		d->profile_count++;
	}
	d->profiles = list;
	return RC_OK;
}

static enum rc read_meta(const struct members *m, struct acme_directory *d)
{
	struct members meta = *m;
	struct str *caa = NULL;
	enum rc rc;

	meta.object = member_get(m, "meta");
	if (!meta.object)
		return RC_OK;
	rc = member_str(&meta, "termsOfService", MEMBER_OPTIONAL, &d->terms);
	if (rc == RC_OK)
		rc = member_str(&meta, "website", MEMBER_OPTIONAL, &d->website);
	if (rc == RC_OK)
		rc = member_strs(&meta, "caaIdentities", MEMBER_OPTIONAL, LIMIT_JSON_TOKENS, &caa,
				 &d->caa_identity_count);
	d->caa_identities = caa;
	if (rc == RC_OK)
		rc = member_bool(&meta, "externalAccountRequired", &d->eab_required);
	if (rc == RC_OK)
		rc = member_bool(&meta, "subdomainAuthAllowed", &d->subdomains);
	if (rc == RC_OK)
		rc = read_profiles(&meta, d);
	return rc;
}

enum rc acme_directory_decode(struct arena *a, struct str json, struct acme_directory *out,
			      struct fault *f)
{
	struct acme_directory d = { 0 };
	const struct {
		const char *name;
		enum member_need need;
		struct str *to;
	} urls[] = {
		{ "newNonce", MEMBER_REQUIRED, &d.new_nonce },
		{ "newAccount", MEMBER_REQUIRED, &d.new_account },
		{ "newOrder", MEMBER_REQUIRED, &d.new_order },
		{ "newAuthz", MEMBER_OPTIONAL, &d.new_authz },
		{ "revokeCert", MEMBER_OPTIONAL, &d.revoke_cert },
		{ "keyChange", MEMBER_OPTIONAL, &d.key_change },
		{ "renewalInfo", MEMBER_OPTIONAL, &d.renewal_info },
	};
	AUTO_JSON json_t *root = NULL;
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.1", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_RESOURCE, &root);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(urls); i++)
		rc = member_str(&m, urls[i].name, urls[i].need, urls[i].to);
	if (rc == RC_OK)
		rc = read_meta(&m, &d);
	if (rc == RC_OK)
		*out = d;
	return rc;
}

/* --- account --- */

enum rc acme_account_decode(struct arena *a, struct str json, struct acme_account *out,
			    struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_account x = { 0 };
	struct str *contacts = NULL;
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.2", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_RESOURCE, &root);

	if (rc == RC_OK)
		rc = member_str(&m, "status", MEMBER_REQUIRED, &x.status);
	if (rc == RC_OK)
		rc = member_strs(&m, "contact", MEMBER_OPTIONAL, LIMIT_JSON_TOKENS, &contacts,
				 &x.contact_count);
	x.contacts = contacts;
	if (rc == RC_OK)
		rc = member_bool(&m, "termsOfServiceAgreed", &x.terms_agreed);
	if (rc == RC_OK)
		rc = member_str(&m, "orders", MEMBER_OPTIONAL, &x.orders);
	if (rc == RC_OK)
		rc = member_time(&m, "createdAt", &x.created_at);
	if (rc == RC_OK)
		rc = member_object(&m, "key", MEMBER_OPTIONAL, &x.jwk);
	if (rc == RC_OK)
		rc = member_object(&m, "externalAccountBinding", MEMBER_OPTIONAL, &x.eab);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

enum rc acme_orders_decode(struct arena *a, struct str json, struct str **out, size_t *out_count,
			   struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.2.1", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_RESOURCE, &root);

	if (rc != RC_OK)
		return rc;
	return member_strs(&m, "orders", MEMBER_REQUIRED, LIMIT_JSON_TOKENS, out, out_count);
}

/* --- order --- */

static enum rc read_identifier(const struct members *m, const json_t *object,
			       struct identifier *out)
{
	struct members one = *m;
	struct str type, value;
	enum rc rc;

	one.object = object;
	rc = member_str(&one, "type", MEMBER_REQUIRED, &type);
	if (rc == RC_OK)
		rc = member_str(&one, "value", MEMBER_REQUIRED, &value);
	return rc == RC_OK ? identifier_parse(m->arena, type, value, out, m->f) : rc;
}

static enum rc read_identifiers(const struct members *m, struct acme_order *x)
{
	struct identifier *list;
	const json_t *array;
	size_t count;
	enum rc rc = member_array(m, "identifiers", &array);

	if (rc != RC_OK)
		return rc;
	count = json_array_size(array);
	list = arena_array(m->arena, count > 0 ? count : 1, sizeof(*list));
	if (!list)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		rc = read_identifier(m, json_array_get(array, i), &list[i]);
		if (rc != RC_OK)
			return rc;
	}
	x->identifiers = list;
	x->identifier_count = count;
	return RC_OK;
}

static enum rc read_order_times(const struct members *m, struct acme_order *x)
{
	enum rc rc = member_time(m, "expires", &x->expires);

	if (rc == RC_OK)
		rc = member_time(m, "notBefore", &x->not_before);
	if (rc == RC_OK)
		rc = member_time(m, "notAfter", &x->not_after);
	return rc;
}

static enum rc read_order_links(const struct members *m, struct acme_order *x)
{
	struct str *authorizations = NULL;
	enum rc rc = member_strs(m, "authorizations", MEMBER_REQUIRED, LIMIT_JSON_TOKENS,
				 &authorizations, &x->authorization_count);

	x->authorizations = authorizations;
	if (rc == RC_OK)
		rc = member_str(m, "finalize", MEMBER_REQUIRED, &x->finalize);
	if (rc == RC_OK)
		rc = member_str(m, "certificate", MEMBER_OPTIONAL, &x->certificate);
	return rc;
}

enum rc acme_order_decode(struct arena *a, struct str json, struct acme_order *out,
			  struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_order x = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.3", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_RESOURCE, &root);

	if (rc == RC_OK)
		rc = member_str(&m, "status", MEMBER_REQUIRED, &x.status);
	if (rc == RC_OK)
		rc = read_identifiers(&m, &x);
	if (rc == RC_OK)
		rc = read_order_times(&m, &x);
	if (rc == RC_OK)
		rc = read_order_links(&m, &x);
	if (rc == RC_OK)
		rc = member_str(&m, "profile", MEMBER_OPTIONAL, &x.profile);
	if (rc == RC_OK)
		rc = member_str(&m, "replaces", MEMBER_OPTIONAL, &x.replaces);
	if (rc == RC_OK)
		rc = member_object(&m, "error", MEMBER_OPTIONAL, &x.error);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

/* --- authorization and challenge --- */

#define TOKEN_MIN 22 /* 128 bits (RFC 8555 §8.3) */
#define TOKEN_MAX 128

static enum rc check_token(struct str token, struct fault *f)
{
	bool good = token.len >= TOKEN_MIN && token.len <= TOKEN_MAX;

	for (size_t i = 0; good && i < token.len; i++) {
		char c = token.p[i];

		good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		       c == '-' || c == '_';
	}
	return good ? RC_OK :
		      fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				"RFC 8555 §8.3: the challenge token \"%.*s\" is not 22 to 128 base64url characters; do not answer it",
				SHOWN(token));
}

static enum rc read_challenge(const struct members *parent, const json_t *object,
			      struct acme_challenge *out)
{
	struct acme_challenge x = { 0 };
	struct members m = *parent;
	enum rc rc;

	m.object = object;
	m.section = "RFC 8555 §7.1.5";
	rc = member_str(&m, "type", MEMBER_REQUIRED, &x.type);
	if (rc == RC_OK)
		rc = member_str(&m, "url", MEMBER_REQUIRED, &x.url);
	if (rc == RC_OK)
		rc = member_str(&m, "status", MEMBER_REQUIRED, &x.status);
	if (rc == RC_OK)
		rc = member_str(&m, "token", MEMBER_OPTIONAL, &x.token);
	if (rc == RC_OK && x.token.p)
		rc = check_token(x.token, m.f);
	if (rc == RC_OK)
		rc = member_time(&m, "validated", &x.validated);
	if (rc == RC_OK)
		rc = member_object(&m, "error", MEMBER_OPTIONAL, &x.error);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

enum rc acme_challenge_from_json(struct arena *a, struct str json, struct acme_challenge *out,
				 struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.5", .f = f };
	enum rc rc = json_read_object(json, LIMIT_JSON_RESOURCE, m.section, &root, f);

	return rc == RC_OK ? read_challenge(&m, root, out) : rc;
}

static enum rc read_challenges(const struct members *m, struct acme_authz *x)
{
	struct acme_challenge *list;
	const json_t *array;
	size_t count;
	enum rc rc = member_array(m, "challenges", &array);

	if (rc != RC_OK)
		return rc;
	count = json_array_size(array);
	list = arena_array(m->arena, count > 0 ? count : 1, sizeof(*list));
	if (!list)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		rc = read_challenge(m, json_array_get(array, i), &list[i]);
		if (rc != RC_OK)
			return rc;
	}
	x->challenges = list;
	x->challenge_count = count;
	return RC_OK;
}

/* Puts back the "*." that an authorization leaves out (RFC 8555 §7.1.4), so that the identifier is
 * equal to the order's. */
static enum rc restore_wildcard(struct arena *a, struct identifier *id)
{
	char *shown = arena_alloc(a, id->shown.len + 3);

	if (!shown)
		return RC_NOMEM;
	memcpy(shown, "*.", 2);
	memcpy(shown + 2, id->shown.p, id->shown.len);
	id->shown = (struct str){ shown, id->shown.len + 2 };
	id->wildcard = true;
	return RC_OK;
}

enum rc acme_authz_decode(struct arena *a, struct str json, struct acme_authz *out,
			  struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_authz x = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.1.4", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_RESOURCE, &root);

	if (rc == RC_OK)
		rc = read_identifier(&m, member_get(&m, "identifier"), &x.identifier);
	if (rc == RC_OK)
		rc = member_bool(&m, "wildcard", &x.wildcard);
	if (rc == RC_OK)
		rc = member_bool(&m, "subdomainAuthAllowed", &x.subdomains);
	if (rc == RC_OK && x.identifier.wildcard)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "RFC 8555 §7.1.4: an authorization must not name a wildcard");
	if (rc == RC_OK && x.wildcard && x.identifier.type != IDENTIFIER_DNS)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "RFC 8555 §7.1.4: only a DNS name can be a wildcard");
	if (rc == RC_OK && x.wildcard)
		rc = restore_wildcard(a, &x.identifier);
	if (rc == RC_OK)
		rc = member_str(&m, "status", MEMBER_REQUIRED, &x.status);
	if (rc == RC_OK)
		rc = member_time(&m, "expires", &x.expires);
	if (rc == RC_OK)
		rc = read_challenges(&m, &x);
	if (rc == RC_OK)
		*out = x;
	return rc;
}
