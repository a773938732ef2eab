/* problem.c - the table of error types (RFC 8555 §6.7 and its extensions), and faults as problem
 * documents (RFC 7807) in both directions. */
#include "acme/problem.h"

#include "acme/jws.h"
#include "acme/members.h"
#include "base/buf.h"
#include "base/limits.h"

#define ACME_URN "urn:ietf:params:acme:error:"

struct problem_row {
	const char *name;
	const char *urn;
	const char *title; /* of "about:blank" ones: the HTTP phrase (RFC 7807 §4.2) */
	int status;
	enum rc rc; /* how the client engine sees a received one */
};

#define ACME(name_, status_, rc_) \
	{ .name = name_, .urn = ACME_URN name_, .status = status_, .rc = rc_ }
#define HTTP(name_, title_, status_, rc_) \
	{ .name = name_, .urn = "about:blank", .title = title_, .status = status_, .rc = rc_ }

static const struct problem_row problems[PROBLEM_COUNT] = {
	[PROBLEM_NONE] = HTTP("none", "Internal Server Error", 500, RC_INTERNAL),
	[PROBLEM_ACCOUNT_DOES_NOT_EXIST] = ACME("accountDoesNotExist", 400, RC_NOTFOUND),
	[PROBLEM_ALREADY_REPLACED] = ACME("alreadyReplaced", 409, RC_CONFLICT), /* RFC 9773 §7.4 */
	[PROBLEM_ALREADY_REVOKED] = ACME("alreadyRevoked", 400, RC_CONFLICT),
	[PROBLEM_BAD_CSR] = ACME("badCSR", 400, RC_INVALID),
	[PROBLEM_BAD_NONCE] = ACME("badNonce", 400, RC_BUSY), /* RFC 8555 §6.5: try again */
	[PROBLEM_BAD_PUBLIC_KEY] = ACME("badPublicKey", 400, RC_INVALID),
	[PROBLEM_BAD_REVOCATION_REASON] = ACME("badRevocationReason", 400, RC_INVALID),
	[PROBLEM_BAD_SIGNATURE_ALGORITHM] = ACME("badSignatureAlgorithm", 400, RC_INVALID),
	[PROBLEM_CAA] = ACME("caa", 403, RC_DENIED),
	[PROBLEM_COMPOUND] = ACME("compound", 400, RC_INVALID),
	[PROBLEM_CONNECTION] = ACME("connection", 400, RC_INVALID),
	[PROBLEM_DNS] = ACME("dns", 400, RC_INVALID),
	[PROBLEM_EXTERNAL_ACCOUNT_REQUIRED] = ACME("externalAccountRequired", 403, RC_DENIED),
	[PROBLEM_INCORRECT_RESPONSE] = ACME("incorrectResponse", 403, RC_INVALID),
	[PROBLEM_INVALID_CONTACT] = ACME("invalidContact", 400, RC_INVALID),
	[PROBLEM_INVALID_PROFILE] = ACME("invalidProfile", 400, RC_INVALID),
	[PROBLEM_MALFORMED] = ACME("malformed", 400, RC_INVALID),
	[PROBLEM_ORDER_NOT_READY] = ACME("orderNotReady", 403, RC_CONFLICT), /* RFC 8555 §7.4 */
	[PROBLEM_RATE_LIMITED] = ACME("rateLimited", 429, RC_LIMIT), /* RFC 8555 §6.6 */
	[PROBLEM_REJECTED_IDENTIFIER] = ACME("rejectedIdentifier", 400, RC_DENIED),
	[PROBLEM_SERVER_INTERNAL] = ACME("serverInternal", 500, RC_UNAVAILABLE),
	[PROBLEM_TLS] = ACME("tls", 400, RC_INVALID),
	[PROBLEM_UNAUTHORIZED] = ACME("unauthorized", 403, RC_DENIED),
	[PROBLEM_UNSUPPORTED_CONTACT] = ACME("unsupportedContact", 400, RC_INVALID),
	[PROBLEM_UNSUPPORTED_IDENTIFIER] = ACME("unsupportedIdentifier", 400, RC_INVALID),
	[PROBLEM_USER_ACTION_REQUIRED] = ACME("userActionRequired", 403, RC_DENIED), /* §7.3.3 */
	[PROBLEM_NOT_FOUND] = HTTP("notFound", "Not Found", 404, RC_NOTFOUND),
	[PROBLEM_METHOD_NOT_ALLOWED] = { .name = "methodNotAllowed", .urn = ACME_URN "malformed",
					 .status = 405, .rc = RC_INVALID }, /* RFC 8555 §6.3 */
	[PROBLEM_UNSUPPORTED_MEDIA_TYPE] =
		HTTP("unsupportedMediaType", "Unsupported Media Type", 415, RC_INVALID),
	[PROBLEM_CONFLICT] = HTTP("conflict", "Conflict", 409, RC_CONFLICT),
	[PROBLEM_UNAVAILABLE] = HTTP("unavailable", "Service Unavailable", 503, RC_UNAVAILABLE),
};

static const struct problem_row *row(enum problem p)
{
	return &problems[(unsigned)p < PROBLEM_COUNT ? p : PROBLEM_NONE];
}

const char *problem_urn(enum problem p)
{
	return row(p)->urn;
}

const char *problem_name(enum problem p)
{
	return row(p)->name;
}

int problem_status(enum problem p)
{
	return row(p)->status;
}

enum problem problem_from_urn(struct str urn)
{
	/* "about:blank" says nothing by itself; fault_from_json() goes by the status. */
	for (unsigned p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++)
		if (!problems[p].title && str_is(urn, problems[p].urn))
			return (enum problem)p;
	return PROBLEM_NONE;
}

/* Functions that fail for want of memory or disk do not all fill a fault; their rc says enough. */
static enum problem fault_problem(const struct fault *f)
{
	if (f->problem != PROBLEM_NONE)
		return f->problem;
	switch (f->rc) {
	case RC_INVALID:
		return PROBLEM_MALFORMED;
	case RC_NOTFOUND:
		return PROBLEM_NOT_FOUND;
	case RC_CONFLICT:
		return PROBLEM_CONFLICT;
	case RC_DENIED:
		return PROBLEM_UNAUTHORIZED;
	case RC_LIMIT:
		return PROBLEM_RATE_LIMITED;
	case RC_TIMEOUT:
	case RC_BUSY:
	case RC_UNAVAILABLE:
		return PROBLEM_UNAVAILABLE;
	default:
		return PROBLEM_SERVER_INTERNAL;
	}
}

int fault_status(const struct fault *f)
{
	return f->status != 0 ? f->status : problem_status(fault_problem(f));
}

static void write_subs(struct json_out *o, const struct fault *f)
{
	json_out_open(o, "subproblems", '[');
	for (size_t i = 0; i < f->sub_count; i++) {
		const struct subfault *sub = &f->subs[i];

		json_out_open(o, NULL, '{');
		json_out_str(o, "type", str_of(problem_urn(sub->problem)));
		if (sub->detail)
			json_out_str(o, "detail", str_of(sub->detail));
		if (sub->identifier_type && sub->identifier_type[0] != '\0') {
			json_out_open(o, "identifier", '{');
			json_out_str(o, "type", str_of(sub->identifier_type));
			json_out_str(o, "value", str_of(sub->identifier));
			json_out_close(o, '}');
		}
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

/* RFC 8555 §6.2: a badSignatureAlgorithm document MUST list the algorithms that would do. */
static void write_algorithms(struct json_out *o)
{
	json_out_open(o, "algorithms", '[');
	for (size_t i = 0; i < JWS_ALGORITHM_COUNT; i++)
		json_out_str(o, NULL, str_of(sig_alg_jose_name(jws_algorithms[i])));
	json_out_close(o, ']');
}

enum rc fault_to_json(struct arena *a, const struct fault *f, const char *instance,
		      struct str *out)
{
	const struct problem_row *r = row(fault_problem(f));
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	buf_init(&b, LIMIT_JSON_RESOURCE);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "type", str_of(r->urn));
	if (r->title)
		json_out_str(&o, "title", str_of(r->title));
	json_out_int(&o, "status", fault_status(f));
	if (f->detail[0] != '\0')
		json_out_str(&o, "detail", str_of(f->detail));
	if (instance)
		json_out_str(&o, "instance", str_of(instance));
	if (r == row(PROBLEM_BAD_SIGNATURE_ALGORITHM))
		write_algorithms(&o);
	if (f->sub_count > 0)
		write_subs(&o, f);
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

/* --- reading --- */

static struct str string_member(const json_t *object, const char *name)
{
	return json_text(json_object_get(object, name)); /* absent for any other type */
}

static enum problem problem_from_status(int status)
{
	for (unsigned p = PROBLEM_NONE + 1; p < PROBLEM_COUNT; p++)
		if (problems[p].title && problems[p].status == status)
			return (enum problem)p;
	return status >= 400 && status < 500 ? PROBLEM_MALFORMED : PROBLEM_SERVER_INTERNAL;
}

static void read_sub(const json_t *item, struct fault *f)
{
	const json_t *identifier = json_object_get(item, "identifier");
	struct str type = string_member(identifier, "type");
	struct str detail = string_member(item, "detail");
	enum problem problem = problem_from_urn(string_member(item, "type"));

	if (!json_is_object(item))
		return;
	fault_add_sub(f, problem != PROBLEM_NONE ? problem : PROBLEM_SERVER_INTERNAL, type.p,
		      string_member(identifier, "value"), "%.*s", STR_ARG(detail));
}

/* RFC 7807 §3.1: a number of the HTTP kind, else as if it were absent. */
static int read_status(const json_t *root)
{
	const json_t *status = json_object_get(root, "status");
	json_int_t n = json_integer_value(status); /* 0 for any other type */

	return n >= 100 && n <= 599 ? (int)n : 0;
}

enum rc fault_from_json(struct str json, struct fault *out)
{
	AUTO_JSON json_t *root = NULL;
	struct str type, detail, title;
	enum problem problem;
	const json_t *subs;
	int status;
	enum rc rc;

	rc = json_read_object(json, LIMIT_JSON_RESOURCE, "RFC 7807 §3.1", &root, NULL);
	if (rc != RC_OK)
		return rc;
	type = string_member(root, "type");
	detail = string_member(root, "detail");
	title = string_member(root, "title");
	status = read_status(root);
	problem = problem_from_urn(type);
	if (problem == PROBLEM_MALFORMED && status == problem_status(PROBLEM_METHOD_NOT_ALLOWED))
		problem = PROBLEM_METHOD_NOT_ALLOWED;
	/* RFC 7807 §3.1: an absent "type" means "about:blank". */
	if (problem == PROBLEM_NONE && (!type.p || str_is(type, "about:blank")))
		problem = problem_from_status(status);
	/* A title is better than nothing, unless it only repeats the status in words. */
	if (!detail.p && !(row(problem)->title && str_is(title, row(problem)->title)))
		detail = title;
	if (problem != PROBLEM_NONE) {
		fault_set(out, row(problem)->rc, problem, "%.*s", STR_ARG(detail));
	} else { /* an unknown type: keep its name for whoever reads it */
		problem = status >= 400 && status < 500 ? PROBLEM_MALFORMED : PROBLEM_SERVER_INTERNAL;
		fault_set(out, row(problem)->rc, problem, "%.*s: %.*s", SHOWN(type), STR_ARG(detail));
	}
	out->status = status == problem_status(problem) ? 0 : status;
	subs = json_object_get(root, "subproblems");
	for (size_t i = 0; i < json_array_size(subs) && i < FAULT_SUBS_MAX; i++)
		read_sub(json_array_get(subs, i), out);
	return RC_OK;
}

enum rc problem_with_instance(struct arena *a, struct str json, const char *instance, struct str *out)
{
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = fault_from_json(json, &f);

	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc : RC_INTERNAL;
	return fault_to_json(a, &f, instance, out);
}
