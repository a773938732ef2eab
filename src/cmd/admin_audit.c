/* admin_audit.c - `assay audit list|tail|export|verify|checkpoint`. The chain and its checkpoints are
 * checked here, not in the server: from the running one, or from an export, with no more than the rows
 * themselves and the certificates of the authorities. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "cmd/admin_client.h"
#include "cmd/table_print.h"
#include "core/audit.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

#define TAIL_LINES 20
#define TAIL_ARENA (16 * 1024 * 1024)
#define KEYS_MAX 64            /* authorities that may have signed */
#define KEYS_FILE_MAX (1024 * 1024)
#define KEYS_ARENA (4 * 1024 * 1024)

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
	struct arena arena; /* of the keys */
	struct audit_key keys[KEYS_MAX];
	size_t key_count;
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

/* The key of each certificate may have signed checkpoints. */
static int add_keys(struct verify *v, const char *verb, const char *what, struct bytes pem)
{
	AUTO(fault) struct fault f = { 0 };
	struct bytes *der;
	size_t count;
	enum rc rc = pem_read(&v->arena, pem, "CERTIFICATE", &der, &count, &f);

	for (size_t i = 0; rc == RC_OK && i < count && v->key_count < KEYS_MAX; i++) {
		struct audit_key *k = &v->keys[v->key_count];
		struct cert_info info;

		rc = cert_parse(&v->arena, der[i], &info, &f);
		if (rc == RC_OK)
			rc = pubkey_from_spki(info.spki, &k->key, &f);
		if (rc == RC_OK) {
			k->key_id = info.subject_key_id;
			v->key_count++;
		}
	}
	if (rc == RC_OK && count > 0)
		return EXIT_OK;
	fprintf(stderr, "%s: %s: %s\n", verb, what, f.detail[0] ? f.detail : "no certificate in it");
	return EXIT_FAILED;
}

static int keys_from_files(struct admin *x, struct verify *v, const struct option_list *files)
{
	int code = EXIT_OK;

	for (size_t i = 0; code == EXIT_OK && i < files->count; i++) {
		AUTO(fault) struct fault f = { 0 };
		struct bytes pem;

		if (file_read(&v->arena, files->v[i], KEYS_FILE_MAX, &pem, &f) != RC_OK) {
			fprintf(stderr, "%s: %s\n", x->verb, f.detail);
			return EXIT_FAILED;
		}
		code = add_keys(v, x->verb, files->v[i], pem);
	}
	return code;
}

/* The certificates that the running server has; whoever does not trust it gives them as --ca. */
static int keys_from_server(struct admin *x, struct verify *v)
{
	AUTO(arena) struct arena names;
	char *name[KEYS_MAX];
	size_t count;
	const struct node *list;
	int code = admin_get(x, "/v1/authorities");

	arena_init(&names, KEYS_MAX * 256);
	list = node_get(x->answer, "authorities");
	count = node_count(list);
	for (size_t i = 0; i < count && i < KEYS_MAX; i++)
		name[i] = arena_cstr(&names, node_str(node_at(list, i), "name"));
	for (size_t i = 0; code == EXIT_OK && i < count && i < KEYS_MAX; i++) {
		code = admin_get(x, name[i] ? admin_path(x, "/v1/authorities/", name[i], "") : NULL);
		if (code == EXIT_OK)
			code = add_keys(v, x->verb, "the server's authority", str_bytes(node_str(x->answer, "chain")));
	}
	return code;
}

/* What the signer has noted, as the running server hears it from it. */
static int ask_signer(struct admin *x, struct audit_head *out)
{
	uint8_t octets[33];
	struct bytes hash;
	const struct node *newest;
	int code = admin_get(x, "/v1/audit/checkpoint");

	if (code != EXIT_OK)
		return code;
	newest = node_get(x->answer, "newest");
	if (!newest || node_bool(newest, "given_up"))
		return EXIT_OK;
	if (!read_hash(newest, "hash", octets, &hash) || hash.len != sizeof(out->hash)) {
		fprintf(stderr, "%s: the server's answer has no hash\n", x->verb);
		return EXIT_FAILED;
	}
	out->number = node_int(newest, "number");
	memcpy(out->hash, octets, sizeof(out->hash));
	return EXIT_OK;
}

static int verify_server(struct admin *x, struct verify *v)
{
	int code = ask_signer(x, &v->check.signer);

	return code == EXIT_OK ? each_row(x, 0, verify_row, v) : code;
}

static void print_checkpoints(const struct verify *v)
{
	char at[21];

	if (v->check.checkpoints == 0) {
		printf("no checkpoints\n");
		return;
	}
	clock_rfc3339(v->check.newest.at, at);
	printf("%lld checkpoints, %s; the newest is of row %lld at %s\n", (long long)v->check.checkpoints,
	       v->key_count ? "signed by the authority" : "signatures not checked: give the authority's certificate as --ca",
	       (long long)v->check.newest.number, at);
	if (v->check.signer.seen)
		printf("row %lld is as the signer noted\n", (long long)v->check.signer.number);
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
	print_checkpoints(v);
	return EXIT_OK;
}

static int verify_run(struct admin *x, struct verify *v, const char *path, const char *head,
		      const struct option_list *ca)
{
	int code;

	if (crypto_init(&v->fault) != RC_OK || audit_check_init(&v->check) != RC_OK) {
		fprintf(stderr, "%s: %s\n", x->verb, v->fault.detail[0] ? v->fault.detail : "no memory");
		return EXIT_FAILED;
	}
	if (head && !audit_head_parse(str_of(head), &v->check.noted)) {
		fprintf(stderr, "%s: --head must be as this verb prints it: NUMBER:HASH\n", x->verb);
		return EXIT_USAGE;
	}
	code = keys_from_files(x, v, ca);
	if (code == EXIT_OK && ca->count == 0 && !path)
		code = keys_from_server(x, v);
	v->check.keys = v->keys;
	v->check.key_count = v->key_count;
	if (code == EXIT_OK)
		code = path ? verify_file(x, path, v) : verify_server(x, v);
	return code == EXIT_OK ? print_result(x, v) : code;
}

static int audit_verify(int argc, char **argv)
{
	struct verify v = { 0 };
	const char *head = NULL;
	struct option_list ca = { 0 };
	struct admin x;
	const struct option options[] = {
		{ "head", OPTION_TEXT, &head, "N:HASH", "a head that was noted before: that row must still be there" },
		{ "ca", OPTION_LIST, &ca, "FILE", "certificates of authorities that may have signed; default: the server's" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay audit verify");
	arena_init(&v.arena, KEYS_ARENA);
	if (options_parse(argc, argv, options, "assay audit verify [FILE] [options]",
			  "Checks the audit trail of the running server, or an export of it: every row and its place, every\n"
			  "signed checkpoint, and (of the running server) what the signer noted last. Names the first row\n"
			  "that was changed, removed, added or swapped. Prints the head; kept elsewhere and given back as\n"
			  "--head it finds a trail that was cut off or written anew without the signer, too.\n\n"
			  "  assay audit verify\n"
			  "  assay audit verify trail.jsonl --ca issuing.pem --head 1234:9f86d081...",
			  words, 1, &count, &code))
		code = verify_run(&x, &v, count ? words[0] : NULL, head, &ca);
	for (size_t i = 0; i < v.key_count; i++)
		pubkey_free(v.keys[i].key);
	audit_check_done(&v.check);
	arena_done(&v.arena);
	fault_done(&v.fault);
	admin_done(&x);
	return code;
}

static int audit_checkpoint(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const struct node *newest;
	int code;

	admin_init(&x, "assay audit checkpoint");
	if (options_parse(argc, argv, options, "assay audit checkpoint [options]",
			  "Has the signer note and sign the end of the audit trail now, and prints what it noted. The\n"
			  "server does that by itself every ten minutes, after every thousand acts, and at its start and end.\n\n"
			  "  assay audit checkpoint",
			  NULL, 0, NULL, &code)) {
		code = admin_post(&x, "/v1/audit/checkpoint", (struct str){ 0 });
		newest = node_get(x.answer, "newest");
		if (code == EXIT_OK && node_get(x.answer, "problem")) {
			fprintf(stderr, "%s: %.*s\n", x.verb, STR_ARG(node_str(x.answer, "problem")));
			code = EXIT_FAILED;
		} else if (code == EXIT_OK && x.json) {
			code = admin_print_json(&x);
		} else if (code == EXIT_OK && !newest) {
			printf("the trail is empty\n");
		} else if (code == EXIT_OK) {
			printf("%lld:%.*s noted by the signer at %.*s\n", (long long)node_int(newest, "number"),
			       STR_ARG(node_str(newest, "hash")), STR_ARG(node_str(newest, "at")));
		}
	}
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
		{ "checkpoint", audit_checkpoint, "have the signer note the end of the trail now" },
		{ 0 },
	};

	return verbs_run("assay audit", "The audit trail of the running server.", verbs, argc, argv);
}
