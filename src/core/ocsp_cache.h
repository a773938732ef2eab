/* ocsp_cache.h - signed OCSP answers by the CertID that was asked for, at most so many octets, those used
 * last. An entry says which version of the certificate's row it speaks of; who reads it compares. Thread-
 * safe. */
#ifndef ASSAY_CORE_OCSP_CACHE_H
#define ASSAY_CORE_OCSP_CACHE_H

#include "base/arena.h"

struct ocsp_cache;

struct ocsp_cached {
	uint64_t key_id;     /* of the responder's key that signed it */
	int64_t row_version; /* of the certificate */
	int64_t this_update, next_update, refresh_at;
	struct bytes der;
};

enum rc ocsp_cache_new(size_t max_octets, struct ocsp_cache **out) MUST_USE;
void ocsp_cache_free(struct ocsp_cache *c);
/* RC_NOTFOUND; the answer is copied into the arena. */
enum rc ocsp_cache_get(struct ocsp_cache *c, struct bytes cert_id, struct arena *a,
		       struct ocsp_cached *out) MUST_USE;
/* Replaces what there is; copies. An answer that cannot be kept is not. */
void ocsp_cache_put(struct ocsp_cache *c, struct bytes cert_id, const struct ocsp_cached *answer);
/* Octets that are held, for tests and status. */
size_t ocsp_cache_octets(struct ocsp_cache *c);

#endif
