/* manual.c - the table of settings as Markdown, for the manual. */
#include <stdio.h>

#include "settings/internal.h"

static const char *const type_names[] = {
	[SETTING_STR] = "text",
	[SETTING_INT] = "number",
	[SETTING_BOOL] = "true or false",
	[SETTING_DURATION] = "duration",
	[SETTING_ENUM] = "one of",
	[SETTING_STR_LIST] = "list of text",
	[SETTING_MAP] = "mapping",
	[SETTING_NAMED] = "mapping by name",
	[SETTING_LIST] = "list of mappings",
};

/* A cell ends at a bar and a row at a line feed. */
static void add_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_add_char(out, '\\');
		buf_add_char(out, *text == '\n' ? ' ' : *text);
	}
}

static void add_range(const struct setting *row, struct buf *out)
{
	char min[DURATION_TEXT_LEN], max[DURATION_TEXT_LEN];

	if (row->type == SETTING_ENUM) {
		for (size_t i = 0; row->values[i]; i++) {
			buf_add_text(out, i ? ", `" : " `");
			add_cell(out, row->values[i]);
			buf_add_char(out, '`');
		}
	} else if (row->min == 0 && row->max == 0) {
		return;
	} else if (row->type == SETTING_DURATION) {
		duration_text(row->min, min);
		duration_text(row->max, max);
		buf_addf(out, ", %s to %s", min, max);
	} else {
		buf_addf(out, ", %lld to %lld", (long long)row->min, (long long)row->max);
	}
}

static void add_row(const struct setting *row, const char *path, struct buf *out)
{
	buf_add_text(out, "| `");
	add_cell(out, path);
	buf_add_text(out, "` | ");
	buf_add_text(out, type_names[row->type]);
	add_range(row, out);
	if (row->unit) {
		buf_add_text(out, ", ");
		add_cell(out, row->unit);
	}
	buf_add_text(out, " | ");
	if (row->required) {
		buf_add_text(out, "required");
	} else if (row->fallback) {
		buf_add_char(out, '`');
		add_cell(out, row->fallback);
		buf_add_char(out, '`');
	}
	buf_add_text(out, row->reload == SETTING_RESTART ? " | restart | " : " | reload | ");
	add_cell(out, row->doc ? row->doc : "");
	buf_add_text(out, " |\n");
}

static void add_rows(const struct setting *rows, const char *prefix, struct buf *out)
{
	char path[256];

	for (const struct setting *row = rows; row->name; row++) {
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", row->name);
		add_row(row, path, out);
		if (!row->children)
			continue;
		if (row->type != SETTING_MAP)
			snprintf(path, sizeof(path), "%s%s%s%s", prefix, *prefix ? "." : "",
				 row->name, row->type == SETTING_NAMED ? ".NAME" : "[]");
		add_rows(row->children, path, out);
	}
}

void settings_manual(const struct setting *rows, struct buf *out)
{
	buf_add_text(out, "| setting | value | default | change takes | meaning |\n"
			  "|---|---|---|---|---|\n");
	add_rows(rows, "", out);
}
