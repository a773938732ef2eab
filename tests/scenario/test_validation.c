/* Proving control (RFC 8555 §7.5.1, §8): tries, ends, and what happens meanwhile. */
#include "kit.h"

static void test_rfc8555_8_2__tries_again_with_growing_gaps_up_to_the_limit(void **state)
{
	const struct account *a = kit_account();
	struct authz_record z;
	int64_t gaps[3];
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nvalidation: {attempts: 4, first_retry: 2s}\n");
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT);
	id = kit_order(a, "dns:a.test");
	kit_prove(a, id);
	assert_int_equal(script_attempts("a.test"), 1);
	assert_int_equal(kit_state(id), ORDER_STATE_PENDING);
	kit_run_ms(120000, 100);
	assert_int_equal(script_attempts("a.test"), 4);
	for (unsigned i = 0; i < 3; i++) {
		gaps[i] = script_attempt_ms("a.test", i + 1) - script_attempt_ms("a.test", i);
		/* twice as long each time, and up to a quarter more, so that not all come at once */
		assert_in_range(gaps[i], 2000 << i, (2000 << i) * 5 / 4 + 100);
	}
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	z = kit_authz(kit_authz_id(id, 0));
	assert_int_equal(z.status, AUTHZ_INVALID);
	assert_true(text_has(z.error, "urn:ietf:params:acme:error:connection"));
	assert_true(text_has(z.error, TRANSIENT_DETAIL));
	assert_true(text_has(z.trace, "attempt 1\n") && text_has(z.trace, "attempt 4\n"));
	assert_true(text_has(kit_load(id).error, TRANSIENT_DETAIL)); /* the order says why, too */
	assert_int_equal(kit_count(&JOBS), 0);
	assert_int_equal(kit_jobs_running(), 0);
	assert_true(kit_audited("challenge.invalid"));
}

static void test_rfc8555_8_2__what_passes_in_time_is_valid(void **state)
{
	const struct account *a = kit_account();
	struct authz_record z;
	struct id id;

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT, ANSWER_TRANSIENT, ANSWER_VALID);
	id = kit_order(a, "dns:a.test");
	kit_prove(a, id);
	kit_run_ms(20000, 500);
	assert_int_equal(script_attempts("a.test"), 3);
	assert_int_equal(kit_state(id), ORDER_STATE_READY);
	z = kit_authz(kit_authz_id(id, 0));
	assert_null(z.error.p);
	assert_true(z.validated_at > z.attempted_at);
}

static void test_rfc8555_7_1_6__a_final_failure_ends_at_once(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_order(a, "dns:a.test dns:b.test");
	struct authz_record z;

	(void)state;
	SCRIPT_VALIDATIONS("b.test", ANSWER_FINAL);
	kit_prove(a, id);
	assert_int_equal(script_attempts("b.test"), 1);
	z = kit_authz(kit_authz_id(id, 1));
	assert_int_equal(z.status, AUTHZ_INVALID);
	assert_true(text_has(z.error, "urn:ietf:params:acme:error:unauthorized"));
	assert_true(text_has(z.error, FINAL_DETAIL));
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	assert_int_equal(kit_authz_state(kit_authz_id(id, 0)), AUTHZ_STATE_VALID); /* may serve another order */
	kit_run_ms(60000, 5000);
	assert_int_equal(script_attempts("b.test"), 1);
}

static void test_trust_v15__a_settled_challenge_is_never_tried_again(void **state)
{
	const struct account *a = kit_account();
	struct id good = kit_order(a, "dns:a.test"), bad = kit_order(a, "dns:b.test");

	(void)state;
	SCRIPT_VALIDATIONS("b.test", ANSWER_FINAL, ANSWER_VALID);
	kit_prove(a, good);
	kit_prove(a, bad);
	for (int i = 0; i < 3; i++) {
		must(kit_respond(a, kit_authz_id(good, 0)));
		must(kit_respond(a, kit_authz_id(bad, 0)));
		kit_advance_ms(5000);
	}
	assert_int_equal(script_attempts(NULL), 2);
	assert_int_equal(kit_authz_state(kit_authz_id(good, 0)), AUTHZ_STATE_VALID);
	assert_int_equal(kit_authz_state(kit_authz_id(bad, 0)), AUTHZ_STATE_INVALID);
}

static void test_rfc8555_7_5_1__asking_twice_tries_once(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_order(a, "dns:a.test");

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_HOLD);
	for (int i = 0; i < 5; i++) {
		must(kit_respond(a, kit_authz_id(id, 0)));
		kit_settle();
	}
	assert_int_equal(script_attempts("a.test"), 1);
	assert_int_equal(script_release("a.test", ANSWER_VALID), 1);
	kit_settle();
	assert_int_equal(kit_state(id), ORDER_STATE_READY);
}

/* Only what is offered can be asked for, and by one type: the other challenge is left alone. */
static void test_rfc8555_7_5_1__one_challenge_of_an_authorization(void **state)
{
	const struct account *a = kit_account();
	struct authz_record z;
	struct context *c;
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n");
	id = kit_authz_id(kit_order(a, "dns:a.test"), 0);
	SCRIPT_VALIDATIONS("a.test", ANSWER_HOLD);
	z = kit_authz(id);
	assert_int_equal(z.offered, CHALLENGE_HTTP_01 | CHALLENGE_DNS_01);
	c = kit_begin();
	assert_int_equal(kit_end(challenge_respond(c, &z, CHALLENGE_TLS_ALPN_01, &kit.actor.f)), RC_NOTFOUND);
	z = kit_authz(id);
	c = kit_begin();
	must(kit_end(challenge_respond(c, &z, CHALLENGE_DNS_01, &kit.actor.f)));
	kit_settle();
	z = kit_authz(id);
	c = kit_begin();
	must(kit_end(challenge_respond(c, &z, CHALLENGE_HTTP_01, &kit.actor.f)));
	kit_settle();
	assert_int_equal(script_attempts("a.test"), 1);
	assert_int_equal(kit_authz(id).attempted, CHALLENGE_DNS_01);
	(void)script_release(NULL, ANSWER_VALID);
	kit_settle();
	assert_int_equal(kit_authz_state(id), AUTHZ_STATE_VALID);
}

static void test_rfc8555_7_1_3__wildcards_are_proven_by_dns(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_order body = kit_names("dns:*.a.test");
	struct authz_record z;
	struct id id;

	(void)state;
	assert_int_equal(kit_try_order(a, &body, &id), RC_DENIED);
	kit_assert_fault(PROBLEM_REJECTED_IDENTIFIER, "RFC 8555 §7.1.3");
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n");
	must(kit_try_order(a, &body, &id));
	z = kit_authz(kit_authz_id(id, 0));
	assert_int_equal(z.offered, CHALLENGE_DNS_01);
	assert_true(str_is(z.shown, "a.test"));
	/* RFC 8738 §4: an address cannot be proven by DNS */
	assert_int_equal(kit_authz(kit_authz_id(kit_order(a, "ip:10.0.0.1"), 0)).offered, CHALLENGE_HTTP_01);
}

static enum rc deactivate(struct id id)
{
	struct authz_record z = kit_authz(id);
	struct context *c = kit_begin();

	return kit_end(authz_deactivate(c, &z, &kit.actor.f));
}

static void test_rfc8555_7_5_2__deactivated_while_it_is_validated(void **state)
{
	static const enum answer answers[] = { ANSWER_VALID, ANSWER_TRANSIENT, ANSWER_FINAL };
	const struct account *a = kit_account();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		const char *name = arena_printf(&kit.actor.arena, "a%zu.test", i);
		struct id order, id;

		script_validations(name, (enum answer[]){ ANSWER_HOLD }, 1);
		order = kit_order(a, arena_printf(&kit.actor.arena, "dns:%s", name));
		id = kit_authz_id(order, 0);
		must(kit_respond(a, id));
		kit_settle();
		must(deactivate(id));
		assert_int_equal(script_release(name, answers[i]), 1);
		kit_run_ms(60000, 5000);
		assert_int_equal(script_attempts(name), 1);
		assert_int_equal(kit_authz_state(id), AUTHZ_STATE_DEACTIVATED);
		assert_int_equal(kit_state(order), ORDER_STATE_INVALID);
		must(deactivate(id)); /* again: no change */
	}
	assert_int_equal(kit_count(&JOBS), 0);
}

/* The client deactivates between the job's reading and its writing: the write is a conflict. */
static void test_rfc8555_7_5_2__deactivated_at_the_same_moment(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_authz_id(kit_order(a, "dns:a.test"), 0);
	struct authz_record z;
	struct context *c;

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_HOLD);
	must(kit_respond(a, id));
	kit_settle();
	z = kit_authz(id);
	c = kit_begin();
	must(authz_deactivate(c, &z, NULL)); /* decided, not committed yet */
	(void)script_release("a.test", ANSWER_VALID);
	kit_settle();
	assert_int_equal(kit_end(RC_OK), RC_CONFLICT);
	assert_int_equal(kit_authz_state(id), AUTHZ_STATE_VALID);
	must(deactivate(id)); /* what the request does next: again, from its top */
	assert_int_equal(kit_authz_state(id), AUTHZ_STATE_DEACTIVATED);
}

static void test_rfc8555_7_1_6__authorizations_expire(void **state)
{
	const struct account *a = kit_account();
	struct id first, second, z;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {order: 7d, authorization: 2h}\n");
	first = kit_ready(a, "dns:a.test");
	z = kit_authz_id(first, 0);
	kit_advance_ms(2 * HOUR_MS - 1000);
	assert_int_equal(kit_state(first), ORDER_STATE_READY);
	kit_advance_ms(1000);
	assert_int_equal(kit_authz_state(z), AUTHZ_STATE_EXPIRED);
	assert_int_equal(kit_state(first), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(first).error, "is expired"));
	assert_int_equal(kit_finalize(a, first, kit_csr("dns:a.test", kit.leaf_key)), RC_DENIED);
	assert_int_equal(deactivate(z), RC_INVALID);
	second = kit_order(a, "dns:a.test");
	assert_false(id_eq(kit_authz_id(second, 0), z));
}

static void test_policy__valid_authorizations_are_used_again(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct id first, again, z;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {authorization: 8h}\n");
	first = kit_order(a, "dns:a.test");
	z = kit_authz_id(first, 0);
	/* pending: not used again, so that one client cannot spoil another order */
	assert_false(id_eq(kit_authz_id(kit_order(a, "dns:a.test"), 0), z));
	kit_prove(a, first);
	again = kit_order(a, "dns:A.Test"); /* however spelled */
	assert_true(id_eq(kit_authz_id(again, 0), z));
	assert_int_equal(kit_state(again), ORDER_STATE_READY);
	/* never another account's (RFC 8555 §10.5) */
	assert_false(id_eq(kit_authz_id(kit_order(b, "dns:a.test"), 0), z));
	/* not by its wildcard, nor the other way */
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n");
	assert_false(id_eq(kit_authz_id(kit_order(a, "dns:*.a.test"), 0), z));
	/* not in its last minutes: the client would be left with a dead order */
	kit_advance_ms(8 * HOUR_MS - 600 * 1000);
	assert_int_equal(kit_authz_state(z), AUTHZ_STATE_VALID);
	assert_false(id_eq(kit_authz_id(kit_order(a, "dns:a.test"), 0), z));
}

static void test_policy__an_authorization_by_a_type_no_longer_offered_is_not_used_again(void **state)
{
	const struct account *a = kit_account();
	struct id z;

	(void)state;
	z = kit_authz_id(kit_ready(a, "dns:a.test"), 0); /* by http-01 */
	kit_settings("zones: [{names: [\"*\"], challenges: [dns-01]}]\n");
	assert_false(id_eq(kit_authz_id(kit_order(a, "dns:a.test"), 0), z));
	kit_settings("zones: [{names: [\"*\"], challenges: [http-01, dns-01]}]\n");
	assert_true(id_eq(kit_authz_id(kit_order(a, "dns:a.test"), 0), z));
}

static void test_strict__authorizations_are_not_used_again(void **state)
{
	const struct account *a = kit_account();
	struct id z = kit_authz_id(kit_ready(a, "dns:a.test"), 0);

	(void)state;
	kit.service.config->strict_trainer = true;
	assert_false(id_eq(kit_authz_id(kit_order(a, "dns:a.test"), 0), z));
}

static void test_policy__zone_removed_before_validation(void **state)
{
	const struct account *a = kit_account();
	struct id gone = kit_order(a, "dns:a.test"), narrowed = kit_order(a, "dns:b.lab.test");

	(void)state;
	kit_settings("zones: [{names: [\"*.lab.test\"], challenges: [dns-01]}]\n");
	must(kit_respond(a, kit_authz_id(gone, 0)));
	must(kit_respond(a, kit_authz_id(narrowed, 0)));
	kit_settle();
	assert_int_equal(script_attempts(NULL), 0);
	assert_int_equal(kit_state(gone), ORDER_STATE_INVALID);
	assert_int_equal(kit_state(narrowed), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(gone).error, "rejectedIdentifier"));
	assert_true(text_has(kit_load(gone).error, "the zone no longer allows this challenge"));
}

static void test_validation__five_hundred_and_no_more_than_the_limit_at_once(void **state)
{
	const struct account *a = kit_account();
	struct id orders[500];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		const char *name = arena_printf(&kit.actor.arena, "h%zu.test", i);

		orders[i] = kit_order(a, arena_printf(&kit.actor.arena, "dns:%s", name));
		must(kit_respond(a, kit_authz_id(orders[i], 0)));
	}
	kit_settle();
	assert_in_range(script_most_at_once(), 100, 256);
	for (size_t i = 0; i < COUNT_OF(orders); i++)
		assert_int_equal(kit_state(orders[i]), ORDER_STATE_READY);
	assert_int_equal(kit_jobs_running(), 0);
}

/* Whoever orders names of dead machines must not keep others waiting for his retries. */
static void test_validation__waiting_for_a_retry_keeps_nobody_out(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct id order;

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		const char *name = arena_printf(&kit.actor.arena, "dns:dead.h%zu.test", i);

		order = kit_order(a, name);
		must(kit_respond(a, kit_authz_id(order, 0)));
	}
	script_all(ANSWER_TRANSIENT);
	kit_settle();
	script_all(ANSWER_VALID);
	order = kit_order(b, "dns:b.test");
	kit_prove(b, order);
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	kit_run_ms(60000, 1000);
	assert_int_equal(kit_jobs_running(), 0);
}

/* Resolvers belong to the settings: new ones come when nothing is under way with the old. */
static void test_reload__while_validations_wait_for_their_retry(void **state)
{
	const struct account *a = kit_account();
	struct id one = kit_order(a, "dns:a.test"), two = kit_order(a, "dns:b.test"), three;

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT, ANSWER_VALID);
	SCRIPT_VALIDATIONS("b.test", ANSWER_TRANSIENT, ANSWER_VALID);
	kit_prove(a, one);
	kit_prove(a, two);
	kit_settings("zones: [{names: [\"*.test\"]}, {names: [\"*\"]}]\n");
	kit_run_ms(60000, 500);
	assert_int_equal(kit_state(one), ORDER_STATE_READY);
	assert_int_equal(kit_state(two), ORDER_STATE_READY);
	three = kit_ready(a, "dns:c.test");
	assert_int_equal(kit_state(three), ORDER_STATE_READY);
	assert_int_equal(kit_jobs_running(), 0);
}

static void test_reload__while_validations_are_under_way(void **state)
{
	const struct account *a = kit_account();
	struct id one = kit_order(a, "dns:a.test"), two = kit_order(a, "dns:b.test"), three;

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_HOLD);
	SCRIPT_VALIDATIONS("b.test", ANSWER_HOLD);
	kit_prove(a, one);
	kit_prove(a, two);
	kit_settings("zones: [{names: [\"*.test\"]}, {names: [\"*\"]}]\n");
	three = kit_order(a, "dns:c.test");
	kit_prove(a, three);
	kit_run_ms(2000, 200);
	(void)script_release("a.test", ANSWER_VALID);
	kit_run_ms(2000, 200);
	(void)script_release("b.test", ANSWER_VALID);
	kit_run_ms(2000, 200);
	assert_int_equal(kit_state(one), ORDER_STATE_READY);
	assert_int_equal(kit_state(two), ORDER_STATE_READY);
	assert_int_equal(kit_state(three), ORDER_STATE_READY);
}

static void test_restart__validations_go_on(void **state)
{
	const struct account *a = kit_account();
	struct id held = kit_order(a, "dns:a.test"), waiting = kit_order(a, "dns:b.test");
	struct id asked = kit_order(a, "dns:c.test");

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_HOLD, ANSWER_VALID);
	SCRIPT_VALIDATIONS("b.test", ANSWER_TRANSIENT, ANSWER_TRANSIENT, ANSWER_VALID);
	kit_prove(a, held);
	kit_prove(a, waiting);
	must(kit_respond(a, kit_authz_id(asked, 0))); /* durable, its job has not begun */
	kit_crash();
	kit_run_ms(30000, 500);
	assert_int_equal(kit_state(held), ORDER_STATE_READY);
	assert_int_equal(kit_state(waiting), ORDER_STATE_READY);
	assert_int_equal(kit_state(asked), ORDER_STATE_READY);
	assert_int_equal(script_attempts("b.test"), 3); /* the attempts before count */
	assert_int_equal(kit_count(&JOBS), 0);
}

/* Its owner takes a persistent record away to take back the permission: it is asked for with each order,
 * and says itself for how long it is good. */
static void test_dns_persist_01__asked_for_with_each_order(void **state)
{
	const struct account *a;
	struct id first, second;

	(void)state;
	kit_settings("zones: [{names: [a.test, \"*.a.test\"], challenges: [dns-persist-01], caa: off}]\n");
	a = kit_account();
	first = kit_ready(a, "dns:a.test");
	assert_int_equal(kit_authz(kit_authz_id(first, 0)).expires_at, clock_now_s() + 8 * 3600);
	second = kit_order(a, "dns:a.test");
	assert_int_equal(kit_state(second), ORDER_STATE_PENDING);
	assert_false(id_eq(kit_authz_id(first, 0), kit_authz_id(second, 0)));
	script_valid_until(clock_now_s() + 3600);
	kit_prove(a, second);
	assert_int_equal(kit_authz(kit_authz_id(second, 0)).expires_at, clock_now_s() + 3600);
	kit_advance_ms(HOUR_MS);
	assert_int_equal(kit_authz_state(kit_authz_id(second, 0)), AUTHZ_STATE_EXPIRED);
	assert_int_equal(kit_authz_state(kit_authz_id(first, 0)), AUTHZ_STATE_VALID);
	script_valid_until(0);
	kit_ready(a, "dns:*.a.test");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_rfc8555_8_2__tries_again_with_growing_gaps_up_to_the_limit),
		SCENARIO(test_rfc8555_8_2__what_passes_in_time_is_valid),
		SCENARIO(test_rfc8555_7_1_6__a_final_failure_ends_at_once),
		SCENARIO(test_trust_v15__a_settled_challenge_is_never_tried_again),
		SCENARIO(test_rfc8555_7_5_1__asking_twice_tries_once),
		SCENARIO(test_rfc8555_7_5_1__one_challenge_of_an_authorization),
		SCENARIO(test_rfc8555_7_1_3__wildcards_are_proven_by_dns),
		SCENARIO(test_dns_persist_01__asked_for_with_each_order),
		SCENARIO(test_rfc8555_7_5_2__deactivated_while_it_is_validated),
		SCENARIO(test_rfc8555_7_5_2__deactivated_at_the_same_moment),
		SCENARIO(test_rfc8555_7_1_6__authorizations_expire),
		SCENARIO(test_policy__valid_authorizations_are_used_again),
		SCENARIO(test_policy__an_authorization_by_a_type_no_longer_offered_is_not_used_again),
		SCENARIO(test_strict__authorizations_are_not_used_again),
		SCENARIO(test_policy__zone_removed_before_validation),
		SCENARIO(test_validation__five_hundred_and_no_more_than_the_limit_at_once),
		SCENARIO(test_validation__waiting_for_a_retry_keeps_nobody_out),
		SCENARIO(test_reload__while_validations_wait_for_their_retry),
		SCENARIO(test_reload__while_validations_are_under_way),
		SCENARIO(test_restart__validations_go_on),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
