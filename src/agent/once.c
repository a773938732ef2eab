/* once.c - see once.h. */
#include "agent/once.h"

#include <stdio.h>

#include "base/clock.h"

#define ONCE_ARENA (8 * 1024 * 1024) /* two generations as read, and what is read from them */

static void tell(const struct apply_options *o, const char *text)
{
	if (o->say)
		o->say(o->say_arg, text);
}

static void tell_trouble(const struct apply_options *o, const struct observed_set *set)
{
	char text[FAULT_DETAIL_MAX + 64];

	if (!set->trouble[0])
		return;
	(void)snprintf(text, sizeof(text), "what is there cannot be used: %s", set->trouble);
	tell(o, text);
}

enum rc agent_once(const char *dir, const struct desired *d, const struct apply_options *options,
		   struct once_result *out, struct fault *f)
{
	struct apply_options o = *options;
	AUTO(observed) struct observed observed = { 0 };
	AUTO(files) struct files files = { .lock = -1 };
	AUTO(arena) struct arena arena;
	struct once_result result;
	struct plan plan;
	enum rc rc;

	arena_init(&arena, ONCE_ARENA);
	rc = files_open(dir, &files, f);
	if (rc == RC_OK)
		rc = observe(&files, &arena, &observed, f);
	if (rc != RC_OK)
		return rc;
	if (!o.account_key)
		o.account_key = arena_printf(&arena, "%s/account.key", dir);
	if (!o.account_key)
		return RC_NOMEM;
	plan = plan_make(d, &observed, clock_now_s());
	tell_trouble(&o, &observed.live);
	if (plan.action != PLAN_NOTHING)
		tell(&o, plan.why);
	result = (struct once_result){ .action = plan.action, .renew_at = plan.renew_at };
	rc = apply(&files, d, &observed, &plan, &o, &result.not_after, f);
	if (rc == RC_OK)
		*out = result;
	return rc;
}
