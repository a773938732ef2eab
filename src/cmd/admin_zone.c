/* admin_zone.c - `assay zone list|show|set|remove`, and `assay config diff|apply|export`: the zones of the
 * store, one by one and as a document. */
#include <stdio.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/file.h"
#include "base/limits.h"
#include "cmd/admin_client.h"
#include "cmd/table_print.h"

/* --- one zone --- */

static int print_zone(struct admin *x)
{
	const struct node *n = x->answer;
	struct arena *a = &x->arena;

	if (x->json)
		return admin_print_json(x);
	fact_print(stdout, "zone", node_str(n, "name"));
	fact_print(stdout, "from", node_str(n, "from"));
	fact_print(stdout, "broken", node_str(n, "broken"));
	fact_print(stdout, "names", node_list(a, node_get(n, "names")));
	fact_print(stdout, "except", node_list(a, node_get(n, "except")));
	fact_print(stdout, "accounts", node_str(n, "accounts"));
	fact_print(stdout, "bindings", node_list(a, node_get(n, "bindings")));
	fact_print(stdout, "challenges", node_list(a, node_get(n, "challenges")));
	fact_print(stdout, "address policy", node_str(n, "address_policy"));
	fact_print(stdout, "targets", node_list(a, node_get(n, "targets")));
	fact_print(stdout, "deny targets", node_list(a, node_get(n, "deny_targets")));
	fact_print(stdout, "resolver", node_str(n, "resolver"));
	fact_print(stdout, "dns", node_str(n, "dns"));
	fact_print(stdout, "dnssec", node_str(n, "dnssec"));
	fact_print(stdout, "caa", node_str(n, "caa"));
	fact_print(stdout, "probes", node_list(a, node_get(n, "probes")));
	fact_print(stdout, "issuer", node_str(n, "issuer"));
	fact_print(stdout, "profiles", node_list(a, node_get(n, "profiles")));
	fact_print(stdout, "certificates", node_str(n, "certificates"));
	return EXIT_OK;
}

static void zone_row(struct admin *x, const struct node *n, struct table *t)
{
	table_cell(t, node_str(n, "name"));
	table_cell(t, node_str(n, "broken").p ? STR("broken") : node_str(n, "from"));
	table_cell(t, node_list(&x->arena, node_get(n, "names")));
	table_cell(t, node_str(n, "accounts"));
	table_cell(t, node_list(&x->arena, node_get(n, "challenges")));
}

static int zone_list(int argc, char **argv)
{
	static const char *const headings[] = { "ZONE", "FROM", "NAMES", "ACCOUNTS", "CHALLENGES" };
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const struct node *items;
	struct table t;
	int code;

	admin_init(&x, "assay zone list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay zone list [options]",
			  "Lists the zones: those of the settings file, then those of the store.", NULL, 0, NULL, &code)) {
		code = admin_get(&x, "/v1/zones");
		items = node_get(x.answer, "zones");
		for (size_t i = 0; code == EXIT_OK && i < node_count(items); i++)
			zone_row(&x, node_at(items, i), &t);
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static int zone_show(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay zone show");
	if (options_parse(argc, argv, options, "assay zone show NAME [options]",
			  "Shows one zone as the server applies it, defaults and presets included.\n\n"
			  "  assay zone show dev",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the name of a zone", &code)) {
		code = admin_get(&x, admin_path(&x, "/v1/zones/", words[0], ""));
		if (code == EXIT_OK)
			code = print_zone(&x);
	}
	admin_done(&x);
	return code;
}

/* --- its text --- */

/* A file, or "-": standard input. NULL: *out_exit, after saying why. */
static const char *read_document(struct admin *x, const char *file, int *out_exit)
{
	AUTO(fault) struct fault f = { 0 };
	struct bytes content;

	if (file_read(&x->arena, strcmp(file, "-") == 0 ? "/dev/stdin" : file, LIMIT_JSON_STRING, &content, &f) == RC_OK &&
	    (!content.len || !memchr(content.p, '\0', content.len))) {
		*out_exit = EXIT_OK;
		return arena_cstr(&x->arena, (struct str){ content.p ? (const char *)content.p : "", content.len });
	}
	fprintf(stderr, "%s: %s\n", x->verb, f.detail[0] ? f.detail : "the text has a NUL character");
	*out_exit = EXIT_FAILED;
	return NULL;
}

static void add_quoted(struct buf *b, const char *text)
{
	buf_add_char(b, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *text);
	}
	buf_add_char(b, '"');
}

static void add_list(struct buf *b, const char *name, const struct option_list *list)
{
	if (!list->count)
		return;
	buf_addf(b, "%s: [", name);
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			buf_add_text(b, ", ");
		add_quoted(b, list->v[i]);
	}
	buf_add_text(b, "]\n");
}

static void add_word(struct buf *b, const char *name, const char *text)
{
	if (!text)
		return;
	buf_addf(b, "%s: ", name);
	add_quoted(b, text);
	buf_add_char(b, '\n');
}

struct zone_options {
	struct option_list names, except, bindings, challenges, targets, profiles;
	const char *accounts, *resolver, *caa, *preset, *issuer, *certificates;
};

/* The options as the text that a file would have. */
static const char *options_text(struct admin *x, const struct zone_options *o, bool *out_any)
{
	AUTO(buf) struct buf b;

	buf_init(&b, LIMIT_JSON_STRING);
	add_list(&b, "names", &o->names);
	add_list(&b, "except", &o->except);
	add_word(&b, "accounts", o->accounts ? o->accounts : o->bindings.count ? "bindings" : NULL);
	add_list(&b, "bindings", &o->bindings);
	add_word(&b, "preset", o->preset);
	add_list(&b, "challenges", &o->challenges);
	add_list(&b, "targets", &o->targets);
	add_word(&b, "resolver", o->resolver);
	add_word(&b, "caa", o->caa);
	add_word(&b, "issuer", o->issuer);
	add_list(&b, "profiles", &o->profiles);
	add_word(&b, "certificates", o->certificates);
	*out_any = b.len > 0;
	return buf_ok(&b) ? arena_cstr(&x->arena, buf_str(&b)) : NULL;
}

static int set_zone(struct admin *x, const char *name, const char *file, const struct zone_options *o)
{
	bool any = false;
	const char *text = options_text(x, o, &any);
	int code = EXIT_OK;

	if (any == (file != NULL)) {
		fprintf(stderr, "%s: needs either a file (or - for standard input) or options such as --names\n", x->verb);
		return EXIT_USAGE;
	}
	if (file)
		text = read_document(x, file, &code);
	if (code != EXIT_OK)
		return code;
	code = admin_post(x, admin_path(x, "/v1/zones/", name, ""),
			  body_encode(&x->arena, (const struct body_member[]){ { .name = "text", .text = text }, { 0 } }));
	return code == EXIT_OK ? print_zone(x) : code;
}

static int zone_set(int argc, char **argv)
{
	struct zone_options o = { 0 };
	struct admin x;
	const struct option options[] = {
		{ "names", OPTION_LIST, &o.names, "PATTERN", "nas.lan, *.lab.internal (all below), 10.0.0.0/8, * (everything)" },
		{ "except", OPTION_LIST, &o.except, "PATTERN", "but not these" },
		{ "accounts", OPTION_TEXT, &o.accounts, "WHO", "anyone (default), bound, bindings" },
		{ "binding", OPTION_LIST, &o.bindings, "KEY", "only accounts of this binding key, by id or name" },
		{ "preset", OPTION_TEXT, &o.preset, "PRESET", "private or public" },
		{ "challenges", OPTION_LIST, &o.challenges, "TYPE", "http-01, dns-01, tls-alpn-01, ..." },
		{ "target", OPTION_LIST, &o.targets, "PREFIX", "validation dials only these" },
		{ "resolver", OPTION_TEXT, &o.resolver, "ADDRESS", "DNS server that validation asks" },
		{ "caa", OPTION_TEXT, &o.caa, "MODE", "off, report, enforce" },
		{ "issuer", OPTION_TEXT, &o.issuer, "NAME", "authority that issues" },
		{ "profile", OPTION_LIST, &o.profiles, "NAME", "only these profiles" },
		{ "certificates", OPTION_TEXT, &o.certificates, "LIMIT", "at most so many: 100/h" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[2] = { NULL };
	size_t count;
	int code;

	admin_init(&x, "assay zone set");
	if (options_parse(argc, argv, options, "assay zone set NAME [FILE | -] [options]",
			  "Makes a zone in the store or replaces it, in force at once. FILE has what an element of `zones:`\n"
			  "in the settings file has, without its name. Zones of the settings file are changed there.\n\n"
			  "  assay zone set dev --names '*.dev.example' --challenges http-01 --challenges dns-01\n"
			  "  assay zone set plant plant.yaml",
			  words, 2, &count, &code)) {
		if (count == 0)
			(void)admin_word(&x, words, count, "the name of a zone", &code);
		else
			code = set_zone(&x, words[0], count == 2 ? words[1] : NULL, &o);
	}
	admin_done(&x);
	return code;
}

static bool confirmed(const char *name)
{
	char answer[8] = "";

	if (!isatty(STDIN_FILENO))
		return false;
	fprintf(stderr, "Remove zone %s? Its names can then only be had through other zones. [y/N] ", name);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int zone_remove(int argc, char **argv)
{
	bool yes = false;
	struct admin x;
	const struct option options[] = {
		{ "yes", OPTION_FLAG, &yes, NULL, "do not ask" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay zone remove");
	if (options_parse(argc, argv, options, "assay zone remove NAME [options]",
			  "Removes a zone of the store, in force at once. Certificates stay valid.\n\n"
			  "  assay zone remove dev --yes",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the name of a zone", &code)) {
		if (!yes && !confirmed(words[0])) {
			fprintf(stderr, "%s: not removed; say --yes to do it without being asked\n", x.verb);
			code = EXIT_FAILED;
		} else {
			code = admin_post(&x, admin_path(&x, "/v1/zones/", words[0], "/remove"), (struct str){ 0 });
			if (code == EXIT_OK && x.json)
				code = admin_print_json(&x);
			else if (code == EXIT_OK)
				printf("zone %s removed\n", words[0]);
		}
	}
	admin_done(&x);
	return code;
}

int verb_zone(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", zone_list, "all zones" },
		{ "show", zone_show, "one zone as it is applied" },
		{ "set", zone_set, "make a zone or replace it" },
		{ "remove", zone_remove, "remove a zone" },
		{ 0 },
	};

	return verbs_run("assay zone", "Who may have which names, and how they are proven (docs/configuration.md).", verbs,
			 argc, argv);
}

/* --- the document --- */

static void print_lines(char mark, struct str text)
{
	struct str line;

	while (text.len) {
		(void)str_cut(text, '\n', &line, &text);
		printf("%c   %.*s\n", mark, STR_ARG(line));
	}
}

/* As diff -u marks lines; what is the same in both is shown once. */
static void print_change(const struct node *n)
{
	struct str before = node_str(n, "before"), after = node_str(n, "after");
	struct str change = node_str(n, "change");

	printf("%c zone %.*s\n", str_is(change, "add") ? '+' : str_is(change, "remove") ? '-' : ' ',
	       STR_ARG(node_str(n, "zone")));
	print_lines('-', before);
	print_lines('+', after);
}

/* Exit codes of a dry run are those of diff(1): 1 is a difference, nothing else is. */
static int send_document(struct admin *x, const char *file, bool dry_run)
{
	const struct node *changes;
	const char *text;
	int code;

	text = read_document(x, file, &code);
	if (code != EXIT_OK)
		return dry_run ? EXIT_USAGE : code;
	code = admin_post(x, "/v1/document",
			  body_encode(&x->arena, (const struct body_member[]){ { .name = "document", .text = text },
									      { .name = "dry_run", .flag = dry_run }, { 0 } }));
	if (code != EXIT_OK)
		return code == EXIT_FAILED && dry_run ? EXIT_USAGE : code;
	changes = node_get(x->answer, "changes");
	if (x->json) {
		code = admin_print_json(x);
	} else {
		for (size_t i = 0; i < node_count(changes); i++)
			print_change(node_at(changes, i));
	}
	return dry_run && node_count(changes) ? EXIT_FAILED : code;
}

static int document_verb(int argc, char **argv, const char *verb, const char *text, bool dry_run, bool can_choose)
{
	bool chosen = dry_run;
	struct admin x;
	const struct option both[] = {
		{ "dry-run", OPTION_FLAG, &chosen, NULL, "only show the difference, like assay config diff" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	char usage[64];
	size_t count;
	int code;

	admin_init(&x, verb);
	(void)snprintf(usage, sizeof(usage), "%s FILE|- [options]", verb);
	if (options_parse(argc, argv, can_choose ? both : both + 1, usage, text, words, 1, &count, &code) &&
	    admin_word(&x, words, count, "a file, or - for standard input", &code))
		code = send_document(&x, words[0], chosen);
	admin_done(&x);
	return code;
}

int config_diff(int argc, char **argv)
{
	return document_verb(argc, argv, "assay config diff",
			     "Shows what would have to change for the store's zones to be those of the document.\n"
			     "Exit code 0: nothing, 1: something, 2: the document or the server cannot say.\n\n"
			     "  assay config export >zones.yaml\n  vi zones.yaml\n  assay config diff zones.yaml",
			     true, false);
}

int config_apply(int argc, char **argv)
{
	return document_verb(argc, argv, "assay config apply",
			     "Makes the store's zones those of the document, all at once or not at all, and shows what\n"
			     "changed. Zones that the document does not have are removed.\n\n"
			     "  assay config apply zones.yaml",
			     false, true);
}

int config_export(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	struct str text;
	int code;

	admin_init(&x, "assay config export");
	if (options_parse(argc, argv, options, "assay config export [options]",
			  "Prints the store's part of the settings, its zones, as a document for `assay config apply`.\n"
			  "Binding keys are secrets and not in it; `assay eab list --json` has their names.\n\n"
			  "  assay config export >zones.yaml",
			  NULL, 0, NULL, &code)) {
		code = admin_get(&x, "/v1/document");
		text = node_str(x.answer, "document");
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			(void)fwrite(text.p, 1, text.len, stdout);
	}
	admin_done(&x);
	return code;
}
