/* order.c - one order from the client's side (RFC 8555 §7.1.6), from newOrder or from its URL:
 *
 *     pending --------------+----> invalid
 *        |  authorize()     |
 *        V                  |
 *      ready ---------------+
 *        |  finalize()      |
 *        V                  |
 *    processing ------------+
 *        |  look again
 *        V
 *      valid --download()--> the chain, checked
 *
 * The server's state alone decides what is done next, so an order goes on from wherever a run that
 * was killed has left it. Every turn of drive() either changes something or waits, and the deadline
 * bounds the waiting: no server can keep this going. */
#include "client/client_impl.h"

#include "acme/problem.h"
#include "base/limits.h"

#define TRANSIENT_MAX 8 /* failures in a row to read the order */
#define RUN_ARENA (2 * 1024 * 1024)

struct order_run {
	struct client *c;
	const struct client_order *wanted;
	struct arena arena;     /* for the whole run */
	struct arena scratch;   /* order, until it is read again */
	struct acme_order order;
	int64_t retry_after_s;  /* of the last answer */
	struct str url;
	unsigned look;          /* repetitions since the status changed */
	unsigned finalized;
	bool authorized;
};

static void order_run_done(struct order_run *run)
{
	arena_done(&run->scratch);
	arena_done(&run->arena);
}

/* --- reading an order --- */

static bool names(const struct identifier *list, size_t count, const struct identifier *id)
{
	for (size_t i = 0; i < count; i++) {
		if (identifier_eq(&list[i], id))
			return true;
	}
	return false;
}

static enum rc check_identifiers(const struct order_run *run, const struct acme_order *order, struct fault *f)
{
	const struct client_order *w = run->wanted;

	for (size_t i = 0; i < w->identifier_count; i++) {
		if (!names(order->identifiers, order->identifier_count, &w->identifiers[i]))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 8555 §7.4: the server's order lacks %.*s",
					 STR_ARG(w->identifiers[i].shown));
	}
	for (size_t i = 0; i < order->identifier_count; i++) {
		if (!names(w->identifiers, w->identifier_count, &order->identifiers[i]))
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 8555 §7.4: the server's order names %.*s, which was not ordered",
					 STR_ARG(order->identifiers[i].shown));
	}
	return RC_OK;
}

static enum rc check_order(const struct order_run *run, const struct acme_order *order, struct fault *f)
{
	enum rc rc = check_identifiers(run, order, f);

	if (rc == RC_OK && order->authorization_count > LIMIT_IDENTIFIERS)
		rc = fault_set(f, RC_LIMIT, PROBLEM_MALFORMED, "the order has more than %d authorizations",
			       LIMIT_IDENTIFIERS);
	if (rc == RC_OK)
		rc = client_check_url(run->c, "finalize", order->finalize, f);
	for (size_t i = 0; rc == RC_OK && i < order->authorization_count; i++)
		rc = client_check_url(run->c, "an authorization", order->authorizations[i], f);
	if (rc == RC_OK && order->certificate.p)
		rc = client_check_url(run->c, "the certificate", order->certificate, f);
	return rc;
}

/* Sends a request that is answered by the order. The order at hand stays when that fails. */
static enum rc ask(struct order_run *run, const struct client_request *r, struct web_response *answer,
		   struct fault *f)
{
	AUTO(arena) struct arena fresh;
	struct acme_order order;
	enum rc rc;

	arena_init(&fresh, RUN_ARENA);
	rc = client_call(run->c, &fresh, r, answer, f);
	if (rc == RC_OK)
		rc = acme_order_decode(&fresh, answer->body, &order, f);
	if (rc == RC_OK)
		rc = check_order(run, &order, f);
	if (rc != RC_OK)
		return rc;
	if (!run->order.status.p || !str_eq(run->order.status, order.status))
		run->look = 0;
	run->order = order;
	run->retry_after_s = client_retry_after(answer);
	arena_done(&run->scratch);
	run->scratch = fresh;
	arena_init(&fresh, RUN_ARENA); /* handed over */
	return RC_OK;
}

static enum rc read_order(struct order_run *run, struct fault *f)
{
	struct client_request r = { .what = "order", .url = run->url };
	struct web_response answer;

	return ask(run, &r, &answer, f);
}

/* Waits and reads the order again. */
static enum rc look_again(struct order_run *run, const char *what, struct fault *f)
{
	unsigned failures = 0;
	enum rc rc = RC_OK;

	for (;;) {
		enum rc waited = client_wait_look(run->c, run->look++, run->retry_after_s, what,
						  rc == RC_OK ? f : NULL);

		if (waited != RC_OK)
			return rc == RC_OK ? waited : rc;
		rc = read_order(run, f);
		if (rc == RC_OK || !client_is_transient(rc) || ++failures > TRANSIENT_MAX)
			return rc;
	}
}

/* --- the beginning --- */

static enum rc new_order(struct order_run *run, struct fault *f)
{
	struct acme_new_order body = {
		.identifiers = (struct identifier *)run->wanted->identifiers,
		.identifier_count = run->wanted->identifier_count,
		.not_before = run->wanted->not_before,
		.not_after = run->wanted->not_after,
		.profile = run->wanted->profile,
	};
	struct client_request r = { .what = "newOrder", .url = run->c->directory.new_order };
	struct web_response answer;
	enum rc rc;

	rc = acme_new_order_encode(&run->arena, &body, &r.payload);
	if (rc == RC_OK)
		rc = ask(run, &r, &answer, f);
	if (rc == RC_OK) /* RFC 8555 §7.4; the headers live in scratch */
		rc = client_location(run->c, &run->arena, &answer, "newOrder", &run->url, f);
	if (rc == RC_OK && run->wanted->on_order)
		run->wanted->on_order(run->wanted->arg, run->url);
	return rc;
}

/* The order of an earlier run, if it can still become a certificate. RC_NOTFOUND: it cannot. */
static enum rc resume(struct order_run *run, struct fault *f)
{
	struct str url = run->wanted->order_url;
	enum rc rc = client_check_url(run->c, "the order", url, NULL);

	if (rc != RC_OK)
		return RC_NOTFOUND; /* of another server */
	run->url = arena_str(&run->arena, url);
	if (!run->url.p)
		return RC_NOMEM;
	rc = read_order(run, f);
	if (rc == RC_NOMEM || client_is_transient(rc) || rc == RC_LIMIT || rc == RC_BUSY ||
	    (f && rc != RC_OK && f->problem == PROBLEM_ACCOUNT_DOES_NOT_EXIST))
		return rc;
	return rc != RC_OK || str_is(run->order.status, "invalid") ? RC_NOTFOUND : RC_OK;
}

static enum rc open_order(struct order_run *run, struct fault *f)
{
	enum rc rc = RC_NOTFOUND;

	if (run->wanted->order_url.p) {
		rc = resume(run, f);
		if (rc == RC_NOTFOUND && f && f->problem == PROBLEM_ACCOUNT_DOES_NOT_EXIST)
			return rc;
	}
	return rc == RC_NOTFOUND ? new_order(run, f) : rc;
}

/* --- one function a state --- */

static enum rc authorize(struct order_run *run, struct fault *f)
{
	enum rc rc;

	if (run->authorized) /* all valid, and the server has not noticed yet */
		return look_again(run, "the order is still pending", f);
	rc = client_authorize(run->c, &run->arena, run->wanted, &run->order, f);
	if (rc != RC_OK)
		return rc;
	run->authorized = true;
	rc = read_order(run, f);
	return client_is_transient(rc) ? look_again(run, "the order is still pending", f) : rc;
}

static enum rc finalize(struct order_run *run, struct fault *f)
{
	struct client_request r = { .what = "finalize", .url = run->order.finalize };
	struct web_response answer;
	enum rc rc;

	/* A server that stays ready after finalize is asked again at the pace of looking. */
	if (run->finalized++ > 0) {
		rc = look_again(run, "the order is still ready", f);
		if (rc != RC_OK || !str_is(run->order.status, "ready"))
			return rc;
		r.url = run->order.finalize;
	}
	rc = acme_finalize_encode(&run->arena, run->wanted->csr, &r.payload);
	if (rc == RC_OK)
		rc = ask(run, &r, &answer, f);
	/* Refused for its state, or the answer was lost: the order itself says what is so. */
	if (client_is_transient(rc) || (f && rc != RC_OK && f->problem == PROBLEM_ORDER_NOT_READY))
		rc = look_again(run, "finalize", f);
	return rc;
}

static enum rc download(struct order_run *run, struct arena *a, struct bytes **out_chain, size_t *out_count,
			struct fault *f)
{
	struct client_request r = {
		.what = "certificate",
		.url = run->order.certificate,
		.accept = STR("application/pem-certificate-chain"), /* RFC 8555 §7.4.2 */
		.max_body = CLIENT_CHAIN_MAX,
	};
	AUTO(arena) struct arena scratch;
	struct web_response answer;
	enum rc rc;

	if (!r.url.p)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.1.3: the order is valid and has no certificate URL");
	for (unsigned failures = 0;; failures++) {
		arena_init(&scratch, CLIENT_ARENA);
		rc = client_call(run->c, &scratch, &r, &answer, f);
		if (rc == RC_OK)
			return chain_read(a, answer.body, run->wanted->csr, out_chain, out_count, f);
		arena_reset(&scratch);
		if (!client_is_transient(rc) || failures >= TRANSIENT_MAX ||
		    client_wait_look(run->c, failures, -1, "certificate", NULL) != RC_OK)
			return rc;
	}
}

static enum rc order_invalid(const struct order_run *run, struct fault *f)
{
	if (f && run->order.error.p && fault_from_json(run->order.error, f) == RC_OK) {
		client_fault_prefix(f, "the order is invalid");
		f->rc = RC_INVALID;
		return RC_INVALID;
	}
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "the order is invalid, and the server does not say why");
}

static enum rc drive(struct order_run *run, struct arena *a, struct bytes **out_chain, size_t *out_count,
		     struct fault *f)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK) {
		struct str status = run->order.status;

		if (str_is(status, "pending"))
			rc = authorize(run, f);
		else if (str_is(status, "ready"))
			rc = finalize(run, f);
		else if (str_is(status, "processing"))
			rc = look_again(run, "the server is still issuing", f);
		else if (str_is(status, "valid"))
			return download(run, a, out_chain, out_count, f);
		else if (str_is(status, "invalid"))
			return order_invalid(run, f);
		else
			return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					 "RFC 8555 §7.1.6: an order cannot be \"%.*s\"",
					 (int)(status.len < 40 ? status.len : 40), status.p);
	}
	return rc;
}

enum rc client_obtain(struct client *c, struct arena *a, const struct client_order *order,
		      struct bytes **out_chain, size_t *out_count, struct fault *f)
{
	AUTO(order_run) struct order_run run = { .c = c, .wanted = order, .retry_after_s = -1 };
	AUTO(fault) struct fault own = { 0 }; /* some steps depend on the problem */
	enum rc rc;

	arena_init(&run.arena, CLIENT_ARENA);
	arena_init(&run.scratch, RUN_ARENA);
	client_begin(c, order->deadline_s > 0 ? order->deadline_s : CLIENT_DEADLINE_S);
	if (!f)
		f = &own;
	rc = open_order(&run, f);
	if (rc == RC_OK)
		rc = drive(&run, a, out_chain, out_count, f);
	if (rc == RC_OK)
		fault_done(f); /* of what was tried again */
	return rc;
}
