/* fuzz_signer_config.c - the signer's law as text. What is taken can be written, and what was written
 * reads back and is written as the same text. */
#include <stdlib.h>

#include "base/auto.h"
#include "signer/signer_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf first;
	AUTO(buf) struct buf second;
	struct signer_config c;

	arena_init(&a, 2 * SIGNER_CONFIG_ARENA);
	buf_init(&first, 2 * SIGNER_CONFIG_MAX);
	buf_init(&second, 2 * SIGNER_CONFIG_MAX);
	if (signer_config_read(&a, (struct str){ (const char *)data, size }, &c, NULL) != RC_OK)
		return 0;
	signer_config_write(&c, &first);
	if (!buf_ok(&first))
		abort();
	if (first.len > SIGNER_CONFIG_MAX)
		return 0;
	if (signer_config_read(&a, buf_str(&first), &c, NULL) != RC_OK)
		abort();
	signer_config_write(&c, &second);
	if (!buf_ok(&second) || !str_eq(buf_str(&first), buf_str(&second)))
		abort();
	return 0;
}
