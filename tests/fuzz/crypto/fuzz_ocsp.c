/* fuzz_ocsp.c - OCSP requests: whatever is accepted lies within the input. */
#include <stdlib.h>

#include "crypto/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(const uint8_t *data, size_t size, struct bytes b)
{
	if (b.p && (b.p < data || b.len > size || b.p + b.len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocsp_request q;

	if (ocsp_request_parse(bytes_of(data, size), &q, NULL) != RC_OK)
		return 0;
	if (q.count < 1 || q.count > OCSP_IDS_MAX || (q.nonce.p && (q.nonce.len < 1 || q.nonce.len > OCSP_NONCE_MAX)))
		abort();
	within(data, size, q.nonce);
	for (size_t i = 0; i < q.count; i++) {
		within(data, size, q.ids[i].whole);
		within(data, size, q.ids[i].name_hash);
		within(data, size, q.ids[i].key_hash);
		within(data, size, q.ids[i].serial);
	}
	return 0;
}
