/* test_url.c - which URLs of a server are used at all (RFC 8555 §6.1; TRUST V45, V47). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/client_impl.h"
#include "client/url.h"

static const struct {
	const char *url, *origin; /* origin NULL: refused */
} rows[] = {
	{ "https://ca.example/acme/order/1", "https://ca.example" },
	{ "https://ca.example:14000/dir", "https://ca.example:14000" },
	{ "https://[fd00::1]:14000/dir", "https://[fd00::1]:14000" },
	{ "https://[fd00::1]", "https://[fd00::1]" },
	{ "https://10.0.0.1?x=/", "https://10.0.0.1" },
	{ "https://ca.example/a%20b?c=d&e=(f)", "https://ca.example" },
	{ "http://ca.example/acme/order/1", NULL },
	{ "HTTPS://ca.example/", NULL },
	{ "ftp://ca.example/", NULL },
	{ "//ca.example/", NULL },
	{ "/acme/order/1", NULL },
	{ "", NULL },
	{ "https://", NULL },
	{ "https:///x", NULL },
	{ "https://:443/x", NULL },
	{ "https://ca.example:/x", NULL },
	{ "https://ca.example:0/x", NULL },
	{ "https://ca.example:65536/x", NULL },
	{ "https://ca.example:44x/x", NULL },
	{ "https://[fd00::1/x", NULL },
	{ "https://[fd00::1]x/x", NULL },
	{ "https://a[b]/x", NULL },
	{ "https://user@ca.example/x", NULL },
	{ "https://ca.example@evil.example/x", NULL },
	{ "https://ca.example/x#y", NULL },
	{ "https://ca.example/`id`", NULL },
	{ "https://ca.example/a b", NULL },
	{ "https://ca.example/a\"b", NULL },
	{ "https://ca.example/a\\b", NULL },
	{ "https://ca.example\\@evil.example/", NULL },
	{ "https://ca.example/a\nb", NULL },
	{ "https://ca.example/\x1b[2J", NULL },
	{ "https://ca.example/\xc3\xa4", NULL },
	{ "https://ca.example/<x>|{}^", NULL },
};

static void test_url_check__rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault f = { 0 };
		struct str url = str_of(rows[i].url);
		enum rc rc = url_check("the order", url, &f);

		if ((rc == RC_OK) != (rows[i].origin != NULL))
			fail_msg("%s: %d %s", rows[i].url, rc, f.detail);
		if (rc == RC_OK)
			assert_true(str_is(url_origin(url), rows[i].origin));
		else
			assert_non_null(strstr(f.detail, "the order"));
		fault_done(&f);
	}
}

static void test_url_check__nul_and_length(void **state)
{
	static char url[CLIENT_URL_MAX + 2];

	(void)state;
	assert_int_equal(url_check("x", STR("https://ca.example/\0x"), NULL), RC_INVALID);
	memset(url, 'a', sizeof(url));
	memcpy(url, "https://a/", 10);
	assert_int_equal(url_check("x", (struct str){ url, CLIENT_URL_MAX }, NULL), RC_OK);
	assert_int_equal(url_check("x", (struct str){ url, CLIENT_URL_MAX + 1 }, NULL), RC_INVALID);
}

static void test_url_origin_eq__case_and_default_port(void **state)
{
	(void)state;
	assert_true(url_origin_eq(STR("https://CA.example"), STR("https://ca.example:443")));
	assert_true(url_origin_eq(STR("https://[fd00::1]:443"), STR("https://[FD00::1]")));
	assert_false(url_origin_eq(STR("https://ca.example"), STR("https://ca.example:8443")));
	assert_false(url_origin_eq(STR("https://ca.example"), STR("https://ca.example.evil")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_check__rows),
		cmocka_unit_test(test_url_check__nul_and_length),
		cmocka_unit_test(test_url_origin_eq__case_and_default_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
