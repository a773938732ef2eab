/* why.c - GET /v1/orders/ID/why: what became of an order and why, so that nobody needs the log. The
 * zone that decides, each authorization with what was tried and answered, the steps of the issuance
 * with their times, and in one sentence each: the cause, and what to do. "lines" tells it in the form of
 * GET /v1/check. */
#include "acme/problem.h"
#include "api/admin/resource.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "core/authz.h"
#include "core/check.h"
#include "core/policy.h"

#define JOBS_LOOKED_AT 1000
#define TRACES_SHOWN (256 * 1024) /* octets of an answer, after which traces are left out */
#define LINES_MAX (3 * LIMIT_IDENTIFIERS)
#define LINE_TRACES (96 * 1024) /* octets of traces in them: they are with the authorizations too */
#define WHY_ARENA (4 * LIMIT_IDENTIFIERS * LIMIT_TRACE + JOBS_LOOKED_AT * 4096)

struct why {
	struct request *req;
	struct context context; /* the request's, with an arena that holds every trace */
	struct json_out *out;
	const struct order *order;
	struct account_record owner; /* zero: the operator's own order */
	struct job_record *jobs;
	size_t job_count;
	struct check_line *lines; /* LINES_MAX */
	size_t line_count, line_traces;
	/* The verdict, as text in that arena. */
	struct str cause, remedy;
};

static void say(struct why *w, enum check_grade grade, const char *topic, const char *text, const char *remedy,
		struct str trace)
{
	bool fits = trace.p && w->line_traces + trace.len <= LINE_TRACES;

	if (w->line_count == LINES_MAX)
		return;
	w->line_traces += fits ? trace.len : 0;
	w->lines[w->line_count++] = (struct check_line){
		.grade = grade,
		.topic = topic,
		.text = str_of(text ? text : "out of memory"),
		.remedy = grade == CHECK_OK ? (struct str){ 0 } : str_of(remedy ? remedy : "try again"),
		.trace = fits ? trace : (struct str){ 0 },
	};
}

static void verdict(struct why *w, enum check_grade grade, const char *topic, const char *cause, const char *remedy,
		    struct str trace)
{
	say(w, grade, topic, cause, remedy, trace);
	if (w->cause.p)
		return; /* the first is the one that counts */
	w->cause = str_of(cause ? cause : "out of memory");
	w->remedy = str_of(remedy ? remedy : "try again");
}

static const struct job_record *find_job(const struct why *w, struct id subject)
{
	for (size_t i = 0; i < w->job_count; i++) {
		if (bytes_eq(w->jobs[i].subject, bytes_of(subject.b, ID_LEN)))
			return &w->jobs[i];
	}
	return NULL;
}

/* --- what to do --- */

/* Of a challenge that failed. */
static const char *challenge_remedy(enum problem p)
{
	switch (p) {
	case PROBLEM_CONNECTION:
		return "Make the name's address reachable from this server on the port in the trace (firewall, "
		       "listener), or allow the address in the zone's targets; then have the client order again.";
	case PROBLEM_DNS:
		return "Make the name resolve at the zone's resolver (see the trace), or give the zone another "
		       "resolver; then have the client order again.";
	case PROBLEM_UNAUTHORIZED:
	case PROBLEM_INCORRECT_RESPONSE:
		return "The host answered, but not with this client's proof: see that the name points to the machine "
		       "that ordered and that its web server serves /.well-known/acme-challenge/; then order again.";
	case PROBLEM_TLS:
		return "The host's TLS answer was not the challenge's: see which server answers on the port in the "
		       "trace; then order again.";
	case PROBLEM_CAA:
		return "Add this CA to the name's CAA records, or change the zone's caa mode; then order again.";
	case PROBLEM_REJECTED_IDENTIFIER:
		return "Add a zone that covers the name (zones: in the settings) or that offers the challenge; then order again.";
	default:
		return "Remove what the error names; then have the client order again. A failed authorization is "
		       "never tried again (RFC 8555 §7.1.6).";
	}
}

static void blame_failed(struct why *w, const struct authz_record *z)
{
	AUTO(fault) struct fault f = { 0 };

	if (fault_from_json(z->error, &f) != RC_OK)
		(void)fault_set(&f, RC_INTERNAL, PROBLEM_SERVER_INTERNAL, "the stored error cannot be read");
	verdict(w, CHECK_FAIL, challenge_type_name(z->attempted),
		arena_printf(w->context.arena, "%s for %.*s failed: %s", challenge_type_name(z->attempted), STR_ARG(z->shown),
			     f.detail),
		challenge_remedy(f.problem), z->trace);
}

static void blame_waiting(struct why *w, const struct authz_record *z)
{
	struct arena *a = w->context.arena;
	const struct job_record *job = find_job(w, z->id);

	if (!z->attempted)
		verdict(w, CHECK_WARN, "challenge",
			arena_printf(a, "%.*s is not proven yet: the client has not answered a challenge.", STR_ARG(z->shown)),
			"Look at the client: it must put up the proof and then tell this server (RFC 8555 §7.5.1).",
			(struct str){ 0 });
	else if (job && job->note.p)
		verdict(w, CHECK_WARN, challenge_type_name(z->attempted),
			arena_printf(a, "%s for %.*s is being tried again (attempt %lld): %.*s",
				     challenge_type_name(z->attempted), STR_ARG(z->shown), (long long)job->attempt + 1,
				     STR_ARG(job->note)),
			"Wait for the next attempt, or mend what the last one met.", z->trace);
	else
		verdict(w, CHECK_WARN, challenge_type_name(z->attempted),
			arena_printf(a, "%s for %.*s is being validated.", challenge_type_name(z->attempted), STR_ARG(z->shown)),
			"Wait.", z->trace);
}

static void blame_gone(struct why *w, struct str name, const char *state)
{
	verdict(w, CHECK_FAIL, "authorization",
		arena_printf(w->context.arena, "The authorization for %.*s is %s.", STR_ARG(name), state),
		"Have the client make a new order.", (struct str){ 0 });
}

/* What is no reason for anything. */
static void tell_authz(struct why *w, const struct authz_record *z, enum authz_state state)
{
	struct arena *a = w->context.arena;
	char at[21] = "";

	if (!z->validated_at) {
		say(w, CHECK_OK, "authorization",
		    arena_printf(a, "the authorization for %.*s is %s", STR_ARG(z->shown), authz_state_name(state)), NULL, z->trace);
		return;
	}
	clock_rfc3339(z->validated_at, at);
	say(w, CHECK_OK, challenge_type_name(z->attempted),
	    arena_printf(a, "control of %.*s was proven at %s%s%s", STR_ARG(z->shown), at,
			 state == AUTHZ_STATE_VALID ? "" : "; the authorization is now ",
			 state == AUTHZ_STATE_VALID ? "" : authz_state_name(state)),
	    NULL, z->trace);
}

static void blame_authz(struct why *w, const struct authz_record *z, enum authz_state state)
{
	/* A settled order is not judged by what its authorizations are now. */
	if (w->order->record.status != ORDER_PENDING) {
		tell_authz(w, z, state);
		return;
	}
	switch (state) {
	case AUTHZ_STATE_VALID:
		tell_authz(w, z, state);
		return;
	case AUTHZ_STATE_PENDING:
		if (w->order->state == ORDER_STATE_PENDING)
			blame_waiting(w, z);
		else
			tell_authz(w, z, state);
		return;
	case AUTHZ_STATE_INVALID:
		blame_failed(w, z);
		return;
	default:
		blame_gone(w, z->shown, authz_state_name(state));
	}
}

/* Of an order that failed after its proofs. */
static const char *order_remedy(const struct order *o, enum problem p)
{
	if (p == PROBLEM_CAA || p == PROBLEM_DNS || p == PROBLEM_REJECTED_IDENTIFIER)
		return challenge_remedy(p);
	if (o->record.claim.p || o->record.serial.p)
		return "The issuer refused: mend what the error names (authority, profile, permit); then order again.";
	return "Have the client make a new order.";
}

static void blame_invalid(struct why *w)
{
	AUTO(fault) struct fault f = { 0 };

	if (w->cause.p)
		return; /* an authorization took it along, which has its line */
	if (fault_from_json(w->order->error, &f) != RC_OK)
		(void)fault_set(&f, RC_INTERNAL, PROBLEM_SERVER_INTERNAL, "the stored error cannot be read");
	verdict(w, CHECK_FAIL, f.problem == PROBLEM_CAA ? "caa" : "order", arena_printf(w->context.arena, "%s", f.detail),
		order_remedy(w->order, f.problem), (struct str){ 0 });
}

static void blame_processing(struct why *w)
{
	const struct job_record *job = find_job(w, w->order->record.id);

	if (job && job->note.p)
		verdict(w, CHECK_WARN, "issuer",
			arena_printf(w->context.arena, "The issuer is asked again (attempt %lld): %.*s",
				     (long long)job->attempt + 1, STR_ARG(job->note)),
			"See that the signer process runs (`assay status`); the order goes on by itself.", (struct str){ 0 });
	else
		verdict(w, CHECK_WARN, "issuer", "The certificate is being issued.", "Wait.", (struct str){ 0 });
}

/* What the authorizations do not explain. */
static void blame_order(struct why *w)
{
	const struct str none = { 0 };

	switch (w->order->state) {
	case ORDER_STATE_VALID:
		verdict(w, CHECK_OK, "order", "The certificate was issued.", "Nothing is to be done.", none);
		return;
	case ORDER_STATE_READY:
		verdict(w, CHECK_WARN, "order", "Everything is proven; the client has not asked for the certificate yet.",
			"Look at the client: it must finalize the order (RFC 8555 §7.4).", none);
		return;
	case ORDER_STATE_PENDING:
		verdict(w, CHECK_WARN, "order", "The order waits for its authorizations.", "Look at the client.", none);
		return;
	case ORDER_STATE_PROCESSING:
		blame_processing(w);
		return;
	case ORDER_STATE_INVALID:
		blame_invalid(w);
	}
}

/* The zone that decides now; a refusal matters as long as the order goes on. */
static void tell_zone(struct why *w, const struct identifier *id, const struct zone *zone)
{
	const struct policy_request r = {
		.directory = config_directory(w->req->config, w->order->record.directory),
		.eab_kid = w->owner.eab_kid,
		.profile = w->order->record.profile,
	};
	bool goes_on = w->order->state != ORDER_STATE_VALID && w->order->state != ORDER_STATE_INVALID;
	AUTO(fault) struct fault f = { 0 };
	const struct zone *decides;

	if (!r.directory || policy_zone(&w->context, &r, id, &decides, &f) != RC_OK)
		say(w, goes_on ? CHECK_WARN : CHECK_OK, "zone",
		    arena_printf(w->context.arena, "%.*s would be refused now: %s", STR_ARG(id->shown),
				 r.directory ? f.detail : "its directory is gone from the settings"),
		    "Change what the line names, or nothing will be issued.", (struct str){ 0 });
	else
		say(w, CHECK_OK, "zone",
		    arena_printf(w->context.arena, "zone \"%.*s\" decides about %.*s (%.*s)", STR_ARG(zone->name),
				 STR_ARG(id->shown), STR_ARG(zone->pattern_text)),
		    NULL, (struct str){ 0 });
}

/* --- what is shown --- */

static void show_challenges(struct json_out *o, int64_t set)
{
	json_out_open(o, "offered", '[');
	for (int64_t bit = CHALLENGE_HTTP_01; bit <= CHALLENGE_DNS_PERSIST_01; bit <<= 1) {
		if (set & bit)
			json_out_str(o, NULL, str_of(challenge_type_name(bit)));
	}
	json_out_close(o, ']');
}

static enum rc show_authz(struct why *w, const struct authz_record *z)
{
	struct json_out *o = w->out;
	const struct job_record *job = find_job(w, z->id);
	enum authz_state state = authz_state(z, w->context.now);
	struct str id = id_str(w->context.arena, z->id);

	if (!id.p)
		return RC_NOMEM;
	json_out_str(o, "authorization", id);
	json_out_str(o, "status", str_of(authz_state_name(state)));
	show_challenges(o, z->offered);
	show_time(o, "created_at", z->created_at);
	show_time(o, "expires_at", z->expires_at);
	if (z->attempted)
		json_out_str(o, "challenge", str_of(challenge_type_name(z->attempted)));
	show_time(o, "attempted_at", z->attempted_at);
	show_time(o, "validated_at", z->validated_at);
	if (z->error.p)
		json_out_raw(o, "error", z->error);
	if (job) {
		json_out_int(o, "attempt", job->attempt + 1);
		show_time(o, "next_attempt_at", job->due_at_ms / 1000);
		show_text(o, "last_attempt", job->note);
	}
	if (o->buf->len < TRACES_SHOWN)
		show_lines(o, "trace", z->trace);
	else
		json_out_bool(o, "trace_left_out", true);
	blame_authz(w, z, state);
	return RC_OK;
}

static enum rc show_identifier(struct why *w, size_t i)
{
	const struct identifier *id = &w->order->identifiers[i];
	const struct zone *zone = config_zone(w->req->config, id);
	struct authz_record z;
	enum rc rc = RC_OK;

	json_out_open(w->out, NULL, '{');
	json_out_str(w->out, "identifier", id->shown);
	/* An operator's own order asks no zone. */
	if (w->order->authz_count) {
		if (zone)
			show_zone(w->req, w->out, "zone", zone);
		tell_zone(w, id, zone);
		rc = authz_load(&w->context, w->order->authzs[i], &z);
		if (rc == RC_OK) {
			rc = show_authz(w, &z);
		} else if (rc == RC_NOTFOUND) {
			json_out_str(w->out, "status", STR("expired"));
			if (w->order->record.status == ORDER_PENDING)
				blame_gone(w, id->shown, "expired and was removed");
			rc = RC_OK;
		}
	}
	json_out_close(w->out, '}');
	return rc;
}

static void show_step(struct json_out *o, struct str at, struct str what)
{
	json_out_open(o, NULL, '{');
	json_out_str(o, "at", at);
	json_out_str(o, "what", what);
	json_out_close(o, '}');
}

/* The order's own trace has a time and a sentence in each line. */
static void show_steps(struct why *w)
{
	struct str rest = w->order->record.trace, line, at, what;
	char made[21];

	clock_rfc3339(w->order->record.created_at, made);
	json_out_open(w->out, "steps", '[');
	show_step(w->out, str_of(made), STR("order made"));
	while (rest.len) {
		(void)str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ' ', &at, &what))
			show_step(w->out, at, what);
	}
	json_out_close(w->out, ']');
}

static enum rc load_all(struct why *w, struct order *order, struct fault *f)
{
	struct store_query q = { .table = &JOBS, .index = STORE_PRIMARY, .limit = JOBS_LOOKED_AT };
	struct id id;
	enum rc rc;

	if (!id_parse(w->req->path_id, &id))
		return admin_not_found("order", f);
	w->lines = arena_array(w->context.arena, LINES_MAX, sizeof(*w->lines));
	if (!w->lines)
		return RC_NOMEM;
	rc = order_load(&w->context, id, order, f);
	if (rc == RC_OK && !id_is_zero(order->record.account)) {
		rc = account_get(&w->context, order->record.account, &w->owner, NULL);
		if (rc == RC_NOTFOUND) /* an order may outlive its account */
			rc = RC_OK;
	}
	if (rc == RC_OK)
		rc = store_list(w->context.read, &q, w->context.arena, &w->jobs, &w->job_count);
	return rc;
}

enum rc admin_order_why(struct request *req, struct fault *f)
{
	struct query_param none = { 0 };
	AUTO(arena) struct arena arena;
	AUTO(answer) struct answer a;
	struct order order;
	struct why w = { .req = req, .context = req->core, .out = &a.out, .order = &order };
	enum rc rc = admin_query_decode(req->arena, req->http->query, &none, f);

	answer_init(&a);
	arena_init(&arena, WHY_ARENA);
	w.context.arena = &arena;
	if (rc == RC_OK)
		rc = load_all(&w, &order, f);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	rc = show_order_members(req, &a.out, &order);
	json_out_open(&a.out, "authorizations", '[');
	for (size_t i = 0; rc == RC_OK && i < order.identifier_count; i++)
		rc = show_identifier(&w, i);
	json_out_close(&a.out, ']');
	show_steps(&w);
	blame_order(&w);
	json_out_open(&a.out, "lines", '[');
	for (size_t i = 0; i < w.line_count; i++)
		show_check_line(&a.out, &w.lines[i]);
	json_out_close(&a.out, ']');
	json_out_str(&a.out, "cause", w.cause);
	json_out_str(&a.out, "remedy", w.remedy);
	json_out_close(&a.out, '}');
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}
