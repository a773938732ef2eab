/* test_resolver.c - questions through libunbound to a stub server on loopback. */
#include "net/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "stub_dns.h"

static const struct stub_dns_row ROWS[] = {
	{ "web.lab.internal", DNS_A, .data = "10.0.0.5|10.0.0.6" },
	{ "web.lab.internal", DNS_AAAA, .data = "fd00::5" },
	{ "four.lab.internal", DNS_A, .data = "10.0.0.7" },
	{ "alias.lab.internal", .cname = "alias2.lab.internal" },
	{ "alias2.lab.internal", .cname = "web.lab.internal" },
	{ "dangling.lab.internal", .cname = "gone.lab.internal" },
	{ "loop.lab.internal", .cname = "pool.lab.internal" },
	{ "pool.lab.internal", .cname = "loop.lab.internal" },
	{ "_acme-challenge.lab.internal", DNS_TXT, .data = "one+two|three" },
	{ "caa.lab.internal", DNS_CAA, .data = "0 issue ca.example|128 iodef mailto:x" },
	{ "servfail.lab.internal", 0, STUB_DNS_SERVFAIL },
	{ "refused.lab.internal", 0, STUB_DNS_REFUSED },
	{ "silent.lab.internal", 0, STUB_DNS_SILENT },
	{ "liar.lab.internal", 0, STUB_DNS_LIE, .data = "10.6.6.6" },
	{ "garbage.lab.internal", 0, STUB_DNS_GARBAGE },
	{ "big.lab.internal", DNS_A, STUB_DNS_TRUNCATE, .data = "10.0.0.8" },
	{ "printer.home.arpa", DNS_A, .data = "10.0.0.9" },
	{ "host.test", DNS_A, .data = "10.0.0.10" },
	{ "many.lab.internal", DNS_A,
	  .data = "10.1.0.1|10.1.0.2|10.1.0.3|10.1.0.4|10.1.0.5|10.1.0.6|10.1.0.7|10.1.0.8|10.1.0.9|"
		  "10.1.0.10|10.1.0.11|10.1.0.12|10.1.0.13|10.1.0.14|10.1.0.15|10.1.0.16|10.1.0.17" },
	{ "signed.example", DNS_A, .data = "10.0.0.11" },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct addr server;
	unsigned open;
} env;

struct seen {
	unsigned count;
	struct dns_answer answer; /* slices are copied below */
	char texts[256], canonical[256];
};

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct seen *seen = arg;
	size_t len = 0;

	seen->count++;
	seen->answer = *a;
	for (size_t i = 0; i < a->text_count; i++)
		len += (size_t)snprintf(seen->texts + len, sizeof(seen->texts) - len, "%.*s|",
					STR_ARG(a->texts[i]));
	for (size_t i = 0; i < a->caa_count; i++)
		len += (size_t)snprintf(seen->texts + len, sizeof(seen->texts) - len, "%u %.*s %.*s|",
					a->caa[i].flags, STR_ARG(a->caa[i].tag),
					STR_ARG(a->caa[i].value));
	snprintf(seen->canonical, sizeof(seen->canonical), "%.*s", STR_ARG(a->canonical));
	if (--env.open == 0)
		loop_stop(env.loop);
}

static struct dns_query *ask(struct resolver *r, const char *name, enum dns_type type, struct seen *seen)
{
	struct dns_query *q = NULL;

	*seen = (struct seen){ 0 };
	env.open++;
	assert_int_equal(resolver_ask(r, str_of(name), type, on_answer, seen, &q), RC_OK);
	assert_int_equal(seen->count, 0); /* never from within resolver_ask */
	return q;
}

static struct resolver *resolver(int timeout_ms)
{
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .timeout_ms = timeout_ms };
	struct resolver *r;

	assert_int_equal(resolver_new(env.loop, &o, &r, NULL), RC_OK);
	return r;
}

static int setup(void **state)
{
	(void)state;
	env.dns = stub_dns_start(ROWS, &env.server);
	return loop_new(&env.loop);
}

static int teardown(void **state)
{
	(void)state;
	stub_dns_stop(env.dns);
	loop_free(env.loop);
	return 0;
}

static void test_resolver_ask__answers(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		enum rc rc;
		const char *addrs, *texts, *canonical, *why;
	} CASES[] = {
		{ "web.lab.internal", DNS_A, RC_OK, "10.0.0.5 10.0.0.6 " },
		{ "WEB.lab.INTERNAL.", DNS_AAAA, RC_OK, "fd00::5 " },
		{ "four.lab.internal", DNS_AAAA, RC_NOTFOUND },
		{ "nothing.lab.internal", DNS_A, RC_NOTFOUND },
		{ "alias.lab.internal", DNS_A, RC_OK, "10.0.0.5 10.0.0.6 ", NULL, "web.lab.internal" },
		{ "alias.lab.internal", DNS_TXT, RC_NOTFOUND, NULL, NULL, "web.lab.internal" },
		{ "_acme-challenge.lab.internal", DNS_TXT, RC_OK, NULL, "onetwo|three|" },
		{ "caa.lab.internal", DNS_CAA, RC_OK, NULL, "0 issue ca.example|128 iodef mailto:x|" },
		{ "web.lab.internal", DNS_CAA, RC_NOTFOUND },
		{ "servfail.lab.internal", DNS_A, RC_IO, .why = "SERVFAIL from 127.0.0.1:" },
		{ "refused.lab.internal", DNS_A, RC_IO, .why = " from 127.0.0.1:" },
		{ "loop.lab.internal", DNS_A, RC_IO, .why = " from 127.0.0.1:" },
		{ "big.lab.internal", DNS_A, RC_OK, "10.0.0.8 " },
		{ "printer.home.arpa", DNS_A, RC_OK, "10.0.0.9 " },
		{ "host.test", DNS_A, RC_OK, "10.0.0.10 " },
	};
	struct resolver *r = resolver(5000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		char addrs[1024] = "";
		size_t len = 0;
		struct seen seen;

		ask(r, CASES[i].name, CASES[i].type, &seen);
		loop_run(env.loop);
		assert_int_equal(seen.count, 1);
		if (seen.answer.rc != CASES[i].rc)
			fail_msg("%s: %s (%s)", CASES[i].name, rc_text(seen.answer.rc), seen.answer.why);
		for (size_t k = 0; k < seen.answer.addr_count; k++) {
			char ip[ADDR_TEXT_MAX];

			addr_text_ip(&seen.answer.addrs[k], ip);
			len += (size_t)snprintf(addrs + len, sizeof(addrs) - len, "%s ", ip);
		}
		/* The order of records in a set is anybody's (RFC 2181 §5). */
		if (strcmp(addrs, "10.0.0.6 10.0.0.5 ") == 0)
			snprintf(addrs, sizeof(addrs), "10.0.0.5 10.0.0.6 ");
		if (strcmp(seen.texts, "three|onetwo|") == 0)
			snprintf(seen.texts, sizeof(seen.texts), "onetwo|three|");
		assert_string_equal(addrs, CASES[i].addrs ? CASES[i].addrs : "");
		if (CASES[i].texts && strlen(seen.texts) != strlen(CASES[i].texts))
			assert_string_equal(seen.texts, CASES[i].texts);
		assert_string_equal(seen.canonical, CASES[i].canonical ? CASES[i].canonical : "");
		if (CASES[i].why && !strstr(seen.answer.why, CASES[i].why))
			fail_msg("%s: %s", CASES[i].name, seen.answer.why);
	}
	assert_true(stub_dns_asked_tcp(env.dns) >= 1); /* big.lab.internal: TC, so again by TCP */
	resolver_free(r);
}

static void test_resolver_ask__nxdomain_and_no_data_differ(void **state)
{
	struct resolver *r = resolver(5000);
	struct seen none, no_data, dangling;

	(void)state;
	ask(r, "nothing.lab.internal", DNS_A, &none);
	ask(r, "four.lab.internal", DNS_AAAA, &no_data);
	ask(r, "dangling.lab.internal", DNS_A, &dangling);
	loop_run(env.loop);
	assert_true(none.answer.nxdomain);
	assert_false(no_data.answer.nxdomain);
	assert_int_equal(no_data.answer.rc, RC_NOTFOUND);
	assert_int_equal(dangling.answer.rc, RC_NOTFOUND);
	resolver_free(r);
}

static void test_resolver_ask__addresses_are_limited(void **state)
{
	struct resolver *r = resolver(5000);
	struct seen seen;

	(void)state;
	ask(r, "many.lab.internal", DNS_A, &seen);
	loop_run(env.loop);
	assert_int_equal(seen.answer.addr_count, LIMIT_DNS_ADDRESSES);
	resolver_free(r);
}

static void test_resolver_ask__bad_names_are_refused(void **state)
{
	static const char *const NAMES[] = {
		"", ".", "a..b", ".a", "a b", "a/b", "a\\.b", "ä.example", "*.example", "a..",
		"0123456789012345678901234567890123456789012345678901234567890123.example",
	};
	struct resolver *r = resolver(5000);
	struct dns_query *q;
	char longest[400];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++)
		if (resolver_ask(r, str_of(NAMES[i]), DNS_A, on_answer, NULL, &q) != RC_INVALID)
			fail_msg("asked for \"%s\"", NAMES[i]);
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 ? '.' : 'a';
	assert_int_equal(resolver_ask(r, (struct str){ longest, 255 }, DNS_A, on_answer, NULL, &q),
			 RC_INVALID);
	resolver_free(r);
}

static void test_resolver_ask__times_out(void **state)
{
	struct resolver *r = resolver(120);
	struct seen silent, liar;
	int64_t start_ms = clock_mono_ms();

	(void)state;
	ask(r, "silent.lab.internal", DNS_A, &silent);
	ask(r, "liar.lab.internal", DNS_A, &liar); /* an answer to another question is no answer */
	loop_run(env.loop);
	assert_int_equal(silent.answer.rc, RC_TIMEOUT);
	assert_non_null(strstr(silent.answer.why, "no answer from 127.0.0.1:"));
	assert_int_not_equal(liar.answer.rc, RC_OK);
	assert_int_equal(liar.answer.addr_count, 0);
	assert_true(clock_mono_ms() - start_ms < 2000);
	resolver_free(r);
}

static void test_resolver_ask__garbage_is_no_answer(void **state)
{
	struct resolver *r = resolver(150);
	struct seen seen;

	(void)state;
	ask(r, "garbage.lab.internal", DNS_A, &seen);
	loop_run(env.loop);
	assert_true(seen.answer.rc == RC_IO || seen.answer.rc == RC_TIMEOUT);
	assert_int_equal(seen.answer.addr_count, 0);
	resolver_free(r);
}

static void test_resolver_ask__cached_answers_come_later_too(void **state)
{
	struct resolver *r = resolver(5000);
	unsigned before;
	struct seen seen, twice[2];

	(void)state;
	ask(r, "four.lab.internal", DNS_A, &seen);
	loop_run(env.loop);
	before = stub_dns_asked(env.dns, 2);
	ask(r, "four.lab.internal", DNS_A, &twice[0]);
	ask(r, "four.lab.internal", DNS_A, &twice[1]);
	loop_run(env.loop);
	assert_int_equal(twice[0].answer.addr_count, 1);
	assert_int_equal(twice[1].answer.addr_count, 1);
	assert_int_equal(stub_dns_asked(env.dns, 2), before);
	resolver_free(r);
}

static void test_resolver_cancel__asked_and_answered(void **state)
{
	struct resolver *r = resolver(5000);
	struct seen cached, open, kept;
	struct dns_query *a, *b;

	(void)state;
	ask(r, "four.lab.internal", DNS_A, &kept);
	loop_run(env.loop);
	a = ask(r, "four.lab.internal", DNS_A, &cached); /* answered from the cache, not delivered */
	b = ask(r, "silent.lab.internal", DNS_A, &open);
	ask(r, "web.lab.internal", DNS_A, &kept);
	resolver_cancel(a);
	resolver_cancel(b);
	resolver_cancel(NULL);
	env.open -= 2;
	loop_run(env.loop);
	assert_int_equal(cached.count, 0);
	assert_int_equal(open.count, 0);
	assert_int_equal(kept.count, 1);
	resolver_free(r);
}

/* More questions than libunbound gets at once: all are answered, in whatever order; those that wait
 * can be cancelled and time out like the others. */
static void test_resolver_ask__many_at_once(void **state)
{
	enum { COUNT = 700 };
	static struct seen seen[COUNT];
	static struct dns_query *open[COUNT];
	struct resolver *r = resolver(5000), *impatient = resolver(100);
	unsigned answered = 0, timed_out = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		char name[40];

		snprintf(name, sizeof(name), "n%u.lab.internal", i);
		open[i] = ask(r, name, DNS_A, &seen[i]);
	}
	for (unsigned i = 0; i < COUNT; i += 7) {
		resolver_cancel(open[i]);
		env.open--;
	}
	loop_run(env.loop);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(seen[i].count, i % 7 ? 1 : 0);
		answered += seen[i].count && seen[i].answer.rc == RC_NOTFOUND;
	}
	assert_int_equal(answered, COUNT - COUNT / 7);
	for (unsigned i = 0; i < COUNT; i++)
		ask(impatient, "silent.lab.internal", DNS_A, &seen[i]);
	loop_run(env.loop);
	for (unsigned i = 0; i < COUNT; i++)
		timed_out += seen[i].answer.rc == RC_TIMEOUT;
	assert_int_equal(timed_out, COUNT);
	resolver_free(r);
	resolver_free(impatient);
}

static void test_resolver_free__open_questions_get_no_answer(void **state)
{
	struct resolver *r = resolver(5000);
	struct seen seen[2];

	(void)state;
	ask(r, "silent.lab.internal", DNS_A, &seen[0]);
	ask(r, "web.lab.internal", DNS_A, &seen[1]);
	resolver_free(r);
	env.open = 0;
	assert_int_equal(seen[0].count + seen[1].count, 0);
	resolver_free(NULL);
}

/* A zone whose key is known and whose answers carry no signature. */
static void test_resolver_ask__dnssec_bogus_is_denied_not_absent(void **state)
{
	char path[] = "/tmp/assay-anchor-XXXXXX";
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .dnssec = true,
				      .trust_anchor_file = path, .timeout_ms = 5000 };
	static const char ANCHOR[] = "signed.example. IN DS 12345 13 2 "
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	struct seen bogus, insecure;
	struct resolver *r;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, ANCHOR, sizeof(ANCHOR) - 1), sizeof(ANCHOR) - 1);
	close(fd);
	assert_int_equal(resolver_new(env.loop, &o, &r, NULL), RC_OK);
	unlink(path);
	ask(r, "signed.example", DNS_A, &bogus);
	ask(r, "four.lab.internal", DNS_A, &insecure); /* outside of every anchor */
	loop_run(env.loop);
	assert_int_equal(bogus.answer.rc, RC_DENIED);
	assert_int_equal(bogus.answer.addr_count, 0);
	assert_non_null(strstr(bogus.answer.why, "RFC 4035 §5.5"));
	assert_int_equal(insecure.answer.rc, RC_OK);
	assert_false(insecure.answer.secure);
	resolver_free(r);
}

static void test_resolver_new__missing_trust_anchor_is_an_error(void **state)
{
	struct resolver_options o = { .servers = &env.server, .server_count = 1, .dnssec = true,
				      .trust_anchor_file = "/nonexistent/root.key" };
	struct fault f = { 0 };
	struct resolver *r;

	(void)state;
	assert_int_equal(resolver_new(env.loop, &o, &r, &f), RC_IO);
	assert_non_null(strstr(f.detail, "/nonexistent/root.key"));
}

static void test_resolver_new__system_resolvers_and_hosts(void **state)
{
	struct resolver_options o = { .timeout_ms = 5000 };
	struct resolver *r;
	struct seen seen;

	(void)state;
	assert_int_equal(resolver_new(env.loop, &o, &r, NULL), RC_OK);
	ask(r, "localhost", DNS_A, &seen); /* without leaving the machine */
	loop_run(env.loop);
	assert_int_equal(seen.answer.rc, RC_OK);
	resolver_free(r);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_resolver_ask__answers),
		cmocka_unit_test(test_resolver_ask__nxdomain_and_no_data_differ),
		cmocka_unit_test(test_resolver_ask__addresses_are_limited),
		cmocka_unit_test(test_resolver_ask__bad_names_are_refused),
		cmocka_unit_test(test_resolver_ask__times_out),
		cmocka_unit_test(test_resolver_ask__garbage_is_no_answer),
		cmocka_unit_test(test_resolver_ask__cached_answers_come_later_too),
		cmocka_unit_test(test_resolver_cancel__asked_and_answered),
		cmocka_unit_test(test_resolver_ask__many_at_once),
		cmocka_unit_test(test_resolver_free__open_questions_get_no_answer),
		cmocka_unit_test(test_resolver_ask__dnssec_bogus_is_denied_not_absent),
		cmocka_unit_test(test_resolver_new__missing_trust_anchor_is_an_error),
		cmocka_unit_test(test_resolver_new__system_resolvers_and_hosts),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
