/* schema.c - reads YAML by a table, from libyaml's events and without a tree.
 *
 * read_value() and what it calls are entered with r->event at the first event of a node and leave
 * it at the last one. An error is added and reading goes on behind the node that has it, so that
 * one run reports all; only broken YAML, a depth that no table has, too many errors or no memory
 * end it (r->rc), and from then on advance() gives YAML_NO_EVENT, which ends every loop. What YAML
 * has and settings do not (anchors, aliases, tags, directives) is refused in advance(), whether
 * the schema knows the place or not. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <yaml.h>

#include "base/limits.h"
#include "base/near.h"
#include "settings/internal.h"

#define PATH_LEN 256 /* of a place as shown; what is longer is cut */

struct reader {
	struct arena *a;
	const char *file;
	struct setting_errors *errors;
	yaml_parser_t parser;
	yaml_event_t event;
	enum rc rc; /* not RC_OK: reading has ended */
	unsigned depth;
	char path[PATH_LEN]; /* "zones[0].names" */
};

/* The place of an error, counted from 1. */
struct place {
	unsigned line, column;
};

static struct place place_of(yaml_mark_t mark)
{
	return (struct place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static struct place here(const struct reader *r)
{
	return place_of(r->event.start_mark);
}

static void error_text(struct reader *r, struct place at, const char *text)
{
	errors_add(r->a, r->errors, r->file, at.line, at.column, text);
	if (r->errors->count >= LIMIT_SETTINGS_ERRORS && r->rc == RC_OK)
		r->rc = RC_INVALID;
}

/* An error about the value at r->path, if any. */
static void error_at(struct reader *r, struct place at, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void error_at(struct reader *r, struct place at, const char *fmt, ...)
{
	char why[FAULT_DETAIL_MAX], text[PATH_LEN + FAULT_DETAIL_MAX + 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	snprintf(text, sizeof(text), "%s%s%s", r->path, r->path[0] ? ": " : "", why);
	error_text(r, at, text);
}

/* Appends to the path and returns its length before, for path_pop(). */
static size_t path_push(struct reader *r, struct str name)
{
	size_t len = strlen(r->path);

	snprintf(r->path + len, PATH_LEN - len, "%s%.*s", len ? "." : "", SHOWN(name));
	return len;
}

static size_t path_push_index(struct reader *r, size_t i)
{
	size_t len = strlen(r->path);

	snprintf(r->path + len, PATH_LEN - len, "[%zu]", i);
	return len;
}

static void path_pop(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	char text[FAULT_DETAIL_MAX];

	if (p->error == YAML_MEMORY_ERROR) {
		r->rc = RC_NOMEM;
		return;
	}
	r->rc = RC_INVALID;
	if (p->error == YAML_READER_ERROR) {
		/* The reader runs ahead of the parser and knows its place in octets only. */
		snprintf(text, sizeof(text), "%s (octet %zu of the file)", p->problem,
			 p->problem_offset);
		error_text(r, place_of(p->mark), text);
		return;
	}
	snprintf(text, sizeof(text), "%s", p->problem);
	if (p->context)
		snprintf(text, sizeof(text), "%s %s that starts in line %zu", p->problem,
			 p->context, p->context_mark.line + 1);
	error_text(r, place_of(p->problem_mark), text);
}

static void refuse_properties(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		error_at(r, here(r), "anchors (&%.60s) are not used in settings", anchor);
	if (tag)
		error_at(r, here(r), "tags (%.60s) are not used in settings", tag);
}

static yaml_event_type_t advance(struct reader *r)
{
	yaml_event_delete(&r->event); /* leaves YAML_NO_EVENT */
	if (r->rc != RC_OK)
		return YAML_NO_EVENT;
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		syntax_error(r);
		return YAML_NO_EVENT;
	}
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		refuse_properties(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_properties(r, r->event.data.sequence_start.anchor,
				  r->event.data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_properties(r, r->event.data.mapping_start.anchor,
				  r->event.data.mapping_start.tag);
		break;
	case YAML_ALIAS_EVENT:
		error_at(r, here(r), "aliases (*%.60s) are not used in settings",
			 r->event.data.alias.anchor);
		break;
	default:
		break;
	}
	return r->event.type;
}

static bool enter(struct reader *r)
{
	if (++r->depth <= LIMIT_SETTINGS_DEPTH)
		return true;
	error_at(r, here(r), "nested deeper than %d levels", LIMIT_SETTINGS_DEPTH);
	r->rc = RC_INVALID;
	return false;
}

/* Passes over a node, however it looks. */
static void skip_node(struct reader *r)
{
	unsigned start = r->depth;

	for (;; advance(r)) {
		switch (r->event.type) {
		case YAML_SEQUENCE_START_EVENT:
		case YAML_MAPPING_START_EVENT:
			if (!enter(r))
				return;
			break;
		case YAML_SEQUENCE_END_EVENT:
		case YAML_MAPPING_END_EVENT:
			r->depth--;
			break;
		case YAML_NO_EVENT:
			return;
		default:
			break;
		}
		if (r->depth == start)
			return;
	}
}

/* What the node at r->event is, for "must be ..., not ...". */
static const char *node_name(const struct reader *r)
{
	switch (r->event.type) {
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_MAPPING_START_EVENT:
		return "a mapping";
	default:
		return "a single value";
	}
}

/* Reports a node of another kind than the one wanted and passes over it. */
static void wrong_node(struct reader *r, const char *wanted)
{
	const yaml_event_t *e = &r->event;

	if (e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0 &&
	    e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		error_at(r, here(r), "has no value; leave the key out where there is nothing to "
			 "say, else it must be %s", wanted);
	else if (e->type != YAML_ALIAS_EVENT && e->type != YAML_NO_EVENT)
		error_at(r, here(r), "must be %s, not %s", wanted, node_name(r));
	skip_node(r);
}

/* A copy in the arena: the event's text ends with the event. Absent when memory is exhausted. */
static struct str scalar_text(struct reader *r)
{
	struct str text = { (const char *)r->event.data.scalar.value, r->event.data.scalar.length };
	struct str copy = arena_str(r->a, text);

	if (!copy.p)
		r->rc = RC_NOMEM;
	return copy;
}

static size_t field_size(enum setting_type type)
{
	static const size_t sizes[] = {
		[SETTING_STR] = sizeof(struct str),
		[SETTING_INT] = sizeof(int64_t),
		[SETTING_BOOL] = sizeof(bool),
		[SETTING_DURATION] = sizeof(int64_t),
		[SETTING_ENUM] = sizeof(int),
		[SETTING_STR_LIST] = sizeof(struct setting_strs),
		[SETTING_NAMED] = sizeof(struct setting_items),
		[SETTING_LIST] = sizeof(struct setting_items),
	};

	return sizes[type];
}

/* Doubles *v, an array of count members, at each power of two. False when memory is exhausted. */
static bool grow(struct reader *r, void *v, size_t count, size_t size)
{
	void **array = v, *larger;

	if (count & (count - 1))
		return true;
	larger = arena_array(r->a, count ? count * 2 : 1, size);
	if (!larger) {
		r->rc = RC_NOMEM;
		return false;
	}
	if (count)
		memcpy(larger, *array, count * size);
	*array = larger;
	return true;
}

static bool strs_add(struct reader *r, struct setting_strs *strs, struct str text, unsigned line)
{
	if (!grow(r, &strs->v, strs->count, sizeof(*strs->v)) ||
	    !grow(r, &strs->lines, strs->count, sizeof(*strs->lines)))
		return false;
	strs->v[strs->count] = text;
	strs->lines[strs->count++] = line;
	return true;
}

/* Zeroes the fields of all rows and sets the defaults. A default that the row itself refuses is a
 * programmer's error. */
static void set_defaults(struct reader *r, const struct setting *rows, char *base)
{
	for (const struct setting *row = rows; row->name; row++) {
		char *field = base + row->offset;
		struct str rest = str_of(row->fallback), word;
		enum rc rc;

		if (row->type == SETTING_MAP) {
			set_defaults(r, row->children, field);
			continue;
		}
		memset(field, 0, field_size(row->type));
		if (row->type == SETTING_STR_LIST) {
			while (rest.len) {
				str_cut(rest, ' ', &word, &rest);
				if (word.len && !strs_add(r, (struct setting_strs *)field, word, 0))
					return;
			}
		} else if (row->fallback) {
			rc = value_store(row, rest, field, NULL);
			assert(rc == RC_OK);
			(void)rc;
		}
	}
}

static void read_map(struct reader *r, const struct setting *rows, char *base);

static void read_scalar(struct reader *r, const struct setting *row, char *field)
{
	struct place at = here(r);
	struct fault f;
	struct str text;

	if (r->event.type != YAML_SCALAR_EVENT ||
	    (r->event.data.scalar.length == 0 &&
	     r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)) {
		wrong_node(r, "a single value");
		return;
	}
	text = scalar_text(r);
	if (!text.p)
		return;
	f = (struct fault){ 0 };
	if (value_store(row, text, field, &f) != RC_OK)
		error_at(r, at, "%s", f.detail);
	fault_done(&f);
}

static void read_strs(struct reader *r, const struct setting *row, struct setting_strs *strs)
{
	const struct setting item = { .type = SETTING_STR, .check = row->check };

	if (r->event.type != YAML_SEQUENCE_START_EVENT) {
		wrong_node(r, "a list");
		return;
	}
	*strs = (struct setting_strs){ 0 }; /* the default gives way */
	if (!enter(r))
		return;
	for (size_t i = 0; advance(r) != YAML_SEQUENCE_END_EVENT && r->event.type != YAML_NO_EVENT;
	     i++) {
		size_t path = path_push_index(r, i);
		unsigned line = here(r).line;
		struct str text = { NULL, 0 };

		read_scalar(r, &item, (char *)&text);
		if (text.p && !strs_add(r, strs, text, line))
			return;
		path_pop(r, path);
	}
	r->depth--;
}

/* A new zeroed item with its defaults. NULL when memory is exhausted. */
static char *items_add(struct reader *r, const struct setting *row, struct setting_items *items,
		       unsigned line)
{
	char *item;

	if (!grow(r, &items->v, items->count, row->item_size) ||
	    !grow(r, &items->lines, items->count, sizeof(*items->lines)))
		return NULL;
	item = (char *)items->v + items->count * row->item_size;
	items->lines[items->count++] = line;
	set_defaults(r, row->children, item);
	return item;
}

static void read_item(struct reader *r, const struct setting *row, char *item)
{
	if (r->event.type == YAML_MAPPING_START_EVENT)
		read_map(r, row->children, item);
	else
		wrong_node(r, "a mapping");
}

static void read_list(struct reader *r, const struct setting *row, struct setting_items *items)
{
	if (r->event.type != YAML_SEQUENCE_START_EVENT) {
		wrong_node(r, "a list of mappings");
		return;
	}
	if (!enter(r))
		return;
	while (advance(r) != YAML_SEQUENCE_END_EVENT && r->event.type != YAML_NO_EVENT) {
		size_t path = path_push_index(r, items->count);
		char *item = items_add(r, row, items, here(r).line);

		if (!item)
			return;
		read_item(r, row, item);
		path_pop(r, path);
	}
	r->depth--;
}

/* The key at r->event as text. Absent when it is no usable key: then it has been reported, and r
 * is at the end of its value. */
static struct str read_key(struct reader *r)
{
	struct str key = { NULL, 0 };

	if (r->event.type == YAML_SCALAR_EVENT) {
		key = scalar_text(r);
		if (!key.p)
			return key;
		if (key.len && !memchr(key.p, '\0', key.len))
			return key;
		key.p = NULL;
	}
	if (r->event.type != YAML_ALIAS_EVENT)
		error_at(r, here(r), "a key must be a name");
	skip_node(r);
	advance(r);
	skip_node(r);
	return key;
}

struct name {
	struct str text;
	struct place at;
};

static int name_compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order = memcmp(x->text.p, y->text.p, len);

	if (order == 0)
		order = (x->text.len > y->text.len) - (x->text.len < y->text.len);
	if (order == 0)
		order = (x->at.line > y->at.line) - (x->at.line < y->at.line);
	return order ? order : (x->at.column > y->at.column) - (x->at.column < y->at.column);
}

/* By sorting, because a file of 4 MiB holds too many names to compare each with each. */
static void refuse_same_names(struct reader *r, struct name *names, size_t count)
{
	if (count < 2)
		return;
	qsort(names, count, sizeof(*names), name_compare);
	for (size_t i = 1; i < count; i++) {
		size_t path;

		if (!str_eq(names[i - 1].text, names[i].text))
			continue;
		path = path_push(r, names[i].text);
		error_at(r, names[i].at, "this name was given before, in line %u",
			 names[i - 1].at.line);
		path_pop(r, path);
	}
}

static void read_named(struct reader *r, const struct setting *row, struct setting_items *items)
{
	struct name *names = NULL;

	if (r->event.type != YAML_MAPPING_START_EVENT) {
		wrong_node(r, "a mapping from names to mappings");
		return;
	}
	if (!enter(r))
		return;
	while (advance(r) != YAML_MAPPING_END_EVENT && r->event.type != YAML_NO_EVENT) {
		struct place at = here(r);
		struct str name = read_key(r);
		size_t path;
		char *item;

		if (!name.p)
			continue;
		if (!grow(r, &names, items->count, sizeof(*names)))
			return;
		names[items->count] = (struct name){ name, at };
		item = items_add(r, row, items, at.line);
		if (!item)
			return;
		*(struct str *)item = name;
		path = path_push(r, name);
		advance(r);
		read_item(r, row, item);
		path_pop(r, path);
	}
	r->depth--;
	refuse_same_names(r, names, items->count);
}

static void read_value(struct reader *r, const struct setting *row, char *base)
{
	char *field = base + row->offset;

	switch (row->type) {
	case SETTING_STR_LIST:
		read_strs(r, row, (struct setting_strs *)field);
		break;
	case SETTING_MAP:
		read_item(r, row, field);
		break;
	case SETTING_NAMED:
		read_named(r, row, (struct setting_items *)field);
		break;
	case SETTING_LIST:
		read_list(r, row, (struct setting_items *)field);
		break;
	default:
		read_scalar(r, row, field);
		break;
	}
}

static void unknown_key(struct reader *r, const struct setting *rows, struct str key,
			struct place at)
{
	char known[FAULT_DETAIL_MAX / 2] = "";
	size_t path = path_push(r, key), len = 0;
	struct near near;

	near_init(&near, key);
	for (const struct setting *row = rows; row->name; row++) {
		near_try(&near, row->name);
		if (len < sizeof(known))
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						row == rows ? "" : ", ", row->name);
	}
	if (near.best)
		error_at(r, at, "unknown key; did you mean \"%s\"?", near.best);
	else
		error_at(r, at, "unknown key; there are: %s", known);
	path_pop(r, path);
}

static void require(struct reader *r, const struct setting *rows, const unsigned *lines,
		    struct place at)
{
	for (const struct setting *row = rows; row->name; row++) {
		size_t path;

		if (!row->required || (lines && lines[row - rows]))
			continue;
		path = path_push(r, str_of(row->name));
		error_at(r, at, "is required");
		path_pop(r, path);
	}
}

static const struct setting *find_row(const struct setting *rows, struct str key)
{
	for (; rows->name; rows++)
		if (str_is(key, rows->name))
			return rows;
	return NULL;
}

/* One pair of a mapping; r->event is the key. lines has the line of each row that was given. */
static void read_pair(struct reader *r, const struct setting *rows, unsigned *lines, char *base)
{
	const struct setting *row;
	struct place at = here(r);
	struct str key = read_key(r);
	unsigned *line;
	size_t path;

	if (!key.p)
		return;
	row = find_row(rows, key);
	if (!row) {
		unknown_key(r, rows, key, at);
		advance(r);
		skip_node(r);
		return;
	}
	line = &lines[row - rows];
	path = path_push(r, key);
	advance(r);
	if (*line) {
		error_at(r, at, "this key was given before, in line %u", *line);
		skip_node(r);
	} else {
		*line = at.line;
		read_value(r, row, base);
	}
	path_pop(r, path);
}

/* A mapping with the keys of rows; the defaults are already in base. */
static void read_map(struct reader *r, const struct setting *rows, char *base)
{
	struct place start = here(r);
	size_t count = 0;
	unsigned *lines;

	while (rows[count].name)
		count++;
	lines = arena_array(r->a, count, sizeof(*lines));
	if (!lines)
		r->rc = RC_NOMEM;
	if (!lines || !enter(r))
		return;
	while (advance(r) != YAML_MAPPING_END_EVENT && r->event.type != YAML_NO_EVENT)
		read_pair(r, rows, lines, base);
	r->depth--;
	if (r->rc == RC_OK)
		require(r, rows, lines, start);
}

static bool is_empty_scalar(const struct reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0 &&
	       r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* The stream: no document (an empty file) or one. */
static void read_stream(struct reader *r, const struct setting *rows, char *base)
{
	advance(r); /* the start of the stream */
	advance(r);
	if (r->event.type == YAML_DOCUMENT_START_EVENT) {
		if (r->event.data.document_start.version_directive ||
		    r->event.data.document_start.tag_directives.start !=
			    r->event.data.document_start.tag_directives.end)
			error_at(r, here(r), "directives (%%) are not used in settings");
		advance(r);
	}
	if (r->event.type == YAML_MAPPING_START_EVENT)
		read_map(r, rows, base);
	else if (r->event.type == YAML_STREAM_END_EVENT || is_empty_scalar(r))
		require(r, rows, NULL, (struct place){ 1, 1 });
	else
		wrong_node(r, "a mapping");
	while (r->event.type != YAML_STREAM_END_EVENT && r->event.type != YAML_NO_EVENT) {
		if (advance(r) != YAML_DOCUMENT_START_EVENT)
			continue;
		error_at(r, here(r), "a second document; settings are one document");
		r->rc = RC_INVALID;
	}
}

enum rc settings_read(struct arena *a, struct str yaml, const char *file, const struct setting *rows,
		      void *out, struct setting_errors *errors)
{
	struct reader r = { .a = a, .file = file, .errors = errors };

	*errors = (struct setting_errors){ 0 };
	set_defaults(&r, rows, out);
	if (r.rc != RC_OK)
		return r.rc;
	if (yaml.len > LIMIT_SETTINGS_BYTES) {
		error_at(&r, (struct place){ 1, 1 }, "longer than %d MiB",
			 LIMIT_SETTINGS_BYTES / (1024 * 1024));
		return RC_INVALID;
	}
	if (!yaml_parser_initialize(&r.parser))
		return RC_NOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
				     (const unsigned char *)(yaml.p ? yaml.p : ""), yaml.len);
	read_stream(&r, rows, out);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (r.rc != RC_OK)
		return r.rc;
	return errors->count ? RC_INVALID : RC_OK;
}
