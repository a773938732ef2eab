/* test_signer_config.c - the signer's law as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/auto.h"
#include "signer/signer_config.h"

#define PROCESS "assay-signer 1\njournal /j\nmax-backdate 90000\n"
#define AUTHORITY "authority lab\ncertificate /c.pem\nkey file:/k\n"
#define PROFILE "profile server\nmax-lifetime 86400\nallow san,key-usage\n"

static enum rc read_text(struct arena *a, const char *text, struct signer_config *out,
			 struct fault *f)
{
	arena_init(a, SIGNER_CONFIG_ARENA);
	return signer_config_read(a, str_of(text), out, f);
}

static void test_write__reads_back_the_same(void **state)
{
	static const char text[] =
		"assay-signer 1\n"
		"journal /var/lib/a b/signer.journal\n"
		"max-backdate 90000\n"
		"max-per-minute 600\n"
		"log json\n"
		"accept-rollback 17:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
		"authority lab\n"
		"certificate /ca/issuing.pem\n"
		"key file:/ca/issuing.key\n"
		"passphrase credential:ca-pass\n"
		"permit lab.internal\n"
		"permit 10.0.0.0/8\n"
		"permit fd00::/8\n"
		"ocsp http://ca/ocsp\n"
		"ca-issuers http://ca/issuing.crt\n"
		"crl http://ca/lab.crl\n"
		"profile server\n"
		"max-lifetime 7776000\n"
		"allow basic-constraints,key-usage,ext-key-usage,san,aia,tls-feature\n"
		"require key-usage,san\n"
		"key-usage digital-signature,key-encipherment\n"
		"ext-key-usage server-auth\n"
		"profile short\n"
		"max-lifetime 86400\n"
		"allow san\n"
		"authority second\n"
		"certificate /ca/2.pem\n"
		"key file:/ca/2.key\n"
		"crl http://ca/second.crl\n"
		"crl-delta on\n"
		"profile server\n"
		"max-lifetime 1\n"
		"allow san\n";
	struct fault f = { 0 };
	struct signer_config c;
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf out;

	(void)state;
	assert_int_equal(read_text(&a, text, &c, &f), RC_OK);
	assert_int_equal(c.authority_count, 2);
	assert_int_equal(c.authorities[0].permit_count, 3);
	assert_int_equal(c.authorities[0].profile_count, 2);
	assert_int_equal(c.authorities[1].profile_count, 1);
	assert_int_equal(c.authorities[0].profiles[0].key_usage,
			 KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(c.authorities[0].profiles[1].ext_key_usage, 0);
	assert_int_equal(c.max_per_minute, 600);
	buf_init(&out, SIGNER_CONFIG_MAX);
	signer_config_write(&c, &out);
	assert_true(buf_ok(&out));
	assert_string_equal(out.p, text);
}

static void test_write__fails_on_what_cannot_be_read_again(void **state)
{
	struct name_subtree odd = { .type = SAN_IP, .ip_len = 4, .mask = { 255, 0, 255, 0 } };
	struct signer_profile p = { .name = STR("p"), .allowed_extensions = EXT_SAN };
	struct signer_authority a = { .name = STR("a"), .certificate_file = STR("/c"),
				      .key_ref = STR("file:/k"), .profiles = &p,
				      .profile_count = 1 };
	struct signer_config c = { .journal_file = STR("/j"), .authorities = &a,
				   .authority_count = 1 };
	AUTO(buf) struct buf out;

	(void)state;
	buf_init(&out, SIGNER_CONFIG_MAX);
	signer_config_write(&c, &out);
	assert_true(buf_ok(&out));
	c.journal_file = STR("/j\nauthority evil");
	signer_config_write(&c, &out);
	assert_false(buf_ok(&out));
	buf_reset(&out);
	c.journal_file = STR("/j");
	a.permit = &odd;
	a.permit_count = 1;
	signer_config_write(&c, &out);
	assert_false(buf_ok(&out));
	buf_reset(&out);
	a.permit_count = 0;
	p.allowed_extensions = EXT_UNKNOWN;
	signer_config_write(&c, &out);
	assert_false(buf_ok(&out));
	buf_reset(&out);
	p.allowed_extensions = EXT_NAME_CONSTRAINTS; /* no word for it: never in a leaf */
	signer_config_write(&c, &out);
	assert_false(buf_ok(&out));
}

static void test_read__refusals_name_the_line(void **state)
{
	static const struct {
		const char *text, *detail;
	} cases[] = {
		{ "", "line 1: this is not a signer config" },
		{ "assay-signer 2\n", "line 1: " },
		{ "assay-signer 1", "line 1: " },
		{ "assay-signer 1\n", "\"journal\" is missing" },
		{ "assay-signer 1\njournal /j\n" AUTHORITY PROFILE, "line 3: \"max-backdate\"" },
		{ PROCESS, "no authority" },
		{ PROCESS AUTHORITY, "no profile" },
		{ PROCESS AUTHORITY PROFILE "max-lifetime 1\n", "came already" },
		{ PROCESS "journal /k\n" AUTHORITY PROFILE, "line 4: the word came already" },
		{ PROCESS AUTHORITY PROFILE PROFILE, "the profile is there already" },
		{ PROCESS AUTHORITY PROFILE AUTHORITY PROFILE, "the authority is there already" },
		{ PROCESS "profile server\n", "belongs to an authority" },
		{ PROCESS "authority lab\nkey file:/k\n" PROFILE, "\"certificate\" is missing" },
		{ PROCESS AUTHORITY "profile server\nallow san\n", "\"max-lifetime\" is missing" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 5\n", "\"allow\" is missing" },
		{ PROCESS AUTHORITY PROFILE "require aia\n", "requires an extension" },
		{ PROCESS AUTHORITY PROFILE "max-lifetime 1x\n", "" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 0\nallow san\n", "must not be 0" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime -1\nallow san\n", "range" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 99999999999\nallow san\n", "range" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 1\nallow san,san\n", "repeated" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 1\nallow ca\n", "unknown" },
		{ PROCESS AUTHORITY "profile server\nmax-lifetime 1\nallow san,\n", "unknown" },
		{ PROCESS AUTHORITY PROFILE "key-usage key-cert-sign\n", "unknown" },
		{ PROCESS AUTHORITY "permit 10.0.0.1/8\n" PROFILE, "line 7" },
		{ PROCESS "authority l/b\n", "a name is" },
		{ PROCESS "nonsense 1\n", "a word that this section does not have" },
		{ PROCESS "permit lab.internal\n", "a word that this section does not have" },
		{ PROCESS "log text\n", "json" },
		{ PROCESS "max-per-minute 0\n", "no cap" },
		{ PROCESS "\n", "word value" },
		{ PROCESS "log \n", "word value" },
		{ PROCESS "log\tjson\n", "control character" },
		{ PROCESS "log json", "does not end" },
		{ PROCESS AUTHORITY "crl-delta on\n" PROFILE, "crl-delta is on" },
		{ PROCESS AUTHORITY "crl http://ca/l.crl\ncrl-delta yes\n" PROFILE, "crl-delta is on" },
		{ PROCESS AUTHORITY "crl http://ca/l.crl\ncrl-shards 2\ncrl-delta on\n" PROFILE, "crl-delta is on" },
		{ PROCESS AUTHORITY "crl http://ca/l.crl\ncrl-delta on\ncrl-shards 2\n" PROFILE, "crl-shards comes" },
		{ PROCESS "accept-rollback 17\n", "NUMBER:HASH" },
		{ PROCESS "accept-rollback 0:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", "NUMBER:HASH" },
		{ PROCESS "accept-rollback 17:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0x\n", "NUMBER:HASH" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct fault f = { 0 };
		struct signer_config c;
		AUTO(arena) struct arena a;

		if (read_text(&a, cases[i].text, &c, &f) == RC_OK)
			fail_msg("case %zu was taken", i);
		if (!strstr(f.detail, cases[i].detail))
			fail_msg("case %zu: \"%s\" says nothing of \"%s\"", i, f.detail,
				 cases[i].detail);
	}
}

static void test_read__has_limits(void **state)
{
	struct fault f = { 0 };
	struct signer_config c;
	AUTO(arena) struct arena a;
	AUTO(buf) struct buf text;

	(void)state;
	buf_init(&text, 2 * SIGNER_CONFIG_MAX);
	buf_add_text(&text, PROCESS);
	for (int i = 0; i < 65; i++)
		buf_addf(&text, "authority a%d\n", i);
	assert_int_equal(read_text(&a, text.p, &c, &f), RC_INVALID);
	assert_non_null(strstr(f.detail, "too many"));
	while (text.len <= SIGNER_CONFIG_MAX)
		buf_add_text(&text, "permit lab.internal\n");
	assert_int_equal(signer_config_read(&a, buf_str(&text), &c, &f), RC_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write__reads_back_the_same),
		cmocka_unit_test(test_write__fails_on_what_cannot_be_read_again),
		cmocka_unit_test(test_read__refusals_name_the_line),
		cmocka_unit_test(test_read__has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
