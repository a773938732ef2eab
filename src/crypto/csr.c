/* csr.c - reads a PKCS#10 request (RFC 2986 §4) as RFC 8555 §7.4 uses it.
 * Order of work: size, DER budgets, structure, names, key, signature, strength of the key, so that
 * the dear checks are only made for one who holds the key. Of all extensions only subjectAltName is
 * read; the others must be well-formed and must not ask for a CA. */
#include "crypto/csr.h"

#include "base/limits.h"
#include "crypto/x509_impl.h"

#define CSR_SANS_MAX (2 * LIMIT_IDENTIFIERS) /* a request may repeat names (FIELD Q10) */
#define CSR_ATTRIBUTES_MAX 16

/* The parts of a CertificationRequest. */
struct request {
	struct bytes info, subject, spki, attributes, signature;
	enum sig_alg alg;
};

static enum rc split(const struct x509_ctx *c, struct bytes der, struct request *out)
{
	struct der d, info;
	struct der_item info_item, alg, subject, spki, attributes;
	const char *why;
	int version;

	if (der.len > LIMIT_CSR_BYTES)
		return x509_bad(c, "policy: a CSR has at most %d octets", LIMIT_CSR_BYTES);
	why = der_check(der);
	if (why)
		return x509_bad(c, "the CSR is not DER: %s", why);
	if (!der_only(der, DER_SEQUENCE, &d) || !der_get(&d, DER_SEQUENCE, &info_item) ||
	    !sig_alg_read(&d, &out->alg, &alg) || !der_get_bit_octets(&d, &out->signature) ||
	    !der_at_end(&d))
		return x509_bad(c, "RFC 2986 §4.2: not a CertificationRequest");
	info = der_over(info_item.body);
	if (!der_get_small(&info, &version) || version != 0)
		return x509_bad(c, "RFC 2986 §4.1: the version of a CSR is 0");
	if (!der_get(&info, DER_SEQUENCE, &subject) || !der_get(&info, DER_SEQUENCE, &spki))
		return x509_bad(c, "RFC 2986 §4.1: subject or subjectPKInfo is malformed");
	if (!der_get(&info, DER_CONTEXT_CONS(0), &attributes) || !der_at_end(&info))
		return x509_bad(c, "RFC 2986 §4.1: attributes are malformed");
	out->info = info_item.whole;
	out->subject = subject.whole;
	out->spki = spki.whole;
	out->attributes = attributes.body;
	return RC_OK;
}

static enum rc read_subject(const struct x509_ctx *c, struct bytes dn, struct csr *out)
{
	struct dn_reader r;
	struct dn_attribute attr;
	char text[DER_OID_TEXT_MAX];
	const char *why;
	int more;

	if (!dn_open(&r, dn))
		return x509_bad(c, "RFC 2986 §4.1: the subject is malformed");
	while ((more = dn_next(&r, &attr)) > 0) {
		der_oid_text(attr.oid, text);
		if (!attr.alone)
			return x509_bad(c, "policy (RFC 8555 §7.4): the subject has a multi-valued RDN");
		if (attr.id == ATTR_PLAIN)
			continue;
		if (attr.id != ATTR_CN)
			return x509_bad(c, "policy (RFC 8555 §7.4): the subject has the attribute %s (%s); "
					   "names belong in subjectAltName", attr.name, text);
		if (out->cn.p)
			return x509_bad(c, "policy (RFC 8555 §7.4): the subject has more than one CN");
		why = dn_ascii_check(&attr);
		if (why)
			return x509_bad(c, "%s", why);
		out->cn = (struct str){ (const char *)attr.value.p, attr.value.len };
	}
	return more < 0 ? x509_bad(c, "RFC 2986 §4.1: the subject is malformed") : RC_OK;
}

static enum rc read_san(const struct x509_ctx *c, struct bytes value, struct csr *out)
{
	enum rc rc = sans_read(c, value, CSR_SANS_MAX, &out->sans, &out->san_count);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < out->san_count; i++)
		if (out->sans[i].type == SAN_OTHER)
			return x509_bad(c, "RFC 8555 §7.4: the CSR has a name of type %s; only dNSName and "
					   "iPAddress are certified", general_name_type(out->sans[i].tag));
	return RC_OK;
}

/* Other extensions never reach a certificate. They are read all the same: a request for a CA is
 * refused, and what is malformed is not silently dropped. */
static enum rc read_extension(const struct x509_ctx *c, const struct extension *e, struct csr *out)
{
	unsigned usage;
	bool ca, other;
	int path_len;
	enum rc rc;

	switch (e->id) {
	case EXT_SAN:
		return read_san(c, e->value, out);
	case EXT_BASIC_CONSTRAINTS:
		rc = basic_constraints_read(c, e->value, &ca, &path_len);
		if (rc == RC_OK && ca)
			return x509_bad(c, "RFC 8555 §7.4: the CSR asks for a CA certificate "
					   "(basicConstraints CA:TRUE)");
		return rc;
	case EXT_KEY_USAGE:
		return key_usage_read(c, e->value, &usage);
	case EXT_EXT_KEY_USAGE:
		return ext_key_usage_read(c, e->value, &usage, &other);
	default:
		return RC_OK;
	}
}

/* Attribute ::= SEQUENCE { type OID, values SET SIZE (1) } of extensionRequest (RFC 2985 §5.4.2) */
static enum rc read_extensions(const struct x509_ctx *c, struct der values, struct csr *out)
{
	struct extension list[EXTENSIONS_MAX];
	struct der_item item;
	size_t count;
	enum rc rc;

	if (!der_get(&values, DER_SEQUENCE, &item) || !der_at_end(&values))
		return x509_bad(c, "RFC 2985 §5.4.2: extensionRequest has not exactly one value");
	rc = extensions_read(c, item.whole, list, &count);
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = read_extension(c, &list[i], out);
	return rc;
}

static enum rc read_attributes(const struct x509_ctx *c, struct bytes attributes, struct csr *out)
{
	struct der d = der_over(attributes), attr, values;
	struct der_item oid;
	struct bytes seen[CSR_ATTRIBUTES_MAX];
	size_t count = 0;
	enum rc rc;

	while (!der_at_end(&d)) {
		if (!der_enter(&d, DER_SEQUENCE, &attr) || !der_get(&attr, DER_OID, &oid) ||
		    !der_enter(&attr, DER_SET, &values) || !der_at_end(&attr) || der_at_end(&values))
			return x509_bad(c, "RFC 2986 §4.1: an attribute is malformed");
		if (count == COUNT_OF(seen))
			return x509_bad(c, "policy: more than %d attributes", CSR_ATTRIBUTES_MAX);
		for (size_t i = 0; i < count; i++)
			if (bytes_eq(seen[i], oid.body))
				return x509_bad(c, "RFC 2986 §4.1: an attribute is there twice");
		seen[count++] = oid.body;
		if (oid_find(OID_REQUEST, oid.body, NULL) != REQUEST_EXTENSIONS)
			continue; /* challengePassword and the like: never used */
		rc = read_extensions(c, values, out);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* RFC 8555 §6.7: a key that will not do makes the CSR bad ("e.g., due to a short key"); badPublicKey
 * speaks of the key that signed the request. */
static enum rc as_bad_csr(enum rc rc, struct fault *f)
{
	if (rc == RC_INVALID && f && f->problem == PROBLEM_BAD_PUBLIC_KEY)
		f->problem = PROBLEM_BAD_CSR;
	return rc;
}

static enum rc check_signature(const struct x509_ctx *c, const struct request *r,
			       const struct pubkey *key)
{
	enum rc rc;

	if (r->alg == SIG_NONE)
		return x509_bad(c, "RFC 8555 §7.4: the CSR's signature algorithm is none of RSA PKCS#1 "
				   "v1.5, ECDSA (with SHA-256, SHA-384 or SHA-512) and Ed25519");
	rc = pubkey_verify_x509(key, r->alg, r->info, r->signature);
	if (rc == RC_NOMEM)
		return x509_nomem(c);
	if (rc == RC_INVALID)
		return x509_bad(c, "RFC 2986 §4.2: the signature algorithm does not fit the CSR's key");
	if (rc != RC_OK)
		return x509_bad(c, "RFC 2986 §4.2: the CSR is not signed with its own key");
	return RC_OK;
}

enum rc csr_parse(struct arena *a, struct bytes der, struct csr *out, struct fault *f)
{
	const struct x509_ctx c = { a, PROBLEM_BAD_CSR, f };
	AUTO(csr) struct csr csr = { 0 };
	struct request r = { 0 };
	enum rc rc;

	rc = split(&c, der, &r);
	if (rc == RC_OK)
		rc = read_subject(&c, r.subject, &csr);
	if (rc == RC_OK)
		rc = read_attributes(&c, r.attributes, &csr);
	if (rc == RC_OK)
		rc = as_bad_csr(pubkey_from_spki(r.spki, &csr.key, f), f);
	if (rc == RC_OK)
		rc = check_signature(&c, &r, csr.key);
	if (rc == RC_OK)
		rc = as_bad_csr(pubkey_check_strength(csr.key, f), f);
	if (rc != RC_OK)
		return rc;
	*out = csr;
	csr.key = NULL; /* handed over */
	return RC_OK;
}

void csr_done(struct csr *c)
{
	pubkey_free(c->key);
	*c = (struct csr){ 0 };
}
