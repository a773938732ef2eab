/* fuzz_proxy.c - any octets as a PROXY header, and as an X-Forwarded-For (net/proxy_header.h). Where
 * the header ends does not depend on how it was cut, and what it says can be written and read again. */
#include <stdlib.h>

#include "base/limits.h"
#include "net/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_addr(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	struct addr again;

	must(a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6);
	addr_text(a, text);
	must(addr_parse(str_of(text), 0, &again, NULL) == RC_OK && addr_eq(a, &again));
}

static void check_header(const uint8_t *data, size_t size)
{
	struct proxy_header whole = { 0 }, part = { 0 };
	const char *why = NULL;
	enum proxy_result r = proxy_header_parse(bytes_of(data, size), &whole, &why), cut;

	must(r == PROXY_DONE || why);
	if (r == PROXY_MORE)
		must(size < LIMIT_PROXY_HEADER);
	if (r == PROXY_DONE) {
		must(whole.len > 0 && whole.len <= size && whole.len <= LIMIT_PROXY_HEADER);
		if (whole.has_client)
			check_addr(&whole.client);
	}
	for (size_t n = 0; n < size && n <= LIMIT_PROXY_HEADER; n++) {
		cut = proxy_header_parse(bytes_of(data, n), &part, &why);
		if (r == PROXY_DONE)
			must(n < whole.len ? cut == PROXY_MORE : cut == PROXY_DONE && part.len == whole.len);
		else if (r == PROXY_MORE)
			must(cut == PROXY_MORE);
		else
			must(cut != PROXY_DONE);
	}
}

static void check_forwarded(struct str value)
{
	struct http_header header = { STR("X-Forwarded-For"), value };
	struct http_request r = { .headers = &header, .header_count = 1 };
	struct addr peer = addr_from_ip((const uint8_t[4]){ 10, 0, 0, 1 }, 4, 1);
	struct prefix trusted;
	struct proxies p = { .peers = &trusted, .peer_count = 1 };

	must(prefix_parse(STR("10.0.0.0/8"), &trusted, NULL) == RC_OK);
	if (proxy_forwarded_for(&p, &r, &peer))
		check_addr(&peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_header(data, size);
	check_forwarded((struct str){ (const char *)data, size });
	return 0;
}
