/* buf.h - a growing byte buffer that is created with its maximum.
 * Errors stick: after the first failed append every later one is a no-op and buf_ok() is false, so
 * that a writer checks once, at the end. Not thread-safe. */
#ifndef ASSAY_BASE_BUF_H
#define ASSAY_BASE_BUF_H

#include "base/rc.h"
#include "base/str.h"

struct buf {
	char *p; /* always NUL-terminated once something was added */
	size_t len, cap, max; /* cap counts the terminator, len and max do not */
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties and forgets an error, keeps the memory. */
void buf_reset(struct buf *b);
bool buf_ok(const struct buf *b);
/* p may be NULL when len is 0; it must not point into the buffer. */
static inline void buf_add(struct buf *b, const void *p, size_t len);
static inline void buf_add_str(struct buf *b, struct str s);
static inline void buf_add_text(struct buf *b, const char *text);
static inline void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Valid until the next change; "" (never absent) when empty. */
struct str buf_str(const struct buf *b);
struct bytes buf_bytes(const struct buf *b);

/* Makes room for len more octets and the terminator, or fails the buffer; the slow path of
 * buf_add(), for nobody else. */
bool buf_grow(struct buf *b, size_t len);

static inline void buf_add(struct buf *b, const void *p, size_t len)
{
	if (b->failed || (len >= b->cap - b->len && !buf_grow(b, len)))
		return;
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
}

static inline void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.len);
}

static inline void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

static inline void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

#endif
