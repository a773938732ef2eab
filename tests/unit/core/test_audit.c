/* test_audit.c - the first row that is wrong is named, whatever is done to a trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/audit.h"

#define ROWS 9

static struct audit_record rows[ROWS];
static uint8_t hashes[ROWS + 1][32];

/* As the writer makes them. */
static int setup(void **state)
{
	(void)state;
	memset(hashes, 0, sizeof(hashes));
	for (int i = 0; i < ROWS; i++) {
		rows[i] = (struct audit_record){ .at = 100 + i, .actor = STR("system"), .action = STR("cert.issue"),
						 .subject = STR("x"), .detail = i % 2 ? STR("") : (struct str){ 0 },
						 .number = i + 1, .before = bytes_of(hashes[i], 32) };
		store_chain_hash(&AUDITS, &rows[i], hashes[i + 1]);
		rows[i].hash = bytes_of(hashes[i + 1], 32);
	}
	return 0;
}

static int64_t first_bad(struct audit_check *c, int count, char *detail)
{
	struct fault f = { 0 };

	for (int i = 0; i < count; i++) {
		if (audit_check_row(c, &rows[i], &f) != RC_OK) {
			(void)snprintf(detail, FAULT_DETAIL_MAX, "%s", f.detail);
			return i + 1;
		}
	}
	return audit_check_end(c, &f) == RC_OK ? 0 : -1;
}

static void test_check__whole(void **state)
{
	struct audit_check c = { 0 };
	char detail[FAULT_DETAIL_MAX];

	(void)state;
	assert_int_equal(first_bad(&c, ROWS, detail), 0);
	assert_int_equal(c.last, ROWS);
	assert_memory_equal(c.hash, hashes[ROWS], 32);
}

static void test_check__any_flipped_bit_of_a_hash(void **state)
{
	char detail[FAULT_DETAIL_MAX];

	(void)state;
	for (int i = 1; i <= ROWS; i++) {
		for (int bit = 0; bit < 256; bit += 37) {
			struct audit_check c = { 0 };

			hashes[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(first_bad(&c, ROWS, detail), i);
			hashes[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* Absent and empty, and text that moved from one column to the next, are different rows. */
static void test_check__every_column_counts(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	struct audit_check c = { 0 };

	(void)state;
	rows[3].detail = (struct str){ 0 };
	assert_int_equal(first_bad(&c, ROWS, detail), 4);
	setup(NULL);
	c = (struct audit_check){ 0 };
	rows[5].action = STR("cert.issuex");
	rows[5].subject = STR("");
	assert_int_equal(first_bad(&c, ROWS, detail), 6);
	setup(NULL);
	c = (struct audit_check){ 0 };
	rows[2].id = id_new();
	assert_int_equal(first_bad(&c, ROWS, detail), 3);
}

/* Somebody who knows how hashes are made forges one row with its hash: the next one tells. */
static void test_check__forged_with_its_hash(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	struct audit_check c = { 0 };
	uint8_t forged[32];

	(void)state;
	rows[4].actor = STR("nobody");
	store_chain_hash(&AUDITS, &rows[4], forged);
	rows[4].hash = bytes_of(forged, 32);
	assert_int_equal(first_bad(&c, ROWS, detail), 6);
	assert_non_null(strstr(detail, "does not follow"));
}

static void test_check__noted_head(void **state)
{
	char text[80], detail[FAULT_DETAIL_MAX];
	struct audit_check c = { 0 };
	int len = snprintf(text, sizeof(text), "%d:", ROWS);

	(void)state;
	for (int i = 0; i < 32; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x", hashes[ROWS][i]);
	assert_true(audit_head_parse(str_of(text), &c));
	assert_int_equal(first_bad(&c, ROWS, detail), 0);
	c = (struct audit_check){ 0 };
	assert_true(audit_head_parse(str_of(text), &c));
	assert_int_equal(first_bad(&c, ROWS - 1, detail), -1);
	assert_false(audit_head_parse(STR("9"), &c));
	assert_false(audit_head_parse(STR("0:00"), &c));
	assert_false(audit_head_parse(STR("9:zz"), &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_check__whole, setup),
		cmocka_unit_test_setup(test_check__any_flipped_bit_of_a_hash, setup),
		cmocka_unit_test_setup(test_check__every_column_counts, setup),
		cmocka_unit_test_setup(test_check__forged_with_its_hash, setup),
		cmocka_unit_test_setup(test_check__noted_head, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
