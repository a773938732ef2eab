/* test_jwk.c - account keys as JWK and their thumbprints (RFC 7517, RFC 7518 §6, RFC 7638, RFC 8037). */
#include "acme_test.h"

#include "acme/jwk.h"
#include "vectors.h"

static void check_thumbprint(const char *row, const char *jwk, const char *expected)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO_PTR(pubkey) struct pubkey *key = NULL, *back = NULL;
	char thumbprint[JWK_THUMBPRINT_LEN + 1];
	struct str json;

	arena_init(&a, 1 << 16);
	check_accepted(row, jwk_parse(str_of(jwk), &key, &f), &f);
	jwk_thumbprint(key, thumbprint);
	ROW_CHECK(strcmp(thumbprint, expected) == 0, row);
	check_accepted(row, jwk_to_json(&a, key, &json), &f);
	check_accepted(row, jwk_parse(json, &back, &f), &f);
	ROW_CHECK(pubkey_eq(key, back), row);
}

static void test_rfc7638_3_1__thumbprint(void **state)
{
	AUTO(arena) struct arena a;
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	struct str json;

	(void)state;
	check_thumbprint("RFC 7638", RFC7638_JWK, RFC7638_THUMBPRINT);
	arena_init(&a, 1 << 16);
	assert_int_equal(jwk_parse(str_of(RFC7638_JWK), &key, NULL), RC_OK);
	assert_int_equal(jwk_to_json(&a, key, &json), RC_OK);
	assert_non_null(strstr(json.p, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7ago"));
}

static void test_jwk_thumbprint__vectors_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rfc_vectors); i++)
		check_thumbprint(rfc_vectors[i].name, rfc_vectors[i].jwk, rfc_vectors[i].thumbprint);
	for (size_t i = 0; i < COUNT_OF(request_vectors); i++)
		check_thumbprint(request_vectors[i].alg, request_vectors[i].jwk,
				 request_vectors[i].thumbprint);
}

/* RFC 7638 §3.2: member order, white space and other members do not matter. */
static void test_jwk_parse__unknown_members_and_order(void **state)
{
	AUTO_PTR(pubkey) struct pubkey *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(jwk_parse(STR("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
				       "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"), &a, NULL),
			 RC_OK);
	assert_int_equal(jwk_parse(STR(" { \"use\":\"sig\", \"x\":"
				       "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\n"
				       "\"alg\":\"EdDSA\", \"kid\":1, \"crv\":\"Ed25519\", \"kty\":\"OKP\" } "),
				   &b, NULL), RC_OK);
	assert_true(pubkey_eq(a, b));
}

#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RSA_N "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define EC(rest) "{\"kty\":\"EC\",\"crv\":\"P-256\"," rest "}"

static const struct {
	const char *row, *jwk;
	enum problem problem;
	const char *words;
} bad[] = {
	{ "not an object", "[]", PROBLEM_BAD_PUBLIC_KEY, "object" },
	{ "text", "\"EC\"", PROBLEM_BAD_PUBLIC_KEY, "object" },
	{ "not JSON", "{", PROBLEM_MALFORMED, NULL },
	{ "kty twice", "{\"kty\":\"EC\",\"kty\":\"RSA\"}", PROBLEM_MALFORMED, "twice" },
	{ "empty", "{}", PROBLEM_BAD_PUBLIC_KEY, "\"kty\"" },
	{ "kty number", "{\"kty\":1}", PROBLEM_BAD_PUBLIC_KEY, "string" },
	{ "kty oct", "{\"kty\":\"oct\"}", PROBLEM_BAD_SIGNATURE_ALGORITHM, "oct" },
	{ "kty AKP", "{\"kty\":\"AKP\",\"pub\":\"AA\"}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "kty case", "{\"kty\":\"ec\"}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "crv missing", "{\"kty\":\"EC\"}", PROBLEM_BAD_PUBLIC_KEY, "\"crv\"" },
	{ "crv number", "{\"kty\":\"EC\",\"crv\":256}", PROBLEM_BAD_PUBLIC_KEY, "string" },
	{ "secp256k1", "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}",
	  PROBLEM_BAD_SIGNATURE_ALGORITHM, "secp256k1" },
	{ "P-192", "{\"kty\":\"EC\",\"crv\":\"P-192\",\"x\":\"AA\",\"y\":\"AA\"}",
	  PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "Ed448", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\"}", PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "X25519", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}",
	  PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "Ed25519 as EC", "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"}",
	  PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "P-256 as OKP", "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}",
	  PROBLEM_BAD_SIGNATURE_ALGORITHM, NULL },
	{ "x missing", EC("\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "\"x\"" },
	{ "y missing", EC("\"x\":\"" P256_X "\""), PROBLEM_BAD_PUBLIC_KEY, "\"y\"" },
	{ "x number", EC("\"x\":1,\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "string" },
	{ "x null", EC("\"x\":null,\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "string" },
	{ "x empty", EC("\"x\":\"\",\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "base64url" },
	{ "x padded", EC("\"x\":\"" P256_X "=\",\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "base64url" },
	{ "x with space", EC("\"x\":\" " P256_X "\",\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "base64url" },
	{ "x short", EC("\"x\":\"AA\",\"y\":\"" P256_Y "\""), PROBLEM_BAD_PUBLIC_KEY, "exactly 32" },
	{ "x of 33", EC("\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"" P256_Y "\""),
	  PROBLEM_BAD_PUBLIC_KEY, "exactly 32" },
	{ "not on the curve", EC("\"x\":\"" P256_X "\",\"y\":\"" P256_X "\""), PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "infinity", EC("\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
			 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""),
	  PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "P-256 point as P-384", "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\"}",
	  PROBLEM_BAD_PUBLIC_KEY, "exactly 48" },
	{ "Ed25519 short", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", PROBLEM_BAD_PUBLIC_KEY,
	  "exactly 32" },
	{ "n missing", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", PROBLEM_BAD_PUBLIC_KEY, "\"n\"" },
	{ "e missing", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", PROBLEM_BAD_PUBLIC_KEY, "\"e\"" },
	{ "e number", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":65537}", PROBLEM_BAD_PUBLIC_KEY, "string" },
	{ "e zero led", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AAEAAQ\"}", PROBLEM_BAD_PUBLIC_KEY,
	  "leading zero" },
	{ "n zero led", "{\"kty\":\"RSA\",\"n\":\"AKH4\",\"e\":\"AQAB\"}", PROBLEM_BAD_PUBLIC_KEY,
	  "leading zero" },
	{ "e even", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "e one", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}", PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "n small", "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNg\",\"e\":\"AQAB\"}", PROBLEM_BAD_PUBLIC_KEY, NULL },
	{ "d of EC", EC("\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\",\"d\":\"AA\""), PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "d null", EC("\"x\":\"" P256_X "\",\"y\":\"" P256_Y "\",\"d\":null"), PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "d of OKP", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\",\"d\":\"AA\"}",
	  PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "p of RSA", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"p\":\"AA\"}", PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "qi of RSA", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"qi\":\"AA\"}", PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "oth of RSA", "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"oth\":[]}", PROBLEM_BAD_PUBLIC_KEY, "private" },
	{ "k", "{\"kty\":\"oct\",\"k\":\"AA\"}", PROBLEM_BAD_PUBLIC_KEY, "private" },
};

static void test_jwk_parse__refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO(fault) struct fault f = { 0 };
		struct pubkey *key = NULL;

		check_refused(bad[i].row, jwk_parse(str_of(bad[i].jwk), &key, &f), &f, bad[i].problem,
			      bad[i].words);
		ROW_CHECK(f.rc == RC_INVALID && !key, bad[i].row);
	}
}

/* LIMIT_RSA_BITS_MAX is checked before any arithmetic (CVE-2023-6237). */
static void test_jwk_parse__rsa_size_has_a_limit(void **state)
{
	AUTO(fault) struct fault f = { 0 };
	static char json[20000];
	struct pubkey *key = NULL;
	size_t chars[] = { B64URL_LEN(LIMIT_RSA_BITS_MAX / 8) + 1, 7000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(chars); i++) {
		double start = cpu_ms();

		memset(json, 0, sizeof(json));
		strcpy(json, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
		memset(json + strlen(json), 'B', chars[i]);
		strcat(json, "\"}");
		check_refused("long", jwk_parse(str_of(json), &key, &f), &f, PROBLEM_BAD_PUBLIC_KEY,
			      "longer");
		assert_true(cpu_ms() - start < 5);
	}
}

/* RFC 8555 §8.1, and V24: it is always the account key's thumbprint, so a token is worth nothing to
 * another account. */
static void test_rfc8555_8_1__key_authorization(void **state)
{
	AUTO(arena) struct arena a;
	AUTO_PTR(pubkey) struct pubkey *one = NULL, *other = NULL;
	struct str x, y;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(jwk_parse(str_of(RFC7638_JWK), &one, NULL), RC_OK);
	assert_int_equal(jwk_parse(str_of(request_vectors[0].jwk), &other, NULL), RC_OK);
	assert_int_equal(key_authorization(&a, STR("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"), one,
					   &x), RC_OK);
	assert_string_equal(x.p, "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA." RFC7638_THUMBPRINT);
	assert_int_equal(x.len, strlen(x.p));
	assert_int_equal(key_authorization(&a, STR("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"),
					   other, &y), RC_OK);
	assert_false(str_eq(x, y));
}

static void test_jwk_to_json__generated_keys(void **state)
{
	static const struct {
		enum key_type type;
		unsigned bits;
	} rows[] = { { KEY_P256, 0 }, { KEY_P384, 0 }, { KEY_P521, 0 }, { KEY_ED25519, 0 },
		     { KEY_RSA, 2048 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		AUTO_PTR(privkey) struct privkey *key = NULL;
		AUTO_PTR(pubkey) struct pubkey *back = NULL;
		struct str json;

		arena_init(&a, 1 << 16);
		assert_int_equal(privkey_generate(rows[i].type, rows[i].bits, &key), RC_OK);
		assert_int_equal(jwk_to_json(&a, privkey_pubkey(key), &json), RC_OK);
		assert_int_equal(jwk_parse(json, &back, NULL), RC_OK);
		assert_true(pubkey_eq(back, privkey_pubkey(key)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7638_3_1__thumbprint),
		cmocka_unit_test(test_jwk_thumbprint__vectors_of_others),
		cmocka_unit_test(test_jwk_parse__unknown_members_and_order),
		cmocka_unit_test(test_jwk_parse__refuses),
		cmocka_unit_test(test_jwk_parse__rsa_size_has_a_limit),
		cmocka_unit_test(test_rfc8555_8_1__key_authorization),
		cmocka_unit_test(test_jwk_to_json__generated_keys),
	};

	return cmocka_run_group_tests(tests, start_crypto, NULL);
}
