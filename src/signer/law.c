/* law.c - loads the authorities and decides what they may sign (law.h). */
#include "signer/law.h"

#include "base/file.h"
#include "crypto/crl.h"
#include "crypto/digest.h"
#include "crypto/ocsp.h"
#include "crypto/pem.h"
#include "signer/name_law.h"

#define FILE_MAX (64 * 1024) /* a chain of certificates */

#define RESPONDER_EXTENSIONS                                                            \
	(EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SUBJECT_KEY_ID | EXT_AUTHORITY_KEY_ID | \
	 EXT_OCSP_NOCHECK)

/* Not of the config: nothing that the settings say makes it wider. */
static const struct signer_profile responder = {
	.name = { LAW_OCSP_RESPONDER, sizeof(LAW_OCSP_RESPONDER) - 1 },
	.max_lifetime_s = OCSP_RESPONDER_MAX_S,
	.allowed_extensions = RESPONDER_EXTENSIONS | EXT_BASIC_CONSTRAINTS,
	.required_extensions = RESPONDER_EXTENSIONS,
	.key_usage = KU_DIGITAL_SIGNATURE,
	.ext_key_usage = EKU_OCSP_SIGNING,
};

static enum rc load_certificate(struct arena *a, struct law_authority *l, struct fault *f)
{
	struct str path = l->config->certificate_file;
	const char *name = arena_cstr(a, path);
	struct bytes pem, *blocks;
	size_t count;
	enum rc rc;

	if (!name)
		return RC_NOMEM;
	if ((rc = file_read(a, name, FILE_MAX, &pem, f)) != RC_OK ||
	    (rc = pem_read(a, pem, "CERTIFICATE", &blocks, &count, f)) != RC_OK)
		return rc;
	if (count == 0)
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%.*s: no certificate in it", STR_ARG(path));
	rc = cert_parse(a, blocks[0], &l->issuing, f);
	if (rc != RC_OK)
		return rc;
	if (!l->issuing.ca || !(l->issuing.key_usage & KU_KEY_CERT_SIGN))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%.*s: RFC 5280 §4.2.1.3: not the certificate of an authority",
				 STR_ARG(path));
	if (l->issuing.subject_key_id.len == 0)
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%.*s: RFC 5280 §4.2.1.2: it has no subject key identifier",
				 STR_ARG(path));
	return RC_OK;
}

static void set_tag(struct law_authority *l)
{
	const struct bytes pieces[] = { l->issuing.subject_dn, l->issuing.spki };
	uint8_t hash[SHA256_LEN];

	sha256_pieces(pieces, COUNT_OF(pieces), hash);
	memcpy(l->tag, hash, JOURNAL_TAG);
}

static enum rc load_key(struct law_authority *l, struct fault *f)
{
	AUTO_PTR(signing_key) struct signing_key *key = NULL;
	AUTO_PTR(pubkey) struct pubkey *certified = NULL;
	static const uint8_t probe[] = "assay-signer";
	uint8_t sig[SIG_MAX];
	size_t sig_len;
	enum rc rc;

	if ((rc = signing_key_open(l->config->key_ref, l->config->passphrase_ref, &key, f)) !=
		    RC_OK ||
	    (rc = pubkey_from_spki(l->issuing.spki, &certified, f)) != RC_OK)
		return rc;
	if (!pubkey_eq(certified, key->ops->pubkey(key)))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "authority %.*s: its key is not the one in its certificate",
				 STR_ARG(l->config->name));
	l->alg = key_x509_sig_alg(pubkey_type(certified));
	set_tag(l);
	rc = key->ops->sign(key, bytes_of(probe, sizeof(probe)), sig, &sig_len);
	if (rc == RC_OK)
		rc = pubkey_verify_x509(certified, l->alg, bytes_of(probe, sizeof(probe)),
					bytes_of(sig, sig_len));
	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL,
				 "authority %.*s: its key does not make good signatures",
				 STR_ARG(l->config->name));
	l->key = TAKE(key);
	return RC_OK;
}

enum rc law_load(struct arena *a, const struct signer_config *config, struct law *out,
		 struct fault *f)
{
	struct law law = { .config = config };
	enum rc rc = RC_OK;

	law.authorities = arena_array(a, config->authority_count, sizeof(*law.authorities));
	if (!law.authorities)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < config->authority_count; i++) {
		struct law_authority *l = &law.authorities[law.count++];

		l->config = &config->authorities[i];
		rc = load_certificate(a, l, f);
		if (rc == RC_OK)
			rc = load_key(l, f);
	}
	if (rc == RC_OK)
		*out = law;
	else
		law_done(&law);
	return rc;
}

void law_done(struct law *law)
{
	for (size_t i = 0; i < law->count; i++)
		signing_key_free(law->authorities[i].key);
	*law = (struct law){ 0 };
}

enum rc law_find_authority(const struct law *law, struct str authority,
			   const struct law_authority **out_authority, struct fault *f)
{
	for (size_t i = 0; i < law->count; i++)
		if (str_eq(law->authorities[i].config->name, authority)) {
			*out_authority = &law->authorities[i];
			return RC_OK;
		}
	return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "policy: there is no authority %.*s",
			 STR_ARG(authority));
}

enum rc law_find(const struct law *law, struct str authority, struct str profile,
		 const struct law_authority **out_authority,
		 const struct signer_profile **out_profile, struct fault *f)
{
	const struct law_authority *l;
	enum rc rc = law_find_authority(law, authority, &l, f);

	if (rc != RC_OK)
		return rc;
	*out_authority = l;
	*out_profile = &responder;
	if (str_eq(profile, responder.name))
		return RC_OK;
	for (size_t k = 0; k < l->config->profile_count; k++)
		if (str_eq(l->config->profiles[k].name, profile)) {
			*out_profile = &l->config->profiles[k];
			return RC_OK;
		}
	return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
			 "policy: authority %.*s has no profile %.*s", STR_ARG(authority),
			 STR_ARG(profile));
}

/* Beside what tbs_check() knows of: excluded subtrees of the certificate, and the config's own. */
static enum rc check_names(const struct law_authority *l, const struct cert_info *info,
			   struct fault *f)
{
	const struct signer_authority *c = l->config;

	for (size_t i = 0; i < info->san_count; i++)
		if (!name_law_permits(&l->issuing, c->permit, c->permit_count, &info->sans[i]))
			return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					 "RFC 5280 §4.2.1.10: a name is outside of what authority "
					 "%.*s may certify", STR_ARG(c->name));
	return RC_OK;
}

/* A certificate of an authority with several lists names the one of its serial. */
static enum rc shard_url(const struct signer_authority *c, struct arena *a, struct bytes tbs,
			 struct str *out, struct fault *f)
{
	struct cert_info info;
	enum rc rc;

	*out = c->crl_url;
	if (c->crl_shards == 0 || !c->crl_url.p)
		return RC_OK;
	rc = tbs_parse(a, tbs, &info, f);
	if (rc != RC_OK)
		return rc == RC_INVALID ? RC_DENIED : rc;
	*out = crl_shard_url(a, c->crl_url, crl_shard_of(info.serial, c->crl_shards));
	return out->p ? RC_OK : RC_NOMEM;
}

enum rc law_check(const struct law *law, const struct law_authority *authority,
		  const struct signer_profile *profile, struct arena *a, struct bytes tbs,
		  int64_t now_s, uint8_t serial[SERIAL_MAX], struct fault *f)
{
	const struct signer_authority *c = authority->config;
	struct tbs_limits limits = {
		.alg = authority->alg,
		.issuer_dn = authority->issuing.subject_dn,
		.authority_key_id = authority->issuing.subject_key_id,
		.issuer_not_before = authority->issuing.not_before,
		.issuer_not_after = authority->issuing.not_after,
		.max_lifetime_s = profile->max_lifetime_s,
		.now = now_s,
		.max_backdate_s = law->config->max_backdate_s,
		.allowed_extensions = profile->allowed_extensions,
		.required_extensions = profile->required_extensions,
		.allowed_key_usage = profile->key_usage,
		.allowed_ext_key_usage = profile->ext_key_usage,
		.permit = authority->issuing.permit,
		.permit_count = authority->issuing.permit_count,
		.ocsp_url = c->ocsp_url,
		.ca_issuers_url = c->ca_issuers_url,
	};
	struct cert_info info;
	enum rc rc = shard_url(c, a, tbs, &limits.crl_url, f);

	if (rc == RC_OK && profile == &responder)
		rc = tbs_check_responder(a, tbs, &limits, STR(OCSP_RESPONDER_CN), &info, f);
	else if (rc == RC_OK)
		rc = tbs_check(a, tbs, &limits, &info, f);
	if (rc == RC_OK)
		rc = check_names(authority, &info, f);
	if (rc != RC_OK)
		return rc;
	if (info.serial.len != SERIAL_MAX)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "policy: a serial has %d octets, the first four its time",
				 SERIAL_MAX);
	memcpy(serial, info.serial.p, SERIAL_MAX);
	return RC_OK;
}

enum rc law_check_crl(const struct law_authority *authority, struct bytes tbs, int64_t now_s,
		      uint64_t *out_number, struct fault *f)
{
	const struct crl_limits limits = {
		.alg = authority->alg,
		.issuer_dn = authority->issuing.subject_dn,
		.authority_key_id = authority->issuing.subject_key_id,
		.now = now_s,
		.url = authority->config->crl_url,
		.shards = authority->config->crl_shards,
		.delta = authority->config->crl_delta,
	};

	if (!(authority->issuing.key_usage & KU_CRL_SIGN))
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "RFC 5280 §6.3.3: the issuing certificate does not have cRLSign");
	return crl_tbs_check(tbs, &limits, out_number, f);
}
