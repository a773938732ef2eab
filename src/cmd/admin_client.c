/* admin_client.c - see admin_client.h. */
#include "cmd/admin_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "cmd/serve.h"
#include "core/config.h"
#include "net/unix_client.h"

#define DEFAULT_SOCKET "/run/assay/admin.sock"
#define TIMEOUT_MS 60000
#define ANSWER_MAX (4 * 1024 * 1024)
#define ARENA_MAX (256 * 1024 * 1024)
#define PAGE 500

void admin_init(struct admin *x, const char *verb)
{
	*x = (struct admin){ .verb = verb };
	arena_init(&x->arena, ARENA_MAX);
	buf_init(&x->body, ANSWER_MAX);
}

void admin_done(struct admin *x)
{
	node_free(x->answer);
	buf_done(&x->body);
	arena_done(&x->arena);
}

int admin_no_memory(const struct admin *x)
{
	fprintf(stderr, "%s: out of memory\n", x->verb);
	return EXIT_FAILED;
}

/* --- which socket --- */

static int socket_of_config(struct admin *x)
{
	struct setting_errors errors = { 0 };
	struct config *c;

	if (config_load(&x->arena, x->config, &c, &errors) != RC_OK) {
		print_setting_errors(&errors);
		fprintf(stderr, "%s: the settings in %s cannot be used; --socket names the socket without them\n",
			x->verb, x->config);
		return EXIT_FAILED;
	}
	if (c->raw.listen.admin.count)
		x->socket = arena_cstr(&x->arena, c->raw.listen.admin.v[0]);
	config_unref(c);
	return EXIT_OK;
}

static int find_socket(struct admin *x)
{
	if (!x->socket && x->config && socket_of_config(x) != EXIT_OK)
		return EXIT_FAILED;
	if (!x->socket)
		x->socket = getenv("ASSAY_SOCKET");
	if (!x->socket || !x->socket[0])
		x->socket = DEFAULT_SOCKET;
	if (strncmp(x->socket, "unix:", 5) == 0)
		x->socket += 5;
	return EXIT_OK;
}

/* --- asking --- */

/* What the server says when it refuses: the problem's detail, and each subproblem's. */
static void print_problem(const struct admin *x)
{
	const struct node *subs = node_get(x->answer, "subproblems");
	struct str noun, rest;
	char text[2048];

	if (str_printable(node_str(x->answer, "detail"), text, sizeof(text)) == 0)
		(void)snprintf(text, sizeof(text), "the server answered with status %d", x->status);
	fprintf(stderr, "%s: %s", x->verb, text);
	/* "assay order why": what orders there are, `assay order list` says. */
	if (x->status == 404 && str_cut(str_of(x->verb + sizeof("assay ") - 1), ' ', &noun, &rest))
		fprintf(stderr, "; `assay %.*s list` shows what there is", STR_ARG(noun));
	fputc('\n', stderr);
	for (size_t i = 0; i < node_count(subs); i++) {
		(void)str_printable(node_str(node_at(subs, i), "detail"), text, sizeof(text));
		fprintf(stderr, "  %s\n", text);
	}
}

static int ask(struct admin *x, const char *method, const char *target, struct str body)
{
	struct unix_request r = { .method = method, .target = target, .body = body, .timeout_ms = TIMEOUT_MS };
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	if (!target) {
		fprintf(stderr, "%s: the words are too long\n", x->verb);
		return EXIT_USAGE;
	}
	if (find_socket(x) != EXIT_OK)
		return EXIT_FAILED;
	r.socket = x->socket;
	node_free(TAKE(x->answer));
	buf_reset(&x->body);
	rc = unix_call(&r, &x->body, &x->status, &f);
	if (rc != RC_OK) {
		fprintf(stderr, "%s: %s\n", x->verb, f.detail[0] ? f.detail : rc_text(rc));
		return rc == RC_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_FAILED;
	}
	x->answer = node_parse(buf_str(&x->body));
	if (x->status >= 200 && x->status < 300 && x->answer)
		return EXIT_OK;
	print_problem(x);
	return x->status == 404 ? EXIT_NOT_FOUND : EXIT_FAILED;
}

int admin_get(struct admin *x, const char *target)
{
	return ask(x, "GET", target, (struct str){ 0 });
}

int admin_post(struct admin *x, const char *target, struct str body)
{
	return ask(x, "POST", target, body);
}

int admin_print_json(struct admin *x)
{
	(void)fwrite(x->body.p, 1, x->body.len, stdout);
	return EXIT_OK;
}

bool admin_word(const struct admin *x, const char *const *words, size_t count, const char *what, int *out_exit)
{
	if (count == 1 && words[0][0])
		return true;
	fprintf(stderr, "%s: needs %s; see %s --help\n", x->verb, what, x->verb);
	*out_exit = EXIT_USAGE;
	return false;
}

/* --- lists --- */

/* The items of all pages become one JSON list. */
static void print_items(struct admin *x, const struct node *items, bool first)
{
	for (size_t i = 0; i < node_count(items); i++) {
		struct str text = node_write(&x->arena, node_at(items, i));

		printf("%s\n%.*s", first && i == 0 ? "" : ",", STR_ARG(text));
	}
}

int admin_list(struct admin *x, const char *target, const char *name, int64_t most,
	       void (*row)(struct admin *x, const struct node *item, void *arg), void *arg)
{
	struct str next = { 0 };
	int64_t left = most;
	int code;

	do {
		const char *page = !target ? NULL : arena_printf(&x->arena, "%s%climit=%lld%s%.*s", target, strchr(target, '?') ? '&' : '?',
						(long long)(left < PAGE ? left : PAGE), next.p ? "&after=" : "",
						STR_ARG(next));
		const struct node *items;

		code = admin_get(x, page);
		if (code != EXIT_OK)
			return code;
		items = node_get(x->answer, name);
		if (x->json && left == most && !next.p)
			printf("{\"%s\":[", name);
		if (x->json)
			print_items(x, items, left == most);
		for (size_t i = 0; !x->json && i < node_count(items); i++)
			row(x, node_at(items, i), arg);
		left -= (int64_t)node_count(items);
		next = arena_str(&x->arena, node_str(x->answer, "next"));
	} while (next.p && left > 0);
	if (x->json)
		printf("%s]}\n", left == most ? "" : "\n");
	else if (next.p)
		fprintf(stderr, "(the first %lld; --limit shows more)\n", (long long)most);
	return EXIT_OK;
}

/* --- text --- */

static void add_escaped(struct buf *b, const char *text)
{
	for (; *text; text++) {
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') ||
		    strchr("-_.~", *text))
			buf_add_char(b, *text);
		else
			buf_addf(b, "%%%02X", (unsigned)(uint8_t)*text);
	}
}

static const char *take_text(struct admin *x, struct buf *b)
{
	return buf_ok(b) ? arena_cstr(&x->arena, buf_str(b)) : NULL;
}

const char *admin_target(struct admin *x, const char *path, ...)
{
	AUTO(buf) struct buf b;
	const char *name;
	char separator = '?';
	va_list args;

	buf_init(&b, LIMIT_HTTP_LINE / 2);
	buf_add_text(&b, path);
	va_start(args, path);
	while ((name = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);

		if (!value)
			continue;
		buf_addf(&b, "%c%s=", separator, name);
		add_escaped(&b, value);
		separator = '&';
	}
	va_end(args);
	return take_text(x, &b);
}

const char *admin_path(struct admin *x, const char *before, const char *segment, const char *after)
{
	AUTO(buf) struct buf b;

	buf_init(&b, LIMIT_HTTP_LINE / 2);
	buf_add_text(&b, before);
	add_escaped(&b, segment);
	buf_add_text(&b, after);
	return take_text(x, &b);
}
