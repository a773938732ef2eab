/* table_print.h - tables and lists of facts on a terminal: aligned columns, text of peers made
 * harmless, bold headings only where a person looks. */
#ifndef ASSAY_CMD_TABLE_PRINT_H
#define ASSAY_CMD_TABLE_PRINT_H

#include <stdio.h>

#include "base/arena.h"

#define TABLE_COLUMNS_MAX 10

struct table {
	struct arena *arena;
	size_t columns;
	const char *const *headings;
	struct str *cells; /* row by row */
	size_t cell_count, cell_room;
	bool failed; /* out of memory: printed as an error at the end */
};
/* headings: columns texts. */
void table_init(struct table *t, struct arena *a, const char *const *headings, size_t columns);
/* Cells fill the rows from left to right. Control characters become '?', long text is cut. */
void table_cell(struct table *t, struct str text);
/* False: out of memory. */
bool table_print(const struct table *t, FILE *to);

/* "name    value" under each other; an absent value is left out. */
void fact_print(FILE *to, const char *name, struct str value);
/* "2026-11-21 11:04Z" from RFC 3339 text; any other text as it is. */
struct str time_short(struct arena *a, struct str rfc3339);

#endif
