/* test_signer_process.c - the real assay-signer, asked from the server's end of its socket for
 * everything that it must never do. Whoever owns the server can send exactly this and no more. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "fixture.h"
#include "issuer/issuer.h"

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	fixture_init(&fx);
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_done(&fx);
	return 0;
}

static void check_good(struct bytes tbs, const struct reply *r)
{
	assert_int_equal(r->status, RC_OK);
	assert_int_equal(pubkey_verify_x509(fx.issuing_key,
					    key_x509_sig_alg(pubkey_type(fx.issuing_key)), tbs,
					    bytes_of(r->payload, r->payload_len)),
			 RC_OK);
}

/* The signer is alive and well after whatever was done to it. */
static void check_serves(void)
{
	struct bytes tbs = fixture_tbs(&fx);
	struct reply r;

	assert_int_equal(fixture_sign(&fx, tbs, &r), RC_OK);
	check_good(tbs, &r);
}

static void check_denied(struct bytes tbs, const char *rule)
{
	struct reply r;

	assert_int_equal(fixture_sign(&fx, tbs, &r), RC_DENIED);
	assert_int_equal(r.payload_len, 0);
	if (!strstr(r.detail, rule))
		fail_msg("refused, but as \"%s\", not \"%s\"", r.detail, rule);
}

static void check_spec_denied(const struct tbs_spec *spec, const char *rule)
{
	check_denied(fixture_build(&fx, spec), rule);
}

static void test_sign__what_the_law_allows(void **state)
{
	(void)state;
	check_serves();
}

static void test_rfc5280_4_2_1_9__ca_certificate_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.ca = true;
	spec.path_len = 0;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.9");
	check_serves();
}

static void test_rfc5280_4_2_1_3__key_cert_sign_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.key_usage |= KU_KEY_CERT_SIGN;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.3");
	spec.key_usage = KU_DIGITAL_SIGNATURE | KU_CRL_SIGN;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.3");
	spec.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.3");
}

static void test_rfc5280_4_2_1_10__names_outside_the_constraints_are_refused(void **state)
{
	static const struct {
		enum san_type type;
		const char *value;
		size_t len;
	} names[] = {
		{ SAN_DNS, "lab.example", 11 },
		{ SAN_DNS, "evil-lab.internal", 17 },
		{ SAN_DNS, "internal", 8 },
		{ SAN_DNS, "*.internal", 10 },
		{ SAN_IP, "\x0b\x00\x00\x01", 4 },
		{ SAN_IP, "\x08\x08\x08\x08", 4 },
		{ SAN_IP, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16 },
		/* 10.0.0.1 as an IPv4-mapped address is another name */
		{ SAN_IP, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16 },
	};
	struct tbs_spec spec = fixture_spec(&fx);
	struct san sans[2] = { fx.san };

	(void)state;
	spec.sans = sans;
	spec.san_count = 2; /* one good name does not help */
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		sans[1] = (struct san){ .type = names[i].type,
					.value = bytes_of(names[i].value, names[i].len) };
		check_spec_denied(&spec, "RFC 5280 §4.2.1.10");
	}
	sans[1] = (struct san){ .type = SAN_IP, .value = bytes_of("\x0a\x00\x00\x01", 4) };
	{
		struct bytes tbs = fixture_build(&fx, &spec);
		struct reply r;

		assert_int_equal(fixture_sign(&fx, tbs, &r), RC_OK);
	}
}

static void test_policy__lifetime_beyond_the_cap_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.not_after++; /* TRUST V28: one second */
	check_spec_denied(&spec, "longer than the authority's cap");
	/* the fixture's certificates begin an hour ago */
	fixture_stop(&fx);
	fx.config.max_backdate_s = 3000;
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	check_denied(fixture_tbs(&fx), "notBefore lies further back");
}

static void test_rfc5280_6_1_3__certificate_never_outlives_its_issuer(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.not_before = fx.issuing.not_before - 1;
	spec.not_after--;
	check_spec_denied(&spec, "RFC 5280 §6.1.3");
}

static void test_rfc5280_4_2__unknown_extension_is_refused(void **state)
{
	static const uint8_t ski[] = { 0x06, 3, 0x55, 0x1d, 0x0e }, other[] = { 0x06, 3, 0x55, 0x1d, 99 };
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	check_denied(fixture_patch(&fx, fixture_tbs(&fx), bytes_of(ski, 5), bytes_of(other, 5)),
		     "RFC 5280 §4.2");
	/* known, but not this profile's */
	spec.must_staple = true;
	check_spec_denied(&spec, "RFC 5280 §4.2");
}

static void test_rfc5280_4_2_1_12__other_key_purposes_are_refused(void **state)
{
	static const uint8_t server[] = { 0x2b, 6, 1, 5, 5, 7, 3, 1 };
	static const uint8_t email[] = { 0x2b, 6, 1, 5, 5, 7, 3, 4 };
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	check_denied(fixture_patch(&fx, fixture_tbs(&fx), bytes_of(server, 8), bytes_of(email, 8)),
		     "RFC 5280 §4.2.1.12");
	spec.ext_key_usage = EKU_SERVER_AUTH | EKU_CLIENT_AUTH;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.12");
	spec.ext_key_usage = EKU_OCSP_SIGNING;
	check_spec_denied(&spec, "RFC 5280 §4.2.1.12");
	spec.ext_key_usage = 0;
	check_spec_denied(&spec, "RFC 5280 §4.2");
}

static void test_rfc5280_4_1_2_4__foreign_issuer_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	assert_int_equal(dn_build(&fx.arena, STR("Lab"), STR("Lab Root CA"), &spec.issuer_dn), RC_OK);
	check_spec_denied(&spec, "RFC 5280 §4.1.2.4");
}

static void test_rfc5280_4_2_1_1__wrong_authority_key_id_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.authority_key_id = bytes_of("01234567890123456789", 20);
	check_spec_denied(&spec, "RFC 5280 §4.2.1.1");
}

static void test_policy__wrong_urls_are_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.ocsp_url = STR("http://evil.example/ocsp");
	check_spec_denied(&spec, "RFC 5280 §4.2.1.13");
	spec = fixture_spec(&fx);
	spec.crl_url = STR("http://ca.lab.internal/lab.crl"); /* the authority has none */
	check_spec_denied(&spec, "RFC 5280 §4.2.1.13");
}

static void test_rfc5280_4_1_2_2__bad_serials_are_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);
	struct bytes tbs = fixture_build(&fx, &spec), serial = spec.serial;
	uint8_t bad[SERIAL_MAX], der[SERIAL_MAX + 2] = { 0x02, SERIAL_MAX },
		bad_der[SERIAL_MAX + 2] = { 0x02, SERIAL_MAX };

	(void)state;
	/* negative */
	memcpy(bad, serial.p, SERIAL_MAX);
	memcpy(der + 2, serial.p, SERIAL_MAX);
	bad[0] |= 0x80;
	memcpy(bad_der + 2, bad, SERIAL_MAX);
	check_denied(fixture_patch(&fx, tbs, bytes_of(der, sizeof(der)),
				   bytes_of(bad_der, sizeof(bad_der))),
		     "serial");
	/* short: 15, and 16 to 19 that the general law allows but that carry no time */
	for (size_t len = 15; len < SERIAL_MAX; len++) {
		spec.serial = bytes_of(serial.p, len);
		check_spec_denied(&spec, len < 16 ? "RFC 5280 §4.1.2.2" : "serial");
	}
	/* made yesterday, and tomorrow */
	spec.serial = bytes_of(bad, SERIAL_MAX);
	serial_new(clock_now_s() - 86400 - 60, bad);
	check_spec_denied(&spec, "more than 24 hours ago");
	serial_new(clock_now_s() + 700, bad);
	check_spec_denied(&spec, "in the future");
}

static void test_rfc5280_4_2_1_6__tbs_without_names_is_refused(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);

	(void)state;
	spec.sans = NULL;
	spec.san_count = 0;
	check_spec_denied(&spec, "RFC 5280 §4.2");
}

static void test_policy__tbs_with_trailing_octets_is_refused(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);
	uint8_t *longer = arena_alloc(&fx.arena, tbs.len + 1);

	(void)state;
	memcpy(longer, tbs.p, tbs.len);
	check_denied(bytes_of(longer, tbs.len + 1), "");
	check_denied(bytes_of(tbs.p, tbs.len - 1), "");
	check_denied(bytes_of("x", 1), "");
	check_serves();
}

static void test_policy__unknown_authority_and_profile_are_refused(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);
	struct reply r;

	(void)state;
	fixture_send(&fx, MESSAGE_SIGN, "other", "server", tbs);
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.status, RC_DENIED);
	fixture_send(&fx, MESSAGE_SIGN, "lab", "ca", tbs);
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.status, RC_DENIED);
	assert_int_equal(fixture_sign(&fx, tbs, &r), RC_OK);
}

/* TRUST §4, I2 */
static void test_i2__one_serial_is_for_one_tbs(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);
	struct bytes first = fixture_build(&fx, &spec), second;
	struct reply r;

	(void)state;
	spec.not_after--;
	second = fixture_build(&fx, &spec);
	assert_int_equal(fixture_sign(&fx, first, &r), RC_OK);
	assert_int_equal(fixture_sign(&fx, second, &r), RC_CONFLICT);
	/* and so it is for the next process */
	assert_int_equal(fixture_stop(&fx), 0);
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	assert_int_equal(fixture_sign(&fx, second, &r), RC_CONFLICT);
	assert_int_equal(fixture_sign(&fx, first, &r), RC_OK);
}

static void test_i2__one_serial_is_for_one_tbs_within_a_batch(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx);
	struct bytes first = fixture_build(&fx, &spec), second;
	struct reply r[3];

	(void)state;
	spec.not_after--;
	second = fixture_build(&fx, &spec);
	/* Stopped, so that the worker finds all three at once. */
	kill(fixture_worker(&fx), SIGSTOP);
	fixture_send(&fx, MESSAGE_SIGN, "lab", "server", first);
	fixture_send(&fx, MESSAGE_SIGN, "lab", "server", second);
	fixture_send(&fx, MESSAGE_SIGN, "lab", "server", first);
	kill(fixture_worker(&fx), SIGCONT);
	for (int i = 0; i < 3; i++)
		assert_true(fixture_receive(&fx, &r[i]));
	check_good(first, &r[0]);
	assert_int_equal(r[1].status, RC_CONFLICT);
	check_good(first, &r[2]);
	assert_int_equal(r[0].payload_len, r[2].payload_len);
	assert_memory_equal(r[0].payload, r[2].payload, r[0].payload_len);
}

static void test_i2__same_request_gets_the_same_signature(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);
	struct reply first, again;

	(void)state;
	assert_int_equal(fixture_sign(&fx, tbs, &first), RC_OK);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			kill(fixture_worker(&fx), SIGKILL), assert_true(fixture_receive(&fx, &again)),
				fx.epoch = again.epoch;
		if (i == 2) {
			assert_int_equal(fixture_stop(&fx), 0);
			assert_int_equal(fixture_start(&fx, NULL), RC_OK);
		}
		assert_int_equal(fixture_sign(&fx, tbs, &again), RC_OK);
		assert_int_equal(again.payload_len, first.payload_len);
		assert_memory_equal(again.payload, first.payload, first.payload_len);
	}
}

/* What was signed lawfully is answered again when the law has changed since. */
static void test_i2__repetition_survives_a_stricter_law(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);
	struct reply first, again;

	(void)state;
	assert_int_equal(fixture_sign(&fx, tbs, &first), RC_OK);
	assert_int_equal(fixture_stop(&fx), 0);
	fx.profiles[0].max_lifetime_s = 86400;
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	assert_int_equal(fixture_sign(&fx, tbs, &again), RC_OK);
	assert_memory_equal(again.payload, first.payload, first.payload_len);
	check_denied(fixture_tbs(&fx), "cap");
}

#define KILL_REQUESTS 600
#define KILLS 60

/* One request of the kill test: what was asked, and the first signature that came. */
struct asked {
	struct bytes tbs;
	uint64_t id;
	bool answered;
	uint8_t sig[SIG_MAX];
	size_t sig_len;
};

static void ask_unanswered(struct asked *v, size_t first, size_t count)
{
	for (size_t i = first; i < count; i++)
		/* some of the answered ones too: a server that lost an answer */
		if (!v[i].answered || i % 7 == 0)
			v[i].id = fixture_send(&fx, MESSAGE_SIGN, "lab", "server", v[i].tbs);
}

/* Notes an answer; false when a new worker said hello instead. */
static bool note_answer(struct asked *v, size_t count)
{
	struct reply r;
	size_t i = count;

	assert_true(fixture_receive(&fx, &r));
	if (r.op == MESSAGE_HELLO) {
		assert_int_equal(r.status, RC_OK);
		fx.epoch = r.epoch;
		return false;
	}
	assert_int_equal(r.status, RC_OK);
	while (i > 0 && v[i - 1].id != r.id)
		i--;
	if (i == 0)
		return true; /* asked again meanwhile under another id */
	i--;
	if (v[i].answered) {
		assert_int_equal(v[i].sig_len, r.payload_len);
		assert_memory_equal(v[i].sig, r.payload, r.payload_len);
	}
	v[i].answered = true;
	v[i].sig_len = r.payload_len;
	memcpy(v[i].sig, r.payload, r.payload_len);
	return true;
}

/* Kills the monitor, and with it the worker; what was answered by then counts. */
static void restart_all(struct asked *v)
{
	struct pollfd ended = { .fd = fx.socket };

	kill(fx.pid, SIGKILL);
	assert_true(poll(&ended, 1, FIXTURE_WAIT_MS) > 0);
	while (recv(fx.socket, &(char){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		note_answer(v, KILL_REQUESTS);
	fixture_stop(&fx);
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
}

/* TRUST §4: kill -9 of the signer at any moment. Each serial has one TBS and one signature, whatever
 * was asked again and however often. */
static void test_i2__worker_killed_at_random_moments(void **state)
{
	static struct asked v[KILL_REQUESTS];
	size_t window = KILL_REQUESTS / KILLS, kills = 0;

	(void)state;
	srandom(20261121);
	for (size_t i = 0; i < KILL_REQUESTS; i++)
		v[i] = (struct asked){ .tbs = fixture_tbs(&fx) };
	for (size_t first = 0; first < KILL_REQUESTS; first += window) {
		long answers = random() % (long)(window + 2);

		ask_unanswered(v, first < 3 * window ? 0 : first - 3 * window, first + window);
		while (answers-- > 0)
			assert_true(note_answer(v, KILL_REQUESTS));
		for (long spin = random() % 200000; spin > 0; spin--)
			__asm__ volatile("");
		if (++kills % 5 == 0) {
			restart_all(v);
			continue;
		}
		kill(fixture_worker(&fx), SIGKILL);
		while (note_answer(v, KILL_REQUESTS))
			;
	}
	assert_int_equal(kills, KILLS);
	/* At last everything is answered, the same as ever; also by the next process. */
	for (int again = 0; again < 2; again++) {
		for (size_t i = 0; i < KILL_REQUESTS; i++) {
			v[i].id = fixture_send(&fx, MESSAGE_SIGN, "lab", "server", v[i].tbs);
			do
				assert_true(note_answer(v, KILL_REQUESTS));
			while (!v[i].answered);
		}
		while (fixture_waiting(&fx))
			note_answer(v, KILL_REQUESTS);
		assert_int_equal(fixture_stop(&fx), 0);
		assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	}
}

static void test_lookup__known_and_unknown_serials(void **state)
{
	struct tbs_spec spec = fixture_spec(&fx), other = fixture_spec(&fx);
	struct bytes tbs = fixture_build(&fx, &spec);
	uint8_t hash[32];
	struct reply r;

	(void)state;
	assert_int_equal(fixture_sign(&fx, tbs, &r), RC_OK);
	fixture_send(&fx, MESSAGE_LOOKUP, NULL, NULL, spec.serial);
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.status, RC_OK);
	sha256(tbs, hash);
	assert_int_equal(r.payload_len, 32);
	assert_memory_equal(r.payload, hash, 32);
	fixture_send(&fx, MESSAGE_LOOKUP, NULL, NULL, other.serial);
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.status, RC_NOTFOUND);
	fixture_send(&fx, MESSAGE_LOOKUP, NULL, NULL, bytes_of("x", 1));
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.status, RC_NOTFOUND);
}

static void test_messages__garbage_is_dropped(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);
	struct message m = { .op = MESSAGE_SIGN, .id = 1, .epoch = fx.epoch, .authority = STR("lab"),
			     .profile = STR("server"), .payload = tbs };
	static uint8_t huge[128 * 1024];
	uint8_t good[MESSAGE_REQUEST_MAX], bad[MESSAGE_REQUEST_MAX];
	size_t len;

	(void)state;
	assert_int_equal(message_encode(&m, good, sizeof(good), &len), RC_OK);
	fixture_send_raw(&fx, huge, sizeof(huge));
	fixture_send_raw(&fx, "", 0);
	fixture_send_raw(&fx, good, len - 1);
	memcpy(bad, good, len);
	bad[len] = 0;
	fixture_send_raw(&fx, bad, len + 1);
	for (size_t i = 0; i < MESSAGE_HEADER; i++) { /* every octet of the header but id and epoch */
		if (i >= 8 && i < 24)
			continue;
		memcpy(bad, good, len);
		bad[i] ^= 0x55;
		fixture_send_raw(&fx, bad, len);
	}
	/* a second config, as if it were taken */
	fixture_send_raw(&fx, "assay-signer 1\njournal /tmp/x\n", 30);
	check_serves(); /* the next answer is the one to this */
}

static void test_messages__other_epoch_is_dropped(void **state)
{
	struct bytes tbs = fixture_tbs(&fx);

	(void)state;
	fx.epoch++;
	fixture_send(&fx, MESSAGE_SIGN, "lab", "server", tbs);
	fx.epoch--;
	check_serves();
}

static void test_messages__ping(void **state)
{
	uint64_t id = fixture_send(&fx, MESSAGE_PING, NULL, NULL, bytes_of(NULL, 0));
	struct reply r;

	(void)state;
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.id, id);
	assert_int_equal(r.op, MESSAGE_PING);
	assert_int_equal(r.status, RC_OK);
}

static void test_policy__cap_per_minute_holds_over_a_restart(void **state)
{
	struct bytes first = fixture_tbs(&fx);
	struct reply r;

	(void)state;
	assert_int_equal(fixture_stop(&fx), 0);
	fx.config.max_per_minute = 3;
	assert_int_equal(fixture_start(&fx, NULL), RC_OK);
	assert_int_equal(fixture_sign(&fx, first, &r), RC_OK);
	assert_int_equal(fixture_sign(&fx, fixture_tbs(&fx), &r), RC_OK);
	kill(fixture_worker(&fx), SIGKILL);
	assert_true(fixture_receive(&fx, &r));
	fx.epoch = r.epoch;
	assert_int_equal(fixture_sign(&fx, fixture_tbs(&fx), &r), RC_OK);
	assert_int_equal(fixture_sign(&fx, fixture_tbs(&fx), &r), RC_LIMIT);
	assert_int_equal(fixture_sign(&fx, first, &r), RC_OK); /* costs no signature */
}

static void test_monitor__worker_is_back_within_a_second(void **state)
{
	int64_t fastest = INT64_MAX;
	struct reply r;

	(void)state;
	for (int i = 0; i < 4; i++) {
		int64_t begin = clock_mono_ms(), took;

		kill(fixture_worker(&fx), SIGKILL);
		assert_true(fixture_receive(&fx, &r));
		assert_int_equal(r.op, MESSAGE_HELLO);
		assert_int_equal(r.epoch, fx.epoch + 1);
		took = clock_mono_ms() - begin;
		fastest = took < fastest ? took : fastest; /* a busy machine may delay some */
		fx.epoch = r.epoch;
		check_serves();
	}
	assert_true(fastest < 1000);
}

static void test_monitor__both_end_with_the_server(void **state)
{
	pid_t worker = fixture_worker(&fx);

	(void)state;
	assert_int_equal(fixture_stop(&fx), 0);
	assert_int_equal(kill(worker, 0), -1);
}

static void test_monitor__sigterm_ends_both(void **state)
{
	pid_t worker = fixture_worker(&fx);
	struct reply r;

	(void)state;
	kill(fx.pid, SIGTERM);
	assert_false(fixture_receive(&fx, &r));
	assert_int_equal(fixture_stop(&fx), 0);
	assert_int_equal(kill(worker, 0), -1);
}

static void test_monitor__worker_dies_with_it(void **state)
{
	pid_t worker = fixture_worker(&fx);
	struct reply r;

	(void)state;
	kill(fx.pid, SIGKILL);
	assert_false(fixture_receive(&fx, &r)); /* no end of the socket is left */
	assert_int_equal(fixture_stop(&fx), -1);
	(void)worker;
}

/* The program said why it cannot serve; now it ends by itself. */
static void check_useless(struct fixture *x)
{
	struct reply r;

	assert_false(fixture_receive(x, &r));
	assert_int_equal(fixture_stop(x), 78);
}

static void test_start__faults_are_told(void **state)
{
	char detail[FAULT_DETAIL_MAX];

	(void)state;
	fixture_stop(&fx);
	assert_int_not_equal(fixture_start_text(&fx, STR("assay-signer 1\nnonsense\n"), detail), RC_OK);
	assert_non_null(strstr(detail, "line 2"));
	check_useless(&fx);
	fx.authority.passphrase_ref = (struct str){ 0 };
	assert_int_not_equal(fixture_start(&fx, detail), RC_OK);
	check_useless(&fx);
	fx.authority.passphrase_ref = fx.passphrase_file;
	fx.authority.key_ref = STR("pkcs11:object=x");
	assert_int_not_equal(fixture_start(&fx, detail), RC_OK);
	assert_non_null(strstr(detail, "pkcs11"));
	check_useless(&fx);
	/* the root's certificate does not fit the issuing key */
	fx.authority.key_ref = fx.key_file;
	fx.authority.certificate_file = fx.root_file;
	assert_int_not_equal(fixture_start(&fx, detail), RC_OK);
	assert_non_null(strstr(detail, "not the one in its certificate"));
	check_useless(&fx);
}

static void test_start__one_journal_has_one_signer(void **state)
{
	struct fixture other = fx;
	char detail[FAULT_DETAIL_MAX];

	(void)state;
	assert_int_not_equal(fixture_start(&other, detail), RC_OK);
	assert_non_null(strstr(detail, "in use"));
	check_useless(&other);
	check_serves();
}

static void test_journal__damage_stops_the_signer(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	FILE *file;

	(void)state;
	for (int i = 0; i < 3; i++)
		check_serves();
	assert_int_equal(fixture_stop(&fx), 0);
	file = fopen(fx.journal_file.p, "r+");
	assert_non_null(file);
	fseek(file, 64 + 30, SEEK_SET);
	fputc(0xa5, file);
	fclose(file);
	assert_int_not_equal(fixture_start(&fx, detail), RC_OK);
	assert_non_null(strstr(detail, "damaged at offset 64"));
	check_useless(&fx);
}

/* TRUST §4, disk full: the batch is refused, the worker ends, its successor goes on. */
static void test_journal__write_error_refuses_and_ends_the_worker(void **state)
{
	struct bytes tbs[2] = { fixture_tbs(&fx), fixture_tbs(&fx) };
	struct rlimit limit = { 64 + 3 * 64 + 100, RLIM_INFINITY };
	struct reply r;

	(void)state;
	check_serves(); /* header and 3 records */
	assert_int_equal(prlimit(fixture_worker(&fx), RLIMIT_FSIZE, &limit, NULL), 0);
	assert_int_equal(fixture_sign(&fx, tbs[0], &r), RC_UNAVAILABLE);
	assert_int_equal(r.payload_len, 0);
	assert_true(fixture_receive(&fx, &r));
	assert_int_equal(r.op, MESSAGE_HELLO);
	assert_int_equal(r.status, RC_OK);
	fx.epoch = r.epoch;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fixture_sign(&fx, tbs[i], &r), RC_OK);
		check_good(tbs[i], &r);
	}
}

static void test_journal__holds_no_key_and_is_private(void **state)
{
	char needle[64], *text;
	struct stat st;
	FILE *file;

	(void)state;
	check_serves();
	assert_int_equal(stat(fx.journal_file.p, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = malloc((size_t)st.st_size);
	file = fopen(fx.journal_file.p, "r");
	assert_int_equal(fread(text, 1, (size_t)st.st_size, file), st.st_size);
	fclose(file);
	for (size_t i = 0; i < 3; i++) {
		static const char *const marks[] = { "PRIVATE", "open sesame", "\x30\x77\x02\x01\x01\x04\x20" };

		strcpy(needle, marks[i]);
		assert_null(memmem(text, (size_t)st.st_size, needle, strlen(needle)));
	}
	free(text);
}

static void test_sandbox__worker_gave_everything_up(void **state)
{
	char path[64], line[256];
	pid_t worker = fixture_worker(&fx);
	int found = 0;
	FILE *file;

	(void)state;
	if (!SIGNER_FILTERED)
		skip();
	snprintf(path, sizeof(path), "/proc/%d/status", (int)worker);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		found += strcmp(line, "Seccomp:\t2\n") == 0;
		found += strcmp(line, "NoNewPrivs:\t1\n") == 0;
		found += strcmp(line, "CapEff:\t0000000000000000\n") == 0;
		found += strcmp(line, "CapPrm:\t0000000000000000\n") == 0;
	}
	fclose(file);
	assert_int_equal(found, 4);
}

static void test_memory__both_processes_stay_small(void **state)
{
	pid_t worker = fixture_worker(&fx);
	long monitor_kb, worker_kb;

	(void)state;
	if (!SIGNER_FILTERED)
		skip(); /* a sanitizer's shadow is not ours */
	for (int i = 0; i < 200; i++)
		check_serves();
	monitor_kb = fixture_memory_kb(fx.pid, "VmRSS");
	worker_kb = fixture_memory_kb(worker, "VmRSS");
	print_message("memory: monitor %ld KiB (peak %ld), worker %ld KiB (peak %ld)\n", monitor_kb,
		      fixture_memory_kb(fx.pid, "VmHWM"), worker_kb,
		      fixture_memory_kb(worker, "VmHWM"));
	assert_true(monitor_kb < 4 * 1024);
	assert_true(worker_kb < 8 * 1024);
	assert_true(fixture_memory_kb(worker, "VmHWM") < 8 * 1024);
}

#define LOAD_COUNT 3000
#define LOAD_IN_FLIGHT 32

static void test_load__many_under_way_share_an_fsync(void **state)
{
	struct bytes *tbs = malloc(LOAD_COUNT * sizeof(*tbs));
	pid_t worker = fixture_worker(&fx);
	int64_t begin, took;
	unsigned sent = 0, got = 0;
	struct reply r;
	long cpu;

	(void)state;
	for (unsigned i = 0; i < LOAD_COUNT; i++)
		tbs[i] = fixture_tbs(&fx);
	cpu = fixture_cpu_us(worker);
	begin = clock_mono_us();
	while (got < LOAD_COUNT) {
		while (sent < LOAD_COUNT && sent - got < LOAD_IN_FLIGHT)
			fixture_send(&fx, MESSAGE_SIGN, "lab", "server", tbs[sent++]);
		assert_true(fixture_receive(&fx, &r));
		assert_int_equal(r.status, RC_OK);
		got++;
	}
	took = clock_mono_us() - begin;
	print_message("%d signatures, %d under way: %.0f/s, %.1f us of the worker's CPU each\n",
		      LOAD_COUNT, LOAD_IN_FLIGHT, LOAD_COUNT * 1e6 / (double)took,
		      (double)(fixture_cpu_us(worker) - cpu) / LOAD_COUNT);
	free(tbs);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sign__what_the_law_allows),
		T(test_rfc5280_4_2_1_9__ca_certificate_is_refused),
		T(test_rfc5280_4_2_1_3__key_cert_sign_is_refused),
		T(test_rfc5280_4_2_1_10__names_outside_the_constraints_are_refused),
		T(test_policy__lifetime_beyond_the_cap_is_refused),
		T(test_rfc5280_6_1_3__certificate_never_outlives_its_issuer),
		T(test_rfc5280_4_2__unknown_extension_is_refused),
		T(test_rfc5280_4_2_1_12__other_key_purposes_are_refused),
		T(test_rfc5280_4_1_2_4__foreign_issuer_is_refused),
		T(test_rfc5280_4_2_1_1__wrong_authority_key_id_is_refused),
		T(test_policy__wrong_urls_are_refused),
		T(test_rfc5280_4_1_2_2__bad_serials_are_refused),
		T(test_rfc5280_4_2_1_6__tbs_without_names_is_refused),
		T(test_policy__tbs_with_trailing_octets_is_refused),
		T(test_policy__unknown_authority_and_profile_are_refused),
		T(test_i2__one_serial_is_for_one_tbs),
		T(test_i2__one_serial_is_for_one_tbs_within_a_batch),
		T(test_i2__same_request_gets_the_same_signature),
		T(test_i2__repetition_survives_a_stricter_law),
		T(test_i2__worker_killed_at_random_moments),
		T(test_lookup__known_and_unknown_serials),
		T(test_messages__garbage_is_dropped),
		T(test_messages__other_epoch_is_dropped),
		T(test_messages__ping),
		T(test_policy__cap_per_minute_holds_over_a_restart),
		T(test_monitor__worker_is_back_within_a_second),
		T(test_monitor__both_end_with_the_server),
		T(test_monitor__sigterm_ends_both),
		T(test_monitor__worker_dies_with_it),
		T(test_start__faults_are_told),
		T(test_start__one_journal_has_one_signer),
		T(test_journal__damage_stops_the_signer),
		T(test_journal__write_error_refuses_and_ends_the_worker),
		T(test_journal__holds_no_key_and_is_private),
		T(test_sandbox__worker_gave_everything_up),
		T(test_memory__both_processes_stay_small),
		T(test_load__many_under_way_share_an_fsync),
	};

	return cmocka_run_group_tests(tests, fixture_authority_make, fixture_authority_remove);
}
