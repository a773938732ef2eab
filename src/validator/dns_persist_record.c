/* dns_persist_record.c - the grammar is that of CAA (issue_value.c). A record that is for us is read
 * strictly: one parameter that we know twice, or a time that is none, and nothing of it counts. What we
 * do not know is ignored, as the draft demands for the sake of its future
 * (draft-ietf-acme-dns-persist §4.1). */
#include "validator/dns_persist_record.h"

#include "validator/issue_value.h"

struct record {
	struct str account_uri, policy, until; /* absent when not said */
};

static struct str trim(struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Compared as the names of the challenge are normalized (§3.1): without case and final dot. */
static bool is_ours(const struct dns_persist_request *r, struct str text)
{
	struct str issuer, rest;

	(void)str_cut(text, ';', &issuer, &rest);
	issuer = trim(issuer);
	if (issuer.len > 0 && issuer.p[issuer.len - 1] == '.')
		issuer.len--;
	for (size_t i = 0; i < r->issuer_count; i++)
		if (r->issuers[i].len > 0 && str_eq_nocase(r->issuers[i], issuer))
			return true;
	return false;
}

/* NULL, or why it cannot be read. */
static const char *read_record(struct str text, struct record *out)
{
	struct issue_value value;
	struct str tag, one;

	if (!issue_value_parse(text, true, &value))
		return "it is not of the form \"issuer; tag=value; tag=value\" (RFC 8659 §4.2)";
	while (issue_value_next(&value.parameters, &tag, &one)) {
		struct str *slot = str_eq_nocase(tag, STR("accounturi"))   ? &out->account_uri :
				   str_eq_nocase(tag, STR("policy"))	   ? &out->policy :
				   str_eq_nocase(tag, STR("persistuntil")) ? &out->until :
									     NULL;

		if (!slot)
			continue;
		if (slot->p)
			return "it has a parameter twice";
		*slot = one;
	}
	return out->account_uri.len > 0 ? NULL : "it names no account (accounturi)";
}

enum dns_persist_verdict dns_persist_judge(struct str text, const struct dns_persist_request *r, int64_t *out_until,
					   const char **out_why)
{
	struct record record = { .until = { 0 } };
	int64_t until = 0;

	if (!is_ours(r, text))
		return DNS_PERSIST_FOREIGN;
	*out_why = read_record(text, &record);
	if (!*out_why && record.until.p && !str_to_int(record.until, &until))
		*out_why = "its persistUntil is no number of seconds since 1970";
	if (*out_why)
		return DNS_PERSIST_MALFORMED;
	/* RFC 3986 §6.2.1, simple string comparison. */
	if (!str_eq(record.account_uri, r->account_url))
		*out_why = "its accounturi is not that of this account";
	else if (record.until.p && until < r->now)
		*out_why = "its persistUntil has passed";
	else if (r->wildcard && !str_eq_nocase(record.policy, STR("wildcard")))
		*out_why = "it lacks policy=wildcard, without which it is for this one name only";
	if (*out_why)
		return DNS_PERSIST_REFUSED;
	*out_until = until;
	return DNS_PERSIST_VALID;
}
