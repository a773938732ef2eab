/* admin_order.c - `assay order list|show|why`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static void order_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "id"));
	table_cell(t, node_str(n, "status"));
	table_cell(t, time_short(&x->arena, node_str(n, "created_at")));
	table_cell(t, node_bool(n, "by_operator") ? STR("(operator)") : node_str(n, "account"));
	table_cell(t, node_list(&x->arena, node_get(n, "identifiers")));
}

static int order_list(int argc, char **argv)
{
	static const char *const headings[] = { "ORDER", "STATUS", "CREATED", "ACCOUNT", "NAMES" };
	struct admin x;
	const char *account = NULL;
	int64_t most = ADMIN_LIST_MOST;
	const struct option options[] = {
		{ "account", OPTION_TEXT, &account, "ID", "only this account's" },
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	int code;

	admin_init(&x, "assay order list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay order list [options]",
			  "Lists orders, the newest first.\n\n  assay order list --limit 20", NULL, 0, NULL, &code)) {
		code = admin_list(&x, admin_target(&x, "/v1/orders", "account", account, NULL), "orders", most, order_row,
				  &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static void print_facts(struct admin *x)
{
	const struct node *n = x->answer;

	fact_print(stdout, "order", node_str(n, "id"));
	fact_print(stdout, "status", node_str(n, "status"));
	fact_print(stdout, "names", node_list(&x->arena, node_get(n, "identifiers")));
	fact_print(stdout, "account", node_bool(n, "by_operator") ? STR("(operator)") : node_str(n, "account"));
	fact_print(stdout, "directory", node_str(n, "directory"));
	fact_print(stdout, "profile", node_str(n, "profile"));
	fact_print(stdout, "created", time_short(&x->arena, node_str(n, "created_at")));
	fact_print(stdout, "expires", time_short(&x->arena, node_str(n, "expires_at")));
	fact_print(stdout, "certificate", node_str(n, "certificate"));
	fact_print(stdout, "error", node_str(node_get(n, "error"), "detail"));
}

/* --- why --- */

static void print_why(struct admin *x)
{
	const struct node *n = x->answer, *steps = node_get(n, "steps");
	struct str first = node_text(node_at(node_get(n, "identifiers"), 0));

	print_facts(x);
	printf("\n");
	for (size_t i = 0; i < node_count(steps); i++)
		fact_print(stdout, "step",
			   str_of(arena_printf(&x->arena, "%.*s  %.*s", STR_ARG(node_str(node_at(steps, i), "at")),
					       STR_ARG(node_str(node_at(steps, i), "what")))));
	printf("\n");
	admin_print_lines(node_get(n, "lines"));
	printf("\n");
	fact_print(stdout, "cause", node_str(n, "cause"));
	fact_print(stdout, "what to do", node_str(n, "remedy"));
	if (!node_bool(n, "by_operator") && !str_is(node_str(n, "status"), "valid"))
		fact_print(stdout, "and now?",
			   str_of(arena_printf(&x->arena, "assay check '%.*s' --account %.*s", STR_ARG(first),
					       STR_ARG(node_str(n, "account")))));
}

static int order_one(int argc, char **argv, const char *verb, const char *text, const char *tail,
		     void (*print)(struct admin *x))
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	char usage[64];
	size_t count;
	int code;

	admin_init(&x, verb);
	(void)snprintf(usage, sizeof(usage), "%s ID [options]", verb);
	if (options_parse(argc, argv, options, usage, text, words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the id of an order", &code)) {
		code = admin_get(&x, admin_path(&x, "/v1/orders/", words[0], tail));
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			print(&x);
	}
	admin_done(&x);
	return code;
}

static int order_show(int argc, char **argv)
{
	return order_one(argc, argv, "assay order show",
			 "Shows one order; one that is being issued is waited for (10 s).\n\n"
			 "  assay order show 06f1s6b3k9zt2m6g0c9h7qk4ve",
			 "", print_facts);
}

static int order_why(int argc, char **argv)
{
	return order_one(argc, argv, "assay order why",
			 "Explains what became of an order, line by line: the zone that decides for each name, what was tried\n"
			 "to prove control and what was answered, the steps of the issuance, the cause and what to do. The id\n"
			 "of an order is in its URL, in the log, and in `assay order list`. What would happen now is told by\n"
			 "`assay check NAME`.\n\n"
			 "  assay order why 06f1s6b3k9zt2m6g0c9h7qk4ve",
			 "/why", print_why);
}

int verb_order(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", order_list, "orders, the newest first" },
		{ "show", order_show, "one order" },
		{ "why", order_why, "what became of an order, and what to do" },
		{ 0 },
	};

	return verbs_run("assay order", "Orders (RFC 8555 §7.1.3) of the running server.", verbs, argc, argv);
}
