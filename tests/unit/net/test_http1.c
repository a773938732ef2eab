/* test_http1.c - what the parser takes and what it refuses. Every message is fed whole, octet by
 * octet, and cut in two at each position: the outcome must be the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/http1.h"

#define MAX_BODY 100
#define HOST "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /x HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct outcome {
	enum http1_result result;
	size_t used; /* REQUEST only: where the next one begins */
	int status;
	const char *why;
	int continues;
	size_t continue_at;
	char *text; /* REQUEST: all of it, spelled out */
};

static void add(char **text, size_t *len, struct str s)
{
	*text = realloc(*text, *len + s.len + 2);
	if (s.len)
		memcpy(*text + *len, s.p, s.len);
	*len += s.len;
	(*text)[(*len)++] = s.p ? '|' : '!';
	(*text)[*len] = '\0';
}

static char *spell(const struct http_request *r)
{
	char *text = NULL;
	size_t len = 0;

	add(&text, &len, str_of(http_method_name(r->method)));
	add(&text, &len, r->target);
	add(&text, &len, r->path);
	add(&text, &len, r->query);
	add(&text, &len, r->host);
	for (size_t i = 0; i < r->header_count; i++) {
		add(&text, &len, r->headers[i].name);
		add(&text, &len, r->headers[i].value);
	}
	add(&text, &len, r->body);
	add(&text, &len, str_of(r->keep_alive ? "keep" : "close"));
	add(&text, &len, str_of(r->expect_continue ? "expect" : ""));
	return text;
}

/* Feeds the message in pieces of the given sizes (the last one repeats). Each piece is a block of its
 * own, so that a sanitizer sees a read beyond it. */
static struct outcome feed(struct bytes message, size_t first, size_t then, struct http1_parser *reuse)
{
	struct outcome o = { .result = HTTP1_MORE };
	struct http1_parser *p = reuse;
	struct http_request r;
	size_t piece = first;

	if (!p)
		assert_int_equal(http1_parser_new(MAX_BODY, &p), RC_OK);
	while (o.used < message.len && (o.result == HTTP1_MORE || o.result == HTTP1_CONTINUE)) {
		size_t len = message.len - o.used < piece ? message.len - o.used : piece, used;
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, message.p + o.used, len);
		o.result = http1_feed(p, bytes_of(copy, len), &used, &r, &o.status, &o.why);
		assert_true(used <= len);
		assert_true(o.result != HTTP1_MORE || used == len);
		memset(copy, 0xee, len); /* nothing may be borrowed from it */
		free(copy);
		o.used += used;
		if (o.result == HTTP1_CONTINUE) {
			o.continues++;
			o.continue_at = o.used;
		}
		piece = then;
	}
	if (o.result == HTTP1_REQUEST)
		o.text = spell(&r);
	if (o.result == HTTP1_CONTINUE)
		o.result = HTTP1_MORE;
	if (o.result == HTTP1_BAD) {
		size_t used;

		/* Refused for good. */
		assert_int_equal(http1_feed(p, str_bytes(STR(GET HOST "\r\n")), &used, &r, &o.status,
					    &o.why), HTTP1_BAD);
		assert_int_equal(used, 0);
		assert_non_null(o.why);
		assert_null(strpbrk(o.why, "\"\\\r\n"));
	}
	if (!reuse)
		http1_parser_free(p);
	return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b, struct str name)
{
	if (a->result != b->result || a->status != b->status || a->why != b->why ||
	    a->continues != b->continues || a->continue_at != b->continue_at ||
	    (a->result == HTTP1_REQUEST && (a->used != b->used || strcmp(a->text, b->text) != 0)))
		fail_msg("cut differently, the outcome differs: %.*s\n%d %d %s\n%d %d %s", STR_ARG(name),
			 a->result, a->status, a->result == HTTP1_BAD ? a->why : a->text, b->result,
			 b->status, b->result == HTTP1_BAD ? b->why : b->text);
}

/* The outcome, after all ways of cutting agreed on it. The caller frees text. */
static struct outcome feed_all_ways(struct str message)
{
	struct bytes m = str_bytes(message);
	struct outcome whole = feed(m, m.len, m.len, NULL), other;
	size_t step = m.len > 2000 ? 97 : 1;

	other = feed(m, 1, 1, NULL);
	assert_same(&whole, &other, message);
	free(other.text);
	for (size_t cut = 1; cut < m.len; cut += step) {
		other = feed(m, cut, m.len, NULL);
		assert_same(&whole, &other, message);
		free(other.text);
	}
	return whole;
}

/* --- good requests --- */

static void test_http1__good_requests(void **state)
{
	static const struct {
		struct str in;
		const char *spelled; /* method|target|path|query|host|headers...|body|keep|expect */
	} table[] = {
		{ STR(GET HOST "\r\n"), "GET|/|/|!a.example|Host|a.example||keep||" },
		{ STR("\r\n" GET HOST "\r\n"), "GET|/|/|!a.example|Host|a.example||keep||" },
		{ STR("HEAD /a HTTP/1.1\r\n" HOST "\r\n"), "HEAD|/a|/a|!a.example|Host|a.example||keep||" },
		{ STR("PUT /a HTTP/1.1\r\n" HOST "\r\n"), "PUT|/a|/a|!a.example|Host|a.example||keep||" },
		{ STR("DELETE /a HTTP/1.1\r\n" HOST "\r\n"), "DELETE|/a|/a|!a.example|Host|a.example||keep||" },
		{ STR("PATCH /a HTTP/1.1\r\n" HOST "\r\n"), "PATCH|/a|/a|!a.example|Host|a.example||keep||" },
		{ STR("OPTIONS /a HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS|/a|/a|!a.example|Host|a.example||keep||" },
		{ STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS|*|*|!a.example|Host|a.example||keep||" },
		{ STR("GET /a/b/ HTTP/1.1\r\n" HOST "\r\n"), "GET|/a/b/|/a/b/|!a.example|Host|a.example||keep||" },
		{ STR("GET /a? HTTP/1.1\r\n" HOST "\r\n"), "GET|/a?|/a||a.example|Host|a.example||keep||" },
		{ STR("GET /a?b=c&d=%2e%2F/?x HTTP/1.1\r\n" HOST "\r\n"),
		  "GET|/a?b=c&d=%2e%2F/?x|/a|b=c&d=%2e%2F/?x|a.example|Host|a.example||keep||" },
		{ STR("GET /?//../. HTTP/1.1\r\n" HOST "\r\n"), "GET|/?//../.|/|//../.|a.example|Host|a.example||keep||" },
		{ STR("GET /.well-known/a..b/.c/d./...;=@:!$&'()*+,~_- HTTP/1.1\r\n" HOST "\r\n"),
		  "GET|/.well-known/a..b/.c/d./...;=@:!$&'()*+,~_-|/.well-known/a..b/.c/d./...;=@:!$&'()*+,~_-|!"
		  "a.example|Host|a.example||keep||" },
		{ STR("GET /%41%c3%a9%20%25 HTTP/1.1\r\n" HOST "\r\n"),
		  "GET|/%41%c3%a9%20%25|/%41%c3%a9%20%25|!a.example|Host|a.example||keep||" },
		/* Host */
		{ STR(GET "hOST:a.example\r\n\r\n"), "GET|/|/|!a.example|hOST|a.example||keep||" },
		{ STR(GET "Host: \t a.example:14443\t \r\n\r\n"), "GET|/|/|!a.example:14443|Host|a.example:14443||keep||" },
		{ STR(GET "Host: 10.0.0.1:80\r\n\r\n"), "GET|/|/|!10.0.0.1:80|Host|10.0.0.1:80||keep||" },
		{ STR(GET "Host: [fd00::1]\r\n\r\n"), "GET|/|/|![fd00::1]|Host|[fd00::1]||keep||" },
		{ STR(GET "Host: [::ffff:10.0.0.1]:443\r\n\r\n"), "GET|/|/|![::ffff:10.0.0.1]:443|Host|[::ffff:10.0.0.1]:443||keep||" },
		{ STR(GET "Host: a.example.\r\n\r\n"), "GET|/|/|!a.example.|Host|a.example.||keep||" },
		{ STR(GET "Host: a_b:0\r\n\r\n"), "GET|/|/|!a_b:0|Host|a_b:0||keep||" },
		/* headers */
		{ STR(GET HOST "A:\r\nB: \t \r\nC:  c  d \t\r\n\r\n"), "GET|/|/|!a.example|Host|a.example|A||B||C|c  d||keep||" },
		{ STR(GET HOST "X-Y_z.1!#$%&'*+^`|~: \"(),/:;<=>?@[\\]{}\r\n\r\n"),
		  "GET|/|/|!a.example|Host|a.example|X-Y_z.1!#$%&'*+^`|~|\"(),/:;<=>?@[\\]{}||keep||" },
		{ STR(GET HOST "A: \xc3\xa9\xff\r\n\r\n"), "GET|/|/|!a.example|Host|a.example|A|\xc3\xa9\xff||keep||" },
		{ STR(GET HOST "A: 1\r\nA: 2\r\n\r\n"), "GET|/|/|!a.example|Host|a.example|A|1|A|2||keep||" },
		/* connection */
		{ STR(GET HOST "Connection: close\r\n\r\n"), "GET|/|/|!a.example|Host|a.example|Connection|close||close||" },
		{ STR(GET HOST "Connection: x ,\tCLOSE\t, y\r\n\r\n"),
		  "GET|/|/|!a.example|Host|a.example|Connection|x ,\tCLOSE\t, y||close||" },
		{ STR(GET HOST "Connection: keep-alive\r\nConnection: Close\r\n\r\n"),
		  "GET|/|/|!a.example|Host|a.example|Connection|keep-alive|Connection|Close||close||" },
		{ STR(GET HOST "Connection: closed, not-close\r\n\r\n"),
		  "GET|/|/|!a.example|Host|a.example|Connection|closed, not-close||keep||" },
		{ STR(GET HOST "Connection:\r\n\r\n"), "GET|/|/|!a.example|Host|a.example|Connection|||keep||" },
		/* bodies */
		{ STR(POST "\r\n"), "POST|/x|/x|!a.example|Host|a.example||keep||" },
		{ STR(POST "Content-Length: 0\r\n\r\n"), "POST|/x|/x|!a.example|Host|a.example|Content-Length|0||keep||" },
		{ STR(POST "Content-Length: 5\r\n\r\nhello"), "POST|/x|/x|!a.example|Host|a.example|Content-Length|5|hello|keep||" },
		{ STR(POST "Content-Length: 0000000000000000000000000000003\r\n\r\nabc"),
		  "POST|/x|/x|!a.example|Host|a.example|Content-Length|0000000000000000000000000000003|abc|keep||" },
		{ STR(POST "Content-Length: 4\r\n\r\n\r\n\r\n"), "POST|/x|/x|!a.example|Host|a.example|Content-Length|4|\r\n\r\n|keep||" },
		{ STR(GET HOST "Content-Length: 2\r\n\r\nhi"), "GET|/|/|!a.example|Host|a.example|Content-Length|2|hi|keep||" },
		{ STR(CHUNKED "0\r\n\r\n"), "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked||keep||" },
		{ STR(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|hello|keep||" },
		{ STR(CHUNKED "2\r\nhe\r\n00000003\r\nllo\r\n00000000\r\n\r\n"),
		  "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|hello|keep||" },
		{ STR(CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
		  "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|01234567890123456789|keep||" },
		{ STR(CHUNKED "4\r\n\r\n0\r\r\n0\r\n\r\n"), "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|\r\n0\r|keep||" },
		{ STR(POST "Transfer-Encoding:  CHUNKED \r\n\r\n1\r\nx\r\n0\r\n\r\n"),
		  "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|CHUNKED|x|keep||" },
		{ STR(CHUNKED "64\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
		      "012345678901234567890123456789\r\n0\r\n\r\n"),
		  "POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|01234567890123456789012345678"
		  "90123456789012345678901234567890123456789012345678901234567890123456789|keep||" },
		/* upgrades are ignored (RFC 9110 §7.8) */
		{ STR(GET HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
		  "GET|/|/|!a.example|Host|a.example|Connection|Upgrade, HTTP2-Settings|Upgrade|h2c|HTTP2-Settings|AA||keep||" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct outcome o = feed_all_ways(table[i].in);

		if (o.result != HTTP1_REQUEST)
			fail_msg("refused: %d %s: %.*s", o.status, o.why, STR_ARG(table[i].in));
		assert_string_equal(o.text, table[i].spelled);
		assert_int_equal(o.used, table[i].in.len);
		assert_int_equal(o.continues, 0);
		free(o.text);
	}
}

/* --- bad requests --- */

struct bad {
	struct str in;
	int status;
};

static void assert_all_bad(const struct bad *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct outcome o = feed_all_ways(table[i].in);

		if (o.result != HTTP1_BAD || o.status != table[i].status)
			fail_msg("row %zu: wanted %d, got %d %s: %.*s", i, table[i].status,
				 o.result == HTTP1_BAD ? o.status : -(int)o.result,
				 o.result == HTTP1_BAD ? o.why : "", STR_ARG(table[i].in));
		free(o.text);
	}
}

static void test_rfc9112_3__bad_request_lines(void **state)
{
#define LINE(line, code) { STR(line "\r\n" HOST "\r\n"), code }
	static const struct bad table[] = {
		/* not a method SP target SP version */
		LINE("GET", 400), LINE("GET /", 400), LINE("GET  / HTTP/1.1", 400), LINE("GET /  HTTP/1.1", 400),
		LINE("GET / HTTP/1.1 ", 400), LINE(" GET / HTTP/1.1", 400), LINE("GET\t/ HTTP/1.1", 400),
		LINE("GET /\tHTTP/1.1", 400), LINE("GET / x HTTP/1.1", 400), LINE("GET HTTP/1.1", 400),
		LINE("G@T / HTTP/1.1", 400), LINE("G\0T / HTTP/1.1", 400), LINE("\"GET\" / HTTP/1.1", 400),
		LINE("G\xc3\x89T / HTTP/1.1", 400), LINE("(GET / HTTP/1.1", 400), LINE("GET/ / HTTP/1.1", 400),
		/* versions */
		LINE("GET / HTTP/1.0", 505), LINE("GET / HTTP/2.0", 505), LINE("GET / HTTP/0.9", 505),
		LINE("GET / HTTP/1.2", 505), LINE("GET / HTTP/9.9", 505), LINE("GET / HTTP/3.0", 505),
		LINE("GET / HTTP/2", 400), LINE("GET / HTTP/1", 400), LINE("GET / HTTP/1.", 400),
		LINE("GET / HTTP/.1", 400), LINE("GET / HTTP/1.10", 400), LINE("GET / HTTP/01.1", 400),
		LINE("GET / HTTP/1,1", 400), LINE("GET / http/1.1", 400), LINE("GET / Http/1.1", 400),
		LINE("GET / HTTPS/1.1", 400), LINE("GET / HTTP 1.1", 400), LINE("GET / HTTP/a.1", 400),
		LINE("GET / HTTP/1.1\0", 400), LINE("GET / HTTP/1.1\t", 400), LINE("GET / HTTP/1.1x", 400),
		LINE("GET / HTTP/+1.1", 400), LINE("GET / ICAP/1.0", 400), LINE("GET / HTTP\\1.1", 400),
		/* methods */
		LINE("get / HTTP/1.1", 501), LINE("Get / HTTP/1.1", 501), LINE("GETX / HTTP/1.1", 501),
		LINE("GE / HTTP/1.1", 501), LINE("TRACE / HTTP/1.1", 501), LINE("CONNECT / HTTP/1.1", 501),
		LINE("CONNECT a.example:443 HTTP/1.1", 501), LINE("PROPFIND / HTTP/1.1", 501),
		LINE("PRI * HTTP/2.0", 505), LINE("M-SEARCH * HTTP/1.1", 501),
		/* targets: origin-form only */
		LINE("GET http://a.example/ HTTP/1.1", 400), LINE("GET HTTP://a.example/ HTTP/1.1", 400),
		LINE("GET https://a.example HTTP/1.1", 400), LINE("GET a.example HTTP/1.1", 400),
		LINE("GET a.example:80 HTTP/1.1", 400), LINE("GET ?a HTTP/1.1", 400), LINE("GET # HTTP/1.1", 400),
		LINE("GET * HTTP/1.1", 400), LINE("POST * HTTP/1.1", 400), LINE("OPTIONS ** HTTP/1.1", 400),
		LINE("OPTIONS *? HTTP/1.1", 400), LINE("OPTIONS http://a.example/ HTTP/1.1", 400),
		LINE("GET \\ HTTP/1.1", 400), LINE("GET \\/ HTTP/1.1", 400), LINE("GET . HTTP/1.1", 400),
		/* one spelling of each path (TRUST: normalisation) */
		LINE("GET // HTTP/1.1", 400), LINE("GET //a HTTP/1.1", 400), LINE("GET /a//b HTTP/1.1", 400),
		LINE("GET /a// HTTP/1.1", 400), LINE("GET /. HTTP/1.1", 400), LINE("GET /.. HTTP/1.1", 400),
		LINE("GET /./ HTTP/1.1", 400), LINE("GET /../ HTTP/1.1", 400), LINE("GET /a/. HTTP/1.1", 400),
		LINE("GET /a/.. HTTP/1.1", 400), LINE("GET /a/./b HTTP/1.1", 400), LINE("GET /a/../b HTTP/1.1", 400),
		LINE("GET /a/..?q HTTP/1.1", 400), LINE("GET //?q HTTP/1.1", 400), LINE("GET /%2e HTTP/1.1", 400),
		LINE("GET /%2E%2e/ HTTP/1.1", 400), LINE("GET /a%2fb HTTP/1.1", 400), LINE("GET /a%2Fb HTTP/1.1", 400),
		LINE("GET /a%2eb HTTP/1.1", 400), LINE("GET /a%5cb HTTP/1.1", 400), LINE("GET /a%5Cb HTTP/1.1", 400),
		LINE("GET /%00 HTTP/1.1", 400), LINE("GET /%0d%0a HTTP/1.1", 400), LINE("GET /%1f HTTP/1.1", 400),
		LINE("GET /%7f HTTP/1.1", 400), LINE("GET /%7F HTTP/1.1", 400), LINE("GET /a\\b HTTP/1.1", 400),
		LINE("GET /\\..\\ HTTP/1.1", 400),
		/* percent signs */
		LINE("GET /% HTTP/1.1", 400), LINE("GET /%a HTTP/1.1", 400), LINE("GET /%g0 HTTP/1.1", 400),
		LINE("GET /%0g HTTP/1.1", 400), LINE("GET /%% HTTP/1.1", 400), LINE("GET /%-1 HTTP/1.1", 400),
		LINE("GET /%u0041 HTTP/1.1", 400), LINE("GET /a%2 HTTP/1.1", 400), LINE("GET /a%2?e HTTP/1.1", 400),
		LINE("GET /?% HTTP/1.1", 400), LINE("GET /?%4 HTTP/1.1", 400), LINE("GET /?%zz HTTP/1.1", 400),
		/* characters */
		LINE("GET /a#b HTTP/1.1", 400), LINE("GET /?a#b HTTP/1.1", 400), LINE("GET /\"a\" HTTP/1.1", 400),
		LINE("GET /<a> HTTP/1.1", 400), LINE("GET /{a} HTTP/1.1", 400), LINE("GET /a|b HTTP/1.1", 400),
		LINE("GET /a^b HTTP/1.1", 400), LINE("GET /a`b HTTP/1.1", 400), LINE("GET /[a] HTTP/1.1", 400),
		LINE("GET /?\"a\" HTTP/1.1", 400), LINE("GET /?<a> HTTP/1.1", 400), LINE("GET /?[a] HTTP/1.1", 400),
		LINE("GET /?a\\b HTTP/1.1", 400), LINE("GET /\xc3\xa9 HTTP/1.1", 400), LINE("GET /?\xff HTTP/1.1", 400),
		LINE("GET /a\0b HTTP/1.1", 400), LINE("GET /?\0 HTTP/1.1", 400), LINE("GET /\x7f HTTP/1.1", 400),
		LINE("GET /\x01 HTTP/1.1", 400), LINE("GET /\r HTTP/1.1", 400), LINE("GET /?\x1b HTTP/1.1", 400),
		/* line ends */
		{ STR("GET / HTTP/1.1\n" HOST "\r\n"), 400 }, { STR("\n" GET HOST "\r\n"), 400 },
		{ STR("\r" GET HOST "\r\n"), 400 }, { STR("\r\n\r\n" GET HOST "\r\n"), 400 },
		{ STR("\r\r\n" GET HOST "\r\n"), 400 }, { STR("GET / HTTP/1.1\r\r\n" HOST "\r\n"), 400 },
		{ STR("\r\n \r\n"), 400 },
		/* other protocols */
		{ STR("\x16\x03\x01\x02\x00\x01\x00"), 400 }, { STR("\x80\x2e\x01\x00\x02"), 400 }, { STR("\0"), 400 },
		{ STR("{\"jsonrpc\":1}"), 400 }, { STR("SSH-2.0-OpenSSH_9.2\r\n"), 400 },
		{ STR("EHLO a.example\r\n"), 400 }, { STR("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"), 400 },
		{ STR("\r\n\r\n\x00\r\nQUIT\n"), 400 },
	};
#undef LINE

	(void)state;
	assert_all_bad(table, COUNT_OF(table));
}

static void test_rfc9112_5__bad_header_lines(void **state)
{
#define LINES(lines, code) { STR(GET lines "\r\n"), code }
	static const struct bad table[] = {
		/* names */
		LINES(HOST "A\r\n", 400), LINES(HOST ": x\r\n", 400), LINES(HOST "A : x\r\n", 400),
		LINES(HOST "A\t: x\r\n", 400), LINES(HOST "A B: x\r\n", 400), LINES(HOST "A\0: x\r\n", 400),
		LINES(HOST "(A): x\r\n", 400), LINES(HOST "A/B: x\r\n", 400), LINES(HOST "\"A\": x\r\n", 400),
		LINES(HOST "A@: x\r\n", 400), LINES(HOST "\xc3\xa9: x\r\n", 400), LINES(HOST "A\x7f: x\r\n", 400),
		LINES(HOST "A[0]: x\r\n", 400), LINES(HOST "\x0b" "A: x\r\n", 400), LINES(HOST "A,B: x\r\n", 400),
		LINES("Host : a.example\r\n", 400), LINES(HOST "Content-Length : 0\r\n", 400),
		LINES(HOST "Transfer-Encoding : chunked\r\n", 400),
		/* folding (RFC 9112 §5.2) */
		LINES(HOST "A: x\r\n y\r\n", 400), LINES(HOST "A: x\r\n\ty\r\n", 400), LINES(" " HOST, 400),
		LINES("\t" HOST, 400), LINES(HOST "A: x\r\n \r\n", 400), LINES("Host:\r\n a.example\r\n", 400),
		LINES(HOST " Content-Length: 1\r\n", 400),
		/* values (RFC 9110 §5.5) */
		LINES(HOST "A: x\0y\r\n", 400), LINES(HOST "A: \x01\r\n", 400), LINES(HOST "A: \x7f\r\n", 400),
		LINES(HOST "A: x\ry\r\n", 400), LINES(HOST "A: \x0b\r\n", 400), LINES(HOST "A: \x0c\r\n", 400),
		LINES(HOST "A: \x1b[31m\r\n", 400), LINES(HOST "A: \b\r\n", 400), LINES(HOST "A:\0\r\n", 400),
		LINES(HOST "A: x\r\r\n", 400), LINES(HOST "A: x\0\r\n", 400), LINES(HOST "\0A: x\r\n", 400),
		/* line ends */
		{ STR(GET "Host: a.example\n\r\n"), 400 }, { STR(GET HOST "A: x\n\r\n"), 400 },
		{ STR(GET HOST "\n"), 400 }, { STR(GET HOST "A: x\r\n\n"), 400 }, { STR(GET HOST "\r\r\n"), 400 },
		{ STR(GET HOST "A: x\n\n"), 400 }, { STR(GET HOST "A: x\nB: y\r\n\r\n"), 400 },
		/* Host (RFC 9112 §3.2) */
		LINES("", 400), LINES("A: x\r\n", 400), LINES("Host:\r\n", 400), LINES("Host: \t\r\n", 400),
		LINES(HOST HOST, 400), LINES(HOST "host: b.example\r\n", 400), LINES(HOST "HOST:\r\n", 400),
		LINES("Host: a.example b.example\r\n", 400), LINES("Host: a.example, b.example\r\n", 400),
		LINES("Host: a.example/\r\n", 400), LINES("Host: http://a.example\r\n", 400),
		LINES("Host: user@a.example\r\n", 400), LINES("Host: a.example:\r\n", 400),
		LINES("Host: a.example:80x\r\n", 400), LINES("Host: a.example:65536\r\n", 400),
		LINES("Host: a.example:000080\r\n", 400), LINES("Host: a.example:-1\r\n", 400),
		LINES("Host: a.example:80:80\r\n", 400), LINES("Host: :80\r\n", 400), LINES("Host: fd00::1\r\n", 400),
		LINES("Host: [fd00::1\r\n", 400), LINES("Host: fd00::1]\r\n", 400), LINES("Host: []\r\n", 400),
		LINES("Host: [:]\r\n", 400), LINES("Host: [fd00::1]x\r\n", 400), LINES("Host: [fd00::1%eth0]\r\n", 400),
		LINES("Host: [g::1]\r\n", 400), LINES("Host: [a.example]\r\n", 400), LINES("Host: a\\b\r\n", 400),
		LINES("Host: a%41\r\n", 400), LINES("Host: *\r\n", 400), LINES("Host: a.example?x\r\n", 400),
		LINES("Host: a.example#x\r\n", 400), LINES("Host: \xc3\xa9.example\r\n", 400),
		LINES("Host: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
		      "56789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456"
		      "789012345678901234567890123456789012345678901234567890123456789012345678901234567890.example\r\n", 400),
		/* Expect (RFC 9110 §10.1.1) */
		LINES(HOST "Expect: 200-ok\r\n", 417), LINES(HOST "Expect:\r\n", 417),
		LINES(HOST "Expect: 100-continue, x\r\n", 417), LINES(HOST "Expect: 100-continue;q=1\r\n", 417),
		LINES(HOST "Expect: 100-continue\r\nExpect: x\r\n", 417), LINES(HOST "Expect: 100\r\n", 417),
	};
#undef LINES

	(void)state;
	assert_all_bad(table, COUNT_OF(table));
}

/* What request smuggling is made of (TRUST V16, V56). */
static void test_rfc9112_6_3__no_doubt_about_the_length(void **state)
{
#define HEAD(lines, code) { STR(POST lines "\r\n0\r\n\r\n"), code }
	static const struct bad table[] = {
		/* Content-Length */
		HEAD("Content-Length: 5\r\nContent-Length: 5\r\n", 400), HEAD("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
		HEAD("Content-Length: 0\r\ncontent-length: 5\r\n", 400), HEAD("Content-Length: 5, 5\r\n", 400),
		HEAD("Content-Length: 5,6\r\n", 400), HEAD("Content-Length:\r\n", 400), HEAD("Content-Length: +5\r\n", 400),
		HEAD("Content-Length: -1\r\n", 400), HEAD("Content-Length: -0\r\n", 400), HEAD("Content-Length: 0x5\r\n", 400),
		HEAD("Content-Length: 5a\r\n", 400), HEAD("Content-Length: 5 5\r\n", 400), HEAD("Content-Length: 5;\r\n", 400),
		HEAD("Content-Length: 1e1\r\n", 400), HEAD("Content-Length: 5.0\r\n", 400), HEAD("Content-Length: \"5\"\r\n", 400),
		HEAD("Content-Length: \xd9\xa5\r\n", 400), HEAD("Content-Length: 5\0\r\n", 400), HEAD("Content-Length: 5\t5\r\n", 400),
		HEAD("Content-Length: 5\t\r\n", 400), HEAD("Content-Length:\t5\r\n", 400),
		HEAD("Content-Length: a\r\n", 400), HEAD("Content-Length: 1_0\r\n", 400), HEAD("Content-Length: \x0b" "5\r\n", 400),
		/* too large: refused before the body, however many digits */
		HEAD("Content-Length: 101\r\n", 413), HEAD("Content-Length: 4294967295\r\n", 413),
		HEAD("Content-Length: 4294967296\r\n", 413), HEAD("Content-Length: 18446744073709551615\r\n", 413),
		HEAD("Content-Length: 18446744073709551616\r\n", 413), HEAD("Content-Length: 18446744073709551621\r\n", 413),
		HEAD("Content-Length: 99999999999999999999999999999999999999999999\r\n", 413),
		HEAD("Expect: 100-continue\r\nContent-Length: 101\r\n", 413),
		/* both */
		HEAD("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
		HEAD("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
		HEAD("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
		/* Transfer-Encoding */
		HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
		HEAD("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
		HEAD("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 501),
		HEAD("Transfer-Encoding: chunked, chunked\r\n", 501), HEAD("Transfer-Encoding: gzip, chunked\r\n", 501),
		HEAD("Transfer-Encoding: chunked, gzip\r\n", 501), HEAD("Transfer-Encoding: identity\r\n", 501),
		HEAD("Transfer-Encoding: gzip\r\n", 501), HEAD("Transfer-Encoding:\r\n", 501), HEAD("Transfer-Encoding: xchunked\r\n", 501),
		HEAD("Transfer-Encoding: chunkedx\r\n", 501), HEAD("Transfer-Encoding: chunked;q=1\r\n", 501),
		HEAD("Transfer-Encoding: \"chunked\"\r\n", 501), HEAD("Transfer-Encoding: ,chunked\r\n", 501),
		HEAD("Transfer-Encoding: chunked,\r\n", 501), HEAD("Transfer-Encoding: chunk\r\n", 501),
		HEAD("Transfer-Encoding:\tchunked\r\n", 400), HEAD("Transfer-Encoding: chunked\t\r\n", 400),
		HEAD("Transfer-Encoding: chunked\0\r\n", 400), HEAD("Transfer-Encoding: \x0b" "chunked\r\n", 400),
		HEAD("Transfer-Encoding:\r\n chunked\r\n", 501), HEAD("X: y\r\n Transfer-Encoding: chunked\r\n", 400),
		HEAD("Transfer-Encoding\x01: chunked\r\n", 400), HEAD("X: y\nTransfer-Encoding: chunked\r\n", 400),
		HEAD("X: y\rTransfer-Encoding: chunked\r\n", 400), HEAD("Transfer-Encoding chunked\r\n", 400),
	};
#undef HEAD

	(void)state;
	assert_all_bad(table, COUNT_OF(table));
}

static void test_rfc9112_7_1__bad_chunks(void **state)
{
	static const struct bad table[] = {
		{ STR(CHUNKED "\r\n"), 400 }, { STR(CHUNKED "\n"), 400 }, { STR(CHUNKED "x\r\n"), 400 },
		{ STR(CHUNKED "-1\r\n"), 400 }, { STR(CHUNKED "+5\r\nhello\r\n"), 400 }, { STR(CHUNKED "0x5\r\nhello\r\n"), 400 },
		{ STR(CHUNKED " 5\r\nhello\r\n"), 400 }, { STR(CHUNKED "5 \r\nhello\r\n"), 400 }, { STR(CHUNKED "5\t\r\nhello\r\n"), 400 },
		{ STR(CHUNKED "5\nhello\r\n"), 400 }, { STR(CHUNKED "5\r\rhello\r\n"), 400 }, { STR(CHUNKED "5\rhello\r\n"), 400 },
		{ STR(CHUNKED "5;a=b\r\nhello\r\n"), 400 }, { STR(CHUNKED "5;\r\nhello\r\n"), 400 }, { STR(CHUNKED "5\0\r\nhello\r\n"), 400 },
		{ STR(CHUNKED ";\r\n"), 400 }, { STR(CHUNKED "g\r\n"), 400 }, { STR(CHUNKED "5h\r\n"), 400 },
		{ STR(CHUNKED "000000005\r\nhello\r\n"), 400 }, { STR(CHUNKED "000000000\r\n\r\n"), 400 },
		{ STR(CHUNKED "100000005\r\nhello\r\n"), 400 }, { STR(CHUNKED "fffffffffffffffff\r\n"), 400 },
		/* data not as long as it says */
		{ STR(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n"), 400 }, { STR(CHUNKED "5\r\nhello\n0\r\n\r\n"), 400 },
		{ STR(CHUNKED "5\r\nhello\r0\r\n\r\n"), 400 }, { STR(CHUNKED "5\r\nhello0\r\n\r\n"), 400 },
		{ STR(CHUNKED "6\r\nhello\r\n0\r\n\r\n"), 400 }, { STR(CHUNKED "5\r\nhello\r\r\n0\r\n\r\n"), 400 },
		/* the end, and trailers */
		{ STR(CHUNKED "0\r\nA: x\r\n\r\n"), 400 }, { STR(CHUNKED "0\r\n\n"), 400 }, { STR(CHUNKED "0\n\r\n"), 400 },
		{ STR(CHUNKED "0\r\n\rx"), 400 }, { STR(CHUNKED "0;x\r\n\r\n"), 400 }, { STR(CHUNKED "0\r\n0\r\n\r\n"), 400 },
		{ STR(CHUNKED "0\r\nContent-Length: 5\r\n\r\n"), 400 }, { STR(CHUNKED "0\r\n \r\n"), 400 },
		{ STR(CHUNKED "1\r\nx\r\n0\r\nX"), 400 },
		/* the sum counts, not the header (TRUST V16) */
		{ STR(CHUNKED "65\r\n"), 413 }, { STR(CHUNKED "ffffffff\r\n"), 413 }, { STR(CHUNKED "7fffffff\r\n"), 413 },
		{ STR(CHUNKED "80000000\r\n"), 413 }, { STR(CHUNKED "fffffff6\r\n"), 413 },
		{ STR(CHUNKED "5\r\nhello\r\n60\r\n"), 413 }, { STR(CHUNKED "5\r\nhello\r\nfffffffb\r\n"), 413 },
	};

	(void)state;
	assert_all_bad(table, COUNT_OF(table));
}

/* --- limits --- */

struct text {
	char *p;
	size_t len;
};

static void text_add(struct text *t, const char *s)
{
	t->p = realloc(t->p, t->len + strlen(s) + 1);
	strcpy(t->p + t->len, s);
	t->len += strlen(s);
}

static void text_fill(struct text *t, size_t len)
{
	t->p = realloc(t->p, t->len + len + 1);
	memset(t->p + t->len, 'x', len);
	t->len += len;
	t->p[t->len] = '\0';
}

static void assert_status(struct text *t, int status) /* 0: good; frees */
{
	struct outcome o = feed_all_ways((struct str){ t->p, t->len });

	assert_int_equal(o.result, status ? HTTP1_BAD : HTTP1_REQUEST);
	assert_int_equal(status ? o.status : 0, status);
	free(o.text);
	free(t->p);
}

static void test_http1__limit_of_the_request_line(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct text t = { 0 };

		text_add(&t, "GET /");
		text_fill(&t, LIMIT_HTTP_LINE - strlen("GET / HTTP/1.1") + (size_t)over);
		text_add(&t, " HTTP/1.1\r\n" HOST "\r\n");
		assert_status(&t, over ? 414 : 0);
	}
	/* Without an end it is refused as soon as it can have none. */
	struct text t = { 0 };
	text_fill(&t, LIMIT_HTTP_LINE + 2);
	assert_status(&t, 414);
}

static void test_http1__limit_of_the_header(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct text t = { 0 };

		text_add(&t, GET HOST "A: ");
		text_fill(&t, LIMIT_HTTP_HEADERS - strlen(HOST "A: \r\n\r\n") + (size_t)over);
		text_add(&t, "\r\n\r\n");
		assert_status(&t, over ? 431 : 0);
	}
	for (int over = 0; over < 2; over++) {
		struct text t = { 0 };

		text_add(&t, GET HOST);
		for (int i = 1; i < LIMIT_HTTP_HEADER_COUNT + over; i++)
			text_add(&t, "A: x\r\n");
		text_add(&t, "\r\n");
		assert_status(&t, over ? 431 : 0);
	}
	struct text t = { 0 };
	text_add(&t, GET HOST);
	text_fill(&t, LIMIT_HTTP_HEADERS - strlen(HOST));
	assert_status(&t, 431);
}

static void test_http1__limit_of_the_body_and_its_chunks(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct text t = { 0 };

		text_add(&t, over ? POST "Content-Length: 101\r\n\r\n" : POST "Content-Length: 100\r\n\r\n");
		text_fill(&t, MAX_BODY);
		assert_status(&t, over ? 413 : 0);
	}
	/* More chunks than LIMIT_HTTP_CHUNKS, one octet each, in a parser that takes that many. */
	for (int over = 0; over < 2; over++) {
		struct http1_parser *p;
		struct http_request r;
		struct text t = { 0 };
		const char *why;
		int status;
		size_t used;

		text_add(&t, CHUNKED);
		for (int i = 0; i < LIMIT_HTTP_CHUNKS + over; i++)
			text_add(&t, "1\r\nx\r\n");
		text_add(&t, "0\r\n\r\n");
		assert_int_equal(http1_parser_new(LIMIT_HTTP_BODY, &p), RC_OK);
		assert_int_equal(http1_feed(p, bytes_of(t.p, t.len), &used, &r, &status, &why),
				 over ? HTTP1_BAD : HTTP1_REQUEST);
		if (over)
			assert_int_equal(status, 413);
		else
			assert_int_equal(r.body.len, LIMIT_HTTP_CHUNKS);
		http1_parser_free(p);
		free(t.p);
	}
}

/* --- more than one request, and what is not complete --- */

static void test_http1__pipelined_requests_one_after_the_other(void **state)
{
	static const char three[] = GET HOST "\r\n" POST "Content-Length: 3\r\n\r\nabc" CHUNKED "1\r\nz\r\n0\r\n\r\n"
				    "GET /last HTTP/1.1\r\n" HOST "\r\n";
	static const char *const spelled[] = {
		"GET|/|/|!a.example|Host|a.example||keep||",
		"POST|/x|/x|!a.example|Host|a.example|Content-Length|3|abc|keep||",
		"POST|/x|/x|!a.example|Host|a.example|Transfer-Encoding|chunked|z|keep||",
		"GET|/last|/last|!a.example|Host|a.example||keep||",
	};
	struct http1_parser *p;
	size_t at = 0;

	(void)state;
	assert_int_equal(http1_parser_new(MAX_BODY, &p), RC_OK);
	for (size_t piece = 1; piece < sizeof(three); piece++) {
		at = 0;
		for (size_t i = 0; i < COUNT_OF(spelled); i++) {
			struct outcome o = feed(bytes_of(three + at, sizeof(three) - 1 - at), piece, piece, p);

			assert_int_equal(o.result, HTTP1_REQUEST);
			assert_string_equal(o.text, spelled[i]);
			free(o.text);
			at += o.used;
			http1_parser_next(p);
			assert_false(http1_parser_in_request(p));
		}
		assert_int_equal(at, sizeof(three) - 1);
	}
	http1_parser_free(p);
	http1_parser_free(NULL);
}

static void test_http1__every_prefix_is_incomplete(void **state)
{
	static const char *const table[] = {
		GET HOST "\r\n",
		POST "Content-Length: 5\r\n\r\nhello",
		CHUNKED "5\r\nhello\r\n0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++)
		for (size_t len = 0; len < strlen(table[i]); len++) {
			struct outcome o = feed(bytes_of(table[i], len), len, len, NULL);

			assert_int_equal(o.result, HTTP1_MORE);
		}
}

static void test_rfc9110_10_1_1__continue_is_asked_for_once_and_only_for_a_body(void **state)
{
	static const char head[] = POST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n";
	struct outcome o = feed_all_ways(STR(POST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello"));

	(void)state;
	assert_int_equal(o.result, HTTP1_REQUEST);
	assert_int_equal(o.continues, 1);
	assert_int_equal(o.continue_at, sizeof(head) - 1);
	free(o.text);
	o = feed_all_ways(STR(POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
	assert_int_equal(o.result, HTTP1_REQUEST);
	assert_int_equal(o.continues, 1);
	free(o.text);
	o = feed_all_ways(STR(POST "Expect: 100-continue\r\n\r\n"));
	assert_int_equal(o.result, HTTP1_REQUEST);
	assert_int_equal(o.continues, 0);
	free(o.text);
	o = feed_all_ways(STR(POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"));
	assert_int_equal(o.result, HTTP1_REQUEST);
	assert_int_equal(o.continues, 0);
	free(o.text);
}

static void test_http1_parser_in_request(void **state)
{
	struct http1_parser *p;
	struct http_request r;
	const char *why;
	int status;
	size_t used;

	(void)state;
	assert_int_equal(http1_parser_new(MAX_BODY, &p), RC_OK);
	assert_false(http1_parser_in_request(p));
	assert_int_equal(http1_feed(p, (struct bytes){ 0 }, &used, &r, &status, &why), HTTP1_MORE);
	assert_false(http1_parser_in_request(p));
	assert_int_equal(http1_feed(p, str_bytes(STR("G")), &used, &r, &status, &why), HTTP1_MORE);
	assert_true(http1_parser_in_request(p));
	assert_false(http1_parser_in_body(p));
	assert_int_equal(http1_feed(p, str_bytes(STR("ET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n")),
				    &used, &r, &status, &why), HTTP1_MORE);
	assert_true(http1_parser_in_body(p));
	http1_parser_free(p);
}

static void test_http_header_get__first_without_case_or_absent(void **state)
{
	struct http_header headers[] = {
		{ STR("Accept"), STR("a") }, { STR("ACCEPT"), STR("b") }, { STR("Empty"), STR("") },
	};
	struct http_request r = { .headers = headers, .header_count = COUNT_OF(headers) };

	(void)state;
	assert_true(str_is(http_header_get(&r, "accept"), "a"));
	assert_non_null(http_header_get(&r, "empty").p);
	assert_int_equal(http_header_get(&r, "empty").len, 0);
	assert_null(http_header_get(&r, "accep").p);
	assert_null(http_header_get(&r, "").p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http1__good_requests),
		cmocka_unit_test(test_rfc9112_3__bad_request_lines),
		cmocka_unit_test(test_rfc9112_5__bad_header_lines),
		cmocka_unit_test(test_rfc9112_6_3__no_doubt_about_the_length),
		cmocka_unit_test(test_rfc9112_7_1__bad_chunks),
		cmocka_unit_test(test_http1__limit_of_the_request_line),
		cmocka_unit_test(test_http1__limit_of_the_header),
		cmocka_unit_test(test_http1__limit_of_the_body_and_its_chunks),
		cmocka_unit_test(test_http1__pipelined_requests_one_after_the_other),
		cmocka_unit_test(test_http1__every_prefix_is_incomplete),
		cmocka_unit_test(test_rfc9110_10_1_1__continue_is_asked_for_once_and_only_for_a_body),
		cmocka_unit_test(test_http1_parser_in_request),
		cmocka_unit_test(test_http_header_get__first_without_case_or_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
