/* test_x509name.c - host names, subtrees, distinguished names. */
#include "kit.h"

#include "crypto/x509_impl.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

#define LABEL63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static void test_host_name_check__names(void **state)
{
	static const struct {
		const char *name;
		bool plain, wildcard;
	} rows[] = {
		{ "a", true, true },
		{ "localhost", true, true },
		{ "a.b.c", true, true },
		{ "A.Example", true, true },
		{ "xn--nxasmq6b.example", true, true },
		{ "1.example", true, true },
		{ "1a", true, true },
		{ LABEL63 ".example", true, true },
		{ LABEL63 "." LABEL63 "." LABEL63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy",
		  true, true },
		{ LABEL63 "." LABEL63 "." LABEL63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
		  false, false },
		{ LABEL63 "1.example", false, false },
		{ "*.example", false, true },
		{ "*.a.example", false, true },
		{ "", false, false },
		{ ".", false, false },
		{ "a.", false, false },
		{ ".a", false, false },
		{ "a..b", false, false },
		{ "*", false, false },
		{ "*.", false, false },
		{ "a.*", false, false },
		{ "a.*.b", false, false },
		{ "*.*.b", false, false },
		{ "*a.b", false, false },
		{ "a*.b", false, false },
		{ "a_b.c", false, false },
		{ "-a.b", false, false },
		{ "a-.b", false, false },
		{ "a b", false, false },
		{ "a\tb", false, false },
		{ "b\xc3\xbc.example", false, false },
		{ "10.0.0.1", false, false },
		{ "a.1", false, false },
		{ "123", false, false },
		{ "fd00::1", false, false },
		{ "a/b", false, false },
		{ "a@b.c", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if ((host_name_check(str_of(rows[i].name), false) == NULL) != rows[i].plain ||
		    (host_name_check(str_of(rows[i].name), true) == NULL) != rows[i].wildcard)
			fail_msg("\"%s\" is decided wrongly", rows[i].name);
	}
	assert_non_null(host_name_check((struct str){ "a\0b.c", 5 }, true));
}

static void test_name_subtree_parse__good(void **state)
{
	static const struct {
		const char *text, *dns, *ip, *mask;
	} rows[] = {
		{ "lab.internal", "lab.internal", NULL, NULL },
		{ ".Lab.Internal", "lab.internal", NULL, NULL },
		{ "internal", "internal", NULL, NULL },
		{ "10.0.0.0/8", NULL, "0a000000", "ff000000" },
		{ "0.0.0.0/0", NULL, "00000000", "00000000" },
		{ "192.168.4.0/22", NULL, "c0a80400", "fffffc00" },
		{ "10.1.2.3/32", NULL, "0a010203", "ffffffff" },
		{ "10.1.2.3", NULL, "0a010203", "ffffffff" },
		{ "fd00::/8", NULL, "fd000000000000000000000000000000", "ff000000000000000000000000000000" },
		{ "2001:db8::/33", NULL, "20010db8000000000000000000000000", "ffffffff800000000000000000000000" },
		{ "::/0", NULL, "00000000000000000000000000000000", "00000000000000000000000000000000" },
		{ "::1", NULL, "00000000000000000000000000000001", "ffffffffffffffffffffffffffffffff" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct name_subtree t;
		struct fault f = { 0 };

		if (name_subtree_parse(&arena, str_of(rows[i].text), &t, &f) != RC_OK)
			fail_msg("%s: %s", rows[i].text, f.detail);
		if (rows[i].dns) {
			assert_int_equal(t.type, SAN_DNS);
			assert_true(str_is(t.dns, rows[i].dns));
			continue;
		}
		assert_int_equal(t.type, SAN_IP);
		assert_true(bytes_eq(bytes_of(t.ip, t.ip_len), kit_hex(&arena, rows[i].ip)));
		assert_true(bytes_eq(bytes_of(t.mask, t.ip_len), kit_hex(&arena, rows[i].mask)));
	}
}

static void test_name_subtree_parse__bad(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "", "empty" },
		{ ".", "RFC 1035" },
		{ "*.lab.internal", "without \"*.\"" },
		{ "lab..internal", "RFC 1034" },
		{ "lab.internal.", "RFC 1034" },
		{ "lab_1.internal", "RFC 1123" },
		{ "10.0.0.0/33", "prefix length" },
		{ "10.0.0.0/", "prefix length" },
		{ "10.0.0.0/-1", "prefix length" },
		{ "10.0.0.0/8x", "prefix length" },
		{ "fd00::/129", "prefix length" },
		{ "10.0.0.1/8", "not zero" },
		{ "fd00::1/8", "not zero" },
		{ "lab.internal/8", "no address" },
		{ "10.0.0/8", "no address" },
		{ "10.0.0", "as if it were an address" },
		{ "fd00:::/8", "no address" },
		{ "1111111111111111111111111111111111111111111111111111111111111111111/8", "no address" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct name_subtree t;
		struct fault f = { 0 };

		if (name_subtree_parse(&arena, str_of(rows[i].text), &t, &f) != RC_INVALID)
			fail_msg("%s is accepted", rows[i].text);
		kit_expect_text(f.detail, rows[i].part);
	}
	assert_int_equal(name_subtree_parse(&arena, (struct str){ "a\0b", 3 }, &(struct name_subtree){ 0 },
					    NULL), RC_INVALID);
}

static struct name_subtree tree(const char *text)
{
	struct name_subtree t = { 0 };

	assert_int_equal(name_subtree_parse(&arena, str_of(text), &t, NULL), RC_OK);
	return t;
}

static struct san dns(const char *name)
{
	return (struct san){ .type = SAN_DNS, .value = str_bytes(str_of(name)) };
}

static void test_rfc5280_4_2_1_10__permitted_subtrees(void **state)
{
	const struct name_subtree names[] = { tree("lab.internal"), tree("b.example") };
	const struct name_subtree all[] = { tree("lab.internal"), tree("10.0.0.0/8"), tree("fd00::/8") };
	const struct name_subtree v4[] = { tree("10.0.0.0/9") };
	const struct san ip4 = { .type = SAN_IP, .value = bytes_of("\x0a\x7f\x00\x01", 4) };
	const struct san ip4_out = { .type = SAN_IP, .value = bytes_of("\x0a\x80\x00\x01", 4) };
	const struct san ip6 = { .type = SAN_IP, .value = bytes_of("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) };
	/* ::ffff:10.127.0.1 is no IPv4 address to anybody who checks a certificate */
	const struct san mapped = { .type = SAN_IP,
				    .value = bytes_of("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x7f\0\1", 16) };
	const struct san other = { .type = SAN_OTHER, .value = bytes_of("lab.internal", 12) };
	const struct {
		const char *name;
		bool inside;
	} rows[] = {
		{ "lab.internal", true },     { "LAB.Internal", true },	   { "a.lab.internal", true },
		{ "*.lab.internal", true },   { "a.b.c.lab.internal", true }, { "b.example", true },
		{ "xlab.internal", false },   { "internal", false },	   { "*.internal", false },
		{ "lab.internal.evil", false }, { "lab.internalx", false }, { "", false },
		{ "lab.internal.", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct san name = dns(rows[i].name);

		if (name_subtrees_permit(names, 2, &name) != rows[i].inside)
			fail_msg("\"%s\" is decided wrongly", rows[i].name);
		assert_true(name_subtrees_permit(NULL, 0, &name));
		assert_false(name_subtrees_permit(v4, 1, &name));
	}
	assert_false(name_subtrees_permit(names, 2, &ip4));
	assert_true(name_subtrees_permit(all, 3, &ip4));
	assert_true(name_subtrees_permit(all, 3, &ip6));
	assert_false(name_subtrees_permit(all, 3, &mapped));
	assert_true(name_subtrees_permit(v4, 1, &ip4));
	assert_false(name_subtrees_permit(v4, 1, &ip4_out));
	assert_false(name_subtrees_permit(v4, 1, &ip6));
	assert_false(name_subtrees_permit(all, 3, &other));
}

static void test_name_subtree_touches__wildcards(void **state)
{
	const struct name_subtree host = tree("secret.lab.internal");
	struct name_subtree below = tree("lab.internal");
	const struct san wild = dns("*.lab.internal"), far = dns("*.other.internal");
	const struct san deep = dns("a.secret.lab.internal"), self = dns("lab.internal");

	(void)state;
	assert_true(name_subtree_touches(&host, &wild));
	assert_false(name_subtree_touches(&host, &far));
	assert_true(name_subtree_touches(&host, &deep));
	assert_false(name_subtree_touches(&host, &self));
	/* a constraint with a leading dot, as some CAs write it, leaves the name itself out */
	below.dns = STR(".lab.internal");
	assert_false(name_subtree_contains(&below, &self));
	assert_true(name_subtree_contains(&below, &deep));
}

static void test_dn_build__forms(void **state)
{
	static const struct {
		const char *organization, *cn, *hex;
	} rows[] = {
		{ NULL, NULL, "3000" },
		{ NULL, "a", "300c310a300806035504030c0161" },
		{ "Lab", "a", "301a310c300a060355040a0c034c6162310a300806035504030c0161" },
		{ "Lab", NULL, "300e310c300a060355040a0c034c6162" },
		{ NULL, "\xc3\xbc", "300d310b300906035504030c02c3bc" },
		{ NULL, "\xf0\x9f\x94\x91", "300f310d300b06035504030c04f09f9491" },
	};
	static const char *const bad[] = {
		"", "a\n", "\x01", "a\x7f", "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xe0\x80\x80", "\xf0\x80\x80\x80", "\xc2\x85", LABEL63 "12", "\xff",
	};
	struct bytes dn;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(dn_build(&arena, str_of(rows[i].organization), str_of(rows[i].cn), &dn), RC_OK);
		assert_true(bytes_eq(dn, kit_hex(&arena, rows[i].hex)));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(dn_build(&arena, str_of(NULL), str_of(bad[i]), &dn), RC_INVALID);
		assert_int_equal(dn_build(&arena, str_of(bad[i]), str_of("a"), &dn), RC_INVALID);
	}
	assert_int_equal(dn_build(&arena, str_of(NULL), (struct str){ "a\0b", 3 }, &dn), RC_INVALID);
	assert_int_equal(dn_build(&arena, str_of(NULL), str_of(LABEL63 "1"), &dn), RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_name_check__names),
		cmocka_unit_test(test_name_subtree_parse__good),
		cmocka_unit_test(test_name_subtree_parse__bad),
		cmocka_unit_test(test_rfc5280_4_2_1_10__permitted_subtrees),
		cmocka_unit_test(test_name_subtree_touches__wildcards),
		cmocka_unit_test(test_dn_build__forms),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
