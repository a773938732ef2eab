/* test_http01.c - the HTTP challenge against a stub web server (RFC 8555 §8.3). */
#include "validator/validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/records.h"
#include "stub_dns.h"
#include "stub_http.h"
#include "seen.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"

static const struct stub_dns_row ROWS[] = {
	{ "web.test", DNS_A, .data = "127.0.0.1" },
	{ "servfail.test", 0, STUB_DNS_SERVFAIL },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct stub_http *http;
	struct resolver *resolver;
	struct validator_env *validators;
	const char *response; /* of the stub, set between validations */
	size_t response_len;
	bool hang;
	char path[2200], host[300];
} env;

static void serve(void *arg, const struct stub_request *r)
{
	(void)arg;
	snprintf(env.path, sizeof(env.path), "%s", r->path);
	snprintf(env.host, sizeof(env.host), "%s", r->host);
	stub_http_send(r, env.response, env.response_len);
	if (env.hang)
		stub_http_wait(r);
}

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
		.policy = { .targets = { .preset = ADDR_DEV },
			    .resolver = env.resolver,
			    .http01_port = stub_http_port(env.http),
			    .https_port = 443,
			    .deadline_ms = 5000 },
	};
}

static const struct identifier WEB = { .type = IDENTIFIER_DNS, .value = { "web.test", 8 } };

static void run(const struct validation_request *r, struct seen *seen)
{
	struct validation *v;

	*seen = (struct seen){ 0 };
	assert_int_equal(VALIDATOR_HTTP01.start(env.validators, r, on_done, seen, &v), RC_OK);
	assert_int_equal(seen->count, 0);
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

static void validate(const char *response, struct seen *seen)
{
	struct validation_request r = request(&WEB);

	env.response = response;
	env.response_len = strlen(response);
	run(&r, seen);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static int setup(void **state)
{
	struct addr server;
	struct resolver_options o = { .servers = &server, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	env.dns = stub_dns_start(ROWS, &server);
	env.http = stub_http_start("127.0.0.1", false, serve, NULL);
	return loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL) ||
	       validator_env_new(env.loop, &env.validators);
}

static int teardown(void **state)
{
	(void)state;
	validator_env_free(env.validators);
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_http_stop(env.http);
	stub_dns_stop(env.dns);
	return 0;
}

static void test_validators__table(void **state)
{
	const struct validator_ops *const *all = validators();

	(void)state;
	assert_ptr_equal(all[0], &VALIDATOR_HTTP01);
	assert_ptr_equal(all[1], &VALIDATOR_DNS01);
	assert_ptr_equal(all[2], &VALIDATOR_TLSALPN01);
	assert_ptr_equal(all[3], &VALIDATOR_DNS_ACCOUNT01);
	assert_ptr_equal(all[4], &VALIDATOR_DNS_PERSIST01);
	assert_null(all[5]);
	assert_ptr_equal(validator_by_type(STR("http-01")), &VALIDATOR_HTTP01);
	assert_null(validator_by_type(STR("http-02")));
	assert_null(validator_by_type((struct str){ 0 }));
	assert_ptr_equal(validator_by_challenge(CHALLENGE_HTTP_01), &VALIDATOR_HTTP01);
	assert_null(validator_by_challenge(0));
	assert_null(validator_by_challenge(CHALLENGE_HTTP_01 | CHALLENGE_DNS_01));
	assert_false(VALIDATOR_HTTP01.wildcard); /* RFC 8555 §8.3 cannot prove what it cannot ask */
	assert_true(VALIDATOR_HTTP01.ip);        /* RFC 8738 §4 */
}

static void test_rfc8555_8_3__key_authorization_proves_control(void **state)
{
	struct seen seen;
	char want[100];

	(void)state;
	validate("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" KEY_AUTH, &seen);
	if (!seen.result.valid)
		fail_msg("%s\n%s", seen.result.detail, seen.trace);
	assert_string_equal(env.path, "/.well-known/acme-challenge/" TOKEN);
	snprintf(want, sizeof(want), "web.test:%u", (unsigned)stub_http_port(env.http));
	assert_string_equal(env.host, want);
	assert_string_equal(seen.result.detail, "");
	assert_has(seen.trace, "dns web.test A: 127.0.0.1 (");
	assert_true(seen.result.duration_ms >= 0 && seen.result.duration_ms < 5000);
}

/* What `assay check` goes by. */
static void test_http01__says_what_it_saw(void **state)
{
	static const struct {
		const char *date;
		int64_t at;
	} DATES[] = {
		{ "Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n", INT64_C(1800000000) },
		{ "date:  Friday, 15-Jan-27 08:00:00 GMT \r\n", INT64_C(1800000000) }, /* RFC 9110 §5.6.7 */
		{ "", 0 },
		{ "Date: yesterday\r\n", 0 },
		{ "Date:\r\n", 0 },
		{ "Date: Thu, 01 Jan 1960 00:00:00 GMT\r\n", 0 },
		{ "Date: 99999999999999999999999999999999999999999999999999999999999999999999\r\n", 0 },
	};
	struct validation_request r = request(&WEB);
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(DATES); i++) {
		char response[400];

		snprintf(response, sizeof(response), "HTTP/1.1 404 X\r\n%sContent-Length: 0\r\n\r\n", DATES[i].date);
		validate(response, &seen);
		assert_true(seen.result.connected);
		assert_int_equal(seen.result.http_status, 404);
		if (seen.result.http_date != DATES[i].at)
			fail_msg("%s: %lld", DATES[i].date, (long long)seen.result.http_date);
	}
	r.identifier = &(struct identifier){ .type = IDENTIFIER_DNS, .value = STR("servfail.test") };
	run(&r, &seen);
	assert_false(seen.result.connected);
	assert_int_equal(seen.result.http_status, 0);
}

static void test_rfc8555_8_3__only_trailing_white_space_is_ignored(void **state)
{
	static const struct {
		const char *body;
		bool valid;
	} CASES[] = {
		{ KEY_AUTH "\n", true },
		{ KEY_AUTH " \t\r\n\r\n", true },
		{ " " KEY_AUTH, false },
		{ "\n" KEY_AUTH, false },
		{ "\xef\xbb\xbf" KEY_AUTH, false },
		{ KEY_AUTH "x", false },
		{ KEY_AUTH "\n.", false },
		{ KEY_AUTH KEY_AUTH, false },
		{ TOKEN, false },
		{ TOKEN ".", false },
		{ "", false },
		{ "\n", false },
		{ "<html>" KEY_AUTH "</html>", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		char response[1200];
		struct seen seen;

		snprintf(response, sizeof(response), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(CASES[i].body), CASES[i].body);
		validate(response, &seen);
		if (seen.result.valid != CASES[i].valid)
			fail_msg("\"%s\": %s", CASES[i].body, seen.result.detail);
		if (!CASES[i].valid) {
			assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
			assert_false(seen.result.transient);
		}
	}
}

static void test_rfc8555_8_3__status_must_be_200(void **state)
{
	static const struct {
		int status;
		bool transient;
	} CASES[] = { { 201, false }, { 202, false }, { 203, false }, { 204, false }, { 206, false },
		      { 300, false }, { 303, false }, { 304, false }, { 400, false }, { 401, false },
		      { 403, false }, { 404, true },  { 410, false }, { 500, true },  { 502, true },
		      { 503, true } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		char response[400], want[40];
		struct seen seen;

		snprintf(response, sizeof(response), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n" KEY_AUTH,
			 CASES[i].status, sizeof(KEY_AUTH) - 1);
		validate(response, &seen);
		if (seen.result.valid || seen.result.transient != CASES[i].transient)
			fail_msg("%d: %s", CASES[i].status, seen.result.detail);
		assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
		snprintf(want, sizeof(want), "web.test answered %d", CASES[i].status);
		assert_has(seen.result.detail, want);
	}
}

static void test_http01__details_say_what_to_do_and_show_no_body(void **state)
{
	struct validation_request r = request(&WEB);
	struct seen seen;

	(void)state;
	validate("HTTP/1.1 200 OK\r\n\r\n<title>Intranet: payroll</title>", &seen);
	assert_null(strstr(seen.result.detail, "payroll"));
	assert_null(strstr(seen.trace, "payroll"));
	assert_has(seen.result.detail, "RFC 8555 §8.3: web.test (127.0.0.1:");
	assert_has(seen.result.detail, "32 octets are not the key authorization");
	assert_has(seen.result.detail, "/.well-known/acme-challenge/" TOKEN);

	validate("HTTP/1.1 200 OK\r\n\r\n" TOKEN ".another-thumbprint", &seen);
	assert_has(seen.result.detail, "another account key");

	r.policy.targets.preset = ADDR_PRIVATE;
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
	assert_false(seen.result.transient);
	assert_has(seen.result.detail, "policy: 127.0.0.1 is loopback");
	assert_has(seen.result.detail, "ask the administrator");
}

static void test_http01__failures_have_their_problem(void **state)
{
	static const struct identifier NOTHING = { .value = { "nothing.test", 12 } },
				       SERVFAIL = { .value = { "servfail.test", 13 } };
	struct validation_request r;
	struct seen seen;
	char big[1200];
	int len;

	(void)state;
	r = request(&NOTHING);
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_false(seen.result.transient);
	assert_has(seen.result.detail, "NXDOMAIN");
	r = request(&SERVFAIL);
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_true(seen.result.transient);
	len = snprintf(big, sizeof(big), "HTTP/1.1 200 OK\r\n\r\n%01025d", 0);
	assert_true(len > LIMIT_HTTP01_BODY);
	validate(big, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
	assert_has(seen.result.detail, "more than 1024 octets");
	validate("HTTP/1.1 302 Found\r\nLocation: https://web.test:444/\r\n\r\n", &seen);
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
	assert_has(seen.result.detail, "port 444");
	r = request(&WEB);
	env.response_len = 0;
	env.hang = true;
	r.policy.deadline_ms = 100;
	run(&r, &seen);
	env.hang = false;
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
	assert_true(seen.result.transient);
}

/* RFC 8738 §4: no DNS, and the address is the Host. */
static void test_rfc8738_4__ip_addresses(void **state)
{
	static const struct identifier IP = { .type = IDENTIFIER_IP, .value = { "127.0.0.1", 9 },
					      .ip = { 127, 0, 0, 1 }, .ip_len = 4 };
	struct validation_request r = request(&IP);
	struct seen seen;
	char want[100];

	(void)state;
	env.response = "HTTP/1.1 200 OK\r\n\r\n" KEY_AUTH;
	env.response_len = strlen(env.response);
	run(&r, &seen);
	assert_true(seen.result.valid);
	snprintf(want, sizeof(want), "127.0.0.1:%u", (unsigned)stub_http_port(env.http));
	assert_string_equal(env.host, want);
	assert_null(strstr(seen.trace, "dns "));
}

static void test_http01_start__what_can_never_be_proven(void **state)
{
	static const struct identifier WILDCARD = { .value = { "web.test", 8 }, .wildcard = true };
	static const char *const TOKENS[] = { "", "a/b", "../x", "a?b", "a b", "a%2f", "a\r\nX: y", "a+b", "a=" };
	struct validation_request r = request(&WEB);
	struct validation *v;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(TOKENS); i++) {
		r.token = str_of(TOKENS[i]);
		assert_int_equal(VALIDATOR_HTTP01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	}
	r = request(&WILDCARD);
	assert_int_equal(VALIDATOR_HTTP01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&WEB);
	r.key_authorization = (struct str){ 0 };
	assert_int_equal(VALIDATOR_HTTP01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
}

static void test_http01_cancel__no_call_afterwards(void **state)
{
	struct validation_request r = request(&WEB);
	struct seen seen = { 0 }, after;
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_HTTP01.start(env.validators, &r, on_done, &seen, &v), RC_OK);
	VALIDATOR_HTTP01.cancel(v);
	VALIDATOR_HTTP01.cancel(NULL);
	validate("HTTP/1.1 200 OK\r\n\r\n" KEY_AUTH, &after);
	assert_true(after.result.valid);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_validators__table),
		cmocka_unit_test(test_rfc8555_8_3__key_authorization_proves_control),
		cmocka_unit_test(test_http01__says_what_it_saw),
		cmocka_unit_test(test_rfc8555_8_3__only_trailing_white_space_is_ignored),
		cmocka_unit_test(test_rfc8555_8_3__status_must_be_200),
		cmocka_unit_test(test_http01__details_say_what_to_do_and_show_no_body),
		cmocka_unit_test(test_http01__failures_have_their_problem),
		cmocka_unit_test(test_rfc8738_4__ip_addresses),
		cmocka_unit_test(test_http01_start__what_can_never_be_proven),
		cmocka_unit_test(test_http01_cancel__no_call_afterwards),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
