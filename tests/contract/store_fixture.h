/* store_fixture.h - a table with every type and kind of index, and stores that have it. */
#ifndef ASSAY_TESTS_CONTRACT_STORE_FIXTURE_H
#define ASSAY_TESTS_CONTRACT_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/migrations/migrations.h"
#include "store/records.h"

struct thing {
	struct id id;
	int64_t version;
	struct str text;
	struct bytes blob;
	struct id owner;
	int64_t number;
	int64_t flag;
	struct str note;
};
enum {
	THING_COL_ID, THING_COL_VERSION, THING_COL_TEXT, THING_COL_BLOB, THING_COL_OWNER,
	THING_COL_NUMBER, THING_COL_FLAG, THING_COL_NOTE,
};
enum { THINGS_BY_TEXT, THINGS_BY_OWNER, THINGS_BY_NUMBER, THINGS_BY_FLAG, THINGS_BY_BLOB };

#define THING_COLUMN(member, column_type) \
	{ .name = #member, .type = column_type, .offset = offsetof(struct thing, member) }

static const struct store_column thing_columns[] = {
	THING_COLUMN(id, STORE_ID),       THING_COLUMN(version, STORE_INT),
	THING_COLUMN(text, STORE_TEXT),   THING_COLUMN(blob, STORE_BLOB),
	THING_COLUMN(owner, STORE_ID),    THING_COLUMN(number, STORE_INT),
	THING_COLUMN(flag, STORE_INT),    THING_COLUMN(note, STORE_TEXT),
};
static const struct store_index thing_indexes[] = {
	{ "things_by_text", { THING_COL_TEXT }, 1, .unique = true },
	{ "things_by_owner", { THING_COL_OWNER, THING_COL_NUMBER }, 2 },
	{ "things_by_number", { THING_COL_NUMBER }, 1 },
	{ "things_by_flag", { THING_COL_FLAG, THING_COL_NUMBER }, 2, .partial = true },
	{ "things_by_blob", { THING_COL_BLOB }, 1 },
};
static const struct store_table THINGS = {
	.name = "things", .record_size = sizeof(struct thing), .columns = thing_columns,
	.column_count = COUNT_OF(thing_columns), .indexes = thing_indexes,
	.index_count = COUNT_OF(thing_indexes), .version_column = THING_COL_VERSION,
};

static const struct migration_step thing_steps[] = {
	{ MIGRATION_TABLE, "things", .columns = {
		{ "id", STORE_ID }, { "version", STORE_INT }, { "text", STORE_TEXT },
		{ "blob", STORE_BLOB }, { "owner", STORE_ID }, { "number", STORE_INT },
		{ "flag", STORE_INT }, { "note", STORE_TEXT } } },
	{ MIGRATION_INDEX, "things", "things_by_text", .columns = { { "text", STORE_TEXT } },
	  .unique = true },
	{ MIGRATION_INDEX, "things", "things_by_owner",
	  .columns = { { "owner", STORE_ID }, { "number", STORE_INT } } },
	{ MIGRATION_INDEX, "things", "things_by_number", .columns = { { "number", STORE_INT } } },
	{ MIGRATION_INDEX, "things", "things_by_flag",
	  .columns = { { "flag", STORE_INT }, { "number", STORE_INT } }, .partial = true },
	{ MIGRATION_INDEX, "things", "things_by_blob", .columns = { { "blob", STORE_BLOB } } },
};
static const struct store_migration thing_migration = {
	3, "things", thing_steps, COUNT_OF(thing_steps)
};
static const struct store_migration *const thing_migrations[] = {
	&MIGRATION_0001_FIRST, &MIGRATION_0002_ZONES, &thing_migration, NULL
};
static const struct store_table *const thing_tables[] = {
	&THINGS, &ACCOUNTS, &ORDERS, &AUTHZS, &CERTS, &JOBS, &METAS, &CRLS, &AUDITS,
	&EABS, &ZONES, NULL
};

/* A thing that may be inserted as it is; its slices are literals. */
static inline struct thing thing_new(int64_t number)
{
	return (struct thing){ .id = id_new(), .blob = bytes_of("blob", 4), .number = number };
}

#define assert_rc(expected, call)                                                             \
	do {                                                                                  \
		enum rc rc_ = (call);                                                         \
		if (rc_ != (expected))                                                        \
			fail_msg("%s: %s instead of %s", #call, rc_text(rc_), rc_text(expected)); \
	} while (0)
#define assert_ok(call) assert_rc(RC_OK, call)

static inline struct tx *tx_must(void)
{
	struct tx *tx = tx_new();

	assert_non_null(tx);
	return tx;
}

/* Inserts and leaves the version that the row then has in the record. */
static inline void must_insert(struct store *s, struct thing *thing)
{
	struct tx *tx = tx_must();

	assert_ok(tx_insert(tx, &THINGS, thing));
	assert_ok(store_commit(s, tx));
	thing->version = 1;
}

static inline enum rc update_number(struct store *s, const struct thing *thing)
{
	struct tx *tx = tx_must();

	assert_ok(tx_update(tx, &THINGS, thing, STORE_COLUMNS(THING_COL_NUMBER)));
	return store_commit(s, tx);
}

/* A new directory for the database; "" before it is made. */
struct place {
	char dir[32];
	char path[64];
	char url[80];
};

static inline void place_make(struct place *place)
{
	snprintf(place->dir, sizeof(place->dir), "/tmp/assay-store-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/a.db", place->dir);
	snprintf(place->url, sizeof(place->url), "sqlite:%s", place->path);
}

static inline void place_remove(struct place *place)
{
	static const char *const names[] = { "a.db", "a.db-wal", "a.db-shm", "a.db-lock", "b.db",
					     "b.db-wal", "b.db-shm", "b.db-lock" };
	char path[128];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(place->dir), 0);
}

static inline struct store *store_at(const char *url)
{
	const struct store_options options = {
		.url = str_of(url), .tables = thing_tables, .migrations = thing_migrations,
		.create = true, .busy_limit_ms = 200,
	};
	struct fault f = { 0 };
	struct store *s = NULL;

	if (store_open(&options, &s, &f) != RC_OK)
		fail_msg("store_open: %s", f.detail);
	return s;
}

#endif
