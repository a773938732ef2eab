/* store_list.c - lists, counts and lookups of every store, compared with a naive model. */
#include "store_env.h"

enum { MODEL_ROWS = 300, MODEL_QUERIES = 3000 };

static uint32_t random_state = 12345;
static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)random_state * n) >> 32);
}

static const struct {
	int index;
	unsigned count;
	unsigned columns[2];
	bool skips; /* rows with an unset first column are not in it */
} model_indexes[] = {
	{ STORE_PRIMARY, 0, { 0 }, false },
	{ THINGS_BY_TEXT, 1, { THING_COL_TEXT }, true },
	{ THINGS_BY_OWNER, 2, { THING_COL_OWNER, THING_COL_NUMBER }, false },
	{ THINGS_BY_NUMBER, 1, { THING_COL_NUMBER }, false },
	{ THINGS_BY_FLAG, 2, { THING_COL_FLAG, THING_COL_NUMBER }, true },
	{ THINGS_BY_BLOB, 1, { THING_COL_BLOB }, false },
};

static int compare_octets(const void *a, size_t a_len, const void *b, size_t b_len)
{
	size_t len = a_len < b_len ? a_len : b_len;
	int order = len ? memcmp(a, b, len) : 0;

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_column(unsigned column, const struct thing *a, const struct thing *b)
{
	switch (column) {
	case THING_COL_ID:
		return memcmp(a->id.b, b->id.b, ID_LEN);
	case THING_COL_TEXT:
		return compare_octets(a->text.p, a->text.len, b->text.p, b->text.len);
	case THING_COL_BLOB:
		return compare_octets(a->blob.p, a->blob.len, b->blob.p, b->blob.len);
	case THING_COL_OWNER:
		return memcmp(a->owner.b, b->owner.b, ID_LEN);
	case THING_COL_NUMBER:
		return (a->number > b->number) - (a->number < b->number);
	default:
		return (a->flag > b->flag) - (a->flag < b->flag);
	}
}

static bool is_unset(unsigned column, const struct thing *thing)
{
	return column == THING_COL_TEXT ? !thing->text.p : thing->flag == 0;
}

static int model_index; /* for qsort */
static int compare_model(const void *a, const void *b)
{
	for (unsigned i = 0; i < model_indexes[model_index].count; i++) {
		int order = compare_column(model_indexes[model_index].columns[i], a, b);

		if (order)
			return order;
	}
	return compare_column(THING_COL_ID, a, b);
}

/* What store_list() must answer, the naive way; rows are sorted by compare_model. */
static size_t model_list(const struct thing *rows, const struct store_query *q, struct id *out)
{
	size_t count = 0;

	for (size_t n = 0; n < MODEL_ROWS && count < q->limit; n++) {
		const struct thing *row = &rows[q->descending ? MODEL_ROWS - 1 - n : n];
		const unsigned *columns = model_indexes[model_index].columns;
		bool fits = !model_indexes[model_index].skips || !is_unset(columns[0], row);

		for (unsigned i = 0; i < q->key_columns; i++)
			fits = fits && compare_column(columns[i], row, q->key) == 0;
		if (q->upper)
			fits = fits && (columns[q->key_columns] == THING_COL_FLAG ? row->flag
										 : row->number) <= *q->upper;
		if (q->lower)
			fits = fits && (columns[q->key_columns] == THING_COL_FLAG ? row->flag
										 : row->number) >= *q->lower;
		if (q->after) {
			int order = compare_model(row, q->after);

			fits = fits && (q->descending ? order < 0 : order > 0);
		}
		if (fits)
			out[count++] = row->id;
	}
	return count;
}

static struct thing random_thing(const struct id *owners)
{
	static char texts[MODEL_ROWS * 4][12];
	static size_t next_text;
	static const char *const blobs[] = { "", "a", "ab", "b", "\xff" };
	uint32_t blob = random_below(COUNT_OF(blobs));
	struct thing thing = {
		.id = id_new(), .owner = owners[random_below(4)],
		.number = (int64_t)random_below(12) - 4, .flag = (int64_t)random_below(4) - 1,
		.blob = { (const uint8_t *)blobs[blob], strlen(blobs[blob]) },
	};

	if (random_below(3)) {
		char *text = texts[next_text++ % COUNT_OF(texts)];

		snprintf(text, sizeof(texts[0]), "%x%zu", random_below(16), next_text);
		thing.text = str_of(text);
	}
	return thing;
}

static struct store_query random_query(const struct thing *rows, const struct thing *after,
				       int64_t bounds[2])
{
	unsigned count = model_indexes[model_index].count, key_columns = random_below(count + 1);
	struct store_query q = {
		.table = &THINGS, .index = model_indexes[model_index].index,
		.key = &rows[random_below(MODEL_ROWS)], .key_columns = key_columns,
		.descending = random_below(2), .limit = 1 + random_below(40),
	};

	bounds[0] = (int64_t)random_below(14) - 5;
	bounds[1] = (int64_t)random_below(14) - 5;
	if (key_columns < count && (model_indexes[model_index].columns[key_columns] == THING_COL_NUMBER ||
				    model_indexes[model_index].columns[key_columns] == THING_COL_FLAG)) {
		q.upper = random_below(2) ? &bounds[0] : NULL;
		q.lower = random_below(2) ? &bounds[1] : NULL;
	}
	if (random_below(2))
		q.after = after;
	return q;
}

static void insert_model(struct env *env, struct thing *rows)
{
	struct id owners[4] = { { .b = { 0 } }, id_new(), id_new(), id_new() };
	struct tx *tx = tx_must();

	for (size_t i = 0; i < MODEL_ROWS; i++) {
		rows[i] = random_thing(owners);
		assert_ok(tx_insert(tx, &THINGS, &rows[i]));
		rows[i].version = 1;
	}
	assert_ok(store_commit(env->s, tx));
}

static void test_list__equals_the_model_for_random_queries(void **state)
{
	struct env *env = *state;
	struct thing rows[MODEL_ROWS], *got;
	struct id expected[MODEL_ROWS];

	insert_model(env, rows);
	for (model_index = 0; model_index < (int)COUNT_OF(model_indexes); model_index++) {
		qsort(rows, MODEL_ROWS, sizeof(rows[0]), compare_model);
		for (int n = 0; n < MODEL_QUERIES / (int)COUNT_OF(model_indexes); n++) {
			struct thing after = rows[random_below(MODEL_ROWS)];
			int64_t bounds[2];
			struct store_query q = random_query(rows, &after, bounds);
			size_t want, count;

			/* A row with an unset column is in no place of a partial index. */
			if (model_indexes[model_index].skips &&
			    is_unset(model_indexes[model_index].columns[0], &after))
				q.after = NULL;
			if (random_below(4) == 0)
				after.id = id_new(); /* a row that is gone */
			want = model_list(rows, &q, expected);
			assert_ok(store_list(env->r, &q, &env->a, &got, &count));
			assert_int_equal(count, want);
			for (size_t i = 0; i < count; i++)
				assert_true(id_eq(got[i].id, expected[i]));
			if (count == 0)
				assert_null(got);
			arena_reset(&env->a);
		}
	}
}

static void test_list__pages_join_to_the_whole(void **state)
{
	struct env *env = *state;
	struct thing rows[MODEL_ROWS], *page;
	struct id expected[MODEL_ROWS];

	insert_model(env, rows);
	for (model_index = 0; model_index < (int)COUNT_OF(model_indexes); model_index++) {
		qsort(rows, MODEL_ROWS, sizeof(rows[0]), compare_model);
		for (int descending = 0; descending < 2; descending++) {
			struct store_query q = { .table = &THINGS, .descending = descending,
				.index = model_indexes[model_index].index, .limit = MODEL_ROWS };
			size_t want = model_list(rows, &q, expected), at = 0, count;

			for (q.limit = 7;; q.after = &page[count - 1]) {
				assert_ok(store_list(env->r, &q, &env->a, &page, &count));
				if (count == 0)
					break;
				for (size_t i = 0; i < count; i++)
					assert_true(at < want && id_eq(page[i].id, expected[at++]));
			}
			assert_int_equal(at, want);
		}
	}
}

static void test_list__senseless_queries_are_refused(void **state)
{
	struct env *env = *state;
	struct thing key = thing_new(1), *got;
	int64_t bound = 1;
	size_t count;
	struct store_query bad[] = {
		{ .table = &THINGS, .index = STORE_PRIMARY, .limit = 0 },
		{ .table = &THINGS, .index = STORE_PRIMARY, .limit = 1, .upper = &bound },
		{ .table = &THINGS, .index = THINGS_BY_TEXT, .limit = 1, .lower = &bound },
		{ .table = &THINGS, .index = THINGS_BY_NUMBER, .limit = 1, .key = &key,
		  .key_columns = 1, .lower = &bound },
		{ .table = &THINGS, .index = THINGS_BY_NUMBER, .limit = 1, .key = &key,
		  .key_columns = 2 },
		{ .table = &THINGS, .index = STORE_PRIMARY, .limit = 1, .key = &key,
		  .key_columns = 1, .after = &key },
	};

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_rc(RC_INVALID, store_list(env->r, &bad[i], &env->a, &got, &count));
}

static void test_list__a_full_arena_is_no_memory(void **state)
{
	struct env *env = *state;
	struct thing rows[MODEL_ROWS], *got;
	size_t count;
	struct arena small;

	insert_model(env, rows);
	arena_init(&small, 4096);
	assert_rc(RC_NOMEM, store_list(env->r, &(struct store_query){ .table = &THINGS,
		.index = STORE_PRIMARY, .limit = MODEL_ROWS }, &small, &got, &count));
	arena_done(&small);
}

static void test_count_and_get__by_index(void **state)
{
	struct env *env = *state;
	struct thing rows[MODEL_ROWS], got;

	insert_model(env, rows);
	for (model_index = 1; model_index < (int)COUNT_OF(model_indexes); model_index++) {
		qsort(rows, MODEL_ROWS, sizeof(rows[0]), compare_model);
		for (unsigned key_columns = 0; key_columns <= model_indexes[model_index].count;
		     key_columns++) {
			const struct thing *key = &rows[random_below(MODEL_ROWS)];
			struct store_query q = { .table = &THINGS, .key = key,
				.index = model_indexes[model_index].index,
				.key_columns = key_columns, .limit = MODEL_ROWS };
			struct id expected[MODEL_ROWS];
			size_t want = model_list(rows, &q, expected);
			int64_t count;

			assert_ok(store_count(env->r, &THINGS, q.index, key, key_columns, &count));
			assert_int_equal(count, want);
			if (key_columns < model_indexes[model_index].count)
				continue;
			assert_rc(want ? RC_OK : RC_NOTFOUND,
				  store_get(env->r, &THINGS, q.index, key, &env->a, &got));
			if (want)
				assert_true(id_eq(got.id, expected[0]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_list__equals_the_model_for_random_queries),
		T(test_list__pages_join_to_the_whole),
		T(test_list__senseless_queries_are_refused),
		T(test_list__a_full_arena_is_no_memory),
		T(test_count_and_get__by_index),
	};

	return RUN_OVER_BACK_ENDS(tests);
}
