/* fuzz_pem.c - RFC 7468 text: what is read, written and read again is the same. */
#include <stdlib.h>

#include "base/limits.h"
#include "crypto/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes *list, *again;
	struct arena arena;
	struct buf text;
	size_t count, count_again;

	arena_init(&arena, 8 * LIMIT_REQUEST_ARENA);
	buf_init(&text, 8 * LIMIT_REQUEST_ARENA);
	if (pem_read(&arena, bytes_of(data, size), "CERTIFICATE", &list, &count, NULL) == RC_OK) {
		for (size_t i = 0; i < count; i++)
			pem_add(&text, "CERTIFICATE", list[i]);
		if (buf_ok(&text)) {
			if (pem_read(&arena, buf_bytes(&text), "CERTIFICATE", &again, &count_again, NULL) !=
				    RC_OK || count_again != count)
				abort();
			for (size_t i = 0; i < count; i++)
				if (!bytes_eq(list[i], again[i]))
					abort();
		}
	}
	buf_done(&text);
	arena_done(&arena);
	return 0;
}
