/* fuzz_signer_message.c - whatever arrives on the signer's socket. A message that is taken is exactly
 * what encoding it again gives. */
#include <stdlib.h>

#include "signer/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[MESSAGE_REQUEST_MAX];
	struct message m;
	size_t len;

	if (message_decode(bytes_of(data, size), &m) != RC_OK)
		return 0;
	if (message_encode(&m, again, sizeof(again), &len) != RC_OK || len != size ||
	    memcmp(again, data, size) != 0)
		abort();
	return 0;
}
