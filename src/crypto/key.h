/* key.h - public and private keys, JOSE and X.509 signatures.
 * The only key kinds that exist here are those of the table in key.c; everything else is refused
 * before libcrypto sees it: RSA 2048..8192, P-256, P-384, P-521 as named curves, Ed25519.
 * RFC 7517, RFC 7518 §3, RFC 8037, RFC 5280 §4.1.2.7, RFC 5480, RFC 8410.
 * Keys are immutable after creation, counted, and may be used by several threads at once. */
#ifndef ASSAY_CRYPTO_KEY_H
#define ASSAY_CRYPTO_KEY_H

#include "base/arena.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/secret.h"

enum key_type { KEY_NONE, KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };

/* What a signature is made with. RS256 means PKCS#1 v1.5 with SHA-256. */
enum sig_alg { SIG_NONE, SIG_RS256, SIG_RS384, SIG_RS512, SIG_ES256, SIG_ES384, SIG_ES512, SIG_EDDSA };

struct pubkey;
struct privkey;

#define SHA256_LEN 32
#define SIG_MAX 1024 /* bytes of any signature we make or accept (RSA-8192) */

/* --- public keys --- */

/* Reads a SubjectPublicKeyInfo: a strict pre-parse first (named curve only, RSA size and exponent
 * gate, full consumption), then the point is checked to be on the curve. Fault: badPublicKey. */
enum rc pubkey_from_spki(struct bytes der, struct pubkey **out, struct fault *f) MUST_USE;
/* From JWK members already decoded (RFC 7518 §6.2-6.3, RFC 8037 §2). Coordinates must have exactly
 * the curve's length. */
enum rc pubkey_from_ec(enum key_type type, struct bytes x, struct bytes y, struct pubkey **out,
		       struct fault *f) MUST_USE;
enum rc pubkey_from_rsa(struct bytes n, struct bytes e, struct pubkey **out, struct fault *f) MUST_USE;
enum rc pubkey_from_ed25519(struct bytes x, struct pubkey **out, struct fault *f) MUST_USE;

struct pubkey *pubkey_ref(struct pubkey *k);
void pubkey_free(struct pubkey *k); /* drops one reference; NULL is allowed */
AUTO_PTR_DEFINE(pubkey);

enum key_type pubkey_type(const struct pubkey *k);
unsigned pubkey_bits(const struct pubkey *k); /* RSA modulus, EC field */
const char *key_type_name(enum key_type type, unsigned bits); /* "rsa2048", "p256", "ed25519" */
struct bytes pubkey_spki(const struct pubkey *k);             /* DER, borrowed */
void pubkey_spki_sha256(const struct pubkey *k, uint8_t out[SHA256_LEN]);
/* Same key, whatever the encoding it came in. */
bool pubkey_eq(const struct pubkey *a, const struct pubkey *b);
/* The JWK members back as octets (borrowed from the key): EC gives x, y; RSA gives n, e without
 * leading zeros; Ed25519 gives x. Unused ones are absent. */
void pubkey_jwk_parts(const struct pubkey *k, struct bytes *a, struct bytes *b);

/* Keys that must not be certified nor used for accounts (weak.c): even or small RSA exponent, size
 * not a multiple of 8, a prime factor below 2^16 or so, ROCA (CVE-2017-15361), close primes
 * (Fermat, CVE-2022-26320), Debian weak keys (CVE-2008-0166, from blocklists). Fault says which.
 * At most 20 ms of CPU. */
enum rc pubkey_check_strength(const struct pubkey *k, struct fault *f) MUST_USE;
/* Loads one more file of Debian openssl-blacklist format into the process's list; not thread-safe,
 * call at start. */
enum rc weak_keys_load(const char *path, struct fault *f) MUST_USE;

/* JOSE form: ECDSA is raw R||S of exact length (RFC 7518 §3.4). The algorithm must be the one that
 * the key's type allows, else RC_INVALID. RC_DENIED: the signature does not verify. */
enum rc pubkey_verify_jose(const struct pubkey *k, enum sig_alg alg, struct bytes data,
			   struct bytes sig) MUST_USE;
/* X.509 form: ECDSA is a DER SEQUENCE. */
enum rc pubkey_verify_x509(const struct pubkey *k, enum sig_alg alg, struct bytes data,
			   struct bytes sig) MUST_USE;

/* --- private keys --- */

enum rc privkey_generate(enum key_type type, unsigned rsa_bits, struct privkey **out) MUST_USE;
/* PKCS#8 (plain or encrypted), SEC1 or PKCS#1 PEM. passphrase may be NULL for plain ones. */
enum rc privkey_from_pem(struct bytes pem, const struct secret *passphrase, struct privkey **out,
			 struct fault *f) MUST_USE;
/* PKCS#8 PEM; with a passphrase: PBES2, scrypt, AES-256-CBC. */
enum rc privkey_to_pem(const struct privkey *k, const struct secret *passphrase,
		       struct secret **out) MUST_USE;
/* A new key, written without a passphrase to a file that only its owner may read (mode 0600). Not RSA. */
enum rc privkey_make_file(const char *path, enum key_type type, struct privkey **out, struct fault *f) MUST_USE;
void privkey_free(struct privkey *k);
AUTO_PTR_DEFINE(privkey);
struct pubkey *privkey_pubkey(const struct privkey *k); /* borrowed */

/* The algorithm a key signs X.509 objects with: RSA and P-256 SHA-256, P-384 SHA-384, ... */
enum sig_alg key_x509_sig_alg(enum key_type type);
/* The JOSE algorithm of a key type: RS256, ES256, ES384, ES512, EdDSA. */
enum sig_alg key_jose_sig_alg(enum key_type type);
const char *sig_alg_jose_name(enum sig_alg alg);      /* "ES256"; "EdDSA" */
enum sig_alg sig_alg_from_jose_name(struct str name); /* SIG_NONE when unknown */

enum rc privkey_sign_jose(const struct privkey *k, struct bytes data, uint8_t sig[SIG_MAX],
			  size_t *sig_len) MUST_USE;
enum rc privkey_sign_x509(const struct privkey *k, struct bytes data, uint8_t sig[SIG_MAX],
			  size_t *sig_len) MUST_USE;

/* net/tls hands libcrypto's own object on; nobody else may call this. EVP_PKEY *, borrowed. */
void *privkey_evp(const struct privkey *k);

#endif
