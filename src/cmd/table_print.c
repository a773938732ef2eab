/* table_print.c - see table_print.h. */
#include "cmd/table_print.h"

#include <stdlib.h>
#include <unistd.h>

#define CELL_MAX 80    /* columns of a table stay readable */
#define FACT_NAME 18
#define FACT_MAX 2048

void table_init(struct table *t, struct arena *a, const char *const *headings, size_t columns)
{
	*t = (struct table){ .arena = a, .columns = columns, .headings = headings };
}

static bool make_room(struct table *t)
{
	size_t room = t->cell_room ? 2 * t->cell_room : 64 * t->columns;
	struct str *cells;

	if (t->cell_count < t->cell_room)
		return true;
	cells = arena_array(t->arena, room, sizeof(*cells));
	if (!cells)
		return false;
	if (t->cell_count)
		memcpy(cells, t->cells, t->cell_count * sizeof(*cells));
	t->cells = cells;
	t->cell_room = room;
	return true;
}

void table_cell(struct table *t, struct str text)
{
	char shown[4 * CELL_MAX + 1];
	struct str cell = { shown, str_printable(text.p ? text : STR("-"), shown, sizeof(shown)) };

	cell = arena_str(t->arena, cell);
	if (!cell.p || !make_room(t)) {
		t->failed = true;
		return;
	}
	t->cells[t->cell_count++] = cell;
}

/* Characters, not octets: names may be of any script. */
static size_t width(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((uint8_t)text.p[i] & 0xc0) != 0x80;
	return n;
}

static bool is_for_people(FILE *to)
{
	return isatty(fileno(to)) && !getenv("NO_COLOR");
}

static void print_row(FILE *to, const struct str *cells, const size_t *widths, size_t columns)
{
	for (size_t c = 0; c < columns; c++) {
		int pad = c + 1 < columns ? (int)(widths[c] - width(cells[c])) + 2 : 0;

		fprintf(to, "%.*s%*s", STR_ARG(cells[c]), pad, "");
	}
	fputc('\n', to);
}

bool table_print(const struct table *t, FILE *to)
{
	struct str headings[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX];
	bool bold = is_for_people(to);

	if (t->failed || t->columns > TABLE_COLUMNS_MAX)
		return false;
	for (size_t c = 0; c < t->columns; c++) {
		headings[c] = str_of(t->headings[c]);
		widths[c] = width(headings[c]);
		for (size_t i = c; i < t->cell_count; i += t->columns) {
			if (width(t->cells[i]) > widths[c])
				widths[c] = width(t->cells[i]);
		}
	}
	fputs(bold ? "\033[1m" : "", to);
	print_row(to, headings, widths, t->columns);
	fputs(bold ? "\033[0m" : "", to);
	for (size_t i = 0; i + t->columns <= t->cell_count; i += t->columns)
		print_row(to, &t->cells[i], widths, t->columns);
	return true;
}

void fact_print(FILE *to, const char *name, struct str value)
{
	char shown[FACT_MAX];

	if (!value.p)
		return;
	(void)str_printable(value, shown, sizeof(shown));
	fprintf(to, "%-*s %s\n", FACT_NAME, name, shown);
}

struct str time_short(struct arena *a, struct str text)
{
	if (text.len != 20 || text.p[10] != 'T')
		return text;
	return str_of(arena_printf(a, "%.10s %.5sZ", text.p, text.p + 11));
}
