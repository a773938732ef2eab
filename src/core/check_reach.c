/* check_reach.c - what is asked outside: the name's addresses, then at once a rehearsal of each
 * challenge (the validator itself, with a token that nobody has), the same for each single address
 * where there are several, and CAA for each challenge.
 *
 * A rehearsal never succeeds; how it fails tells whether a validation could: "404" from a web server
 * is as good as it gets. */
#include <stdio.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "core/authz.h"
#include "core/check_impl.h"
#include "crypto/digest.h"

#define DEADLINE_MOST_MS 20000
#define CAA_DEADLINE_MS 8000
#define TOKEN_OCTETS 32
#define DIALLED (CHALLENGE_HTTP_01 | CHALLENGE_TLS_ALPN_01) /* challenges that dial the name's addresses */

/* --- what came --- */

static void task_ended(struct check_task *t);

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct check_task *t = arg;

	t->question = NULL;
	t->answer = *a;
	t->answer.canonical = arena_str(&t->check->arena, a->canonical);
	t->answer.texts = NULL;
	t->answer.caa = NULL;
	task_ended(t);
}

static void on_validated(void *arg, const struct validation_result *r)
{
	struct check_task *t = arg;

	t->validation = NULL;
	t->result = *r;
	t->result.trace = arena_str(&t->check->arena, r->trace);
	task_ended(t);
}

static void on_caa(void *arg, const struct caa_result *r)
{
	struct check_task *t = arg;

	t->caa = NULL;
	t->said = *r;
	t->said.trace = arena_str(&t->check->arena, r->trace);
	task_ended(t);
}

/* --- asking --- */

static struct check_task *task_add(struct check *k, int kind, int64_t challenge)
{
	struct check_task *t = &k->tasks[k->task_count++];

	*t = (struct check_task){ .check = k, .challenge = challenge };
	t->kind = kind;
	return t;
}

static void task_begun(struct check_task *t, enum rc rc)
{
	t->rc = rc;
	t->asked = rc == RC_OK;
	t->check->waiting += t->asked;
}

static void ask_addresses(struct check *k)
{
	static const struct {
		int kind;
		enum dns_type type;
	} families[] = { { TASK_AAAA, DNS_AAAA }, { TASK_A, DNS_A } };

	for (size_t i = 0; i < COUNT_OF(families); i++) {
		struct check_task *t = task_add(k, families[i].kind, 0);

		task_begun(t, resolver_ask(k->resolver, k->identifier.value, families[i].type, on_answer, t, &t->question));
	}
}

static int64_t deadline_ms(const struct check *k)
{
	int64_t ms = k->config->raw.validation.deadline_s * 1000;

	return ms < DEADLINE_MOST_MS ? ms : DEADLINE_MOST_MS;
}

static void rehearse(struct check_task *t)
{
	struct check *k = t->check;
	const struct config *c = k->config;
	struct validation_request r = {
		.identifier = &k->identifier,
		.token = k->token,
		.key_authorization = k->key_authorization,
		.account_url = k->account_url,
		.issuers = k->directory->caa_identities,
		.issuer_count = k->directory->caa_identity_count,
		.policy = {
			.targets = k->zone->targets,
			.resolver = k->resolver,
			.dns_authoritative = k->zone->dns == ZONE_DNS_AUTHORITATIVE,
			.dnssec_required = k->zone->dnssec == ZONE_DNSSEC_REQUIRE,
			.http01_port = (uint16_t)c->raw.validation.http01_port,
			.https_port = (uint16_t)c->raw.validation.https_port,
			.tls_alpn01_port = (uint16_t)c->raw.validation.tls_alpn01_port,
			.deadline_ms = deadline_ms(k),
		},
	};

	if (t->kind == TASK_ADDRESS) {
		/* It passed the zone's policy already, of which this is a part. */
		t->prefix.bits = 128;
		addr_ip16(&t->addr, t->prefix.ip);
		r.policy.targets.allow = &t->prefix;
		r.policy.targets.allow_count = 1;
	}
	t->validator = validator_by_challenge(t->challenge);
	task_begun(t, t->validator->start(k->jobs->validators, &r, on_validated, t, &t->validation));
}

static void ask_caa(struct check *k, int64_t challenge)
{
	struct check_task *t = task_add(k, TASK_CAA, challenge);
	const struct caa_request r = {
		.identifier = &k->identifier,
		.resolver = k->resolver,
		.issuers = k->directory->caa_identities,
		.issuer_count = k->directory->caa_identity_count,
		.account_url = k->account_url,
		.method = str_of(challenge_type_name(challenge)),
		.deadline_ms = CAA_DEADLINE_MS,
	};

	task_begun(t, caa_check_start(k->jobs->validators, &r, on_caa, t, &t->caa));
}

static uint16_t port_of(const struct check *k, int64_t challenge)
{
	return (uint16_t)(challenge == CHALLENGE_HTTP_01 ? k->config->raw.validation.http01_port :
							   k->config->raw.validation.tls_alpn01_port);
}

static bool may_dial(const struct check *k, struct addr a, int64_t challenge, struct fault *f)
{
	if (a.sa.sa_family == AF_INET)
		a.in.sin_port = htons(port_of(k, challenge));
	else
		a.in6.sin6_port = htons(port_of(k, challenge));
	return addr_policy_check(&k->zone->targets, &a, f) == RC_OK;
}

/* Each address by itself, where a validation would be content with any of them. */
static void rehearse_addresses(struct check *k, int64_t challenge)
{
	size_t dialled = 0;

	for (size_t i = 0; i < k->addr_count; i++)
		dialled += may_dial(k, k->addrs[i], challenge, NULL);
	for (size_t i = 0; dialled > 1 && i < k->addr_count; i++) {
		struct check_task *t;

		if (!may_dial(k, k->addrs[i], challenge, NULL))
			continue;
		t = task_add(k, TASK_ADDRESS, challenge);
		t->addr = k->addrs[i];
		rehearse(t);
	}
}

static void gather_addresses(struct check *k)
{
	if (k->identifier.type == IDENTIFIER_IP) {
		k->addrs[k->addr_count++] = addr_from_ip(k->identifier.ip, k->identifier.ip_len, 0);
		return;
	}
	for (size_t i = 0; i < k->task_count; i++) {
		const struct dns_answer *a = &k->tasks[i].answer;

		for (size_t n = 0; n < a->addr_count && k->addr_count < COUNT_OF(k->addrs); n++)
			k->addrs[k->addr_count++] = a->addrs[n];
	}
}

/* The second round; with it the addresses are known. */
static void ask_the_rest(struct check *k)
{
	gather_addresses(k);
	for (int64_t bit = 1; bit <= CHALLENGE_DNS_PERSIST_01; bit <<= 1) {
		if (!(k->offered & bit))
			continue;
		rehearse(task_add(k, TASK_CHALLENGE, bit));
		if (bit & DIALLED)
			rehearse_addresses(k, bit);
		if (k->identifier.type == IDENTIFIER_DNS)
			ask_caa(k, bit);
	}
}

static void task_ended(struct check_task *t)
{
	struct check *k = t->check;

	t->ended_at = clock_now_s();
	k->waiting--;
	if (k->waiting == 0 && (t->kind == TASK_AAAA || t->kind == TASK_A))
		ask_the_rest(k);
	if (k->waiting == 0)
		check_finish(k);
}

static enum rc make_proof(struct check *k)
{
	uint8_t random[2 * TOKEN_OCTETS];
	char text[2][B64URL_LEN(TOKEN_OCTETS) + 1];

	random_bytes(random, sizeof(random));
	b64url_encode(bytes_of(random, TOKEN_OCTETS), text[0]);
	b64url_encode(bytes_of(random + TOKEN_OCTETS, TOKEN_OCTETS), text[1]);
	k->token = arena_str(&k->arena, str_of(text[0]));
	k->key_authorization = str_of(arena_printf(&k->arena, "%s.%s", text[0], text[1]));
	/* Without an account: a URL that is nobody's. */
	k->account_url = account_url(&k->arena, k->config, k->directory, k->account.id);
	return k->token.p && k->key_authorization.p && k->account_url.p ? RC_OK : RC_NOMEM;
}

enum rc check_reach_start(struct check *k, struct fault *f)
{
	enum rc rc = make_proof(k);

	if (rc != RC_OK)
		return rc;
	resolvers_for(k->jobs, k->config, 0);
	k->resolver = zone_resolver(k->jobs, k->config, k->zone);
	if (!k->resolver)
		return fault_set(f, RC_BUSY, PROBLEM_UNAVAILABLE,
				 "the settings were just reloaded, or the zone's resolver cannot be used (see the log); ask again");
	if (k->identifier.type == IDENTIFIER_DNS)
		ask_addresses(k);
	if (k->waiting == 0)
		ask_the_rest(k);
	if (k->waiting == 0)
		return RC_BUSY;
	k->asking = true;
	k->jobs->asking++;
	return RC_OK;
}

void check_reach_stop(struct check *k)
{
	for (size_t i = 0; i < k->task_count; i++) {
		struct check_task *t = &k->tasks[i];

		resolver_cancel(t->question);
		if (t->validation)
			t->validator->cancel(t->validation);
		caa_check_cancel(t->caa);
		t->question = NULL;
		t->validation = NULL;
		t->caa = NULL;
	}
	k->waiting = 0;
}
