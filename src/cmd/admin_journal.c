/* admin_journal.c - `assay job list`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static int list_pages(int argc, char **argv, const char *verb, const char *text, const char *target, const char *name,
		      const char *const *headings, size_t columns,
		      void (*row)(struct admin *x, const struct node *n, void *arg))
{
	struct admin x;
	int64_t most = ADMIN_LIST_MOST;
	const struct option options[] = {
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	char usage[64];
	int code;

	admin_init(&x, verb);
	table_init(&t, &x.arena, headings, columns);
	(void)snprintf(usage, sizeof(usage), "%s [options]", verb);
	if (options_parse(argc, argv, options, usage, text, NULL, 0, NULL, &code)) {
		code = admin_list(&x, target, name, most, row, &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static void job_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "kind"));
	table_cell(t, node_str(n, "subject"));
	table_cell(t, time_short(&x->arena, node_str(n, "due_at")));
	table_cell(t, str_of(arena_printf(&x->arena, "%lld", (long long)node_int(n, "attempt"))));
	table_cell(t, node_str(n, "note"));
}

static int job_list(int argc, char **argv)
{
	static const char *const headings[] = { "JOB", "SUBJECT", "DUE", "ATTEMPT", "LAST ERROR" };

	return list_pages(argc, argv, "assay job list",
			  "Lists work under way - validations, issuances -, the oldest first. The subject is an\n"
			  "authorization or an order; `assay order why` says more about it.\n\n  assay job list",
			  "/v1/jobs", "jobs", headings, COUNT_OF(headings), job_row);
}

int verb_job(int argc, char **argv)
{
	static const struct verb verbs[] = { { "list", job_list, "work under way, the oldest first" }, { 0 } };

	return verbs_run("assay job", "Work under way in the running server.", verbs, argc, argv);
}
