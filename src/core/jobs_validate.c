/* jobs_validate.c - the job that proves control: load -> validator (asynchronous) -> valid | invalid |
 * later, with a growing gap. At most VALIDATIONS_AT_ONCE are under way, the others queue. */
#include <stdio.h>
#include <stdlib.h>

#include "acme/jwk.h"
#include "base/log.h"
#include "core/job_run.h"
#include "crypto/digest.h"
#include "probe/perspectives.h"

#define VALIDATIONS_AT_ONCE 256

/* --- resolvers --- */

/* The resolvers of the zones, one each; made anew when the settings changed. */
struct resolver *zone_resolver(struct jobs *j, const struct config *config, const struct zone *zone)
{
	char anchor[512];
	struct resolver_options o = {
		.servers = zone->resolvers,
		.server_count = zone->resolver_count,
		.dnssec = zone->dnssec != ZONE_DNSSEC_OFF,
		.use_hosts = zone->resolver_count == 0,
		.timeout_ms = (int)(config->raw.validation.deadline_s * 1000 / 2),
	};
	AUTO(fault) struct fault f = { 0 };

	if (j->resolver_config != config)
		return NULL;
	if (config->raw.validation.trust_anchor.p) {
		(void)snprintf(anchor, sizeof(anchor), "%.*s", STR_ARG(config->raw.validation.trust_anchor));
		o.trust_anchor_file = anchor;
	}
	if (!j->resolvers[zone->number] &&
	    resolver_new(j->loop, &o, &j->resolvers[zone->number], &f) != RC_OK)
		LOG_ERROR("resolver_failed", F_STR("zone", zone->pattern_text), F_TEXT("cause", f.detail));
	return j->resolvers[zone->number];
}

void resolvers_free(struct jobs *j)
{
	for (size_t i = 0; j->resolvers && i < j->resolver_config->zone_count; i++)
		resolver_free(j->resolvers[i]);
	free(j->resolvers);
	j->resolvers = NULL;
	config_unref(j->resolver_config);
	j->resolver_config = NULL;
}

void resolvers_for(struct jobs *j, struct config *config, unsigned own)
{
	/* While somebody asks, the old resolvers stay: they hold questions. */
	if (j->resolver_config == config || (j->resolver_config && j->validating + j->asking > own))
		return;
	resolvers_free(j);
	j->resolvers = calloc(config->zone_count + 1, sizeof(*j->resolvers));
	if (j->resolvers)
		j->resolver_config = config_ref(config);
}

/* --- the result --- */

static int64_t validate_gap_ms(const struct job_run *run)
{
	int64_t gap = run->config->raw.validation.first_retry_s * 1000;
	uint16_t jitter;

	random_bytes(&jitter, sizeof(jitter));
	for (int64_t i = 0; i < run->row.attempt && i < 8; i++)
		gap *= 2;
	return gap + gap * jitter / 65536 / 4; /* up to a quarter more */
}

static void validate_result(void *arg, const struct validation_result *result)
{
	struct job_run *run = arg;
	struct validation_result whole = *result;
	struct authz_record *z = &run->authz;
	struct context c;
	enum rc rc;

	run->validation = NULL;
	buf_addf(&run->trace, "attempt %lld\n", (long long)run->row.attempt + 1);
	buf_add_str(&run->trace, result->trace);
	if (run_context_next(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	if (!authz_is_processing(z, c.now)) {
		run_finish(run, &c, RC_OK); /* expired meanwhile */
		return;
	}
	if (!result->valid && result->transient && run->row.attempt + 1 < run->config->raw.validation.attempts) {
		run_retry(run, &c, validate_gap_ms(run), str_of(result->detail));
		return;
	}
	whole.trace = buf_str(&run->trace);
	rc = challenge_validated(&c, z, &whole);
	if (result->valid)
		LOG_INFO("validated", F_ID("authz", z->id), F_STR("identifier", z->identifier),
			 F_INT("ms", result->duration_ms));
	else
		LOG_WARN("validation_failed", F_ID("authz", z->id), F_STR("identifier", z->identifier),
			 F_TEXT("detail", result->detail));
	run_finish(run, &c, rc);
}

static void validate_refused(struct job_run *run, enum problem problem, const char *why)
{
	struct validation_result result = { .problem = problem };

	(void)snprintf(result.detail, sizeof(result.detail), "%.500s", why);
	validate_result(run, &result);
}

/* Does this server itself look at names of the zone, alone or beside probes? */
static bool looks_itself(const struct zone *zone)
{
	bool itself = zone->probe_count == 0;

	for (size_t i = 0; i < zone->probe_count; i++)
		itself |= str_is(zone->probes[i], PROBE_SERVER);
	return itself;
}

static enum rc validate_request(struct job_run *run, struct context *c, const struct authz_record *z,
				struct validation_request *out, const struct zone **out_zone, struct fault *f)
{
	const struct zone *zone;
	const struct directory *directory;
	struct account *account;
	struct identifier *ids;
	size_t count;
	enum rc rc;

	rc = identifiers_from_text(c->arena, z->identifier, &ids, &count);
	if (rc != RC_OK || count != 1)
		return rc != RC_OK ? rc : RC_INTERNAL;
	zone = config_zone(c->config, ids);
	if (!zone || !(zone->challenges & z->attempted))
		return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				 "policy: the zone no longer allows this challenge");
	rc = account_owner(c, z->account, &account, f);
	if (rc != RC_OK)
		return rc;
	directory = config_directory(c->config, account->directory);
	resolvers_for(run->jobs, run->config, 1);
	*out = (struct validation_request){
		.identifier = ids,
		.token = z->token,
		.account_url = account_url(c->arena, c->config, directory, z->account),
		.issuers = directory ? directory->caa_identities : NULL,
		.issuer_count = directory ? directory->caa_identity_count : 0,
		.policy = {
			.targets = zone->targets,
			.resolver = looks_itself(zone) ? zone_resolver(run->jobs, run->config, zone) : NULL,
			.dns_authoritative = zone->dns == ZONE_DNS_AUTHORITATIVE,
			.dnssec_required = zone->dnssec == ZONE_DNSSEC_REQUIRE,
			.http01_port = (uint16_t)c->config->raw.validation.http01_port,
			.https_port = (uint16_t)c->config->raw.validation.https_port,
			.tls_alpn01_port = (uint16_t)c->config->raw.validation.tls_alpn01_port,
			.deadline_ms = c->config->raw.validation.deadline_s * 1000,
		},
	};
	rc = key_authorization(c->arena, z->token, account->key, &out->key_authorization);
	account_unref(account);
	if (rc == RC_OK && !out->policy.resolver && looks_itself(zone))
		rc = RC_BUSY; /* settings were just reloaded: the new resolvers come when the old are idle */
	*out_zone = zone;
	return rc;
}

/* Here, or where the zone's probes stand. */
static enum rc validate_look(struct job_run *run, const struct validator_ops *v, const struct zone *zone,
			     const struct validation_request *request, struct fault *f)
{
	const struct service *s = run->jobs->service;
	const struct perspectives_request from_probes = {
		.probes = s->probes,
		.loop = run->jobs->loop,
		.names = zone->probes,
		.count = zone->probe_count,
		.own_name = STR(PROBE_SERVER),
		.quorum = zone->probe_quorum,
		.validator = v,
		.request = request,
		.own_env = run->jobs->validators,
		.dns = { .servers = zone->resolvers, .server_count = zone->resolver_count,
			 .dnssec = zone->dnssec != ZONE_DNSSEC_OFF, .timeout_ms = request->policy.deadline_ms / 2 },
	};

	run->validator = v;
	if (zone->probe_count == 0)
		return v->start(run->jobs->validators, request, validate_result, run, &run->validation);
	if (!s->perspectives)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL, "policy: names of this zone are looked at by probes, "
				 "and there are none here");
	run->validator = s->perspectives->validation;
	return s->perspectives->start(&from_probes, validate_result, run, &run->validation);
}

static void validate_start(struct job_run *run)
{
	const struct validator_ops *v;
	struct validation_request request;
	AUTO(fault) struct fault f = { 0 };
	struct authz_record *z = &run->authz;
	const struct zone *zone = NULL;
	struct context c;
	enum rc rc;

	if (run_context(run, &c) != RC_OK) {
		run_later(run, 1000);
		return;
	}
	rc = authz_load(&c, run_subject(run), z);
	if (rc == RC_NOTFOUND || (rc == RC_OK && !authz_is_processing(z, c.now))) {
		run_finish(run, &c, RC_OK); /* deactivated, expired or swept meanwhile */
		return;
	}
	if (rc != RC_OK) {
		run_finish(run, &c, rc);
		return;
	}
	v = validator_by_challenge(z->attempted);
	rc = v ? validate_request(run, &c, z, &request, &zone, &f) : RC_INTERNAL;
	tx_free(c.tx);
	if (rc == RC_OK)
		rc = validate_look(run, v, zone, &request, &f);
	if (rc == RC_DENIED || rc == RC_NOTFOUND || rc == RC_INTERNAL || rc == RC_INVALID)
		validate_refused(run, f.problem ? f.problem : PROBLEM_SERVER_INTERNAL,
				 f.detail[0] ? f.detail : "the validation could not be started");
	else if (rc != RC_OK)
		run_later(run, 200);
}

void validate_next(struct jobs *j)
{
	/* validate_start() may give its slot back at once and come here again: the outer call goes on. */
	if (j->is_starting)
		return;
	j->is_starting = true;
	while (j->waiting && j->validating < VALIDATIONS_AT_ONCE) {
		struct job_run *run = j->waiting;

		j->waiting = run->next;
		if (!j->waiting)
			j->waiting_tail = &j->waiting;
		__atomic_sub_fetch(&j->waiting_count, 1, __ATOMIC_RELAXED);
		j->validating++;
		run->holds_slot = true;
		validate_start(run);
	}
	j->is_starting = false;
}

void validate_begin(struct job_run *run)
{
	struct jobs *j = run->jobs;

	if (run->holds_slot) {
		validate_start(run);
		return;
	}
	run->next = NULL;
	*j->waiting_tail = run;
	j->waiting_tail = &run->next;
	__atomic_add_fetch(&j->waiting_count, 1, __ATOMIC_RELAXED);
	validate_next(j);
}
