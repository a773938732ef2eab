/* fuzz_csr.c - PKCS#10 requests: the reader must neither crash nor leak, and of what it accepts only
 * host names and addresses come out (RFC 8555 §7.4). */
#include <stdlib.h>

#include "base/limits.h"
#include "crypto/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = { 0 };
	struct arena arena;
	struct csr csr;

	arena_init(&arena, LIMIT_REQUEST_ARENA);
	if (csr_parse(&arena, bytes_of(data, size), &csr, &f) == RC_OK) {
		if (!csr.key)
			abort();
		for (size_t i = 0; i < csr.san_count; i++)
			if (csr.sans[i].type == SAN_OTHER || memchr(csr.sans[i].value.p, 0,
								    csr.sans[i].type == SAN_DNS ?
									    csr.sans[i].value.len : 0))
				abort();
		csr_done(&csr);
	} else if (f.detail[0] == 0) {
		abort(); /* every refusal says why */
	}
	fault_done(&f);
	arena_done(&arena);
	return 0;
}
