/* Authorizations that no order of the same name made: in advance (RFC 8555 §7.4.1), and for a domain
 * above the name (RFC 9444). */
#include "kit.h"

#include "core/rate_limit.h"
#include "core/subdomain.h"

#define ZONES                                                                                             \
	"zones:\n"                                                                                        \
	"  - {names: [example.org, \"*.example.org\"], challenges: [dns-01], subdomains: true, caa: off}\n"  \
	"  - {names: [\"*.closed.example.org\"], challenges: [dns-01], caa: off}\n"                       \
	"  - {names: [web.test, \"*.web.test\"], challenges: [http-01], subdomains: true, caa: off}\n"    \
	"  - {names: [a.test, \"10.0.0.0/8\"], caa: off}\n"

static const struct account *account_with_zones(void)
{
	kit_settings(ZONES);
	return kit_account();
}

static enum rc preauthorize(const struct account *a, const char *name, bool subdomains,
			    struct authz_record *out, bool *out_is_new)
{
	struct acme_new_order names = kit_names(name);
	struct acme_new_authz body = { .identifier = names.identifiers[0], .subdomains = subdomains };
	struct context *c = kit_begin();

	return kit_end(authz_preauthorize(c, config_directory(c->config, a->directory), a, &body, out, out_is_new,
					  &kit.actor.f));
}

static struct id preauthorized(const struct account *a, const char *name, bool subdomains)
{
	struct authz_record z;
	bool is_new;

	must(preauthorize(a, name, subdomains, &z, &is_new));
	assert_true(is_new);
	must(kit_respond(a, z.id));
	kit_settle();
	assert_int_equal(kit_authz_state(z.id), AUTHZ_STATE_VALID);
	return z.id;
}

/* "name" or "name<ancestor", separated by blanks. */
static struct acme_new_order order_of(const char *text)
{
	struct str rest = str_of(text), one, name, above;
	struct acme_new_order body = { 0 };

	body.identifiers = arena_array(&kit.actor.arena, 8, sizeof(*body.identifiers));
	body.ancestors = arena_array(&kit.actor.arena, 8, sizeof(*body.ancestors));
	assert_non_null(body.ancestors);
	while (rest.len) {
		size_t n = body.identifier_count++;

		(void)str_cut(rest, ' ', &one, &rest);
		(void)str_cut(one, '<', &name, &above);
		must(identifier_parse(&kit.actor.arena, STR("dns"), name, &body.identifiers[n], NULL));
		if (above.p)
			must(identifier_parse(&kit.actor.arena, STR("dns"), above, &body.ancestors[n], NULL));
	}
	return body;
}

static struct id ordered(const struct account *a, const char *text)
{
	struct acme_new_order body = order_of(text);
	struct id id = { 0 };

	must(kit_try_order(a, &body, &id));
	return id;
}

static void issue(const struct account *a, struct id order, const char *names)
{
	must(kit_finalize(a, order, kit_csr(names, kit.leaf_key)));
	kit_settle();
	assert_int_equal(kit_state(order), ORDER_STATE_VALID);
}

/* --- in advance --- */

static void test_rfc8555_7_4_1__an_order_finds_what_was_authorized_before(void **state)
{
	const struct account *a = account_with_zones();
	struct authz_record z, again;
	struct id order;
	bool is_new;

	(void)state;
	must(preauthorize(a, "dns:A.test", false, &z, &is_new));
	assert_true(is_new && z.status == AUTHZ_PENDING && str_is(z.shown, "A.test"));
	assert_true(kit_audited("authz.create"));
	must(preauthorize(a, "dns:a.test", false, &again, &is_new)); /* still pending: the same */
	assert_true(!is_new && id_eq(again.id, z.id) && str_eq(again.token, z.token));
	must(kit_respond(a, z.id));
	kit_settle();
	must(preauthorize(a, "dns:a.test", false, &again, &is_new)); /* valid: the same */
	assert_true(!is_new && id_eq(again.id, z.id));
	order = kit_order(a, "dns:a.test");
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	assert_true(id_eq(kit_authz_id(order, 0), z.id));
	issue(a, order, "dns:a.test");
	assert_int_equal(script_attempts(NULL), 1);
	assert_int_equal(kit_count(&AUTHZS), 1);
}

static void test_rfc8555_7_4_1__what_is_not_certified_is_refused_with_403(void **state)
{
	static const struct {
		const char *name, *why;
	} cases[] = {
		{ "dns:*.example.org", "RFC 8555 §7.4.1: wildcard" },
		{ "dns:nowhere.test", "no zone of this server covers" },
		{ "ip:192.0.2.1", "no zone of this server covers" },
	};
	const struct account *a = account_with_zones();
	struct authz_record z;
	bool is_new;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(preauthorize(a, cases[i].name, false, &z, &is_new), RC_DENIED);
		kit_assert_fault(PROBLEM_REJECTED_IDENTIFIER, cases[i].why);
		assert_int_equal(kit.actor.f.status, 403);
	}
	assert_int_equal(kit_count(&AUTHZS), 0);
}

static void test_rfc8555_7_4_1__nobody_else_has_it(void **state)
{
	const struct account *a = account_with_zones(), *b = kit_account();
	struct authz_record z;
	struct id id = preauthorized(a, "dns:example.org", true);
	bool is_new;

	(void)state;
	must(preauthorize(b, "dns:example.org", true, &z, &is_new));
	assert_true(is_new && !id_eq(z.id, id));
	assert_int_equal(kit_state(ordered(b, "x.example.org")), ORDER_STATE_PENDING);
	assert_int_equal(kit_state(ordered(b, "example.org")), ORDER_STATE_PENDING);
}

static void test_rfc8555_7_4_1__each_new_one_counts_as_an_order(void **state)
{
	const struct account *a;
	struct authz_record z;
	bool is_new;

	(void)state;
	kit_settings(ZONES "limits: {new_orders_per_account_hour: 2/h}\n");
	a = kit_account();
	must(preauthorize(a, "dns:a.test", false, &z, &is_new));
	must(preauthorize(a, "dns:a.test", false, &z, &is_new)); /* the one there is: free */
	must(preauthorize(a, "dns:example.org", false, &z, &is_new));
	assert_int_equal(preauthorize(a, "dns:x.example.org", false, &z, &is_new), RC_LIMIT);
	kit_assert_fault(PROBLEM_RATE_LIMITED, "new-orders");
}

/* --- for the names below (RFC 9444 §5: the example) --- */

static void test_rfc9444_5__one_proof_for_all_names_below(void **state)
{
	const struct account *a = account_with_zones();
	struct id z = preauthorized(a, "dns:example.org", true), order;

	(void)state;
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "sub0.example.org", "sub1.example.org", "*.deep.sub2.example.org" };
		const char *text = arena_printf(&kit.actor.arena, "dns:%s", names[i]);

		order = kit_order(a, text);
		assert_int_equal(kit_state(order), ORDER_STATE_READY);
		assert_true(id_eq(kit_authz_id(order, 0), z));
		issue(a, order, text);
	}
	assert_int_equal(script_attempts(NULL), 1);
	assert_int_equal(script_attempts("example.org"), 1);
	assert_int_equal(kit_count(&AUTHZS), 1);
}

static void test_rfc9444_4_3__names_that_share_an_ancestor_share_its_authorization(void **state)
{
	const struct account *a = account_with_zones();
	struct id order = ordered(a, "example.org a.example.org<example.org b.example.org<example.org *.example.org<example.org");
	struct order o = kit_load(order);

	(void)state;
	assert_int_equal(o.authz_count, 4);
	for (size_t i = 1; i < 4; i++)
		assert_true(id_eq(o.authzs[i], o.authzs[0]));
	assert_int_equal(kit_count(&AUTHZS), 1);
	assert_true(str_is(kit_authz(o.authzs[0]).identifier, "dns:example.org"));
	assert_int_equal(kit_authz(o.authzs[0]).subdomains, 1);
	assert_int_equal(kit_authz(o.authzs[0]).offered, CHALLENGE_DNS_01);
	must(kit_respond(a, o.authzs[0]));
	kit_settle();
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	issue(a, order, "dns:example.org dns:a.example.org dns:b.example.org dns:*.example.org");
}

static void test_rfc9444_4_3__the_ancestor_is_an_offer_that_policy_may_decline(void **state)
{
	static const struct {
		const char *order, *authz;
	} cases[] = {
		{ "x.closed.example.org<example.org", "dns:x.closed.example.org" },
		{ "y.closed.example.org<closed.example.org", "dns:y.closed.example.org" },
		{ "x.web.test<web.test", "dns:x.web.test" }, /* http-01 proves one name */
		{ "a.test<test", "dns:a.test" },
		{ "x.example.org<org", "dns:x.example.org" },
	};
	const struct account *a = account_with_zones();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct authz_record z = kit_authz(kit_authz_id(ordered(a, cases[i].order), 0));

		assert_true(str_is(z.identifier, cases[i].authz));
		assert_int_equal(z.subdomains, 0);
	}
}

static void test_rfc9444_4_1__an_ordinary_authorization_serves_its_own_name_only(void **state)
{
	const struct account *a = account_with_zones();
	struct id z = preauthorized(a, "dns:example.org", false), order;

	(void)state;
	assert_int_equal(kit_state(ordered(a, "example.org")), ORDER_STATE_READY);
	order = ordered(a, "a.example.org");
	assert_int_equal(kit_state(order), ORDER_STATE_PENDING);
	assert_false(id_eq(kit_authz_id(order, 0), z));
	order = ordered(a, "b.example.org<example.org");
	assert_int_equal(kit_state(order), ORDER_STATE_PENDING);
	assert_false(id_eq(kit_authz_id(order, 0), z));
}

static void test_rfc9444_4_2__a_zone_without_subdomains_gives_an_ordinary_one(void **state)
{
	const struct account *a = account_with_zones();
	struct authz_record z;
	bool is_new;

	(void)state;
	must(preauthorize(a, "dns:x.closed.example.org", true, &z, &is_new));
	assert_int_equal(z.subdomains, 0);
	must(preauthorize(a, "dns:web.test", true, &z, &is_new));
	assert_true(z.subdomains == 0 && z.offered == CHALLENGE_HTTP_01);
	must(preauthorize(a, "ip:10.0.0.1", true, &z, &is_new));
	assert_int_equal(z.subdomains, 0);
}

/* No certificate by a permission that is gone: neither for new orders nor for those under way. */
static void test_policy__subdomains_end_with_the_setting(void **state)
{
	const struct account *a = account_with_zones();
	struct id order, own;

	(void)state;
	(void)preauthorized(a, "dns:example.org", true);
	order = ordered(a, "a.example.org");
	own = ordered(a, "example.org");
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	kit_settings("zones: [{names: [example.org, \"*.example.org\"], challenges: [dns-01], caa: off}]\n");
	assert_int_equal(kit_state(order), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(order).error, "RFC 9444"));
	assert_int_equal(kit_finalize(a, order, kit_csr("dns:a.example.org", kit.leaf_key)), RC_DENIED);
	assert_int_equal(kit_state(ordered(a, "a.example.org")), ORDER_STATE_PENDING);
	assert_int_equal(kit_state(own), ORDER_STATE_READY);
	issue(a, own, "dns:example.org");
	assert_int_equal(kit_count(&CERTS), 1);
}

static void test_rfc9444__a_deactivated_authorization_takes_all_its_names_along(void **state)
{
	const struct account *a = account_with_zones();
	struct id z = preauthorized(a, "dns:example.org", true), order = ordered(a, "a.example.org b.example.org");
	struct authz_record record;
	struct context *c;

	(void)state;
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
	c = kit_begin();
	must(authz_load(c, z, &record));
	must(kit_end(authz_deactivate(c, &record, &kit.actor.f)));
	assert_int_equal(kit_state(order), ORDER_STATE_INVALID);
	assert_int_equal(kit_state(ordered(a, "a.example.org")), ORDER_STATE_PENDING);
}

/* Issued names are asked for one by one: a proof for the domain above them is no word about CAA. */
static void test_rfc8659__each_name_below_is_asked_for_its_own_records(void **state)
{
	const struct account *a;
	struct id order;

	(void)state;
	kit_settings("zones: [{names: [example.org, \"*.example.org\"], challenges: [dns-01], subdomains: true, caa: enforce}]\n");
	a = kit_account();
	(void)preauthorized(a, "dns:example.org", true);
	order = ordered(a, "a.example.org b.example.org");
	script_dns(DNS_FORBIDS);
	must(kit_finalize(a, order, kit_csr("dns:a.example.org dns:b.example.org", kit.leaf_key)));
	kit_settle();
	assert_int_equal(kit_state(order), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(order).error, "a.example.org") && text_has(kit_load(order).error, "b.example.org"));
	assert_int_equal(kit_count(&CERTS), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_rfc8555_7_4_1__an_order_finds_what_was_authorized_before),
		SCENARIO(test_rfc8555_7_4_1__what_is_not_certified_is_refused_with_403),
		SCENARIO(test_rfc8555_7_4_1__nobody_else_has_it),
		SCENARIO(test_rfc8555_7_4_1__each_new_one_counts_as_an_order),
		SCENARIO(test_rfc9444_5__one_proof_for_all_names_below),
		SCENARIO(test_rfc9444_4_3__names_that_share_an_ancestor_share_its_authorization),
		SCENARIO(test_rfc9444_4_3__the_ancestor_is_an_offer_that_policy_may_decline),
		SCENARIO(test_rfc9444_4_1__an_ordinary_authorization_serves_its_own_name_only),
		SCENARIO(test_rfc9444_4_2__a_zone_without_subdomains_gives_an_ordinary_one),
		SCENARIO(test_policy__subdomains_end_with_the_setting),
		SCENARIO(test_rfc9444__a_deactivated_authorization_takes_all_its_names_along),
		SCENARIO(test_rfc8659__each_name_below_is_asked_for_its_own_records),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
