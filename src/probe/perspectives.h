/* perspectives.h - one proof of control from several places at once: each probe of a zone looks, and so does
 * this server where the zone names `server` among them. The name is proven when as many agree as the zone
 * demands. To whoever starts it, it is a validation like any other. Belongs to the loop's thread. */
#ifndef ASSAY_PROBE_PERSPECTIVES_H
#define ASSAY_PROBE_PERSPECTIVES_H

#include "probe/probes.h"
#include "validator/validator.h"

struct perspectives_request {
	struct probes *probes;
	struct loop *loop;
	const struct str *names; /* of probes; borrowed until done, like the lists of the request */
	size_t count;            /* 1..LIMIT_PROBES */
	struct str own_name;     /* that stands for our own view among them */
	size_t quorum;           /* how many must agree; 0: all */
	const struct validator_ops *validator;
	const struct validation_request *request; /* its resolver is for our own view */
	struct validator_env *own_env;            /* likewise */
	struct probe_dns dns;                     /* for the probes */
};

/* A table, so that who uses it need not be linked with all of this. */
struct perspectives_ops {
	/* As validator_ops.start. In the trace, each line begins with whose view it is. */
	enum rc (*start)(const struct perspectives_request *r, validation_done_fn done, void *arg,
			 struct validation **out);
	const struct validator_ops *validation; /* only its cancel */
};
extern const struct perspectives_ops PERSPECTIVES;

#endif
