/* arena.h - memory with one lifetime: allocated piece by piece, freed at once.
 * A request, a job or a test owns one. Not thread-safe; an arena may move between threads.
 * Every arena is created with its maximum, so that no peer can make it grow without bound. */
#ifndef ASSAY_BASE_ARENA_H
#define ASSAY_BASE_ARENA_H

#include "base/rc.h"
#include "base/str.h"

/* With ASan every allocation is a block of its own, so that an overrun or a use after arena_reset()
 * is found where it happens. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_OWN_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_OWN_BLOCKS 1
#endif
#endif

#define ARENA_ALIGN 16
#ifdef ARENA_OWN_BLOCKS
#define ARENA_BLOCK 0
#else
#define ARENA_BLOCK (16 * 1024 - 64) /* octets in an ordinary block; 16 KiB with the headers */
#endif

struct arena_block {
	struct arena_block *next; /* older */
	size_t used, cap;         /* octets of p */
	_Alignas(ARENA_ALIGN) uint8_t p[];
};

struct arena {
	struct arena_block *first; /* newest block */
	size_t used;               /* bytes handed out, over all blocks */
	size_t max;
};

/* max is rounded up to ARENA_ALIGN; every allocation counts rounded up. */
void arena_init(struct arena *a, size_t max);
/* Frees all but one ordinary block, so that the next request allocates nothing and an idle arena
 * stays small. */
void arena_reset(struct arena *a);
void arena_done(struct arena *a);

/* 16-byte aligned and zeroed. NULL when the maximum or memory is exhausted. */
static inline void *arena_alloc(struct arena *a, size_t len) MUST_USE;
/* count * size with overflow check. */
void *arena_array(struct arena *a, size_t count, size_t size) MUST_USE;
/* Copies; the text copy is NUL-terminated beyond its len. p is NULL when memory is exhausted or
 * the source was absent. */
struct str arena_str(struct arena *a, struct str s) MUST_USE;
struct bytes arena_bytes(struct arena *a, struct bytes b) MUST_USE;
/* NUL-terminated; NULL when exhausted. */
char *arena_cstr(struct arena *a, struct str s) MUST_USE;
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;

/* The slow path of arena_alloc(), for nobody else. */
void *arena_alloc_block(struct arena *a, size_t len) MUST_USE;

static inline void *arena_alloc(struct arena *a, size_t len)
{
	struct arena_block *block = a->first;
	size_t take = (len + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
	void *p;

	if (take < len || take > a->max - a->used)
		return NULL;
	if (!block || take > block->cap - block->used)
		return arena_alloc_block(a, len);
	p = block->p + block->used;
	block->used += take;
	a->used += take;
	return memset(p, 0, len);
}

#endif
