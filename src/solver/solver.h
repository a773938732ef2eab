/* solver.h - "it is mine": making a challenge's answer visible, and taking it away again (RFC 8555
 * §8). A solver is one file and one row in the table of solver.c. Blocking; one thread. */
#ifndef ASSAY_SOLVER_SOLVER_H
#define ASSAY_SOLVER_SOLVER_H

#include "acme/identifier.h"
#include "base/auto.h"
#include "base/fault.h"
#include "crypto/key.h"

struct solver;

struct solve_request {
	const struct identifier *identifier;
	struct str token;             /* checked by the engine: ^[A-Za-z0-9_-]{22,128}$ (TRUST V46) */
	struct str key_authorization;
};

struct solver_ops {
	const char *name;      /* "webroot", "listener" */
	const char *challenge; /* "http-01" */
	/* After RC_OK the answer can be fetched. */
	enum rc (*present)(struct solver *s, const struct solve_request *r, struct fault *f);
	/* Removes what present made, and nothing else; also after a failed present. */
	enum rc (*cleanup)(struct solver *s, const struct solve_request *r, struct fault *f);
	void (*free)(struct solver *s);
};
struct solver {
	const struct solver_ops *ops;
};
void solver_free(struct solver *s); /* NULL is allowed */
AUTO_PTR_DEFINE(solver);

/* By name, as a user writes it: "webroot" with a directory, "listener" with an address. */
enum rc solver_new(struct str name, struct str argument, struct solver **out, struct fault *f) MUST_USE;

/* Files below DIR/.well-known/acme-challenge/, written by openat under the directory, mode 0644;
 * directories that were made are removed again when empty. Neither of the two may be a symbolic
 * link: whoever may write to a web root must not choose where this program writes. */
enum rc solver_webroot_new(struct str directory, struct solver **out, struct fault *f) MUST_USE;
/* An HTTP server of our own on ADDR:PORT (":80" is all addresses, IPv6 dual stack) in a thread of
 * its own: answers known tokens, 404 to all else, with deadlines and few connections. */
enum rc solver_listener_new(struct str address, struct solver **out, struct fault *f) MUST_USE;

#endif
