/* str.c - slices: comparing, splitting, numbers, durations and UTF-8. */
#include "base/str.h"

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, const char *prefix)
{
	size_t len = strlen(prefix);

	return len == 0 || (s.len >= len && memcmp(s.p, prefix, len) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t len = strlen(suffix);

	return len == 0 || (s.len >= len && memcmp(s.p + s.len - len, suffix, len) == 0);
}

bool str_cut(struct str s, char sep, struct str *head, struct str *rest)
{
	const char *at = s.len ? memchr(s.p, sep, s.len) : NULL;

	if (!at) {
		*head = s;
		*rest = (struct str){ NULL, 0 };
		return false;
	}
	*head = (struct str){ s.p, (size_t)(at - s.p) };
	*rest = (struct str){ at + 1, s.len - head->len - 1 };
	return true;
}

bool str_to_int(struct str s, int64_t *out)
{
	bool negative = s.len > 0 && s.p[0] == '-';
	int64_t value = 0;

	if (s.len == (size_t)negative)
		return false;
	/* Counts downwards, because INT64_MIN has no positive counterpart. */
	for (size_t i = negative; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, s.p[i] - '0', &value))
			return false;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
		return false;
	*out = value;
	return true;
}

static int64_t duration_unit_s(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	case 'y':
		return 365 * 86400;
	default:
		return 0;
	}
}

bool str_to_duration_s(struct str s, int64_t *out_s)
{
	int64_t unit_s = s.len ? duration_unit_s(s.p[s.len - 1]) : 0;
	int64_t value;

	if (unit_s)
		s.len--;
	else
		unit_s = 1;
	if (!str_to_int(s, &value) || value <= 0 || s.p[0] == '-')
		return false;
	if (__builtin_mul_overflow(value, unit_s, &value))
		return false;
	*out_s = value;
	return true;
}

size_t str_utf8_at(struct str s, size_t i, uint32_t *out_code)
{
	/* Smallest code point that needs 2, 3 and 4 octets: anything below is overlong. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t lead = (uint8_t)s.p[i];
	size_t len = lead < 0x80 ? 1 : (lead >> 5) == 0x06 ? 2 : (lead >> 4) == 0x0e ? 3 :
		     (lead >> 3) == 0x1e ? 4 : 0;
	uint32_t code;

	if (len == 0 || len > s.len - i)
		return 0;
	code = len == 1 ? lead : lead & (0x7fu >> len);
	for (size_t k = 1; k < len; k++) {
		uint8_t c = (uint8_t)s.p[i + k];

		if ((c & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (c & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*out_code = code;
	return len;
}

bool utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || /* C0, DEL, C1 */
	       code == 0x061c || code == 0x200e || code == 0x200f || /* bidirectional marks */
	       (code >= 0x2028 && code <= 0x202e) || /* line separators, embeddings, overrides */
	       (code >= 0x2066 && code <= 0x2069) || /* isolates */
	       code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb);
}

bool str_is_utf8(struct str s)
{
	uint32_t code;

	for (size_t i = 0, len; i < s.len; i += len) {
		len = str_utf8_at(s, i, &code);
		if (len == 0)
			return false;
	}
	return true;
}

size_t str_printable(struct str s, char *out, size_t cap)
{
	size_t used = 0;
	uint32_t code;

	for (size_t i = 0, len; i < s.len; i += len) {
		bool plain;

		len = str_utf8_at(s, i, &code);
		plain = len > 0 && !utf8_is_control(code);
		if (len == 0)
			len = 1;
		if (used + (plain ? len : 1) >= cap)
			break; /* never half a character */
		if (plain) {
			memmove(out + used, s.p + i, len);
			used += len;
		} else {
			out[used++] = '?';
		}
	}
	out[used] = '\0';
	return used;
}
