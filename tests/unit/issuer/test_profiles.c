/* test_profiles.c - the built-in profiles, what pins one, serial numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer/issuer.h"

#define NOW 1795222800 /* 2026-11-21 */

static void test_built_in__are_the_four(void **state)
{
	static const char *const names[] = { "server", "short", "client", "mtls" };
	static const int days[] = { 90, 6, 90, 90 };
	size_t n = 0;

	(void)state;
	for (; PROFILES_BUILT_IN[n].name.p; n++) {
		const struct profile *p = &PROFILES_BUILT_IN[n];

		assert_true(n < COUNT_OF(names));
		assert_true(str_is(p->name, names[n]));
		assert_int_equal(p->lifetime_s, days[n] * 86400);
		assert_true(p->max_lifetime_s >= p->lifetime_s && p->max_lifetime_s <= 398 * 86400);
		assert_true(p->ext_key_usage && !(p->ext_key_usage & EKU_OCSP_SIGNING));
		assert_int_equal(p->key_usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN), 0);
		assert_true(p->rsa_bits_min >= 2048);
	}
	assert_int_equal(n, 4);
}

/* TRUST V29: whatever changes a certificate changes the hash. */
static void test_profile_hash__covers_every_member(void **state)
{
	struct profile base = PROFILES_BUILT_IN[0], v[13];
	uint8_t hash[COUNT_OF(v)][32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(v); i++)
		v[i] = base;
	v[1].name = STR("server2");
	v[2].lifetime_s++;
	v[3].max_lifetime_s++;
	v[4].backdate_s++;
	v[5].key_usage ^= KU_KEY_AGREEMENT;
	v[6].ext_key_usage ^= EKU_CLIENT_AUTH;
	v[7].subject_cn ^= true;
	v[8].must_staple ^= true;
	v[9].key_types ^= 1u << KEY_RSA;
	v[10].rsa_bits_min = 3072;
	v[11].names_dns ^= true;
	v[12].names_ip ^= true;
	for (size_t i = 0; i < COUNT_OF(v); i++) {
		profile_hash(&v[i], hash[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(hash[i], hash[k], 32);
	}
	base.description = STR("other words");
	profile_hash(&base, hash[1]);
	assert_memory_equal(hash[0], hash[1], 32);
}

/* It is stored with orders: this value must not change between versions. */
static void test_profile_hash__is_stable(void **state)
{
	static const uint8_t want[] = {
		0x18, 0xf1, 0x6d, 0xa7, 0xe3, 0xd9, 0x1d, 0xef, 0xf4, 0x9b, 0xe4,
		0x25, 0xab, 0x94, 0x5e, 0xaf, 0x61, 0x28, 0x54, 0xf3, 0xdf, 0xf3,
		0x76, 0x85, 0xfb, 0xf6, 0x1e, 0x7f, 0x56, 0x22, 0xa3, 0xf3,
	};
	uint8_t hash[32];

	(void)state;
	profile_hash(&PROFILES_BUILT_IN[0], hash);
	assert_memory_equal(hash, want, 32);
}

static void test_profile_signer_law__is_no_wider_than_the_profile(void **state)
{
	struct profile p = PROFILES_BUILT_IN[0];
	struct signer_profile law;

	(void)state;
	profile_signer_law(&p, &law);
	assert_int_equal(law.max_lifetime_s, p.max_lifetime_s);
	assert_int_equal(law.key_usage, p.key_usage);
	assert_int_equal(law.ext_key_usage, p.ext_key_usage);
	assert_int_equal(law.allowed_extensions &
				 (EXT_UNKNOWN | EXT_NAME_CONSTRAINTS | EXT_TLS_FEATURE | EXT_OCSP_NOCHECK),
			 0);
	assert_int_equal(law.required_extensions & ~law.allowed_extensions, 0);
	p.must_staple = true;
	profile_signer_law(&p, &law);
	assert_int_not_equal(law.required_extensions & EXT_TLS_FEATURE, 0);
}

static void test_profile_check_key__says_what_is_allowed(void **state)
{
	struct profile p = PROFILES_BUILT_IN[0];
	struct privkey *p256, *rsa;
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(privkey_generate(KEY_P256, 0, &p256), RC_OK);
	assert_int_equal(privkey_generate(KEY_RSA, 2048, &rsa), RC_OK);
	assert_int_equal(profile_check_key(&p, privkey_pubkey(p256), &f), RC_OK);
	assert_int_equal(profile_check_key(&p, privkey_pubkey(rsa), &f), RC_OK);
	p.key_types = 1u << KEY_RSA | 1u << KEY_P384;
	p.rsa_bits_min = 3072;
	assert_int_equal(profile_check_key(&p, privkey_pubkey(p256), &f), RC_DENIED);
	assert_int_equal(f.problem, PROBLEM_BAD_CSR);
	assert_string_equal(f.detail, "RFC 8555 §7.4: the CSR's key is p256; profile server allows RSA of "
				      "3072 bits or more, p384");
	assert_int_equal(profile_check_key(&p, privkey_pubkey(rsa), &f), RC_DENIED);
	privkey_free(p256);
	privkey_free(rsa);
}

#define SERIALS 200000

static int compare_serials(const void *a, const void *b)
{
	return memcmp(a, b, SERIAL_MAX);
}

/* TRUST V31: positive, at most 20 octets, no duplicates, 128 random bits without bias. */
static void test_serial_new__shape_and_randomness(void **state)
{
	uint8_t (*v)[SERIAL_MAX] = malloc(SERIALS * sizeof(*v));
	static unsigned ones[128];

	(void)state;
	for (size_t i = 0; i < SERIALS; i++) {
		serial_new(NOW, v[i]);
		assert_true(v[i][0] > 0 && v[i][0] < 0x80);
		for (size_t bit = 0; bit < 128; bit++)
			ones[bit] += v[i][4 + bit / 8] >> bit % 8 & 1;
	}
	/* 6 sigma of a fair coin */
	for (size_t bit = 0; bit < 128; bit++)
		assert_in_range(ones[bit], SERIALS / 2 - 1342, SERIALS / 2 + 1342);
	qsort(v, SERIALS, sizeof(*v), compare_serials);
	for (size_t i = 1; i < SERIALS; i++)
		assert_memory_not_equal(v[i - 1], v[i], SERIAL_MAX);
	free(v);
}

static void test_serial_new__ascends_with_time_at_any_time(void **state)
{
	static const int64_t times[] = { INT64_MIN, 0, 1577836800, 1595000000, NOW, NOW + 1,
					 2208988800, 4102444800, INT64_MAX };
	uint8_t last[4] = { 0 }, serial[SERIAL_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		serial_new(times[i], serial);
		assert_true(serial[0] > 0 && serial[0] < 0x80);
		assert_true(memcmp(last, serial, 4) <= 0);
		memcpy(last, serial, 4);
	}
	serial_new(NOW, serial);
	assert_int_equal((uint32_t)serial[0] << 24 | serial[1] << 16 | serial[2] << 8 | serial[3],
			 NOW - 1577836800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_in__are_the_four),
		cmocka_unit_test(test_profile_hash__covers_every_member),
		cmocka_unit_test(test_profile_hash__is_stable),
		cmocka_unit_test(test_profile_signer_law__is_no_wider_than_the_profile),
		cmocka_unit_test(test_profile_check_key__says_what_is_allowed),
		cmocka_unit_test(test_serial_new__shape_and_randomness),
		cmocka_unit_test(test_serial_new__ascends_with_time_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
