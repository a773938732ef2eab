/* problem.h - faults as problem documents (RFC 7807, RFC 8555 §6.7). The table of types, HTTP
 * status and RFC sections is in problem.c and nowhere else. */
#ifndef ASSAY_ACME_PROBLEM_H
#define ASSAY_ACME_PROBLEM_H

#include "base/arena.h"
#include "base/fault.h"

/* "urn:ietf:params:acme:error:malformed"; "about:blank" for those that are not ACME's. */
const char *problem_urn(enum problem p);
/* "malformed", "badNonce"; for logs and tests. */
const char *problem_name(enum problem p);
enum problem problem_from_urn(struct str urn); /* PROBLEM_NONE when unknown */
int problem_status(enum problem p);            /* usual HTTP status */
/* The HTTP status this fault is answered with. */
int fault_status(const struct fault *f);

/* The problem document as JSON text: type, title (about:blank only), status, detail, instance (when
 * not NULL), subproblems (never null members: FIELD). */
enum rc fault_to_json(struct arena *a, const struct fault *f, const char *instance,
		      struct str *out) MUST_USE;
/* A stored problem document with the URL of what there is to know about its occurrence (RFC 7807 §3.1). */
enum rc problem_with_instance(struct arena *a, struct str json, const char *instance, struct str *out) MUST_USE;
/* A stored or received problem document back as a fault. */
enum rc fault_from_json(struct str json, struct fault *out) MUST_USE;

#endif
