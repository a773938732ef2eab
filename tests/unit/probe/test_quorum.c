/* test_quorum.c - every way in which up to five perspectives can have answered, against the definition. */
#include "probe/quorum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

/* Can those that have not answered (and, if counted, those that could not tell) still decide it? */
static bool can_be_valid(const struct quorum *q, bool with_missing)
{
	size_t others = q->asked - q->valid - q->invalid - (with_missing ? 0 : q->missing);

	for (size_t more = 0; more <= others; more++)
		if (q->valid + more >= q->needed)
			return true;
	return false;
}

static void check(const struct quorum *q)
{
	switch (quorum_verdict(q)) {
	case QUORUM_VALID:
		assert_true(q->valid >= q->needed);
		return;
	case QUORUM_OPEN:
		assert_true(q->valid < q->needed && can_be_valid(q, false));
		assert_true(q->valid + q->invalid + q->missing < q->asked);
		return;
	case QUORUM_TRANSIENT:
		assert_true(q->valid < q->needed && !can_be_valid(q, false) && can_be_valid(q, true));
		return;
	case QUORUM_INVALID:
		assert_false(can_be_valid(q, true));
		return;
	}
	fail();
}

static unsigned check_all(size_t n, size_t k)
{
	unsigned rows = 0;

	for (size_t valid = 0; valid <= n; valid++)
		for (size_t invalid = 0; valid + invalid <= n; invalid++)
			for (size_t missing = 0; valid + invalid + missing <= n; missing++, rows++) {
				struct quorum q = quorum_of(n, k);

				q.valid = valid;
				q.invalid = invalid;
				q.missing = missing;
				check(&q);
			}
	return rows;
}

static void test_quorum_verdict__all_combinations(void **state)
{
	unsigned rows = 0;

	(void)state;
	for (size_t n = 1; n <= 5; n++)
		for (size_t k = 0; k <= n; k++)
			rows += check_all(n, k);
	assert_int_equal(rows, 2 * 4 + 3 * 10 + 4 * 20 + 5 * 35 + 6 * 56);
}

static void test_quorum_verdict__examples(void **state)
{
	static const struct {
		size_t n, k, valid, invalid, missing;
		enum quorum_verdict verdict;
	} table[] = {
		{ 1, 0, 0, 0, 0, QUORUM_OPEN },      { 1, 0, 1, 0, 0, QUORUM_VALID },
		{ 1, 0, 0, 1, 0, QUORUM_INVALID },   { 1, 0, 0, 0, 1, QUORUM_TRANSIENT },
		{ 3, 2, 2, 0, 0, QUORUM_VALID },     { 3, 2, 2, 1, 0, QUORUM_VALID },
		{ 3, 2, 1, 1, 0, QUORUM_OPEN },      { 3, 2, 0, 2, 0, QUORUM_INVALID },
		{ 3, 2, 1, 1, 1, QUORUM_TRANSIENT }, { 3, 2, 0, 2, 1, QUORUM_INVALID },
		{ 3, 2, 0, 1, 1, QUORUM_TRANSIENT }, { 3, 2, 0, 1, 2, QUORUM_TRANSIENT },
		{ 3, 0, 2, 1, 0, QUORUM_INVALID },   { 3, 0, 2, 0, 1, QUORUM_TRANSIENT },
		{ 3, 0, 3, 0, 0, QUORUM_VALID },     { 3, 9, 3, 0, 0, QUORUM_VALID },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct quorum q = quorum_of(table[i].n, table[i].k);

		q.valid = table[i].valid;
		q.invalid = table[i].invalid;
		q.missing = table[i].missing;
		if (quorum_verdict(&q) != table[i].verdict)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quorum_verdict__all_combinations),
		cmocka_unit_test(test_quorum_verdict__examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
