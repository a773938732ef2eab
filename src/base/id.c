/* id.c - time-ordered ids. Each thread keeps random octets in hand, because getrandom() costs a
 * system call, and its last id, because several are made in one millisecond. */
#include "base/id.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

#define TIME_LEN 6
#define RANDOM_LEN (ID_LEN - TIME_LEN)
#define STEP_LEN (RANDOM_LEN - 1)
#define POOL_LEN 250 /* getrandom() of up to 256 octets is never cut short by a signal */
/* How far the wall clock may fall back before ids follow it. */
#define FALL_BACK_MS 10000

struct id_source {
	uint64_t forks; /* of which the octets were drawn */
	size_t left;
	uint8_t pool[POOL_LEN];
	int64_t last_ms;
	struct id last;
};

static _Thread_local struct id_source source;
/* A child must not hand out the octets that its parent has in hand. */
static _Atomic uint64_t forks = 1;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, count_fork) != 0)
		abort(); /* no memory at the start of the process */
}

static void refill(struct id_source *s)
{
	ssize_t got;

	pthread_once(&watch_once, watch_forks);
	do
		got = getrandom(s->pool, sizeof(s->pool), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(s->pool))
		abort(); /* guessable ids are worse than none */
	s->left = sizeof(s->pool);
	s->forks = atomic_load_explicit(&forks, memory_order_relaxed);
}

static void draw(struct id_source *s, uint8_t *out, size_t len)
{
	if (s->left < len || s->forks != atomic_load_explicit(&forks, memory_order_relaxed))
		refill(s);
	s->left -= len;
	memcpy(out, s->pool + s->left, len);
	memset(s->pool + s->left, 0, len); /* what was handed out is not kept */
}

/* Adds a random 72-bit number, at least 1, to the random part of the last id: ascending, and the
 * next one is still not to be guessed. False when it overflows. */
static bool step(struct id_source *s)
{
	uint8_t add[STEP_LEN];
	unsigned carry = 1;

	draw(s, add, sizeof(add));
	for (size_t i = ID_LEN; i-- > TIME_LEN;) {
		size_t k = i - TIME_LEN; /* position within the random part; add lacks the first */
		unsigned sum = s->last.b[i] + carry + (k > 0 ? add[k - 1] : 0);

		s->last.b[i] = (uint8_t)sum;
		carry = sum >> 8;
	}
	return carry == 0;
}

static void start_ms(struct id_source *s, int64_t ms)
{
	s->last_ms = ms;
	for (size_t i = 0; i < TIME_LEN; i++)
		s->last.b[i] = (uint8_t)(ms >> (8 * (TIME_LEN - 1 - i)));
	draw(s, s->last.b + TIME_LEN, RANDOM_LEN);
}

struct id id_new(void)
{
	struct id_source *s = &source;
	int64_t now_ms = clock_now_ms();

	if (now_ms > s->last_ms || now_ms < s->last_ms - FALL_BACK_MS)
		start_ms(s, now_ms);
	else if (!step(s))
		start_ms(s, s->last_ms + 1); /* some 256 in a millisecond: runs ahead of time */
	return s->last;
}

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void id_text(struct id id, char out[ID_TEXT_LEN + 1])
{
	unsigned bits = 0, have = 2; /* 26 * 5 = 130: two zero bits come first */
	char *p = out;

	for (size_t i = 0; i < ID_LEN; i++) {
		bits = bits << 8 | id.b[i];
		for (have += 8; have >= 5; have -= 5)
			*p++ = alphabet[bits >> (have - 5) & 31];
	}
	*p = '\0';
}

static int digit(char c)
{
	const char *at = c ? memchr(alphabet, c, sizeof(alphabet) - 1) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

bool id_parse(struct str s, struct id *out)
{
	unsigned bits = 0, have = 0;
	struct id id;
	size_t n = 0;

	if (s.len != ID_TEXT_LEN || digit(s.p[0]) > 7) /* beyond 128 bits */
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int value = digit(s.p[i]);

		if (value < 0)
			return false;
		bits = bits << 5 | (unsigned)value;
		have += i == 0 ? 3 : 5;
		if (have >= 8) {
			have -= 8;
			id.b[n++] = (uint8_t)(bits >> have);
		}
	}
	*out = id;
	return true;
}

bool id_eq(struct id a, struct id b)
{
	return memcmp(a.b, b.b, ID_LEN) == 0;
}

bool id_is_zero(struct id id)
{
	return id_eq(id, (struct id){ { 0 } });
}
