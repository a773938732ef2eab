/* http1.h - a strict HTTP/1.1 request parser (RFC 9112), without sockets: bytes in, request out.
 * What it refuses it refuses for good: the connection is closed after the answer, so that no two
 * parsers can disagree about where a request ends (TRUST V16, V56). */
#ifndef ASSAY_NET_HTTP1_H
#define ASSAY_NET_HTTP1_H

#include "base/arena.h"
#include "base/buf.h"

/* Below this path what follows is data and not a path: requests to an OCSP responder are base64 there
 * (RFC 6960 appendix A.1), with slashes, escaped or not, also two in a row. */
#define HTTP1_DATA_PATH "/ocsp/"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_PATCH };

struct http_header {
	struct str name, value; /* as sent; value without surrounding white space */
};

struct http_request {
	enum http_method method;
	struct str target; /* origin-form as sent, with query; "*" for OPTIONS only */
	/* Before '?', not decoded. But for what is below HTTP1_DATA_PATH it is normal already: no "//", no "." or ".." segment, no '\\', and
	 * no percent-encoded '.', '/', '\\' or control. */
	struct str path;
	struct str query;  /* after '?', absent if none */
	struct str host;   /* the one Host, as sent */
	struct http_header *headers;
	size_t header_count;
	struct str body;
	bool keep_alive;
	bool expect_continue;
};

/* "GET". */
const char *http_method_name(enum http_method method);
/* Value of the (first such) header, or absent. Names compare without case. */
struct str http_header_get(const struct http_request *r, const char *name);

enum http1_result { HTTP1_MORE, HTTP1_REQUEST, HTTP1_CONTINUE /* send "100 Continue", then go on */, HTTP1_BAD };

struct http1_parser;
/* max_body: decoded octets, whatever the framing. The larger limits are those of base/limits.h. */
enum rc http1_parser_new(size_t max_body, struct http1_parser **out) MUST_USE;
void http1_parser_free(struct http1_parser *p);
/* Feeds octets; *used says how many were taken (pipelined rest stays the caller's).
 * HTTP1_REQUEST: *out is valid until http1_parser_next().
 * HTTP1_BAD: *out_status is 400, 413, 414, 417, 431, 501, 503 (no memory) or 505 and *out_why names
 * the rule, in plain text without quotes; the parser is of no further use then but for
 * http1_parser_next() and http1_parser_free(). The outcome depends on the octets alone, never on
 * how they were cut into calls. */
enum http1_result http1_feed(struct http1_parser *p, struct bytes in, size_t *used,
			     struct http_request *out, int *out_status, const char **out_why);
/* Ready for the next request; gives memory beyond a small block back (about 2 KiB stay). */
void http1_parser_next(struct http1_parser *p);
/* Has anything of a request arrived? (for the idle timeout) */
bool http1_parser_in_request(const struct http1_parser *p);
/* Is the header complete? (for its own deadline) */
bool http1_parser_in_body(const struct http1_parser *p);
/* The request line was read, and said HEAD. */
bool http1_parser_is_head(const struct http1_parser *p);

#endif
