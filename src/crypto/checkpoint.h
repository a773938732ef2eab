/* checkpoint.h - checkpoints of the audit trail: the signer says with an authority's key that row N of
 * the trail had this chain hash when its clock showed this time. What is signed can never be taken for
 * anything else that such a key signs: it is not DER (its first octet is the tag of end-of-contents,
 * which no DER value has: X.690 §8.1.5, §10.1), so it is no TBSCertificate, TBSCertList, ResponseData or
 * CertificationRequestInfo; it begins with its purpose, and it is made by the signer itself from a
 * number and a hash.
 * The other way round nothing that begins with an octet of DER is a checkpoint. No state. */
#ifndef ASSAY_CRYPTO_CHECKPOINT_H
#define ASSAY_CRYPTO_CHECKPOINT_H

#include "base/str.h"
#include "crypto/key.h"

struct checkpoint {
	int64_t number; /* of the row, from 1 */
	uint8_t hash[SHA256_LEN];
	int64_t at; /* by the signer's clock */
};

/*  0-31  0, then "assay audit checkpoint 1", then zeroes
 * 32-39  number, 40-71 hash, 72-79 time; numbers are big-endian */
#define CHECKPOINT_LEN 80

void checkpoint_encode(const struct checkpoint *c, uint8_t out[CHECKPOINT_LEN]);
/* RC_OK, or RC_DENIED: the key did not sign this. */
enum rc checkpoint_verify(const struct checkpoint *c, const struct pubkey *key, struct bytes sig) MUST_USE;

/* A row and its hash as people hand them on: "17:9f86d081..." */
#define CHECKPOINT_HEAD_MAX (20 + 1 + 2 * SHA256_LEN + 1)
void checkpoint_head_text(int64_t number, const uint8_t hash[SHA256_LEN], char out[CHECKPOINT_HEAD_MAX]);
/* Only the exact form; false leaves the rest alone. */
bool checkpoint_head_parse(struct str text, int64_t *out_number, uint8_t out_hash[SHA256_LEN]);

#endif
