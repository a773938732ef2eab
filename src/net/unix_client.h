/* unix_client.h - one HTTP request over a Unix socket, and its answer: what the command line asks the
 * running server with. Blocks; for programs that do nothing else meanwhile. */
#ifndef ASSAY_NET_UNIX_CLIENT_H
#define ASSAY_NET_UNIX_CLIENT_H

#include "base/buf.h"
#include "base/fault.h"

struct unix_request {
	const char *socket; /* path */
	const char *method; /* "GET", "POST" */
	const char *target; /* origin-form: "/v1/status" */
	struct str body;    /* JSON; absent: none */
	int timeout_ms;     /* for everything together */
};

/* The body of the answer is added to out_body, up to its maximum (RC_LIMIT beyond it).
 * RC_UNAVAILABLE: nobody answers there, or we may not ask; the fault says which and what to do.
 * RC_TIMEOUT, RC_IO. Whatever the status is, an answer is RC_OK. */
enum rc unix_call(const struct unix_request *r, struct buf *out_body, int *out_status,
		  struct fault *f) MUST_USE;

#endif
