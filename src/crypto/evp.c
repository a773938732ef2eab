/* evp.c - fetching from libcrypto, once.
 * Fetching by name costs several microseconds and takes a lock on each use, so every algorithm is
 * fetched explicitly before the first use and kept until the process ends. */
#include "crypto/evp.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct evp algs;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t md_ctx_key;
static _Thread_local EVP_MD_CTX *md_ctx;

static void free_md_ctx(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

/* A key that has a curve and no point. */
static EVP_PKEY *curve(const char *name)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *out = NULL;

	if (!ctx || EVP_PKEY_paramgen_init(ctx) != 1 || EVP_PKEY_CTX_set_group_name(ctx, name) != 1 ||
	    EVP_PKEY_paramgen(ctx, &out) != 1)
		out = NULL;
	EVP_PKEY_CTX_free(ctx);
	return out;
}

static void fetch_all(void)
{
	/* No openssl.cnf: what a file elsewhere says must not change what we sign or accept. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	algs.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	algs.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	algs.sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
	algs.sha512 = EVP_MD_fetch(NULL, "SHA512", NULL);
	algs.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	algs.aes128_ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	algs.aes256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algs.p256 = curve("P-256");
	algs.p384 = curve("P-384");
	algs.p521 = curve("P-521");
	if (!algs.p256 || !algs.p384 || !algs.p521 || !algs.sha1 || !algs.sha256 || !algs.sha384 || !algs.sha512 || !algs.hmac ||
	    !algs.aes128_ecb || !algs.aes256_gcm || pthread_key_create(&md_ctx_key, free_md_ctx) != 0) {
		fprintf(stderr, "assay: libcrypto does not offer its default algorithms\n");
		abort();
	}
}

const struct evp *evp(void)
{
	pthread_once(&once, fetch_all);
	return &algs;
}

EVP_MD_CTX *evp_md_ctx(void)
{
	evp();
	if (md_ctx) {
		EVP_MD_CTX_reset(md_ctx);
		return md_ctx;
	}
	md_ctx = EVP_MD_CTX_new();
	if (md_ctx && pthread_setspecific(md_ctx_key, md_ctx) != 0) {
		EVP_MD_CTX_free(md_ctx);
		md_ctx = NULL;
	}
	return md_ctx;
}

enum rc evp_failed(enum rc other)
{
	unsigned long code;
	enum rc rc = other;

	while ((code = ERR_get_error()) != 0)
		if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
			rc = RC_NOMEM;
	return rc;
}

const char *evp_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return text ? text : "libcrypto gives no reason";
}
