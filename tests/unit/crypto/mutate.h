/* mutate.h - every small change of a DER object, one at a time, with the lengths around it put right
 * (or wrong on purpose), also inside the OCTET STRINGs of extensions. */
#ifndef ASSAY_TESTS_CRYPTO_MUTATE_H
#define ASSAY_TESTS_CRYPTO_MUTATE_H

#include "crypto/der.h"
#include "kit.h"

enum mutation {
	MUTATE_NOTHING,
	MUTATE_DELETE,
	MUTATE_TWICE,
	MUTATE_EMPTY,
	MUTATE_ONE_OCTET,
	MUTATE_CHOP,
	MUTATE_EXTRA_OCTET,
	MUTATE_EXTRA_NULL,
	MUTATE_FLIP_FIRST,
	MUTATE_FLIP_LAST,
	MUTATE_CONSTRUCTED,
	MUTATE_NEXT_TAG,
	MUTATE_CONTEXT_TAG,
	MUTATE_WRAP,
	MUTATE_LONG_LENGTH,
	MUTATE_INDEFINITE,
	MUTATE_LENGTH_UP,
	MUTATE_LENGTH_DOWN,
	MUTATE_NUL,
	MUTATE_COUNT,
};

#define MUTATE_ROOM(len) (2 * (len) + 64)

struct mutator {
	unsigned target; /* the number of the item, counted in order */
	enum mutation what;
	unsigned seen;
	uint8_t *out;
	size_t len, cap;
};

static inline void mutate_put(struct mutator *m, const void *p, size_t len)
{
	assert_true(len <= m->cap - m->len);
	if (len)
		memcpy(m->out + m->len, p, len);
	m->len += len;
}

static inline void mutate_head(struct mutator *m, uint8_t tag, size_t len, enum mutation what)
{
	uint8_t head[6] = { tag };
	size_t n = 2;

	len += what == MUTATE_LENGTH_UP ? 1 : 0;
	len -= what == MUTATE_LENGTH_DOWN && len > 0 ? 1 : 0;
	if (what == MUTATE_INDEFINITE) {
		head[1] = 0x80;
	} else if (what == MUTATE_LONG_LENGTH) {
		head[1] = 0x83;
		head[2] = (uint8_t)(len >> 16);
		head[3] = (uint8_t)(len >> 8);
		head[4] = (uint8_t)len;
		n = 5;
	} else if (len < 0x80) {
		head[1] = (uint8_t)len;
	} else if (len < 0x100) {
		head[1] = 0x81;
		head[2] = (uint8_t)len;
		n = 3;
	} else {
		head[1] = 0x82;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		n = 4;
	}
	mutate_put(m, head, n);
}

static inline void mutate_items(struct mutator *m, struct bytes in);

/* Content of one item, its own items changed where they are the target. */
static inline void mutate_content(struct mutator *m, const struct der_item *item)
{
	bool inside = (item->tag & 0x20) ||
		      (item->tag == DER_OCTET_STRING && item->body.len > 1 && !der_check(item->body));

	if (inside)
		mutate_items(m, item->body);
	else
		mutate_put(m, item->body.p, item->body.len);
}

static inline void mutate_item(struct mutator *m, const struct der_item *item)
{
	bool here = m->seen++ == m->target;
	enum mutation what = here ? m->what : MUTATE_NOTHING;
	struct mutator content = *m;
	uint8_t tag = item->tag;

	if (what == MUTATE_DELETE)
		return;
	content.len = 0;
	content.out = test_malloc(m->cap);
	mutate_content(&content, item);
	m->seen = content.seen;
	if (what == MUTATE_EMPTY)
		content.len = 0;
	if (what == MUTATE_ONE_OCTET) {
		content.len = 1;
		content.out[0] = 1;
	}
	if (what == MUTATE_CHOP && content.len > 0)
		content.len--;
	if (what == MUTATE_EXTRA_OCTET)
		mutate_put(&content, "", 1);
	if (what == MUTATE_EXTRA_NULL)
		mutate_put(&content, "\x05", 2);
	if (what == MUTATE_FLIP_FIRST && content.len > 0)
		content.out[0] ^= 0x80;
	if (what == MUTATE_FLIP_LAST && content.len > 0)
		content.out[content.len - 1] ^= 1;
	if (what == MUTATE_NUL && content.len > 1)
		content.out[content.len / 2] = 0;
	if (what == MUTATE_CONSTRUCTED)
		tag ^= 0x20;
	if (what == MUTATE_NEXT_TAG)
		tag++;
	if (what == MUTATE_CONTEXT_TAG)
		tag ^= 0x80;
	if (what == MUTATE_WRAP)
		mutate_head(m, DER_SEQUENCE, content.len + (content.len < 0x80 ? 2 : content.len < 0x100 ? 3 : 4),
			    MUTATE_NOTHING);
	for (int i = 0; i < (what == MUTATE_TWICE ? 2 : 1); i++) {
		mutate_head(m, tag, content.len, what);
		mutate_put(m, content.out, content.len);
	}
	if (what == MUTATE_INDEFINITE)
		mutate_put(m, "\0", 2);
	test_free(content.out);
}

static inline void mutate_items(struct mutator *m, struct bytes in)
{
	struct der d = der_over(in);
	struct der_item item;

	while (der_next(&d, &item))
		mutate_item(m, &item);
	assert_true(der_at_end(&d));
}

/* The object with one change; false when there is no such item. out has room for MUTATE_ROOM. */
static inline bool mutate(struct bytes in, unsigned target, enum mutation what, uint8_t *out,
			  size_t *out_len)
{
	struct mutator m = { .target = target, .what = what, .out = out, .cap = MUTATE_ROOM(in.len) };

	mutate_items(&m, in);
	*out_len = m.len;
	return target < m.seen || what == MUTATE_DELETE;
}

/* How many items there are. */
static inline unsigned mutate_count(struct bytes in)
{
	uint8_t *out = test_malloc(MUTATE_ROOM(in.len));
	struct mutator m = { .target = ~0U, .out = out, .cap = MUTATE_ROOM(in.len) };

	mutate_items(&m, in);
	assert_int_equal(m.len, in.len);
	assert_memory_equal(out, in.p, in.len); /* nothing changed: the same octets again */
	test_free(out);
	return m.seen;
}

#endif
