/* admin_status.c - `assay status`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static const char *uptime(struct admin *x, int64_t s)
{
	if (s >= 2 * 86400)
		return arena_printf(&x->arena, "%lld days", (long long)(s / 86400));
	if (s >= 2 * 3600)
		return arena_printf(&x->arena, "%lld hours", (long long)(s / 3600));
	return arena_printf(&x->arena, "%lld minutes", (long long)(s / 60));
}

static void print_status(struct admin *x)
{
	const struct node *n = x->answer, *jobs = node_get(n, "jobs");
	const struct node *authorities = node_get(n, "authorities"), *directories = node_get(n, "directories");
	struct arena *a = &x->arena;

	fact_print(stdout, "server", node_str(n, "name"));
	fact_print(stdout, "version", node_str(n, "version"));
	fact_print(stdout, "ready", node_bool(n, "ready") ? STR("yes")
							  : str_of(arena_printf(a, "NO: %.*s", STR_ARG(node_str(n, "why_not_ready")))));
	fact_print(stdout, "up", str_of(uptime(x, node_int(n, "uptime_s"))));
	fact_print(stdout, "settings", node_str(n, "settings"));
	fact_print(stdout, "store", node_str(n, "store"));
	fact_print(stdout, "jobs", str_of(arena_printf(a, "%lld running, %lld waiting", (long long)node_int(jobs, "running"),
						       (long long)node_int(jobs, "waiting"))));
	for (size_t i = 0; i < node_count(authorities); i++) {
		const struct node *one = node_at(authorities, i);

		fact_print(stdout, "authority", str_of(arena_printf(a, "%.*s, until %.10s (%lld days)", STR_ARG(node_str(one, "name")),
								     node_str(one, "not_after").p ? node_str(one, "not_after").p : "",
								     (long long)node_int(one, "days_left"))));
	}
	for (size_t i = 0; i < node_count(directories); i++)
		fact_print(stdout, "directory", node_str(node_at(directories, i), "url"));
}

int verb_status(int argc, char **argv)
{
	struct admin x;
	const struct option table[] = { ADMIN_OPTIONS(&x), { 0 } };
	int code;

	admin_init(&x, "assay status");
	if (options_parse(argc, argv, table, "assay status [options]",
			  "Says whether the running server can issue, and what it runs with. Exit code 0: ready,\n"
			  "1: running but not ready, 4: not reachable.\n\n"
			  "  assay status && echo ready",
			  NULL, 0, NULL, &code)) {
		code = admin_get(&x, "/v1/status");
		if (code == EXIT_OK) {
			if (x.json)
				(void)admin_print_json(&x);
			else
				print_status(&x);
			code = node_bool(x.answer, "ready") ? EXIT_OK : EXIT_FAILED;
		}
	}
	admin_done(&x);
	return code;
}
