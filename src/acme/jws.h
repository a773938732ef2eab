/* jws.h - request authentication (RFC 8555 §6.2, RFC 7515 flattened JSON serialization).
 * Reading is two steps: jws_parse() checks form only and costs no cryptography; the caller then
 * finds the key (by kid, or the embedded jwk where the resource allows that) and calls
 * jws_verify(). Nothing in a struct jws may be believed before that. */
#ifndef ASSAY_ACME_JWS_H
#define ASSAY_ACME_JWS_H

#include "base/arena.h"
#include "base/auto.h"
#include "base/fault.h"
#include "crypto/key.h"

/* What requests may be signed with: one algorithm for each type of key (key_jose_sig_alg()). */
#define JWS_ALGORITHM_COUNT 5
extern const enum sig_alg jws_algorithms[JWS_ALGORITHM_COUNT];

struct jws {
	enum sig_alg alg;
	struct str nonce; /* absent when the header has none */
	struct str url;
	struct str kid;          /* absent when jwk is used */
	struct pubkey *jwk;      /* owned; NULL when kid is used */
	struct str payload;      /* decoded; len 0 is POST-as-GET (RFC 8555 §6.3) */
	struct bytes signing_input; /* protected "." payload, as received */
	struct bytes signature;
	bool mac; /* alg is HS256: only in an external account binding (jws_parse_eab) */
};

/* Refused here, each with its section: sizes over limits.h, duplicate members, an unprotected
 * "header", "signatures" (general serialization), "b64": false and any "crit" (RFC 7515 §4.1.11),
 * "none" and every MAC algorithm, alg not in the table (badSignatureAlgorithm with "algorithms"
 * named in the detail), both or neither of jwk and kid, nonce that is not base64url (malformed,
 * RFC 8555 §6.5.2), url missing, padding or white space in base64url. Member order, white space
 * between members (certbot indents) and unknown protected members are accepted. */
enum rc jws_parse(struct arena *a, struct str body, struct jws *out, struct fault *f) MUST_USE;
/* The same for the inner JWS of keyChange (RFC 8555 §7.3.5): jwk is required, kid refused; nonce may
 * be absent and is ignored (FIELD Q9). */
enum rc jws_parse_inner(struct arena *a, struct str body, struct jws *out, struct fault *f) MUST_USE;
/* The same for an external account binding (RFC 8555 §7.3.4): HS256 only, kid required, jwk and
 * nonce refused. out->alg is SIG_NONE and out->mac is true. */
enum rc jws_parse_eab(struct arena *a, struct str body, struct jws *out, struct fault *f) MUST_USE;
/* alg must be that of the key's type (never chosen by the header), then the signature. */
enum rc jws_verify(const struct jws *j, const struct pubkey *key, struct fault *f) MUST_USE;
/* The checks of RFC 8555 §7.3.4 on a parsed binding: the MAC by the key that kid named, the payload
 * is the account key's JWK (compared as keys, not as text), "url" is that of the outer JWS. */
enum rc jws_verify_eab(const struct jws *j, struct bytes hmac_key, const struct pubkey *account_key,
		       struct str outer_url, struct fault *f) MUST_USE;
void jws_done(struct jws *j);

/* Making one, for the client engine and the tests. kid absent: jwk is embedded. nonce absent: no
 * nonce (inner JWS). payload absent p: "payload":"" (POST-as-GET). */
enum rc jws_sign(struct arena *a, const struct privkey *key, struct str kid, struct str nonce,
		 struct str url, struct str payload, struct str *out) MUST_USE;
/* External account binding (RFC 8555 §7.3.4): HS256 over the account key's JWK. */
enum rc jws_sign_eab(struct arena *a, struct bytes hmac_key, struct str kid, struct str url,
		     const struct pubkey *account_key, struct str *out) MUST_USE;

#endif
