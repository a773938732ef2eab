/* clock.c - time from the vDSO, or standing still for tests; RFC 3339 by proleptic Gregorian
 * arithmetic, so that no time zone, locale or 32-bit time_t has a say. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define DAY_S 86400
#define LAST_S 253402300799 /* 9999-12-31T23:59:59Z */

static atomic_bool fake;
static _Atomic int64_t fake_wall_ms;
static _Atomic int64_t fake_mono_ms;

static struct timespec now(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return ts;
}

int64_t clock_now_ms(void)
{
	struct timespec ts;

	if (atomic_load_explicit(&fake, memory_order_relaxed))
		return atomic_load(&fake_wall_ms);
	ts = now(CLOCK_REALTIME);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_now_s(void)
{
	return clock_now_ms() / 1000;
}

int64_t clock_mono_us(void)
{
	struct timespec ts;

	if (atomic_load_explicit(&fake, memory_order_relaxed))
		return atomic_load(&fake_mono_ms) * 1000;
	ts = now(CLOCK_MONOTONIC);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

void clock_fake(int64_t wall_ms)
{
	atomic_store(&fake_wall_ms, wall_ms);
	atomic_store(&fake_mono_ms, 0);
	atomic_store(&fake, true);
}

void clock_fake_advance_ms(int64_t ms)
{
	atomic_fetch_add(&fake_wall_ms, ms);
	atomic_fetch_add(&fake_mono_ms, ms);
}

void clock_real(void)
{
	atomic_store(&fake, false);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01. Years are counted from March, so that the leap day comes last; 400 of
 * them have 146097 days, and 719468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static void date_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t shifted = days + 719468;
	int64_t era = floor_div(shifted, 146097);
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
					    year_of_era / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;

	*day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
	*month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
	*year = (unsigned)(year_of_era + era * 400 + (*month <= 2));
}

static char *put_digits(char *out, unsigned value, unsigned width)
{
	for (unsigned i = width; i > 0; i--) {
		out[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + width;
}

void clock_rfc3339(int64_t at_s, char out[21])
{
	unsigned year, month, day, second;

	if (at_s < 0)
		at_s = 0;
	if (at_s > LAST_S)
		at_s = LAST_S;
	date_from_days(at_s / DAY_S, &year, &month, &day);
	second = (unsigned)(at_s % DAY_S);
	out = put_digits(out, year, 4);
	*out++ = '-';
	out = put_digits(out, month, 2);
	*out++ = '-';
	out = put_digits(out, day, 2);
	*out++ = 'T';
	out = put_digits(out, second / 3600, 2);
	*out++ = ':';
	out = put_digits(out, second / 60 % 60, 2);
	*out++ = ':';
	out = put_digits(out, second % 60, 2);
	*out++ = 'Z';
	*out = '\0';
}

struct cursor {
	const char *p, *end;
	bool bad;
};

static unsigned take_digits(struct cursor *c, unsigned width)
{
	unsigned value = 0;

	for (unsigned i = 0; i < width; i++) {
		if (c->p == c->end || *c->p < '0' || *c->p > '9') {
			c->bad = true;
			return 0;
		}
		value = value * 10 + (unsigned)(*c->p++ - '0');
	}
	return value;
}

/* One character of set, or 0. */
static char take_one(struct cursor *c, const char *set)
{
	for (; c->p < c->end && *set; set++)
		if (*c->p == *set)
			return *c->p++;
	c->bad = true;
	return 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+hh:mm" (RFC 3339 §5.6), in seconds east of UTC. */
static int64_t take_offset_s(struct cursor *c)
{
	char sign = take_one(c, "Zz+-");
	unsigned hour, minute;
	int64_t offset_s;

	if (c->bad || sign == 'Z' || sign == 'z')
		return 0;
	hour = take_digits(c, 2);
	take_one(c, ":");
	minute = take_digits(c, 2);
	if (hour > 23 || minute > 59)
		c->bad = true;
	offset_s = (int64_t)hour * 3600 + (int64_t)minute * 60;
	return sign == '-' ? -offset_s : offset_s;
}

int clock_parse_rfc3339(const char *p, unsigned len, int64_t *out_s)
{
	struct cursor c = { p, p + len, false };
	unsigned year, month, day, hour, minute, second;
	int64_t at_s;

	year = take_digits(&c, 4);
	take_one(&c, "-");
	month = take_digits(&c, 2);
	take_one(&c, "-");
	day = take_digits(&c, 2);
	take_one(&c, "Tt");
	hour = take_digits(&c, 2);
	take_one(&c, ":");
	minute = take_digits(&c, 2);
	take_one(&c, ":");
	second = take_digits(&c, 2);
	if (c.bad || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
	    hour > 23 || minute > 59 || second > 60)
		return false;
	if (c.p < c.end && *c.p == '.') {
		c.p++;
		take_digits(&c, 1);
		while (c.p < c.end && *c.p >= '0' && *c.p <= '9')
			c.p++;
	}
	at_s = days_from_date(year, month, day) * DAY_S + (int64_t)hour * 3600 +
	       (int64_t)minute * 60 + second - take_offset_s(&c);
	/* A leap second only ends a UTC day (RFC 3339 §5.7); it counts as the next one's first. */
	if (c.bad || c.p != c.end || (second == 60 && at_s % DAY_S != 0))
		return false;
	if (at_s < 0 || at_s > LAST_S)
		return false;
	*out_s = at_s;
	return true;
}
