/* test_tlsalpn01.c - the TLS challenge against a server with any one thing wrong (RFC 8737). */
#include "validator/validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>

#include <openssl/ssl.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "store/records.h"
#include "stub_dns.h"
#include "stub_tls.h"
#include "seen.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"

static const struct stub_dns_row ROWS[] = {
	{ "web.test", DNS_A, .data = "127.0.0.1" },
	{ "six.test", DNS_AAAA, .data = "::1" },
	/* Nobody listens on the port there: the next address is dialled. */
	{ "both.test", DNS_AAAA, .data = "::1" },
	{ "both.test", DNS_A, .data = "127.0.0.1" },
	{ "dead.test", DNS_A, .data = "127.0.0.2|127.0.0.3" },
	{ "servfail.test", 0, STUB_DNS_SERVFAIL },
	{ "silent.test", 0, STUB_DNS_SILENT },
	{ "empty.test", DNS_TXT, .data = "nothing" },
	{ 0 },
};

static struct {
	struct loop *loop;
	struct stub_dns *dns;
	struct stub_tls *tls;
	struct resolver *resolver;
	struct validator_env *validators;
	uint8_t digest[32], wrong[32];
	unsigned connections;
} env;

static void on_done(void *arg, const struct validation_result *r)
{
	seen_note(arg, r);
	loop_stop(env.loop);
}

static struct identifier dns_name(const char *name)
{
	return (struct identifier){ .type = IDENTIFIER_DNS, .value = str_of(name) };
}

static struct validation_request request(const struct identifier *id)
{
	return (struct validation_request){
		.identifier = id,
		.token = STR(TOKEN),
		.key_authorization = STR(KEY_AUTH),
		.policy = { .targets = { .preset = ADDR_DEV },
			    .resolver = env.resolver,
			    .tls_alpn01_port = stub_tls_port(env.tls),
			    .deadline_ms = 5000 },
	};
}

static void run(const struct validation_request *r, struct seen *seen)
{
	struct validation *v;

	*seen = (struct seen){ 0 };
	assert_int_equal(VALIDATOR_TLSALPN01.start(env.validators, r, on_done, seen, &v), RC_OK);
	assert_int_equal(seen->count, 0);
	loop_run(env.loop);
	assert_int_equal(seen->count, 1);
}

/* Validates id against a server with this certificate and plan, to which the certificate is added. */
static struct stub_tls_seen against(const struct identifier *id, const struct stub_cert_plan *cert_plan,
				    struct stub_tls_plan plan, struct seen *seen)
{
	struct stub_cert cert = stub_cert_make(cert_plan);
	struct validation_request r = request(id);
	struct stub_tls_seen server;

	plan.cert = &cert;
	stub_tls_set(env.tls, &plan);
	run(&r, seen);
	server = stub_tls_wait(env.tls, ++env.connections);
	stub_cert_done(&cert);
	return server;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static const struct stub_tls_plan PROPER = { .alpn = "acme-tls/1" };

static int setup(void **state)
{
	struct addr server;
	struct resolver_options o = { .servers = &server, .server_count = 1, .timeout_ms = 2000 };

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sha256(str_bytes(STR(KEY_AUTH)), env.digest);
	sha256(str_bytes(STR(TOKEN)), env.wrong);
	env.dns = stub_dns_start(ROWS, &server);
	env.tls = stub_tls_start("127.0.0.1");
	return loop_new(&env.loop) || resolver_new(env.loop, &o, &env.resolver, NULL) ||
	       validator_env_new(env.loop, &env.validators);
}

static int teardown(void **state)
{
	(void)state;
	validator_env_free(env.validators);
	resolver_free(env.resolver);
	loop_free(env.loop);
	stub_tls_stop(env.tls);
	stub_dns_stop(env.dns);
	return 0;
}

static void test_rfc8737_3__digest_in_a_certificate_proves_control(void **state)
{
	static const int VERSIONS[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const enum stub_key KEYS[] = { STUB_KEY_P256, STUB_KEY_P384, STUB_KEY_RSA2048,
					      STUB_KEY_ED25519 };
	struct identifier id = dns_name("web.test");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(VERSIONS); i++)
		for (size_t k = 0; k < COUNT_OF(KEYS); k++) {
			struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest,
						       .key = KEYS[k] };
			struct stub_tls_plan plan = PROPER;
			struct stub_tls_seen server;
			struct seen seen;

			plan.min_version = plan.max_version = VERSIONS[i];
			server = against(&id, &cert, plan, &seen);
			if (!seen.result.valid)
				fail_msg("key %zu: %s\n%s", k, seen.result.detail, seen.trace);
			assert_string_equal(seen.result.detail, "");
			/* RFC 8737 §3, §4: exactly this name, exactly this protocol. */
			assert_string_equal(server.sni, "web.test");
			assert_string_equal(server.alpn, "acme-tls/1");
			assert_has(seen.trace, "dns web.test A: 127.0.0.1 (");
			assert_has(seen.trace, VERSIONS[i] == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
			assert_has(seen.trace, "SNI web.test, ALPN acme-tls/1, 1 certificate (");
		}
}

/* RFC 8737 §3: "the connection is closed without any application data". */
static void test_rfc8737_3__no_application_data_is_sent(void **state)
{
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };
	struct stub_tls_plan plan = PROPER;
	struct stub_tls_seen server;
	struct seen seen;

	(void)state;
	plan.max_version = TLS1_2_VERSION; /* no tickets cross the client's farewell */
	server = against(&id, &cert, plan, &seen);
	assert_true(seen.result.valid);
	assert_true(server.handshake);
	assert_true(server.closed_properly);
	assert_int_equal(server.application_octets, 0);
}

static void test_rfc8737_3__names_are_compared_without_case_and_times_not_at_all(void **state)
{
	struct identifier id = dns_name("web.test");
	const struct stub_cert_plan CASES[] = {
		{ .sans = "DNS:WEB.Test", .digest = env.digest },
		{ .sans = "DNS:web.test", .digest = env.digest, .expired = true },
		{ .sans = "DNS:web.test", .digest = env.digest, .subject = "another.test" },
	};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		(void)against(&id, &CASES[i], PROPER, &seen);
		if (!seen.result.valid)
			fail_msg("case %zu: %s", i, seen.result.detail);
	}
}

/* Each thing that RFC 8737 §3 wants of the certificate, wrong alone. */
static void test_rfc8737_3__wrong_certificates(void **state)
{
	uint8_t raw[40] = { 0x04, 0x20 }; /* tag, 32, digest, one octet more */
	uint8_t short_digest[33] = { 0x04, 0x1f }, long_digest[35] = { 0x04, 0x21 };
	uint8_t long_form[35] = { 0x04, 0x81, 0x20 }, bits[34] = { 0x03, 0x20 };
	const struct {
		struct stub_cert_plan cert;
		const char *detail;
	} CASES[] = {
		{ { .sans = "DNS:web.test", .digest = env.wrong }, "is not the SHA-256 digest" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .not_critical = true }, "not critical" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .oid = "1.3.6.1.5.5.7.1.30.1" },
		  "1.3.6.1.5.5.7.1.30.1" }, /* TRUST V27 */
		{ { .sans = "DNS:web.test", .oid = "" }, "has no acmeIdentifier" }, /* TRUST V35 */
		{ { .sans = "DNS:web.test", .digest = env.digest, .oid = "1.3.6.1.5.5.7.1.32" },
		  "has no acmeIdentifier" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .twice = true }, "twice" },
		{ { .sans = "DNS:web.test", .value = env.digest, .value_len = 32 }, "OCTET STRING" },
		{ { .sans = "DNS:web.test", .value = raw, .value_len = 35 }, "OCTET STRING" }, /* trailing */
		{ { .sans = "DNS:web.test", .value = raw, .value_len = 33 }, "OCTET STRING" }, /* cut */
		{ { .sans = "DNS:web.test", .value = short_digest, .value_len = 33 }, "OCTET STRING" },
		{ { .sans = "DNS:web.test", .value = long_digest, .value_len = 35 }, "OCTET STRING" },
		{ { .sans = "DNS:web.test", .value = long_form, .value_len = 35 }, "OCTET STRING" },
		{ { .sans = "DNS:web.test", .value = bits, .value_len = 34 }, "OCTET STRING" },
		{ { .sans = NULL, .digest = env.digest }, "no subjectAltName" },
		{ { .sans = "DNS:web.test,DNS:www.web.test", .digest = env.digest }, "2 subject alternative names" },
		{ { .sans = "DNS:web.test,IP:127.0.0.1", .digest = env.digest }, "2 subject alternative names" },
		{ { .sans = "DNS:web.test,DNS:web.test", .digest = env.digest }, "2 subject alternative names" },
		{ { .sans = "DNS:other.test", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "DNS:*.test", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "DNS:web.test.", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "DNS:x.web.test", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "IP:127.0.0.1", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "email:web.test", .digest = env.digest }, "not the dNSName" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .issuer = "some CA" }, "not self-signed" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .signed_by_other = true }, "signature" },
		{ { .sans = "DNS:web.test", .digest = env.digest, .version1 = true }, "version 3" },
	};
	struct identifier id = dns_name("web.test");

	(void)state;
	memcpy(raw + 2, env.digest, 32);
	memcpy(short_digest + 2, env.digest, 31);
	memcpy(long_digest + 2, env.digest, 32);
	memcpy(long_form + 3, env.digest, 32);
	memcpy(bits + 2, env.digest, 32);
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct seen seen;

		(void)against(&id, &CASES[i].cert, PROPER, &seen);
		if (seen.result.valid)
			fail_msg("case %zu (%s) was accepted", i, CASES[i].detail);
		assert_has(seen.result.detail, CASES[i].detail);
		assert_has(seen.result.detail, "web.test (127.0.0.1:");
		assert_int_equal(seen.result.problem, PROBLEM_INCORRECT_RESPONSE);
		assert_false(seen.result.transient);
	}
}

static void test_rfc8737_3__exactly_one_certificate(void **state)
{
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };
	struct stub_cert second = stub_cert_make(&cert);
	struct stub_tls_plan plan = PROPER;
	struct seen seen;

	(void)state;
	plan.second = second.cert;
	(void)against(&id, &cert, plan, &seen);
	assert_false(seen.result.valid);
	assert_has(seen.result.detail, "showed 2 certificates");
	stub_cert_done(&second);
}

/* TRUST V35: a machine that serves many names shows its default certificate to everybody. */
static void test_rfc8737_4__protocol_must_be_negotiated(void **state)
{
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };
	static const char *const CHOICES[] = { NULL, "http/1.1", "h2", "acme-tls/2", "acme-tls", "ACME-TLS/1" };
	struct stub_tls_plan plan = PROPER;
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CHOICES); i++) {
		plan.alpn = CHOICES[i];
		(void)against(&id, &cert, plan, &seen);
		assert_false(seen.result.valid);
		assert_true(seen.result.transient);
		assert_true(seen.result.problem == PROBLEM_INCORRECT_RESPONSE ||
			    seen.result.problem == PROBLEM_TLS);
		assert_has(seen.result.detail, "acme-tls/1");
	}
	plan.alpn = ""; /* RFC 7301 §3.2 */
	(void)against(&id, &cert, plan, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_TLS);
	assert_has(seen.result.detail, "no_application_protocol");
}

/* TRUST V27; RFC 8737 §4: TLS 1.2 or higher. */
static void test_rfc8737_4__tls_1_1_is_refused(void **state)
{
	static const int VERSIONS[] = { TLS1_1_VERSION, TLS1_VERSION };
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(VERSIONS); i++) {
		struct stub_tls_plan plan = PROPER;
		struct stub_tls_seen server;
		struct seen seen;

		plan.min_version = TLS1_VERSION;
		plan.max_version = VERSIONS[i];
		server = against(&id, &cert, plan, &seen);
		assert_false(server.handshake);
		assert_false(seen.result.valid);
		assert_int_equal(seen.result.problem, PROBLEM_TLS);
		assert_has(seen.result.detail, "neither TLS 1.2 nor TLS 1.3");
	}
}

static void test_tlsalpn01__what_is_no_tls(void **state)
{
	static const struct {
		enum stub_tls_act act;
		const char *detail;
	} CASES[] = {
		{ STUB_TLS_CLOSE, "closed the connection" },
		{ STUB_TLS_PLAIN, "not TLS" },
	};
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		struct stub_tls_plan plan = { .act = CASES[i].act };
		struct seen seen;

		(void)against(&id, &cert, plan, &seen);
		assert_int_equal(seen.result.problem, PROBLEM_TLS);
		assert_true(seen.result.transient);
		assert_has(seen.result.detail, CASES[i].detail);
		assert_has(seen.result.detail, "TLS 1.2 or 1.3");
	}
}

/* TRUST V41: every stage ends with the deadline. */
static void test_tlsalpn01__silent_servers_meet_the_deadline(void **state)
{
	static const enum stub_tls_act ACTS[] = { STUB_TLS_HANG, STUB_TLS_STALL };
	struct identifier id = dns_name("web.test"), silent = dns_name("silent.test");
	struct validation_request r = request(&id);
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ACTS); i++) {
		struct stub_tls_plan plan = { .act = ACTS[i] };

		r.policy.deadline_ms = 150;
		stub_tls_set(env.tls, &plan);
		run(&r, &seen);
		(void)stub_tls_wait(env.tls, ++env.connections);
		assert_int_equal(seen.result.problem, PROBLEM_TLS);
		assert_true(seen.result.transient);
		assert_has(seen.result.detail, "handshake timed out");
		assert_true(seen.result.duration_ms >= 150 && seen.result.duration_ms < 2000);
	}
	r = request(&silent);
	r.policy.deadline_ms = 150;
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_DNS);
	assert_true(seen.result.transient);
	assert_has(seen.result.detail, "within 150 ms");
}

static void test_tlsalpn01__failures_have_their_problem(void **state)
{
	static const struct {
		const char *name;
		enum problem problem;
		bool transient;
		const char *detail;
	} CASES[] = {
		{ "nothing.test", PROBLEM_DNS, false, "NXDOMAIN" },
		{ "empty.test", PROBLEM_DNS, false, "neither an AAAA nor an A record" },
		{ "servfail.test", PROBLEM_DNS, true, "SERVFAIL" },
		{ "dead.test", PROBLEM_CONNECTION, true, "127.0.0.3:" },
	};
	struct validation_request r;
	struct identifier id;
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(CASES); i++) {
		id = dns_name(CASES[i].name);
		r = request(&id);
		run(&r, &seen);
		assert_int_equal(seen.result.problem, CASES[i].problem);
		assert_int_equal(seen.result.transient, CASES[i].transient);
		assert_has(seen.result.detail, CASES[i].detail);
		assert_has(seen.result.detail, "RFC 8737 §3: ");
	}
	/* Policy: no packet is sent. */
	id = dns_name("web.test");
	r = request(&id);
	r.policy.targets.preset = ADDR_PRIVATE;
	run(&r, &seen);
	assert_int_equal(seen.result.problem, PROBLEM_CONNECTION);
	assert_false(seen.result.transient);
	assert_has(seen.result.detail, "policy: 127.0.0.1 is loopback");
	assert_has(seen.trace, "skip policy: 127.0.0.1 is loopback");
}

static void test_tlsalpn01__ipv6_first_then_ipv4(void **state)
{
	struct identifier id = dns_name("both.test");
	struct stub_cert_plan cert = { .sans = "DNS:both.test", .digest = env.digest };
	struct seen seen;
	const char *six, *four;

	(void)state;
	(void)against(&id, &cert, PROPER, &seen);
	assert_true(seen.result.valid);
	six = strstr(seen.trace, "connect [::1]:");
	four = strstr(seen.trace, "connect 127.0.0.1:");
	assert_true(six && four && six < four);
	assert_has(seen.trace, "connection refused");
}

/* RFC 8738 §6: the reverse-DNS name in SNI, the iPAddress in the certificate. */
static void test_rfc8738_6__ip_addresses(void **state)
{
	struct identifier id = { .type = IDENTIFIER_IP, .value = { "127.0.0.1", 9 },
				 .ip = { 127, 0, 0, 1 }, .ip_len = 4 };
	struct stub_cert_plan cert = { .sans = "IP:127.0.0.1", .digest = env.digest };
	struct stub_tls_seen server;
	struct seen seen;

	(void)state;
	server = against(&id, &cert, PROPER, &seen);
	if (!seen.result.valid)
		fail_msg("%s", seen.result.detail);
	assert_string_equal(server.sni, "1.0.0.127.in-addr.arpa");
	assert_null(strstr(seen.trace, "dns "));
	for (size_t i = 0; i < 4; i++) {
		static const char *const SANS[] = { "IP:127.0.0.2", "DNS:127.0.0.1", "DNS:1.0.0.127.in-addr.arpa",
						    "IP:::ffff:127.0.0.1" };

		cert.sans = SANS[i];
		(void)against(&id, &cert, PROPER, &seen);
		assert_false(seen.result.valid);
		assert_has(seen.result.detail, "not this iPAddress");
	}
}

static void test_rfc8738_6__ipv6_addresses(void **state)
{
	struct identifier id = { .type = IDENTIFIER_IP, .value = { "::1", 3 }, .ip_len = 16 };
	struct stub_cert_plan plan = { .sans = "IP:::1", .digest = env.digest };
	struct stub_cert cert = stub_cert_make(&plan);
	struct stub_tls_plan server_plan = PROPER;
	struct stub_tls *six = stub_tls_start("::1");
	struct validation_request r = request(&id);
	struct stub_tls_seen server;
	struct seen seen;

	(void)state;
	id.ip[15] = 1;
	server_plan.cert = &cert;
	stub_tls_set(six, &server_plan);
	r.policy.tls_alpn01_port = stub_tls_port(six);
	run(&r, &seen);
	server = stub_tls_wait(six, 1);
	if (!seen.result.valid)
		fail_msg("%s", seen.result.detail);
	assert_string_equal(server.sni, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa");
	assert_has(seen.trace, "connect [::1]:");
	stub_cert_done(&cert);
	stub_tls_stop(six);
}

static void test_tlsalpn01_start__what_can_never_be_proven(void **state)
{
	struct identifier wildcard = dns_name("web.test"), none = dns_name(""), id = dns_name("web.test");
	struct validation_request r = request(&wildcard);
	struct validation *v;

	(void)state;
	wildcard.wildcard = true; /* RFC 8555 §7.1.3 */
	assert_int_equal(VALIDATOR_TLSALPN01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&none);
	assert_int_equal(VALIDATOR_TLSALPN01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	r = request(&id);
	r.key_authorization = (struct str){ 0 };
	assert_int_equal(VALIDATOR_TLSALPN01.start(env.validators, &r, on_done, NULL, &v), RC_INVALID);
	assert_false(VALIDATOR_TLSALPN01.wildcard);
	assert_true(VALIDATOR_TLSALPN01.ip); /* RFC 8738 §6 */
	assert_int_equal(VALIDATOR_TLSALPN01.challenge, CHALLENGE_TLS_ALPN_01);
	assert_ptr_equal(validator_by_type(STR("tls-alpn-01")), &VALIDATOR_TLSALPN01);
}

static void test_tlsalpn01_cancel__no_call_afterwards(void **state)
{
	struct identifier id = dns_name("web.test");
	struct stub_cert_plan cert = { .sans = "DNS:web.test", .digest = env.digest };
	struct validation_request r = request(&id);
	struct seen seen = { 0 }, after;
	struct validation *v;

	(void)state;
	assert_int_equal(VALIDATOR_TLSALPN01.start(env.validators, &r, on_done, &seen, &v), RC_OK);
	VALIDATOR_TLSALPN01.cancel(v);
	VALIDATOR_TLSALPN01.cancel(NULL);
	(void)against(&id, &cert, PROPER, &after);
	assert_true(after.result.valid);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_rfc8737_3__digest_in_a_certificate_proves_control),
		cmocka_unit_test(test_rfc8737_3__no_application_data_is_sent),
		cmocka_unit_test(test_rfc8737_3__names_are_compared_without_case_and_times_not_at_all),
		cmocka_unit_test(test_rfc8737_3__wrong_certificates),
		cmocka_unit_test(test_rfc8737_3__exactly_one_certificate),
		cmocka_unit_test(test_rfc8737_4__protocol_must_be_negotiated),
		cmocka_unit_test(test_rfc8737_4__tls_1_1_is_refused),
		cmocka_unit_test(test_tlsalpn01__what_is_no_tls),
		cmocka_unit_test(test_tlsalpn01__silent_servers_meet_the_deadline),
		cmocka_unit_test(test_tlsalpn01__failures_have_their_problem),
		cmocka_unit_test(test_tlsalpn01__ipv6_first_then_ipv4),
		cmocka_unit_test(test_rfc8738_6__ip_addresses),
		cmocka_unit_test(test_rfc8738_6__ipv6_addresses),
		cmocka_unit_test(test_tlsalpn01_start__what_can_never_be_proven),
		cmocka_unit_test(test_tlsalpn01_cancel__no_call_afterwards),
	};

	return cmocka_run_group_tests(TESTS, setup, teardown);
}
