/* internal.h - shared by the files of settings/ only: errors with a place, durations as text. */
#ifndef ASSAY_SETTINGS_INTERNAL_H
#define ASSAY_SETTINGS_INTERNAL_H

#include "settings/schema.h"

/* Inserts by line and column. text is copied, with control characters as '?'. Beyond
 * LIMIT_SETTINGS_ERRORS nothing is added. */
void errors_add(struct arena *a, struct setting_errors *errors, const char *file, unsigned line,
		unsigned column, const char *text);

/* For "%.*s": as much of a text of any length as an error shows. */
#define SHOWN(s) (int)((s).len < 60 ? (s).len : 60), (s).p ? (s).p : ""

/* Stores the value of a row that has a single one. text is borrowed for as long as the settings
 * live. Untouched on failure; the fault says what would be right. */
enum rc value_store(const struct setting *row, struct str text, void *field, struct fault *f)
	MUST_USE;

#define DURATION_TEXT_LEN 24

/* In the largest unit that leaves no rest: 7776000 is "90d". */
void duration_text(int64_t value_s, char out[DURATION_TEXT_LEN]);

#endif
