/* schema.c - the tables in the file: made by migrations, compared with the descriptions at open. */
#include "store/sqlite/connection.h"

#include <stdio.h>

#include "store/table.h"

#define ZERO_ID_SQL "x'00000000000000000000000000000000'"

const char *schema_column_type(enum store_type type)
{
	switch (type) {
	case STORE_INT:
		return "INTEGER";
	case STORE_TEXT:
		return "TEXT";
	case STORE_ID:
	case STORE_BLOB:
		break;
	}
	return "BLOB";
}

/* What stands for "unset" in the file. INT and ID are never NULL, so that indexes order them. */
static const char *column_constraint(enum store_type type)
{
	switch (type) {
	case STORE_INT:
		return " NOT NULL DEFAULT 0";
	case STORE_ID:
		return " NOT NULL DEFAULT " ZERO_ID_SQL;
	default:
		return "";
	}
}

void schema_index_condition(struct buf *sql, const char *column, enum store_type type)
{
	static const char *const conditions[] = {
		[STORE_ID] = "<> " ZERO_ID_SQL,
		[STORE_INT] = "<> 0",
		[STORE_TEXT] = "IS NOT NULL",
		[STORE_BLOB] = "IS NOT NULL",
	};

	buf_addf(sql, "\"%s\" %s", column, conditions[type]);
}

static void add_column(struct buf *sql, const struct migration_column *column)
{
	buf_addf(sql, "\"%s\" %s%s", column->name, schema_column_type(column->type),
		 column_constraint(column->type));
}

static void add_table(struct buf *sql, const struct migration_step *step)
{
	const struct migration_column *column = step->columns;

	buf_addf(sql, "CREATE TABLE \"%s\" (\"%s\" %s NOT NULL PRIMARY KEY", step->table,
		 column->name, schema_column_type(column->type));
	for (column++; column->name; column++) {
		buf_add_text(sql, ", ");
		add_column(sql, column);
	}
	buf_add_text(sql, ") STRICT, WITHOUT ROWID");
}

static void add_index(struct buf *sql, const struct migration_step *step)
{
	buf_addf(sql, "CREATE %sINDEX \"%s\" ON \"%s\" (", step->unique ? "UNIQUE " : "",
		 step->index, step->table);
	for (size_t i = 0; step->columns[i].name; i++)
		buf_addf(sql, "%s\"%s\"", i ? ", " : "", step->columns[i].name);
	buf_add_text(sql, ")");
	if (step->unique || step->partial) {
		buf_add_text(sql, " WHERE ");
		schema_index_condition(sql, step->columns[0].name, step->columns[0].type);
	}
}

static void add_step(struct buf *sql, const struct migration_step *step)
{
	switch (step->kind) {
	case MIGRATION_TABLE:
		add_table(sql, step);
		break;
	case MIGRATION_COLUMN:
		buf_addf(sql, "ALTER TABLE \"%s\" ADD COLUMN ", step->table);
		add_column(sql, &step->columns[0]);
		break;
	case MIGRATION_INDEX:
		add_index(sql, step);
		break;
	case MIGRATION_DROP_INDEX:
		buf_addf(sql, "DROP INDEX \"%s\"", step->index);
		break;
	}
}

/* --- migrations --- */

static enum rc database_fault(sqlite3 *db, const char *doing, struct fault *f)
{
	const struct connection c = { .db = db };
	enum rc rc = connection_rc(&c, sqlite3_extended_errcode(db));

	return fault_set(f, rc == RC_OK ? RC_INTERNAL : rc, PROBLEM_NONE, "store: %s: %s", doing,
			 sqlite3_errmsg(db));
}

static enum rc run_steps(sqlite3 *db, const struct store_migration *m, struct fault *f)
{
	enum rc rc = RC_OK;
	struct buf sql;

	buf_init(&sql, SCHEMA_SQL_MAX);
	for (size_t i = 0; rc == RC_OK && i < m->step_count; i++) {
		buf_reset(&sql);
		add_step(&sql, &m->steps[i]);
		if (!buf_ok(&sql))
			rc = fault_set(f, RC_NOMEM, PROBLEM_NONE, "store: no memory to migrate");
		else if (sqlite3_exec(db, sql.p, NULL, NULL, NULL) != SQLITE_OK)
			rc = database_fault(db, m->what, f);
	}
	buf_done(&sql);
	return rc;
}

/* -1: the table store_schema is missing. */
static int64_t stored_version(sqlite3 *db)
{
	struct connection c = { .db = db };

	return connection_pragma(&c, "SELECT version FROM store_schema", -1);
}

/* Inside the transaction of schema_migrate(). */
static enum rc migrate_all(sqlite3 *db, const struct store_migration *const *migrations,
			   struct fault *f)
{
	int64_t version = stored_version(db); /* once more: another process may have been faster */
	char sql[160];

	if (version < 0) {
		/* pings: written by store_ping(), so that its commit is a real one. */
		if (sqlite3_exec(db, "CREATE TABLE store_schema ("
				     "one INTEGER PRIMARY KEY CHECK (one = 1),"
				     " version INTEGER NOT NULL, pings INTEGER NOT NULL) STRICT;"
				     "INSERT INTO store_schema VALUES (1, 0, 0)",
				 NULL, NULL, NULL) != SQLITE_OK)
			return database_fault(db, "new store", f);
		version = 0;
	}
	for (size_t i = 0; migrations[i]; i++) {
		enum rc rc;

		if (migrations[i]->version <= version)
			continue;
		if (migrations[i]->version != version + 1)
			return fault_set(f, RC_INTERNAL, PROBLEM_NONE,
					 "store: migration %lld is missing", (long long)version + 1);
		rc = run_steps(db, migrations[i], f);
		if (rc != RC_OK)
			return rc;
		version++;
	}
	snprintf(sql, sizeof(sql),
		 "UPDATE store_schema SET version = %lld; PRAGMA user_version = %lld;"
		 "PRAGMA application_id = %d",
		 (long long)version, (long long)version, SCHEMA_APPLICATION_ID);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_fault(db, "schema version", f);
	return RC_OK;
}

enum rc schema_inspect(sqlite3 *db, const struct store_migration *const *migrations, bool create,
		       bool *out_is_current, struct fault *f)
{
	struct connection c = { .db = db };
	int64_t version = stored_version(db), newest = 0, tables;

	for (size_t i = 0; migrations[i]; i++)
		newest = migrations[i]->version;
	if (version < 0) {
		tables = connection_pragma(&c, "SELECT count(*) FROM sqlite_schema", -1);
		if (tables < 0)
			return database_fault(db, "cannot be read", f);
		if (tables > 0 || !create)
			return fault_set(f, RC_INVALID, PROBLEM_NONE,
					 "store: the file is not an Assay store%s",
					 tables > 0 ? "" : " (it is empty)");
	}
	if (version > newest)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "store: it has schema %lld and was written by a newer Assay; this one "
				 "knows up to %lld", (long long)version, (long long)newest);
	*out_is_current = version == newest;
	return RC_OK;
}

enum rc schema_migrate(sqlite3 *db, const struct store_migration *const *migrations, struct fault *f)
{
	enum rc rc;

	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return database_fault(db, "cannot be locked to migrate it", f);
	rc = migrate_all(db, migrations, f);
	if (rc == RC_OK && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		rc = database_fault(db, "cannot commit the migration", f);
	if (rc != RC_OK && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* --- comparing the file with the descriptions --- */

/* Column by column: an ALTER TABLE may have put them in another order than the description. */
static bool table_matches(sqlite3 *db, const struct store_table *t)
{
	static const char sql[] = "SELECT count(*), sum(name = ?2 AND type = ?3 AND \"notnull\" = ?4"
				  " AND pk = ?5) FROM pragma_table_xinfo(?1)";
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK;

	for (unsigned i = 0; ok && i < t->column_count; i++) {
		const struct store_column *column = &t->columns[i];
		bool not_null = i == 0 || column_constraint(column->type)[0];

		ok = sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC) == SQLITE_OK &&
		     sqlite3_bind_text(stmt, 2, column->name, -1, SQLITE_STATIC) == SQLITE_OK &&
		     sqlite3_bind_text(stmt, 3, schema_column_type(column->type), -1,
				       SQLITE_STATIC) == SQLITE_OK &&
		     sqlite3_bind_int(stmt, 4, not_null) == SQLITE_OK &&
		     sqlite3_bind_int(stmt, 5, i == 0) == SQLITE_OK &&
		     sqlite3_step(stmt) == SQLITE_ROW &&
		     sqlite3_column_int64(stmt, 0) == t->column_count &&
		     sqlite3_column_int64(stmt, 1) == 1;
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return ok;
}

/* An index is made in one piece, so its text must be exactly ours. */
static bool index_matches(sqlite3 *db, const struct store_table *t, const struct store_index *ix)
{
	static const char query[] = "SELECT sql = ?3 FROM sqlite_schema"
				    " WHERE type = 'index' AND tbl_name = ?1 AND name = ?2";
	struct migration_step step = { MIGRATION_INDEX, t->name, ix->name, .unique = ix->unique,
				       .partial = ix->partial };
	sqlite3_stmt *stmt = NULL;
	struct buf sql;
	bool ok;

	for (unsigned i = 0; i < ix->count; i++) {
		const struct store_column *column = &t->columns[ix->columns[i]];

		step.columns[i] = (struct migration_column){ column->name, column->type };
	}
	buf_init(&sql, SCHEMA_SQL_MAX);
	add_index(&sql, &step);
	ok = buf_ok(&sql) && sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK &&
	     sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC) == SQLITE_OK &&
	     sqlite3_bind_text(stmt, 2, ix->name, -1, SQLITE_STATIC) == SQLITE_OK &&
	     sqlite3_bind_text(stmt, 3, sql.p, (int)sql.len, SQLITE_STATIC) == SQLITE_OK &&
	     sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1;
	sqlite3_finalize(stmt);
	buf_done(&sql);
	return ok;
}

/* STRICT and WITHOUT ROWID, and neither a trigger nor an index that is not ours. */
static bool table_is_ours(sqlite3 *db, const struct store_table *t)
{
	static const char sql[] =
		"SELECT (SELECT strict AND wr FROM pragma_table_list(?1) WHERE schema = 'main'),"
		" (SELECT count(*) FROM sqlite_schema WHERE tbl_name = ?1 AND type <> 'table'"
		" AND name NOT LIKE 'sqlite\\_autoindex\\_%' ESCAPE '\\')";
	sqlite3_stmt *stmt = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
		  sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC) == SQLITE_OK &&
		  sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1 &&
		  sqlite3_column_int64(stmt, 1) == t->index_count;

	sqlite3_finalize(stmt);
	return ok;
}

enum rc schema_verify(sqlite3 *db, const struct store_table *const *tables, struct fault *f)
{
	for (size_t i = 0; tables[i]; i++) {
		const struct store_table *t = tables[i];

		if (!table_matches(db, t) || !table_is_ours(db, t))
			return fault_set(f, RC_INVALID, PROBLEM_NONE,
					 "store: table %s is not as this program needs it; was the file "
					 "changed by hand?", t->name);
		for (unsigned n = 0; n < t->index_count; n++)
			if (!index_matches(db, t, &t->indexes[n]))
				return fault_set(f, RC_INVALID, PROBLEM_NONE,
						 "store: index %s is not as this program needs it; was "
						 "the file changed by hand?", t->indexes[n].name);
	}
	return RC_OK;
}
