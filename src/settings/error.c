/* error.c - the list of errors in the order of the file, and "did you mean". */
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "settings/internal.h"

/* Stands for the errors that found no memory: a check that failed must not look passed. */
static struct setting_error no_memory = { 0, 0, (char[]){ "no memory to report the errors" } };

/* Room for one more; doubles at each power of two, so that no capacity has to be kept. */
static bool errors_grow(struct arena *a, struct setting_errors *errors)
{
	size_t count = errors->count;
	struct setting_error *v;

	if (count & (count - 1))
		return true;
	v = arena_array(a, count ? count * 2 : 1, sizeof(*v));
	if (!v)
		return false;
	if (count)
		memcpy(v, errors->v, count * sizeof(*v));
	errors->v = v;
	return true;
}

void errors_add(struct arena *a, struct setting_errors *errors, const char *file, unsigned line,
		unsigned column, const char *text)
{
	size_t at = errors->count;
	char *copy;

	if (errors->count >= LIMIT_SETTINGS_ERRORS || errors->v == &no_memory)
		return;
	copy = column ? arena_printf(a, "%s:%u:%u: %s", file, line, column, text) :
			arena_printf(a, "%s:%u: %s", file, line, text);
	if (!copy || !errors_grow(a, errors)) {
		if (errors->count == 0) {
			errors->v = &no_memory;
			errors->count = 1;
		}
		return;
	}
	str_printable(str_of(copy), copy, strlen(copy) + 1);
	for (; at > 0; at--) {
		const struct setting_error *before = &errors->v[at - 1];

		if (before->line < line || (before->line == line && before->column <= column))
			break;
		errors->v[at] = *before;
	}
	errors->v[at] = (struct setting_error){ line, column, copy };
	errors->count++;
}

void settings_add_error(struct arena *a, struct setting_errors *errors, const char *file,
			unsigned line, const char *fmt, ...)
{
	char text[FAULT_DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	errors_add(a, errors, file, line, 0, text);
}

#define NEAR_LEN 40 /* no key or value of a table is longer */

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b (optimal
 * string alignment); case and the kind of dash do not count. */
static unsigned edit_distance(struct str a, struct str b)
{
	unsigned rows[3][NEAR_LEN + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (unsigned k = 0; k <= b.len; k++)
		last[k] = k;
	for (unsigned i = 1; i <= a.len; i++) {
		row[0] = i;
		for (unsigned k = 1; k <= b.len; k++) {
			char x = fold(a.p[i - 1]), y = fold(b.p[k - 1]);

			row[k] = min3(last[k] + 1, row[k - 1] + 1, last[k - 1] + (x != y));
			if (i > 1 && k > 1 && x == fold(b.p[k - 2]) && fold(a.p[i - 2]) == y &&
			    before[k - 2] + 1 < row[k])
				row[k] = before[k - 2] + 1;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

void near_init(struct near *n, struct str word)
{
	/* A third of the letters may be wrong. */
	*n = (struct near){ word, NULL, (word.len < 3 ? 1 : (unsigned)(word.len / 3)) + 1 };
}

void near_try(struct near *n, const char *candidate)
{
	struct str c = str_of(candidate);
	unsigned distance;

	if (n->word.len == 0 || n->word.len > NEAR_LEN || c.len > NEAR_LEN)
		return;
	distance = edit_distance(n->word, c);
	if (distance < n->distance && distance < c.len) {
		n->distance = distance;
		n->best = candidate;
	}
}

void duration_text(int64_t value_s, char out[DURATION_TEXT_LEN])
{
	static const struct {
		int64_t unit_s;
		char name;
	} units[] = { { 365 * 86400, 'y' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (value_s % units[i].unit_s == 0) {
			snprintf(out, DURATION_TEXT_LEN, "%lld%c",
				 (long long)(value_s / units[i].unit_s), units[i].name);
			return;
		}
	}
}
