/* test_fetch.c - fetching from strangers: real sockets on loopback, a DNS server that lies on
 * request, and the dev policy, which alone may dial loopback. */
#include "net/fetch.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "stub_dns.h"
#include "stub_http.h"

#define BODY_MAX 1024
#define MIB (1024 * 1024)

enum { ROW_REBIND = 3, ROW_WEB_A = 0 };

static const struct stub_dns_row ROWS[] = {
	{ "web.test", DNS_A, .data = "127.0.0.1" },
	{ "both.test", DNS_A, .data = "127.0.0.1" },
	{ "both.test", DNS_AAAA, .data = "::1" },
	{ "rebind.test", DNS_A, .data = "127.0.0.1", .later = "224.0.0.1" },
	{ "mixed.test", DNS_A, .data = "224.0.0.1|127.0.0.1" },
	{ "denied.test", DNS_A, .data = "0.0.0.0" },
	{ "alias.test", .cname = "web.test" },
	{ "servfail.test", 0, STUB_DNS_SERVFAIL },
	{ "silent.test", 0, STUB_DNS_SILENT },
	{ "empty.test", DNS_TXT, .data = "x" },
	{ "half.test", DNS_AAAA, STUB_DNS_SERVFAIL },
	{ "half.test", DNS_A, .data = "127.0.0.1" },
	{ "hanging.test", DNS_A, .data = "127.0.0.2|127.0.0.1" },
	{ "hidden.test", DNS_AAAA, .data = "::ffff:169.254.169.254|64:ff9b::127.0.0.1" },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct stub_http *http, *https;
	struct resolver *resolver;
	struct fetcher *fetcher;
	uint16_t refused_port; /* where nobody listens */
} env;

/* --- the server --- */

static const struct {
	const char *path, *response;
	bool wait; /* afterwards, for the peer to go */
} PAGES[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/close-delimited", "HTTP/1.0 200 OK\r\n\r\nhello" },
	{ "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nLocation: /x\r\n\r\n" },
	{ "/interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLocation: /404\r\n\r\n"
		      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/cookie", "HTTP/1.1 302 Found\r\nSet-Cookie: a=b\r\nLocation: /head\r\n\r\n" },
	{ "/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/204", "HTTP/1.1 204 No Content\r\n\r\n" },
	{ "/206", "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/304", "HTTP/1.1 304 Not Modified\r\n\r\n" },
	{ "/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 9000\r\n\r\nhello", true },
	{ "/503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/300", "HTTP/1.1 300 Multiple Choices\r\nLocation: /ok\r\n\r\n" },
	{ "/303", "HTTP/1.1 303 See Other\r\nLocation: /ok\r\n\r\n" },
	{ "/301", "HTTP/1.1 301 Moved Permanently\r\nLocation: /ok\r\nContent-Length: 9\r\n\r\n", true },
	{ "/302", "HTTP/1.1 302 Found\r\nlocation:  /ok \r\n\r\n" },
	{ "/307", "HTTP/1.1 307 Temporary Redirect\r\nLocation: ok\r\n\r\n" },
	{ "/308", "HTTP/1.1 308 Permanent Redirect\r\nLocation: /x/../ok#fragment\r\n\r\n" },
	{ "/nowhere", "HTTP/1.1 302 Found\r\n\r\n" },
	{ "/two-ways", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nLocation: /404\r\n\r\n" },
	{ "/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n" },
	{ "/drip", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nh", true },
	{ "/drip-head", "HTTP/1.1 200 OK\r\nX-A", true },
	{ "/hang", "", true },
	{ "/close", "" },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello" },
	{ "/garbage", "\x16\x03\x01 is this TLS?\r\n\r\n" },
	{ "/http09", "hello" },
	{ "/http2", "HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/coded", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
	{ "/lengths", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello" },
	{ "/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello" },
};

/* 256 MiB, or until the peer has had enough. */
static void serve_endless(const struct stub_request *r, const char *head)
{
	static const char BLOCK[64 * 1024];

	if (!stub_http_send(r, head, strlen(head)))
		return;
	for (size_t i = 0; i < 256 * MIB / sizeof(BLOCK); i++)
		if (!stub_http_send(r, BLOCK, sizeof(BLOCK)))
			return;
}

static void serve(void *arg, const struct stub_request *r)
{
	unsigned n;

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(PAGES); i++) {
		if (strcmp(r->path, PAGES[i].path) != 0)
			continue;
		stub_http_send(r, PAGES[i].response, strlen(PAGES[i].response));
		if (PAGES[i].wait)
			stub_http_wait(r);
		return;
	}
	if (strncmp(r->path, "/to?", 4) == 0)
		stub_http_sendf(r, "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n", r->path + 4);
	else if (sscanf(r->path, "/chain/%u", &n) == 1 && n > 0)
		stub_http_sendf(r, "HTTP/1.1 302 Found\r\nLocation: /chain/%u\r\n\r\n", n - 1);
	else if (strcmp(r->path, "/chain/0") == 0)
		stub_http_sendf(r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	else if (strcmp(r->path, "/host") == 0)
		stub_http_sendf(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(r->host), r->host);
	else if (strcmp(r->path, "/head") == 0)
		stub_http_sendf(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(r->head), r->head);
	else if (sscanf(r->path, "/size/%u", &n) == 1)
		stub_http_sendf(r, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n%0*d", n, (int)n, 0);
	else if (strcmp(r->path, "/endless") == 0)
		serve_endless(r, "HTTP/1.1 200 OK\r\n\r\n");
	else if (strcmp(r->path, "/endless-length") == 0)
		serve_endless(r, "HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n");
	else if (strcmp(r->path, "/endless-404") == 0)
		serve_endless(r, "HTTP/1.1 404 Not Found\r\n\r\n");
	else if (strcmp(r->path, "/endless-head") == 0)
		while (stub_http_sendf(r, "HTTP/1.1 100 Continue\r\n\r\n"))
			;
	else if (strcmp(r->path, "/endless-field") == 0 && stub_http_sendf(r, "HTTP/1.1 200 OK\r\nX: "))
		while (stub_http_sendf(r, "%02000d", 0))
			;
}

/* --- helpers --- */

struct seen {
	unsigned count;
	struct fetch_result result;
	char body[BODY_MAX + 1], trace[LIMIT_TRACE + 1];
};

static void on_done(void *arg, const struct fetch_result *r)
{
	struct seen *seen = arg;

	seen->count++;
	seen->result = *r;
	memcpy(seen->body, r->body.p, r->body.len);
	seen->body[r->body.len] = '\0';
	snprintf(seen->trace, sizeof(seen->trace), "%.*s", STR_ARG(r->trace));
	loop_stop(env.loop);
}

static struct addr_policy policy = { .preset = ADDR_DEV };
static uint16_t redirect_ports[3];

static struct fetch_request request(const char *host, uint16_t port, const char *path)
{
	return (struct fetch_request){
		.host = str_of(host),
		.port = port,
		.path = str_of(path),
		.policy = &policy,
		.resolver = env.resolver,
		.redirect_ports = redirect_ports,
		.redirect_port_count = COUNT_OF(redirect_ports),
		.max_redirects = LIMIT_HTTP01_REDIRECTS,
		.max_body = BODY_MAX,
		.deadline_ms = 10000,
		.user_agent = STR("Assay/0 (validation)"),
	};
}

static void run(const struct fetch_request *r, struct seen *seen)
{
	struct fetch *op;

	*seen = (struct seen){ 0 };
	assert_int_equal(fetch_start(env.fetcher, r, on_done, seen, &op), RC_OK);
	assert_int_equal(seen->count, 0); /* never from within fetch_start */
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

static void fetch(const char *host, const char *path, struct seen *seen)
{
	struct fetch_request r = request(host, stub_http_port(env.http), path);

	run(&r, seen);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static uint16_t unused_port(void)
{
	struct addr a = addr_from_ip((uint8_t[]){ 127, 0, 0, 1 }, 4, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	assert_int_equal(getsockname(fd, &a.sa, &a.len), 0);
	close(fd);
	return addr_port(&a);
}

static int setup(void **state)
{
	struct addr server;
	struct resolver_options o = { .servers = &server, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	env.dns = stub_dns_start(ROWS, &server);
	env.http = stub_http_start("127.0.0.1", false, serve, NULL);
	env.https = stub_http_start("127.0.0.1", true, serve, NULL);
	env.refused_port = unused_port();
	redirect_ports[0] = stub_http_port(env.http);
	redirect_ports[1] = stub_http_port(env.https);
	redirect_ports[2] = env.refused_port;
	return loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL) ||
	       fetcher_new(env.loop, &env.fetcher);
}

static int teardown(void **state)
{
	(void)state;
	fetcher_free(env.fetcher);
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_http_stop(env.http);
	stub_http_stop(env.https);
	stub_dns_stop(env.dns);
	return 0;
}

/* --- responses --- */

static void test_fetch__responses(void **state)
{
	static const struct {
		const char *path;
		enum rc rc;
		int status;
		enum problem problem;
		bool transient;
		const char *body, *why;
	} CASES[] = {
		{ "/ok", RC_OK, 200, .body = "hello" },
		{ "/close-delimited", RC_OK, 200, .body = "hello" },
		{ "/chunked", RC_OK, 200, .body = "hello" },
		{ "/interim", RC_OK, 200, .body = "hello" },
		{ "/gzip", RC_OK, 200, .body = "hello" }, /* as it came */
		{ "/204", RC_OK, 204 },
		{ "/206", RC_OK, 206 },
		{ "/304", RC_OK, 304 },
		{ "/404", RC_OK, 404, .why = "web.test answered 404" },
		{ "/503", RC_OK, 503, .transient = true },
		{ "/300", RC_OK, 300 },
		{ "/303", RC_OK, 303 },
		{ "/301", RC_OK, 200, .body = "hello" },
		{ "/302", RC_OK, 200, .body = "hello" },
		{ "/307", RC_OK, 200, .body = "hello" },
		{ "/308", RC_OK, 200, .body = "hello" },
		{ "/nowhere", RC_INVALID, 302, PROBLEM_CONNECTION, .why = "without a Location" },
		{ "/two-ways", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "more than one Location" },
		{ "/close", RC_UNAVAILABLE, 0, PROBLEM_CONNECTION, true, .why = "without a response" },
		{ "/cut", RC_UNAVAILABLE, 0, PROBLEM_CONNECTION, true, .why = "cut short" },
		{ "/garbage", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "not HTTP/1.1" },
		{ "/http09", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "not HTTP/1.1" },
		{ "/http2", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "HTTP/1.1" },
		{ "/coded", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "transfer coding" },
		{ "/lengths", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "HTTP/1.1" },
		{ "/bad-chunk", RC_UNAVAILABLE, 0, PROBLEM_CONNECTION, true },
		{ "/size/1024", RC_OK, 200 },
		{ "/size/1025", RC_LIMIT, 200, PROBLEM_UNAUTHORIZED, .why = "more than 1024 octets" },
		{ "/endless-404", RC_OK, 404 },
		{ "/endless-head", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "head is too large" },
		{ "/endless-field", RC_INVALID, 0, PROBLEM_CONNECTION, .why = "head is too large" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct seen seen;

		fetch("web.test", CASES[i].path, &seen);
		if (seen.result.rc != CASES[i].rc || seen.result.status != CASES[i].status ||
		    seen.result.problem != CASES[i].problem || seen.result.transient != CASES[i].transient)
			fail_msg("%s: %s %d problem %d transient %d: %s", CASES[i].path,
				 rc_text(seen.result.rc), seen.result.status, seen.result.problem,
				 seen.result.transient, seen.result.why);
		if (strncmp(CASES[i].path, "/size/", 6) != 0)
			assert_string_equal(seen.body, CASES[i].body ? CASES[i].body : "");
		if (CASES[i].why)
			assert_has(seen.result.why, CASES[i].why);
	}
}

static void test_fetch__request_carries_nothing_but_what_it_must(void **state)
{
	struct seen seen;
	char want[600];

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	fetch("web.test", "/cookie", &seen); /* sets a cookie and redirects to /head */
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	snprintf(want, sizeof(want), "GET /head HTTP/1.1\r\nHost: web.test:%u\r\n"
		 "User-Agent: Assay/0 (validation)\r\nAccept: */*\r\n\r\n",
		 (unsigned)stub_http_port(env.http));
	assert_string_equal(seen.body, want);
}

static void test_fetch__trace_tells_all_in_order(void **state)
{
	struct seen seen;
	const char *at;

	(void)state;
	fetch("alias.test", "/302", &seen);
	at = seen.trace;
	static const char *const PARTS[] = {
		"dns alias.test A", ": 127.0.0.1, CNAME web.test (", "connect 127.0.0.1:", ": ok\n",
		"http GET http://alias.test:", "/302: 302 (", "redirect 302 to /ok\n", "dns alias.test A",
		"connect 127.0.0.1:", "/ok: 200 (",
	};
	assert_has(seen.trace, "dns alias.test AAAA: none, CNAME web.test (");
	for (size_t i = 0; i < COUNT_OF(PARTS); i++) {
		at = strstr(at, PARTS[i]);
		if (!at)
			fail_msg("no \"%s\" in order in:\n%s", PARTS[i], seen.trace);
	}
	assert_int_equal(seen.result.dialled.len, sizeof(struct sockaddr_in));
}

/* --- redirects --- */

static void test_rfc8555_8_3__redirects_are_followed_to_their_limit(void **state)
{
	struct seen seen;

	(void)state;
	fetch("web.test", "/chain/5", &seen);
	assert_int_equal(seen.result.rc, RC_OK);
	assert_string_equal(seen.body, "hello");
	fetch("web.test", "/chain/6", &seen);
	assert_int_equal(seen.result.rc, RC_LIMIT);
	assert_has(seen.result.why, "more than 5 redirects");
	fetch("web.test", "/loop", &seen);
	assert_int_equal(seen.result.rc, RC_LIMIT);
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
}

static void test_fetch__redirects_that_are_not_followed(void **state)
{
	static const struct {
		const char *location;
		enum rc rc;
		const char *why;
	} CASES[] = {
		{ "file:///etc/passwd", RC_INVALID, "scheme" },
		{ "gopher://web.test/", RC_INVALID, "scheme" },
		{ "javascript:alert(1)", RC_INVALID, NULL },
		{ "http://web.test:22/ok", RC_DENIED, "port 22" },
		{ "http://web.test/ok", RC_DENIED, "port 80" },
		{ "https://web.test/ok", RC_DENIED, "port 443" },
		{ "http://web.test:0/ok", RC_INVALID, NULL },
		{ "http://user:secret@web.test:%u/ok", RC_INVALID, "user" },
		{ "http://224.0.0.1:%u/ok", RC_DENIED, "multicast" },
		{ "http://0.0.0.0:%u/ok", RC_DENIED, "this network" },
		{ "http://0:%u/ok", RC_DENIED, "this network" },
		{ "http://0xe0000001:%u/ok", RC_DENIED, "multicast" },
		{ "http://[::]:%u/ok", RC_DENIED, "unspecified" },
		{ "http://[ff02::1]:%u/ok", RC_DENIED, "multicast" },
		{ "http://[::ffff:224.0.0.1]:%u/ok", RC_DENIED, "multicast" },
		{ "http://[fe80::1%%25lo]:%u/ok", RC_INVALID, NULL },
		{ "http://denied.test:%u/ok", RC_DENIED, "this network" },
		{ "http://w%%65b.te%%00st:%u/ok", RC_INVALID, NULL },
		{ "http://1.2.3.4.5:%u/ok", RC_INVALID, "neither" },
		{ "http://:%u/ok", RC_INVALID, NULL },
		{ "http://web_test\\@evil.test:%u/ok", RC_INVALID, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		unsigned before = stub_http_connections(env.http);
		char path[300] = "/to?";
		struct seen seen;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path + 4, sizeof(path) - 4, CASES[i].location, (unsigned)stub_http_port(env.http));
#pragma GCC diagnostic pop
		fetch("web.test", path, &seen);
		if (seen.result.rc != CASES[i].rc)
			fail_msg("%s: %s: %s", path, rc_text(seen.result.rc), seen.result.why);
		if (CASES[i].why)
			assert_has(seen.result.why, CASES[i].why);
		assert_int_equal(stub_http_connections(env.http), before + 1);
		assert_false(seen.result.transient);
	}
}

static void test_fetch__https_redirect_takes_any_certificate(void **state)
{
	struct seen seen;
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "/to?https://web.test:%u/host", (unsigned)stub_http_port(env.https));
	fetch("web.test", path, &seen);
	if (seen.result.rc != RC_OK)
		fail_msg("%s", seen.trace);
	snprintf(path, sizeof(path), "web.test:%u", (unsigned)stub_http_port(env.https));
	assert_string_equal(seen.body, path);
}

static void test_fetch__https_redirect_to_no_tls_is_a_tls_problem(void **state)
{
	struct seen seen;
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "/to?https://127.0.0.1:%u/ok", (unsigned)stub_http_port(env.http));
	fetch("web.test", path, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_TLS);
	assert_has(seen.trace, "tls 127.0.0.1:");
}

static void test_fetch__https_redirect_to_silence_is_a_tls_problem(void **state)
{
	struct addr a = addr_from_ip((uint8_t[]){ 127, 0, 0, 1 }, 4, 0);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct fetch_request r;
	struct seen seen;
	char path[100];

	(void)state;
	assert_int_equal(bind(listener, &a.sa, a.len), 0);
	assert_int_equal(getsockname(listener, &a.sa, &a.len), 0);
	assert_int_equal(listen(listener, 8), 0); /* connects, and nobody is there */
	snprintf(path, sizeof(path), "/to?https://127.0.0.1:%u/ok", (unsigned)addr_port(&a));
	r = request("web.test", stub_http_port(env.http), path);
	r.redirect_ports = (uint16_t[]){ addr_port(&a) };
	r.redirect_port_count = 1;
	r.deadline_ms = 120;
	run(&r, &seen);
	close(listener);
	assert_int_equal(seen.result.rc == RC_TIMEOUT || seen.result.rc == RC_UNAVAILABLE, 1);
	assert_int_equal(seen.result.problem, PROBLEM_TLS);
	assert_true(seen.result.transient);
}

/* --- addresses --- */

static void test_fetch__ipv6_refused_then_ipv4(void **state)
{
	struct seen seen;

	(void)state;
	fetch("both.test", "/ok", &seen);
	assert_int_equal(seen.result.rc, RC_OK);
	assert_has(seen.trace, "connect [::1]:");
	assert_true(strstr(seen.trace, "connect [::1]:") < strstr(seen.trace, "connect 127.0.0.1:"));
	assert_int_equal(seen.result.dialled.sa.sa_family, AF_INET);
}

static void test_fetch__nobody_listens(void **state)
{
	struct fetch_request r = request("both.test", env.refused_port, "/ok");
	struct seen seen;
	char want[100];

	(void)state;
	run(&r, &seen);
	assert_int_equal(seen.result.rc, RC_UNAVAILABLE);
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
	assert_true(seen.result.transient);
	snprintf(want, sizeof(want), "127.0.0.1:%u: connection refused", (unsigned)env.refused_port);
	assert_has(seen.result.why, want);
	assert_has(seen.result.why, "[::1]:");
	assert_int_equal(seen.result.dialled.len, 0);
}

/* A listener whose queue is full lets a connection hang; the other address gets the rest of the
 * time. */
static void test_fetch__address_that_hangs_gets_a_fair_share_only(void **state)
{
	uint16_t port = stub_http_port(env.http);
	struct addr a = addr_from_ip((uint8_t[]){ 127, 0, 0, 2 }, 4, port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fill[8];
	struct fetch_request r = request("hanging.test", port, "/ok");
	struct seen seen;

	(void)state;
	assert_int_equal(bind(listener, &a.sa, a.len), 0);
	assert_int_equal(listen(listener, 0), 0);
	for (size_t i = 0; i < COUNT_OF(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], &a.sa, a.len);
	}
	r.deadline_ms = 300;
	run(&r, &seen);
	assert_int_equal(seen.result.rc, RC_OK);
	assert_has(seen.trace, "connect 127.0.0.2:");
	assert_has(seen.trace, ": timed out (");
	for (size_t i = 0; i < COUNT_OF(fill); i++)
		close(fill[i]);
	r = request("127.0.0.2", port, "/ok");
	r.deadline_ms = 50;
	run(&r, &seen); /* the only address: all of the time */
	assert_int_equal(seen.result.rc, RC_TIMEOUT);
	assert_has(seen.result.why, "could not connect to 127.0.0.2:");
	close(listener);
}

static void test_fetch__denied_addresses_are_never_dialled(void **state)
{
	static const struct {
		const char *host, *why;
	} CASES[] = {
		{ "web.test", "loopback" },
		{ "127.0.0.1", "loopback" },
		{ "::1", "loopback" },
		{ "::ffff:127.0.0.1", "IPv4-mapped" },
		{ "64:ff9b::7f00:1", "NAT64" },
		{ "169.254.169.254", "metadata" },
		{ "hidden.test", "IPv4-mapped" },
	};
	unsigned before = stub_http_connections(env.http);

	(void)state;
	policy.preset = ADDR_PRIVATE;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct seen open, shut;
		struct fetch_request r;

		fetch(CASES[i].host, "/ok", &open);
		assert_int_equal(open.result.rc, RC_DENIED);
		assert_int_equal(open.result.problem, PROBLEM_CONNECTION);
		assert_false(open.result.transient);
		assert_has(open.result.why, CASES[i].why);
		assert_has(open.trace, "skip policy: ");
		assert_null(strstr(open.trace, "connect "));
		/* The same is said where nobody listens. */
		r = request(CASES[i].host, env.refused_port, "/ok");
		run(&r, &shut);
		assert_string_equal(shut.result.why, open.result.why);
	}
	policy.preset = ADDR_DEV;
	assert_int_equal(stub_http_connections(env.http), before);
}

static void test_fetch__denied_address_is_skipped_for_an_allowed_one(void **state)
{
	struct seen seen;

	(void)state;
	fetch("mixed.test", "/ok", &seen);
	assert_int_equal(seen.result.rc, RC_OK);
	assert_has(seen.trace, "skip policy: 224.0.0.1 is multicast");
}

static void test_fetch__rebinding_name_is_resolved_once_a_hop(void **state)
{
	unsigned asked = stub_dns_asked(env.dns, ROW_REBIND);
	struct seen seen;

	(void)state;
	fetch("rebind.test", "/302", &seen);
	assert_int_equal(stub_dns_asked(env.dns, ROW_REBIND), asked + 2);
	assert_int_equal(seen.result.rc, RC_DENIED); /* the second hop is vetted anew */
	assert_has(seen.result.why, "multicast");
	assert_has(seen.trace, "/302: 302 ("); /* the first was dialled as vetted */
}

static void test_fetch__ip_literals_need_no_dns(void **state)
{
	struct addr_policy dev = { .preset = ADDR_DEV };
	struct stub_http *six;
	struct fetch_request r;
	struct seen seen;
	char want[100];
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct addr loopback = addr_from_ip((uint8_t[16]){ [15] = 1 }, 16, 0);
	bool has_ipv6 = fd >= 0 && bind(fd, &loopback.sa, loopback.len) == 0;

	(void)state;
	if (fd >= 0)
		close(fd);
	fetch("127.0.0.1", "/host", &seen);
	snprintf(want, sizeof(want), "127.0.0.1:%u", (unsigned)stub_http_port(env.http));
	assert_string_equal(seen.body, want);
	assert_null(strstr(seen.trace, "dns "));
	if (!has_ipv6)
		return;
	six = stub_http_start("::1", false, serve, NULL);
	r = request("::1", stub_http_port(six), "/host");
	r.policy = &dev;
	run(&r, &seen);
	snprintf(want, sizeof(want), "[::1]:%u", (unsigned)stub_http_port(six));
	assert_string_equal(seen.body, want);
	stub_http_stop(six);
}

/* --- names --- */

static void test_fetch__dns_failures(void **state)
{
	static const struct {
		const char *host;
		enum rc rc;
		bool transient;
		const char *why;
	} CASES[] = {
		{ "nothing.test", RC_NOTFOUND, false, "does not exist in the DNS (NXDOMAIN)" },
		{ "empty.test", RC_NOTFOUND, false, "neither an AAAA nor an A record" },
		{ "servfail.test", RC_UNAVAILABLE, true, "AAAA: SERVFAIL from 127.0.0.1:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct seen seen;

		fetch(CASES[i].host, "/ok", &seen);
		assert_int_equal(seen.result.rc, CASES[i].rc);
		assert_int_equal(seen.result.problem, PROBLEM_DNS);
		assert_int_equal(seen.result.transient, CASES[i].transient);
		assert_has(seen.result.why, CASES[i].why);
	}
}

static void test_fetch__one_family_failing_does_not_stop_the_other(void **state)
{
	struct seen seen;

	(void)state;
	fetch("half.test", "/ok", &seen);
	assert_int_equal(seen.result.rc, RC_OK);
	assert_has(seen.trace, "dns half.test AAAA: SERVFAIL");
}

static void test_fetch_start__impossible_requests(void **state)
{
	static const struct {
		const char *host, *path;
		uint16_t port;
	} CASES[] = {
		{ "", "/", 80 },          { "a b", "/", 80 },      { "a/b", "/", 80 },   { "user@a", "/", 80 },
		{ "a.test", "", 80 },     { "a.test", "x", 80 },   { "a.test", "/ x", 80 }, { "a.test", "/", 0 },
		{ "a.test", "/\r\nX: y", 80 }, { "[::1]", "/", 80 }, { "1.2.3", "/x", 80 }, { "a#b", "/", 80 },
		{ "a.test?", "/", 80 },   { "a.test:81", "/", 80 },
	};
	struct fetch *op;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct fetch_request r = request(CASES[i].host, CASES[i].port, CASES[i].path);

		/* "1.2.3" is what some resolvers take for 1.2.0.3: libcurl writes it out, and then it
		 * is an address like any other. */
		enum rc rc = fetch_start(env.fetcher, &r, on_done, NULL, &op);

		if (rc == RC_OK && strcmp(CASES[i].host, "1.2.3") == 0)
			fetch_cancel(op);
		else if (rc != RC_INVALID)
			fail_msg("\"%s\" \"%s\" %u: %s", CASES[i].host, CASES[i].path, CASES[i].port,
				 rc_text(rc));
	}
}

/* --- time and memory --- */

static void test_fetch__one_deadline_for_everything(void **state)
{
	static const struct {
		const char *host, *path;
		enum problem problem;
		const char *why;
	} CASES[] = {
		{ "web.test", "/hang", PROBLEM_CONNECTION, "did not answer in full within 120 ms" },
		{ "web.test", "/drip", PROBLEM_CONNECTION, "did not answer in full" },
		{ "web.test", "/drip-head", PROBLEM_CONNECTION, "did not answer in full" },
		{ "silent.test", "/ok", PROBLEM_DNS, "the DNS did not answer for silent.test" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct fetch_request r = request(CASES[i].host, stub_http_port(env.http), CASES[i].path);
		int64_t start_ms = clock_mono_ms();
		struct seen seen;

		r.deadline_ms = 120;
		run(&r, &seen);
		assert_int_equal(seen.result.rc, RC_TIMEOUT);
		assert_int_equal(seen.result.problem, CASES[i].problem);
		assert_true(seen.result.transient);
		assert_has(seen.result.why, CASES[i].why);
		assert_true(clock_mono_ms() - start_ms < 1500);
	}
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_fetch__endless_body_moves_no_memory(void **state)
{
	static const char *const PATHS[] = { "/endless", "/endless-length" };
	struct seen seen;
	size_t before;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(PATHS); i++) {
		fetch("web.test", "/ok", &seen);
		before = resident();
		fetch("web.test", PATHS[i], &seen);
		assert_int_equal(seen.result.rc, RC_LIMIT);
		assert_true(resident() < before + MIB);
	}
}

static void test_fetch_cancel__at_every_stage(void **state)
{
	struct fetch_request slow = request("silent.test", stub_http_port(env.http), "/ok"),
			     dialling = request("127.0.0.1", stub_http_port(env.http), "/ok"),
			     denied = request("224.0.0.1", stub_http_port(env.http), "/ok"),
			     last = request("web.test", stub_http_port(env.http), "/ok");
	struct seen seen[3] = { 0 }, after;
	struct fetch *op[3];

	(void)state;
	assert_int_equal(fetch_start(env.fetcher, &slow, on_done, &seen[0], &op[0]), RC_OK);
	assert_int_equal(fetch_start(env.fetcher, &dialling, on_done, &seen[1], &op[1]), RC_OK);
	assert_int_equal(fetch_start(env.fetcher, &denied, on_done, &seen[2], &op[2]), RC_OK);
	for (size_t i = 0; i < COUNT_OF(op); i++)
		fetch_cancel(op[i]); /* resolving, dialling, finished but not delivered */
	fetch_cancel(NULL);
	run(&last, &after);
	assert_int_equal(after.result.rc, RC_OK);
	for (size_t i = 0; i < COUNT_OF(seen); i++)
		assert_int_equal(seen[i].count, 0);
}

static void test_fetcher_free__with_fetches_under_way(void **state)
{
	struct fetch_request r = request("silent.test", stub_http_port(env.http), "/ok"),
			     dialling = request("127.0.0.1", stub_http_port(env.http), "/ok");
	struct fetcher *x;
	struct seen seen = { 0 };
	struct fetch *op;

	(void)state;
	assert_int_equal(fetcher_new(env.loop, &x), RC_OK);
	assert_int_equal(fetch_start(x, &r, on_done, &seen, &op), RC_OK);
	assert_int_equal(fetch_start(x, &dialling, on_done, &seen, &op), RC_OK);
	fetcher_free(x);
	fetcher_free(NULL);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_fetch__responses),
		cmocka_unit_test(test_fetch__request_carries_nothing_but_what_it_must),
		cmocka_unit_test(test_fetch__trace_tells_all_in_order),
		cmocka_unit_test(test_rfc8555_8_3__redirects_are_followed_to_their_limit),
		cmocka_unit_test(test_fetch__redirects_that_are_not_followed),
		cmocka_unit_test(test_fetch__https_redirect_takes_any_certificate),
		cmocka_unit_test(test_fetch__https_redirect_to_no_tls_is_a_tls_problem),
		cmocka_unit_test(test_fetch__https_redirect_to_silence_is_a_tls_problem),
		cmocka_unit_test(test_fetch__ipv6_refused_then_ipv4),
		cmocka_unit_test(test_fetch__nobody_listens),
		cmocka_unit_test(test_fetch__address_that_hangs_gets_a_fair_share_only),
		cmocka_unit_test(test_fetch__denied_addresses_are_never_dialled),
		cmocka_unit_test(test_fetch__denied_address_is_skipped_for_an_allowed_one),
		cmocka_unit_test(test_fetch__rebinding_name_is_resolved_once_a_hop),
		cmocka_unit_test(test_fetch__ip_literals_need_no_dns),
		cmocka_unit_test(test_fetch__dns_failures),
		cmocka_unit_test(test_fetch__one_family_failing_does_not_stop_the_other),
		cmocka_unit_test(test_fetch_start__impossible_requests),
		cmocka_unit_test(test_fetch__one_deadline_for_everything),
		cmocka_unit_test(test_fetch__endless_body_moves_no_memory),
		cmocka_unit_test(test_fetch_cancel__at_every_stage),
		cmocka_unit_test(test_fetcher_free__with_fetches_under_way),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
