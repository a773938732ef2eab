/* test_ari.c - suggested windows (RFC 9773 §4.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/ari.h"
#include "crypto/digest.h"

#define BEGIN 1700000000
#define DAY 86400

static struct cert_record cert_of(const uint8_t serial[4], int64_t lifetime)
{
	return (struct cert_record){ .serial = bytes_of(serial, 4), .status = CERT_VALID, .not_before = BEGIN,
				     .not_after = BEGIN + lifetime };
}

static void test_rfc9773_4_2__window_is_in_the_last_third(void **state)
{
	static const int64_t lifetimes[] = { 300, 3600, DAY, 7 * DAY, 47 * DAY, 90 * DAY, 3650 * DAY };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lifetimes); i++) {
		for (unsigned n = 0; n < 500; n++) {
			uint8_t serial[4] = { 1, (uint8_t)(n >> 8), (uint8_t)n, 7 };
			struct cert_record c = cert_of(serial, lifetimes[i]);
			struct ari_window w = ari_window(&c);

			assert_true(w.start >= BEGIN + lifetimes[i] / 3 * 2);
			assert_true(w.end >= w.start + 2);
			assert_true(w.end - w.start <= 2 * DAY);
			assert_true(w.end <= BEGIN + lifetimes[i] - lifetimes[i] / 6);
		}
	}
}

/* A fleet whose certificates are of one second does not renew in one hour. */
static void test_window__fleet_is_smeared(void **state)
{
	unsigned days[8] = { 0 };

	(void)state;
	for (unsigned n = 0; n < 8000; n++) {
		uint8_t serial[4] = { 2, (uint8_t)(n >> 8), (uint8_t)n, 0 };
		struct cert_record c = cert_of(serial, 90 * DAY);
		int64_t day = (ari_window(&c).start - BEGIN - 60 * DAY) / DAY;

		assert_in_range(day, 0, 7);
		days[day]++;
	}
	for (size_t i = 0; i < 7; i++)
		assert_in_range(days[i], 900, 1250);
}

static void test_rfc9773_4_2__revoked_is_past(void **state)
{
	uint8_t serial[4] = { 1, 2, 3, 4 };
	struct cert_record c = cert_of(serial, 90 * DAY);
	struct ari_window w;

	(void)state;
	c.status = CERT_REVOKED;
	c.revoked_at = BEGIN + 5;
	c.renew_from = BEGIN + 70 * DAY; /* what the operator said before counts no more */
	c.renew_until = c.renew_from + 10;
	w = ari_window(&c);
	assert_true(w.end < c.revoked_at && w.end >= w.start + 2);
}

static void test_retry_after__short_certificates_are_asked_about_more_often(void **state)
{
	struct config config = { .raw.renewal.retry_after_s = 6 * 3600 };
	uint8_t serial[4] = { 1, 2, 3, 4 };
	struct cert_record longer = cert_of(serial, 90 * DAY), day = cert_of(serial, DAY), least = cert_of(serial, 300);

	(void)state;
	assert_int_equal(ari_retry_after(&config, &longer), 6 * 3600);
	assert_int_equal(ari_retry_after(&config, &day), 3600);
	assert_int_equal(ari_retry_after(&config, &least), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc9773_4_2__window_is_in_the_last_third),
		cmocka_unit_test(test_window__fleet_is_smeared),
		cmocka_unit_test(test_rfc9773_4_2__revoked_is_past),
		cmocka_unit_test(test_retry_after__short_certificates_are_asked_about_more_often),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
