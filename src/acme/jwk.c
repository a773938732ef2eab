/* jwk.c - JSON Web Keys (RFC 7517), their parameters (RFC 7518 §6, RFC 8037 §2) and thumbprints
 * (RFC 7638). */
#include "acme/jwk.h"

#include "acme/jwk_json.h"
#include "acme/members.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/digest.h"

#define OCTETS_MAX (LIMIT_RSA_BITS_MAX / 8) /* of any one parameter */
/* The canonical text: names and braces, and two parameters in base64url. */
#define JWK_TEXT_MAX (64 + 2 * (B64URL_LEN(OCTETS_MAX) + 1))

static const struct curve {
	const char *kty, *crv;
	enum key_type type;
	size_t len; /* octets of a coordinate (RFC 7518 §6.2.1.2, RFC 8032 §5.1.5) */
	const char *prefix; /* of the canonical text, up to the value of "x" */
} curves[] = {
	{ "EC", "P-256", KEY_P256, 32, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" },
	{ "EC", "P-384", KEY_P384, 48, "{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"" },
	{ "EC", "P-521", KEY_P521, 66, "{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"" },
	{ "OKP", "Ed25519", KEY_ED25519, 32, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" },
};

/* --- reading --- */

static enum rc bad_key(struct fault *f, const char *section, const char *name, const char *what)
{
	return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY, "%s: \"%s\" of the JWK %s", section,
			 name, what);
}

struct octets {
	uint8_t p[OCTETS_MAX + 4]; /* b64url_decode() wants a little room */
	size_t len;
};

static enum rc read_octets(const json_t *jwk, const char *section, const char *name,
			   struct octets *out, struct fault *f)
{
	const json_t *value = json_object_get(jwk, name);
	struct str text;

	if (!json_is_string(value))
		return bad_key(f, section, name, value ? "must be a string" : "is missing; add it");
	text = json_text(value);
	if (text.len > B64URL_LEN(OCTETS_MAX))
		return bad_key(f, section, name, "is longer than any key that is accepted here");
	if (!b64url_decode(text, out->p, &out->len) || out->len == 0)
		return bad_key(f, section, name,
			       "is not base64url (RFC 7515 §2: no padding, no white space, not empty)");
	return RC_OK;
}

static struct bytes octets_bytes(const struct octets *o)
{
	return bytes_of(o->p, o->len);
}

static enum rc read_coordinate(const json_t *jwk, const struct curve *c, const char *name,
			       struct octets *out, struct fault *f)
{
	const char *section = c->type == KEY_ED25519 ? "RFC 8037 §2" : "RFC 7518 §6.2.1";
	enum rc rc = read_octets(jwk, section, name, out, f);

	if (rc != RC_OK)
		return rc;
	if (out->len != c->len)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "%s: \"%s\" has %zu octets, %s needs exactly %zu; keep leading zero octets",
				 section, name, out->len, c->crv, c->len);
	return RC_OK;
}

static enum rc read_curve_key(const json_t *jwk, struct str kty, struct pubkey **out,
			      struct fault *f)
{
	const json_t *crv = json_object_get(jwk, "crv");
	struct octets x, y;
	enum rc rc;

	if (!json_is_string(crv))
		return bad_key(f, "RFC 7518 §6.2.1.1", "crv",
			       crv ? "must be a string" : "is missing; add it");
	for (size_t i = 0; i < COUNT_OF(curves); i++) {
		const struct curve *c = &curves[i];

		if (!str_is(kty, c->kty) || !str_is(json_text(crv), c->crv))
			continue;
		rc = read_coordinate(jwk, c, "x", &x, f);
		if (rc != RC_OK)
			return rc;
		if (c->type == KEY_ED25519)
			return pubkey_from_ed25519(octets_bytes(&x), out, f);
		rc = read_coordinate(jwk, c, "y", &y, f);
		if (rc != RC_OK)
			return rc;
		return pubkey_from_ec(c->type, octets_bytes(&x), octets_bytes(&y), out, f);
	}
	return fault_set(f, RC_INVALID, PROBLEM_BAD_SIGNATURE_ALGORITHM,
			 "RFC 8555 §6.2: curve \"%.*s\" with \"kty\":\"%.*s\" is not supported; use an account key on P-256, P-384, P-521 or Ed25519, or RSA",
			 SHOWN(json_text(crv)), SHOWN(kty));
}

static enum rc read_rsa_key(const json_t *jwk, struct pubkey **out, struct fault *f)
{
	struct octets n, e;
	enum rc rc;

	rc = read_octets(jwk, "RFC 7518 §6.3.1.1", "n", &n, f);
	if (rc == RC_OK)
		rc = read_octets(jwk, "RFC 7518 §6.3.1.2", "e", &e, f);
	if (rc != RC_OK)
		return rc;
	/* The thumbprint is made of the shortest form (RFC 7638 §3.2); a client that writes another
	 * would compute another one, and none of its challenges could succeed. */
	if (n.p[0] == 0)
		return bad_key(f, "RFC 7518 §6.3.1.1", "n", "has a leading zero octet; leave it out");
	if (e.p[0] == 0)
		return bad_key(f, "RFC 7518 §6.3.1.2", "e", "has a leading zero octet; leave it out");
	return pubkey_from_rsa(octets_bytes(&n), octets_bytes(&e), out, f);
}

enum rc jwk_from_json(const json_t *jwk, struct pubkey **out, struct fault *f)
{
	/* RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2 */
	static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
	const json_t *kty = json_object_get(jwk, "kty");

	if (!json_is_object(jwk))
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "RFC 7517 §4: a JWK must be a JSON object");
	for (size_t i = 0; i < COUNT_OF(private_members); i++)
		if (json_object_get(jwk, private_members[i]))
			return bad_key(f, "RFC 7517 §9.2", private_members[i],
				       "is part of a private or secret key, which nobody else may see; make a new key and send its public part only");
	if (!json_is_string(kty))
		return bad_key(f, "RFC 7517 §4.1", "kty",
			       kty ? "must be a string" : "is missing; add it");
	if (str_is(json_text(kty), "RSA"))
		return read_rsa_key(jwk, out, f);
	if (str_is(json_text(kty), "EC") || str_is(json_text(kty), "OKP"))
		return read_curve_key(jwk, json_text(kty), out, f);
	return fault_set(f, RC_INVALID, PROBLEM_BAD_SIGNATURE_ALGORITHM,
			 "RFC 8555 §6.2: key type \"%.*s\" is not supported; use EC, OKP (Ed25519) or RSA",
			 SHOWN(json_text(kty)));
}

enum rc jwk_parse(struct str json, struct pubkey **out, struct fault *f)
{
	AUTO_JSON json_t *jwk = NULL;
	enum rc rc = json_read(json, LIMIT_JWS_PROTECTED, &jwk, f);

	return rc == RC_OK ? jwk_from_json(jwk, out, f) : rc;
}

/* --- writing --- */

static size_t put_text(char *out, size_t at, const char *text)
{
	size_t len = strlen(text);

	memcpy(out + at, text, len + 1);
	return at + len;
}

/* RFC 7638 §3.2: required members only, in lexicographic order, no white space. Base64url needs no
 * escaping, so the text can be put together as it is. */
static size_t canonical_text(const struct pubkey *k, char out[JWK_TEXT_MAX])
{
	struct bytes first, second;
	size_t at = 0;

	pubkey_jwk_parts(k, &first, &second);
	if (pubkey_type(k) == KEY_RSA) {
		at = put_text(out, at, "{\"e\":\"");
		at += b64url_encode(second, out + at);
		at = put_text(out, at, "\",\"kty\":\"RSA\",\"n\":\"");
		at += b64url_encode(first, out + at);
		return put_text(out, at, "\"}");
	}
	for (size_t i = 0; i < COUNT_OF(curves); i++) {
		if (curves[i].type != pubkey_type(k))
			continue;
		at = put_text(out, at, curves[i].prefix);
		at += b64url_encode(first, out + at);
		if (second.p) {
			at = put_text(out, at, "\",\"y\":\"");
			at += b64url_encode(second, out + at);
		}
		at = put_text(out, at, "\"}");
	}
	return at;
}

enum rc jwk_to_json(struct arena *a, const struct pubkey *k, struct str *out)
{
	char text[JWK_TEXT_MAX];
	struct str copy = arena_str(a, (struct str){ text, canonical_text(k, text) });

	if (!copy.p)
		return RC_NOMEM;
	*out = copy;
	return RC_OK;
}

void jwk_thumbprint_sha256(const struct pubkey *k, uint8_t out[32])
{
	char text[JWK_TEXT_MAX];

	sha256(bytes_of(text, canonical_text(k, text)), out);
}

void jwk_thumbprint(const struct pubkey *k, char out[JWK_THUMBPRINT_LEN + 1])
{
	uint8_t digest[SHA256_LEN];

	jwk_thumbprint_sha256(k, digest);
	b64url_encode(bytes_of(digest, sizeof(digest)), out);
}

enum rc key_authorization(struct arena *a, struct str token, const struct pubkey *account_key,
			  struct str *out)
{
	size_t len = token.len + 1 + JWK_THUMBPRINT_LEN;
	char *text = arena_alloc(a, len + 1);

	if (!text)
		return RC_NOMEM;
	memcpy(text, token.p, token.len);
	text[token.len] = '.';
	jwk_thumbprint(account_key, text + token.len + 1);
	*out = (struct str){ text, len };
	return RC_OK;
}
