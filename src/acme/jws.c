/* jws.c - reading and verifying signed requests (jws.h).
 * There are three places where ACME puts a JWS, and they differ only in which header parameters they
 * allow: a request (RFC 8555 §6.2), the inner JWS of keyChange (§7.3.5) and an external account
 * binding (§7.3.4). The table below is that difference; everything else is one reader. Each octet of
 * the body is looked at a fixed number of times (CVE-2025-27144). */
#include "acme/jws.h"

#include "acme/jwk.h"
#include "acme/jwk_json.h"
#include "acme/members.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/digest.h"

const enum sig_alg jws_algorithms[JWS_ALGORITHM_COUNT] = { SIG_ES256, SIG_RS256, SIG_EDDSA,
							   SIG_ES384, SIG_ES512 };

enum nonce_rule { NONCE_READ, NONCE_IGNORED, NONCE_FORBIDDEN };

struct jws_form {
	const char *section;
	enum nonce_rule nonce;
	bool jwk, kid; /* allowed; exactly one must be there */
	bool mac;
};

static const struct jws_form form_request = {
	.section = "RFC 8555 §6.2", .nonce = NONCE_READ, .jwk = true, .kid = true,
};
static const struct jws_form form_inner = {
	.section = "RFC 8555 §7.3.5", .nonce = NONCE_IGNORED, .jwk = true,
};
static const struct jws_form form_eab = {
	.section = "RFC 8555 §7.3.4", .nonce = NONCE_FORBIDDEN, .kid = true, .mac = true,
};

void jws_done(struct jws *j)
{
	if (!j)
		return;
	pubkey_free(j->jwk);
	j->jwk = NULL;
}

static enum rc malformed(struct fault *f, const char *section, const char *what)
{
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "%s: %s", section, what);
}

/* --- the outer object --- */

/* The member as text that is still inside the JSON value. */
static enum rc outer_text(const json_t *root, const char *name, struct str *out, struct fault *f)
{
	const json_t *value = json_object_get(root, name);

	if (!json_is_string(value))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §6.2: the JWS member \"%s\" %s", name,
				 value ? "must be a base64url string" :
					 "is missing; send the flattened JSON serialization (RFC 7515 §7.2.2)");
	*out = json_text(value);
	return RC_OK;
}

static enum rc check_serialization(const json_t *root, struct fault *f)
{
	if (json_object_get(root, "signatures"))
		return malformed(f, "RFC 8555 §6.2",
				 "\"signatures\" is not allowed; sign once and send the flattened JSON serialization (RFC 7515 §7.2.2)");
	if (json_object_get(root, "header"))
		return malformed(f, "RFC 8555 §6.2",
				 "the unprotected \"header\" is not allowed; move its parameters into \"protected\"");
	return RC_OK;
}

/* Keeps the signing input exactly as it was received (RFC 7515 §5.2): protected "." payload. */
static enum rc keep_signing_input(struct arena *a, struct str protected, struct str payload,
				  struct jws *j)
{
	size_t len = protected.len + 1 + payload.len;
	uint8_t *p = arena_alloc(a, len);

	if (!p)
		return RC_NOMEM;
	memcpy(p, protected.p, protected.len);
	p[protected.len] = '.';
	memcpy(p + protected.len + 1, payload.p, payload.len);
	j->signing_input = bytes_of(p, len);
	return RC_OK;
}

static enum rc read_outer(struct arena *a, const json_t *root, struct jws *j,
			  struct bytes *out_header, struct fault *f)
{
	struct str protected, payload, signature;
	struct bytes decoded;
	enum rc rc;

	rc = check_serialization(root, f);
	if (rc == RC_OK)
		rc = outer_text(root, "protected", &protected, f);
	if (rc == RC_OK) /* RFC 8555 §6.2: never detached; RFC 8555 §6.3: "" is POST-as-GET */
		rc = outer_text(root, "payload", &payload, f);
	if (rc == RC_OK)
		rc = outer_text(root, "signature", &signature, f);
	if (rc != RC_OK)
		return rc;
	if (protected.len > LIMIT_JWS_PROTECTED)
		return malformed(f, "policy", "\"protected\" is too long; send only what RFC 8555 §6.2 asks for");
	if (signature.len == 0 || signature.len > B64URL_LEN(SIG_MAX))
		return malformed(f, "RFC 7515 §5.2",
				 "\"signature\" is empty or longer than that of any supported algorithm");
	rc = base64url_read(a, "RFC 8555 §6.2", "protected", protected, out_header, f);
	if (rc == RC_OK)
		rc = base64url_read(a, "RFC 8555 §6.2", "payload", payload, &decoded, f);
	if (rc == RC_OK)
		rc = base64url_read(a, "RFC 8555 §6.2", "signature", signature, &j->signature, f);
	if (rc != RC_OK)
		return rc;
	j->payload = (struct str){ (const char *)decoded.p, decoded.len };
	return keep_signing_input(a, protected, payload, j);
}

/* --- the protected header --- */

static enum rc check_extensions(const struct members *m)
{
	const json_t *b64 = json_object_get(m->object, "b64");

	if (json_object_get(m->object, "crit"))
		return malformed(m->f, "RFC 7515 §4.1.11",
				 "no extension named by \"crit\" is supported here; leave it out");
	if (b64 && !json_is_true(b64))
		return malformed(m->f, "RFC 8555 §6.2",
				 "the unencoded payload option (\"b64\", RFC 7797) is not allowed; leave it out");
	if (json_object_get(m->object, "zip"))
		return malformed(m->f, "RFC 7515 §4.1",
				 "\"zip\" is not for signatures; leave it out and send the payload uncompressed");
	return RC_OK;
}

static enum rc read_alg(const struct members *m, const struct jws_form *form, struct jws *j)
{
	const json_t *alg = json_object_get(m->object, "alg");

	if (!json_is_string(alg))
		return malformed(m->f, form->section,
				 alg ? "\"alg\" must be a string" :
				       "the protected header has no \"alg\"; add it");
	if (form->mac) {
		if (!str_is(json_text(alg), "HS256"))
			return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 8555 §7.3.4: \"alg\" of an external account binding must be HS256 here, not \"%.*s\"",
					 SHOWN(json_text(alg)));
		j->mac = true;
		return RC_OK;
	}
	for (size_t i = 0; i < JWS_ALGORITHM_COUNT; i++) {
		if (str_is(json_text(alg), sig_alg_jose_name(jws_algorithms[i]))) {
			j->alg = jws_algorithms[i];
			return RC_OK;
		}
	}
	return fault_set(m->f, RC_INVALID, PROBLEM_BAD_SIGNATURE_ALGORITHM,
			 "RFC 8555 §6.2: \"alg\":\"%.*s\" is not accepted (\"none\" and MACs never are); use ES256, RS256, EdDSA, ES384 or ES512 with a key of that kind",
			 SHOWN(json_text(alg)));
}

/* "jwk" and "kid" are mutually exclusive, and one must be there. */
static enum rc read_key(const struct members *m, const struct jws_form *form, struct jws *j)
{
	const json_t *jwk = json_object_get(m->object, "jwk");
	const json_t *kid = json_object_get(m->object, "kid");

	if (jwk && kid)
		return malformed(m->f, form->section,
				 "the protected header has both \"jwk\" and \"kid\"; send \"kid\" for a known account, \"jwk\" otherwise");
	if (!jwk && !kid)
		return malformed(m->f, form->section,
				 form->jwk && form->kid ?
					 "the protected header has neither \"jwk\" nor \"kid\"; add the one that fits" :
				 form->jwk ? "the protected header has no \"jwk\"; add the new public key" :
					     "the protected header has no \"kid\"; add the one that came with the binding key");
	if (jwk && !form->jwk)
		return malformed(m->f, form->section, "\"jwk\" is not allowed here; send \"kid\"");
	if (kid && !form->kid)
		return malformed(m->f, form->section, "\"kid\" is not allowed here; send \"jwk\"");
	if (jwk)
		return jwk_from_json(jwk, &j->jwk, m->f);
	if (!json_is_string(kid))
		return malformed(m->f, form->section, "\"kid\" must be a string");
	j->kid = arena_str(m->arena, json_text(kid));
	return j->kid.p ? RC_OK : RC_NOMEM;
}

static enum rc read_url(const struct members *m, struct jws *j)
{
	const json_t *url = json_object_get(m->object, "url");

	if (!json_is_string(url))
		return malformed(m->f, "RFC 8555 §6.4",
				 url ? "\"url\" must be a string" :
				       "the protected header has no \"url\"; add the URL that the request is sent to");
	j->url = arena_str(m->arena, json_text(url));
	return j->url.p ? RC_OK : RC_NOMEM;
}

static bool is_base64url(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return text.len % 4 != 1;
}

/* Absent is left to the caller, who owes the client a badNonce with a fresh one (RFC 8555 §6.5). */
static enum rc read_nonce(const struct members *m, enum nonce_rule rule, struct jws *j)
{
	const json_t *nonce = json_object_get(m->object, "nonce");

	if (!nonce || rule == NONCE_IGNORED)
		return RC_OK;
	if (rule == NONCE_FORBIDDEN)
		return malformed(m->f, "RFC 8555 §7.3.4",
				 "the binding's protected header must not have \"nonce\"; leave it out");
	if (!json_is_string(nonce) || !is_base64url(json_text(nonce)))
		return malformed(m->f, "RFC 8555 §6.5.2",
				 "\"nonce\" must be a base64url string, as it came in Replay-Nonce");
	j->nonce = arena_str(m->arena, json_text(nonce));
	return j->nonce.p ? RC_OK : RC_NOMEM;
}

static enum rc read_protected(struct arena *a, struct bytes header, const struct jws_form *form,
			      struct jws *j, struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	struct members m = { .arena = a, .section = form->section, .f = f };
	enum rc rc;

	if (header.len == 0)
		return malformed(f, form->section, "the protected header is empty; all parameters belong there");
	rc = json_read_object((struct str){ (const char *)header.p, header.len },
			      LIMIT_JWS_PROTECTED, "RFC 7515 §4", &root, f);
	if (rc != RC_OK)
		return rc;
	m.object = root;
	rc = check_extensions(&m);
	if (rc == RC_OK)
		rc = read_alg(&m, form, j);
	if (rc == RC_OK)
		rc = read_url(&m, j);
	if (rc == RC_OK)
		rc = read_nonce(&m, form->nonce, j);
	if (rc == RC_OK)
		rc = read_key(&m, form, j);
	return rc;
}

static enum rc parse(struct arena *a, struct str body, const struct jws_form *form,
		     struct jws *out, struct fault *f)
{
	AUTO_JSON json_t *root = NULL;
	AUTO(jws) struct jws j = { 0 };
	struct bytes header;
	enum rc rc;

	rc = json_read_object(body, LIMIT_JSON_BYTES, form->section, &root, f);
	if (rc == RC_OK)
		rc = read_outer(a, root, &j, &header, f);
	if (rc == RC_OK)
		rc = read_protected(a, header, form, &j, f);
	if (rc != RC_OK)
		return rc;
	*out = j;
	j.jwk = NULL; /* handed over */
	return RC_OK;
}

enum rc jws_parse(struct arena *a, struct str body, struct jws *out, struct fault *f)
{
	return parse(a, body, &form_request, out, f);
}

enum rc jws_parse_inner(struct arena *a, struct str body, struct jws *out, struct fault *f)
{
	return parse(a, body, &form_inner, out, f);
}

enum rc jws_parse_eab(struct arena *a, struct str body, struct jws *out, struct fault *f)
{
	return parse(a, body, &form_eab, out, f);
}

/* --- verification --- */

enum rc jws_verify(const struct jws *j, const struct pubkey *key, struct fault *f)
{
	enum sig_alg expected = key_jose_sig_alg(pubkey_type(key));
	enum rc rc;

	/* The key decides, never the header (CVE-2015-9235). */
	if (j->mac || j->alg == SIG_NONE || j->alg != expected)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §6.2: \"alg\" is %s, but the key is %s, which signs with %s; set \"alg\" to that",
				 j->mac ? "HS256" : sig_alg_jose_name(j->alg),
				 key_type_name(pubkey_type(key), pubkey_bits(key)),
				 sig_alg_jose_name(expected));
	rc = pubkey_verify_jose(key, expected, j->signing_input, j->signature);
	if (rc == RC_DENIED || rc == RC_INVALID)
		return fault_set(f, RC_DENIED, PROBLEM_MALFORMED,
				 "RFC 7515 §5.2: the signature does not verify with the key that \"%s\" names; sign \"protected.payload\" with that key",
				 j->jwk ? "jwk" : "kid");
	return rc;
}

enum rc jws_verify_eab(const struct jws *j, struct bytes hmac_key, const struct pubkey *account_key,
		       struct str outer_url, struct fault *f)
{
	AUTO_PTR(pubkey) struct pubkey *bound = NULL;
	uint8_t mac[SHA256_LEN];
	enum rc rc;

	if (!j->mac)
		return malformed(f, "RFC 8555 §7.3.4", "the binding must be made with a MAC");
	hmac_sha256(hmac_key, j->signing_input, mac);
	if (!bytes_eq_secret(j->signature, bytes_of(mac, sizeof(mac))))
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.3.4: the binding's MAC does not verify; check the HMAC key that belongs to its \"kid\"");
	if (!str_eq(j->url, outer_url))
		return malformed(f, "RFC 8555 §7.3.4",
				 "\"url\" of the binding must be that of the request around it");
	rc = jwk_parse(j->payload, &bound, f);
	if (rc != RC_OK)
		return rc;
	if (!pubkey_eq(bound, account_key))
		return malformed(f, "RFC 8555 §7.3.4",
				 "the binding's payload must be the account key, the \"jwk\" of the request around it");
	return RC_OK;
}
