/* digest.c - hashes, MACs, randomness and one block cipher, on libcrypto and getrandom(2). */
#include "crypto/digest.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/fault.h"
#include "crypto/evp.h"

/* A hash of data in memory fails only without memory; there is no answer that could be right. */
static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "assay: libcrypto: %s failed\n", what);
		abort();
	}
}

static void digest(const EVP_MD *md, const struct bytes *pieces, size_t count, uint8_t *out)
{
	EVP_MD_CTX *ctx = evp_md_ctx();

	must(ctx && EVP_DigestInit_ex2(ctx, md, NULL) == 1, "EVP_DigestInit");
	for (size_t i = 0; i < count; i++)
		must(EVP_DigestUpdate(ctx, pieces[i].p, pieces[i].len) == 1, "EVP_DigestUpdate");
	must(EVP_DigestFinal_ex(ctx, out, NULL) == 1, "EVP_DigestFinal");
}

void sha256(struct bytes data, uint8_t out[32])
{
	digest(evp()->sha256, &data, 1, out);
}

void sha1(struct bytes data, uint8_t out[20])
{
	digest(evp()->sha1, &data, 1, out);
}

void sha256_pieces(const struct bytes *pieces, size_t count, uint8_t out[32])
{
	digest(evp()->sha256, pieces, count, out);
}

void hmac_sha256(struct bytes key, struct bytes data, uint8_t out[32])
{
	char name[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(evp()->hmac);
	size_t len = 0;

	/* A NULL key would mean "the key of before"; an empty one is a key. */
	must(ctx && EVP_MAC_init(ctx, key.p ? key.p : (const uint8_t *)"", key.len, params) == 1 &&
		     EVP_MAC_update(ctx, data.p, data.len) == 1 &&
		     EVP_MAC_final(ctx, out, &len, 32) == 1 && len == 32,
	     "HMAC");
	EVP_MAC_CTX_free(ctx);
}

bool bytes_eq_secret(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0);
}

void random_bytes(void *out, size_t len)
{
	uint8_t *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			perror("assay: getrandom");
			abort();
		}
		p += n;
		len -= (size_t)n;
	}
}

struct block_cipher {
	EVP_CIPHER_CTX *encrypt, *decrypt;
};

enum rc block_cipher_new(const uint8_t key[16], struct block_cipher **out)
{
	struct block_cipher *c = calloc(1, sizeof(*c));

	if (!c)
		return RC_NOMEM;
	c->encrypt = EVP_CIPHER_CTX_new();
	c->decrypt = EVP_CIPHER_CTX_new();
	if (!c->encrypt || !c->decrypt ||
	    EVP_EncryptInit_ex2(c->encrypt, evp()->aes128_ecb, key, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(c->decrypt, evp()->aes128_ecb, key, NULL, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(c->encrypt, 0) != 1 ||
	    EVP_CIPHER_CTX_set_padding(c->decrypt, 0) != 1) {
		block_cipher_free(c);
		return evp_failed(RC_NOMEM);
	}
	*out = c;
	return RC_OK;
}

void block_cipher_free(struct block_cipher *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->encrypt);
	EVP_CIPHER_CTX_free(c->decrypt);
	free(c);
}

void block_cipher_encrypt(struct block_cipher *c, const uint8_t in[16], uint8_t out[16])
{
	int len = 0;

	must(EVP_EncryptUpdate(c->encrypt, out, &len, in, 16) == 1 && len == 16, "AES");
}

void block_cipher_decrypt(struct block_cipher *c, const uint8_t in[16], uint8_t out[16])
{
	int len = 0;

	must(EVP_DecryptUpdate(c->decrypt, out, &len, in, 16) == 1 && len == 16, "AES");
}
