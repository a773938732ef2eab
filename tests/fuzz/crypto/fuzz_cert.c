/* fuzz_cert.c - certificates and the law of the signer. Limits are taken from the input itself, so
 * that the later checks are reached; whatever is then allowed must not be a CA and must have been
 * what tbs_build() writes. */
#include <stdlib.h>

#include "base/limits.h"
#include "crypto/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_what_we_write(struct arena *a, const struct cert_info *i)
{
	struct pubkey *key;
	struct bytes again;
	struct tbs_spec spec;

	if (pubkey_from_spki(i->spki, &key, NULL) != RC_OK)
		abort();
	spec = (struct tbs_spec){
		.serial = i->serial, .alg = i->alg, .issuer_dn = i->issuer_dn, .subject_dn = i->subject_dn,
		.not_before = i->not_before, .not_after = i->not_after, .key = key, .path_len = -1,
		.key_usage = i->key_usage, .ext_key_usage = i->ext_key_usage, .sans = i->sans,
		.san_count = i->san_count, .san_critical = i->critical & EXT_SAN,
		.authority_key_id = i->authority_key_id, .ocsp_url = i->ocsp_url,
		.ca_issuers_url = i->ca_issuers_url, .crl_url = i->crl_url, .must_staple = i->must_staple,
	};
	/* Extensions and names may come in another order, but never in another size. */
	if (tbs_build(a, &spec, &again) != RC_OK || again.len != i->tbs.len)
		abort();
	pubkey_free(key);
}

static void check_tbs(struct arena *a, const struct cert_info *c)
{
	const unsigned extensions = EXT_BASIC_CONSTRAINTS | EXT_SAN | EXT_SUBJECT_KEY_ID |
				    EXT_AUTHORITY_KEY_ID;
	const struct tbs_limits limits = {
		.alg = c->alg,
		.issuer_dn = c->issuer_dn,
		.authority_key_id = c->authority_key_id,
		.issuer_not_before = c->not_before,
		.issuer_not_after = c->not_after,
		.max_lifetime_s = c->not_after - c->not_before + 1,
		.now = c->not_before,
		.allowed_extensions = extensions | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_AIA | EXT_CRL_DP,
		.required_extensions = extensions,
		.allowed_key_usage = ~0U,
		.allowed_ext_key_usage = ~0U,
		.ocsp_url = c->ocsp_url,
		.ca_issuers_url = c->ca_issuers_url,
		.crl_url = c->crl_url,
	};
	struct cert_info info;
	struct fault f = { 0 };

	if (tbs_check(a, c->tbs, &limits, &info, &f) == RC_OK) {
		if (info.ca || (info.key_usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) || info.san_count == 0)
			abort();
		must_be_what_we_write(a, &info);
	} else if (f.detail[0] == 0) {
		abort();
	}
	fault_done(&f);
}

/* RFC 8737 §3: what is taken for a digest is 32 octets of the certificate, of an extension that the
 * general reader does not know. */
static void check_acme_identifier(const struct cert_info *c)
{
	struct cert_acme_identifier said;

	if (cert_acme_identifier(c, &said, NULL) != RC_OK)
		abort();
	if (said.digest.p && (!said.present || said.digest.len != 32 || said.digest.p < c->tbs.p ||
			      said.digest.p + 32 > c->tbs.p + c->tbs.len || !(c->extensions & EXT_UNKNOWN)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert_info info;
	struct arena arena;

	arena_init(&arena, LIMIT_REQUEST_ARENA);
	if (cert_parse(&arena, bytes_of(data, size), &info, NULL) == RC_OK) {
		(void)!cert_check_issued(&info, &info, NULL);
		check_tbs(&arena, &info);
	}
	if (cert_parse(&arena, bytes_of(data, size), &info, NULL) == RC_OK)
		check_acme_identifier(&info);
	if (tbs_parse(&arena, bytes_of(data, size), &info, NULL) == RC_OK)
		check_tbs(&arena, &info);
	arena_done(&arena);
	return 0;
}
