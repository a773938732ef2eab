/* migrations.h - the way from every released schema to the newest, one step after the other.
 *
 * A migration says what changes in words that every back end understands (tables, columns, indexes)
 * and no SQL, so that one text serves SQLite and others and none of them is forgotten. A migration
 * that was released is never edited: the next change is a new one with the next number. The back
 * end carries all pending ones out in one transaction and keeps the number in its own table. */
#ifndef ASSAY_STORE_MIGRATIONS_MIGRATIONS_H
#define ASSAY_STORE_MIGRATIONS_MIGRATIONS_H

#include "store/store.h"

#define MIGRATION_COLUMNS_MAX 32

enum migration_kind {
	MIGRATION_TABLE,      /* a new table; its first column is the primary key */
	MIGRATION_COLUMN,     /* a new column (columns[0]): 0, zero id or absent in existing rows */
	MIGRATION_INDEX,      /* a new index over columns[]; types as in the table */
	MIGRATION_DROP_INDEX,
};

struct migration_column {
	const char *name; /* NULL ends the list */
	enum store_type type;
};

struct migration_step {
	enum migration_kind kind;
	const char *table;
	const char *index;
	struct migration_column columns[MIGRATION_COLUMNS_MAX + 1];
	bool unique, partial; /* of an index, as in struct store_index */
};

struct store_migration {
	int64_t version; /* 1, 2, 3, ... without a gap */
	const char *what;
	const struct migration_step *steps;
	size_t step_count;
};

extern const struct store_migration MIGRATION_0001_FIRST, MIGRATION_0002_ZONES;

/* All of them in order, NULL-terminated: they lead to STORE_TABLES. */
extern const struct store_migration *const STORE_MIGRATIONS[];

#endif
