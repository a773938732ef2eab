/* issuer.h - who turns an accepted order into a certificate: a local CA (its key in the signer
 * process), later an upstream ACME CA or step-ca. Two steps, so that nothing is signed that was not
 * recorded first (TRUST §4):
 *   prepare: at finalize, on the request's thread: from order, CSR and profile make a claim (for a
 *            local CA: serial and the TBS to be signed, already checked against the law). The
 *            caller stores it durably with the order.
 *   issue:   on the jobs' loop, perhaps after a restart: from the stored claim to the certificate.
 *            Called again with the same claim it gives the same certificate or says why not. */
#ifndef ASSAY_ISSUER_ISSUER_H
#define ASSAY_ISSUER_ISSUER_H

#include "acme/identifier.h"
#include "base/arena.h"
#include "base/fault.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "signer/signer.h"
#include "signer/signer_config.h"

/* What a certificate of this profile looks like: a declarative record (settings `profiles:`). */
struct profile {
	struct str name;
	struct str description;
	int64_t lifetime_s;
	int64_t max_lifetime_s; /* a requested notAfter may go up to here */
	int64_t backdate_s;     /* notBefore is this much before now */
	unsigned key_usage, ext_key_usage;
	bool subject_cn;        /* first name that fits 64 octets becomes the CN */
	bool must_staple;
	unsigned key_types;     /* set of 1 << enum key_type */
	unsigned rsa_bits_min;
	bool names_dns, names_ip;
};
/* The four built-in ones: server (default), short, client, mtls. NULL-terminated by name.p == NULL. */
extern const struct profile PROFILES_BUILT_IN[];
/* SHA-256 over a canonical encoding: pins a profile to an order. */
void profile_hash(const struct profile *p, uint8_t out[32]);
/* What the signer is to allow for it: no more than prepare() makes of it. name is the profile's. */
void profile_signer_law(const struct profile *p, struct signer_profile *out);
/* Is this key allowed by the profile? Fault badCSR / badPublicKey names what is allowed. */
enum rc profile_check_key(const struct profile *p, const struct pubkey *key, struct fault *f) MUST_USE;

/* A certificate authority as the server sees it: certificates, no key. Immutable. */
struct authority {
	struct str name;
	struct bytes *chain;    /* DER: issuing certificate first, root last (if known) */
	size_t chain_count;
	struct bytes **alternates; /* further chains for the same key, e.g. cross-signed */
	size_t *alternate_counts;
	size_t alternate_count;
	struct cert_info issuing; /* parsed chain[0] */
	enum sig_alg alg;         /* of its key's signatures */
	struct name_subtree *permit;
	size_t permit_count;
	struct str ocsp_url, ca_issuers_url, crl_url;
	int64_t crl_lifetime_s;
	int64_t crl_delta_s; /* how long a delta list is good; 0: there are none */
	unsigned crl_shards; /* of revocation lists; 0: there is only the full one (crypto/crl.h) */
	uint8_t fingerprint[32]; /* SHA-256 of the root's (last) certificate */
};
/* Reads the PEM files (chain: issuing first), orders and verifies the chain up to a self-signed
 * root, refuses a non-CA. alternate_files: further PEM files, each beginning with a certificate for
 * the same key and name; NULL-terminated, or NULL for none. Own permit and URLs are left empty for
 * the caller. Everything lives in the arena. */
enum rc authority_load(struct arena *a, struct str name, const char *chain_file,
		       const char *const *alternate_files, struct authority *out, struct fault *f) MUST_USE;

struct issue_request {
	const struct authority *authority;
	const struct profile *profile;
	const struct identifier *identifiers;
	size_t identifier_count;
	const struct csr *csr;  /* names already found equal to the identifiers (core/order.c) */
	int64_t not_before, not_after; /* as asked for (RFC 8555 §7.4); 0: the profile's */
};

struct issue_claim {
	struct bytes serial; /* 20 octets: 4 of time, 16 random */
	struct bytes claim;  /* opaque, stored with the order */
	int64_t not_before, not_after;
};

struct issuer;
struct issuer_ops {
	const char *type; /* "local" */
	enum rc (*prepare)(struct issuer *i, const struct issue_request *r, struct arena *a,
			   struct issue_claim *out, struct fault *f);
	/* done runs once on the jobs' loop: RC_OK with the DER certificate; RC_DENIED, RC_INVALID:
	 * final; RC_UNAVAILABLE, RC_BUSY, RC_TIMEOUT: try again later. */
	enum rc (*issue)(struct issuer *i, struct str authority, struct str profile, struct bytes claim,
			 void (*done)(void *arg, enum rc rc, struct bytes certificate, const struct fault *f),
			 void *arg);
	void (*free)(struct issuer *i);
};
struct issuer {
	const struct issuer_ops *ops;
};

/* The signer stays the caller's and must outlive the issuer. prepare() may be called from any
 * thread, issue() from the signer's loop only. */
enum rc issuer_local_new(struct signer *signer, struct issuer **out) MUST_USE;

/* 20 octets: seconds since 2020 in 31 bits, then 128 random bits; positive, ascending by time. */
void serial_new(int64_t now_s, uint8_t out[SERIAL_MAX]);

#endif
