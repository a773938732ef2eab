/* seen.h - the result of a validation, kept for the test that waits for it. */
#ifndef ASSAY_TESTS_UNIT_VALIDATOR_SEEN_H
#define ASSAY_TESTS_UNIT_VALIDATOR_SEEN_H

#include <stdio.h>

#include "base/limits.h"
#include "validator/validator.h"

struct seen {
	unsigned count;
	struct validation_result result;
	char trace[LIMIT_TRACE + 1];
};

static inline void seen_note(struct seen *seen, const struct validation_result *r)
{
	seen->count++;
	seen->result = *r;
	snprintf(seen->trace, sizeof(seen->trace), "%.*s", STR_ARG(r->trace));
}

#endif
