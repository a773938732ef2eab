/* check.c - the life of a check and its verdict:
 *
 *   check_start: facts (settings, store) -> nothing to ask: done
 *                                        -> names and addresses -> challenges, CAA -> done */
#include "core/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/authz.h"
#include "core/check_impl.h"
#include "core/watch.h"

#define CHECKS_AT_ONCE 4
#define CHECK_ARENA (4 * 1024 * 1024)
#define NO_MEMORY "this server is out of memory; ask again"

const char *check_grade_name(enum check_grade grade)
{
	static const char *const names[] = { [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail" };

	return names[grade];
}

/* --- lines --- */

struct check_line *check_add(struct check *k, struct check_lines *to, enum check_grade grade, const char *topic,
			     const char *remedy, const char *fmt, ...)
{
	struct check_line *line = &to->v[to->count < CHECK_LINES_MAX ? to->count++ : CHECK_LINES_MAX - 1];
	char text[FAULT_DETAIL_MAX + 512], shown[sizeof(text)];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)str_printable(str_of(text), shown, sizeof(shown));
	*line = (struct check_line){ .grade = grade, .topic = topic, .text = arena_str(&k->arena, str_of(shown)) };
	if (grade != CHECK_OK)
		line->remedy = arena_str(&k->arena, str_of(remedy ? remedy : "remove what this line names"));
	if (!line->text.p)
		line->text = STR(NO_MEMORY);
	if (grade != CHECK_OK && !line->remedy.p)
		line->remedy = STR("ask again");
	return line;
}

const char *check_time(struct check *k, int64_t at_s)
{
	char text[21];
	char *kept;

	clock_rfc3339(at_s, text);
	kept = arena_cstr(&k->arena, str_of(text));
	return kept ? kept : "?";
}

const char *check_span(struct check *k, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	int64_t n = seconds < 0 ? -seconds : seconds;
	size_t i = 0;
	char *kept;

	while (units[i].seconds > 1 && n < 2 * units[i].seconds)
		i++;
	kept = arena_printf(&k->arena, "%lld %s", (long long)(n / units[i].seconds), units[i].unit);
	return kept ? kept : "?";
}

/* --- the verdict --- */

static struct str ways_text(struct check *k)
{
	struct str text = { 0 };

	for (int64_t bit = 1; bit <= CHALLENGE_DNS_PERSIST_01; bit <<= 1) {
		if (!(k->offered & bit))
			continue;
		text = str_of(arena_printf(&k->arena, "%.*s%s%s", STR_ARG(text), text.len ? " or " : "",
					   challenge_type_name(bit)));
	}
	return text;
}

static void judge(struct check *k)
{
	struct check_report *r = &k->report;

	r->would_issue = true;
	for (size_t i = 0; r->would_issue && i < k->lines.count; i++) {
		if (k->lines.v[i].grade != CHECK_FAIL)
			continue;
		r->would_issue = false;
		r->cause = k->lines.v[i].text;
		r->remedy = k->lines.v[i].remedy;
	}
	if (!r->would_issue)
		return;
	if (k->proven_by)
		r->cause = str_of(arena_printf(&k->arena, "Control is proven already, by %s.", challenge_type_name(k->proven_by)));
	else
		r->cause = str_of(arena_printf(&k->arena,
					       "Nothing is in the way: the client has to prove control by %.*s.",
					       STR_ARG(ways_text(k))));
	r->remedy = STR("Nothing is to be done.");
}

void check_finish(struct check *k)
{
	struct check_report *r = &k->report;

	if (k->asking)
		check_reach_tell(k);
	judge(k);
	for (size_t i = 0; i < k->history.count && k->lines.count < CHECK_LINES_MAX; i++)
		k->lines.v[k->lines.count++] = k->history.v[i];
	r->lines = k->lines.v;
	r->line_count = k->lines.count;
	r->directory = k->directory->name;
	r->zone = k->zone ? k->zone->name : (struct str){ 0 };
	r->profile = k->profile ? k->profile->name : (struct str){ 0 };
	r->authority = k->authority ? k->authority->name : (struct str){ 0 };
	k->done = true;
	if (k->asking) {
		k->asking = false;
		k->jobs->asking--;
		watch_fire(k->jobs->service->watch, k->id);
	}
}

/* --- life --- */

static enum rc copy_request(struct check *k, const struct check_request *r)
{
	const struct str *from[] = { &r->name, &r->account, &r->directory, &r->profile, &r->challenge };
	struct str *to[] = { &k->request.name, &k->request.account, &k->request.directory, &k->request.profile,
			     &k->request.challenge };

	for (size_t i = 0; i < COUNT_OF(from); i++) {
		*to[i] = arena_str(&k->arena, *from[i]);
		if (from[i]->p && !to[i]->p)
			return RC_NOMEM;
	}
	return RC_OK;
}

static unsigned checks_under_way(const struct jobs *j)
{
	unsigned count = 0;

	for (const struct check *k = j->checks; k; k = k->next)
		count += !k->done;
	return count;
}

static enum rc check_new(struct context *c, struct check **out)
{
	struct jobs *j = c->service->jobs;
	struct check *k = calloc(1, sizeof(*k));

	if (!k)
		return RC_NOMEM;
	k->id = id_new();
	k->jobs = j;
	k->config = service_config(c->service);
	arena_init(&k->arena, CHECK_ARENA);
	k->context = *c;
	k->context.config = k->config;
	k->context.arena = &k->arena;
	k->context.tx = tx_new();
	k->next = j->checks;
	k->link = &j->checks;
	if (k->next)
		k->next->link = &k->next;
	j->checks = k;
	if (!k->context.tx) {
		check_free(k);
		return RC_NOMEM;
	}
	*out = k;
	return RC_OK;
}

enum rc check_start(struct context *c, const struct check_request *r, struct check **out, struct fault *f)
{
	bool goes_on = false;
	struct check *k;
	enum rc rc;

	if (checks_under_way(c->service->jobs) >= CHECKS_AT_ONCE)
		return fault_set(f, RC_BUSY, PROBLEM_UNAVAILABLE, "policy: %d checks are under way; ask again in a moment",
				 CHECKS_AT_ONCE);
	rc = check_new(c, &k);
	if (rc != RC_OK)
		return rc;
	rc = copy_request(k, r);
	if (rc == RC_OK)
		rc = check_facts(k, &goes_on, f);
	/* What deciding wrote is never committed. */
	tx_free(TAKE(k->context.tx));
	k->context.read = NULL;
	if (rc == RC_OK && goes_on)
		rc = check_reach_start(k, f);
	if (rc != RC_OK) {
		check_free(k);
		return rc;
	}
	if (!k->asking)
		check_finish(k);
	*out = k;
	return RC_OK;
}

const struct check_report *check_report(const struct check *k)
{
	return k->done ? &k->report : NULL;
}

struct id check_id(const struct check *k)
{
	return k->id;
}

static void check_stop(struct check *k)
{
	if (!k->jobs)
		return;
	check_reach_stop(k);
	if (k->asking)
		k->jobs->asking--;
	k->asking = false;
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	k->jobs = NULL;
}

void check_free(struct check *k)
{
	if (!k)
		return;
	check_stop(k);
	tx_free(k->context.tx);
	config_unref(k->config);
	arena_done(&k->arena);
	free(k);
}

void checks_end(struct jobs *j)
{
	while (j->checks)
		check_stop(j->checks);
}
