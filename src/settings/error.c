/* error.c - the list of errors in the order of the file. */
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
	if (column)
		copy = arena_printf(a, "%s:%u:%u: %s", file, line, column, text);
	else if (line)
		copy = arena_printf(a, "%s:%u: %s", file, line, text);
	else /* the whole file */
		copy = arena_printf(a, "%s: %s", file, text);
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
