/* fuzz_http1.c - the request parser against two others. The first octet says how the rest is cut into
 * pieces. Whatever we accept, http-parser and evhttp must read the same way: method, target, header
 * lines, body, and where the next request begins. They are more lenient than we are; nobody may be
 * stricter or read it differently, for that is what request smuggling needs (TRUST V16, V56). */
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_http1_oracle.h"
#include "net/http1.h"

#define MAX_BODY 4096

/* evhttp's own parser; exported, but in no installed header. */
enum evhttp_read { EVHTTP_ALL_DATA_READ = 1 };
int evhttp_parse_firstline_(struct evhttp_request *req, struct evbuffer *buffer);
int evhttp_parse_headers_(struct evhttp_request *req, struct evbuffer *buffer);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_http1: %s\n", what);
	abort();
}

/* --- http-parser --- */

/* Names and values are run together, white space left out: only their octets are compared here. */
static void add_squeezed(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t')
			buf_add_char(b, s.p[i]);
}

/* http-parser 2.9.4 takes "Transfer-Encodings" for Transfer-Encoding and then misses the coding. */
static bool oracle_stumbles(const struct http_request *r)
{
	static const struct str name = { "transfer-encoding", 17 };

	for (size_t i = 0; i < r->header_count; i++) {
		struct str n = r->headers[i].name;

		if (n.len > name.len && str_eq_nocase((struct str){ n.p, name.len }, name))
			return true;
	}
	return false;
}

static void check_http_parser(const struct http_request *r, struct str message)
{
	struct buf ours, theirs;
	struct oracle o;

	if (oracle_stumbles(r))
		return;
	oracle_read(&o, message);
	must(o.complete, "http-parser does not see a complete request");
	must(o.used == message.len, "http-parser ends the request elsewhere");
	must(strcmp(o.method, http_method_name(r->method)) == 0, "http-parser reads another method");
	must(str_eq(buf_str(&o.url), r->target), "http-parser reads another target");
	must(str_eq(buf_str(&o.body), r->body), "http-parser reads another body");
	buf_init(&ours, SIZE_MAX);
	buf_init(&theirs, SIZE_MAX);
	for (size_t i = 0; i < r->header_count; i++) {
		add_squeezed(&ours, r->headers[i].name);
		add_squeezed(&ours, r->headers[i].value);
	}
	add_squeezed(&theirs, buf_str(&o.headers));
	must(str_eq(buf_str(&ours), buf_str(&theirs)), "http-parser reads other header lines");
	must(o.upgrade || o.keep_alive == r->keep_alive,
	     "http-parser reads the connection's fate differently");
	oracle_done(&o);
	buf_done(&ours);
	buf_done(&theirs);
}

/* --- evhttp --- */

static struct str trim(struct str s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static void check_evhttp(const struct http_request *r, struct str message)
{
	struct evhttp_request *req = evhttp_request_new(NULL, NULL);
	struct evbuffer *buffer = evbuffer_new();
	struct evkeyval *line;
	size_t i = 0;

	must(req && buffer, "no memory");
	req->kind = EVHTTP_REQUEST;
	if (message.p[0] == '\r') /* the empty line before a request, which evhttp does not know */
		message = (struct str){ message.p + 2, message.len - 2 };
	evbuffer_add(buffer, message.p, message.len);
	must(evhttp_parse_firstline_(req, buffer) == EVHTTP_ALL_DATA_READ, "evhttp refuses the request line");
	must(str_is(r->target, evhttp_request_get_uri(req)), "evhttp reads another target");
	must(evhttp_parse_headers_(req, buffer) == EVHTTP_ALL_DATA_READ, "evhttp refuses the header");
	for (line = evhttp_request_get_input_headers(req)->tqh_first; line; line = line->next.tqe_next) {
		must(i < r->header_count, "evhttp reads more header lines");
		must(str_is(r->headers[i].name, line->key), "evhttp reads another header name");
		must(str_eq(r->headers[i].value, trim(str_of(line->value))), "evhttp reads another header value");
		i++;
	}
	must(i == r->header_count, "evhttp reads fewer header lines");
	evbuffer_free(buffer);
	evhttp_request_free(req);
}

/* --- what must hold for each accepted request by itself --- */

static void check_alone(const struct http_request *r)
{
	unsigned hosts = 0, lengths = 0, codings = 0;

	must(r->target.len > 0 && r->path.len > 0 && r->host.len > 0, "an empty part");
	must(r->path.p[0] == '/' || (r->method == HTTP_OPTIONS && str_is(r->target, "*")), "not origin-form");
	must(!memmem(r->path.p, r->path.len, "//", 2) && !memmem(r->path.p, r->path.len, "/../", 4) &&
	     !memmem(r->path.p, r->path.len, "/./", 3) && !memchr(r->path.p, '\\', r->path.len) &&
	     !memmem(r->path.p, r->path.len, "%2e", 3) && !memmem(r->path.p, r->path.len, "%2E", 3) &&
	     !memmem(r->path.p, r->path.len, "%00", 3) && !str_ends(r->path, "/.") && !str_ends(r->path, "/.."),
	     "the path is not normal");
	must(r->body.len <= MAX_BODY, "the body is too large");
	for (size_t i = 0; i < r->header_count; i++) {
		const struct http_header *h = &r->headers[i];

		hosts += str_eq_nocase(h->name, STR("host"));
		lengths += str_eq_nocase(h->name, STR("content-length"));
		codings += str_eq_nocase(h->name, STR("transfer-encoding"));
		must(!memchr(h->value.p, '\n', h->value.len) && !memchr(h->value.p, '\r', h->value.len) &&
		     !memchr(h->value.p, '\0', h->value.len), "a header value with a line end");
	}
	must(hosts == 1 && lengths + codings <= 1, "the framing is in doubt");
}

/* --- cutting --- */

struct outcome {
	enum http1_result result;
	int status;
	size_t used;
};

/* Feeds one request in pieces; *out is valid until the parser goes on. */
static struct outcome feed(struct http1_parser *p, struct str in, size_t piece, struct http_request *out)
{
	struct outcome o = { .result = HTTP1_MORE };

	while (o.used < in.len && (o.result == HTTP1_MORE || o.result == HTTP1_CONTINUE)) {
		size_t len = in.len - o.used < piece ? in.len - o.used : piece, used = 0;
		uint8_t *copy = malloc(len);
		const char *why = NULL;

		must(copy != NULL, "no memory");
		memcpy(copy, in.p + o.used, len);
		o.result = http1_feed(p, bytes_of(copy, len), &used, out, &o.status, &why);
		free(copy);
		must(used <= len && (used == len || o.result != HTTP1_MORE), "octets taken out of nowhere");
		must(o.result != HTTP1_BAD || (why && o.status >= 400), "refused without a reason");
		o.used += used;
	}
	if (o.result == HTTP1_CONTINUE)
		o.result = HTTP1_MORE;
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1_parser *p, *cut;
	struct http_request r, r_cut;
	struct outcome whole = { .result = HTTP1_REQUEST }, pieces;
	struct str in;
	size_t piece;

	if (size < 2)
		return 0;
	piece = data[0] % 64 + 1u;
	in = (struct str){ (const char *)data + 1, size - 1 };
	if (http1_parser_new(MAX_BODY, &p) != RC_OK || http1_parser_new(MAX_BODY, &cut) != RC_OK)
		abort();
	while (in.len > 0 && whole.result == HTTP1_REQUEST) {
		whole = feed(p, in, in.len, &r);
		pieces = feed(cut, in, piece, &r_cut);
		must(whole.result == pieces.result && whole.status == pieces.status, "cutting matters");
		if (whole.result != HTTP1_REQUEST)
			break;
		must(whole.used == pieces.used && r.method == r_cut.method && str_eq(r.target, r_cut.target) &&
		     str_eq(r.host, r_cut.host) && str_eq(r.body, r_cut.body) &&
		     r.header_count == r_cut.header_count && r.keep_alive == r_cut.keep_alive,
		     "cutting matters to what is read");
		check_alone(&r);
		check_http_parser(&r, (struct str){ in.p, whole.used });
		check_evhttp(&r, (struct str){ in.p, whole.used });
		in = (struct str){ in.p + whole.used, in.len - whole.used };
		http1_parser_next(p);
		http1_parser_next(cut);
	}
	http1_parser_free(p);
	http1_parser_free(cut);
	return 0;
}
