/* script.c - see script.h. These definitions stand in for those of src/validator and of
 * src/net/resolver.c: the linker takes nothing from an archive that is already there. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "store/records.h"
#include "validator/validator.h"
#include "validator/validator_env.h"

#define SCRIPTS_MAX 32
#define ANSWERS_MAX 16
#define ATTEMPTS_MAX 4096
#define CLAIMS_MAX 32768

static unsigned activity;

unsigned script_activity(void)
{
	return activity;
}

/* --- validation --- */

struct validation {
	struct loop_work work; /* first */
	struct validation *next;
	char identifier[LIMIT_NAME + 8];
	validation_done_fn done; /* NULL: cancelled while its answer was on the way */
	void *arg;
	enum answer answer;
	bool is_posted, stays;
};

static struct {
	char identifier[LIMIT_NAME + 8];
	enum answer answers[ANSWERS_MAX];
	size_t count;
} scripts[SCRIPTS_MAX];
static size_t script_count;
static enum answer usual_answer = ANSWER_VALID;
static int64_t valid_until; /* of records that stay */

static struct {
	char identifier[LIMIT_NAME + 8];
	int64_t at_ms;
} attempts[ATTEMPTS_MAX];
static unsigned attempt_count, at_once, most_at_once;
static struct validation *open_validations;
static struct loop *validation_loop;

static void fail_now(const char *what)
{
	fprintf(stderr, "scenario script: %s\n", what);
	abort();
}

void script_validations(const char *identifier, const enum answer *answers, size_t count)
{
	size_t i = 0;

	while (i < script_count && strcmp(scripts[i].identifier, identifier) != 0)
		i++;
	if (i == SCRIPTS_MAX || count > ANSWERS_MAX || count == 0)
		fail_now("too many scripts or answers");
	if (i == script_count)
		script_count++;
	(void)snprintf(scripts[i].identifier, sizeof(scripts[i].identifier), "%s", identifier);
	memcpy(scripts[i].answers, answers, count * sizeof(*answers));
	scripts[i].count = count;
}

void script_all(enum answer answer)
{
	usual_answer = answer;
}

void script_valid_until(int64_t at_s)
{
	valid_until = at_s;
}

static bool is_about(const char *have, const char *wanted)
{
	return !wanted || strcmp(have, wanted) == 0;
}

unsigned script_attempts(const char *identifier)
{
	unsigned n = 0;

	for (unsigned i = 0; i < attempt_count; i++)
		n += is_about(attempts[i].identifier, identifier);
	return n;
}

int64_t script_attempt_ms(const char *identifier, unsigned n)
{
	for (unsigned i = 0; i < attempt_count; i++) {
		if (is_about(attempts[i].identifier, identifier) && n-- == 0)
			return attempts[i].at_ms;
	}
	fail_now("there was no such attempt");
	return 0;
}

unsigned script_most_at_once(void)
{
	return most_at_once;
}

static enum answer next_answer(const char *identifier, unsigned n)
{
	for (size_t i = 0; i < script_count; i++) {
		if (strcmp(scripts[i].identifier, identifier) == 0)
			return scripts[i].answers[n < scripts[i].count ? n : scripts[i].count - 1];
	}
	return usual_answer;
}

static void validation_unlink(struct validation *v)
{
	struct validation **p = &open_validations;

	while (*p != v)
		p = &(*p)->next;
	*p = v->next;
	at_once--;
}

static void validation_ends(struct loop_work *w)
{
	struct validation *v = (struct validation *)w;
	struct validation_result result = { .duration_ms = 1, .trace = STR("dialled 10.0.0.1:80\n") };

	if (!v->done) {
		free(v);
		return;
	}
	activity++;
	result.valid = v->answer == ANSWER_VALID;
	result.valid_until = result.valid && v->stays ? valid_until : 0;
	result.transient = v->answer == ANSWER_TRANSIENT;
	result.problem = result.valid ? PROBLEM_NONE
				      : v->answer == ANSWER_TRANSIENT ? PROBLEM_CONNECTION : PROBLEM_UNAUTHORIZED;
	if (!result.valid)
		(void)snprintf(result.detail, sizeof(result.detail), "%s",
			       v->answer == ANSWER_TRANSIENT ? TRANSIENT_DETAIL : FINAL_DETAIL);
	validation_unlink(v);
	v->done(v->arg, &result);
	free(v);
}

static void validation_post(struct validation *v)
{
	v->is_posted = true;
	v->work.fn = validation_ends;
	loop_post(validation_loop, &v->work);
}

unsigned script_release(const char *identifier, enum answer answer)
{
	unsigned n = 0;

	for (struct validation *v = open_validations; v; v = v->next) {
		if (v->is_posted || !is_about(v->identifier, identifier))
			continue;
		v->answer = answer;
		validation_post(v);
		n++;
	}
	return n;
}

static enum rc scripted_start(struct validator_env *env, const struct validation_request *r,
			      validation_done_fn done, void *arg, struct validation **out)
{
	struct validation *v = calloc(1, sizeof(*v));

	if (!v)
		return RC_NOMEM;
	/* RFC 8555 §8.1: token "." thumbprint, whatever the core does. */
	if (r->token.len != 43 || r->key_authorization.len != 87 || !r->policy.resolver ||
	    memcmp(r->key_authorization.p, r->token.p, 43) != 0 || r->key_authorization.p[43] != '.')
		fail_now("the validation request is not whole");
	if (attempt_count == ATTEMPTS_MAX)
		fail_now("too many attempts");
	(void)snprintf(v->identifier, sizeof(v->identifier), "%.*s", STR_ARG(r->identifier->value));
	v->done = done;
	v->arg = arg;
	v->answer = next_answer(v->identifier, script_attempts(v->identifier));
	memcpy(attempts[attempt_count].identifier, v->identifier, sizeof(v->identifier));
	attempts[attempt_count++].at_ms = clock_mono_ms();
	v->next = open_validations;
	open_validations = v;
	activity++;
	if (++at_once > most_at_once)
		most_at_once = at_once;
	validation_loop = env->loop;
	if (v->answer != ANSWER_HOLD)
		validation_post(v);
	*out = v;
	return RC_OK;
}

static enum rc scripted_persist_start(struct validator_env *env, const struct validation_request *r,
				      validation_done_fn done, void *arg, struct validation **out)
{
	enum rc rc;

	if (!str_starts(r->account_url, "https://") || r->issuer_count == 0 || !r->issuers[0].len)
		fail_now("the validation request is not whole");
	rc = scripted_start(env, r, done, arg, out);
	if (rc == RC_OK)
		(*out)->stays = true;
	return rc;
}

static void scripted_cancel(struct validation *v)
{
	if (!v)
		return;
	validation_unlink(v);
	v->done = NULL;
	if (!v->is_posted)
		free(v);
}

const struct validator_ops VALIDATOR_HTTP01 = {
	.type = "http-01", .challenge = CHALLENGE_HTTP_01, .ip = true,
	.start = scripted_start, .cancel = scripted_cancel,
};
static const struct validator_ops scripted_dns01 = {
	.type = "dns-01", .challenge = CHALLENGE_DNS_01, .wildcard = true,
	.start = scripted_start, .cancel = scripted_cancel,
};
static const struct validator_ops scripted_persist01 = {
	.type = "dns-persist-01", .challenge = CHALLENGE_DNS_PERSIST_01, .wildcard = true,
	.start = scripted_persist_start, .cancel = scripted_cancel,
};
static const struct validator_ops *const scripted[] = { &VALIDATOR_HTTP01, &scripted_dns01, &scripted_persist01,
							 NULL };

const struct validator_ops *const *validators(void)
{
	return scripted;
}

const struct validator_ops *validator_by_challenge(int64_t challenge)
{
	for (size_t i = 0; scripted[i]; i++) {
		if (scripted[i]->challenge == challenge)
			return scripted[i];
	}
	return NULL;
}

const struct validator_ops *validator_by_type(struct str type)
{
	for (size_t i = 0; scripted[i]; i++) {
		if (str_is(type, scripted[i]->type))
			return scripted[i];
	}
	return NULL;
}

enum rc validator_env_new(struct loop *l, struct validator_env **out)
{
	struct validator_env *env = calloc(1, sizeof(*env));

	if (!env)
		return RC_NOMEM;
	env->loop = l;
	*out = env;
	return RC_OK;
}

/* As the real one: what is open would hold memory of the environment. */
void validator_env_free(struct validator_env *env)
{
	if (env && open_validations)
		fail_now("validations are open when their environment ends");
	free(env);
}

/* --- the resolver: asked for CAA, and for addresses by the doctor --- */

struct resolver {
	struct loop *loop;
};

struct dns_query {
	struct loop_work work; /* first */
	struct dns_query *next;
	void (*done)(void *arg, const struct dns_answer *answer); /* NULL: cancelled */
	void *arg;
	enum dns_type type;
	bool is_posted;
};

static const char *host_ip;

void script_host(const char *ip)
{
	host_ip = ip;
}

static enum dns_script dns_script;
static unsigned dns_count;
static struct dns_query *open_queries;

void script_dns(enum dns_script answer)
{
	dns_script = answer;
}

unsigned script_dns_asked(void)
{
	return dns_count;
}

enum rc resolver_new(struct loop *l, const struct resolver_options *o, struct resolver **out, struct fault *f)
{
	(void)o;
	(void)f;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return RC_NOMEM;
	(*out)->loop = l;
	return RC_OK;
}

void resolver_free(struct resolver *r)
{
	if (r && (open_validations || open_queries))
		fail_now("a resolver ends while somebody may use it");
	free(r);
}

static void query_unlink(struct dns_query *q)
{
	struct dns_query **p = &open_queries;

	while (*p != q)
		p = &(*p)->next;
	*p = q->next;
}

static void query_ends(struct loop_work *w)
{
	struct dns_query *q = (struct dns_query *)w;
	struct dns_caa record = { .tag = STR("issue"), .value = STR("other.example") };
	struct dns_answer answer = { .rc = RC_NOTFOUND };

	if (!q->done) {
		free(q);
		return;
	}
	activity++;
	if (q->type == DNS_A && host_ip && addr_ip_parse(str_of(host_ip), 0, &answer.addrs[0])) {
		answer.rc = RC_OK;
		answer.addr_count = 1;
	} else if (q->type == DNS_CAA && dns_script == DNS_FORBIDS) {
		answer.rc = RC_OK;
		answer.caa = &record;
		answer.caa_count = 1;
	} else if (dns_script == DNS_FAILS) {
		answer.rc = RC_IO;
		(void)snprintf(answer.why, sizeof(answer.why), "SERVFAIL");
	}
	query_unlink(q);
	q->done(q->arg, &answer);
	free(q);
}

enum rc resolver_ask(struct resolver *r, struct str name, enum dns_type type,
		     void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		     struct dns_query **out)
{
	struct dns_query *q = calloc(1, sizeof(*q));

	if (!q)
		return RC_NOMEM;
	if ((type != DNS_CAA && type != DNS_A && type != DNS_AAAA) || name.len == 0)
		fail_now("the DNS is asked for something else");
	activity++;
	dns_count += type == DNS_CAA;
	q->type = type;
	q->done = done;
	q->arg = arg;
	q->next = open_queries;
	open_queries = q;
	q->work.fn = query_ends;
	q->is_posted = dns_script != DNS_SILENT;
	if (q->is_posted)
		loop_post(r->loop, &q->work);
	*out = q;
	return RC_OK;
}

void resolver_cancel(struct dns_query *q)
{
	if (!q)
		return;
	query_unlink(q);
	q->done = NULL;
	if (!q->is_posted)
		free(q);
}

const char *dns_type_text(enum dns_type type)
{
	(void)type;
	return "A";
}

/* --- issuance --- */

struct question {
	struct loop_work work; /* first */
	struct question *next;
	void (*done)(void *arg, enum rc rc, struct bytes certificate, const struct fault *f);
	void *arg;
	unsigned claim;
	enum issue_answer answer;
};

/* The signer's journal: what was signed is signed once. */
static struct {
	struct bytes claim, certificate; /* heap */
} journal[CLAIMS_MAX];
static unsigned journal_count;
static unsigned asked[CLAIMS_MAX], asked_count; /* places in the journal */
static struct question *held;

static struct scripted_issuer {
	struct issuer issuer;
	struct issuer *local;
	struct loop *loop;
	struct privkey *key;
} the_issuer;
static enum issue_answer issue_answer;
static unsigned prepared_count, signed_count;

void script_issuer(enum issue_answer answer)
{
	issue_answer = answer;
}

unsigned script_prepared(void)
{
	return __atomic_load_n(&prepared_count, __ATOMIC_RELAXED);
}

unsigned script_issued(void)
{
	return asked_count;
}

unsigned script_signed(void)
{
	return signed_count;
}

struct bytes script_claim(unsigned n)
{
	if (n >= asked_count)
		fail_now("the issuer was not asked that often");
	return journal[asked[n]].claim;
}

static struct bytes heap_copy(struct bytes b)
{
	uint8_t *p = malloc(b.len + 1);

	if (!p)
		fail_now("no memory");
	memcpy(p, b.p, b.len);
	return bytes_of(p, b.len);
}

static unsigned journal_find(struct bytes claim)
{
	unsigned i = 0;

	while (i < journal_count && !bytes_eq(journal[i].claim, claim))
		i++;
	if (i == CLAIMS_MAX)
		fail_now("too many claims");
	if (i == journal_count) {
		journal[i].claim = heap_copy(claim);
		journal[i].certificate = (struct bytes){ 0 };
		journal_count++;
	}
	return i;
}

/* The claim of issuer/local.c: version, length of the issuing key in two octets, that key, the TBS. */
static void journal_sign(unsigned n)
{
	struct bytes claim = journal[n].claim, tbs, der;
	enum sig_alg alg = key_x509_sig_alg(pubkey_type(privkey_pubkey(the_issuer.key)));
	uint8_t sig[SIG_MAX];
	AUTO(arena) struct arena a;
	size_t skip, len;

	if (journal[n].certificate.p)
		return;
	skip = 3 + ((size_t)claim.p[1] << 8 | claim.p[2]);
	tbs = bytes_of(claim.p + skip, claim.len - skip);
	arena_init(&a, 1024 * 1024);
	if (privkey_sign_x509(the_issuer.key, tbs, sig, &len) != RC_OK ||
	    cert_assemble(&a, tbs, alg, bytes_of(sig, len), &der) != RC_OK)
		fail_now("the scripted signer cannot sign");
	journal[n].certificate = heap_copy(der);
	signed_count++;
}

static void question_answer(struct loop_work *w)
{
	struct question *q = (struct question *)w;
	struct fault f = { 0 };

	activity++;
	switch (q->answer) {
	case ISSUE_OK:
	case ISSUE_HOLD:
		q->done(q->arg, RC_OK, journal[q->claim].certificate, NULL);
		break;
	case ISSUE_UNAVAILABLE:
	case ISSUE_BUSY:
		(void)fault_set(&f, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL, "the signer does not answer");
		q->done(q->arg, RC_UNAVAILABLE, (struct bytes){ 0 }, &f);
		break;
	case ISSUE_DENIED:
		(void)fault_set(&f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "policy: the law forbids this lifetime");
		q->done(q->arg, RC_DENIED, (struct bytes){ 0 }, &f);
		break;
	case ISSUE_OTHER_SERIAL:
		q->done(q->arg, RC_OK, journal[0].certificate, NULL);
		break;
	case ISSUE_GARBAGE:
		q->done(q->arg, RC_OK, bytes_of("\x30\x03\x02\x01\x00", 5), NULL);
		break;
	}
	fault_done(&f);
	free(q);
}

unsigned script_issue_release(void)
{
	unsigned n = 0;

	while (held) {
		struct question *q = held;

		held = q->next;
		q->work.fn = question_answer;
		loop_post(the_issuer.loop, &q->work);
		n++;
	}
	return n;
}

static enum rc scripted_prepare(struct issuer *i, const struct issue_request *r, struct arena *a,
				struct issue_claim *out, struct fault *f)
{
	struct scripted_issuer *s = (struct scripted_issuer *)i;
	enum rc rc = s->local->ops->prepare(s->local, r, a, out, f);

	if (rc == RC_OK)
		__atomic_add_fetch(&prepared_count, 1, __ATOMIC_RELAXED);
	return rc;
}

static enum rc scripted_issue(struct issuer *i, struct str authority, struct str profile, struct bytes claim,
			      void (*done)(void *arg, enum rc rc, struct bytes certificate, const struct fault *f),
			      void *arg)
{
	struct scripted_issuer *s = (struct scripted_issuer *)i;
	struct question *q;

	if ((!str_is(authority, "lab") && !str_is(authority, "second")) || !profile.p || claim.len < 4)
		fail_now("the issuer's question is not whole");
	if (asked_count == CLAIMS_MAX)
		fail_now("the issuer is asked too often");
	activity++;
	asked[asked_count] = journal_find(claim);
	if (issue_answer == ISSUE_BUSY) {
		asked_count++;
		return RC_BUSY;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return RC_NOMEM;
	q->done = done;
	q->arg = arg;
	q->claim = asked[asked_count++];
	q->answer = issue_answer;
	q->work.fn = question_answer;
	if (q->answer == ISSUE_OK || q->answer == ISSUE_HOLD)
		journal_sign(q->claim);
	if (q->answer == ISSUE_HOLD) {
		q->next = held;
		held = q;
	} else {
		loop_post(s->loop, &q->work);
	}
	return RC_OK;
}

static void scripted_free(struct issuer *i)
{
	struct scripted_issuer *s = (struct scripted_issuer *)i;

	s->local->ops->free(s->local);
	privkey_free(s->key);
	*s = (struct scripted_issuer){ 0 };
}

static const struct issuer_ops scripted_issuer_ops = {
	.type = "scripted", .prepare = scripted_prepare, .issue = scripted_issue, .free = scripted_free,
};

enum rc script_issuer_new(const char *folder, struct loop *loop, struct issuer **out)
{
	AUTO_PTR(secret) struct secret *pass = NULL;
	AUTO(arena) struct arena a;
	const char *path;
	struct bytes pem;
	enum rc rc;

	arena_init(&a, 1024 * 1024);
	path = arena_printf(&a, "%s/issuing.key", folder);
	if (!path)
		return RC_NOMEM;
	rc = secret_new(str_bytes(STR("secret")), &pass);
	if (rc == RC_OK)
		rc = file_read(&a, path, 64 * 1024, &pem, NULL);
	if (rc == RC_OK)
		rc = privkey_from_pem(pem, pass, &the_issuer.key, NULL);
	if (rc == RC_OK)
		rc = issuer_local_new(NULL, &the_issuer.local); /* only its first step is used */
	if (rc != RC_OK)
		return rc;
	the_issuer.issuer.ops = &scripted_issuer_ops;
	the_issuer.loop = loop;
	*out = &the_issuer.issuer;
	return RC_OK;
}

/* --- between scenarios --- */

void script_drop(void)
{
	while (held) {
		struct question *q = held;

		held = q->next;
		free(q);
	}
}

void script_reset(void)
{
	script_drop();
	for (unsigned i = 0; i < journal_count; i++) {
		free((void *)(uintptr_t)journal[i].claim.p);
		free((void *)(uintptr_t)journal[i].certificate.p);
	}
	journal_count = asked_count = prepared_count = signed_count = 0;
	script_count = attempt_count = most_at_once = 0;
	issue_answer = ISSUE_OK;
	usual_answer = ANSWER_VALID;
	dns_script = DNS_HAS_NONE;
	dns_count = 0;
	valid_until = 0;
	host_ip = NULL;
}
