/* test_tbs_check.c - the law of the signer: each rule broken alone, hundreds of malformed and
 * smuggling TBSCertificates, every octet flipped. A test that can fail for each check of
 * tbs_check.c. */
#include "certkit.h"
#include "mutate.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, KIT_ARENA);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void expect_denied(const struct certkit *c, const char *part)
{
	struct cert_info info = { .not_after = 77 };
	struct fault f = { 0 };
	enum rc rc = tbs_check(&arena, certkit_tbs(&arena, c), &c->limits, &info, &f);

	if (rc != RC_DENIED)
		fail_msg("wanted \"%s\", got %s: %s", part, rc_text(rc), f.detail);
	assert_int_equal(f.rc, RC_DENIED);
	assert_int_equal(info.not_after, 77);
	kit_expect_rule(&f);
	kit_expect_text(f.detail, part);
	assert_int_equal(tbs_check(&arena, certkit_tbs(&arena, c), &c->limits, NULL, NULL), RC_DENIED);
}

static void expect_allowed(const struct certkit *c)
{
	struct fault f = { 0 };

	if (tbs_check(&arena, certkit_tbs(&arena, c), &c->limits, NULL, &f) != RC_OK)
		fail_msg("%s", f.detail);
}

static struct bytes dn(const char *organization, const char *cn)
{
	struct bytes out;

	assert_int_equal(dn_build(&arena, str_of(organization), str_of(cn), &out), RC_OK);
	return out;
}

static void test_tbs_check__good_ones(void **state)
{
	static const enum key_type types[] = { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };
	struct certkit c;
	struct cert_info info;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		certkit_leaf(&arena, &c, kit_key(types[i], types[i] == KEY_RSA ? 2048 : 256));
		expect_allowed(&c);
	}
	certkit_leaf(&arena, &c, kit_key(KEY_RSA, 2048));
	c.spec.key_usage |= KU_KEY_ENCIPHERMENT;
	expect_allowed(&c);
	assert_int_equal(tbs_check(&arena, certkit_tbs(&arena, &c), &c.limits, &info, NULL), RC_OK);
	assert_true(bytes_eq(info.serial, c.spec.serial));
	/* no subject, an address as CN, no URLs, a wildcard, must-staple where it is allowed */
	c.spec.subject_dn = dn(NULL, NULL);
	c.spec.san_critical = true;
	expect_allowed(&c);
	c.spec.subject_dn = dn(NULL, "10.0.0.1");
	c.spec.san_critical = false;
	expect_allowed(&c);
	c.spec.subject_dn = dn(NULL, "A.Lab.Internal");
	expect_allowed(&c);
	c.spec.ocsp_url = c.spec.crl_url = c.spec.ca_issuers_url = str_of(NULL);
	expect_allowed(&c);
	c.sans[1] = (struct san){ .type = SAN_DNS, .value = str_bytes(STR("*.lab.internal")) };
	expect_allowed(&c);
	c.spec.must_staple = true;
	c.limits.allowed_extensions |= EXT_TLS_FEATURE;
	expect_allowed(&c);
}

/* One change each of a good leaf and what the fault must say. */
#define RULE(change, part)                                    \
	do {                                                  \
		c = good;                                     \
		c.spec.sans = c.sans;                         \
		change;                                       \
		expect_denied(&c, part);                      \
	} while (0)

static void test_rfc5280_4_1__identity_and_validity(void **state)
{
	struct certkit good, c;
	uint8_t short_serial[16] = { 0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5 };

	(void)state;
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	RULE(c.spec.serial.len = 15, "fewer than 16 octets");
	RULE(c.spec.serial = bytes_of(short_serial, 16), "fewer than 16 octets");
	RULE(c.spec.alg = SIG_ES384, "RFC 5280 §4.1.2.3");
	RULE(c.limits.alg = SIG_NONE, "RFC 5280 §4.1.2.3");
	RULE(c.spec.issuer_dn = dn("Home Lab", "Lab CB"), "RFC 5280 §4.1.2.4");
	RULE(c.spec.issuer_dn = dn(NULL, NULL), "RFC 5280 §4.1.2.4");
	RULE(c.limits.issuer_dn = bytes_of(NULL, 0), "RFC 5280 §4.1.2.4");
	RULE(c.spec.not_after++, "the authority's cap"); /* 90 d and 1 s */
	RULE(c.limits.max_lifetime_s = 0, "the authority's cap");
	RULE((c.spec.not_before--, c.spec.not_after--), "further back");
	RULE((c.spec.not_before = CERTKIT_NOW - 400 * CERTKIT_DAY,
	      c.spec.not_after = CERTKIT_NOW - 390 * CERTKIT_DAY), "further back");
	RULE((c.spec.not_before = CERTKIT_NOW + 91 * CERTKIT_DAY,
	      c.spec.not_after = CERTKIT_NOW + 92 * CERTKIT_DAY), "too far ahead");
	RULE((c.spec.not_after = CERTKIT_NOW - 1), "already have expired");
	RULE(c.limits.issuer_not_before = c.spec.not_before + 1, "before the issuer");
	RULE(c.limits.issuer_not_after = c.spec.not_after - 1, "longer than the issuer");
	/* the edges themselves are allowed */
	c = good;
	c.spec.sans = c.sans;
	c.limits.issuer_not_before = c.spec.not_before;
	c.limits.issuer_not_after = c.spec.not_after;
	expect_allowed(&c);
}

static void test_rfc5280_4_2__extensions_and_usage(void **state)
{
	const struct name_subtree permit = { .type = SAN_DNS, .dns = STR("lab.internal") };
	struct certkit good, c;
	uint8_t other_id[20] = { 1 };

	(void)state;
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	RULE(c.spec.ca = true, "a CA certificate");
	RULE((c.spec.ca = true, c.spec.path_len = 0), "a CA certificate");
	RULE((c.spec.ca = true, c.spec.permit = &permit, c.spec.permit_count = 1,
	      c.limits.allowed_extensions = ~0U), "nameConstraints");
	RULE(c.spec.key_usage |= KU_KEY_CERT_SIGN, "keyCertSign");
	RULE((c.spec.key_usage |= KU_KEY_CERT_SIGN, c.limits.allowed_key_usage = ~0U), "keyCertSign");
	RULE((c.spec.key_usage |= KU_CRL_SIGN, c.limits.allowed_key_usage = ~0U), "keyCertSign or cRLSign");
	RULE(c.spec.key_usage |= KU_KEY_AGREEMENT, "key usage that the authority");
	RULE(c.spec.key_usage |= KU_KEY_ENCIPHERMENT, "RFC 5480 §3"); /* a P-256 key */
	RULE(c.spec.key_usage |= 1 << 1, "key usage that the authority");
	RULE(c.spec.key_usage |= 1 << 8, "key usage that the authority");
	RULE(c.spec.key_usage = 0, "missing");
	RULE(c.spec.ext_key_usage |= EKU_OCSP_SIGNING, "key purpose that the authority");
	RULE(c.spec.ext_key_usage = 0, "missing");
	RULE((c.spec.ext_key_usage = 0, c.limits.allowed_ext_key_usage = ~0U), "missing");
	RULE(c.spec.must_staple = true, "does not allow");
	RULE(c.limits.allowed_extensions &= ~(unsigned)EXT_AIA, "does not allow");
	RULE(c.limits.allowed_extensions = 0, "does not allow");
	RULE(c.limits.required_extensions |= EXT_TLS_FEATURE, "missing");
	RULE(c.spec.authority_key_id = bytes_of(other_id, 20), "RFC 5280 §4.2.1.1");
	RULE(c.spec.authority_key_id = bytes_of(c.issuer_id, 19), "RFC 5280 §4.2.1.1");
	RULE((c.spec.authority_key_id = bytes_of(NULL, 0),
	      c.limits.required_extensions &= ~(unsigned)EXT_AUTHORITY_KEY_ID), "RFC 5280 §4.2.1.1");
	RULE(c.limits.authority_key_id = bytes_of(NULL, 0), "RFC 5280 §4.2.1.1");
	RULE(c.spec.ocsp_url = STR("http://evil.example/"), "not the authority's");
	RULE(c.spec.ca_issuers_url = STR("http://evil.example/"), "not the authority's");
	RULE(c.spec.crl_url = STR("http://ca.lab.internal/ca.crl2"), "not the authority's");
	RULE(c.limits.crl_url = str_of(NULL), "not the authority's");
	RULE(c.spec.crl_url = STR("ldap://ca/"), "more URLs");
	RULE(c.spec.san_critical = true, "if, and only if");
}

static void test_rfc5280_4_2_1_6__names(void **state)
{
	static const struct {
		const char *name, *part;
	} rows[] = {
		{ "other.internal", "RFC 5280 §4.2.1.10" },
		{ "xlab.internal", "RFC 5280 §4.2.1.10" },
		{ "*.internal", "RFC 5280 §4.2.1.10" },
		{ "lab.internal.evil.example", "RFC 5280 §4.2.1.10" },
		{ "a.lab.internal", "twice" },
		{ "A.LAB.internal", "twice" },
		{ "b.*.lab.internal", "RFC 1123 §2.1" },
		{ "b*.lab.internal", "RFC 1123 §2.1" },
		{ "*.*.lab.internal", "RFC 1123 §2.1" },
		{ "*", "RFC 1123 §2.1" },
		{ "b_c.lab.internal", "RFC 1123 §2.1" },
		{ "-b.lab.internal", "RFC 1034 §3.5" },
		{ "b..lab.internal", "RFC 1034 §3.5" },
		{ ".lab.internal", "RFC 1034 §3.5" },
		{ "lab.internal.", "RFC 1034 §3.5" },
		{ "10.0.0.1", "RFC 1123 §2.1" },
	};
	struct name_subtree permit[3] = { 0 };
	struct certkit good, c;
	struct san many[101];
	char names[101][32];

	(void)state;
	assert_int_equal(name_subtree_parse(&arena, STR("lab.internal"), &permit[0], NULL), RC_OK);
	assert_int_equal(name_subtree_parse(&arena, STR("10.0.0.0/24"), &permit[1], NULL), RC_OK);
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	good.limits.permit = permit;
	good.limits.permit_count = 2;
	c = good;
	c.spec.sans = c.sans;
	expect_allowed(&c);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		RULE(c.sans[1] = ((struct san){ .type = SAN_DNS, .value = str_bytes(str_of(rows[i].name)) }),
		     rows[i].part);
	RULE(c.sans[1].value = bytes_of("\x0a\x00\x01\x01", 4), "RFC 5280 §4.2.1.10");
	RULE(c.sans[1].value = bytes_of("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), "RFC 5280 §4.2.1.10");
	RULE((c.sans[0] = c.sans[1], c.spec.subject_dn = dn(NULL, "10.0.0.1")), "twice");
	RULE(c.limits.permit_count = 1, "RFC 5280 §4.2.1.10"); /* only DNS: no address (policy) */
	RULE((c.limits.permit = permit + 1, c.limits.permit_count = 1), "RFC 5280 §4.2.1.10");
	RULE(c.spec.san_count = 0, "missing");
	RULE((c.spec.san_count = 0, c.limits.required_extensions = 0), "no subject alternative name");
	RULE((c.limits.permit_count = 0,
	      c.sans[1] = (struct san){ .type = SAN_DNS, .value = str_bytes(STR("*.internal")) }),
	     "below a top level");
	for (size_t i = 0; i < COUNT_OF(many); i++) {
		snprintf(names[i], sizeof(names[i]), "n%zu.lab.internal", i);
		many[i] = (struct san){ .type = SAN_DNS, .value = str_bytes(str_of(names[i])) };
	}
	RULE((c.spec.sans = many, c.spec.san_count = 101, c.spec.subject_dn = dn(NULL, NULL),
	      c.spec.san_critical = true), "too many");
	c.spec.san_count = 100;
	expect_allowed(&c);
}

static void test_rfc5280_4_1_2_6__subject(void **state)
{
	static const struct {
		const char *hex, *part;
	} rows[] = {
		/* CN twice; CN and O in one RDN; emailAddress; CN as BMPString; CN empty; CN with NUL */
		{ "3018" "310a300806035504030c0161" "310a300806035504030c0162", "not one of" },
		{ "3018" "3116" "300906035504030c026162" "300906035504030c026162", "not one of" },
		{ "3012" "3110" "300e06092a864886f70d010901" "160161", "another attribute" },
		{ "300d" "310b" "300906035504031e020061", "UTF8String" },
		{ "300b" "3109" "300706035504030c00", "ub-common-name" },
		{ "300e" "310c" "300a06035504030c03610062", "control characters" },
		{ "300d" "310b" "300906035504030c02c3bc", "control characters" },
	};
	struct certkit good, c;

	(void)state;
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	RULE(c.spec.subject_dn = dn(NULL, "b.lab.internal"), "not one of the subject alternative");
	RULE(c.spec.subject_dn = dn(NULL, "lab.internal"), "not one of the subject alternative");
	RULE(c.spec.subject_dn = dn(NULL, "10.0.0.2"), "not one of the subject alternative");
	RULE(c.spec.subject_dn = dn("Home Lab", "a.lab.internal"), "another attribute");
	RULE(c.spec.subject_dn = dn("Home Lab", NULL), "another attribute");
	RULE(c.spec.subject_dn = dn(NULL, NULL), "if, and only if");
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		RULE(c.spec.subject_dn = kit_hex(&arena, rows[i].hex), rows[i].part);
	/* the same CN twice, though it is one of the names */
	RULE(c.spec.subject_dn = kit_hex(&arena, "3032"
					 "3117301506035504030c0e612e6c61622e696e7465726e616c"
					 "3117301506035504030c0e612e6c61622e696e7465726e616c"),
	     "more than one CN");
}

static void test_trust_v67__weak_key(void **state)
{
	struct certkit good, c;
	struct bytes n, e;
	struct pubkey *k;

	(void)state;
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	pubkey_jwk_parts(privkey_pubkey(kit_key(KEY_RSA, 2048)), &n, &e);
	assert_int_equal(pubkey_from_rsa(n, bytes_of("\x03", 1), &k, NULL), RC_OK);
	RULE(c.spec.key = k, "BR §6.1.6");
	pubkey_free(k);
}

/* Adds raw extensions to a good TBS; the last item of a TBS is [3], its content one SEQUENCE. */
static struct bytes with_extension(struct bytes tbs, const char *hex)
{
	struct der d, tagged, list;
	struct der_item item, last = { 0 };
	struct bytes out;
	struct der_writer w;
	size_t seq, ext, inner;

	assert_int_equal(der_writer_init(&w, &arena, tbs.len + strlen(hex)), RC_OK);
	assert_true(der_only(tbs, DER_SEQUENCE, &d));
	seq = der_open(&w, DER_SEQUENCE);
	while (der_next(&d, &item)) {
		if (item.tag != DER_CONTEXT_CONS(3))
			der_add_raw(&w, item.whole);
		last = item;
	}
	tagged = der_over(last.body);
	assert_true(der_enter(&tagged, DER_SEQUENCE, &list));
	ext = der_open(&w, DER_CONTEXT_CONS(3));
	inner = der_open(&w, DER_SEQUENCE);
	der_add_raw(&w, bytes_of(list.p, (size_t)(list.end - list.p)));
	der_add_raw(&w, kit_hex(&arena, hex));
	der_close(&w, inner);
	der_close(&w, ext);
	der_close(&w, seq);
	assert_int_equal(der_writer_done(&w, &out), RC_OK);
	return out;
}

static void test_rfc5280_4_2__extensions_that_no_spec_has(void **state)
{
	static const struct {
		const char *hex, *part;
	} rows[] = {
		/* unknown, plain and critical; netscape cert type; policies; freshest CRL */
		{ "300806022a0304020500", "does not know" },
		{ "300b06022a030101ff04020500", "does not know" },
		{ "300f06096086480186f842010104020500", "does not know" },
		{ "3009060355040304020500", "does not know" },
		{ "300f0603551d2004083006300406022a03", "says more" },
		/* TLS features: status_request alone, with another, twice, another alone */
		{ "301106082b0601050507011804053003020105", NULL },
		{ "301406082b0601050507011804083006020105020111", "says more" },
		{ "301406082b0601050507011804083006020105020105", "says more" },
		{ "301106082b0601050507011804053003020111", "says more" },
		/* ocspNoCheck, where allowed; with content that is not NULL */
		{ "300f06092b060105050730010504020500", NULL },
		{ "300f06092b060105050730010504023000", "malformed" },
		/* the same extension twice: basicConstraints, SAN */
		{ "30090603551d1304023000", "twice" },
		{ "300c0603551d1104053003820161", "twice" },
		/* content that is empty, malformed, or not DER */
		{ "30070603551d200400", "is empty" },
		{ "30080603551d20040130", "X.690" },
		{ "30090603551d2004023000", "malformed" },
		{ "300a0603551d200403300000", "X.690" },
		{ "300c0603551d20010100" "04023000", "X.690 §11.5" },
		{ "300c0603551d2001010104023000", "X.690" },
		{ "30050603551d20", "malformed" },
		{ "300b0603551d20040230000500", "malformed" },
	};
	struct certkit c;
	struct bytes tbs;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	c.limits.allowed_extensions = ~0U;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault f = { 0 };
		tbs = with_extension(certkit_tbs(&arena, &c), rows[i].hex);
		if (!rows[i].part) {
			assert_int_equal(tbs_check(&arena, tbs, &c.limits, NULL, &f), RC_OK);
			continue;
		}
		assert_int_not_equal(tbs_check(&arena, tbs, &c.limits, NULL, &f), RC_OK);
		kit_expect_text(f.detail, rows[i].part);
	}
}

/* authorityKeyIdentifier with a serial beside the key id: 80 14 ... becomes 80 14 ... 82 01 01. */
static void test_rfc5280_4_2_1_1__authority_key_id_alone(void **state)
{
	struct cert_info info;
	struct fault f = { 0 };
	struct certkit c;
	struct bytes tbs;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	c.limits.allowed_extensions = ~0U;
	c.spec.authority_key_id = bytes_of(NULL, 0);
	tbs = with_extension(certkit_tbs(&arena, &c), "300f0603551d230408" "3006" "80015a" "820101");
	c.limits.authority_key_id = bytes_of("\x5a", 1);
	assert_int_equal(tbs_parse(&arena, tbs, &info, NULL), RC_OK);
	assert_int_equal(info.authority_key_id.len, 1);
	assert_int_equal(tbs_check(&arena, tbs, &c.limits, NULL, &f), RC_DENIED);
	kit_expect_text(f.detail, "says more");
	tbs = with_extension(certkit_tbs(&arena, &c), "300c0603551d230405" "3003" "80015a");
	assert_int_equal(tbs_check(&arena, tbs, &c.limits, NULL, NULL), RC_OK);
}

/* Of every small change to a good TBS, the only ones let through are those whose content we would
 * have written just so: nothing can be smuggled past the reader. */
static void test_tbs_check__every_mutation(void **state)
{
	unsigned tried = 0, accepted = 0;
	struct certkit c;
	struct bytes tbs;
	uint8_t *out;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	c.limits.required_extensions |= EXT_SUBJECT_KEY_ID;
	tbs = certkit_tbs(&arena, &c);
	out = test_malloc(MUTATE_ROOM(tbs.len));
	for (unsigned item = 0; item < mutate_count(tbs); item++) {
		for (int what = MUTATE_DELETE; what < MUTATE_COUNT; what++) {
			struct cert_info i;
			struct fault f = { 0 };
			struct pubkey *key;
			struct tbs_spec spec;
			struct bytes again;
			struct arena a;
			size_t len;

			assert_true(mutate(tbs, item, (enum mutation)what, out, &len));
			if (len == tbs.len && memcmp(out, tbs.p, len) == 0)
				continue; /* an empty item emptied */
			tried++;
			arena_init(&a, KIT_ARENA);
			if (tbs_check(&a, bytes_of(out, len), &c.limits, &i, &f) != RC_OK) {
				kit_expect_rule(&f);
				arena_done(&a);
				continue;
			}
			accepted++;
			assert_int_equal(pubkey_from_spki(i.spki, &key, NULL), RC_OK);
			spec = (struct tbs_spec){
				.serial = i.serial, .alg = i.alg, .issuer_dn = i.issuer_dn,
				.subject_dn = i.subject_dn, .not_before = i.not_before,
				.not_after = i.not_after, .key = key, .ca = i.ca, .path_len = i.path_len,
				.key_usage = i.key_usage, .ext_key_usage = i.ext_key_usage,
				.sans = i.sans, .san_count = i.san_count,
				.san_critical = i.critical & EXT_SAN,
				.authority_key_id = i.authority_key_id, .ocsp_url = i.ocsp_url,
				.ca_issuers_url = i.ca_issuers_url, .crl_url = i.crl_url,
			};
			assert_int_equal(tbs_build(&a, &spec, &again), RC_OK);
			if (!bytes_eq(again, bytes_of(out, len)))
				fail_msg("item %u, change %d: accepted, but not what we write", item, what);
			pubkey_free(key);
			arena_done(&a);
		}
	}
	print_message("%u changes, %u of them harmless\n", tried, accepted);
	assert_true(tried > 900);
	assert_true(accepted > 3 && accepted < 60);
	test_free(out);
}

/* Every bit of a good TBS flipped: never OK but in the serial, the times within their limits, the
 * key id's own number, and the like; and never a crash. */
static void test_tbs_check__every_bit_and_every_cut(void **state)
{
	unsigned accepted = 0;
	struct certkit c;
	struct bytes tbs;
	uint8_t *out;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	tbs = certkit_tbs(&arena, &c);
	out = test_malloc(tbs.len + 1);
	memcpy(out, tbs.p, tbs.len);
	for (size_t i = 0; i < tbs.len; i++) {
		struct arena a;

		arena_init(&a, KIT_ARENA);
		assert_int_not_equal(tbs_check(&a, bytes_of(out, i), &c.limits, NULL, NULL), RC_OK);
		for (int bit = 0; bit < 8; bit++) {
			out[i] ^= (uint8_t)(1 << bit);
			accepted += tbs_check(&a, bytes_of(out, tbs.len), &c.limits, NULL, NULL) == RC_OK;
			out[i] ^= (uint8_t)(1 << bit);
			arena_reset(&a);
		}
		arena_done(&a);
	}
	out[tbs.len] = 0;
	assert_int_equal(tbs_check(&arena, bytes_of(out, tbs.len + 1), &c.limits, NULL, NULL), RC_INVALID);
	assert_int_equal(tbs_check(&arena, bytes_of(NULL, 0), &c.limits, NULL, NULL), RC_INVALID);
	/* 17 octets of serial, 4 of an address, some digits of the times, case in names */
	print_message("%u of %zu single bits do not matter\n", accepted, tbs.len * 8);
	assert_true(accepted > 17 * 7 && accepted < 17 * 8 + 32 + 60);
	test_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tbs_check__good_ones),
		cmocka_unit_test(test_rfc5280_4_1__identity_and_validity),
		cmocka_unit_test(test_rfc5280_4_2__extensions_and_usage),
		cmocka_unit_test(test_rfc5280_4_2_1_6__names),
		cmocka_unit_test(test_rfc5280_4_1_2_6__subject),
		cmocka_unit_test(test_trust_v67__weak_key),
		cmocka_unit_test(test_rfc5280_4_2__extensions_that_no_spec_has),
		cmocka_unit_test(test_rfc5280_4_2_1_1__authority_key_id_alone),
		cmocka_unit_test(test_tbs_check__every_mutation),
		cmocka_unit_test(test_tbs_check__every_bit_and_every_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
