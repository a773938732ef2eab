/* retry.c - see retry.h. */
#include "client/retry.h"

#include <stdio.h>

#include "base/clock.h"

struct date {
	int64_t year, day, hour, minute, second;
	int month; /* 1..12 */
};

static bool take(struct str *s, const char *text)
{
	size_t len = strlen(text);

	if (!str_starts(*s, text))
		return false;
	s->p += len;
	s->len -= len;
	return true;
}

/* Exactly this many digits. */
static bool take_digits(struct str *s, size_t count, int64_t *out)
{
	int64_t n = 0;

	if (s->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		n = n * 10 + (s->p[i] - '0');
	}
	s->p += count;
	s->len -= count;
	*out = n;
	return true;
}

static bool take_month(struct str *s, int *out)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	for (size_t i = 0; i < COUNT_OF(months); i++) {
		if (take(s, months[i])) {
			*out = (int)i + 1;
			return true;
		}
	}
	return false;
}

static bool take_time(struct str *s, struct date *d)
{
	return take_digits(s, 2, &d->hour) && take(s, ":") && take_digits(s, 2, &d->minute) && take(s, ":") &&
	       take_digits(s, 2, &d->second);
}

/* The name of a day, short or long; which one is not checked: the date says it. */
static bool take_day_name(struct str *s, const char *after)
{
	static const char *const days[] = { "Monday", "Tuesday", "Wednesday", "Thursday",
					    "Friday", "Saturday", "Sunday", "Mon",
					    "Tue",    "Wed",     "Thu",     "Fri",
					    "Sat",    "Sun" };

	for (size_t i = 0; i < COUNT_OF(days); i++) {
		if (take(s, days[i]))
			return take(s, after);
	}
	return false;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool imf_fixdate(struct str s, struct date *d)
{
	return take_day_name(&s, ", ") && take_digits(&s, 2, &d->day) && take(&s, " ") &&
	       take_month(&s, &d->month) && take(&s, " ") && take_digits(&s, 4, &d->year) && take(&s, " ") &&
	       take_time(&s, d) && take(&s, " GMT") && s.len == 0;
}

/* Sunday, 06-Nov-94 08:49:37 GMT; the century is the one that brings it nearest to the present,
 * at most 50 years ahead (RFC 9110 §5.6.7). */
static bool rfc850_date(struct str s, int64_t now_s, struct date *d)
{
	char now[21];
	int64_t this_year;
	struct str text = { now, 20 };

	clock_rfc3339(now_s, now);
	if (!take_digits(&text, 4, &this_year) || !take_day_name(&s, ", ") || !take_digits(&s, 2, &d->day) ||
	    !take(&s, "-") || !take_month(&s, &d->month) || !take(&s, "-") || !take_digits(&s, 2, &d->year) ||
	    !take(&s, " ") || !take_time(&s, d) || !take(&s, " GMT") || s.len != 0)
		return false;
	d->year += this_year - this_year % 100;
	if (d->year > this_year + 50)
		d->year -= 100;
	return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool asctime_date(struct str s, struct date *d)
{
	if (!take_day_name(&s, " ") || !take_month(&s, &d->month) || !take(&s, " "))
		return false;
	if (!(take(&s, " ") ? take_digits(&s, 1, &d->day) : take_digits(&s, 2, &d->day)))
		return false;
	return take(&s, " ") && take_time(&s, d) && take(&s, " ") && take_digits(&s, 4, &d->year) && s.len == 0;
}

bool http_date_parse(struct str text, int64_t now_s, int64_t *out_s)
{
	char rfc3339[64];
	struct date d = { 0 };
	int len;

	if (!imf_fixdate(text, &d) && !rfc850_date(text, now_s, &d) && !asctime_date(text, &d))
		return false;
	len = snprintf(rfc3339, sizeof(rfc3339), "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)d.year, d.month,
		       (int)d.day, (int)d.hour, (int)d.minute, (int)d.second);
	return len == 20 && clock_parse_rfc3339(rfc3339, (unsigned)len, out_s);
}

static bool is_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.len > 0;
}

bool retry_after_parse(struct str value, int64_t now_s, int64_t *out_s)
{
	int64_t s;

	if (is_digits(value)) {
		if (!str_to_int(value, &s))
			s = RETRY_AFTER_MAX_S; /* does not fit an int64_t */
	} else if (http_date_parse(value, now_s, &s)) {
		s = s > now_s ? s - now_s : 0;
	} else {
		return false;
	}
	*out_s = s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S;
	return true;
}

int64_t retry_gap_ms(unsigned look, int64_t asked_s, uint32_t chance)
{
	int64_t gap = RETRY_GAP_MIN_MS;

	for (unsigned i = 0; i < look && gap < RETRY_GAP_MAX_MS; i++)
		gap += gap / 2;
	if (gap > RETRY_GAP_MAX_MS)
		gap = RETRY_GAP_MAX_MS;
	if (asked_s >= 0 && gap < asked_s * 1000)
		gap = asked_s * 1000;
	return gap + gap / 4 * (int64_t)(chance >> 16) / 65536;
}
