/* test_nomem.c - every allocation fails in turn: the arena at each of its sizes, and each call of
 * malloc() in our own code and for jansson. Each function then says RC_NOMEM or, where it
 * could do without, succeeds; it never leaks (the sanitizer build), crashes, or calls good input bad. */
#include "acme_test.h"

#include "acme/jwk.h"
#include "acme/jws.h"
#include "acme/objects.h"
#include "vectors.h"

static long fail_at = -1; /* -1: never; else that many calls succeed before one fails */
static bool failed;

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_reallocarray(void *p, size_t count, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_reallocarray(void *p, size_t count, size_t len);

static bool fails(void)
{
	if (fail_at < 0)
		return false;
	if (fail_at-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
	return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *p, size_t len)
{
	return fails() ? NULL : __real_realloc(p, len);
}

void *__wrap_reallocarray(void *p, size_t count, size_t len)
{
	return fails() ? NULL : __real_reallocarray(p, count, len);
}

/* --- what is tried --- */

static struct privkey *signing_key;
static struct pubkey *public_key;

static enum rc try_jws_jwk(struct arena *a)
{
	AUTO(jws) struct jws j = { 0 };

	return jws_parse(a, str_of(request_vectors[0].with_jwk), &j, NULL);
}

static enum rc try_jws_rsa(struct arena *a)
{
	AUTO(jws) struct jws j = { 0 };

	return jws_parse(a, str_of(request_vectors[3].with_jwk), &j, NULL);
}

static enum rc try_jws_kid(struct arena *a)
{
	AUTO(jws) struct jws j = { 0 };

	return jws_parse(a, str_of(request_vectors[0].with_kid), &j, NULL);
}

static enum rc try_eab(struct arena *a)
{
	AUTO(jws) struct jws j = { 0 };
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = jws_parse_eab(a, STR(EAB_VECTOR), &j, &f);

	return rc != RC_OK ? rc :
			     jws_verify_eab(&j, str_bytes(STR(EAB_KEY)), public_key,
					    STR("https://ca.example/acme/new-account"), &f);
}

static enum rc try_sign(struct arena *a)
{
	struct str out;
	enum rc rc = jws_sign(a, signing_key, (struct str){ 0 }, STR("bm9uY2U"), STR("u"), STR("{}"),
			      &out);

	return rc != RC_OK ? rc :
			     jws_sign_eab(a, str_bytes(STR(EAB_KEY)), STR("k"), STR("u"), public_key, &out);
}

static enum rc try_key_authorization(struct arena *a)
{
	struct str out;

	return key_authorization(a, STR("token"), public_key, &out);
}

static enum rc try_order(struct arena *a)
{
	struct acme_new_order x;
	struct identifier *back;
	struct str text;
	size_t count;
	enum rc rc = acme_new_order_decode(a,
		STR("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"*.xn--mnchen-3ya.example\"},"
		    "{\"type\":\"ip\",\"value\":\"::1\"}],\"profile\":\"p\",\"replaces\":\"r\","
		    "\"notBefore\":\"2026-01-01T00:00:00Z\"}"), &x, NULL);

	if (rc == RC_OK)
		rc = acme_new_order_encode(a, &x, &text);
	if (rc == RC_OK)
		rc = identifiers_to_text(a, x.identifiers, x.identifier_count, &text);
	return rc == RC_OK ? identifiers_from_text(a, text, &back, &count) : rc;
}

static enum rc try_sans(struct arena *a)
{
	struct identifier id, back;
	struct san san;
	enum rc rc = identifier_parse(a, STR("dns"), STR("*.a.example"), &id, NULL);

	if (rc == RC_OK)
		rc = identifier_san(a, &id, &san);
	if (rc == RC_OK)
		rc = identifier_from_san(a, &san, &back, NULL);
	if (rc == RC_OK)
		rc = identifier_parse(a, STR("ip"), STR("10.0.0.1"), &id, NULL);
	if (rc == RC_OK)
		rc = identifier_san(a, &id, &san);
	return rc == RC_OK ? identifier_from_san(a, &san, &back, NULL) : rc;
}

static enum rc try_account(struct arena *a)
{
	struct acme_new_account x;
	struct acme_account shown = { .status = STR("valid") };
	struct str json;
	enum rc rc = acme_new_account_decode(a,
		STR("{\"contact\":[\"mailto:a@lab\",\"mailto:b@lab\"],\"externalAccountBinding\":{\"a\":\"b\"},"
		    "\"status\":\"valid\"}"), &x, NULL);

	if (rc != RC_OK)
		return rc;
	shown.contacts = x.contacts;
	shown.contact_count = x.contact_count;
	shown.eab = x.eab;
	rc = acme_account_encode(a, &shown, &json);
	if (rc == RC_OK)
		rc = acme_account_decode(a, json, &shown, NULL);
	return rc == RC_OK ? acme_new_account_encode(a, &x, &json) : rc;
}

static enum rc try_small_requests(struct arena *a)
{
	static const uint8_t der[300] = { 0x30 };
	struct acme_finalize finalize;
	struct acme_revoke revoke;
	struct acme_key_change change;
	struct str json;
	enum rc rc = acme_finalize_encode(a, bytes_of(der, sizeof(der)), &json);

	if (rc == RC_OK)
		rc = acme_finalize_decode(a, json, &finalize, NULL);
	if (rc == RC_OK)
		rc = acme_revoke_encode(a, bytes_of(der, sizeof(der)), 1, &json);
	if (rc == RC_OK)
		rc = acme_revoke_decode(a, json, &revoke, NULL);
	if (rc == RC_OK)
		rc = acme_key_change_encode(a, STR("u"), public_key, &json);
	return rc == RC_OK ? acme_key_change_decode(a, json, &change, NULL) : rc;
}

static enum rc try_directory(struct arena *a)
{
	const struct str caa = STR("ca.lab");
	const struct acme_profile_doc profile = { STR("p"), STR("d") };
	struct acme_directory d = { .new_nonce = STR("a"), .new_account = STR("b"), .new_order = STR("c"),
				    .caa_identities = &caa, .caa_identity_count = 1,
				    .profiles = &profile, .profile_count = 1 };
	struct str json;
	enum rc rc = acme_directory_encode(a, &d, &json);

	return rc == RC_OK ? acme_directory_decode(a, json, &d, NULL) : rc;
}

static enum rc try_resources(struct arena *a)
{
	struct acme_order order;
	struct acme_authz authz;
	struct str json, *urls;
	size_t count;
	enum rc rc = acme_order_decode(a,
		STR("{\"status\":\"valid\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a\"}],"
		    "\"authorizations\":[\"u\"],\"finalize\":\"f\",\"certificate\":\"c\",\"error\":{}}"),
		&order, NULL);

	if (rc == RC_OK)
		rc = acme_order_encode(a, &order, &json);
	if (rc == RC_OK)
		rc = acme_authz_decode(a,
			STR("{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},"
			    "\"wildcard\":true,\"challenges\":[{\"type\":\"x\",\"url\":\"u\",\"status\":\"s\","
			    "\"error\":{}}]}"), &authz, NULL);
	if (rc == RC_OK)
		rc = acme_authz_encode(a, &authz, &json);
	if (rc == RC_OK)
		rc = acme_orders_encode(a, order.authorizations, 1, &json);
	return rc == RC_OK ? acme_orders_decode(a, json, &urls, &count, NULL) : rc;
}

static enum rc try_fault(struct arena *a)
{
	AUTO(fault) struct fault f = { .problem = PROBLEM_CAA, .rc = RC_DENIED, .detail = "d" };
	AUTO(fault) struct fault back = { 0 };
	struct str json;
	enum rc rc;

	/* A subproblem that finds no memory is left out. */
	fault_add_sub(&f, PROBLEM_CAA, "dns", STR("a.example"), "no");
	rc = fault_to_json(a, &f, "i", &json);
	return rc == RC_OK ? fault_from_json(json, &back) : rc;
}

/* So many values that jansson's blocks no longer fit the list on the stack. */
static enum rc try_many_values(struct arena *a)
{
	struct acme_challenge x;

	return acme_challenge_from_json(a,
		STR("{\"type\":\"t\",\"url\":\"u\",\"status\":\"s\",\"x\":["
		    "[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],"
		    "[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],"
		    "[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1],[1]]}"),
		&x, NULL);
}

static const struct {
	const char *name;
	enum rc (*fn)(struct arena *);
} trials[] = {
	{ "JWS with jwk", try_jws_jwk }, { "JWS with RSA jwk", try_jws_rsa },
	{ "JWS with kid", try_jws_kid }, { "EAB", try_eab },
	{ "sign", try_sign }, { "key authorization", try_key_authorization },
	{ "order", try_order }, { "SANs", try_sans },
	{ "account", try_account }, { "small requests", try_small_requests },
	{ "directory", try_directory }, { "resources", try_resources },
	{ "fault", try_fault }, { "many values", try_many_values },
};

static void test_acme__every_arena_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(trials); i++) {
		AUTO(arena) struct arena full;

		arena_init(&full, 1 << 20);
		ROW_CHECK(trials[i].fn(&full) == RC_OK, trials[i].name);
		for (size_t max = 0; max < full.used; max += 16) {
			AUTO(arena) struct arena a;
			enum rc rc;

			arena_init(&a, max);
			rc = trials[i].fn(&a);
			if (rc != RC_NOMEM && rc != RC_OK)
				fail_msg("%s with an arena of %zu: %s", trials[i].name, max, rc_text(rc));
			arena_done(&a);
		}
	}
}

static void test_acme__every_allocation(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(trials); i++) {
		failed = true;
		for (long n = 0; failed; n++) {
			AUTO(arena) struct arena a;
			enum rc rc;

			arena_init(&a, 1 << 20);
			failed = false;
			fail_at = n;
			rc = trials[i].fn(&a);
			fail_at = -1;
			arena_done(&a);
			if (rc != RC_OK && (rc != RC_NOMEM || !failed))
				fail_msg("%s with allocation %ld failing: %s", trials[i].name, n, rc_text(rc));
		}
	}
}

static int setup(void **state)
{
	if (start_crypto(state) != 0 || privkey_generate(KEY_P256, 0, &signing_key) != RC_OK)
		return -1;
	return jwk_parse(str_of(request_vectors[0].jwk), &public_key, NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	privkey_free(signing_key);
	pubkey_free(public_key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acme__every_arena_size),
		cmocka_unit_test(test_acme__every_allocation),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
