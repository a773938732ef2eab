/* gate.c - what every signed request must pass before a handler sees it (RFC 8555 §6.2-6.5), in the
 * order that costs an attacker's request least: content type, form, url, account, signature, and
 * only then the nonce is used up - so nobody can burn the nonces of others.
 * kid, jwk and url are hints until the signature by the stored key verifies (TRUST §2d 6). */
#include "api/acme/acme.h"

#include "core/nonce.h"
#include "crypto/digest.h"

static enum rc check_content_type(const struct http_request *http, struct fault *f)
{
	struct str type = http_header_get(http, "content-type"), media, parameters;

	/* RFC 8555 §6.2; parameters such as charset are tolerated (FIELD Q1). */
	(void)str_cut(type, ';', &media, &parameters);
	while (media.len && (media.p[media.len - 1] == ' ' || media.p[media.len - 1] == '\t'))
		media.len--;
	if (str_eq_nocase(media, STR("application/jose+json")))
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
			 "RFC 8555 §6.2: the Content-Type of a request must be application/jose+json");
}

/* RFC 8555 §6.4: "url" is the URL the request was sent to. Host was checked against ours. */
static enum rc check_url(struct request *req, struct fault *f)
{
	struct str url = req->jws.url, base = req->base, target = req->http->target;

	if (url.len == base.len + target.len && str_eq_nocase((struct str){ url.p, base.len }, base) &&
	    str_eq((struct str){ url.p + base.len, target.len }, target))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "RFC 8555 §6.4: \"url\" is %.*s, but the request was sent to %.*s%.*s", STR_ARG(url),
			 STR_ARG(base), STR_ARG(target));
}

enum rc gate_account_url(struct request *req, struct str url, struct id *out)
{
	const struct config *c = req->config;
	struct str prefix = req->directory->prefix, rest;

	if (!str_starts(url, "https://"))
		return RC_INVALID;
	url = (struct str){ url.p + 8, url.len - 8 };
	for (size_t i = 0; i < c->host_count; i++) {
		if (url.len <= c->hosts[i].len ||
		    !str_eq_nocase((struct str){ url.p, c->hosts[i].len }, c->hosts[i]))
			continue;
		rest = (struct str){ url.p + c->hosts[i].len, url.len - c->hosts[i].len };
		if (rest.len != prefix.len + 6 + ID_TEXT_LEN ||
		    !str_eq((struct str){ rest.p, prefix.len }, prefix) ||
		    memcmp(rest.p + prefix.len, "/acct/", 6) != 0)
			continue;
		return id_parse((struct str){ rest.p + prefix.len + 6, ID_TEXT_LEN }, out) ? RC_OK : RC_INVALID;
	}
	return RC_INVALID;
}

static enum rc find_account(struct request *req, struct fault *f)
{
	struct id id;
	enum rc rc;

	if (gate_account_url(req, req->jws.kid, &id) != RC_OK)
		return fault_set(f, RC_NOTFOUND, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
				 "RFC 8555 §6.2: \"kid\" is not the URL of an account of this directory");
	rc = account_authenticate(&req->core, req->directory->name, id, &req->account, f);
	if (rc == RC_OK)
		req->core.actor = str_of(arena_printf(req->arena, "account %.*s",
						      STR_ARG(id_str(req->arena, id))));
	return rc;
}

static enum rc check_key_kind(struct request *req, enum gate_key key, struct fault *f)
{
	if (key == GATE_KID && req->jws.jwk)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §6.2: this resource needs \"kid\", the account URL, not \"jwk\"");
	if (key == GATE_JWK && !req->jws.jwk)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §6.2: this resource needs \"jwk\", not \"kid\"");
	return RC_OK;
}

/* assay dev --strict: one good nonce in twenty is refused, as Pebble does. */
static bool trainer_refuses(const struct config *c)
{
	uint8_t random;

	if (!c->strict_trainer)
		return false;
	random_bytes(&random, sizeof(random));
	return random % 20 == 0;
}

/* RFC 8555 §6.5; the wording is what acme.sh looks for (FIELD Q19). */
static enum rc check_nonce(struct request *req, struct fault *f)
{
	if (!req->jws.nonce.p)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_NONCE,
				 "RFC 8555 §6.5: JWS has no anti-replay nonce");
	if (!nonce_redeem(req->core.service->nonces, req->jws.nonce) || trainer_refuses(req->config))
		return fault_set(f, RC_INVALID, PROBLEM_BAD_NONCE,
				 "RFC 8555 §6.5: JWS has an invalid anti-replay nonce; use the one in this reply");
	return RC_OK;
}

enum rc gate_check(struct request *req, enum gate_key key, struct fault *f)
{
	enum rc rc;

	rc = check_content_type(req->http, f);
	if (rc == RC_OK)
		rc = jws_parse(req->arena, req->http->body, &req->jws, f);
	if (rc == RC_OK)
		rc = check_key_kind(req, key, f);
	if (rc == RC_OK)
		rc = check_url(req, f);
	if (rc == RC_OK && !req->jws.jwk)
		rc = find_account(req, f);
	if (rc == RC_OK)
		rc = jws_verify(&req->jws, req->jws.jwk ? req->jws.jwk : req->account->key, f);
	if (rc == RC_OK)
		rc = check_nonce(req, f);
	if (rc == RC_OK)
		req->payload = req->jws.payload;
	return rc;
}

enum rc gate_no_payload(struct request *req, struct fault *f)
{
	if (req->payload.len == 0)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			 "RFC 8555 §6.3: POST-as-GET has an empty payload (\"\"), this one has %zu octets",
			 req->payload.len);
}

struct str acme_url(struct request *req, const char *name, struct str id)
{
	return str_of(arena_printf(req->arena, "%.*s%.*s/%s%s%.*s", STR_ARG(req->base),
				   STR_ARG(req->directory->prefix), name, id.len ? "/" : "", STR_ARG(id)));
}
