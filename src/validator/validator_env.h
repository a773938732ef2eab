/* validator_env.h - what the validations of one loop share. Belongs to the loop's thread. */
#ifndef ASSAY_VALIDATOR_VALIDATOR_ENV_H
#define ASSAY_VALIDATOR_VALIDATOR_ENV_H

#include "net/fetch.h"

struct validator_env {
	struct fetcher *fetcher;
};

#endif
