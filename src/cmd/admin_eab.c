/* admin_eab.c - `assay eab add|list|show|revoke`. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

static struct str uses_text(struct admin *x, const struct node *n)
{
	if (node_bool(n, "reusable"))
		return str_of(arena_printf(&x->arena, "%lld of any number", (long long)node_int(n, "used")));
	return str_of(arena_printf(&x->arena, "%lld of %lld", (long long)node_int(n, "used"),
				   (long long)node_int(n, "uses")));
}

static int print_key(struct admin *x)
{
	const struct node *n = x->answer;
	struct arena *a = &x->arena;

	if (x->json)
		return admin_print_json(x);
	fact_print(stdout, "key id", node_str(n, "kid"));
	fact_print(stdout, "hmac key", node_str(n, "hmac_key"));
	fact_print(stdout, "name", node_str(n, "name"));
	fact_print(stdout, "status", node_str(n, "status"));
	fact_print(stdout, "accounts", uses_text(x, n));
	fact_print(stdout, "zones", node_list(a, node_get(n, "zones")));
	fact_print(stdout, "profiles", node_list(a, node_get(n, "profiles")));
	fact_print(stdout, "created", time_short(a, node_str(n, "created_at")));
	fact_print(stdout, "by", node_str(n, "created_by"));
	fact_print(stdout, "expires", time_short(a, node_str(n, "expires_at")));
	fact_print(stdout, "revoked", time_short(a, node_str(n, "revoked_at")));
	return EXIT_OK;
}

static int eab_add(int argc, char **argv)
{
	struct option_list zones = { 0 }, profiles = { 0 };
	const char *name = NULL, *expires = NULL;
	int64_t uses = 0;
	bool reusable = false;
	struct admin x;
	const struct option options[] = {
		{ "name", OPTION_TEXT, &name, "NAME", "whom or what it is for" },
		{ "uses", OPTION_INT, &uses, "N", "so many accounts may be made with it (1)" },
		{ "reusable", OPTION_FLAG, &reusable, NULL, "any number of accounts" },
		{ "expires", OPTION_TEXT, &expires, "TIME", "nobody registers with it after this time: 30d (never)" },
		{ "zone", OPTION_LIST, &zones, "PATTERN", "its accounts may order only such names: nas.lan, *.lab.internal, 10.0.0.0/8" },
		{ "profile", OPTION_LIST, &profiles, "NAME", "and only with such profiles" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	int code;

	admin_init(&x, "assay eab add");
	if (options_parse(argc, argv, options, "assay eab add [options]",
			  "Makes an external account binding key (RFC 8555 §7.3.4). The HMAC key is shown now and never\n"
			  "again; give it and the key id to the client.\n\n"
			  "  assay eab add --name camera-17 --expires 30d --zone 'camera-17.lab.internal'\n"
			  "  acme.sh --register-account --eab-kid KID --eab-hmac-key KEY --server ...",
			  NULL, 0, NULL, &code)) {
		const struct body_member members[] = {
			{ .name = "name", .text = name }, { .name = "uses", .number = uses },
			{ .name = "reusable", .flag = reusable }, { .name = "expires", .text = expires },
			{ .name = "zones", .list = &zones }, { .name = "profiles", .list = &profiles }, { 0 },
		};

		code = admin_post(&x, "/v1/eab", body_encode(&x.arena, members));
		if (code == EXIT_OK)
			code = print_key(&x);
	}
	admin_done(&x);
	return code;
}

static void eab_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "kid"));
	table_cell(t, node_str(n, "status"));
	table_cell(t, uses_text(x, n));
	table_cell(t, time_short(&x->arena, node_str(n, "expires_at")));
	table_cell(t, node_str(n, "name"));
	table_cell(t, node_list(&x->arena, node_get(n, "zones")));
}

static int eab_list(int argc, char **argv)
{
	static const char *const headings[] = { "KEY ID", "STATUS", "ACCOUNTS", "EXPIRES", "NAME", "ZONES" };
	int64_t most = ADMIN_LIST_MOST;
	struct admin x;
	const struct option options[] = {
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	int code;

	admin_init(&x, "assay eab list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay eab list [options]",
			  "Lists external account binding keys, the newest first; those of the settings file are not\n"
			  "among them.",
			  NULL, 0, NULL, &code)) {
		code = admin_list(&x, "/v1/eab", "eab", most, eab_row, &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static int eab_show(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay eab show");
	if (options_parse(argc, argv, options, "assay eab show KID [options]",
			  "Shows an external account binding key, without the HMAC key.\n\n"
			  "  assay eab show 06f1s6b3k9zt2m6g0c9h7qk4ve",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "a key id", &code)) {
		code = admin_get(&x, admin_path(&x, "/v1/eab/", words[0], ""));
		if (code == EXIT_OK)
			code = print_key(&x);
	}
	admin_done(&x);
	return code;
}

static int eab_revoke(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay eab revoke");
	if (options_parse(argc, argv, options, "assay eab revoke KID [options]",
			  "Ends an external account binding key: nobody registers with it any more, and the accounts\n"
			  "that were made with it order nothing more. Their certificates stay valid.\n\n"
			  "  assay eab revoke 06f1s6b3k9zt2m6g0c9h7qk4ve",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "a key id", &code)) {
		code = admin_post(&x, admin_path(&x, "/v1/eab/", words[0], "/revoke"), (struct str){ 0 });
		if (code == EXIT_OK)
			code = print_key(&x);
	}
	admin_done(&x);
	return code;
}

int verb_eab(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "add", eab_add, "make a key; shows its secret once" },
		{ "list", eab_list, "keys, the newest first" },
		{ "show", eab_show, "one key" },
		{ "revoke", eab_revoke, "end a key and what its accounts may order" },
		{ 0 },
	};

	return verbs_run("assay eab", "External account binding keys (RFC 8555 §7.3.4) of the running server.", verbs,
			 argc, argv);
}
