/* json_load.c - see json_load.h.
 *
 * jansson 2.14 does not look whether its string buffer could grow: after a failed allocation it goes
 * on with half a string, then looks for the closing quote beyond the end of its memory. So its
 * allocator never lets it see a failure. While a parse is under way, this thread lists the blocks
 * that jansson has; when there is no memory, they are freed and control goes straight back to
 * json_load(). jansson holds nothing else (no lock, no file), so leaving it like that is safe.
 * Blocks are plain malloc() ones, so that other users of jansson in the process see no difference. */
#include "acme/json_load.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#define FIRST_BLOCKS 128 /* enough for a JWS; more are listed on the heap */

struct parse {
	void **blocks;
	size_t count, cap;
	jmp_buf no_memory;
	void *first[FIRST_BLOCKS];
};

static _Thread_local struct parse *current; /* the parse under way in this thread, else NULL */

static bool list_has_room(struct parse *p)
{
	void **bigger;

	if (p->count < p->cap)
		return true;
	bigger = reallocarray(p->blocks == p->first ? NULL : p->blocks, 2 * p->cap, sizeof(void *));
	if (!bigger)
		return false;
	if (p->blocks == p->first)
		memcpy(bigger, p->first, sizeof(p->first));
	p->blocks = bigger;
	p->cap *= 2;
	return true;
}

static void *allocate(size_t len)
{
	struct parse *p = current;
	void *block;

	if (!p)
		return malloc(len);
	block = list_has_room(p) ? malloc(len) : NULL;
	if (!block)
		longjmp(p->no_memory, 1);
	p->blocks[p->count++] = block;
	return block;
}

static void release(void *block)
{
	struct parse *p = current;

	/* What a parser frees, it has allocated lately. */
	for (size_t i = p && block ? p->count : 0; i > 0; i--) {
		if (p->blocks[i - 1] == block) {
			p->blocks[i - 1] = p->blocks[--p->count];
			break;
		}
	}
	free(block);
}

static void set_allocator(void)
{
	json_set_alloc_funcs(allocate, release);
}

/* The list is the caller's, so that it is well defined after a longjmp (C17 §7.13.2.1). */
static json_t *load(struct parse *p, struct str text, json_error_t *error, bool *out_nomem)
{
	if (setjmp(p->no_memory) != 0) {
		for (size_t i = 0; i < p->count; i++)
			free(p->blocks[i]);
		*out_nomem = true;
		return NULL;
	}
	*out_nomem = false;
	return json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, error);
}

json_t *json_load(struct str text, json_error_t *error, bool *out_nomem)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct parse p;
	json_t *value;

	pthread_once(&once, set_allocator);
	p.blocks = p.first;
	p.count = 0;
	p.cap = FIRST_BLOCKS;
	current = &p;
	value = load(&p, text, error, out_nomem);
	current = NULL; /* what is still listed belongs to the value now */
	if (p.blocks != p.first)
		free(p.blocks);
	return value;
}
