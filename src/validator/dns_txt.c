/* dns_txt.c - asks for the TXT records of one name and has each view judged.
 *
 *   dns: resolver       the zone's resolver, one view
 *   dns: authoritative  every authoritative server (dns_walk.h), one view each; and beside them the
 *                       resolver, where it validates, since only it checks signatures
 *
 * Exactly that name is asked, no parent and no sibling (TRUST V34); aliases are followed, as people need
 * who keep their challenges in another zone. The proof counts when every view holds it. One that does not
 * yet is a reason to try again: a name server may lag behind.
 * An answer whose signatures are wrong is a refusal, never an absence (RFC 4035 §5.5), and so is an
 * unsigned one where the zone demands signatures. What a stranger's record says is shown to nobody: an
 * alias may lead where the client cannot look. */
#include "validator/dns_txt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/dns_walk.h"
#include "net/trace.h"
#include "validator/validator_env.h"

#define DNS_PORT 53
/* A server that is silent is given up early enough for the others to be heard, and once more for
 * those behind an alias. */
#define SERVER_SHARE 3

struct dns_txt {
	struct dns_txt_spec spec;
	struct validator_policy policy;
	struct loop_timer *timer;   /* the deadline */
	struct dns_query *question; /* to the resolver */
	struct dns_walk *walk;
	int64_t started_ms;
	char name[2 * LIMIT_NAME];
	struct buf trace;
	size_t views, agreed;
	char other[DNS_WALK_LABEL];      /* the first view without the proof */
	struct validation_result result; /* the best, or the first without the proof */
};

static void txt_free(struct dns_txt *t)
{
	resolver_cancel(t->question);
	dns_walk_cancel(t->walk);
	loop_timer_free(t->timer);
	buf_done(&t->trace);
	free(t);
}

void dns_txt_fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
{
	char raw[sizeof(out->detail)];
	va_list args;

	out->valid = false;
	out->problem = problem;
	out->transient = transient;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	str_printable(str_of(raw), out->detail, sizeof(out->detail));
}

static void end(struct dns_txt *t)
{
	t->result.trace = buf_str(&t->trace);
	t->result.duration_ms = clock_mono_ms() - t->started_ms;
	t->spec.done(t->spec.arg, &t->result);
	txt_free(t);
}

/* --- views --- */

static void hear(struct dns_txt *t, const char *who, const struct dns_answer *a)
{
	struct dns_txt_view view = { .name = t->name, .texts = a->texts, .text_count = a->text_count };
	struct validation_result one = { .valid = false };

	if (a->rc == RC_NOTFOUND)
		view.absent = a->nxdomain ? "does not exist in the DNS (NXDOMAIN)" : "has no TXT record";
	t->spec.judge(t->spec.arg, &view, &one);
	t->views++;
	if (one.valid) {
		t->agreed++;
		if (t->agreed < t->views)
			return;
		/* The strictest of them. */
		if (t->result.valid_until && (!one.valid_until || one.valid_until > t->result.valid_until))
			one.valid_until = t->result.valid_until;
		t->result = one;
	} else if (t->agreed + 1 == t->views) {
		t->result = one;
		snprintf(t->other, sizeof(t->other), "%s", who);
	}
}

static void all_heard(struct dns_txt *t)
{
	char detail[sizeof(t->result.detail)];

	if (t->agreed > 0 && t->agreed < t->views) {
		snprintf(detail, sizeof(detail), "%s", t->result.detail);
		dns_txt_fail(&t->result, t->result.problem, true, "policy: all name servers must agree, and %.*s has not "
			     "got the record yet, unlike %zu of %zu; wait until it has: %.*s", 140, t->other, t->agreed,
			     t->views, 300, detail);
	}
	end(t);
}

static void settle(struct dns_txt *t)
{
	if (!t->question && !t->walk)
		all_heard(t);
}

/* --- the resolver --- */

static void trace_answer(struct dns_txt *t, const struct dns_answer *a)
{
	char count[40];

	snprintf(count, sizeof(count), "%zu text%s", a->text_count, a->text_count == 1 ? "" : "s");
	trace_add(&t->trace, "dns %s TXT: %s%s%.*s%s (%lld ms)", t->name,
		  a->rc == RC_OK ? count : a->rc == RC_NOTFOUND ? (a->nxdomain ? "NXDOMAIN" : "none") : a->why,
		  a->canonical.len ? ", CNAME " : "", STR_ARG(a->canonical), a->secure ? ", DNSSEC" : "",
		  (long long)(clock_mono_ms() - t->started_ms));
}

/* Whether it may be believed at all; if not, result says why. */
static bool believable(struct dns_txt *t, const struct dns_answer *a)
{
	struct validation_result *out = &t->result;

	switch (a->rc) {
	case RC_OK:
	case RC_NOTFOUND:
		if (a->secure || !t->policy.dnssec_required)
			return true;
		dns_txt_fail(out, PROBLEM_DNS, false, "policy: names here are proven by signed records only, and the DNS "
			     "answer for %s TXT is not signed (RFC 4035 §5); sign the zone that holds it, and tell the "
			     "parent zone or the operator (validation.trust_anchor) its key", t->name);
		return false;
	case RC_DENIED:
		dns_txt_fail(out, PROBLEM_DNS, false, "%s: the DNS answer for %s TXT is refused: %s; repair the zone's "
			     "signatures", t->spec.rule, t->name, a->why);
		return false;
	case RC_IO:
	case RC_TIMEOUT:
		dns_txt_fail(out, PROBLEM_DNS, true, "%s: the DNS gave no answer for %s TXT: %s; repair the zone's name "
			     "servers, or try again later", t->spec.rule, t->name, a->why);
		return false;
	default:
		dns_txt_fail(out, PROBLEM_SERVER_INTERNAL, true, "this server could not read the answer for %s TXT: %s",
			     t->name, rc_text(a->rc));
		return false;
	}
}

static void on_resolver(void *arg, const struct dns_answer *a)
{
	struct dns_txt *t = arg;

	t->question = NULL;
	trace_answer(t, a);
	if (!believable(t, a)) {
		end(t);
		return;
	}
	/* Beside the authoritative servers an unsigned answer of a cache says nothing. */
	if (!t->policy.dns_authoritative || a->secure)
		hear(t, "the resolver", a);
	settle(t);
}

/* --- the authoritative servers --- */

static void on_server(void *arg, const char *server, const struct dns_answer *a)
{
	hear(arg, server, a);
}

static void on_walk(void *arg, const struct dns_walk_end *walk)
{
	struct dns_txt *t = arg;

	t->walk = NULL;
	if (walk->rc != RC_OK) {
		dns_txt_fail(&t->result, PROBLEM_DNS, walk->transient, "%s: the authoritative servers gave no answer for %s "
			     "TXT: %s", t->spec.rule, t->name, walk->why);
		end(t);
		return;
	}
	settle(t);
}

/* --- starting --- */

static void on_timer(void *arg)
{
	struct dns_txt *t = arg;

	if (t->question || t->walk) {
		trace_add(&t->trace, "dns %s TXT: no answer (%lld ms)", t->name,
			  (long long)(clock_mono_ms() - t->started_ms));
		dns_txt_fail(&t->result, PROBLEM_DNS, true, "%s: the DNS did not answer for %s TXT within %lld ms; repair "
			     "the zone's name servers, or try again later", t->spec.rule, t->name,
			     (long long)t->policy.deadline_ms);
	} else {
		trace_add(&t->trace, "dns %s TXT: not asked, the name is too long", t->name);
		dns_txt_fail(&t->result, PROBLEM_DNS, false, "RFC 1035 §2.3.4: %s has more than %d octets, so there is no "
			     "such name; prove control in another way", t->name, LIMIT_NAME);
	}
	end(t);
}

static enum rc ask(struct dns_txt *t, struct loop *loop)
{
	struct dns_walk_spec walk = {
		.name = str_of(t->name),
		.type = DNS_TXT,
		.resolver = t->policy.resolver,
		.policy = t->policy.targets,
		.port = t->policy.dns_port ? t->policy.dns_port : DNS_PORT,
		.timeout_ms = t->policy.deadline_ms / SERVER_SHARE,
		.trace = &t->trace,
		.answer = on_server,
		.done = on_walk,
		.arg = t,
	};
	bool authoritative = t->policy.dns_authoritative;
	enum rc rc = RC_OK;

	if (!authoritative || resolver_validates(t->policy.resolver))
		rc = resolver_ask(t->policy.resolver, str_of(t->name), DNS_TXT, on_resolver, t, &t->question);
	if (rc == RC_OK && authoritative)
		rc = dns_walk_start(loop, &walk, &t->walk);
	if (rc == RC_INVALID) { /* done must not run from within start */
		loop_timer_set(t->timer, 0);
		return RC_OK;
	}
	if (rc == RC_OK)
		loop_timer_set(t->timer, t->policy.deadline_ms);
	return rc;
}

enum rc dns_txt_start(struct validator_env *env, const struct dns_txt_spec *spec, struct dns_txt **out)
{
	struct dns_txt *t;
	enum rc rc;

	if (spec->name.len == 0 || spec->name.len >= sizeof(t->name))
		return RC_INVALID;
	t = calloc(1, sizeof(*t));
	if (!t)
		return RC_NOMEM;
	t->spec = *spec;
	t->policy = *spec->policy;
	t->started_ms = clock_mono_ms();
	buf_init(&t->trace, LIMIT_TRACE);
	snprintf(t->name, sizeof(t->name), "%.*s", STR_ARG(spec->name));
	rc = loop_timer_new(env->loop, on_timer, t, &t->timer);
	if (rc == RC_OK)
		rc = ask(t, env->loop);
	if (rc != RC_OK) {
		txt_free(t);
		return rc;
	}
	*out = t;
	return RC_OK;
}

void dns_txt_cancel(struct dns_txt *t)
{
	if (t)
		txt_free(t);
}
