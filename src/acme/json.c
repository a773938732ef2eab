/* json.c - reading JSON text behind limits (json.h).
 * The limits are counted by a scanner that knows only strings and brackets: it builds nothing, does
 * not recurse and looks at each octet once. What it lets through is small, shallow and has few
 * members, so jansson's tree is bounded whatever the text is (CVE-2025-6203, CVE-2016-4425; with at
 * most LIMIT_JSON_TOKENS keys, hash collisions do not matter either). Whether the text is JSON at
 * all is left to jansson. */
#include "acme/json.h"

#include "acme/json_load.h"
#include "base/buf.h"
#include "base/limits.h"

struct scan {
	size_t depth, tokens;
	size_t string_len; /* octets as written, between the quotes */
	bool in_string, escaped;
	bool in_word; /* inside a number or literal */
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '+' || c == '.';
}

static void scan_string(struct scan *s, char c)
{
	if (!s->escaped && c == '"') {
		s->in_string = false;
		return;
	}
	s->escaped = !s->escaped && c == '\\';
	s->string_len++;
}

static void scan_outside(struct scan *s, char c)
{
	bool word = is_word(c);

	if (word && !s->in_word)
		s->tokens++;
	s->in_word = word;
	if (c == '"') {
		s->tokens++;
		s->in_string = true;
		s->escaped = false;
		s->string_len = 0;
	} else if (c == '{' || c == '[') {
		s->tokens++;
		s->depth++;
	} else if ((c == '}' || c == ']') && s->depth > 0) {
		s->depth--;
	}
}

static enum rc check_limits(struct str text, size_t max_bytes, struct fault *f)
{
	struct scan s = { 0 };

	if (text.len > max_bytes)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: the JSON text has %zu octets, at most %zu are accepted; send less",
				 text.len, max_bytes);
	for (size_t i = 0; i < text.len; i++) {
		if (s.in_string)
			scan_string(&s, text.p[i]);
		else
			scan_outside(&s, text.p[i]);
		if (s.depth > LIMIT_JSON_DEPTH)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "policy: the JSON text is nested deeper than %d levels; flatten it",
					 LIMIT_JSON_DEPTH);
		if (s.tokens > LIMIT_JSON_TOKENS)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "policy: the JSON text has more than %d values and names; send fewer at a time",
					 LIMIT_JSON_TOKENS);
		if (s.string_len > LIMIT_JSON_STRING)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "policy: a JSON string has more than %d octets; send less",
					 LIMIT_JSON_STRING);
	}
	return RC_OK;
}

static enum rc parse_failed(const json_error_t *e, struct fault *f)
{
	switch (json_error_code(e)) {
	case json_error_duplicate_key:
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8259 §4: a member is given twice (line %d, column %d): %s; give it once",
				 e->line, e->column, e->text);
	case json_error_invalid_utf8:
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8259 §8.1: the JSON text is not UTF-8 (line %d, column %d); encode it so",
				 e->line, e->column);
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: a JSON string contains NUL (line %d, column %d); leave it out",
				 e->line, e->column);
	default:
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8259 §2: the text is not one JSON value (line %d, column %d): %s",
				 e->line, e->column, e->text);
	}
}

enum rc json_read(struct str text, size_t max_bytes, json_t **out, struct fault *f)
{
	json_error_t error = { 0 };
	json_t *value;
	bool nomem;
	enum rc rc;

	if (!text.p || text.len == 0)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8259 §2: the JSON text is empty; send a JSON object");
	rc = check_limits(text, max_bytes, f);
	if (rc != RC_OK)
		return rc;
	value = json_load(text, &error, &nomem);
	if (nomem)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "out of memory while reading JSON");
	if (!value)
		return parse_failed(&error, f);
	*out = value;
	return RC_OK;
}

static int add_piece(const char *p, size_t len, void *buf)
{
	buf_add(buf, p, len);
	return buf_ok(buf) ? 0 : -1;
}

enum rc json_write(struct arena *a, const json_t *value, struct str *out)
{
	AUTO(buf) struct buf b;
	struct str text;

	buf_init(&b, LIMIT_JSON_RESOURCE);
	if (json_dump_callback(value, add_piece, &b, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		return RC_NOMEM;
	text = arena_str(a, buf_str(&b));
	if (!text.p)
		return RC_NOMEM;
	*out = text;
	return RC_OK;
}
