/* test_problem.c - the table of error types and problem documents (RFC 7807, RFC 8555 §6.7). */
#include "acme_test.h"

#include "acme/json.h"

static const struct {
	enum problem problem;
	const char *name;
	int status;
} table[] = {
	{ PROBLEM_ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist", 400 }, /* FIELD Q6 */
	{ PROBLEM_ALREADY_REPLACED, "alreadyReplaced", 409 },
	{ PROBLEM_ALREADY_REVOKED, "alreadyRevoked", 400 },
	{ PROBLEM_BAD_CSR, "badCSR", 400 },
	{ PROBLEM_BAD_NONCE, "badNonce", 400 }, /* FIELD Q19 */
	{ PROBLEM_BAD_PUBLIC_KEY, "badPublicKey", 400 },
	{ PROBLEM_BAD_REVOCATION_REASON, "badRevocationReason", 400 },
	{ PROBLEM_BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm", 400 },
	{ PROBLEM_CAA, "caa", 403 },
	{ PROBLEM_COMPOUND, "compound", 400 },
	{ PROBLEM_CONNECTION, "connection", 400 },
	{ PROBLEM_DNS, "dns", 400 },
	{ PROBLEM_EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired", 403 },
	{ PROBLEM_INCORRECT_RESPONSE, "incorrectResponse", 403 },
	{ PROBLEM_INVALID_CONTACT, "invalidContact", 400 },
	{ PROBLEM_INVALID_PROFILE, "invalidProfile", 400 },
	{ PROBLEM_MALFORMED, "malformed", 400 },
	{ PROBLEM_ORDER_NOT_READY, "orderNotReady", 403 }, /* FIELD Q14 */
	{ PROBLEM_RATE_LIMITED, "rateLimited", 429 },
	{ PROBLEM_REJECTED_IDENTIFIER, "rejectedIdentifier", 400 },
	{ PROBLEM_SERVER_INTERNAL, "serverInternal", 500 },
	{ PROBLEM_TLS, "tls", 400 },
	{ PROBLEM_UNAUTHORIZED, "unauthorized", 403 },
	{ PROBLEM_UNSUPPORTED_CONTACT, "unsupportedContact", 400 },
	{ PROBLEM_UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier", 400 },
	{ PROBLEM_USER_ACTION_REQUIRED, "userActionRequired", 403 },
	{ PROBLEM_NOT_FOUND, "notFound", 404 },
	{ PROBLEM_METHOD_NOT_ALLOWED, "methodNotAllowed", 405 },
	{ PROBLEM_UNSUPPORTED_MEDIA_TYPE, "unsupportedMediaType", 415 },
	{ PROBLEM_CONFLICT, "conflict", 409 },
	{ PROBLEM_UNAVAILABLE, "unavailable", 503 },
};

static void test_rfc8555_6_7__table(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF(table), PROBLEM_COUNT - 1); /* all but PROBLEM_NONE */
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		const char *name = table[i].name, *urn = problem_urn(table[i].problem);
		char expected[100];

		ROW_CHECK(strcmp(problem_name(table[i].problem), name) == 0, name);
		ROW_CHECK(problem_status(table[i].problem) == table[i].status, name);
		if (table[i].problem >= PROBLEM_NOT_FOUND) {
			bool is_405 = table[i].problem == PROBLEM_METHOD_NOT_ALLOWED; /* RFC 8555 §6.3 */

			ROW_CHECK(strcmp(urn, is_405 ? "urn:ietf:params:acme:error:malformed" : "about:blank") == 0,
				  name);
			continue;
		}
		snprintf(expected, sizeof(expected), "urn:ietf:params:acme:error:%s", name);
		ROW_CHECK(strcmp(urn, expected) == 0, name);
		ROW_CHECK(problem_from_urn(str_of(urn)) == table[i].problem, name);
	}
}

static void test_problem_from_urn__unknown(void **state)
{
	static const char *const rows[] = {
		"", "malformed", "about:blank", "urn:ietf:params:acme:error:",
		"urn:ietf:params:acme:error:Malformed", "urn:ietf:params:acme:error:malformed ",
		"urn:acme:error:malformed", "urn:ietf:params:acme:error:notFound",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ROW_CHECK(problem_from_urn(str_of(rows[i])) == PROBLEM_NONE, rows[i]);
	assert_int_equal(problem_from_urn((struct str){ 0 }), PROBLEM_NONE);
	assert_string_equal(problem_name((enum problem)999), "none");
}

static void test_fault_to_json__documents(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	fault_set(&f, RC_INVALID, PROBLEM_MALFORMED, "RFC 8555 §7.4: \"csr\" is missing");
	assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
	assert_string_equal(json.p, "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"status\":400,"
				    "\"detail\":\"RFC 8555 §7.4: \\\"csr\\\" is missing\"}");
	fault_set(&f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "no such order");
	assert_int_equal(fault_to_json(&a, &f, "https://ca.example/why/1", &json), RC_OK);
	assert_string_equal(json.p, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
				    "\"detail\":\"no such order\","
				    "\"instance\":\"https://ca.example/why/1\"}");
	fault_set(&f, RC_CONFLICT, PROBLEM_MALFORMED, "%s", "");
	f.status = 409;
	assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
	assert_string_equal(json.p, "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"status\":409}");
}

/* RFC 8555 §6.2: the document MUST name the algorithms that would do. */
static void test_rfc8555_6_2__bad_signature_algorithm_lists_algorithms(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	fault_set(&f, RC_INVALID, PROBLEM_BAD_SIGNATURE_ALGORITHM, "d");
	assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
	assert_string_equal(json.p,
			    "{\"type\":\"urn:ietf:params:acme:error:badSignatureAlgorithm\",\"status\":400,"
			    "\"detail\":\"d\",\"algorithms\":[\"ES256\",\"RS256\",\"EdDSA\",\"ES384\","
			    "\"ES512\"]}");
}

static void test_rfc8555_6_7_1__subproblems(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	struct str json;

	(void)state;
	arena_init(&a, 1 << 18);
	fault_set(&f, RC_INVALID, PROBLEM_COMPOUND, "two");
	fault_add_sub(&f, PROBLEM_MALFORMED, "dns", STR("a_b"), "one %d", 1);
	fault_add_sub(&f, PROBLEM_CAA, NULL, (struct str){ 0 }, "two");
	assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
	assert_string_equal(json.p,
			    "{\"type\":\"urn:ietf:params:acme:error:compound\",\"status\":400,"
			    "\"detail\":\"two\",\"subproblems\":["
			    "{\"type\":\"urn:ietf:params:acme:error:malformed\",\"detail\":\"one 1\","
			    "\"identifier\":{\"type\":\"dns\",\"value\":\"a_b\"}},"
			    "{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"two\"}]}");
}

/* What fails without having said why is still told apart by its rc. */
static void test_fault_status__of_a_fault_without_a_problem(void **state)
{
	static const struct {
		enum rc rc;
		int status;
	} rows[] = { { RC_NOMEM, 500 }, { RC_INVALID, 400 }, { RC_NOTFOUND, 404 }, { RC_CONFLICT, 409 },
		     { RC_DENIED, 403 }, { RC_LIMIT, 429 }, { RC_TIMEOUT, 503 }, { RC_BUSY, 503 },
		     { RC_IO, 500 }, { RC_UNAVAILABLE, 503 }, { RC_INTERNAL, 500 }, { RC_OK, 500 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault f = { .rc = rows[i].rc };

		ROW_CHECK(fault_status(&f) == rows[i].status, rc_text(rows[i].rc));
	}
}

static void test_fault_json__round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(table) * 2; i++) {
		AUTO(arena) struct arena a;
		AUTO(fault) struct fault f = { 0 };
		AUTO(fault) struct fault back = { 0 };
		struct str json, again;
		const char *name = table[i / 2].name;

		arena_init(&a, 1 << 18);
		fault_set(&f, RC_INVALID, table[i / 2].problem, "RFC 8555 §6.7: \"%s\" \\ é", name);
		if (i % 2 == 1) {
			fault_add_sub(&f, PROBLEM_CAA, "dns", STR("a.example"), "no");
			fault_add_sub(&f, PROBLEM_DNS, "ip", STR("::1"), "never");
			if (table[i / 2].problem < PROBLEM_NOT_FOUND)
				f.status = 418;
		}
		assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
		assert_int_equal(fault_from_json(json, &back), RC_OK);
		ROW_CHECK(back.problem == f.problem && back.status == f.status, name);
		ROW_CHECK(strcmp(back.detail, f.detail) == 0 && back.sub_count == f.sub_count, name);
		ROW_CHECK(back.rc != RC_OK, name);
		assert_int_equal(fault_to_json(&a, &back, NULL, &again), RC_OK);
		ROW_CHECK(str_eq(json, again), name);
	}
}

static const struct {
	const char *row, *json;
	enum problem problem;
	int status; /* as the fault is answered with */
	const char *detail;
} received[] = {
	{ "minimal", "{}", PROBLEM_SERVER_INTERNAL, 500, "" },
	{ "no type", "{\"status\":404,\"detail\":\"gone\"}", PROBLEM_NOT_FOUND, 404, "gone" },
	{ "about:blank", "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503}", PROBLEM_UNAVAILABLE, 503, "" },
	{ "title", "{\"type\":\"about:blank\",\"title\":\"Down for repair\",\"status\":503}", PROBLEM_UNAVAILABLE, 503, "Down for repair" },
	{ "about:blank 418", "{\"type\":\"about:blank\",\"status\":418}", PROBLEM_MALFORMED, 418, "" },
	{ "unknown", "{\"type\":\"urn:x:y\",\"status\":403,\"detail\":\"d\"}", PROBLEM_MALFORMED, 403, "urn:x:y: d" },
	{ "unknown 5xx", "{\"type\":\"urn:x:y\",\"status\":502,\"detail\":\"d\"}", PROBLEM_SERVER_INTERNAL, 502, "urn:x:y: d" },
	{ "status text", "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"status\":\"400\"}", PROBLEM_BAD_NONCE, 400, "" },
	{ "status absurd", "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"status\":99999999999}", PROBLEM_BAD_NONCE, 400, "" },
	{ "status negative", "{\"type\":\"urn:ietf:params:acme:error:dns\",\"status\":-1}", PROBLEM_DNS, 400, "" },
	{ "detail object", "{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":{}}", PROBLEM_DNS, 400, "" },
	{ "nulls", "{\"type\":null,\"status\":null,\"detail\":null,\"subproblems\":null}", PROBLEM_SERVER_INTERNAL, 500, "" },
	{ "subproblems odd", "{\"type\":\"urn:ietf:params:acme:error:caa\",\"subproblems\":[1,null,[],\"a\"]}", PROBLEM_CAA, 403, "" },
	{ "control characters", "{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"a\\u001b[2J\\nb\"}", PROBLEM_CAA, 403, "a?[2J?b" },
};

static void test_fault_from_json__received(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(received); i++) {
		AUTO(fault) struct fault f = { 0 };

		ROW_CHECK(fault_from_json(str_of(received[i].json), &f) == RC_OK, received[i].row);
		ROW_CHECK(f.problem == received[i].problem, received[i].row);
		ROW_CHECK(fault_status(&f) == received[i].status, received[i].row);
		ROW_CHECK(strcmp(f.detail, received[i].detail) == 0, received[i].row);
		ROW_CHECK(f.rc != RC_OK && f.sub_count == 0, received[i].row);
	}
}

static void test_fault_from_json__refuses(void **state)
{
	static const char *const rows[] = { "", "[]", "null", "\"a\"", "{", "<html>",
					    "{\"type\":1,\"type\":2}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault f = { .rc = RC_BUSY, .detail = "kept" };

		ROW_CHECK(fault_from_json(str_of(rows[i]), &f) == RC_INVALID, rows[i]);
		ROW_CHECK(f.rc == RC_BUSY && strcmp(f.detail, "kept") == 0, rows[i]);
	}
}

/* The largest fault that there can be is written and read again. */
static void test_fault_json__largest(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(fault) struct fault back = { 0 };
	char text[FAULT_DETAIL_MAX];
	struct str json;

	(void)state;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	memset(text, '"', sizeof(text));
	fault_set(&f, RC_INVALID, PROBLEM_COMPOUND, "%.*s", (int)sizeof(text) - 1, text);
	for (int i = 0; i < FAULT_SUBS_MAX + 5; i++)
		fault_add_sub(&f, PROBLEM_MALFORMED, "dns", (struct str){ text, LIMIT_NAME }, "%.*s",
			      (int)sizeof(text) - 1, text);
	assert_int_equal(f.sub_count, FAULT_SUBS_MAX);
	assert_int_equal(fault_to_json(&a, &f, NULL, &json), RC_OK);
	assert_int_equal(fault_from_json(json, &back), RC_OK);
	assert_int_equal(back.sub_count, FAULT_SUBS_MAX);
}

static void test_rfc7807_3_1__a_stored_problem_gets_its_instance(void **state)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 }, back = { 0 };
	struct str stored, shown;

	(void)state;
	arena_init(&a, 1 << 18);
	fault_set(&f, RC_DENIED, PROBLEM_CAA, "a \"quoted\" detail");
	fault_add_sub(&f, PROBLEM_CAA, "dns", STR("a.example"), "one");
	fault_add_sub(&f, PROBLEM_DNS, "dns", STR("b.example"), "two");
	assert_int_equal(fault_to_json(&a, &f, NULL, &stored), RC_OK);
	assert_null(strstr(stored.p, "instance"));
	assert_int_equal(problem_with_instance(&a, stored, "https://c/explain/1", &shown), RC_OK);
	assert_non_null(strstr(shown.p, "\"instance\":\"https://c/explain/1\""));
	/* and nothing else changes */
	assert_int_equal(fault_from_json(shown, &back), RC_OK);
	assert_int_equal(fault_to_json(&a, &back, NULL, &shown), RC_OK);
	assert_true(str_eq(stored, shown));
	assert_int_equal(problem_with_instance(&a, STR("{"), "https://c/", &shown), RC_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8555_6_7__table),
		cmocka_unit_test(test_problem_from_urn__unknown),
		cmocka_unit_test(test_fault_to_json__documents),
		cmocka_unit_test(test_rfc8555_6_2__bad_signature_algorithm_lists_algorithms),
		cmocka_unit_test(test_rfc8555_6_7_1__subproblems),
		cmocka_unit_test(test_fault_status__of_a_fault_without_a_problem),
		cmocka_unit_test(test_fault_json__round_trip),
		cmocka_unit_test(test_fault_from_json__received),
		cmocka_unit_test(test_fault_from_json__refuses),
		cmocka_unit_test(test_fault_json__largest),
		cmocka_unit_test(test_rfc7807_3_1__a_stored_problem_gets_its_instance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
