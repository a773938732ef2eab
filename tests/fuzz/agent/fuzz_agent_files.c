/* fuzz_agent_files.c - what the agent remembers of a server, read back: two lines and nothing else. */
#include <stdlib.h>

#include "agent/observe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, server, url;
	struct bytes again;
	struct arena a;

	if (!url_file_read(text, &server, &url))
		return 0;
	require(!memchr(server.p, '\n', server.len) && !memchr(url.p, '\n', url.len));
	if (memchr(data, '\0', size))
		return 0; /* never written by us, and refused as a URL */
	arena_init(&a, 1 << 16);
	require(url_file_write(&a, server, url, &again) == RC_OK);
	require(bytes_eq(again, bytes_of(data, size)));
	arena_done(&a);
	return 0;
}
