/* test_sqlite.c - the file: query plans, schema and migrations, permissions, locks, copies. */
#include "../../contract/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/sqlite/connection.h"
#include "store/table.h"

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	place_make(place);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	place_remove(*state);
	free(*state);
	return 0;
}

/* A look behind the store's back. */
static sqlite3 *raw_open(const struct place *place)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	return db;
}

static void raw_run(const struct place *place, const char *sql)
{
	sqlite3 *db = raw_open(place);

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* --- plans --- */

/* The lines of the plan, joined by "; ". */
static void plan_of(sqlite3 *db, const char *sql, char *out, size_t cap)
{
	char explain[8192];
	sqlite3_stmt *stmt;
	size_t len = 0;

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	out[0] = 0;
	while (sqlite3_step(stmt) == SQLITE_ROW && len < cap)
		len += (size_t)snprintf(out + len, cap - len, "%s; ", sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
}

/* Places in the plan where the index is narrowed: "=?", ">?" and "<?"; row values are "(a,b)>(?,?)". */
static unsigned narrowings(const char *plan)
{
	unsigned count = 0;

	for (const char *p = plan; *p; p++)
		count += (*p == '=' || *p == '<' || *p == '>') && (p[1] == '?' || p[1] == '(');
	return count;
}

static void check_plan(sqlite3 *db, const struct store_table *t, struct statement_shape shape)
{
	const struct store_index *ix = table_index(t, shape.index);
	unsigned ends = ((shape.flags & (LIST_AFTER | LIST_LOWER | LIST_UPPER)) != 0);
	char plan[1024];
	struct buf sql;

	if ((shape.flags & (LIST_LOWER | LIST_UPPER)) == (LIST_LOWER | LIST_UPPER) ||
	    ((shape.flags & LIST_AFTER) &&
	     (shape.flags & (shape.flags & LIST_DESCENDING ? LIST_LOWER : LIST_UPPER))))
		ends = 2;
	buf_init(&sql, 8192);
	statement_sql(&sql, t, shape);
	assert_true(buf_ok(&sql));
	plan_of(db, sql.p, plan, sizeof(plan));
	if (strstr(plan, "TEMP B-TREE") || (ix && !strstr(plan, ix->name)) ||
	    (strstr(plan, "SCAN") && shape.key_columns + ends > 0) ||
	    narrowings(plan) < shape.key_columns + ends)
		fail_msg("%s\n%s", sql.p, plan);
	buf_done(&sql);
}

static void check_table_plans(sqlite3 *db, const struct store_table *t)
{
	for (int index = STORE_PRIMARY; index < (int)t->index_count; index++) {
		const struct store_index *ix = table_index(t, index);

		for (unsigned key = 0; key <= index_column_count(ix); key++) {
			bool is_int = key < index_column_count(ix) &&
				      t->columns[index_column(ix, key)].type == STORE_INT;
			struct statement_shape shape = { STATEMENT_COUNT, (int8_t)index, (uint8_t)key };

			if (key > 0)
				check_plan(db, t, shape);
			shape.kind = STATEMENT_LIST;
			for (uint8_t flags = 0; flags < 16; flags++) {
				bool is_double_start = (flags & LIST_AFTER) &&
					(flags & (flags & LIST_DESCENDING ? LIST_UPPER : LIST_LOWER));

				if (((flags & (LIST_UPPER | LIST_LOWER)) && !is_int) || is_double_start ||
				    (!ix && key > 0 && (flags & LIST_AFTER)))
					continue; /* store_list() never asks for these */
				shape.flags = flags;
				check_plan(db, t, shape);
			}
		}
		if (!ix || ix->unique)
			check_plan(db, t, (struct statement_shape){ STATEMENT_GET, (int8_t)index,
				(uint8_t)index_column_count(ix) });
	}
	check_plan(db, t, (struct statement_shape){ STATEMENT_EXPECT, STORE_PRIMARY, 1 });
	check_plan(db, t, (struct statement_shape){ STATEMENT_DELETE, STORE_PRIMARY, 1 });
	check_plan(db, t, (struct statement_shape){ STATEMENT_UPDATE, STORE_PRIMARY, 1, 0, 1u << 2 });
}

static void test_plans__nothing_is_scanned_or_sorted(void **state)
{
	struct place *place = *state;
	sqlite3 *db;

	store_close(store_at(place->url));
	db = raw_open(place);
	for (size_t i = 0; thing_tables[i]; i++)
		check_table_plans(db, thing_tables[i]);
	sqlite3_close(db);
}

/* --- schema --- */

static enum rc try_open(const struct place *place, const struct store_table *const *tables,
			const struct store_migration *const *migrations, bool create,
			struct fault *f)
{
	const struct store_options options = { .url = str_of(place->url), .tables = tables,
		.migrations = migrations, .create = create, .busy_limit_ms = 100 };
	struct store *s;
	enum rc rc = store_open(&options, &s, f);

	if (rc == RC_OK)
		store_close(s);
	return rc;
}

static void test_open__migrations_lead_to_the_descriptions(void **state)
{
	struct fault f = { 0 };

	/* store_open() compares them; the next test shows that it can fail. */
	if (try_open(*state, STORE_TABLES, NULL, true, &f) != RC_OK)
		fail_msg("%s", f.detail);
	assert_ok(try_open(*state, STORE_TABLES, NULL, false, &f));
}

static void test_open__a_changed_schema_is_refused(void **state)
{
	static const char *const changes[][2] = {
		{ "DROP INDEX certs_by_not_after",
		  "CREATE INDEX \"certs_by_not_after\" ON \"certs\" (\"not_after\")" },
		{ "CREATE INDEX more ON orders (status)", "DROP INDEX more" },
		{ "CREATE TRIGGER t AFTER INSERT ON orders BEGIN DELETE FROM certs; END",
		  "DROP TRIGGER t" },
		{ "ALTER TABLE jobs ADD COLUMN more INTEGER", "ALTER TABLE jobs DROP COLUMN more" },
		{ "ALTER TABLE jobs RENAME COLUMN note TO notes",
		  "ALTER TABLE jobs RENAME COLUMN notes TO note" },
		{ "DROP INDEX certs_by_revoked; "
		  "CREATE INDEX \"certs_by_revoked\" ON \"certs\" (\"revoked_at\")",
		  "DROP INDEX certs_by_revoked; CREATE INDEX \"certs_by_revoked\" ON \"certs\" "
		  "(\"revoked_at\", \"authority\", \"revoked_reason\", \"not_after\") WHERE \"revoked_at\" <> 0" },
		{ "DROP TABLE metas", "CREATE TABLE \"metas\" (\"key\" TEXT NOT NULL PRIMARY KEY, "
		  "\"version\" INTEGER NOT NULL DEFAULT 0, \"value\" BLOB) STRICT, WITHOUT ROWID" },
	};
	struct place *place = *state;
	struct fault f = { 0 };

	assert_ok(try_open(place, STORE_TABLES, NULL, true, &f));
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		raw_run(place, changes[i][0]);
		if (try_open(place, STORE_TABLES, NULL, true, &f) != RC_INVALID)
			fail_msg("opened after %s", changes[i][0]);
		raw_run(place, changes[i][1]);
		if (try_open(place, STORE_TABLES, NULL, true, &f) != RC_OK)
			fail_msg("%s: %s", changes[i][1], f.detail);
	}
}

/* Version 1 with a row, then version 2 with a column and an index more. */
static void test_open__migrates_rows_to_the_next_version(void **state)
{
	static const struct store_column old_columns[] = {
		THING_COLUMN(id, STORE_ID), THING_COLUMN(version, STORE_INT),
	};
	static const struct store_table old_table = { .name = "pets", .record_size = 24,
		.columns = old_columns, .column_count = 2, .version_column = 1 };
	static const struct store_column new_columns[] = {
		{ "id", STORE_ID, 0 },     { "version", STORE_INT, 16 }, { "age", STORE_INT, 24 },
		{ "owner", STORE_ID, 32 }, { "name", STORE_TEXT, 48 },
	};
	static const struct store_index new_indexes[] = { { "pets_by_age", { 2 }, 1 } };
	static const struct store_table new_table = { .name = "pets", .record_size = 64,
		.columns = new_columns, .column_count = 5, .version_column = 1,
		.indexes = new_indexes, .index_count = 1 };
	static const struct migration_step first_steps[] = {
		{ MIGRATION_TABLE, "pets", .columns = { { "id", STORE_ID }, { "version", STORE_INT } } },
		{ MIGRATION_INDEX, "pets", "pets_old", .columns = { { "version", STORE_INT } } },
		{ MIGRATION_DROP_INDEX, "pets", "pets_old" },
	};
	static const struct migration_step second_steps[] = {
		{ MIGRATION_COLUMN, "pets", .columns = { { "name", STORE_TEXT } } },
		{ MIGRATION_COLUMN, "pets", .columns = { { "owner", STORE_ID } } },
		{ MIGRATION_COLUMN, "pets", .columns = { { "age", STORE_INT } } },
		{ MIGRATION_INDEX, "pets", "pets_by_age", .columns = { { "age", STORE_INT } } },
	};
	static const struct store_migration first = { 1, "first", first_steps, COUNT_OF(first_steps) };
	static const struct store_migration second = { 2, "second", second_steps, COUNT_OF(second_steps) };
	const struct store_migration *const one[] = { &first, NULL }, *const two[] = { &first, &second, NULL };
	const struct store_table *const old_tables[] = { &old_table, NULL };
	const struct store_table *const new_tables[] = { &new_table, NULL };
	struct { struct id id; int64_t version; } old = { .id = id_new() };
	struct { struct id id; int64_t version, age; struct id owner; struct str name; } got;
	struct place *place = *state;
	struct store_options options = { .url = str_of(place->url), .create = true,
					 .tables = old_tables, .migrations = one };
	struct fault f = { 0 };
	struct store_read *r;
	struct store *s;
	struct arena a;
	struct tx *tx = tx_must();

	assert_ok(store_open(&options, &s, &f));
	assert_ok(tx_insert(tx, &old_table, &old));
	assert_ok(store_commit(s, tx));
	store_close(s);

	options.tables = new_tables;
	options.migrations = two;
	options.create = false;
	assert_ok(store_open(&options, &s, &f));
	arena_init(&a, 4096);
	assert_ok(store_read_open(s, &r));
	memset(&got, 0xff, sizeof(got));
	assert_ok(store_get(r, &new_table, STORE_PRIMARY, &old, &a, &got));
	assert_int_equal(got.version, 1);
	assert_int_equal(got.age, 0);
	assert_true(id_is_zero(got.owner));
	assert_null(got.name.p);
	store_read_close(r);
	store_close(s);
	arena_done(&a);

	/* The old program must not touch it any more. */
	assert_rc(RC_INVALID, try_open(place, old_tables, one, true, &f));
	assert_non_null(strstr(f.detail, "newer"));
}

static void test_open__a_failed_migration_leaves_nothing(void **state)
{
	static const struct migration_step bad_steps[] = {
		{ MIGRATION_TABLE, "pets", .columns = { { "id", STORE_ID }, { "version", STORE_INT } } },
		{ MIGRATION_DROP_INDEX, "pets", "no_such_index" },
	};
	static const struct store_migration bad = { 3, "bad", bad_steps, COUNT_OF(bad_steps) };
	static const struct store_migration gap = { 4, "gap", thing_steps, COUNT_OF(thing_steps) };
	const struct store_migration *const with_bad[] = { &MIGRATION_0001_FIRST, &MIGRATION_0002_ZONES, &bad, NULL };
	const struct store_migration *const with_gap[] = { &MIGRATION_0001_FIRST, &MIGRATION_0002_ZONES, &gap, NULL };
	struct fault f = { 0 };

	assert_ok(try_open(*state, STORE_TABLES, NULL, true, &f));
	assert_rc(RC_INTERNAL, try_open(*state, STORE_TABLES, with_bad, true, &f));
	assert_rc(RC_INTERNAL, try_open(*state, STORE_TABLES, with_gap, true, &f));
	assert_ok(try_open(*state, STORE_TABLES, NULL, false, &f));
	assert_ok(try_open(*state, thing_tables, thing_migrations, false, &f));
}

/* --- whose file is it --- */

static void test_open__missing_or_foreign_files_are_refused(void **state)
{
	struct place *place = *state;
	struct fault f = { 0 };
	FILE *file;

	assert_rc(RC_NOTFOUND, try_open(place, STORE_TABLES, NULL, false, &f));
	assert_non_null(strstr(f.detail, "assay init"));
	raw_run(place, "CREATE TABLE notes (n)");
	assert_rc(RC_INVALID, try_open(place, STORE_TABLES, NULL, true, &f));
	assert_int_equal(truncate(place->path, 0), 0);
	assert_rc(RC_INVALID, try_open(place, STORE_TABLES, NULL, false, &f));
	file = fopen(place->path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	assert_rc(RC_IO, try_open(place, STORE_TABLES, NULL, true, &f));
	unlink(place->path);
	assert_int_equal(symlink("b.db", place->path), 0);
	assert_rc(RC_INVALID, try_open(place, STORE_TABLES, NULL, true, &f));
}

static void test_open__files_are_private(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-lock" };
	struct place *place = *state;
	mode_t old_mask = umask(0);
	struct store *s = store_at(place->url);
	struct stat st;
	char path[80];

	assert_ok(store_ping(s));
	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	store_close(s);
	assert_int_equal(chmod(place->path, 0644), 0); /* as cp restores it */
	store_close(store_at(place->url));
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	umask(old_mask);
}

static void test_open__a_directory_that_others_may_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0770, 0702, 01777 };
	struct place *place = *state;
	struct fault f = { 0 };

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		assert_int_equal(chmod(place->dir, modes[i]), 0);
		assert_rc(RC_DENIED, try_open(place, STORE_TABLES, NULL, true, &f));
		assert_non_null(strstr(f.detail, "chmod go-w"));
	}
	assert_int_equal(chmod(place->dir, 0700), 0);
}

/* --- locks --- */

static void test_submit__is_busy_while_another_connection_writes(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1);
	struct tx *tx = tx_must();
	sqlite3 *db;

	must_insert(s, &thing);
	db = raw_open(place);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	thing.id = id_new();
	assert_ok(tx_insert(tx, &THINGS, &thing));
	assert_rc(RC_BUSY, store_commit(s, tx));
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	must_insert(s, &thing); /* nothing of it was left */
	store_close(s);
}

static void test_open__a_second_store_may_read_but_not_write(void **state)
{
	struct place *place = *state;
	struct store *first = store_at(place->url), *second;
	struct thing thing = thing_new(1), got;
	struct store_read *r;
	struct stat st;
	struct arena a;
	char wal[80];

	must_insert(first, &thing);
	second = store_at(place->url);
	arena_init(&a, 4096);
	assert_ok(store_read_open(second, &r));
	assert_ok(store_get(r, &THINGS, STORE_PRIMARY, &thing, &a, &got));
	assert_rc(RC_BUSY, store_ping(second));
	store_read_close(r);
	store_close(second);
	snprintf(wal, sizeof(wal), "%s-wal", place->path);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size > 0); /* the reader has not checkpointed it away */

	store_close(first); /* the owner does */
	assert_int_not_equal(stat(wal, &st), 0);
	second = store_at(place->url);
	assert_ok(store_ping(second));
	store_close(second);
	arena_done(&a);
}

/* --- the WAL --- */

static off_t wal_size(const struct place *place)
{
	char path[80];
	struct stat st;

	snprintf(path, sizeof(path), "%s-wal", place->path);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Commits until the sum of what was written is many times what the WAL may hold. */
static void write_much(struct store *s, int rounds)
{
	static char large[1024 * 1024];

	memset(large, 'x', sizeof(large));
	for (int i = 0; i < rounds; i++) {
		struct thing thing = thing_new(i);
		struct tx *tx = tx_must();

		thing.note = (struct str){ large, sizeof(large) };
		assert_ok(tx_insert(tx, &THINGS, &thing));
		assert_ok(store_commit(s, tx));
		thing.version = 1;
		tx = tx_must();
		assert_ok(tx_delete(tx, &THINGS, &thing));
		assert_ok(store_commit(s, tx));
	}
}

static void test_checkpoint__the_wal_starts_over(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);

	write_much(s, 60);
	assert_in_range(wal_size(place), 1, 24 * 1024 * 1024);
	store_close(s);
}

static void test_checkpoint__a_reader_only_delays_it(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1), got;
	struct store_read *r;
	struct arena a;

	arena_init(&a, 4096);
	must_insert(s, &thing);
	assert_ok(store_read_open(s, &r));
	assert_ok(store_read_begin(r));
	assert_ok(store_get(r, &THINGS, STORE_PRIMARY, &thing, &a, &got));
	write_much(s, 80);
	assert_true(wal_size(place) > 64 * 1024 * 1024);
	assert_ok(store_get(r, &THINGS, STORE_PRIMARY, &thing, &a, &got));
	store_read_end(r);
	write_much(s, 20);
	assert_in_range(wal_size(place), 1, 24 * 1024 * 1024);
	store_read_close(r);
	store_close(s);
	arena_done(&a);
}

/* --- copies and checks --- */

static void must_not_report(void *arg, const char *line)
{
	(void)arg;
	fail_msg("store_check: %s", line);
}

static void count_report(void *arg, const char *line)
{
	assert_non_null(line);
	++*(int *)arg;
}

static void test_backup__is_a_store_of_its_own(void **state)
{
	struct place *place = *state, copy = *place;
	struct store *s = store_at(place->url), *restored;
	struct thing thing = thing_new(1), got;
	struct fault f = { 0 };
	struct store_read *r;
	struct stat st;
	struct arena a;

	snprintf(copy.path, sizeof(copy.path), "%.40s/b.db", place->dir);
	snprintf(copy.url, sizeof(copy.url), "sqlite:%.64s", copy.path);
	must_insert(s, &thing);
	assert_ok(store_backup(s, copy.path, &f));
	assert_rc(RC_CONFLICT, store_backup(s, copy.path, &f));
	assert_rc(RC_IO, store_backup(s, "/nonexistent/b.db", &f));
	must_insert(s, &(struct thing){ .id = id_new(), .blob = bytes_of("b", 1) });
	assert_int_equal(stat(copy.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	restored = store_at(copy.url);
	arena_init(&a, 4096);
	assert_ok(store_check(restored, must_not_report, NULL));
	assert_ok(store_read_open(restored, &r));
	assert_ok(store_get(r, &THINGS, STORE_PRIMARY, &thing, &a, &got));
	store_read_close(r);
	store_close(restored);
	store_close(s);
	arena_done(&a);
}

static void test_check__finds_damage(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct tx *tx = tx_must();
	uint8_t zeros[8192] = { 0 };
	int lines = 0, fd;
	off_t size;

	for (int i = 0; i < 400; i++) {
		struct thing thing = thing_new(i);

		assert_ok(tx_insert(tx, &THINGS, &thing));
	}
	assert_ok(store_commit(s, tx));
	assert_ok(store_check(s, must_not_report, NULL));
	store_close(s);

	fd = open(place->path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	assert_int_equal(pwrite(fd, zeros, sizeof(zeros), size - (off_t)sizeof(zeros)), sizeof(zeros));
	close(fd);
	s = store_at(place->url);
	assert_rc(RC_INVALID, store_check(s, count_report, &lines));
	assert_true(lines > 0);
	store_close(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_plans__nothing_is_scanned_or_sorted),
		T(test_open__migrations_lead_to_the_descriptions),
		T(test_open__a_changed_schema_is_refused),
		T(test_open__migrates_rows_to_the_next_version),
		T(test_open__a_failed_migration_leaves_nothing),
		T(test_open__missing_or_foreign_files_are_refused),
		T(test_open__files_are_private),
		T(test_open__a_directory_that_others_may_write_is_refused),
		T(test_submit__is_busy_while_another_connection_writes),
		T(test_open__a_second_store_may_read_but_not_write),
		T(test_checkpoint__the_wal_starts_over),
		T(test_checkpoint__a_reader_only_delays_it),
		T(test_backup__is_a_store_of_its_own),
		T(test_check__finds_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
