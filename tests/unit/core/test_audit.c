/* test_audit.c - the first row that is wrong is named, whatever is done to a trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/audit.h"
#include "crypto/digest.h"

#define ROWS 9

static struct audit_record rows[ROWS];
static uint8_t hashes[ROWS + 1][32];

/* As the writer makes them. */
static int setup(void **state)
{
	(void)state;
	memset(hashes, 0, sizeof(hashes));
	for (int i = 0; i < ROWS; i++) {
		rows[i] = (struct audit_record){ .at = 100 + i, .actor = STR("system"), .action = STR("cert.issue"),
						 .subject = STR("x"), .detail = i % 2 ? STR("") : (struct str){ 0 },
						 .number = i + 1, .before = bytes_of(hashes[i], 32) };
		store_chain_hash(&AUDITS, &rows[i], hashes[i + 1]);
		rows[i].hash = bytes_of(hashes[i + 1], 32);
	}
	return 0;
}

static void begin(struct audit_check *c)
{
	assert_int_equal(audit_check_init(c), RC_OK);
}

/* Ends the check. 0: all is well; -1: a noted row is not there. */
static int64_t first_bad(struct audit_check *c, int count, char *detail)
{
	struct fault f = { 0 };
	int64_t bad = 0;

	for (int i = 0; bad == 0 && i < count; i++)
		if (audit_check_row(c, &rows[i], &f) != RC_OK)
			bad = i + 1;
	if (bad == 0 && audit_check_end(c, &f) != RC_OK)
		bad = -1;
	(void)snprintf(detail, FAULT_DETAIL_MAX, "%s", f.detail);
	audit_check_done(c);
	return bad;
}

static void test_check__whole(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	struct audit_check c;

	(void)state;
	begin(&c);
	assert_int_equal(first_bad(&c, ROWS, detail), 0);
	assert_int_equal(c.last, ROWS);
	assert_memory_equal(c.hash, hashes[ROWS], 32);
}

static void test_check__any_flipped_bit_of_a_hash(void **state)
{
	char detail[FAULT_DETAIL_MAX];

	(void)state;
	for (int i = 1; i <= ROWS; i++) {
		for (int bit = 0; bit < 256; bit += 37) {
			struct audit_check c;

			begin(&c);
			hashes[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(first_bad(&c, ROWS, detail), i);
			hashes[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

/* Absent and empty, and text that moved from one column to the next, are different rows. */
static void test_check__every_column_counts(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	struct audit_check c;

	(void)state;
	begin(&c);
	rows[3].detail = (struct str){ 0 };
	assert_int_equal(first_bad(&c, ROWS, detail), 4);
	setup(NULL);
	begin(&c);
	rows[5].action = STR("cert.issuex");
	rows[5].subject = STR("");
	assert_int_equal(first_bad(&c, ROWS, detail), 6);
	setup(NULL);
	begin(&c);
	rows[2].id = id_new();
	assert_int_equal(first_bad(&c, ROWS, detail), 3);
}

/* Somebody who knows how hashes are made forges one row with its hash: the next one tells. */
static void test_check__forged_with_its_hash(void **state)
{
	char detail[FAULT_DETAIL_MAX];
	struct audit_check c;
	uint8_t forged[32];

	(void)state;
	begin(&c);
	rows[4].actor = STR("nobody");
	store_chain_hash(&AUDITS, &rows[4], forged);
	rows[4].hash = bytes_of(forged, 32);
	assert_int_equal(first_bad(&c, ROWS, detail), 6);
	assert_non_null(strstr(detail, "does not follow"));
}

static void test_check__noted_head(void **state)
{
	char text[CHECKPOINT_HEAD_MAX], detail[FAULT_DETAIL_MAX];
	struct audit_head none;
	struct audit_check c;

	(void)state;
	checkpoint_head_text(ROWS, hashes[ROWS], text);
	for (int who = 0; who < 2; who++) {
		for (int cut = 0; cut < 2; cut++) {
			begin(&c);
			assert_true(audit_head_parse(str_of(text), who ? &c.signer : &c.noted));
			assert_int_equal(first_bad(&c, ROWS - cut, detail), cut ? -1 : 0);
			assert_true(!cut || (strstr(detail, "was cut off") && !strstr(detail, "by the signer") == !who));
		}
		begin(&c);
		assert_true(audit_head_parse(str_of(text), who ? &c.signer : &c.noted));
		(who ? &c.signer : &c.noted)->number = 3;
		assert_int_equal(first_bad(&c, ROWS, detail), 3);
		assert_non_null(strstr(detail, "written anew"));
	}
	assert_false(audit_head_parse(STR("9"), &none));
	assert_false(audit_head_parse(STR("0:00"), &none));
	assert_false(audit_head_parse(STR("9:zz"), &none));
	text[strlen(text) - 1] = '\0';
	assert_false(audit_head_parse(str_of(text), &none));
}

/* --- checkpoints --- */

static struct arena arena;
static struct privkey *key;
static uint8_t sig[SIG_MAX];

static int setup_key(void **state)
{
	(void)state;
	arena_init(&arena, 1024 * 1024);
	return crypto_init(NULL) == RC_OK && privkey_generate(KEY_P256, 0, &key) == RC_OK ? 0 : -1;
}

static int teardown_key(void **state)
{
	(void)state;
	privkey_free(key);
	arena_done(&arena);
	return 0;
}

/* Row at + 1 becomes a signed checkpoint of row about, and the trail goes on behind it as it must. */
static void put_checkpoint(int at, int64_t about, const uint8_t hash[32])
{
	struct audit_checkpoint c = { .checkpoint = { .number = about, .at = 1800000000 }, .authority = STR("lab"),
				      .key_id = bytes_of("key", 3) };
	uint8_t octets[CHECKPOINT_LEN];

	memcpy(c.checkpoint.hash, hash, 32);
	checkpoint_encode(&c.checkpoint, octets);
	assert_int_equal(privkey_sign_x509(key, bytes_of(octets, sizeof(octets)), sig, &c.sig.len), RC_OK);
	c.sig.p = sig;
	assert_int_equal(audit_checkpoint_text(&arena, &c, &rows[at]), RC_OK);
	for (int i = at; i < ROWS; i++) {
		store_chain_hash(&AUDITS, &rows[i], hashes[i + 1]);
		rows[i].hash = bytes_of(hashes[i + 1], 32);
	}
}

static int64_t bad_with_keys(const struct audit_key *keys, size_t count, char *detail, int64_t *out_checkpoints)
{
	struct audit_check c;
	int64_t bad;

	begin(&c);
	c.keys = keys;
	c.key_count = count;
	bad = first_bad(&c, ROWS, detail);
	*out_checkpoints = c.checkpoints;
	return bad;
}

static void test_checkpoint__is_checked(void **state)
{
	struct audit_key good = { bytes_of("key", 3), privkey_pubkey(key) };
	struct audit_key other = { bytes_of("kez", 3), privkey_pubkey(key) };
	char detail[FAULT_DETAIL_MAX];
	struct privkey *stranger;
	int64_t seen;

	(void)state;
	put_checkpoint(5, 4, hashes[4]);
	assert_int_equal(bad_with_keys(&good, 1, detail, &seen), 0);
	assert_int_equal(seen, 1);
	assert_int_equal(bad_with_keys(NULL, 0, detail, &seen), 0);
	assert_int_equal(bad_with_keys(&other, 1, detail, &seen), 6);
	assert_non_null(strstr(detail, "--ca"));
	assert_int_equal(privkey_generate(KEY_P256, 0, &stranger), RC_OK);
	other = (struct audit_key){ good.key_id, privkey_pubkey(stranger) };
	assert_int_equal(bad_with_keys(&other, 1, detail, &seen), 6);
	assert_non_null(strstr(detail, "did not sign"));
	privkey_free(stranger);
	setup(NULL);
	put_checkpoint(5, 4, hashes[3]); /* signed of another past */
	assert_int_equal(bad_with_keys(&good, 1, detail, &seen), 6);
	assert_non_null(strstr(detail, "at or before row 4"));
	setup(NULL);
	put_checkpoint(5, 6, hashes[6]); /* of itself */
	assert_int_equal(bad_with_keys(&good, 1, detail, &seen), 6);
}

/* The exact form and nothing else. */
static void test_checkpoint__parse(void **state)
{
#define HEAD "7:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	static const struct {
		const char *action, *subject, *detail;
		enum rc rc;
	} cases[] = {
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=5 signature=AAEC", RC_OK },
		{ "audit.checkpoins", HEAD, "authority=lab key=6b65 at=5 signature=AAEC", RC_INVALID },
		{ "audit.checkpoint", "7", "authority=lab key=6b65 at=5 signature=AAEC", RC_INVALID },
		{ "audit.checkpoint", HEAD, "", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=5", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key= at=5 signature=AAEC", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b6 at=5 signature=AAEC", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=x signature=AAEC", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=5 signature=AAF", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=5 signature=A+EC", RC_INVALID },
		{ "audit.checkpoint", HEAD, "authority=lab key=6b65 at=5 signature=AAEC more=x", RC_INVALID },
		{ "audit.checkpoint", HEAD, "key=6b65 authority=lab at=5 signature=AAEC", RC_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct audit_record r = { .action = str_of(cases[i].action), .subject = str_of(cases[i].subject),
						.detail = str_of(cases[i].detail) };
		struct audit_checkpoint c;

		if (audit_checkpoint_parse(&arena, &r, &c) != cases[i].rc)
			fail_msg("case %zu", i);
		if (cases[i].rc == RC_OK)
			assert_true(c.checkpoint.number == 7 && c.checkpoint.at == 5 && c.key_id.len == 2 && c.sig.len == 3 &&
				    str_is(c.authority, "lab"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_check__whole, setup),
		cmocka_unit_test_setup(test_check__any_flipped_bit_of_a_hash, setup),
		cmocka_unit_test_setup(test_check__every_column_counts, setup),
		cmocka_unit_test_setup(test_check__forged_with_its_hash, setup),
		cmocka_unit_test_setup(test_check__noted_head, setup),
		cmocka_unit_test_setup(test_checkpoint__is_checked, setup),
		cmocka_unit_test_setup(test_checkpoint__parse, setup),
	};

	return cmocka_run_group_tests(tests, setup_key, teardown_key);
}
