/* cert_acme.c - the id-pe-acmeIdentifier extension (RFC 8737 §3). It stands in no certificate but those
 * of challenges, so the general reader shows it as unknown, and whatever checks chains refuses it. */
#include "crypto/x509_impl.h"

#define PE "\x2b\x06\x01\x05\x05\x07\x01" /* 1.3.6.1.5.5.7.1 */

static const struct bytes OID_ACME_IDENTIFIER = { (const uint8_t *)PE "\x1f", 8 };
static const struct bytes OID_OF_DRAFTS = { (const uint8_t *)PE "\x1e\x01", 9 };

/* The Extensions [3] of a TBSCertificate that cert_parse() has accepted; false: none. */
static bool find_extensions(struct bytes tbs, struct bytes *out)
{
	struct der_item item;
	struct der d;

	if (!der_only(tbs, DER_SEQUENCE, &d))
		return false;
	while (der_next(&d, &item))
		if (item.tag == DER_CONTEXT_CONS(3)) {
			*out = item.body;
			return true;
		}
	return false;
}

/* Authorization ::= OCTET STRING (SIZE (32)) */
static struct bytes authorization_read(struct bytes value)
{
	struct der d = der_over(value);
	struct der_item item;

	if (!der_get(&d, DER_OCTET_STRING, &item) || !der_at_end(&d) || item.body.len != SHA256_LEN)
		return (struct bytes){ NULL, 0 };
	return item.body;
}

enum rc cert_acme_identifier(const struct cert_info *cert, struct cert_acme_identifier *out,
			     struct fault *f)
{
	const struct x509_ctx c = { NULL, PROBLEM_MALFORMED, f };
	struct extension list[EXTENSIONS_MAX];
	struct cert_acme_identifier found = { 0 };
	struct bytes extensions;
	size_t count;
	enum rc rc;

	if (!find_extensions(cert->tbs, &extensions)) {
		*out = found;
		return RC_OK;
	}
	rc = extensions_read(&c, extensions, list, &count);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		found.draft |= bytes_eq(list[i].oid, OID_OF_DRAFTS);
		if (!bytes_eq(list[i].oid, OID_ACME_IDENTIFIER))
			continue;
		found.present = true;
		found.critical = list[i].critical;
		found.digest = authorization_read(list[i].value);
	}
	*out = found;
	return RC_OK;
}
