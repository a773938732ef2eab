/* admin_check.c - `assay check NAME`: the doctor. Prints one line for each step that an order for the
 * name would take; the same form as `assay order why`, which speaks of the past. */
#include <stdio.h>

#include "cmd/admin_client.h"
#include "cmd/table_print.h"

#define WIDTH_TOPIC 12
#define TEXT_MAX 4096

static void print_indented(const char *label, struct str text)
{
	char shown[TEXT_MAX];

	(void)str_printable(text, shown, sizeof(shown));
	printf("       %-*s %s%s\n", WIDTH_TOPIC, "", label, shown);
}

void admin_print_lines(const struct node *lines)
{
	for (size_t i = 0; i < node_count(lines); i++) {
		const struct node *n = node_at(lines, i), *trace = node_get(n, "trace");
		char grade[16], topic[64], text[TEXT_MAX];

		(void)snprintf(grade, sizeof(grade), "[%.*s]", STR_ARG(node_str(n, "grade")));
		(void)str_printable(node_str(n, "topic"), topic, sizeof(topic));
		(void)str_printable(node_str(n, "text"), text, sizeof(text));
		printf("%-6s %-*s %s\n", grade, WIDTH_TOPIC, topic, text);
		for (size_t k = 0; k < node_count(trace); k++)
			print_indented("  ", node_text(node_at(trace, k)));
		if (node_get(n, "remedy"))
			print_indented("-> ", node_str(n, "remedy"));
	}
}

static int print_check(struct admin *x)
{
	const struct node *n = x->answer;

	admin_print_lines(node_get(n, "lines"));
	printf("\n");
	fact_print(stdout, "certificate", node_bool(n, "would_issue") ? STR("would be issued") : STR("would not be issued"));
	fact_print(stdout, "cause", node_str(n, "cause"));
	fact_print(stdout, "what to do", node_str(n, "remedy"));
	return EXIT_OK;
}

static const char text[] =
	"Says whether a name would get a certificate now, and if not why: the name itself, the zone that\n"
	"decides and whom it serves, profile, authority and limits; then from this server the DNS, the\n"
	"address policy, the challenges' ports, CAA and the clocks; last what there is for the name already.\n"
	"Every line that is not [ok] says what to do. Nothing is issued, stored or counted.\n\n"
	"One way to prove control is enough: what shuts one of several is a [warn], and --challenge asks\n"
	"about the one that your client uses. Run it where the server runs; the past of one order is told by\n"
	"`assay order why ID`.\n\n"
	"  assay check www.lab.internal\n"
	"  assay check '*.lab.internal' --challenge dns-01\n"
	"  assay check 10.0.0.5 --account 06f1s6b3k9zt2m6g0c9h7qk4ve\n\n"
	"Exit status: 0 a certificate would be issued, 1 it would not, 2 the question makes no sense or the\n"
	"server cannot be asked.";

int verb_check(int argc, char **argv)
{
	struct admin x;
	const char *account = NULL, *directory = NULL, *profile = NULL, *challenge = NULL;
	const struct option options[] = {
		{ "account", OPTION_TEXT, &account, "ID", "ask for this account: its id or URL" },
		{ "directory", OPTION_TEXT, &directory, "NAME", "ask in this directory (the account's, or the first)" },
		{ "profile", OPTION_TEXT, &profile, "NAME", "ask for this profile (the one an order gets by default)" },
		{ "challenge", OPTION_TEXT, &challenge, "TYPE", "only by this: http-01, dns-01, tls-alpn-01, ..." },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay check");
	if (options_parse(argc, argv, options, "assay check NAME [options]", text, words, 1, &count, &code) &&
	    admin_word(&x, words, count, "a DNS name, wildcard or address", &code)) {
		code = admin_get(&x, admin_target(&x, "/v1/check", "name", words[0], "account", account, "directory",
						  directory, "profile", profile, "challenge", challenge, NULL));
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			code = print_check(&x);
		if (code != EXIT_OK)
			code = EXIT_USAGE;
		else if (!node_bool(x.answer, "would_issue"))
			code = EXIT_FAILED;
	}
	admin_done(&x);
	return code;
}
