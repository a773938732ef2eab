/* test_rate_limit.c - rate limits under a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/clock.h"
#include "core/rate_limit.h"

#define RULE LIMIT_ORDERS_ACCOUNT_HOUR
#define START INT64_C(1800000000000)

static struct config config;
static struct limits *limits;

static int setup(void **state)
{
	(void)state;
	clock_fake(START);
	memset(&config, 0, sizeof(config));
	config.limits[RULE] = (struct limit){ 5, 3600 };
	return limits_new(&limits) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	limits_free(limits);
	clock_real();
	return 0;
}

static int take(const char *subject)
{
	return limits_take(limits, &config, RULE, str_of(subject), NULL) == RC_OK;
}

static void test_take__burst_then_evenly(void **state)
{
	struct fault f = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	assert_int_equal(limits_take(limits, &config, RULE, STR("a"), &f), RC_LIMIT);
	assert_int_equal(f.problem, PROBLEM_RATE_LIMITED);
	assert_int_equal(f.retry_after_s, 720);
	assert_non_null(strstr(f.detail, "new-orders-per-account-hour"));
	assert_true(take("b"));
	clock_fake_advance_ms(719 * 1000);
	assert_false(take("a"));
	clock_fake_advance_ms(1000); /* exactly when it was told to */
	assert_true(take("a"));
	assert_false(take("a"));
	clock_fake_advance_ms(3600 * 1000);
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	assert_false(take("a"));
	assert_int_equal(limits_refused(limits, RULE), 4);
}

static void test_check__takes_none(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(limits_check(limits, &config, RULE, STR("a"), NULL), RC_OK);
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	assert_int_equal(limits_check(limits, &config, RULE, STR("a"), NULL), RC_LIMIT);
}

/* A clock that jumps back must not lock anybody out for longer than a period. */
/* What nobody asked for is no refusal. */
static void test_look__takes_none_and_counts_none(void **state)
{
	struct fault f = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(limits_look(limits, &config, RULE, STR("a"), &f), RC_OK);
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	assert_int_equal(limits_look(limits, &config, RULE, STR("a"), &f), RC_LIMIT);
	assert_int_equal(f.retry_after_s, 720);
	assert_int_equal(limits_refused(limits, RULE), 0);
	assert_false(take("a"));
	assert_int_equal(limits_refused(limits, RULE), 1);
}

static void test_take__clock_back_and_smaller_limit(void **state)
{
	struct fault f = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	clock_fake(START - INT64_C(86400) * 365 * 1000);
	assert_int_equal(limits_take(limits, &config, RULE, STR("a"), &f), RC_LIMIT);
	assert_in_range(f.retry_after_s, 1, 720);
	config.limits[RULE] = (struct limit){ 1, 60 };
	assert_int_equal(limits_take(limits, &config, RULE, STR("a"), &f), RC_LIMIT);
	assert_in_range(f.retry_after_s, 1, 60);
}

static void test_take__off(void **state)
{
	(void)state;
	config.limits[RULE].count = 0;
	for (int i = 0; i < 1000; i++)
		assert_true(take("a"));
}

static void test_take_address__a_64_is_one_subject(void **state)
{
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, v4[4] = { 192, 0, 2, 1 };
	uint8_t other[16];
	struct addr a = addr_from_ip(v4, 4, 1000);

	(void)state;
	config.limits[RULE].count = 2;
	for (int i = 0; i < 2; i++)
		assert_int_equal(limits_take_address(limits, &config, RULE, &a, NULL), RC_OK);
	a = addr_from_ip(v4, 4, 2000); /* another port */
	assert_int_equal(limits_take_address(limits, &config, RULE, &a, NULL), RC_LIMIT);
	memcpy(other, v6, 16);
	for (int i = 0; i < 3; i++) {
		other[15] = (uint8_t)i;
		a = addr_from_ip(other, 16, 1);
		assert_int_equal(limits_take_address(limits, &config, RULE, &a, NULL), i < 2 ? RC_OK : RC_LIMIT);
	}
	other[7] = 1;
	a = addr_from_ip(other, 16, 1);
	assert_int_equal(limits_take_address(limits, &config, RULE, &a, NULL), RC_OK);
}

/* A million strangers do not make memory grow, and do not wash away who is at his limit. */
static void test_take__flood_evicts_the_least_used(void **state)
{
	int refused = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(take("victim"));
	for (int i = 0; i < 200000; i++) {
		char subject[32];

		(void)snprintf(subject, sizeof(subject), "stranger %d", i);
		assert_true(take(subject));
		if (i % 20000 == 0)
			refused += !take("victim");
	}
	assert_int_equal(refused, 10);
}

static void test_save_and_load(void **state)
{
	struct store_options o = { .url = STR("memory:"), .tables = STORE_TABLES, .create = true };
	struct store_read *read;
	struct limits *again;
	struct store *store;
	struct tx *tx = tx_new();

	(void)state;
	assert_int_equal(store_open(&o, &store, NULL), RC_OK);
	assert_int_equal(store_read_open(store, &read), RC_OK);
	for (int i = 0; i < 5; i++)
		assert_true(take("a"));
	for (int i = 0; i < 3; i++)
		assert_true(take("b"));
	assert_int_equal(limits_save(limits, tx), RC_OK);
	assert_int_equal(store_commit(store, tx), RC_OK);

	assert_int_equal(limits_new(&again), RC_OK);
	assert_int_equal(limits_load(again, read), RC_OK);
	assert_int_equal(limits_take(again, &config, RULE, STR("a"), NULL), RC_LIMIT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(limits_take(again, &config, RULE, STR("b"), NULL), i < 2 ? RC_OK : RC_LIMIT);
	/* Only what changed is written again. */
	tx = tx_new();
	assert_int_equal(limits_save(limits, tx), RC_OK);
	assert_true(tx_is_empty(tx));
	tx_free(tx);
	assert_int_equal(limits_reset(again, STR("a")), 1);
	assert_int_equal(limits_take(again, &config, RULE, STR("a"), NULL), RC_OK);
	limits_free(again);
	store_read_close(read);
	store_close(store);
}

static void test_limit_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t count, period_s;
	} good[] = { { "100/h", 100, 3600 }, { "5/7d", 5, 7 * 86400 }, { "1/s", 1, 1 }, { "off", 0, 3600 },
		     { "9/1w", 9, 7 * 86400 } };
	static const char *const bad[] = { "", "/", "5", "0/h", "-1/h", "5/", "5/0", "5/3600", "5/h/h", "x/h", "5/fortnight",
					   "99999999999/h", "5/9999d", "Off" };
	struct limit l;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(limit_parse(str_of(good[i].text), &l));
		assert_int_equal(l.count, good[i].count);
		assert_int_equal(l.period_s, good[i].period_s);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(limit_parse(str_of(bad[i]), &l));
}

static void test_take__costs_little(void **state)
{
	int64_t begin;

	(void)state;
	config.limits[RULE].count = 1000000000;
	clock_real();
	begin = clock_mono_us();
	for (int i = 0; i < 100000; i++)
		assert_true(take("somebody"));
	/* 2 us each on a quiet machine; this leaves room for a busy one. */
	assert_true(clock_mono_us() - begin < 100000 * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_take__burst_then_evenly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check__takes_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look__takes_none_and_counts_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take__clock_back_and_smaller_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take__off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take_address__a_64_is_one_subject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take__flood_evicts_the_least_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_and_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit_parse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_take__costs_little, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
