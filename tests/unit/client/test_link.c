/* test_link.c - the Link header (RFC 8288 §3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/link.h"

/* Every link of a value as "target|rel", joined by spaces, and what stopped the reading. */
static const struct {
	const char *value, *links;
	bool rest; /* something is left that is no link */
} rows[] = {
	{ "<https://a/1>;rel=\"alternate\"", "https://a/1|alternate", false },
	{ "<https://a/1>; rel=alternate", "https://a/1|alternate", false },
	{ "<https://a/1> ;\trel = \"up\" , <https://a/2>;rel=index", "https://a/1|up https://a/2|index", false },
	{ "<https://a/1>", "https://a/1|", false },
	{ "<>", "|", false },
	{ ",, <https://a/1>;rel=up,,", "https://a/1|up", false },
	{ "<https://a/1>;;rel=up", "https://a/1|up", false },
	{ "<https://a/1>;title=\"a, b; c\\\" \";rel=up", "https://a/1|up", false },
	{ "<https://a/1>;REL=Up", "https://a/1|Up", false },
	{ "<https://a/1>;rel=up;rel=down", "https://a/1|up", false }, /* RFC 8288 §3.3: the first */
	{ "<https://a/1>;rel", "https://a/1|", false },
	{ "<https://a/1,2>;rel=up", "https://a/1,2|up", false },
	{ "<https://a/1>;rel=up, https://a/2", "https://a/1|up", true },
	{ "<https://a/1", "", true },
	{ "https://a/1", "", true },
	{ "<https://a/1>;rel=\"up", "", true },
	{ "<https://a/1>;rel=\"up\\", "", true },
	{ "<https://a/1>;rel=", "", true },
	{ "<https://a/1>x", "", true },
	{ "<https://a/1>;rel=up x", "", true },
	{ "", "", false },
	{ " ,", "", false },
};

static void test_link_next__rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str rest = str_of(rows[i].value);
		char got[200] = "";
		struct link link;
		size_t len = 0;
		bool only_list = true;

		while (link_next(&rest, &link))
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%.*s|%.*s", len ? " " : "",
						STR_ARG(link.target), STR_ARG(link.rel));
		assert_string_equal(got, rows[i].links);
		for (size_t k = 0; k < rest.len; k++)
			only_list = only_list && strchr(" ,\t", rest.p[k]);
		if (only_list == rows[i].rest)
			fail_msg("%s: left \"%.*s\"", rows[i].value, STR_ARG(rest));
	}
}

static void test_link_has_rel__one_of_several(void **state)
{
	struct link link = { .rel = STR("index Terms-of-Service  up") };

	(void)state;
	assert_true(link_has_rel(&link, "terms-of-service"));
	assert_true(link_has_rel(&link, "index"));
	assert_true(link_has_rel(&link, "up"));
	assert_false(link_has_rel(&link, "terms"));
	assert_false(link_has_rel(&link, "upp"));
	link.rel = (struct str){ 0 };
	assert_false(link_has_rel(&link, "up"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_next__rows),
		cmocka_unit_test(test_link_has_rel__one_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
