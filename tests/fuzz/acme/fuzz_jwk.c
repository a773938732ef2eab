/* fuzz_jwk.c - octets as a JWK. An accepted key has one canonical form, which reads as the same key. */
#include <stdlib.h>

#include "acme/jwk.h"
#include "base/limits.h"
#include "crypto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO_PTR(pubkey) struct pubkey *key = NULL, *back = NULL;
	struct str json;
	enum rc rc;

	if (!started)
		require(crypto_init(NULL) == RC_OK);
	started = true;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	rc = jwk_parse((struct str){ (const char *)data, size }, &key, &f);
	require(rc == RC_OK || rc == RC_INVALID);
	if (rc != RC_OK)
		return 0;
	require(jwk_to_json(&a, key, &json) == RC_OK);
	require(jwk_parse(json, &back, &f) == RC_OK);
	require(pubkey_eq(key, back));
	return 0;
}
