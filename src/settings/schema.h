/* schema.h - YAML settings files read by a schema (libyaml events; jansson and YAML trees never
 * reach the callers, they get filled structs).
 * Strict: duplicate keys, anchors/aliases, tags, unknown keys, several documents are errors, each
 * with line and column, and "did you mean" for a near key. Scalars are what the schema says, so
 * `no` and `12:30` stay strings. Every error of a file is reported in one run.
 * A setting is one row of a table: the manual and `assay config check` come from it. */
#ifndef ASSAY_SETTINGS_SCHEMA_H
#define ASSAY_SETTINGS_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"

enum setting_type {
	SETTING_STR,      /* struct str */
	SETTING_INT,      /* int64_t; min..max */
	SETTING_BOOL,     /* bool; true/false only */
	SETTING_DURATION, /* int64_t seconds ("90d"); min..max in seconds */
	SETTING_ENUM,     /* int: index into values[] */
	SETTING_STR_LIST, /* struct setting_strs */
	SETTING_MAP,      /* one nested struct at offset, keys by children */
	SETTING_NAMED,    /* mapping of free names to structs: struct setting_items, each item of
			     item_size with its name as struct str at offset 0 */
	SETTING_LIST,     /* sequence of structs: struct setting_items, each of item_size */
};

struct setting_strs {
	struct str *v;
	unsigned *lines; /* line of each, for later errors */
	size_t count;
};
struct setting_items {
	void *v; /* array of count structs of item_size */
	unsigned *lines;
	size_t count;
};

enum setting_reload { SETTING_RELOAD, SETTING_RESTART };

struct setting {
	const char *name;
	enum setting_type type;
	size_t offset;
	const char *fallback; /* default as text, a STR_LIST's separated by spaces; NULL: stays
				 zeroed (absent). A MAP that is absent has its children's. */
	bool required;
	int64_t min, max;             /* INT, DURATION; both 0: no range */
	const char *const *values;    /* ENUM, NULL-terminated */
	const struct setting *children; /* MAP, NAMED, LIST: rows ending with name == NULL */
	size_t item_size;             /* NAMED, LIST */
	enum setting_reload reload;
	const char *unit;
	const char *doc; /* one line for the manual */
	/* Optional check of a string value (STR and each of STR_LIST). */
	enum rc (*check)(struct str value, struct fault *f);
};

/* Errors have their place, and the file's are sorted by it. At most LIMIT_SETTINGS_ERRORS.
 * One error: "assay.yaml:12:3: zones[0].challenge: unknown key; did you mean \"challenges\"?" */
struct setting_error {
	unsigned line, column;
	char *text; /* in the arena, complete sentence with file and place */
};
struct setting_errors {
	struct setting_error *v;
	size_t count;
};

/* Fills out (each row's field zeroed first, then defaults) from YAML text; strings live in the
 * arena, which needs some four times the text. RC_INVALID: errors has at least one (in the arena),
 * sorted by line. RC_NOMEM: the arena is too small. After an error out is not to be used. file is
 * only for the messages. Thread-safe: the table is only read. */
enum rc settings_read(struct arena *a, struct str yaml, const char *file, const struct setting *rows,
		      void *out, struct setting_errors *errors) MUST_USE;
/* Adds an error found later by a semantic check to the list, at its place. The list is never empty
 * afterwards, even when memory is exhausted. */
void settings_add_error(struct arena *a, struct setting_errors *errors, const char *file,
			unsigned line, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* A filled struct as YAML again: the settings that differ from their defaults, one a line behind indent
 * spaces. settings_read() of it gives the same. Rows with single values and lists of text only. */
void settings_write(const struct setting *rows, const void *in, unsigned indent, struct buf *out);
/* The table as Markdown for the manual. */
void settings_manual(const struct setting *rows, struct buf *out);

#endif
