/* test_objects.c - what the server shows is what the client reads, and what the client sends is what
 * the server reads (RFC 8555 §7.1). */
#include "acme_test.h"

#include "acme/jwk.h"
#include "acme/objects.h"
#include "vectors.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

static struct identifier name_of(struct arena *a, const char *type, const char *value)
{
	struct identifier id;

	assert_int_equal(identifier_parse(a, str_of(type), str_of(value), &id, NULL), RC_OK);
	return id;
}

static bool str_same(struct str a, struct str b)
{
	return (a.p == NULL) == (b.p == NULL) && str_eq(a, b);
}

/* --- exact text --- */

static void test_rfc8555_7_1_1__directory_text(void **state)
{
	AUTO(arena) struct arena a;
	const struct str caa[] = { STR("ca.lab") };
	const struct acme_profile_doc profiles[] = { { STR("server"), STR("90 days") },
						     { STR("sh\"ort"), STR("6 days") } };
	struct acme_directory d = {
		.new_nonce = STR("https://c/n"), .new_account = STR("https://c/a"),
		.new_order = STR("https://c/o"), .revoke_cert = STR("https://c/r"),
		.key_change = STR("https://c/k"),
	};
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_directory_encode(&a, &d, &json), RC_OK);
	assert_string_equal(json.p, "{\"newNonce\":\"https://c/n\",\"newAccount\":\"https://c/a\","
				    "\"newOrder\":\"https://c/o\",\"revokeCert\":\"https://c/r\","
				    "\"keyChange\":\"https://c/k\",\"meta\":{\"externalAccountRequired\":false}}");
	d.renewal_info = STR("https://c/i");
	d.terms = STR("https://c/t");
	d.website = STR("https://c/");
	d.caa_identities = caa;
	d.caa_identity_count = 1;
	d.eab_required = true;
	d.profiles = profiles;
	d.profile_count = 2;
	assert_int_equal(acme_directory_encode(&a, &d, &json), RC_OK);
	assert_non_null(strstr(json.p, "\"meta\":{\"termsOfService\":\"https://c/t\",\"website\":\"https://c/\","
				       "\"caaIdentities\":[\"ca.lab\"],\"externalAccountRequired\":true,"
				       "\"profiles\":{\"server\":\"90 days\",\"sh\\\"ort\":\"6 days\"}}}"));
}

static void test_rfc8555_7_1_3__order_text(void **state)
{
	AUTO(arena) struct arena a;
	const struct str authz[] = { STR("https://c/z/1"), STR("https://c/z/2") };
	struct identifier ids[2];
	struct acme_order x = { .status = STR("pending"), .identifiers = ids, .identifier_count = 2,
				.authorizations = authz, .authorization_count = 2,
				.finalize = STR("https://c/o/1/finalize"), .expires = 1774000000 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	ids[0] = name_of(&a, "dns", "*.B.example."); /* FIELD Q11: as the client wrote it */
	ids[1] = name_of(&a, "ip", "2001:DB8::1");
	assert_int_equal(acme_order_encode(&a, &x, &json), RC_OK);
	assert_string_equal(json.p,
			    "{\"status\":\"pending\",\"expires\":\"2026-03-20T09:46:40Z\",\"identifiers\":["
			    "{\"type\":\"dns\",\"value\":\"*.B.example.\"},"
			    "{\"type\":\"ip\",\"value\":\"2001:DB8::1\"}],"
			    "\"authorizations\":[\"https://c/z/1\",\"https://c/z/2\"],"
			    "\"finalize\":\"https://c/o/1/finalize\"}");
	assert_null(strstr(json.p, "null"));
}

/* FIELD Q12: the base name in the order's spelling, and wildcard true. FIELD Q27: never an empty
 * error, and "value" only in the identifier. */
static void test_rfc8555_7_1_4__authorization_text(void **state)
{
	AUTO(arena) struct arena a;
	const struct acme_challenge challenge = { .type = STR("dns-01"), .url = STR("https://c/ch/1"),
						  .status = STR("pending"), .token = STR(TOKEN) };
	struct acme_authz x = { .status = STR("pending"), .wildcard = true, .challenges = &challenge,
				.challenge_count = 1 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	x.identifier = name_of(&a, "dns", "*.B.example");
	assert_int_equal(acme_authz_encode(&a, &x, &json), RC_OK);
	assert_string_equal(json.p,
			    "{\"identifier\":{\"type\":\"dns\",\"value\":\"B.example\"},\"status\":\"pending\","
			    "\"wildcard\":true,\"challenges\":[{\"type\":\"dns-01\",\"url\":\"https://c/ch/1\","
			    "\"status\":\"pending\",\"token\":\"" TOKEN "\"}]}");
	x.identifier = name_of(&a, "dns", "B.example");
	x.wildcard = false;
	assert_int_equal(acme_authz_encode(&a, &x, &json), RC_OK);
	assert_null(strstr(json.p, "wildcard"));
	assert_null(strstr(json.p, "subdomainAuthAllowed")); /* RFC 9444 §4.1: absent means false */
	x.subdomains = true;
	assert_int_equal(acme_authz_encode(&a, &x, &json), RC_OK);
	assert_non_null(strstr(json.p, "\"subdomainAuthAllowed\":true,\"challenges\""));
}

/* draft-ietf-acme-dns-persist §3.1: no token; the account and the names that the record may have. */
static void test_acme_challenge_encode__dns_persist_01(void **state)
{
	static const struct str ISSUERS[] = { { "ca.test", 7 }, { "ca.example", 10 } };
	AUTO(arena) struct arena a;
	const struct acme_challenge challenge = { .type = STR("dns-persist-01"), .url = STR("https://c/ch/1"),
						  .status = STR("pending"), .account_uri = STR("https://c/acct/1"),
						  .issuers = ISSUERS, .issuer_count = 2 };
	struct acme_challenge back;
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_challenge_encode(&a, &challenge, &json), RC_OK);
	assert_string_equal(json.p, "{\"type\":\"dns-persist-01\",\"url\":\"https://c/ch/1\",\"status\":\"pending\","
				    "\"accounturi\":\"https://c/acct/1\",\"issuer-domain-names\":[\"ca.test\","
				    "\"ca.example\"]}");
	assert_int_equal(acme_challenge_from_json(&a, json, &back, NULL), RC_OK);
	assert_null(back.token.p);
}

static void test_rfc8555_7_1_2__account_text(void **state)
{
	AUTO(arena) struct arena a;
	const struct str contacts[] = { STR("mailto:a@lab") };
	struct acme_account x = { .status = STR("valid"), .contacts = contacts, .contact_count = 1,
				  .terms_agreed = true, .orders = STR("https://c/a/1/orders") };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_account_encode(&a, &x, &json), RC_OK);
	assert_string_equal(json.p, "{\"status\":\"valid\",\"contact\":[\"mailto:a@lab\"],"
				    "\"termsOfServiceAgreed\":true,\"orders\":\"https://c/a/1/orders\"}");
}

/* --- server to client --- */

static void test_directory__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	const struct str caa[] = { STR("ca.lab"), STR("ca2.lab") };
	const struct acme_profile_doc profiles[] = { { STR("server"), STR("é \"90\" days") } };
	const struct acme_directory d = {
		.new_nonce = STR("1"), .new_account = STR("2"), .new_order = STR("3"), .new_authz = STR("4"),
		.revoke_cert = STR("5"), .key_change = STR("6"), .renewal_info = STR("7"),
		.terms = STR("8"), .website = STR("9"), .caa_identities = caa, .caa_identity_count = 2,
		.eab_required = true, .subdomains = true, .profiles = profiles, .profile_count = 1,
	};
	struct acme_directory back;
	struct str json, again;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_directory_encode(&a, &d, &json), RC_OK);
	check_accepted("directory", acme_directory_decode(&a, json, &back, &f), &f);
	assert_true(str_is(back.renewal_info, "7") && back.eab_required && back.subdomains);
	assert_true(str_eq(back.profiles[0].doc, profiles[0].doc));
	assert_int_equal(acme_directory_encode(&a, &back, &again), RC_OK);
	assert_true(str_eq(json, again));
}

static void test_account__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	const struct str contacts[] = { STR("mailto:a@lab"), STR("mailto:b@lab") };

	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		struct acme_account x = { .status = STR("deactivated"), .terms_agreed = bits & 1 };
		struct acme_account back;
		struct str json, again;

		arena_init(&a, 1 << 18);
		if (bits & 2)
			x.contacts = contacts, x.contact_count = 2;
		if (bits & 4)
			x.orders = STR("https://c/o");
		if (bits & 8)
			x.created_at = 1774000000;
		if (bits & 16)
			x.jwk = STR("{\"kty\":\"EC\"}");
		if (bits & 32)
			x.eab = STR("{\"protected\":\"a\"}");
		assert_int_equal(acme_account_encode(&a, &x, &json), RC_OK);
		check_accepted("account", acme_account_decode(&a, json, &back, &f), &f);
		assert_true(str_same(x.jwk, back.jwk) && str_same(x.eab, back.eab));
		assert_true(str_same(x.orders, back.orders) && x.created_at == back.created_at);
		assert_true(x.terms_agreed == back.terms_agreed && x.contact_count == back.contact_count);
		assert_int_equal(acme_account_encode(&a, &back, &again), RC_OK);
		assert_true(str_eq(json, again));
		arena_done(&a);
	}
}

static void test_order__round_trip(void **state)
{
	static const char *const statuses[] = { "pending", "ready", "processing", "valid", "invalid" };
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	const struct str authz[] = { STR("https://c/z/1"), STR("https://c/z/2") };

	(void)state;
	for (unsigned bits = 0; bits < 128; bits++) {
		struct identifier ids[2];
		struct acme_order back, x = { .status = str_of(statuses[bits % 5]), .identifiers = ids,
					      .identifier_count = 2, .authorizations = authz,
					      .authorization_count = bits & 1 ? 2 : 0,
					      .finalize = STR("https://c/f") };
		struct str json, again;

		arena_init(&a, 1 << 18);
		ids[0] = name_of(&a, "dns", "*.A.example");
		ids[1] = name_of(&a, "ip", "10.0.0.1");
		x.not_before = bits & 2 ? 1774000000 : 0;
		x.not_after = bits & 4 ? 1774000001 : 0;
		x.expires = bits & 8 ? 253402300799 : 0; /* the last second of 9999 */
		if (bits & 16)
			x.certificate = STR("https://c/c");
		if (bits & 32)
			x.profile = STR("short"), x.replaces = STR("aa.bb");
		if (bits & 64)
			x.error = STR("{\"type\":\"urn:ietf:params:acme:error:caa\"}");
		assert_int_equal(acme_order_encode(&a, &x, &json), RC_OK);
		check_accepted("order", acme_order_decode(&a, json, &back, &f), &f);
		assert_true(str_same(x.certificate, back.certificate) && str_same(x.error, back.error));
		assert_true(str_same(x.profile, back.profile) && str_same(x.replaces, back.replaces));
		assert_true(x.expires == back.expires && x.not_before == back.not_before);
		assert_true(identifier_eq(&ids[0], &back.identifiers[0]));
		assert_int_equal(acme_order_encode(&a, &back, &again), RC_OK);
		assert_true(str_eq(json, again));
		arena_done(&a);
	}
}

static void test_authorization__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };

	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		struct acme_challenge challenges[2] = {
			{ .type = STR("http-01"), .url = STR("https://c/1"), .status = STR("invalid") },
			{ .type = STR("device-attest-01"), .url = STR("https://c/2"), .status = STR("pending") },
		};
		struct acme_authz back, x = { .status = STR("pending"), .challenges = challenges,
					      .challenge_count = bits & 1 ? 2 : 0 };
		struct str json, again;

		arena_init(&a, 1 << 18);
		x.wildcard = bits & 2;
		x.subdomains = bits & 32;
		x.identifier = name_of(&a, "dns", x.wildcard ? "*.A.example" : "A.example");
		x.expires = bits & 4 ? 1774000000 : 0;
		if (bits & 8)
			challenges[0].token = STR(TOKEN), challenges[0].validated = 1774000000;
		if (bits & 16)
			challenges[0].error = STR("{\"type\":\"urn:ietf:params:acme:error:dns\",\"status\":400}");
		assert_int_equal(acme_authz_encode(&a, &x, &json), RC_OK);
		check_accepted("authorization", acme_authz_decode(&a, json, &back, &f), &f);
		assert_true(identifier_eq(&x.identifier, &back.identifier));
		assert_true(back.subdomains == x.subdomains);
		assert_true(str_eq(x.identifier.shown, back.identifier.shown));
		assert_int_equal(acme_authz_encode(&a, &back, &again), RC_OK);
		assert_true(str_eq(json, again));
		if (bits & 1) {
			struct acme_challenge one;

			assert_int_equal(acme_challenge_encode(&a, &challenges[0], &json), RC_OK);
			check_accepted("challenge", acme_challenge_from_json(&a, json, &one, &f), &f);
			assert_true(str_same(one.token, challenges[0].token));
			assert_true(str_same(one.error, challenges[0].error));
			assert_true(one.validated == challenges[0].validated);
		}
		arena_done(&a);
	}
}

static void test_rfc8555_7_1_2_1__orders_round_trip(void **state)
{
	AUTO(arena) struct arena a;
	const struct str urls[] = { STR("https://c/o/1"), STR("https://c/o/2") };
	struct str json, *back;
	size_t count;

	(void)state;
	arena_init(&a, 1 << 18);
	assert_int_equal(acme_orders_encode(&a, urls, 2, &json), RC_OK);
	assert_string_equal(json.p, "{\"orders\":[\"https://c/o/1\",\"https://c/o/2\"]}");
	assert_int_equal(acme_orders_decode(&a, json, &back, &count, NULL), RC_OK);
	assert_true(count == 2 && str_eq(back[1], urls[1]));
	assert_int_equal(acme_orders_encode(&a, NULL, 0, &json), RC_OK);
	assert_string_equal(json.p, "{\"orders\":[]}");
	assert_int_equal(acme_orders_decode(&a, json, &back, &count, NULL), RC_OK);
	assert_int_equal(count, 0);
}

/* The largest order of ours, with an error for each name, is read by our own client. */
static void test_order__largest_round_trip(void **state)
{
	static char names[LIMIT_IDENTIFIERS][LIMIT_NAME + 1];
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(fault) struct fault reasons = { 0 };
	struct identifier ids[LIMIT_IDENTIFIERS];
	struct str authz[LIMIT_IDENTIFIERS], json;
	struct acme_order back, x = { .status = STR("invalid"), .identifiers = ids,
				      .identifier_count = LIMIT_IDENTIFIERS, .authorizations = authz,
				      .authorization_count = LIMIT_IDENTIFIERS, .finalize = STR("u") };

	(void)state;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	fault_set(&reasons, RC_INVALID, PROBLEM_COMPOUND, "all");
	for (int i = 0; i < LIMIT_IDENTIFIERS; i++) {
		for (int k = 0; k < LIMIT_NAME; k++)
			names[i][k] = k % 60 == 59 ? '.' : 'a';
		names[i][0] = (char)('a' + i / 26);
		names[i][1] = (char)('a' + i % 26);
		ids[i] = name_of(&a, "dns", names[i]);
		authz[i] = STR("https://ca.lab.internal/acme/authz/01j2345678901234567890abcd");
		fault_add_sub(&reasons, PROBLEM_CAA, "dns", ids[i].shown, "%0200d", 1);
	}
	assert_int_equal(fault_to_json(&a, &reasons, NULL, &x.error), RC_OK);
	assert_int_equal(acme_order_encode(&a, &x, &json), RC_OK);
	check_accepted("largest", acme_order_decode(&a, json, &back, &f), &f);
	assert_int_equal(back.identifier_count, LIMIT_IDENTIFIERS);
}

/* --- client to server --- */

static void test_new_account__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	struct str contacts[] = { STR("mailto:a@lab") };

	(void)state;
	for (unsigned bits = 0; bits < 64; bits++) {
		struct acme_new_account back, x = { .terms_agreed = bits & 1,
						    .only_return_existing = bits & 2,
						    .has_contact = bits & 4, .contacts = contacts,
						    .contact_count = bits & 4 && bits & 8 ? 1 : 0,
						    .status = bits & 16 ? ACCOUNT_DEACTIVATE : ACCOUNT_KEEP };
		struct str json;

		arena_init(&a, 1 << 18);
		if (bits & 32)
			x.eab = STR("{\"protected\":\"a\"}");
		assert_int_equal(acme_new_account_encode(&a, &x, &json), RC_OK);
		assert_int_equal(acme_new_account_decode(&a, json, &back, NULL), RC_OK);
		assert_true(x.terms_agreed == back.terms_agreed && x.status == back.status);
		assert_true(x.only_return_existing == back.only_return_existing);
		assert_true(x.has_contact == back.has_contact && x.contact_count == back.contact_count);
		assert_true(str_same(x.eab, back.eab));
		arena_done(&a);
	}
}

static void test_new_order__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	struct identifier ids[3];
	struct acme_new_order back, x = { .identifiers = ids, .identifier_count = 3 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	ids[0] = name_of(&a, "dns", "A.example.");
	ids[1] = name_of(&a, "dns", "*.a.example");
	ids[2] = name_of(&a, "ip", "2001:DB8::1");
	assert_int_equal(acme_new_order_encode(&a, &x, &json), RC_OK);
	assert_int_equal(acme_new_order_decode(&a, json, &back, NULL), RC_OK);
	assert_true(!back.profile.p && !back.replaces.p && !back.not_before && !back.not_after);
	x.profile = STR("short");
	x.replaces = STR("aa.bb");
	x.not_before = 1774000000;
	x.not_after = 1774000001;
	assert_int_equal(acme_new_order_encode(&a, &x, &json), RC_OK);
	assert_int_equal(acme_new_order_decode(&a, json, &back, NULL), RC_OK);
	assert_true(str_same(back.profile, x.profile) && str_same(back.replaces, x.replaces));
	assert_true(back.not_before == x.not_before && back.not_after == x.not_after);
	for (size_t i = 0; i < 3; i++)
		assert_true(str_eq(back.identifiers[i].shown, ids[i].shown));
}

static void test_other_requests__round_trip(void **state)
{
	AUTO(arena) struct arena a;
	AUTO_PTR(pubkey) struct pubkey *key = NULL, *back = NULL;
	struct acme_finalize finalize;
	struct acme_revoke revoke;
	struct acme_key_change change;
	struct str json;
	uint8_t der[257];

	(void)state;
	arena_init(&a, 1 << 18);
	for (size_t i = 0; i < sizeof(der); i++)
		der[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len <= sizeof(der); len += 16) {
		assert_int_equal(acme_finalize_encode(&a, bytes_of(der, len), &json), RC_OK);
		assert_int_equal(acme_finalize_decode(&a, json, &finalize, NULL), RC_OK);
		assert_true(bytes_eq(finalize.csr, bytes_of(der, len)));
	}
	assert_int_equal(acme_revoke_encode(&a, bytes_of(der, 100), 4, &json), RC_OK);
	assert_int_equal(acme_revoke_decode(&a, json, &revoke, NULL), RC_OK);
	assert_true(bytes_eq(revoke.certificate, bytes_of(der, 100)));
	assert_true(revoke.has_reason && revoke.reason == 4);
	assert_int_equal(acme_revoke_encode(&a, bytes_of(der, 100), -1, &json), RC_OK);
	assert_int_equal(acme_revoke_decode(&a, json, &revoke, NULL), RC_OK);
	assert_false(revoke.has_reason);
	assert_int_equal(jwk_parse(str_of(request_vectors[0].jwk), &key, NULL), RC_OK);
	assert_int_equal(acme_key_change_encode(&a, STR("https://c/a/1"), key, &json), RC_OK);
	assert_int_equal(acme_key_change_decode(&a, json, &change, NULL), RC_OK);
	assert_true(str_is(change.account, "https://c/a/1"));
	assert_int_equal(jwk_parse(change.old_key, &back, NULL), RC_OK);
	assert_true(pubkey_eq(key, back));
}

/* --- answers that a client must not believe --- */

enum kind { DIRECTORY, ACCOUNT, ORDER, AUTHZ, CHALLENGE, ORDERS };

static const struct {
	enum kind kind;
	const char *json;
	const char *words;
} bad_answers[] = {
	{ DIRECTORY, "[]", "object" },
	{ DIRECTORY, "{}", "\"newNonce\"" },
	{ DIRECTORY, "{\"newNonce\":\"a\",\"newAccount\":\"b\"}", "\"newOrder\"" },
	{ DIRECTORY, "{\"newNonce\":\"a\",\"newAccount\":\"b\",\"newOrder\":1}", "\"newOrder\"" },
	{ DIRECTORY, "{\"newNonce\":\"a\",\"newAccount\":\"b\",\"newOrder\":\"c\",\"meta\":{\"website\":[]}}", "\"website\"" },
	{ ACCOUNT, "{}", "\"status\"" },
	{ ACCOUNT, "{\"status\":\"valid\",\"contact\":{}}", "\"contact\"" },
	{ ORDER, "{}", "\"status\"" },
	{ ORDER, "{\"status\":\"pending\"}", "\"identifiers\"" },
	{ ORDER, "{\"status\":\"pending\",\"identifiers\":[{}],\"authorizations\":[],\"finalize\":\"f\"}", "\"type\"" },
	{ ORDER, "{\"status\":\"pending\",\"identifiers\":[\"a\"],\"authorizations\":[],\"finalize\":\"f\"}", "\"type\"" },
	{ ORDER, "{\"status\":\"pending\",\"identifiers\":[],\"finalize\":\"f\"}", "\"authorizations\"" },
	{ ORDER, "{\"status\":\"pending\",\"identifiers\":[],\"authorizations\":[]}", "\"finalize\"" },
	{ ORDER, "{\"status\":\"pending\",\"identifiers\":[],\"authorizations\":[1],\"finalize\":\"f\"}", "\"authorizations\"" },
	{ ORDER, "{\"status\":\"valid\",\"identifiers\":[],\"authorizations\":[],\"finalize\":\"f\",\"certificate\":{}}", "\"certificate\"" },
	{ ORDER, "{\"status\":\"invalid\",\"identifiers\":[],\"authorizations\":[],\"finalize\":\"f\",\"error\":\"e\"}", "\"error\"" },
	{ ORDER, "{\"status\":\"invalid\",\"identifiers\":[],\"authorizations\":[],\"finalize\":\"f\",\"expires\":\"soon\"}", "\"expires\"" },
	{ AUTHZ, "{}", "\"type\"" },
	{ AUTHZ, "{\"identifier\":{\"type\":\"dns\",\"value\":\"*.a\"},\"status\":\"pending\",\"challenges\":[]}", "wildcard" },
	{ AUTHZ, "{\"identifier\":{\"type\":\"ip\",\"value\":\"::1\"},\"wildcard\":true,\"status\":\"pending\",\"challenges\":[]}", "wildcard" },
	{ AUTHZ, "{\"identifier\":{\"type\":\"dns\",\"value\":\"a/../b\"},\"status\":\"pending\",\"challenges\":[]}", NULL },
	{ AUTHZ, "{\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},\"status\":\"pending\"}", "\"challenges\"" },
	{ AUTHZ, "{\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},\"status\":\"pending\",\"challenges\":[null]}", "\"type\"" },
	{ CHALLENGE, "{\"url\":\"u\",\"status\":\"pending\"}", "\"type\"" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"status\":\"pending\"}", "\"url\"" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\"}", "\"status\"" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"../../etc/cron.d/evaGxfADs6\"}", "RFC 8555 §8.3" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"`id`evaGxfADs6pSRb2LAv9IZ\"}", "RFC 8555 §8.3" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"evaGxfADs6pSRb2LAv9IZ\\n\"}", "RFC 8555 §8.3" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"evaGxfADs6pSRb2LAv9I1\"}", "RFC 8555 §8.3" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"\"}", "RFC 8555 §8.3" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":1}", "\"token\"" },
	{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"valid\",\"validated\":true}", "\"validated\"" },
	{ ORDERS, "{}", "\"orders\"" },
	{ ORDERS, "{\"orders\":{}}", "\"orders\"" },
};

static enum rc decode(struct arena *a, enum kind kind, struct str json, struct fault *f)
{
	union {
		struct acme_directory directory;
		struct acme_account account;
		struct acme_order order;
		struct acme_authz authz;
		struct acme_challenge challenge;
		struct str *orders;
	} x;
	size_t count;

	switch (kind) {
	case DIRECTORY:
		return acme_directory_decode(a, json, &x.directory, f);
	case ACCOUNT:
		return acme_account_decode(a, json, &x.account, f);
	case ORDER:
		return acme_order_decode(a, json, &x.order, f);
	case AUTHZ:
		return acme_authz_decode(a, json, &x.authz, f);
	case CHALLENGE:
		return acme_challenge_from_json(a, json, &x.challenge, f);
	default:
		return acme_orders_decode(a, json, &x.orders, &count, f);
	}
}

static void test_client__refuses_bad_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_answers); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };

		arena_init(&a, 1 << 18);
		check_refused(bad_answers[i].json, decode(&a, bad_answers[i].kind,
							  str_of(bad_answers[i].json), &f), &f,
			      PROBLEM_MALFORMED, bad_answers[i].words);
	}
}

/* Answers of other servers: more members, nulls, an empty contact, no optional URLs. */
static void test_client__takes_answers_of_others(void **state)
{
	static const struct {
		enum kind kind;
		const char *json;
	} rows[] = {
		{ DIRECTORY, "{\"8Kt\":\"https://random\",\"newNonce\":\"a\",\"newAccount\":\"b\",\"newOrder\":\"c\",\"meta\":null}" },
		{ DIRECTORY, "{\"newNonce\":\"a\",\"newAccount\":\"b\",\"newOrder\":\"c\",\"meta\":{\"profiles\":{}}}" },
		{ DIRECTORY, "{\"newNonce\":\"a\",\"newAccount\":\"b\",\"newOrder\":\"c\",\"meta\":{\"profiles\":[]}}" },
		{ ACCOUNT, "{\"status\":\"valid\",\"contact\":null,\"initialIp\":\"10.0.0.1\",\"createdAt\":\"2026-01-01T00:00:00.123456Z\"}" },
		{ ORDER, "{\"status\":\"new\",\"identifiers\":[],\"authorizations\":[],\"finalize\":\"f\",\"error\":null,\"certificate\":null}" },
		{ AUTHZ, "{\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},\"wildcard\":false,\"status\":\"valid\",\"challenges\":[{\"type\":\"x\",\"url\":\"u\",\"status\":\"valid\",\"validationRecord\":[{}]}]}" },
		{ CHALLENGE, "{\"type\":\"http-01\",\"url\":\"u\",\"status\":\"pending\",\"token\":\"evaGxfADs6pSRb2LAv9IZf\"}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };

		arena_init(&a, 1 << 18);
		check_accepted(rows[i].json, decode(&a, rows[i].kind, str_of(rows[i].json), &f), &f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8555_7_1_1__directory_text),
		cmocka_unit_test(test_rfc8555_7_1_3__order_text),
		cmocka_unit_test(test_rfc8555_7_1_4__authorization_text),
		cmocka_unit_test(test_acme_challenge_encode__dns_persist_01),
		cmocka_unit_test(test_rfc8555_7_1_2__account_text),
		cmocka_unit_test(test_directory__round_trip),
		cmocka_unit_test(test_account__round_trip),
		cmocka_unit_test(test_order__round_trip),
		cmocka_unit_test(test_authorization__round_trip),
		cmocka_unit_test(test_rfc8555_7_1_2_1__orders_round_trip),
		cmocka_unit_test(test_order__largest_round_trip),
		cmocka_unit_test(test_new_account__round_trip),
		cmocka_unit_test(test_new_order__round_trip),
		cmocka_unit_test(test_other_requests__round_trip),
		cmocka_unit_test(test_client__refuses_bad_answers),
		cmocka_unit_test(test_client__takes_answers_of_others),
	};

	return cmocka_run_group_tests(tests, start_crypto, NULL);
}
