/* objects_request.c - what clients send, as the server reads it (RFC 8555 §7.3-7.6, FIELD Q3, Q5-Q7,
 * Q10). Form is checked here; what may be had is decided in core/. */
#include "acme/members.h"
#include "acme/objects.h"
#include "base/limits.h"

/* --- accounts (RFC 8555 §7.3) --- */

/* RFC 8555 §7.3.2: every other status, and every member that a client may not change, MUST be
 * ignored; certbot sends back the whole account that it was shown. */
static enum rc read_account_status(const struct members *m, struct acme_new_account *x)
{
	struct str status = { 0 };
	enum rc rc = member_str(m, "status", MEMBER_OPTIONAL, &status);

	if (rc == RC_OK && str_is(status, "deactivated"))
		x->status = ACCOUNT_DEACTIVATE; /* RFC 8555 §7.3.6 */
	return rc;
}

enum rc acme_new_account_decode(struct arena *a, struct str json, struct acme_new_account *out,
				struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_new_account x = { .status = ACCOUNT_KEEP };
	struct members m = { .arena = a, .section = "RFC 8555 §7.3", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);

	if (rc == RC_OK)
		rc = member_strs(&m, "contact", MEMBER_OPTIONAL, LIMIT_CONTACTS, &x.contacts,
			 &x.contact_count);
	x.has_contact = x.contacts != NULL;
	if (rc == RC_OK)
		rc = member_bool(&m, "termsOfServiceAgreed", &x.terms_agreed);
	if (rc == RC_OK)
		rc = member_bool(&m, "onlyReturnExisting", &x.only_return_existing);
	if (rc == RC_OK)
		rc = member_object(&m, "externalAccountBinding", MEMBER_OPTIONAL, &x.eab);
	if (rc == RC_OK)
		rc = read_account_status(&m, &x);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

/* --- orders (RFC 8555 §7.4) --- */

/* A bad identifier in an order of several: remembered as one reason among others. */
static void add_identifier_fault(struct fault *f, const struct fault *one, struct str type,
				 struct str value)
{
	char type_text[32] = "";

	if (type.len < sizeof(type_text))
		memcpy(type_text, type.p, type.len);
	fault_add_sub(f, one->problem, type_text,
		      (struct str){ value.p, value.len < LIMIT_NAME ? value.len : LIMIT_NAME }, "%s",
		      one->detail);
}

static enum rc read_identifier(const struct members *order, const json_t *item, size_t index,
			       struct str *out_type, struct str *out_value)
{
	const json_t *type = json_object_get(item, "type");
	const json_t *value = json_object_get(item, "value");

	if (!json_is_string(type) || !json_is_string(value))
		return fault_set(order->f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.4: \"identifiers\"[%zu] must be an object with \"type\" and \"value\", both strings",
				 index);
	*out_type = json_text(type);
	*out_value = json_text(value);
	return RC_OK;
}

static bool is_listed(const struct acme_new_order *x, const struct identifier *id)
{
	for (size_t i = 0; i < x->identifier_count; i++)
		if (identifier_eq(&x->identifiers[i], id))
			return true;
	return false;
}

/* RFC 9444 §4.3. The name must be a domain above the identifier's: whole labels are compared (§7.1). */
static enum rc read_ancestor(struct members *m, const json_t *item, const struct identifier *id,
			     struct identifier *out, struct fault *f)
{
	struct members x = { .arena = m->arena, .object = item, .section = "RFC 9444 §4.3", .f = f };
	struct str text = { 0 };
	struct identifier ancestor;
	enum rc rc = member_str(&x, "ancestorDomain", MEMBER_OPTIONAL, &text);

	if (rc != RC_OK || text.len == 0)
		return rc;
	rc = identifier_parse(m->arena, STR("dns"), text, &ancestor, f);
	if (rc != RC_OK)
		return rc;
	if (!identifier_is_below(id, &ancestor))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 9444 §4.3: \"ancestorDomain\" %.*s is not a domain above %.*s", SHOWN(text),
				 SHOWN(id->shown));
	*out = ancestor;
	return RC_OK;
}

/* What is said for the order as a whole once all its identifiers have been looked at. */
struct verdict {
	struct fault subs; /* subproblems only */
	struct fault last; /* the last bad identifier's own */
	size_t bad_count;
	bool differ; /* more than one type of problem */
};

static void verdict_done(struct verdict *v)
{
	fault_done(&v->subs);
	fault_done(&v->last);
}

static enum rc take_identifier(struct members *m, const json_t *item, size_t index,
			       struct acme_new_order *x, struct verdict *v)
{
	struct str type, value;
	struct identifier id, ancestor = { 0 };
	enum problem before = v->last.problem;
	enum rc rc = read_identifier(m, item, index, &type, &value);

	if (rc != RC_OK)
		return rc;
	rc = identifier_parse(m->arena, type, value, &id, &v->last);
	if (rc == RC_OK)
		rc = read_ancestor(m, item, &id, &ancestor, &v->last);
	if (rc == RC_INVALID) {
		v->differ |= v->bad_count > 0 && v->last.problem != before;
		v->bad_count++;
		add_identifier_fault(&v->subs, &v->last, type, value);
		return RC_OK;
	}
	if (rc == RC_OK && !is_listed(x, &id)) {
		x->ancestors[x->identifier_count] = ancestor;
		x->identifiers[x->identifier_count++] = id;
	}
	return rc;
}

/* RFC 8555 §6.7.1: one problem document with a subproblem for each bad identifier. */
static enum rc give_verdict(struct verdict *v, size_t count, struct fault *f)
{
	enum problem problem = v->differ ? PROBLEM_COMPOUND : v->last.problem;

	if (v->bad_count == 0)
		return RC_OK;
	if (v->bad_count == 1)
		fault_set(f, RC_INVALID, problem, "%s", v->last.detail);
	else
		fault_set(f, RC_INVALID, problem,
			  "RFC 8555 §7.4: %zu of %zu identifiers cannot be ordered; each subproblem says why",
			  v->bad_count, count);
	if (f) {
		f->subs = v->subs.subs;
		f->sub_count = v->subs.sub_count;
		v->subs.subs = NULL;
		v->subs.sub_count = 0;
	}
	return RC_INVALID;
}

static enum rc read_identifiers(struct members *m, struct acme_new_order *x)
{
	AUTO(verdict) struct verdict v = { 0 };
	const json_t *array;
	size_t count;
	enum rc rc = member_array(m, "identifiers", &array);

	if (rc != RC_OK)
		return rc;
	count = json_array_size(array);
	if (count == 0)
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.4: \"identifiers\" is empty; name at least one");
	if (count > LIMIT_IDENTIFIERS)
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: the order has %zu identifiers, at most %d are accepted; split it",
				 count, LIMIT_IDENTIFIERS);
	x->identifiers = arena_array(m->arena, count, sizeof(*x->identifiers));
	x->ancestors = arena_array(m->arena, count, sizeof(*x->ancestors));
	if (!x->identifiers || !x->ancestors)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		rc = take_identifier(m, json_array_get(array, i), i, x, &v);
		if (rc != RC_OK)
			return rc;
	}
	return give_verdict(&v, count, m->f);
}

/* Text that is empty says as little as none: Go programs send "" for what is not set (FIELD Q5). */
static enum rc read_optional_text(const struct members *m, const char *name, struct str *out)
{
	struct str text = { 0 };
	enum rc rc = member_str(m, name, MEMBER_OPTIONAL, &text);

	if (rc == RC_OK && text.len > 0)
		*out = text;
	return rc;
}

enum rc acme_new_order_decode(struct arena *a, struct str json, struct acme_new_order *out,
			      struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_new_order x = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.4", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);

	if (rc == RC_OK)
		rc = member_time(&m, "notBefore", &x.not_before);
	if (rc == RC_OK)
		rc = member_time(&m, "notAfter", &x.not_after);
	if (rc == RC_OK && x.not_before && x.not_after && x.not_after <= x.not_before)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "RFC 8555 §7.4: \"notAfter\" must be later than \"notBefore\"");
	if (rc == RC_OK)
		rc = read_optional_text(&m, "profile", &x.profile);
	if (rc == RC_OK)
		rc = read_optional_text(&m, "replaces", &x.replaces);
	if (rc == RC_OK)
		rc = read_identifiers(&m, &x);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

enum rc acme_new_authz_decode(struct arena *a, struct str json, struct acme_new_authz *out,
			      struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_new_authz x = { 0 };
	struct str type = { 0 }, value = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.4.1", .f = f };
	enum rc rc = json_read_object(json, LIMIT_JSON_BYTES, m.section, &root, f);

	if (rc != RC_OK)
		return rc;
	m.object = json_object_get(root, "identifier");
	if (!json_is_object(m.object))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.4.1: \"identifier\" must be an object with \"type\" and \"value\"");
	rc = member_str(&m, "type", MEMBER_REQUIRED, &type);
	if (rc == RC_OK)
		rc = member_str(&m, "value", MEMBER_REQUIRED, &value);
	if (rc == RC_OK)
		rc = member_bool(&m, "subdomainAuthAllowed", &x.subdomains); /* RFC 9444 §4.2 */
	if (rc == RC_OK)
		rc = identifier_parse(a, type, value, &x.identifier, f);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

enum rc acme_finalize_decode(struct arena *a, struct str json, struct acme_finalize *out,
			     struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct members m = { .arena = a, .section = "RFC 8555 §7.4", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);

	if (rc != RC_OK)
		return rc;
	return member_octets(&m, "csr", LIMIT_CSR_BYTES, &out->csr);
}

/* --- revocation (RFC 8555 §7.6) --- */

enum rc acme_revoke_decode(struct arena *a, struct str json, struct acme_revoke *out,
			   struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_revoke x = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.6", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);

	if (rc == RC_OK)
		rc = member_octets(&m, "certificate", LIMIT_CERT_BYTES, &x.certificate);
	if (rc == RC_OK)
		rc = member_int(&m, "reason", &x.has_reason, &x.reason);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

/* --- key change (RFC 8555 §7.3.5) --- */

enum rc acme_key_change_decode(struct arena *a, struct str json, struct acme_key_change *out,
			       struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct acme_key_change x = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.3.5", .f = f };
	enum rc rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);

	if (rc == RC_OK)
		rc = member_str(&m, "account", MEMBER_REQUIRED, &x.account);
	if (rc == RC_OK)
		rc = member_object(&m, "oldKey", MEMBER_REQUIRED, &x.old_key);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

/* --- authorizations and challenges (RFC 8555 §7.5) --- */

enum rc acme_authz_update_decode(struct arena *a, struct str json, bool *out_deactivate,
				 struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct str status = { 0 };
	struct members m = { .arena = a, .section = "RFC 8555 §7.5.2", .f = f };
	enum rc rc;

	if (json.len == 0) { /* RFC 8555 §6.3: POST-as-GET */
		*out_deactivate = false;
		return RC_OK;
	}
	rc = members_open(&m, json, LIMIT_JSON_BYTES, &root);
	if (rc != RC_OK)
		return rc;
	rc = member_str(&m, "status", MEMBER_OPTIONAL, &status);
	if (rc != RC_OK)
		return rc;
	if (status.p && !str_is(status, "deactivated"))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.5.2: the only status that an authorization can be given is \"deactivated\", not \"%.*s\"",
				 SHOWN(status));
	*out_deactivate = status.p != NULL;
	return RC_OK;
}

enum rc acme_challenge_decode(struct str json, struct fault *f)
{
	AUTO_JSON json_t *root = NULL;

	/* FIELD Q3: old clients send "keyAuthorization" or "resource"; none of it is needed. */
	return json_read_object(json, LIMIT_JSON_BYTES, "RFC 8555 §7.5.1", &root, f);
}
