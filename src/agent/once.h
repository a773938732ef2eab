/* once.h - one certificate, once: desired, observe, plan, apply. */
#ifndef ASSAY_AGENT_ONCE_H
#define ASSAY_AGENT_ONCE_H

#include "agent/apply.h"

struct once_result {
	enum plan_action action;
	int64_t not_after, renew_at; /* of the certificate that is live now */
};
/* dir: where the files go (files.h). options->account_key NULL: DIR/account.key. */
enum rc agent_once(const char *dir, const struct desired *d, const struct apply_options *options,
		   struct once_result *out, struct fault *f) MUST_USE;

#endif
