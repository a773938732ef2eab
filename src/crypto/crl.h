/* crl.h - certificate revocation lists (RFC 5280 §5): building what is to be signed, and checking it
 * again where the key is. As with certificates the two share only the DER reader and writer.
 * A list may have millions of entries: they are collected as DER, one after the other, and never held
 * as structs. No state but what the caller owns: safe from any thread. */
#ifndef ASSAY_CRYPTO_CRL_H
#define ASSAY_CRYPTO_CRL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "crypto/key.h"

#define CRL_TBS_MAX (256 * 1024 * 1024) /* some five million entries */
#define CRL_LIFETIME_MAX_S (100 * 86400) /* from thisUpdate to nextUpdate */
#define CRL_SHARDS_MAX 1024

/* One line of a list: serial is the certificate's INTEGER octets; reason RFC 5280 §5.3.1, 0 is not
 * written (§5.3.1: SHOULD be absent then). Fails the buffer when it is none of a certificate. */
void crl_add_entry(struct buf *entries, struct bytes serial, int64_t revoked_at, int64_t reason);

struct crl_spec {
	enum sig_alg alg;
	struct bytes issuer_dn; /* DER Name */
	struct bytes authority_key_id;
	uint64_t number;        /* RFC 5280 §5.2.3, at most 63 bits */
	int64_t this_update, next_update;
	/* The one URL of a critical issuingDistributionPoint (RFC 5280 §5.2.5); absent: the list is
	 * for all certificates of the issuer. */
	struct str shard_url;
	struct str delta_url;  /* of a full list: freshestCRL (RFC 5280 §5.2.6); absent: there are no deltas */
	uint64_t base_number;  /* of a delta list: that of the full one (RFC 5280 §5.2.4); 0: this is no delta */
};
/* Adds the DER TBSCertList to out, which should be empty. */
enum rc crl_tbs_build(const struct crl_spec *spec, const struct buf *entries, struct buf *out) MUST_USE;
/* Adds SEQUENCE { tbs, algorithm, BIT STRING sig } to out. */
enum rc crl_assemble(struct bytes tbs, enum sig_alg alg, struct bytes sig, struct buf *out) MUST_USE;

/* What an authority's key may sign as a list: the signer's law. */
struct crl_limits {
	enum sig_alg alg;
	struct bytes issuer_dn;
	struct bytes authority_key_id;
	int64_t now;
	struct str url;  /* of the authority's lists as its certificates have it */
	unsigned shards; /* 0: no list may have an issuingDistributionPoint */
	bool delta;      /* there may be delta lists, and full ones may name them */
};
/* RC_OK, or RC_DENIED with the rule. The TBS must be a version 2 TBSCertList with exactly
 * authorityKeyIdentifier, cRLNumber and perhaps one of deltaCRLIndicator, issuingDistributionPoint and
 * freshestCRL, and entries with nothing but a reason. */
enum rc crl_tbs_check(struct bytes tbs, const struct crl_limits *limits, uint64_t *out_number,
		      struct fault *f) MUST_USE;

/* Which of the lists 1 to shards a certificate belongs to: SHA-256 of its serial's octets. */
unsigned crl_shard_of(struct bytes serial, unsigned shards);
/* "http://ca.lan/crl/lab.crl" becomes "http://ca.lan/crl/lab-3.crl". url ends in ".crl". Absent
 * when memory is out. */
struct str crl_shard_url(struct arena *a, struct str url, unsigned shard);
/* "http://ca.lan/crl/lab-delta.crl", likewise. */
struct str crl_delta_url(struct arena *a, struct str url);

#endif
