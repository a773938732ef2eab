/* test_serial_index.c - what the index covers it finds, and it says what it covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "signer/serial_index.h"

static void make_serial(uint32_t time, uint32_t n, uint8_t out[SERIAL_MAX])
{
	memset(out, 0, SERIAL_MAX);
	for (int i = 0; i < 4; i++) {
		out[i] = (uint8_t)(time >> (24 - 8 * i));
		out[16 + i] = (uint8_t)(n >> (24 - 8 * i));
	}
}

static bool has(const struct serial_index *x, const uint8_t serial[SERIAL_MAX], uint32_t record)
{
	const struct serial_entry *e = NULL;

	while ((e = serial_index_next(x, serial, e)))
		if (e->record == record + 1)
			return true;
	return false;
}

static void test_add__everything_since_the_floor_is_found(void **state)
{
	uint8_t serial[SERIAL_MAX];
	struct serial_index x;
	uint32_t floor = 0;

	(void)state;
	assert_int_equal(serial_index_init(&x, 0, 4096), RC_OK);
	for (uint32_t n = 0; n < 100000; n++) {
		make_serial(1000 + n / 10, n, serial);
		assert_int_equal(serial_index_add(&x, serial, n, 0), RC_OK);
		assert_true(has(&x, serial, n));
		assert_true(x.slot_count <= 4096 && x.count <= 3072);
		assert_true(x.floor >= floor);
		floor = x.floor;
	}
	assert_true(floor > 1000);
	for (uint32_t n = 0; n < 100000; n++) {
		make_serial(1000 + n / 10, n, serial);
		assert_int_equal(has(&x, serial, n), 1000 + n / 10 >= floor);
	}
	serial_index_done(&x);
}

static void test_add__drops_what_is_too_old_before_it_grows(void **state)
{
	uint8_t serial[SERIAL_MAX];
	struct serial_index x;

	(void)state;
	assert_int_equal(serial_index_init(&x, 0, SERIAL_INDEX_SLOTS_MAX), RC_OK);
	for (uint32_t n = 0; n < 100000; n++) {
		make_serial(n, n, serial);
		assert_int_equal(serial_index_add(&x, serial, n, n > 300 ? n - 300 : 0), RC_OK);
	}
	assert_int_equal(x.slot_count, SERIAL_INDEX_SLOTS_MIN);
	serial_index_done(&x);
}

static void test_add__same_key_twice_gives_both(void **state)
{
	uint8_t a[SERIAL_MAX], b[SERIAL_MAX];
	struct serial_index x;

	(void)state;
	make_serial(5, 5, a);
	make_serial(5, 5, b);
	b[8] = 1; /* not in the key */
	assert_int_equal(serial_index_init(&x, 0, 1024), RC_OK);
	assert_int_equal(serial_index_add(&x, a, 1, 0), RC_OK);
	assert_int_equal(serial_index_add(&x, b, 2, 0), RC_OK);
	assert_true(has(&x, a, 1) && has(&x, a, 2) && !has(&x, a, 3));
	make_serial(6, 5, a);
	assert_null(serial_index_next(&x, a, NULL));
	serial_index_done(&x);
}

/* All serials in one second: the index must give up rather than loop. */
static void test_add__one_second_cannot_overflow_it(void **state)
{
	uint8_t serial[SERIAL_MAX];
	struct serial_index x;

	(void)state;
	assert_int_equal(serial_index_init(&x, 0, 1024), RC_OK);
	for (uint32_t n = 0; n < 5000; n++) {
		make_serial(UINT32_MAX >> 1, n, serial);
		assert_int_equal(serial_index_add(&x, serial, n, 0), RC_OK);
		assert_true(x.count <= 768);
	}
	assert_true(x.floor > UINT32_MAX >> 1);
	serial_index_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add__everything_since_the_floor_is_found),
		cmocka_unit_test(test_add__drops_what_is_too_old_before_it_grows),
		cmocka_unit_test(test_add__same_key_twice_gives_both),
		cmocka_unit_test(test_add__one_second_cannot_overflow_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
