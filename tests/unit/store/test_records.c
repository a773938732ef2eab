/* test_records.c - the descriptions of the tables fit their structs and each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/records.h"
#include "store/table.h"

static void test_tables__are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; STORE_TABLES[i]; i++)
		if (!table_is_sound(STORE_TABLES[i]))
			fail_msg("%s", STORE_TABLES[i]->name);
}

static void test_tables__counts_equal_the_enums(void **state)
{
	(void)state;
	assert_int_equal(ACCOUNTS.column_count, ACCOUNT_COL_CREATED_FROM + 1);
	assert_int_equal(ACCOUNTS.index_count, ACCOUNTS_BY_CREATED + 1);
	assert_int_equal(ORDERS.column_count, ORDER_COL_TRACE + 1);
	assert_int_equal(ORDERS.index_count, ORDERS_BY_SERIAL + 1);
	assert_int_equal(AUTHZS.column_count, AUTHZ_COL_SUBDOMAINS + 1);
	assert_int_equal(AUTHZS.index_count, AUTHZS_BY_NAME + 1);
	assert_int_equal(CERTS.column_count, CERT_COL_RENEW_UNTIL + 1);
	assert_int_equal(CERTS.index_count, CERTS_BY_REVOKED + 1);
	assert_int_equal(JOBS.column_count, JOB_COL_NOTE + 1);
	assert_int_equal(JOBS.index_count, 0);
	assert_int_equal(METAS.column_count, META_COL_VALUE + 1);
	assert_int_equal(CRLS.column_count, CRL_COL_DER + 1);
	assert_int_equal(ZONES.column_count, ZONE_COL_UPDATED_BY + 1);
	assert_int_equal(AUDITS.column_count, AUDIT_COL_HASH + 1);
}

static void test_table_is_sound__finds_what_is_wrong(void **state)
{
	struct store_column columns[] = {
		{ "id", STORE_ID, 0 }, { "version", STORE_INT, 16 }, { "text", STORE_TEXT, 24 },
	};
	struct store_index index = { "i", { 2 }, 1 };
	const struct store_table good = {
		.name = "t", .record_size = 40, .columns = columns, .column_count = 3,
		.indexes = &index, .index_count = 1, .version_column = 1,
	};
	struct store_table bad;

	(void)state;
	assert_true(table_is_sound(&good));
	bad = good;
	bad.version_column = 2;
	assert_false(table_is_sound(&bad));
	bad = good;
	bad.record_size = 48; /* a member without a column */
	assert_false(table_is_sound(&bad));
	columns[2].offset = 25;
	assert_false(table_is_sound(&good));
	columns[2].offset = 24;
	index.columns[0] = 3;
	assert_false(table_is_sound(&good));
	index.columns[0] = 2;
	columns[0].type = STORE_INT;
	assert_false(table_is_sound(&good));
}

static void test_store_columns__is_a_set(void **state)
{
	(void)state;
	assert_int_equal(STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_TRACE),
			 1u << ORDER_COL_STATUS | 1u << ORDER_COL_TRACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables__are_sound),
		cmocka_unit_test(test_tables__counts_equal_the_enums),
		cmocka_unit_test(test_table_is_sound__finds_what_is_wrong),
		cmocka_unit_test(test_store_columns__is_a_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
