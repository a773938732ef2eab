/* caa_gate.h - the DNS is asked who may issue, for every name of an order, right before the issuer is
 * (RFC 8659 §3, RFC 8657): a fresh answer each time, so that none is older than the 8 hours that are
 * allowed. What a refusal means is the zone's CAA mode: off (not asked), report (logged), enforce.
 * Belongs to the jobs' loop. */
#ifndef ASSAY_CORE_CAA_GATE_H
#define ASSAY_CORE_CAA_GATE_H

#include "core/order.h"
#include "validator/validator.h"

struct caa_gate;

struct caa_gate_request {
	struct validator_env *env;
	const struct config *config;   /* borrowed until done, as is order */
	const struct directory *directory;
	const struct order *order;
	const int64_t *methods;        /* CHALLENGE_* that proved each identifier */
	struct resolver *(*resolver_for)(void *arg, const struct zone *zone);
	void *resolver_arg;
};
/* Is there anything to ask for this order? */
bool caa_gate_needed(const struct config *c, const struct order *order);
/* done runs once, never from within the call: RC_OK; RC_DENIED: a record or, under enforce, a failed
 * question forbids it (f has one subproblem for each name); RC_UNAVAILABLE: under enforce the DNS
 * could not be asked for now. */
enum rc caa_gate_start(const struct caa_gate_request *r, struct loop *loop,
		       void (*done)(void *arg, enum rc rc, const struct fault *f), void *arg,
		       struct caa_gate **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void caa_gate_cancel(struct caa_gate *g);

#endif
