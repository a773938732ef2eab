/* order.c - THE ORDER LIFECYCLE (RFC 8555 §7.1.6, §7.4). Every change of an order's state is one
 * function here, and nowhere else; the ACME endpoints, the operator's tools and the jobs call them.
 *
 *     newOrder
 *        |  order_create
 *        v
 *     pending --------------+      stored "pending"; which of the two it is follows from
 *        | all authorizations     its authorizations each time it is looked at (order_derive),
 *        | "valid"            |     so no two validations can race to set it
 *        v                    |
 *     ready ----------------+
 *        |  order_finalize    |  an authorization "invalid", "expired", "deactivated", "revoked",
 *        |  serial, TBS and   |  or the order's own expiry
 *        |  job recorded      |
 *        v                    |
 *     processing ------------+  order_failed: the issuer refused for good
 *        |  order_issued      |
 *        v                    v
 *      valid               invalid
 *
 * Record before signing (docs/ARCHITECTURE.md): the claim - serial and TBS - is durable before the
 * signer is asked; the certificate is durable before the client hears of it. The claim is one
 * conditional write on the order's version: of twenty concurrent finalizes one wins, the others read
 * again and find it processing. */
#include "core/order.h"

#include "acme/problem.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "core/ari.h"
#include "core/cert.h"
#include "core/eab.h"
#include "core/jobs.h"
#include "core/policy.h"
#include "core/rate_limit.h"
#include "core/subdomain.h"
#include "crypto/digest.h"

/* assay dev --strict: a client must cope with "processing". */
#define TRAINER_ISSUE_DELAY_MS 1500

const char *order_state_name(enum order_state s)
{
	static const char *const names[] = {
		[ORDER_STATE_PENDING] = "pending", [ORDER_STATE_READY] = "ready",
		[ORDER_STATE_PROCESSING] = "processing", [ORDER_STATE_VALID] = "valid",
		[ORDER_STATE_INVALID] = "invalid",
	};

	return names[s];
}

/* --- newOrder --- */

static bool zones_allow_profile(const struct config *c, const struct acme_new_order *body, struct str profile)
{
	for (size_t i = 0; i < body->identifier_count; i++) {
		const struct zone *z = config_zone(c, &body->identifiers[i]);

		if (z && !policy_zone_has_profile(z, profile))
			return false;
	}
	return true;
}

/* The profile the client named, or the directory's first that the account and the zones of all names
 * may have (draft-ietf-acme-profiles §4); failing that the first, and the policy says why not. */
static enum rc choose_profile(struct context *c, const struct directory *d, const struct acme_new_order *body,
			      const struct eab_scope *scope, const struct profile **out, struct fault *f)
{
	for (size_t i = 0; i < d->profile_count; i++) {
		struct str name = d->profiles[i]->name;

		if (body->profile.p ? str_eq(name, body->profile)
				    : eab_allows_profile(scope, name) && zones_allow_profile(c->config, body, name)) {
			*out = d->profiles[i];
			return RC_OK;
		}
	}
	if (body->profile.p)
		return fault_set(f, RC_INVALID, PROBLEM_INVALID_PROFILE,
				 "policy: this directory has no profile \"%.*s\"; the directory's meta lists those it has",
				 STR_ARG(body->profile));
	*out = d->profiles[0];
	return RC_OK;
}

/* RFC 8555 §7.4: the server may refuse dates it does not honour; ours must fit the profile as the
 * issuer will look at it at finalize (issuer/local.c), both ends included (TRUST V28). */
static enum rc check_dates(const struct acme_new_order *body, const struct profile *p, int64_t now,
			   struct fault *f)
{
	int64_t from = body->not_before ? body->not_before : now - p->backdate_s;
	int64_t until;

	if (body->not_before && body->not_before < now - p->backdate_s - 60)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.4: notBefore is in the past; leave it out to start now");
	if (body->not_before > now + p->max_lifetime_s)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: notBefore is too far in the future");
	if (body->not_after && (body->not_after <= from || body->not_after <= now))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.4: notAfter is not after notBefore and now");
	until = body->not_after ? body->not_after : from + p->lifetime_s - 1;
	/* Counted from now too: what is proven today does not last for longer either. */
	if (until - from >= p->max_lifetime_s || until - now >= p->max_lifetime_s)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "policy: the dates ask for more than the %lld s that profile \"%.*s\" allows",
				 (long long)p->max_lifetime_s, STR_ARG(p->name));
	return RC_OK;
}

/* An order on its way: what its identifiers are authorized by. */
struct authorizing {
	const struct account *account;
	const struct policy_request *policy;
	const struct acme_new_order *body;
	struct id *authzs; /* one for each identifier; several may share one (RFC 9444) */
	bool all_valid;
	struct authz_record *made; /* for ancestors, in this transaction: the store does not show them yet */
	size_t made_count;
};

static enum rc authorize_one(struct context *c, struct authorizing *a, size_t i, struct fault *f)
{
	const struct identifier *id = &a->body->identifiers[i];
	const struct identifier *ancestor = a->body->ancestors ? &a->body->ancestors[i] : NULL;
	struct authz_record *made = &a->made[a->made_count];
	bool is_valid = false;
	enum rc rc = RC_NOTFOUND;

	for (size_t k = 0; k < a->made_count; k++) {
		if (authz_covers(c->config, &a->made[k], id)) {
			a->authzs[i] = a->made[k].id;
			a->all_valid = false;
			return RC_OK;
		}
	}
	/* An ancestor that the account may not have is no reason to refuse the name below it. */
	if (ancestor && ancestor->value.p)
		rc = authz_for_ancestor(c, a->account, &(struct ancestor_request){ a->policy, id, ancestor }, made,
					&is_valid, f);
	if (rc == RC_OK) {
		a->authzs[i] = made->id;
		a->made_count += !is_valid;
	} else if (rc == RC_NOTFOUND) {
		rc = authz_for_identifier(c, a->account, id, &a->authzs[i], &is_valid, f);
	}
	a->all_valid &= is_valid;
	return rc;
}

/* An authorization for each identifier. Those that name an ancestor come first, so that the ancestor
 * itself, in the same order, needs no authorization of its own. */
static enum rc authorize_all(struct context *c, struct authorizing *a, struct fault *f)
{
	const struct acme_new_order *body = a->body;
	enum rc rc = RC_OK;

	for (size_t n = 0; rc == RC_OK && n < 2 * body->identifier_count; n++) {
		size_t i = n % body->identifier_count;
		bool has_ancestor = body->ancestors && body->ancestors[i].value.p;

		if (has_ancestor == (n < body->identifier_count))
			rc = authorize_one(c, a, i, f);
	}
	return rc;
}

enum rc order_create(struct context *c, const struct directory *d, const struct account *account,
		     const struct acme_new_order *body, struct order *out, struct fault *f)
{
	const struct authority *authority;
	const struct profile *profile;
	const struct zone **zones;
	struct eab_scope scope;
	struct order_record r = { .id = id_new() };
	struct cert_record replaced;
	uint8_t hash[32];
	struct policy_request policy = { .directory = d, .eab_kid = account->eab_kid };
	struct authorizing a = { .account = account, .policy = &policy, .body = body,
				 .all_valid = true };
	enum rc rc;

	rc = eab_scope_of(c, account->eab_kid, &scope, f);
	if (rc == RC_OK)
		rc = choose_profile(c, d, body, &scope, &profile, f);
	if (rc == RC_OK)
		rc = check_dates(body, profile, c->now, f);
	if (rc == RC_OK && body->replaces.p)
		rc = ari_check_replaces(c, account, body->identifiers, body->identifier_count, body->replaces,
					&replaced, f);
	if (rc != RC_OK)
		return rc;
	/* RFC 9773 §5: renewals are exempt. */
	if (!body->replaces.p)
		rc = limits_new_order(c, d, account->id, account->eab_kid, body->identifiers, body->identifier_count, f);
	policy.profile = profile->name;
	if (rc == RC_OK)
		rc = policy_names(c, &policy, body->identifiers, body->identifier_count, &zones, &authority, f);
	if (rc != RC_OK)
		return rc;
	a.authzs = arena_array(c->arena, body->identifier_count, sizeof(*a.authzs));
	a.made = arena_array(c->arena, body->ancestors ? body->identifier_count : 1, sizeof(*a.made));
	if (!a.authzs || !a.made)
		return RC_NOMEM;
	rc = authorize_all(c, &a, f);
	if (rc != RC_OK)
		return rc;

	profile_hash(profile, hash);
	r.account = account->id;
	r.directory = d->name;
	r.status = ORDER_PENDING;
	r.authzs = bytes_of(a.authzs, body->identifier_count * sizeof(*a.authzs));
	r.profile = profile->name;
	r.profile_hash = bytes_of(hash, sizeof(hash));
	r.not_before = body->not_before;
	r.not_after = body->not_after;
	r.created_at = c->now;
	r.expires_at = c->now + c->config->raw.lifetimes.order_s;
	r.replaces = body->replaces;
	rc = identifiers_to_text(c->arena, body->identifiers, body->identifier_count, &r.identifiers);
	if (rc == RC_OK)
		rc = tx_insert(c->tx, &ORDERS, &r);
	if (rc == RC_OK)
		rc = audit_add(c, "order.create", id_str(c->arena, r.id), "%.*s", STR_ARG(r.identifiers));
	if (rc != RC_OK)
		return rc;

	r.profile_hash = arena_bytes(c->arena, r.profile_hash);
	*out = (struct order){
		.record = r,
		.identifiers = body->identifiers,
		.identifier_count = body->identifier_count,
		.authzs = a.authzs,
		.authz_count = body->identifier_count,
		.state = a.all_valid ? ORDER_STATE_READY : ORDER_STATE_PENDING,
	};
	return RC_OK;
}

/* --- reading --- */

/* Why an authorization takes its order along. */
static enum rc authz_blame(struct context *c, const struct authz_record *z, enum authz_state state,
			   struct str *out)
{
	AUTO(fault) struct fault f = { 0 };

	if (state == AUTHZ_STATE_INVALID && z->error.p) {
		*out = z->error;
		return RC_OK;
	}
	(void)fault_set(&f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			"RFC 8555 §7.1.6: the authorization for %.*s is %s; make a new order",
			STR_ARG(z->identifier), authz_state_name(state));
	return fault_to_json(c->arena, &f, NULL, out);
}

static enum rc order_over(struct context *c, struct order *o, enum problem problem, const char *why)
{
	AUTO(fault) struct fault f = { 0 };

	(void)fault_set(&f, RC_DENIED, problem, "%s", why);
	o->state = ORDER_STATE_INVALID;
	return fault_to_json(c->arena, &f, NULL, &o->error);
}

/* The state of an order that is stored as pending, from its authorizations. */
static enum rc order_derive(struct context *c, struct order *o)
{
	size_t valid = 0;
	enum rc rc;

	o->methods = arena_array(c->arena, o->authz_count + 1, sizeof(*o->methods));
	if (!o->methods)
		return RC_NOMEM;
	for (size_t i = 0; i < o->authz_count; i++) {
		struct authz_record z;
		enum authz_state state;

		rc = authz_load(c, o->authzs[i], &z);
		if (rc == RC_NOTFOUND) { /* swept: it had expired */
			z = (struct authz_record){ .identifier = STR("an identifier") };
			state = AUTHZ_STATE_EXPIRED;
		} else if (rc != RC_OK) {
			return rc;
		} else {
			state = authz_state(&z, c->now);
		}
		if (state != AUTHZ_STATE_VALID && state != AUTHZ_STATE_PENDING) {
			o->state = ORDER_STATE_INVALID;
			return authz_blame(c, &z, state, &o->error);
		}
		/* The settings may have changed: a domain speaks for the names below it no longer. */
		if (!authz_covers(c->config, &z, &o->identifiers[i]))
			return order_over(c, o, PROBLEM_UNAUTHORIZED,
					  "policy: an authorization of the order does not serve names below its own any more "
					  "(RFC 9444 §4.1); make a new order");
		o->methods[i] = z.attempted;
		valid += state == AUTHZ_STATE_VALID;
	}
	if (o->record.expires_at <= c->now)
		return order_over(c, o, PROBLEM_MALFORMED,
				  "RFC 8555 §7.1.6: the order expired before it was finalized; make a new one");
	o->state = valid == o->authz_count ? ORDER_STATE_READY : ORDER_STATE_PENDING;
	return RC_OK;
}

static enum rc order_open(struct context *c, struct order *o)
{
	enum rc rc;

	rc = identifiers_from_text(c->arena, o->record.identifiers, &o->identifiers, &o->identifier_count);
	if (rc != RC_OK)
		return rc;
	o->authz_count = o->record.authzs.len / ID_LEN;
	/* An order of the operator has no account and no authorizations; any other has one for each
	 * identifier. NULL never means allowed (TRUST §2d 1). */
	if (o->record.authzs.len % ID_LEN != 0 ||
	    o->authz_count != (id_is_zero(o->record.account) ? 0 : o->identifier_count))
		return RC_INTERNAL;
	o->authzs = arena_array(c->arena, o->authz_count + 1, sizeof(*o->authzs));
	if (!o->authzs)
		return RC_NOMEM;
	if (o->authz_count)
		memcpy(o->authzs, o->record.authzs.p, o->record.authzs.len);

	switch ((enum order_status)o->record.status) {
	case ORDER_PENDING:
		return order_derive(c, o);
	case ORDER_PROCESSING:
		o->state = ORDER_STATE_PROCESSING;
		return RC_OK;
	case ORDER_VALID:
		o->state = ORDER_STATE_VALID;
		return RC_OK;
	case ORDER_INVALID:
		o->state = ORDER_STATE_INVALID;
		o->error = o->record.error;
		return RC_OK;
	}
	return RC_INTERNAL;
}

enum rc order_load(struct context *c, struct id id, struct order *out, struct fault *f)
{
	struct order_record key = { .id = id };
	struct order o = { 0 };
	enum rc rc;

	rc = store_get(c->read, &ORDERS, STORE_PRIMARY, &key, c->arena, &o.record);
	if (rc == RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_NOT_FOUND, "there is no such order");
	if (rc == RC_OK)
		rc = order_open(c, &o);
	if (rc == RC_OK)
		*out = o;
	return rc;
}

enum rc order_load_for(struct context *c, const struct account *account, struct id id,
		       struct order *out, struct fault *f)
{
	enum rc rc = order_load(c, id, out, f);

	/* RFC 8555 §10.5: who may not see it learns nothing, not even that it exists. */
	if (rc == RC_OK && !id_eq(out->record.account, account->id))
		rc = fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such order");
	return rc;
}

/* --- finalize --- */

static enum rc csr_names_contain(struct arena *a, const struct order *o, const struct san *san,
				 bool *seen, struct fault *f)
{
	struct identifier id;
	enum rc rc = identifier_from_san(a, san, &id, f);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < o->identifier_count; i++) {
		if (identifier_eq(&o->identifiers[i], &id)) {
			seen[i] = true;
			return RC_OK;
		}
	}
	return fault_set(f, RC_INVALID, PROBLEM_BAD_CSR, "RFC 8555 §7.4: the CSR names %s%.*s, the order does not",
			 id.wildcard ? "*." : "", STR_ARG(id.value));
}

/* RFC 8555 §7.4: the CSR asks for exactly the identifiers of the order; a name may stand in the
 * common name, the alternative names, or both (FIELD Q10). */
static enum rc check_csr_names(struct arena *a, const struct order *o, const struct csr *csr, struct fault *f)
{
	bool *seen = arena_array(a, o->identifier_count, sizeof(*seen));
	enum rc rc = RC_OK;

	if (!seen)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < csr->san_count; i++)
		rc = csr_names_contain(a, o, &csr->sans[i], seen, f);
	if (rc == RC_OK && csr->cn.p) {
		struct san cn = { .type = SAN_DNS, .value = str_bytes(csr->cn) };
		struct identifier ip;

		if (identifier_parse(a, STR("ip"), csr->cn, &ip, NULL) == RC_OK)
			rc = identifier_san(a, &ip, &cn);
		if (rc == RC_OK)
			rc = csr_names_contain(a, o, &cn, seen, f);
	}
	for (size_t i = 0; rc == RC_OK && i < o->identifier_count; i++) {
		if (!seen[i])
			rc = fault_set(f, RC_INVALID, PROBLEM_BAD_CSR,
				       "RFC 8555 §7.4: the order has %.*s, the CSR does not name it",
				       STR_ARG(o->identifiers[i].shown));
	}
	return rc;
}

/* What was allowed at newOrder is decided again: the settings may have changed since, and with them
 * which challenges prove control. */
static enum rc check_policy(struct context *c, const struct order *o, const struct policy_request *r,
			    const struct authority **out_authority, struct fault *f)
{
	const struct zone **zones;
	enum rc rc = policy_names(c, r, o->identifiers, o->identifier_count, &zones, out_authority, f);

	for (size_t i = 0; rc == RC_OK && i < o->authz_count; i++) {
		if (!(zones[i]->challenges & o->methods[i]))
			rc = fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				       "policy: zone \"%.*s\" no longer takes %s as proof for %.*s; make a new order",
				       STR_ARG(zones[i]->name), challenge_type_name(o->methods[i]),
				       STR_ARG(o->identifiers[i].shown));
	}
	return rc;
}

/* The profile as it was pinned at newOrder (TRUST V29). */
static enum rc pinned_profile(struct context *c, const struct order *o, const struct profile **out,
			      struct fault *f)
{
	const struct profile *p = config_profile(c->config, o->record.profile);
	uint8_t hash[32];

	if (p) {
		profile_hash(p, hash);
		if (bytes_eq(o->record.profile_hash, bytes_of(hash, sizeof(hash)))) {
			*out = p;
			return RC_OK;
		}
	}
	return fault_set(f, RC_INVALID, PROBLEM_INVALID_PROFILE,
			 "policy: profile \"%.*s\" was changed after the order was made; make a new order",
			 STR_ARG(o->record.profile));
}

/* RFC 8555 §11.1: no key of an account is certified, whoever asks. */
static enum rc check_no_account_key(struct context *c, const struct account *account,
				    const struct pubkey *key, struct fault *f)
{
	struct account_record found;
	enum rc rc = pubkey_eq(key, account->key) ? RC_OK : RC_NOTFOUND;

	for (size_t i = 0; rc == RC_NOTFOUND && i < c->config->directory_count; i++)
		rc = account_find_by_key(c, c->config->directories[i].name, key, &found);
	if (rc == RC_OK)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_CSR,
				 "RFC 8555 §11.1: the key of an account must not be the certificate's key; make another");
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc check_csr(struct context *c, struct order *o, const struct account *account,
			 struct bytes der, const struct profile *profile, struct csr *csr, struct fault *f)
{
	enum rc rc = csr_parse(c->arena, der, csr, f);

	if (rc == RC_OK)
		rc = check_no_account_key(c, account, csr->key, f);
	if (rc == RC_OK)
		rc = profile_check_key(profile, csr->key, f);
	if (rc == RC_OK)
		rc = check_csr_names(c->arena, o, csr, f);
	return rc;
}

/* One more line of the order's own trace: what `assay order why` shows as its steps. */
static enum rc order_note(struct context *c, struct order_record *r, const char *what)
{
	char at[21];
	const char *trace;

	clock_rfc3339(c->now, at);
	trace = arena_printf(c->arena, "%.*s%s %s\n", STR_ARG(r->trace), at, what);
	if (!trace)
		return RC_NOMEM;
	r->trace = str_of(trace);
	return RC_OK;
}

/* Step (1) of the issuance protocol (TRUST §4): claim, audit and job in one transaction. */
static enum rc order_claim(struct context *c, struct order *o, const struct issue_request *request,
			   struct bytes csr_hash, struct fault *f)
{
	struct order_record *r = &o->record;
	struct issue_claim claim;
	enum rc rc;

	rc = c->service->issuer->ops->prepare(c->service->issuer, request, c->arena, &claim, f);
	if (rc != RC_OK)
		return rc;
	r->status = ORDER_PROCESSING;
	r->csr_hash = csr_hash;
	r->authority = request->authority->name;
	r->serial = claim.serial;
	r->claim = claim.claim;
	rc = order_note(c, r, "finalized: serial and contents recorded, the issuer is asked");
	if (rc == RC_OK)
		rc = tx_update(c->tx, &ORDERS, r,
			       STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_CSR_HASH, ORDER_COL_AUTHORITY, ORDER_COL_SERIAL,
					     ORDER_COL_CLAIM, ORDER_COL_TRACE));
	if (rc == RC_OK)
		rc = job_add(c, JOB_ISSUE, r->id, c->config->strict_trainer ? TRAINER_ISSUE_DELAY_MS : 0);
	if (rc == RC_OK)
		o->state = ORDER_STATE_PROCESSING;
	return rc;
}

enum rc order_finalize(struct context *c, struct order *order, const struct account *account,
		       struct bytes csr_der, struct fault *f)
{
	const struct directory *d = config_directory(c->config, order->record.directory);
	struct policy_request policy = { .directory = d, .eab_kid = account->eab_kid, .profile = order->record.profile };
	AUTO(csr) struct csr csr = { 0 };
	const struct authority *authority;
	struct issue_request request;
	const struct profile *profile;
	uint8_t *hash;
	enum rc rc;

	hash = arena_alloc(c->arena, SHA256_LEN);
	if (!hash)
		return RC_NOMEM;
	sha256(csr_der, hash);
	if (order->state == ORDER_STATE_PROCESSING || order->state == ORDER_STATE_VALID) {
		if (bytes_eq(order->record.csr_hash, bytes_of(hash, SHA256_LEN)))
			return RC_OK; /* the same request again: FortiGate polls this way */
		return fault_set(f, RC_DENIED, PROBLEM_ORDER_NOT_READY,
				 "RFC 8555 §7.4: the order was already finalized with another CSR");
	}
	if (order->state != ORDER_STATE_READY)
		return fault_set(f, RC_DENIED, PROBLEM_ORDER_NOT_READY,
				 "RFC 8555 §7.4: the order is \"%s\", it must be \"ready\"; %s",
				 order_state_name(order->state),
				 order->state == ORDER_STATE_PENDING ? "complete its authorizations first"
								     : "make a new order");
	if (!d)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED, "policy: the order's directory is gone");
	rc = check_policy(c, order, &policy, &authority, f);
	if (rc == RC_OK)
		rc = pinned_profile(c, order, &profile, f);
	if (rc == RC_OK)
		rc = check_csr(c, order, account, csr_der, profile, &csr, f);
	if (rc == RC_OK && !order->record.replaces.p)
		rc = limits_new_cert(c, order->identifiers, order->identifier_count, f);
	if (rc != RC_OK)
		return rc;
	request = (struct issue_request){
		.authority = authority,
		.profile = profile,
		.identifiers = order->identifiers,
		.identifier_count = order->identifier_count,
		.csr = &csr,
		.not_before = order->record.not_before,
		.not_after = order->record.not_after,
	};
	rc = order_claim(c, order, &request, bytes_of(hash, SHA256_LEN), f);
	if (rc == RC_OK)
		rc = ari_mark_replaced(c, order->record.id, order->record.replaces, f);
	return rc;
}

/* --- the operator's own certificates --- */

enum rc order_create_direct(struct context *c, const struct direct_request *d, struct order *out,
			    struct fault *f)
{
	struct issue_request request = {
		.authority = d->authority,
		.profile = d->profile,
		.identifiers = d->identifiers,
		.identifier_count = d->identifier_count,
		.csr = d->csr,
		.not_before = d->not_before,
		.not_after = d->not_after,
	};
	struct order o = { .identifiers = d->identifiers, .identifier_count = d->identifier_count };
	struct order_record *r = &o.record;
	uint8_t *hash = arena_alloc(c->arena, SHA256_LEN);
	struct issue_claim claim;
	enum rc rc;

	if (!hash)
		return RC_NOMEM;
	rc = profile_check_key(d->profile, d->csr->key, f);
	if (rc == RC_OK)
		rc = check_csr_names(c->arena, &o, d->csr, f);
	if (rc == RC_OK)
		rc = c->service->issuer->ops->prepare(c->service->issuer, &request, c->arena, &claim, f);
	if (rc == RC_OK)
		rc = identifiers_to_text(c->arena, d->identifiers, d->identifier_count, &r->identifiers);
	if (rc != RC_OK)
		return rc;
	profile_hash(d->profile, hash);
	r->id = id_new();
	r->status = ORDER_PROCESSING;
	r->profile = d->profile->name;
	r->profile_hash = bytes_of(hash, SHA256_LEN);
	r->created_at = c->now;
	r->expires_at = c->now + c->config->raw.lifetimes.order_s;
	r->authority = d->authority->name;
	r->serial = claim.serial;
	r->claim = claim.claim;
	rc = order_note(c, r, "asked for by the operator: serial and contents recorded, the issuer is asked");
	if (rc == RC_OK)
		rc = tx_insert(c->tx, &ORDERS, r);
	if (rc == RC_OK)
		rc = job_add(c, JOB_ISSUE, r->id, 0);
	if (rc == RC_OK)
		rc = audit_add(c, "order.direct", id_str(c->arena, r->id), "%.*s", STR_ARG(r->identifiers));
	if (rc != RC_OK)
		return rc;
	o.state = ORDER_STATE_PROCESSING;
	*out = o;
	return RC_OK;
}

/* --- the issuer's answer --- */

enum rc order_check_issue(struct context *c, const struct order *o, struct fault *f)
{
	struct policy_request policy = { .directory = config_directory(c->config, o->record.directory),
					 .profile = o->record.profile };
	const struct authority *authority;
	const struct zone **zones;
	struct account *account;
	enum rc rc;

	if (!policy.directory)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED, "policy: the order's directory is gone");
	rc = account_owner(c, o->record.account, &account, f);
	if (rc != RC_OK)
		return rc;
	policy.eab_kid = account->eab_kid;
	rc = policy_names(c, &policy, o->identifiers, o->identifier_count, &zones, &authority, f);
	account_unref(account);
	if (rc == RC_OK && !str_eq(authority->name, o->record.authority))
		rc = fault_set(f, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
			       "policy: authority \"%.*s\" issues for these names now, not \"%.*s\"; make a new order",
			       STR_ARG(authority->name), STR_ARG(o->record.authority));
	return rc;
}

enum rc order_issued(struct context *c, struct order *order, struct bytes certificate)
{
	struct order_record *r = &order->record;
	struct cert_record cert;
	struct str names;
	enum rc rc;

	if (r->status != ORDER_PROCESSING)
		return RC_CONFLICT;
	rc = identifiers_canonical_text(c->arena, order->identifiers, order->identifier_count, &names);
	if (rc == RC_OK)
		rc = cert_record_new(c, r->authority, r->profile, certificate, names, &cert);
	if (rc != RC_OK)
		return rc;
	/* The certificate is the one that was claimed, or it is not recorded under this order. */
	if (!bytes_eq(cert.serial, r->serial))
		return RC_INTERNAL;
	cert.account = r->account;
	cert.order = r->id;
	r->status = ORDER_VALID;
	r->certificate = r->serial;
	r->claim = (struct bytes){ 0 }; /* the certificate holds it now */
	rc = tx_insert(c->tx, &CERTS, &cert);
	if (rc == RC_OK)
		rc = order_note(c, r, "certificate signed and recorded");
	if (rc == RC_OK)
		rc = tx_update(c->tx, &ORDERS, r,
			       STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_CERTIFICATE, ORDER_COL_CLAIM, ORDER_COL_TRACE));
	if (rc == RC_OK) {
		char *serial = arena_alloc(c->arena, 2 * cert.serial.len + 1);

		if (!serial)
			return RC_NOMEM;
		hex_encode(cert.serial, serial);
		rc = audit_add(c, "cert.issue", str_of(serial), "order=%.*s names=%.*s",
			       STR_ARG(id_str(c->arena, r->id)), STR_ARG(r->identifiers));
	}
	if (rc == RC_OK)
		order->state = ORDER_STATE_VALID;
	return rc;
}

enum rc order_failed(struct context *c, struct order *order, const struct fault *why)
{
	struct order_record *r = &order->record;
	enum rc rc;

	if (r->status != ORDER_PROCESSING)
		return RC_CONFLICT;
	r->status = ORDER_INVALID;
	rc = fault_to_json(c->arena, why, NULL, &r->error);
	if (rc == RC_OK)
		rc = order_note(c, r, why->problem == PROBLEM_SERVER_INTERNAL ? "the issuer refused"
									      : "refused before the issuer was asked");
	if (rc == RC_OK)
		rc = tx_update(c->tx, &ORDERS, r, STORE_COLUMNS(ORDER_COL_STATUS, ORDER_COL_ERROR, ORDER_COL_TRACE));
	if (rc == RC_OK)
		rc = audit_add(c, "order.fail", id_str(c->arena, r->id), "%s", why->detail);
	if (rc == RC_OK)
		order->state = ORDER_STATE_INVALID;
	return rc;
}
