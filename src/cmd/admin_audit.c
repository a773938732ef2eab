/* admin_audit.c - `assay audit list|tail|export|verify`. The chain is checked here, not in the
 * server: from the running one, or from an export, with no more than the rows themselves. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/encode.h"
#include "cmd/admin_client.h"
#include "cmd/table_print.h"
#include "core/audit.h"

#define TAIL_LINES 20
#define TAIL_ARENA (16 * 1024 * 1024)

/* --- list, tail --- */

static const char *const headings[] = { "ROW", "TIME", "WHO", "DID", "TO", "DETAIL" };

/* A row of the list has the time as text, one of the chain as the number that is hashed. */
static void audit_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;
	struct str at = node_str(n, "at");
	char text[21];

	if (!at.p) {
		clock_rfc3339(node_int(n, "at_s"), text);
		at = str_of(text);
	}
	table_cell(t, str_of(arena_printf(&x->arena, "%lld", (long long)node_int(n, "number"))));
	table_cell(t, time_short(&x->arena, at));
	table_cell(t, node_str(n, "actor"));
	table_cell(t, node_str(n, "action"));
	table_cell(t, node_str(n, "subject"));
	table_cell(t, node_str(n, "detail"));
}

static int audit_list(int argc, char **argv)
{
	struct admin x;
	int64_t most = ADMIN_LIST_MOST;
	const struct option options[] = {
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	int code;

	admin_init(&x, "assay audit list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay audit list [options]",
			  "Lists what was done and by whom, the newest first: written in the same transaction as the\n"
			  "act itself.\n\n  assay audit list --limit 1000 --json",
			  NULL, 0, NULL, &code)) {
		code = admin_list(&x, "/v1/audit", "audit", most, audit_row, &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

/* One after the other, without waiting for the last. */
static void print_line(struct admin *x, const struct node *n, void *arg)
{
	struct str line = node_write(&x->arena, n);

	(void)arg;
	printf("%.*s\n", STR_ARG(line));
}

/* The pages are read one by one, so that a long trail needs no memory. */
static int each_row(struct admin *x, int64_t after, void (*row)(struct admin *x, const struct node *n, void *arg),
		    void *arg)
{
	char from[32];

	for (;;) {
		const struct node *rows;
		int code;

		(void)snprintf(from, sizeof(from), "%" PRId64, after);
		code = admin_get(x, admin_target(x, "/v1/audit/chain", "limit", "1000", "after", from, NULL));
		if (code != EXIT_OK)
			return code;
		rows = node_get(x->answer, "audit");
		for (size_t i = 0; i < node_count(rows); i++) {
			after = node_int(node_at(rows, i), "number");
			row(x, node_at(rows, i), arg);
		}
		if (!node_get(x->answer, "next"))
			return EXIT_OK;
		arena_reset(&x->arena);
	}
}

/* The last rows; pages come and go in x's arena, the table keeps what it shows in its own. */
static int print_tail(struct admin *x, int64_t lines)
{
	AUTO(arena) struct arena shown;
	struct table t;
	int64_t newest;
	int code;

	arena_init(&shown, TAIL_ARENA);
	table_init(&t, &shown, headings, COUNT_OF(headings));
	code = admin_get(x, "/v1/audit?limit=1");
	if (code != EXIT_OK)
		return code;
	newest = node_int(node_at(node_get(x->answer, "audit"), 0), "number");
	code = each_row(x, newest > lines ? newest - lines : 0, x->json ? print_line : audit_row, &t);
	if (code == EXIT_OK && !x->json && !table_print(&t, stdout))
		code = admin_no_memory(x);
	return code;
}

static int audit_tail(int argc, char **argv)
{
	struct admin x;
	int64_t lines = TAIL_LINES;
	const struct option options[] = {
		{ "lines", OPTION_INT, &lines, "N", "so many (20)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	int code;

	admin_init(&x, "assay audit tail");
	if (options_parse(argc, argv, options, "assay audit tail [options]",
			  "Prints the end of the audit trail, the oldest first; with --json one object a line, as\n"
			  "`assay audit export` has them.\n\n"
			  "  assay audit tail --lines 50",
			  NULL, 0, NULL, &code))
		code = print_tail(&x, lines);
	admin_done(&x);
	return code;
}

static int audit_export(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	int code;

	admin_init(&x, "assay audit export");
	if (options_parse(argc, argv, options, "assay audit export [options]",
			  "Prints the whole audit trail, the oldest first, one JSON object a line, as `assay audit\n"
			  "verify FILE` reads it.\n\n"
			  "  assay audit export >trail.jsonl",
			  NULL, 0, NULL, &code))
		code = each_row(&x, 0, print_line, NULL);
	if (code == EXIT_OK && fflush(stdout) != 0) {
		fprintf(stderr, "assay audit export: cannot write: %s\n", strerror(errno));
		code = EXIT_FAILED;
	}
	admin_done(&x);
	return code;
}

/* --- verify --- */

struct verify {
	struct audit_check check;
	struct fault fault;
	bool broken;
};

static bool read_hash(const struct node *n, const char *name, uint8_t out[33], struct bytes *out_bytes)
{
	struct str text = node_str(n, name);
	size_t len;

	if (text.len != 64 || !hex_decode(text, out, &len))
		return false;
	*out_bytes = bytes_of(out, len);
	return true;
}

static void verify_row(struct admin *x, const struct node *n, void *arg)
{
	struct verify *v = arg;
	uint8_t before[33], hash[33];
	struct audit_record r = {
		.number = node_int(n, "number"),
		.at = node_int(n, "at_s"),
		.actor = node_str(n, "actor"),
		.action = node_str(n, "action"),
		.subject = node_str(n, "subject"),
		.detail = node_str(n, "detail"),
	};

	(void)x;
	if (v->broken)
		return;
	if (!id_parse(node_str(n, "id"), &r.id) || !read_hash(n, "before", before, &r.before) ||
	    !read_hash(n, "hash", hash, &r.hash)) {
		(void)fault_set(&v->fault, RC_INVALID, PROBLEM_NONE, "the audit trail is broken at row %lld: it is not a row",
				(long long)v->check.last + 1);
		v->broken = true;
		return;
	}
	v->broken = audit_check_row(&v->check, &r, &v->fault) != RC_OK;
}

static int verify_file(struct admin *x, const char *path, struct verify *v)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!file) {
		fprintf(stderr, "assay audit verify: %s: %s\n", path, strerror(errno));
		return EXIT_FAILED;
	}
	while (!v->broken && (len = getline(&line, &room, file)) >= 0) {
		struct node *n = node_parse((struct str){ line, (size_t)len });

		verify_row(x, n, v);
		node_free(n);
	}
	free(line);
	fclose(file);
	return EXIT_OK;
}

static int print_result(struct admin *x, struct verify *v)
{
	char hash[65];

	if (!v->broken && audit_check_end(&v->check, &v->fault) != RC_OK)
		v->broken = true;
	if (v->broken) {
		fprintf(stderr, "%s: %s\n", x->verb, v->fault.detail);
		return EXIT_FAILED;
	}
	hex_encode(bytes_of(v->check.hash, sizeof(v->check.hash)), hash);
	printf("%lld rows, unbroken; head %lld:%s\n", (long long)v->check.count, (long long)v->check.last, hash);
	return EXIT_OK;
}

static int audit_verify(int argc, char **argv)
{
	struct verify v = { 0 };
	const char *head = NULL;
	struct admin x;
	const struct option options[] = {
		{ "head", OPTION_TEXT, &head, "N:HASH", "a head that was noted before: that row must still be there" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay audit verify");
	if (options_parse(argc, argv, options, "assay audit verify [FILE] [options]",
			  "Checks the audit trail of the running server, or an export of it: every row and its place. Names\n"
			  "the first row that was changed, removed, added or swapped. Prints the head; keep it elsewhere and\n"
			  "give it back as --head, so that a trail that was cut off or written anew is found too.\n\n"
			  "  assay audit verify\n"
			  "  assay audit verify trail.jsonl --head 1234:9f86d081...",
			  words, 1, &count, &code)) {
		if (head && !audit_head_parse(str_of(head), &v.check)) {
			fprintf(stderr, "%s: --head must be as this verb prints it: NUMBER:HASH\n", x.verb);
			code = EXIT_USAGE;
		} else {
			code = count ? verify_file(&x, words[0], &v) : each_row(&x, 0, verify_row, &v);
			if (code == EXIT_OK)
				code = print_result(&x, &v);
		}
	}
	fault_done(&v.fault);
	admin_done(&x);
	return code;
}

int verb_audit(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", audit_list, "what was done, the newest first" },
		{ "tail", audit_tail, "the end of the trail, one JSON object a line" },
		{ "export", audit_export, "all of it" },
		{ "verify", audit_verify, "was any row changed, removed, added or swapped?" },
		{ 0 },
	};

	return verbs_run("assay audit", "The audit trail of the running server.", verbs, argc, argv);
}
