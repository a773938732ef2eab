/* serve.c - `assay serve`: wires the parts together, in this order:
 *
 *   settings -> signer process (before any thread or socket exists) -> store -> jobs and validators on
 *   the main thread's loop -> is the store as the signer noted? -> admin socket -> own certificate ->
 *   request threads and listeners -> ready
 *
 * Main thread: jobs, validation, signer client, admin socket, plain HTTP, signals.
 * SIGHUP reads the settings again, SIGTERM and SIGINT drain: stop accepting, finish, exit 0. */
#include "cmd/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/acme/acme.h"
#include "api/admin/admin.h"
#include "api/metrics.h"
#include "api/own_cert.h"
#include "api/pages.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/thread.h"
#include "cmd/notify.h"
#include "cmd/options.h"
#include "cmd/ready.h"
#include "core/checkpoints.h"
#include "core/eab.h"
#include "core/health.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/rate_limit.h"
#include "core/nonce.h"
#include "core/probing.h"
#include "core/responder.h"
#include "core/revocation.h"
#include "core/watch.h"
#include "core/zones.h"
#include "crypto/digest.h"
#include "signer/signer.h"

#define DRAIN_MS 30000
#define LAST_CHECKPOINT_MS 5000 /* the signer may not answer any more */
#define ACCOUNTS_CACHED 4096
#define LIMITS_SAVE_MS 60000

struct worker {
	struct server *server;
	struct thread thread;
	struct loop *loop;
	struct request_thread *requests;
	struct loop_work work; /* start of listening, later of draining */
};

struct server {
	const struct serve_options *options;
	struct service service;
	struct loop *loop;
	struct signer *signer;
	struct validator_env *validators;
	struct tls_server *tls;
	struct own_cert *own_cert;
	struct request_thread *admin, *plain;
	struct loop_timer *drain_timer, *limits_timer;
	struct worker *workers;
	struct worker metrics; /* its own thread: counting a million certificates holds up nobody */
	unsigned worker_count;
	unsigned draining; /* workers that are not done */
	struct loop_work drained;
	bool stopping;
	int exit_code;
};

void print_setting_errors(const struct setting_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->v[i].text);
}

/* Said once: to whoever started this in a terminal in plain words, else to the log. */
static int fail(const char *what, const struct fault *f, enum rc rc)
{
	const char *cause = f && f->detail[0] ? f->detail : rc_text(rc);

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "assay: %s: %s\n", what, cause);
	else
		LOG_ERROR("start_failed", F_TEXT("part", what), F_TEXT("cause", cause));
	return EXIT_FAILED;
}

/* --- the signer process --- */

/* assay-signer beside this program, else where the package puts it. */
static const char *signer_program(const struct config *c, char path[PATH_MAX])
{
	ssize_t n;
	char *slash;

	if (c->raw.signer.program.p) {
		(void)snprintf(path, PATH_MAX, "%.*s", STR_ARG(c->raw.signer.program));
		return path;
	}
	n = readlink("/proc/self/exe", path, PATH_MAX - 16);
	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash) {
			memcpy(slash + 1, "assay-signer", sizeof("assay-signer"));
			if (access(path, X_OK) == 0)
				return path;
		}
	}
	return "/usr/lib/assay/assay-signer";
}

static enum rc start_signer(struct server *s, struct fault *f)
{
	struct signer_options o = { .loop = s->loop, .timeout_ms = 5000, .max_waiting = 10000,
				    .observe = metrics_signer };
	char path[PATH_MAX];
	AUTO(buf) struct buf law;
	enum rc rc;

	buf_init(&law, LIMIT_SETTINGS_BYTES);
	rc = config_signer_law(s->service.config, &law);
	if (rc != RC_OK)
		return rc;
	o.program = signer_program(s->service.config, path);
	o.config = buf_bytes(&law);
	return signer_start(&o, &s->signer, f);
}

/* --- request threads --- */

static void on_alert(void *arg, const char *peer, const char *alert)
{
	bool untrusted = strstr(alert, "unknown ca") || strstr(alert, "bad certificate") ||
			 strstr(alert, "certificate unknown");

	(void)arg;
	LOG_WARN("tls_alert", F_TEXT("peer", peer), F_TEXT("alert", alert),
		 F_TEXT("hint", untrusted ? "this client does not trust the root: install /root.pem there" : ""));
}

static enum rc listen_all(struct http_server *http, const struct setting_strs *list, uint16_t port,
			  struct tls_server *tls, struct fault *f)
{
	for (size_t i = 0; i < list->count; i++) {
		struct addr a;
		enum rc rc = addr_parse(list->v[i], port, &a, f);

		if (rc == RC_OK)
			rc = http_server_listen(http, &a, tls, NULL, f);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static void worker_main(void *arg)
{
	loop_run(((struct worker *)arg)->loop);
}

/* One whose thread did not start. */
static void discard_worker(struct worker *w)
{
	request_thread_free(w->requests);
	loop_free(w->loop);
	*w = (struct worker){ 0 };
}

static enum rc start_worker(struct server *s, struct worker *w, struct fault *f)
{
	struct request_thread_options o = { .service = &s->service, .route = acme_route,
					    .proxied = true, .max_connections = LIMIT_CONNECTIONS };
	enum rc rc;

	w->server = s;
	rc = loop_new(&w->loop);
	if (rc == RC_OK)
		rc = request_thread_new(&o, w->loop, &w->requests);
	if (rc == RC_OK)
		rc = listen_all(request_thread_http(w->requests), &s->service.config->raw.listen.acme, 443, s->tls, f);
	if (rc == RC_OK)
		rc = thread_start(&w->thread, "requests", worker_main, w);
	if (rc != RC_OK)
		discard_worker(w);
	return rc;
}

static unsigned request_threads(const struct config *c)
{
	cpu_set_t set;

	if (c->raw.threads > 0)
		return (unsigned)c->raw.threads;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

/* --- metrics --- */

static enum rc start_metrics(struct server *s, struct fault *f)
{
	const struct setting_strs *listen = &s->service.config->raw.listen.metrics;
	struct request_thread_options o = { .service = &s->service, .route = metrics_route, .any_host = true,
					    .max_connections = 16 };
	struct worker *w = &s->metrics;
	enum rc rc;

	if (!listen->count)
		return RC_OK;
	w->server = s;
	rc = loop_new(&w->loop);
	if (rc == RC_OK)
		rc = request_thread_new(&o, w->loop, &w->requests);
	if (rc == RC_OK)
		rc = listen_all(request_thread_http(w->requests), listen, 9464, NULL, f);
	if (rc == RC_OK)
		rc = thread_start(&w->thread, "metrics", worker_main, w);
	if (rc != RC_OK)
		discard_worker(w);
	return rc;
}

static void stop_metrics(struct server *s)
{
	struct worker *w = &s->metrics;

	if (!w->loop)
		return;
	loop_stop(w->loop);
	thread_join(&w->thread);
	request_thread_free(w->requests);
	loop_free(w->loop);
}

/* --- rate limits --- */

static void limits_saved(void *arg, enum rc rc)
{
	(void)arg;
	if (rc != RC_OK)
		LOG_WARN("limits_not_saved", F_TEXT("cause", rc_text(rc)));
}

/* What limits have counted since the last time; wait: at the end. */
static void save_limits(struct server *s, bool wait)
{
	struct tx *tx = tx_new();

	if (!tx || limits_save(s->service.limits, tx) != RC_OK || tx_is_empty(tx))
		tx_free(tx);
	else if (wait)
		limits_saved(NULL, store_commit(s->service.store, tx));
	else
		store_submit(s->service.store, tx, limits_saved, NULL);
}

static void on_limits_timer(void *arg)
{
	struct server *s = arg;

	save_limits(s, false);
	loop_timer_set(s->limits_timer, LIMITS_SAVE_MS);
}

static enum rc start_limits(struct server *s)
{
	struct store_read *read = NULL;
	enum rc rc = limits_new(&s->service.limits);

	if (rc == RC_OK)
		rc = store_read_open(s->service.store, &read);
	if (rc == RC_OK)
		rc = limits_load(s->service.limits, read);
	store_read_close(read);
	if (rc == RC_OK)
		rc = loop_timer_new(s->loop, on_limits_timer, s, &s->limits_timer);
	if (rc == RC_OK)
		loop_timer_set(s->limits_timer, LIMITS_SAVE_MS);
	return rc;
}

/* --- ready --- */

static void announce(struct server *s)
{
	struct ready_info info = { .config = s->service.config, .ready_file = s->options->ready_file,
				   .root_out = s->options->root_out, .print = true,
				   .show_eab_keys = s->options->dev };
	AUTO(fault) struct fault f = { 0 };

	if (ready_announce(&info, &f) != RC_OK) {
		(void)fail("ready file", &f, RC_IO);
		s->exit_code = EXIT_FAILED;
		loop_stop(s->loop);
		return;
	}
	notify_service_manager("READY=1");
	LOG_INFO("ready", F_STR("url", s->service.config->base_url), F_INT("threads", s->worker_count));
}

/* The first own certificate is there: now the listeners have something to show. */
static void on_own_certificate(void *arg)
{
	struct server *s = arg;
	unsigned wanted = request_threads(s->service.config);
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = RC_OK;

	s->workers = calloc(wanted, sizeof(*s->workers));
	if (!s->workers)
		rc = RC_NOMEM;
	while (rc == RC_OK && s->worker_count < wanted) {
		rc = start_worker(s, &s->workers[s->worker_count], &f);
		if (rc == RC_OK)
			s->worker_count++;
	}
	if (rc == RC_OK)
		rc = start_metrics(s, &f);
	if (rc == RC_OK)
		rc = probing_listen(&s->service, &f);
	if (rc == RC_OK) {
		announce(s);
		return;
	}
	s->exit_code = fail("listen", &f, rc);
	loop_stop(s->loop);
}

/* Without a certificate of its own the server has nobody to talk to: better an end that the service
 * manager sees than a process that listens nowhere. */
static void on_own_refused(void *arg, const char *why)
{
	struct server *s = arg;
	AUTO(fault) struct fault f = { 0 };

	s->exit_code = fail("own certificate", &f, fault_set(&f, RC_DENIED, PROBLEM_NONE, "%s", why));
	loop_stop(s->loop);
}

/* --- what became of certificates --- */

static void on_responder(void *arg)
{
	struct server *s = arg;
	const struct own_cert_options o = { .service = &s->service, .loop = s->loop, .tls = s->tls,
					    .ready = on_own_certificate, .refused = on_own_refused, .arg = s };
	enum rc rc = own_cert_start(&o, &s->own_cert);

	if (rc == RC_OK)
		return;
	s->exit_code = fail("own certificate", NULL, rc);
	loop_stop(s->loop);
}

/* Lists say what was revoked before the start (TRUST V36): next the key that answers OCSP. */
static void on_lists(void *arg)
{
	struct server *s = arg;
	const struct responder_options o = { .service = &s->service, .loop = s->loop, .signer = s->signer,
					     .ready = on_responder, .arg = s };
	enum rc rc = responder_start(&o, &s->service.responder);

	if (rc == RC_OK)
		return;
	s->exit_code = fail("ocsp responder", NULL, rc);
	loop_stop(s->loop);
}

static enum rc start_status(struct server *s, struct fault *f)
{
	const struct revocation_options o = { .service = &s->service, .loop = s->loop, .signer = s->signer,
					      .ready = on_lists, .arg = s };

	return revocation_start(&o, &s->service.revocation, f);
}

/* --- signals --- */

static void worker_drained(void *arg)
{
	struct worker *w = arg;

	loop_stop(w->loop);
	if (__atomic_sub_fetch(&w->server->draining, 1, __ATOMIC_ACQ_REL) == 0)
		loop_post(w->server->loop, &w->server->drained);
}

static void worker_drain(struct loop_work *work)
{
	struct worker *w = (struct worker *)((char *)work - offsetof(struct worker, work));

	http_server_drain(request_thread_http(w->requests), worker_drained, w);
}

static void last_checkpoint_made(void *arg)
{
	loop_stop(((struct server *)arg)->loop);
}

static void all_drained(struct loop_work *work)
{
	struct server *s = (struct server *)((char *)work - offsetof(struct server, drained));

	loop_timer_set(s->drain_timer, LAST_CHECKPOINT_MS);
	checkpoints_finish(s->service.checkpoints, last_checkpoint_made, s);
}

static void drain_timeout(void *arg)
{
	LOG_WARN("drain_timeout");
	loop_stop(((struct server *)arg)->loop);
}

static void on_term(void *arg, int signo)
{
	struct server *s = arg;

	if (s->stopping) {
		loop_stop(s->loop); /* asked twice */
		return;
	}
	s->stopping = true;
	LOG_INFO("stopping", F_INT("signal", signo));
	notify_service_manager("STOPPING=1");
	health_draining(&s->service);
	probes_drain(s->service.probes);
	if (s->worker_count == 0) {
		loop_stop(s->loop);
		return;
	}
	s->draining = s->worker_count;
	s->drained.fn = all_drained;
	loop_timer_set(s->drain_timer, DRAIN_MS);
	for (unsigned i = 0; i < s->worker_count; i++) {
		s->workers[i].work.fn = worker_drain;
		loop_post(s->workers[i].loop, &s->workers[i].work);
	}
}

/* What a reload cannot change; such a change is named and waits for a restart. */
static bool needs_restart(const struct config *a, const struct config *b)
{
	bool same = str_eq(a->base_url, b->base_url) && str_eq(a->raw.store, b->raw.store) &&
		    a->authority_count == b->authority_count && a->profile_count == b->profile_count;

	for (size_t i = 0; same && i < a->authority_count; i++)
		same = str_eq(a->authorities[i].name, b->authorities[i].name) &&
		       str_eq(a->authorities[i].crl_url, b->authorities[i].crl_url) &&
		       a->authorities[i].crl_shards == b->authorities[i].crl_shards &&
		       a->authorities[i].crl_delta_s == b->authorities[i].crl_delta_s &&
		       bytes_eq(a->authorities[i].chain[0], b->authorities[i].chain[0]);
	for (size_t i = 0; same && i < a->profile_count; i++) {
		uint8_t ha[32], hb[32];

		profile_hash(&a->profiles[i], ha);
		profile_hash(&b->profiles[i], hb);
		same = memcmp(ha, hb, sizeof(ha)) == 0;
	}
	return !same;
}

static void on_hup(void *arg, int signo)
{
	struct server *s = arg;
	struct setting_errors errors = { 0 };
	struct config *c, *old;
	AUTO(arena) struct arena a;
	enum rc rc;

	(void)signo;
	arena_init(&a, LIMIT_SETTINGS_BYTES);
	rc = config_load(&a, s->options->config_file, &c, &errors);
	if (rc != RC_OK) {
		for (size_t i = 0; i < errors.count; i++)
			LOG_ERROR("settings_error", F_TEXT("error", errors.v[i].text));
		LOG_ERROR("reload_refused", F_TEXT("effect", "the running settings stay"));
		return;
	}
	old = service_config(&s->service);
	if (needs_restart(old, c)) {
		LOG_ERROR("reload_refused",
			  F_TEXT("cause", "public_url, store, authorities and profiles change by restart only"));
		config_unref(c);
	} else {
		c->strict_trainer = old->strict_trainer;
		c->give_up = old->give_up;
		log_setup((enum log_level)c->raw.log.level, (enum log_format)c->raw.log.format);
		rc = zones_install(&s->service, c);
		if (rc == RC_OK) {
			probing_reload(&s->service);
			LOG_INFO("reloaded");
		} else {
			LOG_ERROR("reload_refused", F_TEXT("cause", rc_text(rc)), F_TEXT("effect", "the running settings stay"));
		}
	}
	config_unref(old);
}

/* --- start and stop --- */

static void store_failed(void *arg, const char *what)
{
	(void)arg;
	/* Never acknowledge after a failed fsync: stop at once, the next start reads what is there
	 * (TRUST V69). */
	LOG_ERROR("store_failed", F_TEXT("cause", what));
	_exit(EXIT_FAILED);
}

static enum rc open_store(struct server *s, struct fault *f)
{
	struct store_options o = { .url = s->service.config->raw.store, .tables = STORE_TABLES,
				   .create = s->options->create_store };
	enum rc rc = store_open(&o, &s->service.store, f);

	if (rc == RC_OK)
		store_on_fatal(s->service.store, store_failed, NULL);
	return rc;
}

static enum rc make_service(struct server *s)
{
	struct service *v = &s->service;
	enum rc rc;

	v->node = id_new();
	v->signer = s->signer;
	v->started_at = clock_now_s();
	rc = nonces_new(v->config->raw.lifetimes.nonce_s, &v->nonces);
	if (rc == RC_OK)
		rc = account_cache_new(ACCOUNTS_CACHED, &v->accounts);
	if (rc == RC_OK)
		rc = watch_new(&v->watch);
	if (rc == RC_OK)
		rc = issuer_local_new(s->signer, &v->issuer);
	if (rc == RC_OK)
		rc = validator_env_new(s->loop, &s->validators);
	if (rc == RC_OK)
		rc = jobs_new(&(struct jobs_options){ .service = v, .loop = s->loop, .validators = s->validators },
			      &v->jobs);
	if (rc == RC_OK)
		rc = health_new(v, s->loop, s->signer, &v->health);
	return rc;
}

static enum rc listen_here(struct server *s, struct fault *f)
{
	const struct config *c = s->service.config;
	struct request_thread_options admin = { .service = &s->service, .route = admin_route, .admin = true, .any_host = true,
						.max_connections = 64 };
	struct request_thread_options plain = { .service = &s->service, .route = pages_route, .any_host = true,
						.proxied = true, .max_connections = 256 };
	enum rc rc = request_thread_new(&admin, s->loop, &s->admin);

	for (size_t i = 0; rc == RC_OK && i < c->raw.listen.admin.count; i++) {
		struct str path = c->raw.listen.admin.v[i];
		char text[PATH_MAX];

		if (!str_starts(path, "unix:"))
			return fault_set(f, RC_INVALID, PROBLEM_NONE, "listen.admin must be unix:PATH");
		(void)snprintf(text, sizeof(text), "%.*s", (int)path.len - 5, path.p + 5);
		rc = http_server_listen_unix(request_thread_http(s->admin), text, 0600, f);
	}
	if (rc == RC_OK && c->raw.listen.http.count) {
		rc = request_thread_new(&plain, s->loop, &s->plain);
		if (rc == RC_OK)
			rc = listen_all(request_thread_http(s->plain), &c->raw.listen.http, 80, NULL, f);
	}
	return rc;
}

/* Validation must never dial ourselves (TRUST V05): the addresses we listen on are told to the
 * address policy before any thread exists. */
static enum rc set_own_addresses(const struct config *c, struct fault *f)
{
	const struct setting_strs *lists[] = { &c->raw.listen.acme, &c->raw.listen.http, &c->raw.listen.metrics,
					       &c->raw.listen.probes };
	static const uint16_t ports[] = { 443, 80, 9464, PROBES_PORT };
	struct addr own[64];
	size_t count = 0;

	for (size_t l = 0; l < COUNT_OF(lists); l++) {
		for (size_t i = 0; i < lists[l]->count && count < COUNT_OF(own); i++) {
			enum rc rc = addr_parse(lists[l]->v[i], ports[l], &own[count++], f);

			if (rc != RC_OK)
				return rc;
		}
	}
	return addr_policy_set_own(own, count);
}

/* The signer's monitor restarts its worker; when the monitor itself ends, nothing can be signed any
 * more, and the service manager starts all anew. */
static void on_child(void *arg, int signo)
{
	struct server *s = arg;

	(void)signo;
	if (waitpid(signer_pid(s->signer), NULL, WNOHANG) != signer_pid(s->signer) || s->stopping)
		return;
	LOG_ERROR("signer_gone", F_TEXT("effect", "the server stops, to be started again"));
	s->exit_code = EXIT_FAILED;
	on_term(s, SIGCHLD);
}

static enum rc watch_signals(struct server *s)
{
	enum rc rc = loop_signal(s->loop, SIGTERM, on_term, s);

	if (rc == RC_OK)
		rc = loop_signal(s->loop, SIGCHLD, on_child, s);

	if (rc == RC_OK)
		rc = loop_signal(s->loop, SIGINT, on_term, s);
	if (rc == RC_OK)
		rc = loop_signal(s->loop, SIGHUP, on_hup, s);
	return rc;
}

/* The store is as the signer noted, or is not: then nothing is issued with it, and nobody is heard. */
static void on_trail(void *arg, enum rc rc, const struct fault *why)
{
	struct server *s = arg;
	AUTO(fault) struct fault f = { 0 };

	if (rc != RC_OK) {
		s->exit_code = fail("audit trail", why, rc);
	} else if ((rc = listen_here(s, &f)) != RC_OK) {
		s->exit_code = fail("listen", &f, rc);
	} else if ((rc = start_status(s, &f)) != RC_OK) {
		s->exit_code = fail("start", &f, rc);
	} else {
		jobs_resume(s->service.jobs);
		return;
	}
	loop_stop(s->loop);
}

static enum rc start_checkpoints(struct server *s, struct fault *f)
{
	const struct checkpoints_options o = { .service = &s->service, .loop = s->loop, .signer = s->signer,
					       .ready = on_trail, .arg = s };

	return checkpoints_start(&o, &s->service.checkpoints, f);
}

static int run_server(struct server *s)
{
	struct tls_server_options tls = { .on_alert = on_alert };
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	if ((rc = set_own_addresses(s->service.config, &f)) != RC_OK)
		return fail("listen", &f, rc);
	if ((rc = loop_new(&s->loop)) != RC_OK)
		return fail("event loop", NULL, rc);
	if ((rc = start_signer(s, &f)) != RC_OK)
		return fail("signer", &f, rc);
	if ((rc = open_store(s, &f)) != RC_OK)
		return fail("store", &f, rc);
	if ((rc = zones_install(&s->service, config_ref(s->service.config))) != RC_OK)
		return fail("stored zones", NULL, rc);
	if ((rc = eab_service_key(s->service.config->raw.store, &s->service.seal_key, &f)) != RC_OK)
		return fail("service key", &f, rc);
	if ((rc = start_limits(s)) != RC_OK)
		return fail("rate limits", NULL, rc);
	if ((rc = make_service(s)) != RC_OK)
		return fail("service", NULL, rc);
	if ((rc = tls_server_new(&tls, &s->tls, &f)) != RC_OK)
		return fail("tls", &f, rc);
	if ((rc = probing_start(&s->service, s->loop, s->tls, &f)) != RC_OK)
		return fail("probes", &f, rc);
	rc = watch_signals(s);
	if (rc == RC_OK)
		rc = loop_timer_new(s->loop, drain_timeout, s, &s->drain_timer);
	if (rc == RC_OK)
		rc = start_checkpoints(s, &f);
	if (rc != RC_OK)
		return fail("start", &f, rc);
	loop_run(s->loop);
	return s->exit_code;
}

static void stop_server(struct server *s)
{
	stop_metrics(s);
	for (unsigned i = 0; i < s->worker_count; i++) {
		loop_stop(s->workers[i].loop);
		thread_join(&s->workers[i].thread);
	}
	/* Commits of requests that nobody answers any more still call back: wait for them. */
	if (s->service.store && store_ping(s->service.store) != RC_OK)
		LOG_WARN("stop", F_TEXT("cause", "the store does not commit"));
	for (unsigned i = 0; i < s->worker_count; i++)
		request_thread_free(s->workers[i].requests);
	request_thread_free(s->admin);
	request_thread_free(s->plain);
	own_cert_free(s->own_cert);
	jobs_free(s->service.jobs);
	checkpoints_stop(s->service.checkpoints);
	probing_stop(&s->service);
	revocation_stop(s->service.revocation);
	responder_stop(s->service.responder);
	if (s->limits_timer)
		save_limits(s, true);
	loop_timer_free(s->limits_timer);
	store_close(s->service.store);
	for (unsigned i = 0; i < s->worker_count; i++)
		loop_free(s->workers[i].loop);
	free(s->workers);
	validator_env_free(s->validators);
	if (s->service.issuer)
		s->service.issuer->ops->free(s->service.issuer);
	health_stop(s->service.health);
	signer_free(s->signer);
	tls_server_free(s->tls);
	watch_free(s->service.watch);
	account_cache_free(s->service.accounts);
	nonces_free(s->service.nonces);
	secret_free(s->service.seal_key);
	limits_free(s->service.limits);
	loop_timer_free(s->drain_timer);
	loop_free(s->loop);
	health_free(s->service.health);
	checkpoints_free(s->service.checkpoints);
	revocation_free(s->service.revocation);
	responder_free(s->service.responder);
	config_unref(s->service.config);
}

/* Before any thread: the lists are never changed afterwards. */
static enum rc load_weak_keys(const struct config *c, struct fault *f)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < c->raw.weak_key_lists.count; i++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%.*s", STR_ARG(c->raw.weak_key_lists.v[i]));
		rc = weak_keys_load(path, f);
	}
	return rc;
}

int serve_run(const struct serve_options *o)
{
	struct server s = { .options = o };
	struct setting_errors errors = { 0 };
	AUTO(fault) struct fault f = { 0 };
	AUTO(arena) struct arena a;
	enum rc rc;
	int code;

	arena_init(&a, LIMIT_SETTINGS_BYTES);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	rc = crypto_init(&f);
	if (rc != RC_OK)
		return fail("libcrypto", &f, rc);
	rc = config_load(&a, o->config_file, &s.service.config, &errors);
	if (rc != RC_OK) {
		print_setting_errors(&errors);
		return fail(o->config_file, NULL, rc);
	}
	s.service.config->strict_trainer = o->strict_trainer;
	if (o->accept_rollback &&
	    !checkpoint_head_parse(str_of(o->accept_rollback), &s.service.config->give_up.number,
				   s.service.config->give_up.hash))
		return fail("--accept-rollback", NULL, RC_INVALID);
	pthread_mutex_init(&s.service.config_lock, NULL);
	log_setup((enum log_level)s.service.config->raw.log.level, (enum log_format)s.service.config->raw.log.format);
	rc = load_weak_keys(s.service.config, &f);
	if (rc != RC_OK)
		return fail("weak_key_lists", &f, rc);
	if (crypto_version_note())
		LOG_WARN("libcrypto", F_TEXT("note", crypto_version_note()));
	code = run_server(&s);
	stop_server(&s);
	pthread_mutex_destroy(&s.service.config_lock);
	LOG_INFO("stopped");
	return code;
}

int verb_serve(int argc, char **argv)
{
	struct serve_options o = { .config_file = "/etc/assay/assay.yaml", .create_store = true };
	const struct option table[] = {
		{ "config", OPTION_TEXT, &o.config_file, "FILE", "settings (default /etc/assay/assay.yaml)" },
		{ "ready-file", OPTION_TEXT, &o.ready_file, "FILE", "write a JSON object there when ready" },
		{ "accept-rollback", OPTION_TEXT, &o.accept_rollback, "N:HASH",
		  "go on with a store that was restored from a copy of before this checkpoint" },
		{ 0 },
	};
	int code;

	if (!options_parse(argc, argv, table, "assay serve [options]",
			   "Serves ACME until SIGTERM. SIGHUP reads the settings again; an error in them is\n"
			   "logged and the running settings stay.",
			   NULL, 0, NULL, &code))
		return code;
	return serve_run(&o);
}
