/* Revocation (RFC 8555 §7.6) by the account, by a holder of all names, by the key, by the operator. */
#include "kit.h"

static enum rc revoke_for(const struct account *a, const struct pubkey *key, struct bytes der, int64_t reason)
{
	struct context *c = kit_begin();

	return kit_end(cert_revoke(c, der, a, key, reason >= 0, reason, &kit.actor.f));
}

static struct cert_record issue(const struct account *a, const char *names)
{
	return kit_cert(kit_load(kit_issue(a, names)).record.certificate);
}

static void test_rfc8555_7_6__by_the_account_that_ordered(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct cert_record cert = issue(a, "dns:a.test"), after;

	(void)state;
	assert_int_equal(revoke_for(b, NULL, cert.der, -1), RC_DENIED);
	kit_assert_fault(PROBLEM_UNAUTHORIZED, "RFC 8555 §7.6");
	assert_int_equal(kit_cert(cert.serial).status, CERT_VALID);
	kit_advance_ms(60000);
	must(revoke_for(a, NULL, cert.der, 4));
	after = kit_cert(cert.serial);
	assert_int_equal(after.status, CERT_REVOKED);
	assert_int_equal(after.revoked_at, KIT_START_MS / 1000 + 60);
	assert_int_equal(after.revoked_reason, 4);
	assert_true(str_starts(after.revoked_by, "account "));
	assert_int_equal(revoke_for(a, NULL, cert.der, 4), RC_INVALID);
	kit_assert_fault(PROBLEM_ALREADY_REVOKED, "RFC 8555 §7.6");
	assert_int_equal(kit_cert(cert.serial).version, after.version);
	assert_true(kit_audited("cert.revoke"));
}

static void test_rfc8555_7_6__by_an_account_with_authorizations_for_all_names(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct cert_record cert = issue(a, "dns:A.test dns:b.test ip:10.0.0.1");
	struct authz_record z;
	struct context *c;
	struct id last;

	(void)state;
	(void)kit_ready(b, "dns:a.test dns:B.test");
	assert_int_equal(revoke_for(b, NULL, cert.der, -1), RC_DENIED); /* two of three */
	last = kit_order(b, "ip:10.0.0.1");
	assert_int_equal(revoke_for(b, NULL, cert.der, -1), RC_DENIED); /* the third is pending */
	kit_prove(b, last);
	z = kit_authz(kit_authz_id(last, 0));
	c = kit_begin();
	must(kit_end(authz_deactivate(c, &z, NULL)));
	assert_int_equal(revoke_for(b, NULL, cert.der, -1), RC_DENIED); /* deactivated */
	last = kit_ready(b, "ip:10.0.0.1");
	kit_advance_ms(9 * HOUR_MS);
	assert_int_equal(revoke_for(b, NULL, cert.der, -1), RC_DENIED); /* expired */
	(void)kit_ready(b, "dns:a.test dns:b.test ip:10.0.0.1");
	must(revoke_for(b, NULL, cert.der, -1));
	assert_int_equal(kit_cert(cert.serial).revoked_reason, 0);
}

/* A wildcard's authorization is not that of a name below it, nor the other way. */
static void test_rfc8555_7_6__wildcards_and_their_names_are_different(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct cert_record plain, wild;

	(void)state;
	kit_settings("zones: [{names: [\"*\"], challenges: [dns-01]}]\n");
	plain = issue(a, "dns:a.test");
	wild = issue(a, "dns:*.a.test");
	(void)kit_ready(b, "dns:a.test");
	assert_int_equal(revoke_for(b, NULL, wild.der, -1), RC_DENIED);
	must(revoke_for(b, NULL, plain.der, -1));
	(void)kit_ready(b, "dns:*.a.test");
	must(revoke_for(b, NULL, wild.der, -1));
}

static void test_rfc8555_7_6__by_the_key_of_the_certificate(void **state)
{
	const struct account *a = kit_account();
	struct cert_record cert = issue(a, "dns:a.test");

	(void)state;
	assert_int_equal(revoke_for(NULL, kit_pubkey(), cert.der, 1), RC_DENIED);
	kit_assert_fault(PROBLEM_UNAUTHORIZED, "not signed by the key of this certificate");
	assert_int_equal(revoke_for(NULL, a->key, cert.der, 1), RC_DENIED); /* the account's key as jwk */
	must(revoke_for(NULL, privkey_pubkey(kit.leaf_key), cert.der, 1));
	assert_int_equal(kit_cert(cert.serial).revoked_reason, 1);
	assert_true(str_is(kit_cert(cert.serial).revoked_by, "certificate key"));
}

static void test_rfc5280_5_3_1__reasons(void **state)
{
	static const int64_t good[] = { 0, 1, 3, 4, 5 }, bad[] = { 2, 6, 7, 8, 9, 10, 11, 255, INT64_MAX };
	const struct account *a = kit_account();
	struct cert_record cert;

	(void)state;
	cert = issue(a, "dns:a.test");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(revoke_for(a, NULL, cert.der, bad[i]), RC_INVALID);
		kit_assert_fault(PROBLEM_BAD_REVOCATION_REASON, "RFC 5280 §5.3.1");
	}
	assert_int_equal(kit_cert(cert.serial).status, CERT_VALID);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		cert = issue(a, "dns:a.test");
		must(revoke_for(a, NULL, cert.der, good[i]));
	}
}

/* The serial of a certificate of ours in another certificate does not help. */
static void test_trust_v02__the_whole_certificate_counts(void **state)
{
	const struct account *a = kit_account();
	struct cert_record cert = issue(a, "dns:a.test");
	uint8_t *copy = arena_alloc(&kit.actor.arena, cert.der.len);

	(void)state;
	assert_non_null(copy);
	memcpy(copy, cert.der.p, cert.der.len);
	copy[cert.der.len - 1] ^= 1; /* the signature */
	assert_int_equal(revoke_for(a, NULL, bytes_of(copy, cert.der.len), -1), RC_NOTFOUND);
	kit_assert_fault(PROBLEM_NOT_FOUND, "did not issue");
	assert_int_equal(revoke_for(a, NULL, bytes_of(copy, cert.der.len - 1), -1), RC_INVALID);
	kit_assert_fault(PROBLEM_MALFORMED, "not a DER certificate");
	assert_int_equal(kit_cert(cert.serial).status, CERT_VALID);
}

static void test_rfc8555_7_6__two_at_once(void **state)
{
	const struct account *a = kit_account();
	struct cert_record cert = issue(a, "dns:a.test");
	struct context *mine, *its;
	struct actor other;

	(void)state;
	actor_init(&other);
	mine = kit_begin();
	its = actor_begin(&other);
	must(cert_revoke(mine, cert.der, a, NULL, true, 1, &kit.actor.f));
	must(cert_revoke(its, cert.der, a, NULL, true, 4, &other.f));
	must(kit_end(RC_OK));
	assert_int_equal(actor_end(&other, RC_OK), RC_CONFLICT);
	actor_done(&other);
	assert_int_equal(kit_cert(cert.serial).revoked_reason, 1);
}

static void test_rfc8555_7_6__revoking_says_nothing_about_the_order(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_issue(a, "dns:a.test");
	struct order o = kit_load(id);
	struct str chain;
	size_t alternates;
	struct cert_record cert;
	struct context *c;

	(void)state;
	must(revoke_for(a, NULL, kit_cert(o.record.certificate).der, -1));
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	cert = kit_cert(o.record.certificate);
	c = kit_begin();
	must(cert_chain_pem(c, &cert, 0, &chain, &alternates, NULL));
	kit_drop();
	assert_true(str_starts(chain, "-----BEGIN CERTIFICATE-----\n"));
	assert_true(str_ends(chain, "-----END CERTIFICATE-----\n"));
	assert_int_equal(alternates, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_rfc8555_7_6__by_the_account_that_ordered),
		SCENARIO(test_rfc8555_7_6__by_an_account_with_authorizations_for_all_names),
		SCENARIO(test_rfc8555_7_6__wildcards_and_their_names_are_different),
		SCENARIO(test_rfc8555_7_6__by_the_key_of_the_certificate),
		SCENARIO(test_rfc5280_5_3_1__reasons),
		SCENARIO(test_trust_v02__the_whole_certificate_counts),
		SCENARIO(test_rfc8555_7_6__two_at_once),
		SCENARIO(test_rfc8555_7_6__revoking_says_nothing_about_the_order),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
