/* test_nomem.c - each allocation of the loop, the server, a connection and its requests fails in
 * turn: the peer gets a whole answer or none, and nothing leaks (under the address sanitizer). Server
 * and peer share one thread; the loop is stepped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/http_server.h"

static long until_failure = -1; /* allocations that still succeed; -1: all */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);

static bool fails(void)
{
	if (until_failure < 0 || until_failure-- > 0)
		return false;
	failed = true; /* once */
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, count, size);
}

struct app {
	struct http_exchange *held;
	char big[200 * 1024];
};

static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
	struct app *app = arg;

	if (str_is(r->path, "/hold"))
		app->held = x;
	else
		http_reply(x, &(struct http_reply){ .status = 200, .body = bytes_of(app->big, sizeof(app->big)) });
}

static const char requests[] =
	"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n%1024d\r\n0\r\n\r\n"
	"POST /2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
	"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"
	"GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/* True when the last request's answer came. */
static bool converse(struct loop *l, struct http_server *s, const struct addr *bound, struct app *app)
{
	static char text[4096], in[1024 * 1024];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), len;
	size_t got = 0;
	bool ended = false;

	assert_int_equal(connect(fd, &bound->sa, bound->len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	len = snprintf(text, sizeof(text), requests, 7);
	assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
	/* Loopback delivers before send() returns, so that every step finds something, or the end. */
	for (int i = 0; i < 1000 && !ended; i++) {
		ssize_t n;

		loop_step(l);
		if (app->held)
			http_reply(app->held, &(struct http_reply){ .status = 200 });
		app->held = NULL;
		n = recv(fd, in + got, sizeof(in) - got, 0);
		ended = n == 0 || (n < 0 && errno != EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		/* Memory is short when it accepts: it closes at once or tries again after a pause. */
		if (failed && http_server_connections(s) == 0 && got == 0 && i > 10)
			break;
	}
	close(fd);
	for (int i = 0; i < 20 && http_server_connections(s) > 0; i++)
		loop_step(l);
	assert_int_equal(http_server_connections(s), 0);
	return got > 400 * 1024;
}

static bool run(struct app *app)
{
	struct addr any = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0), bound;
	struct http_server_options o = { .on_request = on_request, .arg = app, .max_body = 4096,
					 .max_connections = 10 };
	struct http_server *s = NULL;
	bool answered = false;

	if (loop_new(&o.loop) != RC_OK)
		return false;
	if (http_server_new(&o, &s) == RC_OK && http_server_listen(s, &any, NULL, &bound, NULL) == RC_OK)
		answered = converse(o.loop, s, &bound, app);
	http_server_free(s);
	loop_free(o.loop);
	return answered;
}

static void test_net__each_allocation_fails_in_turn(void **state)
{
	static struct app app;
	long n = 0;

	(void)state;
	for (;; n++) {
		bool answered;

		until_failure = n;
		failed = false;
		answered = run(&app);
		until_failure = -1;
		if (!failed) {
			assert_true(answered);
			break;
		}
	}
	print_message("%ld allocations failed in turn\n", n);
	assert_in_range(n, 10, 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net__each_allocation_fails_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
