/* authz.h - authorizations and their challenges (RFC 8555 §7.1.4, §7.5). */
#ifndef ASSAY_CORE_AUTHZ_H
#define ASSAY_CORE_AUTHZ_H

#include "acme/identifier.h"
#include "core/account.h"
#include "core/core.h"
#include "core/policy.h"

/* As it is now: an authorization past its expiry is "expired" whatever the row says. */
enum authz_state {
	AUTHZ_STATE_PENDING,
	AUTHZ_STATE_VALID,
	AUTHZ_STATE_INVALID,
	AUTHZ_STATE_DEACTIVATED,
	AUTHZ_STATE_EXPIRED,
	AUTHZ_STATE_REVOKED,
};
enum authz_state authz_state(const struct authz_record *z, int64_t now);
const char *authz_state_name(enum authz_state s);
/* A challenge was triggered and its outcome is not known yet. */
bool authz_is_processing(const struct authz_record *z, int64_t now);

/* The challenge types that can prove this identifier in its zone: those that it allows, that exist in
 * this program and that fit the identifier (RFC 8555 §7.1.3, RFC 8738 §4). */
int64_t authz_provable_by(const struct zone *zone, const struct identifier *id);
/* A valid one of this account for the identifier that is still good for a while, or a new pending
 * one (added to the transaction). policy_zone() has allowed it: rejectedIdentifier when no zone covers
 * it or no challenge type of the zone can prove it. */
enum rc authz_for_identifier(struct context *c, const struct account *account,
			     const struct identifier *id, struct id *out, bool *out_is_valid,
			     struct fault *f) MUST_USE;
/* For an identifier whose owner can prove a domain above it (RFC 9444 §4.3): a valid one that covers
 * it, or a new pending one for that ancestor, whose identifier, challenges and `subdomains` are then
 * in *out_made. RC_NOTFOUND without a fault: policy allows none for the ancestor. */
struct ancestor_request {
	const struct policy_request *policy; /* who asks */
	const struct identifier *id, *ancestor;
};
enum rc authz_for_ancestor(struct context *c, const struct account *account, const struct ancestor_request *r,
			   struct authz_record *out_made, bool *out_is_valid, struct fault *f) MUST_USE;
/* Pre-authorization (RFC 8555 §7.4.1): one that is pending or valid already, or a new one. 403
 * rejectedIdentifier for what this server does not certify. */
enum rc authz_preauthorize(struct context *c, const struct directory *d, const struct account *account,
			   const struct acme_new_authz *body, struct authz_record *out, bool *out_is_new,
			   struct fault *f) MUST_USE;
/* Whose failed validations are counted together (core/rate_limit.h). */
struct str authz_failure_subject(struct context *c, struct id account, struct str identifier);
enum rc authz_load(struct context *c, struct id id, struct authz_record *out) MUST_USE;
/* Only the owner sees it; others' look like none (RFC 8555 §10.5). */
enum rc authz_load_for(struct context *c, const struct account *account, struct id id,
		       struct authz_record *out, struct fault *f) MUST_USE;
/* RFC 8555 §7.5.2: pending or valid becomes deactivated. */
enum rc authz_deactivate(struct context *c, struct authz_record *z, struct fault *f) MUST_USE;

/* The client says it is ready (RFC 8555 §7.5.1): starts one validation, once. A settled or running
 * challenge is left as it is. */
enum rc challenge_respond(struct context *c, struct authz_record *z, int64_t challenge,
			  struct fault *f) MUST_USE;

/* The identifiers as text in their canonical spelling: what authorizations and certificates are
 * found by, whatever case a client wrote. */
enum rc identifiers_canonical_text(struct arena *a, const struct identifier *v, size_t count,
				   struct str *out) MUST_USE;

struct validation_result;
/* The validation's end: valid, invalid, or another try later. Adds to the transaction. */
enum rc challenge_validated(struct context *c, struct authz_record *z,
			    const struct validation_result *result) MUST_USE;

const char *challenge_type_name(int64_t challenge); /* "http-01" */
int64_t challenge_type_bit(struct str name);        /* 0 when unknown */

#endif
