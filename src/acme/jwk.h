/* jwk.h - account keys as JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037) and their thumbprints
 * (RFC 7638). Private members ("d", "p", ...) in a public JWK are refused: the client leaks its key. */
#ifndef ASSAY_ACME_JWK_H
#define ASSAY_ACME_JWK_H

#include "base/arena.h"
#include "base/fault.h"
#include "crypto/key.h"

#define JWK_THUMBPRINT_LEN 43 /* base64url of SHA-256 */

/* JSON text of one JWK. Faults: badPublicKey, badSignatureAlgorithm (unknown kty or crv). */
enum rc jwk_parse(struct str json, struct pubkey **out, struct fault *f) MUST_USE;
/* Canonical JSON with the required members in lexicographic order (RFC 7638 §3.2). */
enum rc jwk_to_json(struct arena *a, const struct pubkey *k, struct str *out) MUST_USE;
void jwk_thumbprint_sha256(const struct pubkey *k, uint8_t out[32]);
void jwk_thumbprint(const struct pubkey *k, char out[JWK_THUMBPRINT_LEN + 1]);
/* token "." thumbprint (RFC 8555 §8.1). */
enum rc key_authorization(struct arena *a, struct str token, const struct pubkey *account_key,
			  struct str *out) MUST_USE;

#endif
