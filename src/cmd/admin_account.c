/* admin_account.c - `assay account list|show|deactivate`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static void account_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "id"));
	table_cell(t, node_str(n, "status"));
	table_cell(t, time_short(&x->arena, node_str(n, "created_at")));
	table_cell(t, node_str(n, "directory"));
	table_cell(t, node_str(n, "key"));
	table_cell(t, node_list(&x->arena, node_get(n, "contacts")));
}

static int account_list(int argc, char **argv)
{
	static const char *const headings[] = { "ACCOUNT", "STATUS", "CREATED", "DIRECTORY", "KEY", "CONTACTS" };
	struct admin x;
	const char *status = NULL;
	int64_t most = ADMIN_LIST_MOST;
	const struct option options[] = {
		{ "status", OPTION_TEXT, &status, "STATUS", "only valid, deactivated or revoked ones" },
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	int code;

	admin_init(&x, "assay account list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay account list [options]",
			  "Lists ACME accounts, the newest first.\n\n  assay account list --status valid",
			  NULL, 0, NULL, &code)) {
		code = admin_list(&x, admin_target(&x, "/v1/accounts", "status", status, NULL), "accounts", most,
				  account_row, &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static int print_account(struct admin *x)
{
	const struct node *n = x->answer;

	if (x->json)
		return admin_print_json(x);
	fact_print(stdout, "account", node_str(n, "id"));
	fact_print(stdout, "status", node_str(n, "status"));
	fact_print(stdout, "directory", node_str(n, "directory"));
	fact_print(stdout, "contacts", node_list(&x->arena, node_get(n, "contacts")));
	fact_print(stdout, "key", node_str(n, "key"));
	fact_print(stdout, "thumbprint", node_str(n, "thumbprint"));
	fact_print(stdout, "binding", node_str(n, "eab_kid"));
	fact_print(stdout, "terms agreed", time_short(&x->arena, node_str(n, "terms_agreed_at")));
	fact_print(stdout, "created", time_short(&x->arena, node_str(n, "created_at")));
	fact_print(stdout, "created from", node_str(n, "created_from"));
	return EXIT_OK;
}

static int account_show(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay account show");
	if (options_parse(argc, argv, options, "assay account show ID [options]",
			  "Shows one ACME account.\n\n  assay account show 06f1s6b3k9zt2m6g0c9h7qk4ve", words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the id of an account", &code)) {
		code = admin_get(&x, admin_path(&x, "/v1/accounts/", words[0], ""));
		if (code == EXIT_OK)
			code = print_account(&x);
	}
	admin_done(&x);
	return code;
}

static int account_deactivate(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay account deactivate");
	if (options_parse(argc, argv, options, "assay account deactivate ID [options]",
			  "Ends an ACME account for good: its key may do nothing here any more. Its certificates stay\n"
			  "valid; `assay cert list --account ID` and `assay cert revoke` take care of them.\n\n"
			  "  assay account deactivate 06f1s6b3k9zt2m6g0c9h7qk4ve",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the id of an account", &code)) {
		code = admin_post(&x, admin_path(&x, "/v1/accounts/", words[0], "/deactivate"), (struct str){ 0 });
		if (code == EXIT_OK)
			code = print_account(&x);
	}
	admin_done(&x);
	return code;
}

int verb_account(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", account_list, "ACME accounts, the newest first" },
		{ "show", account_show, "one account" },
		{ "deactivate", account_deactivate, "end an account for good" },
		{ 0 },
	};

	return verbs_run("assay account", "ACME accounts (RFC 8555 §7.1.2) of the running server.", verbs, argc, argv);
}
