/* store.c - what every store must do, run over each back end (store/store.h). */
#include "store_env.h"

#include <pthread.h>
#include <semaphore.h>

static void assert_thing_equal(const struct thing *a, const struct thing *b)
{
	assert_true(id_eq(a->id, b->id));
	assert_int_equal(a->version, b->version);
	assert_true(str_eq(a->text, b->text) && !a->text.p == !b->text.p);
	assert_true(bytes_eq(a->blob, b->blob) && !a->blob.p == !b->blob.p);
	assert_true(id_eq(a->owner, b->owner));
	assert_true(a->number == b->number && a->flag == b->flag);
	assert_true(str_eq(a->note, b->note) && !a->note.p == !b->note.p);
}

static enum rc get_thing(struct env *env, struct id id, struct thing *out)
{
	const struct thing key = { .id = id };

	return store_get(env->r, &THINGS, STORE_PRIMARY, &key, &env->a, out);
}

/* --- one row --- */

static void test_insert__every_type_comes_back(void **state)
{
	static const uint8_t octets[] = { 0, 1, 0xff, 0 };
	struct env *env = *state;
	struct thing rows[] = {
		{ .text = STR("gr\xc3\xbc\xc3\x9f"), .blob = { octets, 4 }, .owner = id_new(),
		  .number = INT64_MAX, .flag = INT64_MIN, .note = STR("n") },
		{ .text = { "", 0 }, .blob = { octets, 0 }, .number = INT64_MIN, .note = { "", 0 } },
		{ .blob = { octets, 1 } },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct thing got;

		rows[i].id = id_new();
		must_insert(env->s, &rows[i]);
		assert_ok(get_thing(env, rows[i].id, &got));
		assert_thing_equal(&rows[i], &got);
		if (got.text.p)
			assert_int_equal(got.text.p[got.text.len], 0);
	}
}

static void test_insert__what_no_row_may_hold_is_refused(void **state)
{
	struct thing good = thing_new(1), bad[6];
	struct tx *tx = tx_must();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		bad[i] = good;
	bad[0].id = (struct id){ 0 };
	bad[1].blob = (struct bytes){ 0 }; /* in an index that is not partial */
	bad[2].text = (struct str){ "a\0b", 3 };
	bad[3].note = STR("12345678\xff");
	bad[4].note = STR("\xc3");
	bad[5].note = (struct str){ "12345678\0", 9 };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_rc(RC_INVALID, tx_insert(tx, &THINGS, &bad[i]));
		bad[i].version = 1;
		if (i > 0)
			assert_rc(RC_INVALID, tx_update(tx, &THINGS, &bad[i],
							STORE_COLUMNS(THING_COL_TEXT, THING_COL_BLOB,
								      THING_COL_NOTE)));
	}
	assert_true(tx_is_empty(tx));
	tx_free(tx);
}

static void test_insert__same_primary_key_conflicts(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), got;
	struct tx *tx = tx_must();

	must_insert(env->s, &thing);
	thing.number = 2;
	assert_ok(tx_insert(tx, &THINGS, &thing));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
	assert_ok(get_thing(env, thing.id, &got));
	assert_int_equal(got.number, 1);
}

static void test_insert__same_unique_key_conflicts_unless_absent(void **state)
{
	struct env *env = *state;
	struct thing a = thing_new(1), b = thing_new(2), none[2] = { thing_new(3), thing_new(4) };
	struct tx *tx = tx_must();

	a.text = b.text = STR("same");
	must_insert(env->s, &a);
	assert_ok(tx_insert(tx, &THINGS, &b));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
	must_insert(env->s, &none[0]);
	must_insert(env->s, &none[1]);
}

static void test_update__writes_the_set_and_counts_the_version(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), got;
	struct tx *tx = tx_must();

	thing.text = STR("before");
	thing.note = STR("kept");
	must_insert(env->s, &thing);
	thing.text = STR("after");
	thing.note = STR("not in the set");
	thing.flag = 7;
	assert_ok(tx_update(tx, &THINGS, &thing, STORE_COLUMNS(THING_COL_TEXT, THING_COL_FLAG)));
	thing.text = STR("changed behind its back: the tx has copies");
	assert_ok(store_commit(env->s, tx));

	thing.version = 2;
	thing.text = STR("after");
	thing.note = STR("kept");
	assert_ok(get_thing(env, thing.id, &got));
	assert_thing_equal(&thing, &got);
	assert_ok(store_get(env->r, &THINGS, THINGS_BY_TEXT, &thing, &env->a, &got));
	thing.text = STR("before");
	assert_rc(RC_NOTFOUND, store_get(env->r, &THINGS, THINGS_BY_TEXT, &thing, &env->a, &got));
}

static void test_update__to_absent_leaves_unique_and_partial_index(void **state)
{
	struct env *env = *state;
	struct thing a = thing_new(1), b = thing_new(2), got;
	struct tx *tx = tx_must();
	int64_t count;

	a.text = b.text = STR("name");
	a.flag = 1;
	must_insert(env->s, &a);
	a.text = (struct str){ 0 };
	a.flag = 0;
	assert_ok(tx_update(tx, &THINGS, &a, STORE_COLUMNS(THING_COL_TEXT, THING_COL_FLAG)));
	assert_ok(store_commit(env->s, tx));
	must_insert(env->s, &b);
	assert_ok(store_get(env->r, &THINGS, THINGS_BY_TEXT, &b, &env->a, &got));
	assert_true(id_eq(got.id, b.id));
	assert_rc(RC_NOTFOUND, store_get(env->r, &THINGS, THINGS_BY_TEXT, &a, &env->a, &got));
	assert_ok(store_count(env->r, &THINGS, THINGS_BY_FLAG, NULL, 0, &count));
	assert_int_equal(count, 0);
}

static void test_update__other_version_or_missing_row_conflicts(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), missing = thing_new(2);

	must_insert(env->s, &thing);
	assert_ok(update_number(env->s, &thing));
	assert_rc(RC_CONFLICT, update_number(env->s, &thing)); /* it has version 2 now */
	missing.version = 1;
	assert_rc(RC_CONFLICT, update_number(env->s, &missing));
}

static void test_update__into_a_taken_unique_key_conflicts(void **state)
{
	struct env *env = *state;
	struct thing a = thing_new(1), b = thing_new(2);
	struct tx *tx = tx_must();

	a.text = STR("a");
	b.text = STR("b");
	must_insert(env->s, &a);
	must_insert(env->s, &b);
	b.text = STR("a");
	assert_ok(tx_update(tx, &THINGS, &b, STORE_COLUMNS(THING_COL_TEXT)));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
}

static void test_update__useless_sets_are_refused(void **state)
{
	struct thing thing = thing_new(1);
	struct tx *tx = tx_must();

	(void)state;
	assert_rc(RC_INVALID, tx_update(tx, &THINGS, &thing, STORE_COLUMNS(THING_COL_NUMBER)));
	thing.version = 1;
	assert_rc(RC_INVALID, tx_update(tx, &THINGS, &thing, 0));
	assert_rc(RC_INVALID, tx_update(tx, &THINGS, &thing, STORE_COLUMNS(THING_COL_ID)));
	assert_rc(RC_INVALID, tx_update(tx, &THINGS, &thing, STORE_COLUMNS(THING_COL_VERSION)));
	assert_rc(RC_INVALID, tx_update(tx, &THINGS, &thing, UINT32_C(1) << COUNT_OF(thing_columns)));
	tx_free(tx);
}

static enum rc delete_thing(struct env *env, const struct thing *thing)
{
	struct tx *tx = tx_must();

	assert_ok(tx_delete(tx, &THINGS, thing));
	return store_commit(env->s, tx);
}

static void test_delete__by_version_or_any(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), got;

	must_insert(env->s, &thing);
	thing.version = 2;
	assert_rc(RC_CONFLICT, delete_thing(env, &thing));
	thing.version = 1;
	assert_ok(delete_thing(env, &thing));
	assert_rc(RC_NOTFOUND, get_thing(env, thing.id, &got));
	assert_rc(RC_CONFLICT, delete_thing(env, &thing));
	thing.version = 0;
	assert_ok(delete_thing(env, &thing));
	must_insert(env->s, &thing); /* the key is free again */
	thing.version = 0;
	assert_ok(delete_thing(env, &thing));
	assert_rc(RC_NOTFOUND, get_thing(env, thing.id, &got));
}

static void test_expect__holds_or_conflicts(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), other = thing_new(2), got;
	struct tx *tx = tx_must();

	must_insert(env->s, &thing);
	assert_ok(tx_expect(tx, &THINGS, &thing));
	assert_ok(tx_insert(tx, &THINGS, &other));
	assert_ok(store_commit(env->s, tx));

	assert_ok(update_number(env->s, &thing));
	tx = tx_must();
	other = thing_new(3);
	assert_ok(tx_insert(tx, &THINGS, &other));
	assert_ok(tx_expect(tx, &THINGS, &thing));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
	assert_rc(RC_NOTFOUND, get_thing(env, other.id, &got));
}

/* --- transactions --- */

static void test_tx__operations_see_those_before(void **state)
{
	struct env *env = *state;
	struct thing a = thing_new(1), b = thing_new(2), got;
	struct tx *tx = tx_must();

	a.text = b.text = STR("handed over");
	assert_ok(tx_insert(tx, &THINGS, &a));
	a.version = 1;
	a.number = 10;
	assert_ok(tx_update(tx, &THINGS, &a, STORE_COLUMNS(THING_COL_NUMBER)));
	a.version = 2;
	assert_ok(tx_expect(tx, &THINGS, &a));
	assert_ok(tx_delete(tx, &THINGS, &a));
	assert_ok(tx_insert(tx, &THINGS, &b));
	assert_ok(store_commit(env->s, tx));
	assert_rc(RC_NOTFOUND, get_thing(env, a.id, &got));
	assert_ok(store_get(env->r, &THINGS, THINGS_BY_TEXT, &b, &env->a, &got));
	assert_true(id_eq(got.id, b.id));
}

static void test_tx__all_or_nothing(void **state)
{
	struct env *env = *state;
	struct thing old = thing_new(1), added = thing_new(2), got;
	struct tx *tx = tx_must();

	old.text = STR("taken");
	must_insert(env->s, &old);
	added.text = STR("taken");
	old.number = 99;
	assert_ok(tx_update(tx, &THINGS, &old, STORE_COLUMNS(THING_COL_NUMBER)));
	assert_ok(tx_insert(tx, &THINGS, &added));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
	assert_ok(get_thing(env, old.id, &got));
	assert_int_equal(got.number, 1);
	assert_int_equal(got.version, 1);
}

static void test_tx__reset_forgets_and_limits_hold(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(1), got;
	size_t len = TX_BYTES_MAX;
	char *large = malloc(len);
	struct tx *tx = tx_must();

	assert_non_null(large);
	memset(large, 'x', len);
	assert_ok(tx_insert(tx, &THINGS, &thing));
	assert_false(tx_is_empty(tx));
	tx_reset(tx);
	assert_true(tx_is_empty(tx));
	assert_ok(store_commit(env->s, tx));
	assert_rc(RC_NOTFOUND, get_thing(env, thing.id, &got));

	tx = tx_must();
	thing.note = (struct str){ large, len };
	assert_rc(RC_LIMIT, tx_insert(tx, &THINGS, &thing));
	thing.note.len = len / 4;
	assert_ok(tx_insert(tx, &THINGS, &thing));
	assert_ok(store_commit(env->s, tx));
	assert_ok(get_thing(env, thing.id, &got));
	assert_true(str_eq(thing.note, got.note));
	tx = tx_must();
	assert_ok(tx_delete(tx, &THINGS, &got)); /* to pass by a large row costs reading it */
	thing = thing_new(2);
	assert_ok(tx_insert(tx, &THINGS, &thing));
	assert_ok(store_commit(env->s, tx));
	tx = tx_must();
	thing.version = 1;
	for (int i = 0; i < TX_OPS_MAX; i++)
		assert_ok(tx_expect(tx, &THINGS, &thing));
	assert_rc(RC_LIMIT, tx_expect(tx, &THINGS, &thing));
	assert_ok(store_commit(env->s, tx));
	tx_free(NULL);
	free(large);
}

/* --- the writer --- */

/* Collects what the callbacks say; a tx with gate holds the writer in its callback. */
struct results {
	sem_t gate, all;
	int left;
	int order[64];
	enum rc rc[64];
	int count;
	pthread_t thread;
};
struct result_arg {
	struct results *results;
	int number;
	bool waits;
};

static void on_done(void *p, enum rc rc)
{
	struct result_arg *arg = p;
	struct results *results = arg->results;

	results->thread = pthread_self();
	results->order[results->count] = arg->number;
	results->rc[results->count++] = rc;
	if (arg->waits)
		sem_wait(&results->gate);
	if (--results->left == 0)
		sem_post(&results->all);
}

static void results_init(struct results *results, int left)
{
	*results = (struct results){ .left = left };
	sem_init(&results->gate, 0, 0);
	sem_init(&results->all, 0, 0);
}

/* Everything in one group: some conflict, at their first operation or half-way, and only they. */
static void test_submit__a_conflict_in_a_group_concerns_its_tx_alone(void **state)
{
	enum { COUNT = 40 };
	struct env *env = *state;
	struct results results;
	struct result_arg args[COUNT + 1];
	struct thing taken = thing_new(0), things[COUNT + 1], got;

	taken.text = STR("taken");
	must_insert(env->s, &taken);
	results_init(&results, COUNT + 1);
	for (int i = 0; i <= COUNT; i++) {
		struct tx *tx = tx_must();
		struct thing doomed = thing_new(1000 + i);

		things[i] = thing_new(i);
		args[i] = (struct result_arg){ &results, i, .waits = i == 0 };
		if (i > 0 && i % 5 == 1) { /* fails at once */
			doomed.version = 1;
			assert_ok(tx_expect(tx, &THINGS, &doomed));
		}
		assert_ok(tx_insert(tx, &THINGS, &things[i]));
		if (i > 0 && i % 5 == 3) { /* fails half-way */
			doomed.text = STR("taken");
			assert_ok(tx_insert(tx, &THINGS, &doomed));
		}
		if (i > 0 && i % 5 == 4)
			tx_reset(tx); /* an empty one */
		store_submit(env->s, tx, on_done, &args[i]);
	}
	sem_post(&results.gate);
	sem_wait(&results.all);

	assert_false(pthread_equal(results.thread, pthread_self()));
	for (int i = 0; i <= COUNT; i++) {
		bool fails = i > 0 && (i % 5 == 1 || i % 5 == 3);
		bool is_stored = !fails && !(i > 0 && i % 5 == 4);

		assert_int_equal(results.order[i], i);
		assert_rc(fails ? RC_CONFLICT : RC_OK, results.rc[i]);
		assert_rc(is_stored ? RC_OK : RC_NOTFOUND, get_thing(env, things[i].id, &got));
	}
}

struct chain {
	struct store *s;
	int left;
	sem_t end;
};

static void submit_next(void *arg, enum rc rc)
{
	struct chain *chain = arg;
	struct thing thing = thing_new(chain->left);
	struct tx *tx = tx_new();

	if (rc != RC_OK || !tx || tx_insert(tx, &THINGS, &thing) != RC_OK)
		abort();
	if (chain->left-- > 0) {
		store_submit(chain->s, tx, submit_next, chain);
		return;
	}
	tx_free(tx);
	sem_post(&chain->end);
}

static void test_submit__a_callback_may_submit(void **state)
{
	struct env *env = *state;
	struct chain chain = { .s = env->s, .left = 20 };
	int64_t count;

	sem_init(&chain.end, 0, 0);
	store_submit(env->s, tx_must(), submit_next, &chain);
	sem_wait(&chain.end);
	assert_ok(store_count(env->r, &THINGS, STORE_PRIMARY, NULL, 0, &count));
	assert_int_equal(count, 20);
}

static void test_close__finishes_what_was_submitted(void **state)
{
	struct env *env = *state;
	struct results results;
	struct result_arg args[50];

	results_init(&results, 50);
	for (int i = 0; i < 50; i++) {
		struct tx *tx = tx_must();
		struct thing thing = thing_new(i);

		args[i] = (struct result_arg){ &results, i, .waits = false };
		assert_ok(tx_insert(tx, &THINGS, &thing));
		store_submit(env->s, tx, on_done, &args[i]);
	}
	env_close(env);
	assert_int_equal(results.left, 0);
	for (int i = 0; i < 50; i++)
		assert_rc(RC_OK, results.rc[i]);
	env_open(env);
}

enum { HAMMER_THREADS = 8, HAMMER_ROUNDS = 60 };

struct hammer {
	struct store *s;
	struct id id;
	int conflicts;
};

/* Reads, adds one, writes; again after a conflict. */
static void *hammer(void *arg)
{
	struct hammer *h = arg;
	struct store_read *r;
	struct arena a;

	arena_init(&a, 64 * 1024);
	if (store_read_open(h->s, &r) != RC_OK)
		abort();
	for (int round = 0; round < HAMMER_ROUNDS;) {
		struct thing thing, key = { .id = h->id };
		struct tx *tx = tx_new();
		enum rc rc;

		if (!tx || store_get(r, &THINGS, STORE_PRIMARY, &key, &a, &thing) != RC_OK)
			abort();
		thing.number++;
		if (tx_update(tx, &THINGS, &thing, STORE_COLUMNS(THING_COL_NUMBER)) != RC_OK)
			abort();
		rc = store_commit(h->s, tx);
		if (rc == RC_OK)
			round++;
		else if (rc == RC_CONFLICT)
			h->conflicts++;
		else
			abort();
		arena_reset(&a);
	}
	store_read_close(r);
	arena_done(&a);
	return NULL;
}

static void test_threads__no_increment_is_lost(void **state)
{
	struct env *env = *state;
	struct hammer hammers[HAMMER_THREADS];
	pthread_t threads[HAMMER_THREADS];
	struct thing thing = thing_new(0), got;

	must_insert(env->s, &thing);
	for (int i = 0; i < HAMMER_THREADS; i++) {
		hammers[i] = (struct hammer){ .s = env->s, .id = thing.id };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
	}
	for (int i = 0; i < HAMMER_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_ok(get_thing(env, thing.id, &got));
	assert_int_equal(got.number, HAMMER_THREADS * HAMMER_ROUNDS);
	assert_int_equal(got.version, HAMMER_THREADS * HAMMER_ROUNDS + 1);
}

/* --- snapshots --- */

static void test_read_begin__sees_one_snapshot_until_the_end(void **state)
{
	struct env *env = *state;
	struct thing changed = thing_new(1), deleted = thing_new(2), added = thing_new(3), got;
	struct store_read *other;
	struct thing *list;
	size_t count;
	int64_t n;

	must_insert(env->s, &changed);
	must_insert(env->s, &deleted);
	assert_ok(store_read_begin(env->r));
	assert_ok(get_thing(env, changed.id, &got));

	changed.number = 100;
	assert_ok(update_number(env->s, &changed));
	must_insert(env->s, &added);
	assert_ok(delete_thing(env, &deleted)); /* in the last commit of all */

	for (int round = 0; round < 2; round++) {
		assert_ok(get_thing(env, changed.id, &got));
		assert_int_equal(got.number, 1);
		assert_ok(get_thing(env, deleted.id, &got));
		assert_rc(RC_NOTFOUND, get_thing(env, added.id, &got));
		assert_ok(store_list(env->r, &(struct store_query){ .table = &THINGS,
			.index = THINGS_BY_NUMBER, .limit = 10 }, &env->a, &list, &count));
		assert_int_equal(count, 2);
		assert_int_equal(list[0].number, 1);
		assert_int_equal(list[1].number, 2);
		assert_ok(store_count(env->r, &THINGS, STORE_PRIMARY, NULL, 0, &n));
		assert_int_equal(n, 2);
	}
	/* Another reader sees what is committed, although the old rows are still kept. */
	assert_ok(store_read_open(env->s, &other));
	assert_ok(store_get(other, &THINGS, STORE_PRIMARY, &changed, &env->a, &got));
	assert_int_equal(got.number, 100);
	assert_rc(RC_NOTFOUND, store_get(other, &THINGS, STORE_PRIMARY, &deleted, &env->a, &got));
	assert_ok(store_count(other, &THINGS, THINGS_BY_NUMBER, NULL, 0, &n));
	assert_int_equal(n, 2);
	store_read_close(other);

	store_read_end(env->r);
	assert_ok(get_thing(env, changed.id, &got));
	assert_int_equal(got.number, 100);
	assert_rc(RC_NOTFOUND, get_thing(env, deleted.id, &got));
	assert_ok(get_thing(env, added.id, &got));
}

static void test_commit__is_seen_by_every_reader_afterwards(void **state)
{
	struct env *env = *state;
	struct store_read *other;
	struct thing thing = thing_new(1), got;

	assert_ok(store_read_open(env->s, &other));
	for (int i = 0; i < 20; i++) {
		thing.id = id_new();
		must_insert(env->s, &thing);
		assert_ok(get_thing(env, thing.id, &got));
		assert_ok(store_get(other, &THINGS, STORE_PRIMARY, &thing, &env->a, &got));
	}
	store_read_close(other);
}

/* --- the rest --- */

static void test_real_tables__take_a_row_each(void **state)
{
	struct env *env = *state;
	struct account_record account = { .id = id_new(), .directory = STR("default"),
		.thumbprint = bytes_of("0123456789abcdef0123456789abcdef", 32), .status = ACCOUNT_VALID };
	struct order_record order = { .id = id_new(), .account = account.id, .status = ORDER_PENDING };
	struct authz_record authz = { .id = id_new(), .account = account.id,
		.identifier = STR("dns:*.a.example") };
	struct cert_record cert = { .serial = bytes_of("serial", 6), .authority = STR("lab"),
		.spki_hash = bytes_of("hash", 4), .names = STR("dns:a.example"), .revoked_at = 5 };
	struct crl_record crl = { .name = STR("lab"), .number = 9 };
	struct job_record job = { .id = id_new(), .due_at_ms = 7 };
	struct meta_record meta = { .key = STR("node"), .value = bytes_of("v", 1) }, meta_got;
	struct audit_record audit = { .id = id_new(), .actor = STR("system") };
	struct account_record account_got;
	struct cert_record *certs, cert_got;
	int64_t now = 10;
	size_t count;
	struct tx *tx = tx_must();

	assert_ok(tx_insert(tx, &ACCOUNTS, &account));
	assert_ok(tx_insert(tx, &ORDERS, &order));
	assert_ok(tx_insert(tx, &AUTHZS, &authz));
	assert_ok(tx_insert(tx, &CERTS, &cert));
	assert_ok(tx_insert(tx, &JOBS, &job));
	assert_ok(tx_insert(tx, &METAS, &meta));
	assert_ok(tx_insert(tx, &CRLS, &crl));
	assert_ok(tx_insert(tx, &AUDITS, &audit));
	assert_ok(store_commit(env->s, tx));

	assert_ok(store_get(env->r, &ACCOUNTS, ACCOUNTS_BY_KEY, &account, &env->a, &account_got));
	assert_true(id_eq(account.id, account_got.id));
	assert_ok(store_get(env->r, &CERTS, STORE_PRIMARY, &cert, &env->a, &cert_got));
	assert_ok(store_get(env->r, &METAS, STORE_PRIMARY, &meta, &env->a, &meta_got));
	assert_true(bytes_eq(meta.value, meta_got.value));
	assert_ok(store_list(env->r, &(struct store_query){ .table = &CERTS, .index = CERTS_BY_REVOKED,
		.upper = &now, .limit = 5 }, &env->a, &certs, &count));
	assert_int_equal(count, 1);
	assert_true(str_is(certs->names, "dns:a.example"));
	assert_ok(store_list(env->r, &(struct store_query){ .table = &CERTS, .index = CERTS_BY_REVOKED,
		.limit = 5, .columns = STORE_COLUMNS(CERT_COL_SERIAL, CERT_COL_REVOKED_AT) },
		&env->a, &certs, &count));
	assert_int_equal(count, 1);
	assert_true(bytes_eq(certs->serial, cert.serial));
	assert_int_equal(certs->revoked_at, 5);
	assert_null(certs->names.p); /* was not asked for */

	tx = tx_must();
	account.id = id_new(); /* the same key in the same directory: RFC 8555 §7.3.1 finds the first */
	assert_ok(tx_insert(tx, &ACCOUNTS, &account));
	assert_rc(RC_CONFLICT, store_commit(env->s, tx));
}

/* Inserts so many rows into the trail in one tx; conflict: the tx fails after the first of them. */
static void audit_some(struct env *env, int count, bool conflict)
{
	struct thing thing = thing_new(1);
	struct tx *tx = tx_must();

	for (int i = 0; i < count; i++) {
		struct audit_record row = { .id = id_new(), .at = 5 + i, .actor = STR("system"), .detail = STR("") };

		assert_ok(tx_insert(tx, &AUDITS, &row));
		if (conflict && i == 0) {
			assert_ok(tx_insert(tx, &THINGS, &thing));
			assert_ok(tx_insert(tx, &THINGS, &thing));
		}
	}
	assert_rc(conflict ? RC_CONFLICT : RC_OK, store_commit(env->s, tx));
}

/* Every row has the next number, the hash before and the hash of what it says. */
static void assert_chain(struct env *env, size_t expected)
{
	uint8_t before[32] = { 0 }, hash[32];
	struct audit_record *rows;
	size_t count;

	assert_ok(store_list(env->r, &(struct store_query){ .table = &AUDITS, .index = AUDITS_BY_NUMBER, .limit = 1000 },
			     &env->a, &rows, &count));
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].number, i + 1);
		assert_true(bytes_eq(rows[i].before, bytes_of(before, 32)));
		store_chain_hash(&AUDITS, &rows[i], hash);
		assert_true(bytes_eq(rows[i].hash, bytes_of(hash, 32)));
		memcpy(before, hash, 32);
	}
}

static void test_chain__has_no_gap_whatever_fails(void **state)
{
	struct env *env = *state;
	size_t rows = 0;

	for (int i = 0; i < 20; i++) {
		audit_some(env, 1 + i % 3, false);
		rows += (size_t)(1 + i % 3);
		audit_some(env, 2, true);
	}
	assert_chain(env, rows);
	if (!env->back_end->is_durable)
		return;
	env_close(env);
	env_open(env);
	audit_some(env, 2, false);
	assert_chain(env, rows + 2);
}

static void test_chain__rows_are_never_changed_or_removed(void **state)
{
	struct env *env = *state;
	struct audit_record *rows;
	struct tx *tx = tx_must();
	size_t count;

	audit_some(env, 1, false);
	assert_ok(store_list(env->r, &(struct store_query){ .table = &AUDITS, .index = STORE_PRIMARY, .limit = 5 },
			     &env->a, &rows, &count));
	assert_rc(RC_INVALID, tx_update(tx, &AUDITS, rows, STORE_COLUMNS(AUDIT_COL_DETAIL)));
	assert_rc(RC_INVALID, tx_delete(tx, &AUDITS, rows));
	tx_free(tx);
}

static void test_ping_and_describe(void **state)
{
	struct env *env = *state;

	assert_ok(store_ping(env->s));
	assert_ok(store_ping(env->s));
	assert_memory_equal(store_describe(env->s), env->back_end->name, strlen(env->back_end->name));
}

static void test_reopen__what_was_committed_is_there(void **state)
{
	struct env *env = *state;
	struct thing thing = thing_new(5), got;

	if (!env->back_end->is_durable)
		return; /* forgetting is what it is for */
	thing.text = STR("stays");
	must_insert(env->s, &thing);
	env_close(env);
	env_open(env);
	assert_ok(get_thing(env, thing.id, &got));
	assert_thing_equal(&thing, &got);
}

static void test_open__unknown_urls_are_refused(void **state)
{
	static const char *const urls[] = { "", "sqlite", "sqlite:", "mysql:x", "memory:x", ":x" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		const struct store_options options = { .url = str_of(urls[i]), .tables = STORE_TABLES,
						       .create = true };
		struct fault f = { 0 };
		struct store *s;

		assert_rc(RC_INVALID, store_open(&options, &s, &f));
		assert_memory_equal(f.detail, "store: ", 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_insert__every_type_comes_back),
		T(test_insert__what_no_row_may_hold_is_refused),
		T(test_insert__same_primary_key_conflicts),
		T(test_insert__same_unique_key_conflicts_unless_absent),
		T(test_update__writes_the_set_and_counts_the_version),
		T(test_update__to_absent_leaves_unique_and_partial_index),
		T(test_update__other_version_or_missing_row_conflicts),
		T(test_update__into_a_taken_unique_key_conflicts),
		T(test_update__useless_sets_are_refused),
		T(test_delete__by_version_or_any),
		T(test_expect__holds_or_conflicts),
		T(test_tx__operations_see_those_before),
		T(test_tx__all_or_nothing),
		T(test_tx__reset_forgets_and_limits_hold),
		T(test_submit__a_conflict_in_a_group_concerns_its_tx_alone),
		T(test_submit__a_callback_may_submit),
		T(test_close__finishes_what_was_submitted),
		T(test_threads__no_increment_is_lost),
		T(test_read_begin__sees_one_snapshot_until_the_end),
		T(test_commit__is_seen_by_every_reader_afterwards),
		T(test_real_tables__take_a_row_each),
		T(test_chain__has_no_gap_whatever_fails),
		T(test_chain__rows_are_never_changed_or_removed),
		T(test_ping_and_describe),
		T(test_reopen__what_was_committed_is_there),
		T(test_open__unknown_urls_are_refused),
	};

	return RUN_OVER_BACK_ENDS(tests);
}
