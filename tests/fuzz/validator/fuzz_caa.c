/* fuzz_caa.c - any records of strangers before validator/caa_judge.h. The first octet says whether a
 * wildcard is wanted; then come records, one a line: an octet of flags, the tag up to the first space,
 * the value. */
#include <stdlib.h>

#include "validator/caa_judge.h"

#define RECORDS_MAX 16

static const struct str OURS = { "ca.test", 7 }, NOBODY = { "nobody.test", 11 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool within(struct str part, struct str whole)
{
	return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void check_issue(struct str value)
{
	struct caa_issue issue;

	if (!caa_issue_parse(value, &issue))
		return;
	must(within(issue.issuer, value) && within(issue.account_uri, value) && within(issue.methods, value));
	/* RFC 8659 §4.2: what it takes for an issuer is a host name in form. */
	for (size_t i = 0; i < issue.issuer.len; i++) {
		char c = issue.issuer.p[i];

		must((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		     ((c == '-' || c == '.') && i > 0 && i + 1 < issue.issuer.len));
	}
}

static bool names_nobody(struct str text)
{
	for (size_t i = 0; i + NOBODY.len <= text.len; i++)
		if (str_eq_nocase((struct str){ text.p + i, NOBODY.len }, NOBODY))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct caa_issuance issuance = {
		.issuers = &OURS,
		.issuer_count = 1,
		.account_url = STR("https://ca.test/acct/1"),
		.method = STR("dns-01"),
	};
	struct dns_caa records[RECORDS_MAX + 1];
	char why[CAA_WHY_MAX], text[100];
	struct str rest, line;
	size_t count = 0;
	bool allowed;

	if (size < 1)
		return 0;
	issuance.wildcard = data[0] & 1;
	rest = (struct str){ (const char *)data + 1, size - 1 };
	while (rest.p && count < RECORDS_MAX) {
		str_cut(rest, '\n', &line, &rest);
		if (line.len < 2)
			continue;
		records[count].flags = (uint8_t)line.p[0];
		str_cut((struct str){ line.p + 1, line.len - 1 }, ' ', &records[count].tag, &records[count].value);
		if (!records[count].value.p)
			records[count].value = (struct str){ "", 0 };
		check_issue(records[count].value);
		must(caa_text(&records[count], text, sizeof(text)) < sizeof(text));
		count++;
	}
	if (count == 0)
		return 0;
	allowed = caa_judge(records, count, &issuance, why);
	must(memchr(why, '\0', sizeof(why)) && why[0]);
	/* Whoever is not named is never allowed where we are refused by the same records. */
	issuance.issuers = &NOBODY;
	must(!caa_judge(records, count, &issuance, why) || allowed || names_nobody((struct str){ (const char *)data, size }));
	/* One critical record that nobody understands forbids, whatever the others say. */
	issuance.issuers = &OURS;
	records[count] = (struct dns_caa){ 0x80, STR("tbs"), STR("x") };
	must(!caa_judge(records, count + 1, &issuance, why));
	return 0;
}
