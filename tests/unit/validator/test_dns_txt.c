/* test_dns_txt.c - how the records of a DNS proof are asked for: by the resolver or at every
 * authoritative server, signed or not; and dns-account-01, which differs from dns-01 in the place. Stub
 * servers on several loopback addresses: a resolver and two name servers. */
#include "validator/dns_txt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/records.h"
#include "stub_dns.h"
#include "seen.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
#define DIGEST "NGwKoXBgCT8JhEa0bK7AwfSqHyu_ZWeugV07fLGIVq0" /* base64url(SHA-256(KEY_AUTH)) */
#define OTHER "0iv_q0hWiWeugV07fLGIVq0NGwKoXBgCT8JhEa0bK7A"
/* The example of draft-ietf-acme-dns-account-label §3. */
#define ACCOUNT_URL "https://example.com/acme/acct/ExampleAccount"
#define ACCOUNT_LABEL "_ujmmovf2vn55tgye"
#define PLACE "_acme-challenge."

static const struct stub_dns_row KNOWN[] = {
	{ "zone.test", DNS_NS, .data = "ns1.zone.test|ns2.zone.test" },
	{ "ns1.zone.test", DNS_A, .data = "127.0.0.2" },
	{ "ns2.zone.test", DNS_A, .data = "127.0.0.3" },
	{ "denied.test", DNS_NS, .data = "ns.denied.test" },
	{ "ns.denied.test", DNS_A, .data = "224.0.0.1" },
	{ PLACE "plain.test", DNS_TXT, .data = DIGEST },
	{ ACCOUNT_LABEL "." PLACE "mine.test", DNS_TXT, .data = DIGEST },
	{ PLACE "notmine.test", DNS_TXT, .data = DIGEST },
	{ 0 },
};
static const struct stub_dns_row FIRST[] = {
	{ PLACE "both.zone.test", DNS_TXT, .data = DIGEST },
	{ PLACE "lag.zone.test", DNS_TXT, .data = DIGEST },
	{ PLACE "old.zone.test", DNS_TXT, .data = DIGEST },
	{ PLACE "neither.zone.test", DNS_TXT, .data = OTHER },
	{ PLACE "lame.zone.test", DNS_TXT, .data = DIGEST },
	{ PLACE "slow.zone.test", DNS_TXT, STUB_DNS_SILENT },
	{ PLACE "catchup.zone.test", DNS_TXT, .data = DIGEST },
	{ 0 },
};
static const struct stub_dns_row SECOND[] = {
	{ PLACE "both.zone.test", DNS_TXT, .data = OTHER "|" DIGEST },
	{ PLACE "old.zone.test", DNS_TXT, .data = OTHER },
	{ PLACE "neither.zone.test", DNS_TXT, .data = OTHER },
	{ PLACE "lame.zone.test", DNS_TXT, STUB_DNS_LAME, .data = OTHER },
	{ PLACE "slow.zone.test", DNS_TXT, STUB_DNS_SILENT },
	{ PLACE "catchup.zone.test", DNS_TXT, .data = OTHER, .later = DIGEST },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *known, *first, *second;
	struct resolver *resolver;
	struct validator_env *validators;
	struct addr where;
} env;

static void on_done(void *arg, const struct validation_result *r)
{
	seen_note(arg, r);
	loop_stop(env.loop);
}

static struct validation_request request(const struct identifier *id)
{
	return (struct validation_request){
		.identifier = id,
		.token = STR(TOKEN),
		.key_authorization = STR(KEY_AUTH),
		.account_url = STR(ACCOUNT_URL),
		.policy = { .targets = { .preset = ADDR_DEV }, .resolver = env.resolver,
			    .dns_authoritative = true, .dns_port = addr_port(&env.where), .deadline_ms = 5000 },
	};
}

static void run(const struct validator_ops *v, const struct validation_request *r, struct seen *seen)
{
	struct validation *running;

	*seen = (struct seen){ 0 };
	assert_int_equal(v->start(env.validators, r, on_done, seen, &running), RC_OK);
	assert_int_equal(seen->count, 0);
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

static void authoritative(const char *name, struct seen *seen)
{
	struct identifier id = { .value = str_of(name) };
	struct validation_request r = request(&id);

	run(&VALIDATOR_DNS01, &r, seen);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static struct stub_dns *start_at(const struct stub_dns_row *rows, uint8_t last)
{
	struct addr where = addr_from_ip((uint8_t[]){ 127, 0, 0, last }, 4, addr_port(&env.where));

	return stub_dns_start_at(rows, &where);
}

static int setup(void **state)
{
	struct resolver_options o = { .servers = &env.where, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	for (unsigned tries = 0; tries < 50; tries++) { /* the same port on all */
		env.known = stub_dns_start(KNOWN, &env.where);
		env.first = start_at(FIRST, 2);
		env.second = env.first ? start_at(SECOND, 3) : NULL;
		if (env.second)
			break;
		stub_dns_stop(env.known);
		if (env.first)
			stub_dns_stop(env.first);
	}
	return !env.second || loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL) ||
	       validator_env_new(env.loop, &env.validators);
}

static int teardown(void **state)
{
	(void)state;
	validator_env_free(env.validators);
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_dns_stop(env.known);
	stub_dns_stop(env.first);
	stub_dns_stop(env.second);
	return 0;
}

/* --- dns: authoritative --- */

static void test_s1_35__all_name_servers_must_agree(void **state)
{
	struct seen seen;

	(void)state;
	authoritative("both.zone.test", &seen);
	if (!seen.result.valid)
		fail_msg("%s\n%s", seen.result.detail, seen.trace);
	assert_has(seen.trace, "at ns1.zone.test (127.0.0.2): 1 record (");
	assert_has(seen.trace, "at ns2.zone.test (127.0.0.3): 2 records (");
}

static void test_dns_txt__who_lags_behind_is_named_and_waited_for(void **state)
{
	static const char *const NAMES[] = { "lag.zone.test", "old.zone.test" };
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
		authoritative(NAMES[i], &seen);
		assert_false(seen.result.valid);
		assert_true(seen.result.transient);
		assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
		assert_has(seen.result.detail, "ns2.zone.test (127.0.0.3) has not got the record yet, unlike 1 of 2");
	}
	authoritative("catchup.zone.test", &seen);
	assert_false(seen.result.valid);
	authoritative("catchup.zone.test", &seen); /* the next try */
	assert_true(seen.result.valid);
}

static void test_dns_txt__without_the_record_anywhere(void **state)
{
	struct seen seen;

	(void)state;
	authoritative("neither.zone.test", &seen);
	assert_false(seen.result.valid);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "RFC 8555 §8.4: none of the 1 TXT records of _acme-challenge.neither.zone.test");
	authoritative("absent.zone.test", &seen);
	assert_has(seen.result.detail, "does not exist in the DNS (NXDOMAIN)");
}

static void test_dns_txt__a_lame_server_does_not_count(void **state)
{
	struct seen seen;

	(void)state;
	authoritative("lame.zone.test", &seen);
	assert_true(seen.result.valid);
	assert_has(seen.trace, "ns2.zone.test (127.0.0.3): does not count: it has no authority");
}

static void test_dns_txt__failures_of_the_walk(void **state)
{
	struct identifier slow = { .value = STR("slow.zone.test") };
	struct validation_request r = request(&slow);
	struct seen seen;

	(void)state;
	authoritative("x.denied.test", &seen);
	assert_false(seen.result.valid);
	assert_false(seen.result.transient);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_has(seen.result.detail, "no name server of denied.test may be asked: policy: 224.0.0.1");
	authoritative("x.nozone.test", &seen);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "no zone is known that holds _acme-challenge.x.nozone.test");
	r.policy.deadline_ms = 600;
	run(&VALIDATOR_DNS01, &r, &seen);
	assert_true(seen.result.transient);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_true(seen.result.duration_ms < 2000);
}

static void test_dns_txt__cancel(void **state)
{
	struct identifier id = { .value = STR("slow.zone.test") };
	struct validation_request r = request(&id);
	struct seen seen = { 0 };
	struct validation *v;

	(void)state;
	for (unsigned steps = 0; steps < 6; steps++) {
		assert_int_equal(VALIDATOR_DNS01.start(env.validators, &r, on_done, &seen, &v), RC_OK);
		for (unsigned i = 0; i < steps; i++)
			loop_step(env.loop);
		VALIDATOR_DNS01.cancel(v);
		assert_int_equal(seen.count, 0);
	}
}

/* --- signatures --- */

/* What no key is known for is not signed: refused where the zone demands signatures, by whichever way
 * it is asked. */
static void test_rfc4035_5__unsigned_answers_where_signed_ones_are_demanded(void **state)
{
	static const char *const NAMES[] = { "plain.test", "both.zone.test" };
	static const char ANCHOR[] = "elsewhere.example. IN DS 12345 13 2 "
				     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	char path[] = "/tmp/assay-anchor-XXXXXX";
	struct resolver_options o = { .servers = &env.where, .server_count = 1, .dnssec = true,
				      .trust_anchor_file = path, .timeout_ms = 5000 };
	int fd = mkstemp(path);
	struct resolver *validating;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, ANCHOR, sizeof(ANCHOR) - 1), sizeof(ANCHOR) - 1);
	close(fd);
	assert_int_equal(resolver_new(env.loop, &o, &validating, NULL), RC_OK);
	unlink(path);
	assert_true(resolver_validates(validating));
	assert_false(resolver_validates(env.resolver));
	for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
		struct identifier id = { .value = str_of(NAMES[i]) };
		struct validation_request r = request(&id);
		struct seen seen;

		r.policy.resolver = validating;
		r.policy.dns_authoritative = i == 1;
		run(&VALIDATOR_DNS01, &r, &seen); /* validate: unsigned will do */
		if (!seen.result.valid)
			fail_msg("%s\n%s", seen.result.detail, seen.trace);
		r.policy.dnssec_required = true;
		run(&VALIDATOR_DNS01, &r, &seen);
		assert_false(seen.result.valid);
		assert_false(seen.result.transient);
		assert_int_equal(seen.result.problem, PROBLEM_DNS);
		assert_has(seen.result.detail, "is not signed (RFC 4035 §5)");
	}
	resolver_free(validating);
}

/* --- dns-account-01 --- */

static void test_dns_account01__has_a_place_for_each_account(void **state)
{
	struct identifier id = { .value = STR("mine.test") };
	struct validation_request r = request(&id);
	struct seen seen;

	(void)state;
	r.policy.dns_authoritative = false;
	run(&VALIDATOR_DNS_ACCOUNT01, &r, &seen);
	if (!seen.result.valid)
		fail_msg("%s", seen.result.detail);
	assert_has(seen.trace, "dns " ACCOUNT_LABEL "._acme-challenge.mine.test TXT: 1 text (");
	r.account_url = STR(ACCOUNT_URL "s"); /* another account: another place */
	run(&VALIDATOR_DNS_ACCOUNT01, &r, &seen);
	assert_false(seen.result.valid);
	assert_has(seen.result.detail, "draft-ietf-acme-dns-account-label §3: _");
	id.value = STR("notmine.test"); /* the place of dns-01 does not count (TRUST V34) */
	r.account_url = STR(ACCOUNT_URL);
	run(&VALIDATOR_DNS_ACCOUNT01, &r, &seen);
	assert_false(seen.result.valid);
	id.value = STR("mine.test");
	run(&VALIDATOR_DNS01, &r, &seen); /* nor the other way round */
	assert_false(seen.result.valid);
}

static void test_dns_account01_start__what_can_never_be_proven(void **state)
{
	struct identifier ip = { .type = IDENTIFIER_IP, .value = STR("127.0.0.1"), .ip = { 127, 0, 0, 1 },
				 .ip_len = 4 }, id = { .value = STR("mine.test") };
	struct validation_request r = request(&ip);
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_DNS_ACCOUNT01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&id);
	r.account_url = (struct str){ 0 };
	assert_int_equal(VALIDATOR_DNS_ACCOUNT01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	assert_true(VALIDATOR_DNS_ACCOUNT01.wildcard);
	assert_false(VALIDATOR_DNS_ACCOUNT01.ip);
	assert_ptr_equal(validator_by_challenge(CHALLENGE_DNS_ACCOUNT_01), &VALIDATOR_DNS_ACCOUNT01);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_s1_35__all_name_servers_must_agree),
		cmocka_unit_test(test_dns_txt__who_lags_behind_is_named_and_waited_for),
		cmocka_unit_test(test_dns_txt__without_the_record_anywhere),
		cmocka_unit_test(test_dns_txt__a_lame_server_does_not_count),
		cmocka_unit_test(test_dns_txt__failures_of_the_walk),
		cmocka_unit_test(test_dns_txt__cancel),
		cmocka_unit_test(test_rfc4035_5__unsigned_answers_where_signed_ones_are_demanded),
		cmocka_unit_test(test_dns_account01__has_a_place_for_each_account),
		cmocka_unit_test(test_dns_account01_start__what_can_never_be_proven),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
