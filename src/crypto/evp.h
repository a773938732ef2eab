/* evp.h - what src/crypto shares of libcrypto: algorithms fetched once, one digest context per
 * thread. Private to src/crypto. */
#ifndef ASSAY_CRYPTO_EVP_H
#define ASSAY_CRYPTO_EVP_H

#include <openssl/evp.h>

#include "base/auto.h"
#include "base/rc.h"
#include "base/str.h"

struct evp {
	EVP_MD *sha1, *sha256, *sha384, *sha512;
	EVP_MAC *hmac;
	EVP_CIPHER *aes128_ecb, *aes256_gcm;
	EVP_PKEY *p256, *p384, *p521; /* the curves alone: what public keys are made from */
};

/* Fetched at the first call, from any thread; aborts when libcrypto lacks what it must have. */
const struct evp *evp(void);
/* This thread's context, empty; freed when the thread ends. NULL without memory. */
EVP_MD_CTX *evp_md_ctx(void);
/* Empties libcrypto's error queue and says what it held: RC_NOMEM if memory was the reason, else
 * other. A failed call leaves nothing behind for the next one to trip over. */
enum rc evp_failed(enum rc other);
/* The reason at the top of the queue as text for an admin; then the queue is emptied. */
const char *evp_reason(void);

#endif
