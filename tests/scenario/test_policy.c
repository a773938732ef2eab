/* Who may have which name (DESIGN: zones), at newOrder, at finalize, and right before the issuer is
 * asked: with settings that change in between, the last word is the one that counts (TRUST §2d 2). */
#include "kit.h"

#include "core/policy.h"

/* --- newOrder --- */

static void refused(const struct account *a, const char *names, enum problem problem, const char *why)
{
	struct acme_new_order body = kit_names(names);
	struct id id;
	enum rc rc = kit_try_order(a, &body, &id);

	if (rc == RC_OK)
		fail_msg("%s was ordered", names);
	kit_assert_fault(problem, why);
}

static void test_s1_31__block_lists_come_before_every_zone(void **state)
{
	const struct account *a = kit_account();

	(void)state;
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n"
		     "block: {names: [secret.lab.test, \"*.ops.test\", 10.9.0.0/16], tlds: [zip, xn--p1ai]}\n");
	refused(a, "dns:secret.lab.test", PROBLEM_REJECTED_IDENTIFIER, "secret.lab.test falls under secret.lab.test");
	refused(a, "dns:SECRET.lab.test", PROBLEM_REJECTED_IDENTIFIER, "block.names");
	refused(a, "dns:*.lab.test", PROBLEM_REJECTED_IDENTIFIER, "*.lab.test would cover secret.lab.test");
	refused(a, "dns:a.ops.test", PROBLEM_REJECTED_IDENTIFIER, "*.ops.test");
	refused(a, "dns:*.ops.test", PROBLEM_REJECTED_IDENTIFIER, "*.ops.test");
	refused(a, "dns:*.a.ops.test", PROBLEM_REJECTED_IDENTIFIER, "*.ops.test");
	refused(a, "ip:10.9.1.1", PROBLEM_REJECTED_IDENTIFIER, "10.9.0.0/16");
	/* S1.31b */
	refused(a, "dns:example.ZIP", PROBLEM_REJECTED_IDENTIFIER, "top-level domain \"zip\"");
	refused(a, "dns:*.a.zip", PROBLEM_REJECTED_IDENTIFIER, "block.tlds");
	refused(a, "dns:a.xn--p1ai", PROBLEM_REJECTED_IDENTIFIER, "xn--p1ai");
	(void)kit_order(a, "dns:x.secret.lab.test dns:ops.test dns:zip.test dns:*.test ip:10.8.0.1");
}

static void test_s1_43__an_allow_list(void **state)
{
	const struct account *a = kit_account();

	(void)state;
	kit_settings("zones: [{name: dev, names: [\"*.dev.test\"], except: [build.dev.test], challenges: [http-01, dns-01]}]\n");
	(void)kit_order(a, "dns:a.dev.test dns:b.c.dev.test");
	refused(a, "dns:dev.test", PROBLEM_REJECTED_IDENTIFIER, "no zone of this server covers dev.test");
	refused(a, "dns:a.dev.test.evil", PROBLEM_REJECTED_IDENTIFIER, "no zone");
	refused(a, "dns:xdev.test", PROBLEM_REJECTED_IDENTIFIER, "no zone");
	refused(a, "dns:build.dev.test", PROBLEM_REJECTED_IDENTIFIER, "no zone");
	refused(a, "dns:*.dev.test", PROBLEM_REJECTED_IDENTIFIER, "would cover build.dev.test, which zone \"dev\" excepts");
	(void)kit_order(a, "dns:*.a.dev.test");
}

static void test_rfc8555_6_7_1__all_refused_names_are_reported_together(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_order body;
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*.test\"], challenges: [http-01]}, {name: ops, names: [\"*.ops.test\"], accounts: bound}]\n"
		     "block: {names: [b.test]}\n");
	body = kit_names("dns:a.test dns:b.test dns:c.other dns:*.w.test");
	assert_int_equal(kit_try_order(a, &body, &id), RC_DENIED);
	kit_assert_fault(PROBLEM_REJECTED_IDENTIFIER, "b.test");
	assert_int_equal(kit.actor.f.sub_count, 3);
	assert_string_equal(kit.actor.f.subs[1].identifier, "c.other");
	assert_non_null(strstr(kit.actor.f.subs[2].detail, "wildcard names are proven in the DNS"));
	body = kit_names("dns:b.test dns:x.ops.test");
	assert_int_equal(kit_try_order(a, &body, &id), RC_DENIED);
	assert_int_equal(kit.actor.f.problem, PROBLEM_COMPOUND);
	assert_int_equal(kit.actor.f.subs[1].problem, PROBLEM_UNAUTHORIZED);
	assert_int_equal(kit_count(&ORDERS), 0);
}

static void test_zone__accounts_and_their_bindings(void **state)
{
	const struct account *a = kit_account(), *k1 = kit_bound_account("k1"), *k2 = kit_bound_account("k2");
	struct account gone = *k1;

	(void)state;
	kit_settings("zones: [{names: [\"*.test\"], challenges: [http-01, dns-01]},\n"
		     "  {name: known, names: [\"*.known.test\"], accounts: bound},\n"
		     "  {name: ops, names: [\"*.ops.test\", vault.test, 10.0.0.0/8], accounts: bindings, bindings: [k2]}]\n");
	refused(a, "dns:a.known.test", PROBLEM_UNAUTHORIZED, "zone \"known\", which has a.known.test, is for accounts with");
	refused(a, "dns:a.ops.test", PROBLEM_UNAUTHORIZED, "zone \"ops\"");
	refused(k1, "dns:a.ops.test", PROBLEM_UNAUTHORIZED, "other binding keys than \"k1\"");
	refused(k1, "ip:10.0.0.1", PROBLEM_UNAUTHORIZED, "other binding keys than \"k1\"");
	/* The wildcard of an open zone is no way to a name of a closed one. */
	refused(a, "dns:*.test", PROBLEM_UNAUTHORIZED, "zone \"ops\"");
	refused(k1, "dns:*.test", PROBLEM_UNAUTHORIZED, "zone \"ops\"");
	(void)kit_order(k1, "dns:a.known.test dns:a.test");
	(void)kit_order(k2, "dns:a.known.test dns:a.ops.test dns:vault.test ip:10.0.0.1 dns:*.test");
	gone.eab_kid = STR("gone"); /* the settings had it once */
	refused(&gone, "dns:a.known.test", PROBLEM_UNAUTHORIZED, "not there any more");
	(void)kit_order(&gone, "dns:a.test");
}

static void test_zone__profiles(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_order body = kit_names("dns:a.test");
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}, {name: brief, names: [\"*.test\"], profiles: [short]},\n"
		     "  {name: none, names: [\"*.none.test\"], profiles: [client]}]\n");
	body.profile = STR("server");
	assert_int_equal(kit_try_order(a, &body, &id), RC_DENIED);
	kit_assert_fault(PROBLEM_INVALID_PROFILE, "zone \"brief\", which has a.test, does not allow profile \"server\"");
	body.profile = (struct str){ 0 }; /* who names none gets one that all the zones have */
	must(kit_try_order(a, &body, &id));
	assert_true(str_is(kit_load(id).record.profile, "short"));
	must(kit_try_order(a, &(struct acme_new_order){ .identifiers = kit_names("dns:other").identifiers, .identifier_count = 1 }, &id));
	assert_true(str_is(kit_load(id).record.profile, "server"));
	refused(a, "dns:x.none.test", PROBLEM_INVALID_PROFILE, "zone \"none\"");
}

static void test_zone__one_authority_for_all_names_of_an_order(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*.test\"]}, {name: other, names: [\"*.b.test\", \"*.c.test\"], issuer: second},\n"
		     "  {names: [\"*.d.test\"], issuer: lab}]\n");
	refused(a, "dns:a.test dns:x.b.test dns:x.d.test dns:x.c.test", PROBLEM_REJECTED_IDENTIFIER,
		"\"second\" issues for x.b.test (zone \"other\") and \"lab\" for a.test");
	assert_int_equal(kit.actor.f.sub_count, 2);
	assert_string_equal(kit.actor.f.subs[1].identifier, "x.c.test");
	id = kit_issue(a, "dns:x.b.test dns:x.c.test");
	assert_true(str_is(kit_load(id).record.authority, "second"));
	id = kit_issue(a, "dns:a.test dns:x.d.test");
	assert_true(str_is(kit_load(id).record.authority, "lab"));
}

static void test_zone__certificates_are_counted_for_the_zone(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct id late;

	(void)state;
	kit_settings("zones: [{name: few, names: [\"*.few.test\"], certificates: 2/h}, {names: [\"*\"]}]\n");
	(void)kit_issue(a, "dns:a.few.test dns:b.few.test dns:a.test"); /* one, whatever its names are */
	late = kit_ready(b, "dns:c.few.test");
	(void)kit_issue(b, "dns:d.few.test");
	refused(a, "dns:e.few.test", PROBLEM_RATE_LIMITED, "limit \"certificates-per-zone\" (2 in 3600 s) is reached for few");
	assert_true(kit.actor.f.retry_after_s > 0 && kit.actor.f.retry_after_s <= 1800);
	assert_int_equal(kit_finalize(b, late, kit_csr("dns:c.few.test", kit.leaf_key)), RC_LIMIT);
	kit_assert_fault(PROBLEM_RATE_LIMITED, "certificates-per-zone");
	(void)kit_issue(a, "dns:b.test");
	kit_advance_ms(HOUR_MS / 2);
	must(kit_finalize(b, late, kit_csr("dns:c.few.test", kit.leaf_key)));
}

/* --- settings that change in between --- */

static const struct change {
	const char *settings;
	enum problem problem;
	const char *why;
} changes[] = {
	{ "zones: [{names: [\"*.other\"]}]\n", PROBLEM_REJECTED_IDENTIFIER, "no zone of this server covers a.lab.test" },
	{ "zones: [{names: [\"*\"], except: [\"*.lab.test\"]}]\n", PROBLEM_REJECTED_IDENTIFIER, "no zone" },
	{ "zones: [{names: [\"*\"]}]\nblock: {names: [\"*.lab.test\"]}\n", PROBLEM_REJECTED_IDENTIFIER, "block.names" },
	{ "zones: [{names: [\"*\"]}]\nblock: {tlds: [test]}\n", PROBLEM_REJECTED_IDENTIFIER, "block.tlds" },
	{ "zones: [{names: [\"*\"]}, {names: [a.lab.test], accounts: bound}]\n", PROBLEM_UNAUTHORIZED, "is for accounts with" },
	{ "zones: [{names: [\"*\"], profiles: [short]}]\n", PROBLEM_INVALID_PROFILE, "does not allow profile \"server\"" },
};

static void test_trust_v07__policy_is_decided_again_at_finalize(void **state)
{
	const struct account *a = kit_account();
	struct bytes csr = kit_csr("dns:a.lab.test", kit.leaf_key);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct id id;

		kit_settings("zones: [{names: [\"*\"]}]\n");
		id = kit_ready(a, "dns:a.lab.test");
		kit_settings(changes[i].settings);
		if (kit_finalize(a, id, csr) == RC_OK)
			fail_msg("case %zu was finalized", i);
		kit_assert_fault(changes[i].problem, changes[i].why);
		assert_int_equal(script_prepared(), 0);
	}
	assert_int_equal(kit_count(&CERTS), 0);
}

static void test_trust_v07__a_proof_that_no_longer_counts(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings("zones: [{name: all, names: [\"*\"]}]\n");
	id = kit_ready(a, "dns:a.lab.test");
	kit_settings("zones: [{name: all, names: [\"*\"], challenges: [dns-01]}]\n");
	assert_int_equal(kit_finalize(a, id, kit_csr("dns:a.lab.test", kit.leaf_key)), RC_DENIED);
	kit_assert_fault(PROBLEM_UNAUTHORIZED, "zone \"all\" no longer takes http-01 as proof for a.lab.test");
}

static void test_trust_v07__policy_is_decided_again_before_issuing(void **state)
{
	const struct account *a = kit_account();
	struct bytes csr = kit_csr("dns:a.lab.test", kit.leaf_key);
	const struct change other = { "zones: [{names: [\"*\"], issuer: second}]\n", PROBLEM_REJECTED_IDENTIFIER,
				      "authority \"second\" issues for these names now, not \"lab\"" };
	unsigned asked = 0;

	(void)state;
	for (size_t i = 0; i <= COUNT_OF(changes); i++) {
		const struct change *change = i < COUNT_OF(changes) ? &changes[i] : &other;
		struct order o;
		struct id id;

		kit_settings("zones: [{names: [\"*\"]}]\n");
		script_issuer(ISSUE_UNAVAILABLE); /* recorded, asked for, not signed yet */
		id = kit_ready(a, "dns:a.lab.test");
		must(kit_finalize(a, id, csr));
		kit_settle();
		assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
		assert_true(script_issued() > asked);
		asked = script_issued();
		kit_settings(change->settings);
		script_issuer(ISSUE_OK);
		kit_advance_ms(60000);
		o = kit_load(id);
		assert_int_equal(o.state, ORDER_STATE_INVALID);
		if (!text_has(o.error, arena_printf(&kit.actor.arena, "%.20s", change->why)) && i < COUNT_OF(changes))
			fail_msg("case %zu: %.*s", i, STR_ARG(o.error));
		assert_int_equal(script_issued(), asked);
	}
	assert_int_equal(script_signed(), 0);
	assert_int_equal(kit_count(&CERTS), 0);
	assert_int_equal(kit_count(&JOBS), 0);
}

static void test_rfc8555_7_3_6__a_deactivated_account_gets_nothing_more(void **state)
{
	const struct account *a = kit_account();
	struct account_record r;
	struct context *c;
	struct id id;

	(void)state;
	script_issuer(ISSUE_UNAVAILABLE);
	id = kit_ready(a, "dns:a.test");
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	kit_settle();
	c = kit_begin();
	must(account_get(c, a->id, &r, &kit.actor.f));
	must(kit_end(account_deactivate(c, &r)));
	account_cache_drop(kit.service.accounts, a->id);
	script_issuer(ISSUE_OK);
	kit_advance_ms(60000);
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(id).error, "deactivated"));
	assert_int_equal(script_signed(), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_s1_31__block_lists_come_before_every_zone),
		SCENARIO(test_s1_43__an_allow_list),
		SCENARIO(test_rfc8555_6_7_1__all_refused_names_are_reported_together),
		SCENARIO(test_zone__accounts_and_their_bindings),
		SCENARIO(test_zone__profiles),
		SCENARIO(test_zone__one_authority_for_all_names_of_an_order),
		SCENARIO(test_zone__certificates_are_counted_for_the_zone),
		SCENARIO(test_trust_v07__policy_is_decided_again_at_finalize),
		SCENARIO(test_trust_v07__a_proof_that_no_longer_counts),
		SCENARIO(test_trust_v07__policy_is_decided_again_before_issuing),
		SCENARIO(test_rfc8555_7_3_6__a_deactivated_account_gets_nothing_more),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
