/* test_client.c - the engine against a server that does one thing wrong (TRUST V45-V52). The clock
 * is turned by whatever the engine waits, so nothing here takes time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "client/client_impl.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "fake_acme.h"

#define NAME "web1.lab.internal"

struct run {
	struct fake_acme acme;
	struct client *client;
	struct privkey *account_key, *key;
	struct arena arena;
	struct fault fault;
	struct solver solver;
	int presented, cleaned;
	char token[200], order_url[256];
	int64_t waited_ms;
	int waits;
	struct bytes *chain;
	size_t count;
};

static struct run *the_run; /* solvers get no argument */

static enum rc present(struct solver *s, const struct solve_request *r, struct fault *f)
{
	(void)s;
	(void)f;
	the_run->presented++;
	(void)snprintf(the_run->token, sizeof(the_run->token), "%.*s", STR_ARG(r->token));
	assert_true(str_is(r->identifier->value, NAME));
	assert_int_equal(r->key_authorization.len, r->token.len + 1 + 43); /* RFC 8555 §8.1 */
	return RC_OK;
}

static enum rc cleanup(struct solver *s, const struct solve_request *r, struct fault *f)
{
	(void)s;
	(void)f;
	assert_true(str_is(r->token, the_run->token));
	the_run->cleaned++;
	return RC_OK;
}

static const struct solver_ops ops = { .name = "test", .challenge = "http-01", .present = present,
				       .cleanup = cleanup };

static struct solver *solver_for(void *arg, const struct identifier *id)
{
	(void)id;
	return &((struct run *)arg)->solver;
}

static void on_order(void *arg, struct str url)
{
	struct run *run = arg;

	(void)snprintf(run->order_url, sizeof(run->order_url), "%.*s", STR_ARG(url));
}

static void wait_ms(void *arg, int64_t ms)
{
	struct run *run = arg;

	run->waited_ms += ms;
	run->waits++;
	clock_fake_advance_ms(ms);
}

static void start(struct run *run, enum evil evil)
{
	memset(run, 0, sizeof(*run));
	the_run = run;
	clock_real();
	clock_fake(clock_now_ms());
	arena_init(&run->arena, 8 * 1024 * 1024);
	run->solver.ops = &ops;
	assert_int_equal(privkey_generate(KEY_P256, 0, &run->account_key), RC_OK);
	assert_int_equal(privkey_generate(KEY_P256, 0, &run->key), RC_OK);
	fake_acme_start(&run->acme, evil);
}

static void stop(struct run *run)
{
	client_free(run->client);
	fake_acme_stop(&run->acme);
	privkey_free(run->account_key);
	privkey_free(run->key);
	fault_done(&run->fault);
	arena_done(&run->arena);
	clock_real();
}

static enum rc open_client(struct run *run)
{
	struct client_options o = { .directory_url = str_of(run->acme.directory),
				    .root_file = str_of(run->acme.root_file),
				    .account_key = run->account_key,
				    .user_agent = STR("test"),
				    .wait_ms = wait_ms,
				    .wait_arg = run };
	struct client_account account = { .agree_terms = true };
	enum rc rc = client_new(&o, &run->client, &run->fault);

	return rc == RC_OK ? client_register(run->client, &run->arena, &account, NULL, &run->fault) : rc;
}

static enum rc obtain(struct run *run, const char *order_url)
{
	struct identifier id;
	struct client_order order = { .identifiers = &id, .identifier_count = 1, .solver_for = solver_for,
				      .arg = run, .on_order = on_order, .order_url = str_of(order_url) };
	struct san san;
	struct csr_spec spec = { .sans = &san, .san_count = 1 };

	assert_int_equal(identifier_parse(&run->arena, STR("dns"), STR(NAME), &id, NULL), RC_OK);
	assert_int_equal(identifier_san(&run->arena, &id, &san), RC_OK);
	assert_int_equal(csr_build(&run->arena, &spec, run->key, &order.csr), RC_OK);
	return client_obtain(run->client, &run->arena, &order, &run->chain, &run->count, &run->fault);
}

static enum rc all(struct run *run, enum evil evil)
{
	enum rc rc;

	start(run, evil);
	rc = open_client(run);
	return rc == RC_OK ? obtain(run, NULL) : rc;
}

static void assert_printable(const char *text)
{
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* What the engine makes of each. */
static const struct {
	enum evil evil;
	enum rc rc;
	const char *why;  /* part of the fault's detail */
	int presented;    /* and cleaned up again */
} rows[] = {
	{ GOOD, RC_OK, NULL, 1 },
	{ DIRECTORY_PLAIN_HTTP, RC_INVALID, "RFC 8555 §6.1", 0 },
	{ DIRECTORY_IS_HTML, RC_INVALID, "not the directory", 0 },
	{ DIRECTORY_REDIRECTS, RC_INVALID, "redirects (status 302)", 0 },
	{ DIRECTORY_HUGE, RC_LIMIT, "octets", 0 },
	{ DIRECTORY_HEADERS_HUGE, RC_LIMIT, "headers", 0 },
	{ DIRECTORY_WANTS_EAB, RC_DENIED, "RFC 8555 §7.3.4", 0 },
	{ NONCE_MISSING, RC_INVALID, "no usable Replay-Nonce", 0 },
	{ NONCE_POISON, RC_INVALID, "no usable Replay-Nonce", 0 },
	{ NONCE_REFUSED_TWICE, RC_OK, NULL, 1 },
	{ NONCE_REFUSED_ALWAYS, RC_BUSY, "badNonce", 0 },
	{ ACCOUNT_DEACTIVATED, RC_DENIED, "deactivated", 0 },
	{ LOCATION_ELSEWHERE, RC_INVALID, "another server", 0 },
	{ LOCATION_PLAIN_HTTP, RC_INVALID, "RFC 8555 §6.1", 0 },
	{ LOCATION_MISSING, RC_INVALID, "no Location", 0 },
	{ ORDER_HUGE, RC_LIMIT, "octets", 0 },
	{ ORDER_OTHER_NAME, RC_INVALID, "lacks " NAME, 0 },
	{ ORDER_UNKNOWN_STATUS, RC_INVALID, "weird", 0 },
	{ ORDER_PROBLEM_ESCAPES, RC_DENIED, "`id` $(id)?assay-agent: all is well", 0 },
	{ ORDER_RATE_LIMITED_ONCE, RC_OK, NULL, 1 },
	{ ORDER_RATE_LIMITED_LONG, RC_LIMIT, "too many orders", 0 },
	{ ORDER_REDIRECTS, RC_INVALID, "not followed", 0 },
	{ ORDER_TERMS_CHANGED, RC_DENIED, "https://ca.test/terms-2", 0 },
	{ AUTHZ_ELSEWHERE, RC_INVALID, "another server", 0 },
	{ AUTHZ_OTHER_NAME, RC_INVALID, "evil.test, which was not ordered", 0 },
	{ AUTHZ_VALID, RC_OK, NULL, 0 },
	{ AUTHZ_INVALID, RC_INVALID, NAME " could not be validated (connection): 10.0.0.5:80", 1 },
	{ AUTHZ_PENDING_FOREVER, RC_TIMEOUT, "still validating", 1 },
	{ AUTHZ_NO_HTTP01, RC_DENIED, "offers dns-01", 0 },
	{ AUTHZ_READ_FAILS_TWICE, RC_OK, NULL, 1 },
	{ TOKEN_PATH, RC_INVALID, "RFC 8555 §8.3", 0 },
	{ TOKEN_SHELL, RC_INVALID, "RFC 8555 §8.3", 0 },
	{ TOKEN_SHORT, RC_INVALID, "RFC 8555 §8.3", 0 },
	{ CHALLENGE_ELSEWHERE, RC_INVALID, "another server", 0 },
	{ PROCESSING_FOREVER, RC_TIMEOUT, "still issuing", 1 },
	{ PROCESSING_A_WHILE, RC_OK, NULL, 1 },
	{ READY_FOREVER, RC_TIMEOUT, "still ready", 1 },
	{ FINALIZE_FAILS_ONCE, RC_OK, NULL, 1 },
	{ CERTIFICATE_MISSING, RC_INVALID, "no certificate URL", 1 },
	{ CERTIFICATE_OTHER_KEY, RC_INVALID, "another key", 1 },
	{ CERTIFICATE_OTHER_NAME, RC_INVALID, "lacks a name", 1 },
	{ CERTIFICATE_MORE_NAMES, RC_INVALID, "not ordered", 1 },
	{ CERTIFICATE_OTHER_ISSUER, RC_DENIED, "RFC 5280", 1 },
	{ CERTIFICATE_IS_CA, RC_INVALID, "a CA's", 1 },
	{ CERTIFICATE_EXPIRED, RC_INVALID, "not valid now", 1 },
	{ CERTIFICATE_GARBAGE, RC_INVALID, "refused", 1 },
	{ CERTIFICATE_HUGE, RC_LIMIT, "octets", 1 },
	{ CERTIFICATE_TEXT, RC_OK, NULL, 1 },
};

static void test_v45_v52__a_server_that_does_one_thing_wrong(void **state)
{
	struct run run;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum rc rc = all(&run, rows[i].evil);

		if (rc != rows[i].rc || (rows[i].why && !strstr(run.fault.detail, rows[i].why)))
			fail_msg("evil %d: %s: %s", rows[i].evil, rc_text(rc), run.fault.detail);
		assert_printable(run.fault.detail);
		for (size_t k = 0; k < run.fault.sub_count; k++)
			assert_printable(run.fault.subs[k].detail);
		if (rc != RC_OK)
			assert_int_equal(run.fault.rc, rc);
		if (run.presented != rows[i].presented || run.cleaned != rows[i].presented)
			fail_msg("evil %d: presented %d, cleaned up %d", rows[i].evil, run.presented, run.cleaned);
		assert_true(run.acme.requests < 200);
		assert_true(run.waited_ms <= CLIENT_DEADLINE_S * 1000);
		stop(&run);
	}
}

static void test_obtain__chain_is_the_certificates_and_nothing_else(void **state)
{
	struct cert_info leaf;
	struct run run;

	(void)state;
	assert_int_equal(all(&run, CERTIFICATE_TEXT), RC_OK);
	assert_int_equal(run.count, 2);
	assert_int_equal(cert_parse(&run.arena, run.chain[0], &leaf, NULL), RC_OK);
	assert_true(bytes_eq(leaf.spki, pubkey_spki(privkey_pubkey(run.key))));
	assert_true(bytes_eq(run.chain[1], run.acme.root));
	assert_int_equal(run.fault.detail[0], '\0');
	stop(&run);
}

static void test_rfc8555_6_5__a_refused_nonce_is_replaced_at_once(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(all(&run, NONCE_REFUSED_TWICE), RC_OK);
	assert_int_equal(run.acme.nonces_refused, 2);
	assert_int_equal(run.waits, 0);
	stop(&run);
	assert_int_equal(all(&run, NONCE_REFUSED_ALWAYS), RC_BUSY);
	assert_int_equal(run.acme.nonces_refused, CLIENT_BAD_NONCE_MAX + 1);
	assert_int_equal(run.waits, CLIENT_BAD_NONCE_MAX - CLIENT_BAD_NONCE_AT_ONCE);
	stop(&run);
}

static void test_rfc8555_6_6__retry_after_is_kept_to(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(all(&run, ORDER_RATE_LIMITED_ONCE), RC_OK);
	assert_int_equal(run.acme.orders, 2);
	assert_true(run.waited_ms >= 7000);
	stop(&run);
	/* Later than the deadline: not waited for, and said when. */
	assert_int_equal(all(&run, ORDER_RATE_LIMITED_LONG), RC_LIMIT);
	assert_int_equal(run.acme.orders, 1);
	assert_int_equal(run.waits, 0);
	assert_int_equal(run.fault.retry_after_s, 7200);
	assert_int_equal(run.fault.problem, PROBLEM_RATE_LIMITED);
	stop(&run);
	assert_int_equal(all(&run, PROCESSING_A_WHILE), RC_OK);
	assert_true(run.waits >= 4 && run.waited_ms >= 3 * 3000); /* the first gap is our own */
	stop(&run);
}

static void test_rfc8555_6_7_1__failed_validation_tells_which_and_why(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(all(&run, AUTHZ_INVALID), RC_INVALID);
	assert_int_equal(run.fault.problem, PROBLEM_CONNECTION);
	assert_int_equal(run.fault.sub_count, 1);
	assert_string_equal(run.fault.subs[0].identifier, NAME);
	assert_string_equal(run.fault.subs[0].identifier_type, "dns");
	assert_int_equal(run.fault.subs[0].problem, PROBLEM_CONNECTION);
	assert_non_null(strstr(run.fault.subs[0].detail, "10.0.0.5:80"));
	stop(&run);
}

static void test_resume__goes_on_where_the_order_is(void **state)
{
	struct run run;
	char url[256];

	(void)state;
	assert_int_equal(all(&run, GOOD), RC_OK);
	memcpy(url, run.order_url, sizeof(url));
	/* Killed before the certificate was stored. */
	assert_int_equal(obtain(&run, url), RC_OK);
	assert_int_equal(run.acme.orders, 1);
	assert_int_equal(run.acme.finalizes, 1);
	assert_int_equal(run.presented, 1);
	stop(&run);
}

static void test_resume__what_leads_nowhere_is_ordered_anew(void **state)
{
	static const char *const urls[] = { "/nothing", "https://evil.test/order", "http://localhost/order", "" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		struct run run;
		char url[256];

		start(&run, GOOD);
		(void)snprintf(url, sizeof(url), "%s%s", urls[i][0] == '/' ? run.acme.base : "", urls[i]);
		assert_int_equal(open_client(&run), RC_OK);
		assert_int_equal(obtain(&run, url), RC_OK);
		assert_int_equal(run.acme.orders, 1);
		stop(&run);
	}
}

static void test_key_change__goes_on_with_the_new_key(void **state)
{
	struct run run;

	(void)state;
	start(&run, GOOD);
	assert_int_equal(open_client(&run), RC_OK);
	assert_int_equal(client_key_change(run.client, run.key, &run.fault), RC_OK);
	assert_ptr_equal(run.client->key, run.key);
	assert_int_equal(client_revoke(run.client, run.acme.root, 1, &run.fault), RC_OK);
	assert_int_equal(client_deactivate(run.client, &run.fault), RC_OK);
	/* There is no account any more. */
	assert_int_equal(client_deactivate(run.client, &run.fault), RC_NOTFOUND);
	stop(&run);
}

static void test_set_account__only_of_this_server(void **state)
{
	struct run run;

	(void)state;
	start(&run, GOOD);
	assert_int_equal(open_client(&run), RC_OK);
	assert_int_equal(client_set_account(run.client, STR("https://evil.test/account/1"), NULL), RC_INVALID);
	stop(&run);
}

static void test_web__an_unknown_root_is_told_with_its_remedy(void **state)
{
	struct run run, other;
	struct client_options o = { .user_agent = STR("test") };

	(void)state;
	start(&other, GOOD);
	start(&run, GOOD);
	o.directory_url = str_of(run.acme.directory);
	o.account_key = run.account_key;
	o.root_file = str_of(other.acme.root_file);
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_DENIED);
	assert_int_equal(run.acme.requests, 0);
	assert_non_null(strstr(run.fault.detail, run.acme.directory));
	assert_non_null(strstr(run.fault.detail, "Fake CA")); /* who issued it */
	assert_non_null(strstr(run.fault.detail, other.acme.root_file));
	assert_non_null(strstr(run.fault.detail, "--root FILE"));
	assert_non_null(strstr(run.fault.detail, "update-ca-certificates"));
	o.root_file = STR("/nonexistent/root.pem");
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_NOTFOUND);
	assert_non_null(strstr(run.fault.detail, "/nonexistent/root.pem"));
	stop(&run);
	stop(&other);
}

static void test_web__one_connection_serves_a_whole_order(void **state)
{
	struct run run;

	(void)state;
	assert_int_equal(all(&run, PROCESSING_A_WHILE), RC_OK);
	assert_true(run.acme.requests > 10);
	assert_int_equal(kit_connections(&run.acme.server), 1);
	stop(&run);
}

static void test_web__roots_that_are_none(void **state)
{
	char path[] = "/tmp/test_client.XXXXXX";
	struct client_options o = { .user_agent = STR("test"), .root_file = str_of(path) };
	struct run run;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "no PEM\n", 7), 7);
	close(fd);
	start(&run, GOOD);
	o.directory_url = str_of(run.acme.directory);
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_INVALID);
	assert_non_null(strstr(run.fault.detail, path));
	assert_int_equal(run.acme.requests, 0);
	stop(&run);
	unlink(path);
}

static void test_web__another_name_and_nobody_there(void **state)
{
	struct client_options o = { .user_agent = STR("test") };
	struct run run;
	char url[128];

	(void)state;
	start(&run, GOOD);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/dir", addr_port(&run.acme.server.addr));
	o.directory_url = str_of(url);
	o.root_file = str_of(run.acme.root_file);
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_DENIED);
	assert_non_null(strstr(run.fault.detail, "names another host"));
	assert_int_equal(run.acme.requests, 0);
	o.directory_url = STR("https://localhost:1/dir");
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_UNAVAILABLE);
	o.directory_url = STR("http://localhost:1/dir");
	assert_int_equal(client_new(&o, &run.client, &run.fault), RC_INVALID);
	stop(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v45_v52__a_server_that_does_one_thing_wrong),
		cmocka_unit_test(test_obtain__chain_is_the_certificates_and_nothing_else),
		cmocka_unit_test(test_rfc8555_6_5__a_refused_nonce_is_replaced_at_once),
		cmocka_unit_test(test_rfc8555_6_6__retry_after_is_kept_to),
		cmocka_unit_test(test_rfc8555_6_7_1__failed_validation_tells_which_and_why),
		cmocka_unit_test(test_resume__goes_on_where_the_order_is),
		cmocka_unit_test(test_resume__what_leads_nowhere_is_ordered_anew),
		cmocka_unit_test(test_key_change__goes_on_with_the_new_key),
		cmocka_unit_test(test_set_account__only_of_this_server),
		cmocka_unit_test(test_web__an_unknown_root_is_told_with_its_remedy),
		cmocka_unit_test(test_web__one_connection_serves_a_whole_order),
		cmocka_unit_test(test_web__roots_that_are_none),
		cmocka_unit_test(test_web__another_name_and_nobody_there),
	};

	signal(SIGPIPE, SIG_IGN);
	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
