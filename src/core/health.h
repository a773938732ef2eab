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
/* No probe begins any more, and an answer that is under way is dropped: before the loop goes. */
void health_stop(struct health *h);
/* After the loop is gone: it runs what was posted to it. */
void health_free(struct health *h);
/* NULL: ready; else the reason, a static text. Also while draining. */
const char *health_why_not_ready(struct service *s);
void health_draining(struct service *s);

#endif
