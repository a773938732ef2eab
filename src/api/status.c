/* status.c - GET /crl/NAME.crl, GET /ocsp/BASE64 and POST /ocsp (status.h). Translation only: lists come
 * from core/revocation.c, answers from core/responder.c.
 *
 * How long caches may keep them: never beyond nextUpdate, and an hour at most (policy), because a list or
 * an answer that says "revoked" may follow long before that. */
#include "api/status.h"

#include <stdio.h>
#include <time.h>

#include "base/encode.h"
#include "core/responder.h"
#include "core/revocation.h"
#include "crypto/digest.h"
#include "crypto/ocsp.h"

#define MAX_AGE_S 3600
#define OCSP_PATH "/ocsp"
#define OCSP_TYPE "application/ocsp-response"

/* IMF-fixdate (RFC 9110 §5.6.7). */
static enum rc date_header(struct request *req, const char *name, int64_t at_s)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t at = (time_t)at_s;
	struct tm t;

	if (!gmtime_r(&at, &t))
		return RC_INTERNAL;
	return reply_headerf(req, name, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
			     months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* Is the entity tag among those that the client has (RFC 9110 §13.1.2)? */
static bool client_has(const struct request *req, struct str tag)
{
	struct str rest = http_header_get(req->http, "If-None-Match"), one;
	bool more = rest.p;

	while (more) {
		more = str_cut(rest, ',', &one, &rest);
		while (one.len && (one.p[0] == ' ' || one.p[0] == '\t'))
			one = (struct str){ one.p + 1, one.len - 1 };
		while (one.len && (one.p[one.len - 1] == ' ' || one.p[one.len - 1] == '\t'))
			one.len--;
		if (str_starts(one, "W/"))
			one = (struct str){ one.p + 2, one.len - 2 };
		if (str_is(one, "*") || str_eq(one, tag))
			return true;
	}
	return false;
}

static enum rc cache_headers(struct request *req, struct str tag, int64_t modified_at, int64_t fresh_until)
{
	int64_t age = fresh_until - req->core.now;
	enum rc rc = date_header(req, "Last-Modified", modified_at);

	reply_header(req, "ETag", tag);
	if (rc == RC_OK)
		rc = reply_headerf(req, "Cache-Control", "public, max-age=%lld, no-transform, must-revalidate",
				   (long long)(age > MAX_AGE_S ? MAX_AGE_S : age > 0 ? age : 0));
	return rc;
}

/* --- lists --- */

/* "lab" of "/crl/lab.crl"; absent for other paths. */
static struct str list_name(struct str path)
{
	const size_t before = sizeof("/crl/") - 1, after = sizeof(".crl") - 1;

	if (!str_starts(path, "/crl/") || !str_ends(path, ".crl") || path.len <= before + after)
		return (struct str){ 0 };
	return (struct str){ path.p + before, path.len - before - after };
}

static enum rc handle_list(struct request *req, struct fault *f)
{
	struct str name = list_name(req->http->path), tag;
	struct crl *list = revocation_list(req->core.service, name);
	enum rc rc;

	if (!list) {
		if (!revocation_has_list(req->core.service, name))
			return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such revocation list");
		rc = fault_set(f, RC_UNAVAILABLE, PROBLEM_UNAVAILABLE, "the revocation list is being made");
		f->retry_after_s = 5;
		return rc;
	}
	crl_unref(req->list);
	req->list = list; /* the body is its octets; it stays until the reply has left */
	tag = str_of(arena_printf(req->arena, "\"%llx\"", (unsigned long long)list->number));
	if (!tag.p)
		return RC_NOMEM;
	rc = cache_headers(req, tag, list->this_update, list->next_update);
	if (rc != RC_OK)
		return rc;
	if (client_has(req, tag))
		return reply_set(req, 304, NULL, (struct str){ 0 });
	return reply_set(req, 200, "application/pkix-crl",
			 (struct str){ (const char *)list->der.p, list->der.len });
}

/* --- OCSP --- */

/* The request in a path: base64 whose '/', '+' and '=' may be escaped (RFC 6960 appendix A.1). Absent
 * when it is none. */
static struct bytes request_in_path(struct request *req)
{
	struct str in = { req->http->path.p + sizeof(OCSP_PATH), req->http->path.len - sizeof(OCSP_PATH) };
	char *text = arena_alloc(req->arena, in.len + 1);
	uint8_t *der = arena_alloc(req->arena, in.len + 1);
	size_t len = 0;

	if (!text || !der)
		return (struct bytes){ 0 };
	for (size_t i = 0; i < in.len; i++) {
		uint8_t octet = (uint8_t)in.p[i];
		size_t one;

		if (octet == '%') {
			if (!hex_decode((struct str){ in.p + i + 1, 2 }, &octet, &one)) /* the parser saw two */
				return (struct bytes){ 0 };
			i += 2;
		}
		if (octet <= ' ')
			return (struct bytes){ 0 };
		text[len++] = (char)octet;
	}
	return b64_decode_ws((struct str){ text, len }, der, &len) ? bytes_of(der, len) : (struct bytes){ 0 };
}

static enum rc get_headers(struct request *req, const struct responder_reply *reply)
{
	uint8_t hash[32];
	char hex[65];
	struct str tag;
	enum rc rc;

	sha256(reply->der, hash);
	hex_encode(bytes_of(hash, sizeof(hash)), hex);
	tag = str_of(arena_printf(req->arena, "\"%.32s\"", hex));
	if (!tag.p)
		return RC_NOMEM;
	rc = cache_headers(req, tag, reply->this_update, reply->refresh_at);
	if (rc == RC_OK) /* RFC 5019 §6.2: the same as nextUpdate */
		rc = date_header(req, "Expires", reply->next_update);
	if (rc == RC_OK && client_has(req, tag))
		req->status = 304;
	return rc;
}

static enum rc handle_ocsp(struct request *req, struct fault *f)
{
	bool get = req->http->method != HTTP_POST;
	struct bytes request = get ? request_in_path(req) : str_bytes(req->http->body);
	struct responder_reply reply;
	enum rc rc = responder_answer(&req->core, request, &reply);

	(void)f;
	if (rc != RC_OK)
		return rc;
	req->status = 200;
	if (get && reply.next_update)
		rc = get_headers(req, &reply);
	else
		reply_header(req, "Cache-Control", STR("no-store"));
	if (rc != RC_OK)
		return rc;
	if (req->status == 304)
		return reply_set(req, 304, NULL, (struct str){ 0 });
	return reply_set(req, 200, OCSP_TYPE, (struct str){ (const char *)reply.der.p, reply.der.len });
}

/* --- routes --- */

static enum rc route_ocsp(struct request *req, struct fault *f)
{
	struct str type = http_header_get(req->http, "Content-Type"), rest;
	enum http_method method = req->http->method;
	bool bare = req->http->path.len <= sizeof(OCSP_PATH);

	req->handler = handle_ocsp;
	if (!bare && (method == HTTP_GET || method == HTTP_HEAD))
		return RC_OK;
	if (method != HTTP_POST) {
		req->allow = bare ? "POST" : "GET, HEAD, POST";
		return fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED,
				 "RFC 6960 appendix A.1: ask by POST to " OCSP_PATH " or by GET below it");
	}
	(void)str_cut(type, ';', &type, &rest);
	if (!str_eq_nocase(type, STR("application/ocsp-request")))
		return fault_set(f, RC_INVALID, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
				 "RFC 6960 appendix A.1: the request is application/ocsp-request");
	return RC_OK;
}

bool status_route(struct request *req, enum rc *out_rc, struct fault *f)
{
	struct str path = req->http->path;

	if (str_is(path, OCSP_PATH) || str_starts(path, OCSP_PATH "/")) {
		*out_rc = route_ocsp(req, f);
		return true;
	}
	if (!list_name(path).p)
		return false;
	req->handler = handle_list;
	req->allow = "GET, HEAD";
	*out_rc = req->http->method == HTTP_GET || req->http->method == HTTP_HEAD
			  ? RC_OK
			  : fault_set(f, RC_INVALID, PROBLEM_METHOD_NOT_ALLOWED,
				      "a revocation list answers GET and HEAD");
	return true;
}
