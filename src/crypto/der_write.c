/* der_write.c - the DER writer (ITU-T X.690): forwards, into a buffer of fixed size. */
#include <stdio.h>

#include "crypto/der.h"

enum rc der_writer_init(struct der_writer *w, struct arena *a, size_t cap)
{
	uint8_t *buf = arena_alloc(a, cap);

	if (!buf)
		return RC_NOMEM;
	*w = der_writer_over(buf, cap);
	return RC_OK;
}

struct der_writer der_writer_over(uint8_t *buf, size_t cap)
{
	return (struct der_writer){ .buf = buf, .cap = cap };
}

/* Room for len more octets, or NULL. */
static uint8_t *grow(struct der_writer *w, size_t len)
{
	uint8_t *p;

	if (w->failed || len > w->cap - w->len) {
		w->failed = true;
		return NULL;
	}
	p = w->buf + w->len;
	w->len += len;
	return p;
}

size_t der_open(struct der_writer *w, uint8_t tag)
{
	uint8_t *p = grow(w, 2); /* one octet of length; der_close() makes room for more */

	if (p)
		p[0] = tag;
	return w->len;
}

void der_close(struct der_writer *w, size_t mark)
{
	size_t len, extra;

	if (w->failed)
		return;
	len = w->len - mark;
	extra = len < 0x80 ? 0 : len < 0x100 ? 1 : len < 0x10000 ? 2 : 3;
	if (len >= 0x1000000 || !grow(w, extra)) {
		w->failed = true;
		return;
	}
	if (extra == 0) {
		w->buf[mark - 1] = (uint8_t)len;
		return;
	}
	memmove(w->buf + mark + extra, w->buf + mark, len);
	w->buf[mark - 1] = (uint8_t)(0x80 | extra);
	for (size_t i = 0; i < extra; i++)
		w->buf[mark + i] = (uint8_t)(len >> (8 * (extra - 1 - i)));
}

void der_add_raw(struct der_writer *w, struct bytes der)
{
	uint8_t *p = grow(w, der.len);

	if (p && der.len > 0)
		memcpy(p, der.p, der.len);
}

void der_add(struct der_writer *w, uint8_t tag, struct bytes content)
{
	size_t mark = der_open(w, tag);

	der_add_raw(w, content);
	der_close(w, mark);
}

void der_add_unsigned(struct der_writer *w, struct bytes number)
{
	size_t mark = der_open(w, DER_INTEGER);

	while (number.len > 1 && number.p[0] == 0) {
		number.p++;
		number.len--;
	}
	if (number.len == 0 || number.p[0] >= 0x80)
		der_add_raw(w, bytes_of("", 1));
	der_add_raw(w, number);
	der_close(w, mark);
}

void der_add_small(struct der_writer *w, unsigned number)
{
	const uint8_t octets[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				    (uint8_t)(number >> 8), (uint8_t)number };

	der_add_unsigned(w, bytes_of(octets, sizeof(octets)));
}

void der_add_true(struct der_writer *w)
{
	der_add(w, DER_BOOLEAN, bytes_of("\xff", 1));
}

void der_add_bit_octets(struct der_writer *w, struct bytes content)
{
	size_t mark = der_open(w, DER_BIT_STRING);

	der_add_raw(w, bytes_of("", 1));
	der_add_raw(w, content);
	der_close(w, mark);
}

void der_add_named_bits(struct der_writer *w, unsigned bits)
{
	uint8_t content[3] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < 16; i++)
		if (bits & (1U << i)) {
			content[1 + i / 8] |= (uint8_t)(0x80U >> (i % 8));
			count = i + 1;
		}
	content[0] = (uint8_t)((8 - count % 8) % 8);
	der_add(w, DER_BIT_STRING, bytes_of(content, 1 + (count + 7) / 8));
}

static void add_time(struct der_writer *w, int64_t at_s, int utc_until)
{
	int64_t days = at_s / 86400, rest = at_s % 86400, era, doe, yoe, doy, mp;
	int year, month, day, n;
	char text[32];

	if (at_s < -631152000 || at_s > 253402300799) { /* 1950-01-01 to 9999-12-31T23:59:59 */
		w->failed = true;
		return;
	}
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	days += 719468; /* counted from 0000-03-01, so that leap days come last in a year */
	era = days / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	day = (int)(doy - (153 * mp + 2) / 5 + 1);
	month = (int)(mp < 10 ? mp + 3 : mp - 9);
	year = (int)(yoe + era * 400 + (month <= 2));
	if (year < utc_until)
		n = snprintf(text, sizeof(text), "%02d", year % 100);
	else
		n = snprintf(text, sizeof(text), "%04d", year);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%02d%02d%02d%02d%02dZ", month, day,
		      (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
	der_add(w, year < utc_until ? DER_UTC_TIME : DER_GENERALIZED_TIME, bytes_of(text, (size_t)n));
}

void der_add_time(struct der_writer *w, int64_t at_s)
{
	add_time(w, at_s, 2050);
}

void der_add_generalized_time(struct der_writer *w, int64_t at_s)
{
	add_time(w, at_s, 0);
}

enum rc der_writer_done(const struct der_writer *w, struct bytes *out)
{
	if (w->failed)
		return RC_NOMEM;
	*out = bytes_of(w->buf, w->len);
	return RC_OK;
}
