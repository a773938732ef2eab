/* authz.c - authorizations and challenges (RFC 8555 §7.1.4, §7.5).
 *
 *   pending --challenge_respond--> pending, one challenge "processing" --challenge_validated--> valid
 *      |                                                                                   \-> invalid
 *      +--authz_deactivate--> deactivated                              (valid may be deactivated too)
 *
 * An authorization ends by its first result: at most one of its challenges is ever tried, and a
 * settled one is never tried again (TRUST V15). Expiry is not stored, it follows from expires_at. */
#include "core/authz.h"

#include "acme/problem.h"
#include "base/encode.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/rate_limit.h"
#include "core/subdomain.h"
#include "crypto/digest.h"
#include "validator/validator.h"

/* A valid authorization is given to a new order only when the client has this long to use it. */
#define REUSE_MARGIN_S 600
#define TOKEN_OCTETS 32 /* RFC 8555 §8.3 wants at least 128 bits of entropy */

enum authz_state authz_state(const struct authz_record *z, int64_t now)
{
	switch ((enum authz_status)z->status) {
	case AUTHZ_PENDING:
		return z->expires_at <= now ? AUTHZ_STATE_EXPIRED : AUTHZ_STATE_PENDING;
	case AUTHZ_VALID:
		return z->expires_at <= now ? AUTHZ_STATE_EXPIRED : AUTHZ_STATE_VALID;
	case AUTHZ_DEACTIVATED:
		return AUTHZ_STATE_DEACTIVATED;
	case AUTHZ_REVOKED:
		return AUTHZ_STATE_REVOKED;
	case AUTHZ_INVALID:
		break;
	}
	return AUTHZ_STATE_INVALID;
}

const char *authz_state_name(enum authz_state s)
{
	static const char *const names[] = {
		[AUTHZ_STATE_PENDING] = "pending", [AUTHZ_STATE_VALID] = "valid",
		[AUTHZ_STATE_INVALID] = "invalid", [AUTHZ_STATE_DEACTIVATED] = "deactivated",
		[AUTHZ_STATE_EXPIRED] = "expired", [AUTHZ_STATE_REVOKED] = "revoked",
	};

	return names[s];
}

bool authz_is_processing(const struct authz_record *z, int64_t now)
{
	return z->attempted && authz_state(z, now) == AUTHZ_STATE_PENDING;
}

static const struct {
	int64_t bit;
	const char *name;
} challenge_types[] = {
	{ CHALLENGE_HTTP_01, "http-01" },
	{ CHALLENGE_DNS_01, "dns-01" },
	{ CHALLENGE_TLS_ALPN_01, "tls-alpn-01" },
	{ CHALLENGE_DNS_ACCOUNT_01, "dns-account-01" },
	{ CHALLENGE_DNS_PERSIST_01, "dns-persist-01" },
};

const char *challenge_type_name(int64_t challenge)
{
	for (size_t i = 0; i < COUNT_OF(challenge_types); i++) {
		if (challenge_types[i].bit == challenge)
			return challenge_types[i].name;
	}
	return NULL;
}

int64_t challenge_type_bit(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(challenge_types); i++) {
		if (str_is(name, challenge_types[i].name))
			return challenge_types[i].bit;
	}
	return 0;
}

enum rc identifiers_canonical_text(struct arena *a, const struct identifier *v, size_t count, struct str *out)
{
	struct identifier *canonical = arena_array(a, count, sizeof(*canonical));

	if (!canonical)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		canonical[i] = v[i];
		canonical[i].shown = v[i].value;
		if (v[i].wildcard)
			canonical[i].shown = str_of(arena_printf(a, "*.%.*s", STR_ARG(v[i].value)));
		if (!canonical[i].shown.p)
			return RC_NOMEM;
	}
	return identifiers_to_text(a, canonical, count, out);
}

/* --- newOrder --- */

int64_t authz_provable_by(const struct zone *zone, const struct identifier *id)
{
	int64_t offered = 0;

	for (size_t i = 0; i < COUNT_OF(challenge_types); i++) {
		const struct validator_ops *v = validator_by_challenge(challenge_types[i].bit);

		if (!v || !(zone->challenges & v->challenge) || (id->wildcard && !v->wildcard) ||
		    (id->type == IDENTIFIER_IP && !v->ip))
			continue;
		offered |= v->challenge;
	}
	return offered;
}

/* The newest of the account for the identifier. */
static enum rc list_for_name(struct context *c, const struct account *account, struct str name,
			     struct authz_record **out, size_t *out_count)
{
	struct authz_record key = { .account = account->id, .identifier = name };
	struct store_query q = { .table = &AUTHZS, .index = AUTHZS_BY_NAME, .key = &key,
				 .key_columns = 2, .descending = true, .limit = 4 };

	return store_list(c->read, &q, c->arena, out, out_count);
}

/* Proven by a type that the zone still allows. A persistent record is looked at for each order, since
 * taking it away is how its owner takes back the permission (draft-ietf-acme-dns-persist §7.8). */
static bool is_reusable(const struct context *c, const struct authz_record *z, int64_t offered)
{
	return z->attempted != CHALLENGE_DNS_PERSIST_01 && (z->attempted & offered) &&
	       authz_state(z, c->now + REUSE_MARGIN_S) == AUTHZ_STATE_VALID;
}

static enum rc find_reusable(struct context *c, const struct account *account, const struct identifier *id,
			     struct str name, int64_t offered, struct id *out)
{
	struct authz_record *found;
	size_t count;
	enum rc rc;

	if (c->config->strict_trainer)
		return RC_NOTFOUND;
	rc = list_for_name(c, account, name, &found, &count);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (is_reusable(c, &found[i], offered)) {
			*out = found[i].id;
			return RC_OK;
		}
	}
	return subdomain_find(c, account->id, id, c->now + REUSE_MARGIN_S, out);
}

static enum rc authz_create(struct context *c, const struct account *account, const struct identifier *id,
			    struct str name, int64_t offered, bool subdomains, struct authz_record *out)
{
	uint8_t random[TOKEN_OCTETS];
	char *token = arena_alloc(c->arena, B64URL_LEN(TOKEN_OCTETS) + 1);
	struct authz_record z = {
		.id = id_new(),
		.version = 1,
		.account = account->id,
		.identifier = name,
		.shown = id->shown,
		.status = AUTHZ_PENDING,
		.created_at = c->now,
		.expires_at = c->now + c->config->raw.lifetimes.order_s,
		.offered = offered,
		.subdomains = subdomains,
	};
	enum rc rc;

	if (!token)
		return RC_NOMEM;
	if (id->wildcard) /* RFC 8555 §7.1.4: shown without "*." */
		z.shown = (struct str){ id->shown.p + 2, id->shown.len - 2 };
	random_bytes(random, sizeof(random));
	z.token = (struct str){ token, b64url_encode(bytes_of(random, sizeof(random)), token) };
	rc = tx_insert(c->tx, &AUTHZS, &z);
	if (rc == RC_OK)
		*out = z;
	return rc;
}

/* The challenges that may prove it in its zone, or that nobody asked policy_zone(). */
static enum rc check_policy(struct context *c, const struct identifier *id, int64_t *out_offered, struct fault *f)
{
	const struct zone *zone = config_zone(c->config, id);

	*out_offered = zone ? authz_provable_by(zone, id) : 0;
	if (*out_offered)
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER, "policy: no zone can prove %.*s", STR_ARG(id->shown));
}

enum rc authz_for_identifier(struct context *c, const struct account *account,
			     const struct identifier *id, struct id *out, bool *out_is_valid,
			     struct fault *f)
{
	struct authz_record made;
	int64_t offered;
	struct str name;
	enum rc rc;

	rc = check_policy(c, id, &offered, f);
	if (rc == RC_OK)
		rc = identifiers_canonical_text(c->arena, id, 1, &name);
	if (rc != RC_OK)
		return rc;
	rc = find_reusable(c, account, id, name, offered, out);
	*out_is_valid = rc == RC_OK;
	if (rc != RC_NOTFOUND)
		return rc;
	rc = authz_create(c, account, id, name, offered, false, &made);
	if (rc == RC_OK)
		*out = made.id;
	return rc;
}

enum rc authz_for_ancestor(struct context *c, const struct account *account, const struct ancestor_request *r,
			   struct authz_record *out_made, bool *out_is_valid, struct fault *f)
{
	int64_t offered, serving = subdomain_challenges(c->config, r->ancestor, r->id);
	const struct zone *above;
	struct str name;
	enum rc rc;

	if (!serving)
		return RC_NOTFOUND;
	rc = check_policy(c, r->id, &offered, f);
	if (rc == RC_OK)
		rc = identifiers_canonical_text(c->arena, r->id, 1, &name);
	if (rc != RC_OK)
		return rc;
	rc = find_reusable(c, account, r->id, name, offered, &out_made->id);
	*out_is_valid = rc == RC_OK;
	if (rc != RC_NOTFOUND)
		return rc;
	/* The account must be one that may have the ancestor too. */
	rc = policy_zone(c, r->policy, r->ancestor, &above, NULL);
	if (rc == RC_DENIED)
		return RC_NOTFOUND;
	if (rc != RC_OK)
		return rc;
	serving &= authz_provable_by(above, r->ancestor);
	if (!serving)
		return RC_NOTFOUND;
	rc = identifiers_canonical_text(c->arena, r->ancestor, 1, &name);
	if (rc == RC_OK)
		rc = authz_create(c, account, r->ancestor, name, serving, true, out_made);
	return rc;
}

/* --- newAuthz --- */

/* RFC 8555 §7.4.1: what the server does not certify is answered with 403. */
static enum rc refuse_preauthorization(enum rc rc, struct fault *f)
{
	if (rc == RC_DENIED && f && f->problem == PROBLEM_REJECTED_IDENTIFIER)
		f->status = 403;
	return rc;
}

/* One that is as good as a new one: valid, or pending with the same challenges. */
static enum rc find_preauthorized(struct context *c, const struct account *account, struct str name,
				  int64_t offered, bool subdomains, struct authz_record *out)
{
	struct authz_record *found;
	size_t count;
	enum rc rc;

	if (c->config->strict_trainer)
		return RC_NOTFOUND;
	rc = list_for_name(c, account, name, &found, &count);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count; i++) {
		const struct authz_record *z = &found[i];
		bool serves = !subdomains || z->subdomains == 1;
		bool waits = authz_state(z, c->now + REUSE_MARGIN_S) == AUTHZ_STATE_PENDING && z->offered == offered &&
			     z->subdomains == subdomains;

		if (waits || (serves && is_reusable(c, z, offered))) {
			*out = *z;
			return RC_OK;
		}
	}
	return RC_NOTFOUND;
}

enum rc authz_preauthorize(struct context *c, const struct directory *d, const struct account *account,
			   const struct acme_new_authz *body, struct authz_record *out, bool *out_is_new,
			   struct fault *f)
{
	const struct identifier *id = &body->identifier;
	struct identifier below = *id;
	const struct policy_request policy = { .directory = d, .eab_kid = account->eab_kid };
	const struct zone *zone;
	bool subdomains;
	int64_t offered;
	struct str name;
	enum rc rc;

	if (id->wildcard)
		return refuse_preauthorization(
			fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
				  "RFC 8555 §7.4.1: wildcard names cannot be authorized in advance; order %.*s",
				  STR_ARG(id->shown)),
			f);
	rc = policy_zone(c, &policy, id, &zone, f);
	if (rc == RC_OK)
		rc = check_policy(c, id, &offered, f);
	if (rc == RC_OK)
		rc = identifiers_canonical_text(c->arena, id, 1, &name);
	if (rc != RC_OK)
		return refuse_preauthorization(rc, f);
	/* RFC 9444 §4.2: where policy allows no authorization of subdomains, an ordinary one. A zone that
	 * covers only the name itself has none to speak for. */
	below.wildcard = true;
	subdomains = body->subdomains && (subdomain_challenges(c->config, id, &below) & offered);
	if (subdomains)
		offered &= subdomain_challenges(c->config, id, &below);
	rc = find_preauthorized(c, account, name, offered, subdomains, out);
	*out_is_new = rc == RC_NOTFOUND;
	if (rc != RC_NOTFOUND)
		return rc;
	rc = limits_new_order(c, d, account->id, account->eab_kid, NULL, 0, f);
	if (rc == RC_OK)
		rc = authz_create(c, account, id, name, offered, subdomains, out);
	if (rc == RC_OK)
		rc = audit_add(c, "authz.create", id_str(c->arena, out->id), "%.*s%s", STR_ARG(name),
			       subdomains ? " subdomains" : "");
	return rc;
}

/* --- reading --- */

enum rc authz_load(struct context *c, struct id id, struct authz_record *out)
{
	struct authz_record key = { .id = id };

	return store_get(c->read, &AUTHZS, STORE_PRIMARY, &key, c->arena, out);
}

enum rc authz_load_for(struct context *c, const struct account *account, struct id id,
		       struct authz_record *out, struct fault *f)
{
	enum rc rc = authz_load(c, id, out);

	if (rc == RC_NOTFOUND || (rc == RC_OK && !id_eq(out->account, account->id)))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such authorization");
	return rc;
}

/* --- changing --- */

enum rc authz_deactivate(struct context *c, struct authz_record *z, struct fault *f)
{
	enum authz_state state = authz_state(z, c->now);
	enum rc rc;

	if (state == AUTHZ_STATE_DEACTIVATED)
		return RC_OK;
	if (state != AUTHZ_STATE_PENDING && state != AUTHZ_STATE_VALID)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.5.2: only a pending or valid authorization can be deactivated; this one is %s",
				 authz_state_name(state));
	z->status = AUTHZ_DEACTIVATED;
	rc = tx_update(c->tx, &AUTHZS, z, 1u << AUTHZ_COL_STATUS);
	if (rc == RC_OK)
		rc = audit_add(c, "authz.deactivate", id_str(c->arena, z->id), "%.*s",
			       STR_ARG(z->identifier));
	return rc;
}

/* Who fails often is asked to look why, before more is sent to the name's addresses. */
struct str authz_failure_subject(struct context *c, struct id account, struct str identifier)
{
	return str_of(arena_printf(c->arena, "%.*s %.*s", STR_ARG(id_str(c->arena, account)), STR_ARG(identifier)));
}

static struct str failure_subject(struct context *c, const struct authz_record *z)
{
	return authz_failure_subject(c, z->account, z->identifier);
}

enum rc challenge_respond(struct context *c, struct authz_record *z, int64_t challenge, struct fault *f)
{
	enum authz_state state = authz_state(z, c->now);
	enum rc rc;

	if (!(z->offered & challenge))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such challenge");
	if (z->attempted || state == AUTHZ_STATE_VALID || state == AUTHZ_STATE_INVALID)
		return RC_OK; /* running or settled: shown as it is, nothing is sent again */
	if (state != AUTHZ_STATE_PENDING)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.5.1: the authorization is %s; make a new order",
				 authz_state_name(state));
	rc = limits_check(c->service->limits, c->config, LIMIT_FAILED_VALIDATIONS, failure_subject(c, z), f);
	if (rc != RC_OK)
		return rc;
	z->attempted = challenge;
	z->attempted_at = c->now;
	rc = tx_update(c->tx, &AUTHZS, z, 1u << AUTHZ_COL_ATTEMPTED | 1u << AUTHZ_COL_ATTEMPTED_AT);
	if (rc == RC_OK)
		rc = job_add(c, JOB_VALIDATE, z->id, 0);
	return rc;
}

enum rc challenge_validated(struct context *c, struct authz_record *z,
			    const struct validation_result *result)
{
	uint32_t columns = 1u << AUTHZ_COL_STATUS | 1u << AUTHZ_COL_TRACE;
	enum rc rc = RC_OK;

	z->trace = result->trace;
	metrics_validation(z->attempted, result->valid, c->now - z->attempted_at);
	if (result->valid) {
		z->status = AUTHZ_VALID;
		z->validated_at = c->now;
		z->expires_at = c->now + c->config->raw.lifetimes.authorization_s;
		if (result->valid_until && result->valid_until < z->expires_at)
			z->expires_at = result->valid_until;
		columns |= 1u << AUTHZ_COL_VALIDATED_AT | 1u << AUTHZ_COL_EXPIRES_AT;
	} else {
		AUTO(fault) struct fault f = { 0 };

		z->status = AUTHZ_INVALID;
		/* Counted, never refused here: the result is what it is. */
		(void)!limits_take(c->service->limits, c->config, LIMIT_FAILED_VALIDATIONS, failure_subject(c, z), NULL);
		(void)fault_set(&f, RC_DENIED, result->problem, "%s", result->detail);
		rc = fault_to_json(c->arena, &f, NULL, &z->error);
		columns |= 1u << AUTHZ_COL_ERROR;
	}
	if (rc == RC_OK)
		rc = tx_update(c->tx, &AUTHZS, z, columns);
	if (rc == RC_OK)
		rc = audit_add(c, result->valid ? "challenge.valid" : "challenge.invalid",
			       id_str(c->arena, z->id), "%s %.*s %s", challenge_type_name(z->attempted),
			       STR_ARG(z->identifier), result->valid ? "" : result->detail);
	return rc;
}
