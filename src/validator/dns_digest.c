/* dns_digest.c - the proof that is the base64url SHA-256 digest of the key authorization (RFC 8555
 * §8.4), of dns-01 and dns-account-01. Other records beside the right one do not matter: a name and its
 * wildcard are proven at the same place (FIELD Q12). A record that is absent or old may be on its way,
 * so another try is worth while. */
#include "crypto/digest.h"
#include "validator/dns_txt.h"

enum rc dns_digest_init(struct dns_digest *d, struct str key_authorization)
{
	uint8_t digest[32];

	if (key_authorization.len == 0 || key_authorization.len > sizeof(d->key_authorization))
		return RC_INVALID;
	memcpy(d->key_authorization, key_authorization.p, key_authorization.len);
	d->key_authorization_len = key_authorization.len;
	sha256(str_bytes(key_authorization), digest);
	b64url_encode(bytes_of(digest, sizeof(digest)), d->expected);
	return RC_OK;
}

/* What people do instead: "" when it is something else. */
static const char *near_miss(const struct dns_digest *d, struct str text)
{
	size_t len = strlen(d->expected);

	if (str_eq(text, (struct str){ d->key_authorization, d->key_authorization_len }))
		return "; one is the key authorization itself, not its digest";
	if (text.len > len && text.len <= len + 2 && memcmp(text.p, d->expected, len) == 0)
		return "; one has the right value with padding or white space behind it";
	if (text.len == len + 2 && memcmp(text.p + 1, d->expected, len) == 0)
		return "; one has the right value between quotes of its own";
	if (text.len == len && str_eq_nocase(text, (struct str){ d->expected, len }))
		return "; one has the right value but for upper and lower case";
	return "";
}

void dns_digest_judge(const struct dns_digest *d, const char *rule, const struct dns_txt_view *view,
		      struct validation_result *out)
{
	const char *hint = "";

	if (view->absent) {
		dns_txt_fail(out, PROBLEM_INCORRECT_RESPONSE, true, "%s: %s %s: publish a TXT record with \"%s\" there",
			     rule, view->name, view->absent, d->expected);
		return;
	}
	for (size_t i = 0; i < view->text_count; i++) {
		if (str_is(view->texts[i], d->expected)) {
			out->valid = true;
			return;
		}
		if (!*hint)
			hint = near_miss(d, view->texts[i]);
	}
	dns_txt_fail(out, PROBLEM_INCORRECT_RESPONSE, true, "%s: none of the %zu TXT records of %s is the digest of this "
		     "challenge's key authorization%s: publish \"%s\"", rule, view->text_count, view->name, hint,
		     d->expected);
}
