/* fuzz_url.c - any text as the Location of a redirect (net/fetch_url.h). What is accepted is an http
 * or https URL with a plain host, and means the same when it is read again. */
#include <stdlib.h>

#include "net/dns_message.h"
#include "net/fetch_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fetch_url from, to, again;
	struct dns_name name;
	const char *why = NULL;

	must(fetch_url_first(STR("web.example"), 80, STR("/a/b?c"), &from, &why) == RC_OK);
	if (fetch_url_redirect(&from, (struct str){ (const char *)data, size }, &to, &why) != RC_OK) {
		must(why && why[0]);
		return 0;
	}
	must(strncmp(to.text, to.https ? "https://" : "http://", to.https ? 8 : 7) == 0);
	must(to.port != 0 && strlen(to.text) <= FETCH_URL_MAX);
	must(to.is_literal ? addr_port(&to.literal) == to.port : dns_name_parse(str_of(to.host), &name));
	must(fetch_url_redirect(&from, str_of(to.text), &again, &why) == RC_OK);
	must(again.https == to.https && again.port == to.port && strcmp(again.host, to.host) == 0 &&
	     strcmp(again.text, to.text) == 0);
	return 0;
}
