/* trace.h - the story of one validation for a person to read: one line for everything that was tried.
 * No state but the caller's buffer. */
#ifndef ASSAY_NET_TRACE_H
#define ASSAY_NET_TRACE_H

#include "base/buf.h"

/* Adds one line to a buffer that was made with LIMIT_TRACE. Peer text in it is made printable; a
 * line that is too long is cut, one that no longer fits is left out whole. */
void trace_add(struct buf *trace, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
