/* seal.c - see seal.h. */
#include "crypto/seal.h"

#include "base/secret.h"
#include "crypto/digest.h"
#include "crypto/evp.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define PLAIN_MAX (64 * 1024)

static void ctx_auto_free(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

enum rc seal(struct arena *a, const uint8_t key[SEAL_KEY_LEN], struct str about, struct bytes plain,
	     struct bytes *out)
{
	__attribute__((cleanup(ctx_auto_free))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *p;
	int len = 0, more = 0;

	if (plain.len > PLAIN_MAX || about.len > PLAIN_MAX)
		return RC_INVALID;
	p = arena_alloc(a, plain.len + SEAL_OVERHEAD);
	if (!ctx || !p)
		return RC_NOMEM;
	random_bytes(p, NONCE_LEN);
	if (EVP_EncryptInit_ex2(ctx, evp()->aes256_gcm, key, p, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &len, (const uint8_t *)about.p, (int)about.len) != 1 ||
	    EVP_EncryptUpdate(ctx, p + NONCE_LEN, &len, plain.p, (int)plain.len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, p + NONCE_LEN + len, &more) != 1 || (size_t)len != plain.len || more != 0 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, p + NONCE_LEN + plain.len) != 1)
		return evp_failed(RC_INTERNAL);
	*out = bytes_of(p, plain.len + SEAL_OVERHEAD);
	return RC_OK;
}

enum rc unseal(struct arena *a, const uint8_t key[SEAL_KEY_LEN], struct str about, struct bytes sealed,
	       struct bytes *out)
{
	__attribute__((cleanup(ctx_auto_free))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t plain_len;
	uint8_t *p;
	int len = 0, more = 0;

	if (sealed.len < SEAL_OVERHEAD || sealed.len > PLAIN_MAX + SEAL_OVERHEAD || about.len > PLAIN_MAX)
		return RC_INVALID;
	plain_len = sealed.len - SEAL_OVERHEAD;
	p = arena_alloc(a, plain_len + 1);
	if (!ctx || !p)
		return RC_NOMEM;
	if (EVP_DecryptInit_ex2(ctx, evp()->aes256_gcm, key, sealed.p, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, (const uint8_t *)about.p, (int)about.len) != 1 ||
	    EVP_DecryptUpdate(ctx, p, &len, sealed.p + NONCE_LEN, (int)plain_len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
				(void *)(sealed.p + NONCE_LEN + plain_len)) != 1)
		return evp_failed(RC_INTERNAL);
	if (EVP_DecryptFinal_ex(ctx, p + len, &more) != 1) {
		secret_cleanse(p, plain_len); /* not what was sealed: nothing of it is to be used */
		return evp_failed(RC_INVALID);
	}
	*out = bytes_of(p, plain_len);
	return RC_OK;
}
