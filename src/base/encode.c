/* encode.c - base64url, base64 and hex. Decoders are strict: one octet string has one text. */
#include "base/encode.h"

#define BAD 0xff

static const char url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define DIGITS_LOWER                                                                        \
	26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, \
	47, 48, 49, 50, 51
#define DIGITS_UPPER                                                                        \
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,   \
	23, 24, 25
#define DIGITS_DECIMAL 52, 53, 54, 55, 56, 57, 58, 59, 60, 61

/* Value of each octet. */
static const uint8_t url_values[256] = {
	[0 ... '-' - 1] = BAD, ['-'] = 62, ['-' + 1 ... '0' - 1] = BAD, ['0'] = DIGITS_DECIMAL,
	['9' + 1 ... 'A' - 1] = BAD, ['A'] = DIGITS_UPPER, ['Z' + 1 ... '_' - 1] = BAD, ['_'] = 63,
	['_' + 1 ... 'a' - 1] = BAD, ['a'] = DIGITS_LOWER, ['z' + 1 ... 255] = BAD,
};
static const uint8_t std_values[256] = {
	[0 ... '+' - 1] = BAD, ['+'] = 62, ['+' + 1 ... '/' - 1] = BAD, ['/'] = 63,
	['0'] = DIGITS_DECIMAL, ['9' + 1 ... 'A' - 1] = BAD, ['A'] = DIGITS_UPPER,
	['Z' + 1 ... 'a' - 1] = BAD, ['a'] = DIGITS_LOWER, ['z' + 1 ... 255] = BAD,
};

/* Encodes without padding; returns the end. */
static char *encode(struct bytes in, const char *alphabet, char *out)
{
	size_t i = 0;
	uint32_t v;

	for (; in.len - i >= 3; i += 3) {
		v = (uint32_t)in.p[i] << 16 | (uint32_t)in.p[i + 1] << 8 | in.p[i + 2];
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = alphabet[v >> 6 & 63];
		*out++ = alphabet[v & 63];
	}
	if (in.len - i == 1) {
		v = in.p[i];
		*out++ = alphabet[v >> 2];
		*out++ = alphabet[v << 4 & 63];
	} else if (in.len - i == 2) {
		v = (uint32_t)in.p[i] << 8 | in.p[i + 1];
		*out++ = alphabet[v >> 10];
		*out++ = alphabet[v >> 4 & 63];
		*out++ = alphabet[v << 2 & 63];
	}
	return out;
}

size_t b64url_encode(struct bytes in, char *out)
{
	char *end = encode(in, url_alphabet, out);

	*end = '\0';
	return (size_t)(end - out);
}

size_t b64_encode(struct bytes in, char *out)
{
	char *end = encode(in, std_alphabet, out);

	while ((end - out) % 4)
		*end++ = '=';
	*end = '\0';
	return (size_t)(end - out);
}

bool b64url_decode(struct str in, uint8_t *out, size_t *out_len)
{
	const uint8_t *p = (const uint8_t *)in.p;
	size_t whole = in.len / 4 * 4, rest = in.len - whole;
	uint8_t *o = out, seen = 0, a, b, c;

	if (rest == 1)
		return false; /* six bits are no octet */
	/* A bad digit is 0xff: it is the only value with the top bit, collected in seen. */
	for (size_t i = 0; i < whole; i += 4) {
		uint8_t d;

		a = url_values[p[i]];
		b = url_values[p[i + 1]];
		c = url_values[p[i + 2]];
		d = url_values[p[i + 3]];
		seen |= a | b | c | d;
		*o++ = (uint8_t)(a << 2 | b >> 4);
		*o++ = (uint8_t)(b << 4 | c >> 2);
		*o++ = (uint8_t)(c << 6 | d);
	}
	if (rest) {
		a = url_values[p[whole]];
		b = url_values[p[whole + 1]];
		c = rest == 3 ? url_values[p[whole + 2]] : 0;
		seen |= a | b | c;
		*o++ = (uint8_t)(a << 2 | b >> 4);
		/* RFC 4648 §3.5: bits beyond the last octet are zero, or two texts mean the same. */
		if (rest == 3) {
			*o++ = (uint8_t)(b << 4 | c >> 2);
			if (c & 3)
				return false;
		} else if (b & 15) {
			return false;
		}
	}
	if (seen & 0x80)
		return false;
	*out_len = (size_t)(o - out);
	return true;
}

enum rc b64url_decode_arena(struct arena *a, struct str in, struct bytes *out)
{
	size_t len;
	uint8_t *p = arena_alloc(a, in.len / 4 * 3 + 3);

	if (!p)
		return RC_NOMEM;
	if (!b64url_decode(in, p, &len))
		return RC_INVALID;
	*out = (struct bytes){ p, len };
	return RC_OK;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool b64_decode_ws(struct str in, uint8_t *out, size_t *out_len)
{
	uint32_t bits = 0;
	size_t digits = 0, pads = 0;
	uint8_t *o = out;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t value = std_values[(uint8_t)in.p[i]];

		if (is_space(in.p[i]))
			continue;
		if (in.p[i] == '=') {
			pads++;
			continue;
		}
		if (value == BAD || pads)
			return false;
		bits = bits << 6 | value;
		if (++digits % 4 == 0) {
			*o++ = (uint8_t)(bits >> 16);
			*o++ = (uint8_t)(bits >> 8);
			*o++ = (uint8_t)bits;
		}
	}
	switch (digits % 4) {
	case 0:
		if (pads != 0)
			return false;
		break;
	case 2:
		if (pads != 2 || (bits & 15))
			return false;
		*o++ = (uint8_t)(bits >> 4);
		break;
	case 3:
		if (pads != 1 || (bits & 3))
			return false;
		*o++ = (uint8_t)(bits >> 10);
		*o++ = (uint8_t)(bits >> 2);
		break;
	default:
		return false;
	}
	*out_len = (size_t)(o - out);
	return true;
}

void hex_encode(struct bytes in, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.len; i++) {
		*out++ = digits[in.p[i] >> 4];
		*out++ = digits[in.p[i] & 15];
	}
	*out = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(struct str in, uint8_t *out, size_t *out_len)
{
	if (in.len % 2)
		return false;
	for (size_t i = 0; i < in.len; i += 2) {
		int high = hex_value(in.p[i]), low = hex_value(in.p[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*out_len = in.len / 2;
	return true;
}
