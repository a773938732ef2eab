/* cert.c - reads a certificate with the strict reader (RFC 5280 §4.1, §4.2) and checks one link of
 * a chain (RFC 5280 §6.1). Nothing is copied but lists: slices point into the input. */
#include "base/limits.h"
#include "crypto/x509_impl.h"

#define CERT_SANS_MAX 1000 /* in a certificate of others; the size limit comes first */

/* AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0], issuer [1], serial [2] } */
static enum rc authority_key_id_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct der d;
	struct der_item item;

	if (!der_only(der, DER_SEQUENCE, &d))
		return x509_bad(c, "RFC 5280 §4.2.1.1: authorityKeyIdentifier is malformed");
	if (der_get(&d, DER_CONTEXT(0), &item)) {
		if (item.body.len == 0)
			return x509_bad(c, "RFC 5280 §4.2.1.1: an empty keyIdentifier");
		out->authority_key_id = item.body;
	}
	if (der_get(&d, DER_CONTEXT_CONS(1), &item))
		out->says_more = true;
	if (der_get(&d, DER_CONTEXT(2), &item))
		out->says_more = true;
	if (!der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.1: authorityKeyIdentifier is malformed");
	return RC_OK;
}

static enum rc subject_key_id_read(const struct x509_ctx *c, struct bytes der, struct bytes *out)
{
	struct der d = der_over(der);
	struct der_item item;

	if (!der_get(&d, DER_OCTET_STRING, &item) || !der_at_end(&d) || item.body.len == 0)
		return x509_bad(c, "RFC 5280 §4.2.1.2: subjectKeyIdentifier is malformed");
	*out = item.body;
	return RC_OK;
}

/* Keeps the first http URL in *out; anything else is noted as other, also what is no URL in ASCII. */
static void note_url(struct cert_info *info, struct str *out, const struct der_item *name)
{
	struct str url = { (const char *)name->body.p, name->body.len };
	bool plain = str_starts(url, "http://") || str_starts(url, "https://");

	for (size_t i = 0; i < name->body.len; i++)
		plain &= name->body.p[i] > 0x20 && name->body.p[i] < 0x7f;
	if (out && !out->p && name->tag == DER_CONTEXT(6) && plain)
		*out = url;
	else
		info->urls_other = true;
}

/* RFC 5280 §4.2.2.1 */
static enum rc aia_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct der d, access;
	struct der_item method, place;
	struct str *slot;

	if (!der_only(der, DER_SEQUENCE, &d) || der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.2.1: authorityInfoAccess is malformed or empty");
	while (!der_at_end(&d)) {
		if (!der_enter(&d, DER_SEQUENCE, &access) || !der_get(&access, DER_OID, &method) ||
		    !der_next(&access, &place) || !der_at_end(&access) || !general_name_type(place.tag))
			return x509_bad(c, "RFC 5280 §4.2.2.1: an AccessDescription is malformed");
		switch (oid_find(OID_ACCESS, method.body, NULL)) {
		case ACCESS_OCSP:
			slot = &out->ocsp_url;
			break;
		case ACCESS_CA_ISSUERS:
			slot = &out->ca_issuers_url;
			break;
		default:
			slot = NULL;
		}
		note_url(out, slot, &place);
	}
	return RC_OK;
}

/* One DistributionPoint (RFC 5280 §4.2.1.13). */
static bool crl_point_read(struct der point, struct cert_info *out)
{
	struct der choice, names;
	struct der_item item;

	if (der_enter(&point, DER_CONTEXT_CONS(0), &choice)) {
		if (der_enter(&choice, DER_CONTEXT_CONS(0), &names)) {
			if (der_at_end(&names))
				return false;
			while (der_next(&names, &item))
				note_url(out, &out->crl_url, &item);
		} else if (der_get(&choice, DER_CONTEXT_CONS(1), &item)) {
			out->urls_other = true;
		} else {
			return false;
		}
		if (!der_at_end(&choice))
			return false;
	}
	if (der_get(&point, DER_CONTEXT(1), &item))
		out->urls_other = true; /* reasons */
	if (der_get(&point, DER_CONTEXT_CONS(2), &item))
		out->urls_other = true; /* cRLIssuer */
	return der_at_end(&point);
}

static enum rc crl_points_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct der d, point;

	if (!der_only(der, DER_SEQUENCE, &d) || der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.2.1.13: cRLDistributionPoints is malformed or empty");
	while (!der_at_end(&d))
		if (!der_enter(&d, DER_SEQUENCE, &point) || der_at_end(&point) ||
		    !crl_point_read(point, out))
			return x509_bad(c, "RFC 5280 §4.2.1.13: a DistributionPoint is malformed");
	return RC_OK;
}

/* RFC 7633 §4.1: SEQUENCE OF INTEGER; 5 is status_request. */
static enum rc tls_feature_read(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct der d;
	int feature;

	if (!der_only(der, DER_SEQUENCE, &d) || der_at_end(&d))
		return x509_bad(c, "RFC 7633 §4.1: tlsFeature is malformed or empty");
	while (!der_at_end(&d)) {
		if (!der_get_small(&d, &feature))
			return x509_bad(c, "RFC 7633 §4.1: tlsFeature is malformed");
		out->says_more |= feature != 5 || out->must_staple;
		out->must_staple |= feature == 5;
	}
	return RC_OK;
}

static enum rc plain_read(const struct x509_ctx *c, struct bytes der, uint8_t tag, bool empty,
			  const char *what)
{
	struct der d;

	if (!der_only(der, tag, &d) || der_at_end(&d) != empty)
		return x509_bad(c, "RFC 5280 §4.2: %s is malformed", what);
	return RC_OK;
}

static enum rc extension_read(const struct x509_ctx *c, const struct extension *e,
			      struct cert_info *out)
{
	out->extensions |= e->id;
	if (e->critical)
		out->critical |= e->id;
	switch (e->id) {
	case EXT_BASIC_CONSTRAINTS:
		return basic_constraints_read(c, e->value, &out->ca, &out->path_len);
	case EXT_KEY_USAGE:
		return key_usage_read(c, e->value, &out->key_usage);
	case EXT_EXT_KEY_USAGE:
		return ext_key_usage_read(c, e->value, &out->ext_key_usage, &out->ext_key_usage_other);
	case EXT_SAN:
		return sans_read(c, e->value, CERT_SANS_MAX, &out->sans, &out->san_count);
	case EXT_SUBJECT_KEY_ID:
		return subject_key_id_read(c, e->value, &out->subject_key_id);
	case EXT_AUTHORITY_KEY_ID:
		return authority_key_id_read(c, e->value, out);
	case EXT_AIA:
		return aia_read(c, e->value, out);
	case EXT_CRL_DP:
		return crl_points_read(c, e->value, out);
	case EXT_NAME_CONSTRAINTS:
		return name_constraints_read(c, e->value, out);
	case EXT_TLS_FEATURE:
		return tls_feature_read(c, e->value, out);
	case EXT_CERT_POLICIES:
		out->says_more = true;
		return plain_read(c, e->value, DER_SEQUENCE, false, "certificatePolicies");
	case EXT_OCSP_NOCHECK:
		return plain_read(c, e->value, DER_NULL, true, "ocspNoCheck");
	default:
		return RC_OK; /* EXT_UNKNOWN: shown, not read */
	}
}

/* Extensions [3] EXPLICIT */
static enum rc extensions_of(const struct x509_ctx *c, struct bytes der, struct cert_info *out)
{
	struct extension list[EXTENSIONS_MAX];
	size_t count;
	enum rc rc = extensions_read(c, der, list, &count);

	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = extension_read(c, &list[i], out);
	return rc;
}

static enum rc subject_read(const struct x509_ctx *c, struct cert_info *out)
{
	struct dn_reader r;
	struct dn_attribute attr;
	int more;

	if (!dn_open(&r, out->subject_dn))
		return x509_bad(c, "RFC 5280 §4.1.2.6: the subject is malformed");
	while ((more = dn_next(&r, &attr)) > 0)
		if (attr.id == ATTR_CN)
			out->subject_cn = (struct str){ (const char *)attr.value.p, attr.value.len };
	if (more < 0)
		return x509_bad(c, "RFC 5280 §4.1.2.6: the subject is malformed");
	if (!dn_open(&r, out->issuer_dn))
		return x509_bad(c, "RFC 5280 §4.1.2.4: the issuer is malformed");
	while ((more = dn_next(&r, &attr)) > 0)
		;
	return more < 0 ? x509_bad(c, "RFC 5280 §4.1.2.4: the issuer is malformed") : RC_OK;
}

static enum rc serial_read(const struct x509_ctx *c, struct der *d, struct cert_info *out)
{
	struct der_item item;

	if (!der_get(d, DER_INTEGER, &item) || item.body.len == 0)
		return x509_bad(c, "RFC 5280 §4.1.2.2: the serial number is malformed");
	if (item.body.p[0] >= 0x80 || (item.body.len == 1 && item.body.p[0] == 0))
		return x509_bad(c, "RFC 5280 §4.1.2.2: the serial number is not positive");
	if (item.body.len > SERIAL_MAX)
		return x509_bad(c, "RFC 5280 §4.1.2.2: the serial number has more than 20 octets");
	out->serial = item.body;
	return RC_OK;
}

static enum rc validity_read(const struct x509_ctx *c, struct der *d, struct cert_info *out)
{
	struct der validity;

	if (!der_enter(d, DER_SEQUENCE, &validity) || !der_get_time(&validity, &out->not_before) ||
	    !der_get_time(&validity, &out->not_after) || !der_at_end(&validity))
		return x509_bad(c, "RFC 5280 §4.1.2.5: the validity is not two times, UTCTime "
				   "\"YYMMDDHHMMSSZ\" through 2049 and GeneralizedTime from 2050");
	return RC_OK;
}

/* The content of a TBSCertificate that has passed der_check(). out_alg is the whole
 * AlgorithmIdentifier. */
static enum rc tbs_read(const struct x509_ctx *c, struct der d, struct cert_info *out,
			struct bytes *out_alg)
{
	struct der tagged;
	struct der_item alg, issuer, subject, spki;
	struct bytes extensions = { NULL, 0 };
	int version;
	enum rc rc;

	out->path_len = -1;
	if (!der_enter(&d, DER_CONTEXT_CONS(0), &tagged) || !der_get_small(&tagged, &version) ||
	    !der_at_end(&tagged) || version != 2)
		return x509_bad(c, "RFC 5280 §4.1.2.1: the certificate is not of version 3");
	rc = serial_read(c, &d, out);
	if (rc != RC_OK)
		return rc;
	if (!sig_alg_read(&d, &out->alg, &alg) || !der_get(&d, DER_SEQUENCE, &issuer))
		return x509_bad(c, "RFC 5280 §4.1.2.3: signature or issuer is malformed");
	*out_alg = alg.whole;
	out->issuer_dn = issuer.whole;
	rc = validity_read(c, &d, out);
	if (rc != RC_OK)
		return rc;
	if (!der_get(&d, DER_SEQUENCE, &subject) || !der_get(&d, DER_SEQUENCE, &spki))
		return x509_bad(c, "RFC 5280 §4.1: subject or subjectPublicKeyInfo is malformed");
	out->subject_dn = subject.whole;
	out->spki = spki.whole;
	if (der_is_next(&d, DER_CONTEXT(1)) || der_is_next(&d, DER_CONTEXT(2)))
		return x509_bad(c, "RFC 5280 §4.1.2.8: unique identifiers must not be there");
	if (der_enter(&d, DER_CONTEXT_CONS(3), &tagged))
		extensions = bytes_of(tagged.p, (size_t)(tagged.end - tagged.p));
	if (!der_at_end(&d))
		return x509_bad(c, "RFC 5280 §4.1: something behind the extensions");
	rc = subject_read(c, out);
	if (rc != RC_OK || !extensions.p)
		return rc;
	return extensions_of(c, extensions, out);
}

enum rc tbs_parse(struct arena *a, struct bytes tbs, struct cert_info *out, struct fault *f)
{
	const struct x509_ctx c = { a, PROBLEM_MALFORMED, f };
	struct cert_info info = { 0 };
	struct bytes alg;
	struct der d;
	const char *why;
	enum rc rc;

	if (tbs.len > LIMIT_TBS_BYTES)
		return x509_bad(&c, "policy: a TBSCertificate has at most %d octets", LIMIT_TBS_BYTES);
	why = der_check(tbs);
	if (why)
		return x509_bad(&c, "the TBSCertificate is not DER: %s", why);
	if (!der_only(tbs, DER_SEQUENCE, &d))
		return x509_bad(&c, "RFC 5280 §4.1: not a TBSCertificate");
	rc = tbs_read(&c, d, &info, &alg);
	if (rc != RC_OK)
		return rc;
	info.tbs = tbs;
	*out = info;
	return RC_OK;
}

enum rc cert_parse(struct arena *a, struct bytes der, struct cert_info *out, struct fault *f)
{
	const struct x509_ctx c = { a, PROBLEM_MALFORMED, f };
	struct cert_info info = { 0 };
	struct der d;
	struct der_item tbs, outer_alg;
	struct bytes inner_alg;
	enum sig_alg alg;
	const char *why;
	enum rc rc;

	if (der.len > LIMIT_CERT_BYTES)
		return x509_bad(&c, "policy: a certificate has at most %d octets", LIMIT_CERT_BYTES);
	why = der_check(der);
	if (why)
		return x509_bad(&c, "the certificate is not DER: %s", why);
	if (!der_only(der, DER_SEQUENCE, &d) || !der_get(&d, DER_SEQUENCE, &tbs) ||
	    !sig_alg_read(&d, &alg, &outer_alg) || !der_get_bit_octets(&d, &info.signature) ||
	    !der_at_end(&d))
		return x509_bad(&c, "RFC 5280 §4.1: not a Certificate");
	rc = tbs_read(&c, der_over(tbs.body), &info, &inner_alg);
	if (rc != RC_OK)
		return rc;
	if (!bytes_eq(inner_alg, outer_alg.whole))
		return x509_bad(&c, "RFC 5280 §4.1.1.2: the two signature algorithms differ");
	info.tbs = tbs.whole;
	*out = info;
	return RC_OK;
}

/* --- one link of a chain (RFC 5280 §6.1) --- */

static enum rc deny(struct fault *f, const char *why)
{
	return fault_set(f, RC_DENIED, PROBLEM_MALFORMED, "%s", why);
}

static enum rc check_issuer_is_ca(const struct cert_info *child, const struct cert_info *issuer,
				  struct fault *f)
{
	if ((issuer->critical | child->critical) & EXT_UNKNOWN)
		return deny(f, "RFC 5280 §4.2: a critical extension that is not known here");
	if (!issuer->ca)
		return deny(f, "RFC 5280 §4.2.1.9: the issuer is not a CA certificate");
	if ((issuer->extensions & EXT_KEY_USAGE) && !(issuer->key_usage & KU_KEY_CERT_SIGN))
		return deny(f, "RFC 5280 §4.2.1.3: the issuer's keyUsage has no keyCertSign");
	if (child->ca && issuer->path_len == 0 && !bytes_eq(child->issuer_dn, child->subject_dn))
		return deny(f, "RFC 5280 §4.2.1.9: the issuer's pathLenConstraint allows no CA below it");
	if (child->ca && issuer->path_len > 0 && child->path_len >= issuer->path_len &&
	    !bytes_eq(child->issuer_dn, child->subject_dn))
		return deny(f, "RFC 5280 §4.2.1.9: pathLenConstraint is not below the issuer's");
	return RC_OK;
}

static enum rc check_names(const struct cert_info *child, const struct cert_info *issuer,
			   struct fault *f)
{
	char text[SAN_TEXT_MAX];

	for (size_t i = 0; i < child->san_count; i++) {
		const struct san *name = &child->sans[i];
		bool excluded = false;

		for (size_t k = 0; k < issuer->exclude_count; k++)
			excluded |= name_subtree_touches(&issuer->exclude[k], name);
		san_text(name, text);
		if (excluded)
			return fault_set(f, RC_DENIED, PROBLEM_MALFORMED,
					 "RFC 5280 §4.2.1.10: %s is in an excluded subtree", text);
		if (!name_subtrees_permit(issuer->permit, issuer->permit_count, name))
			return fault_set(f, RC_DENIED, PROBLEM_MALFORMED,
					 "RFC 5280 §4.2.1.10: %s is in no permitted subtree", text);
	}
	return RC_OK;
}

static enum rc check_signature(const struct cert_info *child, const struct cert_info *issuer,
			       struct fault *f)
{
	AUTO_PTR(pubkey) struct pubkey *key = NULL;
	enum rc rc;

	if (child->alg == SIG_NONE || !child->signature.p)
		return deny(f, "RFC 5280 §4.1.1.2: a signature algorithm that is not accepted");
	rc = pubkey_from_spki(issuer->spki, &key, f);
	if (rc != RC_OK)
		return rc;
	rc = pubkey_verify_x509(key, child->alg, child->tbs, child->signature);
	if (rc == RC_NOMEM)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "no memory to check a signature");
	if (rc != RC_OK)
		return deny(f, "RFC 5280 §6.1.3: the signature is not of the issuer's key");
	return RC_OK;
}

enum rc cert_check_issued(const struct cert_info *child, const struct cert_info *issuer,
			  struct fault *f)
{
	enum rc rc;

	if (!bytes_eq(child->issuer_dn, issuer->subject_dn))
		return deny(f, "RFC 5280 §6.1.3: the issuer's name is not the one in the certificate");
	if (child->authority_key_id.p && issuer->subject_key_id.p &&
	    !bytes_eq(child->authority_key_id, issuer->subject_key_id))
		return deny(f, "RFC 5280 §4.2.1.1: authorityKeyIdentifier is not the issuer's key id");
	rc = check_issuer_is_ca(child, issuer, f);
	if (rc == RC_OK)
		rc = check_names(child, issuer, f);
	return rc == RC_OK ? check_signature(child, issuer, f) : rc;
}

enum rc cert_check_self_signed(const struct cert_info *cert, struct fault *f)
{
	if (!bytes_eq(cert->issuer_dn, cert->subject_dn))
		return deny(f, "RFC 5280 §3.2: the issuer's name is not the subject's: it is not self-signed");
	return check_signature(cert, cert, f);
}
