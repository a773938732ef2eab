/* checkpoint.c - see checkpoint.h. */
#include "crypto/checkpoint.h"

#include <stdio.h>

#include "base/encode.h"

#define PREFIX_LEN 32
static const char prefix[PREFIX_LEN] = "\0assay audit checkpoint 1";

static void put_u64(uint8_t p[8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

void checkpoint_encode(const struct checkpoint *c, uint8_t out[CHECKPOINT_LEN])
{
	memcpy(out, prefix, PREFIX_LEN);
	put_u64(out + 32, (uint64_t)c->number);
	memcpy(out + 40, c->hash, SHA256_LEN);
	put_u64(out + 72, (uint64_t)c->at);
}

enum rc checkpoint_verify(const struct checkpoint *c, const struct pubkey *key, struct bytes sig)
{
	uint8_t octets[CHECKPOINT_LEN];

	checkpoint_encode(c, octets);
	return pubkey_verify_x509(key, key_x509_sig_alg(pubkey_type(key)), bytes_of(octets, sizeof(octets)), sig) ==
			       RC_OK
		       ? RC_OK
		       : RC_DENIED;
}

void checkpoint_head_text(int64_t number, const uint8_t hash[SHA256_LEN], char out[CHECKPOINT_HEAD_MAX])
{
	int len = snprintf(out, CHECKPOINT_HEAD_MAX, "%lld:", (long long)number);

	hex_encode(bytes_of(hash, SHA256_LEN), out + len);
}

bool checkpoint_head_parse(struct str text, int64_t *out_number, uint8_t out_hash[SHA256_LEN])
{
	struct str number, hash;
	char again[CHECKPOINT_HEAD_MAX];
	uint8_t octets[SHA256_LEN + 1];
	int64_t n;
	size_t len;

	if (!str_cut(text, ':', &number, &hash) || !str_to_int(number, &n) || n < 1 || hash.len != 2 * SHA256_LEN ||
	    !hex_decode(hash, octets, &len) || len != SHA256_LEN)
		return false;
	checkpoint_head_text(n, octets, again);
	if (!str_is(text, again))
		return false; /* "+7", "07", upper case */
	*out_number = n;
	memcpy(out_hash, octets, SHA256_LEN);
	return true;
}
