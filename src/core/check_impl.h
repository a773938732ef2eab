/* check_impl.h - one check, shared by its parts: check.c (life, verdict), check_facts.c (what settings
 * and store say), check_reach.c (what is asked
 * outside), check_tell.c (what that means). */
#ifndef ASSAY_CORE_CHECK_IMPL_H
#define ASSAY_CORE_CHECK_IMPL_H

#include "core/account.h"
#include "core/check.h"
#include "core/job_run.h"
#include "validator/caa.h"

#define CHECK_CHALLENGES 5
/* For each challenge a rehearsal and a question about CAA; for each address one of each port. */
#define CHECK_TASKS_MAX (2 + 2 * CHECK_CHALLENGES + 2 * LIMIT_DNS_ADDRESSES)

struct check_lines {
	struct check_line v[CHECK_LINES_MAX];
	size_t count;
};

/* One thing that is asked outside, and what came. */
struct check_task {
	struct check *check;
	enum { TASK_AAAA, TASK_A, TASK_CHALLENGE, TASK_ADDRESS, TASK_CAA } kind;
	int64_t challenge;
	struct addr addr;      /* TASK_ADDRESS: only this one */
	struct prefix prefix;
	bool asked;            /* it could be begun */
	enum rc rc;            /* why not */
	struct dns_query *question;
	const struct validator_ops *validator;
	struct validation *validation;
	struct caa_check *caa;
	/* Results; slices are in the check's arena. */
	struct dns_answer answer;
	struct validation_result result;
	struct caa_result said;
	int64_t ended_at;
};

struct check {
	struct jobs *jobs; /* NULL: they have ended */
	struct check *next, **link; /* among all checks */
	struct id id;
	struct config *config;
	struct arena arena;
	struct context context; /* with that arena; read only while it starts */
	struct check_request request;
	bool asking, done;

	struct identifier identifier;
	struct account account; /* in the arena; id zero: none was named */
	const struct directory *directory;
	const struct zone *zone;
	const struct profile *profile;
	const struct authority *authority;
	int64_t offered;   /* challenges that can prove it, of the zone and as asked for */
	int64_t proven_by; /* by which the authorization was proven that an order would get; 0: none */

	struct resolver *resolver;
	struct str token, key_authorization, account_url;
	struct addr addrs[LIMIT_DNS_ADDRESSES];
	size_t addr_count;
	struct check_task tasks[CHECK_TASKS_MAX];
	size_t task_count, waiting;

	struct check_lines lines, history; /* history comes last */
	struct check_report report;
};

/* remedy: NULL with CHECK_OK. Both are copied. */
struct check_line *check_add(struct check *k, struct check_lines *to, enum check_grade grade, const char *topic,
			     const char *remedy, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* Time for people: "2026-11-21T11:04:05Z"; "3 h". In the arena, never NULL. */
const char *check_time(struct check *k, int64_t at_s);
const char *check_span(struct check *k, int64_t seconds);

/* check_facts.c. *out_goes_on: is there anything to ask outside? */
enum rc check_facts(struct check *k, bool *out_goes_on, struct fault *f) MUST_USE;

/* check_reach.c; check_finish() comes when all has answered, never from within. */
enum rc check_reach_start(struct check *k, struct fault *f) MUST_USE;
void check_reach_stop(struct check *k);
/* check_tell.c: what came, as lines; leaves in k->offered the challenges that would do. */
void check_reach_tell(struct check *k);

/* check.c */
void check_finish(struct check *k);

#endif
