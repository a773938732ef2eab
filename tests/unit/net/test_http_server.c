/* test_http_server.c - the server over real sockets: its loop runs in a thread, the test is the peer.
 * Deadlines are tested with the fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net_kit.h"

#define HOST "Host: a.example\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define BIG (3 * 1024 * 1024)
#define SMALL_RCVBUF (16 * 1024)

/* The handler: the path says what it does. */
struct app {
	struct http_exchange *held[8]; /* by /hold: answered by release() */
	size_t held_count;
	atomic_int requests;
	struct queue holds; /* one item for each exchange held */
	struct queue_item items[8];
	char *big;
	atomic_int given_back; /* how often big came back from a reply that borrowed it */
	unsigned drained;
	struct queue drained_queue;
	struct queue_item drained_item;
};

static struct kit_cert cert;
static SSL_CTX *client_ctx;

static void echo(struct http_exchange *x, const struct http_request *r)
{
	struct http_header type = { STR("Content-Type"), STR("text/plain") };
	struct http_reply reply = { .status = 200, .headers = &type, .header_count = 1 };
	char body[512];

	if (r->body.len > 0) {
		reply.body = str_bytes(r->body); /* borrowed from the request on purpose */
	} else {
		snprintf(body, sizeof(body), "%s %.*s", http_method_name(r->method), STR_ARG(r->target));
		reply.body = str_bytes(str_of(body));
	}
	http_reply(x, &reply);
}

/* Whoever still sends it now sends something else. */
static void give_back(void *arg)
{
	struct app *app = arg;

	app->given_back++;
	memset(app->big, 'x', BIG);
}

static void lend(struct app *app, struct http_exchange *x, int status, const struct http_header *header)
{
	http_reply(x, &(struct http_reply){ .status = status, .headers = header, .header_count = header != NULL,
					    .body = bytes_of(app->big, BIG), .body_free = give_back, .body_arg = app });
}

static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
	struct app *app = arg;
	struct http_header evil = { STR("Location"), STR("/a\r\nSet-Cookie: x") };
	unsigned uid = 0, gid = 0;
	int pid = 0;

	app->requests++;
	if (str_is(r->path, "/hold")) {
		http_exchange_set_user(x, app);
		app->held[app->held_count] = x;
		queue_put(&app->holds, &app->items[app->held_count++]);
	} else if (str_is(r->path, "/big")) {
		http_reply(x, &(struct http_reply){ .status = 200, .body = bytes_of(app->big, BIG) });
	} else if (str_is(r->path, "/lent")) {
		lend(app, x, r->query.p ? 204 : 200, NULL);
	} else if (str_is(r->path, "/lent-evil")) {
		lend(app, x, 200, &evil);
	} else if (str_is(r->path, "/none")) {
		http_reply(x, &(struct http_reply){ .status = 204, .body = bytes_of("x", 1) });
	} else if (str_is(r->path, "/odd")) {
		http_reply(x, &(struct http_reply){ .status = 299 });
	} else if (str_is(r->path, "/close")) {
		http_reply(x, &(struct http_reply){ .status = 200, .close = true });
	} else if (str_is(r->path, "/evil")) {
		if (r->query.p)
			evil.name = r->query;
		if (r->query.p)
			evil.value = STR("x");
		http_reply(x, &(struct http_reply){ .status = 201, .headers = &evil, .header_count = 1 });
	} else if (str_is(r->path, "/who")) {
		char body[100];
		bool is_unix = http_exchange_peer_cred(x, &uid, &gid, &pid);

		snprintf(body, sizeof(body), "%d %d %u %u %d %d", http_exchange_is_tls(x), is_unix, uid, gid,
			 pid, http_exchange_peer(x)->len == 0);
		http_reply(x, &(struct http_reply){ .status = 200, .body = str_bytes(str_of(body)) });
	} else {
		echo(x, r);
	}
}

static void release_one(void *arg)
{
	struct app *app = arg;
	struct http_exchange *x = app->held[--app->held_count];

	assert_ptr_equal(http_exchange_user(x), app);
	http_reply(x, &(struct http_reply){ .status = 200, .body = bytes_of("late", 4) });
}

static void lend_one(void *arg)
{
	struct app *app = arg;

	lend(app, app->held[--app->held_count], 200, NULL);
}

static void app_init(struct app *app)
{
	memset(app, 0, sizeof(*app));
	queue_init(&app->holds);
	queue_init(&app->drained_queue);
	app->big = malloc(BIG);
	memset(app->big, 'b', BIG);
}

static void app_done(struct app *app)
{
	queue_done(&app->holds);
	queue_done(&app->drained_queue);
	free(app->big);
}

static void start(struct kit_server *k, struct app *app, bool tls)
{
	static const struct str hosts[] = { { "a.example", 9 }, { "b.example:8443", 14 } };
	struct http_server_options o = { .on_request = on_request, .arg = app, .max_body = LIMIT_HTTP_BODY,
					 .max_connections = 2000, .hosts = hosts, .host_count = 2 };

	app_init(app);
	kit_server_start(k, o, tls ? &cert : NULL, NULL, NULL);
}

static void stop(struct kit_server *k, struct app *app)
{
	kit_server_stop(k);
	app_done(app);
}

static void assert_reply(const char *reply, int status, const char *body)
{
	const char *end = strstr(reply, "\r\n\r\n");
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(reply, line, strlen(line)) != 0)
		fail_msg("wanted %d: %s", status, reply);
	assert_non_null(end);
	assert_non_null(strstr(reply, "\r\nDate: "));
	if (body)
		assert_string_equal(end + 4, body);
}

/* Waits until the server has this many connections: each look is a turn of its loop. */
static void wait_connections(struct kit_server *k, unsigned count)
{
	while (kit_connections(k) != count)
		;
}

/* Each of these runs over TCP and over TLS. */
struct mode {
	bool tls;
};

static SSL_CTX *ctx_of(void **state)
{
	return ((const struct mode *)*state)->tls ? client_ctx : NULL;
}

static void start_mode(struct kit_server *k, struct app *app, void **state)
{
	start(k, app, ((const struct mode *)*state)->tls);
}

static void test_http_server__keep_alive_and_pipelining(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	for (int i = 0; i < 50; i++) {
		kit_send_text(&c, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
		kit_recv_reply(&c, reply, sizeof(reply));
		assert_reply(reply, 200, "hello");
		assert_null(strstr(reply, "Connection:"));
	}
	/* Three at once, the middle one answered late: replies keep their order. */
	kit_send_text(&c, GET("/1") GET("/hold") GET("/3"));
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /1");
	queue_take_all(&app.holds);
	assert_int_equal(app.requests, 52); /* the third is not begun before the second is answered */
	kit_call(k.loop, release_one, &app);
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "late");
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /3");
	/* A reply is one record, so one read gets it whole. */
	kit_send_text(&c, GET("/one"));
	reply[kit_recv(&c, reply, sizeof(reply) - 1)] = '\0';
	assert_reply(reply, 200, "GET /one");
	kit_client_close(&c);
	wait_connections(&k, 0);
	stop(&k, &app);
}

static void test_http_server__many_pipelined_requests_are_all_answered(void **state)
{
	enum { N = 1000 };
	static char requests[N * 80], reply[4096];
	struct kit_client c;
	struct kit_server k;
	struct app app;
	size_t len = 0;

	start_mode(&k, &app, state);
	for (int i = 0; i < N; i++)
		len += (size_t)sprintf(requests + len, GET("/%d"), i);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send(&c, requests, len);
	for (int i = 0; i < N; i++) {
		char body[32];

		snprintf(body, sizeof(body), "GET /%d", i);
		kit_recv_reply(&c, reply, sizeof(reply));
		assert_reply(reply, 200, body);
	}
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_http_server__octet_by_octet(void **state)
{
	static const char request[] = "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
				      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		kit_send(&c, request + i, 1);
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "abcde");
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_http_server__head_and_204_have_no_body(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, "HEAD /x HTTP/1.1\r\n" HOST "\r\n");
	kit_recv_head(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "");
	assert_non_null(strstr(reply, "\r\nContent-Length: 7\r\n"));
	kit_send_text(&c, GET("/none"));
	kit_recv_head(&c, reply, sizeof(reply));
	assert_reply(reply, 204, "");
	assert_null(strstr(reply, "Content-Length"));
	kit_send_text(&c, GET("/odd"));
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 299, "");
	kit_send_text(&c, GET("/still")); /* in step */
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /still");
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_http_server__close_is_said_and_done(void **state)
{
	static const char *const requests[] = {
		GET("/close"), "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
		GET("/close") GET("/never"),
	};

	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;
		char reply[4096];

		start_mode(&k, &app, state);
		kit_client_open(&c, &k.addr, ctx_of(state));
		kit_send_text(&c, requests[i]);
		assert_true(kit_recv_all(&c, reply, sizeof(reply)) > 0);
		assert_reply(reply, 200, NULL);
		assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
		assert_int_equal(app.requests, 1);
		kit_client_close(&c);
		wait_connections(&k, 0);
		stop(&k, &app);
	}
}

static void test_http_server__refusals_are_problem_documents_that_arrive(void **state)
{
	static const struct {
		const char *head;
		size_t more; /* octets sent behind it */
		int status;
	} table[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 0, 400 },
		{ "GET / HTTP/1.0\r\n" HOST "\r\n", 0, 505 },
		{ "BREW / HTTP/1.1\r\n" HOST "\r\n", 0, 501 },
		{ "GET / HTTP/1.1\r\nHost: c.example\r\n\r\n", 0, 421 },
		{ "GET / HTTP/1.1\r\nHost: a.example:8443\r\n\r\n", 0, 421 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 0, 413 },
		{ "POST / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 0, 417 },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 0, 501 },
		/* The peer is still sending: a reset would destroy the reply. */
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 150000\r\n\r\n", 150000, 413 },
		{ "GET /", 30000, 414 },
		{ "GET / HTTP/1.1\r\n" HOST "A: ", 100000, 431 },
	};
	static char junk[150000];

	memset(junk, 'j', sizeof(junk));
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;
		char reply[4096];

		start_mode(&k, &app, state);
		kit_client_open(&c, &k.addr, ctx_of(state));
		kit_send_text(&c, table[i].head);
		kit_send(&c, junk, table[i].more);
		assert_true(kit_recv_all(&c, reply, sizeof(reply)) > 0);
		assert_reply(reply, table[i].status, NULL);
		assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
		assert_non_null(strstr(reply, "\r\nContent-Type: application/problem+json\r\n"));
		assert_non_null(strstr(reply, "{\"type\":\"urn:ietf:params:acme:error:malformed\","));
		assert_int_equal(app.requests, 0);
		kit_client_close(&c);
		wait_connections(&k, 0);
		stop(&k, &app);
	}
}

static void test_rfc9110_9_3_2__a_refused_head_has_no_content(void **state)
{
	static const char *const requests[] = {
		"HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: c.example\r\n\r\n",
		"HEAD / HTTP/1.0\r\n" HOST "\r\n", "HEAD // HTTP/1.1\r\n" HOST "\r\n",
	};

	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;
		char reply[4096];

		start_mode(&k, &app, state);
		kit_client_open(&c, &k.addr, ctx_of(state));
		kit_send_text(&c, requests[i]);
		assert_true(kit_recv_all(&c, reply, sizeof(reply)) > 0);
		assert_ptr_equal(strstr(reply, "\r\n\r\n") + 4, reply + strlen(reply));
		kit_client_close(&c);
		stop(&k, &app);
	}
}

static void test_http_server__our_hosts_in_any_case(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, "GET /1 HTTP/1.1\r\nHost: A.EXAMPLE\r\n\r\n");
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /1");
	kit_send_text(&c, "GET /2 HTTP/1.1\r\nHost: b.example:8443\r\n\r\n");
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /2");
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_http_server__a_header_that_would_split_the_reply_is_never_sent(void **state)
{
	static const char *const paths[] = {
		GET("/evil"), GET("/evil?Date"), GET("/evil?content-length"), GET("/evil?Connection"),
		GET("/evil?TRANSFER-ENCODING"), GET("/evil?a:b"), GET("/evil?"),
	};
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		kit_send_text(&c, paths[i]);
		kit_recv_reply(&c, reply, sizeof(reply));
		assert_reply(reply, 500, NULL);
		assert_null(strstr(reply, "Set-Cookie"));
	}
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_rfc9110_10_1_1__100_continue(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	for (int i = 0; i < 3; i++) {
		kit_send_text(&c, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
		kit_recv_head(&c, reply, sizeof(reply));
		assert_string_equal(reply, "HTTP/1.1 100 Continue\r\n\r\n");
		kit_send_text(&c, "body");
		kit_recv_reply(&c, reply, sizeof(reply));
		assert_reply(reply, 200, "body");
	}
	kit_client_close(&c);
	stop(&k, &app);
}

static void test_http_server__large_reply_to_a_slow_reader(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char *reply = malloc(BIG + 4096);

	start_mode(&k, &app, state);
	kit_client_open_on(&c, kit_connect(&k.addr, SMALL_RCVBUF), ctx_of(state));
	kit_send_text(&c, GET("/big") GET("/after"));
	kit_recv_reply(&c, reply, BIG + 4096);
	assert_memory_equal(strstr(reply, "\r\n\r\n") + 4, app.big, BIG);
	kit_recv_reply(&c, reply, BIG);
	assert_reply(reply, 200, "GET /after");
	kit_client_close(&c);
	stop(&k, &app);
	free(reply);
}

/* A body that stays the caller's is sent whole and given back once, whatever becomes of the reply. */
static void test_http_server__lent_body_is_sent_and_given_back(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char *reply = malloc(BIG + 4096);
	const char *body;

	start_mode(&k, &app, state);
	kit_client_open_on(&c, kit_connect(&k.addr, SMALL_RCVBUF), ctx_of(state));
	kit_send_text(&c, GET("/lent") GET("/after"));
	kit_recv_reply(&c, reply, BIG + 4096);
	body = strstr(reply, "\r\n\r\n") + 4;
	for (size_t i = 0; i < BIG; i++)
		assert_int_equal(body[i], 'b');
	kit_recv_reply(&c, reply, BIG);
	assert_reply(reply, 200, "GET /after");
	assert_int_equal(app.given_back, 1);
	kit_send_text(&c, "HEAD /lent HTTP/1.1\r\n" HOST "\r\n");
	kit_recv_head(&c, reply, BIG);
	assert_non_null(strstr(reply, "\r\nContent-Length: 3145728\r\n"));
	kit_send_text(&c, GET("/lent?204") GET("/step"));
	kit_recv_head(&c, reply, BIG);
	assert_reply(reply, 204, "");
	kit_recv_reply(&c, reply, BIG);
	assert_reply(reply, 200, "GET /step");
	assert_int_equal(app.given_back, 3);
	kit_send_text(&c, GET("/lent-evil"));
	kit_recv_reply(&c, reply, BIG);
	assert_memory_equal(reply, "HTTP/1.1 500", 12);
	kit_connections(&k); /* a turn of the loop */
	assert_int_equal(app.given_back, 4);
	kit_client_close(&c);
	stop(&k, &app);
	free(reply);
}

static void test_http_server__lent_body_comes_back_when_the_peer_has_left(void **state)
{
	for (int how = 0; how < 3; how++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;

		start_mode(&k, &app, state);
		kit_client_open_on(&c, kit_connect(&k.addr, SMALL_RCVBUF), ctx_of(state));
		kit_send_text(&c, how == 2 ? GET("/lent") GET("/lent") GET("/lent") GET("/lent") : GET("/hold"));
		if (how == 2) { /* more than the kernel takes: half sent when the server ends */
			while (app.given_back == app.requests)
				kit_connections(&k); /* a turn of the loop */
		} else {
			queue_take_all(&app.holds);
			kit_client_close(&c);
		}
		if (how == 0)
			kit_call(k.loop, lend_one, &app);
		kit_server_stop(&k);
		if (how == 1) /* nor is there a server any more */
			lend_one(&app);
		if (how == 2)
			kit_client_close(&c);
		assert_int_equal(app.given_back, app.requests);
		app_done(&app);
	}
}

static void test_http_server__half_closed_peer_gets_its_replies(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, GET("/hold") GET("/2"));
	if (c.ssl)
		SSL_shutdown(c.ssl);
	shutdown(c.fd, SHUT_WR);
	queue_take_all(&app.holds);
	kit_call(k.loop, release_one, &app);
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "late");
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /2");
	assert_int_equal(kit_recv(&c, reply, 1), 0);
	kit_client_close(&c);
	wait_connections(&k, 0);
	stop(&k, &app);
}

static void test_http_server__peer_leaves_before_the_reply(void **state)
{
	struct linger reset = { .l_onoff = 1 };

	for (int how = 0; how < 3; how++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;

		start_mode(&k, &app, state);
		kit_client_open(&c, &k.addr, ctx_of(state));
		kit_send_text(&c, GET("/hold"));
		queue_take_all(&app.holds);
		if (how == 1)
			setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		kit_client_close(&c);
		if (how < 2)
			kit_call(k.loop, release_one, &app);
		/* Even when the server has gone as well, the exchange is the handler's. */
		kit_server_stop(&k);
		if (how == 2)
			release_one(&app);
		app_done(&app);
	}
}

/* --- deadlines, by the fake clock --- */

static void test_http_server__deadlines(void **state)
{
	static const struct {
		const char *sent;
		int64_t last_ms, over_ms; /* still open; closed */
		int status;               /* 0: without a word */
	} table[] = {
		{ "", 74000, 77000, 0 },
		{ "G", 9000, 12000, 408 },
		{ "GET / HTTP/1.1\r\n" HOST, 9000, 12000, 408 },
		{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell", 29000, 32000, 408 },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\n", 29000, 32000, 408 },
		{ "\r\n", 9000, 12000, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct kit_client c;
		struct kit_server k;
		struct app app;
		char reply[4096];

		clock_fake(0);
		start_mode(&k, &app, state);
		kit_client_open(&c, &k.addr, ctx_of(state));
		/* A request that is answered shows that what was sent before it has been read. */
		kit_send_text(&c, GET("/first"));
		kit_recv_reply(&c, reply, sizeof(reply));
		kit_send_text(&c, table[i].sent);
		if (table[i].sent[0]) {
			/* The same octets from a second peer are refused for certain only after the
			 * first's were read; the loop reads in the order of arrival. */
			struct kit_client other;

			kit_client_open(&other, &k.addr, ctx_of(state));
			kit_send_text(&other, GET("/sync"));
			kit_recv_reply(&other, reply, sizeof(reply));
			kit_client_close(&other);
		}
		wait_connections(&k, 1); /* and so that the deadline is set before the clock turns */
		kit_advance_ms(k.loop, table[i].last_ms);
		assert_int_equal(kit_connections(&k), 1);
		kit_advance_ms(k.loop, table[i].over_ms - table[i].last_ms);
		assert_true(kit_recv_all(&c, reply, sizeof(reply)) >= 0);
		if (table[i].status)
			assert_reply(reply, table[i].status, NULL);
		else
			assert_string_equal(reply, "");
		kit_client_close(&c);
		wait_connections(&k, 0);
		stop(&k, &app);
		clock_real();
	}
}

static void test_http_server__slow_drip_does_not_stretch_the_deadline(void **state)
{
	static const char request[] = "GET /drip HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbb";
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	clock_fake(0);
	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, GET("/first")); /* its reply shows that the connection stands */
	kit_recv_reply(&c, reply, sizeof(reply));
	/* 10 s, rounded up, from the first octet; that one may be read a turn late. */
	for (int s = 0; s < 14; s++) {
		kit_send(&c, request + s, 1);
		kit_advance_ms(k.loop, 1000);
	}
	kit_recv_all(&c, reply, sizeof(reply));
	assert_reply(reply, 408, NULL);
	kit_client_close(&c);
	wait_connections(&k, 0);
	stop(&k, &app);
	clock_real();
}

static void test_http_server__waiting_for_the_handler_has_no_deadline(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	clock_fake(0);
	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, GET("/hold"));
	queue_take_all(&app.holds);
	for (int i = 0; i < 10; i++)
		kit_advance_ms(k.loop, 100 * 1000);
	kit_call(k.loop, release_one, &app);
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "late");
	kit_advance_ms(k.loop, 74 * 1000); /* idle begins with the reply */
	kit_send_text(&c, GET("/again"));
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "GET /again");
	kit_client_close(&c);
	stop(&k, &app);
	clock_real();
}

static void test_http_server__reader_that_takes_nothing_is_dropped(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;

	clock_fake(0);
	start_mode(&k, &app, state);
	kit_client_open_on(&c, kit_connect(&k.addr, SMALL_RCVBUF), ctx_of(state));
	kit_send_text(&c, GET("/big"));
	while (app.requests == 0)
		kit_connections(&k); /* a turn of the loop */
	kit_advance_ms(k.loop, 29 * 1000);
	assert_int_equal(kit_connections(&k), 1);
	/* The kernel may still take some for a while, and that counts as progress; not for long. */
	for (int i = 0; i < 20; i++)
		kit_advance_ms(k.loop, 10 * 1000);
	assert_int_equal(kit_connections(&k), 0);
	kit_client_close(&c);
	stop(&k, &app);
	clock_real();
}

static void test_http_server__peer_that_never_ends_after_the_last_reply_is_dropped(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	char reply[4096];

	clock_fake(0);
	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, GET("/close"));
	assert_true(kit_recv_all(&c, reply, sizeof(reply)) > 0);
	assert_int_equal(kit_connections(&k), 1);
	kit_advance_ms(k.loop, 4 * 1000);
	assert_int_equal(kit_connections(&k), 1);
	kit_advance_ms(k.loop, 3 * 1000);
	assert_int_equal(kit_connections(&k), 0);
	kit_client_close(&c);
	stop(&k, &app);
	clock_real();
}

static void test_http_server__handshake_deadline(void **state)
{
	/* Nothing; a part of a record header; a ClientHello that never ends. */
	static const struct str table[] = {
		STR(""), STR("\x16\x03\x01"), STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct kit_server k;
		struct app app;
		char octet;
		int fd;

		clock_fake(0);
		start(&k, &app, true);
		fd = kit_connect(&k.addr, 0);
		assert_int_equal(send(fd, table[i].p, table[i].len, 0), table[i].len);
		wait_connections(&k, 1);
		kit_advance_ms(k.loop, 9 * 1000);
		assert_int_equal(kit_connections(&k), 1);
		kit_advance_ms(k.loop, 3 * 1000);
		assert_int_equal(kit_connections(&k), 0);
		assert_true(recv(fd, &octet, 1, 0) <= 0);
		close(fd);
		stop(&k, &app);
		clock_real();
	}
}

/* --- draining --- */

static void on_drained(void *arg)
{
	struct app *app = arg;

	app->drained++;
	queue_put(&app->drained_queue, &app->drained_item);
}

struct drain {
	struct kit_server *k;
	struct app *app;
};

static void start_drain(void *arg)
{
	struct drain *d = arg;

	http_server_drain(d->k->http, on_drained, d->app);
	assert_int_equal(d->app->drained, 0); /* never from within */
}

static void test_http_server_drain__idle_ones_go_busy_ones_finish(void **state)
{
	struct kit_client idle, waiting, reading;
	struct kit_server k;
	struct app app;
	struct drain d = { &k, &app };
	char reply[4096];

	start_mode(&k, &app, state);
	kit_client_open(&idle, &k.addr, ctx_of(state));
	kit_send_text(&idle, GET("/1"));
	kit_recv_reply(&idle, reply, sizeof(reply));
	kit_client_open(&reading, &k.addr, ctx_of(state));
	kit_send_text(&reading, GET("/1") "GET /slow HTTP/1.1\r\n");
	kit_recv_reply(&reading, reply, sizeof(reply));
	kit_client_open(&waiting, &k.addr, ctx_of(state));
	kit_send_text(&waiting, GET("/hold"));
	queue_take_all(&app.holds);

	kit_call(k.loop, start_drain, &d);
	assert_int_equal(kit_recv(&idle, reply, 1), 0);
	assert_int_equal(kit_connections(&k), 2);
	kit_send_text(&reading, HOST "\r\n");
	assert_true(kit_recv_all(&reading, reply, sizeof(reply)) > 0);
	assert_reply(reply, 200, "GET /slow");
	assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
	kit_client_close(&reading);
	assert_int_equal(app.drained, 0);
	kit_call(k.loop, release_one, &app);
	assert_true(kit_recv_all(&waiting, reply, sizeof(reply)) > 0);
	assert_reply(reply, 200, "late");
	assert_non_null(strstr(reply, "\r\nConnection: close\r\n"));
	kit_client_close(&waiting);
	queue_take_all(&app.drained_queue);
	assert_int_equal(kit_connections(&k), 0);
	kit_client_close(&idle);
	stop(&k, &app);
	assert_int_equal(app.drained, 1);
}

static void test_http_server_drain__with_nothing_to_do(void **state)
{
	struct kit_server k;
	struct app app;
	struct drain d = { &k, &app };

	(void)state;
	start(&k, &app, false);
	kit_call(k.loop, start_drain, &d);
	queue_take_all(&app.drained_queue);
	stop(&k, &app);
	/* Freed before done could run: it never does. */
	start(&k, &app, false);
	loop_stop(k.loop);
	thread_join(&k.thread);
	start_drain(&d);
	http_server_free(k.http);
	loop_free(k.loop);
	assert_int_equal(app.drained, 0);
	app_done(&app);
}

static void test_http_server_drain__waits_for_an_exchange_whose_peer_has_left(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct app app;
	struct drain d = { &k, &app };

	clock_fake(0);
	start_mode(&k, &app, state);
	kit_client_open(&c, &k.addr, ctx_of(state));
	kit_send_text(&c, GET("/hold"));
	queue_take_all(&app.holds);
	kit_client_close(&c);
	kit_call(k.loop, start_drain, &d);
	kit_advance_ms(k.loop, 1000);
	assert_int_equal(app.drained, 0);
	kit_call(k.loop, release_one, &app);
	while (kit_connections(&k) > 0)
		kit_advance_ms(k.loop, 10000);
	queue_take_all(&app.drained_queue);
	stop(&k, &app);
	clock_real();
}

/* --- limits --- */

static void test_http_server__accepting_pauses_at_the_maximum(void **state)
{
	struct http_server_options o = { .on_request = on_request, .max_body = 100, .max_connections = 3 };
	struct kit_client c[4];
	struct kit_server k;
	struct app app;
	char reply[4096];

	(void)state;
	app_init(&app);
	o.arg = &app;
	kit_server_start(&k, o, NULL, NULL, NULL);
	for (int i = 0; i < 4; i++) {
		kit_client_open(&c[i], &k.addr, NULL);
		kit_send_text(&c[i], GET("/x"));
	}
	for (int i = 0; i < 3; i++)
		kit_recv_reply(&c[i], reply, sizeof(reply));
	assert_int_equal(kit_connections(&k), 3);
	assert_int_equal(app.requests, 3);
	kit_client_close(&c[0]);
	kit_recv_reply(&c[3], reply, sizeof(reply)); /* served as soon as there is room */
	assert_reply(reply, 200, "GET /x");
	for (int i = 1; i < 4; i++)
		kit_client_close(&c[i]);
	stop(&k, &app);
}

static int64_t thread_cpu_us(struct kit_server *k)
{
	struct timespec ts;
	clockid_t id;

	pthread_getcpuclockid(k->thread.id, &id);
	clock_gettime(id, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static void on_wait_over(void *arg)
{
	loop_stop(arg);
}

static void test_http_server__no_descriptors_left_is_not_a_busy_loop(void **state)
{
	struct rlimit before, now;
	struct kit_client c;
	struct kit_server k;
	struct app app;
	struct loop_timer *timer;
	struct loop *own; /* lets real time pass */
	char reply[4096];
	int64_t cpu_us;
	int top;

	(void)state;
	start(&k, &app, false);
	assert_int_equal(loop_new(&own), RC_OK);
	assert_int_equal(loop_timer_new(own, on_wait_over, own, &timer), RC_OK);
	c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c.ssl = NULL;
	top = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest free one */
	close(top);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)top;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_int_equal(connect(c.fd, &k.addr.sa, k.addr.len), 0); /* the kernel's backlog takes it */
	kit_send_text(&c, GET("/x"));
	assert_int_equal(kit_connections(&k), 0);
	cpu_us = thread_cpu_us(&k);
	loop_timer_set(timer, 400);
	loop_run(own);
	assert_in_range(thread_cpu_us(&k) - cpu_us, 0, 100 * 1000);
	assert_int_equal(kit_connections(&k), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	kit_recv_reply(&c, reply, sizeof(reply)); /* after the pause, by itself */
	assert_reply(reply, 200, "GET /x");
	kit_client_close(&c);
	loop_timer_free(timer);
	loop_free(own);
	stop(&k, &app);
}

static void test_http_server__a_thousand_idle_connections_are_small(void **state)
{
	enum { N = 1000 };
	static struct kit_client c[N];
	bool tls = ((const struct mode *)*state)->tls;
	struct rlimit files;
	struct kit_server k;
	struct app app;
	char reply[4096];
	size_t before, after;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	start_mode(&k, &app, state);
	before = mallinfo2().uordblks;
	for (int i = 0; i < N; i++) {
		kit_client_open(&c[i], &k.addr, tls ? client_ctx : NULL);
		kit_send_text(&c[i], GET("/x"));
		kit_recv_reply(&c[i], reply, sizeof(reply));
	}
	after = mallinfo2().uordblks;
	assert_int_equal(kit_connections(&k), N);
	/* With TLS the client's half is in the same heap. A sanitizer's allocator does not count. */
	print_message("%s: %zu octets of heap for an idle connection\n", tls ? "TLS, both ends" : "TCP",
		      (after - before) / N);
	if (!tls)
		assert_in_range((after - before) / N, 0, 1500);
	for (int i = 0; i < N; i++)
		kit_client_close(&c[i]);
	wait_connections(&k, 0);
	stop(&k, &app);
}

/* --- listening --- */

static int unix_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(un.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static struct http_server *new_server(struct loop *l, struct app *app)
{
	struct http_server_options o = { .loop = l, .on_request = on_request, .arg = app, .max_body = 100,
					 .max_connections = 10 };
	struct http_server *s;

	assert_int_equal(http_server_new(&o, &s), RC_OK);
	return s;
}

static void run_loop(void *arg)
{
	loop_run(arg);
}

static void test_http_server_listen_unix__credentials_mode_and_replacement(void **state)
{
	char dir[] = "/tmp/assay-test-XXXXXX", path[64], file[64], reply[4096], expected[100];
	struct http_server *first, *second;
	struct kit_client c = { 0 };
	struct thread thread;
	struct app app;
	struct fault f = { 0 };
	struct stat st;
	struct loop *l;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	app_init(&app);
	assert_int_equal(loop_new(&l), RC_OK);
	first = new_server(l, &app);
	second = new_server(l, &app);
	assert_int_equal(http_server_listen_unix(first, path, 0660, &f), RC_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* Somebody answers there. */
	assert_int_equal(http_server_listen_unix(second, path, 0600, &f), RC_BUSY);
	assert_non_null(strstr(f.detail, path));
	/* Not a socket: nobody's to remove. */
	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(http_server_listen_unix(second, file, 0600, &f), RC_IO);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(http_server_listen_unix(second, "relative", 0600, &f), RC_IO);

	assert_int_equal(thread_start(&thread, "loop", run_loop, l), RC_OK);
	c.fd = unix_connect(path);
	kit_send_text(&c, "GET /who HTTP/1.1\r\nHost: whatever\r\n\r\n");
	kit_recv_reply(&c, reply, sizeof(reply));
	snprintf(expected, sizeof(expected), "0 1 %u %u %d 1", getuid(), getgid(), getpid());
	assert_reply(reply, 200, expected);
	kit_client_close(&c);
	loop_stop(l);
	thread_join(&thread);

	http_server_free(first);
	assert_int_equal(access(path, F_OK), -1); /* its own file goes with it */
	/* What a crash leaves behind is replaced. */
	{
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		strcpy(un.sun_path, path);
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
		close(fd);
	}
	assert_int_equal(http_server_listen_unix(second, path, 0600, &f), RC_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A successor's file stays. */
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	http_server_free(second);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	unlink(file);
	assert_int_equal(rmdir(dir), 0);
	loop_free(l);
	app_done(&app);
	fault_done(&f);
}

static void test_http_server_listen__taken_ports_and_passed_sockets(void **state)
{
	struct addr any = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0), bound;
	struct http_server *s;
	struct kit_client c = { 0 };
	struct thread thread;
	struct app app;
	struct fault f = { 0 };
	char reply[4096];
	struct loop *l;
	int fd, fds[2];

	(void)state;
	app_init(&app);
	assert_int_equal(loop_new(&l), RC_OK);
	s = new_server(l, &app);
	assert_int_equal(http_server_listen(s, &any, NULL, &bound, &f), RC_OK);
	assert_int_not_equal(addr_port(&bound), 0);
	assert_int_equal(http_server_listen(s, &bound, NULL, NULL, &f), RC_BUSY);
	assert_non_null(strstr(f.detail, "127.0.0.1:"));
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(http_server_listen_fd(s, fds[0], NULL, &f), RC_INVALID);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* taken all the same */
	close(fds[1]);
	assert_int_equal(http_server_listen_fd(s, 9999, NULL, &f), RC_INVALID);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, &any.sa, any.len), 0);
	assert_int_equal(listen(fd, 5), 0);
	bound.len = sizeof(bound.in6);
	assert_int_equal(getsockname(fd, &bound.sa, &bound.len), 0);
	assert_int_equal(http_server_listen_fd(s, fd, NULL, &f), RC_OK);
	assert_int_equal(thread_start(&thread, "loop", run_loop, l), RC_OK);
	kit_client_open(&c, &bound, NULL);
	kit_send_text(&c, GET("/who"));
	kit_recv_reply(&c, reply, sizeof(reply));
	assert_reply(reply, 200, "0 0 0 0 0 0");
	kit_client_close(&c);
	loop_stop(l);
	thread_join(&thread);
	http_server_free(s);
	loop_free(l);
	app_done(&app);
	fault_done(&f);
}

/* Two servers on one port share the connections. */
static void test_http_server_listen__reuse_port(void **state)
{
	struct addr any = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0), bound;
	struct http_server_options o = { .on_request = on_request, .max_body = 100, .max_connections = 100,
					 .reuse_port = true };
	struct http_server *a, *b;
	struct loop *l;

	(void)state;
	assert_int_equal(loop_new(&l), RC_OK);
	o.loop = l;
	assert_int_equal(http_server_new(&o, &a), RC_OK);
	assert_int_equal(http_server_new(&o, &b), RC_OK);
	assert_int_equal(http_server_listen(a, &any, NULL, &bound, NULL), RC_OK);
	assert_int_equal(http_server_listen(b, &bound, NULL, NULL, NULL), RC_OK);
	http_server_free(a);
	http_server_free(b);
	http_server_free(NULL);
	loop_free(l);
}

static struct mode tcp = { false }, tls = { true };

#define BOTH(test)                                                      \
	{ #test "(tcp)", test, NULL, NULL, &tcp }, { #test "(tls)", test, NULL, NULL, &tls }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BOTH(test_http_server__keep_alive_and_pipelining),
		BOTH(test_http_server__many_pipelined_requests_are_all_answered),
		BOTH(test_http_server__octet_by_octet),
		BOTH(test_http_server__head_and_204_have_no_body),
		BOTH(test_http_server__close_is_said_and_done),
		BOTH(test_http_server__refusals_are_problem_documents_that_arrive),
		BOTH(test_rfc9110_9_3_2__a_refused_head_has_no_content),
		BOTH(test_http_server__our_hosts_in_any_case),
		BOTH(test_http_server__a_header_that_would_split_the_reply_is_never_sent),
		BOTH(test_rfc9110_10_1_1__100_continue),
		BOTH(test_http_server__large_reply_to_a_slow_reader),
		BOTH(test_http_server__lent_body_is_sent_and_given_back),
		BOTH(test_http_server__lent_body_comes_back_when_the_peer_has_left),
		BOTH(test_http_server__half_closed_peer_gets_its_replies),
		BOTH(test_http_server__peer_leaves_before_the_reply),
		BOTH(test_http_server__deadlines),
		BOTH(test_http_server__slow_drip_does_not_stretch_the_deadline),
		BOTH(test_http_server__waiting_for_the_handler_has_no_deadline),
		BOTH(test_http_server__reader_that_takes_nothing_is_dropped),
		BOTH(test_http_server__peer_that_never_ends_after_the_last_reply_is_dropped),
		cmocka_unit_test(test_http_server__handshake_deadline),
		BOTH(test_http_server_drain__idle_ones_go_busy_ones_finish),
		cmocka_unit_test(test_http_server_drain__with_nothing_to_do),
		BOTH(test_http_server_drain__waits_for_an_exchange_whose_peer_has_left),
		cmocka_unit_test(test_http_server__accepting_pauses_at_the_maximum),
		cmocka_unit_test(test_http_server__no_descriptors_left_is_not_a_busy_loop),
		BOTH(test_http_server__a_thousand_idle_connections_are_small),
		cmocka_unit_test(test_http_server_listen_unix__credentials_mode_and_replacement),
		cmocka_unit_test(test_http_server_listen__taken_ports_and_passed_sockets),
		cmocka_unit_test(test_http_server_listen__reuse_port),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN); /* as the program does */
	kit_cert_init(&cert, "a.example");
	client_ctx = kit_client_ctx();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	SSL_CTX_free(client_ctx);
	kit_cert_done(&cert);
	return failed;
}
