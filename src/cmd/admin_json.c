/* admin_json.c - the admin API's JSON for the verbs: jansson stays here. */
#include <jansson.h>

#include "acme/json.h"
#include "base/buf.h"
#include "cmd/admin_client.h"

static const json_t *json_of(const struct node *n)
{
	return (const json_t *)n;
}

static const struct node *node_of(const json_t *j)
{
	return (const struct node *)j;
}

const struct node *node_get(const struct node *object, const char *name)
{
	return node_of(json_object_get(json_of(object), name));
}

const struct node *node_at(const struct node *array, size_t i)
{
	return node_of(json_array_get(json_of(array), i));
}

size_t node_count(const struct node *array)
{
	return json_array_size(json_of(array));
}

struct str node_text(const struct node *string)
{
	return (struct str){ json_string_value(json_of(string)), json_string_length(json_of(string)) };
}

struct str node_str(const struct node *object, const char *name)
{
	return node_text(node_get(object, name));
}

int64_t node_int(const struct node *object, const char *name)
{
	return json_integer_value(json_of(node_get(object, name)));
}

bool node_bool(const struct node *object, const char *name)
{
	return json_is_true(json_of(node_get(object, name)));
}

struct str node_list(struct arena *a, const struct node *array)
{
	struct str text = node_text(node_at(array, 0));

	for (size_t i = 1; i < node_count(array); i++)
		text = str_of(arena_printf(a, "%.*s, %.*s", STR_ARG(text), STR_ARG(node_text(node_at(array, i)))));
	return text;
}

struct str node_write(struct arena *a, const struct node *n)
{
	struct str text;

	return json_write(a, json_of(n), &text) == RC_OK ? text : (struct str){ 0 };
}

struct node *node_parse(struct str json)
{
	return (struct node *)json_loadb(json.p ? json.p : "", json.len, JSON_REJECT_DUPLICATES, NULL);
}

void node_free(struct node *n)
{
	json_decref((json_t *)n);
}

static void write_list(struct json_out *o, const char *name, const struct option_list *list)
{
	if (!list->count)
		return;
	json_out_open(o, name, '[');
	for (size_t i = 0; i < list->count; i++)
		json_out_str(o, NULL, str_of(list->v[i]));
	json_out_close(o, ']');
}

static void write_text(struct json_out *o, const char *name, const char *text)
{
	if (text)
		json_out_str(o, name, str_of(text));
}

struct str issue_body_encode(struct arena *a, const struct issue_body *b)
{
	AUTO(buf) struct buf text;
	struct json_out o = { .buf = &text };
	struct str body = { 0 };

	buf_init(&text, 256 * 1024);
	json_out_open(&o, NULL, '{');
	write_list(&o, "dns", b->dns);
	write_list(&o, "ip", b->ip);
	write_text(&o, "profile", b->profile);
	write_text(&o, "authority", b->authority);
	write_text(&o, "duration", b->duration);
	json_out_str(&o, "csr", b->csr);
	json_out_close(&o, '}');
	return json_out_take(&o, a, &body) == RC_OK ? body : (struct str){ 0 };
}

struct str body_encode(struct arena *a, const struct body_member *members)
{
	AUTO(buf) struct buf text;
	struct json_out o = { .buf = &text };
	struct str body = { 0 };

	buf_init(&text, 64 * 1024);
	json_out_open(&o, NULL, '{');
	for (const struct body_member *m = members; m->name; m++) {
		write_text(&o, m->name, m->text);
		if (m->list)
			write_list(&o, m->name, m->list);
		if (m->number)
			json_out_int(&o, m->name, m->number);
		if (m->flag)
			json_out_bool(&o, m->name, true);
	}
	json_out_close(&o, '}');
	return json_out_take(&o, a, &body) == RC_OK ? body : (struct str){ 0 };
}

struct str revoke_body_encode(struct arena *a, const char *reason)
{
	AUTO(buf) struct buf text;
	struct json_out o = { .buf = &text };
	struct str body = { 0 };

	buf_init(&text, 4096);
	json_out_open(&o, NULL, '{');
	write_text(&o, "reason", reason);
	json_out_close(&o, '}');
	return json_out_take(&o, a, &body) == RC_OK ? body : (struct str){ 0 };
}
