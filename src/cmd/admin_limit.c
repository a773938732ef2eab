/* admin_limit.c - `assay limit show|reset`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static struct str number(struct admin *x, int64_t n)
{
	return str_of(arena_printf(&x->arena, "%lld", (long long)n));
}

static struct str figure(struct admin *x, const struct node *n)
{
	int64_t count = node_int(n, "count");

	if (count == 0)
		return STR("off");
	return str_of(arena_printf(&x->arena, "%lld in %lld h", (long long)count,
				   (long long)node_int(n, "period_s") / 3600));
}

static int print_limits(struct admin *x)
{
	static const char *const rule_headings[] = { "LIMIT", "FIGURE", "REFUSED" };
	static const char *const headings[] = { "LIMIT", "FOR", "USED", "OF" };
	const struct node *rules = node_get(x->answer, "rules"), *fullest = node_get(x->answer, "fullest");
	struct table t;

	table_init(&t, &x->arena, rule_headings, COUNT_OF(rule_headings));
	for (size_t i = 0; i < node_count(rules); i++) {
		const struct node *n = node_at(rules, i);

		table_cell(&t, node_str(n, "name"));
		table_cell(&t, figure(x, n));
		table_cell(&t, number(x, node_int(n, "refused")));
	}
	if (!table_print(&t, stdout))
		return admin_no_memory(x);
	if (!node_count(fullest))
		return EXIT_OK;
	putchar('\n');
	table_init(&t, &x->arena, headings, COUNT_OF(headings));
	for (size_t i = 0; i < node_count(fullest); i++) {
		const struct node *n = node_at(fullest, i);

		table_cell(&t, node_str(n, "rule"));
		table_cell(&t, node_str(n, "subject"));
		table_cell(&t, number(x, node_int(n, "used")));
		table_cell(&t, number(x, node_int(n, "count")));
	}
	return table_print(&t, stdout) ? EXIT_OK : admin_no_memory(x);
}

static int limit_show(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	int code;

	admin_init(&x, "assay limit show");
	if (options_parse(argc, argv, options, "assay limit show [options]",
			  "Shows the rate limits, how often each has refused since the start, and who has used most.\n\n"
			  "  assay limit show",
			  NULL, 0, NULL, &code)) {
		code = admin_get(&x, "/v1/limits");
		if (code == EXIT_OK)
			code = x.json ? admin_print_json(&x) : print_limits(&x);
	}
	admin_done(&x);
	return code;
}

/* A mistyped subject must not look like one that was forgiven. */
static int print_reset(const struct admin *x, const char *subject)
{
	long long count = (long long)node_int(x->answer, "reset");

	if (count == 0 && subject) {
		fprintf(stderr, "%s: nothing was counted for \"%s\"; `assay limit show` has those who used most\n",
			x->verb, subject);
		return EXIT_NOT_FOUND;
	}
	printf("%lld counter%s reset\n", count, count == 1 ? "" : "s");
	return EXIT_OK;
}

static int limit_reset(int argc, char **argv)
{
	bool all = false;
	struct admin x;
	const struct option options[] = {
		{ "all", OPTION_FLAG, &all, NULL, "everybody's" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1] = { NULL };
	size_t count;
	int code;

	admin_init(&x, "assay limit reset");
	if (options_parse(argc, argv, options, "assay limit reset SUBJECT | --all [options]",
			  "Forgives what was counted for an account, an address, a name or a binding key, written as\n"
			  "`assay limit show` does. Exit code 3: nothing was counted for it.\n\n"
			  "  assay limit reset 192.0.2.7\n  assay limit reset www.lab.internal",
			  words, 1, &count, &code) &&
	    (all || admin_word(&x, words, count, "whose limits to reset, or --all", &code))) {
		const struct body_member members[] = {
			{ .name = "subject", .text = all ? NULL : words[0] }, { .name = "all", .flag = all }, { 0 },
		};

		code = admin_post(&x, "/v1/limits/reset", body_encode(&x.arena, members));
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			code = print_reset(&x, all ? NULL : words[0]);
	}
	admin_done(&x);
	return code;
}

int verb_limit(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "show", limit_show, "figures, and who has used most" },
		{ "reset", limit_reset, "forgive what was counted" },
		{ 0 },
	};

	return verbs_run("assay limit", "Rate limits (RFC 8555 §6.6) of the running server.", verbs, argc, argv);
}
