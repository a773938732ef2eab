/* jws_sign.c - making signed requests and external account bindings (jws.h), for the client engine.
 * Both are: a protected header, base64url of it and of the payload, a signature over the two. */
#include "acme/json.h"
#include "acme/jwk.h"
#include "acme/jws.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/digest.h"

static void add_base64url(struct buf *b, struct arena *a, struct bytes octets)
{
	char *text = arena_alloc(a, B64URL_LEN(octets.len) + 1);

	if (text)
		buf_add(b, text, b64url_encode(octets, text));
	else
		b->failed = true;
}

/* What is signed (RFC 7515 §5.1): base64url(header) "." base64url(payload). */
static void write_signing_input(struct buf *b, struct arena *a, struct str header,
				struct str payload)
{
	add_base64url(b, a, str_bytes(header));
	buf_add_char(b, '.');
	add_base64url(b, a, str_bytes(payload));
}

/* Flattened JSON serialization (RFC 7515 §7.2.2). */
static enum rc write_jws(struct arena *a, struct str signing_input, struct bytes signature,
			 struct str *out)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	struct str protected, payload;
	char *text = arena_alloc(a, B64URL_LEN(signature.len) + 1);

	buf_init(&b, LIMIT_JSON_BYTES);
	if (!text)
		return RC_NOMEM;
	str_cut(signing_input, '.', &protected, &payload);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "protected", protected);
	json_out_str(&o, "payload", payload);
	json_out_str(&o, "signature", (struct str){ text, b64url_encode(signature, text) });
	json_out_close(&o, '}');
	return json_out_take(&o, a, out);
}

enum rc jws_sign(struct arena *a, const struct privkey *key, struct str kid, struct str nonce,
		 struct str url, struct str payload, struct str *out)
{
	AUTO(buf) struct buf header;
	AUTO(buf) struct buf input;
	struct pubkey *public_key = privkey_pubkey(key);
	struct json_out o = { .buf = &header };
	uint8_t signature[SIG_MAX];
	size_t signature_len;
	struct str jwk;
	enum rc rc;

	buf_init(&header, LIMIT_JWS_PROTECTED);
	buf_init(&input, LIMIT_JSON_BYTES);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "alg", str_of(sig_alg_jose_name(key_jose_sig_alg(pubkey_type(public_key)))));
	if (kid.p) {
		json_out_str(&o, "kid", kid);
	} else {
		rc = jwk_to_json(a, public_key, &jwk);
		if (rc != RC_OK)
			return rc;
		json_out_raw(&o, "jwk", jwk);
	}
	if (nonce.p)
		json_out_str(&o, "nonce", nonce);
	json_out_str(&o, "url", url);
	json_out_close(&o, '}');

	write_signing_input(&input, a, buf_str(&header), payload);
	if (!buf_ok(&header) || !buf_ok(&input))
		return RC_NOMEM;
	rc = privkey_sign_jose(key, buf_bytes(&input), signature, &signature_len);
	if (rc != RC_OK)
		return rc;
	return write_jws(a, buf_str(&input), bytes_of(signature, signature_len), out);
}

enum rc jws_sign_eab(struct arena *a, struct bytes hmac_key, struct str kid, struct str url,
		     const struct pubkey *account_key, struct str *out)
{
	AUTO(buf) struct buf header;
	AUTO(buf) struct buf input;
	struct json_out o = { .buf = &header };
	uint8_t mac[SHA256_LEN];
	struct str jwk;
	enum rc rc = jwk_to_json(a, account_key, &jwk);

	buf_init(&header, LIMIT_JWS_PROTECTED);
	buf_init(&input, LIMIT_JSON_BYTES);
	if (rc != RC_OK)
		return rc;
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "alg", STR("HS256"));
	json_out_str(&o, "kid", kid);
	json_out_str(&o, "url", url);
	json_out_close(&o, '}');

	write_signing_input(&input, a, buf_str(&header), jwk);
	if (!buf_ok(&header) || !buf_ok(&input))
		return RC_NOMEM;
	hmac_sha256(hmac_key, buf_bytes(&input), mac);
	return write_jws(a, buf_str(&input), bytes_of(mac, sizeof(mac)), out);
}
