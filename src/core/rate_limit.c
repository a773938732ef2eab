/* rate_limit.c - see rate_limit.h.
 *
 * A bucket is one number (the generic cell rate algorithm): the time at which it will be untouched
 * again. Taking one moves it by period/count; beyond now + period there is nothing to take, and what
 * it is too far says how long to wait.
 *
 * Buckets are found by a keyed hash, so that nobody can choose names that push his own bucket out. */
#include "core/rate_limit.h"

#include <stdio.h>
#include <stdlib.h>

#include "acme/identifier.h"
#include "base/clock.h"
#include "crypto/digest.h"

#define WAYS 8
#define SETS 4096
#define STRIPES 64 /* each has its lock and its row in the store */
#define SETS_PER_STRIPE (SETS / STRIPES)
#define SUBJECT_MAX 79
#define KEY_LEN 16
#define KEY_ROW STR("limits/key")
#define SECOND INT64_C(1000000) /* all times here are microseconds since 1970 */
#define ENTRY_FIXED (16 + 8 + 2)
#define HOUR 3600
#define DAY 86400

struct bucket {
	uint8_t hash[16];
	int64_t untouched_at; /* 0: free */
	uint8_t rule, subject_len;
	char subject[SUBJECT_MAX + 1]; /* for people; cut */
};

struct stripe {
	pthread_mutex_t lock; /* guards the rest; a leaf */
	bool dirty;
	struct bucket sets[SETS_PER_STRIPE][WAYS];
};

struct limits {
	uint8_t key[KEY_LEN];
	bool key_saved;
	uint64_t refused[LIMIT_RULES]; /* atomic */
	struct stripe stripes[STRIPES];
};

/* --- rules --- */

static const struct {
	const char *name;
	struct limit internet, private;
} rules[LIMIT_RULES] = {
	[LIMIT_NONCES_ADDRESS] = { "new-nonces-per-address", { 100, HOUR }, { 0, HOUR } },
	[LIMIT_ACCOUNTS_ADDRESS] = { "new-accounts-per-address", { 10, HOUR }, { 100000, HOUR } },
	[LIMIT_ORDERS_ADDRESS] = { "new-orders-per-address", { 300, HOUR }, { 0, HOUR } },
	[LIMIT_ORDERS_ACCOUNT_HOUR] = { "new-orders-per-account-hour", { 5, HOUR }, { 0, HOUR } },
	[LIMIT_ORDERS_ACCOUNT_DAY] = { "new-orders-per-account-day", { 50, DAY }, { 0, DAY } },
	[LIMIT_ORDERS_EAB] = { "new-orders-per-binding-key", { 0, DAY }, { 0, DAY } },
	[LIMIT_ORDERS_DIRECTORY] = { "new-orders-per-directory", { 0, HOUR }, { 0, HOUR } },
	[LIMIT_CERTS_NAME] = { "certificates-per-name", { 5, 7 * DAY }, { 0, 7 * DAY } },
	[LIMIT_FAILED_VALIDATIONS] = { "failed-validations", { 5, HOUR }, { 60, HOUR } },
	[LIMIT_CERTS_ZONE] = { "certificates-per-zone", { 0, HOUR }, { 0, HOUR } },
};

const char *limit_rule_name(enum limit_rule rule)
{
	return rules[rule].name;
}

struct limit limit_preset(int preset, enum limit_rule rule)
{
	return preset == LIMITS_INTERNET ? rules[rule].internet : rules[rule].private;
}

bool limit_parse(struct str text, struct limit *out)
{
	struct str count, period;
	char with_one[32];
	struct limit l;

	if (str_is(text, "off")) {
		*out = (struct limit){ 0, HOUR };
		return true;
	}
	if (!str_cut(text, '/', &count, &period) || !str_to_int(count, &l.count) || l.count < 1 ||
	    l.count > 1000000000 || period.len < 1 || period.len > 10)
		return false;
	/* "/h" is "/1h"; a bare number would mean seconds, which nobody means. */
	if (period.p[period.len - 1] >= '0' && period.p[period.len - 1] <= '9')
		return false;
	(void)snprintf(with_one, sizeof(with_one), "%s%.*s", period.len == 1 ? "1" : "", STR_ARG(period));
	if (!str_to_duration_s(str_of(with_one), &l.period_s) || l.period_s > 366 * DAY)
		return false;
	*out = l;
	return true;
}

/* --- the table --- */

enum rc limits_new(struct limits **out)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (!l)
		return RC_NOMEM;
	random_bytes(l->key, sizeof(l->key));
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_init(&l->stripes[i].lock, NULL);
	*out = l;
	return RC_OK;
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&l->stripes[i].lock);
	free(l);
}

static struct stripe *find_set(struct limits *l, const uint8_t hash[16], struct bucket **out)
{
	unsigned n = (unsigned)hash[0] << 8 | hash[1];
	struct stripe *s = &l->stripes[n % STRIPES];

	*out = s->sets[n / STRIPES % SETS_PER_STRIPE];
	return s;
}

/* The bucket, or else the one that gives way to it: free, or nearest to untouched. */
static struct bucket *choose(struct bucket *set, const uint8_t hash[16], bool *out_found)
{
	struct bucket *best = &set[0];

	*out_found = false;
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].untouched_at && memcmp(set[i].hash, hash, sizeof(set[i].hash)) == 0) {
			*out_found = true;
			return &set[i];
		}
		if (set[i].untouched_at < best->untouched_at)
			best = &set[i];
	}
	return best;
}

static void hash_subject(const struct limits *l, enum limit_rule rule, struct str subject, uint8_t out[16])
{
	uint8_t tag = (uint8_t)rule, whole[SHA256_LEN];
	const struct bytes pieces[] = { bytes_of(l->key, KEY_LEN), bytes_of(&tag, 1), str_bytes(subject) };

	sha256_pieces(pieces, COUNT_OF(pieces), whole);
	memcpy(out, whole, 16);
}

/* LOOK is for a question that no request asked: its refusal is not counted. */
enum visit { VISIT_LOOK, VISIT_CHECK, VISIT_TAKE };

static enum rc refuse(enum limit_rule rule, const struct limit *limit, struct str subject, int64_t wait_us,
		      struct fault *f)
{
	int64_t wait_s = (wait_us + SECOND - 1) / SECOND;

	(void)fault_set(f, RC_LIMIT, PROBLEM_RATE_LIMITED,
			"RFC 8555 §6.6: limit \"%s\" (%lld in %lld s) is reached for %.*s; try again in %lld s",
			rules[rule].name, (long long)limit->count, (long long)limit->period_s, STR_ARG(subject),
			(long long)wait_s);
	if (f)
		f->retry_after_s = (int)wait_s;
	return RC_LIMIT;
}

static enum rc visit_limit(struct limits *l, const struct limit *limit, enum limit_rule rule, struct str subject,
			   enum visit how, struct fault *f)
{
	int64_t now = clock_now_ms() * 1000, period = limit->period_s * SECOND, at, wait;
	struct bucket *set, *b;
	uint8_t hash[16];
	struct stripe *s;
	bool found;

	if (!l || limit->count == 0)
		return RC_OK;
	hash_subject(l, rule, subject, hash);
	s = find_set(l, hash, &set);
	pthread_mutex_lock(&s->lock);
	b = choose(set, hash, &found);
	at = found && b->untouched_at > now ? b->untouched_at : now;
	if (at > now + period) /* the clock went back, or the limit became smaller */
		at = now + period;
	at += period / limit->count;
	wait = at - (now + period);
	if (wait <= 0 && how == VISIT_TAKE) {
		memcpy(b->hash, hash, sizeof(b->hash));
		b->rule = (uint8_t)rule;
		b->subject_len = (uint8_t)(subject.len < SUBJECT_MAX ? subject.len : SUBJECT_MAX);
		if (b->subject_len)
			memcpy(b->subject, subject.p, b->subject_len);
		b->untouched_at = at;
		s->dirty = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (wait <= 0)
		return RC_OK;
	if (how != VISIT_LOOK)
		__atomic_add_fetch(&l->refused[rule], 1, __ATOMIC_RELAXED);
	return refuse(rule, limit, subject, wait, f);
}

static enum rc visit(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		     enum visit how, struct fault *f)
{
	return visit_limit(l, &c->limits[rule], rule, subject, how, f);
}

enum rc limits_take(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		    struct fault *f)
{
	return visit(l, c, rule, subject, VISIT_TAKE, f);
}

enum rc limits_check(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		     struct fault *f)
{
	return visit(l, c, rule, subject, VISIT_CHECK, f);
}

enum rc limits_look(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		    struct fault *f)
{
	return visit(l, c, rule, subject, VISIT_LOOK, f);
}

enum rc limits_take_address(struct limits *l, const struct config *c, enum limit_rule rule,
			    const struct addr *peer, struct fault *f)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[ADDR_TEXT_MAX];
	struct addr prefix;
	uint8_t ip[16];

	if (c->limits[rule].count == 0)
		return RC_OK;
	addr_ip16(peer, ip);
	if (memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0) {
		prefix = addr_from_ip(ip + 12, 4, 0);
	} else {
		/* A household or a rack has a /64 to itself: its addresses are one subject. */
		memset(ip + 8, 0, 8);
		prefix = addr_from_ip(ip, 16, 0);
	}
	addr_text_ip(&prefix, text);
	return visit(l, c, rule, str_of(text), VISIT_TAKE, f);
}

/* --- what counts for an order --- */

static struct str name_subject(struct context *c, const struct identifier *id)
{
	return str_of(arena_printf(c->arena, "%s%.*s", id->wildcard ? "*." : "", STR_ARG(id->value)));
}

static enum rc visit_names(struct context *c, const struct identifier *names, size_t count, enum visit how,
			   struct fault *f)
{
	enum rc rc = RC_OK;

	if (c->config->limits[LIMIT_CERTS_NAME].count == 0)
		return RC_OK;
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		struct str subject = name_subject(c, &names[i]);

		if (!subject.p)
			return RC_NOMEM;
		rc = visit(c->service->limits, c->config, LIMIT_CERTS_NAME, subject, how, f);
	}
	return rc;
}

/* Each zone once, however many of the names are its own. */
static enum rc visit_zones(struct context *c, const struct identifier *names, size_t count, enum visit how,
			   struct fault *f)
{
	const struct zone **seen = arena_array(c->arena, count + 1, sizeof(*seen));
	size_t seen_count = 0;
	enum rc rc = RC_OK;

	if (!seen)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		const struct zone *z = config_zone(c->config, &names[i]);
		bool is_new = z && z->certificates.count;

		for (size_t k = 0; is_new && k < seen_count; k++)
			is_new = seen[k] != z;
		if (!is_new)
			continue;
		seen[seen_count++] = z;
		rc = visit_limit(c->service->limits, &z->certificates, LIMIT_CERTS_ZONE, z->name, how, f);
	}
	return rc;
}

static enum rc visit_order(struct context *c, const struct directory *d, struct str account, struct str eab_kid,
			   enum visit how, struct fault *f)
{
	const struct {
		enum limit_rule rule;
		struct str subject;
	} visits[] = {
		{ LIMIT_ORDERS_ACCOUNT_HOUR, account },
		{ LIMIT_ORDERS_ACCOUNT_DAY, account },
		{ LIMIT_ORDERS_EAB, eab_kid },
		{ LIMIT_ORDERS_DIRECTORY, d->name },
	};
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(visits); i++) {
		if (visits[i].subject.p)
			rc = visit(c->service->limits, c->config, visits[i].rule, visits[i].subject, how, f);
	}
	return rc;
}

enum rc limits_new_order(struct context *c, const struct directory *d, struct id account, struct str eab_kid,
			 const struct identifier *names, size_t count, struct fault *f)
{
	struct str subject = id_str(c->arena, account);
	enum rc rc;

	if (c->limits_taken)
		return RC_OK;
	if (!subject.p)
		return RC_NOMEM;
	/* First whether all allow it, so that a refusal by one costs nothing with the others. */
	rc = visit_names(c, names, count, VISIT_CHECK, f);
	if (rc == RC_OK)
		rc = visit_zones(c, names, count, VISIT_CHECK, f);
	if (rc == RC_OK)
		rc = visit_order(c, d, subject, eab_kid, VISIT_CHECK, f);
	if (rc == RC_OK)
		rc = visit_order(c, d, subject, eab_kid, VISIT_TAKE, f);
	c->limits_taken = rc == RC_OK;
	return rc;
}

enum rc limits_look_order(struct context *c, const struct directory *d, struct str account, struct str eab_kid,
			  const struct identifier *names, size_t count, struct fault *f)
{
	enum rc rc = visit_names(c, names, count, VISIT_LOOK, f);

	if (rc == RC_OK)
		rc = visit_zones(c, names, count, VISIT_LOOK, f);
	return rc == RC_OK ? visit_order(c, d, account, eab_kid, VISIT_LOOK, f) : rc;
}

enum rc limits_new_cert(struct context *c, const struct identifier *names, size_t count, struct fault *f)
{
	enum rc rc;

	if (c->limits_taken)
		return RC_OK;
	rc = visit_names(c, names, count, VISIT_CHECK, f);
	if (rc == RC_OK)
		rc = visit_zones(c, names, count, VISIT_CHECK, f);
	if (rc == RC_OK)
		rc = visit_names(c, names, count, VISIT_TAKE, f);
	if (rc == RC_OK)
		rc = visit_zones(c, names, count, VISIT_TAKE, f);
	c->limits_taken = rc == RC_OK;
	return rc;
}

/* --- the store: a row for each stripe, buckets one behind the other --- */

static struct str stripe_row(size_t n, char text[16])
{
	return (struct str){ text, (size_t)snprintf(text, 16, "limits/%02zu", n) };
}

static void put_i64(uint8_t *p, int64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
}

static int64_t get_i64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

/* hash, time, rule, length of the subject, subject. What is untouched by now is left out. */
static size_t stripe_write(const struct stripe *s, int64_t now, uint8_t *out)
{
	const struct bucket *b = &s->sets[0][0];
	size_t len = 0;

	for (size_t i = 0; i < SETS_PER_STRIPE * WAYS; i++, b++) {
		if (b->untouched_at <= now)
			continue;
		memcpy(out + len, b->hash, 16);
		put_i64(out + len + 16, b->untouched_at);
		out[len + 24] = b->rule;
		out[len + 25] = b->subject_len;
		memcpy(out + len + ENTRY_FIXED, b->subject, b->subject_len);
		len += ENTRY_FIXED + b->subject_len;
	}
	return len;
}

static void stripe_read(struct limits *l, struct bytes in)
{
	while (in.len >= ENTRY_FIXED && in.p[25] <= SUBJECT_MAX && in.len >= (size_t)ENTRY_FIXED + in.p[25]) {
		struct bucket *set, *b;
		bool found;

		(void)find_set(l, in.p, &set);
		b = choose(set, in.p, &found);
		memcpy(b->hash, in.p, 16);
		b->untouched_at = get_i64(in.p + 16);
		b->rule = in.p[24] < LIMIT_RULES ? in.p[24] : 0;
		b->subject_len = in.p[25];
		memcpy(b->subject, in.p + ENTRY_FIXED, b->subject_len);
		in = bytes_of(in.p + ENTRY_FIXED + b->subject_len, in.len - ENTRY_FIXED - b->subject_len);
	}
}

/* Replaces the row, whatever version it has. */
static enum rc put_row(struct tx *tx, struct str key, struct bytes value)
{
	struct meta_record r = { .key = key, .value = value };
	enum rc rc = tx_delete(tx, &METAS, &r);

	return rc == RC_OK ? tx_insert(tx, &METAS, &r) : rc;
}

enum rc limits_load(struct limits *l, struct store_read *read)
{
	struct meta_record r;
	AUTO(arena) struct arena a;
	enum rc rc;

	arena_init(&a, 16 * 1024 * 1024);
	rc = store_get(read, &METAS, STORE_PRIMARY, &(struct meta_record){ .key = KEY_ROW }, &a, &r);
	if (rc == RC_NOTFOUND || (rc == RC_OK && r.value.len != KEY_LEN))
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	memcpy(l->key, r.value.p, KEY_LEN);
	l->key_saved = true;
	for (size_t i = 0; i < STRIPES; i++) {
		char text[16];

		rc = store_get(read, &METAS, STORE_PRIMARY, &(struct meta_record){ .key = stripe_row(i, text) }, &a, &r);
		if (rc == RC_OK)
			stripe_read(l, r.value);
		else if (rc != RC_NOTFOUND)
			return rc;
	}
	return RC_OK;
}

enum rc limits_save(struct limits *l, struct tx *tx)
{
	uint8_t *text = malloc(SETS_PER_STRIPE * WAYS * sizeof(struct bucket));
	int64_t now = clock_now_ms() * 1000;
	enum rc rc = text ? RC_OK : RC_NOMEM;

	for (size_t i = 0; rc == RC_OK && i < STRIPES; i++) {
		struct stripe *s = &l->stripes[i];
		bool dirty;
		size_t len = 0;
		char name[16];

		pthread_mutex_lock(&s->lock);
		dirty = s->dirty;
		s->dirty = false;
		if (dirty)
			len = stripe_write(s, now, text);
		pthread_mutex_unlock(&s->lock);
		if (!dirty)
			continue;
		if (!l->key_saved)
			rc = put_row(tx, KEY_ROW, bytes_of(l->key, KEY_LEN));
		l->key_saved |= rc == RC_OK;
		if (rc == RC_OK)
			rc = put_row(tx, stripe_row(i, name), bytes_of(text, len));
	}
	free(text);
	return rc;
}

/* --- for the operator --- */

static int fuller(const void *a, const void *b)
{
	int64_t x = ((const struct limit_state *)a)->used, y = ((const struct limit_state *)b)->used;

	return x < y ? 1 : x > y ? -1 : 0;
}

static const struct limit *limit_of(const struct config *c, const struct bucket *b)
{
	for (size_t i = 0; b->rule == LIMIT_CERTS_ZONE && i < c->zone_count; i++) {
		if (str_eq(c->zones[i].name, (struct str){ b->subject, b->subject_len }))
			return &c->zones[i].certificates;
	}
	return &c->limits[b->rule];
}

/* How many of its limit a bucket has given and not yet got back. */
static int64_t used(const struct config *c, const struct bucket *b, int64_t now)
{
	const struct limit *limit = limit_of(c, b);
	int64_t interval = limit->count ? limit->period_s * SECOND / limit->count : 0;

	if (b->untouched_at <= now || interval == 0)
		return 0;
	return (b->untouched_at - now + interval - 1) / interval;
}

enum rc limits_list(struct limits *l, const struct config *c, struct arena *a, size_t max,
		    struct limit_state **out, size_t *out_count)
{
	struct limit_state *v = malloc(SETS * WAYS * sizeof(*v));
	char *text = malloc(SETS * WAYS * SUBJECT_MAX);
	int64_t now = clock_now_ms() * 1000;
	size_t count = 0;
	enum rc rc = v && text ? RC_OK : RC_NOMEM;

	for (size_t i = 0; rc == RC_OK && i < STRIPES; i++) {
		struct stripe *s = &l->stripes[i];

		pthread_mutex_lock(&s->lock);
		for (size_t k = 0; k < SETS_PER_STRIPE * WAYS; k++) {
			const struct bucket *b = &s->sets[0][0] + k;
			char *subject = text + count * SUBJECT_MAX;
			int64_t n = used(c, b, now);

			if (!n)
				continue;
			memcpy(subject, b->subject, b->subject_len);
			v[count++] = (struct limit_state){ (enum limit_rule)b->rule, { subject, b->subject_len }, n };
		}
		pthread_mutex_unlock(&s->lock);
	}
	if (count)
		qsort(v, count, sizeof(*v), fuller);
	count = count < max ? count : max;
	*out = rc == RC_OK ? arena_array(a, count + 1, sizeof(**out)) : NULL;
	if (!*out)
		rc = RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		(*out)[i] = v[i];
		(*out)[i].subject = arena_str(a, v[i].subject);
		if (!(*out)[i].subject.p)
			rc = RC_NOMEM;
	}
	free(v);
	free(text);
	*out_count = count;
	return rc;
}

size_t limits_reset(struct limits *l, struct str subject)
{
	size_t count = 0;

	if (subject.p && subject.len > SUBJECT_MAX)
		subject.len = SUBJECT_MAX;
	for (size_t i = 0; i < STRIPES; i++) {
		struct stripe *s = &l->stripes[i];

		pthread_mutex_lock(&s->lock);
		for (size_t k = 0; k < SETS_PER_STRIPE * WAYS; k++) {
			struct bucket *b = &s->sets[0][0] + k;

			if (!b->untouched_at ||
			    (subject.p && !str_eq(subject, (struct str){ b->subject, b->subject_len })))
				continue;
			b->untouched_at = 0;
			s->dirty = true;
			count++;
		}
		pthread_mutex_unlock(&s->lock);
	}
	return count;
}

uint64_t limits_refused(const struct limits *l, enum limit_rule rule)
{
	return __atomic_load_n(&l->refused[rule], __ATOMIC_RELAXED);
}
