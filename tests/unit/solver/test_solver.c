/* test_solver.c - the contract of solver.h over every http-01 solver: what was presented can be
 * fetched, what was cleaned up cannot, and nothing else changes. Then what is each one's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_kit.h"
#include "solver/solver.h"

#define TOKEN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TOKEN_B "BBBBBBBBBBBBBBBBBBBBBB"
#define WELL_KNOWN "/.well-known/acme-challenge"

/* How a validator would see it: fetch() gives the answer's text, or false. */
struct fixture {
	const char *name;
	struct solver *solver;
	char root[64], argument[64];
	struct addr addr;
};

static void request(struct solve_request *r, const char *token, const char *text)
{
	static const struct identifier id = { .type = IDENTIFIER_DNS, .shown = { "a.test", 6 }, .value = { "a.test", 6 } };

	*r = (struct solve_request){ .identifier = &id, .token = str_of(token), .key_authorization = str_of(text) };
}

static bool fetch_file(struct fixture *x, const char *token, char out[512])
{
	char path[256];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s" WELL_KNOWN "/%s", x->root, token);
	file = fopen(path, "r");
	if (!file)
		return false;
	len = fread(out, 1, 511, file);
	out[len] = '\0';
	fclose(file);
	return true;
}

static bool fetch_http(struct fixture *x, const char *token, char out[512])
{
	char text[512], reply[2048];
	struct kit_client c;
	char *body;

	snprintf(text, sizeof(text), "GET " WELL_KNOWN "/%s HTTP/1.1\r\nHost: a.test\r\n\r\n", token);
	kit_client_open(&c, &x->addr, NULL);
	kit_send_text(&c, text);
	kit_recv_reply(&c, reply, sizeof(reply));
	kit_client_close(&c);
	body = strstr(reply, "\r\n\r\n");
	assert_non_null(body);
	snprintf(out, 512, "%s", body + 4);
	return strncmp(reply, "HTTP/1.1 200 ", 13) == 0;
}

static bool fetch(struct fixture *x, const char *token, char out[512])
{
	return (strcmp(x->name, "webroot") == 0 ? fetch_file : fetch_http)(x, token, out);
}

/* A port that is free now. */
static struct addr free_addr(void)
{
	struct addr a = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	assert_int_equal(getsockname(fd, &a.sa, &a.len), 0);
	close(fd);
	return a;
}

static void open_fixture(struct fixture *x, const char *name)
{
	memset(x, 0, sizeof(*x));
	x->name = name;
	strcpy(x->root, "/tmp/test_solver.XXXXXX");
	assert_non_null(mkdtemp(x->root));
	x->addr = free_addr();
	if (strcmp(name, "webroot") == 0)
		strcpy(x->argument, x->root);
	else
		addr_text(&x->addr, x->argument);
	assert_int_equal(solver_new(str_of(name), str_of(x->argument), &x->solver, NULL), RC_OK);
	assert_string_equal(x->solver->ops->name, name);
	assert_string_equal(x->solver->ops->challenge, "http-01");
}

static void close_fixture(struct fixture *x)
{
	solver_free(x->solver);
	assert_int_equal(rmdir(x->root), 0); /* nothing was left */
}

static void test_contract__present_then_cleanup(void **state)
{
	struct solve_request a, b;
	struct fixture x;
	char text[512];

	open_fixture(&x, *state);
	request(&a, TOKEN_A, TOKEN_A ".thumb");
	request(&b, TOKEN_B, TOKEN_B ".thumb");
	assert_false(fetch(&x, TOKEN_A, text));
	assert_int_equal(x.solver->ops->present(x.solver, &a, NULL), RC_OK);
	assert_int_equal(x.solver->ops->present(x.solver, &b, NULL), RC_OK);
	assert_true(fetch(&x, TOKEN_A, text));
	assert_string_equal(text, TOKEN_A ".thumb");
	assert_true(fetch(&x, TOKEN_B, text));
	assert_string_equal(text, TOKEN_B ".thumb");
	assert_int_equal(x.solver->ops->cleanup(x.solver, &a, NULL), RC_OK);
	assert_false(fetch(&x, TOKEN_A, text));
	assert_true(fetch(&x, TOKEN_B, text));
	assert_int_equal(x.solver->ops->cleanup(x.solver, &b, NULL), RC_OK);
	assert_false(fetch(&x, TOKEN_B, text));
	/* Twice, and what never was, is no error. */
	assert_int_equal(x.solver->ops->cleanup(x.solver, &b, NULL), RC_OK);
	/* And again from the start. */
	assert_int_equal(x.solver->ops->present(x.solver, &a, NULL), RC_OK);
	assert_true(fetch(&x, TOKEN_A, text));
	assert_int_equal(x.solver->ops->cleanup(x.solver, &a, NULL), RC_OK);
	close_fixture(&x);
}

static void test_contract__a_token_is_presented_anew_after_a_crash(void **state)
{
	struct solve_request r;
	struct fixture x;
	char text[512];

	open_fixture(&x, *state);
	request(&r, TOKEN_A, "old");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	request(&r, TOKEN_A, "new");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	assert_true(fetch(&x, TOKEN_A, text));
	assert_string_equal(text, "new");
	assert_int_equal(x.solver->ops->cleanup(x.solver, &r, NULL), RC_OK);
	assert_false(fetch(&x, TOKEN_A, text));
	close_fixture(&x);
}

static void test_v46__poisoned_tokens_are_not_presented(void **state)
{
	static const char *const tokens[] = {
		"", "short", "../../../../../../etc/passwd", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/aaaa",
		"..aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "`id`aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "$(id)aaaaaaaaaaaaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaa\naaaaaaaaaa",
	};
	struct solve_request r;
	struct fixture x;

	open_fixture(&x, *state);
	for (size_t i = 0; i < COUNT_OF(tokens); i++) {
		request(&r, tokens[i], "x");
		assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_INVALID);
		(void)x.solver->ops->cleanup(x.solver, &r, NULL);
	}
	close_fixture(&x);
}

/* --- webroot --- */

static void test_webroot__modes_do_not_depend_on_umask(void **state)
{
	struct solve_request r;
	struct fixture x;
	struct stat st;
	char path[256];
	mode_t before;

	(void)state;
	open_fixture(&x, "webroot");
	request(&r, TOKEN_A, "x");
	before = umask(077);
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	umask(before);
	snprintf(path, sizeof(path), "%s" WELL_KNOWN "/" TOKEN_A, x.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	snprintf(path, sizeof(path), "%s" WELL_KNOWN, x.root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(x.solver->ops->cleanup(x.solver, &r, NULL), RC_OK);
	close_fixture(&x);
}

static void test_webroot__others_directories_stay(void **state)
{
	struct solve_request r;
	struct fixture x;
	char path[256];

	(void)state;
	open_fixture(&x, "webroot");
	snprintf(path, sizeof(path), "%s/.well-known", x.root);
	assert_int_equal(mkdir(path, 0700), 0);
	request(&r, TOKEN_A, "x");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	assert_int_equal(x.solver->ops->cleanup(x.solver, &r, NULL), RC_OK);
	assert_int_equal(rmdir(path), 0); /* was there before, so it was left; the inner one is gone */
	close_fixture(&x);
}

static void test_webroot__symbolic_links_are_not_followed(void **state)
{
	char elsewhere[] = "/tmp/test_solver.XXXXXX", path[256];
	struct fault f = { 0 };
	struct solve_request r;
	struct fixture x;

	(void)state;
	assert_non_null(mkdtemp(elsewhere));
	open_fixture(&x, "webroot");
	snprintf(path, sizeof(path), "%s/.well-known", x.root);
	assert_int_equal(symlink(elsewhere, path), 0);
	request(&r, TOKEN_A, "x");
	assert_int_equal(x.solver->ops->present(x.solver, &r, &f), RC_IO);
	assert_non_null(strstr(f.detail, "symbolic links"));
	assert_int_equal(rmdir(elsewhere), 0); /* nothing was made there */
	assert_int_equal(unlink(path), 0);
	fault_done(&f);
	close_fixture(&x);
}

static void test_webroot__a_link_in_the_files_place_is_replaced(void **state)
{
	char victim[] = "/tmp/test_solver.XXXXXX", path[256], text[512];
	struct solve_request r;
	struct fixture x;
	struct stat st;
	int fd;

	(void)state;
	fd = mkstemp(victim);
	assert_true(fd >= 0);
	open_fixture(&x, "webroot");
	request(&r, TOKEN_B, "x");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	snprintf(path, sizeof(path), "%s" WELL_KNOWN "/" TOKEN_A, x.root);
	assert_int_equal(symlink(victim, path), 0);
	request(&r, TOKEN_A, "mine");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	assert_true(fetch(&x, TOKEN_A, text));
	assert_string_equal(text, "mine");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(x.solver->ops->cleanup(x.solver, &r, NULL), RC_OK);
	request(&r, TOKEN_B, "x");
	assert_int_equal(x.solver->ops->cleanup(x.solver, &r, NULL), RC_OK);
	close(fd);
	unlink(victim);
	close_fixture(&x);
}

static void test_webroot__no_such_directory(void **state)
{
	struct solver *s = NULL;
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(solver_webroot_new(STR("/nonexistent/www"), &s, &f), RC_NOTFOUND);
	assert_non_null(strstr(f.detail, "/nonexistent/www"));
	assert_null(s);
	fault_done(&f);
}

/* --- listener --- */

static const struct {
	const char *request;
	int status;
} strange[] = {
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "GET " WELL_KNOWN "/ HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "GET " WELL_KNOWN " HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "GET " WELL_KNOWN "/" TOKEN_A "/ HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "GET " WELL_KNOWN "/../" TOKEN_A " HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
	{ "GET /x" WELL_KNOWN "/" TOKEN_A " HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
	{ "GET " WELL_KNOWN "/" TOKEN_A "?x=y HTTP/1.1\r\nHost: a\r\n\r\n", 200 },
	{ "GET " WELL_KNOWN "/" TOKEN_A " HTTP/1.1\r\n\r\n", 400 },
	{ "GET " WELL_KNOWN "/" TOKEN_A "\r\n\r\n", 400 },
	{ "POST " WELL_KNOWN "/" TOKEN_A " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 405 },
	{ "DELETE " WELL_KNOWN "/" TOKEN_A " HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
	{ "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
	{ "\r\n\r\n\r\n\r\n\x16\x03\x01\r\n\r\n", 400 },
};

static void test_v49__strange_requests_are_answered(void **state)
{
	struct solve_request r;
	struct fixture x;
	char reply[4096], text[512];

	(void)state;
	open_fixture(&x, "listener");
	request(&r, TOKEN_A, "x");
	assert_int_equal(x.solver->ops->present(x.solver, &r, NULL), RC_OK);
	for (size_t i = 0; i < COUNT_OF(strange); i++) {
		struct kit_client c;
		int status = 0;

		kit_client_open(&c, &x.addr, NULL);
		kit_send_text(&c, strange[i].request);
		kit_recv_reply(&c, reply, sizeof(reply));
		kit_client_close(&c);
		if (sscanf(reply, "HTTP/1.1 %d ", &status) != 1 || status != strange[i].status)
			fail_msg("%s: %s", strange[i].request, reply);
	}
	assert_true(fetch(&x, TOKEN_A, text)); /* still there */
	close_fixture(&x);
}

static void test_listener__freed_while_a_peer_is_connected(void **state)
{
	struct kit_client c;
	struct fixture x;
	char octet;

	(void)state;
	open_fixture(&x, "listener");
	kit_client_open(&c, &x.addr, NULL);
	kit_send_text(&c, "GET / HT");
	close_fixture(&x);
	assert_true(kit_recv(&c, &octet, 1) <= 0);
	kit_client_close(&c);
}

static void test_listener__address_taken_or_wrong(void **state)
{
	struct solver *s = NULL;
	struct fault f = { 0 };
	struct fixture x;

	(void)state;
	open_fixture(&x, "listener");
	assert_int_not_equal(solver_listener_new(str_of(x.argument), &s, &f), RC_OK);
	assert_non_null(strstr(f.detail, x.argument));
	close_fixture(&x);
	assert_int_equal(solver_listener_new(STR("no.such.name:80"), &s, &f), RC_INVALID);
	assert_int_equal(solver_new(STR("dns"), STR(""), &s, &f), RC_NOTFOUND);
	assert_null(s);
	fault_done(&f);
}

int main(void)
{
	char webroot[] = "webroot", listener[] = "listener";
	const struct CMUnitTest tests[] = {
		{ "webroot: present then cleanup", test_contract__present_then_cleanup, NULL, NULL, webroot },
		{ "listener: present then cleanup", test_contract__present_then_cleanup, NULL, NULL, listener },
		{ "webroot: after a crash", test_contract__a_token_is_presented_anew_after_a_crash, NULL, NULL, webroot },
		{ "listener: after a crash", test_contract__a_token_is_presented_anew_after_a_crash, NULL, NULL, listener },
		{ "webroot: poisoned tokens", test_v46__poisoned_tokens_are_not_presented, NULL, NULL, webroot },
		{ "listener: poisoned tokens", test_v46__poisoned_tokens_are_not_presented, NULL, NULL, listener },
		cmocka_unit_test(test_webroot__modes_do_not_depend_on_umask),
		cmocka_unit_test(test_webroot__others_directories_stay),
		cmocka_unit_test(test_webroot__symbolic_links_are_not_followed),
		cmocka_unit_test(test_webroot__a_link_in_the_files_place_is_replaced),
		cmocka_unit_test(test_webroot__no_such_directory),
		cmocka_unit_test(test_v49__strange_requests_are_answered),
		cmocka_unit_test(test_listener__freed_while_a_peer_is_connected),
		cmocka_unit_test(test_listener__address_taken_or_wrong),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
