/* authz.c - an order's authorizations from the client's side (RFC 8555 §7.1.4, §7.5).
 *     pending --present, answer the challenge--> processing --poll--> valid | invalid
 * All are presented before the first is answered, so that a server that validates them at once finds
 * them all; what was presented is taken away when this ends, whatever the end is. */
#include "acme/jwk.h"
#include "acme/problem.h"
#include "base/log.h"
#include "client/client_impl.h"

#define TRANSIENT_MAX 8 /* failures in a row to read an authorization */

struct item {
	struct str url, challenge_url; /* challenge_url absent: valid already */
	struct solver *solver;
	struct solve_request request;
	bool presented;
	bool processing; /* an earlier run has answered the challenge */
};

struct authz_run {
	struct client *c;
	struct arena *arena;
	const struct client_order *order;
	struct item *items;
	size_t count;
	unsigned failed; /* authorizations that the fault tells of */
};

/* --- reading --- */

static enum rc read_authz(struct authz_run *run, struct str url, struct arena *scratch, struct acme_authz *out,
			  int64_t *out_retry_after_s, struct fault *f)
{
	struct client_request r = { .what = "authorization", .url = url };
	struct web_response answer;
	enum rc rc;

	arena_reset(scratch);
	rc = client_call(run->c, scratch, &r, &answer, f);
	if (rc != RC_OK)
		return rc;
	*out_retry_after_s = client_retry_after(&answer);
	return acme_authz_decode(scratch, answer.body, out, f);
}

/* The identifier of the order that an authorization is for. A server that asks to prove control of
 * anything else is not obeyed: what is published must be what the user asked for. */
static const struct identifier *find_wanted(const struct authz_run *run, const struct identifier *id)
{
	for (size_t i = 0; i < run->order->identifier_count; i++) {
		if (identifier_eq(&run->order->identifiers[i], id))
			return &run->order->identifiers[i];
	}
	return NULL;
}

/* --- choosing a challenge --- */

static enum rc not_offered(const struct acme_authz *authz, const char *wanted, struct fault *f)
{
	char offered[200] = "";
	size_t len = 0;

	for (size_t i = 0; i < authz->challenge_count && len + 60 < sizeof(offered); i++) {
		struct str type = authz->challenges[i].type;

		offered[len++] = ' ';
		len += str_printable((struct str){ type.p, type.len < 40 ? type.len : 40 }, offered + len,
				     sizeof(offered) - len);
	}
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED, "%.*s: the server does not offer %s; it offers%s",
			 STR_ARG(authz->identifier.shown), wanted, len ? offered : " nothing");
}

static enum rc prepare_challenge(struct authz_run *run, const struct acme_challenge *challenge, struct item *item,
				 struct fault *f)
{
	enum rc rc = client_check_url(run->c, "a challenge", challenge->url, f);

	if (rc != RC_OK)
		return rc;
	item->challenge_url = arena_str(run->arena, challenge->url);
	item->request.token = arena_str(run->arena, challenge->token);
	item->processing = str_is(challenge->status, "processing");
	if (!item->challenge_url.p || !item->request.token.p)
		return RC_NOMEM;
	return key_authorization(run->arena, item->request.token, privkey_pubkey(run->c->key),
				 &item->request.key_authorization);
}

static enum rc choose_challenge(struct authz_run *run, const struct acme_authz *authz, struct item *item,
				struct fault *f)
{
	const char *type;

	item->solver = run->order->solver_for(run->order->arg, item->request.identifier);
	if (!item->solver)
		return fault_set(f, RC_DENIED, PROBLEM_NONE, "%.*s: there is no solver for it",
				 STR_ARG(authz->identifier.shown));
	type = item->solver->ops->challenge;
	for (size_t i = 0; i < authz->challenge_count; i++) {
		const struct acme_challenge *challenge = &authz->challenges[i];

		/* Its form was checked when it was read (RFC 8555 §8.3, TRUST V46). */
		if (str_is(challenge->type, type) && challenge->token.p)
			return prepare_challenge(run, challenge, item, f);
	}
	return not_offered(authz, type, f);
}

/* --- what an authorization came to --- */

/* The error of its failed challenge, if the server tells one (RFC 8555 §7.1.5). */
static bool challenge_fault(const struct acme_authz *authz, struct fault *f)
{
	for (size_t i = 0; i < authz->challenge_count; i++) {
		if (authz->challenges[i].error.p && fault_from_json(authz->challenges[i].error, f) == RC_OK)
			return true;
	}
	return false;
}

/* Fills f, or adds to what it says of others. */
static enum rc authz_failed(struct authz_run *run, const struct acme_authz *authz, struct fault *f)
{
	AUTO(fault) struct fault one = { 0 };
	const struct identifier *id = &authz->identifier;

	if (!challenge_fault(authz, &one))
		fault_set(&one, RC_INVALID, PROBLEM_UNAUTHORIZED,
			  "the authorization is \"%.*s\", and the server does not say why",
			  (int)(authz->status.len < 40 ? authz->status.len : 40), authz->status.p);
	if (run->failed++ == 0)
		fault_set(f, RC_INVALID, one.problem, "%.*s could not be validated (%s): %s", STR_ARG(id->shown),
			  problem_name(one.problem), one.detail);
	fault_add_sub(f, one.problem, identifier_type_name(id->type), id->shown, "%s", one.detail);
	return RC_INVALID;
}

/* --- the steps --- */

static enum rc open_item(struct authz_run *run, struct str url, struct item *item, struct fault *f)
{
	AUTO(arena) struct arena scratch;
	struct acme_authz authz;
	int64_t retry_after_s;
	enum rc rc;

	arena_init(&scratch, CLIENT_ARENA);
	item->url = url;
	rc = read_authz(run, url, &scratch, &authz, &retry_after_s, f);
	if (rc != RC_OK)
		return rc;
	item->request.identifier = find_wanted(run, &authz.identifier);
	if (!item->request.identifier)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.1.3: the server wants proof for %.*s, which was not ordered",
				 STR_ARG(authz.identifier.shown));
	if (str_is(authz.status, "valid"))
		return RC_OK;
	if (!str_is(authz.status, "pending"))
		return authz_failed(run, &authz, f);
	return choose_challenge(run, &authz, item, f);
}

static enum rc present(struct item *item, struct fault *f)
{
	if (!item->challenge_url.p)
		return RC_OK;
	item->presented = true; /* also when it fails: solver.h */
	return item->solver->ops->present(item->solver, &item->request, f);
}

static enum rc answer_challenge(struct authz_run *run, const struct item *item, struct fault *f)
{
	struct client_request r = { .what = "challenge", .url = item->challenge_url,
				    .payload = ACME_CHALLENGE_READY_JSON };
	AUTO(arena) struct arena scratch;
	struct web_response answer;
	struct acme_authz authz;
	int64_t retry_after_s;
	enum rc rc;

	if (!item->challenge_url.p || item->processing)
		return RC_OK;
	arena_init(&scratch, CLIENT_ARENA);
	rc = client_call(run->c, &scratch, &r, &answer, f);
	/* It may have been settled meanwhile: by an answer that was lost, or for another order. */
	if (rc != RC_OK && read_authz(run, item->url, &scratch, &authz, &retry_after_s, NULL) == RC_OK &&
	    !str_is(authz.status, "pending"))
		return RC_OK;
	return rc;
}

/* Until it is settled; with once: one look. RC_BUSY: not settled at that look. */
static enum rc await(struct authz_run *run, const struct item *item, bool once, struct fault *f)
{
	AUTO(arena) struct arena scratch;
	unsigned failures = 0;

	arena_init(&scratch, CLIENT_ARENA);
	for (unsigned look = 0;; look++) {
		int64_t retry_after_s = -1;
		struct acme_authz authz;
		enum rc rc = read_authz(run, item->url, &scratch, &authz, &retry_after_s, once ? NULL : f);

		if (rc != RC_OK && (once || !client_is_transient(rc) || ++failures > TRANSIENT_MAX))
			return rc;
		if (rc == RC_OK) {
			failures = 0;
			if (str_is(authz.status, "valid"))
				return RC_OK;
			if (!str_is(authz.status, "pending"))
				return authz_failed(run, &authz, f);
			if (once)
				return RC_BUSY;
		}
		rc = client_wait_look(run->c, look, retry_after_s, "the server is still validating",
				      rc == RC_OK ? f : NULL);
		if (rc != RC_OK)
			return rc;
	}
}

/* Waits for each in turn. After the first that failed, the others are only looked at, so that the
 * fault tells of all that have failed. */
static enum rc await_all(struct authz_run *run, struct fault *f)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < run->count; i++) {
		enum rc one;

		if (!run->items[i].challenge_url.p)
			continue;
		one = await(run, &run->items[i], rc != RC_OK, f);
		if (rc == RC_OK)
			rc = one;
		if (rc != RC_OK && rc != RC_INVALID)
			return rc;
	}
	return rc;
}

static void clean_up(struct authz_run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		struct item *item = &run->items[i];
		struct fault f = { 0 };

		if (!item->presented)
			continue;
		if (item->solver->ops->cleanup(item->solver, &item->request, &f) != RC_OK)
			LOG_DEBUG("solver_cleanup_failed", F_TEXT("solver", item->solver->ops->name),
				  F_TEXT("why", f.detail));
		fault_done(&f);
	}
}

enum rc client_authorize(struct client *c, struct arena *a, const struct client_order *o,
			 const struct acme_order *order, struct fault *f)
{
	struct authz_run run = { .c = c, .arena = a, .order = o, .count = order->authorization_count };
	enum rc rc = RC_OK;

	run.items = arena_array(a, run.count ? run.count : 1, sizeof(*run.items));
	if (!run.items)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < run.count; i++)
		rc = open_item(&run, order->authorizations[i], &run.items[i], f);
	for (size_t i = 0; rc == RC_OK && i < run.count; i++)
		rc = present(&run.items[i], f);
	for (size_t i = 0; rc == RC_OK && i < run.count; i++)
		rc = answer_challenge(&run, &run.items[i], f);
	if (rc == RC_OK)
		rc = await_all(&run, f);
	clean_up(&run);
	return rc;
}
