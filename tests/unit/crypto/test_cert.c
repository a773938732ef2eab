/* test_cert.c - what tbs_build() writes: read back by our own reader, by openssl, and checked along
 * a chain by both (RFC 5280). */
#include "certkit.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 16 * KIT_ARENA);
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	kit_rmdir();
	arena_done(&arena);
	return 0;
}

static const char *x509_text(struct bytes cert)
{
	char *out;

	kit_write("c.der", cert);
	assert_int_equal(kit_run(&arena, &out, "openssl x509 -inform DER -in c.der -noout -text"), 0);
	return out;
}

static void test_tbs_build__leaf_as_openssl_reads_it(void **state)
{
	static const char *const parts[] = {
		"Version: 3 (0x2)",
		"5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a:5a",
		"Signature Algorithm: ecdsa-with-SHA256",
		"Issuer: O = Home Lab, CN = Lab CA",
		"Not Before: Jan 15 07:00:00 2027 GMT",
		"Not After : Apr 15 06:59:59 2027 GMT",
		"Subject: CN = a.lab.internal",
		"X509v3 Basic Constraints: critical\n                CA:FALSE",
		"X509v3 Key Usage: critical\n                Digital Signature\n",
		"X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
		"OCSP - URI:http://ocsp.lab.internal/",
		"CA Issuers - URI:http://ca.lab.internal/ca.der",
		"Full Name:\n                  URI:http://ca.lab.internal/ca.crl",
		"DNS:a.lab.internal, IP Address:10.0.0.1\n",
	};
	const char *text;
	struct certkit c;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	text = x509_text(certkit_cert(&arena, &c));
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		kit_expect_text(text, parts[i]);
}

static void test_tbs_build__every_option_as_openssl_reads_it(void **state)
{
	const struct san sans[] = {
		{ .type = SAN_DNS, .value = str_bytes(STR("*.lab.internal")) },
		{ .type = SAN_IP, .value = bytes_of("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) },
		{ .type = SAN_DNS, .value = str_bytes(STR("a.lab.internal")) },
	};
	struct bytes empty;
	struct certkit c;
	const char *text;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_RSA, 2048));
	assert_int_equal(dn_build(&arena, str_of(NULL), str_of(NULL), &empty), RC_OK);
	c.spec.subject_dn = empty;
	c.spec.san_critical = true;
	c.spec.sans = sans;
	c.spec.san_count = 3;
	c.spec.must_staple = true;
	c.spec.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT;
	c.spec.ext_key_usage = EKU_SERVER_AUTH | EKU_CLIENT_AUTH | EKU_OCSP_SIGNING;
	c.spec.crl_url = c.spec.ocsp_url = str_of(NULL);
	text = x509_text(certkit_cert(&arena, &c));
	kit_expect_text(text, "X509v3 Subject Alternative Name: critical\n                "
			      "DNS:*.lab.internal, IP Address:FD00:0:0:0:0:0:0:1, DNS:a.lab.internal\n");
	kit_expect_text(text, "TLS Feature: \n                status_request");
	kit_expect_text(text, "Digital Signature, Key Encipherment, Key Agreement\n");
	kit_expect_text(text, "TLS Web Server Authentication, TLS Web Client Authentication, OCSP Signing\n");
	assert_null(strstr(text, "OCSP - URI"));
	assert_null(strstr(text, "CRL Distribution"));
	kit_expect_text(text, "Subject: \n");
}

/* RFC 5280 §4.2.1.2 (1): openssl computes the same key id. */
static void test_rfc5280_4_2_1_2__subject_key_id(void **state)
{
	static const enum key_type types[] = { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct cert_info info;
		struct certkit c;
		struct secret *pem;
		char *out, hex[41], lower[64];
		size_t n = 0;

		certkit_leaf(&arena, &c, kit_key(types[i], types[i] == KEY_RSA ? 2048 : 256));
		assert_int_equal(tbs_parse(&arena, certkit_tbs(&arena, &c), &info, NULL), RC_OK);
		hex_encode(info.subject_key_id, hex);
		assert_int_equal(privkey_to_pem(kit_key(types[i], types[i] == KEY_RSA ? 2048 : 256), NULL, &pem),
				 RC_OK);
		kit_write("k.pem", secret_bytes(pem));
		secret_free(pem);
		assert_int_equal(kit_run(&arena, &out,
					 "openssl req -new -x509 -key k.pem -subj /CN=a -addext "
					 "subjectKeyIdentifier=hash | openssl x509 -noout -ext "
					 "subjectKeyIdentifier | tail -1"), 0);
		for (const char *p = out; *p && n < 40; p++)
			if (*p != ':' && *p != ' ')
				lower[n++] = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
		lower[n] = 0;
		assert_string_equal(lower, hex);
	}
}

static void test_rfc5280_4_1_2_5__utctime_through_2049(void **state)
{
	struct certkit c;
	struct cert_info info;
	struct bytes tbs;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_P256, 256));
	c.spec.not_before = 2524607999; /* 2049-12-31T23:59:59Z */
	c.spec.not_after = 2524608000;
	tbs = certkit_tbs(&arena, &c);
	assert_non_null(memmem(tbs.p, tbs.len, "\x17\x0d" "491231235959Z", 15));
	assert_non_null(memmem(tbs.p, tbs.len, "\x18\x0f" "20500101000000Z", 17));
	assert_int_equal(tbs_parse(&arena, tbs, &info, NULL), RC_OK);
	assert_int_equal(info.not_before, 2524607999);
	assert_int_equal(info.not_after, 2524608000);
	kit_expect_text(x509_text(certkit_sign(&arena, tbs, c.issuer_key)),
			"Not After : Jan  1 00:00:00 2050 GMT");
	c.spec.not_after = 253402300799;
	assert_int_equal(tbs_build(&arena, &c.spec, &tbs), RC_OK);
	c.spec.not_after = 253402300800;
	assert_int_equal(tbs_build(&arena, &c.spec, &tbs), RC_INVALID);
}

/* Both readers agree on all that we can write. */
static void test_tbs_parse__reads_back_what_was_built(void **state)
{
	struct cert_info info;
	struct certkit c;
	struct bytes tbs;

	(void)state;
	certkit_leaf(&arena, &c, kit_key(KEY_RSA, 2048));
	c.spec.must_staple = true;
	tbs = certkit_tbs(&arena, &c);
	assert_int_equal(tbs_parse(&arena, tbs, &info, NULL), RC_OK);
	assert_true(bytes_eq(info.tbs, tbs));
	assert_true(bytes_eq(info.serial, c.spec.serial));
	assert_int_equal(info.alg, SIG_ES256);
	assert_true(bytes_eq(info.issuer_dn, c.spec.issuer_dn));
	assert_true(bytes_eq(info.subject_dn, c.spec.subject_dn));
	assert_true(str_is(info.subject_cn, "a.lab.internal"));
	assert_int_equal(info.not_before, c.spec.not_before);
	assert_int_equal(info.not_after, c.spec.not_after);
	assert_true(bytes_eq(info.spki, pubkey_spki(c.spec.key)));
	assert_false(info.ca);
	assert_int_equal(info.path_len, -1);
	assert_int_equal(info.key_usage, KU_DIGITAL_SIGNATURE);
	assert_int_equal(info.ext_key_usage, EKU_SERVER_AUTH);
	assert_false(info.ext_key_usage_other);
	assert_int_equal(info.san_count, 2);
	assert_int_equal(info.sans[0].type, SAN_DNS);
	assert_true(bytes_eq(info.sans[0].value, c.sans[0].value));
	assert_true(bytes_eq(info.sans[1].value, c.sans[1].value));
	assert_true(bytes_eq(info.authority_key_id, c.spec.authority_key_id));
	assert_true(str_eq(info.ocsp_url, c.spec.ocsp_url));
	assert_true(str_eq(info.ca_issuers_url, c.spec.ca_issuers_url));
	assert_true(str_eq(info.crl_url, c.spec.crl_url));
	assert_false(info.urls_other);
	assert_true(info.must_staple);
	assert_int_equal(info.extensions, c.limits.allowed_extensions | EXT_TLS_FEATURE);
	assert_int_equal(info.critical, EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE);
	assert_null(info.signature.p);
}

static void test_tbs_build__refuses_what_cannot_be_written(void **state)
{
	static const char *const serials[] = { "", "00", "80", "ff0102", "0001", "007f", "0000",
					       "010203040506070809101112131415161718192021" };
	const struct san bad_sans[] = {
		{ .type = SAN_DNS, .value = bytes_of("", 0) },
		{ .type = SAN_DNS, .value = bytes_of("a\0b", 3) },
		{ .type = SAN_DNS, .value = bytes_of("a b", 3) },
		{ .type = SAN_DNS, .value = bytes_of("\xc3\xbc", 2) },
		{ .type = SAN_IP, .value = bytes_of("12345", 5) },
		{ .type = SAN_IP, .value = bytes_of("", 0) },
		{ .type = SAN_OTHER, .value = bytes_of("1234", 4) },
	};
	const struct name_subtree subtree = { .type = SAN_DNS, .dns = STR("lab.internal") };
	struct certkit good, c;
	struct bytes tbs = { NULL, 0 };

	(void)state;
	certkit_leaf(&arena, &good, kit_key(KEY_P256, 256));
	for (size_t i = 0; i < COUNT_OF(serials); i++) {
		c = good;
		c.spec.serial = kit_hex(&arena, serials[i]);
		assert_int_equal(tbs_build(&arena, &c.spec, &tbs), RC_INVALID);
	}
	for (size_t i = 0; i < COUNT_OF(bad_sans); i++) {
		c = good;
		c.spec.sans = &bad_sans[i];
		c.spec.san_count = 1;
		assert_int_equal(tbs_build(&arena, &c.spec, &tbs), RC_INVALID);
	}
#define REFUSED(change)                                                        \
	do {                                                                   \
		c = good;                                                      \
		change;                                                        \
		assert_int_equal(tbs_build(&arena, &c.spec, &tbs), RC_INVALID); \
	} while (0)
	REFUSED(c.spec.key = NULL);
	REFUSED(c.spec.alg = SIG_NONE);
	REFUSED(c.spec.issuer_dn.len = 0);
	REFUSED(c.spec.subject_dn.len = 0);
	REFUSED(c.spec.not_after = c.spec.not_before - 1);
	REFUSED(c.spec.not_before = -631152001);
	REFUSED(c.spec.ocsp_url = STR("http://a b/"));
	REFUSED(c.spec.crl_url = STR(""));
	REFUSED((c.spec.permit = &subtree, c.spec.permit_count = 1)); /* not a CA: RFC 5280 §4.2.1.10 */
#undef REFUSED
	assert_null(tbs.p);
}

/* --- chains --- */

static struct name_subtree tree(const char *text)
{
	struct name_subtree t = { 0 };

	assert_int_equal(name_subtree_parse(&arena, str_of(text), &t, NULL), RC_OK);
	return t;
}

static struct san san_of(const char *text)
{
	static uint8_t ip[16][16];
	static unsigned used;
	struct name_subtree t;
	uint8_t *p;

	if (text[0] == '*' || !(strchr(text, ':') || (text[0] >= '0' && text[0] <= '9')))
		return (struct san){ .type = SAN_DNS, .value = str_bytes(str_of(text)) };
	t = tree(text);
	p = ip[used++ % 16];
	memcpy(p, t.ip, t.ip_len);
	return (struct san){ .type = SAN_IP, .value = bytes_of(p, t.ip_len) };
}

static struct cert_info parsed(struct bytes cert)
{
	struct cert_info info;
	struct fault f = { 0 };

	if (cert_parse(&arena, cert, &info, &f) != RC_OK)
		fail_msg("%s", f.detail);
	return info;
}

/* openssl and cert_check_issued() must say the same of each name under each constraint, and openssl
 * must see that types without a subtree are excluded (RFC 5280 §4.2.1.10). */
static void test_rfc5280_4_2_1_10__name_constraints_as_openssl_sees_them(void **state)
{
	static const struct {
		const char *permit[3], *name;
		bool good;
	} rows[] = {
		{ { "lab.internal" }, "a.lab.internal", true },
		{ { "lab.internal" }, "lab.internal", true },
		{ { "lab.internal" }, "*.lab.internal", true },
		{ { "lab.internal" }, "a.other.internal", false },
		{ { "lab.internal" }, "alab.internal", false },
		{ { "lab.internal" }, "10.0.0.1", false },
		{ { "lab.internal" }, "fd00::1", false },
		{ { "10.0.0.0/8" }, "10.1.2.3", true },
		{ { "10.0.0.0/8" }, "11.1.2.3", false },
		{ { "10.0.0.0/8" }, "fd00::1", false },
		{ { "10.0.0.0/8" }, "a.lab.internal", false },
		{ { "fd00::/8" }, "fd12::1", true },
		{ { "fd00::/8" }, "fe80::1", false },
		{ { "fd00::/8" }, "10.0.0.1", false },
		{ { "lab.internal", "10.0.0.0/8", "fd00::/8" }, "a.lab.internal", true },
		{ { "lab.internal", "10.0.0.0/8", "fd00::/8" }, "10.0.0.1", true },
		{ { "lab.internal", "10.0.0.0/8", "fd00::/8" }, "fd00::1", true },
		{ { "lab.internal", "10.0.0.0/8", "fd00::/8" }, "192.168.0.1", false },
		{ { "lab.internal", "b.example" }, "x.b.example", true },
		{ { NULL }, "anything.example", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct name_subtree permit[3];
		struct certkit root, leaf;
		struct bytes root_der, leaf_der;
		struct cert_info root_info, leaf_info;
		struct fault f = { 0 };
		struct san san = san_of(rows[i].name);
		char *out;
		int code;
		enum rc rc;

		certkit_root(&arena, &root);
		while (root.spec.permit_count < 3 && rows[i].permit[root.spec.permit_count]) {
			permit[root.spec.permit_count] = tree(rows[i].permit[root.spec.permit_count]);
			root.spec.permit_count++;
		}
		root.spec.permit = permit;
		certkit_leaf(&arena, &leaf, kit_key(KEY_P256, 256));
		leaf.spec.sans = &san;
		leaf.spec.san_count = 1;
		leaf.spec.san_critical = true;
		assert_int_equal(dn_build(&arena, str_of(NULL), str_of(NULL), &leaf.spec.subject_dn), RC_OK);
		root_der = certkit_cert(&arena, &root);
		leaf_der = certkit_cert(&arena, &leaf);
		kit_write_pem("root.pem", "CERTIFICATE", root_der);
		kit_write_pem("leaf.pem", "CERTIFICATE", leaf_der);
		code = kit_run(&arena, &out, "openssl verify -x509_strict -attime %d -CAfile root.pem leaf.pem",
			       CERTKIT_NOW);
		if ((code == 0) != rows[i].good)
			fail_msg("row %zu (%s): openssl says %s", i, rows[i].name, out);
		root_info = parsed(root_der);
		leaf_info = parsed(leaf_der);
		assert_int_equal(root_info.permit_count, root.spec.permit_count);
		rc = cert_check_issued(&leaf_info, &root_info, &f);
		if ((rc == RC_OK) != rows[i].good)
			fail_msg("row %zu (%s): we say %s", i, rows[i].name, f.detail);
		if (!rows[i].good)
			kit_expect_text(f.detail, "RFC 5280 §4.2.1.10");
		assert_int_equal(cert_check_issued(&root_info, &root_info, &f), RC_OK);
	}
}

/* Every algorithm signs a chain that openssl verifies. */
static void test_cert_assemble__every_issuer_key(void **state)
{
	static const enum key_type types[] = { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct privkey *key = kit_key(types[i], types[i] == KEY_RSA ? 2048 : 256);
		struct certkit root, leaf;
		struct bytes root_der, leaf_der;
		struct cert_info root_info, leaf_info;
		struct fault f = { 0 };
		char *out;

		certkit_root(&arena, &root);
		root.issuer_key = key;
		root.spec.key = privkey_pubkey(key);
		root.spec.alg = key_x509_sig_alg(types[i]);
		root_der = certkit_cert(&arena, &root);
		root_info = parsed(root_der);
		certkit_leaf(&arena, &leaf, kit_key(KEY_P256, 256));
		leaf.issuer_key = key;
		leaf.spec.alg = root.spec.alg;
		leaf.spec.authority_key_id = root_info.subject_key_id;
		leaf_der = certkit_cert(&arena, &leaf);
		leaf_info = parsed(leaf_der);
		assert_int_equal(leaf_info.alg, key_x509_sig_alg(types[i]));
		kit_write_pem("root.pem", "CERTIFICATE", root_der);
		kit_write_pem("leaf.pem", "CERTIFICATE", leaf_der);
		if (kit_run(&arena, &out, "openssl verify -x509_strict -purpose sslserver -verify_hostname "
					  "a.lab.internal -verify_ip 10.0.0.1 -attime %d -CAfile root.pem "
					  "leaf.pem", CERTKIT_NOW) != 0)
			fail_msg("%s", out);
		assert_int_equal(cert_check_issued(&leaf_info, &root_info, &f), RC_OK);
		/* a bit of the signature, a bit of the content */
		((uint8_t *)leaf_info.signature.p)[leaf_info.signature.len - 1] ^= 1;
		assert_int_equal(cert_check_issued(&leaf_info, &root_info, &f), RC_DENIED);
		((uint8_t *)leaf_info.signature.p)[leaf_info.signature.len - 1] ^= 1;
		((uint8_t *)leaf_info.serial.p)[3] ^= 1;
		assert_int_equal(cert_check_issued(&leaf_info, &root_info, &f), RC_DENIED);
		kit_expect_text(f.detail, "RFC 5280 §6.1.3");
	}
}

static void test_cert_check_issued__rules_of_a_link(void **state)
{
	struct certkit root, sub;
	struct cert_info r, s, x;
	struct fault f = { 0 };
	uint8_t other_id[20] = { 1 };
	const struct name_subtree secret = { .type = SAN_DNS, .dns = STR("secret.lab.internal") };
	struct san wild = { .type = SAN_DNS, .value = str_bytes(STR("*.lab.internal")) };

	(void)state;
	certkit_root(&arena, &root);
	root.spec.path_len = 1;
	certkit_leaf(&arena, &sub, kit_key(KEY_P256, 256));
	sub.spec.ca = true;
	sub.spec.path_len = 0;
	sub.spec.key_usage = KU_KEY_CERT_SIGN;
	sub.spec.san_count = 0;
	r = parsed(certkit_cert(&arena, &root));
	s = parsed(certkit_cert(&arena, &sub));
	assert_int_equal(r.path_len, 1);
	assert_int_equal(s.path_len, 0);
	assert_int_equal(cert_check_issued(&s, &r, &f), RC_OK);
#define DENIED(changed, original, change, part)                                 \
	do {                                                                    \
		x = original;                                                   \
		change;                                                         \
		assert_int_equal(cert_check_issued(&original == &s ? &x : &s,   \
						   &original == &r ? &x : &r, &f), RC_DENIED); \
		kit_expect_text(f.detail, part);                                \
	} while (0)
	DENIED(x, r, x.ca = false, "RFC 5280 §4.2.1.9");
	DENIED(x, r, x.key_usage = KU_CRL_SIGN, "RFC 5280 §4.2.1.3");
	DENIED(x, r, x.path_len = 0, "RFC 5280 §4.2.1.9");
	DENIED(x, s, x.path_len = 1, "RFC 5280 §4.2.1.9");
	DENIED(x, s, x.path_len = 9, "RFC 5280 §4.2.1.9");
	DENIED(x, r, x.subject_dn = s.subject_dn, "RFC 5280 §6.1.3");
	DENIED(x, r, x.subject_key_id = bytes_of(other_id, 20), "RFC 5280 §4.2.1.1");
	DENIED(x, r, x.critical |= EXT_UNKNOWN, "RFC 5280 §4.2");
	DENIED(x, s, x.critical |= EXT_UNKNOWN, "RFC 5280 §4.2");
	DENIED(x, s, x.alg = SIG_NONE, "RFC 5280 §4.1.1.2");
	DENIED(x, s, x.alg = SIG_RS256, "RFC 5280 §6.1.3");
	s.sans = &wild;
	s.san_count = 1;
	DENIED(x, r, (x.exclude = (struct name_subtree *)&secret, x.exclude_count = 1),
	       "excluded subtree");
#undef DENIED
	x = r;
	x.spki = bytes_of("junk", 4);
	assert_int_equal(cert_check_issued(&s, &x, &f), RC_INVALID);
	assert_int_equal(f.problem, PROBLEM_BAD_PUBLIC_KEY);
}

/* Certificates that openssl makes, with all that it can put into them. */
static void test_cert_parse__made_by_openssl(void **state)
{
	static const char conf[] =
		"[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE,pathlen:3\n"
		"keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
		"authorityKeyIdentifier=keyid:always,issuer:always\n"
		"nameConstraints=critical,permitted;DNS:.lab.internal,permitted;IP:10.0.0.0/255.0.0.0,"
		"excluded;DNS:secret.lab.internal,excluded;IP:fd00:0:0:0:0:0:0:0/ff00:0:0:0:0:0:0:0,"
		"permitted;email:example.com,permitted;dirName:dn2\n"
		"certificatePolicies=1.2.3.4\nsubjectAltName=email:a@b.c,URI:http://x/,DNS:n.example,IP:10.9.8.7,"
		"otherName:1.2.3;UTF8:x,RID:1.2.3,dirName:dn2\n1.2.3.4.5=critical,ASN1:UTF8String:x\n"
		"extendedKeyUsage=serverAuth,1.2.3\ntlsfeature=status_request\nnoCheck=ignored\n"
		"authorityInfoAccess=OCSP;URI:http://o/,caIssuers;URI:http://i/,OCSP;URI:http://o2/\n"
		"crlDistributionPoints=URI:http://c/\n[dn2]\nCN=x\n";
	struct bytes *der;
	struct cert_info i;
	struct fault f = { 0 };
	char *out;
	size_t count;

	(void)state;
	kit_write("c.cnf", str_bytes(STR(conf)));
	if (kit_run(&arena, &out, "openssl req -x509 -config c.cnf -extensions ca -newkey rsa:2048 -nodes "
				  "-keyout k.pem -days 3 -subj '/O=Org/OU=U+CN=First/CN=Last/C=DE' -out c.pem") != 0)
		fail_msg("%s", out);
	assert_int_equal(pem_read(&arena, kit_read(&arena, "c.pem"), "CERTIFICATE", &der, &count, NULL), RC_OK);
	if (cert_parse(&arena, der[0], &i, &f) != RC_OK)
		fail_msg("%s", f.detail);
	assert_true(i.ca);
	assert_int_equal(i.path_len, 3);
	assert_int_equal(i.key_usage, KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(i.alg, SIG_RS256);
	assert_true(str_is(i.subject_cn, "Last"));
	assert_int_equal(i.extensions, EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_EXT_KEY_USAGE | EXT_SAN |
				       EXT_SUBJECT_KEY_ID | EXT_AUTHORITY_KEY_ID | EXT_AIA | EXT_CRL_DP |
				       EXT_NAME_CONSTRAINTS | EXT_CERT_POLICIES | EXT_TLS_FEATURE |
				       EXT_OCSP_NOCHECK | EXT_UNKNOWN);
	assert_int_equal(i.critical, EXT_BASIC_CONSTRAINTS | EXT_KEY_USAGE | EXT_NAME_CONSTRAINTS | EXT_UNKNOWN);
	assert_int_equal(i.ext_key_usage, EKU_SERVER_AUTH);
	assert_true(i.ext_key_usage_other);
	assert_true(i.must_staple);
	assert_true(str_is(i.ocsp_url, "http://o/"));
	assert_true(str_is(i.ca_issuers_url, "http://i/"));
	assert_true(str_is(i.crl_url, "http://c/"));
	assert_true(i.urls_other);
	assert_int_equal(i.san_count, 7);
	assert_int_equal(i.sans[0].type, SAN_OTHER);
	assert_int_equal(i.sans[0].tag, 0x81);
	assert_int_equal(i.sans[2].type, SAN_DNS);
	assert_int_equal(i.sans[3].type, SAN_IP);
	assert_int_equal(i.permit_count, 4);
	assert_true(str_is(i.permit[0].dns, ".lab.internal"));
	assert_int_equal(i.permit[1].ip_len, 4);
	assert_int_equal(i.permit[2].type, SAN_OTHER);
	assert_int_equal(i.exclude_count, 2);
	assert_true(str_is(i.exclude[0].dns, "secret.lab.internal"));
	assert_int_equal(i.exclude[1].ip_len, 16);
	assert_true(bytes_eq(i.subject_key_id, i.authority_key_id));
}

/* Each arena allocation fails in turn: always RC_NOMEM, never a crash or a leak. */
static void test_cert__each_allocation_fails_in_turn(void **state)
{
	const struct name_subtree permit[] = { tree("lab.internal"), tree("10.0.0.0/8") };
	struct cert_info info;
	struct certkit leaf, root;
	struct bytes out, leaf_tbs, root_der;
	struct arena small;
	unsigned failures = 0;

	(void)state;
	certkit_leaf(&arena, &leaf, kit_key(KEY_P256, 256));
	certkit_root(&arena, &root);
	root.spec.permit = permit;
	root.spec.permit_count = 2;
	leaf_tbs = certkit_tbs(&arena, &leaf);
	root_der = certkit_cert(&arena, &root);
	for (size_t max = 0; max < 3000; max += 16) {
		enum rc rc[5];

		arena_init(&small, max);
		rc[0] = tbs_build(&small, &leaf.spec, &out);
		arena_reset(&small);
		rc[1] = cert_assemble(&small, leaf_tbs, SIG_ES256, bytes_of("sig", 3), &out);
		arena_reset(&small);
		rc[2] = cert_parse(&small, root_der, &info, NULL);
		arena_reset(&small);
		rc[3] = tbs_check(&small, leaf_tbs, &leaf.limits, &info, NULL);
		arena_reset(&small);
		rc[4] = dn_build(&small, STR("o"), STR("cn"), &out);
		arena_done(&small);
		for (size_t i = 0; i < COUNT_OF(rc); i++) {
			assert_true(rc[i] == RC_OK || rc[i] == RC_NOMEM);
			failures += rc[i] == RC_NOMEM;
			assert_true(max < 2900 || rc[i] == RC_OK);
		}
	}
	assert_true(failures > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tbs_build__leaf_as_openssl_reads_it),
		cmocka_unit_test(test_tbs_build__every_option_as_openssl_reads_it),
		cmocka_unit_test(test_rfc5280_4_2_1_2__subject_key_id),
		cmocka_unit_test(test_rfc5280_4_1_2_5__utctime_through_2049),
		cmocka_unit_test(test_tbs_parse__reads_back_what_was_built),
		cmocka_unit_test(test_tbs_build__refuses_what_cannot_be_written),
		cmocka_unit_test(test_rfc5280_4_2_1_10__name_constraints_as_openssl_sees_them),
		cmocka_unit_test(test_cert_assemble__every_issuer_key),
		cmocka_unit_test(test_cert_check_issued__rules_of_a_link),
		cmocka_unit_test(test_cert_parse__made_by_openssl),
		cmocka_unit_test(test_cert__each_allocation_fails_in_turn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
