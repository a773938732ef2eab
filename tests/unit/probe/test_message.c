/* test_message.c - the codec between server and probe: what is said is heard, and nothing else is taken. */
#include "probe/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/limits.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

static struct addr server;
static struct prefix allow, deny;
static struct str texts[] = { { "one", 3 }, { "two", 3 } };
static const uint16_t ports[] = { 80, 443 };

static struct probe_message look(enum probe_look_kind kind)
{
	struct probe_message m = { .type = PROBE_LOOK, .id = 0x1122334455667788, .look = { .kind = kind } };
	struct probe_look *k = &m.look;

	k->dns = (struct probe_dns){ .servers = &server, .server_count = 1, .dnssec = true, .timeout_ms = 5000 };
	k->policy = (struct addr_policy){ .preset = ADDR_PUBLIC, .allow = &allow, .allow_count = 1, .deny = &deny,
					  .deny_count = 1 };
	k->fetch = (struct fetch_request){ .host = STR("web.test"), .port = 80,
					   .path = STR("/.well-known/acme-challenge/" TOKEN), .redirect_ports = ports,
					   .redirect_port_count = 2, .max_redirects = 5, .max_body = 1024,
					   .deadline_ms = 9000, .user_agent = STR("Assay") };
	k->handshake = (struct tls_probe_request){ .host = STR("web.test"), .port = 443, .server_name = STR("web.test"),
						   .alpn = "acme-tls/1", .deadline_ms = 9000 };
	k->ask.name = STR("_acme-challenge.web.test");
	k->ask.type = DNS_TXT;
	return m;
}

static struct probe_message seen(enum probe_look_kind kind)
{
	struct probe_message m = { .type = PROBE_SEEN, .id = 7, .seen = { .kind = kind } };

	m.seen.fetched = (struct fetch_result){ .rc = RC_OK, .status = 200, .body = bytes_of("body", 4), .dialled = server,
						.trace = STR("dns: x\nconnect: ok\n") };
	m.seen.shaken = (struct tls_probe_result){ .rc = RC_OK, .dialled = server, .alpn = STR("acme-tls/1"),
						   .certificate = bytes_of("DER", 3), .certificate_count = 1,
						   .trace = STR("tls: ok\n") };
	m.seen.answered = (struct dns_answer){ .rc = RC_OK, .secure = true, .texts = texts, .text_count = 2,
					       .hosts = texts, .host_count = 2, .alias = STR("other.test"),
					       .canonical = STR("elsewhere.test") };
	return m;
}

static void encode(const struct probe_message *m, struct buf *out)
{
	buf_init(out, LIMIT_LINK_MESSAGE + 1);
	assert_int_equal(probe_message_encode(m, out), RC_OK);
}

static void round_trip(const struct probe_message *m, struct arena *a, struct probe_message *out)
{
	AUTO(buf) struct buf b, again;
	struct probe_message other;

	encode(m, &b);
	/* The slices of what is decoded point into what was encoded: keep it. */
	assert_int_equal(probe_message_decode(a, arena_bytes(a, buf_bytes(&b)), out), RC_OK);
	encode(out, &again);
	assert_true(bytes_eq(buf_bytes(&b), buf_bytes(&again)));
	/* One octet less or more is no message. */
	assert_int_equal(probe_message_decode(a, bytes_of(b.p, b.len - 1), &other), RC_INVALID);
	buf_add_char(&b, 0);
	assert_int_equal(probe_message_decode(a, buf_bytes(&b), &other), RC_INVALID);
}

static void test_probe_message__looks(void **state)
{
	AUTO(arena) struct arena a;
	struct probe_message m, got;

	(void)state;
	arena_init(&a, 16 * PROBE_ARENA_MAX);
	m = look(PROBE_LOOK_FETCH);
	round_trip(&m, &a, &got);
	assert_true(got.id == m.id && got.look.kind == PROBE_LOOK_FETCH);
	assert_true(str_is(got.look.fetch.host, "web.test") && got.look.fetch.port == 80);
	assert_true(str_eq(got.look.fetch.path, m.look.fetch.path));
	assert_true(got.look.fetch.redirect_port_count == 2 && got.look.fetch.redirect_ports[1] == 443);
	assert_true(got.look.policy.preset == ADDR_PUBLIC && got.look.policy.allow_count == 1);
	assert_memory_equal(&got.look.policy.allow[0], &allow, sizeof(allow));
	assert_true(got.look.dns.dnssec && addr_eq(&got.look.dns.servers[0], &server));
	m = look(PROBE_LOOK_HANDSHAKE);
	round_trip(&m, &a, &got);
	assert_string_equal(got.look.handshake.alpn, "acme-tls/1");
	m = look(PROBE_LOOK_ASK);
	round_trip(&m, &a, &got);
	assert_int_equal(got.look.ask.server.len, 0);
	m.look.ask.server = server;
	round_trip(&m, &a, &got);
	assert_true(addr_eq(&got.look.ask.server, &server));
	assert_true(got.look.ask.type == DNS_TXT && str_is(got.look.ask.name, "_acme-challenge.web.test"));
}

static void test_probe_message__seen(void **state)
{
	AUTO(arena) struct arena a;
	struct probe_message m, got;

	(void)state;
	arena_init(&a, 16 * PROBE_ARENA_MAX);
	m = seen(PROBE_LOOK_FETCH);
	round_trip(&m, &a, &got);
	assert_true(got.seen.fetched.status == 200 && bytes_eq(got.seen.fetched.body, bytes_of("body", 4)));
	assert_true(addr_eq(&got.seen.fetched.dialled, &server));
	m = seen(PROBE_LOOK_HANDSHAKE);
	round_trip(&m, &a, &got);
	assert_true(str_is(got.seen.shaken.alpn, "acme-tls/1") && got.seen.shaken.certificate_count == 1);
	m = seen(PROBE_LOOK_ASK);
	round_trip(&m, &a, &got);
	assert_true(got.seen.answered.text_count == 2 && str_is(got.seen.answered.texts[1], "two"));
	assert_true(got.seen.answered.host_count == 2 && str_is(got.seen.answered.alias, "other.test"));
	assert_true(got.seen.answered.secure && str_is(got.seen.answered.canonical, "elsewhere.test"));
	m.seen.answered = (struct dns_answer){ .rc = RC_NOTFOUND, .nxdomain = true };
	round_trip(&m, &a, &got);
	assert_true(got.seen.answered.rc == RC_NOTFOUND && got.seen.answered.nxdomain && !got.seen.answered.canonical.p);
}

static void test_probe_message__others(void **state)
{
	AUTO(arena) struct arena a;
	struct probe_message hello = { .type = PROBE_HELLO, .protocol = PROBE_VERSION, .name = STR("dmz"),
				       .version = STR("0.1"), .at_once = 64 };
	struct probe_message welcome = { .type = PROBE_WELCOME, .name = STR("Home Lab"), .keepalive_ms = 15000 };
	struct probe_message refused = { .type = PROBE_REFUSED, .why = STR("no such probe") };
	struct probe_message bye = { .type = PROBE_BYE };
	struct probe_message got;

	(void)state;
	arena_init(&a, 16 * PROBE_ARENA_MAX);
	round_trip(&hello, &a, &got);
	assert_true(got.at_once == 64 && str_is(got.name, "dmz"));
	round_trip(&welcome, &a, &got);
	assert_int_equal(got.keepalive_ms, 15000);
	round_trip(&refused, &a, &got);
	for (int type = PROBE_CANCEL; type <= PROBE_PONG; type++)
		round_trip(&(struct probe_message){ .type = (enum probe_message_type)type, .id = 9 }, &a, &got);
	round_trip(&bye, &a, &got);
	/* A later version says what it likes behind its number. */
	assert_int_equal(probe_message_decode(&a, bytes_of("\1\0\2later", 8), &got), RC_OK);
	assert_int_equal(got.protocol, 2);
}

/* Each is one change to a message that is otherwise right. */
static void refuse(struct probe_message m, const char *what)
{
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf b;
	struct probe_message got;

	arena_init(&a, PROBE_ARENA_MAX);
	buf_init(&b, LIMIT_LINK_MESSAGE + 1);
	if (probe_message_encode(&m, &b) == RC_OK && probe_message_decode(&a, buf_bytes(&b), &got) == RC_OK)
		fail_msg("%s", what);
}

static void test_probe_message__refused(void **state)
{
	static struct prefix many[LIMIT_PROBE_PREFIXES + 1];
	struct probe_message m;

	(void)state;
	m = look(PROBE_LOOK_FETCH);
	m.look.fetch.path = STR("/admin");
	refuse(m, "a path that is no challenge's");
	m.look.fetch.path = STR("/.well-known/acme-challenge/");
	refuse(m, "no token");
	m.look.fetch.path = STR("/.well-known/acme-challenge/a/../../b");
	refuse(m, "a token with slashes");
	m = look(PROBE_LOOK_FETCH);
	m.look.fetch.deadline_ms = PROBE_DEADLINE_MAX_MS + 1;
	refuse(m, "a deadline that never comes");
	m = look(PROBE_LOOK_FETCH);
	m.look.fetch.host = STR("web\n.test");
	refuse(m, "a host that breaks lines");
	m = look(PROBE_LOOK_FETCH);
	m.look.policy.allow = many;
	m.look.policy.allow_count = COUNT_OF(many);
	refuse(m, "too many prefixes");
	m = look(PROBE_LOOK_HANDSHAKE);
	m.look.handshake.alpn = "http/1.1";
	refuse(m, "another protocol");
	m = seen(PROBE_LOOK_FETCH);
	m.seen.fetched.trace = STR("a\033[2Jb");
	refuse(m, "a trace that plays with the terminal");
	m = seen(PROBE_LOOK_FETCH);
	m.seen.fetched.problem = PROBLEM_DNS;
	refuse(m, "a problem with a good result");
	m = seen(PROBE_LOOK_FETCH);
	m.seen.fetched.dialled = (struct addr){ 0 };
	refuse(m, "an answer from nowhere");
	m = seen(PROBE_LOOK_HANDSHAKE);
	m.seen.shaken.certificate_count = 0;
	refuse(m, "a certificate that is none");
	refuse((struct probe_message){ .type = PROBE_HELLO, .protocol = 1, .name = STR("a b"), .at_once = 1 }, "a name");
	refuse((struct probe_message){ .type = PROBE_HELLO, .protocol = 1, .name = STR("a") }, "nothing at once");
	refuse((struct probe_message){ .type = PROBE_WELCOME, .name = STR("x") }, "no keep-alive");
}

static void test_probe_message__any_octet_changed(void **state)
{
	const struct probe_message all[] = { look(PROBE_LOOK_FETCH), look(PROBE_LOOK_HANDSHAKE), look(PROBE_LOOK_ASK),
					     seen(PROBE_LOOK_FETCH), seen(PROBE_LOOK_HANDSHAKE), seen(PROBE_LOOK_ASK) };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		AUTO(buf) struct buf b;

		encode(&all[i], &b);
		for (size_t at = 0; at < b.len; at++) {
			AUTO(arena) struct arena a;
			struct probe_message got;
			enum rc rc;

			arena_init(&a, PROBE_ARENA_MAX);
			b.p[at] = (char)~b.p[at];
			rc = probe_message_decode(&a, buf_bytes(&b), &got);
			assert_true(rc == RC_OK || rc == RC_INVALID);
			b.p[at] = (char)~b.p[at];
		}
	}
}

static int setup(void **state)
{
	(void)state;
	assert_true(addr_ip_parse(STR("10.0.0.53"), 53, &server));
	assert_int_equal(prefix_parse(STR("10.0.0.0/8"), &allow, NULL), RC_OK);
	assert_int_equal(prefix_parse(STR("fd00::/8"), &deny, NULL), RC_OK);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_message__looks),
		cmocka_unit_test(test_probe_message__seen),
		cmocka_unit_test(test_probe_message__others),
		cmocka_unit_test(test_probe_message__refused),
		cmocka_unit_test(test_probe_message__any_octet_changed),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
