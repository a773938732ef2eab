/* test_pem.c - RFC 7468: what is written is exact, what is read is generous but not wrong. */
#include "kit.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* FIELD Q25: LF, 64 columns, a newline at the end, nothing else. */
static void test_rfc7468_2__written_form_for_every_length(void **state)
{
	static uint8_t data[200];
	struct bytes *list;
	struct buf b;
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37);
	buf_init(&b, 10000);
	pem_add(&b, "X", bytes_of("\x01\x02\x03", 3));
	assert_string_equal(b.p, "-----BEGIN X-----\nAQID\n-----END X-----\n");
	for (size_t n = 1; n < sizeof(data); n++) {
		size_t columns = 0;

		buf_reset(&b);
		pem_add(&b, "CERTIFICATE", bytes_of(data, n));
		pem_add(&b, "CERTIFICATE", bytes_of(data, 1));
		for (size_t i = 0; i < b.len; i++) {
			columns = b.p[i] == '\n' ? 0 : columns + 1;
			assert_true(columns <= 64);
			assert_true(b.p[i] != '\r');
		}
		assert_int_equal(b.p[b.len - 1], '\n');
		assert_null(strstr(b.p, "\n\n"));
		assert_int_equal(pem_read(&arena, buf_bytes(&b), "CERTIFICATE", &list, &count, NULL), RC_OK);
		assert_int_equal(count, 2);
		assert_true(bytes_eq(list[0], bytes_of(data, n)));
		assert_true(bytes_eq(list[1], bytes_of(data, 1)));
	}
	buf_done(&b);
}

static void test_pem_read__other_text_and_labels_are_skipped(void **state)
{
	static const char text[] = "Subject: CN = a\r\n\r\n-----BEGIN CERTIFICATE-----\r\nAQ\r\nID\r\n"
				   "-----END CERTIFICATE-----\r\nsome words\n-----BEGIN KEY-----\nBAUG\n"
				   "-----END KEY-----\n-----BEGIN CERTIFICATE-----  \n  BwgJ\n"
				   "-----END CERTIFICATE-----";
	struct bytes *list;
	size_t count;

	(void)state;
	assert_int_equal(pem_read(&arena, str_bytes(STR(text)), "CERTIFICATE", &list, &count, NULL), RC_OK);
	assert_int_equal(count, 2);
	assert_true(bytes_eq(list[0], bytes_of("\x01\x02\x03", 3)));
	assert_true(bytes_eq(list[1], bytes_of("\x07\x08\x09", 3)));
	assert_int_equal(pem_read(&arena, str_bytes(STR(text)), "KEY", &list, &count, NULL), RC_OK);
	assert_int_equal(count, 1);
}

static void test_pem_read__refuses(void **state)
{
	static const struct {
		const char *text;
		enum rc rc;
	} rows[] = {
		{ "", RC_NOTFOUND },
		{ "no block", RC_NOTFOUND },
		{ "-----BEGIN B-----\nAQID\n-----END B-----\n", RC_NOTFOUND },
		{ "-----BEGIN A-----", RC_INVALID },
		{ "-----BEGIN A-----\nAQID\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQID\n-----END B-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQID\n-----END A----\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQID\n-----END AB-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQID\n-----END A-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQI\n-----END A-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nA?ID\n-----END A-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nAQ_-\n-----END A-----\n", RC_INVALID },
		{ "-----BEGIN A-----\n-----END A-----\n", RC_INVALID },
		{ "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END A-----\n", RC_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault f = { 0 };
		struct bytes *list = NULL;
		size_t count = 77;

		assert_int_equal(pem_read(&arena, str_bytes(str_of(rows[i].text)), "A", &list, &count, &f),
				 rows[i].rc);
		kit_expect_text(f.detail, "RFC 7468");
		assert_int_equal(count, 77);
		assert_null(list);
	}
}

static void test_pem_read__nul_octets_and_no_memory(void **state)
{
	static const char nul[] = "-----BEGIN A-----\nAQ\0ID\n-----END A-----\n";
	static const char good[] = "-----BEGIN A-----\nAQID\n-----END A-----\n";
	struct arena small;
	struct bytes *list;
	size_t count;

	(void)state;
	assert_int_equal(pem_read(&arena, bytes_of(nul, sizeof(nul) - 1), "A", &list, &count, NULL),
			 RC_INVALID);
	for (size_t max = 0; max <= 16; max += 16) {
		arena_init(&small, max);
		assert_int_equal(pem_read(&small, str_bytes(STR(good)), "A", &list, &count, NULL), RC_NOMEM);
		arena_done(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc7468_2__written_form_for_every_length),
		cmocka_unit_test(test_pem_read__other_text_and_labels_are_skipped),
		cmocka_unit_test(test_pem_read__refuses),
		cmocka_unit_test(test_pem_read__nul_octets_and_no_memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
