/* test_jose.c - JOSE and X.509 signatures: the vectors of RFC 7515 appendix A and RFC 8037
 * appendix A, every algorithm with every key, malformed signatures. */
#include "kit.h"

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

#define A1_PAYLOAD \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static void expect_verifies(struct pubkey *k, enum sig_alg alg, const char *input, const char *sig)
{
	struct bytes s = kit_b64url(&arena, sig);
	uint8_t *broken = arena_alloc(&arena, s.len);
	char *other = arena_cstr(&arena, str_of(input));

	assert_int_equal(pubkey_verify_jose(k, alg, str_bytes(str_of(input)), s), RC_OK);
	for (size_t i = 0; i < s.len; i += 7) {
		memcpy(broken, s.p, s.len);
		broken[i] ^= 0x10;
		assert_int_equal(pubkey_verify_jose(k, alg, str_bytes(str_of(input)),
						    bytes_of(broken, s.len)), RC_DENIED);
	}
	other[3] ^= 1;
	assert_int_equal(pubkey_verify_jose(k, alg, str_bytes(str_of(other)), s), RC_DENIED);
	assert_int_equal(pubkey_verify_jose(k, alg, bytes_of(NULL, 0), s), RC_DENIED);
	pubkey_free(k);
}

static void test_rfc7515_a_2__rs256(void **state)
{
	struct pubkey *k;

	(void)state;
	assert_int_equal(
		pubkey_from_rsa(
			kit_b64url(&arena,
				   "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
				   "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2"
				   "jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7"
				   "WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvU"
				   "K-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"),
			kit_b64url(&arena, "AQAB"), &k, NULL),
		RC_OK);
	expect_verifies(k, SIG_RS256, "eyJhbGciOiJSUzI1NiJ9." A1_PAYLOAD,
			"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5"
			"YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6"
			"xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc"
			"6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
			"IoypGlUPQGe77Rw");
}

static void test_rfc7515_a_3__es256(void **state)
{
	struct pubkey *k;

	(void)state;
	assert_int_equal(pubkey_from_ec(KEY_P256,
					kit_b64url(&arena, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
					kit_b64url(&arena, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
					&k, NULL), RC_OK);
	expect_verifies(k, SIG_ES256, "eyJhbGciOiJFUzI1NiJ9." A1_PAYLOAD,
			"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg"
			"6NU1Q");
}

static void test_rfc7515_a_4__es512(void **state)
{
	struct pubkey *k;

	(void)state;
	assert_int_equal(
		pubkey_from_ec(KEY_P521,
			       kit_b64url(&arena, "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG"
						  "_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"),
			       kit_b64url(&arena, "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjD"
						  "ly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"),
			       &k, NULL),
		RC_OK);
	expect_verifies(k, SIG_ES512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
			"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0"
			"aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERB"
			"XukOXolLzeO_Jn");
}

/* RFC 8037 A.4 makes the signature (deterministic), A.5 checks it. */
static void test_rfc8037_a_4_a_5__eddsa(void **state)
{
	static const char sig[] = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9"
				  "g7sVvpAr_MuM0KAg";
	static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	static const uint8_t pkcs8[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
					 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
	struct bytes d = kit_b64url(&arena, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), x, y;
	uint8_t der[48], made[SIG_MAX];
	struct privkey *priv;
	struct pubkey *k;
	struct buf pem;
	size_t len;

	(void)state;
	memcpy(der, pkcs8, 16);
	memcpy(der + 16, d.p, 32);
	buf_init(&pem, 4096);
	pem_add(&pem, "PRIVATE KEY", bytes_of(der, 48));
	assert_int_equal(privkey_from_pem(buf_bytes(&pem), NULL, &priv, NULL), RC_OK);
	pubkey_jwk_parts(privkey_pubkey(priv), &x, &y);
	assert_true(bytes_eq(x, kit_b64url(&arena, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")));
	assert_null(y.p);
	assert_int_equal(privkey_sign_jose(priv, str_bytes(str_of(input)), made, &len), RC_OK);
	assert_true(bytes_eq(bytes_of(made, len), kit_b64url(&arena, sig)));
	assert_int_equal(pubkey_from_ed25519(x, &k, NULL), RC_OK);
	expect_verifies(k, SIG_EDDSA, input, sig);
	privkey_free(priv);
	buf_done(&pem);
}

static const struct {
	enum key_type type;
	unsigned bits;
	enum sig_alg jose;
	const char *name;
} kinds[] = {
	{ KEY_RSA, 2048, SIG_RS256, "RS256" },	  { KEY_P256, 256, SIG_ES256, "ES256" },
	{ KEY_P384, 384, SIG_ES384, "ES384" },	  { KEY_P521, 521, SIG_ES512, "ES512" },
	{ KEY_ED25519, 256, SIG_EDDSA, "EdDSA" },
};

static void test_sig_alg_from_jose_name__only_what_keys_sign_with(void **state)
{
	static const char *const others[] = { "none", "", "HS256", "RS384", "RS512", "PS256", "ES256K",
					      "es256", "EDDSA", "Ed25519", "ES256 ", "ES2567" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		assert_int_equal(sig_alg_from_jose_name(str_of(kinds[i].name)), kinds[i].jose);
		assert_string_equal(sig_alg_jose_name(kinds[i].jose), kinds[i].name);
		assert_int_equal(key_jose_sig_alg(kinds[i].type), kinds[i].jose);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(sig_alg_from_jose_name(str_of(others[i])), SIG_NONE);
	assert_int_equal(sig_alg_from_jose_name((struct str){ NULL, 0 }), SIG_NONE);
	assert_int_equal(key_jose_sig_alg(KEY_NONE), SIG_NONE);
}

/* RFC 7515 §10.7: the algorithm is the key's, never the message's choice. */
static void test_pubkey_verify_jose__every_algorithm_with_every_key(void **state)
{
	static const uint8_t data[] = "payload";
	uint8_t sig[SIG_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct privkey *k = kit_key(kinds[i].type, kinds[i].bits);

		assert_int_equal(privkey_sign_jose(k, bytes_of(data, 7), sig, &len), RC_OK);
		for (int alg = SIG_NONE; alg <= SIG_EDDSA; alg++) {
			enum rc want = (enum sig_alg)alg == kinds[i].jose ? RC_OK : RC_INVALID;

			assert_int_equal(pubkey_verify_jose(privkey_pubkey(k), (enum sig_alg)alg,
							    bytes_of(data, 7), bytes_of(sig, len)), want);
		}
		for (size_t other = 0; other < COUNT_OF(kinds); other++)
			if (other != i)
				assert_int_not_equal(
					pubkey_verify_jose(privkey_pubkey(kit_key(kinds[other].type,
										  kinds[other].bits)),
							   kinds[other].jose, bytes_of(data, 7),
							   bytes_of(sig, len)), RC_OK);
	}
}

/* RFC 7518 §3.4: the signature is R || S of exactly twice the curve's length. */
static void test_rfc7518_3_4__raw_signature_of_exact_length(void **state)
{
	static const uint8_t data[] = "payload", zeros[140];
	uint8_t sig[SIG_MAX + 8];
	size_t len;

	(void)state;
	for (size_t i = 1; i < 4; i++) {
		struct privkey *k = kit_key(kinds[i].type, kinds[i].bits);
		struct pubkey *pub = privkey_pubkey(k);
		size_t coord = (kinds[i].bits + 7) / 8;

		memset(sig, 0, sizeof(sig));
		assert_int_equal(privkey_sign_jose(k, bytes_of(data, 7), sig, &len), RC_OK);
		assert_int_equal(len, 2 * coord);
		for (size_t n = 0; n < len + 4; n++)
			assert_int_equal(pubkey_verify_jose(pub, kinds[i].jose, bytes_of(data, 7),
							    bytes_of(sig, n)), n == len ? RC_OK : RC_DENIED);
		/* R = S = 0 (CVE-2022-21449), and the DER form where the raw one belongs */
		assert_int_equal(pubkey_verify_jose(pub, kinds[i].jose, bytes_of(data, 7),
						    bytes_of(zeros, len)), RC_DENIED);
		assert_int_equal(privkey_sign_x509(k, bytes_of(data, 7), sig, &len), RC_OK);
		assert_int_equal(pubkey_verify_jose(pub, kinds[i].jose, bytes_of(data, 7),
						    bytes_of(sig, len)), RC_DENIED);
		assert_int_equal(pubkey_verify_x509(pub, kinds[i].jose, bytes_of(data, 7),
						    bytes_of(sig, len)), RC_OK);
	}
}

/* Many signatures, so that R and S with leading zeros and with a high bit are met. */
static void test_ecdsa__conversion_both_ways_many_times(void **state)
{
	uint8_t data[4], raw[SIG_MAX];
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct privkey *k = kit_key(KEY_P256, 256);

		memcpy(data, &i, 4);
		assert_int_equal(privkey_sign_jose(k, bytes_of(data, 4), raw, &len), RC_OK);
		assert_int_equal(pubkey_verify_jose(privkey_pubkey(k), SIG_ES256, bytes_of(data, 4),
						    bytes_of(raw, len)), RC_OK);
	}
}

/* openssl's default digest for any EC key is SHA-256, so requests mix curves and hashes. */
static void test_pubkey_verify_x509__type_fits_algorithm(void **state)
{
	static const uint8_t data[] = "payload";
	uint8_t sig[SIG_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct privkey *k = kit_key(kinds[i].type, kinds[i].bits);

		assert_int_equal(privkey_sign_x509(k, bytes_of(data, 7), sig, &len), RC_OK);
		for (int alg = SIG_NONE; alg <= SIG_EDDSA; alg++) {
			bool rsa = alg >= SIG_RS256 && alg <= SIG_RS512;
			bool ec = alg >= SIG_ES256 && alg <= SIG_ES512;
			bool fits = kinds[i].type == KEY_RSA ? rsa :
				    kinds[i].type == KEY_ED25519 ? alg == SIG_EDDSA : ec;
			enum rc want = !fits ? RC_INVALID :
				       (enum sig_alg)alg == key_x509_sig_alg(kinds[i].type) ? RC_OK :
											      RC_DENIED;

			assert_int_equal(pubkey_verify_x509(privkey_pubkey(k), (enum sig_alg)alg,
							    bytes_of(data, 7), bytes_of(sig, len)), want);
		}
	}
}

static void test_pubkey_verify_x509__ecdsa_must_be_der(void **state)
{
	static const char *const rows[] = {
		"", "3000", "30060201010201", "3006020101020101ff", "300702010102010100",
		"308106020101020101", "3007020200010201010a", "3006028001020101", "3006020181020101",
		"300602010002010a", "0406020101020101",
	};
	static const uint8_t data[] = "payload";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(pubkey_verify_x509(privkey_pubkey(kit_key(KEY_P256, 256)), SIG_ES256,
						    bytes_of(data, 7), kit_hex(&arena, rows[i])), RC_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7515_a_2__rs256),
		cmocka_unit_test(test_rfc7515_a_3__es256),
		cmocka_unit_test(test_rfc7515_a_4__es512),
		cmocka_unit_test(test_rfc8037_a_4_a_5__eddsa),
		cmocka_unit_test(test_sig_alg_from_jose_name__only_what_keys_sign_with),
		cmocka_unit_test(test_pubkey_verify_jose__every_algorithm_with_every_key),
		cmocka_unit_test(test_rfc7518_3_4__raw_signature_of_exact_length),
		cmocka_unit_test(test_ecdsa__conversion_both_ways_many_times),
		cmocka_unit_test(test_pubkey_verify_x509__type_fits_algorithm),
		cmocka_unit_test(test_pubkey_verify_x509__ecdsa_must_be_der),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
