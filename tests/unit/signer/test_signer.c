/* test_signer.c - the server's end (signer.c) on a real loop with the real process. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/crl.h"
#include "crypto/digest.h"
#include "crypto/ocsp.h"
#include "fixture.h"
#include "signer/law.h"
#include "signer/signer.h"

#define MANY 500

static struct fixture fx;
static struct loop *loop;
static struct signer *signer;

/* One request under way. */
struct call {
	unsigned done;
	enum rc rc;
	uint8_t payload[SIG_MAX];
	size_t payload_len;
	char detail[FAULT_DETAIL_MAX];
};
static struct call calls[MANY];
static unsigned outstanding;

static void on_done(void *arg, enum rc rc, struct bytes payload, const struct fault *f)
{
	struct call *c = arg;

	c->done++;
	c->rc = rc;
	c->payload_len = payload.len;
	if (payload.len)
		memcpy(c->payload, payload.p, payload.len);
	snprintf(c->detail, sizeof(c->detail), "%s", f ? f->detail : "");
	if (--outstanding == 0)
		loop_stop(loop);
}

static enum rc start(int timeout_ms, unsigned max_waiting, struct fault *f)
{
	struct signer_options o = { .loop = loop, .program = ASSAY_SIGNER_PROGRAM,
				    .timeout_ms = timeout_ms, .max_waiting = max_waiting };
	struct buf text;
	enum rc rc;

	buf_init(&text, SIGNER_CONFIG_MAX);
	signer_config_write(&fx.config, &text);
	o.config = buf_bytes(&text);
	rc = signer_start(&o, &signer, f);
	buf_done(&text);
	if (rc == RC_OK)
		fx.pid = signer_pid(signer);
	return rc;
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	assert_int_equal(loop_new(&loop), RC_OK);
	memset(calls, 0, sizeof(calls));
	outstanding = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	signer_free(signer);
	signer = NULL;
	loop_free(loop);
	fx.pid = 0; /* reaped */
	fixture_done(&fx);
	return 0;
}

static void sign(unsigned i, struct bytes tbs)
{
	outstanding++;
	assert_int_equal(signer_sign(signer, STR("lab"), STR("server"), tbs, on_done, &calls[i]),
			 RC_OK);
	assert_int_equal(calls[i].done, 0); /* never from within the call */
}

static void check_all(unsigned count, enum rc rc)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(calls[i].done, 1);
		assert_int_equal(calls[i].rc, rc);
	}
}

static void test_sign__lookup_and_ping(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);
	struct bytes tbs = fixture_build(&fx, &spec);
	uint8_t hash[32];

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	sign(0, tbs);
	loop_run(loop);
	check_all(1, RC_OK);
	assert_int_equal(pubkey_verify_x509(fx.issuing_key, SIG_ES256, tbs,
					    bytes_of(calls[0].payload, calls[0].payload_len)),
			 RC_OK);
	outstanding = 3;
	assert_int_equal(signer_ping(signer, on_done, &calls[1]), RC_OK);
	assert_int_equal(signer_lookup(signer, spec.serial, on_done, &calls[2]), RC_OK);
	assert_int_equal(signer_lookup(signer, bytes_of("x", 1), on_done, &calls[3]), RC_OK);
	loop_run(loop);
	assert_int_equal(calls[1].rc, RC_OK);
	assert_int_equal(calls[2].rc, RC_OK);
	sha256(tbs, hash);
	assert_memory_equal(calls[2].payload, hash, 32);
	assert_int_equal(calls[3].rc, RC_NOTFOUND);
}

static void test_sign__refusals_say_why(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);
	struct bytes first = fixture_build(&fx, &spec);

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	sign(0, first);
	spec.not_after--;
	sign(1, fixture_build(&fx, &spec));
	spec.ca = true;
	sign(2, fixture_build(&fx, &spec));
	loop_run(loop);
	assert_int_equal(calls[0].rc, RC_OK);
	assert_int_equal(calls[1].rc, RC_CONFLICT);
	assert_int_equal(calls[2].rc, RC_DENIED);
	assert_non_null(strstr(calls[2].detail, "RFC 5280 §4.2.1.9"));
}

static void test_sign__what_no_message_can_carry(void **state)
{
	static const uint8_t huge[LIMIT_TBS_BYTES + 1];

	(void)state;
	assert_int_equal(start(5000, 2, NULL), RC_OK);
	assert_int_equal(signer_sign(signer, STR("l b"), STR("server"), bytes_of("x", 1), on_done,
				     &calls[0]), RC_INVALID);
	assert_int_equal(signer_sign(signer, STR("lab"), STR(""), bytes_of("x", 1), on_done,
				     &calls[0]), RC_INVALID);
	assert_int_equal(signer_sign(signer, STR("lab"), STR("server"),
				     bytes_of(huge, sizeof(huge)), on_done, &calls[0]), RC_INVALID);
	assert_int_equal(signer_sign(signer, STR("lab"), STR("server"), bytes_of(NULL, 0), on_done,
				     &calls[0]), RC_INVALID);
	/* none of them kept a slot */
	sign(0, fixture_tbs(&fx));
	sign(1, fixture_tbs(&fx));
	assert_int_equal(signer_ping(signer, on_done, &calls[2]), RC_BUSY);
	loop_run(loop);
	check_all(2, RC_OK);
	assert_int_equal(calls[2].done, 0);
}

/* Far more than the socket's buffer and the window take at once. */
static void test_sign__large_requests_never_block(void **state)
{
	static const uint8_t large[LIMIT_TBS_BYTES];

	(void)state;
	assert_int_equal(start(20000, MANY, NULL), RC_OK);
	for (unsigned i = 0; i < MANY; i++)
		sign(i, i % 2 ? fixture_tbs(&fx) : bytes_of(large, sizeof(large)));
	loop_run(loop);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(calls[i].rc, i % 2 ? RC_OK : RC_DENIED);
}

static void test_worker__death_loses_no_request(void **state)
{
	(void)state;
	assert_int_equal(start(20000, MANY, NULL), RC_OK);
	for (unsigned i = 0; i < MANY; i++)
		sign(i, fixture_tbs(&fx));
	kill(fixture_worker(&fx), SIGKILL);
	loop_run(loop);
	check_all(MANY, RC_OK);
}

/* Answers that come when nobody waits any more are dropped; the slot serves the next one. */
static void test_worker__silence_is_unavailable(void **state)
{
	pid_t worker;

	(void)state;
	assert_int_equal(start(30, 4, NULL), RC_OK);
	worker = fixture_worker(&fx);
	kill(worker, SIGSTOP);
	for (unsigned i = 0; i < 4; i++)
		sign(i, fixture_tbs(&fx));
	loop_run(loop);
	check_all(4, RC_UNAVAILABLE);
	signer_free(signer); /* does not wait for a worker that is stopped for ever */
	signer = NULL;
	calls[0].done = 0;
	assert_int_equal(start(20000, 4, NULL), RC_OK);
	kill(fixture_worker(&fx), SIGSTOP);
	sign(0, fixture_tbs(&fx));
	kill(fixture_worker(&fx), SIGCONT);
	loop_run(loop);
	assert_int_equal(calls[0].rc, RC_OK);
}

static void test_monitor__death_fails_everything(void **state)
{
	(void)state;
	assert_int_equal(start(20000, 8, NULL), RC_OK);
	kill(fixture_worker(&fx), SIGSTOP);
	for (unsigned i = 0; i < 8; i++)
		sign(i, fixture_tbs(&fx));
	kill(signer_pid(signer), SIGKILL);
	loop_run(loop);
	check_all(8, RC_UNAVAILABLE);
	assert_int_equal(signer_ping(signer, on_done, &calls[0]), RC_UNAVAILABLE);
}

static void test_start__faults(void **state)
{
	struct signer_options o = { .loop = loop, .program = "/nonexistent/assay-signer",
				    .config = str_bytes(STR("x")), .timeout_ms = 1000,
				    .max_waiting = 1 };
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(signer_start(&o, &signer, &f), RC_IO);
	o.program = ASSAY_SIGNER_PROGRAM;
	assert_int_equal(signer_start(&o, &signer, &f), RC_UNAVAILABLE);
	assert_non_null(strstr(f.detail, "not a signer config"));
	o.program = "/bin/true"; /* says nothing and ends */
	assert_int_equal(signer_start(&o, &signer, &f), RC_UNAVAILABLE);
	assert_null(signer);
}

/* --- revocation lists and responders --- */

static void sign_list(unsigned i, struct bytes issuer_dn, uint64_t number, struct buf *tbs)
{
	int64_t now = clock_now_s();
	const struct crl_spec spec = { .alg = SIG_ES256, .issuer_dn = issuer_dn, .number = number,
				       .authority_key_id = fx.issuing.subject_key_id,
				       .this_update = now, .next_update = now + 86400 };
	struct buf entries;

	buf_init(&entries, 1024);
	buf_init(tbs, 4096);
	assert_int_equal(crl_tbs_build(&spec, &entries, tbs), RC_OK);
	buf_done(&entries);
	memset(&calls[i], 0, sizeof(calls[i]));
	outstanding++;
	assert_int_equal(signer_sign_crl(signer, STR("lab"), buf_bytes(tbs), on_done, &calls[i]), RC_OK);
	loop_run(loop);
	assert_int_equal(calls[i].done, 1);
}

static void expect_list(struct bytes issuer_dn, uint64_t number, enum rc rc)
{
	struct buf tbs;

	sign_list(0, issuer_dn, number, &tbs);
	if (calls[0].rc != rc)
		fail_msg("%llu: %s", (unsigned long long)number, calls[0].detail);
	if (rc == RC_OK)
		assert_int_equal(pubkey_verify_x509(fx.issuing_key, SIG_ES256, buf_bytes(&tbs),
						    bytes_of(calls[0].payload, calls[0].payload_len)),
				 RC_OK);
	buf_done(&tbs);
}

/* TRUST I6, also over the end of the process. */
static void test_rfc5280_5_2_3__crl_number_only_rises(void **state)
{
	uint64_t now = (uint64_t)clock_now_ms();
	struct bytes dn;

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	dn = fx.issuing.subject_dn;
	expect_list(dn, now, RC_OK);
	expect_list(dn, now + 1, RC_OK);
	expect_list(dn, now, RC_CONFLICT);
	expect_list(dn, now - 5000, RC_CONFLICT);
	expect_list(fx.subject, now + 2, RC_DENIED); /* another issuer */
	expect_list(dn, now + 3600 * 1000, RC_DENIED); /* ahead of the clock */
	signer_free(signer);
	signer = NULL;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	expect_list(dn, now, RC_CONFLICT);
	expect_list(dn, now + 2, RC_OK);
	expect_list(dn, 7, RC_CONFLICT);
}

static void test_sign_crl__the_same_again_gives_the_same(void **state)
{
	uint64_t now = (uint64_t)clock_now_ms();
	struct call first;
	struct buf tbs;

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	sign_list(0, fx.issuing.subject_dn, now, &tbs);
	assert_int_equal(calls[0].rc, RC_OK);
	first = calls[0];
	outstanding++;
	assert_int_equal(signer_sign_crl(signer, STR("lab"), buf_bytes(&tbs), on_done, &calls[1]), RC_OK);
	loop_run(loop);
	buf_done(&tbs);
	assert_int_equal(calls[1].rc, RC_OK);
	assert_int_equal(calls[1].payload_len, first.payload_len);
	assert_memory_equal(calls[1].payload, first.payload, first.payload_len);
}

/* --- checkpoints --- */

/* Asks and waits; the answer is calls[i]. */
static void ask_checkpoint(unsigned i, const char *authority, int64_t number, uint8_t hash)
{
	struct checkpoint c = { .number = number };

	memset(c.hash, hash, sizeof(c.hash));
	memset(&calls[i], 0, sizeof(calls[i]));
	outstanding++;
	assert_int_equal(signer_checkpoint(signer, str_of(authority), &c, on_done, &calls[i]), RC_OK);
	loop_run(loop);
	assert_int_equal(calls[i].done, 1);
	if (calls[i].rc != RC_OK)
		return;
	c.at = message_checkpoint_at(bytes_of(calls[i].payload, calls[i].payload_len));
	assert_in_range(clock_now_s() - c.at, 0, 20);
	assert_int_equal(checkpoint_verify(&c, fx.issuing_key,
					   bytes_of(calls[i].payload + MESSAGE_CHECKPOINT_TIME,
						    calls[i].payload_len - MESSAGE_CHECKPOINT_TIME)), RC_OK);
	c.number++;
	assert_int_equal(checkpoint_verify(&c, fx.issuing_key,
					   bytes_of(calls[i].payload + MESSAGE_CHECKPOINT_TIME,
						    calls[i].payload_len - MESSAGE_CHECKPOINT_TIME)), RC_DENIED);
}

static void expect_last(enum rc rc, int64_t number, uint8_t hash, bool given_up)
{
	struct checkpoint c;
	bool is_given_up;

	memset(&calls[0], 0, sizeof(calls[0]));
	outstanding++;
	assert_int_equal(signer_last_checkpoint(signer, on_done, &calls[0]), RC_OK);
	loop_run(loop);
	assert_int_equal(calls[0].rc, rc);
	if (rc != RC_OK)
		return;
	message_last_of(bytes_of(calls[0].payload, calls[0].payload_len), &c, &is_given_up);
	assert_true(c.number == number && c.hash[0] == hash && is_given_up == given_up);
}

/* The audit trail has one history, also over the end of the process. */
static void test_checkpoint__the_trail_only_grows(void **state)
{
	struct call first;

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	expect_last(RC_NOTFOUND, 0, 0, false);
	ask_checkpoint(1, "lab", 7, 0xaa);
	assert_int_equal(calls[1].rc, RC_OK);
	first = calls[1];
	ask_checkpoint(1, "lab", 7, 0xaa); /* the same again */
	assert_int_equal(calls[1].rc, RC_OK);
	assert_int_equal(calls[1].payload_len, first.payload_len);
	assert_memory_equal(calls[1].payload, first.payload, first.payload_len);
	ask_checkpoint(1, "lab", 7, 0xbb);
	assert_int_equal(calls[1].rc, RC_CONFLICT);
	assert_non_null(strstr(calls[1].detail, "forked"));
	ask_checkpoint(1, "lab", 6, 0xaa);
	assert_int_equal(calls[1].rc, RC_CONFLICT);
	ask_checkpoint(1, "lab", 0, 0xaa);
	assert_int_equal(calls[1].rc, RC_DENIED);
	ask_checkpoint(1, "lab", INT64_MIN, 0xaa);
	assert_int_equal(calls[1].rc, RC_DENIED);
	ask_checkpoint(1, "nobody", 8, 0xaa);
	assert_int_equal(calls[1].rc, RC_DENIED);
	expect_last(RC_OK, 7, 0xaa, false);
	signer_free(signer);
	signer = NULL;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	ask_checkpoint(1, "lab", 6, 0xaa);
	assert_int_equal(calls[1].rc, RC_CONFLICT);
	expect_last(RC_OK, 7, 0xaa, false);
	ask_checkpoint(1, "lab", 8, 0xcc);
	assert_int_equal(calls[1].rc, RC_OK);
}

/* Only who starts the signer can give a checkpoint up, only the newest, and only once: a worker that
 * starts later with the same law gives up nothing. */
static void test_checkpoint__is_given_up_by_name(void **state)
{
	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	ask_checkpoint(1, "lab", 7, 0xaa);
	ask_checkpoint(1, "lab", 9, 0xbb);
	signer_free(signer);
	signer = NULL;
	fx.config.give_up_number = 7; /* not the newest */
	memset(fx.config.give_up_hash, 0xaa, SHA256_LEN);
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	expect_last(RC_OK, 9, 0xbb, false);
	signer_free(signer);
	signer = NULL;
	fx.config.give_up_number = 9;
	memset(fx.config.give_up_hash, 0xbb, SHA256_LEN);
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	expect_last(RC_OK, 9, 0xbb, true);
	ask_checkpoint(1, "lab", 3, 0xdd);
	assert_int_equal(calls[1].rc, RC_OK);
	kill(fixture_worker(&fx), SIGKILL);
	expect_last(RC_OK, 3, 0xdd, false);
	ask_checkpoint(1, "lab", 2, 0xdd);
	assert_int_equal(calls[1].rc, RC_CONFLICT);
}

/* What is signed for a checkpoint is nothing that the law lets through as anything else. */
static void test_checkpoint__is_no_other_thing_that_is_signed(void **state)
{
	const struct checkpoint c = { .number = 1, .at = clock_now_s() };
	uint8_t octets[CHECKPOINT_LEN];
	struct crl_limits limits = { .alg = SIG_ES256, .issuer_dn = fx.issuing.subject_dn, .now = clock_now_s() };
	struct cert_info info;
	uint64_t number;
	struct fault f = { 0 };

	(void)state;
	checkpoint_encode(&c, octets);
	assert_int_equal(octets[0], 0); /* X.690 §8.1.5: no DER value begins so */
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	sign(0, bytes_of(octets, sizeof(octets)));
	loop_run(loop);
	check_all(1, RC_DENIED);
	assert_int_equal(tbs_parse(&fx.arena, bytes_of(octets, sizeof(octets)), &info, NULL), RC_INVALID);
	assert_int_equal(crl_tbs_check(bytes_of(octets, sizeof(octets)), &limits, &number, &f), RC_DENIED);
	fault_done(&f);
}

/* RFC 6960 §4.2.2.2: that law signs a responder's certificate and no other; no other law does. */
static void test_sign__ocsp_responder(void **state)
{
	static const struct {
		const char *profile;
		bool names, server_auth, nocheck, other_subject;
		enum rc rc;
	} rows[] = {
		{ LAW_OCSP_RESPONDER, false, false, true, false, RC_OK },
		{ LAW_OCSP_RESPONDER, true, false, true, false, RC_DENIED },
		{ LAW_OCSP_RESPONDER, false, true, true, false, RC_DENIED },
		{ LAW_OCSP_RESPONDER, false, false, false, false, RC_DENIED },
		{ LAW_OCSP_RESPONDER, false, false, true, true, RC_DENIED },
		{ "server", false, false, true, false, RC_DENIED },
	};

	(void)state;
	assert_int_equal(start(5000, 16, NULL), RC_OK);
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		struct tbs_spec spec = fixture_spec(&fx);
		struct bytes cn;

		assert_int_equal(dn_build(&fx.arena, (struct str){ 0 },
					  rows[i].other_subject ? STR("other") : STR(OCSP_RESPONDER_CN), &cn),
				 RC_OK);
		spec.subject_dn = cn;
		spec.san_critical = false;
		if (!rows[i].names)
			spec.san_count = 0;
		spec.key_usage = KU_DIGITAL_SIGNATURE;
		spec.ext_key_usage = EKU_OCSP_SIGNING | (rows[i].server_auth ? EKU_SERVER_AUTH : 0);
		spec.ocsp_nocheck = rows[i].nocheck;
		spec.ocsp_url = spec.ca_issuers_url = spec.crl_url = (struct str){ 0 };
		spec.not_after = spec.not_before + 86400;
		outstanding++;
		assert_int_equal(signer_sign(signer, STR("lab"), str_of(rows[i].profile),
					     fixture_build(&fx, &spec), on_done, &calls[i]), RC_OK);
		loop_run(loop);
		if (calls[i].rc != rows[i].rc)
			fail_msg("row %u: %s", i, calls[i].detail);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sign__lookup_and_ping),
		T(test_rfc5280_5_2_3__crl_number_only_rises),
		T(test_sign_crl__the_same_again_gives_the_same),
		T(test_checkpoint__the_trail_only_grows),
		T(test_checkpoint__is_given_up_by_name),
		T(test_checkpoint__is_no_other_thing_that_is_signed),
		T(test_sign__ocsp_responder),
		T(test_sign__refusals_say_why),
		T(test_sign__what_no_message_can_carry),
		T(test_sign__large_requests_never_block),
		T(test_worker__death_loses_no_request),
		T(test_worker__silence_is_unavailable),
		T(test_monitor__death_fails_everything),
		T(test_start__faults),
	};

	return cmocka_run_group_tests(tests, fixture_authority_make, fixture_authority_remove);
}
