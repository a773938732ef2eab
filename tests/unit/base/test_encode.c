/* test_encode.c - one text for one octet string, in each encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/encode.h"

/* RFC 4648 §10, and the octets that use the two digits in which the alphabets differ. */
static const struct {
	const char *plain;
	size_t len;
	const char *b64, *b64url, *hex;
} vectors[] = {
	{ "", 0, "", "", "" },
	{ "f", 1, "Zg==", "Zg", "66" },
	{ "fo", 2, "Zm8=", "Zm8", "666f" },
	{ "foo", 3, "Zm9v", "Zm9v", "666f6f" },
	{ "foob", 4, "Zm9vYg==", "Zm9vYg", "666f6f62" },
	{ "fooba", 5, "Zm9vYmE=", "Zm9vYmE", "666f6f6261" },
	{ "foobar", 6, "Zm9vYmFy", "Zm9vYmFy", "666f6f626172" },
	{ "\xfb\xff\xfe", 3, "+//+", "-__-", "fbfffe" },
	{ "\0\0\0\0", 4, "AAAAAA==", "AAAAAA", "00000000" },
};

static void test_encode__rfc4648_10_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct bytes in = bytes_of(vectors[i].plain, vectors[i].len);
		char text[32];
		uint8_t out[32];
		size_t len = 99;

		assert_int_equal(b64url_encode(in, text), strlen(vectors[i].b64url));
		assert_string_equal(text, vectors[i].b64url);
		assert_int_equal(strlen(text), B64URL_LEN(in.len));
		assert_true(b64url_decode(str_of(text), out, &len));
		assert_true(bytes_eq(bytes_of(out, len), in));

		assert_int_equal(b64_encode(in, text), strlen(vectors[i].b64));
		assert_string_equal(text, vectors[i].b64);
		assert_int_equal(strlen(text), B64_LEN(in.len));
		assert_true(b64_decode_ws(str_of(text), out, &len));
		assert_true(bytes_eq(bytes_of(out, len), in));

		hex_encode(in, text);
		assert_string_equal(text, vectors[i].hex);
		assert_true(hex_decode(str_of(text), out, &len));
		assert_true(bytes_eq(bytes_of(out, len), in));
	}
}

static void test_b64url_decode__rfc7515_2_only_the_canonical_text(void **state)
{
	static const struct str rows[] = {
		STR("A"), STR("AAAAA"),                     /* six bits are no octet */
		STR("Zg=="), STR("Zg="), STR("="), STR("===="), /* padding */
		STR("Zh"), STR("Zm9"), STR("AB"), STR("AAB"),  /* bits beyond the last octet */
		STR("Zm9vYh"), STR("Zm9vYmF"),
		STR("+//+"), STR("Zm9v/"),                   /* the other alphabet */
		STR(" Zg"), STR("Zg "), STR("Z g"), STR("Zg\n"), STR("Zm9v\r\n"), STR("Zm9v\n"),
		STR("Zm\0v"), STR("Z\0"), STR("\0\0\0\0"),
		STR("Zm9\x80"), STR("\xff\xff\xff\xff"), STR("Zm9v."), STR("Zm9v~A"), STR("@@@@"),
		STR("[[[["), STR("````"), STR("{{{{"), STR("::::"), STR(",,,,"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t out[32];
		size_t len = 99;

		if (b64url_decode(rows[i], out, &len))
			fail_msg("accepted: %.*s", STR_ARG(rows[i]));
		assert_int_equal(len, 99);
	}
}

static void test_b64url_decode__a_slice_ends_at_its_length(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 16; len++) {
		uint8_t out[16];
		size_t out_len = 99;

		/* More digits follow in memory, and must not complete the last octet. */
		assert_int_equal(b64url_decode((struct str){ "AAAAAAAAAAAAAAAAAAAA", len }, out,
					       &out_len), len % 4 != 1);
		assert_int_equal(out_len, len % 4 != 1 ? len * 3 / 4 : 99);
	}
}

static void test_b64url_decode__each_octet_in_each_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool digit = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z') || c == '-' || c == '_';

		for (size_t place = 0; place < 8; place++) {
			char text[] = "AAAAAAAA";
			uint8_t out[7];
			size_t len;

			text[place] = (char)c;
			assert_int_equal(b64url_decode((struct str){ text, 8 }, out, &len), digit);
			/* Last of two and of three: only digits without surplus bits. */
			if (place == 1)
				assert_int_equal(b64url_decode((struct str){ text, 2 }, out, &len),
						 digit && strchr("AQgw", (int)c) != NULL && c);
			if (place == 2)
				assert_int_equal(b64url_decode((struct str){ text, 3 }, out, &len),
						 digit && c &&
						 strchr("AEIMQUYcgkosw048", (int)c) != NULL);
		}
	}
}

static void test_b64url__every_length_round_trip(void **state)
{
	(void)state;
	srandom(1);
	for (size_t len = 0; len < 200; len++) {
		uint8_t *in = malloc(len + 1), *out;
		char *text = malloc(B64URL_LEN(len) + 1);
		size_t text_len, out_len;

		assert_non_null(in);
		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)random();
		text_len = b64url_encode(bytes_of(in, len), text);
		assert_int_equal(text_len, B64URL_LEN(len));
		out = malloc(text_len * 3 / 4 + 1); /* as the header promises; ASan watches */
		assert_non_null(out);
		assert_true(b64url_decode((struct str){ text, text_len }, out, &out_len));
		assert_true(bytes_eq(bytes_of(in, len), bytes_of(out, out_len)));
		free(in);
		free(out);
		free(text);
	}
}

static void test_b64url_decode_arena__reports_malformed_and_full(void **state)
{
	AUTO(arena) struct arena a;
	struct bytes out = { NULL, 0 };

	(void)state;
	arena_init(&a, 64);
	assert_int_equal(b64url_decode_arena(&a, STR("Zm9v"), &out), RC_OK);
	assert_true(bytes_eq(out, bytes_of("foo", 3)));
	assert_int_equal(b64url_decode_arena(&a, STR(""), &out), RC_OK);
	assert_non_null(out.p); /* empty, not absent */
	assert_int_equal(out.len, 0);
	assert_int_equal(b64url_decode_arena(&a, STR("Zm9v="), &out), RC_INVALID);
	assert_int_equal(out.len, 0);
	assert_int_equal(b64url_decode_arena(&a, (struct str){ "A", 200 }, &out), RC_NOMEM);
}

static void test_b64_decode_ws__padding_is_exact(void **state)
{
	static const struct {
		const char *text;
		const char *plain; /* NULL: refused */
	} rows[] = {
		{ "Zm9v", "foo" },
		{ " Z m\t9\r\nv \n", "foo" },
		{ "Zg\n==\n", "f" },
		{ "Zg=\n=", "f" },
		{ "", "" },
		{ "\n\n", "" },
		{ "Zg", NULL },
		{ "Zg=", NULL },
		{ "Zg===", NULL },
		{ "Zm8==", NULL },
		{ "Zm8", NULL },
		{ "Zm9v=", NULL },
		{ "Zm9v====", NULL },
		{ "=", NULL },
		{ "A===", NULL },
		{ "Zh==", NULL }, /* surplus bits */
		{ "Zm9=", NULL },
		{ "Zg==Zg==", NULL }, /* two texts */
		{ "Zg=a", NULL },
		{ "-__-", NULL },
		{ "Zm9v-", NULL },
		{ "Zm\v9v", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t out[32];
		size_t len;
		bool ok = b64_decode_ws(str_of(rows[i].text), out, &len);

		if (ok != (rows[i].plain != NULL))
			fail_msg("wrong answer for %s", rows[i].text);
		if (ok)
			assert_true(bytes_eq(bytes_of(out, len), str_bytes(str_of(rows[i].plain))));
	}
	assert_false(b64_decode_ws(STR("Zm9v\0"), (uint8_t[8]){ 0 }, &(size_t){ 0 }));
}

static void test_hex_decode__digits_in_pairs(void **state)
{
	static const char *const bad[] = { "0", "abc", "0g", "g0", " 00", "0x00", "00 ", "::", "@@",
					   "GG", "``" };
	uint8_t out[8];
	size_t len = 99;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(hex_decode(str_of(bad[i]), out, &len));
	assert_int_equal(len, 99);
	assert_true(hex_decode(STR("DeadBEEF09"), out, &len));
	assert_true(bytes_eq(bytes_of(out, len), bytes_of("\xde\xad\xbe\xef\x09", 5)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode__rfc4648_10_vectors),
		cmocka_unit_test(test_b64url_decode__rfc7515_2_only_the_canonical_text),
		cmocka_unit_test(test_b64url_decode__a_slice_ends_at_its_length),
		cmocka_unit_test(test_b64url_decode__each_octet_in_each_place),
		cmocka_unit_test(test_b64url__every_length_round_trip),
		cmocka_unit_test(test_b64url_decode_arena__reports_malformed_and_full),
		cmocka_unit_test(test_b64_decode_ws__padding_is_exact),
		cmocka_unit_test(test_hex_decode__digits_in_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
