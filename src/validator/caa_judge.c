/* caa_judge.c - the properties of a Relevant CAA RRset (RFC 8659 §4), read strictly: what does not
 * match the grammar authorizes nobody, and what is critical and not understood forbids all. */
#include "validator/caa_judge.h"

#include <stdio.h>

#include "validator/issue_value.h"

#define FLAG_CRITICAL 0x80 /* RFC 8659 §4.1: bit 0, the most significant; the others say nothing */

/* --- the value --- */

/* RFC 8657 §3, §4. A parameter that is not known here says nothing. Tags are compared without case,
 * which can only forbid more. */
static void note_parameter(struct caa_issue *out, struct str tag, struct str value)
{
	struct str *slot = NULL;

	if (str_eq_nocase(tag, STR("accounturi")))
		slot = &out->account_uri;
	else if (str_eq_nocase(tag, STR("validationmethods")))
		slot = &out->methods;
	if (!slot)
		return;
	out->contradicts |= slot->p != NULL;
	*slot = value;
}

bool caa_issue_parse(struct str s, struct caa_issue *out)
{
	struct issue_value value;
	struct str tag, text;

	if (!issue_value_parse(s, false, &value))
		return false;
	*out = (struct caa_issue){ .issuer = value.issuer };
	while (issue_value_next(&value.parameters, &tag, &text))
		note_parameter(out, tag, text);
	return true;
}

/* --- the judgement --- */

size_t caa_text(const struct dns_caa *record, char *out, size_t cap)
{
	char raw[300];

	snprintf(raw, sizeof(raw), "%u %.*s \"%.*s\"", record->flags, STR_ARG(record->tag),
		 STR_ARG(record->value));
	return str_printable(str_of(raw), out, cap);
}

static bool tag_is(const struct dns_caa *record, const char *tag)
{
	return str_eq_nocase(record->tag, str_of(tag)); /* RFC 8659 §4.1 */
}

/* Those whose meaning for us is known, be it that they mean nothing to us. */
static bool is_understood(const struct dns_caa *record)
{
	static const char *const TAGS[] = {
		"issue", "issuewild", "iodef", /* RFC 8659 §4.2-4.4 */
		"issuemail",                   /* RFC 9495: certificates for mail only */
	};

	for (size_t i = 0; i < COUNT_OF(TAGS); i++)
		if (tag_is(record, TAGS[i]))
			return true;
	return false;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 8657 §4: is method one of the list? A list that breaks its grammar names none. */
static bool methods_name(struct str methods, struct str method)
{
	struct str one, rest = methods;
	bool named = false;

	while (rest.p) {
		str_cut(rest, ',', &one, &rest);
		if (one.len == 0)
			return false;
		for (size_t i = 0; i < one.len; i++)
			if (!is_alnum(one.p[i]) && one.p[i] != '-')
				return false;
		named |= str_eq(one, method);
	}
	return named;
}

static bool is_ours(const struct caa_issuance *issuance, struct str issuer)
{
	for (size_t i = 0; i < issuance->issuer_count; i++)
		if (issuance->issuers[i].len > 0 && str_eq_nocase(issuance->issuers[i], issuer))
			return true;
	return false;
}

/* NULL when the property allows the issuance, else why not. */
static const char *refusal(const struct dns_caa *record, const struct caa_issuance *issuance)
{
	struct caa_issue issue;

	if (!caa_issue_parse(record->value, &issue))
		return "its value is malformed and so names nobody (RFC 8659 §4.2)";
	if (issue.issuer.len == 0)
		return "it names nobody (RFC 8659 §4.2)";
	if (!is_ours(issuance, issue.issuer))
		return "it names another issuer (RFC 8659 §4.2)";
	if (issue.contradicts)
		return "it has a parameter twice (RFC 8657 §3)";
	if (issue.account_uri.p && (issue.account_uri.len == 0 || !str_eq(issue.account_uri, issuance->account_url)))
		return "its accounturi is not this account (RFC 8657 §3)";
	if (issue.methods.p && !methods_name(issue.methods, issuance->method))
		return "its validationmethods do not name the method that was used (RFC 8657 §4)";
	return NULL;
}

static void tell(char why[CAA_WHY_MAX], const struct dns_caa *record, const char *text)
{
	char shown[200];

	caa_text(record, shown, sizeof(shown));
	snprintf(why, CAA_WHY_MAX, "%s: %s", shown, text);
}

static bool has(const struct dns_caa *records, size_t count, const char *tag)
{
	for (size_t i = 0; i < count; i++)
		if (tag_is(&records[i], tag))
			return true;
	return false;
}

bool caa_judge(const struct dns_caa *records, size_t count, const struct caa_issuance *issuance,
	       char why[CAA_WHY_MAX])
{
	const char *tag = "issue";

	/* RFC 8659 §4.1: whatever else is there. */
	for (size_t i = 0; i < count; i++)
		if ((records[i].flags & FLAG_CRITICAL) && !is_understood(&records[i])) {
			tell(why, &records[i], "it is critical and not understood here (RFC 8659 §4.1)");
			return false;
		}
	/* RFC 8659 §4.3: issuewild is for wildcards alone, and then issue is not looked at. */
	if (issuance->wildcard && has(records, count, "issuewild"))
		tag = "issuewild";
	if (!has(records, count, tag)) {
		snprintf(why, CAA_WHY_MAX, "there is no %s property among them (RFC 8659 §4.2)", tag);
		return true;
	}
	why[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		struct caa_issue issue;
		const char *text;

		if (!tag_is(&records[i], tag))
			continue;
		text = refusal(&records[i], issuance);
		if (!text) {
			tell(why, &records[i], "it names this service (RFC 8659 §4.2)");
			return true;
		}
		/* The one that would nearly do explains best. */
		if (!why[0] || (caa_issue_parse(records[i].value, &issue) && is_ours(issuance, issue.issuer)))
			tell(why, &records[i], text);
	}
	return false;
}
