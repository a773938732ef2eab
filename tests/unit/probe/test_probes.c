/* test_probes.c - server and probe over loopback: each has a loop that the test steps, and both have the
 * test's clock, so that a probe that hangs is one whose loop is not stepped. */
#include "probe/perspectives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "net_kit.h"
#include "probe/home.h"
#include "store/records.h"
#include "stub_http.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
#define KEEPALIVE_MS 15000
#define ROUNDS_MAX 3000000

static struct {
	struct loop *server, *probe; /* loops */
	struct tls_server *tls;
	struct kit_cert cert;
	char root[64];
	struct probes *probes;
	struct addr at;
	struct privkey *keys[3]; /* of a, b, and nobody */
	struct probe_pin pins[2];
	struct stub_http *http;
	struct validator_env *validators;
	bool hang;
	char status[500]; /* of the home */
} env;

/* --- stepping --- */

static void step(bool probe_too)
{
	loop_step(env.server);
	loop_timers_check(env.server);
	if (!probe_too)
		return;
	loop_step(env.probe);
	loop_timers_check(env.probe);
}

#define UNTIL(probe_too, condition)                                               \
	do {                                                                      \
		for (int round_ = 0; !(condition); round_++) {                    \
			if (round_ == ROUNDS_MAX)                                 \
				fail_msg("never: %s (%s)", #condition, env.status); \
			step(probe_too);                                          \
		}                                                                 \
	} while (0)

static void advance(int64_t ms)
{
	clock_fake_advance_ms(ms);
	step(false);
}

/* The steps from the end of a look to that of its validation. */
static void settle(void)
{
	for (int i = 0; i < 20; i++)
		advance(1);
}

static struct probe_status status_of(const char *name)
{
	struct probe_status list[4];
	size_t count = probes_list(env.probes, list, COUNT_OF(list));

	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i];
	return (struct probe_status){ 0 };
}

/* --- the probe's end --- */

struct at_home {
	struct tls_client *tls;
	struct home *home;
};

static void on_status(void *arg, bool connected, const char *text)
{
	(void)arg;
	(void)connected;
	snprintf(env.status, sizeof(env.status), "%s", text);
}

static void home_open(struct at_home *h, const char *name, size_t key)
{
	const struct tls_client_options tls = { .root_file = env.root, .key = env.keys[key], .alpn = PROBE_PROTOCOL };
	struct home_options o = { .loop = env.probe, .host = "localhost", .port = addr_port(&env.at), .name = str_of(name),
				  .status = on_status };

	env.status[0] = '\0';
	assert_int_equal(tls_client_new(&tls, &h->tls, NULL), RC_OK);
	o.tls = h->tls;
	o.watcher.local = (struct addr_policy){ .preset = ADDR_DEV };
	assert_int_equal(home_new(&o, &h->home, NULL), RC_OK);
	clock_fake_advance_ms(10); /* the first attempt */
}

static void home_close(struct at_home *h)
{
	home_free(h->home);
	tls_client_free(h->tls);
}

static void connect_a(struct at_home *h)
{
	home_open(h, "a", 0);
	UNTIL(true, status_of("a").connected);
}

/* --- validations --- */

struct outcome {
	unsigned count;
	struct validation_result result;
	char trace[LIMIT_TRACE + 1];
};

static void on_done(void *arg, const struct validation_result *r)
{
	struct outcome *x = arg;

	x->count++;
	x->result = *r;
	snprintf(x->trace, sizeof(x->trace), "%.*s", STR_ARG(r->trace));
}

static void serve(void *arg, const struct stub_request *r)
{
	(void)arg;
	if (env.hang)
		stub_http_wait(r);
	else
		stub_http_sendf(r, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(KEY_AUTH), KEY_AUTH);
}

static const struct identifier HOST = { .type = IDENTIFIER_IP, .value = { "127.0.0.1", 9 }, .ip = { 127, 0, 0, 1 },
					.ip_len = 4 };

static struct validation *look(const struct str *names, size_t count, size_t quorum, const char *key_authorization,
			       struct outcome *x)
{
	const struct validation_request request = {
		.identifier = &HOST, .token = STR(TOKEN), .key_authorization = str_of(key_authorization),
		.policy = { .targets = { .preset = ADDR_DEV }, .http01_port = stub_http_port(env.http), .https_port = 443,
			    .deadline_ms = 5000 },
	};
	const struct perspectives_request q = {
		.probes = env.probes, .loop = env.server, .names = names, .count = count, .own_name = STR("server"),
		.quorum = quorum,
		.validator = validator_by_type(STR("http-01")), .request = &request, .own_env = env.validators,
		.dns = { .timeout_ms = 2000 },
	};
	struct validation *v;

	*x = (struct outcome){ 0 };
	assert_int_equal(PERSPECTIVES.start(&q, on_done, x, &v), RC_OK);
	assert_int_equal(x->count, 0); /* never from within */
	return v;
}

static const struct str A[] = { { "a", 1 } };
static const struct str BOTH[] = { { "a", 1 }, { "b", 1 } };
static const struct str SERVER_TOO[] = { { "a", 1 }, { "b", 1 }, { "server", 6 } };

/* The end comes by a timer. */
static void finish(struct outcome *x)
{
	for (int i = 0; i < ROUNDS_MAX && !x->count; i++) {
		if (i % 1000 == 0)
			clock_fake_advance_ms(1);
		step(true);
	}
	assert_int_equal(x->count, 1);
}

/* --- tests --- */

static void test_perspectives__seen_by_a_probe(void **state)
{
	struct at_home h;
	struct outcome x;

	(void)state;
	connect_a(&h);
	assert_true(strstr(env.status, "connected to Test") != NULL);
	(void)look(A, 1, 0, KEY_AUTH, &x);
	finish(&x);
	if (!x.result.valid)
		fail_msg("%s\n%s", x.result.detail, x.trace);
	assert_non_null(strstr(x.trace, "probe a: connect 127.0.0.1:"));
	assert_non_null(strstr(x.trace, "probe a: valid"));
	/* The probe saw the same; what should be there is for the server to know. */
	(void)look(A, 1, 0, TOKEN ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &x);
	finish(&x);
	assert_false(x.result.valid || x.result.transient);
	assert_int_equal(x.result.problem, PROBLEM_INCORRECT_RESPONSE);
	assert_int_equal(status_of("a").looks, 2);
	assert_int_equal(status_of("a").failures, 0);
	home_close(&h);
	UNTIL(false, !status_of("a").connected);
}

static void test_perspectives__missing_ones_are_named(void **state)
{
	struct at_home h;
	struct outcome x;

	(void)state;
	/* b has never been there; a and this server agree. */
	connect_a(&h);
	(void)look(SERVER_TOO, 3, 2, KEY_AUTH, &x);
	finish(&x);
	assert_true(x.result.valid);
	assert_non_null(strstr(x.trace, "probe b: probe b has not connected since this server started at "));
	assert_non_null(strstr(x.trace, "this server: valid"));
	/* Both must, and b cannot: try again later. */
	(void)look(BOTH, 2, 0, KEY_AUTH, &x);
	finish(&x);
	assert_true(!x.result.valid && x.result.transient);
	assert_non_null(strstr(x.result.detail, "policy: "));
	assert_non_null(strstr(x.result.detail, "probe b has not connected since"));
	home_close(&h);
	UNTIL(false, !status_of("a").connected);
	(void)look(A, 1, 0, KEY_AUTH, &x);
	finish(&x);
	assert_true(!x.result.valid && x.result.transient);
	assert_non_null(strstr(x.result.detail, "is not connected since 20"));
}

static void test_probes__one_that_hangs(void **state)
{
	struct at_home h;
	struct outcome x;

	(void)state;
	connect_a(&h);
	(void)look(A, 1, 0, KEY_AUTH, &x);
	advance(5000 + 2999);
	assert_int_equal(x.count, 0);
	settle();
	assert_int_equal(x.count, 1);
	assert_true(!x.result.valid && x.result.transient);
	assert_non_null(strstr(x.result.detail, "probe a did not answer within 8000 ms"));
	assert_true(status_of("a").connected);
	/* And when it says nothing for two keep-alives it is gone, with all it was asked. */
	(void)look(A, 1, 0, KEY_AUTH, &x);
	for (int i = 0; i < 4 && status_of("a").connected; i++)
		advance(KEEPALIVE_MS);
	assert_false(status_of("a").connected);
	settle();
	assert_true(x.count == 1 && x.result.transient);
	assert_int_equal(status_of("a").failures, 2);
	/* It comes back by itself. */
	for (int i = 0; i < 60 && !status_of("a").connected; i++) {
		clock_fake_advance_ms(1000);
		for (int k = 0; k < 20000 && !status_of("a").connected; k++)
			step(true);
	}
	assert_true(status_of("a").connected);
	home_close(&h);
	UNTIL(false, !status_of("a").connected);
}

static void test_probes__lost_in_the_middle(void **state)
{
	struct at_home h;
	struct outcome x;

	(void)state;
	env.hang = true;
	connect_a(&h);
	(void)look(A, 1, 0, KEY_AUTH, &x);
	UNTIL(true, stub_http_connections(env.http) > 0);
	home_close(&h);
	finish(&x);
	env.hang = false;
	assert_true(!x.result.valid && x.result.transient);
	assert_non_null(strstr(x.result.detail, "was lost while it looked"));
}

static void test_probes__back_pressure(void **state)
{
	struct validation *all[100];
	struct outcome x[100];
	struct at_home h;

	(void)state;
	connect_a(&h);
	for (size_t i = 0; i < COUNT_OF(all); i++)
		all[i] = look(A, 1, 0, KEY_AUTH, &x[i]);
	assert_int_equal(status_of("a").under_way, LIMIT_PROBE_TASKS);
	assert_int_equal(status_of("a").waiting, 100 - LIMIT_PROBE_TASKS);
	for (size_t i = 0; i < 50; i++)
		PERSPECTIVES.validation->cancel(all[i]);
	assert_int_equal(status_of("a").under_way, 50);
	assert_int_equal(status_of("a").waiting, 0);
	for (size_t i = 50; i < COUNT_OF(all); i++) {
		finish(&x[i]);
		assert_true(x[i].result.valid);
	}
	assert_int_equal(status_of("a").under_way, 0);
	home_close(&h);
	UNTIL(false, !status_of("a").connected);
}

static void test_probes__who_is_let_in(void **state)
{
	struct at_home h;
	uint64_t before = probes_refused(env.probes);

	(void)state;
	/* A key that nobody has. */
	home_open(&h, "a", 2);
	UNTIL(true, strstr(env.status, "does not know this probe's key") != NULL);
	assert_int_equal(probes_refused(env.probes), before + 1);
	home_close(&h);
	/* For two seconds nobody from that address is heard. */
	home_open(&h, "a", 0);
	UNTIL(true, strstr(env.status, "not connected") != NULL);
	assert_false(status_of("a").connected);
	home_close(&h);
	clock_fake_advance_ms(3000);
	/* b's key and a's name: whoever stole b's key is not a. */
	home_open(&h, "a", 1);
	UNTIL(true, strstr(env.status, "another key in the settings") != NULL);
	assert_false(status_of("a").connected || status_of("b").connected);
	home_close(&h);
	clock_fake_advance_ms(3000);
	home_open(&h, "z", 1);
	UNTIL(true, strstr(env.status, "no probe of the settings has this name") != NULL);
	home_close(&h);
	clock_fake_advance_ms(3000);
}

static void test_probes_allow__removed_ones_are_cut_off(void **state)
{
	struct at_home h;

	(void)state;
	connect_a(&h);
	assert_int_equal(probes_allow(env.probes, env.pins + 1, 1, STR("Test")), RC_OK);
	UNTIL(true, strstr(env.status, "no longer in the settings") != NULL);
	assert_string_equal(status_of("a").name, "");
	assert_int_equal(probes_allow(env.probes, env.pins, 2, STR("Test")), RC_OK);
	assert_string_equal(status_of("a").name, "a");
	home_close(&h);
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

static void test_home_drain__finishes_what_is_under_way(void **state)
{
	bool drained = false;
	struct at_home h;
	struct outcome x;
	struct str names[1] = { A[0] };

	(void)state;
	connect_a(&h);
	(void)look(names, 1, 0, KEY_AUTH, &x);
	for (int i = 0; i < 1000; i++) /* the look arrives */
		step(true);
	home_drain(h.home, on_drained, &drained);
	finish(&x);
	assert_true(x.result.valid);
	clock_fake_advance_ms(10);
	UNTIL(true, drained);
	for (int i = 0; i < 1000; i++) /* and so does the bye */
		step(true);
	(void)look(names, 1, 0, KEY_AUTH, &x);
	finish(&x);
	assert_non_null(strstr(x.result.detail, "is about to stop"));
	home_close(&h);
	UNTIL(false, !status_of("a").connected);
}

/* --- the settings --- */

static int setup(void **state)
{
	struct addr any = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0);
	struct tls_server_options tls = { .resumption = false };
	char b64[4096];
	int fd;

	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	clock_fake(clock_now_ms());
	assert_int_equal(loop_new(&env.server), RC_OK);
	assert_int_equal(loop_new(&env.probe), RC_OK);
	kit_cert_init(&env.cert, "localhost");
	assert_int_equal(tls_server_new(&tls, &env.tls, NULL), RC_OK);
	kit_use_cert(env.tls, &env.cert);
	snprintf(env.root, sizeof(env.root), "/tmp/assay-probe-root-XXXXXX");
	fd = mkstemp(env.root);
	assert_true(fd >= 0);
	assert_true(EVP_EncodeBlock((unsigned char *)b64, env.cert.der, (int)env.cert.len) > 0);
	assert_true(dprintf(fd, "-----BEGIN CERTIFICATE-----\n") > 0);
	for (size_t i = 0; i < strlen(b64); i += 64)
		assert_true(dprintf(fd, "%.64s\n", b64 + i) > 0);
	assert_true(dprintf(fd, "-----END CERTIFICATE-----\n") > 0);
	close(fd);
	for (size_t i = 0; i < COUNT_OF(env.keys); i++)
		assert_int_equal(privkey_generate(KEY_P256, 0, &env.keys[i]), RC_OK);
	for (size_t i = 0; i < COUNT_OF(env.pins); i++) {
		env.pins[i].name = BOTH[i];
		pubkey_spki_sha256(privkey_pubkey(env.keys[i]), env.pins[i].key);
	}
	assert_int_equal(probes_new(&(struct probes_options){ .loop = env.server, .tls = env.tls,
							      .keepalive_ms = KEEPALIVE_MS }, &env.probes), RC_OK);
	assert_int_equal(probes_allow(env.probes, env.pins, 2, STR("Test")), RC_OK);
	assert_int_equal(probes_listen(env.probes, &any, &env.at, NULL), RC_OK);
	assert_int_equal(validator_env_new(env.server, &env.validators), RC_OK);
	env.http = stub_http_start("127.0.0.1", false, serve, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stub_http_stop(env.http);
	probes_free(env.probes);
	validator_env_free(env.validators);
	tls_server_free(env.tls);
	kit_cert_done(&env.cert);
	for (size_t i = 0; i < COUNT_OF(env.keys); i++)
		privkey_free(env.keys[i]);
	unlink(env.root);
	loop_free(env.server);
	loop_free(env.probe);
	clock_real();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_perspectives__seen_by_a_probe),
		cmocka_unit_test(test_perspectives__missing_ones_are_named),
		cmocka_unit_test(test_probes__one_that_hangs),
		cmocka_unit_test(test_probes__lost_in_the_middle),
		cmocka_unit_test(test_probes__back_pressure),
		cmocka_unit_test(test_probes__who_is_let_in),
		cmocka_unit_test(test_probes_allow__removed_ones_are_cut_off),
		cmocka_unit_test(test_home_drain__finishes_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
