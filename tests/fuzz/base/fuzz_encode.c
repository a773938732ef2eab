/* fuzz_encode.c - base64url, base64 and hex: what decodes is the one text of its octets, and every
 * octet string survives the round trip. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Exactly as large as the headers promise to suffice, for ASan. */
static void *get(size_t len)
{
	void *p = malloc(len);

	require(p != NULL);
	return p;
}

static void decode_url(struct str text)
{
	uint8_t *out = get(text.len * 3 / 4 + 1);
	char *again = get(B64URL_LEN(text.len) + 1);
	AUTO(arena) struct arena a;
	struct bytes copy;
	size_t len;
	bool ok = b64url_decode(text, out, &len);
	enum rc rc;

	if (ok) {
		size_t again_len = b64url_encode(bytes_of(out, len), again);

		require(str_eq((struct str){ again, again_len }, text));
	}
	arena_init(&a, 1 << 20);
	rc = b64url_decode_arena(&a, text, &copy);
	require(rc == RC_NOMEM || (rc == RC_OK) == ok);
	require(rc != RC_OK || bytes_eq(copy, bytes_of(out, len)));
	free(out);
	free(again);
}

static void decode_others(struct str text)
{
	uint8_t *out = get(text.len + 1), *out2 = get(text.len + 4);
	char *again = get(2 * text.len + 8);
	size_t len, len2;

	if (b64_decode_ws(text, out, &len)) {
		size_t again_len = b64_encode(bytes_of(out, len), again);

		require(b64_decode_ws((struct str){ again, again_len }, out2, &len2));
		require(bytes_eq(bytes_of(out, len), bytes_of(out2, len2)));
	}
	if (hex_decode(text, out, &len)) {
		hex_encode(bytes_of(out, len), again);
		require(str_eq_nocase(str_of(again), text));
	}
	free(out);
	free(out2);
	free(again);
}

static void round_trip(struct bytes in)
{
	char *text = get(2 * in.len + 8);
	uint8_t *out = get(in.len + 4);
	size_t len;

	len = b64url_encode(in, text);
	require(len == B64URL_LEN(in.len) && text[len] == '\0');
	require(b64url_decode((struct str){ text, len }, out, &len));
	require(bytes_eq(bytes_of(out, len), in));
	len = b64_encode(in, text);
	require(len == B64_LEN(in.len) && text[len] == '\0');
	require(b64_decode_ws((struct str){ text, len }, out, &len));
	require(bytes_eq(bytes_of(out, len), in));
	hex_encode(in, text);
	require(hex_decode((struct str){ text, 2 * in.len }, out, &len));
	require(bytes_eq(bytes_of(out, len), in));
	free(text);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	decode_url(text);
	decode_others(text);
	round_trip(bytes_of(data, size));
	return 0;
}
