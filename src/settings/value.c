/* value.c - single values: text to what the row says, within its range. */
#include <inttypes.h>
#include <stdio.h>

#include "base/near.h"
#include "settings/internal.h"

static enum rc store_int(const struct setting *row, struct str text, int64_t *field,
			 struct fault *f)
{
	char min[DURATION_TEXT_LEN], max[DURATION_TEXT_LEN];
	bool duration = row->type == SETTING_DURATION;
	int64_t value;

	if (duration ? !str_to_duration_s(text, &value) : !str_to_int(text, &value))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, duration ?
				 "\"%.*s\" is not a duration like 90d, 12h, 15m or 30s" :
				 "\"%.*s\" is not a whole number", SHOWN(text));
	if ((row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max)) {
		*field = value;
		return RC_OK;
	}
	if (duration) {
		duration_text(row->min, min);
		duration_text(row->max, max);
	} else {
		snprintf(min, sizeof(min), "%" PRId64, row->min);
		snprintf(max, sizeof(max), "%" PRId64, row->max);
	}
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "%.*s is out of range: %s to %s%s%s",
			 SHOWN(text), min, max, row->unit ? " " : "",
			 row->unit ? row->unit : "");
}

static enum rc store_enum(const struct setting *row, struct str text, int *field, struct fault *f)
{
	char known[FAULT_DETAIL_MAX / 2] = "";
	struct near near;
	size_t len = 0;

	near_init(&near, text);
	for (int i = 0; row->values[i]; i++) {
		if (str_is(text, row->values[i])) {
			*field = i;
			return RC_OK;
		}
		near_try(&near, row->values[i]);
		if (len < sizeof(known))
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						i ? ", " : "", row->values[i]);
	}
	if (near.best)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "\"%.*s\" is not one of: %s; did you mean \"%s\"?",
				 SHOWN(text), known, near.best);
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "\"%.*s\" is not one of: %s", SHOWN(text),
			 known);
}

static enum rc check_text(const struct setting *row, struct str text, struct fault *f)
{
	if (text.len && memchr(text.p, '\0', text.len))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "has a NUL character");
	return row->check ? row->check(text, f) : RC_OK;
}

enum rc value_store(const struct setting *row, struct str text, void *field, struct fault *f)
{
	enum rc rc;

	switch (row->type) {
	case SETTING_STR:
		rc = check_text(row, text, f);
		if (rc == RC_OK)
			*(struct str *)field = text;
		return rc;
	case SETTING_INT:
	case SETTING_DURATION:
		return store_int(row, text, field, f);
	case SETTING_ENUM:
		return store_enum(row, text, field, f);
	case SETTING_BOOL:
		if (!str_is(text, "true") && !str_is(text, "false"))
			return fault_set(f, RC_INVALID, PROBLEM_NONE,
					 "\"%.*s\" is not true or false", SHOWN(text));
		*(bool *)field = str_is(text, "true");
		return RC_OK;
	default:
		return fault_set(f, RC_INTERNAL, PROBLEM_NONE, "is no single value");
	}
}
