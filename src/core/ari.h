/* ari.h - when to renew, and what was renewed (RFC 9773): suggested windows, the certificate's
 * identifier, "replaces" in orders. No HTTP. */
#ifndef ASSAY_CORE_ARI_H
#define ASSAY_CORE_ARI_H

#include "core/account.h"
#include "core/core.h"

struct ari_window {
	int64_t start, end; /* end >= start + 2: some clients refuse less (FIELD Q31) */
};
/* The last third of the lifetime, smeared by the serial so that certificates of one day are not
 * renewed in one minute; what the operator set by renew-early; the past for a revoked one. */
struct ari_window ari_window(const struct cert_record *cert);
/* How long a client may wait before it asks again (RFC 9773 §4.3), in seconds. */
int ari_retry_after(const struct config *c, const struct cert_record *cert);

/* base64url(keyIdentifier) "." base64url(serial) (RFC 9773 §4.1), the serial with or without the
 * zero octet of its sign. RC_INVALID: malformed; RC_NOTFOUND: not one of ours. */
enum rc ari_find(struct context *c, struct str cert_id, struct cert_record *out, struct fault *f) MUST_USE;

/* newOrder with "replaces" (RFC 9773 §5): the predecessor is of this account, shares a name and was
 * not replaced. malformed or alreadyReplaced otherwise. */
enum rc ari_check_replaces(struct context *c, const struct account *account,
			   const struct identifier *identifiers, size_t identifier_count,
			   struct str cert_id, struct cert_record *out, struct fault *f) MUST_USE;
/* At finalize: the predecessor's row remembers the order, on the version that was read, so that one
 * certificate has one successor. */
enum rc ari_mark_replaced(struct context *c, struct id order, struct str cert_id, struct fault *f) MUST_USE;

/* Moves the windows of certificates to begin now, spread over within_s (`assay cert renew-early`).
 * One call reads a bounded number of certificates; *next is where to go on, absent at the end. */
struct ari_early {
	struct str authority, name; /* absent: any */
	struct bytes key_hash;      /* SHA-256 of the SubjectPublicKeyInfo; absent: any */
	int64_t within_s;
	struct bytes after;         /* serial to go on behind; absent: from the first */
};
struct ari_moved {
	int64_t count;
	struct bytes next;
};
enum rc ari_renew_early(struct context *c, const struct ari_early *e, struct ari_moved *out) MUST_USE;

#endif
