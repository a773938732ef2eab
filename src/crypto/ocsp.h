/* ocsp.h - the Online Certificate Status Protocol (RFC 6960, the profile of RFC 5019, nonces of
 * RFC 9654): reading requests, building answers. No state: safe from any thread. */
#ifndef ASSAY_CRYPTO_OCSP_H
#define ASSAY_CRYPTO_OCSP_H

#include "base/arena.h"
#include "base/fault.h"
#include "crypto/key.h"

#define OCSP_REQUEST_MAX (8 * 1024) /* octets; a signed request brings certificates along */
#define OCSP_IDS_MAX 16             /* certificates asked for at once (policy) */
#define OCSP_NONCE_MAX 128          /* RFC 9654 §2.1 */
#define OCSP_RESPONDER_CN "OCSP responder"
#define OCSP_RESPONDER_MAX_S (14 * 86400) /* lifetime of its certificate at most */

/* --- requests --- */

enum ocsp_hash { OCSP_HASH_OTHER, OCSP_SHA1, OCSP_SHA256 };

struct ocsp_cert_id {
	struct bytes whole; /* DER CertID, to be echoed */
	enum ocsp_hash hash;
	struct bytes name_hash, key_hash;
	struct bytes serial; /* the INTEGER's octets */
};

struct ocsp_request {
	struct ocsp_cert_id ids[OCSP_IDS_MAX];
	size_t count;       /* at least 1 */
	struct bytes nonce; /* absent if none */
};
/* Slices point into der. A requestor's name and signature are not looked at (RFC 6960 §4.1.2: we
 * ask for none). RC_INVALID: malformed, more than OCSP_IDS_MAX certificates, a nonce of another
 * length than 1 to 128 octets (RFC 9654 §2.1), a critical extension that is not the nonce. */
enum rc ocsp_request_parse(struct bytes der, struct ocsp_request *out, struct fault *f) MUST_USE;

/* By what requests name an issuer. */
struct ocsp_issuer {
	uint8_t name_sha1[20], key_sha1[20];
	uint8_t name_sha256[32], key_sha256[32];
};
/* RC_INVALID: spki is no SubjectPublicKeyInfo. */
enum rc ocsp_issuer_init(struct bytes dn, struct bytes spki, struct ocsp_issuer *out) MUST_USE;
/* Always false for other hashes than SHA-1 and SHA-256. */
bool ocsp_issuer_is(const struct ocsp_issuer *issuer, const struct ocsp_cert_id *id);

/* --- answers --- */

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_single {
	struct bytes cert_id; /* as the request had it */
	enum ocsp_status status;
	int64_t revoked_at, reason; /* OCSP_REVOKED; reason 0 is not written */
	int64_t this_update, next_update;
};
struct ocsp_responder {
	const struct privkey *key;
	struct bytes certificate; /* DER, sent along */
};
/* nonce may be absent. Memory in the arena. */
enum rc ocsp_response_build(struct arena *a, const struct ocsp_responder *responder,
			    const struct ocsp_single *singles, size_t count, struct bytes nonce,
			    int64_t produced_at, struct bytes *out) MUST_USE;

/* OCSPResponseStatus (RFC 6960 §4.2.1). */
enum ocsp_error { OCSP_MALFORMED = 1, OCSP_INTERNAL = 2, OCSP_TRY_LATER = 3, OCSP_UNAUTHORIZED = 6 };
/* The unsigned answer; static. */
struct bytes ocsp_error_response(enum ocsp_error error);

#endif
