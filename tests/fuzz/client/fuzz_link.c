/* fuzz_link.c - the Link header: what is read lies within the value and is what the grammar says
 * (RFC 8288 §3), and reading always comes to an end. */
#include <stdlib.h>

#include "client/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool within(struct str part, struct str whole)
{
	return !part.p || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = { (const char *)data, size }, rest = value;
	struct link link;

	for (;;) {
		struct str before = rest;

		if (!link_next(&rest, &link)) {
			require(rest.p == before.p && rest.len == before.len);
			break;
		}
		require(rest.len < before.len);
		require(within(link.target, value) && within(link.rel, value) && within(rest, value));
		require(link.target.p[-1] == '<' && link.target.p[link.target.len] == '>');
		require(!memchr(link.target.p, '>', link.target.len));
		(void)link_has_rel(&link, "alternate");
		if (link.rel.len > 0 && !memchr(link.rel.p, ' ', link.rel.len) && link.rel.len < 100) {
			char rel[100];

			memcpy(rel, link.rel.p, link.rel.len);
			rel[link.rel.len] = '\0';
			require(strlen(rel) != link.rel.len || link_has_rel(&link, rel));
		}
	}
	return 0;
}
