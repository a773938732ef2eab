/* fuzz_probe_message.c - what a probe or a server sends, hostile: whatever is taken for a message can be
 * said again, and what is said again is taken for the same. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/limits.h"
#include "probe/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a, b;
	AUTO(buf) struct buf said, again;
	struct probe_message m, n;

	arena_init(&a, PROBE_ARENA_MAX);
	arena_init(&b, PROBE_ARENA_MAX);
	buf_init(&said, LIMIT_LINK_MESSAGE + 1);
	buf_init(&again, LIMIT_LINK_MESSAGE + 1);
	if (probe_message_decode(&a, bytes_of(data, size), &m) != RC_OK)
		return 0;
	if (m.type == PROBE_HELLO && m.protocol != PROBE_VERSION)
		return 0; /* of another version nothing is known */
	if (m.type == PROBE_SEEN && m.seen.kind == PROBE_LOOK_FETCH)
		require(m.seen.fetched.body.len <= PROBE_BODY_MAX && m.seen.fetched.trace.len <= LIMIT_TRACE);
	if (m.type == PROBE_LOOK && m.look.kind == PROBE_LOOK_FETCH)
		require(str_starts(m.look.fetch.path, "/.well-known/acme-challenge/"));
	require(probe_message_encode(&m, &said) == RC_OK);
	require(probe_message_decode(&b, buf_bytes(&said), &n) == RC_OK);
	require(probe_message_encode(&n, &again) == RC_OK);
	require(bytes_eq(buf_bytes(&said), buf_bytes(&again)));
	return 0;
}
