/* test_key_private.c - private keys: generating, PEM both ways, what openssl makes of them. */
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
	kit_rmdir();
	arena_done(&arena);
	return 0;
}

static struct secret *secret_of(const char *text)
{
	struct secret *s;

	assert_int_equal(secret_new(str_bytes(str_of(text)), &s), RC_OK);
	return s;
}

static void test_privkey_generate__refuses_sizes_and_types(void **state)
{
	static const unsigned bits[] = { 0, 1024, 2047, 2049, 8200, 16384 };
	struct privkey *k = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bits); i++)
		assert_int_equal(privkey_generate(KEY_RSA, bits[i], &k), RC_INVALID);
	assert_int_equal(privkey_generate(KEY_NONE, 0, &k), RC_INVALID);
	assert_null(k);
	privkey_free(NULL);
}

static void test_privkey_pem__round_trip_plain_and_encrypted(void **state)
{
	static const enum key_type types[] = { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };
	struct secret *pass = secret_of("correct horse"), *wrong = secret_of("wrong"), *pem;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct privkey *k = kit_key(types[i], types[i] == KEY_RSA ? 2048 : 256), *back = NULL;
		struct fault f = { 0 };

		assert_int_equal(privkey_to_pem(k, NULL, &pem), RC_OK);
		kit_expect_text((const char *)arena_cstr(&arena, (struct str){
			(const char *)secret_bytes(pem).p, secret_bytes(pem).len }),
			"-----BEGIN PRIVATE KEY-----\n");
		assert_int_equal(privkey_from_pem(secret_bytes(pem), NULL, &back, &f), RC_OK);
		assert_true(pubkey_eq(privkey_pubkey(k), privkey_pubkey(back)));
		privkey_free(back);
		secret_free(pem);
		back = NULL;
		assert_int_equal(privkey_to_pem(k, pass, &pem), RC_OK);
		assert_int_equal(privkey_from_pem(secret_bytes(pem), pass, &back, &f), RC_OK);
		assert_true(pubkey_eq(privkey_pubkey(k), privkey_pubkey(back)));
		privkey_free(back);
		back = NULL;
		assert_int_equal(privkey_from_pem(secret_bytes(pem), NULL, &back, &f), RC_DENIED);
		kit_expect_text(f.detail, "encrypted and no passphrase");
		assert_int_equal(privkey_from_pem(secret_bytes(pem), wrong, &back, &f), RC_DENIED);
		kit_expect_text(f.detail, "passphrase");
		assert_null(back);
		secret_free(pem);
	}
	secret_free(pass);
	secret_free(wrong);
}

/* RFC 8018 §6.2, RFC 7914: what is written is what it says. */
static void test_rfc7914__encrypted_key_is_scrypt_and_aes_256_cbc(void **state)
{
	struct secret *pass = secret_of("correct horse"), *pem;
	char *out;

	(void)state;
	assert_int_equal(privkey_to_pem(kit_key(KEY_P256, 256), pass, &pem), RC_OK);
	kit_write("enc.pem", secret_bytes(pem));
	assert_int_equal(kit_run(&arena, &out, "openssl asn1parse -in enc.pem"), 0);
	kit_expect_text(out, "PBES2");
	kit_expect_text(out, "scrypt");
	kit_expect_text(out, "aes-256-cbc");
	assert_int_equal(kit_run(&arena, &out, "openssl pkey -in enc.pem -passin 'pass:correct horse' "
					       "-noout -check"), 0);
	secret_free(pass);
	secret_free(pem);
}

static void test_privkey_from_pem__forms_that_openssl_writes(void **state)
{
	static const char *const commands[] = {
		"openssl genrsa -out k.pem 2048",
		"openssl genrsa -traditional -out k.pem 3072",
		"openssl ecparam -name prime256v1 -genkey -out k.pem",
		"openssl ecparam -name secp384r1 -genkey -noout -out k.pem",
		"openssl ecparam -name prime256v1 -genkey -conv_form compressed -noout -out k.pem",
		"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out k.pem",
		"openssl genpkey -algorithm ed25519 -out k.pem",
		"openssl genrsa -aes256 -traditional -passout pass:secret -out k.pem 2048",
		"openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret -out k.pem",
	};
	struct secret *pass = secret_of("secret");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		struct privkey *k = NULL;
		struct fault f = { 0 };
		char *out;

		assert_int_equal(kit_run(&arena, &out, "%s", commands[i]), 0);
		if (privkey_from_pem(kit_read(&arena, "k.pem"), pass, &k, &f) != RC_OK)
			fail_msg("%s: %s", commands[i], f.detail);
		privkey_free(k);
	}
	secret_free(pass);
}

static void test_privkey_from_pem__refuses(void **state)
{
	static const char *const commands[] = {
		"openssl genrsa -out k.pem 1024",
		"openssl ecparam -name secp256k1 -genkey -noout -out k.pem",
		"openssl ecparam -name secp224r1 -genkey -noout -out k.pem",
		"openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout -out k.pem",
		"openssl genpkey -algorithm ed448 -out k.pem",
		"openssl genpkey -algorithm x25519 -out k.pem",
		"openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out k.pem",
		"openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out k.pem",
		"echo > k.pem",
		"printf -- '-----BEGIN PRIVATE KEY-----\\nAQID\\n-----END PRIVATE KEY-----\\n' > k.pem",
		"head -c 70000 /dev/zero > k.pem",
		": > k.pem",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		struct privkey *k = NULL;
		struct fault f = { 0 };
		char *out;

		assert_int_equal(kit_run(&arena, &out, "%s", commands[i]), 0);
		if (privkey_from_pem(kit_read(&arena, "k.pem"), NULL, &k, &f) == RC_OK)
			fail_msg("%s: accepted", commands[i]);
		assert_null(k);
		assert_true(f.detail[0] != 0);
	}
}

/* Two P-256 keys, the public half of one beside the private number of the other. */
static void test_privkey_from_pem__halves_that_do_not_belong_together(void **state)
{
	struct secret *pem;
	struct bytes *der, x, y;
	struct privkey *other, *k = NULL;
	struct fault f = { 0 };
	struct buf b;
	size_t count;
	uint8_t *p;

	(void)state;
	assert_int_equal(privkey_generate(KEY_P256, 0, &other), RC_OK);
	assert_int_equal(privkey_to_pem(kit_key(KEY_P256, 256), NULL, &pem), RC_OK);
	assert_int_equal(pem_read(&arena, secret_bytes(pem), "PRIVATE KEY", &der, &count, NULL), RC_OK);
	pubkey_jwk_parts(privkey_pubkey(other), &x, &y);
	p = (uint8_t *)der[0].p + der[0].len - 64; /* the point is the last thing in it */
	memcpy(p, x.p, 32);
	memcpy(p + 32, y.p, 32);
	buf_init(&b, 4096);
	pem_add(&b, "PRIVATE KEY", der[0]);
	assert_int_equal(privkey_from_pem(buf_bytes(&b), NULL, &k, &f), RC_INVALID);
	kit_expect_text(f.detail, "does not belong");
	assert_null(k);
	buf_done(&b);
	secret_free(pem);
	privkey_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privkey_generate__refuses_sizes_and_types),
		cmocka_unit_test(test_privkey_pem__round_trip_plain_and_encrypted),
		cmocka_unit_test(test_rfc7914__encrypted_key_is_scrypt_and_aes_256_cbc),
		cmocka_unit_test(test_privkey_from_pem__forms_that_openssl_writes),
		cmocka_unit_test(test_privkey_from_pem__refuses),
		cmocka_unit_test(test_privkey_from_pem__halves_that_do_not_belong_together),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
