/* buf.c - growth by doubling, never beyond the maximum. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2 };
}

void buf_done(struct buf *b)
{
	if (!b)
		return;
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

bool buf_grow(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	char *p;

	if (len > b->max - b->len) {
		b->failed = true;
		return false;
	}
	while (cap - b->len <= len)
		cap *= 2; /* ends: len + b->len <= max <= SIZE_MAX / 2 */
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int len;

	if (b->failed)
		return;
	va_start(args, fmt);
	len = vsnprintf(b->p ? b->p + b->len : NULL, b->cap - b->len, fmt, args);
	va_end(args);
	if (len < 0) {
		b->failed = true;
	} else if ((size_t)len < b->cap - b->len) {
		b->len += (size_t)len;
		return;
	} else if (buf_grow(b, (size_t)len)) {
		va_start(args, fmt);
		vsnprintf(b->p + b->len, b->cap - b->len, fmt, args);
		va_end(args);
		b->len += (size_t)len;
		return;
	}
	if (b->p)
		b->p[b->len] = '\0'; /* takes back a cut first attempt */
}

struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->len };
}

struct bytes buf_bytes(const struct buf *b)
{
	return str_bytes(buf_str(b));
}
