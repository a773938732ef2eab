/* law.h - what the signer may sign: the authorities of its config with their certificates and keys
 * loaded, and the one decision "may this TBS be signed by that authority under that profile?".
 * Everything here is checked on the octets that will be signed (TRUST §2d rule 2). One thread. */
#ifndef ASSAY_SIGNER_LAW_H
#define ASSAY_SIGNER_LAW_H

#include "base/arena.h"
#include "base/fault.h"
#include "signer/journal.h"
#include "signer/keystore.h"
#include "signer/signer_config.h"

struct law_authority {
	const struct signer_authority *config;
	struct signing_key *key;
	struct cert_info issuing;
	enum sig_alg alg;
	uint8_t tag[JOURNAL_TAG]; /* of name and key: whose revocation lists are numbered together */
};

/* A profile that every authority has, and no settings: its own OCSP responder (RFC 6960 §4.2.2.2). */
#define LAW_OCSP_RESPONDER "ocsp-responder"

struct law {
	const struct signer_config *config;
	struct law_authority *authorities;
	size_t count;
};

/* Loads certificates and keys: each certificate must be a CA's and its key the one given. Memory in
 * the arena; config must outlive the law. */
enum rc law_load(struct arena *a, const struct signer_config *config, struct law *out,
		 struct fault *f) MUST_USE;
void law_done(struct law *law);

/* The authority and profile with these names, else RC_DENIED. */
enum rc law_find(const struct law *law, struct str authority, struct str profile,
		 const struct law_authority **out_authority,
		 const struct signer_profile **out_profile, struct fault *f) MUST_USE;
/* RC_OK or RC_DENIED with the rule. serial gets the TBS's own, which has SERIAL_MAX octets.
 * Scratch memory in the arena. */
enum rc law_check(const struct law *law, const struct law_authority *authority,
		  const struct signer_profile *profile, struct arena *a, struct bytes tbs,
		  int64_t now_s, uint8_t serial[SERIAL_MAX], struct fault *f) MUST_USE;

/* The authority alone, for revocation lists. */
enum rc law_find_authority(const struct law *law, struct str authority,
			   const struct law_authority **out_authority, struct fault *f) MUST_USE;
/* Is it a TBSCertList of this authority, and nothing else? RC_OK with its number, or RC_DENIED. */
enum rc law_check_crl(const struct law_authority *authority, struct bytes tbs, int64_t now_s,
		      uint64_t *out_number, struct fault *f) MUST_USE;

#endif
