/* perspectives.c - see perspectives.h. The validator runs once for each perspective, all at the same time;
 * as soon as the verdict cannot change the others are cancelled. The end always comes in a turn of the
 * loop of its own, because a view must not be freed from within what runs in it. */
#include "probe/perspectives.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/trace.h"
#include "probe/quorum.h"
#include "probe/view.h"

#define LABEL_MAX (PROBE_NAME_MAX + 8)

struct perspective {
	struct validation *whole;
	char label[LABEL_MAX];         /* "probe b", "this server" */
	struct view *view;             /* NULL: our own */
	struct validation *validation; /* NULL: has ended, or was never begun */
	bool ended;
};

struct validation {
	const struct validator_ops *validator;
	validation_done_fn done;
	void *arg;
	struct loop_timer *timer; /* the end */
	int64_t started_ms;
	struct quorum quorum;
	struct perspective *perspectives;
	size_t count;
	struct buf trace;
	int64_t valid_until;
	/* Of the first that said no for good; until there is one, of the first that could not tell. */
	struct validation_result failure;
	bool failed, missed;
	char failed_label[LABEL_MAX];
};

static void validation_free(struct validation *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->perspectives[i].validation)
			w->validator->cancel(w->perspectives[i].validation);
		view_free(w->perspectives[i].view);
	}
	loop_timer_free(w->timer);
	buf_done(&w->trace);
	free(w->perspectives);
	free(w);
}

/* --- one has ended --- */

static void keep_lines(struct validation *w, const char *label, struct str lines)
{
	struct str line;

	while (lines.len > 0) {
		(void)str_cut(lines, '\n', &line, &lines);
		if (line.len)
			trace_add(&w->trace, "%s: %.*s", label, STR_ARG(line));
	}
}

/* Our own words for what a view could not see at all. */
static void keep_trouble(struct perspective *p, const char *why, struct validation_result *out)
{
	out->transient = true;
	out->problem = PROBLEM_SERVER_INTERNAL;
	snprintf(out->detail, sizeof(out->detail), "policy: this name is looked at from elsewhere, and %.300s; try "
		 "again later, or tell the administrator of this service", why);
	trace_add(&p->whole->trace, "%s: %s", p->label, why);
}

static void keep_failure(struct perspective *p, const struct validation_result *r)
{
	struct validation *w = p->whole;
	bool for_good = !r->transient;

	w->quorum.invalid += for_good;
	w->quorum.missing += !for_good;
	if (w->failed || (w->missed && !for_good))
		return;
	w->failed = for_good;
	w->missed = true;
	w->failure = *r;
	w->failure.trace = (struct str){ 0 };
	snprintf(w->failed_label, sizeof(w->failed_label), "%s", p->label);
}

static void settle(struct validation *w)
{
	if (quorum_verdict(&w->quorum) != QUORUM_OPEN)
		loop_timer_set(w->timer, 0);
}

static void on_done(void *arg, const struct validation_result *result)
{
	struct perspective *p = arg;
	struct validation *w = p->whole;
	struct validation_result r = *result;
	const char *trouble = p->view ? view_trouble(p->view) : "";

	p->validation = NULL;
	p->ended = true;
	keep_lines(w, p->label, r.trace);
	if (r.valid) {
		trace_add(&w->trace, "%s: valid (%lld ms)", p->label, (long long)r.duration_ms);
		w->quorum.valid++;
		/* The strictest of them. */
		if (r.valid_until && (!w->valid_until || r.valid_until < w->valid_until))
			w->valid_until = r.valid_until;
	} else {
		if (trouble[0])
			keep_trouble(p, trouble, &r);
		else
			trace_add(&w->trace, "%s: %s (%lld ms)", p->label, r.transient ? "not yet" : "invalid",
				  (long long)r.duration_ms);
		keep_failure(p, &r);
	}
	settle(w);
}

/* --- the end --- */

/* "RFC 8555 §8.3: ..." of one is not the whole story when several were asked. */
static void tell_failure(const struct validation *w, bool transient, struct validation_result *out)
{
	*out = w->failure;
	out->transient = transient;
	if (w->count > 1)
		snprintf(out->detail, sizeof(out->detail), "policy: %zu of %zu perspectives agree and %zu must; %s says: %.440s",
			 w->quorum.valid, w->quorum.asked, w->quorum.needed, w->failed_label, w->failure.detail);
	else
		snprintf(out->detail, sizeof(out->detail), "%.590s", w->failure.detail);
}

static void on_timer(void *arg)
{
	struct validation *w = arg;
	struct validation_result out = { .valid = true, .valid_until = w->valid_until };
	enum quorum_verdict verdict = quorum_verdict(&w->quorum);

	for (size_t i = 0; i < w->count; i++)
		if (!w->perspectives[i].ended)
			trace_add(&w->trace, "%s: not waited for", w->perspectives[i].label);
	if (verdict != QUORUM_VALID)
		tell_failure(w, verdict == QUORUM_TRANSIENT, &out);
	if (w->quorum.valid > 0 && w->quorum.invalid > 0) /* somebody is led astray, or lies */
		LOG_WARN("perspectives_disagree", F_INT("valid", w->quorum.valid), F_INT("invalid", w->quorum.invalid),
			 F_TEXT("view", w->failed_label), F_TEXT("detail", w->failure.detail));
	out.trace = buf_str(&w->trace);
	out.duration_ms = clock_mono_ms() - w->started_ms;
	w->done(w->arg, &out);
	validation_free(w);
}

/* --- the beginning --- */

static enum rc begin_probe(const struct perspectives_request *q, struct perspective *p, struct str name)
{
	const struct view_spec spec = { .loop = q->loop, .probes = q->probes, .probe = name, .dns = q->dns };
	struct validation_request request = *q->request;
	enum rc rc;

	snprintf(p->label, sizeof(p->label), "probe %.*s", STR_ARG(name));
	rc = view_new(&spec, &p->view);
	if (rc != RC_OK)
		return rc;
	request.policy.resolver = view_resolver(p->view);
	return q->validator->start(view_env(p->view), &request, on_done, p, &p->validation);
}

static enum rc begin_own(const struct perspectives_request *q, struct perspective *p)
{
	snprintf(p->label, sizeof(p->label), "this server");
	return q->validator->start(q->own_env, q->request, on_done, p, &p->validation);
}

/* RC_INVALID: it can never be proven so, whoever looks. */
static enum rc begin(const struct perspectives_request *q, struct perspective *p, struct str name)
{
	struct validation_result r = { .valid = false };
	char why[PROBE_TROUBLE_MAX];
	enum rc rc = RC_UNAVAILABLE;

	if (str_eq(name, q->own_name)) {
		rc = begin_own(q, p);
		snprintf(why, sizeof(why), "this server could not begin to look: %s", rc_text(rc));
	} else if (probes_missing(q->probes, name, why)) {
		snprintf(p->label, sizeof(p->label), "probe %.*s", STR_ARG(name));
	} else {
		rc = begin_probe(q, p, name);
		snprintf(why, sizeof(why), "%s", p->view && view_trouble(p->view)[0] ? view_trouble(p->view) : rc_text(rc));
	}
	if (rc == RC_OK || rc == RC_INVALID)
		return rc;
	p->validation = NULL;
	p->ended = true;
	keep_trouble(p, why, &r);
	keep_failure(p, &r);
	return RC_OK;
}

static enum rc perspectives_start(const struct perspectives_request *q, validation_done_fn done, void *arg,
				  struct validation **out)
{
	struct validation *w = calloc(1, sizeof(*w));
	enum rc rc;

	if (!w)
		return RC_NOMEM;
	buf_init(&w->trace, LIMIT_TRACE);
	w->validator = q->validator;
	w->done = done;
	w->arg = arg;
	w->started_ms = clock_mono_ms();
	w->quorum = quorum_of(q->count, q->quorum);
	w->perspectives = calloc(q->count, sizeof(*w->perspectives));
	rc = w->perspectives ? loop_timer_new(q->loop, on_timer, w, &w->timer) : RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < q->count; i++) {
		w->count++;
		w->perspectives[i].whole = w;
		rc = begin(q, &w->perspectives[i], q->names[i]);
	}
	if (rc != RC_OK) {
		validation_free(w);
		return rc;
	}
	settle(w);
	*out = w;
	return RC_OK;
}

static void perspectives_cancel(struct validation *w)
{
	if (w)
		validation_free(w);
}

static const struct validator_ops VALIDATION = {
	.type = "perspectives",
	.cancel = perspectives_cancel,
};

const struct perspectives_ops PERSPECTIVES = {
	.start = perspectives_start,
	.validation = &VALIDATION,
};
