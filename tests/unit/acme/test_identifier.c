/* test_identifier.c - which identifiers are accepted, in which canonical form, and what the refused
 * ones are told (RFC 8555 §7.1.4, §9.7.7, RFC 8738, FIELD Q11). */
#include "acme_test.h"

#include "acme/identifier.h"

static const struct {
	const char *type, *text, *canonical;
	bool wildcard;
} good[] = {
	{ "dns", "a.example", "a.example" },
	{ "dns", "localhost", "localhost" },
	{ "dns", "nas", "nas" },
	{ "dns", "A.ExAmPlE", "a.example" },
	{ "dns", "a.example.", "a.example" },
	{ "dns", "*.a.example", "a.example", true },
	{ "dns", "*.A.example.", "a.example", true },
	{ "dns", "*.lan", "lan", true },
	{ "dns", "1a.example", "1a.example" },
	{ "dns", "10.0.0.1.example", "10.0.0.1.example" },
	{ "dns", "1.2.3.4a", "1.2.3.4a" },
	{ "dns", "0x7f.example", "0x7f.example" },
	{ "dns", "0xfg", "0xfg" },
	{ "dns", "a--b.example", "a--b.example" },
	{ "dns", "r3---sn-a.example", "r3---sn-a.example" },
	{ "dns", "x", "x" },
	{ "dns", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
	{ "dns", "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example" },
	{ "dns", "xn--strae-oqa.example", "xn--strae-oqa.example" },
	{ "dns", "xn--fiqs8s", "xn--fiqs8s" },
	{ "dns", "xn--wgv71a119e.xn--pple-43d", "xn--wgv71a119e.xn--pple-43d" },
	{ "dns", "xn--zca", "xn--zca" }, /* sharp s is a letter of its own */
	{ "dns", "*.xn--mnchen-3ya.example", "xn--mnchen-3ya.example", true },
	{ "ip", "10.0.0.1", "10.0.0.1" },
	{ "ip", "255.255.255.255", "255.255.255.255" },
	{ "ip", "0.0.0.0", "0.0.0.0" },
	{ "ip", "2001:db8::1", "2001:db8::1" },
	{ "ip", "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
	{ "ip", "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
	{ "ip", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "ip", "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "ip", "::1", "::1" },
	{ "ip", "::", "::" },
	{ "ip", "fe80::1", "fe80::1" },
};

static void test_identifier_parse__accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct identifier id;

		arena_init(&a, 1 << 16);
		check_accepted(good[i].text, identifier_parse(&a, str_of(good[i].type),
							      str_of(good[i].text), &id, &f), &f);
		ROW_CHECK(str_is(id.value, good[i].canonical), good[i].text);
		/* FIELD Q11: clients compare what they get back octet for octet. */
		ROW_CHECK(str_is(id.shown, good[i].text), good[i].text);
		ROW_CHECK(id.wildcard == good[i].wildcard, good[i].text);
		ROW_CHECK(strcmp(identifier_type_name(id.type), good[i].type) == 0, good[i].text);
		ROW_CHECK((id.ip_len != 0) == (id.type == IDENTIFIER_IP), good[i].text);
	}
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *type, *text;
	enum problem problem;
	const char *words;
} bad[] = {
	{ "", "a.example", PROBLEM_UNSUPPORTED_IDENTIFIER, "\"dns\"" },
	{ "DNS", "a.example", PROBLEM_UNSUPPORTED_IDENTIFIER, "\"dns\"" },
	{ "dns ", "a.example", PROBLEM_UNSUPPORTED_IDENTIFIER, NULL },
	{ "email", "a@a.example", PROBLEM_UNSUPPORTED_IDENTIFIER, "email" },
	{ "permanent-identifier", "1", PROBLEM_UNSUPPORTED_IDENTIFIER, NULL },

	{ "dns", "", PROBLEM_MALFORMED, "empty" },
	{ "dns", ".", PROBLEM_MALFORMED, "empty label" },
	{ "dns", "..", PROBLEM_MALFORMED, "empty label" },
	{ "dns", "a..example", PROBLEM_MALFORMED, "empty label" },
	{ "dns", ".a.example", PROBLEM_MALFORMED, "empty label" },
	{ "dns", "a.example..", PROBLEM_MALFORMED, "empty label" },
	{ "dns", "*", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "*.", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "*..", PROBLEM_MALFORMED, "empty label" },
	{ "dns", "*.*.a.example", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "a.*.example", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "a*.example", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "*a.example", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "**.example", PROBLEM_MALFORMED, "\"*\"" },
	{ "dns", "-a.example", PROBLEM_MALFORMED, "hyphen" },
	{ "dns", "a-.example", PROBLEM_MALFORMED, "hyphen" },
	{ "dns", "a.-", PROBLEM_MALFORMED, "hyphen" },
	{ "dns", "_acme-challenge.a.example", PROBLEM_MALFORMED, "\"_\"" },
	{ "dns", "a_b.example", PROBLEM_MALFORMED, "rename the host" },
	{ "dns", "a b.example", PROBLEM_MALFORMED, "letters, digits and hyphens" },
	{ "dns", " a.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "a.example ", PROBLEM_MALFORMED, NULL },
	{ "dns", "a.example\n", PROBLEM_MALFORMED, NULL },
	{ "dns", "a.example/", PROBLEM_MALFORMED, NULL },
	{ "dns", "https://a.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "a.example:443", PROBLEM_MALFORMED, NULL },
	{ "dns", "u@a.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "a,b.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "a\\.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "'.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "a`id`.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "../a", PROBLEM_MALFORMED, NULL },
	{ "dns", L63 "a.example", PROBLEM_MALFORMED, "63" },

	{ "dns", "10.0.0.1", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "10.0.0.1.", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "169.254.169.254", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "::1", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "[::1]", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "::ffff:10.0.0.1", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "dns", "*.10.0.0.1", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "10.1", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "010.0.0.1", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "2130706433", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "0x7f000001", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "0X7F.1", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "127.0x1", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "a.0x", PROBLEM_REJECTED_IDENTIFIER, "number" },
	{ "dns", "a.example.1", PROBLEM_REJECTED_IDENTIFIER, "number" },

	{ "dns", "münchen.example", PROBLEM_MALFORMED, "\"xn--mnchen-3ya.example\"" },
	{ "dns", "MÜNCHEN.example", PROBLEM_MALFORMED, "\"xn--mnchen-3ya.example\"" },
	{ "dns", "*.münchen.example", PROBLEM_MALFORMED, "\"*.xn--mnchen-3ya.example\"" },
	{ "dns", "中国", PROBLEM_MALFORMED, "\"xn--fiqs8s\"" },
	{ "dns", "a\xff.example", PROBLEM_MALFORMED, "A-labels" },
	{ "dns", "\xc3", PROBLEM_MALFORMED, "A-labels" },
	{ "dns", "a\xe3\x80\x82""example", PROBLEM_MALFORMED, NULL },
	{ "dns", "xn--", PROBLEM_MALFORMED, NULL },
	{ "dns", "xn--a", PROBLEM_MALFORMED, "A-label" },
	{ "dns", "xn--abc-.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "xn--example-.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "xn--bung-fna", PROBLEM_MALFORMED, "A-label" }, /* upper case */
	{ "dns", "xn--bucher-xyd", PROBLEM_MALFORMED, "A-label" }, /* not NFC */
	{ "dns", "xn--ab-m1t", PROBLEM_MALFORMED, "A-label" }, /* a joiner without its context */
	{ "dns", "xn--a-0hc", PROBLEM_MALFORMED, "A-label" }, /* mixed directions */
	{ "dns", "xn--a-wbb", PROBLEM_MALFORMED, "A-label" }, /* begins with a combining mark */
	{ "dns", "xn--ne-1b1n", PROBLEM_MALFORMED, "A-label" }, /* a ligature */
	{ "dns", "xn--ab-r13a", PROBLEM_MALFORMED, "A-label" }, /* an ideographic full stop */
	{ "dns", "xn--ab-5da", PROBLEM_MALFORMED, "A-label" }, /* a soft hyphen */
	{ "dns", "xn----eha", PROBLEM_MALFORMED, "A-label" }, /* U-label begins with a hyphen */
	{ "dns", "xn----dha", PROBLEM_MALFORMED, "A-label" }, /* U-label ends with a hyphen */
	{ "dns", "xn--aa---3ra", PROBLEM_MALFORMED, "A-label" }, /* U-label with hyphens in the third and fourth place */
	{ "dns", "xn--a-din", PROBLEM_MALFORMED, "A-label" }, /* a line separator */
	{ "dns", "xn--a-g023p", PROBLEM_MALFORMED, "A-label" }, /* unassigned */
	{ "dns", "xn--Mnchen-3y\x01.example", PROBLEM_MALFORMED, NULL },
	{ "dns", "xn--99999999.example", PROBLEM_MALFORMED, "A-label" },
	{ "dns", "xn--0.example", PROBLEM_MALFORMED, "A-label" },
	{ "dns", "xn--ls8h.example", PROBLEM_MALFORMED, "A-label" }, /* an emoji: RFC 5892 */

	{ "ip", "", PROBLEM_MALFORMED, "empty" },
	{ "ip", "a.example", PROBLEM_MALFORMED, "one address" },
	{ "ip", "10.0.0", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.1.", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.01", PROBLEM_MALFORMED, NULL },
	{ "ip", "010.0.0.1", PROBLEM_MALFORMED, NULL },
	{ "ip", "0x0a.0.0.1", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.256", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.1 ", PROBLEM_MALFORMED, NULL },
	{ "ip", " 10.0.0.1", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.1,10.0.0.2", PROBLEM_MALFORMED, NULL },
	{ "ip", "10.0.0.0/8", PROBLEM_MALFORMED, "mask" },
	{ "ip", "10.0.0.1:80", PROBLEM_MALFORMED, NULL },
	{ "ip", "2130706433", PROBLEM_MALFORMED, NULL },
	{ "ip", "*.10.0.0.1", PROBLEM_MALFORMED, NULL },
	{ "ip", "fe80::1%eth0", PROBLEM_MALFORMED, "zone" },
	{ "ip", "[::1]", PROBLEM_MALFORMED, "brackets" },
	{ "ip", "2001:db8::1::2", PROBLEM_MALFORMED, NULL },
	{ "ip", "2001:db8:::1", PROBLEM_MALFORMED, NULL },
	{ "ip", "12345::", PROBLEM_MALFORMED, NULL },
	{ "ip", "::ffff:10.0.0.1", PROBLEM_REJECTED_IDENTIFIER, "10.0.0.1" },
	{ "ip", "::FFFF:a00:1", PROBLEM_REJECTED_IDENTIFIER, "10.0.0.1" },
};

static void test_identifier_parse__refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct identifier id = { .ip_len = 99 };
		enum rc rc;

		arena_init(&a, 1 << 16);
		rc = identifier_parse(&a, str_of(bad[i].type), str_of(bad[i].text), &id, &f);
		check_refused(bad[i].text, rc, &f, bad[i].problem, bad[i].words);
		ROW_CHECK(rc == RC_INVALID && id.ip_len == 99, bad[i].text);
	}
}

static void test_identifier_parse__nul_is_never_the_end(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct identifier id;

	(void)state; /* CVE-2009-2408 */
	arena_init(&a, 1 << 16);
	check_refused("name", identifier_parse(&a, STR("dns"), STR("good.example\0.evil"), &id, &f), &f,
		      PROBLEM_MALFORMED, NULL);
	check_refused("end", identifier_parse(&a, STR("dns"), STR("good.example\0"), &id, &f), &f,
		      PROBLEM_MALFORMED, NULL);
	check_refused("ip", identifier_parse(&a, STR("ip"), STR("10.0.0.1\0"), &id, &f), &f,
		      PROBLEM_MALFORMED, NULL);
	check_refused("type", identifier_parse(&a, STR("dns\0"), STR("a.example"), &id, &f), &f,
		      PROBLEM_UNSUPPORTED_IDENTIFIER, NULL);
	check_refused("idna", identifier_parse(&a, STR("dns"), STR("xn--mnchen-3ya\0"), &id, &f), &f,
		      PROBLEM_MALFORMED, NULL);
	check_refused("utf8", identifier_parse(&a, STR("dns"), STR("m\xc3\xbcnchen\0"), &id, &f), &f,
		      PROBLEM_MALFORMED, NULL);
}

/* len octets: labels of at most 63, the last one "example". */
static struct str long_name(char *p, size_t len, const char *prefix)
{
	size_t start = strlen(prefix), tail = strlen(".example");

	memcpy(p, prefix, start);
	for (size_t i = start; i < len - tail; i++)
		p[i] = (i - start) % 60 == 59 ? '.' : 'a';
	if (p[len - tail - 1] == '.')
		p[len - tail - 1] = 'a';
	memcpy(p + len - tail, ".example", tail);
	return (struct str){ p, len };
}

static void test_rfc1035_2_3_4__253_octets_are_the_limit(void **state)
{
	static const struct {
		const char *prefix;
		size_t len;
		const char *suffix;
		bool good;
	} rows[] = {
		{ "", 253, "", true },   { "", 254, "", false },  { "", 253, ".", true },
		{ "", 254, ".", false }, { "*.", 253, "", true }, { "*.", 254, "", false },
		{ "*.", 253, ".", true }, { "", 40000, "", false },
	};
	static char text[40002];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct identifier id;
		struct str name = long_name(text, rows[i].len, rows[i].prefix);
		enum rc rc;

		arena_init(&a, 1 << 16);
		if (rows[i].suffix[0])
			text[name.len++] = '.';
		rc = identifier_parse(&a, STR("dns"), name, &id, &f);
		if (rows[i].good)
			check_accepted("length", rc, &f);
		else
			check_refused("length", rc, &f, PROBLEM_MALFORMED, "253");
	}
}

static void test_rfc1035_2_3_4__63_octets_in_a_label_are_the_limit(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct identifier id;

	(void)state;
	arena_init(&a, 1 << 16);
	check_accepted("63", identifier_parse(&a, STR("dns"), STR(L63 ".example"), &id, &f), &f);
}

static void test_identifier_eq__compares_canonical_forms(void **state)
{
	static const struct {
		const char *a_type, *a, *b_type, *b;
		bool equal;
	} rows[] = {
		{ "dns", "a.example", "dns", "A.EXAMPLE.", true },
		{ "dns", "a.example", "dns", "b.example", false },
		{ "dns", "*.a.example", "dns", "a.example", false },
		{ "dns", "*.a.example", "dns", "*.A.example", true },
		{ "ip", "2001:db8::1", "ip", "2001:DB8:0:0:0:0:0:1", true },
		{ "ip", "2001:db8::1", "ip", "2001:db8::2", false },
		{ "ip", "10.0.0.1", "ip", "10.0.0.1", true },
		{ "ip", "10.0.0.1", "ip", "::10.0.0.1", false },
	};
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct identifier x, y;

		assert_int_equal(identifier_parse(&a, str_of(rows[i].a_type), str_of(rows[i].a), &x,
						  NULL), RC_OK);
		assert_int_equal(identifier_parse(&a, str_of(rows[i].b_type), str_of(rows[i].b), &y,
						  NULL), RC_OK);
		ROW_CHECK(identifier_eq(&x, &y) == rows[i].equal, rows[i].a);
	}
}

static void test_identifier_san__goes_there_and_back(void **state)
{
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct identifier id, back;
		struct san san;

		assert_int_equal(identifier_parse(&a, str_of(good[i].type), str_of(good[i].text), &id,
						  NULL), RC_OK);
		assert_int_equal(identifier_san(&a, &id, &san), RC_OK);
		assert_int_equal(identifier_from_san(&a, &san, &back, NULL), RC_OK);
		ROW_CHECK(identifier_eq(&id, &back), good[i].text);
		if (id.type == IDENTIFIER_DNS)
			ROW_CHECK(san.value.len == id.value.len + (id.wildcard ? 2 : 0), good[i].text);
		else
			ROW_CHECK(bytes_eq(san.value, bytes_of(id.ip, id.ip_len)), good[i].text);
	}
}

static void test_identifier_from_san__refuses(void **state)
{
	static const struct {
		const char *row;
		enum san_type type;
		struct str value;
	} rows[] = {
		{ "NUL", SAN_DNS, { "good.example\0.evil", 18 } },
		{ "underscore", SAN_DNS, { "a_b.example", 11 } },
		{ "address as name", SAN_DNS, { "10.0.0.1", 8 } },
		{ "empty", SAN_DNS, { "", 0 } },
		{ "UTF-8", SAN_DNS, { "m\xc3\xbcnchen", 8 } },
		{ "ip of 3", SAN_IP, { "\x0a\0\0", 3 } },
		{ "ip of 5", SAN_IP, { "\x0a\0\0\1\1", 5 } },
		{ "ip of 8 (a constraint)", SAN_IP, { "\x0a\0\0\0\xff\0\0\0", 8 } },
		{ "ip of 0", SAN_IP, { "", 0 } },
		{ "mapped", SAN_IP, { "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16 } },
		{ "mail", SAN_OTHER, { "a@a.example", 11 } },
	};
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(fault) struct fault f = { 0 };
		struct identifier id;
		struct san san = { .type = rows[i].type, .value = str_bytes(rows[i].value) };

		check_refused(rows[i].row, identifier_from_san(&a, &san, &id, &f), &f,
			      PROBLEM_BAD_CSR, NULL);
	}
}

static void test_identifiers_text__round_trip_keeps_the_spelling(void **state)
{
	AUTO(arena) struct arena a;
	struct identifier v[COUNT_OF(good)], *back;
	struct str text, again;
	size_t count;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_int_equal(identifier_parse(&a, str_of(good[i].type), str_of(good[i].text), &v[i],
						  NULL), RC_OK);
	assert_int_equal(identifiers_to_text(&a, v, COUNT_OF(good), &text), RC_OK);
	assert_int_equal(identifiers_from_text(&a, text, &back, &count), RC_OK);
	assert_int_equal(count, COUNT_OF(good));
	for (size_t i = 0; i < count; i++) {
		ROW_CHECK(identifier_eq(&v[i], &back[i]), good[i].text);
		ROW_CHECK(str_eq(v[i].shown, back[i].shown), good[i].text);
	}
	assert_int_equal(identifiers_to_text(&a, back, count, &again), RC_OK);
	assert_true(str_eq(text, again));
	assert_int_equal(identifiers_to_text(&a, v, 0, &text), RC_OK);
	assert_int_equal(text.len, 0);
	assert_int_equal(identifiers_from_text(&a, text, &back, &count), RC_OK);
	assert_int_equal(count, 0);
}

static void test_identifiers_text__is_as_written(void **state)
{
	static const char expected[] = "dns:a.example ip:10.0.0.1 dns:*.B.example ip:2001:DB8::1";
	AUTO(arena) struct arena a;
	struct identifier *v;
	struct str text;
	size_t count;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(identifiers_from_text(&a, str_of(expected), &v, &count), RC_OK);
	assert_int_equal(count, 4);
	assert_true(v[2].wildcard && str_is(v[2].value, "b.example"));
	assert_int_equal(identifiers_to_text(&a, v, count, &text), RC_OK);
	assert_true(str_is(text, expected));
}

static void test_identifiers_from_text__refuses_what_it_did_not_write(void **state)
{
	static const char *const rows[] = {
		" ", "dns:a.example ", " dns:a.example", "dns:a.example  dns:b.example", "dns",
		"dns:", ":a.example", "dns:a_b", "mail:a", "dns:a.example,dns:b.example",
		"dns:a.example\tdns:b.example", "ip:10.0.0.1/8", "DNS:a.example",
	};
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct identifier *v;
		size_t count;

		ROW_CHECK(identifiers_from_text(&a, str_of(rows[i]), &v, &count) == RC_INTERNAL,
			  rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identifier_parse__accepts),
		cmocka_unit_test(test_identifier_parse__refuses),
		cmocka_unit_test(test_identifier_parse__nul_is_never_the_end),
		cmocka_unit_test(test_rfc1035_2_3_4__253_octets_are_the_limit),
		cmocka_unit_test(test_rfc1035_2_3_4__63_octets_in_a_label_are_the_limit),
		cmocka_unit_test(test_identifier_eq__compares_canonical_forms),
		cmocka_unit_test(test_identifier_san__goes_there_and_back),
		cmocka_unit_test(test_identifier_from_san__refuses),
		cmocka_unit_test(test_identifiers_text__round_trip_keeps_the_spelling),
		cmocka_unit_test(test_identifiers_text__is_as_written),
		cmocka_unit_test(test_identifiers_from_text__refuses_what_it_did_not_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
