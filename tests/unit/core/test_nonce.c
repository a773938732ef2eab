/* Nonces (RFC 8555 §6.5): single use, lifetime, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/nonce.h"
#include "crypto/digest.h"

#define LIFETIME_S 3600

static struct nonces *nonces;

static int setup(void **state)
{
	(void)state;
	clock_fake(1800000000000);
	return nonces_new(LIFETIME_S, &nonces) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	nonces_free(nonces);
	clock_real();
	return 0;
}

static struct str mint(char text[NONCE_TEXT_LEN + 1])
{
	nonce_mint(nonces, text);
	return str_of(text);
}

static void test_rfc8555_6_5__a_nonce_is_good_once(void **state)
{
	char a[NONCE_TEXT_LEN + 1], b[NONCE_TEXT_LEN + 1];

	(void)state;
	mint(a);
	mint(b);
	assert_string_not_equal(a, b);
	assert_true(nonce_redeem(nonces, str_of(b)));
	assert_true(nonce_redeem(nonces, str_of(a)));
	assert_false(nonce_redeem(nonces, str_of(a)));
	assert_false(nonce_redeem(nonces, str_of(b)));
}

static void test_nonce__lives_at_least_its_lifetime_and_ends(void **state)
{
	char a[NONCE_TEXT_LEN + 1], b[NONCE_TEXT_LEN + 1];

	(void)state;
	clock_fake_advance_ms(224999); /* the very end of a slice is the worst case */
	mint(a);
	mint(b);
	clock_fake_advance_ms((LIFETIME_S - 1) * 1000);
	assert_true(nonce_redeem(nonces, str_of(a)));
	clock_fake_advance_ms(LIFETIME_S * 1000 / 8);
	assert_false(nonce_redeem(nonces, str_of(b)));
}

static void test_nonce__redeemed_ones_stay_redeemed_until_they_end(void **state)
{
	char a[NONCE_TEXT_LEN + 1];

	(void)state;
	mint(a);
	assert_true(nonce_redeem(nonces, str_of(a)));
	for (int i = 0; i < 40; i++) {
		clock_fake_advance_ms(LIFETIME_S * 1000 / 16);
		assert_false(nonce_redeem(nonces, str_of(a)));
	}
}

static void test_nonce__another_key_or_a_changed_text_is_refused(void **state)
{
	static const char *const bad[] = { "", "A", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
					   "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA\n" };
	char a[NONCE_TEXT_LEN + 1];
	struct nonces *restarted;

	(void)state;
	mint(a);
	assert_int_equal(nonces_new(LIFETIME_S, &restarted), RC_OK);
	assert_false(nonce_redeem(restarted, str_of(a))); /* nothing from before a restart is good */
	nonces_free(restarted);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(nonce_redeem(nonces, str_of(bad[i])));
	a[3] = a[3] == 'A' ? 'B' : 'A';
	assert_false(nonce_redeem(nonces, str_of(a)));
}

static void test_nonce__nothing_is_stored_for_what_nobody_redeems(void **state)
{
	char a[NONCE_TEXT_LEN + 1];

	(void)state;
	for (int i = 0; i < 100000; i++)
		mint(a);
	assert_int_equal(nonces_bytes(nonces), 0);
	assert_true(nonce_redeem(nonces, str_of(a)));
	assert_true(nonces_bytes(nonces) > 0 && nonces_bytes(nonces) < 8192);
	clock_fake_advance_ms(2 * LIFETIME_S * 1000);
	for (int i = 0; i < 17; i++) { /* each slice drops what its place held */
		mint(a);
		clock_fake_advance_ms(LIFETIME_S * 1000 / 16);
	}
	assert_int_equal(nonces_bytes(nonces), 0);
}

static void test_nonce__a_hundred_thousand_redeemed_cost_little(void **state)
{
	char a[NONCE_TEXT_LEN + 1];

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_true(nonce_redeem(nonces, mint(a)));
	assert_true(nonces_bytes(nonces) < 64 * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rfc8555_6_5__a_nonce_is_good_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce__lives_at_least_its_lifetime_and_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce__redeemed_ones_stay_redeemed_until_they_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce__another_key_or_a_changed_text_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce__nothing_is_stored_for_what_nobody_redeems, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonce__a_hundred_thousand_redeemed_cost_little, setup, teardown),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
