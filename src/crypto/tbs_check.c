/* tbs_check.c - the law of the signer: what an authority's key may sign for an end entity.
 * The signer process runs this on octets that come from a process which parses the network, so
 * nothing is believed: the TBSCertificate is read anew and everything it says must be allowed by
 * struct tbs_limits. Unknown means refused; an empty limit allows nothing. Each check names its rule
 * (RFC 5280 unless said otherwise). This file shares with tbs_build.c only the DER reader. */
#include <arpa/inet.h>

#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/x509_impl.h"

#define SERIAL_MIN 16 /* policy (CA/Browser Forum BR §7.1 wants 64 bits of randomness, we 128) */

/* The whole state of one check. */
struct check {
	const struct cert_info *info;
	const struct tbs_limits *limits;
	struct fault *f;
};

static enum rc deny(const struct check *c, const char *why)
{
	return fault_set(c->f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "%s", why);
}

static enum rc deny_name(const struct check *c, const struct san *name, const char *why)
{
	char text[SAN_TEXT_MAX];

	san_text(name, text);
	return fault_set(c->f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER, "%s: %s", text, why);
}

static enum rc check_identity(const struct check *c)
{
	struct bytes serial = c->info->serial;

	if (serial.len > 1 && serial.p[0] == 0) {
		serial.p++;
		serial.len--;
	}
	if (serial.len < SERIAL_MIN)
		return deny(c, "policy (RFC 5280 §4.1.2.2): the serial number has fewer than 16 octets");
	if (c->info->alg == SIG_NONE || c->info->alg != c->limits->alg)
		return deny(c, "RFC 5280 §4.1.2.3: not the signature algorithm of the authority's key");
	if (!bytes_eq(c->info->issuer_dn, c->limits->issuer_dn))
		return deny(c, "RFC 5280 §4.1.2.4: the issuer is not the authority's name");
	return RC_OK;
}

static enum rc check_validity(const struct check *c)
{
	const struct cert_info *info = c->info;
	const struct tbs_limits *l = c->limits;

	if (info->not_after < info->not_before)
		return deny(c, "RFC 5280 §4.1.2.5: notAfter is before notBefore");
	/* Both ends belong to the validity, so 90 days end one second before the 90th midnight. */
	if (info->not_after - info->not_before + 1 > l->max_lifetime_s)
		return deny(c, "policy (RFC 5280 §4.1.2.5): valid for longer than the authority's cap");
	if (info->not_before < l->now - l->max_backdate_s)
		return deny(c, "policy (RFC 5280 §4.1.2.5): notBefore lies further back than allowed");
	if (info->not_before > l->now + l->max_lifetime_s)
		return deny(c, "policy (RFC 5280 §4.1.2.5): notBefore lies too far ahead");
	if (info->not_after < l->now)
		return deny(c, "RFC 5280 §4.1.2.5: the certificate would already have expired");
	if (info->not_before < l->issuer_not_before)
		return deny(c, "RFC 5280 §6.1.3: valid before the issuer is");
	if (info->not_after > l->issuer_not_after)
		return deny(c, "RFC 5280 §6.1.3: valid for longer than the issuer");
	return RC_OK;
}

/* Which extensions there are, and which of them are critical. */
static enum rc check_extension_set(const struct check *c)
{
	/* RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.2.1: MUST NOT be critical; the others would break
	 * clients that cannot read them (policy). */
	const unsigned never_critical = EXT_AUTHORITY_KEY_ID | EXT_SUBJECT_KEY_ID | EXT_AIA |
					EXT_CRL_DP | EXT_TLS_FEATURE | EXT_OCSP_NOCHECK |
					EXT_CERT_POLICIES;
	const unsigned always_critical = EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE;
	unsigned have = c->info->extensions, critical = c->info->critical;

	if (have & EXT_UNKNOWN)
		return deny(c, "policy (RFC 5280 §4.2): an extension that the signer does not know");
	if (have & EXT_NAME_CONSTRAINTS)
		return deny(c, "RFC 5280 §4.2.1.10: nameConstraints belong in CA certificates only");
	if (have & ~c->limits->allowed_extensions)
		return deny(c, "policy (RFC 5280 §4.2): an extension that the authority does not allow");
	if (c->limits->required_extensions & ~have)
		return deny(c, "policy (RFC 5280 §4.2): an extension is missing that the authority requires");
	if (c->info->says_more)
		return deny(c, "policy (RFC 5280 §4.2): an extension says more than the authority's limits "
			       "cover");
	if (critical & never_critical)
		return deny(c, "RFC 5280 §4.2: an extension is critical that must not be");
	if (have & always_critical & ~critical)
		return deny(c, "RFC 5280 §4.2.1.3, §4.2.1.9: keyUsage or basicConstraints not critical");
	return RC_OK;
}

static enum rc check_usage(const struct check *c)
{
	const struct cert_info *info = c->info;
	const unsigned of_a_ca = KU_KEY_CERT_SIGN | KU_CRL_SIGN;

	if (info->ca)
		return deny(c, "RFC 5280 §4.2.1.9: a CA certificate");
	if (info->key_usage & of_a_ca)
		return deny(c, "RFC 5280 §4.2.1.3: keyCertSign or cRLSign in an end entity certificate");
	if (info->key_usage & ~c->limits->allowed_key_usage)
		return deny(c, "policy (RFC 5280 §4.2.1.3): a key usage that the authority does not allow");
	if (info->ext_key_usage_other)
		return deny(c, "policy (RFC 5280 §4.2.1.12): a key purpose that the signer does not know");
	if (info->ext_key_usage & ~c->limits->allowed_ext_key_usage)
		return deny(c, "policy (RFC 5280 §4.2.1.12): a key purpose that the authority does not "
			       "allow");
	return RC_OK;
}

/* The content of the BIT STRING of a SubjectPublicKeyInfo. */
static bool key_octets(struct bytes spki, struct bytes *out)
{
	struct der d;
	struct der_item alg;

	return der_only(spki, DER_SEQUENCE, &d) && der_next(&d, &alg) && der_get_bit_octets(&d, out) &&
	       der_at_end(&d);
}

/* *out is to be freed unless it is the one that was expected. */
static enum rc read_key(const struct check *c, const struct pubkey **out)
{
	struct pubkey *key = NULL;
	enum rc rc;

	if (c->limits->key) {
		*out = c->limits->key;
		return bytes_eq(pubkey_spki(*out), c->info->spki)
			       ? RC_OK
			       : deny(c, "RFC 5280 §4.1.2.7: the key is not the one that was asked for");
	}
	rc = pubkey_from_spki(c->info->spki, &key, c->f);
	*out = key;
	if (rc == RC_OK)
		rc = pubkey_check_strength(key, c->f);
	if (rc == RC_INVALID && c->f)
		c->f->rc = RC_DENIED; /* the fault keeps what the key's own check said */
	return rc == RC_INVALID ? RC_DENIED : rc;
}

static enum rc judge_key(const struct check *c, const struct pubkey *key)
{
	const struct cert_info *info = c->info;
	struct bytes octets;
	uint8_t id[20];

	if ((info->key_usage & KU_KEY_ENCIPHERMENT) && pubkey_type(key) != KEY_RSA)
		return deny(c, "RFC 5480 §3, RFC 8410 §5: keyEncipherment with a key that cannot");
	if ((info->key_usage & KU_KEY_AGREEMENT) &&
	    (pubkey_type(key) == KEY_RSA || pubkey_type(key) == KEY_ED25519))
		return deny(c, "RFC 3279 §2.3.1, RFC 8410 §5: keyAgreement with a key that cannot");
	if (info->extensions & EXT_SUBJECT_KEY_ID) {
		if (!key_octets(info->spki, &octets))
			return deny(c, "RFC 5280 §4.1.2.7: the subjectPublicKeyInfo is malformed");
		sha1(octets, id);
		if (!bytes_eq(info->subject_key_id, bytes_of(id, sizeof(id))))
			return deny(c, "RFC 5280 §4.2.1.2: subjectKeyIdentifier is not the key's SHA-1");
	}
	return RC_OK;
}

static enum rc check_key(const struct check *c)
{
	const struct pubkey *key = NULL;
	enum rc rc = read_key(c, &key);

	if (rc == RC_OK)
		rc = judge_key(c, key);
	if (key != c->limits->key)
		pubkey_free((struct pubkey *)key);
	return rc;
}

static enum rc check_authority(const struct check *c)
{
	const struct cert_info *info = c->info;
	const struct tbs_limits *l = c->limits;
	const struct {
		struct str have, must;
	} urls[] = {
		{ info->ocsp_url, l->ocsp_url },
		{ info->ca_issuers_url, l->ca_issuers_url },
		{ info->crl_url, l->crl_url },
	};

	/* An authority without a key id would be one whose certificate lacks it: RFC 5280 §4.2.1.2. */
	if (!l->authority_key_id.p || !info->authority_key_id.p ||
	    !bytes_eq(info->authority_key_id, l->authority_key_id))
		return deny(c, "RFC 5280 §4.2.1.1: authorityKeyIdentifier is not the authority's key id");
	for (size_t i = 0; i < COUNT_OF(urls); i++)
		if (urls[i].have.p && (!urls[i].must.p || !str_eq(urls[i].have, urls[i].must)))
			return deny(c, "policy (RFC 5280 §4.2.1.13, §4.2.2.1): a URL that is not the "
				       "authority's");
	if (info->urls_other)
		return deny(c, "policy (RFC 5280 §4.2.1.13, §4.2.2.1): more URLs than the authority has");
	return RC_OK;
}

static bool same_name(const struct san *a, const struct san *b)
{
	if (a->type != b->type)
		return false;
	if (a->type != SAN_DNS)
		return bytes_eq(a->value, b->value);
	return str_eq_nocase((struct str){ (const char *)a->value.p, a->value.len },
			     (struct str){ (const char *)b->value.p, b->value.len });
}

static enum rc check_dns_name(const struct check *c, const struct san *name)
{
	struct str dns = { (const char *)name->value.p, name->value.len }, parent;
	const char *why = host_name_check(dns, true);

	if (why)
		return deny_name(c, name, why);
	if (!str_starts(dns, "*."))
		return RC_OK;
	parent = (struct str){ dns.p + 2, dns.len - 2 };
	/* Where nothing bounds the names, a wildcard must not stand for a whole top level. */
	if (c->limits->permit_count == 0 && !memchr(parent.p, '.', parent.len))
		return deny_name(c, name, "policy (RFC 6125 §7.2): a wildcard directly below a top level");
	return RC_OK;
}

static enum rc check_names(const struct check *c)
{
	const struct cert_info *info = c->info;
	enum rc rc;

	if (info->san_count == 0)
		return deny(c, "RFC 5280 §4.2.1.6: no subject alternative name");
	if (info->san_count > LIMIT_IDENTIFIERS)
		return deny(c, "policy (RFC 5280 §4.2.1.6): too many subject alternative names");
	for (size_t i = 0; i < info->san_count; i++) {
		const struct san *name = &info->sans[i];

		if (name->type != SAN_DNS && name->type != SAN_IP)
			return deny(c, "policy (RFC 5280 §4.2.1.6): a name that is neither dNSName nor "
				       "iPAddress");
		rc = name->type == SAN_DNS ? check_dns_name(c, name) : RC_OK;
		if (rc != RC_OK)
			return rc;
		if (!name_subtrees_permit(c->limits->permit, c->limits->permit_count, name))
			return deny_name(c, name, "RFC 5280 §4.2.1.10: outside the names that the "
						  "authority may certify");
		for (size_t k = 0; k < i; k++)
			if (same_name(name, &info->sans[k]))
				return deny_name(c, name, "policy (RFC 5280 §4.2.1.6): the name is there "
							  "twice");
	}
	return RC_OK;
}

/* Is the CN the text of one of the names? */
static bool is_one_of_names(const struct cert_info *info, struct str cn)
{
	char text[UB_COMMON_NAME + 1];
	uint8_t address[16];
	struct san name = { .type = SAN_DNS, .value = str_bytes(cn) };

	if (cn.len > UB_COMMON_NAME)
		return false;
	memcpy(text, cn.p, cn.len);
	text[cn.len] = 0;
	if (inet_pton(AF_INET, text, address) == 1)
		name = (struct san){ .type = SAN_IP, .value = { address, 4 } };
	else if (inet_pton(AF_INET6, text, address) == 1)
		name = (struct san){ .type = SAN_IP, .value = { address, 16 } };
	for (size_t i = 0; i < info->san_count; i++)
		if (same_name(&name, &info->sans[i]))
			return true;
	return false;
}

/* The subject is empty or one CN; then the SAN extension is critical or not (RFC 5280 §4.2.1.6). */
static enum rc check_subject(const struct check *c)
{
	struct dn_reader r;
	struct dn_attribute attr;
	bool empty, critical = c->info->critical & EXT_SAN;
	int more;

	if (!dn_open(&r, c->info->subject_dn))
		return deny(c, "RFC 5280 §4.1.2.6: the subject is malformed");
	more = dn_next(&r, &attr);
	empty = more == 0;
	if (more > 0 && attr.id != ATTR_CN)
		return deny(c, "policy (RFC 5280 §4.1.2.6): the subject has another attribute than CN");
	if (more > 0 && dn_ascii_check(&attr))
		return deny(c, dn_ascii_check(&attr));
	if (more > 0 &&
	    !is_one_of_names(c->info, (struct str){ (const char *)attr.value.p, attr.value.len }))
		return deny(c, "policy (CA/Browser Forum BR §7.1.4.3): the CN is not one of the subject "
			       "alternative names");
	if (more < 0 || dn_next(&r, &attr) != 0)
		return deny(c, "policy (RFC 5280 §4.1.2.6): the subject has more than one CN");
	if (empty != critical)
		return deny(c, "RFC 5280 §4.2.1.6: subjectAltName is critical if, and only if, the subject "
			       "is empty");
	return RC_OK;
}

static enum rc check_responder(const struct check *c, struct arena *a, struct str cn)
{
	const struct cert_info *info = c->info;
	struct bytes subject;
	enum rc rc = dn_build(a, (struct str){ 0 }, cn, &subject);

	if (rc != RC_OK)
		return rc;
	if (!bytes_eq(info->subject_dn, subject))
		return deny(c, "policy (RFC 6960 §4.2.2.2): the subject is not that of an OCSP responder");
	if (info->san_count > 0 || info->ocsp_url.p || info->ca_issuers_url.p || info->crl_url.p)
		return deny(c, "policy (RFC 6960 §4.2.2.2): an OCSP responder has neither names nor URLs");
	if (info->ext_key_usage != EKU_OCSP_SIGNING)
		return deny(c, "RFC 6960 §4.2.2.2: OCSPSigning must be the only purpose");
	return RC_OK;
}

typedef enum rc (*check_fn)(const struct check *c);

static enum rc run_checks(const struct check *c, const check_fn *checks, size_t count)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = checks[i](c);
	return rc;
}

enum rc tbs_check(struct arena *a, struct bytes tbs, const struct tbs_limits *limits,
		  struct cert_info *out, struct fault *f)
{
	static const check_fn checks[] = {
		check_identity, check_validity, check_extension_set, check_usage,
		check_authority, check_names, check_subject, check_key,
	};
	struct cert_info info;
	const struct check c = { &info, limits, f };
	enum rc rc;

	rc = tbs_parse(a, tbs, &info, f);
	if (rc == RC_OK)
		rc = run_checks(&c, checks, COUNT_OF(checks));
	if (rc == RC_OK && out)
		*out = info;
	return rc;
}

enum rc tbs_check_responder(struct arena *a, struct bytes tbs, const struct tbs_limits *limits,
			    struct str cn, struct cert_info *out, struct fault *f)
{
	static const check_fn checks[] = {
		check_identity, check_validity, check_extension_set, check_usage, check_authority,
		check_key,
	};
	struct cert_info info;
	const struct check c = { &info, limits, f };
	enum rc rc;

	rc = tbs_parse(a, tbs, &info, f);
	if (rc == RC_OK)
		rc = run_checks(&c, checks, COUNT_OF(checks));
	if (rc == RC_OK)
		rc = check_responder(&c, a, cn);
	if (rc == RC_OK && out)
		*out = info;
	return rc;
}
