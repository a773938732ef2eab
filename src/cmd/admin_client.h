/* admin_client.h - the admin verbs' common part: options, one request to the running server over its
 * admin socket, and looking into its JSON answer. jansson stays in admin_json.c. */
#ifndef ASSAY_CMD_ADMIN_CLIENT_H
#define ASSAY_CMD_ADMIN_CLIENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "cmd/options.h"

/* --- looking into an answer; a NULL node has nothing in it --- */

struct node; /* a JSON value, borrowed */
const struct node *node_get(const struct node *object, const char *name);
const struct node *node_at(const struct node *array, size_t i);
size_t node_count(const struct node *array);
/* Absent when it is no string. */
struct str node_str(const struct node *object, const char *name);
struct str node_text(const struct node *string);
/* 0 when it is no number. */
int64_t node_int(const struct node *object, const char *name);
bool node_bool(const struct node *object, const char *name);
/* "a, b, c" of an array of strings. */
struct str node_list(struct arena *a, const struct node *array);
/* Compact JSON text; absent when memory is exhausted. */
struct str node_write(struct arena *a, const struct node *n);
/* NULL: not JSON. node_free() it. */
struct node *node_parse(struct str json);
void node_free(struct node *n);

/* --- requests --- */

struct admin {
	const char *verb; /* "assay order list": begins each message */
	const char *socket, *config; /* options */
	bool json;
	struct arena arena;
	struct buf body;     /* of the last answer */
	struct node *answer; /* parsed */
	int status;          /* HTTP */
};
/* The options that every admin verb has, for its table. */
#define ADMIN_OPTIONS(admin)                                                                              \
	{ "socket", OPTION_TEXT, &(admin)->socket, "PATH", "admin socket (/run/assay/admin.sock or $ASSAY_SOCKET)" }, \
	{ "config", OPTION_TEXT, &(admin)->config, "FILE", "settings file that names the socket (listen.admin)" },   \
	{ "json", OPTION_FLAG, &(admin)->json, NULL, "print the server's JSON answer" }
/* And those of a list. */
#define ADMIN_LIST_MOST 100

void admin_init(struct admin *x, const char *verb);
void admin_done(struct admin *x);
/* Asks; EXIT_OK and x->answer, or an exit code after the reason went to standard error: 3 not found,
 * 4 unreachable, 1 anything else. body absent: GET. */
int admin_get(struct admin *x, const char *target);
int admin_post(struct admin *x, const char *target, struct str body);
/* Follows "next" until most items of the list came; they are shown by row(). With --json the pages'
 * items are printed as one object. */
int admin_list(struct admin *x, const char *target, const char *name, int64_t most,
	       void (*row)(struct admin *x, const struct node *item, void *arg), void *arg);
/* Prints x->body as it is: the answer to --json. */
int admin_print_json(struct admin *x);
/* The one word that a verb needs, such as an id; false: *out_exit, after saying what is missing. */
bool admin_word(const struct admin *x, const char *const *words, size_t count, const char *what, int *out_exit);
int admin_no_memory(const struct admin *x);
/* "[fail] dns  ..." of an answer's "lines", and below what is not ok its trace and remedy (admin_check.c). */
void admin_print_lines(const struct node *lines);

/* --- text for targets and bodies --- */

/* These are NULL when memory is exhausted or the text too long; asking then says so.
 * "/v1/orders" and pairs of name and value (NULL values are left out), ended by NULL. */
const char *admin_target(struct admin *x, const char *path, ...) __attribute__((sentinel)) MUST_USE;
/* "/v1/orders/", one segment (which is escaped), "/why". */
const char *admin_path(struct admin *x, const char *before, const char *segment, const char *after) MUST_USE;
/* The members of POST /v1/certs; empty lists and NULL are left out. */
struct issue_body {
	const struct option_list *dns, *ip;
	const char *profile, *authority, *duration;
	struct str csr;
};
struct str issue_body_encode(struct arena *a, const struct issue_body *b);
/* Any other body, as a table that ends with a NULL name: each member has one of the values; NULL,
 * empty, 0 and false ones are left out. */
struct body_member {
	const char *name;
	const char *text;
	const struct option_list *list;
	int64_t number;
	bool flag;
};
struct str body_encode(struct arena *a, const struct body_member *members);
struct str revoke_body_encode(struct arena *a, const char *reason);

/* --- the verbs, for main.c --- */

int verb_status(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_account(int argc, char **argv);
int verb_order(int argc, char **argv);
int verb_cert(int argc, char **argv);
int verb_eab(int argc, char **argv);
int verb_limit(int argc, char **argv);
int verb_zone(int argc, char **argv);
int config_diff(int argc, char **argv);
int config_apply(int argc, char **argv);
int config_export(int argc, char **argv);
int verb_authority(int argc, char **argv);
int verb_directory(int argc, char **argv);
int verb_job(int argc, char **argv);
int verb_audit(int argc, char **argv);
int verb_probe(int argc, char **argv);

#endif
