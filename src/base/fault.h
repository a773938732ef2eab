/* fault.h - why something failed, for a peer, an admin and the log (RFC 8555 §6.7, RFC 7807).
 * A function that speaks for a peer takes a struct fault * as its last argument (may be NULL) and
 * fills it when it fails. Problem names, HTTP status and RFC sections are in acme/problem.c. */
#ifndef ASSAY_BASE_FAULT_H
#define ASSAY_BASE_FAULT_H

#include "base/rc.h"
#include "base/str.h"

/* The error types of RFC 8555 §6.7 and of the RFCs and drafts that extend it. */
enum problem {
	PROBLEM_NONE = 0,
	PROBLEM_ACCOUNT_DOES_NOT_EXIST,
	PROBLEM_ALREADY_REPLACED, /* RFC 9773 §7.4 */
	PROBLEM_ALREADY_REVOKED,
	PROBLEM_BAD_CSR,
	PROBLEM_BAD_NONCE,
	PROBLEM_BAD_PUBLIC_KEY,
	PROBLEM_BAD_REVOCATION_REASON,
	PROBLEM_BAD_SIGNATURE_ALGORITHM,
	PROBLEM_CAA,
	PROBLEM_COMPOUND,
	PROBLEM_CONNECTION,
	PROBLEM_DNS,
	PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
	PROBLEM_INCORRECT_RESPONSE,
	PROBLEM_INVALID_CONTACT,
	PROBLEM_INVALID_PROFILE, /* draft-ietf-acme-profiles */
	PROBLEM_MALFORMED,
	PROBLEM_ORDER_NOT_READY,
	PROBLEM_RATE_LIMITED,
	PROBLEM_REJECTED_IDENTIFIER,
	PROBLEM_SERVER_INTERNAL,
	PROBLEM_TLS,
	PROBLEM_UNAUTHORIZED,
	PROBLEM_UNSUPPORTED_CONTACT,
	PROBLEM_UNSUPPORTED_IDENTIFIER,
	PROBLEM_USER_ACTION_REQUIRED,
	/* Not ACME types: told apart by HTTP status only ("about:blank", RFC 7807 §4.2). */
	PROBLEM_NOT_FOUND,
	PROBLEM_METHOD_NOT_ALLOWED, /* but this one: "malformed" with 405 (RFC 8555 §6.3) */
	PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	PROBLEM_CONFLICT,
	PROBLEM_UNAVAILABLE, /* 503 with Retry-After */
	PROBLEM_COUNT
};

/* One of several reasons (RFC 8555 §6.7.1). */
struct subfault {
	enum problem problem;
	char *identifier_type; /* "dns", "ip"; owned */
	char *identifier;      /* owned */
	char *detail;          /* owned */
};

#define FAULT_DETAIL_MAX 1024
#define FAULT_SUBS_MAX 100

struct fault {
	enum rc rc;
	enum problem problem;
	int status;        /* HTTP status where it differs from the problem's usual one, else 0 */
	int retry_after_s; /* 0: none */
	char detail[FAULT_DETAIL_MAX];
	struct subfault *subs; /* owned */
	size_t sub_count;
};

/* Sets rc, problem and detail and returns rc, so that a check reads "return fault_set(...)".
 * Keeps nothing of an earlier fault. f may be NULL. Control characters in the text become '?'. */
enum rc fault_set(struct fault *f, enum rc rc, enum problem problem, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Adds one subproblem; silently stops at FAULT_SUBS_MAX. */
void fault_add_sub(struct fault *f, enum problem problem, const char *identifier_type,
		   struct str identifier, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Frees the subproblems and clears. */
void fault_done(struct fault *f);

#endif
