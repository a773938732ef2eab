/* answer.c - building the admin API's answers: pages of rows, and what several objects share. */
#include "api/admin/resource.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/cert.h"

#define ANSWER_MAX (512 * 1024)       /* an answer: half of what a request may hold */
#define PAGE_FULL (256 * 1024)        /* a page ends here; what follows is the next one's */
#define BATCH 50                      /* rows read at once */
#define ROWS_MAX 5000                 /* rows looked at for one page: others wait meanwhile */
#define BATCH_ARENA (16 * 1024 * 1024)

void answer_init(struct answer *a)
{
	buf_init(&a->buf, ANSWER_MAX);
	a->out = (struct json_out){ .buf = &a->buf };
}

void answer_done(struct answer *a)
{
	buf_done(&a->buf);
}

enum rc reply_json(struct request *req, int status, struct answer *a)
{
	struct str body;
	enum rc rc;

	buf_add_char(&a->buf, '\n');
	rc = json_out_take(&a->out, req->arena, &body);
	return rc == RC_OK ? reply_set(req, status, "application/json", body) : rc;
}

enum rc admin_not_found(const char *what, struct fault *f)
{
	return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such %s", what);
}

/* --- pages --- */

/* Shows the wanted rows of one batch; *out_last is the last that was looked at. */
static enum rc show_batch(struct request *req, const struct listing *l, struct answer *a, const char *rows,
			  size_t count, int64_t *shown, const void **out_last, bool *out_full)
{
	for (size_t i = 0; i < count; i++) {
		const void *record = rows + i * l->record_size;
		enum rc rc;

		*out_last = record;
		if (l->wanted && !l->wanted(record, l->arg))
			continue;
		rc = l->show(req, &a->out, record);
		if (rc != RC_OK)
			return rc;
		if (++*shown == l->limit || a->buf.len > PAGE_FULL) {
			*out_full = true;
			return RC_OK;
		}
	}
	return RC_OK;
}

/* Two arenas take turns, since the query for a batch needs the last row of the one before. */
static enum rc walk(struct request *req, const struct listing *l, struct answer *a, struct arena arenas[2],
		    struct str *out_next)
{
	struct store_query q = l->query;
	const void *last = l->after;
	int64_t shown = 0;
	bool full = false;
	size_t looked = 0, count;

	q.limit = BATCH;
	for (unsigned turn = 0;; turn = !turn) {
		void *rows;
		enum rc rc;

		arena_reset(&arenas[turn]);
		q.after = last;
		rc = store_list(req->core.read, &q, &arenas[turn], &rows, &count);
		if (rc == RC_OK)
			rc = show_batch(req, l, a, rows, count, &shown, &last, &full);
		if (rc != RC_OK)
			return rc;
		looked += count;
		if (count < BATCH && !full)
			return RC_OK; /* that was the end */
		if (full || looked >= ROWS_MAX)
			break;
	}
	*out_next = l->cursor(req, last);
	return out_next->p ? RC_OK : RC_NOMEM;
}

enum rc reply_listing(struct request *req, const struct listing *l)
{
	AUTO(answer) struct answer a;
	struct arena arenas[2];
	struct str next = { 0 };
	enum rc rc;

	answer_init(&a);
	arena_init(&arenas[0], BATCH_ARENA);
	arena_init(&arenas[1], BATCH_ARENA);
	json_out_open(&a.out, NULL, '{');
	json_out_open(&a.out, l->name, '[');
	rc = walk(req, l, &a, arenas, &next);
	json_out_close(&a.out, ']');
	show_text(&a.out, "next", next);
	json_out_close(&a.out, '}');
	arena_done(&arenas[0]);
	arena_done(&arenas[1]);
	return rc == RC_OK ? reply_json(req, 200, &a) : rc;
}

/* --- parts of objects --- */

struct str serial_str(struct arena *a, struct bytes serial)
{
	char *text = arena_alloc(a, 2 * serial.len + 1);

	if (!text)
		return (struct str){ 0 };
	hex_encode(serial, text);
	return (struct str){ text, 2 * serial.len };
}

void show_time(struct json_out *o, const char *key, int64_t at_s)
{
	if (at_s)
		json_out_time(o, key, at_s);
}

void show_text(struct json_out *o, const char *key, struct str text)
{
	if (text.p)
		json_out_str(o, key, text);
}

void show_identifiers(struct json_out *o, const char *key, struct str text)
{
	struct str one, type, name;

	json_out_open(o, key, '[');
	while (text.len) {
		(void)str_cut(text, ' ', &one, &text);
		if (str_cut(one, ':', &type, &name))
			json_out_str(o, NULL, name);
	}
	json_out_close(o, ']');
}

void show_lines(struct json_out *o, const char *key, struct str text)
{
	struct str one;

	json_out_open(o, key, '[');
	while (text.len) {
		(void)str_cut(text, '\n', &one, &text);
		if (one.len)
			json_out_str(o, NULL, one);
	}
	json_out_close(o, ']');
}
