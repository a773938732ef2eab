/* web.h - a blocking HTTPS client for our own calls to a server that we chose (RFC 9110): ACME
 * servers, signers and DNS providers in the cloud. Strangers are fetched from by fetch.h.
 * https only, TLS 1.2 or later, the server's name and chain always verified, no redirect followed,
 * no netrc, no cookies, nothing decompressed (TRUST V52); size and time of every answer are limited.
 * A proxy is used when the environment names one (https_proxy, no_proxy).
 * A session keeps its connections; it belongs to one thread. */
#ifndef ASSAY_NET_WEB_H
#define ASSAY_NET_WEB_H

#include "base/arena.h"
#include "base/auto.h"
#include "base/fault.h"
#include "net/http1.h"

struct web;

struct web_options {
	struct str root_file;  /* PEM of the roots to trust instead of the system's; absent: system's */
	struct str user_agent;
	int64_t timeout_ms;    /* of one call, connecting included */
};
enum rc web_new(const struct web_options *o, struct web **out, struct fault *f) MUST_USE;
void web_free(struct web *w);
AUTO_PTR_DEFINE(web);

struct web_request {
	enum http_method method;   /* GET, HEAD or POST */
	struct str url;            /* https:// */
	struct str content_type;   /* of body */
	struct str body;           /* POST only */
	struct str accept;         /* absent: any */
	struct str language;       /* Accept-Language; absent: none */
	size_t max_body;           /* of the answer */
};
struct web_response {
	int status;
	struct http_header *headers; /* in the order received */
	size_t header_count;
	struct str body;             /* never absent */
};
/* Whatever the status is, an answer is RC_OK; it lives in the arena.
 * RC_INVALID: the URL, or what came is no proper answer; RC_DENIED: the server's certificate is not
 * trusted, with the remedy; RC_LIMIT: the answer is too long; RC_TIMEOUT; RC_UNAVAILABLE: nobody
 * answers there. */
enum rc web_call(struct web *w, struct arena *a, const struct web_request *r, struct web_response *out,
		 struct fault *f) MUST_USE;
/* The index-th header of this name, compared without case; absent if there are fewer. */
struct str web_header(const struct web_response *r, const char *name, size_t index);

#endif
