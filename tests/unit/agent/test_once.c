/* test_once.c - whole runs over the fake server of tests/unit/client: after each, the key on disk is
 * that of the certificate on disk, and an interrupted run is gone on with. The solver is the web root;
 * the fake server looks at nothing. */
#include "disk.h"

#include <signal.h>

#include "agent/once.h"
#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "fake_acme.h"

#define DAY_S 86400

struct fixture {
	struct fake_acme acme;
	struct disk disk;
	struct arena arena;
	struct fault fault;
	struct once_result result;
};

static void start(struct fixture *x, enum evil evil)
{
	memset(x, 0, sizeof(*x));
	arena_init(&x->arena, 16 << 20);
	disk_open(&x->disk);
	assert_int_equal(mkdir(disk_path(&x->disk, "www"), 0755), 0);
	fake_acme_start(&x->acme, evil);
}

static void stop(struct fixture *x)
{
	fake_acme_stop(&x->acme);
	disk_close(&x->disk);
	fault_done(&x->fault);
	arena_done(&x->arena);
	clock_real();
}

static enum rc once(struct fixture *x, const char *name, const char *key, bool force)
{
	struct desired_text text = { .server = x->acme.directory, .dns = &name, .dns_count = 1, .key = key,
				     .force = force };
	struct apply_options o = { .root_file = x->acme.root_file, .solver = "webroot",
				   .solver_argument = disk_path(&x->disk, "www"), .user_agent = "test" };
	struct desired d;
	char out[128];

	assert_int_equal(desired_read(&x->arena, &text, &d, &x->fault), RC_OK);
	snprintf(out, sizeof(out), "%s", disk_path(&x->disk, "out"));
	return agent_once(out, &d, &o, &x->result, &x->fault);
}

/* The pair on disk belongs together and is for this name. */
static void assert_pair(struct fixture *x, const char *name)
{
	const char *key_pem = disk_get(&x->disk, "out/privkey.pem"), *pem = disk_get(&x->disk, "out/fullchain.pem");
	struct privkey *key;
	struct cert_info leaf;
	struct bytes *chain;
	char both[16384];
	size_t count;

	assert_int_equal(privkey_from_pem(str_bytes(str_of(key_pem)), NULL, &key, NULL), RC_OK);
	assert_int_equal(pem_read(&x->arena, str_bytes(str_of(pem)), "CERTIFICATE", &chain, &count, NULL), RC_OK);
	assert_int_equal(count, 2);
	assert_int_equal(cert_parse(&x->arena, chain[0], &leaf, NULL), RC_OK);
	assert_true(bytes_eq(leaf.spki, pubkey_spki(privkey_pubkey(key))));
	assert_int_equal(leaf.san_count, 1);
	assert_true(bytes_eq(leaf.sans[0].value, str_bytes(str_of(name))));
	assert_int_equal(disk_mode(&x->disk, "out/privkey.pem"), 0600);
	assert_int_equal(disk_mode(&x->disk, "out/account.key"), 0600);
	snprintf(both, sizeof(both), "%s%s", disk_get(&x->disk, "out/cert.pem"), disk_get(&x->disk, "out/chain.pem"));
	assert_string_equal(both, pem);
	assert_int_equal(access(disk_path(&x->disk, "out/live/order"), F_OK), -1);
	privkey_free(key);
}

static void test_s2_16__nothing_there(void **state)
{
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(x.result.action, PLAN_REQUEST);
	assert_pair(&x, "a.test");
	assert_int_equal(rmdir(disk_path(&x.disk, "www")), 0); /* nothing left of the challenge */
	stop(&x);
}

static void test_s2_17__a_key_and_no_certificate(void **state)
{
	struct secret *pem;
	struct privkey *key;
	char text[4096];
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(privkey_generate(KEY_P384, 0, &key), RC_OK);
	assert_int_equal(privkey_to_pem(key, NULL, &pem), RC_OK);
	snprintf(text, sizeof(text), "%.*s", (int)secret_bytes(pem).len, (const char *)secret_bytes(pem).p);
	assert_int_equal(mkdir(disk_path(&x.disk, "out"), 0755), 0);
	disk_put(&x.disk, "out/privkey.pem", text);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_string_equal(disk_get(&x.disk, "out/privkey.pem"), text);
	assert_pair(&x, "a.test");
	secret_free(pem);
	privkey_free(key);
	stop(&x);
}

static void test_s2_18__nothing_to_do(void **state)
{
	char before[8192];
	struct fixture x;
	int requests;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	snprintf(before, sizeof(before), "%s", disk_get(&x.disk, "out/fullchain.pem"));
	requests = x.acme.requests;
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(x.result.action, PLAN_NOTHING);
	assert_true(x.result.renew_at < x.result.not_after);
	assert_int_equal(x.acme.requests, requests); /* nobody was asked */
	assert_string_equal(disk_get(&x.disk, "out/fullchain.pem"), before);
	stop(&x);
}

static void test_s2_19__renewed_with_a_new_key(void **state)
{
	char before[4096];
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	snprintf(before, sizeof(before), "%s", disk_get(&x.disk, "out/privkey.pem"));
	clock_fake((x.result.not_after - 9 * DAY_S) * 1000); /* of 31 days */
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(x.result.action, PLAN_REQUEST);
	assert_string_not_equal(disk_get(&x.disk, "out/privkey.pem"), before);
	assert_pair(&x, "a.test");
	stop(&x);
}

static void test_once__another_name_another_key_and_force(void **state)
{
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(once(&x, "b.test", NULL, false), RC_OK);
	assert_pair(&x, "b.test");
	assert_int_equal(once(&x, "b.test", "p384", false), RC_OK);
	assert_int_equal(x.result.action, PLAN_REQUEST);
	assert_int_equal(once(&x, "b.test", "p384", false), RC_OK);
	assert_int_equal(x.result.action, PLAN_NOTHING);
	assert_int_equal(once(&x, "b.test", "p384", true), RC_OK);
	assert_int_equal(x.result.action, PLAN_REQUEST);
	assert_int_equal(x.acme.orders, 4);
	assert_pair(&x, "b.test");
	stop(&x);
}

static void test_once__a_failure_leaves_what_was_there(void **state)
{
	char before[8192];
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	snprintf(before, sizeof(before), "%s", disk_get(&x.disk, "out/fullchain.pem"));
	x.acme.evil = CERTIFICATE_OTHER_KEY; /* no request is under way */
	assert_int_equal(once(&x, "b.test", NULL, false), RC_INVALID);
	assert_string_equal(disk_get(&x.disk, "out/fullchain.pem"), before);
	assert_pair(&x, "a.test");
	x.acme.evil = GOOD;
	assert_int_equal(once(&x, "b.test", NULL, false), RC_OK);
	assert_pair(&x, "b.test");
	stop(&x);
}

static void test_once__an_interrupted_order_is_gone_on_with(void **state)
{
	struct fixture x;

	(void)state;
	start(&x, CERTIFICATE_HUGE); /* not final: the certificate cannot be had this time */
	assert_int_equal(once(&x, "a.test", NULL, false), RC_LIMIT);
	assert_int_equal(x.acme.orders, 1);
	x.acme.evil = GOOD;
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(x.acme.orders, 1); /* not asked for twice */
	assert_int_equal(x.acme.finalizes, 1);
	assert_pair(&x, "a.test");
	stop(&x);
}

static void test_once__killed_before_the_switch(void **state)
{
	struct fixture x;
	int requests;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	requests = x.acme.requests;
	assert_int_equal(unlink(disk_path(&x.disk, "out/live")), 0); /* as it was just before */
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_int_equal(x.result.action, PLAN_SWITCH);
	assert_int_equal(x.acme.requests, requests);
	assert_pair(&x, "a.test");
	stop(&x);
}

static void test_once__registers_anew_where_the_account_is_forgotten(void **state)
{
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(once(&x, "a.test", NULL, false), RC_OK);
	x.acme.evil = ACCOUNT_FORGOTTEN;
	assert_int_equal(once(&x, "b.test", NULL, false), RC_OK);
	assert_pair(&x, "b.test");
	/* And where an order is to be resumed. */
	x.acme.evil = CERTIFICATE_HUGE;
	assert_int_equal(once(&x, "c.test", NULL, false), RC_LIMIT);
	x.acme.evil = ACCOUNT_FORGOTTEN;
	assert_int_equal(once(&x, "c.test", NULL, false), RC_OK);
	assert_pair(&x, "c.test");
	stop(&x);
}

static void test_once__account_key_is_never_overwritten(void **state)
{
	struct fixture x;

	(void)state;
	start(&x, GOOD);
	assert_int_equal(mkdir(disk_path(&x.disk, "out"), 0755), 0);
	disk_put(&x.disk, "out/account.key", "precious");
	assert_int_not_equal(once(&x, "a.test", NULL, false), RC_OK);
	assert_non_null(strstr(x.fault.detail, "account.key"));
	assert_string_equal(disk_get(&x.disk, "out/account.key"), "precious");
	stop(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s2_16__nothing_there),
		cmocka_unit_test(test_s2_17__a_key_and_no_certificate),
		cmocka_unit_test(test_s2_18__nothing_to_do),
		cmocka_unit_test(test_s2_19__renewed_with_a_new_key),
		cmocka_unit_test(test_once__another_name_another_key_and_force),
		cmocka_unit_test(test_once__a_failure_leaves_what_was_there),
		cmocka_unit_test(test_once__an_interrupted_order_is_gone_on_with),
		cmocka_unit_test(test_once__killed_before_the_switch),
		cmocka_unit_test(test_once__registers_anew_where_the_account_is_forgotten),
		cmocka_unit_test(test_once__account_key_is_never_overwritten),
	};

	signal(SIGPIPE, SIG_IGN);
	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
