/* admin_settings.c - `assay authority list|show`, `assay directory list|show`: what the running server
 * made of its settings. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

/* A list without pages. */
static int list_all(int argc, char **argv, const char *verb, const char *text, const char *target, const char *name,
		    const char *const *headings, size_t columns,
		    void (*row)(struct admin *x, const struct node *n, void *arg))
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const struct node *items;
	struct table t;
	char usage[64];
	int code;

	admin_init(&x, verb);
	table_init(&t, &x.arena, headings, columns);
	(void)snprintf(usage, sizeof(usage), "%s [options]", verb);
	if (options_parse(argc, argv, options, usage, text, NULL, 0, NULL, &code)) {
		code = admin_get(&x, target);
		items = node_get(x.answer, name);
		for (size_t i = 0; code == EXIT_OK && i < node_count(items); i++)
			row(&x, node_at(items, i), &t);
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static int show_one(int argc, char **argv, const char *verb, const char *text, const char *path, const char *what,
		    void (*print)(struct admin *x))
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	char usage[64];
	size_t count;
	int code;

	admin_init(&x, verb);
	(void)snprintf(usage, sizeof(usage), "%s NAME [options]", verb);
	if (options_parse(argc, argv, options, usage, text, words, 1, &count, &code) &&
	    admin_word(&x, words, count, what, &code)) {
		code = admin_get(&x, admin_path(&x, path, words[0], ""));
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			print(&x);
	}
	admin_done(&x);
	return code;
}

/* --- authorities --- */

static void authority_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "name"));
	table_cell(t, node_str(n, "subject"));
	table_cell(t, time_short(&x->arena, node_str(n, "not_after")));
	table_cell(t, str_of(arena_printf(&x->arena, "%lld", (long long)node_int(n, "days_left"))));
	table_cell(t, node_list(&x->arena, node_get(n, "permit")));
}

static int authority_list(int argc, char **argv)
{
	static const char *const headings[] = { "AUTHORITY", "SUBJECT", "UNTIL", "DAYS", "PERMIT" };

	return list_all(argc, argv, "assay authority list", "Lists the certificate authorities that the server issues with.",
			"/v1/authorities", "authorities", headings, COUNT_OF(headings), authority_row);
}

static void print_authority(struct admin *x)
{
	const struct node *n = x->answer;
	struct str chain = node_str(n, "chain");

	fact_print(stdout, "authority", node_str(n, "name"));
	fact_print(stdout, "subject", node_str(n, "subject"));
	fact_print(stdout, "serial", node_str(n, "serial"));
	fact_print(stdout, "from", time_short(&x->arena, node_str(n, "not_before")));
	fact_print(stdout, "until", time_short(&x->arena, node_str(n, "not_after")));
	fact_print(stdout, "permit", node_list(&x->arena, node_get(n, "permit")));
	fact_print(stdout, "root fingerprint", node_str(n, "root_fingerprint"));
	fact_print(stdout, "OCSP", node_str(n, "ocsp_url"));
	fact_print(stdout, "issuer URL", node_str(n, "ca_issuers_url"));
	fact_print(stdout, "CRL", node_str(n, "crl_url"));
	printf("\n%.*s", STR_ARG(chain));
}

static int authority_show(int argc, char **argv)
{
	return show_one(argc, argv, "assay authority show",
			"Shows one authority and its chain as PEM, the issuing certificate first.\n\n"
			"  assay authority show ca --json | jq -r .chain >chain.pem",
			"/v1/authorities/", "the name of an authority", print_authority);
}

int verb_authority(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", authority_list, "certificate authorities" },
		{ "show", authority_show, "one authority with its chain" },
		{ 0 },
	};

	return verbs_run("assay authority", "Certificate authorities of the running server.", verbs, argc, argv);
}

/* --- directories --- */

static struct str profile_names(struct admin *x, const struct node *profiles)
{
	struct str text = node_str(node_at(profiles, 0), "name");

	for (size_t i = 1; i < node_count(profiles); i++)
		text = str_of(arena_printf(&x->arena, "%.*s, %.*s", STR_ARG(text),
					   STR_ARG(node_str(node_at(profiles, i), "name"))));
	return text;
}

static void directory_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "name"));
	table_cell(t, node_str(n, "url"));
	table_cell(t, node_str(n, "authority"));
	table_cell(t, profile_names(x, node_get(n, "profiles")));
}

static int directory_list(int argc, char **argv)
{
	static const char *const headings[] = { "DIRECTORY", "URL", "AUTHORITY", "PROFILES" };

	return list_all(argc, argv, "assay directory list", "Lists the ACME directories that the server hosts.",
			"/v1/directories", "directories", headings, COUNT_OF(headings), directory_row);
}

static void print_directory(struct admin *x)
{
	const struct node *n = x->answer, *profiles = node_get(n, "profiles");

	fact_print(stdout, "directory", node_str(n, "name"));
	fact_print(stdout, "url", node_str(n, "url"));
	fact_print(stdout, "authority", node_str(n, "authority"));
	fact_print(stdout, "terms", node_str(n, "terms"));
	fact_print(stdout, "website", node_str(n, "website"));
	fact_print(stdout, "CAA", node_list(&x->arena, node_get(n, "caa_identities")));
	for (size_t i = 0; i < node_count(profiles); i++) {
		const struct node *p = node_at(profiles, i);

		fact_print(stdout, "profile",
			   str_of(arena_printf(&x->arena, "%.*s: %.*s (%lld hours)", STR_ARG(node_str(p, "name")),
					       STR_ARG(node_str(p, "description")),
					       (long long)(node_int(p, "lifetime_s") / 3600))));
	}
}

static int directory_show(int argc, char **argv)
{
	return show_one(argc, argv, "assay directory show",
			"Shows one ACME directory.\n\n  assay directory show default", "/v1/directories/",
			"the name of a directory", print_directory);
}

int verb_directory(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", directory_list, "ACME directories" },
		{ "show", directory_show, "one directory with its profiles" },
		{ 0 },
	};

	return verbs_run("assay directory", "ACME directories (RFC 8555 §7.1.1) of the running server.", verbs, argc, argv);
}
