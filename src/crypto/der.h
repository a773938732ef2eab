/* der.h - a strict reader and a bounded writer of DER (ITU-T X.690 §8, §10, §11).
 * The reader never allocates and never copies: items are slices of the input. It refuses indefinite
 * and non-minimal lengths, high tag numbers, and lengths beyond what encloses them. der_check() is
 * the budget gate that every object of a peer passes before anything else looks at it.
 * The writer goes forwards into a buffer of fixed size; its errors stick, like those of base/buf.h.
 * No state but what the caller owns: safe from any thread. */
#ifndef ASSAY_CRYPTO_DER_H
#define ASSAY_CRYPTO_DER_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/str.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_T61_STRING = 0x14,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};
/* Context-specific tags: primitive [n] and constructed [n]. */
#define DER_CONTEXT(n) ((uint8_t)(0x80 | (n)))
#define DER_CONTEXT_CONS(n) ((uint8_t)(0xa0 | (n)))

/* --- reading --- */

/* What is still to be read of one level. */
struct der {
	const uint8_t *p, *end;
};

struct der_item {
	uint8_t tag;
	struct bytes body;  /* content octets */
	struct bytes whole; /* tag, length and content */
};

#define DER_ITEMS_MAX 3000 /* in one object, over all levels */

/* Walks the whole of in, which must be exactly one item, and checks what DER says of the form of
 * every universal type, the depth (LIMIT_DER_DEPTH), the length of every OID (LIMIT_OID_BYTES) and
 * the number of items. NULL when all is well, else the reason as text: "X.690 §8.1.3.6: ...".
 * OCTET STRINGs, BIT STRINGs and primitive context tags are not looked into. */
const char *der_check(struct bytes in);

struct der der_over(struct bytes in);
bool der_at_end(const struct der *d);
/* The next item, whatever it is. False at the end or when malformed; then d has not moved. */
bool der_next(struct der *d, struct der_item *out);
/* The next item if it has this tag; false and unmoved otherwise. */
bool der_get(struct der *d, uint8_t tag, struct der_item *out);
bool der_is_next(const struct der *d, uint8_t tag);
/* The content of the next item, for reading on one level deeper. */
bool der_enter(struct der *d, uint8_t tag, struct der *inner);
/* in is exactly one item with this tag and nothing behind it. */
bool der_only(struct bytes in, uint8_t tag, struct der *inner);

/* A non-negative INTEGER without its sign octet; zero is one zero octet. */
bool der_get_unsigned(struct der *d, struct bytes *out);
/* A non-negative INTEGER of at most 31 bits. */
bool der_get_small(struct der *d, int *out);
/* BOOLEAN DEFAULT FALSE: absent is false; an encoded FALSE is refused (X.690 §11.5). */
bool der_get_default_false(struct der *d, bool *out);
/* A BIT STRING of whole octets. */
bool der_get_bit_octets(struct der *d, struct bytes *out);
/* A named-bit-list (X.690 §11.2.2: no trailing zero bits) of at most 16 bits; bit 0 is 1 << 0. */
bool der_get_named_bits(struct der *d, unsigned *out);
/* UTCTime or GeneralizedTime in the one form that RFC 5280 §4.1.2.5 allows for the date. */
bool der_get_time(struct der *d, int64_t *out_s);

/* "1.2.840.10045.2.1" of an OID's content for messages, shortened to fit. */
#define DER_OID_TEXT_MAX 80
void der_oid_text(struct bytes oid, char out[DER_OID_TEXT_MAX]);

/* --- writing --- */

struct der_writer {
	uint8_t *buf;
	size_t len, cap;
	bool failed;
};

/* A writer over cap octets of the arena. */
enum rc der_writer_init(struct der_writer *w, struct arena *a, size_t cap) MUST_USE;
struct der_writer der_writer_over(uint8_t *buf, size_t cap);
/* Everything added between is the content: the length is filled in by der_close(). */
size_t der_open(struct der_writer *w, uint8_t tag);
void der_close(struct der_writer *w, size_t mark);
void der_add(struct der_writer *w, uint8_t tag, struct bytes content);
void der_add_raw(struct der_writer *w, struct bytes der);
/* A positive INTEGER from its octets, any leading zeros dropped, the sign octet added. */
void der_add_unsigned(struct der_writer *w, struct bytes number);
void der_add_small(struct der_writer *w, unsigned number);
void der_add_true(struct der_writer *w);
void der_add_bit_octets(struct der_writer *w, struct bytes content);
void der_add_named_bits(struct der_writer *w, unsigned bits);
/* UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
void der_add_time(struct der_writer *w, int64_t at_s);
/* GeneralizedTime whatever the year (RFC 6960 §4.2.2.1). */
void der_add_generalized_time(struct der_writer *w, int64_t at_s);
/* RC_NOMEM when something did not fit. */
enum rc der_writer_done(const struct der_writer *w, struct bytes *out) MUST_USE;

#endif
