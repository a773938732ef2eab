/* test_requests.c - what clients send, as the server reads it: RFC 8555 §7.3-7.6 and the habits of
 * real clients (FIELD Q3, Q5-Q7, Q10). */
#include "acme_test.h"

#include "acme/objects.h"

struct row {
	const char *row, *json;
	enum problem problem; /* PROBLEM_NONE: accepted */
	const char *words;
};

static void check_row(const struct row *r, enum rc rc, struct fault *f)
{
	if (r->problem == PROBLEM_NONE)
		check_accepted(r->row, rc, f);
	else
		check_refused(r->row, rc, f, r->problem, r->words);
	fault_done(f);
}

/* No decoder takes these. */
static const struct row never[] = {
	{ "empty", "", PROBLEM_MALFORMED, NULL },
	{ "not JSON", "{", PROBLEM_MALFORMED, NULL },
	{ "array", "[]", PROBLEM_MALFORMED, "object" },
	{ "text", "\"\"", PROBLEM_MALFORMED, "object" },
	{ "null", "null", PROBLEM_MALFORMED, "object" },
	{ "number", "1", PROBLEM_MALFORMED, "object" },
	{ "twice", "{\"status\":\"a\",\"status\":\"b\"}", PROBLEM_MALFORMED, "twice" },
	{ "NUL", "{\"status\":\"\\u0000\"}", PROBLEM_MALFORMED, "NUL" },
	{ "deep", "{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", PROBLEM_MALFORMED, "nested" },
	{ "UTF-8", "{\"x\":\"\xff\"}", PROBLEM_MALFORMED, "UTF-8" },
};

static void test_decoders__refuse_what_is_no_object(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(never); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		struct str json = str_of(never[i].json);
		struct acme_new_account account;
		struct acme_new_order order;
		struct acme_new_authz authz;
		struct acme_finalize finalize;
		struct acme_revoke revoke;
		struct acme_key_change change;
		bool deactivate;

		arena_init(&a, 1 << 18);
		check_row(&never[i], acme_new_account_decode(&a, json, &account, &f), &f);
		check_row(&never[i], acme_new_order_decode(&a, json, &order, &f), &f);
		check_row(&never[i], acme_new_authz_decode(&a, json, &authz, &f), &f);
		check_row(&never[i], acme_finalize_decode(&a, json, &finalize, &f), &f);
		check_row(&never[i], acme_revoke_decode(&a, json, &revoke, &f), &f);
		check_row(&never[i], acme_key_change_decode(&a, json, &change, &f), &f);
		check_row(&never[i], acme_challenge_decode(json, &f), &f);
		if (json.len > 0)
			check_row(&never[i], acme_authz_update_decode(&a, json, &deactivate, &f), &f);
	}
}

/* --- accounts --- */

static const struct row accounts[] = {
	{ "empty", "{}", PROBLEM_NONE, NULL },
	{ "contact null", "{\"contact\":null}", PROBLEM_NONE, NULL },
	{ "contact none", "{\"contact\":[]}", PROBLEM_NONE, NULL },
	{ "contact", "{\"contact\":[\"mailto:a@lab\"]}", PROBLEM_NONE, NULL },
	{ "Q6 existing with contact", "{\"onlyReturnExisting\":true,\"contact\":[\"mailto:a@lab\"]}", PROBLEM_NONE, NULL },
	{ "Q5 resource", "{\"resource\":\"new-reg\",\"status\":\"pending\",\"agreement\":\"u\"}", PROBLEM_NONE, NULL },
	{ "RFC 8555 §7.3.2 status valid is ignored", "{\"status\":\"valid\"}", PROBLEM_NONE, NULL },
	{ "RFC 8555 §7.3.2 status revoked is ignored", "{\"status\":\"revoked\"}", PROBLEM_NONE, NULL },
	{ "RFC 8555 §7.3.2 orders is ignored", "{\"orders\":5}", PROBLEM_NONE, NULL },
	{ "certbot update", "{\"contact\":[],\"status\":\"valid\",\"key\":{\"kty\":\"EC\"},\"orders\":\"u\"}", PROBLEM_NONE, NULL },
	{ "contact text", "{\"contact\":\"mailto:a@lab\"}", PROBLEM_MALFORMED, "\"contact\"" },
	{ "contact number", "{\"contact\":[1]}", PROBLEM_MALFORMED, "\"contact\"" },
	{ "contact nested", "{\"contact\":[[\"mailto:a@lab\"]]}", PROBLEM_MALFORMED, "\"contact\"" },
	{ "11 contacts", "{\"contact\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}", PROBLEM_MALFORMED, "at most 10" },
	{ "10 contacts", "{\"contact\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}", PROBLEM_NONE, NULL },
	{ "terms text", "{\"termsOfServiceAgreed\":\"true\"}", PROBLEM_MALFORMED, "\"termsOfServiceAgreed\"" },
	{ "terms number", "{\"termsOfServiceAgreed\":1}", PROBLEM_MALFORMED, "\"termsOfServiceAgreed\"" },
	{ "existing text", "{\"onlyReturnExisting\":\"yes\"}", PROBLEM_MALFORMED, "\"onlyReturnExisting\"" },
	{ "eab text", "{\"externalAccountBinding\":\"a\"}", PROBLEM_MALFORMED, "\"externalAccountBinding\"" },
	{ "eab null", "{\"externalAccountBinding\":null}", PROBLEM_NONE, NULL },
	{ "status number", "{\"status\":1}", PROBLEM_MALFORMED, "\"status\"" },
};

static void test_rfc8555_7_3__new_account(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(accounts); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		struct acme_new_account x = { 0 };

		arena_init(&a, 1 << 18);
		check_row(&accounts[i], acme_new_account_decode(&a, str_of(accounts[i].json), &x, &f), &f);
		ROW_CHECK(x.status == ACCOUNT_KEEP, accounts[i].row);
	}
}

static void test_rfc8555_7_3__new_account_values(void **state)
{
	AUTO(arena) struct arena a;
	struct acme_new_account x;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_new_account_decode(&a,
		STR("{\"contact\":[\"mailto:a@lab\",\"mailto:b@lab\"],\"termsOfServiceAgreed\":true,"
		    "\"onlyReturnExisting\":true,\"externalAccountBinding\":{ \"payload\" : \"x\" }}"),
		&x, NULL), RC_OK);
	assert_true(x.has_contact && x.contact_count == 2 && str_is(x.contacts[1], "mailto:b@lab"));
	assert_true(x.terms_agreed && x.only_return_existing);
	assert_true(str_is(x.eab, "{\"payload\":\"x\"}"));
	/* FIELD Q7: absent and [] differ. */
	assert_int_equal(acme_new_account_decode(&a, STR("{}"), &x, NULL), RC_OK);
	assert_true(!x.has_contact && !x.eab.p && !x.terms_agreed);
	assert_int_equal(acme_new_account_decode(&a, STR("{\"contact\":[]}"), &x, NULL), RC_OK);
	assert_true(x.has_contact && x.contact_count == 0);
	assert_int_equal(acme_new_account_decode(&a, ACME_DEACTIVATE_JSON, &x, NULL), RC_OK);
	assert_int_equal(x.status, ACCOUNT_DEACTIVATE);
}

#define A300 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row contacts[] = {
	{ "plain", "mailto:admin@a.example", PROBLEM_NONE, NULL },
	{ "single label", "mailto:a@lab", PROBLEM_NONE, NULL },
	{ "plus", "mailto:a+acme@a.example", PROBLEM_NONE, NULL },
	{ "scheme case", "MAILTO:a@a.example", PROBLEM_NONE, NULL },
	{ "encoded", "mailto:a%C3%A9@a.example", PROBLEM_NONE, NULL },
	{ "atext", "mailto:!#$&'*+-/=^_`{|}~@a.example", PROBLEM_NONE, NULL },
	{ "320 octets", "mailto:" A300 "@" "a.exampleaaa", PROBLEM_NONE, NULL },
	{ "321 octets", "mailto:" A300 "@" "a.exampleaaaa", PROBLEM_INVALID_CONTACT, "320" },
	{ "tel", "tel:+12025551212", PROBLEM_UNSUPPORTED_CONTACT, "mailto" },
	{ "https", "https://a.example/", PROBLEM_UNSUPPORTED_CONTACT, NULL },
	{ "javascript", "javascript:alert(1)", PROBLEM_UNSUPPORTED_CONTACT, NULL },
	{ "no scheme", "a@a.example", PROBLEM_INVALID_CONTACT, "not a URL" },
	{ "empty", "", PROBLEM_INVALID_CONTACT, NULL },
	{ "empty scheme", ":a@a.example", PROBLEM_UNSUPPORTED_CONTACT, NULL },
	{ "no address", "mailto:", PROBLEM_INVALID_CONTACT, NULL },
	{ "no at", "mailto:a", PROBLEM_INVALID_CONTACT, NULL },
	{ "no local", "mailto:@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "no domain", "mailto:a@", PROBLEM_INVALID_CONTACT, NULL },
	{ "two ats", "mailto:a@b@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "two addresses", "mailto:a@a.example,b@a.example", PROBLEM_INVALID_CONTACT, "more than one" },
	{ "encoded comma", "mailto:a%2Cb@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "encoded at", "mailto:a%40b@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "hfields", "mailto:a@a.example?subject=x", PROBLEM_INVALID_CONTACT, "header fields" },
	{ "hfields only", "mailto:?to=a@a.example", PROBLEM_INVALID_CONTACT, "header fields" },
	{ "CRLF", "mailto:a@a.example\r\nX: y", PROBLEM_INVALID_CONTACT, NULL },
	{ "encoded CRLF", "mailto:a%0D%0A@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "encoded NUL", "mailto:a%00@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "half encoded", "mailto:a%4@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "bad hex", "mailto:a%zz@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "percent last", "mailto:a%@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "space", "mailto:a b@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "space after scheme", "mailto: a@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "angle", "mailto:<a@a.example>", PROBLEM_INVALID_CONTACT, NULL },
	{ "quotes", "mailto:\"a\"@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "dots", "mailto:a..b@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "dot first", "mailto:.a@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "dot last", "mailto:a.@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "UTF-8", "mailto:\xc3\xa9@a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "domain underscore", "mailto:a@a_b.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "domain literal", "mailto:a@[10.0.0.1]", PROBLEM_INVALID_CONTACT, NULL },
	{ "domain dot", "mailto:a@a.example.", PROBLEM_INVALID_CONTACT, NULL },
	{ "domain hyphen", "mailto:a@-a.example", PROBLEM_INVALID_CONTACT, NULL },
	{ "domain empty label", "mailto:a@a..example", PROBLEM_INVALID_CONTACT, NULL },
	{ "slashes", "mailto://a@a.example", PROBLEM_NONE, NULL },
};

static void test_rfc8555_7_3__contacts(void **state)
{
	const struct str nul = STR("mailto:a\0@a.example");
	struct fault f = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(contacts); i++) {
		const struct str list[] = { STR("mailto:good@a.example"), str_of(contacts[i].json) };

		check_row(&contacts[i], acme_contacts_check(list, 2, &f), &f);
	}
	check_refused("NUL", acme_contacts_check(&nul, 1, &f), &f, PROBLEM_INVALID_CONTACT, NULL);
	assert_int_equal(acme_contacts_check(NULL, 0, &f), RC_OK);
	fault_done(&f);
}

/* --- orders --- */

#define ID(name) "{\"type\":\"dns\",\"value\":\"" name "\"}"
#define ORDER(rest) "{\"identifiers\":[" ID("a.example") "]" rest "}"

#define BELOW(name, above) "{\"type\":\"dns\",\"value\":\"" name "\",\"ancestorDomain\":" above "}"

static const struct row orders[] = {
	{ "one", ORDER(""), PROBLEM_NONE, NULL },
	{ "Q5 acmez", "{\"status\":\"\",\"expires\":\"0001-01-01T00:00:00Z\",\"identifiers\":[" ID("a.example") "],\"authorizations\":null,\"finalize\":\"\"}", PROBLEM_NONE, NULL },
	{ "Q5 resource", ORDER(",\"resource\":\"new-order\",\"status\":\"pending\""), PROBLEM_NONE, NULL },
	{ "extra in identifier", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a\",\"x\":[]}]}", PROBLEM_NONE, NULL },
	{ "times", ORDER(",\"notBefore\":\"2026-01-01T00:00:00Z\",\"notAfter\":\"2026-01-02T00:00:00+01:00\""), PROBLEM_NONE, NULL },
	{ "times null", ORDER(",\"notBefore\":null,\"notAfter\":null"), PROBLEM_NONE, NULL },
	{ "times empty", ORDER(",\"notBefore\":\"\",\"notAfter\":\"\""), PROBLEM_NONE, NULL },
	{ "profile empty", ORDER(",\"profile\":\"\",\"replaces\":\"\""), PROBLEM_NONE, NULL },
	{ "no identifiers", "{}", PROBLEM_MALFORMED, "\"identifiers\"" },
	{ "identifiers null", "{\"identifiers\":null}", PROBLEM_MALFORMED, "\"identifiers\"" },
	{ "identifiers none", "{\"identifiers\":[]}", PROBLEM_MALFORMED, "at least one" },
	{ "identifiers object", "{\"identifiers\":" ID("a") "}", PROBLEM_MALFORMED, "array" },
	{ "identifiers text", "{\"identifiers\":[\"a.example\"]}", PROBLEM_MALFORMED, "\"identifiers\"[0]" },
	{ "second is null", "{\"identifiers\":[" ID("a") ",null]}", PROBLEM_MALFORMED, "\"identifiers\"[1]" },
	{ "no type", "{\"identifiers\":[{\"value\":\"a\"}]}", PROBLEM_MALFORMED, "\"identifiers\"[0]" },
	{ "no value", "{\"identifiers\":[{\"type\":\"dns\"}]}", PROBLEM_MALFORMED, "\"identifiers\"[0]" },
	{ "value number", "{\"identifiers\":[{\"type\":\"ip\",\"value\":1}]}", PROBLEM_MALFORMED, "\"identifiers\"[0]" },
	{ "value list", "{\"identifiers\":[{\"type\":\"dns\",\"value\":[\"a\"]}]}", PROBLEM_MALFORMED, "\"identifiers\"[0]" },
	{ "bad type", "{\"identifiers\":[{\"type\":\"mail\",\"value\":\"a\"}]}", PROBLEM_UNSUPPORTED_IDENTIFIER, "mail" },
	{ "address as name", "{\"identifiers\":[" ID("10.0.0.1") "]}", PROBLEM_REJECTED_IDENTIFIER, "\"type\":\"ip\"" },
	{ "underscore", "{\"identifiers\":[" ID("a_b.example") "]}", PROBLEM_MALFORMED, "\"_\"" },
	{ "two kinds of bad", "{\"identifiers\":[" ID("a_b") "," ID("10.0.0.1") "]}", PROBLEM_COMPOUND, "2 of 2" },
	{ "one kind of bad", "{\"identifiers\":[" ID("a_b") "," ID("ok") "," ID("a_c") "]}", PROBLEM_MALFORMED, "2 of 3" },
	{ "notBefore text", ORDER(",\"notBefore\":\"tomorrow\""), PROBLEM_MALFORMED, "\"notBefore\"" },
	{ "notBefore number", ORDER(",\"notBefore\":1774000000"), PROBLEM_MALFORMED, "\"notBefore\"" },
	{ "notAfter no zone", ORDER(",\"notAfter\":\"2026-01-01T00:00:00\""), PROBLEM_MALFORMED, "\"notAfter\"" },
	{ "notAfter month 13", ORDER(",\"notAfter\":\"2026-13-01T00:00:00Z\""), PROBLEM_MALFORMED, "\"notAfter\"" },
	{ "notAfter 1969", ORDER(",\"notAfter\":\"1969-01-01T00:00:00Z\""), PROBLEM_MALFORMED, "\"notAfter\"" },
	{ "notAfter 1970", ORDER(",\"notAfter\":\"1970-01-01T00:00:00Z\""), PROBLEM_MALFORMED, "\"notAfter\"" },
	{ "reversed", ORDER(",\"notBefore\":\"2026-01-02T00:00:00Z\",\"notAfter\":\"2026-01-01T00:00:00Z\""), PROBLEM_MALFORMED, "later" },
	{ "equal", ORDER(",\"notBefore\":\"2026-01-02T00:00:00Z\",\"notAfter\":\"2026-01-02T00:00:00Z\""), PROBLEM_MALFORMED, "later" },
	{ "profile number", ORDER(",\"profile\":1"), PROBLEM_MALFORMED, "\"profile\"" },
	{ "ancestor", "{\"identifiers\":[" BELOW("foo.bar.a.example", "\"bar.a.example\"") "]}", PROBLEM_NONE, NULL },
	{ "ancestor far above", "{\"identifiers\":[" BELOW("foo.bar.a.example", "\"A.example\"") "]}", PROBLEM_NONE, NULL },
	{ "ancestor of a wildcard", "{\"identifiers\":[" BELOW("*.a.example", "\"a.example\"") "]}", PROBLEM_NONE, NULL },
	{ "ancestor null", "{\"identifiers\":[" BELOW("a.example", "null") "]}", PROBLEM_NONE, NULL },
	{ "ancestor empty", "{\"identifiers\":[" BELOW("a.example", "\"\"") "]}", PROBLEM_NONE, NULL },
	{ "ancestor itself", "{\"identifiers\":[" BELOW("a.example", "\"a.example\"") "]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor below", "{\"identifiers\":[" BELOW("a.example", "\"b.a.example\"") "]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor by letters", "{\"identifiers\":[" BELOW("bad-a.example", "\"a.example\"") "]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor elsewhere", "{\"identifiers\":[" BELOW("b.a.example", "\"c.example\"") "]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor wildcard", "{\"identifiers\":[" BELOW("b.a.example", "\"*.a.example\"") "]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor of an address", "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"10.0.0.1\",\"ancestorDomain\":\"a\"}]}", PROBLEM_MALFORMED, "RFC 9444 §4.3" },
	{ "ancestor address", "{\"identifiers\":[" BELOW("b.a.example", "\"10.0.0.1\"") "]}", PROBLEM_REJECTED_IDENTIFIER, "\"ip\"" },
	{ "ancestor number", "{\"identifiers\":[" BELOW("b.a.example", "1") "]}", PROBLEM_MALFORMED, "\"ancestorDomain\"" },
	{ "ancestor bad", "{\"identifiers\":[" BELOW("b.a.example", "\"a_.example\"") "]}", PROBLEM_MALFORMED, "\"_\"" },
	{ "replaces object", ORDER(",\"replaces\":{}"), PROBLEM_MALFORMED, "\"replaces\"" },
};

static void test_rfc8555_7_4__new_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		struct acme_new_order x = { 0 };

		arena_init(&a, 1 << 18);
		check_row(&orders[i], acme_new_order_decode(&a, str_of(orders[i].json), &x, &f), &f);
		ROW_CHECK(acme_new_order_decode(&a, str_of(orders[i].json), &x, NULL) ==
				  (orders[i].problem == PROBLEM_NONE ? RC_OK : RC_INVALID), orders[i].row);
	}
}

static void test_rfc8555_7_4__new_order_values(void **state)
{
	AUTO(arena) struct arena a;
	struct acme_new_order x;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_new_order_decode(&a,
		STR("{\"identifiers\":[" ID("B.example") "," ID("*.b.example") "," ID("b.EXAMPLE.") ","
		    "{\"type\":\"ip\",\"value\":\"2001:DB8::1\"}," ID("a.example") ","
		    "{\"type\":\"ip\",\"value\":\"2001:db8:0::1\"}],\"profile\":\"short\","
		    "\"replaces\":\"aa.bb\",\"notBefore\":\"2026-03-20T09:46:40Z\","
		    "\"notAfter\":\"2026-03-20T10:46:41+01:00\"}"), &x, NULL), RC_OK);
	assert_int_equal(x.identifier_count, 4); /* duplicates go, whatever their spelling; order stays */
	assert_true(str_is(x.identifiers[0].shown, "B.example"));
	assert_true(x.identifiers[1].wildcard);
	assert_true(str_is(x.identifiers[2].shown, "2001:DB8::1"));
	assert_true(str_is(x.identifiers[3].shown, "a.example"));
	assert_true(x.not_before == 1774000000 && x.not_after == 1774000001);
	assert_true(str_is(x.profile, "short") && str_is(x.replaces, "aa.bb"));
	assert_int_equal(acme_new_order_decode(&a, STR(ORDER(",\"profile\":\"\"")), &x, NULL), RC_OK);
	assert_true(!x.profile.p && !x.replaces.p && x.not_before == 0 && x.not_after == 0);
}

/* RFC 8555 §6.7.1: all that is wrong at once, each with its identifier as the client wrote it. */
static void test_rfc8555_6_7_1__each_bad_identifier_is_a_subproblem(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct acme_new_order x;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_new_order_decode(&a,
		STR("{\"identifiers\":[" ID("A_b.example") "," ID("good.example") "," ID("10.0.0.1") ","
		    "{\"type\":\"mail\",\"value\":\"x@y\"}]}"), &x, &f), RC_INVALID);
	assert_int_equal(f.problem, PROBLEM_COMPOUND);
	assert_int_equal(f.sub_count, 3);
	assert_string_equal(f.subs[0].identifier, "A_b.example");
	assert_string_equal(f.subs[0].identifier_type, "dns");
	assert_int_equal(f.subs[0].problem, PROBLEM_MALFORMED);
	assert_int_equal(f.subs[1].problem, PROBLEM_REJECTED_IDENTIFIER);
	assert_string_equal(f.subs[2].identifier_type, "mail");
	assert_int_equal(f.subs[2].problem, PROBLEM_UNSUPPORTED_IDENTIFIER);
	assert_non_null(strstr(f.subs[1].detail, "§"));
	fault_done(&f);
	/* One alone speaks for itself. */
	assert_int_equal(acme_new_order_decode(&a, STR("{\"identifiers\":[" ID("a_b") "]}"), &x, &f),
			 RC_INVALID);
	assert_int_equal(f.sub_count, 1);
	assert_non_null(strstr(f.detail, "\"_\""));
}

static char big[4 * LIMIT_JSON_BYTES];

/* '#' in the pattern becomes the identifier's number. */
static struct str order_of(size_t count, const char *pattern)
{
	char *p = big + sprintf(big, "{\"identifiers\":[");

	for (size_t i = 0; i < count; i++) {
		p += sprintf(p, "%s{\"type\":\"dns\",\"value\":\"", i ? "," : "");
		for (const char *c = pattern; *c; c++)
			p += *c == '#' ? sprintf(p, "%zu", i) : sprintf(p, "%c", *c);
		p += sprintf(p, "\"}");
	}
	p += sprintf(p, "]}");
	return (struct str){ big, (size_t)(p - big) };
}

static void test_new_order__100_identifiers_are_the_limit(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct acme_new_order x;

	(void)state;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	check_accepted("100", acme_new_order_decode(&a, order_of(LIMIT_IDENTIFIERS, "n#.example"), &x,
						    &f), &f);
	assert_int_equal(x.identifier_count, 100);
	check_refused("101", acme_new_order_decode(&a, order_of(LIMIT_IDENTIFIERS + 1, "n#.example"),
						   &x, &f), &f, PROBLEM_MALFORMED, "at most 100");
	/* Not one is looked at: the bad ones are not named. */
	check_refused("101", acme_new_order_decode(&a, order_of(LIMIT_IDENTIFIERS + 1, "_#"), &x, &f),
		      &f, PROBLEM_MALFORMED, "at most 100");
	assert_int_equal(f.sub_count, 0);
	check_refused("100 bad", acme_new_order_decode(&a, order_of(LIMIT_IDENTIFIERS, "_#"), &x, &f),
		      &f, PROBLEM_MALFORMED, "100 of 100");
	assert_int_equal(f.sub_count, 100);
}

#define IDN10 "xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca.xn--4ca."
#define IDN30 IDN10 IDN10 IDN10

/* In CPU time, per request. */
static void check_cost(const char *row, struct str json, double ms)
{
	double start = cpu_ms();

	for (int k = 0; k < 5; k++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		struct acme_new_order x;

		arena_init(&a, LIMIT_REQUEST_ARENA);
		ROW_CHECK(acme_new_order_decode(&a, json, &x, &f) == RC_INVALID, row);
	}
	ROW_CHECK(cpu_ms() - start < 5 * ms, row);
}

static void test_new_order__hostile_orders_cost_little(void **state)
{
	(void)state;
	check_cost("5,000 identifiers", order_of(5000, "#"), 1);
	check_cost("1,400 identifiers", order_of(1400, "#"), 1); /* fit the octets, not the tokens */
	check_cost("399 identifiers", order_of(399, "n#.example"), 2);
	check_cost("100 names of A-labels, the first of which is bad", order_of(100, IDN30 "xn--a"), 5);
	check_cost("100 Unicode names", order_of(100, "\xc3\xa4#.\xc3\xb6\xc3\xbc.example"), 5);
}

/* --- finalize, revocation, key change --- */

static const struct row finalizes[] = {
	{ "plain", "{\"csr\":\"MIIB\"}", PROBLEM_NONE, NULL },
	{ "Q10 one =", "{\"csr\":\"MII=\"}", PROBLEM_NONE, NULL },
	{ "Q10 two =", "{\"csr\":\"MA==\"}", PROBLEM_NONE, NULL },
	{ "more", "{\"csr\":\"MIIB\",\"resource\":\"new-cert\",\"x\":null}", PROBLEM_NONE, NULL },
	{ "missing", "{}", PROBLEM_MALFORMED, "\"csr\"" },
	{ "null", "{\"csr\":null}", PROBLEM_MALFORMED, "\"csr\"" },
	{ "number", "{\"csr\":1}", PROBLEM_MALFORMED, "\"csr\"" },
	{ "empty", "{\"csr\":\"\"}", PROBLEM_MALFORMED, "\"csr\"" },
	{ "only =", "{\"csr\":\"==\"}", PROBLEM_MALFORMED, "\"csr\"" },
	{ "three =", "{\"csr\":\"MA===\"}", PROBLEM_MALFORMED, "padding" },
	{ "= inside", "{\"csr\":\"MA=A\"}", PROBLEM_MALFORMED, "padding" },
	{ "PEM", "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\nMIIB\"}", PROBLEM_MALFORMED, "PEM" },
	{ "plain base64", "{\"csr\":\"MI/+\"}", PROBLEM_MALFORMED, "plain base64" },
	{ "newlines", "{\"csr\":\"MIIB\\nMIIB\"}", PROBLEM_MALFORMED, "white space" },
	{ "final bits", "{\"csr\":\"MB\"}", PROBLEM_MALFORMED, "final bits" },
};

static void test_rfc8555_7_4__finalize(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(finalizes); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		struct acme_finalize x = { 0 };

		arena_init(&a, 1 << 18);
		check_row(&finalizes[i], acme_finalize_decode(&a, str_of(finalizes[i].json), &x, &f), &f);
		if (finalizes[i].problem == PROBLEM_NONE)
			ROW_CHECK(x.csr.len > 0 && x.csr.p[0] == 0x30, finalizes[i].row);
		else
			ROW_CHECK(!x.csr.p, finalizes[i].row);
	}
}

static struct str octets_of(const char *key, size_t octets)
{
	char *p = big + sprintf(big, "{\"%s\":\"", key);

	memset(p, 'A', B64URL_LEN(octets));
	p += B64URL_LEN(octets);
	p += sprintf(p, "\"}");
	return (struct str){ big, (size_t)(p - big) };
}

static void test_requests__octets_have_limits(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct acme_finalize finalize;
	struct acme_revoke revoke;

	(void)state;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	check_accepted("CSR", acme_finalize_decode(&a, octets_of("csr", LIMIT_CSR_BYTES), &finalize, &f),
		       &f);
	assert_int_equal(finalize.csr.len, LIMIT_CSR_BYTES);
	check_refused("CSR", acme_finalize_decode(&a, octets_of("csr", LIMIT_CSR_BYTES + 1), &finalize,
						  &f), &f, PROBLEM_MALFORMED, "smaller");
	check_accepted("certificate", acme_revoke_decode(&a, octets_of("certificate", LIMIT_CERT_BYTES),
							 &revoke, &f), &f);
	check_refused("certificate", acme_revoke_decode(&a, octets_of("certificate", LIMIT_CERT_BYTES + 1),
							&revoke, &f), &f, PROBLEM_MALFORMED, "smaller");
}

static const struct row revocations[] = {
	{ "plain", "{\"certificate\":\"MIIB\"}", PROBLEM_NONE, NULL },
	{ "padded", "{\"certificate\":\"MII=\"}", PROBLEM_NONE, NULL },
	{ "reason", "{\"certificate\":\"MIIB\",\"reason\":4}", PROBLEM_NONE, NULL },
	{ "reason for core to refuse", "{\"certificate\":\"MIIB\",\"reason\":-7}", PROBLEM_NONE, NULL },
	{ "reason null", "{\"certificate\":\"MIIB\",\"reason\":null}", PROBLEM_NONE, NULL },
	{ "missing", "{\"reason\":1}", PROBLEM_MALFORMED, "\"certificate\"" },
	{ "reason text", "{\"certificate\":\"MIIB\",\"reason\":\"1\"}", PROBLEM_MALFORMED, "\"reason\"" },
	{ "reason real", "{\"certificate\":\"MIIB\",\"reason\":1.0}", PROBLEM_MALFORMED, "\"reason\"" },
	{ "reason huge", "{\"certificate\":\"MIIB\",\"reason\":99999999999999999999}", PROBLEM_MALFORMED, NULL },
};

static void test_rfc8555_7_6__revocation(void **state)
{
	AUTO(arena) struct arena a;
	struct acme_revoke x = { 0 };

	(void)state;
	arena_init(&a, 1 << 18);
	for (size_t i = 0; i < COUNT_OF(revocations); i++) {
		struct fault f = { 0 };

		check_row(&revocations[i], acme_revoke_decode(&a, str_of(revocations[i].json), &x, &f), &f);
	}
	assert_int_equal(acme_revoke_decode(&a, STR("{\"certificate\":\"MIIB\",\"reason\":0}"), &x, NULL),
			 RC_OK);
	assert_true(x.has_reason && x.reason == 0);
	assert_int_equal(acme_revoke_decode(&a, STR("{\"certificate\":\"MIIB\"}"), &x, NULL), RC_OK);
	assert_false(x.has_reason);
}

static const struct row key_changes[] = {
	{ "plain", "{\"account\":\"https://a/1\",\"oldKey\":{\"kty\":\"EC\"}}", PROBLEM_NONE, NULL },
	{ "more", "{\"account\":\"https://a/1\",\"oldKey\":{},\"newKey\":{}}", PROBLEM_NONE, NULL },
	{ "no account", "{\"oldKey\":{}}", PROBLEM_MALFORMED, "\"account\"" },
	{ "account number", "{\"account\":1,\"oldKey\":{}}", PROBLEM_MALFORMED, "\"account\"" },
	{ "no oldKey", "{\"account\":\"u\"}", PROBLEM_MALFORMED, "\"oldKey\"" },
	{ "oldKey text", "{\"account\":\"u\",\"oldKey\":\"{}\"}", PROBLEM_MALFORMED, "\"oldKey\"" },
	{ "oldKey null", "{\"account\":\"u\",\"oldKey\":null}", PROBLEM_MALFORMED, "\"oldKey\"" },
};

static void test_rfc8555_7_3_5__key_change(void **state)
{
	AUTO(arena) struct arena a;
	struct acme_key_change x = { 0 };

	(void)state;
	arena_init(&a, 1 << 18);
	for (size_t i = 0; i < COUNT_OF(key_changes); i++) {
		struct fault f = { 0 };

		check_row(&key_changes[i], acme_key_change_decode(&a, str_of(key_changes[i].json), &x, &f),
			  &f);
	}
	assert_int_equal(acme_key_change_decode(&a, str_of(key_changes[0].json), &x, NULL), RC_OK);
	assert_true(str_is(x.account, "https://a/1") && str_is(x.old_key, "{\"kty\":\"EC\"}"));
}

/* --- authorizations and challenges --- */

static void test_rfc8555_7_5_2__authorization_update(void **state)
{
	static const struct {
		struct row row;
		bool deactivate;
	} rows[] = {
		{ { "POST-as-GET", "", PROBLEM_NONE, NULL }, false },
		{ { "empty object", "{}", PROBLEM_NONE, NULL }, false },
		{ { "resource", "{\"resource\":\"authz\"}", PROBLEM_NONE, NULL }, false },
		{ { "status null", "{\"status\":null}", PROBLEM_NONE, NULL }, false },
		{ { "deactivated", "{\"status\":\"deactivated\"}", PROBLEM_NONE, NULL }, true },
		{ { "Q5 lego", "{\"status\":\"deactivated\",\"identifier\":{\"type\":\"\",\"value\":\"\"}}", PROBLEM_NONE, NULL }, true },
		{ { "valid", "{\"status\":\"valid\"}", PROBLEM_MALFORMED, "\"deactivated\"" }, false },
		{ { "empty", "{\"status\":\"\"}", PROBLEM_MALFORMED, "\"deactivated\"" }, false },
		{ { "case", "{\"status\":\"Deactivated\"}", PROBLEM_MALFORMED, "\"deactivated\"" }, false },
		{ { "bool", "{\"status\":true}", PROBLEM_MALFORMED, "\"status\"" }, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		bool deactivate = !rows[i].deactivate;

		arena_init(&a, 1 << 16);
		check_row(&rows[i].row, acme_authz_update_decode(&a, str_of(rows[i].row.json), &deactivate,
								 &f), &f);
		if (rows[i].row.problem == PROBLEM_NONE)
			ROW_CHECK(deactivate == rows[i].deactivate, rows[i].row.row);
	}
}

#define AUTHZ(rest) "{\"identifier\":{\"type\":\"dns\",\"value\":\"A.example\"" rest "}}"

static void test_rfc8555_7_4_1__new_authorization(void **state)
{
	static const struct {
		struct row row;
		bool subdomains;
	} rows[] = {
		{ { "plain", AUTHZ(""), PROBLEM_NONE, NULL }, false },
		{ { "subdomains", AUTHZ(",\"subdomainAuthAllowed\":true"), PROBLEM_NONE, NULL }, true },
		{ { "no subdomains", AUTHZ(",\"subdomainAuthAllowed\":false"), PROBLEM_NONE, NULL }, false },
		{ { "null", AUTHZ(",\"subdomainAuthAllowed\":null"), PROBLEM_NONE, NULL }, false },
		{ { "outside", "{\"subdomainAuthAllowed\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"A.example\"}}", PROBLEM_NONE, NULL }, false },
		{ { "text", AUTHZ(",\"subdomainAuthAllowed\":\"true\""), PROBLEM_MALFORMED, "\"subdomainAuthAllowed\"" }, false },
		{ { "nothing", "{}", PROBLEM_MALFORMED, "\"identifier\"" }, false },
		{ { "identifier null", "{\"identifier\":null}", PROBLEM_MALFORMED, "\"identifier\"" }, false },
		{ { "identifier list", "{\"identifier\":[]}", PROBLEM_MALFORMED, "\"identifier\"" }, false },
		{ { "no value", "{\"identifier\":{\"type\":\"dns\"}}", PROBLEM_MALFORMED, "\"value\"" }, false },
		{ { "no type", "{\"identifier\":{\"value\":\"a\"}}", PROBLEM_MALFORMED, "\"type\"" }, false },
		{ { "bad type", "{\"identifier\":{\"type\":\"mail\",\"value\":\"a\"}}", PROBLEM_UNSUPPORTED_IDENTIFIER, NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		struct fault f = { 0 };
		struct acme_new_authz x = { .subdomains = !rows[i].subdomains };

		arena_init(&a, 1 << 16);
		check_row(&rows[i].row, acme_new_authz_decode(&a, str_of(rows[i].row.json), &x, &f), &f);
		if (rows[i].row.problem == PROBLEM_NONE)
			ROW_CHECK(x.subdomains == rows[i].subdomains && str_is(x.identifier.value, "a.example"), rows[i].row.row);
	}
}

static void test_rfc8555_7_5_1__challenge_response(void **state)
{
	static const char *const rows[] = {
		"{}", "{\"keyAuthorization\":\"a.b\"}", /* FIELD Q3 */
		"{\"resource\":\"challenge\",\"type\":\"http-01\",\"keyAuthorization\":\"a.b\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(fault) struct fault f = { 0 };

		check_accepted(rows[i], acme_challenge_decode(str_of(rows[i]), &f), &f);
	}
	assert_int_equal(acme_challenge_decode(ACME_CHALLENGE_READY_JSON, NULL), RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoders__refuse_what_is_no_object),
		cmocka_unit_test(test_rfc8555_7_3__new_account),
		cmocka_unit_test(test_rfc8555_7_3__new_account_values),
		cmocka_unit_test(test_rfc8555_7_3__contacts),
		cmocka_unit_test(test_rfc8555_7_4__new_order),
		cmocka_unit_test(test_rfc8555_7_4__new_order_values),
		cmocka_unit_test(test_rfc8555_6_7_1__each_bad_identifier_is_a_subproblem),
		cmocka_unit_test(test_new_order__100_identifiers_are_the_limit),
		cmocka_unit_test(test_new_order__hostile_orders_cost_little),
		cmocka_unit_test(test_rfc8555_7_4__finalize),
		cmocka_unit_test(test_requests__octets_have_limits),
		cmocka_unit_test(test_rfc8555_7_6__revocation),
		cmocka_unit_test(test_rfc8555_7_3_5__key_change),
		cmocka_unit_test(test_rfc8555_7_5_2__authorization_update),
		cmocka_unit_test(test_rfc8555_7_4_1__new_authorization),
		cmocka_unit_test(test_rfc8555_7_5_1__challenge_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
