/* decode.c - see decode.h. */
#include "api/admin/decode.h"

#include "acme/members.h"
#include "base/limits.h"
#include "core/cert.h"

#define SECTION "admin API"

/* --- query --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_plain(struct str s)
{
	uint32_t code;

	for (size_t i = 0; i < s.len;) {
		size_t len = str_utf8_at(s, i, &code);

		if (len == 0 || utf8_is_control(code))
			return false;
		i += len;
	}
	return true;
}

static enum rc percent_decode(struct arena *a, struct str in, bool form, struct str *out, struct fault *f)
{
	char *p = arena_alloc(a, in.len + 1);
	size_t len = 0;

	if (!p)
		return RC_NOMEM;
	for (size_t i = 0; i < in.len; i++) {
		int high, low;

		if (in.p[i] != '%') {
			p[len++] = form && in.p[i] == '+' ? ' ' : in.p[i];
			continue;
		}
		high = i + 2 < in.len ? hex_digit(in.p[i + 1]) : -1;
		low = i + 2 < in.len ? hex_digit(in.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 3986 §2.1: a '%%' in the URL is not followed by two hexadecimal digits");
		p[len++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = (struct str){ p, len };
	if (!is_plain(*out))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: the URL has control characters or is not UTF-8");
	return RC_OK;
}

static enum rc query_one(struct arena *a, struct str pair, const struct query_param *table, struct fault *f)
{
	struct str name, value;

	if (!str_cut(pair, '=', &name, &value))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "the parameter \"%.*s\" has no value", SHOWN(pair));
	for (const struct query_param *p = table; p->name; p++) {
		if (!str_is(name, p->name))
			continue;
		if (p->out->p)
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "the parameter \"%s\" is given twice",
					 p->name);
		return percent_decode(a, value, true, p->out, f);
	}
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "there is no parameter \"%.*s\" here", SHOWN(name));
}

enum rc admin_segment_decode(struct arena *a, struct str segment, struct str *out, struct fault *f)
{
	return percent_decode(a, segment, false, out, f);
}

enum rc admin_query_decode(struct arena *a, struct str query, const struct query_param *table, struct fault *f)
{
	enum rc rc = RC_OK;
	struct str pair;

	while (rc == RC_OK && query.len) {
		(void)str_cut(query, '&', &pair, &query);
		rc = query_one(a, pair, table, f);
	}
	return rc;
}

enum rc admin_limit_decode(struct str text, int64_t *out, struct fault *f)
{
	int64_t limit = ADMIN_PAGE;

	if (text.p && (!str_to_int(text, &limit) || limit < 1 || limit > ADMIN_PAGE_MAX))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"limit\" must be a number from 1 to %d",
				 ADMIN_PAGE_MAX);
	*out = limit;
	return RC_OK;
}

/* --- bodies --- */

enum rc admin_only_members(const json_t *object, const char *const *known, struct fault *f)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], name) != 0)
			i++;
		if (!known[i])
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 SECTION ": there is no member \"%.*s\" here; leave it out",
					 SHOWN(str_of(name)));
	}
	return RC_OK;
}

static enum rc read_duration(const struct members *m, int64_t *out)
{
	struct str text = { 0 };
	enum rc rc = member_str(m, "duration", MEMBER_OPTIONAL, &text);

	if (rc == RC_OK && text.p && !str_to_duration_s(text, out))
		return fault_set(m->f, RC_INVALID, PROBLEM_MALFORMED,
				 SECTION ": \"duration\" must be a time such as \"90d\", \"36h\" or \"15m\"");
	return rc;
}

enum rc admin_issue_decode(struct arena *a, struct str json, struct admin_issue *out, struct fault *f)
{
	static const char *const known[] = { "dns", "ip", "profile", "authority", "duration", "csr", NULL };
	AUTO_JSON json_t *object = NULL;
	struct admin_issue x = { 0 };
	struct members m = { .arena = a, .section = SECTION, .f = f };
	enum rc rc;

	rc = json_read_object(json, LIMIT_JSON_BYTES, SECTION, &object, f);
	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	m.object = object;
	if (rc == RC_OK)
		rc = member_strs(&m, "dns", MEMBER_OPTIONAL, LIMIT_IDENTIFIERS, &x.dns, &x.dns_count);
	if (rc == RC_OK)
		rc = member_strs(&m, "ip", MEMBER_OPTIONAL, LIMIT_IDENTIFIERS, &x.ip, &x.ip_count);
	if (rc == RC_OK)
		rc = member_str(&m, "profile", MEMBER_OPTIONAL, &x.profile);
	if (rc == RC_OK)
		rc = member_str(&m, "authority", MEMBER_OPTIONAL, &x.authority);
	if (rc == RC_OK)
		rc = read_duration(&m, &x.duration_s);
	if (rc == RC_OK)
		rc = member_str(&m, "csr", MEMBER_REQUIRED, &x.csr);
	if (rc == RC_OK && x.dns_count + x.ip_count > LIMIT_IDENTIFIERS)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "policy: at most %d names in a certificate",
			       LIMIT_IDENTIFIERS);
	if (rc == RC_OK)
		*out = x;
	return rc;
}

enum rc admin_revoke_decode(struct arena *a, struct str json, int64_t *out_reason, struct fault *f)
{
	static const char *const known[] = { "reason", NULL };
	AUTO_JSON json_t *object = NULL;
	struct members m = { .arena = a, .section = SECTION, .f = f };
	const json_t *reason;
	int64_t code = 0;
	enum rc rc;

	if (!json.len) {
		*out_reason = 0;
		return RC_OK;
	}
	rc = json_read_object(json, LIMIT_JSON_BYTES, SECTION, &object, f);
	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	if (rc != RC_OK)
		return rc;
	m.object = object;
	reason = member_get(&m, "reason");
	if (json_is_string(reason))
		code = revocation_reason_parse(json_text(reason));
	else if (json_is_integer(reason))
		code = json_integer_value(reason);
	else if (reason)
		code = -1;
	/* An operator may also say that the subscriber has lost the right to the name. */
	if (!revocation_reason_is_allowed(code) && code != 9)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_REVOCATION_REASON,
				 "RFC 5280 §5.3.1: \"reason\" must be unspecified, keyCompromise, affiliationChanged, "
				 "superseded, cessationOfOperation or privilegeWithdrawn");
	*out_reason = code;
	return RC_OK;
}

enum rc admin_nothing_decode(struct str json, struct fault *f)
{
	static const char *const known[] = { NULL };
	AUTO_JSON json_t *object = NULL;
	enum rc rc;

	if (!json.len)
		return RC_OK;
	rc = json_read_object(json, LIMIT_JSON_BYTES, SECTION, &object, f);
	return rc == RC_OK ? admin_only_members(object, known, f) : rc;
}
