/* fuzz_client_url.c - URLs that a server sends: one that is accepted can be given to a library, a
 * terminal and a file without another look. */
#include <stdlib.h>

#include "client/client_impl.h"
#include "client/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str url = { (const char *)data, size }, origin;
	struct fault f = { 0 };

	if (url_check("x", url, &f) != RC_OK) {
		require(f.detail[0] != '\0');
		fault_done(&f);
		return 0;
	}
	require(str_starts(url, "https://") && url.len <= CLIENT_URL_MAX);
	for (size_t i = 0; i < size; i++)
		require(data[i] > 0x20 && data[i] < 0x7f && !strchr("\"<>\\^`{|}#", data[i]));
	origin = url_origin(url);
	require(origin.p == url.p && origin.len > strlen("https://") && origin.len <= url.len);
	require(!memchr(origin.p, '@', origin.len) && !memchr(origin.p + 8, '/', origin.len - 8));
	require(url_origin_eq(origin, origin));
	require(url_check("origin", origin, NULL) == RC_OK);
	return 0;
}
