/* json_out.c - JSON text written straight into a buffer (json.h): the server's answers are small and
 * many, and a tree for each would cost more than the rest of the request. */
#include "acme/json.h"
#include "base/buf.h"
#include "base/clock.h"

static void add_control(struct buf *b, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

	switch (c) {
	case '\n':
		buf_add(b, "\\n", 2);
		break;
	case '\r':
		buf_add(b, "\\r", 2);
		break;
	case '\t':
		buf_add(b, "\\t", 2);
		break;
	default:
		buf_add(b, text, sizeof(text));
	}
}

/* What is not UTF-8 (a detail cut in the middle of a character, a peer's octets) becomes U+FFFD, so
 * that what we write can always be read (RFC 8259 §8.1). */
static void add_quoted(struct buf *b, struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t plain = 0; /* start of what has not been added yet */
	uint32_t code;

	buf_add_char(b, '"');
	for (size_t i = 0; i < s.len;) {
		size_t len = 1;

		if (p[i] >= 0x80)
			len = str_utf8_at(s, i, &code);
		else if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			len = 0;
		if (len > 0) {
			i += len;
			continue;
		}
		buf_add(b, p + plain, i - plain);
		if (p[i] >= 0x80) {
			buf_add_text(b, "\\ufffd");
		} else if (p[i] < 0x20) {
			add_control(b, p[i]);
		} else {
			buf_add_char(b, '\\');
			buf_add_char(b, (char)p[i]);
		}
		plain = ++i;
	}
	if (s.len > plain)
		buf_add(b, p + plain, s.len - plain);
	buf_add_char(b, '"');
}

static void begin_value(struct json_out *o, const char *key)
{
	if (o->comma)
		buf_add_char(o->buf, ',');
	o->comma = true;
	if (key) {
		add_quoted(o->buf, str_of(key));
		buf_add_char(o->buf, ':');
	}
}

void json_out_open(struct json_out *o, const char *key, char bracket)
{
	begin_value(o, key);
	buf_add_char(o->buf, bracket);
	o->comma = false;
}

void json_out_close(struct json_out *o, char bracket)
{
	buf_add_char(o->buf, bracket);
	o->comma = true;
}

void json_out_str(struct json_out *o, const char *key, struct str value)
{
	begin_value(o, key);
	add_quoted(o->buf, value);
}

void json_out_int(struct json_out *o, const char *key, int64_t value)
{
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[20];
	size_t at = sizeof(digits);

	begin_value(o, key);
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		buf_add_char(o->buf, '-');
	buf_add(o->buf, digits + at, sizeof(digits) - at);
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
	begin_value(o, key);
	buf_add_text(o->buf, value ? "true" : "false");
}

void json_out_time(struct json_out *o, const char *key, int64_t at_s)
{
	char text[21];

	clock_rfc3339(at_s, text);
	json_out_str(o, key, str_of(text));
}

void json_out_raw(struct json_out *o, const char *key, struct str json)
{
	begin_value(o, key);
	buf_add_str(o->buf, json);
}

enum rc json_out_take(struct json_out *o, struct arena *a, struct str *out)
{
	struct str text;

	if (!buf_ok(o->buf))
		return RC_NOMEM;
	text = arena_str(a, buf_str(o->buf));
	if (!text.p)
		return RC_NOMEM;
	*out = text;
	return RC_OK;
}
