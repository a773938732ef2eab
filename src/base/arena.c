/* arena.c - blocks of 16 KiB in a list, newest first; what does not fit one gets its own. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void arena_init(struct arena *a, size_t max)
{
	if (max > SIZE_MAX / 2)
		max = SIZE_MAX / 2;
	max = (max + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
	*a = (struct arena){ .max = max };
}

static void blocks_free(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
}

void arena_reset(struct arena *a)
{
	struct arena_block *keep = NULL, *next;

	for (struct arena_block *block = a->first; block; block = next) {
		next = block->next;
		if (!keep && block->cap <= ARENA_BLOCK) {
			keep = block;
		} else {
			free(block);
		}
	}
	if (keep) {
		keep->next = NULL;
		keep->used = 0;
	}
	a->first = keep;
	a->used = 0;
}

void arena_done(struct arena *a)
{
	if (!a)
		return;
	blocks_free(a->first);
	a->first = NULL;
	a->used = 0;
}

/* The caller has checked that len, rounded up, is within the maximum. */
void *arena_alloc_block(struct arena *a, size_t len)
{
	size_t take = (len + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
	size_t ordinary = ARENA_BLOCK;
	bool own = len > ordinary / 4 || ordinary == 0;
	size_t cap = own ? len : a->max < ordinary ? a->max : ordinary;
	struct arena_block *block = malloc(sizeof(*block) + cap);

	if (!block)
		return NULL;
	block->cap = cap;
	block->used = own ? cap : take;
	a->used += take;
	if (own && a->first) {
		/* Behind the newest block, whose free space stays in use. */
		block->next = a->first->next;
		a->first->next = block;
	} else {
		block->next = a->first;
		a->first = block;
	}
	return memset(block->p, 0, len);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t len;

	return __builtin_mul_overflow(count, size, &len) ? NULL : arena_alloc(a, len);
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;

	if (p && s.len)
		memcpy(p, s.p, s.len); /* arena_alloc() has zeroed the terminator */
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = s.p ? arena_cstr(a, s) : NULL;

	return (struct str){ p, p ? s.len : 0 };
}

struct bytes arena_bytes(struct arena *a, struct bytes b)
{
	uint8_t *p = b.p ? arena_alloc(a, b.len) : NULL;

	if (p && b.len)
		memcpy(p, b.p, b.len);
	return (struct bytes){ p, p ? b.len : 0 };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256], *p;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	p = arena_alloc(a, (size_t)len + 1);
	if (!p)
		return NULL;
	if ((size_t)len < sizeof(small))
		return memcpy(p, small, (size_t)len + 1);
	va_start(args, fmt);
	vsnprintf(p, (size_t)len + 1, fmt, args);
	va_end(args);
	return p;
}
