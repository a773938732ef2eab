/* test_digest.c - known answers of FIPS 180-4, FIPS 197 and RFC 4231, threads, randomness. */
#include "kit.h"

#include "base/thread.h"

static void expect_hex(const uint8_t *p, size_t len, const char *hex)
{
	char text[129];

	hex_encode(bytes_of(p, len), text);
	assert_string_equal(text, hex);
}

static void test_sha256__fips_180_4_examples(void **state)
{
	uint8_t out[32];
	const struct bytes pieces[] = { { (const uint8_t *)"a", 1 }, { NULL, 0 }, { (const uint8_t *)"bc", 2 } };

	(void)state;
	sha256(str_bytes(STR("abc")), out);
	expect_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(bytes_of(NULL, 0), out);
	expect_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_pieces(pieces, 3, out);
	expect_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_pieces(NULL, 0, out);
	expect_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha1(str_bytes(STR("abc")), out);
	expect_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void test_rfc4231_4__hmac_sha256(void **state)
{
	uint8_t key[131], out[32];

	(void)state;
	memset(key, 0x0b, 20);
	hmac_sha256(bytes_of(key, 20), str_bytes(STR("Hi There")), out);
	expect_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(str_bytes(STR("Jefe")), str_bytes(STR("what do ya want for nothing?")), out);
	expect_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	hmac_sha256(bytes_of(key, 131),
		    str_bytes(STR("Test Using Larger Than Block-Size Key - Hash Key First")), out);
	expect_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(bytes_of(NULL, 0), bytes_of(NULL, 0), out);
	expect_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_bytes_eq_secret__compares_all(void **state)
{
	(void)state;
	assert_true(bytes_eq_secret(bytes_of("abc", 3), bytes_of("abc", 3)));
	assert_false(bytes_eq_secret(bytes_of("abc", 3), bytes_of("abd", 3)));
	assert_false(bytes_eq_secret(bytes_of("abc", 3), bytes_of("ab", 2)));
	assert_true(bytes_eq_secret(bytes_of(NULL, 0), bytes_of("", 0)));
}

static void test_random_bytes__differ(void **state)
{
	uint8_t a[300] = { 0 }, b[300] = { 0 };

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_bytes(a, 0);
}

/* FIPS 197 appendix C.1 */
static void test_block_cipher__is_aes_128(void **state)
{
	static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t plain[16], sealed[16], open[16];
	struct block_cipher *c;

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		plain[i] = (uint8_t)(i << 4 | i);
	assert_int_equal(block_cipher_new(key, &c), RC_OK);
	for (int i = 0; i < 3; i++) {
		block_cipher_encrypt(c, plain, sealed);
		expect_hex(sealed, 16, "69c4e0d86a7b0430d8cdb78070b4c55a");
		block_cipher_decrypt(c, sealed, open);
		assert_memory_equal(open, plain, 16);
	}
	block_cipher_free(c);
	block_cipher_free(NULL);
}

static void hash_much(void *arg)
{
	uint8_t out[32], *ok = arg;

	*ok = 1;
	for (int i = 0; i < 2000; i++) {
		sha256(str_bytes(STR("abc")), out);
		*ok &= out[0] == 0xba && out[31] == 0xad;
	}
}

/* Each thread has its own context, freed with the thread (seen by the leak checker). */
static void test_sha256__from_many_threads(void **state)
{
	struct thread threads[4] = { 0 };
	uint8_t ok[4] = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(thread_start(&threads[i], "hash", hash_much, &ok[i]), RC_OK);
	for (size_t i = 0; i < 4; i++) {
		thread_join(&threads[i]);
		assert_int_equal(ok[i], 1);
	}
}

static void test_crypto_init__accepts_this_libcrypto(void **state)
{
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(crypto_init(&f), RC_OK);
	assert_int_equal(crypto_init(&f), RC_OK);
	if (crypto_version_note())
		kit_expect_text(crypto_version_note(), "CVE-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256__fips_180_4_examples),
		cmocka_unit_test(test_rfc4231_4__hmac_sha256),
		cmocka_unit_test(test_bytes_eq_secret__compares_all),
		cmocka_unit_test(test_random_bytes__differ),
		cmocka_unit_test(test_block_cipher__is_aes_128),
		cmocka_unit_test(test_sha256__from_many_threads),
		cmocka_unit_test(test_crypto_init__accepts_this_libcrypto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
