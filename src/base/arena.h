/* arena.h - memory with one lifetime: allocated piece by piece, freed at once.
 * A request, a job or a test owns one. Not thread-safe; an arena may move between threads.
 * Every arena is created with its maximum, so that no peer can make it grow without bound. */
#ifndef ASSAY_BASE_ARENA_H
#define ASSAY_BASE_ARENA_H

#include "base/rc.h"
#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *first; /* newest block */
	size_t used;               /* bytes handed out, over all blocks */
	size_t max;
};

void arena_init(struct arena *a, size_t max);
/* Frees all but one block, so that the next request allocates nothing. */
void arena_reset(struct arena *a);
void arena_done(struct arena *a);

/* 16-byte aligned and zeroed. NULL when the maximum or memory is exhausted. */
void *arena_alloc(struct arena *a, size_t len) MUST_USE;
/* count * size with overflow check. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_USE;
/* Copies; the text copy is NUL-terminated beyond its len. p is NULL when memory is exhausted or
 * the source was absent. */
struct str arena_str(struct arena *a, struct str s) MUST_USE;
struct bytes arena_bytes(struct arena *a, struct bytes b) MUST_USE;
/* NUL-terminated; NULL when exhausted. */
char *arena_cstr(struct arena *a, struct str s) MUST_USE;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;

#endif
