/* test_seal.c - sealed secrets: what was changed, moved or made with another key does not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/auto.h"
#include "crypto/digest.h"
#include "crypto/seal.h"

static const uint8_t key[SEAL_KEY_LEN] = { 1, 2, 3 };

static void test_seal__opens_again(void **state)
{
	struct bytes sealed, plain;
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t len = 0; len <= 100; len++) {
		uint8_t text[100];

		random_bytes(text, sizeof(text));
		assert_int_equal(seal(&a, key, STR("kid"), bytes_of(text, len), &sealed), RC_OK);
		assert_int_equal(sealed.len, len + SEAL_OVERHEAD);
		assert_int_equal(unseal(&a, key, STR("kid"), sealed, &plain), RC_OK);
		assert_true(bytes_eq(plain, bytes_of(text, len)));
	}
}

static void test_unseal__any_flipped_bit_is_refused(void **state)
{
	struct bytes sealed, plain = { 0 };
	uint8_t bad[32 + SEAL_OVERHEAD], other[SEAL_KEY_LEN] = { 1, 2, 4 };
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(seal(&a, key, STR("kid"), bytes_of(other, 32), &sealed), RC_OK);
	for (size_t bit = 0; bit < sealed.len * 8; bit++) {
		memcpy(bad, sealed.p, sealed.len);
		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(unseal(&a, key, STR("kid"), bytes_of(bad, sealed.len), &plain), RC_INVALID);
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(unseal(&a, key, STR("kid"), bytes_of(sealed.p, len), &plain), RC_INVALID);
	assert_int_equal(unseal(&a, other, STR("kid"), sealed, &plain), RC_INVALID);
	assert_int_equal(unseal(&a, key, STR("kie"), sealed, &plain), RC_INVALID);
	assert_null(plain.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal__opens_again),
		cmocka_unit_test(test_unseal__any_flipped_bit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
