/* cert.h - issued certificates: download, chains, revocation (RFC 8555 §7.4.2, §7.6), and issuance
 * by the operator without ACME (S1.45). */
#ifndef ASSAY_CORE_CERT_H
#define ASSAY_CORE_CERT_H

#include "core/account.h"
#include "core/core.h"

enum rc cert_load(struct context *c, struct bytes serial, struct cert_record *out, struct fault *f) MUST_USE;
/* The PEM chain: leaf, issuing certificate and on; without the root unless the chain would then be
 * the leaf alone (FIELD Q23). alternate 0 is the usual chain. RC_NOTFOUND beyond the last. */
enum rc cert_chain_pem(struct context *c, const struct cert_record *cert, size_t alternate,
		       struct str *out, size_t *out_alternates, struct fault *f) MUST_USE;

/* RFC 8555 §7.6: exactly one of account and key says who asks. */
enum rc cert_revoke(struct context *c, struct bytes der, const struct account *account,
		    const struct pubkey *cert_key, bool has_reason, int64_t reason,
		    struct fault *f) MUST_USE;
enum rc cert_revoke_record(struct context *c, struct cert_record *cert, int64_t reason, struct str by,
			   struct fault *f) MUST_USE;
bool revocation_reason_is_allowed(int64_t reason);
/* "keyCompromise" or "1"; -1 when unknown. */
int64_t revocation_reason_parse(struct str text);
const char *revocation_reason_name(int64_t reason);

/* The row for a certificate that the issuer returned. */
enum rc cert_record_new(struct context *c, struct str authority, struct str profile, struct bytes der,
			struct str names, struct cert_record *out) MUST_USE;

#endif
