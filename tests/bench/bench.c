/* bench.c - assay-bench: what an issuance, a flood of open orders and a bad request cost the server.
 * Prints one JSON object. run.sh starts a server for it. Modes:
 *   (none)    --clients C clients obtain --count N certificates
 *   --open N  N orders are made and validated first, then all are finalized at once
 *   --bad     requests that must be refused: CPU and memory of each */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/jws.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/thread.h"
#include "bench.h"
#include "crypto/digest.h"

#define CLIENTS_MAX 256
#define BAD_COUNT 400
#define MANY_COUNT 40
#define BULK_OCTETS (INT64_C(256) * 1024 * 1024)

static struct {
	const char *directory, *root;
	int pid, dns_port, http_port;
	unsigned clients, count, open;
	bool bad;
} options = { .dns_port = 15353, .http_port = 15002, .clients = 32, .count = 2000 };

struct client {
	struct thread thread;
	struct session session;
	struct privkey *key; /* of its certificates */
	struct open_order *orders;
	unsigned order_count;
};

static struct client clients[CLIENTS_MAX];
static unsigned next_name, errors;    /* atomic */
static double *latency[PHASE_COUNT + 1]; /* ms, by certificate; the last is the whole */
static pthread_barrier_t opened;

static void note_error(struct client *c, const char *what, enum rc rc)
{
	if (__atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED) < 5)
		fprintf(stderr, "assay-bench: %s: %s: %s\n", what, rc_text(rc), c->session.f.detail);
}

/* --- certificates --- */

static enum rc one_phase(struct client *c, struct open_order *o, int phase, unsigned n)
{
	int64_t begin = clock_mono_us();
	char name[64];
	enum rc rc;

	if (phase == PHASE_ORDER) {
		(void)snprintf(name, sizeof(name), "h%u-%d.bench.internal", n, (int)getpid());
		rc = session_order(&c->session, name, o);
	} else if (phase == PHASE_VALIDATE) {
		rc = session_validate(&c->session, o);
	} else {
		rc = session_finalize(&c->session, o, c->key);
	}
	latency[phase][n] = (double)(clock_mono_us() - begin) / 1000;
	if (rc != RC_OK)
		note_error(c, phase == PHASE_ORDER ? "order" : phase == PHASE_VALIDATE ? "validate" : "finalize", rc);
	return rc;
}

static void issue_main(void *arg)
{
	struct client *c = arg;
	unsigned n;

	while ((n = __atomic_fetch_add(&next_name, 1, __ATOMIC_RELAXED)) < options.count) {
		struct open_order o = { 0 };
		enum rc rc = RC_OK;

		for (int phase = 0; rc == RC_OK && phase < PHASE_COUNT; phase++)
			rc = one_phase(c, &o, phase, n);
		open_order_done(&o);
		for (int phase = 0; phase < PHASE_COUNT; phase++)
			latency[PHASE_COUNT][n] += latency[phase][n];
	}
}

/* --- all open at once --- */

static void open_main(void *arg)
{
	struct client *c = arg;
	unsigned *numbers = calloc(options.open, sizeof(*numbers)), n;

	c->orders = calloc(options.open, sizeof(*c->orders));
	if (!c->orders || !numbers)
		abort();
	while ((n = __atomic_fetch_add(&next_name, 1, __ATOMIC_RELAXED)) < options.open) {
		numbers[c->order_count] = n;
		if (one_phase(c, &c->orders[c->order_count], PHASE_ORDER, n) == RC_OK)
			c->order_count++;
	}
	pthread_barrier_wait(&opened); /* all are open */
	for (unsigned i = 0; i < c->order_count; i++) {
		if (one_phase(c, &c->orders[i], PHASE_VALIDATE, numbers[i]) != RC_OK)
			open_order_done(&c->orders[i]);
	}
	pthread_barrier_wait(&opened); /* all are ready */
	for (unsigned i = 0; i < c->order_count; i++) {
		if (c->orders[i].order)
			(void)one_phase(c, &c->orders[i], PHASE_FINALIZE, numbers[i]);
		open_order_done(&c->orders[i]);
	}
	free(c->orders);
	free(numbers);
}

/* --- running and reporting --- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const double *sorted, size_t count, double q)
{
	size_t i = (size_t)(q * (double)(count - 1) + 0.5);

	return count ? sorted[i] : 0;
}

static void print_latency(const char *name, double *v, size_t count)
{
	qsort(v, count, sizeof(*v), compare);
	printf(", \"%s_ms\": {\"p50\": %.2f, \"p95\": %.2f, \"p99\": %.2f}", name, quantile(v, count, 0.5),
	       quantile(v, count, 0.95), quantile(v, count, 0.99));
}

static enum rc open_sessions(void)
{
	for (unsigned i = 0; i < options.clients; i++) {
		struct client *c = &clients[i];
		enum rc rc;

		rc = privkey_generate(KEY_P256, 0, &c->key);
		if (rc == RC_OK)
			rc = session_open(&c->session, options.directory, options.root);
		if (rc != RC_OK) {
			note_error(c, "session", rc);
			return rc;
		}
	}
	return RC_OK;
}

static void close_sessions(void)
{
	for (unsigned i = 0; i < options.clients; i++) {
		session_close(&clients[i].session);
		privkey_free(clients[i].key);
	}
}

static int run_clients(void (*fn)(void *arg), unsigned count)
{
	static const char *const names[] = { "order", "validate", "finalize", "total" };
	struct usage before, after;
	int64_t begin;
	double wall_s;

	for (int i = 0; i <= PHASE_COUNT; i++) {
		latency[i] = calloc(count, sizeof(double));
		if (!latency[i])
			return 1;
	}
	if (open_sessions() != RC_OK || !usage_read(options.pid, &before))
		return 1;
	pthread_barrier_init(&opened, NULL, options.clients);
	begin = clock_mono_us();
	for (unsigned i = 0; i < options.clients; i++) {
		if (thread_start(&clients[i].thread, "client", fn, &clients[i]) != RC_OK)
			return 1;
	}
	for (unsigned i = 0; i < options.clients; i++)
		thread_join(&clients[i].thread);
	wall_s = (double)(clock_mono_us() - begin) / 1e6;
	if (!usage_read(options.pid, &after))
		return 1;
	pthread_barrier_destroy(&opened);
	printf("{\"mode\": \"%s\", \"clients\": %u, \"certificates\": %u, \"errors\": %u, \"seconds\": %.2f, "
	       "\"certificates_per_s\": %.1f, \"server_cpu_ms_per_certificate\": %.3f, \"server_rss_kib\": %lld, "
	       "\"server_peak_kib\": %lld",
	       options.open ? "open" : "issue", options.clients, count - errors, errors, wall_s,
	       (count - errors) / wall_s, (after.cpu_ms - before.cpu_ms) / count, (long long)after.rss_kib,
	       (long long)after.peak_kib);
	for (int i = 0; i < (options.open ? PHASE_COUNT : PHASE_COUNT + 1); i++)
		print_latency(names[i], latency[i], count);
	printf("}\n");
	for (int i = 0; i <= PHASE_COUNT; i++)
		free(latency[i]);
	close_sessions();
	return errors ? 1 : 0;
}

/* --- what must be refused --- */

/* Sends count requests, the bodies in turn, and prints what each cost the server. */
static enum rc send_bodies(struct session *s, const char *what, struct str url, const struct str *bodies,
			   unsigned body_count, unsigned count)
{
	struct web_request r = { .method = HTTP_POST, .url = url, .content_type = STR("application/jose+json"),
				 .max_body = 65536 };
	struct usage before, after;
	struct web_response out;
	AUTO(arena) struct arena a;
	int status = 0;

	arena_init(&a, 1024 * 1024);
	if (!usage_read(options.pid, &before))
		return RC_NOTFOUND;
	for (unsigned i = 0; i < count; i++) {
		enum rc rc;

		arena_reset(&a);
		r.body = bodies[i % body_count];
		rc = web_call(s->web, &a, &r, &out, &s->f);
		if (rc != RC_OK)
			return rc;
		if (out.status < 400 || out.status >= 500)
			return fault_set(&s->f, RC_INVALID, PROBLEM_NONE, "%s was answered with %d", what, out.status);
		status = out.status;
	}
	if (!usage_read(options.pid, &after))
		return RC_NOTFOUND;
	printf(", \"%s\": {\"status\": %d, \"cpu_ms\": %.3f, \"peak_kib\": %lld}", what, status,
	       (after.cpu_ms - before.cpu_ms) / count, (long long)(after.peak_kib - before.peak_kib));
	return RC_OK;
}

static enum rc send_bad(struct session *s, const char *what, struct str url, struct str body, unsigned count)
{
	return send_bodies(s, what, url, &body, 1, count);
}

static enum rc bad_requests(struct session *s)
{
	struct arena *a = &s->arena;
	char nonce[] = "AAAAAAAAAAAAAAAAAAAAAA";
	struct str body, none = { 0 };
	char *broken;
	enum rc rc;

	rc = send_bad(s, "no_jws", s->directory.new_account, STR("{\"protected\":\"\"}"), BAD_COUNT);
	/* a good form, an unknown account: one look into the store */
	if (rc == RC_OK)
		rc = jws_sign(a, s->key, STR("https://127.0.0.1/acme/acct/00000000000000000000000000"), str_of(nonce),
			      s->directory.new_order, STR("{}"), &body);
	if (rc == RC_OK)
		rc = send_bad(s, "unknown_account", s->directory.new_order, body, BAD_COUNT);
	/* a key and a signature that does not fit: the dearest that a stranger can ask for */
	if (rc == RC_OK)
		rc = jws_sign(a, s->key, none, str_of(nonce), s->directory.new_account, STR("{}"), &body);
	broken = rc == RC_OK ? arena_cstr(a, body) : NULL;
	if (rc == RC_OK && !broken)
		rc = RC_NOMEM;
	if (rc == RC_OK) {
		char *sig = strstr(broken, "\"signature\":\"");

		if (!sig)
			return RC_INTERNAL;
		sig[20] = sig[20] == 'A' ? 'B' : 'A';
		rc = send_bad(s, "bad_signature", s->directory.new_account, str_of(broken), BAD_COUNT);
	}
	/* signed well, but the nonce is none of the server's */
	if (rc == RC_OK)
		rc = send_bad(s, "bad_nonce", s->directory.new_account, body, BAD_COUNT);
	return rc;
}

static void identifiers(struct buf *b, int count)
{
	buf_add_text(b, "{\"identifiers\":[");
	for (int i = 0; i < count; i++)
		buf_addf(b, "%s{\"type\":\"dns\",\"value\":\"h%d.a\"}", i ? "," : "", i);
	buf_add_text(b, "]}");
}

static void add_b64url(struct buf *b, struct bytes octets)
{
	char *text = malloc(B64URL_LEN(octets.len) + 1);

	if (!text)
		abort();
	buf_add(b, text, b64url_encode(octets, text));
	free(text);
}

/* jws_sign() makes nothing that no server takes; this does. */
static enum rc sign_any(struct session *s, struct str payload, struct buf *out)
{
	AUTO(buf) struct buf head;
	AUTO(buf) struct buf input;
	uint8_t sig[SIG_MAX];
	size_t sig_len;
	struct str protected, rest;
	enum rc rc;

	buf_init(&head, 4096);
	buf_init(&input, 1024 * 1024);
	buf_addf(&head, "{\"alg\":\"ES256\",\"kid\":\"%.*s\",\"nonce\":\"%s\",\"url\":\"%.*s\"}", STR_ARG(s->kid),
		 s->nonce, STR_ARG(s->directory.new_order));
	add_b64url(&input, buf_bytes(&head));
	buf_add_char(&input, '.');
	add_b64url(&input, str_bytes(payload));
	rc = privkey_sign_jose(s->key, buf_bytes(&input), sig, &sig_len);
	if (rc != RC_OK)
		return rc;
	(void)str_cut(buf_str(&input), '.', &protected, &rest);
	buf_addf(out, "{\"protected\":\"%.*s\",\"payload\":\"", STR_ARG(protected));
	buf_add_str(out, rest);
	buf_add_text(out, "\",\"signature\":\"");
	add_b64url(out, bytes_of(sig, sig_len));
	buf_add_text(out, "\"}");
	return buf_ok(&input) && buf_ok(out) ? RC_OK : RC_NOMEM;
}

/* More than fit into a request, and as many as fit. */
static enum rc many_identifiers(struct session *s)
{
	static const struct {
		const char *what;
		int count;
	} cases[] = { { "5000_identifiers", 5000 }, { "1200_identifiers", 1200 } };

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		static struct buf bodies[MANY_COUNT];
		struct str texts[MANY_COUNT];
		AUTO(buf) struct buf payload;
		enum rc rc = RC_OK;

		buf_init(&payload, 1024 * 1024);
		identifiers(&payload, cases[i].count);
		for (size_t k = 0; k < MANY_COUNT; k++) { /* each with a good nonce of its own */
			buf_init(&bodies[k], 1024 * 1024);
			if (rc == RC_OK)
				rc = session_nonce(s);
			if (rc == RC_OK)
				rc = sign_any(s, buf_str(&payload), &bodies[k]);
			texts[k] = buf_str(&bodies[k]);
		}
		if (rc == RC_OK)
			rc = send_bodies(s, cases[i].what, s->directory.new_order, texts, MANY_COUNT, MANY_COUNT);
		for (size_t k = 0; k < MANY_COUNT; k++)
			buf_done(&bodies[k]);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc bulk_body(struct session *s)
{
	struct usage before, after;
	struct open_order o = { 0 };
	enum rc rc;

	/* Once as it should be, so that only the size makes a difference. */
	rc = session_order(s, "warm.bench.internal", &o);
	if (rc == RC_OK)
		rc = session_validate(s, &o);
	open_order_done(&o);
	if (rc == RC_OK)
		rc = session_order(s, "bulk.bench.internal", &o);
	if (rc != RC_OK || !usage_read(options.pid, &before))
		return rc != RC_OK ? rc : RC_NOTFOUND;
	world_answer_bulk(BULK_OCTETS);
	rc = session_validate(s, &o);
	world_answer_bulk(0);
	open_order_done(&o);
	if (rc != RC_DENIED)
		return rc == RC_OK ? fault_set(&s->f, RC_INVALID, PROBLEM_NONE, "the bulk was taken for an answer") : rc;
	if (!usage_read(options.pid, &after))
		return RC_NOTFOUND;
	printf(", \"256_mib_body\": {\"peak_kib\": %lld, \"octets_taken\": %lld, \"cpu_ms\": %.1f}",
	       (long long)(after.peak_kib - before.peak_kib), (long long)world_bulk_sent(),
	       after.cpu_ms - before.cpu_ms);
	return RC_OK;
}

static int run_bad(void)
{
	struct session *s = &clients[0].session;
	enum rc rc;

	options.clients = 1;
	if (open_sessions() != RC_OK)
		return 1;
	printf("{\"mode\": \"bad\"");
	rc = bad_requests(s);
	if (rc == RC_OK)
		rc = many_identifiers(s);
	if (rc == RC_OK)
		rc = bulk_body(s);
	printf("}\n");
	if (rc != RC_OK)
		note_error(&clients[0], "bad requests", rc);
	close_sessions();
	return rc == RC_OK ? 0 : 1;
}

static bool read_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "directory", required_argument, NULL, 'd' }, { "root", required_argument, NULL, 'r' },
		{ "pid", required_argument, NULL, 'p' },       { "dns-port", required_argument, NULL, 'n' },
		{ "http-port", required_argument, NULL, 'h' }, { "clients", required_argument, NULL, 'c' },
		{ "count", required_argument, NULL, 'k' },     { "open", required_argument, NULL, 'o' },
		{ "bad", no_argument, NULL, 'b' },	       { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		unsigned n = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'd': options.directory = optarg; break;
		case 'r': options.root = optarg; break;
		case 'p': options.pid = (int)n; break;
		case 'n': options.dns_port = (int)n; break;
		case 'h': options.http_port = (int)n; break;
		case 'c': options.clients = n; break;
		case 'k': options.count = n; break;
		case 'o': options.open = n; break;
		case 'b': options.bad = true; break;
		default: return false;
		}
	}
	return options.directory && options.root && options.pid > 0 && options.clients >= 1 &&
	       options.clients <= CLIENTS_MAX && options.count >= 1;
}

int main(int argc, char **argv)
{
	if (!read_options(argc, argv)) {
		fprintf(stderr, "usage: assay-bench --directory URL --root FILE --pid PID [--dns-port N] [--http-port N]\n"
				"                   [--clients N] [--count N | --open N | --bad]\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (crypto_init(NULL) != RC_OK ||
	    world_start((uint16_t)options.dns_port, (uint16_t)options.http_port) != RC_OK) {
		fprintf(stderr, "assay-bench: the ports %d and %d cannot be had\n", options.dns_port, options.http_port);
		return 1;
	}
	if (options.bad)
		return run_bad();
	if (options.open)
		return run_clients(open_main, options.open);
	return run_clients(issue_main, options.count);
}
