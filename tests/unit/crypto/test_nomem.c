/* test_nomem.c - every allocation that libcrypto makes for us fails in turn: the answer is "no
 * memory" or, where libcrypto hides the reason, a refusal; never success, a crash or a leak. */
#include "certkit.h"

#include <openssl/crypto.h>

static struct arena arena;
static unsigned long countdown; /* 0: nothing fails */
static bool failed;

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

static void *failing_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : malloc(len);
}

static void *failing_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : realloc(p, len);
}

static void plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* Runs fn with its first, second, ... allocation failing until nothing failed any more. */
static void each(enum rc (*fn)(void *arg), void *arg)
{
	unsigned nomem = 0, others = 0;
	enum rc rc;

	assert_int_equal(fn(arg), RC_OK); /* tables and thread contexts are made */
	for (unsigned long n = 1;; n++) {
		failed = false;
		countdown = n;
		rc = fn(arg);
		countdown = 0;
		if (!failed)
			break;
		/* libcrypto may do without what it wanted (a cache, a precomputation) */
		nomem += rc == RC_NOMEM;
		others += rc != RC_NOMEM && rc != RC_OK;
		assert_int_equal(fn(arg), RC_OK); /* and nothing is left behind */
	}
	assert_int_equal(rc, RC_OK);
	print_message("%u times no memory, %u times another refusal\n", nomem, others);
	assert_true(nomem > 0);
	assert_true(others <= nomem);
}

static enum rc make_ec(void *arg)
{
	struct pubkey *k = NULL;
	struct bytes x, y;
	enum rc rc;

	pubkey_jwk_parts(arg, &x, &y);
	rc = pubkey_from_ec(KEY_P256, x, y, &k, NULL);
	pubkey_free(k);
	return rc;
}

static enum rc make_rsa(void *arg)
{
	struct pubkey *k = NULL;
	enum rc rc = pubkey_from_spki(pubkey_spki(arg), &k, NULL);

	pubkey_free(k);
	return rc;
}

static enum rc strength(void *arg)
{
	return pubkey_check_strength(arg, NULL);
}

static void test_pubkey__each_allocation_fails(void **state)
{
	(void)state;
	each(make_ec, privkey_pubkey(kit_key(KEY_P256, 256)));
	each(make_rsa, privkey_pubkey(kit_key(KEY_RSA, 2048)));
	each(strength, privkey_pubkey(kit_key(KEY_RSA, 2048)));
}

struct signed_data {
	struct privkey *key;
	uint8_t sig[SIG_MAX];
	size_t len;
};

static enum rc verify(void *arg)
{
	struct signed_data *s = arg;
	struct pubkey *k = privkey_pubkey(s->key);

	return pubkey_verify_jose(k, key_jose_sig_alg(pubkey_type(k)), bytes_of("data", 4),
				  bytes_of(s->sig, s->len));
}

static enum rc sign(void *arg)
{
	struct signed_data *s = arg;

	return privkey_sign_jose(s->key, bytes_of("data", 4), s->sig, &s->len);
}

static void test_signatures__each_allocation_fails(void **state)
{
	static const enum key_type types[] = { KEY_P256, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct signed_data s = { .key = kit_key(types[i], 256) };

		each(sign, &s);
		assert_int_equal(sign(&s), RC_OK);
		each(verify, &s);
	}
}

static enum rc read_csr(void *arg)
{
	const struct bytes *der = arg;
	struct csr csr = { 0 };
	struct arena a;
	enum rc rc;

	arena_init(&a, KIT_ARENA);
	rc = csr_parse(&a, *der, &csr, NULL);
	csr_done(&csr);
	arena_done(&a);
	return rc;
}

static enum rc read_pem_key(void *arg)
{
	struct privkey *k = NULL;
	enum rc rc = privkey_from_pem(secret_bytes(arg), NULL, &k, NULL);

	privkey_free(k);
	return rc;
}

static void test_objects__each_allocation_fails(void **state)
{
	const struct csr_spec spec = { .cn = STR("a.example") };
	struct secret *pem;
	struct bytes der;

	(void)state;
	assert_int_equal(csr_build(&arena, &spec, kit_key(KEY_P256, 256), &der), RC_OK);
	each(read_csr, &der);
	assert_int_equal(privkey_to_pem(kit_key(KEY_ED25519, 256), NULL, &pem), RC_OK);
	each(read_pem_key, pem);
	secret_free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pubkey__each_allocation_fails),
		cmocka_unit_test(test_signatures__each_allocation_fails),
		cmocka_unit_test(test_objects__each_allocation_fails),
	};

	/* before libcrypto allocates anything */
	if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
