/* health.h - is this node able to issue? A probe runs on the jobs' loop every few seconds and leaves
 * its finding here, so that asking costs nothing. Thread-safe. */
#ifndef ASSAY_CORE_HEALTH_H
#define ASSAY_CORE_HEALTH_H

#include "core/core.h"
#include "net/loop.h"
#include "signer/signer.h"

struct health;

/* Starts probing on the loop; the first probe ends before out is ready. */
enum rc health_new(struct service *s, struct loop *loop, struct signer *signer, struct health **out) MUST_USE;
void health_free(struct health *h);
/* NULL: ready; else the reason, a static text. Also while draining. */
const char *health_why_not_ready(struct service *s);
void health_draining(struct service *s);

#endif
