/* test_nomem.c - every allocation of our own code fails in turn while a certificate is obtained: the
 * engine says so, what was presented is taken away again, nothing leaks (the sanitizer build) and no
 * bad certificate is taken for a good one. The server's thread has memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/client_impl.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "fake_acme.h"

static __thread long fail_at = -1; /* -1: never; else that many calls succeed before one fails */
static __thread bool failed;

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_reallocarray(void *p, size_t count, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_reallocarray(void *p, size_t count, size_t len);

static bool fails(void)
{
	if (fail_at < 0 || fail_at-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
	return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *p, size_t len)
{
	return fails() ? NULL : __real_realloc(p, len);
}

void *__wrap_reallocarray(void *p, size_t count, size_t len)
{
	return fails() ? NULL : __real_reallocarray(p, count, len);
}

static int presented;

static enum rc present(struct solver *s, const struct solve_request *r, struct fault *f)
{
	(void)s;
	(void)r;
	(void)f;
	presented++;
	return RC_OK;
}

static enum rc cleanup(struct solver *s, const struct solve_request *r, struct fault *f)
{
	(void)s;
	(void)r;
	(void)f;
	presented--;
	return RC_OK;
}

static const struct solver_ops ops = { .name = "test", .challenge = "http-01", .present = present,
				       .cleanup = cleanup };
static struct solver solver = { &ops };

static struct solver *solver_for(void *arg, const struct identifier *id)
{
	(void)arg;
	(void)id;
	return &solver;
}

static void wait_ms(void *arg, int64_t ms)
{
	(void)arg;
	(void)ms;
}

static enum rc obtain(struct fake_acme *acme, const struct privkey *account_key, struct client_order *order,
		      size_t *out_count, struct fault *f)
{
	struct client_options o = { .directory_url = str_of(acme->directory), .root_file = str_of(acme->root_file),
				    .account_key = account_key, .user_agent = STR("test"), .wait_ms = wait_ms };
	struct client_account account = { .agree_terms = true };
	AUTO_PTR(client) struct client *client = NULL;
	AUTO(arena) struct arena arena;
	struct bytes *chain;
	enum rc rc;

	arena_init(&arena, 4 << 20);
	rc = client_new(&o, &client, f);
	if (rc == RC_OK)
		rc = client_register(client, &arena, &account, NULL, f);
	if (rc == RC_OK)
		rc = client_obtain(client, &arena, order, &chain, out_count, f);
	return rc;
}

static void test_obtain__every_allocation_fails_in_turn(void **state)
{
	struct client_order order = { .identifier_count = 1, .solver_for = solver_for };
	struct privkey *account_key, *key;
	struct csr_spec spec = { .san_count = 1 };
	struct fake_acme acme;
	struct identifier id;
	struct arena arena;
	struct san san;
	long tried = 0;

	(void)state;
	arena_init(&arena, 1 << 20);
	fake_acme_start(&acme, GOOD);
	assert_int_equal(privkey_generate(KEY_P256, 0, &account_key), RC_OK);
	assert_int_equal(privkey_generate(KEY_P256, 0, &key), RC_OK);
	assert_int_equal(identifier_parse(&arena, STR("dns"), STR("a.test"), &id, NULL), RC_OK);
	assert_int_equal(identifier_san(&arena, &id, &san), RC_OK);
	spec.sans = &san;
	assert_int_equal(csr_build(&arena, &spec, key, &order.csr), RC_OK);
	order.identifiers = &id;
	for (bool done = false; !done; tried++) {
		struct fault f = { 0 };
		size_t count = 0;
		enum rc rc;

		failed = false;
		fail_at = tried;
		rc = obtain(&acme, account_key, &order, &count, &f);
		fail_at = -1;
		done = !failed;
		if (rc != RC_OK && rc != RC_NOMEM)
			fail_msg("allocation %ld: %s: %s", tried, rc_text(rc), f.detail);
		if (done)
			assert_int_equal(rc, RC_OK);
		if (rc == RC_OK)
			assert_int_equal(count, 2);
		assert_int_equal(presented, 0);
		fault_done(&f);
	}
	assert_true(tried > 30);
	fake_acme_stop(&acme);
	privkey_free(account_key);
	privkey_free(key);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_obtain__every_allocation_fails_in_turn),
	};

	signal(SIGPIPE, SIG_IGN);
	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
