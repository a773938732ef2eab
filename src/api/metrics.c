/* metrics.c - see metrics.h. */
#include "api/metrics.h"

#include "core/metrics.h"

#define METRICS_MAX (256 * 1024)

static enum rc handle_metrics(struct request *req, struct fault *f)
{
	struct str accept = http_header_get(req->http, "accept"), one, rest;
	bool openmetrics = false;
	AUTO(buf) struct buf b;
	struct str body;
	enum rc rc;

	(void)f;
	for (rest = accept; rest.len;) {
		(void)str_cut(rest, ',', &one, &rest);
		while (one.len && one.p[0] == ' ')
			one = (struct str){ one.p + 1, one.len - 1 };
		openmetrics |= str_starts(one, "application/openmetrics-text");
	}
	buf_init(&b, METRICS_MAX);
	rc = metrics_write(req->core.service, req->config, req->core.read, openmetrics, &b);
	if (rc != RC_OK)
		return rc;
	body = arena_str(req->arena, buf_str(&b));
	if (!body.p)
		return RC_NOMEM;
	return reply_set(req, 200,
			 openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				     : "text/plain; version=0.0.4; charset=utf-8",
			 body);
}

enum rc metrics_route(struct request *req, struct fault *f)
{
	if (!str_is(req->http->path, "/metrics"))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "this listener serves only /metrics");
	req->allow = "GET, HEAD";
	if (req->http->method != HTTP_GET && req->http->method != HTTP_HEAD)
		return fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED, "/metrics answers GET and HEAD");
	req->handler = handle_metrics;
	return RC_OK;
}
