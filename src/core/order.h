/* order.h - THE ORDER LIFECYCLE (RFC 8555 §7.1.6, §7.4); read order.c first. */
#ifndef ASSAY_CORE_ORDER_H
#define ASSAY_CORE_ORDER_H

#include "core/account.h"
#include "core/authz.h"
#include "core/core.h"

enum order_state {
	ORDER_STATE_PENDING,
	ORDER_STATE_READY,
	ORDER_STATE_PROCESSING,
	ORDER_STATE_VALID,
	ORDER_STATE_INVALID,
};
const char *order_state_name(enum order_state s);

/* An order with what its state depends on. */
struct order {
	struct order_record record;
	enum order_state state;
	struct identifier *identifiers;
	size_t identifier_count;
	struct id *authzs; /* one for each identifier; several may share one (RFC 9444) */
	size_t authz_count;
	int64_t *methods; /* the challenge that proved each; of an order that is ready */
	struct str error; /* stored, or derived from the authorization that failed */
};

enum rc order_create(struct context *c, const struct directory *d, const struct account *account,
		     const struct acme_new_order *body, struct order *out, struct fault *f) MUST_USE;
enum rc order_load(struct context *c, struct id id, struct order *out, struct fault *f) MUST_USE;
/* Only the owner sees it; another's and none look the same. */
enum rc order_load_for(struct context *c, const struct account *account, struct id id,
		       struct order *out, struct fault *f) MUST_USE;

/* finalize (RFC 8555 §7.4): ready becomes processing, the claim is recorded and a job will ask the
 * issuer. Also for an order that was finalized with the same CSR before (FIELD Q15): nothing is done. */
enum rc order_finalize(struct context *c, struct order *order, const struct account *account,
		       struct bytes csr, struct fault *f) MUST_USE;
/* A certificate that the operator asks for on this machine, without account and challenges (`assay
 * cert issue`, the server's own TLS certificate): an order that is born "processing", so that
 * recording before signing and recovery are the same as for all others. Never reachable from ACME. */
struct direct_request {
	const struct authority *authority;
	const struct profile *profile;
	struct identifier *identifiers;
	size_t identifier_count;
	const struct csr *csr;
	int64_t not_before, not_after; /* 0: the profile's */
};
enum rc order_create_direct(struct context *c, const struct direct_request *d, struct order *out,
			    struct fault *f) MUST_USE;

/* Policy once more, right before the issuer is asked for what was recorded at finalize: the account,
 * its binding, zones and blocks may have changed since, and RFC 8555 §7.3.6 wants pending operations
 * of a deactivated account to end. */
enum rc order_check_issue(struct context *c, const struct order *order, struct fault *f) MUST_USE;

/* The issuer answered: processing becomes valid with its certificate, or invalid with the reason. */
enum rc order_issued(struct context *c, struct order *order, struct bytes certificate) MUST_USE;
enum rc order_failed(struct context *c, struct order *order, const struct fault *why) MUST_USE;

#endif
