/* http1.c - the request parser (RFC 9112). The head is collected line by line in one block and each
 * line is judged when its LF arrives; the body's framing is a machine over octets. Every octet is
 * looked at a fixed number of times. What RFC 9112 leaves to the recipient's leniency is refused:
 * bare LF (§2.2), obs-fold (§5.2), white space around the field name (§5.1), chunk extensions
 * (§7.1.1), trailers (§7.1.2), and any doubt about the length (§6.3). */
#include "net/http1.h"

#include <stdlib.h>

#include "base/limits.h"

enum state {
	START,        /* nothing of a request yet */
	START_LF,     /* after the CR of the one empty line that may precede it (RFC 9112 §2.2) */
	REQUEST_LINE,
	HEADERS,
	BODY,         /* by Content-Length */
	CHUNK_SIZE,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_END_CR,
	CHUNK_END_LF,
	LAST_CR,      /* after the last chunk: no trailers, so the end */
	LAST_LF,
	COMPLETE,
	FAILED,
};

#define HEAD_MAX (LIMIT_HTTP_LINE + 2 + LIMIT_HTTP_HEADERS)
#define HEAD_KEEP 1024 /* of the head's block, between requests */
#define CHUNK_DIGITS 8
_Static_assert(HEAD_MAX <= UINT16_MAX, "struct slice holds any position in the head");

/* A part of the head; the head's block may move while it grows. */
struct slice {
	uint16_t at, len;
};

struct field {
	struct slice name, value;
};

struct http1_parser {
	size_t max_body;
	enum state state;
	int status;      /* FAILED: why */
	const char *why;

	struct buf head;
	size_t line_at;    /* where the line being read begins */
	size_t headers_at; /* where the header section begins */
	enum http_method method;
	struct slice target, path, query, host;
	bool has_query, has_host, has_length, chunked, close, expect, blank_line;
	bool is_old; /* HTTP/1.0 */
	uint64_t length; /* Content-Length; then what is still to come of it or of the chunk */
	unsigned chunk_count, chunk_digits;
	size_t field_count;
	struct field fields[LIMIT_HTTP_HEADER_COUNT];

	struct http_header *headers; /* made when the request is complete */
	struct buf body;
};

enum { TOKEN = 1, PATH = 2, VALUE = 4, HOST = 8, HEX = 16, DIGIT = 32 };

/* tchar (RFC 9110 §5.6.2); pchar and '/' without '%' (RFC 3986 §3.3), to which a query adds '?';
 * field-vchar, obs-text, SP and HTAB (RFC 9110 §5.5); the characters of a host name. */
static const uint8_t classes[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['"'] = VALUE, ['#'] = VALUE | TOKEN, ['%'] = VALUE | TOKEN,
	['!'] = VALUE | TOKEN | PATH, ['$'] = VALUE | TOKEN | PATH, ['&'] = VALUE | TOKEN | PATH,
	['\''] = VALUE | TOKEN | PATH, ['('] = VALUE | PATH, [')'] = VALUE | PATH,
	['*'] = VALUE | TOKEN | PATH, ['+'] = VALUE | TOKEN | PATH, [','] = VALUE | PATH,
	['-'] = VALUE | TOKEN | PATH | HOST, ['.'] = VALUE | TOKEN | PATH | HOST, ['/'] = VALUE | PATH,
	['0' ... '9'] = VALUE | TOKEN | PATH | HOST | HEX | DIGIT,
	[':'] = VALUE | PATH, [';'] = VALUE | PATH, ['<'] = VALUE, ['='] = VALUE | PATH,
	['>'] = VALUE, ['?'] = VALUE, ['@'] = VALUE | PATH,
	['A' ... 'F'] = VALUE | TOKEN | PATH | HOST | HEX, ['G' ... 'Z'] = VALUE | TOKEN | PATH | HOST,
	['['] = VALUE, ['\\'] = VALUE, [']'] = VALUE, ['^'] = VALUE | TOKEN,
	['_'] = VALUE | TOKEN | PATH | HOST, ['`'] = VALUE | TOKEN,
	['a' ... 'f'] = VALUE | TOKEN | PATH | HOST | HEX, ['g' ... 'z'] = VALUE | TOKEN | PATH | HOST,
	['{'] = VALUE, ['|'] = VALUE | TOKEN, ['}'] = VALUE, ['~'] = VALUE | TOKEN | PATH,
	[0x80 ... 0xff] = VALUE,
};

static bool is(char c, unsigned class)
{
	return classes[(uint8_t)c] & class;
}

static bool all(struct str s, unsigned class)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is(s.p[i], class))
			return false;
	return true;
}

static const char *const method_names[] = {
	[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
	[HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS", [HTTP_PATCH] = "PATCH",
};

const char *http_method_name(enum http_method method)
{
	return method_names[method];
}

struct str http_header_get(const struct http_request *r, const char *name)
{
	struct str wanted = str_of(name);

	for (size_t i = 0; i < r->header_count; i++)
		if (str_eq_nocase(r->headers[i].name, wanted))
			return r->headers[i].value;
	return (struct str){ 0 };
}

enum rc http1_parser_new(size_t max_body, struct http1_parser **out)
{
	struct http1_parser *p = calloc(1, sizeof(*p));

	if (!p)
		return RC_NOMEM;
	p->max_body = max_body;
	buf_init(&p->head, HEAD_MAX);
	buf_init(&p->body, max_body);
	*out = p;
	return RC_OK;
}

void http1_parser_free(struct http1_parser *p)
{
	if (!p)
		return;
	buf_done(&p->head);
	buf_done(&p->body);
	free(p->headers);
	free(p);
}

void http1_parser_next(struct http1_parser *p)
{
	struct buf head = p->head;
	size_t max_body = p->max_body;

	buf_done(&p->body);
	free(p->headers);
	/* The fields' slices are not cleared: field_count says how many are meant. */
	memset(p, 0, offsetof(struct http1_parser, fields));
	p->headers = NULL;
	p->max_body = max_body;
	p->head = head;
	buf_reset(&p->head);
	if (p->head.cap > HEAD_KEEP) {
		buf_done(&p->head);
		buf_init(&p->head, HEAD_MAX);
	}
	buf_init(&p->body, max_body);
}

bool http1_parser_in_request(const struct http1_parser *p)
{
	return p->state != START;
}

bool http1_parser_in_body(const struct http1_parser *p)
{
	return p->state > HEADERS;
}

bool http1_parser_is_head(const struct http1_parser *p)
{
	return p->method == HTTP_HEAD;
}

static bool fail(struct http1_parser *p, int status, const char *why)
{
	p->state = FAILED;
	p->status = status;
	p->why = why;
	return false;
}

static struct str text(const struct http1_parser *p, struct slice s)
{
	return (struct str){ p->head.p + s.at, s.len };
}

static struct slice slice(const struct http1_parser *p, struct str s)
{
	return (struct slice){ (uint16_t)(s.p - p->head.p), (uint16_t)s.len };
}

/* --- the request line (RFC 9112 §3) --- */

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* "%" HEXDIG HEXDIG at s.p[i]; the octet, or -1. */
static int percent_at(struct str s, size_t i)
{
	if (s.len - i < 3 || !is(s.p[i + 1], HEX) || !is(s.p[i + 2], HEX))
		return -1;
	return (int)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
}

static bool is_dot_segment(struct str s)
{
	return str_is(s, ".") || str_is(s, "..");
}

/* One spelling for each resource, so that no rule by path can be walked around. NULL when good. */
static const char *path_fault(struct str path)
{
	size_t segment = 1; /* where the current one begins */

	for (size_t i = 1; i <= path.len; i++) {
		int octet;

		if (i == path.len || path.p[i] == '/') {
			if (i < path.len && i == segment)
				return "policy: the path has an empty segment";
			if (is_dot_segment((struct str){ path.p + segment, i - segment }))
				return "policy: the path has a dot segment";
			segment = i + 1;
			continue;
		}
		if (is(path.p[i], PATH))
			continue;
		if (path.p[i] != '%')
			return "RFC 3986 §3.3: the path has a character that it may not have";
		octet = percent_at(path, i);
		if (octet < 0)
			return "RFC 3986 §2.1: a percent sign without two hexadecimal digits";
		if (octet < 0x20 || octet == 0x7f || octet == '.' || octet == '/' || octet == '\\')
			return "policy: the path encodes a dot, slash, backslash or control";
		i += 2;
	}
	return NULL;
}

/* A query, or data in a path. */
static const char *query_fault(struct str query)
{
	for (size_t i = 0; i < query.len; i++) {
		if (is(query.p[i], PATH) || query.p[i] == '?')
			continue;
		if (query.p[i] != '%')
			return "RFC 3986 §3.4: the query has a character that it may not have";
		if (percent_at(query, i) < 0)
			return "RFC 3986 §2.1: a percent sign without two hexadecimal digits";
		i += 2;
	}
	return NULL;
}

static bool read_target(struct http1_parser *p, struct str target)
{
	struct str path, query;
	const char *why;

	if (target.len == 1 && target.p[0] == '*' && p->method == HTTP_OPTIONS) {
		p->target = p->path = slice(p, target);
		return true;
	}
	if (target.p[0] != '/') /* never empty */
		return fail(p, 400, "RFC 9112 §3.2.1: the request target is not in origin-form");
	p->has_query = str_cut(target, '?', &path, &query);
	why = str_starts(path, HTTP1_DATA_PATH) ? query_fault(path) : path_fault(path);
	if (!why && p->has_query)
		why = query_fault(query);
	if (why)
		return fail(p, 400, why);
	p->target = slice(p, target);
	p->path = slice(p, path);
	if (p->has_query)
		p->query = slice(p, query);
	return true;
}

static bool read_version(struct http1_parser *p, struct str version)
{
	if (version.len != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !is(version.p[5], DIGIT) ||
	    version.p[6] != '.' || !is(version.p[7], DIGIT))
		return fail(p, 400, "RFC 9112 §2.3: the request line does not end in a version");
	p->is_old = version.p[5] == '1' && version.p[7] == '0';
	p->close = p->is_old;
	if (version.p[5] != '1' || version.p[7] > '1')
		return fail(p, 505, "policy: HTTP/1.1 is the version spoken here");
	return true;
}

static bool read_request_line(struct http1_parser *p, struct str line)
{
	struct str method, rest, target, version;

	if (!str_cut(line, ' ', &method, &rest) || !str_cut(rest, ' ', &target, &version) ||
	    method.len == 0 || !all(method, TOKEN) || target.len == 0)
		return fail(p, 400, "RFC 9112 §3: the request line is not: method SP target SP version");
	if (!read_version(p, version))
		return false;
	for (size_t i = 0; i < COUNT_OF(method_names); i++) {
		if (!str_is(method, method_names[i]))
			continue;
		p->method = (enum http_method)i;
		return read_target(p, target);
	}
	return fail(p, 501, "RFC 9110 §9.1: the method is not known here");
}

/* --- header lines (RFC 9112 §5) --- */

/* uri-host [ ":" port ] (RFC 9110 §7.2): a name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(struct str s)
{
	size_t i = 0;
	unsigned port = 0;

	if (s.len > 0 && s.p[0] == '[') {
		for (i = 1; i < s.len && (is(s.p[i], HEX) || s.p[i] == ':' || s.p[i] == '.'); i++)
			;
		if (i < 3 || i == s.len || s.p[i++] != ']')
			return false;
	} else {
		while (i < s.len && is(s.p[i], HOST))
			i++;
		if (i == 0 || i > LIMIT_NAME + 1)
			return false;
	}
	if (i == s.len)
		return true;
	if (s.p[i++] != ':' || i == s.len || s.len - i > 5)
		return false;
	for (; i < s.len; i++) {
		if (!is(s.p[i], DIGIT))
			return false;
		port = port * 10 + (unsigned)(s.p[i] - '0');
	}
	return port <= 65535;
}

static bool read_length(struct http1_parser *p, struct str value)
{
	if (p->has_length)
		return fail(p, 400, "RFC 9112 §6.3: more than one Content-Length");
	if (value.len == 0 || !all(value, DIGIT))
		return fail(p, 400, "RFC 9110 §8.6: Content-Length is not a number");
	p->has_length = true;
	for (size_t i = 0; i < value.len; i++)
		if (p->length <= p->max_body) /* beyond it the exact number does not matter */
			p->length = p->length * 10 + (unsigned)(value.p[i] - '0');
	return true;
}

static bool read_coding(struct http1_parser *p, struct str value)
{
	if (p->chunked)
		return fail(p, 400, "RFC 9112 §6.1: more than one Transfer-Encoding");
	if (!str_eq_nocase(value, STR("chunked")))
		return fail(p, 501, "RFC 9112 §6.1: chunked is the one transfer coding known here");
	p->chunked = true;
	return true;
}

/* #connection-option (RFC 9110 §7.6.1); only "close" matters here. */
static void read_connection(struct http1_parser *p, struct str value)
{
	struct str option;

	while (value.p) {
		str_cut(value, ',', &option, &value);
		while (option.len > 0 && (option.p[0] == ' ' || option.p[0] == '\t'))
			option = (struct str){ option.p + 1, option.len - 1 };
		while (option.len > 0 && (option.p[option.len - 1] == ' ' ||
					  option.p[option.len - 1] == '\t'))
			option.len--;
		if (str_eq_nocase(option, STR("close")))
			p->close = true;
	}
}

/* The fields that say where the request ends and for whom it is. raw: value with the white space
 * around it, of which HTAB is lawful (RFC 9110 §5.6.3), but not read by everybody. */
static bool read_known_field(struct http1_parser *p, struct str name, struct str value, struct str raw)
{
	bool is_length = str_eq_nocase(name, STR("content-length"));
	bool is_coding = str_eq_nocase(name, STR("transfer-encoding"));

	if ((is_length || is_coding) && memchr(raw.p, '\t', raw.len))
		return fail(p, 400, "policy: a tab in a field that says where the request ends");
	if (is_length)
		return read_length(p, value);
	if (is_coding)
		return read_coding(p, value);
	if (str_eq_nocase(name, STR("host"))) {
		if (p->has_host)
			return fail(p, 400, "RFC 9112 §3.2: more than one Host");
		if (!is_host(value))
			return fail(p, 400, "RFC 9112 §3.2: Host is not a name or address with an optional port");
		p->has_host = true;
		p->host = slice(p, value);
	} else if (str_eq_nocase(name, STR("connection"))) {
		read_connection(p, value);
	} else if (str_eq_nocase(name, STR("expect"))) {
		if (!str_eq_nocase(value, STR("100-continue")))
			return fail(p, 417, "RFC 9110 §10.1.1: 100-continue is the one expectation known here");
		p->expect = true;
	}
	return true;
}

static bool read_header_line(struct http1_parser *p, struct str line)
{
	struct str name, value, raw;

	if (line.p[0] == ' ' || line.p[0] == '\t')
		return fail(p, 400, "RFC 9112 §5.2: a header line is folded");
	if (!str_cut(line, ':', &name, &value))
		return fail(p, 400, "RFC 9112 §5: a header line without a colon");
	if (name.len == 0 || !all(name, TOKEN))
		return fail(p, 400, "RFC 9112 §5.1: a header name is not a token directly before the colon");
	raw = value;
	while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
		value = (struct str){ value.p + 1, value.len - 1 };
	while (value.len > 0 && (value.p[value.len - 1] == ' ' || value.p[value.len - 1] == '\t'))
		value.len--;
	if (!all(value, VALUE))
		return fail(p, 400, "RFC 9110 §5.5: a header value has a control character");
	if (p->field_count == COUNT_OF(p->fields))
		return fail(p, 431, "policy: too many header lines");
	p->fields[p->field_count++] = (struct field){ slice(p, name), slice(p, value) };
	return read_known_field(p, name, value, raw);
}

/* Programs that ask for the status of a certificate (openssl) speak HTTP/1.0. It is good for nothing
 * else: one request, its length in Content-Length, and the connection ends (RFC 9112 §6.1, §9.3). */
static bool is_for_old(struct str path)
{
	return str_is(path, "/ocsp") || str_starts(path, HTTP1_DATA_PATH) || str_starts(path, "/crl/");
}

/* The empty line: how long is the body (RFC 9112 §6.3)? */
static bool end_head(struct http1_parser *p)
{
	if (!p->has_host)
		return fail(p, 400, "RFC 9112 §3.2: no Host");
	if (p->is_old && !is_for_old(text(p, p->path)))
		return fail(p, 505, "policy: HTTP/1.1 is the version spoken here");
	if (p->is_old && p->chunked)
		return fail(p, 400, "RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0");
	if (p->has_length && p->chunked)
		return fail(p, 400, "RFC 9112 §6.3: both Content-Length and Transfer-Encoding");
	if (p->length > p->max_body)
		return fail(p, 413, "policy: the body is too large");
	if (p->chunked)
		p->state = CHUNK_SIZE;
	else
		p->state = p->length > 0 ? BODY : COMPLETE;
	return true;
}

/* --- collecting the head --- */

static bool line_too_long(struct http1_parser *p)
{
	/* What the line or the section will at least have, when its LF comes. */
	if (p->state == REQUEST_LINE && p->head.len - p->line_at >= LIMIT_HTTP_LINE + 2)
		return !fail(p, 414, "policy: the request line is too long");
	if (p->state == HEADERS && p->head.len - p->headers_at >= LIMIT_HTTP_HEADERS)
		return !fail(p, 431, "policy: the header is too long");
	return false;
}

/* Takes octets up to the end of the line, and judges the line when it is complete. */
static void take_line(struct http1_parser *p, struct bytes *in)
{
	size_t start = p->state == REQUEST_LINE ? p->line_at : p->headers_at;
	size_t room = (p->state == REQUEST_LINE ? LIMIT_HTTP_LINE + 2 : LIMIT_HTTP_HEADERS) -
		      (p->head.len - start);
	size_t len = in->len < room ? in->len : room;
	const uint8_t *lf = memchr(in->p, '\n', len);
	struct str line;

	if (lf)
		len = (size_t)(lf - in->p) + 1;
	buf_add(&p->head, in->p, len);
	*in = bytes_of(in->p + len, in->len - len);
	if (!buf_ok(&p->head)) {
		fail(p, 503, "no memory for the request");
		return;
	}
	if (!lf) {
		line_too_long(p);
		return;
	}
	line = (struct str){ p->head.p + p->line_at, p->head.len - p->line_at - 1 };
	if (line.len == 0 || line.p[line.len - 1] != '\r') {
		fail(p, 400, "RFC 9112 §2.2: a line ends in a bare LF");
		return;
	}
	line.len--;
	p->line_at = p->head.len;
	if (p->state == REQUEST_LINE) {
		p->headers_at = p->head.len;
		if (read_request_line(p, line))
			p->state = HEADERS;
	} else if (line.len == 0) {
		end_head(p);
	} else {
		read_header_line(p, line);
	}
}

static void take_start(struct http1_parser *p, struct bytes *in)
{
	char c = (char)in->p[0];

	if (p->state == START_LF) {
		if (c != '\n') {
			fail(p, 400, "RFC 9112 §2.2: a bare CR before the request line");
			return;
		}
		p->blank_line = true;
		p->state = START;
	} else if (c == '\r' && !p->blank_line) {
		p->state = START_LF;
	} else if (is(c, TOKEN)) {
		p->state = REQUEST_LINE; /* the octet stays for take_line() */
		return;
	} else {
		fail(p, 400, "RFC 9112 §3: this is not a request line");
		return;
	}
	*in = bytes_of(in->p + 1, in->len - 1);
}

/* --- the body --- */

static void take_body(struct http1_parser *p, struct bytes *in)
{
	size_t len = in->len < p->length ? in->len : (size_t)p->length;

	buf_add(&p->body, in->p, len);
	*in = bytes_of(in->p + len, in->len - len);
	p->length -= len;
	if (!buf_ok(&p->body))
		fail(p, 503, "no memory for the request");
	else if (p->length == 0)
		p->state = p->state == BODY ? COMPLETE : CHUNK_END_CR;
}

static bool end_chunk_size(struct http1_parser *p)
{
	if (p->length == 0) {
		p->state = LAST_CR;
		return true;
	}
	if (p->length > p->max_body - p->body.len)
		return fail(p, 413, "policy: the body is too large");
	if (++p->chunk_count > LIMIT_HTTP_CHUNKS)
		return fail(p, 413, "policy: the body has too many chunks");
	p->state = CHUNK_DATA;
	return true;
}

static bool take_chunk_digit(struct http1_parser *p, char c)
{
	if (is(c, HEX)) {
		if (++p->chunk_digits > CHUNK_DIGITS)
			return fail(p, 400, "policy: a chunk size of more than 8 digits");
		p->length = p->length << 4 | hex_value(c);
		return true;
	}
	if (p->chunk_digits == 0)
		return fail(p, 400, "RFC 9112 §7.1: a chunk without a size");
	if (c != '\r')
		return fail(p, 400, "policy: a chunk size is followed by CRLF, not by an extension");
	p->state = CHUNK_SIZE_LF;
	return true;
}

/* One octet of the chunks' framing (RFC 9112 §7.1). */
static bool take_framing(struct http1_parser *p, char c)
{
	static const char *const why = "RFC 9112 §7.1: chunk data does not end in CRLF where its size says";

	switch (p->state) {
	case CHUNK_SIZE:
		return take_chunk_digit(p, c);
	case CHUNK_SIZE_LF:
		if (c != '\n')
			return fail(p, 400, "RFC 9112 §7.1: a chunk size does not end in CRLF");
		return end_chunk_size(p);
	case CHUNK_END_CR:
		if (c != '\r')
			return fail(p, 400, why);
		p->state = CHUNK_END_LF;
		return true;
	case CHUNK_END_LF:
		if (c != '\n')
			return fail(p, 400, why);
		p->state = CHUNK_SIZE;
		p->chunk_digits = 0;
		return true;
	case LAST_CR:
		if (c != '\r')
			return fail(p, 400, "policy: trailers are not accepted (RFC 9112 §7.1.2)");
		p->state = LAST_LF;
		return true;
	default: /* LAST_LF */
		if (c != '\n')
			return fail(p, 400, "RFC 9112 §7.1: the chunked body does not end in CRLF");
		p->state = COMPLETE;
		return true;
	}
}

/* --- the whole --- */

static bool finish(struct http1_parser *p, struct http_request *out)
{
	p->headers = reallocarray(p->headers, p->field_count, sizeof(*p->headers));
	if (!p->headers) /* field_count > 0: there is a Host */
		return fail(p, 503, "no memory for the request");
	for (size_t i = 0; i < p->field_count; i++)
		p->headers[i] = (struct http_header){ text(p, p->fields[i].name),
						      text(p, p->fields[i].value) };
	*out = (struct http_request){
		.method = p->method,
		.target = text(p, p->target),
		.path = text(p, p->path),
		.query = p->has_query ? text(p, p->query) : (struct str){ 0 },
		.host = text(p, p->host),
		.headers = p->headers,
		.header_count = p->field_count,
		.body = buf_str(&p->body),
		.keep_alive = !p->close,
		.expect_continue = p->expect,
	};
	return true;
}

/* One step; true when it is the head's end and the client waits for "100 Continue". */
static bool step(struct http1_parser *p, struct bytes *in)
{
	switch (p->state) {
	case START:
	case START_LF:
		take_start(p, in);
		return false;
	case REQUEST_LINE:
		take_line(p, in);
		return false;
	case HEADERS:
		take_line(p, in);
		return p->expect && (p->state == BODY || p->state == CHUNK_SIZE);
	case BODY:
	case CHUNK_DATA:
		take_body(p, in);
		return false;
	default:
		take_framing(p, (char)in->p[0]);
		*in = bytes_of(in->p + 1, in->len - 1);
		return false;
	}
}

enum http1_result http1_feed(struct http1_parser *p, struct bytes in, size_t *used,
			     struct http_request *out, int *out_status, const char **out_why)
{
	struct bytes rest = in;
	bool wants_continue = false;

	while (rest.len > 0 && !wants_continue && p->state != COMPLETE && p->state != FAILED)
		wants_continue = step(p, &rest);
	*used = in.len - rest.len;
	if (p->state == COMPLETE && finish(p, out))
		return HTTP1_REQUEST;
	if (p->state == FAILED) {
		*out_status = p->status;
		*out_why = p->why;
		return HTTP1_BAD;
	}
	return wants_continue ? HTTP1_CONTINUE : HTTP1_MORE;
}
