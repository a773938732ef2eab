/* buf.h - a growing byte buffer that is created with its maximum.
 * Errors stick: after the first failed append every later one is a no-op and buf_ok() is false, so
 * that a writer checks once, at the end. */
#ifndef ASSAY_BASE_BUF_H
#define ASSAY_BASE_BUF_H

#include "base/rc.h"
#include "base/str.h"

struct buf {
	char *p; /* always NUL-terminated once something was added */
	size_t len, cap, max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties, keeps the memory. */
void buf_reset(struct buf *b);
bool buf_ok(const struct buf *b);
void buf_add(struct buf *b, const void *p, size_t len);
void buf_add_str(struct buf *b, struct str s);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str buf_str(const struct buf *b);
struct bytes buf_bytes(const struct buf *b);

#endif
