/* fuzz_jws.c - octets as a request, an inner JWS and a binding. What is accepted obeys RFC 8555 §6.2,
 * and verifying it with its own key never succeeds by accident. */
#include <stdlib.h>

#include "acme/jws.h"
#include "base/limits.h"
#include "crypto/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check(const struct jws *j)
{
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	require(j->url.p && j->payload.p && j->signature.len > 0);
	require((j->jwk != NULL) != (j->kid.p != NULL));
	require(j->mac == (j->alg == SIG_NONE));
	require(j->signing_input.len > j->payload.len);
	if (j->jwk) {
		rc = jws_verify(j, j->jwk, &f);
		require(rc == RC_OK || f.detail[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static enum rc (*const parsers[])(struct arena *, struct str, struct jws *, struct fault *) = {
		jws_parse, jws_parse_inner, jws_parse_eab,
	};
	static bool started;

	if (!started)
		require(crypto_init(NULL) == RC_OK);
	started = true;
	for (size_t i = 0; i < COUNT_OF(parsers); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(jws) struct jws j = { 0 };
		enum rc rc;

		arena_init(&a, LIMIT_REQUEST_ARENA);
		rc = parsers[i](&a, (struct str){ (const char *)data, size }, &j, &f);
		require(rc == RC_OK || rc == RC_INVALID);
		require((rc == RC_OK) == (f.detail[0] == '\0'));
		if (rc == RC_OK)
			check(&j);
	}
	return 0;
}
