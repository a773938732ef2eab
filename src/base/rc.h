/* rc.h - the one result type of every fallible function.
 * 0 is success; what a peer or an admin should read is in struct fault (fault.h). */
#ifndef ASSAY_BASE_RC_H
#define ASSAY_BASE_RC_H

enum rc {
	RC_OK = 0,
	RC_NOMEM,       /* allocation failed, or an arena or buffer reached its maximum */
	RC_INVALID,     /* input is malformed or breaks a rule; asking again gives the same answer */
	RC_NOTFOUND,
	RC_CONFLICT,    /* a precondition of a write no longer holds: read again and decide again */
	RC_DENIED,      /* well-formed, but not allowed */
	RC_LIMIT,       /* a rate or size limit was reached */
	RC_TIMEOUT,
	RC_BUSY,        /* a resource is taken for now; retry later */
	RC_IO,          /* disk, socket or library failed */
	RC_UNAVAILABLE, /* a peer (signer, upstream, resolver) does not answer for now */
	RC_INTERNAL,    /* a state that must not occur */
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* "ok", "no memory", ...; never NULL. */
const char *rc_text(enum rc rc);

#endif
