/* metrics.h - what the server counts about itself, for Prometheus. Each thread counts in a slot of its
 * own, without locks or shared cache lines; a reader adds the slots up. Labels come from tables here,
 * so the number of series is known when the program is built (and from the settings: authorities,
 * limits), whatever clients send. */
#ifndef ASSAY_CORE_METRICS_H
#define ASSAY_CORE_METRICS_H

#include "base/buf.h"
#include "core/core.h"
#include "signer/signer.h"

/* An entry of the audit trail was made: orders, certificates, accounts are counted by it. An act
 * whose transaction meets a conflict and is decided again counts again. */
void metrics_act(const char *action);
/* A challenge is settled, so many seconds after the client asked for it. */
void metrics_validation(int64_t challenge, bool valid, int64_t duration_s);
/* A reply left. endpoint: as in the route table, NULL for anything else; a literal. */
void metrics_request(const char *endpoint, int status, int64_t duration_us);
/* A round trip to the signer (signer.h: observe); it failed when the signer could not answer, not when it refused. */
void metrics_signer(enum signer_kind kind, enum rc rc, int64_t duration_us, int64_t wait_us);
/* A job began, so long after its time. */
void metrics_job(int64_t wait_ms);

/* Everything as text: OpenMetrics 1.0, or the Prometheus text format 0.0.4. read: for certificates by
 * expiry, which are counted at most every five minutes. One thread at a time. */
enum rc metrics_write(struct service *s, const struct config *c, struct store_read *read, bool openmetrics,
		      struct buf *out) MUST_USE;

#endif
