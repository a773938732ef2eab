/* kit.c - see kit.h. */
#include "kit.h"

#include "acme/jws.h"
#include <string.h>
#include <unistd.h>

#include "acme/identifier.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "core/nonce.h"
#include "core/rate_limit.h"
#include "core/watch.h"
#include "crypto/digest.h"
#include "issuer/ca_create.h"

#define ACTOR_ARENA (512 * 1024 * 1024)
#define ACCOUNTS_MAX 1024
#define CONFIGS_MAX 16
#define QUIET_ROUNDS 4 /* the longest way of a job between two things that the script sees, plus one */
#define ROUNDS_MAX 200000

struct kit kit;

static char folder[64];
static const char *store_kind = "memory";
static struct config *configs[CONFIGS_MAX]; /* all of a scenario: records borrow names from them */
static unsigned config_count;
static const struct account *accounts[ACCOUNTS_MAX];
static unsigned account_count;
static struct pubkey *pubkeys[ACCOUNTS_MAX];
static unsigned pubkey_count;

#define DEFAULT_TAIL "zones: [{names: [\"*\"]}]\n"

/* --- failing --- */

void must(enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_text(rc), kit.actor.f.detail);
}

bool text_has(struct str text, const char *part)
{
	return text.p && memmem(text.p, text.len, part, strlen(part)) != NULL;
}

void kit_assert_fault(enum problem problem, const char *text)
{
	const struct fault *f = &kit.actor.f;

	if (f->problem != problem || !strstr(f->detail, text))
		fail_msg("the fault is %d, \"%s\"; not %d, \"%s\"", f->problem, f->detail, problem, text);
}

/* --- actors --- */

void actor_init(struct actor *x)
{
	*x = (struct actor){ 0 };
	arena_init(&x->arena, ACTOR_ARENA);
	pthread_mutex_init(&x->lock, NULL);
	pthread_cond_init(&x->ended, NULL);
	if (store_read_open(kit.service.store, &x->read) != RC_OK)
		abort();
}

void actor_done(struct actor *x)
{
	store_read_close(x->read);
	fault_done(&x->f);
	arena_done(&x->arena);
	pthread_mutex_destroy(&x->lock);
	pthread_cond_destroy(&x->ended);
}

struct context *actor_begin(struct actor *x)
{
	struct config *config = service_config(&kit.service);

	fault_done(&x->f);
	x->c = (struct context){
		.service = &kit.service,
		.config = config,
		.read = x->read,
		.arena = &x->arena,
		.tx = tx_new(),
		.now = clock_now_s(),
		.actor = STR("scenario"),
	};
	config_unref(config); /* configs[] holds it */
	if (!x->c.tx || store_read_begin(x->read) != RC_OK)
		abort();
	return &x->c;
}

/* On the writer's thread, like committed() of api/request.c. */
static void actor_committed(void *arg, enum rc rc)
{
	struct actor *x = arg;

	if (rc == RC_OK && x->c.job_count)
		jobs_start(kit.service.jobs, &x->c);
	pthread_mutex_lock(&x->lock);
	x->committed = rc;
	x->is_committed = true;
	pthread_cond_signal(&x->ended);
	pthread_mutex_unlock(&x->lock);
}

enum rc actor_end(struct actor *x, enum rc decided)
{
	store_read_end(x->read);
	if (decided != RC_OK || tx_is_empty(x->c.tx)) {
		tx_free(x->c.tx);
		return decided;
	}
	x->is_committed = false;
	store_submit(kit.service.store, x->c.tx, actor_committed, x);
	pthread_mutex_lock(&x->lock);
	while (!x->is_committed)
		pthread_cond_wait(&x->ended, &x->lock);
	pthread_mutex_unlock(&x->lock);
	return x->committed;
}

struct context *kit_begin(void)
{
	return actor_begin(&kit.actor);
}

enum rc kit_end(enum rc decided)
{
	return actor_end(&kit.actor, decided);
}

void kit_drop(void)
{
	store_read_end(kit.actor.read);
	tx_free(kit.actor.c.tx);
}

/* --- settings --- */

static struct config *read_settings(const char *tail)
{
	struct setting_errors errors = { 0 };
	struct config *c = NULL;
	AUTO(arena) struct arena a;
	const char *text;

	arena_init(&a, LIMIT_SETTINGS_BYTES);
	text = arena_printf(&a,
			    "public_url: https://ca.test\n"
			    "store: \"memory:\"\n"
			    "authorities:\n"
			    "  lab: {key: \"file:%s/issuing.key\", chain: \"%s/chain.pem\"}\n"
			    "  second: {key: \"file:%s/issuing.key\", chain: \"%s/chain.pem\"}\n"
			    "directories:\n"
			    "  default: {issuer: lab, profiles: [server, short]}\n"
			    "  bound: {issuer: lab, eab_required: true}\n"
			    "eab_keys: {k1: {key: \"file:%s/eab.key\"}, k2: {key: \"file:%s/eab2.key\"}}\n"
			    "%s", folder, folder, folder, folder, folder, folder, tail);
	if (!text || config_from_text(&a, str_of(text), "assay.yaml", &c, &errors) != RC_OK) {
		for (size_t i = 0; i < errors.count; i++)
			print_error("%s\n", errors.v[i].text);
		fail_msg("the scenario's settings are not good");
	}
	assert_true(config_count < CONFIGS_MAX);
	configs[config_count++] = config_ref(c);
	return c;
}

void kit_settings(const char *tail)
{
	service_set_config(&kit.service, read_settings(tail));
}

/* --- the service --- */

static void start_store(void)
{
	struct store_options o = { .url = str_of(kit.store_url), .tables = STORE_TABLES, .create = true };

	if (!kit.service.store && store_open(&o, &kit.service.store, &kit.actor.f) != RC_OK)
		fail_msg("the store: %s", kit.actor.f.detail);
}

static void start_service(void)
{
	struct service *s = &kit.service;

	start_store();
	s->node = id_new();
	s->started_at = clock_now_s();
	must(loop_new(&kit.loop));
	must(nonces_new(s->config->raw.lifetimes.nonce_s, &s->nonces));
	must(account_cache_new(64, &s->accounts));
	must(watch_new(&s->watch));
	must(limits_new(&s->limits));
	must(script_issuer_new(folder, kit.loop, &s->issuer));
	must(validator_env_new(kit.loop, &kit.validators));
	must(jobs_new(&(struct jobs_options){ .service = s, .loop = kit.loop, .validators = kit.validators },
		      &s->jobs));
	actor_init(&kit.actor);
	jobs_resume(s->jobs);
}

/* In the order of cmd/serve.c. A store in memory stays: it stands for the disk. */
static void stop_service(bool for_good)
{
	struct service *s = &kit.service;

	actor_done(&kit.actor);
	jobs_free(s->jobs);
	if (for_good || strcmp(store_kind, "memory") != 0) {
		store_close(s->store);
		s->store = NULL;
	}
	script_drop();
	validator_env_free(kit.validators);
	s->issuer->ops->free(s->issuer);
	watch_free(s->watch);
	limits_free(s->limits);
	account_cache_free(s->accounts);
	nonces_free(s->nonces);
	loop_free(kit.loop);
}

void kit_crash(void)
{
	stop_service(false);
	start_service();
}

/* --- setting up --- */

void kit_choose_store(int argc, char **argv)
{
	if (argc > 1)
		store_kind = argv[1];
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
}

static int write_text(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return file_write(path, str_bytes(str_of(text)), 0600, NULL) == RC_OK ? 0 : -1;
}

int kit_group_setup(void **state)
{
	AUTO_PTR(secret) struct secret *pass = NULL;
	struct ca_create_options o = { .name = STR("Lab"), .key_type = KEY_P256 };
	struct ca_created made;
	AUTO(arena) struct arena a;

	(void)state;
	arena_init(&a, 4 * 1024 * 1024);
	clock_fake(KIT_START_MS - HOUR_MS);
	strcpy(folder, "/tmp/assay-scenario-XXXXXX");
	if (!mkdtemp(folder) || crypto_init(NULL) != RC_OK ||
	    secret_new(str_bytes(STR("secret")), &pass) != RC_OK)
		return -1;
	o.directory = str_of(folder);
	o.root_passphrase = o.issuing_passphrase = pass;
	if (ca_create(&a, &o, &made, NULL) != RC_OK ||
	    privkey_generate(KEY_P256, 0, &kit.leaf_key) != RC_OK)
		return -1;
	/* base64url of "0123456789abcdef0123456789abcdef" and of another */
	if (write_text("eab.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\n") != 0)
		return -1;
	return write_text("eab2.key", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA\n");
}

int kit_group_teardown(void **state)
{
	char command[128];

	(void)state;
	privkey_free(kit.leaf_key);
	clock_real();
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int kit_setup(void **state)
{
	static unsigned number;

	(void)state;
	clock_fake(KIT_START_MS);
	if (strcmp(store_kind, "sqlite") == 0)
		(void)snprintf(kit.store_url, sizeof(kit.store_url), "sqlite:%s/%u.db", folder, number++);
	else
		(void)snprintf(kit.store_url, sizeof(kit.store_url), "memory:");
	pthread_mutex_init(&kit.service.config_lock, NULL);
	kit.service.config = read_settings(DEFAULT_TAIL);
	start_service();
	return 0;
}

int kit_teardown(void **state)
{
	(void)state;
	while (account_count)
		account_unref((struct account *)(uintptr_t)accounts[--account_count]);
	while (pubkey_count)
		pubkey_free(pubkeys[--pubkey_count]);
	stop_service(true);
	script_reset();
	config_unref(kit.service.config);
	while (config_count)
		config_unref(configs[--config_count]);
	pthread_mutex_destroy(&kit.service.config_lock);
	kit.service = (struct service){ 0 };
	return 0;
}

/* --- time --- */

/* Once through the writer and back: what was submitted and posted before has arrived. */
struct round_trip {
	struct loop_work work; /* first */
	bool is_over;
};

static void round_arrived(struct loop_work *w)
{
	((struct round_trip *)w)->is_over = true;
	loop_stop(kit.loop);
}

static void round_committed(void *arg, enum rc rc)
{
	struct round_trip *r = arg;

	(void)rc;
	r->work.fn = round_arrived;
	loop_post(kit.loop, &r->work);
}

void kit_settle(void)
{
	unsigned quiet = 0, seen = script_activity(), rounds = 0;

	while (quiet < QUIET_ROUNDS) {
		struct round_trip r = { .is_over = false };
		struct tx *tx = tx_new();

		assert_non_null(tx);
		assert_true(rounds++ < ROUNDS_MAX);
		store_submit(kit.service.store, tx, round_committed, &r);
		while (!r.is_over)
			loop_run(kit.loop);
		quiet = script_activity() == seen ? quiet + 1 : 0;
		seen = script_activity();
	}
}

void kit_advance_ms(int64_t ms)
{
	clock_fake_advance_ms(ms);
	loop_timers_check(kit.loop);
	kit_settle();
}

void kit_run_ms(int64_t total_ms, int64_t step_ms)
{
	for (int64_t at = 0; at < total_ms; at += step_ms)
		kit_advance_ms(step_ms);
}

/* --- a client --- */

struct pubkey *kit_pubkey(void)
{
	AUTO_PTR(privkey) struct privkey *key = NULL;

	assert_true(pubkey_count < ACCOUNTS_MAX);
	must(privkey_generate(KEY_P256, 0, &key));
	return pubkeys[pubkey_count++] = pubkey_ref(privkey_pubkey(key));
}

static const struct account *new_account(const char *kid, const char *mac_key)
{
	struct acme_new_account body = { .terms_agreed = true };
	struct new_account n = { .key = kit_pubkey(), .body = &body, .url = STR("https://ca.test/acme/new-account"),
				 .peer = STR("192.0.2.1") };
	struct context *c = kit_begin();
	struct account_record record;
	struct account *account;
	bool is_new;

	if (kid)
		must(jws_sign_eab(&kit.actor.arena, str_bytes(str_of(mac_key)), str_of(kid), n.url, n.key, &body.eab));
	must(kit_end(account_create(c, config_directory(c->config, STR("default")), &n, &record, &is_new,
				    &kit.actor.f)));
	assert_true(is_new);
	c = kit_begin();
	must(account_authenticate(c, STR("default"), record.id, &account, &kit.actor.f));
	kit_drop();
	assert_true(account_count < ACCOUNTS_MAX);
	accounts[account_count++] = account;
	return account;
}

const struct account *kit_account(void)
{
	return new_account(NULL, NULL);
}

const struct account *kit_bound_account(const char *kid)
{
	return new_account(kid, strcmp(kid, "k1") == 0 ? "0123456789abcdef0123456789abcdef"
						       : "fedcba9876543210fedcba9876543210");
}

enum rc kit_authenticate(struct id id)
{
	struct context *c = kit_begin();
	struct account *account = NULL;
	enum rc rc = account_authenticate(c, STR("default"), id, &account, &kit.actor.f);

	kit_drop();
	account_unref(account);
	return rc;
}

struct acme_new_order kit_names(const char *names)
{
	struct acme_new_order body = { 0 };

	must(identifiers_from_text(&kit.actor.arena, str_of(names), &body.identifiers, &body.identifier_count));
	return body;
}

enum rc kit_try_order(const struct account *a, const struct acme_new_order *body, struct id *out)
{
	struct context *c = kit_begin();
	struct order o;
	enum rc rc = kit_end(order_create(c, config_directory(c->config, a->directory), a, body, &o, &kit.actor.f));

	if (rc == RC_OK)
		*out = o.record.id;
	return rc;
}

struct id kit_order(const struct account *a, const char *names)
{
	struct acme_new_order body = kit_names(names);
	struct id id = { 0 };

	must(kit_try_order(a, &body, &id));
	return id;
}

struct order kit_load(struct id id)
{
	struct context *c = kit_begin();
	struct order o = { 0 };
	enum rc rc = order_load(c, id, &o, &kit.actor.f);

	kit_drop();
	must(rc);
	return o;
}

enum order_state kit_state(struct id order)
{
	return kit_load(order).state;
}

struct id kit_authz_id(struct id order, size_t i)
{
	struct order o = kit_load(order);

	assert_true(i < o.authz_count);
	return o.authzs[i];
}

struct authz_record kit_authz(struct id id)
{
	struct context *c = kit_begin();
	struct authz_record z;
	enum rc rc = authz_load(c, id, &z);

	kit_drop();
	must(rc);
	return z;
}

enum authz_state kit_authz_state(struct id id)
{
	struct authz_record z = kit_authz(id);

	return authz_state(&z, clock_now_s());
}

enum rc kit_respond(const struct account *a, struct id authz)
{
	struct context *c = kit_begin();
	struct authz_record z;
	enum rc rc = authz_load_for(c, a, authz, &z, &kit.actor.f);

	if (rc == RC_OK)
		rc = challenge_respond(c, &z, z.offered & -z.offered, &kit.actor.f); /* http-01 first */
	return kit_end(rc);
}

void kit_prove(const struct account *a, struct id order)
{
	struct order o = kit_load(order);

	for (size_t i = 0; i < o.authz_count; i++)
		must(kit_respond(a, o.authzs[i]));
	kit_settle();
}

struct id kit_ready(const struct account *a, const char *names)
{
	struct id order = kit_order(a, names);

	kit_prove(a, order);
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	return order;
}

struct bytes kit_csr(const char *names, const struct privkey *key)
{
	struct acme_new_order body = kit_names(names);
	struct csr_spec spec = { .san_count = body.identifier_count };
	struct san *sans = arena_array(&kit.actor.arena, body.identifier_count, sizeof(*sans));
	struct bytes der;

	assert_non_null(sans);
	for (size_t i = 0; i < body.identifier_count; i++)
		must(identifier_san(&kit.actor.arena, &body.identifiers[i], &sans[i]));
	spec.sans = sans;
	must(csr_build(&kit.actor.arena, &spec, key, &der));
	return der;
}

enum rc kit_finalize(const struct account *a, struct id id, struct bytes csr)
{
	struct context *c = kit_begin();
	struct order o;
	enum rc rc = order_load_for(c, a, id, &o, &kit.actor.f);

	if (rc == RC_OK)
		rc = order_finalize(c, &o, a, csr, &kit.actor.f);
	return kit_end(rc);
}

struct id kit_issue(const struct account *a, const char *names)
{
	struct id order = kit_ready(a, names);

	must(kit_finalize(a, order, kit_csr(names, kit.leaf_key)));
	kit_settle();
	assert_int_equal(kit_state(order), ORDER_STATE_VALID);
	return order;
}

struct cert_record kit_cert(struct bytes serial)
{
	struct context *c = kit_begin();
	struct cert_record cert;
	enum rc rc = cert_load(c, serial, &cert, &kit.actor.f);

	kit_drop();
	must(rc);
	return cert;
}

/* --- looking --- */

int64_t kit_count(const struct store_table *t)
{
	int64_t n = -1;

	(void)kit_begin();
	must(store_count(kit.actor.read, t, STORE_PRIMARY, NULL, 0, &n));
	kit_drop();
	return n;
}

bool kit_audited(const char *action)
{
	struct store_query q = { .table = &AUDITS, .index = STORE_PRIMARY, .limit = 100000 };
	struct audit_record *rows;
	size_t count;
	bool found = false;

	(void)kit_begin();
	must(store_list(kit.actor.read, &q, &kit.actor.arena, &rows, &count));
	kit_drop();
	for (size_t i = 0; i < count; i++)
		found |= str_is(rows[i].action, action);
	return found;
}

unsigned kit_jobs_running(void)
{
	unsigned running, waiting;

	jobs_counts(kit.service.jobs, &running, &waiting);
	return running;
}
