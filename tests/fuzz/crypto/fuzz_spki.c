/* fuzz_spki.c - SubjectPublicKeyInfo: what is accepted writes itself back octet by octet, and its
 * strength can be judged in any case. */
#include <stdlib.h>

#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = { 0 };
	struct pubkey *k;

	if (pubkey_from_spki(bytes_of(data, size), &k, &f) == RC_OK) {
		if (!bytes_eq(pubkey_spki(k), bytes_of(data, size)))
			abort();
		(void)!pubkey_check_strength(k, &f);
		(void)!pubkey_verify_jose(k, key_jose_sig_alg(pubkey_type(k)), bytes_of(data, size),
					  bytes_of(data, size < 64 ? size : 64));
		(void)!pubkey_verify_x509(k, key_x509_sig_alg(pubkey_type(k)), bytes_of(data, size),
					  bytes_of(data, size));
		pubkey_free(k);
	} else if (f.detail[0] == 0 || f.problem != PROBLEM_BAD_PUBLIC_KEY) {
		abort();
	}
	fault_done(&f);
	return 0;
}
