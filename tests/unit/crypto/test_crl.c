/* test_crl.c - revocation lists: read by openssl, and held against the law. */
#include "kit.h"

#include "base/auto.h"
#include "base/clock.h"
#include "crypto/crl.h"

static const uint8_t key_id[20] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
#define SHARD_URL "http://ca.lab/crl/lab-2.crl"

struct fixture {
	struct arena a;
	struct bytes dn;
	struct buf entries, tbs;
	struct crl_spec spec;
	struct crl_limits limits;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	int64_t now = clock_now_s();

	assert_non_null(x);
	arena_init(&x->a, KIT_ARENA);
	assert_int_equal(dn_build(&x->a, (struct str){ 0 }, STR("Lab CA"), &x->dn), RC_OK);
	buf_init(&x->entries, CRL_TBS_MAX);
	buf_init(&x->tbs, CRL_TBS_MAX);
	x->spec = (struct crl_spec){ .alg = SIG_ES256, .issuer_dn = x->dn, .number = 1795266516441,
				     .authority_key_id = bytes_of(key_id, 20), .this_update = now,
				     .next_update = now + 7 * 86400 };
	x->limits = (struct crl_limits){ .alg = SIG_ES256, .issuer_dn = x->dn, .now = now,
					 .authority_key_id = bytes_of(key_id, 20),
					 .url = STR("http://ca.lab/crl/lab.crl"), .shards = 3 };
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	buf_done(&x->entries);
	buf_done(&x->tbs);
	arena_done(&x->a);
	free(x);
	return 0;
}

static void add(struct fixture *x, uint8_t last, int64_t reason)
{
	const uint8_t serial[] = { 0x0c, 0xf5, 0, last };

	crl_add_entry(&x->entries, bytes_of(serial, sizeof(serial)), x->spec.this_update - 5, reason);
}

static void build(struct fixture *x)
{
	buf_reset(&x->tbs);
	assert_int_equal(crl_tbs_build(&x->spec, &x->entries, &x->tbs), RC_OK);
}

static enum rc check(struct fixture *x, char detail[FAULT_DETAIL_MAX])
{
	struct fault f = { 0 };
	uint64_t number = 0;
	enum rc rc = crl_tbs_check(buf_bytes(&x->tbs), &x->limits, &number, &f);

	if (rc == RC_OK)
		assert_int_equal(number, x->spec.number);
	snprintf(detail, FAULT_DETAIL_MAX, "%s", f.detail);
	fault_done(&f);
	return rc;
}

static void expect_denied(struct fixture *x, const char *why)
{
	char detail[FAULT_DETAIL_MAX];

	assert_int_equal(check(x, detail), RC_DENIED);
	kit_expect_text(detail, why);
}

static void test_rfc5280_5__openssl_reads_what_was_built(void **state)
{
	struct fixture *x = *state;
	const struct privkey *key = kit_key(KEY_P256, 0);
	char detail[FAULT_DETAIL_MAX], *text;
	uint8_t sig[SIG_MAX];
	struct buf der;
	size_t sig_len;

	add(x, 1, 0);
	add(x, 2, 1);
	x->spec.shard_url = STR(SHARD_URL);
	build(x);
	assert_int_equal(check(x, detail), RC_OK);
	assert_int_equal(privkey_sign_x509(key, buf_bytes(&x->tbs), sig, &sig_len), RC_OK);
	buf_init(&der, 65536);
	assert_int_equal(crl_assemble(buf_bytes(&x->tbs), SIG_ES256, bytes_of(sig, sig_len), &der), RC_OK);
	kit_write("list.crl", buf_bytes(&der));
	buf_done(&der);
	assert_int_equal(kit_run(&x->a, &text, "openssl crl -inform der -in list.crl -noout -text"), 0);
	kit_expect_text(text, "Version 2 (0x1)");
	kit_expect_text(text, "CN = Lab CA");
	kit_expect_text(text, "Serial Number: 0CF50001");
	kit_expect_text(text, "Serial Number: 0CF50002");
	kit_expect_text(text, "Key Compromise");
	kit_expect_text(text, "1795266516441");
	kit_expect_text(text, "X509v3 Issuing Distribution Point: critical");
	kit_expect_text(text, SHARD_URL);
	kit_expect_text(text, "01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14");
}

static void test_rfc5280_5_1_2_6__no_entries_no_list(void **state)
{
	struct fixture *x = *state;
	char detail[FAULT_DETAIL_MAX];

	build(x);
	assert_int_equal(check(x, detail), RC_OK);
}

/* Lengths of four octets. */
static void test_crl_tbs_check__twenty_million_octets(void **state)
{
	struct fixture *x = *state;
	char detail[FAULT_DETAIL_MAX];
	uint8_t serial[20] = { 1 };

	for (int i = 0; x->entries.len < 20 * 1000 * 1000; i++) {
		memcpy(serial + 4, &i, sizeof(i));
		crl_add_entry(&x->entries, bytes_of(serial, 20), x->spec.this_update, 1);
	}
	build(x);
	assert_int_equal(check(x, detail), RC_OK);
}

static void test_crl_tbs_check__denies(void **state)
{
	struct fixture *x = *state;
	struct bytes dn;
	struct crl_spec good = x->spec;
	struct crl_limits law = x->limits;

	assert_int_equal(dn_build(&x->a, (struct str){ 0 }, STR("Other CA"), &dn), RC_OK);
	x->spec.issuer_dn = dn;
	build(x);
	expect_denied(x, "RFC 5280 §5.1.2.3");
	x->spec = good;
	x->spec.alg = SIG_ES384;
	build(x);
	expect_denied(x, "RFC 5280 §5.1.2.2");
	x->spec = good;
	x->spec.authority_key_id.len = 19;
	build(x);
	expect_denied(x, "RFC 5280 §5.2.1");
	x->spec = good;
	x->spec.next_update = good.this_update + CRL_LIFETIME_MAX_S + 1;
	build(x);
	expect_denied(x, "for too long");
	x->spec = good;
	build(x);
	x->limits.now = law.now - 7200;
	expect_denied(x, "RFC 5280 §5.1.2.4");
	x->limits.now = law.now + 2 * 86400;
	expect_denied(x, "RFC 5280 §5.1.2.4");
	x->limits = law;
	x->spec.shard_url = STR("http://ca.lab/crl/lab-4.crl"); /* there are three */
	build(x);
	expect_denied(x, "RFC 5280 §5.2.5");
	x->spec.shard_url = STR(SHARD_URL);
	build(x);
	x->limits.shards = 0;
	expect_denied(x, "RFC 5280 §5.2.5");
	x->spec = good;
	x->limits = law;
	add(x, 1, 8); /* removeFromCRL belongs in delta lists */
	build(x);
	expect_denied(x, "RFC 5280 §5.3");
}

static void test_rfc5280_5_2_4__delta(void **state)
{
	struct fixture *x = *state;
	const struct privkey *key = kit_key(KEY_P256, 0);
	struct crl_spec good = x->spec;
	char detail[FAULT_DETAIL_MAX], *text;
	uint8_t sig[SIG_MAX];
	struct buf der;
	size_t sig_len;

	x->limits.shards = 0;
	add(x, 1, 1);
	x->spec.base_number = x->spec.number - 1;
	build(x);
	expect_denied(x, "RFC 5280 §5.2.4"); /* this authority has none */
	x->limits.delta = true;
	assert_int_equal(check(x, detail), RC_OK);
	assert_int_equal(privkey_sign_x509(key, buf_bytes(&x->tbs), sig, &sig_len), RC_OK);
	buf_init(&der, 65536);
	assert_int_equal(crl_assemble(buf_bytes(&x->tbs), SIG_ES256, bytes_of(sig, sig_len), &der), RC_OK);
	kit_write("delta.crl", buf_bytes(&der));
	buf_done(&der);
	assert_int_equal(kit_run(&x->a, &text, "openssl crl -inform der -in delta.crl -noout -text"), 0);
	kit_expect_text(text, "X509v3 Delta CRL Indicator: critical");
	x->spec.base_number = x->spec.number;
	assert_int_equal(crl_tbs_build(&x->spec, &x->entries, &x->tbs), RC_INVALID);
	x->spec.base_number = x->spec.number - 1;
	x->spec.delta_url = STR("http://ca.lab/crl/lab-delta.crl"); /* RFC 5280 §5.2.6: not in a delta */
	build(x);
	expect_denied(x, "RFC 5280 §5.2");
	x->spec.base_number = 0;
	build(x);
	assert_int_equal(check(x, detail), RC_OK);
	x->limits.delta = false;
	expect_denied(x, "RFC 5280 §5.2.6");
	x->limits.delta = true;
	x->spec.delta_url = STR("http://ca.lab/crl/lab-delt4.crl");
	build(x);
	expect_denied(x, "RFC 5280 §5.2.6");
	x->spec = good;
	assert_true(str_is(crl_delta_url(&x->a, x->limits.url), "http://ca.lab/crl/lab-delta.crl"));
}

/* Whatever octet changes: a yes or a no, and nothing read beyond the end. */
static void test_crl_tbs_check__flipped_bits(void **state)
{
	struct fixture *x = *state;
	uint64_t number;

	add(x, 1, 1);
	x->limits.delta = true;
	x->spec.base_number = 7;
	build(x);
	for (size_t i = 0; i < x->tbs.len; i++) {
		x->tbs.p[i] ^= 0x10;
		if (crl_tbs_check(buf_bytes(&x->tbs), &x->limits, &number, NULL) == RC_OK)
			assert_true(number <= INT64_MAX);
		x->tbs.p[i] ^= 0x10;
	}
	x->tbs.len--;
	expect_denied(x, "X.690");
}

/* A TBSCertificate is no list. */
static void test_crl_tbs_check__certificate(void **state)
{
	struct fixture *x = *state;
	const uint8_t serial[] = "0123456789abcdef0123";
	struct san san = { SAN_DNS, str_bytes(STR("a.lab")), 0 };
	struct tbs_spec spec = { .serial = bytes_of(serial, 20), .alg = SIG_ES256, .issuer_dn = x->dn,
				 .subject_dn = x->dn, .not_before = 1, .not_after = 2, .path_len = -1,
				 .key = privkey_pubkey(kit_key(KEY_P256, 0)), .sans = &san, .san_count = 1,
				 .authority_key_id = bytes_of(key_id, 20) };
	struct bytes tbs;

	assert_int_equal(tbs_build(&x->a, &spec, &tbs), RC_OK);
	buf_add(&x->tbs, tbs.p, tbs.len);
	expect_denied(x, "RFC 5280 §5.1.2.1");
}

static void test_crl_shards(void **state)
{
	struct fixture *x = *state;
	unsigned seen[4] = { 0 };

	for (uint8_t i = 0; i < 200; i++) {
		unsigned shard = crl_shard_of(bytes_of(&i, 1), 3);

		assert_in_range(shard, 1, 3);
		seen[shard]++;
	}
	assert_true(seen[1] > 40 && seen[2] > 40 && seen[3] > 40);
	assert_true(str_is(crl_shard_url(&x->a, STR("http://ca.lab/crl/lab.crl"), 2), SHARD_URL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rfc5280_5__openssl_reads_what_was_built, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rfc5280_5_1_2_6__no_entries_no_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crl_tbs_check__twenty_million_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crl_tbs_check__denies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rfc5280_5_2_4__delta, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crl_tbs_check__flipped_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crl_tbs_check__certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crl_shards, setup, teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	kit_rmdir();
	return failed;
}
