/* From the claim to the certificate (TRUST §4): an issuer that is late, absent, wrong or refuses, and
 * a service that ends in the middle. */
#include "kit.h"

static struct id finalize_one(const struct account *a, const char *names)
{
	struct id id = kit_ready(a, names);

	must(kit_finalize(a, id, kit_csr(names, kit.leaf_key)));
	kit_settle();
	return id;
}

#define WAITING 500

static void test_s1_17__an_issuer_absent_for_ten_minutes(void **state)
{
	const struct account *a = kit_account();
	static struct id orders[WAITING];
	unsigned asked;

	(void)state;
	for (size_t i = 0; i < WAITING; i++)
		orders[i] = kit_ready(a, arena_printf(&kit.actor.arena, "dns:h%zu.test", i));
	script_issuer(ISSUE_UNAVAILABLE);
	for (size_t i = 0; i < WAITING; i++) {
		const char *names = arena_printf(&kit.actor.arena, "dns:h%zu.test", i);

		if (i == WAITING / 2)
			script_issuer(ISSUE_BUSY);
		must(kit_finalize(a, orders[i], kit_csr(names, kit.leaf_key)));
	}
	kit_settle();
	kit_run_ms(10 * 60000, 30000);
	for (size_t i = 0; i < WAITING; i++)
		assert_int_equal(kit_state(orders[i]), ORDER_STATE_PROCESSING);
	/* the gaps grow: ten minutes of half-second tries would be 600,000 questions */
	assert_true(script_issued() < WAITING * 40);
	assert_int_equal(script_signed(), 0);
	asked = script_issued();

	script_issuer(ISSUE_OK);
	kit_run_ms(31000, 1000);
	for (size_t i = 0; i < WAITING; i++)
		assert_int_equal(kit_state(orders[i]), ORDER_STATE_VALID);
	assert_int_equal(script_issued() - asked, WAITING);
	assert_int_equal(script_prepared(), WAITING);
	assert_int_equal(kit_count(&CERTS), WAITING);
	assert_int_equal(kit_count(&JOBS), 0);
}

static void test_rfc8555_7_1_6__an_issuer_that_refuses(void **state)
{
	const struct account *a = kit_account();
	struct id id;
	struct order o;

	(void)state;
	script_issuer(ISSUE_DENIED);
	id = finalize_one(a, "dns:a.test");
	o = kit_load(id);
	assert_int_equal(o.state, ORDER_STATE_INVALID);
	assert_true(text_has(o.error, "urn:ietf:params:acme:error:serverInternal"));
	assert_true(text_has(o.error, "policy: the law forbids this lifetime"));
	assert_true(text_has(o.record.trace, "the issuer refused"));
	kit_run_ms(60000, 10000);
	assert_int_equal(script_issued(), 1);
	assert_int_equal(kit_count(&JOBS), 0);
	assert_true(kit_audited("order.fail"));
	/* and the order stays what it is */
	script_issuer(ISSUE_OK);
	assert_int_equal(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)), RC_DENIED);
	kit_assert_fault(PROBLEM_ORDER_NOT_READY, "\"invalid\"");
}

/* No order is stuck: an answer that cannot be the claim's certificate ends it. */
static void test_trust_issuance__an_issuer_with_a_wrong_certificate(void **state)
{
	static const enum issue_answer wrong[] = { ISSUE_OTHER_SERIAL, ISSUE_GARBAGE };
	const struct account *a = kit_account();
	struct id first = kit_issue(a, "dns:a.test");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct id id;

		script_issuer(wrong[i]);
		id = finalize_one(a, "dns:b.test");
		kit_run_ms(60000, 5000);
		assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
		assert_true(text_has(kit_load(id).error, "serverInternal"));
		assert_int_equal(kit_count(&CERTS), 1);
		assert_int_equal(kit_count(&JOBS), 0);
	}
	assert_int_equal(kit_state(first), ORDER_STATE_VALID);
}

static void test_rfc8555_7_1_6__an_order_that_expires_while_the_issuer_is_absent(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {order: 1h}\n");
	script_issuer(ISSUE_UNAVAILABLE);
	id = finalize_one(a, "dns:a.test");
	kit_run_ms(HOUR_MS - 60000, 30000);
	assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	kit_run_ms(2 * 60000, 30000);
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(id).error, "the signer does not answer"));
	assert_int_equal(kit_count(&JOBS), 0);
}

static void test_trust_issuance__two_jobs_for_one_order_give_one_certificate(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct context *c;
	struct order o;

	(void)state;
	script_issuer(ISSUE_HOLD);
	c = kit_begin();
	must(order_load_for(c, a, id, &o, NULL));
	must(order_finalize(c, &o, a, kit_csr("dns:a.test", kit.leaf_key), NULL));
	must(job_add(c, JOB_ISSUE, id, 0));
	must(kit_end(RC_OK));
	kit_settle();
	assert_int_equal(script_issued(), 2);
	assert_true(bytes_eq(script_claim(0), script_claim(1)));
	assert_int_equal(script_issue_release(), 2);
	kit_settle();
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	assert_int_equal(script_signed(), 1);
	assert_int_equal(kit_count(&CERTS), 1);
	assert_int_equal(kit_count(&JOBS), 0);
}

/* --- the service ends in the middle --- */

static struct cert_record the_certificate(struct id id, struct bytes serial)
{
	struct order o = kit_load(id);
	struct cert_record cert;

	assert_int_equal(o.state, ORDER_STATE_VALID);
	assert_true(bytes_eq(o.record.certificate, serial));
	cert = kit_cert(serial);
	assert_int_equal(kit_count(&CERTS), 1);
	assert_int_equal(kit_count(&JOBS), 0);
	return cert;
}

static struct bytes keep(struct bytes b)
{
	uint8_t *p = malloc(b.len);

	assert_non_null(p);
	memcpy(p, b.p, b.len);
	return bytes_of(p, b.len);
}

static void test_trust_issuance__crash_after_the_claim(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct bytes serial, claim;
	struct order o;

	(void)state;
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	o = kit_load(id);
	serial = keep(o.record.serial);
	claim = keep(o.record.claim);
	kit_crash(); /* the job had not begun */
	assert_int_equal(script_issued(), 0);
	assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	kit_advance_ms(1);
	assert_int_equal(script_issued(), 1);
	assert_true(bytes_eq(script_claim(0), claim)); /* serial and TBS are those of before */
	(void)the_certificate(id, serial);
	assert_int_equal(script_prepared(), 1);
	free((void *)(uintptr_t)serial.p);
	free((void *)(uintptr_t)claim.p);
}

static void test_trust_issuance__crash_after_signing(void **state)
{
	const struct account *a = kit_account();
	struct bytes serial;
	struct id id;

	(void)state;
	script_issuer(ISSUE_HOLD); /* signed and journalled, never answered */
	id = finalize_one(a, "dns:a.test");
	serial = keep(kit_load(id).record.serial);
	for (int i = 0; i < 3; i++) {
		kit_crash();
		kit_advance_ms(1);
		assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	}
	script_issuer(ISSUE_OK);
	kit_crash();
	kit_advance_ms(1);
	assert_int_equal(script_issued(), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_true(bytes_eq(script_claim(i), script_claim(0)));
	assert_int_equal(script_signed(), 1);
	(void)the_certificate(id, serial);
	free((void *)(uintptr_t)serial.p);
}

/* A row that is left though its work is done: another version wrote them apart, or an operator
 * copied rows back. */
static void test_trust_issuance__a_job_left_over_asks_for_nothing(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_issue(a, "dns:a.test"), none = id_new();
	struct bytes serial = keep(kit_load(id).record.serial);
	struct id authz = kit_authz_id(id, 0);
	struct context *c = kit_begin();

	(void)state;
	must(job_add(c, JOB_ISSUE, id, 0));
	must(job_add(c, JOB_VALIDATE, authz, 0));
	must(job_add(c, JOB_ISSUE, none, 0));
	must(job_add(c, JOB_VALIDATE, none, 0));
	c->job_count = 0; /* durable, and then it ended */
	must(kit_end(RC_OK));
	assert_int_equal(kit_count(&JOBS), 4);
	kit_crash();
	kit_advance_ms(1);
	(void)the_certificate(id, serial);
	assert_int_equal(script_issued(), 1);
	assert_int_equal(script_attempts(NULL), 1);
	free((void *)(uintptr_t)serial.p);
}

static void test_restart__a_retry_waits_for_its_time(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	script_issuer(ISSUE_UNAVAILABLE);
	id = finalize_one(a, "dns:a.test");
	kit_run_ms(60000, 1000);
	assert_true(script_issued() >= 6);
	script_issuer(ISSUE_OK);
	kit_crash();
	kit_advance_ms(1);
	kit_run_ms(31000, 1000);
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	assert_int_equal(script_prepared(), 1);
}

static void test_restart__more_jobs_than_one_batch(void **state)
{
	const struct account *a = kit_account();
	struct id one = kit_ready(a, "dns:a.test");
	struct context *c = NULL;

	(void)state;
	for (int i = 0; i < 2500; i++) { /* of subjects that were swept: they only end */
		c = c ? c : kit_begin();
		c->job_count = 0;
		must(job_add(c, JOB_VALIDATE, id_new(), 0));
		if (i % 500 == 499) {
			c->job_count = 0;
			must(kit_end(RC_OK));
			c = NULL;
		}
	}
	must(kit_finalize(a, one, kit_csr("dns:a.test", kit.leaf_key)));
	kit_crash();
	kit_run_ms(10, 1);
	assert_int_equal(kit_count(&JOBS), 0);
	assert_int_equal(kit_jobs_running(), 0);
	assert_int_equal(kit_state(one), ORDER_STATE_VALID);
}

/* --- who may issue, by the DNS --- */

#define ENFORCE "zones: [{names: [\"*\"], caa: enforce}]\n"

static void test_rfc8659_3__a_name_that_another_may_issue_for(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings(ENFORCE);
	script_dns(DNS_FORBIDS);
	id = finalize_one(a, "dns:a.test dns:b.test");
	assert_int_equal(kit_state(id), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(id).error, "urn:ietf:params:acme:error:caa"));
	assert_true(text_has(kit_load(id).error, "RFC 8659"));
	assert_int_equal(script_issued(), 0);
	assert_int_equal(kit_count(&JOBS), 0);
	/* reported only: it is issued */
	kit_settings("zones: [{names: [\"*\"], caa: report}]\n");
	(void)kit_issue(a, "dns:c.test");
	/* not asked */
	kit_settings("zones: [{names: [\"*\"], caa: off}]\n");
	script_dns(DNS_SILENT);
	(void)kit_issue(a, "dns:d.test");
}

static void test_trust_v25__a_dns_that_fails_is_no_permission(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings(ENFORCE);
	script_dns(DNS_FAILS);
	id = finalize_one(a, "dns:a.test");
	kit_run_ms(60000, 5000);
	assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	assert_int_equal(script_issued(), 0);
	script_dns(DNS_HAS_NONE);
	kit_run_ms(31000, 1000);
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
}

static void test_restart__while_the_dns_is_asked(void **state)
{
	const struct account *a = kit_account();
	struct id id;

	(void)state;
	kit_settings(ENFORCE);
	script_dns(DNS_SILENT);
	id = finalize_one(a, "dns:a.test dns:b.test");
	assert_true(script_dns_asked() > 0);
	assert_int_equal(script_issued(), 0);
	script_dns(DNS_HAS_NONE);
	kit_crash();
	kit_advance_ms(1);
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	assert_int_equal(script_prepared(), 1);
}

/* --- by the operator --- */

static enum rc direct(const char *names, const char *csr_names, struct id *out)
{
	struct acme_new_order body = kit_names(names);
	struct bytes der = kit_csr(csr_names, kit.leaf_key);
	AUTO(csr) struct csr csr = { 0 };
	struct context *c = kit_begin();
	struct direct_request d = {
		.authority = config_authority(c->config, STR("lab")),
		.profile = config_profile(c->config, STR("mtls")),
		.identifiers = body.identifiers,
		.identifier_count = body.identifier_count,
		.csr = &csr,
	};
	struct order o = { 0 };
	enum rc rc = csr_parse(c->arena, der, &csr, &kit.actor.f);

	if (rc == RC_OK)
		rc = order_create_direct(c, &d, &o, &kit.actor.f);
	rc = kit_end(rc);
	*out = o.record.id;
	return rc;
}

static void test_s1_45__an_order_of_the_operator(void **state)
{
	const struct account *a = kit_account();
	struct bytes serial;
	struct context *c;
	struct order o;
	struct id id;

	(void)state;
	kit_settings("zones: []\n"); /* needs none */
	assert_int_equal(direct("dns:a.test", "dns:b.test", &id), RC_INVALID);
	kit_assert_fault(PROBLEM_BAD_CSR, "RFC 8555 §7.4");
	must(direct("dns:a.test ip:10.0.0.1", "dns:a.test ip:10.0.0.1", &id));
	assert_int_equal(kit_state(id), ORDER_STATE_PROCESSING);
	serial = keep(kit_load(id).record.serial);
	kit_crash(); /* recorded before it is signed, as all others */
	kit_advance_ms(1);
	assert_true(id_is_zero(the_certificate(id, serial).account));
	/* TRUST V11: an order without owner is nobody's */
	c = kit_begin();
	assert_int_equal(order_load_for(c, a, id, &o, &kit.actor.f), RC_NOTFOUND);
	kit_drop();
	assert_int_equal(script_attempts(NULL), 0);
	assert_true(kit_audited("order.direct"));
	free((void *)(uintptr_t)serial.p);
}

/* --- the clock jumps --- */

static void test_trust_clock__back_before_the_authority(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");
	struct bytes csr = kit_csr("dns:a.test", kit.leaf_key);

	(void)state;
	clock_fake(KIT_START_MS - 10 * HOUR_MS); /* nine hours before its notBefore */
	assert_int_equal(kit_finalize(a, id, csr), RC_UNAVAILABLE);
	kit_assert_fault(PROBLEM_UNAVAILABLE, "set the clock"); /* 503, and the log has the sentence */
	assert_int_equal(kit.actor.f.retry_after_s, 60);
	assert_int_equal(kit_state(id), ORDER_STATE_READY);
	(void)kit_ready(a, "dns:b.test"); /* the rest goes on */
	clock_fake(KIT_START_MS);
	must(kit_finalize(a, id, csr));
	kit_settle();
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
}

static void test_trust_clock__ten_years_forward(void **state)
{
	const struct account *a = kit_account();
	struct id waiting, ready = kit_ready(a, "dns:b.test"), fresh;
	struct bytes csr = kit_csr("dns:b.test", kit.leaf_key);

	(void)state;
	SCRIPT_VALIDATIONS("c.test", ANSWER_HOLD);
	fresh = kit_order(a, "dns:c.test");
	must(kit_respond(a, kit_authz_id(fresh, 0)));
	script_issuer(ISSUE_UNAVAILABLE);
	waiting = finalize_one(a, "dns:a.test");
	kit_advance_ms(3650 * DAY_MS);
	/* in flight: ends, by its own clock's rule */
	assert_int_equal(kit_state(waiting), ORDER_STATE_INVALID);
	(void)script_release(NULL, ANSWER_VALID);
	kit_settle();
	assert_int_equal(kit_jobs_running(), 0);
	(void)kit_begin();
	assert_int_equal(order_load(&kit.actor.c, ready, &(struct order){ 0 }, NULL), RC_NOTFOUND); /* swept */
	kit_drop();
	script_issuer(ISSUE_OK);
	ready = kit_ready(a, "dns:b.test");
	assert_int_equal(kit_finalize(a, ready, csr), RC_DENIED); /* the issuing certificate is over */
	kit_assert_fault(PROBLEM_SERVER_INTERNAL, "renew the authority");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_s1_17__an_issuer_absent_for_ten_minutes),
		SCENARIO(test_rfc8555_7_1_6__an_issuer_that_refuses),
		SCENARIO(test_trust_issuance__an_issuer_with_a_wrong_certificate),
		SCENARIO(test_rfc8555_7_1_6__an_order_that_expires_while_the_issuer_is_absent),
		SCENARIO(test_trust_issuance__two_jobs_for_one_order_give_one_certificate),
		SCENARIO(test_trust_issuance__crash_after_the_claim),
		SCENARIO(test_trust_issuance__crash_after_signing),
		SCENARIO(test_trust_issuance__a_job_left_over_asks_for_nothing),
		SCENARIO(test_restart__a_retry_waits_for_its_time),
		SCENARIO(test_restart__more_jobs_than_one_batch),
		SCENARIO(test_rfc8659_3__a_name_that_another_may_issue_for),
		SCENARIO(test_trust_v25__a_dns_that_fails_is_no_permission),
		SCENARIO(test_restart__while_the_dns_is_asked),
		SCENARIO(test_s1_45__an_order_of_the_operator),
		SCENARIO(test_trust_clock__back_before_the_authority),
		SCENARIO(test_trust_clock__ten_years_forward),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
