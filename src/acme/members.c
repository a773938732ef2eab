/* members.c - see members.h. */
#include "acme/members.h"

#include "base/clock.h"
#include "base/encode.h"

static enum rc wrong_type(const struct members *m, const char *name, const char *expected)
{
	return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED, "%s: \"%s\" must be %s", m->section,
			 name, expected);
}

static enum rc missing(const struct members *m, const char *name)
{
	return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED, "%s: \"%s\" is missing; add it",
			 m->section, name);
}

enum rc json_read_object(struct str text, size_t max_bytes, const char *section, json_t **out,
			 struct fault *f)
{
	AUTO_JSON json_t *value = NULL;
	enum rc rc = json_read(text, max_bytes, &value, f);

	if (rc != RC_OK)
		return rc;
	if (!json_is_object(value))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "%s: the JSON value must be an object", section);
	*out = TAKE(value);
	return RC_OK;
}

enum rc members_open(struct members *m, struct str json, size_t max_bytes, json_t **out_root)
{
	enum rc rc = json_read_object(json, max_bytes, m->section, out_root, m->f);

	if (rc == RC_OK)
		m->object = *out_root;
	return rc;
}

const json_t *member_get(const struct members *m, const char *name)
{
	const json_t *value = json_object_get(m->object, name);

	return json_is_null(value) ? NULL : value;
}

struct str json_text(const json_t *string)
{
	return (struct str){ json_string_value(string), json_string_length(string) };
}

enum rc member_str(const struct members *m, const char *name, enum member_need need,
		   struct str *out)
{
	const json_t *value = member_get(m, name);
	struct str copy;

	if (!value)
		return need == MEMBER_REQUIRED ? missing(m, name) : RC_OK;
	if (!json_is_string(value))
		return wrong_type(m, name, "a string");
	copy = arena_str(m->arena, json_text(value));
	if (!copy.p)
		return RC_NOMEM;
	*out = copy;
	return RC_OK;
}

enum rc member_bool(const struct members *m, const char *name, bool *out)
{
	const json_t *value = member_get(m, name);

	if (!value)
		return RC_OK;
	if (!json_is_boolean(value))
		return wrong_type(m, name, "true or false");
	*out = json_is_true(value);
	return RC_OK;
}

enum rc member_int(const struct members *m, const char *name, bool *out_present, int64_t *out)
{
	const json_t *value = member_get(m, name);

	if (!value)
		return RC_OK;
	if (!json_is_integer(value))
		return wrong_type(m, name, "an integer");
	*out = json_integer_value(value);
	*out_present = true;
	return RC_OK;
}

enum rc member_time(const struct members *m, const char *name, int64_t *out)
{
	const json_t *value = member_get(m, name);
	int64_t at_s;

	if (!value)
		return RC_OK;
	if (!json_is_string(value))
		return wrong_type(m, name, "a time as text, such as \"2026-01-31T12:00:00Z\"");
	if (json_string_length(value) == 0)
		return RC_OK;
	/* 0 stands for "absent" in the structs, and no time of ours is that long ago. */
	if (json_string_length(value) > 64 ||
	    !clock_parse_rfc3339(json_string_value(value), (unsigned)json_string_length(value),
				 &at_s) ||
	    at_s <= 0)
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "%s: \"%s\" must be a time after 1970 as RFC 3339 has it, such as \"2026-01-31T12:00:00Z\"",
				 m->section, name);
	*out = at_s;
	return RC_OK;
}

enum rc member_strs(const struct members *m, const char *name, enum member_need need, size_t max,
		    struct str **out, size_t *out_count)
{
	const json_t *value = member_get(m, name);
	struct str *list;
	size_t count;

	if (!value)
		return need == MEMBER_REQUIRED ? missing(m, name) : RC_OK;
	if (!json_is_array(value))
		return wrong_type(m, name, "an array of strings");
	count = json_array_size(value);
	if (count > max)
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: \"%s\" has %zu entries, at most %zu are accepted; send fewer",
				 name, count, max);
	list = arena_array(m->arena, count > 0 ? count : 1, sizeof(*list));
	if (!list)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);

		if (!json_is_string(item))
			return wrong_type(m, name, "an array of strings");
		list[i] = arena_str(m->arena, json_text(item));
		if (!list[i].p)
			return RC_NOMEM;
	}
	*out = list;
	*out_count = count;
	return RC_OK;
}

enum rc member_object(const struct members *m, const char *name, enum member_need need,
		      struct str *out)
{
	const json_t *value = member_get(m, name);

	if (!value)
		return need == MEMBER_REQUIRED ? missing(m, name) : RC_OK;
	if (!json_is_object(value))
		return wrong_type(m, name, "an object");
	return json_write(m->arena, value, out);
}

enum rc member_array(const struct members *m, const char *name, const json_t **out)
{
	const json_t *value = member_get(m, name);

	if (!value)
		return missing(m, name);
	if (!json_is_array(value))
		return wrong_type(m, name, "an array");
	*out = value;
	return RC_OK;
}

static bool has_any(struct str text, const char *chars)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] != '\0' && strchr(chars, text.p[i]))
			return true;
	return false;
}

/* Says what the usual mistakes are; only asked for when decoding failed. */
static const char *base64url_remedy(struct str text)
{
	if (str_starts(text, "-----BEGIN"))
		return "it is PEM; send the DER octets as base64url";
	if (has_any(text, "="))
		return "it has padding; leave out the '='";
	if (has_any(text, " \t\r\n"))
		return "it contains white space; leave that out";
	if (has_any(text, "+/"))
		return "it is plain base64; use '-' and '_' instead of '+' and '/'";
	return "it is cut off, or has characters or final bits that base64url does not have; encode it again";
}

enum rc base64url_read(struct arena *a, const char *section, const char *name, struct str text,
		       struct bytes *out, struct fault *f)
{
	enum rc rc = b64url_decode_arena(a, text, out);

	if (rc == RC_INVALID)
		return fault_set(f, rc, PROBLEM_MALFORMED, "%s: \"%s\" is not base64url (RFC 7515 §2): %s",
				 section, name, base64url_remedy(text));
	return rc;
}

enum rc member_octets(const struct members *m, const char *name, size_t max, struct bytes *out)
{
	const json_t *value = member_get(m, name);
	struct str text;

	if (!value)
		return missing(m, name);
	if (!json_is_string(value))
		return wrong_type(m, name, "a base64url string");
	text = json_text(value);
	for (int i = 0; i < 2 && str_ends(text, "="); i++)
		text.len--;
	if (text.len == 0)
		return wrong_type(m, name, "a base64url string that is not empty");
	if (text.len > B64URL_LEN(max))
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: \"%s\" has more than %zu octets; send a smaller one", name,
				 max);
	return base64url_read(m->arena, m->section, name, text, out, m->f);
}
