/* apply.h - carrying a plan out: keys, the account, the certificate, and the switch to it. Every step
 * leaves the disk so that the next run goes on from there. */
#ifndef ASSAY_AGENT_APPLY_H
#define ASSAY_AGENT_APPLY_H

#include "agent/plan.h"

/* How to reach the server and how to prove control. */
struct apply_options {
	const char *root_file;   /* NULL: the system's store */
	const char *account_key; /* file; made when absent */
	const struct str *contacts;
	size_t contact_count;
	struct str eab_kid;      /* absent: none */
	struct bytes eab_key;
	const char *solver;      /* solver_new() */
	const char *solver_argument;
	const char *user_agent;
	/* Progress, a sentence at a time, printable; may be NULL. */
	void (*say)(void *arg, const char *text);
	void *say_arg;
};
/* PLAN_NOTHING only clears away. o is what the plan was made from. *out_not_after: of the certificate
 * that is live now. */
enum rc apply(const struct files *files, const struct desired *d, const struct observed *o, const struct plan *p,
	      const struct apply_options *options, int64_t *out_not_after, struct fault *f) MUST_USE;

#endif
