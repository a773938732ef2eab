/* near.h - "did you mean": of several candidates the one that a mistyped word was most likely meant to
 * be. No allocation; each thread its own. */
#ifndef ASSAY_BASE_NEAR_H
#define ASSAY_BASE_NEAR_H

#include "base/str.h"

/* The candidate nearest to word, if one is near enough to be what was meant. */
struct near {
	struct str word;
	const char *best; /* NULL: none */
	unsigned distance;
};

void near_init(struct near *n, struct str word);
void near_try(struct near *n, const char *candidate);

#endif
