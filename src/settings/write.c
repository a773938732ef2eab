/* write.c - filled settings as YAML again, by the same table: what is not the default, one setting a
 * line. Text is always quoted, so that `no`, `12:30` and "#" stay what they are. */
#include <assert.h>

#include "settings/internal.h"

static void add_text(struct buf *out, struct str text)
{
	uint32_t code;
	size_t len;

	buf_add_char(out, '"');
	for (size_t i = 0; i < text.len; i += len) {
		len = str_utf8_at(text, i, &code);
		if (len == 0) { /* the reader takes none such: what it never read is not written */
			len = 1;
			buf_add_char(out, '?');
		} else if (code == '"' || code == '\\') {
			buf_addf(out, "\\%c", (char)code);
		} else if (code < 0x20 || code > 0x7e) {
			buf_addf(out, code > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)code);
		} else {
			buf_add_char(out, (char)code);
		}
	}
	buf_add_char(out, '"');
}

static void add_list(struct buf *out, const struct setting_strs *list)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			buf_add_text(out, ", ");
		add_text(out, list->v[i]);
	}
	buf_add_char(out, ']');
}

/* Is it what would be there without a word? */
static bool is_default(const struct setting *row, const void *field)
{
	union {
		int64_t number;
		int word;
		bool flag;
	} value = { 0 };

	if (row->required)
		return false;
	if (row->type == SETTING_STR) {
		const struct str *text = field;

		return !text->p || (row->fallback && str_is(*text, row->fallback));
	}
	if (row->type == SETTING_STR_LIST)
		return ((const struct setting_strs *)field)->count == 0 && !row->fallback;
	if (row->fallback && value_store(row, str_of(row->fallback), &value, NULL) != RC_OK)
		return false;
	switch (row->type) {
	case SETTING_ENUM:
		return *(const int *)field == value.word;
	case SETTING_BOOL:
		return *(const bool *)field == value.flag;
	default:
		return *(const int64_t *)field == value.number;
	}
}

static void add_value(const struct setting *row, const void *field, struct buf *out)
{
	char duration[DURATION_TEXT_LEN];

	switch (row->type) {
	case SETTING_STR:
		add_text(out, *(const struct str *)field);
		break;
	case SETTING_STR_LIST:
		add_list(out, field);
		break;
	case SETTING_INT:
		buf_addf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case SETTING_DURATION:
		duration_text(*(const int64_t *)field, duration);
		buf_add_text(out, duration);
		break;
	case SETTING_BOOL:
		buf_add_text(out, *(const bool *)field ? "true" : "false");
		break;
	case SETTING_ENUM:
		buf_add_text(out, row->values[*(const int *)field]);
		break;
	default:
		assert(!"settings_write() has no nested settings");
	}
}

void settings_write(const struct setting *rows, const void *in, unsigned indent, struct buf *out)
{
	for (const struct setting *row = rows; row->name; row++) {
		const void *field = (const char *)in + row->offset;

		if (is_default(row, field))
			continue;
		for (unsigned i = 0; i < indent; i++)
			buf_add_char(out, ' ');
		buf_addf(out, "%s: ", row->name);
		add_value(row, field, out);
		buf_add_char(out, '\n');
	}
}
