/* fuzz_dns_persist.c - any text of strangers before validator/dns_persist_record.h and the grammar below
 * it. The first octet says whether a wildcard is wanted; the rest is the record. */
#include <stdlib.h>

#include "validator/dns_persist_record.h"
#include "validator/issue_value.h"

static const struct str OURS[] = { { "ca.test", 7 }, { "second.test", 11 } };
static const struct str ACCOUNT = { "https://ca.test/acct/1", 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool contains(struct str text, struct str part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (str_eq_nocase((struct str){ text.p + i, part.len }, part))
			return true;
	return false;
}

static bool within(struct str part, struct str whole)
{
	return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

/* Walking through the parameters ends, stays inside, and leaves nothing behind. */
static void check_grammar(struct str text, bool final_dot)
{
	struct issue_value value;
	struct str tag, one;

	if (!issue_value_parse(text, final_dot, &value))
		return;
	must(within(value.issuer, text) && within(value.parameters, text));
	while (issue_value_next(&value.parameters, &tag, &one)) {
		must(tag.len > 0 && within(tag, text) && within(one, text));
		for (size_t i = 0; i < one.len; i++)
			must(one.p[i] > ' ' && one.p[i] < 0x7f && one.p[i] != ';');
	}
	must(value.parameters.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_persist_request r = { .issuers = OURS, .issuer_count = 2, .account_url = ACCOUNT, .now = 1800000000 };
	enum dns_persist_verdict verdict, again;
	const char *why = NULL;
	int64_t until = -1;
	struct str text;

	if (size < 1)
		return 0;
	text = (struct str){ (const char *)data + 1, size - 1 };
	check_grammar(text, false);
	check_grammar(text, true);
	r.wildcard = data[0] & 1;
	verdict = dns_persist_judge(text, &r, &until, &why);
	if (verdict == DNS_PERSIST_VALID) {
		must(contains(text, ACCOUNT) && (contains(text, OURS[0]) || contains(text, OURS[1])));
		must(!r.wildcard || contains(text, STR("wildcard")));
		must(until == 0 || until >= r.now);
		/* What is good for a wildcard is good for the name. */
		r.wildcard = false;
		must(dns_persist_judge(text, &r, &until, &why) == DNS_PERSIST_VALID);
		/* And for nobody else. */
		r.account_url = STR("https://ca.test/acct/2");
		must(dns_persist_judge(text, &r, &until, &why) == DNS_PERSIST_REFUSED && why);
	} else {
		must(until == -1);
		must((why != NULL) == (verdict != DNS_PERSIST_FOREIGN));
	}
	r.issuer_count = 0;
	again = dns_persist_judge(text, &r, &until, &why);
	must(again == DNS_PERSIST_FOREIGN);
	return 0;
}
