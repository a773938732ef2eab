/* der_read.c - the strict DER reader (ITU-T X.690). */
#include <stdio.h>

#include "base/limits.h"
#include "crypto/der.h"

struct der der_over(struct bytes in)
{
	return (struct der){ in.p, in.p ? in.p + in.len : NULL };
}

bool der_at_end(const struct der *d)
{
	return d->p == d->end;
}

/* Tag and length of the item at p. Returns what is wrong, or NULL. */
static const char *read_header(const uint8_t *p, const uint8_t *end, size_t *out_head, size_t *out_len)
{
	size_t avail = (size_t)(end - p), head = 2, len, octets;

	if (avail < 2)
		return "X.690 §8.1.1: an item is cut short";
	if ((p[0] & 0x1f) == 0x1f)
		return "X.690 §8.1.2: tag numbers above 30 are not used here";
	if (p[0] == 0)
		return "X.690 §8.1.5: end-of-contents has no place in DER";
	len = p[1];
	if (len >= 0x80) {
		octets = len & 0x7f;
		if (octets == 0)
			return "X.690 §10.1: the length is indefinite";
		if (octets > 4)
			return "policy: a length of more than four octets";
		if (avail < 2 + octets)
			return "X.690 §8.1.1: an item is cut short";
		len = 0;
		for (size_t i = 0; i < octets; i++)
			len = len << 8 | p[2 + i];
		if (len < 0x80 || p[2] == 0)
			return "X.690 §10.1: the length is not in its shortest form";
		head += octets;
	}
	if (len > avail - head)
		return "X.690 §8.1.3: an item is longer than what encloses it";
	*out_head = head;
	*out_len = len;
	return NULL;
}

bool der_next(struct der *d, struct der_item *out)
{
	size_t head, len;

	if (d->p == d->end || read_header(d->p, d->end, &head, &len))
		return false;
	out->tag = d->p[0];
	out->body = bytes_of(d->p + head, len);
	out->whole = bytes_of(d->p, head + len);
	d->p += head + len;
	return true;
}

bool der_is_next(const struct der *d, uint8_t tag)
{
	return d->p != d->end && d->p[0] == tag;
}

bool der_get(struct der *d, uint8_t tag, struct der_item *out)
{
	return der_is_next(d, tag) && der_next(d, out);
}

bool der_enter(struct der *d, uint8_t tag, struct der *inner)
{
	struct der_item item;

	if (!der_get(d, tag, &item))
		return false;
	*inner = der_over(item.body);
	return true;
}

bool der_only(struct bytes in, uint8_t tag, struct der *inner)
{
	struct der d = der_over(in);

	return der_enter(&d, tag, inner) && der_at_end(&d);
}

static const char *check_integer(struct bytes b)
{
	if (b.len == 0)
		return "X.690 §8.3.1: an INTEGER without content";
	if (b.len > 1 && ((b.p[0] == 0 && b.p[1] < 0x80) || (b.p[0] == 0xff && b.p[1] >= 0x80)))
		return "X.690 §8.3.2: an INTEGER is not in its shortest form";
	return NULL;
}

static const char *check_oid(struct bytes b)
{
	bool start = true;

	if (b.len == 0)
		return "X.690 §8.19.2: an OBJECT IDENTIFIER without content";
	if (b.len > LIMIT_OID_BYTES)
		return "policy: an OBJECT IDENTIFIER of more than 32 octets";
	for (size_t i = 0; i < b.len; i++) {
		if (start && b.p[i] == 0x80)
			return "X.690 §8.19.2: an OBJECT IDENTIFIER arc is not in its shortest form";
		start = b.p[i] < 0x80;
	}
	return start ? NULL : "X.690 §8.19.2: an OBJECT IDENTIFIER is cut short";
}

static const char *check_bit_string(struct bytes b)
{
	if (b.len == 0 || b.p[0] > 7 || (b.len == 1 && b.p[0] != 0))
		return "X.690 §8.6.2: a BIT STRING with a wrong count of unused bits";
	if (b.len > 1 && (b.p[b.len - 1] & ((1U << b.p[0]) - 1)) != 0)
		return "X.690 §11.2.1: unused bits of a BIT STRING are not zero";
	return NULL;
}

/* The form of one item of a universal type. */
static const char *check_universal(uint8_t tag, struct bytes b)
{
	switch (tag) {
	case DER_SEQUENCE:
	case DER_SET:
		return NULL;
	case DER_BOOLEAN:
		if (b.len != 1 || (b.p[0] != 0 && b.p[0] != 0xff))
			return "X.690 §11.1: a BOOLEAN is neither 00 nor FF";
		return NULL;
	case DER_INTEGER:
		return check_integer(b);
	case DER_BIT_STRING:
		return check_bit_string(b);
	case DER_NULL:
		return b.len == 0 ? NULL : "X.690 §8.8.2: a NULL with content";
	case DER_OID:
		return check_oid(b);
	default:
		if (tag & 0x20)
			return "X.690 §10.2: a string in constructed form";
		if (tag == 0x10 || tag == 0x11)
			return "X.690 §8.9.1: a SEQUENCE or SET in primitive form";
		return NULL;
	}
}

const char *der_check(struct bytes in)
{
	const uint8_t *ends[LIMIT_DER_DEPTH], *p = in.p;
	size_t head, len, depth = 0, items = 0;
	const char *why;

	if (!in.p || in.len == 0)
		return "X.690 §8.1.1: there is nothing";
	ends[0] = in.p + in.len;
	for (;;) {
		why = read_header(p, ends[depth], &head, &len);
		if (why)
			return why;
		if (++items > DER_ITEMS_MAX)
			return "policy: too many items";
		if ((p[0] & 0xc0) == 0)
			why = check_universal(p[0], bytes_of(p + head, len));
		if (why)
			return why;
		if (depth == 0 && p + head + len != ends[0])
			return "X.690 §8.1.1: octets behind the end of the object";
		if ((p[0] & 0x20) && len > 0) {
			if (++depth == LIMIT_DER_DEPTH)
				return "policy: nested too deeply";
			p += head;
			ends[depth] = p + len;
			continue;
		}
		p += head + len;
		while (depth > 0 && p == ends[depth])
			depth--;
		if (depth == 0)
			return NULL; /* the one outermost item is complete */
	}
}

bool der_get_unsigned(struct der *d, struct bytes *out)
{
	struct der ahead = *d;
	struct der_item item;

	if (!der_get(&ahead, DER_INTEGER, &item) || check_integer(item.body) || item.body.p[0] >= 0x80)
		return false;
	*d = ahead;
	*out = item.body;
	if (out->len > 1 && out->p[0] == 0) {
		out->p++;
		out->len--;
	}
	return true;
}

bool der_get_small(struct der *d, int *out)
{
	struct der ahead = *d;
	struct bytes number;
	int value = 0;

	if (!der_get_unsigned(&ahead, &number) || number.len > 4 ||
	    (number.len == 4 && number.p[0] >= 0x80))
		return false;
	for (size_t i = 0; i < number.len; i++)
		value = value << 8 | number.p[i];
	*d = ahead;
	*out = value;
	return true;
}

bool der_get_default_false(struct der *d, bool *out)
{
	struct der_item item;

	if (!der_is_next(d, DER_BOOLEAN)) {
		*out = false;
		return true;
	}
	if (!der_get(d, DER_BOOLEAN, &item) || item.body.len != 1 || item.body.p[0] != 0xff)
		return false;
	*out = true;
	return true;
}

bool der_get_bit_octets(struct der *d, struct bytes *out)
{
	struct der_item item;

	if (!der_get(d, DER_BIT_STRING, &item) || check_bit_string(item.body) || item.body.p[0] != 0)
		return false;
	*out = bytes_of(item.body.p + 1, item.body.len - 1);
	return true;
}

bool der_get_named_bits(struct der *d, unsigned *out)
{
	struct der_item item;
	unsigned bits = 0;

	if (!der_get(d, DER_BIT_STRING, &item) || check_bit_string(item.body) || item.body.len > 3)
		return false;
	for (size_t i = 0; i < (item.body.len - 1) * 8; i++)
		if (item.body.p[1 + i / 8] & (0x80U >> (i % 8)))
			bits |= 1U << i;
	/* The last bit that is there must be a one. */
	if (item.body.len > 1 &&
	    !(item.body.p[item.body.len - 1] & (1U << item.body.p[0])))
		return false;
	*out = bits;
	return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = y / 400, yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int two_digits(const uint8_t *p)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	return (p[0] - '0') * 10 + (p[1] - '0');
}

static bool month_has_day(int year, int month, int day)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "MMDDHHMMSSZ" behind the year. */
static bool read_time(int year, const uint8_t *p, int64_t *out_s)
{
	int month = two_digits(p), day = two_digits(p + 2), hour = two_digits(p + 4);
	int minute = two_digits(p + 6), second = two_digits(p + 8);

	if (!month_has_day(year, month, day) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
	    second < 0 || second > 59 || p[10] != 'Z')
		return false;
	*out_s = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

bool der_get_time(struct der *d, int64_t *out_s)
{
	struct der_item item;
	int high, low;

	if (!der_next(d, &item))
		return false;
	if (item.tag == DER_UTC_TIME && item.body.len == 13) {
		low = two_digits(item.body.p);
		if (low < 0)
			return false;
		return read_time(low >= 50 ? 1900 + low : 2000 + low, item.body.p + 2, out_s);
	}
	if (item.tag == DER_GENERALIZED_TIME && item.body.len == 15) {
		high = two_digits(item.body.p);
		low = two_digits(item.body.p + 2);
		if (high < 0 || low < 0 || high * 100 + low < 2050)
			return false;
		return read_time(high * 100 + low, item.body.p + 4, out_s);
	}
	return false;
}

void der_oid_text(struct bytes oid, char out[DER_OID_TEXT_MAX])
{
	size_t used = 0;
	uint64_t arc = 0;
	bool first = true;
	int n;

	out[0] = 0;
	for (size_t i = 0; i < oid.len; i++) {
		if (arc > UINT64_MAX >> 7)
			return;
		arc = arc << 7 | (oid.p[i] & 0x7f);
		if (oid.p[i] & 0x80)
			continue;
		if (first) {
			uint64_t top = arc < 80 ? arc / 40 : 2;

			n = snprintf(out, DER_OID_TEXT_MAX, "%llu.%llu", (unsigned long long)top,
				     (unsigned long long)(arc - top * 40));
		} else {
			n = snprintf(out + used, DER_OID_TEXT_MAX - used, ".%llu",
				     (unsigned long long)arc);
		}
		if (n < 0 || (size_t)n >= DER_OID_TEXT_MAX - used)
			return;
		used += (size_t)n;
		first = false;
		arc = 0;
	}
}
