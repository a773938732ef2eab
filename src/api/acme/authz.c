/* authz.c - authorizations and challenges (RFC 8555 §7.5). Reading never triggers work; a reader of
 * an authorization that is being validated is held for a moment, so that clients poll less. */
#include "acme/objects.h"
#include "api/acme/acme.h"
#include "base/limits.h"
#include "core/subdomain.h"

#define VALIDATION_WAIT_MS 1000

static const int64_t challenge_bits[] = { CHALLENGE_HTTP_01, CHALLENGE_DNS_01, CHALLENGE_TLS_ALPN_01,
					  CHALLENGE_DNS_ACCOUNT_01, CHALLENGE_DNS_PERSIST_01 };

static const char *challenge_status(const struct authz_record *z, int64_t bit, int64_t now)
{
	if (z->attempted != bit)
		return "pending";
	switch (authz_state(z, now)) {
	case AUTHZ_STATE_PENDING:
		return "processing";
	case AUTHZ_STATE_INVALID:
		return "invalid";
	default:
		return z->validated_at ? "valid" : "invalid";
	}
}

/* draft-ietf-acme-dns-persist §3.1: lower case, no final dot, at most ten. The account's URL is the one
 * that the record is compared with, by whatever name of this server the client came. */
static enum rc add_persistent(struct request *req, struct acme_challenge *out)
{
	const struct directory *d = req->directory;
	size_t count = d->caa_identity_count < LIMIT_ISSUER_NAMES ? d->caa_identity_count : LIMIT_ISSUER_NAMES;
	struct str *issuers = arena_array(req->arena, count, sizeof(*issuers));

	if (!issuers)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		char *name = arena_cstr(req->arena, d->caa_identities[i]);
		size_t len = d->caa_identities[i].len;

		if (!name)
			return RC_NOMEM;
		for (size_t k = 0; k < len; k++)
			if (name[k] >= 'A' && name[k] <= 'Z')
				name[k] += 'a' - 'A';
		issuers[i] = (struct str){ name, len > 0 && name[len - 1] == '.' ? len - 1 : len };
	}
	out->token = (struct str){ 0 };
	out->account_uri = account_url(req->arena, req->config, d, req->account->id);
	out->issuers = issuers;
	out->issuer_count = count;
	return out->account_uri.p ? RC_OK : RC_NOMEM;
}

static enum rc challenge_doc(struct request *req, const struct authz_record *z, int64_t bit,
			     struct acme_challenge *out)
{
	const char *type = challenge_type_name(bit);
	struct str id = str_of(arena_printf(req->arena, "%.*s/%s", STR_ARG(id_str(req->arena, z->id)), type));

	if (!id.p)
		return RC_NOMEM;
	*out = (struct acme_challenge){
		.type = str_of(type),
		.url = acme_url(req, "chall", id),
		.status = str_of(challenge_status(z, bit, req->core.now)),
		.token = z->token,
		.validated = z->attempted == bit ? z->validated_at : 0,
	};
	if (z->attempted == bit) {
		enum rc rc;

		out->error = z->error;
		rc = explain_error(req, z->id, &out->error);
		if (rc != RC_OK)
			return rc;
	}
	return bit == CHALLENGE_DNS_PERSIST_01 ? add_persistent(req, out) : RC_OK;
}

static enum rc reply_authz(struct request *req, const struct authz_record *z, int status)
{
	struct acme_challenge challenges[COUNT_OF(challenge_bits)];
	struct acme_authz doc = {
		.status = str_of(authz_state_name(authz_state(z, req->core.now))),
		.expires = z->expires_at,
		.challenges = challenges,
	};
	struct identifier *id;
	struct str body;
	size_t count;
	enum rc rc;

	rc = identifiers_from_text(req->arena, z->identifier, &id, &count);
	if (rc != RC_OK || count != 1)
		return rc != RC_OK ? rc : RC_INTERNAL;
	doc.identifier = *id;
	doc.identifier.shown = z->shown; /* FIELD Q11: as the client wrote it */
	doc.wildcard = id->wildcard;
	doc.subdomains = authz_serves_subdomains(req->config, z);
	for (size_t i = 0; i < COUNT_OF(challenge_bits); i++) {
		int64_t bit = challenge_bits[i];

		/* Once one is valid the untried ones are not shown (FIELD Q27). */
		if (!(z->offered & bit) || (z->validated_at && z->attempted != bit))
			continue;
		rc = challenge_doc(req, z, bit, &challenges[doc.challenge_count++]);
		if (rc != RC_OK)
			return rc;
	}
	rc = acme_authz_encode(req->arena, &doc, &body);
	if (rc != RC_OK)
		return rc;
	if (authz_is_processing(z, req->core.now))
		reply_header(req, "Retry-After", STR("1"));
	return reply_set(req, status, "application/json", body);
}

/* RFC 8555 §7.4.1: 201 for a new one, 200 for one that the account has already. */
enum rc handle_new_authz(struct request *req, struct fault *f)
{
	struct acme_new_authz body;
	struct authz_record z;
	bool is_new;
	enum rc rc;

	rc = acme_new_authz_decode(req->arena, req->payload, &body, f);
	if (rc == RC_OK)
		rc = authz_preauthorize(&req->core, req->directory, req->account, &body, &z, &is_new, f);
	if (rc != RC_OK)
		return rc;
	reply_header(req, "Location", acme_url(req, "authz", id_str(req->arena, z.id)));
	return reply_authz(req, &z, is_new ? 201 : 200);
}

enum rc handle_authz(struct request *req, struct fault *f)
{
	bool deactivate = false;
	struct authz_record z;
	struct id id;
	enum rc rc = RC_OK;

	if (!id_parse(req->path_id, &id))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such authorization");
	if (req->payload.len)
		rc = acme_authz_update_decode(req->arena, req->payload, &deactivate, f);
	if (rc == RC_OK)
		rc = authz_load_for(&req->core, req->account, id, &z, f);
	if (rc == RC_OK && deactivate)
		rc = authz_deactivate(&req->core, &z, f);
	if (rc != RC_OK)
		return rc;
	if (authz_is_processing(&z, req->core.now) && request_wait(req, z.id, VALIDATION_WAIT_MS))
		return RC_OK;
	return reply_authz(req, &z, 200);
}

enum rc handle_challenge(struct request *req, struct fault *f)
{
	struct acme_challenge doc;
	struct str id_part, type, body;
	struct authz_record z;
	int64_t bit;
	struct id id;
	enum rc rc;

	(void)str_cut(req->path_id, '/', &id_part, &type);
	bit = challenge_type_bit(type);
	if (!bit || !id_parse(id_part, &id))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such challenge");
	rc = authz_load_for(&req->core, req->account, id, &z, f);
	if (rc == RC_OK && !(z.offered & bit))
		rc = fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such challenge");
	if (rc == RC_OK && req->payload.len) { /* an empty payload only reads (FIELD Q4) */
		rc = acme_challenge_decode(req->payload, f);
		if (rc == RC_OK)
			rc = challenge_respond(&req->core, &z, bit, f);
	}
	if (rc == RC_OK)
		rc = challenge_doc(req, &z, bit, &doc);
	if (rc == RC_OK)
		rc = acme_challenge_encode(req->arena, &doc, &body);
	if (rc == RC_OK) /* FIELD Q21 */
		rc = reply_headerf(req, "Link", "<%.*s>;rel=\"up\"",
				   STR_ARG(acme_url(req, "authz", id_str(req->arena, z.id))));
	if (rc != RC_OK)
		return rc;
	if (authz_is_processing(&z, req->core.now))
		reply_header(req, "Retry-After", STR("1"));
	return reply_set(req, 200, "application/json", body);
}
