/* Accounts (RFC 8555 §7.3): registration, binding, keys, their end, and whose is what. */
#include "kit.h"

#include "acme/jws.h"
#include "base/thread.h"
#include "core/sweep.h"

#define NEW_ACCOUNT_URL "https://ca.test/acme/bound/new-account"

static enum rc register_key(const char *directory, const struct pubkey *key, const struct acme_new_account *body,
			    struct account_record *out, bool *out_created)
{
	struct new_account n = { .key = key, .body = body, .url = STR(NEW_ACCOUNT_URL), .peer = STR("192.0.2.7") };
	struct context *c = kit_begin();

	return kit_end(account_create(c, config_directory(c->config, str_of(directory)), &n, out, out_created,
				      &kit.actor.f));
}

static enum rc load_account(struct id id, struct account_record *out)
{
	struct context *c = kit_begin();
	enum rc rc = account_get(c, id, out, &kit.actor.f);

	kit_drop();
	return rc;
}

static void test_rfc8555_7_3_1__a_key_has_one_account(void **state)
{
	struct acme_new_account body = { .terms_agreed = true }, find = { .only_return_existing = true };
	struct account_record first, again;
	struct pubkey *key = kit_pubkey();
	bool is_new;

	(void)state;
	assert_int_equal(register_key("default", key, &find, &first, &is_new), RC_NOTFOUND);
	kit_assert_fault(PROBLEM_ACCOUNT_DOES_NOT_EXIST, "RFC 8555 §7.3.1");
	assert_int_equal(kit_count(&ACCOUNTS), 0);
	must(register_key("default", key, &body, &first, &is_new));
	assert_true(is_new);
	must(register_key("default", key, &find, &again, &is_new));
	assert_true(!is_new && id_eq(first.id, again.id));
	body.has_contact = true; /* RFC 8555 §7.3: the existing one is not changed */
	body.contacts = (struct str[]){ STR("mailto:new@a.test") };
	body.contact_count = 1;
	must(register_key("default", key, &body, &again, &is_new));
	assert_true(!is_new && id_eq(first.id, again.id) && !again.contacts.p);
	assert_int_equal(kit_count(&ACCOUNTS), 1);
	assert_true(str_is(again.created_from, "192.0.2.7"));
}

static void test_rfc8555_7_3_3__terms(void **state)
{
	struct acme_new_account body = { .terms_agreed = false };
	struct account_record r;
	bool is_new;

	(void)state;
	assert_int_equal(register_key("default", kit_pubkey(), &body, &r, &is_new), RC_DENIED);
	kit_assert_fault(PROBLEM_USER_ACTION_REQUIRED, "https://ca.test/terms");
	assert_int_equal(kit_count(&ACCOUNTS), 0);
}

static void test_rfc8555_7_3__contacts(void **state)
{
	static const struct {
		const char *contact;
		enum problem problem; /* PROBLEM_NONE: accepted */
	} cases[] = {
		{ "mailto:root@a.test", PROBLEM_NONE },
		{ "mailto:Jo+x@a.test", PROBLEM_NONE },
		{ "tel:+1234", PROBLEM_UNSUPPORTED_CONTACT },
		{ "https://a.test/", PROBLEM_UNSUPPORTED_CONTACT },
		{ "mailto:a@a.test,b@a.test", PROBLEM_INVALID_CONTACT },
		{ "mailto:a@a.test?subject=x", PROBLEM_INVALID_CONTACT },
		{ "mailto:nobody", PROBLEM_INVALID_CONTACT },
		{ "mailto:a@a.test\nmailto:b@a.test", PROBLEM_INVALID_CONTACT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str contact = str_of(cases[i].contact);
		struct acme_new_account body = { .terms_agreed = true, .has_contact = true, .contacts = &contact,
						 .contact_count = 1 };
		struct account_record r;
		bool is_new;
		enum rc rc = register_key("default", kit_pubkey(), &body, &r, &is_new);

		if ((rc == RC_OK) != (cases[i].problem == PROBLEM_NONE) ||
		    (rc != RC_OK && kit.actor.f.problem != cases[i].problem))
			fail_msg("%s: %s (%d)", cases[i].contact, rc_text(rc), kit.actor.f.problem);
		if (rc == RC_OK)
			assert_true(str_eq(r.contacts, contact));
	}
}

static enum rc update(struct id id, const struct acme_new_account *body)
{
	struct context *c = kit_begin();
	struct account_record r;
	enum rc rc = account_get(c, id, &r, &kit.actor.f);

	if (rc == RC_OK)
		rc = account_update(c, &r, body, &kit.actor.f);
	rc = kit_end(rc);
	if (rc == RC_OK)
		account_cache_drop(kit.service.accounts, id);
	return rc;
}

static void test_rfc8555_7_3_2__update(void **state)
{
	struct str two[] = { STR("mailto:a@a.test"), STR("mailto:b@a.test") }, bad = STR("tel:1");
	struct acme_new_account body = { .has_contact = true, .contacts = two, .contact_count = 2 };
	struct id id = kit_account()->id;
	struct account_record r;

	(void)state;
	must(update(id, &body));
	must(load_account(id, &r));
	assert_true(str_is(r.contacts, "mailto:a@a.test\nmailto:b@a.test"));
	must(update(id, &(struct acme_new_account){ 0 })); /* FIELD Q7: absent is unchanged */
	must(load_account(id, &r));
	assert_true(str_is(r.contacts, "mailto:a@a.test\nmailto:b@a.test"));
	body.contacts = &bad;
	body.contact_count = 1;
	assert_int_equal(update(id, &body), RC_INVALID);
	must(load_account(id, &r));
	assert_non_null(r.contacts.p);
	body.contact_count = 0; /* [] is none */
	must(update(id, &body));
	must(load_account(id, &r));
	assert_int_equal(r.contacts.len, 0);
}

/* --- binding --- */

static struct str binding(const char *kid, const char *mac_key, const char *url, const struct pubkey *key)
{
	struct str out;

	must(jws_sign_eab(&kit.actor.arena, str_bytes(str_of(mac_key)), str_of(kid), str_of(url), key, &out));
	return out;
}

static void test_rfc8555_7_3_4__external_account_binding(void **state)
{
	static const char key1[] = "0123456789abcdef0123456789abcdef", key2[] = "fedcba9876543210fedcba9876543210";
	const struct {
		const char *kid, *mac_key, *url;
		bool other_account;
		enum problem problem;
	} cases[] = {
		{ "k9", key1, NEW_ACCOUNT_URL, false, PROBLEM_UNAUTHORIZED },
		{ "K1", key1, NEW_ACCOUNT_URL, false, PROBLEM_UNAUTHORIZED },
		{ "k1", key2, NEW_ACCOUNT_URL, false, PROBLEM_UNAUTHORIZED },
		{ "k2", key1, NEW_ACCOUNT_URL, false, PROBLEM_UNAUTHORIZED },
		{ "k1", key1, "https://ca.test/acme/new-account", false, PROBLEM_MALFORMED },
		{ "k1", key1, NEW_ACCOUNT_URL, true, PROBLEM_MALFORMED },
	};
	struct acme_new_account body = { .terms_agreed = true };
	struct pubkey *key = kit_pubkey(), *other = kit_pubkey();
	struct account_record r;
	bool is_new;

	(void)state;
	assert_int_equal(register_key("bound", key, &body, &r, &is_new), RC_DENIED);
	kit_assert_fault(PROBLEM_EXTERNAL_ACCOUNT_REQUIRED, "RFC 8555 §7.3.4");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum rc rc;

		body.eab = binding(cases[i].kid, cases[i].mac_key, cases[i].url,
				   cases[i].other_account ? other : key);
		rc = register_key("bound", key, &body, &r, &is_new);
		if (rc == RC_OK || kit.actor.f.problem == PROBLEM_NONE)
			fail_msg("case %zu: %s", i, rc_text(rc));
		if (cases[i].problem == PROBLEM_UNAUTHORIZED)
			assert_int_equal(kit.actor.f.problem, PROBLEM_UNAUTHORIZED);
		assert_int_equal(kit_count(&ACCOUNTS), 0);
	}
	body.eab = binding("k1", key1, NEW_ACCOUNT_URL, key);
	must(register_key("bound", key, &body, &r, &is_new));
	assert_true(is_new && str_is(r.eab_kid, "k1") && r.eab.p);
	/* where none is required a good one is kept and a bad one is refused all the same */
	body.eab = binding("k1", key2, NEW_ACCOUNT_URL, other);
	assert_int_equal(register_key("default", other, &body, &r, &is_new), RC_DENIED);
	body.eab = binding("k2", key2, NEW_ACCOUNT_URL, other);
	must(register_key("default", other, &body, &r, &is_new));
	assert_true(str_is(r.eab_kid, "k2"));
}

static void test_directories__an_account_is_good_in_its_own_only(void **state)
{
	const struct account *a = kit_account();
	struct context *c = kit_begin();
	struct account *out;

	(void)state;
	assert_int_equal(account_authenticate(c, STR("bound"), a->id, &out, &kit.actor.f), RC_NOTFOUND);
	kit_assert_fault(PROBLEM_ACCOUNT_DOES_NOT_EXIST, "there is no such account here");
	assert_int_equal(account_authenticate(c, STR("default"), id_new(), &out, &kit.actor.f), RC_NOTFOUND);
	kit_drop();
}

/* --- keys --- */

static enum rc change_key(struct id id, const struct pubkey *key, struct id *out_owner)
{
	struct context *c = kit_begin();
	struct account_record r;
	enum rc rc = account_get(c, id, &r, &kit.actor.f);

	if (rc == RC_OK)
		rc = account_change_key(c, &r, key, out_owner, &kit.actor.f);
	rc = kit_end(rc);
	if (rc == RC_OK)
		account_cache_drop(kit.service.accounts, id);
	return rc;
}

static void test_rfc8555_7_3_5__key_change(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct acme_new_account find = { .only_return_existing = true };
	struct pubkey *fresh = kit_pubkey();
	struct account_record r;
	struct id owner = { 0 };
	struct account *now;
	struct context *c;
	bool is_new;

	(void)state;
	assert_int_equal(change_key(a->id, b->key, &owner), RC_CONFLICT);
	kit_assert_fault(PROBLEM_CONFLICT, "RFC 8555 §7.3.5");
	assert_true(id_eq(owner, b->id));
	must(change_key(a->id, fresh, &owner));
	c = kit_begin();
	must(account_authenticate(c, STR("default"), a->id, &now, NULL));
	kit_drop();
	assert_true(pubkey_eq(now->key, fresh)); /* not the cached one */
	account_unref(now);
	assert_int_equal(register_key("default", a->key, &find, &r, &is_new), RC_NOTFOUND);
	must(register_key("default", fresh, &find, &r, &is_new));
	assert_true(id_eq(r.id, a->id));
	/* the old key is free again */
	must(change_key(b->id, a->key, &owner));
}

static void test_rfc8555_7_3_5__a_token_belongs_to_the_key_at_validation(void **state)
{
	const struct account *a = kit_account();
	struct id order = kit_order(a, "dns:a.test"), owner;

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT, ANSWER_VALID);
	kit_prove(a, order);
	must(change_key(a->id, kit_pubkey(), &owner));
	kit_run_ms(10000, 500);
	assert_int_equal(kit_state(order), ORDER_STATE_READY);
}

#define RACERS 8

struct race {
	pthread_barrier_t start;
	struct pubkey *key;
	struct id accounts[RACERS];
	unsigned next, created, failed; /* atomic */
};

static void race_main(void *arg)
{
	struct race *w = arg;
	unsigned me = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
	struct acme_new_account body = { .terms_agreed = true };
	struct new_account n = { .key = w->key, .body = &body, .peer = STR("192.0.2.1") };
	struct account_record r;
	bool is_new = false;
	struct actor x;
	enum rc rc;

	actor_init(&x);
	pthread_barrier_wait(&w->start);
	do {
		struct context *c = actor_begin(&x);

		rc = actor_end(&x, account_create(c, config_directory(c->config, STR("default")), &n, &r, &is_new, &x.f));
	} while (rc == RC_CONFLICT);
	__atomic_add_fetch(&w->created, rc == RC_OK && is_new, __ATOMIC_RELAXED);
	__atomic_add_fetch(&w->failed, rc != RC_OK, __ATOMIC_RELAXED);
	w->accounts[me] = r.id;
	actor_done(&x);
}

static void test_rfc8555_7_3_1__one_key_registered_by_eight_at_once(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		struct race w = { .key = kit_pubkey() };
		struct thread threads[RACERS] = { 0 };

		pthread_barrier_init(&w.start, NULL, RACERS);
		for (int i = 0; i < RACERS; i++)
			must(thread_start(&threads[i], "race", race_main, &w));
		for (int i = 0; i < RACERS; i++)
			thread_join(&threads[i]);
		pthread_barrier_destroy(&w.start);
		assert_int_equal(w.created, 1);
		assert_int_equal(w.failed, 0);
		for (int i = 1; i < RACERS; i++)
			assert_true(id_eq(w.accounts[i], w.accounts[0]));
		assert_int_equal(kit_count(&ACCOUNTS), round + 1);
	}
}

/* --- the end of an account --- */

static void deactivate(const struct account *a)
{
	must(update(a->id, &(struct acme_new_account){ .status = ACCOUNT_DEACTIVATE }));
}

static void test_rfc8555_7_3_6__deactivated(void **state)
{
	const struct account *a = kit_account();
	struct acme_new_account body = { .terms_agreed = true };
	struct account_record r;
	bool is_new;

	(void)state;
	must(kit_authenticate(a->id));
	deactivate(a);
	assert_int_equal(kit_authenticate(a->id), RC_DENIED);
	kit_assert_fault(PROBLEM_UNAUTHORIZED, "RFC 8555 §7.3.6: the account is deactivated");
	assert_int_equal(register_key("default", a->key, &body, &r, &is_new), RC_DENIED);
	kit_assert_fault(PROBLEM_UNAUTHORIZED, "another key");
	assert_true(kit_audited("account.deactivate"));
}

static void test_rfc8555_7_3_6__deactivated_while_validating(void **state)
{
	const struct account *a = kit_account();
	struct id order = kit_order(a, "dns:a.test"), running = kit_order(a, "dns:b.test");

	(void)state;
	SCRIPT_VALIDATIONS("a.test", ANSWER_TRANSIENT, ANSWER_VALID);
	SCRIPT_VALIDATIONS("b.test", ANSWER_HOLD);
	kit_prove(a, order);
	kit_prove(a, running);
	deactivate(a);
	kit_run_ms(30000, 1000);
	assert_int_equal(script_attempts("a.test"), 1); /* nothing more is sent for it */
	assert_int_equal(kit_state(order), ORDER_STATE_INVALID);
	assert_true(text_has(kit_load(order).error, "RFC 8555 §7.3.6"));
	(void)script_release("b.test", ANSWER_VALID);
	kit_settle();
	assert_int_equal(kit_count(&JOBS), 0);
	assert_int_equal(kit_authenticate(a->id), RC_DENIED); /* so nobody can finalize it */
}

/* "Cancel any pending operations": nothing is signed for an account that is gone by then. */
static void test_rfc8555_7_3_6__deactivated_before_the_issuer_is_asked(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct id id = kit_ready(a, "dns:a.test"), other = kit_ready(b, "dns:b.test");
	struct order o;

	(void)state;
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	must(kit_finalize(b, other, kit_csr("dns:b.test", kit.leaf_key)));
	deactivate(a); /* the jobs have not begun */
	kit_settle();
	o = kit_load(id);
	assert_int_equal(o.state, ORDER_STATE_INVALID);
	assert_true(text_has(o.error, "RFC 8555 §7.3.6"));
	assert_true(text_has(o.record.trace, "before the issuer was asked"));
	assert_int_equal(kit_state(other), ORDER_STATE_VALID);
	assert_int_equal(script_issued(), 1);
	assert_int_equal(kit_count(&CERTS), 1);
	assert_int_equal(kit_count(&JOBS), 0);
	assert_true(kit_audited("order.fail"));
}

/* After a crash nobody knows whether it was signed: then it is, and it is recorded. */
static void test_rfc8555_7_3_6__deactivated_when_it_may_have_been_signed(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");

	(void)state;
	script_issuer(ISSUE_HOLD);
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	kit_settle();
	assert_int_equal(script_signed(), 1);
	kit_crash();
	deactivate(a);
	script_issuer(ISSUE_OK);
	kit_advance_ms(1);
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	assert_int_equal(script_signed(), 1); /* the same one */
	assert_int_equal(kit_count(&CERTS), 1);
}

/* What the issuer was asked for is recorded, and ends one way or the other. */
static void test_rfc8555_7_3_6__deactivated_while_issuing(void **state)
{
	const struct account *a = kit_account();
	struct id id = kit_ready(a, "dns:a.test");

	(void)state;
	script_issuer(ISSUE_HOLD);
	must(kit_finalize(a, id, kit_csr("dns:a.test", kit.leaf_key)));
	kit_settle();
	deactivate(a);
	script_issue_release();
	kit_settle();
	assert_int_equal(kit_state(id), ORDER_STATE_VALID);
	assert_int_equal(kit_count(&JOBS), 0);
	assert_int_equal(kit_cert(kit_load(id).record.certificate).status, CERT_VALID);
}

static void test_field_a30__an_unused_account_is_swept(void **state)
{
	const struct account *unused = kit_account(), *user = kit_account();

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {unused_account: 30d}\n");
	(void)kit_issue(user, "dns:a.test");
	kit_advance_ms(29 * DAY_MS);
	must(kit_authenticate(unused->id));
	kit_advance_ms(2 * DAY_MS);
	assert_int_equal(kit_authenticate(unused->id), RC_NOTFOUND);
	kit_assert_fault(PROBLEM_ACCOUNT_DOES_NOT_EXIST, "register with newAccount");
	must(kit_authenticate(user->id)); /* has a certificate */
	assert_int_equal(kit_count(&ACCOUNTS), 1);
}

/* A request of the account between the sweep's decision and its commit must not keep it in the cache. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool is_open;
};

static void hold_the_writer(void *arg, enum rc rc)
{
	struct gate *g = arg;

	(void)rc;
	pthread_mutex_lock(&g->lock);
	while (!g->is_open)
		pthread_cond_wait(&g->opened, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void test_field_a30__a_swept_account_is_not_in_the_cache(void **state)
{
	const struct account *a = kit_account();
	struct gate g = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };
	struct config *config;
	struct tx *tx = tx_new();

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {unused_account: 30d}\n");
	clock_fake_advance_ms(31 * DAY_MS);
	store_submit(kit.service.store, tx, hold_the_writer, &g);
	config = service_config(&kit.service);
	assert_int_equal(sweep(&kit.service, config, kit.actor.read), 1);
	config_unref(config);
	must(kit_authenticate(a->id)); /* not gone yet */
	pthread_mutex_lock(&g.lock);
	g.is_open = true;
	pthread_cond_signal(&g.opened);
	pthread_mutex_unlock(&g.lock);
	kit_settle();
	assert_int_equal(kit_count(&ACCOUNTS), 0);
	assert_int_equal(kit_authenticate(a->id), RC_NOTFOUND);
}

/* More used accounts than one round looks at stand before the unused one. */
static void test_s1_39__the_sweep_gets_to_every_account(void **state)
{
	const struct account *last = NULL;

	(void)state;
	kit_settings("zones: [{names: [\"*\"]}]\nlifetimes: {unused_account: 30d, order: 30d, finished_order: 365d}\n");
	for (int i = 0; i < 501; i++) {
		last = kit_account();
		if (i < 500)
			(void)kit_order(last, "dns:a.test");
		clock_fake_advance_ms(1);
	}
	kit_advance_ms(31 * DAY_MS);
	kit_run_ms(HOUR_MS, 300000);
	assert_int_equal(kit_authenticate(last->id), RC_NOTFOUND);
	assert_int_equal(kit_count(&ACCOUNTS), 500);
}

/* --- whose is what --- */

static void test_trust_v11__what_is_another_accounts_is_not_found(void **state)
{
	const struct account *a = kit_account(), *b = kit_account();
	struct id orders[3], authz;
	struct authz_record z;
	struct context *c;
	struct order o;

	(void)state;
	orders[0] = kit_order(a, "dns:a.test");
	orders[1] = kit_ready(a, "dns:b.test");
	orders[2] = kit_issue(a, "dns:c.test");
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		authz = kit_authz_id(orders[i], 0);
		c = kit_begin();
		assert_int_equal(order_load_for(c, b, orders[i], &o, &kit.actor.f), RC_NOTFOUND);
		kit_assert_fault(PROBLEM_NOT_FOUND, "there is no such order");
		assert_int_equal(authz_load_for(c, b, authz, &z, &kit.actor.f), RC_NOTFOUND);
		kit_assert_fault(PROBLEM_NOT_FOUND, "there is no such authorization");
		/* and it looks like what does not exist */
		assert_int_equal(order_load_for(c, b, authz, &o, &kit.actor.f), RC_NOTFOUND);
		kit_assert_fault(PROBLEM_NOT_FOUND, "there is no such order");
		assert_int_equal(authz_load_for(c, b, orders[i], &z, &kit.actor.f), RC_NOTFOUND);
		kit_assert_fault(PROBLEM_NOT_FOUND, "there is no such authorization");
		must(order_load_for(c, a, orders[i], &o, NULL));
		must(authz_load_for(c, a, authz, &z, NULL));
		kit_drop();
		assert_int_equal(kit_finalize(b, orders[i], kit_csr("dns:a.test", kit.leaf_key)), RC_NOTFOUND);
		assert_int_equal(kit_respond(b, authz), RC_NOTFOUND);
	}
	assert_int_equal(script_attempts("a.test"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(test_rfc8555_7_3_1__a_key_has_one_account),
		SCENARIO(test_rfc8555_7_3_3__terms),
		SCENARIO(test_rfc8555_7_3__contacts),
		SCENARIO(test_rfc8555_7_3_2__update),
		SCENARIO(test_rfc8555_7_3_4__external_account_binding),
		SCENARIO(test_directories__an_account_is_good_in_its_own_only),
		SCENARIO(test_rfc8555_7_3_5__key_change),
		SCENARIO(test_rfc8555_7_3_5__a_token_belongs_to_the_key_at_validation),
		SCENARIO(test_rfc8555_7_3_1__one_key_registered_by_eight_at_once),
		SCENARIO(test_rfc8555_7_3_6__deactivated),
		SCENARIO(test_rfc8555_7_3_6__deactivated_while_validating),
		SCENARIO(test_rfc8555_7_3_6__deactivated_before_the_issuer_is_asked),
		SCENARIO(test_rfc8555_7_3_6__deactivated_when_it_may_have_been_signed),
		SCENARIO(test_rfc8555_7_3_6__deactivated_while_issuing),
		SCENARIO(test_field_a30__an_unused_account_is_swept),
		SCENARIO(test_field_a30__a_swept_account_is_not_in_the_cache),
		SCENARIO(test_s1_39__the_sweep_gets_to_every_account),
		SCENARIO(test_trust_v11__what_is_another_accounts_is_not_found),
	};

	kit_choose_store(argc, argv);
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
