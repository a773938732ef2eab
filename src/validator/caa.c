/* caa.c - finds the Relevant CAA RRset (RFC 8659 §3): that of the name itself or else of the nearest
 * parent that has one, up to the top-level domain. Names are asked one after the other, since most
 * answers come from the resolver's cache or end the search; aliases are followed by the resolver and
 * the climb goes on from the name that was asked, not from where an alias led (RFC 8659 §3). */
#include "validator/caa.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/trace.h"
#include "validator/caa_judge.h"
#include "validator/validator_env.h"

#define NAMES_MAX 40 /* asked in one check; a name under ip6.arpa has 34 labels */
#define ARENA_MAX (16 * 1024)

struct caa_check {
	struct resolver *resolver;
	struct dns_query *question; /* NULL: an address, for which nothing is asked */
	struct loop_timer *timer;   /* the deadline */
	void (*done)(void *arg, const struct caa_result *result);
	void *arg;
	int64_t started_ms, deadline_ms, asked_ms;
	struct arena arena;
	struct caa_issuance issuance; /* in the arena */
	struct str at;                /* the name that is being asked, a tail of the identifier */
	unsigned asked;
	struct buf trace;
	struct caa_result result;
};

static void ask(struct caa_check *c);

static void check_free(struct caa_check *c)
{
	resolver_cancel(c->question);
	loop_timer_free(c->timer);
	arena_done(&c->arena);
	buf_done(&c->trace);
	free(c);
}

static void end(struct caa_check *c, enum caa_verdict verdict, enum problem problem, bool transient,
		const char *fmt, ...) PRINTF_LIKE(5, 6);
static void end(struct caa_check *c, enum caa_verdict verdict, enum problem problem, bool transient,
		const char *fmt, ...)
{
	struct caa_result *r = &c->result;
	char raw[sizeof(r->detail)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	str_printable(str_of(raw), r->detail, sizeof(r->detail));
	r->verdict = verdict;
	r->problem = problem;
	r->transient = transient;
	r->trace = buf_str(&c->trace);
	r->duration_ms = clock_mono_ms() - c->started_ms;
	c->done(c->arg, r);
	check_free(c);
}

/* --- answers --- */

static void judge(struct caa_check *c, const struct dns_answer *a)
{
	struct caa_result *r = &c->result;
	char why[CAA_WHY_MAX];

	if (caa_judge(a->caa, a->caa_count, &c->issuance, why)) {
		end(c, CAA_VERDICT_ALLOWED, PROBLEM_NONE, false, "the CAA records of %s allow it: %s", r->owner,
		    why);
		return;
	}
	end(c, CAA_VERDICT_DENIED, PROBLEM_CAA, false,
	    "RFC 8659 §3: the CAA records of %s forbid this service to issue for %s: %s; if that is not "
	    "intended, publish '%s. CAA 0 %s \"%.*s\"'", r->owner, r->name, why, r->owner,
	    c->issuance.wildcard ? "issuewild" : "issue",
	    STR_ARG(c->issuance.issuers[0]));
}

static void note_records(struct caa_check *c, const struct dns_answer *a)
{
	struct caa_result *r = &c->result;
	size_t len = 0;

	for (size_t i = 0; i < a->caa_count && len + 3 < sizeof(r->records); i++) {
		if (i)
			len += (size_t)snprintf(r->records + len, sizeof(r->records) - len, ", ");
		len += caa_text(&a->caa[i], r->records + len, sizeof(r->records) - len);
	}
}

/* The parent is asked next, unless the top has been. */
static void climb(struct caa_check *c)
{
	struct str label, parent;

	str_cut(c->at, '.', &label, &parent);
	c->at = parent;
	if (parent.len > 0) {
		ask(c);
		return;
	}
	c->result.owner[0] = '\0';
	end(c, CAA_VERDICT_ALLOWED, PROBLEM_NONE, false, "RFC 8659 §3: neither %s nor any of its parents has "
	    "CAA records", c->result.name);
}

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct caa_check *c = arg;
	struct caa_result *r = &c->result;

	c->question = NULL;
	if (a->rc == RC_OK)
		note_records(c, a);
	trace_add(&c->trace, "dns %s CAA: %s%s%.*s%s (%lld ms)", r->owner,
		  a->rc == RC_OK ? r->records : a->rc == RC_NOTFOUND ? (a->nxdomain ? "NXDOMAIN" : "none") : a->why,
		  a->canonical.len ? ", CNAME " : "", STR_ARG(a->canonical), a->secure ? ", DNSSEC" : "",
		  (long long)(clock_mono_ms() - c->asked_ms));
	switch (a->rc) {
	case RC_OK:
		judge(c, a);
		return;
	case RC_NOTFOUND:
		climb(c);
		return;
	case RC_DENIED:
		end(c, CAA_VERDICT_FAILED, PROBLEM_DNS, false, "RFC 8659 §3: the CAA records of %s are refused, so "
		    "whether %s may be issued for is not known: %s; repair the zone's signatures", r->owner,
		    r->name, a->why);
		return;
	case RC_IO:
	case RC_TIMEOUT:
		end(c, CAA_VERDICT_FAILED, PROBLEM_DNS, true, "RFC 8659 §3: the DNS gave no answer for %s CAA, so "
		    "whether %s may be issued for is not known: %s; repair the zone's name servers, or try "
		    "again later", r->owner, r->name, a->why);
		return;
	default:
		end(c, CAA_VERDICT_FAILED, PROBLEM_SERVER_INTERNAL, true,
		    "this server could not read the answer for %s CAA: %s", r->owner, rc_text(a->rc));
	}
}

static void on_timer(void *arg)
{
	struct caa_check *c = arg;

	if (!c->question) {
		end(c, CAA_VERDICT_ALLOWED, PROBLEM_NONE, false, "RFC 8659 §1: CAA is about domain names, %s is an "
		    "address", c->result.name);
		return;
	}
	trace_add(&c->trace, "dns %s CAA: no answer (%lld ms)", c->result.owner,
		  (long long)(clock_mono_ms() - c->asked_ms));
	end(c, CAA_VERDICT_FAILED, PROBLEM_DNS, true, "RFC 8659 §3: the DNS did not answer for %s CAA within "
	    "%lld ms, so whether %s may be issued for is not known; repair the zone's name servers, or try "
	    "again later", c->result.owner, (long long)c->deadline_ms, c->result.name);
}

/* --- questions --- */

static enum rc ask_now(struct caa_check *c)
{
	snprintf(c->result.owner, sizeof(c->result.owner), "%.*s", STR_ARG(c->at));
	c->asked_ms = clock_mono_ms();
	c->asked++;
	return resolver_ask(c->resolver, c->at, DNS_CAA, on_answer, c, &c->question);
}

static void ask(struct caa_check *c)
{
	enum rc rc;

	if (c->asked == NAMES_MAX) {
		end(c, CAA_VERDICT_FAILED, PROBLEM_DNS, false, "policy: %s has more than %d labels, so its CAA "
		    "records cannot be found", c->result.name, NAMES_MAX);
		return;
	}
	rc = ask_now(c);
	if (rc != RC_OK)
		end(c, CAA_VERDICT_FAILED, PROBLEM_SERVER_INTERNAL, true, "this server could not ask for %s CAA: %s",
		    c->result.owner, rc_text(rc));
}

static enum rc copy_request(struct caa_check *c, const struct caa_request *r)
{
	struct str *issuers = arena_array(&c->arena, r->issuer_count, sizeof(*issuers));

	if (!issuers)
		return RC_NOMEM;
	for (size_t i = 0; i < r->issuer_count; i++) {
		issuers[i] = arena_str(&c->arena, r->issuers[i]);
		if (!issuers[i].p)
			return RC_NOMEM;
	}
	c->issuance = (struct caa_issuance){
		.issuers = issuers,
		.issuer_count = r->issuer_count,
		.account_url = arena_str(&c->arena, r->account_url),
		.method = arena_str(&c->arena, r->method),
		.wildcard = r->identifier->wildcard,
	};
	c->at = arena_str(&c->arena, r->identifier->value);
	if (!c->at.p || (r->account_url.p && !c->issuance.account_url.p) || (r->method.p && !c->issuance.method.p))
		return RC_NOMEM;
	snprintf(c->result.name, sizeof(c->result.name), "%s%.*s", r->identifier->wildcard ? "*." : "",
		 STR_ARG(r->identifier->value));
	return RC_OK;
}

enum rc caa_check_start(struct validator_env *env, const struct caa_request *r,
			void (*done)(void *arg, const struct caa_result *result), void *arg,
			struct caa_check **out)
{
	bool is_ip = r->identifier->type == IDENTIFIER_IP;
	struct caa_check *c;
	enum rc rc;

	if (r->identifier->value.len == 0 || r->identifier->value.len > LIMIT_NAME || r->issuer_count == 0)
		return RC_INVALID;
	c = calloc(1, sizeof(*c));
	if (!c)
		return RC_NOMEM;
	c->resolver = r->resolver;
	c->done = done;
	c->arg = arg;
	c->started_ms = clock_mono_ms();
	c->deadline_ms = r->deadline_ms;
	arena_init(&c->arena, ARENA_MAX);
	buf_init(&c->trace, LIMIT_TRACE);
	rc = copy_request(c, r);
	if (rc == RC_OK)
		rc = loop_timer_new(env->loop, on_timer, c, &c->timer);
	if (rc == RC_OK)
		loop_timer_set(c->timer, is_ip ? 0 : c->deadline_ms);
	if (rc == RC_OK && !is_ip)
		rc = ask_now(c);
	if (rc != RC_OK) {
		check_free(c);
		return rc;
	}
	*out = c;
	return RC_OK;
}

void caa_check_cancel(struct caa_check *c)
{
	if (c)
		check_free(c);
}
