/* test_proxy_header.c - whom a proxy speaks for: the PROXY protocol (§2.1, §2.2 of its specification),
 * X-Forwarded-For, and that neither is believed of anybody else (TRUST V18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/proxy_header.h"
#include "net_kit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x34\x01\xbb" /* 192.0.2.1:4660 to 10.0.0.1:443 */
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\x12\x34\x01\xbb"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01" "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\x12\x34\x01\xbb"

#define OCTETS(text) { (text), sizeof(text) - 1 }

static const struct good {
	struct str in;
	const char *client; /* NULL: it speaks for itself */
} good[] = {
	{ OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\r\n"), "192.0.2.1:4660" },
	{ OCTETS("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535" },
	{ OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 0 0\r\n"), "192.0.2.1:0" },
	{ OCTETS("PROXY TCP6 2001:db8::1 fd00::1 4660 443\r\n"), "[2001:db8::1]:4660" },
	{ OCTETS("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ OCTETS("PROXY TCP6 ::ffff:192.0.2.1 fd00::1 4660 443\r\n"), "192.0.2.1:4660" },
	{ OCTETS("PROXY UNKNOWN\r\n"), NULL },
	{ OCTETS("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL },
	{ OCTETS(SIGNATURE "\x21\x11\x00\x0c" V4), "192.0.2.1:4660" },
	{ OCTETS(SIGNATURE "\x21\x21\x00\x24" V6), "[2001:db8::1]:4660" },
	{ OCTETS(SIGNATURE "\x21\x21\x00\x24" MAPPED), "192.0.2.1:4660" },
	{ OCTETS(SIGNATURE "\x21\x11\x00\x11" V4 "\x04\x00\x02xx"), "192.0.2.1:4660" }, /* with a TLV */
	{ OCTETS(SIGNATURE "\x20\x00\x00\x00"), NULL },          /* LOCAL: a health check */
	{ OCTETS(SIGNATURE "\x20\x11\x00\x0c" V4), NULL },       /* and what it says of addresses is ignored */
	{ OCTETS(SIGNATURE "\x20\xff\x00\x03" "abc"), NULL },
	{ OCTETS(SIGNATURE "\x21\x00\x00\x00"), NULL },          /* UNSPEC: of what it knows no address */
	{ OCTETS(SIGNATURE "\x21\x00\x00\x04" "abcd"), NULL },
};

static void test_proxy_header__both_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		uint8_t in[512];
		size_t len = good[i].in.len;
		struct proxy_header h;
		char text[ADDR_TEXT_MAX];
		const char *why;

		/* Whatever follows is not touched, and each part of it asks for more. */
		memcpy(in, good[i].in.p, len);
		memcpy(in + len, "\x16\x03\x01\x02", 4);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(proxy_header_parse(bytes_of(in, cut), &h, &why), PROXY_MORE);
		for (size_t more = 0; more <= 4; more++) {
			if (proxy_header_parse(bytes_of(in, len + more), &h, &why) != PROXY_DONE)
				fail_msg("row %zu: %s", i, why);
			assert_int_equal(h.len, len);
			assert_int_equal(h.has_client, good[i].client != NULL);
			if (h.has_client) {
				addr_text(&h.client, text);
				assert_string_equal(text, good[i].client);
			}
		}
	}
}

static void test_proxy_header__what_is_none(void **state)
{
	static const struct str bad[] = {
		OCTETS("GET / HTTP/1.1\r\n"), OCTETS("\x16\x03\x01\x02\x00"), OCTETS("\0"), OCTETS("proxy TCP4 "),
		OCTETS("PROXY\r\n"), OCTETS("PROXY \r\n"), OCTETS("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n"),
		OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4660 443\n"), OCTETS("PROXY UNKNOWNX\r\n"),
		OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4660\r\n"), OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4660 443 \r\n"),
		OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 4660 443 5\r\n"), OCTETS("PROXY TCP4  192.0.2.1 10.0.0.1 4660 443\r\n"),
		OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n"), OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 04660 443\r\n"),
		OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 -1 443\r\n"), OCTETS("PROXY TCP4 192.0.2.1 10.0.0.1 +1 443\r\n"),
		OCTETS("PROXY TCP4 192.0.2.1\0 10.0.0.1 4660 443\r\n"), OCTETS("PROXY TCP4 192.0.2.256 10.0.0.1 4660 443\r\n"),
		OCTETS("PROXY TCP4 fd00::1 fd00::1 4660 443\r\n"), OCTETS("PROXY TCP6 192.0.2.1 10.0.0.1 4660 443\r\n"),
		OCTETS("PROXY TCP6 fd00::1 10.0.0.1 4660 443\r\n"), OCTETS("PROXY UDP4 192.0.2.1 10.0.0.1 4660 443\r\n"),
		OCTETS("PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
		OCTETS("\r\n\r\n\0\r\nQUIT\r"), OCTETS("\r\n\r\n\r\n"),
		OCTETS(SIGNATURE "\x11\x11\x00\x0c" V4), /* version 1 in the binary form */
		OCTETS(SIGNATURE "\x31\x11\x00\x0c" V4), OCTETS(SIGNATURE "\x22\x11\x00\x0c" V4), /* an unknown command */
		OCTETS(SIGNATURE "\x21\x12\x00\x0c" V4), OCTETS(SIGNATURE "\x21\x31\x00\x0c" V4), /* UDP, Unix */
		OCTETS(SIGNATURE "\x21\x11\x00\x0b" V4), OCTETS(SIGNATURE "\x21\x21\x00\x23" V6), /* too short */
		OCTETS(SIGNATURE "\x21\x21\x00\x0c" V4), OCTETS(SIGNATURE "\x21\x11\xff\xff" V4), /* too long */
		OCTETS(SIGNATURE "\x20\x00\x07\xf1"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct proxy_header h;
		const char *why = NULL;

		if (proxy_header_parse(str_bytes(bad[i]), &h, &why) != PROXY_BAD || !why)
			fail_msg("row %zu is taken", i);
	}
}

/* --- X-Forwarded-For --- */

static struct proxies trusted(bool header)
{
	static struct prefix peers[3];

	assert_int_equal(prefix_parse(STR("127.0.0.1"), &peers[0], NULL), RC_OK);
	assert_int_equal(prefix_parse(STR("10.0.0.0/8"), &peers[1], NULL), RC_OK);
	assert_int_equal(prefix_parse(STR("fd00::/8"), &peers[2], NULL), RC_OK);
	return (struct proxies){ peers, COUNT_OF(peers), header };
}

static void test_forwarded_for__the_nearest_that_is_no_proxy(void **state)
{
	static const struct {
		const char *first, *second; /* two headers; NULL: absent */
		const char *client;         /* NULL: malformed */
	} cases[] = {
		{ NULL, NULL, "127.0.0.1:5" },
		{ "192.0.2.1", NULL, "192.0.2.1:0" },
		{ " 192.0.2.1\t", NULL, "192.0.2.1:0" },
		{ "2001:db8::1", NULL, "[2001:db8::1]:0" },
		{ "::ffff:192.0.2.1", NULL, "192.0.2.1:0" },
		{ "192.0.2.1:4660", NULL, "192.0.2.1:4660" },
		{ "[2001:db8::1]:4660", NULL, "[2001:db8::1]:4660" },
		{ "[2001:db8::1]", NULL, "[2001:db8::1]:0" },
		/* A client that writes a header of its own changes nothing. */
		{ "203.0.113.9, 192.0.2.1", NULL, "192.0.2.1:0" },
		{ "10.0.0.1, 192.0.2.1", NULL, "192.0.2.1:0" },
		{ "<script>,,, 192.0.2.1", NULL, "192.0.2.1:0" },
		{ "203.0.113.9", "192.0.2.1", "192.0.2.1:0" },
		/* Behind several of our proxies. */
		{ "203.0.113.9, 192.0.2.1, 10.0.0.7, fd00::7", NULL, "192.0.2.1:0" },
		{ "192.0.2.1,10.0.0.7", "10.1.2.3", "192.0.2.1:0" },
		{ "10.0.0.1, 10.0.0.2", NULL, "10.0.0.1:0" },
		{ "", NULL, NULL }, { ",", NULL, NULL }, { "192.0.2.1,", NULL, NULL }, { "unknown", NULL, NULL },
		{ "192.0.2.1, example.org", NULL, NULL }, { "192.0.2.1 10.0.0.1", NULL, NULL },
		{ "192.0.2.1, , 10.0.0.1", NULL, NULL }, { "192.0.2.256", NULL, NULL }, { "192.0.2.1:", NULL, NULL },
		{ "192.0.2.1:65536", NULL, NULL }, { "192.0.2.1:x", NULL, NULL }, { "[192.0.2.1]", NULL, NULL },
		{ "[2001:db8::1", NULL, NULL }, { "[2001:db8::1]x", NULL, NULL }, { "[2001:db8::1]:", NULL, NULL },
		{ "fe80::1%eth0", NULL, NULL }, { "\"192.0.2.1\"", NULL, NULL }, { "192.0.2.1/32", NULL, NULL },
		{ "192.0.2.1", "", NULL }, { "127.1", NULL, NULL },
	};
	struct proxies p = trusted(false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_header headers[5] = { { STR("Host"), STR("a.example") } };
		struct http_request r = { .headers = headers, .header_count = 1 };
		struct addr peer = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 5);
		char text[ADDR_TEXT_MAX];
		bool ok;

		headers[r.header_count++] = (struct http_header){ STR("X_Forwarded_For"), STR("203.0.113.1") };
		headers[r.header_count++] = (struct http_header){ STR("Forwarded"), STR("for=203.0.113.1") };
		if (cases[i].first)
			headers[r.header_count++] = (struct http_header){ STR("X-Forwarded-For"), str_of(cases[i].first) };
		if (cases[i].second)
			headers[r.header_count++] = (struct http_header){ STR("x-forwarded-for"), str_of(cases[i].second) };
		ok = proxy_forwarded_for(&p, &r, &peer);
		addr_text(&peer, text);
		if (ok != (cases[i].client != NULL) || (ok && strcmp(text, cases[i].client) != 0))
			fail_msg("row %zu (%s): %s", i, cases[i].first ? cases[i].first : "none", ok ? text : "refused");
	}
}

/* --- the server --- */

static struct kit_cert cert;
static SSL_CTX *client_ctx;

struct heard {
	atomic_int refused;
	char why[256], proxy[ADDR_TEXT_MAX];
};

/* Answers with the peer's address. */
static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
	char text[ADDR_TEXT_MAX];

	(void)arg;
	(void)r;
	addr_text(http_exchange_peer(x), text);
	http_reply(x, &(struct http_reply){ .status = 200, .body = str_bytes(str_of(text)) });
}

static void on_refused(void *arg, const struct addr *proxy, const char *why)
{
	struct heard *h = arg;

	addr_text_ip(proxy, h->proxy);
	(void)snprintf(h->why, sizeof(h->why), "%s", why);
	h->refused++;
}

static void start(struct kit_server *k, struct heard *h, struct proxies p, bool tls)
{
	struct http_server_options o = { .on_request = on_request, .arg = h, .max_body = LIMIT_HTTP_BODY,
					 .max_connections = 100, .proxies = p, .on_proxy_refused = on_refused };

	memset(h, 0, sizeof(*h));
	kit_server_start(k, o, tls ? &cert : NULL, NULL, NULL);
}

#define GET(headers) "GET / HTTP/1.1\r\nHost: a.example\r\n" headers "\r\n"

static void ask(struct kit_client *c, const char *request, int status, const char *body)
{
	char reply[4096], line[32];

	kit_send_text(c, request);
	(void)kit_recv_reply(c, reply, sizeof(reply));
	(void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(reply, line, strlen(line)) != 0 || (body && !strstr(reply, body)))
		fail_msg("wanted %d %s: %s", status, body ? body : "", reply);
}

static void test_server__the_proxy_header_comes_before_tls(void **state)
{
	struct kit_server k;
	struct heard heard;

	(void)state;
	start(&k, &heard, trusted(true), true);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct kit_client c;
		int fd = kit_connect(&k.addr, 0);

		assert_int_equal(send(fd, good[i].in.p, good[i].in.len, 0), good[i].in.len);
		kit_client_open_on(&c, fd, client_ctx);
		/* A header inside TLS is the client's own word. */
		ask(&c, GET("X-Forwarded-For: 203.0.113.9\r\n"), 200, good[i].client ? good[i].client : "127.0.0.1:");
		ask(&c, GET(""), 200, good[i].client ? good[i].client : "127.0.0.1:"); /* for all of the connection */
		kit_client_close(&c);
	}
	assert_int_equal(heard.refused, 0);
	kit_server_stop(&k);
}

static void test_server__the_proxy_header_octet_by_octet(void **state)
{
	struct kit_server k;
	struct heard heard;

	(void)state;
	start(&k, &heard, trusted(true), false);
	for (size_t i = 0; i < COUNT_OF(good); i += 3) {
		struct kit_client c;
		int fd = kit_connect(&k.addr, 0);

		for (size_t n = 0; n < good[i].in.len; n++) {
			assert_int_equal(send(fd, good[i].in.p + n, 1, 0), 1);
			(void)kit_connections(&k); /* a turn of the loop */
		}
		kit_client_open_on(&c, fd, NULL);
		ask(&c, GET(""), 200, good[i].client ? good[i].client : "127.0.0.1:");
		kit_client_close(&c);
	}
	kit_server_stop(&k);
}

static void test_server__a_trusted_peer_without_a_header_is_refused(void **state)
{
	static const char *const sent[] = { "\x16\x03\x01\x02\x01", GET(""), "PROXY TCP4 x\r\n" };
	struct kit_server k;
	struct heard heard;

	(void)state;
	start(&k, &heard, trusted(true), true);
	for (size_t i = 0; i < COUNT_OF(sent); i++) {
		int fd = kit_connect(&k.addr, 0);
		char octet;

		assert_int_equal(send(fd, sent[i], strlen(sent[i]), 0), strlen(sent[i]));
		assert_true(recv(fd, &octet, 1, 0) <= 0);
		close(fd);
		assert_int_equal(heard.refused, i + 1);
		assert_string_equal(heard.proxy, "127.0.0.1");
		assert_non_null(strstr(heard.why, i < 2 ? "proxies.peers" : "§2.1"));
	}
	kit_server_stop(&k);
}

static void test_server__a_proxy_that_says_nothing_is_dropped(void **state)
{
	struct kit_server k;
	struct heard heard;
	char octet;
	int fd;

	(void)state;
	clock_fake(0);
	start(&k, &heard, trusted(true), true);
	fd = kit_connect(&k.addr, 0);
	assert_int_equal(send(fd, "PROXY ", 6, 0), 6);
	while (kit_connections(&k) != 1)
		;
	kit_advance_ms(k.loop, 9 * 1000);
	assert_int_equal(kit_connections(&k), 1);
	kit_advance_ms(k.loop, 3 * 1000);
	assert_int_equal(kit_connections(&k), 0);
	assert_true(recv(fd, &octet, 1, 0) <= 0);
	close(fd);
	/* Neither does one that is there when all ends leave anything behind. */
	fd = kit_connect(&k.addr, 0);
	assert_int_equal(send(fd, SIGNATURE, 12, 0), 12);
	while (kit_connections(&k) != 1)
		;
	kit_server_stop(&k);
	close(fd);
	clock_real();
}

static void test_trust_v18__nobody_else_is_believed(void **state)
{
	struct proxies p = trusted(true);
	struct kit_client c;
	struct kit_server k;
	struct heard heard;
	int fd;
	char octet;

	(void)state;
	p.peers++; /* without 127.0.0.1 */
	p.peer_count--;
	start(&k, &heard, p, true);
	fd = kit_connect(&k.addr, 0);
	assert_int_equal(send(fd, good[0].in.p, good[0].in.len, 0), good[0].in.len);
	while (recv(fd, &octet, 1, 0) > 0)
		; /* a TLS alert: it was a broken hello */
	close(fd);
	assert_int_equal(heard.refused, 0);
	kit_client_open(&c, &k.addr, client_ctx);
	ask(&c, GET("X-Forwarded-For: 203.0.113.9\r\n"), 200, "127.0.0.1:");
	kit_client_close(&c);
	kit_server_stop(&k);

	p.header = false;
	start(&k, &heard, p, true);
	kit_client_open(&c, &k.addr, client_ctx);
	ask(&c, GET("X-Forwarded-For: 203.0.113.9\r\n"), 200, "127.0.0.1:");
	ask(&c, GET("X-Forwarded-For: nonsense\r\n"), 200, "127.0.0.1:");
	kit_client_close(&c);
	kit_server_stop(&k);
}

static void test_server__each_request_of_a_proxy_has_its_own_client(void **state)
{
	struct kit_client c;
	struct kit_server k;
	struct heard heard;

	(void)state;
	start(&k, &heard, trusted(false), true);
	kit_client_open(&c, &k.addr, client_ctx);
	ask(&c, GET("X-Forwarded-For: 192.0.2.1\r\n"), 200, "192.0.2.1:0");
	ask(&c, GET("X-Forwarded-For: 203.0.113.9, 192.0.2.2, 10.0.0.1\r\n"), 200, "192.0.2.2:0");
	ask(&c, GET(""), 200, "127.0.0.1:");
	ask(&c, GET("X-Forwarded-For: 192.0.2.1, unknown\r\n"), 400, "X-Forwarded-For");
	kit_client_close(&c);
	kit_server_stop(&k);
}

static int setup(void **state)
{
	(void)state;
	kit_cert_init(&cert, "a.example");
	client_ctx = kit_client_ctx();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	SSL_CTX_free(client_ctx);
	kit_cert_done(&cert);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy_header__both_versions),
		cmocka_unit_test(test_proxy_header__what_is_none),
		cmocka_unit_test(test_forwarded_for__the_nearest_that_is_no_proxy),
		cmocka_unit_test(test_server__the_proxy_header_comes_before_tls),
		cmocka_unit_test(test_server__the_proxy_header_octet_by_octet),
		cmocka_unit_test(test_server__a_trusted_peer_without_a_header_is_refused),
		cmocka_unit_test(test_server__a_proxy_that_says_nothing_is_dropped),
		cmocka_unit_test(test_trust_v18__nobody_else_is_believed),
		cmocka_unit_test(test_server__each_request_of_a_proxy_has_its_own_client),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
