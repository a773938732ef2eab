/* fuzz_addr.c - any text as an address and as a prefix, any octets as an address to judge
 * (net/addr.h). What is read is written and read again; a stricter policy never allows more. */
#include <stdlib.h>

#include "net/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool allowed(enum addr_preset preset, const struct addr *a)
{
	struct addr_policy p = { .preset = preset };
	struct fault f = { 0 };
	enum rc rc = addr_policy_check(&p, a, &f);

	must(rc == RC_OK || (rc == RC_DENIED && f.detail[0]));
	return rc == RC_OK;
}

static void judge(const struct addr *a)
{
	bool public = allowed(ADDR_PUBLIC, a), private = allowed(ADDR_PRIVATE, a), dev = allowed(ADDR_DEV, a);

	must(!public || private);
	must(!private || dev);
}

static void check_text(struct str text)
{
	struct addr a, b;
	struct prefix p;
	char out[ADDR_TEXT_MAX];

	if (addr_parse(text, 443, &a, NULL) == RC_OK) {
		addr_text(&a, out);
		must(addr_parse(str_of(out), 0, &b, NULL) == RC_OK && addr_eq(&a, &b));
		judge(&a);
	}
	if (addr_ip_parse(text, 0, &a)) {
		addr_text_ip(&a, out);
		must(addr_ip_parse(str_of(out), 0, &b) && addr_eq(&a, &b));
	}
	if (prefix_parse(text, &p, NULL) == RC_OK)
		must(p.bits <= 128 && prefix_contains_ip16(&p, p.ip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 4 || size == 16) {
		struct addr a = addr_from_ip(data, size, 80);

		judge(&a);
	}
	check_text((struct str){ (const char *)data, size });
	return 0;
}
