/* http_reply.c - the octets of a reply (RFC 9112 §4, §5; RFC 9110 §6.6.1, §8.6): header and body in
 * one piece, so that they leave in one write and one TLS record; only a body that the caller keeps
 * is sent from where it is. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "net/http_impl.h"

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} table[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
		{ 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
		{ 421, "Misdirected Request" }, { 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (table[i].status == status)
			return table[i].reason;
	return ""; /* allowed: RFC 9112 §4 */
}

/* IMF-fixdate (RFC 9110 §5.6.7), made once a second. */
static struct str date(struct http_server *s)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int64_t now_s = clock_now_s();
	time_t at = (time_t)now_s;
	struct tm tm;

	if (now_s != s->date_at_s && gmtime_r(&at, &tm)) {
		snprintf(s->date, sizeof(s->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
			 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
			 tm.tm_hour, tm.tm_min, tm.tm_sec);
		s->date_at_s = now_s;
	}
	return str_of(s->date);
}

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr("!#$%&'*+-.^_`|~", c))))
			return false;
	}
	return s.len > 0;
}

static bool is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((uint8_t)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* A value that could end the line would let whoever wrote it write the rest of the reply. */
static bool headers_are_good(const struct http_reply *reply)
{
	static const struct str ours[] = {
		{ "connection", 10 }, { "content-length", 14 }, { "date", 4 },
		{ "transfer-encoding", 17 },
	};

	for (size_t i = 0; i < reply->header_count; i++) {
		const struct http_header *h = &reply->headers[i];

		if (!is_token(h->name) || !is_value(h->value))
			return false;
		for (size_t k = 0; k < COUNT_OF(ours); k++)
			if (str_eq_nocase(h->name, ours[k]))
				return false;
	}
	return true;
}

static void put_number(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	buf_add(b, digits + at, sizeof(digits) - at);
}

static bool put(struct http_server *s, const struct http_reply *reply, bool head_only, bool close)
{
	struct buf *b = &s->reply;
	/* RFC 9110 §8.6: no Content-Length in these. */
	bool bodyless = reply->status < 200 || reply->status == 204 || reply->status == 304;

	buf_reset(b);
	s->reply_held = (struct bytes){ 0 };
	buf_add_text(b, "HTTP/1.1 ");
	put_number(b, (uint64_t)reply->status);
	buf_add_char(b, ' ');
	buf_add_text(b, reason(reply->status));
	buf_add_text(b, "\r\nDate: ");
	buf_add_str(b, date(s));
	if (!bodyless) {
		buf_add_text(b, "\r\nContent-Length: ");
		put_number(b, reply->body.len);
	}
	if (close)
		buf_add_text(b, "\r\nConnection: close");
	for (size_t i = 0; i < reply->header_count; i++) {
		buf_add_text(b, "\r\n");
		buf_add_str(b, reply->headers[i].name);
		buf_add_text(b, ": ");
		buf_add_str(b, reply->headers[i].value);
	}
	buf_add_text(b, "\r\n\r\n");
	if (!bodyless && !head_only && reply->body_free)
		s->reply_held = reply->body;
	else if (!bodyless && !head_only)
		buf_add(b, reply->body.p, reply->body.len);
	return buf_ok(b);
}

static bool put_problem(struct http_server *s, int status, const char *type, const char *why,
			bool head_only, bool close)
{
	static const struct http_header json = { { "Content-Type", 12 },
						 { "application/problem+json", 24 } };
	char body[512];
	int len = snprintf(body, sizeof(body),
			   "{\"type\":\"urn:ietf:params:acme:error:%s\",\"status\":%d,\"detail\":\"%s\"}",
			   type, status, why);
	struct http_reply reply = { .status = status, .headers = &json, .header_count = 1,
				    .body = bytes_of(body, (size_t)len) };

	return len > 0 && (size_t)len < sizeof(body) && put(s, &reply, head_only, close);
}

bool reply_put_refusal(struct http_server *s, int status, const char *why, bool head_only)
{
	return put_problem(s, status, status >= 500 && status != 501 && status != 505
					      ? "serverInternal" : "malformed",
			   why, head_only, true);
}

bool reply_put(struct http_server *s, const struct http_reply *reply, bool head_only, bool close)
{
	if (!headers_are_good(reply))
		return put_problem(s, 500, "serverInternal", "the reply was not fit to be sent",
				   head_only, close);
	return put(s, reply, head_only, close);
}
