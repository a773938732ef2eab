/* fuzz_acme_json.c - the first octet selects the decoder, the rest is its JSON text. What is decoded
 * is encoded, decoded and encoded again: both texts must be equal. */
#include <stdlib.h>

#include "acme/objects.h"
#include "base/auto.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

#define ROUND_TRIP(type, decode, encode)                               \
	static void try_##type(struct arena *a, struct str json)       \
	{                                                              \
		struct acme_##type x;                                  \
		struct str first, second;                              \
                                                                       \
		if (decode(a, json, &x, NULL) != RC_OK)                \
			return;                                        \
		if (encode(a, &x, &first) != RC_OK)                    \
			return; /* larger than what we would send */   \
		require(decode(a, first, &x, NULL) == RC_OK);          \
		require(encode(a, &x, &second) == RC_OK);              \
		require(str_eq(first, second));                        \
	}

ROUND_TRIP(new_account, acme_new_account_decode, acme_new_account_encode)
ROUND_TRIP(new_order, acme_new_order_decode, acme_new_order_encode)
ROUND_TRIP(directory, acme_directory_decode, acme_directory_encode)
ROUND_TRIP(account, acme_account_decode, acme_account_encode)
ROUND_TRIP(order, acme_order_decode, acme_order_encode)
ROUND_TRIP(authz, acme_authz_decode, acme_authz_encode)
ROUND_TRIP(challenge, acme_challenge_from_json, acme_challenge_encode)

static void try_finalize(struct arena *a, struct str json)
{
	struct acme_finalize x, back;
	struct str text;

	if (acme_finalize_decode(a, json, &x, NULL) != RC_OK)
		return;
	require(x.csr.len > 0 && x.csr.len <= LIMIT_CSR_BYTES);
	require(acme_finalize_encode(a, x.csr, &text) == RC_OK);
	require(acme_finalize_decode(a, text, &back, NULL) == RC_OK && bytes_eq(x.csr, back.csr));
}

static void try_revoke(struct arena *a, struct str json)
{
	struct acme_revoke x;

	if (acme_revoke_decode(a, json, &x, NULL) == RC_OK)
		require(x.certificate.len > 0 && x.certificate.len <= LIMIT_CERT_BYTES);
}

static void try_others(struct arena *a, struct str json)
{
	struct acme_key_change change;
	struct acme_new_authz authz;
	struct str *urls;
	size_t count;
	bool deactivate;

	if (acme_key_change_decode(a, json, &change, NULL) == RC_OK)
		require(change.account.p && change.old_key.p && change.old_key.p[0] == '{');
	if (acme_new_authz_decode(a, json, &authz, NULL) == RC_OK)
		require(authz.identifier.shown.p != NULL);
	if (acme_orders_decode(a, json, &urls, &count, NULL) == RC_OK)
		require(count <= LIMIT_JSON_TOKENS);
	if (acme_authz_update_decode(a, json, &deactivate, NULL) == RC_OK && deactivate)
		require(json.len > 0);
	if (acme_challenge_decode(json, NULL) == RC_OK)
		require(json.len >= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const decoders[])(struct arena *, struct str) = {
		try_new_account, try_new_order, try_directory, try_account, try_order,
		try_authz, try_challenge, try_finalize, try_revoke, try_others,
	};
	AUTO(arena) struct arena a;

	arena_init(&a, 4 * LIMIT_REQUEST_ARENA);
	if (size == 0)
		return 0;
	decoders[data[0] % COUNT_OF(decoders)](&a, (struct str){ (const char *)data + 1, size - 1 });
	return 0;
}
