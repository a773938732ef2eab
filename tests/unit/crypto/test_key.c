/* test_key.c - public keys: what is accepted, what is refused before libcrypto sees it. */
#include "kit.h"

#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ALG_P256 "301306072a8648ce3d020106082a8648ce3d030107"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void expect_refused(struct bytes spki, const char *part)
{
	struct pubkey *k = NULL;
	struct fault f = { 0 };

	assert_int_equal(pubkey_from_spki(spki, &k, &f), RC_INVALID);
	assert_null(k);
	assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
	kit_expect_rule(&f);
	kit_expect_text(f.detail, part);
	fault_done(&f);
}

static void test_pubkey_from_spki__every_kind_round_trips(void **state)
{
	static const struct {
		enum key_type type;
		unsigned bits;
		const char *name;
		enum sig_alg x509;
	} rows[] = {
		{ KEY_RSA, 2048, "rsa2048", SIG_RS256 }, { KEY_RSA, 3072, "rsa3072", SIG_RS256 },
		{ KEY_P256, 256, "p256", SIG_ES256 },	 { KEY_P384, 384, "p384", SIG_ES384 },
		{ KEY_P521, 521, "p521", SIG_ES512 },	 { KEY_ED25519, 256, "ed25519", SIG_EDDSA },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pubkey *k = privkey_pubkey(kit_key(rows[i].type, rows[i].bits)), *again, *third;
		struct bytes a, b;
		struct fault f = { 0 };

		assert_int_equal(pubkey_type(k), rows[i].type);
		assert_int_equal(pubkey_bits(k), rows[i].bits);
		assert_string_equal(key_type_name(pubkey_type(k), pubkey_bits(k)), rows[i].name);
		assert_int_equal(key_x509_sig_alg(rows[i].type), rows[i].x509);
		assert_int_equal(pubkey_from_spki(pubkey_spki(k), &again, &f), RC_OK);
		assert_true(pubkey_eq(k, again));
		assert_int_equal(pubkey_check_strength(k, &f), RC_OK);
		pubkey_jwk_parts(k, &a, &b);
		if (rows[i].type == KEY_RSA)
			assert_int_equal(pubkey_from_rsa(a, b, &third, &f), RC_OK);
		else if (rows[i].type == KEY_ED25519)
			assert_int_equal(pubkey_from_ed25519(a, &third, &f), RC_OK);
		else
			assert_int_equal(pubkey_from_ec(rows[i].type, a, b, &third, &f), RC_OK);
		assert_true(bytes_eq(pubkey_spki(k), pubkey_spki(third)));
		pubkey_free(again);
		pubkey_free(third);
	}
}

static void test_pubkey_ref__counts(void **state)
{
	struct pubkey *k;

	(void)state;
	assert_int_equal(pubkey_from_ec(KEY_P256, kit_b64url(&arena, P256_X), kit_b64url(&arena, P256_Y),
					&k, NULL), RC_OK);
	assert_ptr_equal(pubkey_ref(k), k);
	pubkey_free(k);
	assert_int_equal(pubkey_type(k), KEY_P256);
	pubkey_free(k);
	pubkey_free(NULL);
	assert_null(pubkey_ref(NULL));
}

static void test_pubkey_eq__other_keys_differ(void **state)
{
	(void)state;
	assert_false(pubkey_eq(privkey_pubkey(kit_key(KEY_P256, 256)),
			       privkey_pubkey(kit_key(KEY_P384, 384))));
}

/* RFC 7518 §6.2.1.2: "the length of this octet string MUST be the full size of a coordinate" */
static void test_rfc7518_6_2_1_2__coordinates_have_the_curves_length(void **state)
{
	struct bytes x = kit_b64url(&arena, P256_X), y = kit_b64url(&arena, P256_Y);
	uint8_t longer[33] = { 0 };
	struct pubkey *k = NULL;
	struct fault f = { 0 };

	(void)state;
	memcpy(longer + 1, x.p, 32);
	assert_int_equal(pubkey_from_ec(KEY_P256, bytes_of(longer, 33), y, &k, &f), RC_INVALID);
	kit_expect_text(f.detail, "RFC 7518 §6.2.1.2");
	assert_int_equal(pubkey_from_ec(KEY_P256, x, bytes_of(y.p, 31), &k, &f), RC_INVALID);
	assert_int_equal(pubkey_from_ec(KEY_P256, x, bytes_of(NULL, 0), &k, &f), RC_INVALID);
	assert_int_equal(pubkey_from_ec(KEY_P384, x, y, &k, &f), RC_INVALID);
	assert_int_equal(pubkey_from_ec(KEY_RSA, x, y, &k, &f), RC_INVALID);
	assert_int_equal(pubkey_from_ec(KEY_NONE, x, y, &k, &f), RC_INVALID);
	assert_null(k);
}

static void test_pubkey_from_ec__point_off_the_curve(void **state)
{
	struct bytes x = kit_b64url(&arena, P256_X), y = kit_b64url(&arena, P256_Y);
	static const uint8_t zero[32], ones[32] = { [0 ... 31] = 0xff };
	uint8_t off[32];
	struct pubkey *k = NULL;
	struct fault f = { 0 };

	(void)state;
	memcpy(off, y.p, 32);
	off[31] ^= 1;
	assert_int_equal(pubkey_from_ec(KEY_P256, x, bytes_of(off, 32), &k, &f), RC_INVALID);
	assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
	kit_expect_text(f.detail, "not on its curve");
	/* the point (0, 0) and coordinates beyond the field */
	assert_int_equal(pubkey_from_ec(KEY_P256, bytes_of(zero, 32), bytes_of(zero, 32), &k, &f),
			 RC_INVALID);
	assert_int_equal(pubkey_from_ec(KEY_P256, bytes_of(ones, 32), bytes_of(ones, 32), &k, &f),
			 RC_INVALID);
	assert_null(k);
}

static void test_pubkey_from_rsa__size_and_exponent_gates(void **state)
{
	uint8_t n[1025], e[9] = { 1, 0, 1 };
	struct pubkey *k = NULL;
	struct fault f = { 0 };
	const struct {
		size_t n_len, e_len;
		uint8_t first, last, e0, e_last;
		const char *part;
	} rows[] = {
		{ 128, 3, 0xc0, 1, 1, 1, "1024 bits" },
		{ 256, 3, 0x7f, 1, 1, 1, "2047 bits" },
		{ 1025, 3, 0xff, 1, 1, 1, "more than 8192 bits" },
		{ 256, 3, 0x00, 1, 1, 1, "leading zero" },
		{ 256, 3, 0xff, 2, 1, 1, "modulus is even" },
		{ 256, 9, 0xff, 1, 1, 1, "2^64" },
		{ 256, 3, 0xff, 1, 1, 0, "odd" },
		{ 256, 1, 0xff, 1, 1, 1, "at least 3" },
		{ 256, 3, 0xff, 1, 0, 1, "leading zero" },
		{ 256, 0, 0xff, 1, 0, 0, "positive" },
		{ 0, 3, 0xff, 1, 1, 1, "positive" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		memset(n, 0x5a, sizeof(n));
		n[0] = rows[i].first;
		if (rows[i].n_len)
			n[rows[i].n_len - 1] = rows[i].last;
		e[0] = rows[i].e0;
		if (rows[i].e_len)
			e[rows[i].e_len - 1] = rows[i].e_last;
		assert_int_equal(pubkey_from_rsa(bytes_of(n, rows[i].n_len), bytes_of(e, rows[i].e_len),
						 &k, &f), RC_INVALID);
		assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
		kit_expect_rule(&f);
		kit_expect_text(f.detail, rows[i].part);
		assert_null(k);
	}
}

static void test_pubkey_from_ed25519__has_32_octets(void **state)
{
	static const uint8_t x[33];
	struct pubkey *k = NULL;
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(pubkey_from_ed25519(bytes_of(x, 31), &k, &f), RC_INVALID);
	kit_expect_text(f.detail, "RFC 8037 §2");
	assert_int_equal(pubkey_from_ed25519(bytes_of(x, 33), &k, &f), RC_INVALID);
	assert_int_equal(pubkey_from_ed25519(bytes_of(NULL, 0), &k, &f), RC_INVALID);
	assert_null(k);
}

/* Hex; a leading "+" stands for the SEQUENCE around it all. */
static struct bytes wrapped(const char *hex)
{
	if (hex[0] != '+')
		return kit_hex(&arena, hex);
	return kit_hex(&arena, arena_printf(&arena, "30%02zx%s", (strlen(hex) - 1) / 2, hex + 1));
}

/* SubjectPublicKeyInfo, mostly by hand. The point is the one of RFC 7515 A.3. */
static void test_pubkey_from_spki__forms_that_are_refused(void **state)
{
#define X "7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445"
#define Y "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
	static const struct {
		const char *hex, *part;
	} rows[] = {
		{ "", "malformed" },
		{ "00", "malformed" },
		{ "3000", "malformed" },
		{ "30023000", "malformed" },
		/* compressed, hybrid, short, long, empty, with unused bits */
		{ "3039" ALG_P256 "032200" "03" X, "compressed" },
		{ "3039" ALG_P256 "032200" "02" X, "compressed" },
		{ "3059" ALG_P256 "034200" "06" X Y, "RFC 5480 §2.2" },
		{ "3058" ALG_P256 "034100" "04" X "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a"
		  "4623288588e5", "RFC 5480 §2.2" },
		{ "305a" ALG_P256 "034300" "04" X Y "00", "RFC 5480 §2.2" },
		{ "3018" ALG_P256 "030100", "RFC 5480 §2.2" },
		{ "3019" ALG_P256 "03020000", "RFC 5480 §2.2" },
		{ "3059" ALG_P256 "034201" "04" X Y, "malformed" },
		/* something behind the key, inside and outside */
		{ "305b" ALG_P256 "034200" "04" X Y "0500", "malformed" },
		{ "3059" ALG_P256 "034200" "04" X Y "00", "malformed" },
		/* lengths: not minimal, indefinite, too long */
		{ "308159" ALG_P256 "034200" "04" X Y, "malformed" },
		{ "3080" ALG_P256 "034200" "04" X Y "0000", "malformed" },
		{ "305a" ALG_P256 "03814200" "04" X Y, "malformed" },
		{ "3060" ALG_P256 "034200" "04" X Y, "malformed" },
		/* OCTET STRING for BIT STRING */
		{ "3059" ALG_P256 "044200" "04" X Y, "malformed" },
		/* curves by name: secp256k1, P-224, brainpoolP256r1, prime192v1, sect163k1 */
		{ "+" "301006072a8648ce3d020106052b8104000a" "030200" "04", "curve 1.3.132.0.10" },
		{ "+" "301006072a8648ce3d020106052b81040021" "030200" "04", "curve 1.3.132.0.33" },
		{ "+" "301406072a8648ce3d020106092b2403030208010107" "030200" "04",
		  "curve 1.3.36.3.3.2.8.1.1.7" },
		{ "+" "301306072a8648ce3d020106082a8648ce3d030101" "030200" "04",
		  "curve 1.2.840.10045.3.1.1" },
		{ "+" "301006072a8648ce3d020106052b81040001" "030200" "04", "curve 1.3.132.0.1" },
		/* implied and explicit parameters (CVE-2020-0601, CVE-2022-0778) */
		{ "+" "300b06072a8648ce3d02010500" "030200" "04", "RFC 5480 §2.1.1" },
		{ "+" "300e06072a8648ce3d02013003020101" "030200" "04", "RFC 5480 §2.1.1" },
		{ "+" "300906072a8648ce3d0201" "030200" "04", "RFC 5480 §2.1.1" },
		/* something behind the curve */
		{ "+" "301506072a8648ce3d020106082a8648ce3d0301070500" "030200" "04", "RFC 5480" },
		/* an OID of 40 octets, an OID with a padded arc (CVE-2023-2650) */
		{ "+" "302a06282a8648ce3d02018181818181818181818181818181818181818181818181818181818181"
		  "8181818101" "030100", "RFC 5280 §4.1.1.2" },
		{ "+" "300a06082a8648ce3d028001" "030200" "04", "RFC 5280 §4.1.1.2" },
		/* RSA with absent parameters, with an OID as parameters; PSS, DSA, X25519, Ed448 */
		{ "+" "300b06092a864886f70d010101" "030200" "30", "RFC 3279 §2.3.1" },
		{ "+" "300d06092a864886f70d01010a0500" "030200" "30", "1.2.840.113549.1.1.10" },
		{ "+" "300906072a8648ce380401" "030200" "30", "1.2.840.10040.4.1" },
		{ "+" "300506032b656e" "030200" "30", "1.3.101.110" },
		{ "+" "300506032b6571" "030200" "30", "1.3.101.113" },
		/* Ed25519 with NULL parameters, with 31 octets */
		{ "+" "300706032b65700500" "030200" "30", "RFC 8410 §3" },
		{ "+" "300506032b6570" "030200" "30", "RFC 8410 §4" },
		/* no algorithm at all */
		{ "+" "30040c022b65" "030200" "30", "RFC 5280 §4.1.1.2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		expect_refused(wrapped(rows[i].hex), rows[i].part);
}

static struct bytes rsa_spki(const char *n_header, size_t n_len, const char *e, size_t e_len)
{
	/* SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { n, e } } }, all lengths in
	 * two octets */
	uint8_t *p = arena_alloc(&arena, n_len + e_len + 64);
	size_t inner = n_len + 4 + e_len, at = 0;
	static const uint8_t alg[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				       0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };

	assert_non_null(p);
#define HEAD(tag, len) (p[at++] = (tag), p[at++] = 0x82, p[at++] = (uint8_t)((len) >> 8), \
			p[at++] = (uint8_t)(len))
	HEAD(0x30, sizeof(alg) + 4 + 1 + 4 + inner);
	memcpy(p + at, alg, sizeof(alg));
	at += sizeof(alg);
	HEAD(0x03, 1 + 4 + inner);
	p[at++] = 0;
	HEAD(0x30, inner);
	HEAD(0x02, n_len);
	memset(p + at, 0xff, n_len);
	memcpy(p + at, n_header, strlen(n_header));
	at += n_len;
	memcpy(p + at, e, e_len);
#undef HEAD
	return bytes_of(p, at + e_len);
}

static void test_pubkey_from_spki__rsa_numbers(void **state)
{
	struct bytes spki = rsa_spki("", 257, "\x02\x03\x01\x00\x01", 5);
	struct pubkey *k = NULL;

	(void)state;
	/* n negative; then with the sign octet it is fine; then with one more zero */
	expect_refused(spki, "RFC 8017 §A.1.1");
	((uint8_t *)spki.p)[spki.len - 257 - 5] = 0;
	assert_int_equal(pubkey_from_spki(spki, &k, NULL), RC_OK);
	assert_int_equal(pubkey_bits(k), 2048);
	pubkey_free(k);
	((uint8_t *)spki.p)[spki.len - 257 - 5 + 1] = 0x7f;
	expect_refused(spki, "RFC 8017 §A.1.1"); /* 00 7f is not minimal */
	expect_refused(rsa_spki("\x7f", 8000, "\x02\x03\x01\x00\x01", 5), "more than 8192");
	spki = rsa_spki("\x7f", 300, "\x02\x0a\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
	expect_refused(spki, "2^64");
	expect_refused(rsa_spki("\x7f", 300, "\x02\x01\xff", 3), "RFC 8017 §A.1.1");
	expect_refused(rsa_spki("\x7f", 300, "\x02\x01\x00", 3), "RFC 8017 §3.1");
	expect_refused(rsa_spki("\x7f", 300, "\x02\x04\x00\x01\x00\x01", 6), "RFC 8017 §A.1.1");
	expect_refused(rsa_spki("\x7f", 300, "\x02\x03\x01\x00\x01\x02\x01\x00", 8), "RFC 8017 §A.1.1");
	expect_refused(rsa_spki("\x7f", 300, "", 0), "RFC 8017 §A.1.1");
	expect_refused(rsa_spki("\x7f", 300, "\x05\x00", 2), "RFC 8017 §A.1.1");
}

/* Any one octet of a good key changed: refused, or a key that writes itself back the same way. */
static void test_pubkey_from_spki__every_octet_flipped(void **state)
{
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_ED25519 };
	uint8_t copy[256];

	(void)state;
	for (size_t t = 0; t < COUNT_OF(types); t++) {
		struct bytes spki = pubkey_spki(privkey_pubkey(
			kit_key(types[t], types[t] == KEY_P384 ? 384 : 256)));

		for (size_t i = 0; i < spki.len; i++) {
			for (int bit = 0; bit < 8; bit++) {
				struct pubkey *k = NULL;

				memcpy(copy, spki.p, spki.len);
				copy[i] ^= (uint8_t)(1 << bit);
				if (pubkey_from_spki(bytes_of(copy, spki.len), &k, NULL) == RC_OK)
					assert_true(bytes_eq(pubkey_spki(k), bytes_of(copy, spki.len)));
				pubkey_free(k);
			}
			assert_int_not_equal(pubkey_from_spki(bytes_of(spki.p, i), &(struct pubkey *){ 0 },
							      NULL), RC_OK);
		}
	}
}

/* RFC 7638 §3.1: the parts are what the thumbprint is made of. */
static void test_rfc7638_3_1__jwk_parts_of_the_example(void **state)
{
	static const char n[] =
		"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
		"BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
		"FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI"
		"4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
	struct bytes modulus = kit_b64url(&arena, n), a, b;
	struct pubkey *k;
	uint8_t digest[32];
	char json[512], thumbprint[64];

	(void)state;
	assert_int_equal(pubkey_from_rsa(modulus, kit_b64url(&arena, "AQAB"), &k, NULL), RC_OK);
	pubkey_jwk_parts(k, &a, &b);
	assert_true(bytes_eq(a, modulus));
	assert_int_equal(b.len, 3);
	snprintf(json, sizeof(json), "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%s\"}", n);
	sha256(str_bytes(str_of(json)), digest);
	b64url_encode(bytes_of(digest, 32), thumbprint);
	assert_string_equal(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	pubkey_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pubkey_from_spki__every_kind_round_trips),
		cmocka_unit_test(test_pubkey_ref__counts),
		cmocka_unit_test(test_pubkey_eq__other_keys_differ),
		cmocka_unit_test(test_rfc7518_6_2_1_2__coordinates_have_the_curves_length),
		cmocka_unit_test(test_pubkey_from_ec__point_off_the_curve),
		cmocka_unit_test(test_pubkey_from_rsa__size_and_exponent_gates),
		cmocka_unit_test(test_pubkey_from_ed25519__has_32_octets),
		cmocka_unit_test(test_pubkey_from_spki__forms_that_are_refused),
		cmocka_unit_test(test_pubkey_from_spki__rsa_numbers),
		cmocka_unit_test(test_pubkey_from_spki__every_octet_flipped),
		cmocka_unit_test(test_rfc7638_3_1__jwk_parts_of_the_example),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
