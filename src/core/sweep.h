/* sweep.h - removing what is over: expired authorizations and orders, unused accounts (S1.39). */
#ifndef ASSAY_CORE_SWEEP_H
#define ASSAY_CORE_SWEEP_H

#include "core/core.h"

/* One round, a bounded number of rows of each kind; returns how many go. Waits for nothing. */
size_t sweep(struct service *s, const struct config *config, struct store_read *read);

#endif
