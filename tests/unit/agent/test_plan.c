/* test_plan.c - what is done in each state (REQUIREMENTS S2.16-S2.19), and when it is renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/plan.h"
#include "crypto/digest.h"

#define DAY_S 86400
#define NOW 1800000000
#define SERVER "https://ca.test/dir"

static struct privkey *p256, *p384;

/* A generation in a few letters: K its key is P-256, L P-384; C a certificate, valid from 30 days ago
 * for 90; E expired; S expires in 10 days; N names something else; M more than what is wanted; W for
 * another key; O an order with the wanted server, X with another. NULL: there is none. */
static void set(struct observed_set *s, const char *letters, struct identifier *ids)
{
	*s = (struct observed_set){ 0 };
	if (!letters)
		return;
	s->generation = STR("gen-x");
	s->identifiers = ids;
	s->identifier_count = 1;
	s->key_matches = true;
	s->not_before = NOW - 30 * DAY_S;
	s->not_after = NOW + 60 * DAY_S;
	for (const char *p = letters; *p; p++) {
		if (*p == 'K' || *p == 'L')
			s->key = *p == 'K' ? p256 : p384;
		else if (*p == 'O' || *p == 'X')
			s->order_server = *p == 'O' ? STR(SERVER) : STR("https://other.test/dir");
		else
			s->has_certificate = true;
		if (*p == 'E')
			s->not_after = NOW - 1;
		else if (*p == 'S')
			s->not_after = NOW + 10 * DAY_S;
		else if (*p == 'N')
			s->identifiers = ids + 1;
		else if (*p == 'M')
			s->identifier_count = 2;
		else if (*p == 'W')
			s->key_matches = false;
	}
	if (!s->key)
		s->key_matches = false;
}

static const struct {
	const char *live, *next;
	bool p384, force; /* wanted */
	enum plan_action action;
	enum plan_key key;
	bool resume, discard;
} rows[] = {
	/* S2.16: no key, no certificate */
	{ NULL, NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	/* S2.17: key, no certificate */
	{ "K", NULL, false, false, PLAN_REQUEST, PLAN_KEY_LIVE, false, false },
	{ "L", NULL, false, false, PLAN_REQUEST, PLAN_KEY_LIVE, false, false },
	{ "L", NULL, true, false, PLAN_REQUEST, PLAN_KEY_LIVE, false, false },
	{ "K", NULL, true, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	/* S2.18: key and valid certificate */
	{ "KC", NULL, false, false, PLAN_NOTHING, 0, false, false },
	{ "LC", NULL, true, false, PLAN_NOTHING, 0, false, false },
	{ "KC", NULL, false, true, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "KC", "K", false, false, PLAN_NOTHING, 0, false, true },
	/* S2.19: key and expiring or expired certificate */
	{ "KCS", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "KCE", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	/* What does not fit */
	{ "KCN", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "KCM", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "KCW", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "KC", NULL, true, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	{ "C", NULL, false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, false },
	/* A run that was interrupted: with its key, its order, or everything but the switch */
	{ NULL, "K", false, false, PLAN_REQUEST, PLAN_KEY_NEXT, false, false },
	{ NULL, "KO", false, false, PLAN_REQUEST, PLAN_KEY_NEXT, true, false },
	{ NULL, "KX", false, false, PLAN_REQUEST, PLAN_KEY_NEXT, false, false },
	{ NULL, "KC", false, false, PLAN_SWITCH, 0, false, false },
	{ "KCS", "KC", false, false, PLAN_SWITCH, 0, false, false },
	{ "KC", "KC", false, true, PLAN_SWITCH, 0, false, false },
	{ "KCS", "KO", false, false, PLAN_REQUEST, PLAN_KEY_NEXT, true, false },
	/* Its work is of no use any more */
	{ NULL, "", false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, true },
	{ NULL, "O", false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, true },
	{ NULL, "KCE", false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, true },
	{ NULL, "KCN", false, false, PLAN_REQUEST, PLAN_KEY_NEW, false, true },
	{ NULL, "KO", true, false, PLAN_REQUEST, PLAN_KEY_NEW, false, true },
	{ "K", "KCW", false, false, PLAN_REQUEST, PLAN_KEY_LIVE, false, true },
};

static void test_s2_16_to_s2_19__rows(void **state)
{
	struct identifier ids[2] = { { .value = { "a.test", 6 } }, { .value = { "b.test", 6 } } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct desired d = { .server = STR(SERVER), .identifiers = ids, .identifier_count = 1,
				     .any_key = !rows[i].p384, .key_type = rows[i].p384 ? KEY_P384 : KEY_P256,
				     .force = rows[i].force };
		struct observed o;
		struct plan p;

		set(&o.live, rows[i].live, ids);
		set(&o.next, rows[i].next, ids);
		p = plan_make(&d, &o, NOW);
		assert_non_null(p.why);
		if (p.action != rows[i].action || p.key != rows[i].key || p.resume != rows[i].resume ||
		    p.discard_next != rows[i].discard)
			fail_msg("live %s next %s: action %d key %d resume %d discard %d (%s)", rows[i].live,
				 rows[i].next, p.action, p.key, p.resume, p.discard_next, p.why);
		if (p.action != PLAN_REQUEST)
			assert_true(p.renew_at > NOW);
	}
}

static void test_v51__renewal_is_dated_from_the_end_and_never_from_the_first_half(void **state)
{
	static const struct {
		int64_t life, before, renew_after; /* seconds */
	} times[] = {
		{ 90 * DAY_S, 0, 60 * DAY_S },
		{ 90 * DAY_S, 30 * DAY_S, 60 * DAY_S },
		{ 90 * DAY_S, 1 * DAY_S, 89 * DAY_S },
		{ 90 * DAY_S, 89 * DAY_S, 45 * DAY_S },
		{ 90 * DAY_S, 1000 * DAY_S, 45 * DAY_S },
		{ 90 * DAY_S, INT64_MAX, 45 * DAY_S },
		{ 6 * DAY_S, 30 * DAY_S, 3 * DAY_S },
		{ 6 * DAY_S, 0, 4 * DAY_S },
		{ 0, 0, 0 },
		{ 1, 30 * DAY_S, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++)
		assert_int_equal(plan_renew_at(NOW, NOW + times[i].life, times[i].before), NOW + times[i].renew_after);
	/* Ends before it begins. */
	assert_int_equal(plan_renew_at(NOW, NOW - DAY_S, 30 * DAY_S), NOW - DAY_S);
}

static void test_plan_make__at_the_second(void **state)
{
	struct identifier id = { .value = { "a.test", 6 } };
	struct desired d = { .server = STR(SERVER), .identifiers = &id, .identifier_count = 1, .any_key = true };
	struct observed o = { 0 };

	(void)state;
	set(&o.live, "KC", &id);
	assert_int_equal(plan_make(&d, &o, NOW + 30 * DAY_S - 1).action, PLAN_NOTHING);
	assert_int_equal(plan_make(&d, &o, NOW + 30 * DAY_S).action, PLAN_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s2_16_to_s2_19__rows),
		cmocka_unit_test(test_v51__renewal_is_dated_from_the_end_and_never_from_the_first_half),
		cmocka_unit_test(test_plan_make__at_the_second),
	};
	int failed;

	if (crypto_init(NULL) != RC_OK || privkey_generate(KEY_P256, 0, &p256) != RC_OK ||
	    privkey_generate(KEY_P384, 0, &p384) != RC_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	privkey_free(p256);
	privkey_free(p384);
	return failed;
}
