/* seal.h - small secrets at rest: AES-256-GCM under one key, bound to what they belong to. A sealed
 * text is nonce (12), ciphertext, tag (16). Nonces are random: good for far more secrets than a
 * service has (2^32, NIST SP 800-38D §8.3). Safe from any thread. */
#ifndef ASSAY_CRYPTO_SEAL_H
#define ASSAY_CRYPTO_SEAL_H

#include "base/arena.h"
#include "base/rc.h"

#define SEAL_KEY_LEN 32
#define SEAL_OVERHEAD 28

/* about is authenticated and not stored: another row's sealed text does not open here. */
enum rc seal(struct arena *a, const uint8_t key[SEAL_KEY_LEN], struct str about, struct bytes plain,
	     struct bytes *out) MUST_USE;
/* RC_INVALID when key, about or the text is not the one that was sealed. The caller cleanses *out. */
enum rc unseal(struct arena *a, const uint8_t key[SEAL_KEY_LEN], struct str about, struct bytes sealed,
	       struct bytes *out) MUST_USE;

#endif
