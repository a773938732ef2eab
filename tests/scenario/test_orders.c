/* The life of an order (RFC 8555 §7.1.6, §7.4): every state, every refusal, one certificate. */
#include "kit.h"

#include "base/limits.h"
#include "base/thread.h"

static void test_rfc8555_7_1_6__an_order_goes_from_pending_to_valid(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_order(a, "dns:a.test dns:B.test ip:10.0.0.1");
	struct bytes csr = kit_csr("dns:a.test dns:b.test ip:10.0.0.1", kit.leaf_key);
	struct cert_record cert;
	struct cert_info info;
	struct order o;

	(void)state;
	assert_int_equal(kit_state(id), ORDER_STATE_PENDING);
	assert_int_equal(script_attempts(NULL), 0); /* nothing is tried before the client says so */
	must(kit_respond(a, kit_authz_id(id, 0)));
	kit_settle();
	assert_int_equal(kit_state(id), ORDER_STATE_PENDING);
	kit_prove(a, id);
	assert_int_equal(kit_state(id), ORDER_STATE_READY);
	assert_int_equal(script_attempts(NULL), 3);

	script_issuer(ISSUE_HOLD);
	must(kit_finalize(a, id, csr));
	assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	kit_settle();
	o = kit_load(id);
	assert_int_equal(o.state, ORDER_STATE_PROCESSING);
	assert_int_equal(o.record.serial.len, SERIAL_MAX);
	assert_true(bytes_eq(o.record.claim, script_claim(0)));
	assert_int_equal(kit_count(&CERTS), 0);

	assert_int_equal(script_issue_release(), 1);
	kit_settle();
	o = kit_load(id);
	assert_int_equal(o.state, ORDER_STATE_VALID);
	assert_true(bytes_eq(o.record.certificate, o.record.serial));
	assert_null(o.record.claim.p);
	cert = kit_cert(o.record.certificate);
	assert_true(id_eq(cert.account, a->id) && id_eq(cert.order, id));
	assert_true(str_is(cert.names, "dns:a.test dns:b.test ip:10.0.0.1"));
	must(cert_parse(&kit.actor.arena, cert.der, &info, NULL));
	assert_int_equal(info.san_count, 3);
	assert_int_equal(kit_count(&JOBS), 0);
	assert_int_equal(kit_jobs_running(), 0);
	assert_true(kit_audited("account.create") && kit_audited("order.create") &&
		    kit_audited("challenge.valid") && kit_audited("cert.issue"));
}

static void test_rfc8555_7_4__finalize_pending_order_is_refused(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_order(a, "dns:a.test dns:b.test");
	struct bytes csr = kit_csr("dns:a.test dns:b.test", kit.leaf_key);

	(void)state;
	assert_int_equal(kit_finalize(a, id, csr), RC_DENIED);
	kit_assert_fault(PROBLEM_ORDER_NOT_READY, "\"pending\"");
	must(kit_respond(a, kit_authz_id(id, 0)));
	kit_settle();
	assert_int_equal(kit_finalize(a, id, csr), RC_DENIED); /* one of two */
	kit_assert_fault(PROBLEM_ORDER_NOT_READY, "complete its authorizations first");
	assert_int_equal(script_prepared(), 0);
	kit_prove(a, id);
	must(kit_finalize(a, id, csr));
}

static void test_rfc8555_7_4__finalize_again(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct bytes csr = kit_csr("dns:a.test", kit.leaf_key), other;
	AUTO_PTR(privkey) struct privkey *key = NULL;

	(void)state;
	must(privkey_generate(KEY_P256, 0, &key));
	other = kit_csr("dns:a.test", key);
	script_issuer(ISSUE_HOLD);
	for (int valid = 0; valid <= 1; valid++) {
		must(kit_finalize(a, id, csr)); /* FIELD Q15: FortiGate polls so */
		must(kit_finalize(a, id, csr));
		assert_int_equal(kit_finalize(a, id, other), RC_DENIED);
		kit_assert_fault(PROBLEM_ORDER_NOT_READY, "another CSR");
		kit_settle();
		script_issue_release();
		kit_settle();
		assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	}
	assert_int_equal(script_prepared(), 1);
	assert_int_equal(script_issued(), 1);
	assert_int_equal(kit_count(&CERTS), 1);
}

static void test_rfc8555_7_4__the_csr_has_the_names_of_the_order(void **state)
{
	static const struct {
		const char *csr, *why;
	} cases[] = {
		{ "dns:a.test", "the CSR does not name it" },
		{ "dns:a.test dns:b.test dns:c.test", "the CSR names c.test" },
		{ "dns:a.test dns:*.b.test", "the CSR names *.b.test" },
		{ "dns:a.test dns:b.test ip:10.0.0.1", "the CSR names 10.0.0.1" },
		{ "dns:c.test", "the CSR names c.test" },
	};
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test dns:B.TEST");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(kit_finalize(a, id, kit_csr(cases[i].csr, kit.leaf_key)), RC_INVALID);
		kit_assert_fault(PROBLEM_BAD_CSR, cases[i].why);
		assert_int_equal(kit_state(id), ORDER_STATE_READY); /* another try is allowed */
	}
	assert_int_equal(script_prepared(), 0);
	must(kit_finalize(a, id, kit_csr("dns:b.test dns:a.test", kit.leaf_key)));
}

static void test_rfc8555_11_1__the_account_key_is_not_certified(void **state)
{
	AUTO_PTR(privkey) struct privkey *key = NULL;
	struct acme_new_account body = { .terms_agreed = true };
	struct new_account n = { .body = &body };
	struct account_record record;
	struct account *a;
	struct context *c;
	struct id id;
	bool is_new;

	(void)state;
	must(privkey_generate(KEY_P256, 0, &key));
	n.key = privkey_pubkey(key);
	c = kit_begin();
	must(kit_end(account_create(c, config_directory(c->config, STR("default")), &n, &record, &is_new, NULL)));
	c = kit_begin();
	must(account_authenticate(c, STR("default"), record.id, &a, NULL));
	kit_drop();
	id = kit_ready(a, "dns:a.test");
	assert_int_equal(kit_finalize(a, id, kit_csr("dns:a.test", key)), RC_INVALID);
	kit_assert_fault(PROBLEM_BAD_CSR, "RFC 8555 §11.1");
	account_unref(a);
}

/* --- twenty at once --- */

#define CROWD 20
#define CROWD_THREADS 8

struct crowd {
	const struct account *account;
	struct id order;
	struct bytes csr;
	unsigned next;      /* atomic: finalizes begun */
	unsigned claimed;   /* atomic: those that wrote */
	unsigned conflicts; /* atomic */
	unsigned failed;    /* atomic */
	pthread_barrier_t start;
};

static void crowd_finalize(struct crowd *w, struct actor *x)
{
	for (;;) {
		struct context *c = actor_begin(x);
		struct order o;
		bool wrote;
		enum rc rc = order_load_for(c, w->account, w->order, &o, &x->f);

		if (rc == RC_OK)
			rc = order_finalize(c, &o, w->account, w->csr, &x->f);
		wrote = !tx_is_empty(c->tx);
		rc = actor_end(x, rc);
		if (rc == RC_CONFLICT) {
			__atomic_add_fetch(&w->conflicts, 1, __ATOMIC_RELAXED);
			continue; /* as api/request.c: from the top, with a fresh snapshot */
		}
		__atomic_add_fetch(rc != RC_OK ? &w->failed : &w->claimed, rc != RC_OK || wrote, __ATOMIC_RELAXED);
		return;
	}
}

static void crowd_main(void *arg)
{
	struct crowd *w = arg;
	struct actor x;

	actor_init(&x);
	pthread_barrier_wait(&w->start);
	while (__atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED) < CROWD)
		crowd_finalize(w, &x);
	actor_done(&x);
}

static void test_trust_issuance__twenty_finalizes_at_once_give_one_claim(void **state)
{
	const struct account *a = kit_account();
	unsigned conflicts = 0;

	(void)state;
	for (int round = 0; round < 10; round++) {
		const char *names = arena_printf(&kit.actor.arena, "dns:r%d.test", round);
		struct crowd w = { .account = a, .order = kit_ready(a, names),
				   .csr = kit_csr(names, kit.leaf_key) };
		struct thread threads[CROWD_THREADS] = { 0 };

		assert_int_equal(pthread_barrier_init(&w.start, NULL, CROWD_THREADS), 0);
		for (unsigned i = 0; i < CROWD_THREADS; i++)
			must(thread_start(&threads[i], "crowd", crowd_main, &w));
		for (unsigned i = 0; i < CROWD_THREADS; i++)
			thread_join(&threads[i]);
		pthread_barrier_destroy(&w.start);
		assert_int_equal(w.claimed, 1);
		assert_int_equal(w.failed, 0);
		conflicts += w.conflicts;
		kit_settle();
		assert_int_equal(kit_state(w.order), ORDER_STATE_VALID);
		assert_int_equal(kit_count(&CERTS), round + 1);
		assert_int_equal(script_issued(), round + 1);
	}
	print_message("%u conflicts in 10 rounds\n", conflicts);
}

/* The same with the interleaving made by hand: both decide on the same version. */
static void test_trust_issuance__the_later_of_two_claims_is_a_conflict(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct bytes csr = kit_csr("dns:a.test", kit.leaf_key);
	struct context *mine, *its;
	struct order o;
	struct actor other;

	(void)state;
	actor_init(&other);
	mine = kit_begin();
	its = actor_begin(&other);
	must(order_load_for(mine, a, id, &o, NULL));
	must(order_finalize(mine, &o, a, csr, NULL));
	must(order_load_for(its, a, id, &o, NULL));
	must(order_finalize(its, &o, a, csr, NULL));
	must(kit_end(RC_OK));
	assert_int_equal(actor_end(&other, RC_OK), RC_CONFLICT);
	actor_done(&other);
	kit_settle();
	assert_int_equal(script_prepared(), 2);
	assert_int_equal(script_issued(), 1);
	assert_int_equal(kit_count(&CERTS), 1);
}

/* --- the end of an order --- */

static void test_rfc8555_7_1_6__an_order_expires(void **state)
{
	const struct account *a = kit_account();
	struct id pending, ready, done;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {order: 2h, authorization: 9h}\n");
	pending = kit_order(a, "dns:a.test");
	ready = kit_ready(a, "dns:b.test");
	done = kit_issue(a, "dns:c.test");
	kit_advance_ms(2 * HOUR_MS - 1000);
	assert_int_equal(kit_state(pending), ORDER_STATE_PENDING);
	assert_int_equal(kit_state(ready), ORDER_STATE_READY);
	kit_advance_ms(1000);
	assert_int_equal(kit_state(pending), ORDER_STATE_INVALID);
	assert_int_equal(kit_state(ready), ORDER_STATE_INVALID);
	assert_int_equal(kit_state(done), ORDER_STATE_VALID);
	assert_true(text_has(kit_load(ready).error, "RFC 8555 §7.1.6: the order expired"));
	assert_int_equal(kit_finalize(a, ready, kit_csr("dns:b.test", kit.leaf_key)), RC_DENIED);
	kit_assert_fault(PROBLEM_ORDER_NOT_READY, "\"invalid\", it must be \"ready\"; make a new order");
	/* expired authorizations cannot be tried any more */
	assert_int_equal(kit_respond(a, kit_authz_id(pending, 0)), RC_INVALID);
	kit_assert_fault(PROBLEM_MALFORMED, "RFC 8555 §7.5.1: the authorization is expired");
	assert_int_equal(script_attempts("a.test"), 0);
}

static void test_rfc8555_7_1_6__an_authorization_takes_its_order_along(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test dns:b.test");
	struct authz_record z;
	struct context *c;

	(void)state;
	z = kit_authz(kit_authz_id(id, 1));
	c = kit_begin();
	must(kit_end(authz_deactivate(c, &z, &kit.actor.f)));
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(id).error, "the authorization for dns:b.test is deactivated"));
	assert_int_equal(kit_finalize(a, id, kit_csr("dns:a.test dns:b.test", kit.leaf_key)), RC_DENIED);
	assert_int_equal(kit_authz_state(kit_authz_id(id, 0)), AUTHZ_STATE_VALID);
}

static void test_s1_39__what_is_over_is_swept(void **state)
{
	const struct account *a = kit_account();
	struct id old, kept;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {order: 1h, authorization: 1h, finished_order: 1d}\n");
	old = kit_issue(a, "dns:a.test");
	(void)kit_order(a, "dns:b.test");
	kit_run_ms(DAY_MS, HOUR_MS);
	kept = kit_issue(a, "dns:c.test");
	kit_run_ms(DAY_MS / 24 + 6 * 60000, 6 * 60000);
	assert_int_equal(kit_count(&ORDERS), 1);
	assert_int_equal(kit_count(&AUTHZS), 1);
	assert_int_equal(kit_state(kept), ORDER_STATE_VALID);
	assert_int_equal(kit_count(&CERTS), 2); /* the inventory stays */
	(void)kit_begin();
	assert_int_equal(order_load(&kit.actor.c, old, &(struct order){ 0 }, &kit.actor.f), RC_NOTFOUND);
	kit_drop();
}

/* --- what is asked for --- */

static void test_rfc8555_7_4__a_hundred_identifiers(void **state)
{
	const struct account *a = kit_account();
	AUTO(buf) struct buf names;
	struct cert_info info;
	struct order o;

	(void)state;
	buf_init(&names, 16 * 1024);
	for (int i = 0; i < LIMIT_IDENTIFIERS; i++)
		buf_addf(&names, "%sdns:host-%03d.some-long-name.lab.test", i ? " " : "", i);
	assert_true(buf_ok(&names));
	o = kit_load(kit_issue(a, names.p));
	assert_int_equal(o.authz_count, LIMIT_IDENTIFIERS);
	must(cert_parse(&kit.actor.arena, kit_cert(o.record.certificate).der, &info, NULL));
	assert_int_equal(info.san_count, LIMIT_IDENTIFIERS);
	assert_int_equal(script_attempts(NULL), LIMIT_IDENTIFIERS);
}

static void test_rfc8555_6_7_1__all_refused_identifiers_are_named(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_order body = kit_names("dns:a.lab.test dns:b.other dns:*.lab.test ip:10.0.0.1");
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*.lab.test\"]}]\n");
	assert_int_equal(kit_try_order(a, &body, &id), RC_DENIED);
	kit_assert_fault(PROBLEM_REJECTED_IDENTIFIER, "no zone of this server covers b.other");
	assert_int_equal(kit.actor.f.sub_count, 3);
	assert_string_equal(kit.actor.f.subs[0].identifier, "b.other");
	assert_string_equal(kit.actor.f.subs[1].identifier, "*.lab.test");
	assert_non_null(strstr(kit.actor.f.subs[1].detail, "RFC 8555 §7.1.3"));
	assert_string_equal(kit.actor.f.subs[2].identifier, "10.0.0.1");
	assert_int_equal(kit_count(&ORDERS), 0);
	assert_int_equal(kit_count(&AUTHZS), 0);
}

static void test_rfc8555_7_4__dates_that_are_accepted_are_honoured(void **state)
{
	const int64_t now = KIT_START_MS / 1000, longest = 398 * DAY_S;
	const struct {
		int64_t from, to;
		bool is_good;
	} cases[] = {
		{ 0, now + 30 * DAY_S, true },
		{ now, 0, true },
		{ now, now + 30 * DAY_S, true },
		{ now + DAY_S, now + 2 * DAY_S, true },
		{ now, now + longest - 1, true }, /* both ends belong to it: TRUST V28 */
		{ 0, now - 3600 + longest - 1, true }, /* from the backdated notBefore on */
		{ now, now + longest, false },
		{ 0, now + longest, false },
		{ now + 350 * DAY_S, 0, false }, /* ends beyond what may be proven today */
		{ now - 2 * 3600, 0, false },
		{ now, now, false },
		{ now + 20, now + 10, false },
		{ now + 400 * DAY_S, 0, false },
		{ 0, now - 1, false },
	};
	const struct account *a = kit_account();

	(void)state;
	(void)kit_ready(a, "dns:a.test");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct acme_new_order body = kit_names("dns:a.test");
		struct cert_record cert;
		struct id id;
		enum rc rc;

		body.not_before = cases[i].from;
		body.not_after = cases[i].to;
		rc = kit_try_order(a, &body, &id);
		if (rc != (cases[i].is_good ? RC_OK : RC_INVALID))
			fail_msg("case %zu: %s: %s", i, rc_text(rc), kit.actor.f.detail);
		if (rc != RC_OK) {
			assert_int_equal(kit.actor.f.problem, PROBLEM_MALFORMED);
			continue;
		}
		rc = kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key));
		if (rc != RC_OK)
			fail_msg("case %zu was accepted, then refused: %s", i, kit.actor.f.detail);
		kit_settle();
		cert = kit_cert(kit_load(id).record.certificate);
		if (cases[i].from)
			assert_int_equal(cert.not_before, cases[i].from);
		if (cases[i].to)
			assert_int_equal(cert.not_after, cases[i].to);
	}
}

static void test_trust_v29__the_profile_is_pinned_at_new_order(void **state)
{
	const struct account *a = kit_account();
	struct id before = kit_ready(a, "dns:a.test"), after;
	struct bytes csr = kit_csr("dns:a.test", kit.leaf_key);
	struct cert_record cert;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nprofiles: {server: {lifetime: 30d}}\n");
	assert_int_equal(kit_finalize(a, before, csr), RC_INVALID);
	kit_assert_fault(PROBLEM_INVALID_PROFILE, "was changed after the order was made");
	after = kit_order(a, "dns:a.test"); /* its authorization is still good */
	must(kit_finalize(a, after, csr));
	kit_settle();
	cert = kit_cert(kit_load(after).record.certificate);
	assert_int_equal(cert.not_after - cert.not_before + 1, 30 * DAY_S);
	/* changed back: the first order fits again */
	kit_settings("zones: [{names: [\"*\"]}]\n");
	must(kit_finalize(a, before, csr));
}

static void test_draft_profiles__the_client_names_one_of_the_directory(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_order body = kit_names("dns:a.test");
	struct cert_record cert;
	struct id id;

	(void)state;
	(void)kit_ready(a, "dns:a.test");
	body.profile = STR("mtls"); /* exists, but not here */
	assert_int_equal(kit_try_order(a, &body, &id), RC_INVALID);
	kit_assert_fault(PROBLEM_INVALID_PROFILE, "has no profile \"mtls\"");
	body.profile = STR("short");
	must(kit_try_order(a, &body, &id));
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	kit_settle();
	cert = kit_cert(kit_load(id).record.certificate);
	assert_int_equal(cert.not_after - cert.not_before + 1, 6 * DAY_S);
}

/* config.h: no zone, no certificate. */
static void test_policy__zone_removed_before_finalize(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct bytes csr = kit_csr("dns:a.test", kit.leaf_key);

	(void)state;
	kit_settings("zones: [{names: [\"*.lab.test\"]}]\n");
	assert_int_equal(kit_finalize(a, id, csr), RC_DENIED);
	kit_assert_fault(PROBLEM_REJECTED_IDENTIFIER, "a.test");
	assert_int_equal(script_prepared(), 0);
	kit_settings("zones: [{names: [\"*\"]}]\n");
	must(kit_finalize(a, id, csr));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_rfc8555_7_1_6__an_order_goes_from_pending_to_valid),
		SCENARIO(test_rfc8555_7_4__finalize_pending_order_is_refused),
		SCENARIO(test_rfc8555_7_4__finalize_again),
		SCENARIO(test_rfc8555_7_4__the_csr_has_the_names_of_the_order),
		SCENARIO(test_rfc8555_11_1__the_account_key_is_not_certified),
		SCENARIO(test_trust_issuance__twenty_finalizes_at_once_give_one_claim),
		SCENARIO(test_trust_issuance__the_later_of_two_claims_is_a_conflict),
		SCENARIO(test_rfc8555_7_1_6__an_order_expires),
		SCENARIO(test_rfc8555_7_1_6__an_authorization_takes_its_order_along),
		SCENARIO(test_s1_39__what_is_over_is_swept),
		SCENARIO(test_rfc8555_7_4__a_hundred_identifiers),
		SCENARIO(test_rfc8555_6_7_1__all_refused_identifiers_are_named),
		SCENARIO(test_rfc8555_7_4__dates_that_are_accepted_are_honoured),
		SCENARIO(test_trust_v29__the_profile_is_pinned_at_new_order),
		SCENARIO(test_draft_profiles__the_client_names_one_of_the_directory),
		SCENARIO(test_policy__zone_removed_before_finalize),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
