/* test_der.c - the strict reader and the writer of DER (ITU-T X.690). */
#include "kit.h"

#include "base/limits.h"
#include "crypto/der.h"

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

static void test_der_check__good_forms(void **state)
{
	static const char *const rows[] = {
		"0500", "3000", "3100", "0101ff", "010100", "020100", "02017f", "020200ff", "0201ff",
		"0400", "030100", "03020780", "06032a0304", "0c00", "a000", "8000",
		"30020500", "3004a0020500", "a303020102", "30060101ff020105", "0603550403",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *why = der_check(kit_hex(&arena, rows[i]));

		if (why)
			fail_msg("%s: %s", rows[i], why);
	}
}

static void test_der_check__bad_forms(void **state)
{
	static const struct {
		const char *hex, *part;
	} rows[] = {
		{ "", "there is nothing" },
		{ "30", "cut short" },
		{ "3081", "cut short" },
		{ "308200", "cut short" },
		{ "3001", "longer than" },
		{ "30810500", "shortest form" },
		{ "30810000", "shortest form" },
		{ "30820005", "shortest form" },
		{ "3080", "indefinite" },
		{ "30800000", "indefinite" },
		{ "308400000000", "shortest form" },
		{ "30850000000000", "four octets" },
		{ "30ff", "four octets" },
		{ "0000", "end-of-contents" },
		{ "1f0100", "above 30" },
		{ "bf1f00", "above 30" },
		{ "300500", "longer than" },
		{ "05000500", "behind the end" },
		{ "3002050000", "behind the end" },
		{ "050100", "NULL with content" },
		{ "010101", "BOOLEAN" },
		{ "0100", "BOOLEAN" },
		{ "01020000", "BOOLEAN" },
		{ "0200", "INTEGER without" },
		{ "02020001", "shortest form" },
		{ "0202ff80", "shortest form" },
		{ "0600", "OBJECT IDENTIFIER" },
		{ "060180", "OBJECT IDENTIFIER" },
		{ "06032a8001", "OBJECT IDENTIFIER" },
		{ "06022a81", "OBJECT IDENTIFIER" },
		{ "0621"
		  "2a01010101010101010101010101010101010101010101010101010101010101"
		  "0101", "more than 32" },
		{ "0300", "unused bits" },
		{ "030108", "unused bits" },
		{ "030101", "unused bits" },
		{ "03020801", "unused bits" },
		{ "03020101", "not zero" },
		{ "2400", "constructed form" },
		{ "2300", "constructed form" },
		{ "2c020c00", "constructed form" },
		{ "1000", "primitive form" },
		{ "1100", "primitive form" },
		{ "300302010200", "behind the end" },
		{ "3003020200", "longer than" },
		{ "30053004020100", "longer than" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *why = der_check(kit_hex(&arena, rows[i].hex));

		if (!why)
			fail_msg("%s is taken for DER", rows[i].hex);
		kit_expect_text(why, rows[i].part);
	}
	assert_non_null(der_check(bytes_of(NULL, 0)));
}

static void test_der_check__depth_and_item_budgets(void **state)
{
	struct der_writer w;
	size_t marks[LIMIT_DER_DEPTH + 2];
	struct bytes out;

	(void)state;
	for (size_t depth = 1; depth <= LIMIT_DER_DEPTH + 2; depth++) {
		assert_int_equal(der_writer_init(&w, &arena, 400), RC_OK);
		for (size_t i = 0; i < depth; i++)
			marks[i] = der_open(&w, DER_SEQUENCE);
		for (size_t i = depth; i > 0; i--)
			der_close(&w, marks[i - 1]);
		assert_int_equal(der_writer_done(&w, &out), RC_OK);
		/* the innermost is empty, so it opens no level */
		assert_int_equal(der_check(out) == NULL, depth <= LIMIT_DER_DEPTH);
	}
	for (size_t n = DER_ITEMS_MAX - 2; n <= DER_ITEMS_MAX + 1; n++) {
		assert_int_equal(der_writer_init(&w, &arena, 2 * n + 10), RC_OK);
		marks[0] = der_open(&w, DER_SEQUENCE);
		for (size_t i = 0; i < n; i++)
			der_add(&w, DER_NULL, bytes_of(NULL, 0));
		der_close(&w, marks[0]);
		assert_int_equal(der_writer_done(&w, &out), RC_OK);
		assert_int_equal(der_check(out) == NULL, n + 1 <= DER_ITEMS_MAX);
	}
}

static void test_der_writer__lengths_of_every_form(void **state)
{
	static const size_t lens[] = { 0, 1, 127, 128, 255, 256, 257, 65535, 65536 };
	struct der_writer w;
	struct der_item item;
	struct bytes out;
	struct der d;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lens); i++) {
		uint8_t *p = arena_alloc(&arena, lens[i] + 1);
		size_t mark;

		assert_non_null(p);
		memset(p, 0x33, lens[i]);
		assert_int_equal(der_writer_init(&w, &arena, lens[i] + 20), RC_OK);
		mark = der_open(&w, DER_SEQUENCE);
		der_add(&w, DER_OCTET_STRING, bytes_of(p, lens[i]));
		der_close(&w, mark);
		assert_int_equal(der_writer_done(&w, &out), RC_OK);
		assert_null(der_check(out));
		assert_true(der_only(out, DER_SEQUENCE, &d));
		assert_true(der_get(&d, DER_OCTET_STRING, &item));
		assert_true(bytes_eq(item.body, bytes_of(p, lens[i])));
		assert_true(der_at_end(&d));
		assert_false(der_next(&d, &item));
	}
}

static void test_der_writer__too_small_a_buffer_is_an_error(void **state)
{
	uint8_t buf[300];
	struct bytes out;

	(void)state;
	for (size_t cap = 0; cap < sizeof(buf); cap++) {
		struct der_writer w = der_writer_over(buf, cap);
		size_t mark = der_open(&w, DER_SEQUENCE);

		der_add(&w, DER_OCTET_STRING, bytes_of(buf, 0));
		der_add_small(&w, 70000);
		der_add_named_bits(&w, 0x60);
		der_add_time(&w, 0);
		der_add_bit_octets(&w, bytes_of("abc", 3));
		der_add_true(&w);
		for (int i = 0; i < 30; i++)
			der_add(&w, DER_OCTET_STRING, bytes_of("1234", 4));
		der_close(&w, mark);
		if (der_writer_done(&w, &out) == RC_OK)
			assert_null(der_check(out));
		else
			assert_true(cap < 230);
	}
}

static void test_der_get_time__rfc5280_4_1_2_5(void **state)
{
	static const struct {
		const char *text; /* U or G, then the time */
		int64_t at;
	} good[] = {
		{ "U700101000000Z", 0 },
		{ "U500101000000Z", -631152000 },
		{ "U491231235959Z", 2524607999 },
		{ "G20500101000000Z", 2524608000 },
		{ "G99991231235959Z", 253402300799 },
		{ "U000229120000Z", 951825600 },
		{ "U380119031408Z", 2147483648 },
	};
	static const char *const bad[] = {
		"U7001010000Z", "U700101000000", "U700101000000+0000", "U701301000000Z", "U700001000000Z",
		"U700132000000Z", "U700100000000Z", "U010229000000Z", "U700101240000Z", "U700101006000Z",
		"U700101000060Z", "U70010100000 Z", "G19700101000000Z", "G20491231235959Z",
		"G20500101000000.5Z", "G205001010000Z", "G20500101000000", "G2050010100000aZ", "U", "G",
		"G21000229000000Z", "X700101000000Z",
	};
	uint8_t der[40];
	int64_t at;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good) + COUNT_OF(bad); i++) {
		const char *text = i < COUNT_OF(good) ? good[i].text : bad[i - COUNT_OF(good)];
		size_t len = strlen(text + 1);
		struct der d = der_over(bytes_of(der, len + 2));

		der[0] = text[0] == 'U' ? DER_UTC_TIME : text[0] == 'G' ? DER_GENERALIZED_TIME : 0x0c;
		der[1] = (uint8_t)len;
		memcpy(der + 2, text + 1, len);
		if (i >= COUNT_OF(good)) {
			if (der_get_time(&d, &at))
				fail_msg("%s is taken for a time", text);
			continue;
		}
		assert_true(der_get_time(&d, &at));
		assert_int_equal(at, good[i].at);
	}
}

/* Every day from 1950 to 2200 and the last of 9999, written and read again. */
static void test_der_add_time__round_trip(void **state)
{
	uint8_t buf[32];
	int64_t at;

	(void)state;
	for (int64_t t = -631152000; t < 7258118400; t += 86399) {
		struct der_writer w = der_writer_over(buf, sizeof(buf));
		struct der d;

		der_add_time(&w, t);
		assert_false(w.failed);
		assert_int_equal(buf[0], t < 2524608000 ? DER_UTC_TIME : DER_GENERALIZED_TIME);
		d = der_over(bytes_of(buf, w.len));
		assert_true(der_get_time(&d, &at));
		assert_int_equal(at, t);
	}
	for (int i = 0; i < 2; i++) {
		struct der_writer w = der_writer_over(buf, sizeof(buf));

		der_add_time(&w, i ? 253402300800 : -631152001);
		assert_true(w.failed);
	}
}

static void test_der_named_bits__minimal_both_ways(void **state)
{
	/* empty, cut short, too long, trailing zero bits, unused bits that are ones, another type */
	static const char *const bad[] = { "0300", "030200", "0304000000ff", "03020080", "03020580",
					   "0303000100", "03020500", "0302047f", "04020780" };
	uint8_t buf[8];

	(void)state;
	for (unsigned bits = 0; bits < 0x10000; bits++) {
		struct der_writer w = der_writer_over(buf, sizeof(buf));
		unsigned back = ~0U;
		struct der d;

		der_add_named_bits(&w, bits);
		assert_null(der_check(bytes_of(buf, w.len)));
		d = der_over(bytes_of(buf, w.len));
		assert_true(der_get_named_bits(&d, &back));
		assert_int_equal(back, bits);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct bytes b = kit_hex(&arena, bad[i]);
		struct der d = der_over(b);
		unsigned back;

		if (der_get_named_bits(&d, &back))
			fail_msg("%s is taken for a named bit list", bad[i]);
	}
}

static void test_der_get_small__numbers(void **state)
{
	static const struct {
		const char *hex;
		int value; /* -1: refused */
	} rows[] = {
		{ "020100", 0 },	{ "02017f", 127 },	    { "02020080", 128 },
		{ "02047fffffff", 0x7fffffff }, { "020500ffffffff", -1 }, { "020180", -1 },
		{ "02020001", -1 },	{ "0200", -1 },		    { "040100", -1 },
		{ "02050100000000", -1 }, { "0202", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes b = kit_hex(&arena, rows[i].hex);
		struct der d = der_over(b);
		int value = -1;

		assert_int_equal(der_get_small(&d, &value), rows[i].value >= 0);
		assert_int_equal(value, rows[i].value);
		assert_ptr_equal(d.p, rows[i].value >= 0 ? b.p + b.len : b.p);
	}
}

static void test_der_oid_text__examples(void **state)
{
	static const struct {
		const char *hex, *text;
	} rows[] = {
		{ "2a8648ce3d030107", "1.2.840.10045.3.1.7" }, { "550403", "2.5.4.3" },
		{ "883703", "2.999.3" },		       { "00", "0.0" },
		{ "ffffffffffffffffffff7f", "" },	       { "", "" },
	};
	char text[DER_OID_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		der_oid_text(kit_hex(&arena, rows[i].hex), text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_der_check__good_forms),
		cmocka_unit_test(test_der_check__bad_forms),
		cmocka_unit_test(test_der_check__depth_and_item_budgets),
		cmocka_unit_test(test_der_writer__lengths_of_every_form),
		cmocka_unit_test(test_der_writer__too_small_a_buffer_is_an_error),
		cmocka_unit_test(test_der_get_time__rfc5280_4_1_2_5),
		cmocka_unit_test(test_der_add_time__round_trip),
		cmocka_unit_test(test_der_named_bits__minimal_both_ways),
		cmocka_unit_test(test_der_get_small__numbers),
		cmocka_unit_test(test_der_oid_text__examples),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
