/* test_json.c - limits before parsing, what is not JSON, and the writer. */
#include "acme_test.h"

#include "acme/json.h"

/* --- reading --- */

static enum rc read_text(struct str text, struct fault *f)
{
	AUTO_JSON json_t *value = NULL;

	return json_read(text, LIMIT_JSON_BYTES, &value, f);
}

static const struct {
	const char *text;
	const char *words;
} bad[] = {
	{ "", "empty" },
	{ " ", NULL },
	{ "{", NULL },
	{ "}", NULL },
	{ "{}}", NULL },
	{ "{}{}", NULL },
	{ "{} x", NULL },
	{ "{},", NULL },
	{ "[1,]", NULL },
	{ "[,1]", NULL },
	{ "[1 2]", NULL },
	{ "{\"a\":1,}", NULL },
	{ "{\"a\"}", NULL },
	{ "{\"a\":}", NULL },
	{ "{\"a\" 1}", NULL },
	{ "{a:1}", NULL },
	{ "{'a':1}", NULL },
	{ "{1:1}", NULL },
	{ "\"a", NULL },
	{ "\"a\\\"", NULL },
	{ "\"\\x41\"", NULL },
	{ "\"\\u12\"", NULL },
	{ "\"\\ud800\"", NULL },
	{ "\"\\udc00\\ud800\"", NULL },
	{ "\"\t\"", NULL },
	{ "\"\n\"", NULL },
	{ "\"\\u0000\"", "NUL" },
	{ "{\"a\\u0000b\":1}", "NUL" },
	{ "nul", NULL },
	{ "NaN", NULL },
	{ "Infinity", NULL },
	{ "-", NULL },
	{ "01", NULL },
	{ "[01]", NULL },
	{ "+1", NULL },
	{ "1.", NULL },
	{ ".5", NULL },
	{ "1e", NULL },
	{ "0x10", NULL },
	{ "99999999999999999999", NULL },
	{ "1e999", NULL },
	{ "// c\n{}", NULL },
	{ "/* c */{}", NULL },
	{ "{\"a\":1,\"a\":2}", "RFC 8259 §4" },
	{ "{\"a\":1,\"\\u0061\":2}", "RFC 8259 §4" },
	{ "{\"a\":{\"b\":1,\"b\":1}}", "RFC 8259 §4" },
	{ "\"\xff\"", "UTF-8" },
	{ "\"\xc0\x80\"", "UTF-8" },
	{ "\"\xed\xa0\x80\"", "UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", "UTF-8" },
	{ "\"\xe2\x82\"", "UTF-8" },
	{ "\xef\xbb\xbf{}", NULL },
	{ "]]]]]]]]]]]]]]]]]]]]]]]]", NULL },
};

static void test_json_read__refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO(fault) struct fault f = { 0 };

		check_refused(bad[i].text, read_text(str_of(bad[i].text), &f), &f, PROBLEM_MALFORMED,
			      bad[i].words);
		ROW_CHECK(f.rc == RC_INVALID, bad[i].text);
		ROW_CHECK(read_text(str_of(bad[i].text), NULL) == RC_INVALID, bad[i].text);
	}
}

static void test_json_read__nul_octets_are_refused(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	check_refused("in string", read_text(STR("\"a\0b\""), &f), &f, PROBLEM_MALFORMED, NULL);
	check_refused("behind", read_text(STR("{}\0"), &f), &f, PROBLEM_MALFORMED, NULL);
	check_refused("behind text", read_text(STR("{}\0{}"), &f), &f, PROBLEM_MALFORMED, NULL);
	check_refused("absent", read_text((struct str){ 0 }, &f), &f, PROBLEM_MALFORMED, NULL);
}

static void test_json_read__accepts(void **state)
{
	static const char *const rows[] = {
		"{}", "[]", "\"\"", "0", "-0", "1.5e3", "true", "null", " \t\r\n{ } \n",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]}}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\ude00\"", "9223372036854775807",
		"\"[[[[[[[[[[[[[[[[[[[[[[[[\"", "\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(fault) struct fault f = { 0 };

		check_accepted(rows[i], read_text(str_of(rows[i]), &f), &f);
	}
}

static char *repeat(char *p, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++, p += strlen(text))
		memcpy(p, text, strlen(text));
	return p;
}

/* Text of exactly depth levels. */
static struct str nested(char *p, size_t depth, const char *open, const char *close)
{
	char *end = repeat(repeat(repeat(p, open, depth), "1", 1), close, depth);

	return (struct str){ p, (size_t)(end - p) };
}

static char big[2 * LIMIT_JSON_BYTES];

static void test_json_read__depth_16_is_the_limit(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	check_accepted("16", read_text(nested(big, LIMIT_JSON_DEPTH, "[", "]"), &f), &f);
	check_refused("17", read_text(nested(big, LIMIT_JSON_DEPTH + 1, "[", "]"), &f), &f,
		      PROBLEM_MALFORMED, "nested");
	check_accepted("16 objects", read_text(nested(big, LIMIT_JSON_DEPTH, "{\"a\":", "}"), &f), &f);
	check_refused("17 objects", read_text(nested(big, LIMIT_JSON_DEPTH + 1, "{\"a\":", "}"), &f),
		      &f, PROBLEM_MALFORMED, "nested");
	check_refused("open only", read_text(nested(big, 60000, "[", ""), &f), &f,
		      PROBLEM_MALFORMED, "nested");
}

static void test_json_read__2000_tokens_are_the_limit(void **state)
{
	static const struct {
		const char *item;
		size_t tokens;
	} rows[] = { { ",1", 1 }, { ",\"a\"", 1 }, { ",true", 1 }, { ",[]", 1 }, { ", -1.5e+3", 1 },
		     { ",{\"a\":1}", 3 }, { ",[1,2,3]", 4 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(fault) struct fault f = { 0 };
		/* "[0" are two. */
		size_t count = (LIMIT_JSON_TOKENS - 2) / rows[i].tokens;
		size_t rest = (LIMIT_JSON_TOKENS - 2) % rows[i].tokens;
		char *end;

		end = repeat(repeat(repeat(repeat(big, "[0", 1), rows[i].item, count), ",1", rest), "]", 1);
		check_accepted(rows[i].item, read_text((struct str){ big, (size_t)(end - big) }, &f), &f);
		end = repeat(repeat(end - 1, ",1", 1), "]", 1);
		check_refused(rows[i].item, read_text((struct str){ big, (size_t)(end - big) }, &f), &f,
			      PROBLEM_MALFORMED, "2000");
	}
}

static struct str text_of_len(size_t string_len, size_t total)
{
	char *end = repeat(repeat(repeat(big, "\"", 1), "a", string_len), "\"", 1);

	end = repeat(end, " ", total - string_len - 2);
	return (struct str){ big, (size_t)(end - big) };
}

static void test_json_read__string_length_has_a_limit(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	check_accepted("at", read_text(text_of_len(LIMIT_JSON_STRING, LIMIT_JSON_STRING + 2), &f), &f);
	check_refused("over", read_text(text_of_len(LIMIT_JSON_STRING + 1, LIMIT_JSON_STRING + 3), &f),
		      &f, PROBLEM_MALFORMED, "string");
}

static void test_json_read__octets_have_a_limit(void **state)
{
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	check_accepted("at", read_text(text_of_len(1, LIMIT_JSON_BYTES), &f), &f);
	check_refused("over", read_text(text_of_len(1, LIMIT_JSON_BYTES + 1), &f), &f,
		      PROBLEM_MALFORMED, "octets");
}

static void test_json_write__keeps_order_and_is_compact(void **state)
{
	AUTO(arena) struct arena a;
	AUTO_JSON json_t *value = NULL;
	struct str out;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(json_read(STR(" { \"z\" : [ 1 , \"\xc3\xa9\" ] , \"a\" : null } "), 100, &value,
				   NULL), RC_OK);
	assert_int_equal(json_write(&a, value, &out), RC_OK);
	assert_string_equal(out.p, "{\"z\":[1,\"\xc3\xa9\"],\"a\":null}");
}

/* --- writing --- */

static void test_json_out__places_commas(void **state)
{
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };

	(void)state;
	buf_init(&b, 1000);
	json_out_open(&o, NULL, '{');
	json_out_str(&o, "a", STR("x"));
	json_out_open(&o, "b", '[');
	json_out_close(&o, ']');
	json_out_open(&o, "c", '[');
	json_out_int(&o, NULL, 0);
	json_out_int(&o, NULL, -1);
	json_out_int(&o, NULL, INT64_MAX);
	json_out_int(&o, NULL, INT64_MIN);
	json_out_open(&o, NULL, '{');
	json_out_close(&o, '}');
	json_out_open(&o, NULL, '{');
	json_out_bool(&o, "t", true);
	json_out_bool(&o, "f", false);
	json_out_close(&o, '}');
	json_out_close(&o, ']');
	json_out_raw(&o, "d", STR("{\"r\":1}"));
	json_out_time(&o, "e", 1774000000);
	json_out_close(&o, '}');
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "{\"a\":\"x\",\"b\":[],\"c\":[0,-1,9223372036854775807,"
				 "-9223372036854775808,{},{\"t\":true,\"f\":false}],\"d\":{\"r\":1},"
				 "\"e\":\"2026-03-20T09:46:40Z\"}");
}

static void test_json_out_str__escapes(void **state)
{
	static const struct {
		struct str in;
		const char *out;
	} rows[] = {
		{ { "", 0 }, "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ { "plain", 5 }, "\"plain\"" },
		{ { "\"", 1 }, "\"\\\"\"" },
		{ { "a\\b", 3 }, "\"a\\\\b\"" },
		{ { "\n\r\t", 3 }, "\"\\n\\r\\t\"" },
		{ { "\0\x01\x1f\x7f", 4 }, "\"\\u0000\\u0001\\u001f\x7f\"" },
		{ { "</script>", 9 }, "\"</script>\"" },
		{ { "\xc3\xa9", 2 }, "\"\xc3\xa9\"" },
		{ { "\xf0\x9f\x98\x80", 4 }, "\"\xf0\x9f\x98\x80\"" },
		{ { "\xff", 1 }, "\"\\ufffd\"" },
		{ { "a\xc3", 2 }, "\"a\\ufffd\"" },
		{ { "\xe2\x82x", 3 }, "\"\\ufffd\\ufffdx\"" },
		{ { "\xc0\x80", 2 }, "\"\\ufffd\\ufffd\"" },
		{ { "\xed\xa0\x80", 3 }, "\"\\ufffd\\ufffd\\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(buf) struct buf b;
		AUTO_JSON json_t *back = NULL;
		struct json_out o = { .buf = &b };

		buf_init(&b, 1000);
		json_out_str(&o, NULL, rows[i].in);
		ROW_CHECK(str_is(buf_str(&b), rows[i].out), rows[i].out);
		back = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		ROW_CHECK(back != NULL, rows[i].out); /* whatever goes in, it is JSON */
	}
}

/* Every octet string becomes text that a strict reader takes. */
static void test_json_out_str__any_octets_give_json(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		AUTO(buf) struct buf b;
		AUTO_JSON json_t *back = NULL;
		struct json_out o = { .buf = &b };
		char in[24];

		for (size_t i = 0; i < sizeof(in); i++) {
			seed = seed * 1103515245 + 12345;
			in[i] = (char)(seed >> 16 | (round % 2 ? 0x80 : 0));
		}
		buf_init(&b, 1000);
		json_out_str(&o, NULL, (struct str){ in, sizeof(in) });
		back = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(back);
	}
}

static void test_json_out_take__a_full_buffer_is_an_error(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	struct str out = STR("untouched");

	(void)state;
	arena_init(&a, 1000);
	buf_init(&b, 5);
	json_out_str(&o, NULL, STR("123"));
	assert_int_equal(json_out_take(&o, &a, &out), RC_OK);
	assert_string_equal(out.p, "\"123\"");
	buf_reset(&b);
	out = STR("untouched");
	json_out_str(&o, NULL, STR("1234"));
	assert_int_equal(json_out_take(&o, &a, &out), RC_NOMEM);
	assert_string_equal(out.p, "untouched");
}

/* --- hostile texts --- */

static struct str many_keys(size_t count)
{
	char *p = big;

	p += sprintf(p, "{");
	for (size_t i = 0; i < count && (size_t)(p - big) < sizeof(big) - 40; i++)
		p += sprintf(p, "%s\"k%zu\":0", i ? "," : "", i);
	p += sprintf(p, "}");
	return (struct str){ big, (size_t)(p - big) };
}

/* Ten times, so that the clock's grain does not matter; ms is for one. */
static void check_cost(const char *row, struct str text, size_t max_bytes, double ms)
{
	double start = cpu_ms();

	for (int k = 0; k < 10; k++) {
		AUTO_JSON json_t *value = NULL;

		ROW_CHECK(json_read(text, max_bytes, &value, NULL) == RC_INVALID, row);
	}
	ROW_CHECK(cpu_ms() - start < 10 * ms, row);
}

/* CVE-2025-6203, CVE-2016-4425, hash floods: refused before jansson sees them, or cheap for it. */
static void test_json_read__hostile_texts_cost_little(void **state)
{
	struct str text;

	(void)state;
	check_cost("members", many_keys(60000), sizeof(big), 1);
	check_cost("brackets", nested(big, LIMIT_JSON_BYTES / 2 - 1, "[", "]"), LIMIT_JSON_BYTES, 1);
	text = (struct str){ big, (size_t)(repeat(repeat(big, "\"", 1), "\\", 48000) - big) };
	check_cost("backslashes", text, LIMIT_JSON_BYTES, 5);
	text = (struct str){ big, (size_t)(repeat(big, "9", 65000) - big) };
	check_cost("digits", text, LIMIT_JSON_BYTES, 5);
	check_cost("spaces", (struct str){ big, (size_t)(repeat(big, " ", 65000) - big) },
		   LIMIT_JSON_BYTES, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_read__refuses),
		cmocka_unit_test(test_json_read__nul_octets_are_refused),
		cmocka_unit_test(test_json_read__accepts),
		cmocka_unit_test(test_json_read__depth_16_is_the_limit),
		cmocka_unit_test(test_json_read__2000_tokens_are_the_limit),
		cmocka_unit_test(test_json_read__string_length_has_a_limit),
		cmocka_unit_test(test_json_read__octets_have_a_limit),
		cmocka_unit_test(test_json_write__keeps_order_and_is_compact),
		cmocka_unit_test(test_json_out__places_commas),
		cmocka_unit_test(test_json_out_str__escapes),
		cmocka_unit_test(test_json_out_str__any_octets_give_json),
		cmocka_unit_test(test_json_out_take__a_full_buffer_is_an_error),
		cmocka_unit_test(test_json_read__hostile_texts_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
