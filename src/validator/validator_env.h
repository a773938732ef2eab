/* validator_env.h - what the validations of one loop share. Belongs to the loop's thread. */
#ifndef ASSAY_VALIDATOR_VALIDATOR_ENV_H
#define ASSAY_VALIDATOR_VALIDATOR_ENV_H

#include "net/fetch.h"
#include "net/tls_probe.h"

struct validator_env {
	struct loop *loop;
	struct fetcher *fetcher;
	struct tls_prober *prober;
};

#endif
