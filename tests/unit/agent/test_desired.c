/* test_desired.c - what a user may ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/desired.h"
#include "crypto/digest.h"

static const struct {
	const char *dns[3], *ip[2], *key;
	size_t count;   /* of identifiers; 0: refused */
	const char *why;
} rows[] = {
	{ { "a.test" }, { NULL }, NULL, 1, NULL },
	{ { "a.test", "b.test" }, { "10.0.0.1" }, "p384", 3, NULL },
	{ { "a.test", "A.test", "a.test." }, { NULL }, "ed25519", 1, NULL }, /* one name, however spelled */
	{ { NULL }, { "fd00::1", "FD00:0::1" }, "rsa2048", 1, NULL },
	{ { NULL }, { NULL }, NULL, 0, "--dns" },
	{ { "*.a.test" }, { NULL }, NULL, 0, "RFC 8555 §8.3" },
	{ { "a_b.test/../x" }, { NULL }, NULL, 0, "" },
	{ { "10.0.0.1" }, { NULL }, NULL, 0, "" },
	{ { NULL }, { "a.test" }, NULL, 0, "" },
	{ { "a.test" }, { NULL }, "rsa1024", 0, "rsa1024" },
	{ { "a.test" }, { NULL }, "", 0, "p256" },
};

static void test_desired_read__rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desired_text text = { .server = "https://ca.test/dir", .dns = rows[i].dns, .ip = rows[i].ip,
					     .key = rows[i].key };
		struct desired d = { 0 };
		struct fault f = { 0 };
		struct arena a;
		enum rc rc;

		arena_init(&a, 1 << 20);
		while (text.dns_count < COUNT_OF(rows[i].dns) && rows[i].dns[text.dns_count])
			text.dns_count++;
		while (text.ip_count < COUNT_OF(rows[i].ip) && rows[i].ip[text.ip_count])
			text.ip_count++;
		rc = desired_read(&a, &text, &d, &f);
		if ((rc == RC_OK) != (rows[i].count > 0) || d.identifier_count != rows[i].count)
			fail_msg("row %zu: %d %s, %zu identifiers", i, rc, f.detail, d.identifier_count);
		if (rc != RC_OK)
			assert_non_null(strstr(f.detail, rows[i].why));
		else
			assert_int_equal(d.any_key, rows[i].key == NULL);
		fault_done(&f);
		arena_done(&a);
	}
}

static void test_desired_key_fits__type_and_size(void **state)
{
	struct desired any = { .any_key = true, .key_type = KEY_P256 };
	struct desired p256 = { .key_type = KEY_P256 }, rsa2048 = { .key_type = KEY_RSA, .rsa_bits = 2048 },
		       rsa3072 = { .key_type = KEY_RSA, .rsa_bits = 3072 };
	struct privkey *key;

	(void)state;
	assert_int_equal(privkey_generate(KEY_RSA, 2048, &key), RC_OK);
	assert_true(desired_key_fits(&any, privkey_pubkey(key)));
	assert_false(desired_key_fits(&p256, privkey_pubkey(key)));
	assert_true(desired_key_fits(&rsa2048, privkey_pubkey(key)));
	assert_false(desired_key_fits(&rsa3072, privkey_pubkey(key)));
	privkey_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_desired_read__rows),
		cmocka_unit_test(test_desired_key_fits__type_and_size),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
