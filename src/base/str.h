/* str.h - text and octet slices: a pointer and a length, never a terminator.
 * A slice borrows; whoever made the memory owns it. p == NULL means "absent",
 * p != NULL with len 0 means "empty". */
#ifndef ASSAY_BASE_STR_H
#define ASSAY_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

struct bytes {
	const uint8_t *p;
	size_t len;
};

/* For "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : ""
/* A string literal as a slice. */
#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static inline struct str str_of(const char *text)
{
	return (struct str){ text, text ? strlen(text) : 0 };
}

static inline struct bytes bytes_of(const void *p, size_t len)
{
	return (struct bytes){ p, len };
}

static inline struct bytes str_bytes(struct str s)
{
	return (struct bytes){ (const uint8_t *)s.p, s.len };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
	return str_eq(a, str_of(text));
}

/* ASCII only: RFC 4343 names and HTTP tokens are compared this way. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Splits at the first sep: *head gets what is before it, *rest what is after. False when sep is
 * absent (then *head is all of s and *rest is absent). */
bool str_cut(struct str s, char sep, struct str *head, struct str *rest);
/* Decimal int64 without sign games: [-]digits, whole slice, no overflow. */
bool str_to_int(struct str s, int64_t *out);
/* "90d", "36h", "15m", "30s", "2w", "1y" (365 d) or bare seconds, as seconds; > 0 only. */
bool str_to_duration_s(struct str s, int64_t *out_s);

/* Length in octets (1 to 4) and code point of the UTF-8 character at s.p[i], i < s.len; 0 when it
 * is malformed, overlong or a surrogate (RFC 3629 §3). */
size_t str_utf8_at(struct str s, size_t i, uint32_t *out_code);
bool str_is_utf8(struct str s);
/* Control characters, and those that reorder or break lines on a terminal or in a log viewer. */
bool utf8_is_control(uint32_t code);
/* Copies what a person may see into out[cap], cap > 0: controls and malformed octets become '?',
 * what does not fit is cut at a character. NUL-terminated; returns the length. */
size_t str_printable(struct str s, char *out, size_t cap);

#endif
