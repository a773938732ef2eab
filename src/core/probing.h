/* probing.h - the probes of the settings (`probes:`, listen.probes) and the server's end of their links
 * (probe/probes.h), from start to stop. Everything here is called on the jobs' loop. */
#ifndef ASSAY_CORE_PROBING_H
#define ASSAY_CORE_PROBING_H

#include "core/core.h"
#include "net/loop.h"
#include "probe/perspectives.h"

/* Before the first validation; whether or not probes may dial in. tls shows the server's certificate. */
enum rc probing_start(struct service *s, struct loop *loop, struct tls_server *tls, struct fault *f) MUST_USE;
/* Opens listen.probes: once there is a certificate to show. */
enum rc probing_listen(struct service *s, struct fault *f) MUST_USE;
/* After the settings have changed: who is no longer in them is cut off. */
void probing_reload(struct service *s);
/* After the jobs have ended. */
void probing_stop(struct service *s);

#define PROBES_PORT 8444

#endif
