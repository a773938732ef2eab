/* certkit.h - a CA and leaves for the tests of certificates. */
#ifndef ASSAY_TESTS_CRYPTO_CERTKIT_H
#define ASSAY_TESTS_CRYPTO_CERTKIT_H

#include "kit.h"

#define CERTKIT_NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define CERTKIT_DAY 86400

/* Everything of a leaf or a CA, to be changed by a test before it is built. */
struct certkit {
	struct privkey *issuer_key;
	struct tbs_spec spec;
	struct tbs_limits limits;
	struct san sans[4];
	uint8_t issuer_id[20], serial[SERIAL_MAX];
};

static inline void certkit_key_id(struct privkey *k, uint8_t out[20])
{
	struct bytes spki = pubkey_spki(privkey_pubkey(k));

	/* the BIT STRING of a P-256 key is its last 66 octets, the first says that no bit is unused */
	assert_int_equal(pubkey_type(privkey_pubkey(k)), KEY_P256);
	sha1(bytes_of(spki.p + spki.len - 65, 65), out);
}

/* A leaf for a.lab.internal and 10.0.0.1 of key, issued by a P-256 CA "Lab CA". */
static inline void certkit_leaf(struct arena *a, struct certkit *c, struct privkey *key)
{
	memset(c, 0, sizeof(*c));
	c->issuer_key = kit_key(KEY_P256, 1); /* the second argument only tells it from other keys */
	certkit_key_id(c->issuer_key, c->issuer_id);
	memset(c->serial, 0x5a, sizeof(c->serial));
	c->sans[0] = (struct san){ .type = SAN_DNS, .value = str_bytes(STR("a.lab.internal")) };
	c->sans[1] = (struct san){ .type = SAN_IP, .value = bytes_of("\x0a\x00\x00\x01", 4) };
	c->spec = (struct tbs_spec){
		.serial = bytes_of(c->serial, 17),
		.alg = SIG_ES256,
		.not_before = CERTKIT_NOW - 3600,
		.not_after = CERTKIT_NOW - 3600 + 90 * CERTKIT_DAY - 1,
		.key = privkey_pubkey(key),
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = EKU_SERVER_AUTH,
		.sans = c->sans,
		.san_count = 2,
		.authority_key_id = bytes_of(c->issuer_id, 20),
		.ocsp_url = STR("http://ocsp.lab.internal/"),
		.ca_issuers_url = STR("http://ca.lab.internal/ca.der"),
		.crl_url = STR("http://ca.lab.internal/ca.crl"),
	};
	assert_int_equal(dn_build(a, STR("Home Lab"), STR("Lab CA"), &c->spec.issuer_dn), RC_OK);
	assert_int_equal(dn_build(a, str_of(NULL), STR("a.lab.internal"), &c->spec.subject_dn), RC_OK);
	c->limits = (struct tbs_limits){
		.alg = SIG_ES256,
		.issuer_dn = c->spec.issuer_dn,
		.authority_key_id = c->spec.authority_key_id,
		.issuer_not_before = CERTKIT_NOW - 1000 * CERTKIT_DAY,
		.issuer_not_after = CERTKIT_NOW + 1000 * CERTKIT_DAY,
		.max_lifetime_s = 90 * CERTKIT_DAY,
		.now = CERTKIT_NOW,
		.max_backdate_s = 3600,
		.allowed_extensions = EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SAN |
				      EXT_SUBJECT_KEY_ID | EXT_AUTHORITY_KEY_ID | EXT_AIA | EXT_CRL_DP,
		.required_extensions = EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SAN |
				       EXT_AUTHORITY_KEY_ID,
		.allowed_key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
		.allowed_ext_key_usage = EKU_SERVER_AUTH | EKU_CLIENT_AUTH,
		.ocsp_url = c->spec.ocsp_url,
		.ca_issuers_url = c->spec.ca_issuers_url,
		.crl_url = c->spec.crl_url,
	};
}

/* The self-signed CA of certkit_leaf(). */
static inline void certkit_root(struct arena *a, struct certkit *c)
{
	certkit_leaf(a, c, kit_key(KEY_P256, 1));
	c->spec.subject_dn = c->spec.issuer_dn;
	c->spec.not_before = CERTKIT_NOW - 900 * CERTKIT_DAY;
	c->spec.not_after = CERTKIT_NOW + 900 * CERTKIT_DAY;
	c->spec.ca = true;
	c->spec.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
	c->spec.ext_key_usage = 0;
	c->spec.san_count = 0;
	c->spec.authority_key_id = bytes_of(NULL, 0);
	c->spec.ocsp_url = c->spec.ca_issuers_url = c->spec.crl_url = str_of(NULL);
	c->serial[0] = 0x11;
}

static inline struct bytes certkit_tbs(struct arena *a, const struct certkit *c)
{
	struct bytes tbs = { NULL, 0 };

	assert_int_equal(tbs_build(a, &c->spec, &tbs), RC_OK);
	return tbs;
}

static inline struct bytes certkit_sign(struct arena *a, struct bytes tbs, struct privkey *key)
{
	enum sig_alg alg = key_x509_sig_alg(pubkey_type(privkey_pubkey(key)));
	uint8_t sig[SIG_MAX];
	struct bytes cert;
	size_t len;

	assert_int_equal(privkey_sign_x509(key, tbs, sig, &len), RC_OK);
	assert_int_equal(cert_assemble(a, tbs, alg, bytes_of(sig, len), &cert), RC_OK);
	return cert;
}

static inline struct bytes certkit_cert(struct arena *a, const struct certkit *c)
{
	return certkit_sign(a, certkit_tbs(a, c), c->issuer_key);
}

#endif
