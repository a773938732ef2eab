/* digest.h - hashes, MACs and randomness, with algorithms fetched once (safe from any thread). */
#ifndef ASSAY_CRYPTO_DIGEST_H
#define ASSAY_CRYPTO_DIGEST_H

#include "base/rc.h"
#include "base/str.h"

void sha256(struct bytes data, uint8_t out[32]);
void sha1(struct bytes data, uint8_t out[20]); /* key identifiers only (RFC 5280 §4.2.1.2) */
/* Over several pieces. */
void sha256_pieces(const struct bytes *pieces, size_t count, uint8_t out[32]);
void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[32]);
bool bytes_eq_secret(struct bytes a, struct bytes b); /* constant time for equal lengths */

/* getrandom(); aborts when the kernel cannot give any: nothing here works without. */
void random_bytes(void *out, size_t len);

/* One AES-128 block under a fixed key: a permutation of 16 octets (for nonces). Thread-safe after
 * creation as long as each thread has its own. */
struct block_cipher;
enum rc block_cipher_new(const uint8_t key[16], struct block_cipher **out) MUST_USE;
void block_cipher_free(struct block_cipher *c);
void block_cipher_encrypt(struct block_cipher *c, const uint8_t in[16], uint8_t out[16]);
void block_cipher_decrypt(struct block_cipher *c, const uint8_t in[16], uint8_t out[16]);

/* Start-up: version gate (refuses a libcrypto in a known-bad range), no configuration autoload,
 * algorithms fetched. Call once before any thread. */
struct fault;
enum rc crypto_init(struct fault *f) MUST_USE;
/* What upstream says is wrong with the libcrypto that runs (to be logged as a warning, since a
 * distribution may have patched it in place), or NULL. */
const char *crypto_version_note(void);

#endif
