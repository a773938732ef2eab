/* test_unix_client.c - one request over a Unix socket, against a server that says what a test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "net/unix_client.h"

struct peer {
	char folder[32], path[64];
	int fd;
	pthread_t thread;
	const char *answer;
	char asked[8192];
};

static void *serve(void *arg)
{
	struct peer *p = arg;
	int fd = accept(p->fd, NULL, NULL);
	size_t len = 0;
	char rest[256];

	/* Every request here ends with its header or with '}'. */
	while (len + 1 < sizeof(p->asked)) {
		ssize_t n = read(fd, p->asked + len, sizeof(p->asked) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
		p->asked[len] = '\0';
		if (strstr(p->asked, "\r\n\r\n") && (strncmp(p->asked, "GET", 3) == 0 || p->asked[len - 1] == '}'))
			break;
	}
	(void)!write(fd, p->answer, strlen(p->answer));
	(void)shutdown(fd, SHUT_WR);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	close(fd);
	return NULL;
}

static void peer_start(struct peer *p, const char *answer)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	*p = (struct peer){ .folder = "/tmp/assay-unix-XXXXXX", .answer = answer };
	assert_non_null(mkdtemp(p->folder));
	(void)snprintf(p->path, sizeof(p->path), "%s/s", p->folder);
	memcpy(un.sun_path, p->path, strlen(p->path));
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(p->fd, 1), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_stop(struct peer *p)
{
	pthread_join(p->thread, NULL);
	close(p->fd);
	unlink(p->path);
	rmdir(p->folder);
}

static enum rc ask(const char *path, const char *method, struct str body, size_t max, int *status, struct buf *out,
		   struct fault *f)
{
	struct unix_request r = { .socket = path, .method = method, .target = "/v1/x?a=b%20c", .body = body,
				  .timeout_ms = 5000 };

	buf_init(out, max);
	return unix_call(&r, out, status, f);
}

static void test_get(void **state)
{
	AUTO(buf) struct buf body;
	struct peer p;
	int status = 0;

	(void)state;
	peer_start(&p, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
	assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 100, &status, &body, NULL), RC_OK);
	peer_stop(&p);
	assert_int_equal(status, 404);
	assert_string_equal(body.p, "none");
	assert_ptr_equal(strstr(p.asked, "GET /v1/x?a=b%20c HTTP/1.1\r\n"), p.asked);
	assert_null(strstr(p.asked, "Expect"));
}

static void test_post(void **state)
{
	AUTO(buf) struct buf body;
	struct peer p;
	int status = 0;

	(void)state;
	peer_start(&p, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
	assert_int_equal(ask(p.path, "POST", STR("{\"a\":1}"), 100, &status, &body, NULL), RC_OK);
	peer_stop(&p);
	assert_int_equal(status, 201);
	assert_non_null(strstr(p.asked, "Content-Length: 7\r\n"));
	assert_non_null(strstr(p.asked, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(p.asked, "\r\n\r\n{\"a\":1}"));
}

static void test_redirects_are_not_followed(void **state)
{
	AUTO(buf) struct buf body;
	struct peer p;
	int status = 0;

	(void)state;
	peer_start(&p, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 100, &status, &body, NULL), RC_OK);
	peer_stop(&p);
	assert_int_equal(status, 302);
}

static void test_answer_too_long(void **state)
{
	AUTO(fault) struct fault f = { 0 };
	AUTO(buf) struct buf body;
	struct peer p;
	int status = 0;

	(void)state;
	peer_start(&p, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890");
	assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 10, &status, &body, &f), RC_LIMIT);
	peer_stop(&p);
	assert_int_equal(status, 0);
	assert_non_null(strstr(f.detail, "10"));
}

static void test_no_http(void **state)
{
	static const char *const answers[] = { "", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		AUTO(buf) struct buf body;
		struct peer p;
		int status = 0;

		peer_start(&p, answers[i]);
		assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 100, &status, &body, NULL), RC_IO);
		peer_stop(&p);
	}
}

static void test_nobody_there(void **state)
{
	AUTO(fault) struct fault f = { 0 };
	AUTO(buf) struct buf body;
	char path[200];
	struct peer p;
	int status = 0;

	(void)state;
	assert_int_equal(ask("/nowhere/assay.sock", "GET", (struct str){ 0 }, 100, &status, &body, &f), RC_UNAVAILABLE);
	assert_non_null(strstr(f.detail, "no such socket"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ask(path, "GET", (struct str){ 0 }, 100, &status, &body, &f), RC_INVALID);

	/* The file is left, the server is not. */
	peer_start(&p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 100, &status, &body, &f), RC_OK);
	pthread_join(p.thread, NULL);
	close(p.fd);
	assert_int_equal(ask(p.path, "GET", (struct str){ 0 }, 100, &status, &body, &f), RC_UNAVAILABLE);
	assert_non_null(strstr(f.detail, "nobody listens"));
	unlink(p.path);
	rmdir(p.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_redirects_are_not_followed),
		cmocka_unit_test(test_answer_too_long),
		cmocka_unit_test(test_no_http),
		cmocka_unit_test(test_nobody_there),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
