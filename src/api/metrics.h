/* metrics.h - GET /metrics on a listener of its own (settings: listen.metrics), for Prometheus. */
#ifndef ASSAY_API_METRICS_H
#define ASSAY_API_METRICS_H

#include "api/request.h"

enum rc metrics_route(struct request *req, struct fault *f);

#endif
