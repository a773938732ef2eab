/* cert.h - X.509 certificates (RFC 5280): building what is to be signed, checking it, reading.
 * Building and checking are two independent pieces of code: the signer process checks with
 * tbs_check() what the server built with tbs_build(). */
#ifndef ASSAY_CRYPTO_CERT_H
#define ASSAY_CRYPTO_CERT_H

#include "crypto/key.h"
#include "crypto/x509name.h"

#define SERIAL_MAX 20

/* Key usage bits, numbered as in RFC 5280 §4.2.1.3 (bit 0 = digitalSignature). */
enum {
	KU_DIGITAL_SIGNATURE = 1 << 0,
	KU_KEY_ENCIPHERMENT = 1 << 2,
	KU_KEY_AGREEMENT = 1 << 4,
	KU_KEY_CERT_SIGN = 1 << 5,
	KU_CRL_SIGN = 1 << 6,
};
/* Extended key usages we know (RFC 5280 §4.2.1.12). */
enum {
	EKU_SERVER_AUTH = 1 << 0,
	EKU_CLIENT_AUTH = 1 << 1,
	EKU_OCSP_SIGNING = 1 << 2,
};
/* Extensions we know, as a set. */
enum {
	EXT_BASIC_CONSTRAINTS = 1 << 0,
	EXT_KEY_USAGE = 1 << 1,
	EXT_EXT_KEY_USAGE = 1 << 2,
	EXT_SAN = 1 << 3,
	EXT_SUBJECT_KEY_ID = 1 << 4,
	EXT_AUTHORITY_KEY_ID = 1 << 5,
	EXT_AIA = 1 << 6,
	EXT_CRL_DP = 1 << 7,
	EXT_NAME_CONSTRAINTS = 1 << 8,
	EXT_CERT_POLICIES = 1 << 9,
	EXT_TLS_FEATURE = 1 << 10, /* must-staple, RFC 7633 */
	EXT_OCSP_NOCHECK = 1 << 11,
	EXT_UNKNOWN = 1 << 30, /* any other */
};

/* Everything a certificate says. Times are inclusive ends (RFC 5280 §4.1.2.5). */
struct tbs_spec {
	/* The octets of the INTEGER as they go into the certificate: positive, at most 20 octets, no
	 * leading zero octet but for the sign. */
	struct bytes serial;
	enum sig_alg alg;
	struct bytes issuer_dn; /* DER Name */
	struct bytes subject_dn;
	int64_t not_before, not_after;
	const struct pubkey *key;
	bool ca;
	int path_len;           /* -1: none */
	unsigned key_usage;     /* 0: no extension */
	unsigned ext_key_usage; /* 0: no extension */
	const struct san *sans;
	size_t san_count;
	bool san_critical;         /* when the subject is empty (RFC 5280 §4.2.1.6) */
	struct bytes authority_key_id; /* absent: none (self-signed root) */
	struct str ocsp_url, ca_issuers_url, crl_url; /* absent: not in the certificate */
	/* Name constraints of a CA, critical. RFC 5280 §4.2.1.10 leaves a type without any subtree
	 * free, so the types of {DNS, IPv4, IPv6} that the list does not have are excluded whole. */
	const struct name_subtree *permit;
	size_t permit_count;
	bool must_staple;
	bool ocsp_nocheck; /* RFC 6960 §4.2.2.2.1, of an OCSP responder */
};
/* Builds the DER TBSCertificate. Subject key id is SHA-1 of the key bits (RFC 5280 §4.2.1.2 (1)). */
enum rc tbs_build(struct arena *a, const struct tbs_spec *spec, struct bytes *out) MUST_USE;
/* SEQUENCE { tbs, algorithm, BIT STRING sig }. */
enum rc cert_assemble(struct arena *a, struct bytes tbs, enum sig_alg alg, struct bytes sig,
		      struct bytes *out) MUST_USE;

/* What a certificate says, read with the strict reader; slices point into the input. */
struct cert_info {
	struct bytes tbs, serial, issuer_dn, subject_dn, spki;
	enum sig_alg alg; /* SIG_NONE when we do not know it */
	struct bytes signature;
	int64_t not_before, not_after;
	unsigned extensions; /* set of EXT_* that are present, EXT_UNKNOWN for any other */
	bool ca;
	int path_len;
	unsigned key_usage, ext_key_usage;
	bool ext_key_usage_other; /* has one we do not know */
	struct san *sans;
	size_t san_count;
	struct bytes subject_key_id, authority_key_id;
	struct str subject_cn; /* absent if none */
	bool must_staple;
	/* An extension that we know says more than these fields hold: authorityKeyIdentifier with
	 * issuer or serial, a TLS feature besides status_request, any policies. */
	bool says_more;
	struct name_subtree *permit;
	size_t permit_count;
	struct name_subtree *exclude; /* of others: what we build excludes only whole types */
	size_t exclude_count;
	unsigned critical;      /* set of EXT_* that are marked critical */
	/* The first of each, absent if none; urls_other: there is more than one, or one of a kind
	 * that is not http, or a distribution point with reasons or an issuer of its own. */
	struct str ocsp_url, ca_issuers_url, crl_url;
	bool urls_other;
};
/* For certificates of others too (intermediates, peers): unknown extensions are allowed and shown. */
enum rc cert_parse(struct arena *a, struct bytes der, struct cert_info *out, struct fault *f) MUST_USE;
enum rc tbs_parse(struct arena *a, struct bytes tbs, struct cert_info *out, struct fault *f) MUST_USE;
/* What the certificate of a tls-alpn-01 challenge says besides (RFC 8737 §3). */
struct cert_acme_identifier {
	bool present, critical;
	bool draft;          /* instead, or too: 1.3.6.1.5.5.7.1.30.1 of the drafts before the RFC */
	struct bytes digest; /* the 32 octets of its Authorization; absent if it is not exactly that */
};
/* cert: as cert_parse() read it. */
enum rc cert_acme_identifier(const struct cert_info *cert, struct cert_acme_identifier *out,
			     struct fault *f) MUST_USE;
/* Signed by its own key, and named as its own issuer. Says nothing about what it may sign. */
enum rc cert_check_self_signed(const struct cert_info *cert, struct fault *f) MUST_USE;
/* Was child signed by the key of issuer, and do issuer's CA flags, names and key ids allow it? */
enum rc cert_check_issued(const struct cert_info *child, const struct cert_info *issuer,
			  struct fault *f) MUST_USE;

/* What an authority may sign for end entities: the signer's law. */
struct tbs_limits {
	enum sig_alg alg;
	struct bytes issuer_dn;        /* must be equal */
	struct bytes authority_key_id; /* must be equal */
	int64_t issuer_not_before, issuer_not_after; /* never outlive the issuer */
	int64_t max_lifetime_s;
	int64_t now, max_backdate_s;
	unsigned allowed_extensions, required_extensions;
	unsigned allowed_key_usage, allowed_ext_key_usage;
	const struct name_subtree *permit;
	size_t permit_count;
	struct str ocsp_url, ca_issuers_url, crl_url; /* if present in the TBS, must be equal */
	/* The key that must be in it, read and found good before; NULL: it is read and judged here. */
	const struct pubkey *key;
};
/* Parses and checks; out may be NULL. RC_DENIED with the rule when it breaks one: a CA certificate,
 * keyCertSign, an extension or EKU outside the set, no SAN, a name outside permit, wildcard in a
 * wrong place, a subject CN that is not one of the SANs, lifetime, serial of less than 16 octets. */
enum rc tbs_check(struct arena *a, struct bytes tbs, const struct tbs_limits *limits,
		  struct cert_info *out, struct fault *f) MUST_USE;
/* The same for a certificate of the authority's own OCSP responder (RFC 6960 §4.2.2.2): limits say
 * its extensions and usages too; it has no names, but exactly the subject CN that is given here, no
 * URLs, and OCSPSigning as its only purpose. */
enum rc tbs_check_responder(struct arena *a, struct bytes tbs, const struct tbs_limits *limits,
			    struct str cn, struct cert_info *out, struct fault *f) MUST_USE;

#endif
