/* test_weak.c - keys that anybody can break (CVE-2008-0166, CVE-2017-15361, CVE-2022-26320 and
 * plain bad numbers), one made here per class and size, Debian's from public collections; and the
 * time that finding out takes. */
#include "kit.h"

#include <openssl/bn.h>
#include <time.h>

#include "base/limits.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	kit_rmdir();
	arena_done(&arena);
	return 0;
}

static struct bytes octets(const BIGNUM *n)
{
	uint8_t *p = arena_alloc(&arena, (size_t)BN_num_bytes(n) + 1);

	assert_non_null(p);
	return bytes_of(p, (size_t)BN_bn2bin(n, p));
}

/* The product as a key, which must be refused with part in the detail; NULL: must be fine. */
static void expect(const BIGNUM *p, const BIGNUM *q, const char *part)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_new();
	struct fault f = { 0 };
	struct pubkey *k;
	enum rc rc;

	assert_int_equal(BN_mul(n, p, q, ctx), 1);
	assert_int_equal(pubkey_from_rsa(octets(n), bytes_of("\x01\x00\x01", 3), &k, &f), RC_OK);
	rc = pubkey_check_strength(k, &f);
	if (part) {
		assert_int_equal(rc, RC_INVALID);
		assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
		kit_expect_rule(&f);
		kit_expect_text(f.detail, part);
	} else {
		assert_int_equal(rc, RC_OK);
	}
	pubkey_free(k);
	BN_free(n);
	BN_CTX_free(ctx);
}

static BIGNUM *prime(int bits)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new();

	/* the two top bits are set, so that a product has exactly twice the bits */
	assert_int_equal(BN_generate_prime_ex2(p, bits, 0, NULL, NULL, NULL, ctx), 1);
	BN_CTX_free(ctx);
	return p;
}

/* k * M + (65537^a mod M), M the product of the first count primes: the generator of CVE-2017-15361.
 * M has 126 primes for keys of 2048 bits and 225 for 4096 in the chips; the primes need not be prime
 * for the fingerprint, but here they are. */
static BIGNUM *roca_prime(int bits, unsigned prime_count)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m = BN_new(), *p = BN_new(), *k = BN_new(), *g = BN_new(), *a = BN_new(), *low = BN_new();
	unsigned found = 0;

	assert_int_equal(BN_one(m), 1);
	for (unsigned i = 2; found < prime_count; i++) {
		unsigned d = 2;

		while (d * d <= i && i % d != 0)
			d++;
		if (d * d > i && ++found)
			assert_int_equal(BN_mul_word(m, i), 1);
	}
	assert_int_equal(BN_set_word(g, 65537), 1);
	do {
		assert_int_equal(BN_rand(a, 62, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
		assert_int_equal(BN_mod_exp(low, g, a, m, ctx), 1);
		assert_int_equal(BN_rand(k, bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY), 1);
		assert_int_equal(BN_div(k, NULL, k, m, ctx), 1);
		assert_int_equal(BN_mul(p, k, m, ctx), 1);
		assert_int_equal(BN_add(p, p, low), 1);
	} while (BN_num_bits(p) != bits || BN_check_prime(p, ctx, NULL) != 1);
	BN_free(m);
	BN_free(k);
	BN_free(g);
	BN_free(a);
	BN_free(low);
	BN_CTX_free(ctx);
	return p;
}

static void test_cve_2017_15361__roca(void **state)
{
	static const struct {
		int bits;
		unsigned primes;
	} rows[] = { { 1024, 39 }, { 1024, 126 }, { 1536, 126 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BIGNUM *p = roca_prime(rows[i].bits, rows[i].primes);
		BIGNUM *q = roca_prime(rows[i].bits, rows[i].primes);
		BIGNUM *fine = prime(rows[i].bits);

		expect(p, q, "ROCA");
		expect(p, fine, NULL); /* one such prime is no such modulus */
		BN_free(p);
		BN_free(q);
		BN_free(fine);
	}
}

static void test_cve_2022_26320__fermat(void **state)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *q = BN_new(), *gap = BN_new(), *p;

	(void)state;
	for (int bits = 1024; bits <= 2048; bits += 512) {
		/* the next prime, one a little further, the same one */
		p = prime(bits);
		assert_non_null(BN_copy(q, p));
		do
			assert_int_equal(BN_add_word(q, 2), 1);
		while (BN_check_prime(q, ctx, NULL) != 1);
		expect(p, q, "Fermat");
		expect(p, p, "Fermat");
		/* a gap of half the length is found in few rounds too */
		assert_int_equal(BN_lshift(gap, BN_value_one(), bits / 2 - 4), 1);
		assert_int_equal(BN_sub(q, p, gap), 1);
		while (BN_check_prime(q, ctx, NULL) != 1)
			assert_int_equal(BN_add_word(q, 2), 1);
		expect(p, q, "Fermat");
		BN_free(p);
	}
	BN_free(q);
	BN_free(gap);
	BN_CTX_free(ctx);
}

/* Every odd prime below 2^16 would do; first, last and some. */
static void test_small_factors__are_found(void **state)
{
	static const unsigned factors[] = { 3, 5, 7, 257, 751, 32749, 65519, 65521 };
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = prime(1024), *n = BN_new(), *whole = BN_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(factors); i++) {
		do { /* until the modulus has 2048 bits */
			assert_int_equal(BN_set_word(n, factors[i]), 1);
			assert_int_equal(BN_rand(n, 1025 - BN_num_bits(n), BN_RAND_TOP_ONE,
						 BN_RAND_BOTTOM_ODD), 1);
			assert_int_equal(BN_mul_word(n, factors[i]), 1);
			assert_int_equal(BN_mul(whole, n, p, ctx), 1);
		} while (BN_num_bits(whole) != 2048);
		expect(n, p, "prime factor below 2^16");
	}
	BN_free(p);
	BN_free(n);
	BN_free(whole);
	BN_CTX_free(ctx);
}

static void test_pubkey_check_strength__size_and_exponent(void **state)
{
	static const struct {
		const char *e;
		size_t len;
		const char *part;
	} exponents[] = {
		{ "\x03", 1, "below 65537" },
		{ "\x11", 1, "below 65537" },
		{ "\xff\xff", 2, "below 65537" },
		{ "\x01\x00\x01", 3, NULL },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8, NULL },
	};
	struct bytes n, e;
	struct pubkey *k;
	struct fault f = { 0 };
	uint8_t odd[257];

	(void)state;
	pubkey_jwk_parts(privkey_pubkey(kit_key(KEY_RSA, 2048)), &n, &e);
	for (size_t i = 0; i < COUNT_OF(exponents); i++) {
		assert_int_equal(pubkey_from_rsa(n, bytes_of(exponents[i].e, exponents[i].len), &k, &f),
				 RC_OK);
		if (exponents[i].part) {
			assert_int_equal(pubkey_check_strength(k, &f), RC_INVALID);
			kit_expect_text(f.detail, exponents[i].part);
			kit_expect_text(f.detail, "BR §6.1.6");
		} else {
			assert_int_equal(pubkey_check_strength(k, &f), RC_OK);
		}
		pubkey_free(k);
	}
	for (unsigned top = 1; top < 0x80; top = top * 2 + 1) {
		odd[0] = (uint8_t)top;
		memcpy(odd + 1, n.p, 256);
		assert_int_equal(pubkey_from_rsa(bytes_of(odd, 257), e, &k, &f), RC_OK);
		assert_int_equal(pubkey_check_strength(k, &f), RC_INVALID);
		kit_expect_text(f.detail, "divisible by 8");
		pubkey_free(k);
	}
}

/* RFC 8032 §5.1: points of order 1, 2, 4 and 8, with either sign, and encodings beyond the field. */
static void test_ed25519__points_of_low_order(void **state)
{
	static const char *const rows[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	struct fault f = { 0 };
	struct pubkey *k;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		/* a libcrypto may refuse some by itself */
		if (pubkey_from_ed25519(kit_hex(&arena, rows[i]), &k, &f) != RC_OK)
			continue;
		assert_int_equal(pubkey_check_strength(k, &f), RC_INVALID);
		assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
		kit_expect_text(f.detail, "RFC 8032");
		pubkey_free(k);
	}
}

/* --- Debian's list --- */

/* What Debian's openssl-vulnkey looks up, made by the programs that its manual names. */
static const char *fingerprint_of(const char *key_file)
{
	char *out;

	assert_int_equal(kit_run(&arena, &out, "openssl rsa -in %s -noout -modulus | sha1sum | "
					       "cut -c 21-40", key_file), 0);
	return out;
}

static enum rc load(const char *text, struct fault *f)
{
	char path[256];

	kit_write("list", str_bytes(str_of(text)));
	snprintf(path, sizeof(path), "%s/list", kit_dir());
	return weak_keys_load(path, f);
}

static void test_weak_keys_load__refuses_what_is_no_list(void **state)
{
	static const char *const rows[] = {
		"0123456789abcdef012\n",
		"0123456789abcdef01234\n",
		"0123456789abcdef0123 x\n",
		"g123456789abcdef0123\n",
		"00000000000000000001\n00\n",
		"0123456789abcdef01230123456789abcdef01230123456789abcdef01230123456789abcdef01230123456789abc"
		"def01230123456789abcdef01230123456789abcdef0123\n",
	};
	struct fault f = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(load(rows[i], &f), RC_INVALID);
		kit_expect_text(f.detail, "20 hex digits");
	}
	kit_expect_text(f.detail, "list:1:");
	assert_int_equal(weak_keys_load("/nonexistent/list", &f), RC_NOTFOUND);
	assert_int_equal(load("# only a comment\n\n", &f), RC_OK);
}

static void test_cve_2008_0166__listed_key_is_refused(void **state)
{
	struct privkey *listed = kit_key(KEY_RSA, 2048), *other = kit_key(KEY_RSA, 3072);
	struct fault f = { 0 };
	struct secret *pem;
	char *list;

	(void)state;
	assert_int_equal(privkey_to_pem(listed, NULL, &pem), RC_OK);
	kit_write("listed.pem", secret_bytes(pem));
	secret_free(pem);
	assert_int_equal(pubkey_check_strength(privkey_pubkey(listed), &f), RC_OK);
	list = arena_printf(&arena, "# keys of one process id\r\nffffffffffffffffffff\r\n\n"
				    "%s00000000000000000000\nFFFFFFFFFFFFFFFFFFFF\n",
			    fingerprint_of("listed.pem"));
	assert_int_equal(load(list, &f), RC_OK);
	assert_int_equal(pubkey_check_strength(privkey_pubkey(listed), &f), RC_INVALID);
	kit_expect_text(f.detail, "CVE-2008-0166");
	assert_int_equal(pubkey_check_strength(privkey_pubkey(other), &f), RC_OK);
	/* a bad file later takes nothing away */
	assert_int_equal(load("1111\n", &f), RC_INVALID);
	assert_int_equal(load("22222222222222222222\n11111111111111111111\n", &f), RC_OK);
	assert_int_equal(pubkey_check_strength(privkey_pubkey(listed), &f), RC_INVALID);
}

/* Keys that the broken generator made, and what the tools of others say of them. Each is refused
 * exactly when the entry that Debian's list has for it is loaded. */
static void test_cve_2008_0166__real_weak_keys(void **state)
{
	static const struct {
		const char *modulus, *sha1; /* of "Modulus=...\n"; the list has its last 20 digits */
	} rows[] = {
		/* github.com/hoefling/dsa-1571: OpenSSL 0.9.8c with Debian's patch made it, and
		 * openssl-vulnkey with openssl-blacklist 0.5-3 called it COMPROMISED. */
		{ "B10D121121C6DFF5E0E4428A9D334183C5AB92B1B6E4DF74BD2BCF10DC12CC2D5117B39624324371A905376295DF"
		  "4DEAE793B65D2151A7573FE7ECDD6A89711557E24627DE6D114904B6FCE6024205DB13EC30BE8576E95F09AD9BB9"
		  "D9AF71BE02A5D1CC61FB9D4E76EF46269A5545AB633C87047B53DDD2832CDCE9F695BE788B4BF569D9514B18172E"
		  "189D72A142C816F087859A17CA19F03CDB0F92293F8FED0ABEB8E931EBD280E590661FDCE23BE4266EFB599A3C83"
		  "554DBC1B21533B14ED8A108B8225A73371710B5ADD8F96B6B5C8B996EAFC43E0BF8F1AD27B763B3200C21F364793"
		  "B83AA98FE4AAE4DA08211C2E4B39B2524A8D965B16E4DE9DA993",
		  "b724c8256936fad04f50042dcb33f1f6f3ce9eee" },
		/* github.com/letsencrypt/boulder, goodkey/weak_test.go: the vector of another server. */
		{ "D673252AF6723C3F72529403EAB7C30DEF3C52F97E799825F4A70191C616ADCF1ECE1113F1625971074C492C5920"
		  "25FDEADBDB146A081826BDF0D77C3C913DCF1B6F0B3B78F5108D2E493AD0EEE8CA5C021711ADC13D358E61133870"
		  "FCD19C8E5C22403959782AA82E72AEE53A3D491E3912CE27B27E1A85EA69C19A527D28F7934C9823B7E56FDD657D"
		  "AC83FDC65BB22A98D843DF73238919781B714C81A5E2AFEC71F5C54AA2A27C590AD94C03C1062D50EFCFFAC743E3"
		  "C8A3AE056846A1D756EB862BF4224169D467C35215ADE0AFCC11E85FE629AFB802C4786FF2E9C929BCCF502B3D3B"
		  "8876C6A11785CC398B389F1D86BDD9CB0BD4EC13956EC3FA270D",
		  "a3853d0c563765e504c18df20e6961a16398b85a" },
	};
	struct fault f = { 0 };
	struct pubkey *k;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(pubkey_from_rsa(kit_hex(&arena, rows[i].modulus),
						 bytes_of("\x01\x00\x01", 3), &k, &f), RC_OK);
		assert_int_equal(pubkey_check_strength(k, &f), RC_OK); /* nothing else is wrong with it */
		assert_int_equal(load(arena_printf(&arena, "# blacklist.RSA-2048\n#\n%s\n", rows[i].sha1 + 20),
				      &f), RC_OK);
		assert_int_equal(pubkey_check_strength(k, &f), RC_INVALID);
		kit_expect_text(f.detail, "CVE-2008-0166");
		pubkey_free(k);
	}
}

/* TRUST V64: at most 20 ms of CPU; the measure is the best of five, since the machine is shared. */
static void test_pubkey_check_strength__within_20_ms(void **state)
{
	static const unsigned bits[] = { 2048, 4096, LIMIT_RSA_BITS_MAX };
	struct timespec a, b;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bits); i++) {
		BIGNUM *n = BN_new();
		double best = 1e9;
		struct pubkey *k;

		/* no prime factors are needed for the time to be that of a good key: only no small ones */
		do {
			if (i < 2) {
				struct bytes modulus, e;

				pubkey_jwk_parts(privkey_pubkey(kit_key(KEY_RSA, bits[i])), &modulus, &e);
				BN_bin2bn(modulus.p, (int)modulus.len, n);
			} else {
				BN_rand(n, (int)bits[i], BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
			}
			assert_int_equal(pubkey_from_rsa(octets(n), bytes_of("\x01\x00\x01", 3), &k, NULL),
					 RC_OK);
			if (i < 2 || pubkey_check_strength(k, NULL) == RC_OK)
				break;
			pubkey_free(k);
		} while (true);
		for (int round = 0; round < 5; round++) {
			double ms;

			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
			(void)!pubkey_check_strength(k, NULL);
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
			ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
			best = ms < best ? ms : best;
		}
		print_message("rsa%u: %.2f ms\n", bits[i], best);
		assert_true(best < 20);
		pubkey_free(k);
		BN_free(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pubkey_check_strength__within_20_ms), /* before a key is listed */
		cmocka_unit_test(test_cve_2017_15361__roca),
		cmocka_unit_test(test_cve_2022_26320__fermat),
		cmocka_unit_test(test_small_factors__are_found),
		cmocka_unit_test(test_pubkey_check_strength__size_and_exponent),
		cmocka_unit_test(test_ed25519__points_of_low_order),
		cmocka_unit_test(test_weak_keys_load__refuses_what_is_no_list),
		cmocka_unit_test(test_cve_2008_0166__listed_key_is_refused),
		cmocka_unit_test(test_cve_2008_0166__real_weak_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
