/* test_dns_nomem.c - each allocation of a DNS proof by the authoritative servers fails in turn: of two
 * servers one has not got the record, and want of memory must never let the other decide alone. */
#include "validator/validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stub_dns.h"

#define KEY_AUTH "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
#define DIGEST "NGwKoXBgCT8JhEa0bK7AwfSqHyu_ZWeugV07fLGIVq0"
#define PLACE "_acme-challenge."

static const struct stub_dns_row KNOWN[] = {
	{ "zone.test", DNS_NS, .data = "ns1.zone.test|ns2.zone.test" },
	{ "ns1.zone.test", DNS_A, .data = "127.0.0.2" },
	{ "ns2.zone.test", DNS_A, .data = "127.0.0.3" },
	{ 0 },
};
static const struct stub_dns_row FIRST[] = {
	{ PLACE "both.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = DIGEST },
	{ PLACE "lag.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = DIGEST },
	{ PLACE "apart.zone.test", DNS_TXT, .data = DIGEST },
	{ 0 },
};
static const struct stub_dns_row SECOND[] = {
	{ PLACE "both.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = DIGEST },
	{ PLACE "lag.zone.test", DNS_TXT, STUB_DNS_TRUNCATE, .data = "an old one" },
	{ PLACE "apart.zone.test", DNS_TXT, .cname = "both.zone.test" },
	{ 0 },
};

static _Thread_local long until_failure = -1; /* allocations that still succeed; -1: all */
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

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

static struct {
	struct loop *loop;
	struct stub_dns *known, *first, *second;
	struct validator_env *validators;
	struct addr where;
} env;

static struct validation_result seen;

static void on_done(void *arg, const struct validation_result *r)
{
	(void)arg;
	seen = *r;
	loop_stop(env.loop);
}

static struct stub_dns *start_at(const struct stub_dns_row *rows, uint8_t last)
{
	struct addr where = addr_from_ip((uint8_t[]){ 127, 0, 0, last }, 4, addr_port(&env.where));

	return stub_dns_start_at(rows, &where);
}

static int setup(void **state)
{
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
	return !env.second || loop_new(&env.loop) || validator_env_new(env.loop, &env.validators);
}

static int teardown(void **state)
{
	(void)state;
	validator_env_free(env.validators);
	loop_free(env.loop);
	stub_dns_stop(env.known);
	stub_dns_stop(env.first);
	stub_dns_stop(env.second);
	return 0;
}

/* A resolver for each, whose idle memory would otherwise serve the next. */
static void attempt(const char *name, long n)
{
	struct resolver_options o = { .servers = &env.where, .server_count = 1, .timeout_ms = 2000 };
	struct identifier id = { .value = str_of(name) };
	struct validation_request r = {
		.identifier = &id,
		.key_authorization = STR(KEY_AUTH),
		.policy = { .targets = { .preset = ADDR_DEV }, .dns_authoritative = true,
			    .dns_port = addr_port(&env.where), .deadline_ms = 5000 },
	};
	struct resolver *resolver;
	struct validation *v;
	enum rc rc;

	assert_int_equal(resolver_new(env.loop, &o, &resolver, NULL), RC_OK);
	r.policy.resolver = resolver;
	seen = (struct validation_result){ .valid = false };
	failed = false;
	until_failure = n;
	rc = VALIDATOR_DNS01.start(env.validators, &r, on_done, NULL, &v);
	if (rc == RC_OK)
		loop_run(env.loop);
	until_failure = -1;
	assert_true(rc == RC_OK || rc == RC_NOMEM);
	resolver_free(resolver);
}

static void test_s1_35__want_of_memory_lets_nobody_decide_alone(void **state)
{
	static const char *const NAMES[] = { "lag.zone.test", "apart.zone.test" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(NAMES); i++)
		for (long n = 0;; n++) {
			attempt(NAMES[i], n);
			if (seen.valid)
				fail_msg("%s is valid when allocation %ld fails", NAMES[i], n);
			if (!failed)
				break;
		}
}

static void test_dns_txt__each_allocation_fails_in_turn(void **state)
{
	long n = 0;

	(void)state;
	for (;; n++) {
		attempt("both.zone.test", n);
		if (!failed)
			break;
		assert_true(seen.valid || seen.transient || !seen.problem);
	}
	assert_true(seen.valid);
	print_message("%ld allocations failed in turn\n", n);
	assert_in_range(n, 10, 1000);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_s1_35__want_of_memory_lets_nobody_decide_alone),
		cmocka_unit_test(test_dns_txt__each_allocation_fails_in_turn),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
