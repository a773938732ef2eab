/* test_dns_walk.c - the way to the authoritative servers, against stub servers on several loopback
 * addresses: one stands for the resolver, the others for name servers of two zones. */
#include "net/dns_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "net/dns_direct.h"
#include "stub_dns.h"

#define NS_BOTH "ns1.zone.test|ns2.zone.test"

/* What the resolver knows: where the zones are. */
static const struct stub_dns_row KNOWN[] = {
	{ "zone.test", DNS_NS, .data = NS_BOTH },
	{ "ns1.zone.test", DNS_A, .data = "127.0.0.2" },
	{ "ns2.zone.test", DNS_A, .data = "127.0.0.3" },
	{ "other.test", DNS_NS, .data = "ns1.other.test" },
	{ "ns1.other.test", DNS_A, .data = "127.0.0.4" },
	{ "www.zone.test", DNS_A, .data = "127.0.0.1" },
	{ "alias.zone.test", DNS_NS, .cname = "other.test" },
	{ "dead.test", DNS_NS, .data = "ns9.dead.test|ns1.zone.test" },
	{ "ns9.dead.test", DNS_A, .data = "127.0.0.9" },
	{ "gone.test", DNS_NS, .data = "ns9.dead.test" },
	{ "denied.test", DNS_NS, .data = "ns.denied.test" },
	{ "ns.denied.test", DNS_A, .data = "224.0.0.1|0.0.0.0" },
	{ "half.test", DNS_NS, .data = "ns.denied.test|ns1.zone.test" },
	{ "nowhere.test", DNS_NS, .data = "ns.nowhere.test" },
	{ "fails.test", DNS_NS, STUB_DNS_SERVFAIL },
	{ "many.test", DNS_NS, .data = "n1.x|n2.x|n3.x|n4.x|n5.x|n6.x|n7.x|n8.x|n9.x|n10.x|n11.x|n12.x|n13.x|"
				       "n14.x|n15.x|n16.x|n17.x" },
	{ 0 },
};

enum { ROW_SAME, ROW_FAST };
static const struct stub_dns_row FIRST[] = {
	[ROW_SAME] = { "a.zone.test", DNS_TXT, .data = "one|two" },
	[ROW_FAST] = { "www.zone.test", DNS_TXT, .data = "w" },
	{ "lag.zone.test", DNS_TXT, .data = "new" },
	{ "lame.zone.test", DNS_TXT, .data = "x" },
	{ "refused.zone.test", DNS_TXT, .data = "x" },
	{ "silent.zone.test", DNS_TXT, .data = "x" },
	{ "big.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = "b" },
	{ "forged.zone.test", DNS_TXT, STUB_DNS_FORGED, .data = "f" },
	{ "lowers.zone.test", DNS_TXT, STUB_DNS_LOWERS, .data = "l" },
	{ "tcp.zone.test", DNS_TXT, STUB_DNS_TCP_ONLY, .data = "t" },
	{ "garbage.zone.test", DNS_TXT, .data = "x" },
	{ "to.zone.test", DNS_TXT, .cname = "a.other.test" },
	{ "apart.zone.test", DNS_TXT, .cname = "a.other.test" },
	{ "mixed.zone.test", DNS_TXT, .cname = "a.other.test" },
	{ "loop.zone.test", DNS_TXT, .cname = "loop.other.test" },
	{ "below.alias.zone.test", DNS_TXT, .data = "here" },
	{ "x.dead.test", DNS_TXT, .data = "d" },
	{ "x.half.test", DNS_TXT, .data = "h" },
	{ 0 },
};
static const struct stub_dns_row SECOND[] = {
	{ "a.zone.test", DNS_TXT, .data = "two|one" },
	{ "www.zone.test", DNS_TXT, .data = "w" },
	{ "lame.zone.test", DNS_TXT, STUB_DNS_LAME, .data = "x" },
	{ "refused.zone.test", DNS_TXT, STUB_DNS_REFUSED },
	{ "silent.zone.test", DNS_TXT, STUB_DNS_SILENT },
	{ "big.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = "b" },
	{ "forged.zone.test", DNS_TXT, STUB_DNS_FORGED, .data = "f" },
	{ "lowers.zone.test", DNS_TXT, STUB_DNS_LOWERS, .data = "l" },
	{ "tcp.zone.test", DNS_TXT, STUB_DNS_TCP_ONLY, .data = "t" },
	{ "garbage.zone.test", DNS_TXT, STUB_DNS_GARBAGE },
	{ "to.zone.test", DNS_TXT, .cname = "a.other.test" },
	{ "apart.zone.test", DNS_TXT, .cname = "b.other.test" },
	{ "mixed.zone.test", DNS_TXT, .data = "x" },
	{ "loop.zone.test", DNS_TXT, .cname = "loop.other.test" },
	{ "below.alias.zone.test", DNS_TXT, .data = "here" },
	{ 0 },
};
static const struct stub_dns_row OTHER[] = {
	{ "a.other.test", DNS_TXT, .data = "theirs" },
	{ "loop.other.test", DNS_TXT, .cname = "loop.zone.test" },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *known, *first, *second, *other;
	struct resolver *resolver;
	struct addr where;
	uint16_t port;
} env;

struct seen {
	unsigned ended, answers;
	struct dns_walk_end end;
	char said[1000]; /* "ns1 (1.2.3.4)=one,two; " */
	struct buf trace;
};

static void on_answer(void *arg, const char *server, const struct dns_answer *a)
{
	struct seen *s = arg;
	size_t len = strlen(s->said);

	assert_int_equal(s->ended, 0);
	s->answers++;
	len += (size_t)snprintf(s->said + len, sizeof(s->said) - len, "%s=", server);
	for (size_t i = 0; i < a->text_count; i++)
		len += (size_t)snprintf(s->said + len, sizeof(s->said) - len, "%s%.*s", i ? "," : "", STR_ARG(a->texts[i]));
	snprintf(s->said + len, sizeof(s->said) - len, "%s; ", a->rc == RC_NOTFOUND ? "nothing" : "");
}

static void on_done(void *arg, const struct dns_walk_end *end)
{
	struct seen *s = arg;

	s->ended++;
	s->end = *end;
	loop_stop(env.loop);
}

static struct dns_walk_spec spec_of(const char *name, struct seen *s)
{
	*s = (struct seen){ 0 };
	buf_init(&s->trace, LIMIT_TRACE);
	return (struct dns_walk_spec){ .name = str_of(name), .type = DNS_TXT, .resolver = env.resolver,
				       .policy = { .preset = ADDR_DEV }, .port = env.port, .timeout_ms = 900,
				       .trace = &s->trace, .answer = on_answer, .done = on_done, .arg = s };
}

static void walk(const char *name, struct seen *s)
{
	struct dns_walk_spec spec = spec_of(name, s);
	struct dns_walk *w;

	assert_int_equal(dns_walk_start(env.loop, &spec, &w), RC_OK);
	assert_int_equal(s->ended, 0);
	loop_run(env.loop);
	assert_int_equal(s->ended, 1);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void forget(struct seen *s)
{
	buf_done(&s->trace);
}

static struct stub_dns *start_at(const struct stub_dns_row *rows, uint8_t last)
{
	struct addr where = addr_from_ip((uint8_t[]){ 127, 0, 0, last }, 4, env.port);

	return stub_dns_start_at(rows, &where);
}

static int setup(void **state)
{
	struct resolver_options o = { .servers = &env.where, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	for (unsigned tries = 0; tries < 50 && !env.other; tries++) { /* the same port on all */
		env.known = stub_dns_start(KNOWN, &env.where);
		env.port = addr_port(&env.where);
		env.first = start_at(FIRST, 2);
		env.second = env.first ? start_at(SECOND, 3) : NULL;
		env.other = env.second ? start_at(OTHER, 4) : NULL;
		if (env.other)
			break;
		stub_dns_stop(env.known);
		if (env.first)
			stub_dns_stop(env.first);
		if (env.second)
			stub_dns_stop(env.second);
	}
	return !env.other || loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL);
}

static int teardown(void **state)
{
	(void)state;
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_dns_stop(env.known);
	stub_dns_stop(env.first);
	stub_dns_stop(env.second);
	stub_dns_stop(env.other);
	return 0;
}

static void test_dns_walk__every_server_is_heard(void **state)
{
	struct seen s;

	(void)state;
	walk("a.zone.test", &s);
	if (s.end.rc != RC_OK)
		fail_msg("%s\n%.*s", s.end.why, STR_ARG(buf_str(&s.trace)));
	assert_int_equal(s.answers, 2);
	assert_has(s.said, "ns1.zone.test (127.0.0.2)=one,two; ");
	assert_has(s.said, "ns2.zone.test (127.0.0.3)=two,one; ");
	assert_has(s.trace.p, "dns a.zone.test: in zone zone.test of ns1.zone.test, ns2.zone.test\n");
	assert_has(s.trace.p, "dns a.zone.test TXT at ns2.zone.test (127.0.0.3): 2 records (");
	assert_int_equal(stub_dns_asked(env.first, ROW_SAME), 1);
	forget(&s);
	/* A name that itself has no NS records but exists; and one that is found a few labels up. */
	walk("www.zone.test", &s);
	assert_int_equal(s.answers, 2);
	forget(&s);
	walk("x.y.z.zone.test", &s);
	assert_int_equal(s.end.rc, RC_OK);
	assert_has(s.said, "ns1.zone.test (127.0.0.2)=nothing; ");
	forget(&s);
}

/* An absence is an answer too: who compares must see it. */
static void test_dns_walk__who_lags_behind_is_heard(void **state)
{
	struct seen s;

	(void)state;
	walk("lag.zone.test", &s);
	assert_int_equal(s.end.rc, RC_OK);
	assert_has(s.said, "(127.0.0.2)=new; ");
	assert_has(s.said, "(127.0.0.3)=nothing; ");
	forget(&s);
}

static void test_dns_walk__who_does_not_answer_does_not_count(void **state)
{
	static const struct {
		const char *name, *trace;
	} CASES[] = {
		{ "lame.zone.test", "ns2.zone.test (127.0.0.3): does not count: it has no authority for this name" },
		{ "refused.zone.test", "(127.0.0.3): does not count: REFUSED" },
		{ "silent.zone.test", "(127.0.0.3): does not count: no answer over UDP; over TCP: it closed the connection" },
		{ "garbage.zone.test", "(127.0.0.3): does not count: malformed response" },
		{ "x.dead.test", "ns9.dead.test (127.0.0.9): does not count: connection refused" },
		{ "x.half.test", "skip name server ns.denied.test: policy: 224.0.0.1" },
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		walk(CASES[i].name, &s);
		if (s.end.rc != RC_OK)
			fail_msg("%s: %s", CASES[i].name, s.end.why);
		assert_int_equal(s.answers, 1);
		assert_has(s.said, "ns1.zone.test (127.0.0.2)=");
		assert_has(s.trace.p, CASES[i].trace);
		forget(&s);
	}
}

static void test_dns_walk__failures_say_who_and_why(void **state)
{
	static const struct {
		const char *name;
		enum rc rc;
		bool transient;
		const char *why;
	} CASES[] = {
		{ "x.gone.test", RC_UNAVAILABLE, true,
		  "none of the 1 name servers of gone.test answered for it, for one ns9.dead.test (127.0.0.9): connection "
		  "refused" },
		{ "x.denied.test", RC_DENIED, false, "no name server of denied.test may be asked: policy: 224.0.0.1" },
		{ "x.nowhere.test", RC_UNAVAILABLE, true, "no name server of nowhere.test has an address" },
		{ "x.fails.test", RC_UNAVAILABLE, true, "the name servers of fails.test are not known: SERVFAIL" },
		{ "x.many.test", RC_DENIED, false, "policy: many.test has more than 16 name servers" },
		{ "x.unknown.test", RC_UNAVAILABLE, true, "no zone is known that holds x.unknown.test" },
		{ "apart.zone.test", RC_UNAVAILABLE, true, "an alias of b.other.test" },
		{ "mixed.zone.test", RC_UNAVAILABLE, true, "its name servers do not agree" },
		{ "loop.zone.test", RC_DENIED, false, "more than 8 aliases, or a loop" },
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		walk(CASES[i].name, &s);
		if (s.end.rc != CASES[i].rc || s.end.transient != CASES[i].transient)
			fail_msg("%s: %s, %d: %s", CASES[i].name, rc_text(s.end.rc), s.end.transient, s.end.why);
		assert_has(s.end.why, CASES[i].why);
		forget(&s);
	}
}

/* Addresses that are never dialled get no packet, name server or not (TRUST V05). */
static void test_v05__name_servers_are_vetted(void **state)
{
	struct dns_walk_spec spec;
	struct dns_walk *w;
	unsigned before;
	struct seen s;

	(void)state;
	spec = spec_of("a.zone.test", &s);
	spec.policy.preset = ADDR_PRIVATE;
	before = stub_dns_asked(env.first, ROW_SAME);
	assert_int_equal(dns_walk_start(env.loop, &spec, &w), RC_OK);
	loop_run(env.loop);
	assert_int_equal(s.end.rc, RC_DENIED);
	assert_false(s.end.transient);
	assert_has(s.end.why, "127.0.0.");
	assert_has(s.end.why, "is loopback");
	assert_int_equal(stub_dns_asked(env.first, ROW_SAME), before);
	forget(&s);
}

static void test_dns_walk__aliases_lead_to_other_zones(void **state)
{
	struct seen s;

	(void)state;
	walk("to.zone.test", &s);
	assert_int_equal(s.end.rc, RC_OK);
	assert_string_equal(s.said, "ns1.other.test (127.0.0.4)=theirs; ");
	assert_has(s.trace.p, "dns to.zone.test TXT at ns1.zone.test (127.0.0.2): CNAME a.other.test (");
	forget(&s);
	/* The name above is an alias, but the name itself is not. */
	walk("below.alias.zone.test", &s);
	assert_int_equal(s.end.rc, RC_OK);
	assert_has(s.said, "ns1.zone.test (127.0.0.2)=here; ");
	forget(&s);
}

static void test_rfc7766_5__truncated_then_tcp(void **state)
{
	unsigned before = stub_dns_asked_tcp(env.first);
	struct seen s;

	(void)state;
	walk("big.zone.test", &s);
	assert_has(s.said, "(127.0.0.2)=b; ");
	assert_int_equal(stub_dns_asked_tcp(env.first), before + 1);
	forget(&s);
	walk("tcp.zone.test", &s); /* a path that loses UDP */
	assert_has(s.said, "(127.0.0.3)=t; ");
	forget(&s);
}

static void test_rfc5452_9_1__what_is_not_the_answer_is_not_looked_at(void **state)
{
	struct seen s;

	(void)state;
	walk("forged.zone.test", &s);
	assert_has(s.said, "(127.0.0.2)=f; ");
	assert_has(s.said, "(127.0.0.3)=f; ");
	forget(&s);
	walk("lowers.zone.test", &s); /* does not keep the case: TCP, where nobody can forge blindly */
	assert_has(s.said, "(127.0.0.2)=l; ");
	forget(&s);
}

static void test_dns_walk__cancel(void **state)
{
	static const unsigned STEPS[] = { 0, 1, 2, 4, 8 };
	struct dns_walk_spec spec;
	struct dns_walk *w;
	struct seen s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(STEPS); i++) {
		spec = spec_of("silent.zone.test", &s);
		assert_int_equal(dns_walk_start(env.loop, &spec, &w), RC_OK);
		for (unsigned k = 0; k < STEPS[i]; k++)
			loop_step(env.loop);
		dns_walk_cancel(w);
		assert_int_equal(s.ended, 0);
		forget(&s);
	}
	dns_walk_cancel(NULL);
	spec = spec_of("not a name", &s);
	assert_int_equal(dns_walk_start(env.loop, &spec, &w), RC_INVALID);
	forget(&s);
}

/* --- one question --- */

static void on_direct(void *arg, const struct dns_answer *a)
{
	*(struct dns_answer *)arg = *a;
	loop_stop(env.loop);
}

static void test_dns_direct_ask__no_socket_for_it(void **state)
{
	struct dns_direct_spec spec = { .name = STR("a.zone.test"), .type = DNS_TXT, .timeout_ms = 900 };
	struct dns_answer answer = { 0 };
	struct dns_direct *q;

	(void)state;
	spec.server = addr_from_ip((uint8_t[]){ 255, 255, 255, 255 }, 4, 53); /* broadcast: the kernel refuses */
	assert_int_equal(dns_direct_ask(env.loop, &spec, on_direct, &answer, &q), RC_OK);
	loop_run(env.loop);
	assert_int_equal(answer.rc, RC_IO);
	assert_true(answer.why[0]);
	spec.name = STR("no name");
	assert_int_equal(dns_direct_ask(env.loop, &spec, on_direct, &answer, &q), RC_INVALID);
	dns_direct_cancel(NULL);
}

/* Our own trouble is no silence of the server: it must not be left out for that. */
static void test_dns_direct_ask__no_descriptors_left(void **state)
{
	struct dns_direct_spec spec = { .name = STR("a.zone.test"), .type = DNS_TXT, .timeout_ms = 900 };
	struct dns_answer answer = { 0 };
	struct rlimit old, none;
	struct dns_direct *q;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
	spec.server = addr_from_ip((uint8_t[]){ 127, 0, 0, 2 }, 4, env.port);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(dns_direct_ask(env.loop, &spec, on_direct, &answer, &q), RC_OK);
	loop_run(env.loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(answer.rc, RC_BUSY);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_dns_walk__every_server_is_heard),
		cmocka_unit_test(test_dns_walk__who_lags_behind_is_heard),
		cmocka_unit_test(test_dns_walk__who_does_not_answer_does_not_count),
		cmocka_unit_test(test_dns_walk__failures_say_who_and_why),
		cmocka_unit_test(test_v05__name_servers_are_vetted),
		cmocka_unit_test(test_dns_walk__aliases_lead_to_other_zones),
		cmocka_unit_test(test_rfc7766_5__truncated_then_tcp),
		cmocka_unit_test(test_rfc5452_9_1__what_is_not_the_answer_is_not_looked_at),
		cmocka_unit_test(test_dns_walk__cancel),
		cmocka_unit_test(test_dns_direct_ask__no_socket_for_it),
		cmocka_unit_test(test_dns_direct_ask__no_descriptors_left),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
