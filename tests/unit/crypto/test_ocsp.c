/* test_ocsp.c - OCSP requests that openssl made, answers that openssl verifies. */
#include "kit.h"

#include "base/auto.h"
#include "base/clock.h"
#include "crypto/ocsp.h"

/* An authority, a responder's certificate and two others, made by openssl. */
static void make_files(struct arena *a)
{
	char *text;

	kit_write("ext", str_bytes(STR("basicConstraints=CA:FALSE\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n")));
	assert_int_equal(
		kit_run(a, &text,
			"set -e; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key "
			"-out ca.pem -subj '/CN=Lab CA' -days 5; "
			"for i in 1 2 3; do openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
			"k$i.key -out $i.csr -subj /CN=$i; openssl x509 -req -in $i.csr -CA ca.pem -CAkey ca.key "
			"-set_serial 0x0cf5000$i -days 3 -extfile ext -out c$i.pem; done; "
			"openssl ocsp -issuer ca.pem -cert c1.pem -no_nonce -reqout one.req; "
			"openssl ocsp -issuer ca.pem -cert c1.pem -nonce -reqout nonce.req; "
			"openssl ocsp -issuer ca.pem -sha256 -cert c1.pem -cert c2.pem -no_nonce -reqout two.req; "
			"openssl ocsp -issuer ca.pem -cert c1.pem -signer c2.pem -signkey k2.key -no_nonce -reqout signed.req; "
			"openssl x509 -in ca.pem -outform der -out ca.der"),
		0);
}

static int setup(void **state)
{
	struct arena *a = malloc(sizeof(*a));

	assert_non_null(a);
	arena_init(a, KIT_ARENA);
	make_files(a);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	arena_done(*state);
	free(*state);
	kit_rmdir();
	return 0;
}

static void issuer_of(struct arena *a, struct ocsp_issuer *out)
{
	struct cert_info info;

	assert_int_equal(cert_parse(a, kit_read(a, "ca.der"), &info, NULL), RC_OK);
	assert_int_equal(ocsp_issuer_init(info.subject_dn, info.spki, out), RC_OK);
}

static void test_ocsp_request_parse__openssl(void **state)
{
	static const struct {
		const char *file;
		size_t count;
		enum ocsp_hash hash;
		bool nonce;
	} rows[] = {
		{ "one.req", 1, OCSP_SHA1, false },
		{ "nonce.req", 1, OCSP_SHA1, true },
		{ "two.req", 2, OCSP_SHA256, false },
		{ "signed.req", 1, OCSP_SHA1, false },
	};
	struct ocsp_issuer issuer;
	struct arena *a = *state;

	issuer_of(a, &issuer);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ocsp_request q;
		struct fault f = { 0 };

		if (ocsp_request_parse(kit_read(a, rows[i].file), &q, &f) != RC_OK)
			fail_msg("%s: %s", rows[i].file, f.detail);
		assert_int_equal(q.count, rows[i].count);
		/* The second -cert keeps the default hash in some versions of openssl. */
		assert_int_equal(q.ids[0].hash, rows[i].hash);
		assert_true(ocsp_issuer_is(&issuer, &q.ids[0]));
		assert_true(bytes_eq(q.ids[0].serial, bytes_of("\x0c\xf5\x00\x01", 4)));
		assert_int_equal(q.nonce.p != NULL, rows[i].nonce);
		issuer.key_sha1[3] ^= 1;
		issuer.key_sha256[3] ^= 1;
		assert_false(ocsp_issuer_is(&issuer, &q.ids[0]));
		issuer.key_sha1[3] ^= 1;
		issuer.key_sha256[3] ^= 1;
	}
}

static void test_ocsp_request_parse__refuses(void **state)
{
	struct arena *a = *state;
	struct bytes good = kit_read(a, "nonce.req");
	struct ocsp_request q;
	uint8_t *copy = arena_alloc(a, OCSP_REQUEST_MAX + 2);

	assert_non_null(copy);
	for (size_t len = 0; len < good.len; len++)
		assert_int_equal(ocsp_request_parse(bytes_of(good.p, len), &q, NULL), RC_INVALID);
	memcpy(copy, good.p, good.len);
	assert_int_equal(ocsp_request_parse(bytes_of(copy, good.len + 1), &q, NULL), RC_INVALID);
	assert_int_equal(ocsp_request_parse(bytes_of(copy, OCSP_REQUEST_MAX + 1), &q, NULL), RC_INVALID);
	for (size_t i = 0; i < good.len * 8; i++) { /* no flipped bit crashes it */
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		if (ocsp_request_parse(bytes_of(copy, good.len), &q, NULL) == RC_OK)
			assert_in_range(q.count, 1, OCSP_IDS_MAX);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(ocsp_request_parse(kit_hex(a, "300430023000"), &q, NULL), RC_INVALID);
}

static void build(struct arena *a, const char *request, struct ocsp_single *singles)
{
	AUTO_PTR(privkey) struct privkey *key = NULL;
	struct ocsp_responder responder = { 0 };
	int64_t now = clock_now_s();
	struct ocsp_request q;
	struct bytes out;
	char *text;

	assert_int_equal(kit_run(a, &text, "openssl x509 -in c3.pem -outform der -out c3.der"), 0);
	assert_int_equal(privkey_from_pem(kit_read(a, "k3.key"), NULL, &key, NULL), RC_OK);
	responder.key = key;
	responder.certificate = kit_read(a, "c3.der");
	assert_int_equal(ocsp_request_parse(kit_read(a, request), &q, NULL), RC_OK);
	for (size_t i = 0; i < q.count; i++) {
		singles[i].cert_id = q.ids[i].whole;
		singles[i].this_update = now;
		singles[i].next_update = now + 3600;
	}
	assert_int_equal(ocsp_response_build(a, &responder, singles, q.count, q.nonce, now, &out), RC_OK);
	kit_write("answer", out);
}

static void test_ocsp_response_build__openssl_verifies(void **state)
{
	struct ocsp_single one[1] = { { .status = OCSP_GOOD } };
	struct ocsp_single two[2] = { { .status = OCSP_REVOKED, .revoked_at = 1700000000, .reason = 1 },
				      { .status = OCSP_UNKNOWN } };
	struct arena *a = *state;
	char *text;

	build(a, "nonce.req", one);
	if (kit_run(a, &text, "openssl ocsp -reqin nonce.req -respin answer -CAfile ca.pem -issuer ca.pem -resp_text"))
		fail_msg("%s", text);
	kit_expect_text(text, "Response verify OK");
	kit_expect_text(text, "Cert Status: good");
	build(a, "two.req", two);
	if (kit_run(a, &text, "openssl ocsp -respin answer -CAfile ca.pem -issuer ca.pem -resp_text"))
		fail_msg("%s", text);
	kit_expect_text(text, "Response verify OK");
	kit_expect_text(text, "Cert Status: revoked");
	kit_expect_text(text, "Revocation Time: Nov 14 22:13:20 2023 GMT");
	kit_expect_text(text, "keyCompromise (0x1)");
	kit_expect_text(text, "Cert Status: unknown");
}

static void test_ocsp_error_response__openssl_reads(void **state)
{
	static const struct {
		enum ocsp_error error;
		const char *text;
	} rows[] = {
		{ OCSP_MALFORMED, "malformedrequest (1)" }, { OCSP_INTERNAL, "internalerror (2)" },
		{ OCSP_TRY_LATER, "trylater (3)" }, { OCSP_UNAUTHORIZED, "unauthorized (6)" },
	};
	struct arena *a = *state;
	char *text;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		kit_write("answer", ocsp_error_response(rows[i].error));
		(void)kit_run(a, &text, "openssl ocsp -respin answer -noverify");
		kit_expect_text(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ocsp_request_parse__openssl),
		cmocka_unit_test(test_ocsp_request_parse__refuses),
		cmocka_unit_test(test_ocsp_response_build__openssl_verifies),
		cmocka_unit_test(test_ocsp_error_response__openssl_reads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
