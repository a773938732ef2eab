/* test_ca_create.c - authorities that we make, install and import, judged by openssl(1). */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "issuer/ca_create.h"
#include "issuer/issuer.h"
#include "issuer/pem_file.h"
#include "shell.h"

#define YEAR (365 * 86400LL)

static char folder[64];
static struct arena arena;
static struct secret *root_pass, *issuing_pass;
static struct fault fault;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 16 * 1024 * 1024);
	strcpy(folder, "/tmp/assay-ca-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(secret_new(str_bytes(STR("root secret")), &root_pass), RC_OK);
	assert_int_equal(secret_new(str_bytes(STR("issuing secret")), &issuing_pass), RC_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shell("/tmp", true, "rm -rf %s", folder);
	secret_free(root_pass);
	secret_free(issuing_pass);
	fault_done(&fault);
	arena_done(&arena);
	return 0;
}

static struct ca_create_options options(void)
{
	return (struct ca_create_options){
		.directory = str_of(folder),
		.name = STR("Home Lab"),
		.key_type = KEY_P256,
		.rsa_bits = 2048,
		.root_passphrase = root_pass,
		.issuing_passphrase = issuing_pass,
	};
}

static struct bytes read_file(const char *name)
{
	struct bytes content;

	assert_int_equal(file_read(&arena, arena_printf(&arena, "%s/%s", folder, name), 1 << 20,
				   &content, &fault), RC_OK);
	return content;
}

static void must(enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_text(rc), fault.detail);
}

static void check_names(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (!strstr(text, *names))
			fail_msg("no \"%s\" in:\n%s", *names, text);
}

static void test_ca_create__files_and_certificates(void **state)
{
	static const char *const root[] = {
		"Issuer: O = Home Lab, CN = Home Lab Root CA",
		"Subject: O = Home Lab, CN = Home Lab Root CA",
		"X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:1",
		"X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
		"X509v3 Subject Key Identifier", NULL,
	};
	static const char *const issuing[] = {
		"Issuer: O = Home Lab, CN = Home Lab Root CA",
		"Subject: O = Home Lab, CN = Home Lab Issuing CA",
		"X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
		"X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
		"X509v3 Authority Key Identifier", "X509v3 Name Constraints: critical",
		"Permitted:", "DNS:lab.internal", "IP:10.0.0.0/255.0.0.0", NULL,
	};
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {
		{ "root.key", 0600 }, { "issuing.key", 0600 }, { "root.pem", 0644 },
		{ "issuing.pem", 0644 }, { "chain.pem", 0644 },
	};
	struct ca_create_options o = options();
	struct name_subtree permit[2];
	struct ca_created made;
	char hex[65];
	struct stat st;

	(void)state;
	must(name_subtree_parse(&arena, STR("lab.internal"), &permit[0], NULL));
	must(name_subtree_parse(&arena, STR("10.0.0.0/8"), &permit[1], NULL));
	o.permit = permit;
	o.permit_count = 2;
	must(ca_create(&arena, &o, &made, &fault));
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		assert_int_equal(stat(arena_printf(&arena, "%s/%s", folder, files[i].name), &st), 0);
		assert_int_equal(st.st_mode & 07777, files[i].mode);
	}
	assert_string_equal(shell(folder, true, "ls -A | wc -l"), "5\n");
	check_names(shell(folder, true, "openssl x509 -in root.pem -noout -text"), root);
	check_names(shell(folder, true, "openssl x509 -in issuing.pem -noout -text"), issuing);
	shell(folder, true, "openssl verify -x509_strict -CAfile root.pem issuing.pem");
	shell(folder, true, "cat issuing.pem root.pem | cmp - chain.pem");
	hex_encode(bytes_of(made.fingerprint, 32), hex);
	assert_non_null(strstr(shell(folder, true, "openssl x509 -in root.pem -outform DER | sha256sum"),
			       hex));
	/* 20 and 5 years, to the second */
	shell(folder, true, "openssl x509 -in root.pem -noout -checkend %lld", 20 * YEAR - 3600 - 60);
	shell(folder, false, "openssl x509 -in root.pem -noout -checkend %lld", 20 * YEAR - 3600);
	shell(folder, true, "openssl x509 -in issuing.pem -noout -checkend %lld", 5 * YEAR - 3660);
	/* keys are encrypted, each with its own passphrase, and fit */
	shell(folder, false, "openssl pkey -in issuing.key -passin pass:wrong -noout");
	shell(folder, true, "openssl pkey -in issuing.key -passin 'pass:issuing secret' -pubout >a; "
			    "openssl x509 -in issuing.pem -pubkey -noout | cmp - a");
	shell(folder, true, "openssl pkey -in root.key -passin 'pass:root secret' -noout");
}

static void test_ca_create__every_kind_of_key(void **state)
{
	static const struct {
		enum key_type type;
		unsigned bits;
		const char *text;
	} kinds[] = {
		{ KEY_P256, 0, "ASN1 OID: prime256v1" }, { KEY_P384, 0, "ASN1 OID: secp384r1" },
		{ KEY_P521, 0, "ASN1 OID: secp521r1" },  { KEY_ED25519, 0, "ED25519 Public-Key" },
		{ KEY_RSA, 2048, "Public-Key: (2048 bit)" },
		{ KEY_RSA, 3072, "Public-Key: (3072 bit)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct ca_create_options o = options();
		struct ca_created made;
		struct authority authority;

		o.key_type = kinds[i].type;
		o.rsa_bits = kinds[i].bits;
		o.directory = str_of(arena_printf(&arena, "%s/%zu", folder, i)); /* is made */
		o.issuing_passphrase = NULL;
		must(ca_create(&arena, &o, &made, &fault));
		shell(o.directory.p, true, "openssl verify -x509_strict -CAfile root.pem issuing.pem");
		assert_non_null(strstr(shell(o.directory.p, true,
					     "openssl x509 -in issuing.pem -noout -text"),
				       kinds[i].text));
		shell(o.directory.p, true, "openssl pkey -in issuing.key -passin pass: -noout");
		must(authority_load(&arena, STR("lab"), made.chain_file.p, NULL, &authority, &fault));
		assert_int_equal(authority.alg, key_x509_sig_alg(kinds[i].type));
		assert_memory_equal(authority.fingerprint, made.fingerprint, 32);
	}
}

static void test_ca_create__options_that_make_no_ca(void **state)
{
	static const char long_name[] = "012345678901234567890123456789012345678901234567890";
	struct ca_create_options good = options(), o;
	struct ca_created made;

	(void)state;
	good.directory = str_of(arena_printf(&arena, "%s/new", folder));
	o = good, o.root_passphrase = NULL;
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_INVALID);
	o = good, o.name = STR("");
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_INVALID);
	o = good, o.name = STR(long_name);
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_INVALID);
	o = good, o.name = STR("a\nb");
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_INVALID);
	o = good, o.root_lifetime_s = 101 * YEAR;
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_INVALID);
	o = good, o.key_type = KEY_RSA, o.rsa_bits = 1024;
	assert_int_not_equal(ca_create(&arena, &o, &made, &fault), RC_OK);
	/* no folder, no file was left */
	assert_string_equal(shell(folder, true, "ls -A"), "");
}

static void test_ca_create__touches_nothing_that_is_there(void **state)
{
	static const char *const names[] = { "root.key", "issuing.key", "root.pem", "issuing.pem",
					     "chain.pem" };
	struct ca_create_options o = options();
	struct ca_created made;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		shell(folder, true, "echo precious >%s", names[i]);
		assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_CONFLICT);
		assert_non_null(strstr(fault.detail, names[i]));
		assert_string_equal(shell(folder, true, "cat %s; rm %s; ls -A", names[i], names[i]),
				    "precious\n");
	}
	/* a dangling link is no free name either */
	shell(folder, true, "ln -s /nonexistent/x issuing.key");
	assert_int_equal(ca_create(&arena, &o, &made, &fault), RC_CONFLICT);
	assert_string_equal(shell(folder, true, "ls -A"), "issuing.key\n");
}

static void test_ca_create__issuing_ends_with_the_root(void **state)
{
	struct ca_create_options o = options();
	struct ca_created made;

	(void)state;
	o.root_lifetime_s = 30 * 86400;
	must(ca_create(&arena, &o, &made, &fault));
	shell(folder, true, "openssl x509 -in root.pem -noout -enddate >a; "
			    "openssl x509 -in issuing.pem -noout -enddate | cmp - a");
}

/* Name constraints as OpenSSL understands them: what they are for. */
static void test_rfc5280_4_2_1_10__constraints_hold_for_openssl(void **state)
{
	static const struct {
		const char *san;
		bool good;
	} names[] = {
		{ "DNS:host.lab.internal", true }, { "DNS:lab.internal", true },
		{ "DNS:*.lab.internal", true }, { "IP:10.1.2.3", true },
		{ "DNS:lab.example", false }, { "DNS:evillab.internal", false },
		{ "IP:11.0.0.1", false }, { "IP:fd00::1", false },
		{ "DNS:host.lab.internal,DNS:other.example", false },
	};
	struct ca_create_options o = options();
	struct name_subtree permit[2];
	struct ca_created made;

	(void)state;
	must(name_subtree_parse(&arena, STR("lab.internal"), &permit[0], NULL));
	must(name_subtree_parse(&arena, STR("10.0.0.0/8"), &permit[1], NULL));
	o.permit = permit;
	o.permit_count = 2;
	o.issuing_passphrase = NULL;
	must(ca_create(&arena, &o, &made, &fault));
	shell(folder, true, "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			    "-keyout leaf.key -subj / -out leaf.csr");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		shell(folder, true, "echo subjectAltName=critical,%s >ext; openssl x509 -req -in leaf.csr "
				    "-CA issuing.pem -CAkey issuing.key -extfile ext -days 1 "
				    "-out leaf.pem", names[i].san);
		shell(folder, names[i].good,
		      "openssl verify -CAfile root.pem -untrusted issuing.pem leaf.pem");
	}
}

/* A foreign root, made and used with openssl(1). */
static void make_foreign_root(void)
{
	shell(folder, true, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes "
			    "-keyout f.key -subj '/CN=Foreign Root' -days 3650 -out f.pem "
			    "-addext keyUsage=critical,keyCertSign,cRLSign");
}

static void foreign_signs(const char *extensions)
{
	shell(folder, true, "printf '%s' >ext; openssl x509 -req -in issuing.csr -CA f.pem -CAkey f.key "
			    "-extfile ext -days 365 -out got.pem", extensions);
}

#define GOOD_CA                                                                               \
	"basicConstraints=critical,CA:TRUE,pathlen:0\\nkeyUsage=critical,keyCertSign,cRLSign\\n" \
	"subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n"

static void test_ca_create_csr__and_install_what_a_foreign_root_signed(void **state)
{
	static const struct {
		const char *extensions, *detail;
	} bad[] = {
		{ "basicConstraints=critical,CA:FALSE\\n", "4.2.1.9" },
		{ "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,cRLSign\\n"
		  "subjectKeyIdentifier=hash\\n", "keyCertSign" },
		{ "basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign\\n"
		  "subjectKeyIdentifier=hash\\n", "cRLSign" },
	};
	struct ca_create_options o = options();
	struct ca_created made;
	struct str csr;

	(void)state;
	o.root_passphrase = NULL; /* there is no root of ours */
	must(ca_create_csr(&arena, &o, &csr, &fault));
	assert_non_null(strstr(shell(folder, true, "openssl req -in %s -noout -verify -text", csr.p),
			       "CA:TRUE"));
	assert_string_equal(shell(folder, true, "ls -A"), "issuing.csr\nissuing.key\n");
	make_foreign_root();
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		foreign_signs(bad[i].extensions);
		assert_int_not_equal(ca_install(&arena, str_of(folder), read_file("got.pem"),
						read_file("f.pem"), issuing_pass, &made, &fault), RC_OK);
		if (!strstr(fault.detail, bad[i].detail))
			fail_msg("%zu: %s", i, fault.detail);
	}
	foreign_signs(GOOD_CA);
	/* no root, a wrong passphrase, a certificate for another key */
	assert_int_equal(ca_install(&arena, str_of(folder), read_file("got.pem"), (struct bytes){ 0 },
				    issuing_pass, &made, &fault), RC_INVALID);
	assert_int_not_equal(ca_install(&arena, str_of(folder), read_file("got.pem"),
					read_file("f.pem"), root_pass, &made, &fault), RC_OK);
	assert_int_equal(ca_install(&arena, str_of(folder), read_file("f.pem"), (struct bytes){ 0 },
				    issuing_pass, &made, &fault), RC_INVALID);
	assert_int_equal(access(arena_printf(&arena, "%s/issuing.pem", folder), F_OK), -1);
	must(ca_install(&arena, str_of(folder), read_file("got.pem"), read_file("f.pem"), issuing_pass,
			&made, &fault));
	shell(folder, true, "openssl verify -x509_strict -CAfile root.pem issuing.pem; cmp root.pem f.pem "
			    "&& cat got.pem f.pem | cmp - chain.pem");
	/* not twice */
	assert_int_equal(ca_install(&arena, str_of(folder), read_file("got.pem"), read_file("f.pem"),
				    issuing_pass, &made, &fault), RC_CONFLICT);
}

static void test_ca_install__path_length_and_validity(void **state)
{
	struct ca_create_options o = options();
	struct ca_created made;
	struct str csr;

	(void)state;
	must(ca_create_csr(&arena, &o, &csr, &fault));
	/* a root that allows no CA below it */
	shell(folder, true, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
			    "-keyout f.key -subj '/CN=Foreign Root' -days 3650 -out f.pem "
			    "-addext keyUsage=critical,keyCertSign,cRLSign "
			    "-addext basicConstraints=critical,CA:TRUE,pathlen:0");
	foreign_signs(GOOD_CA);
	assert_int_not_equal(ca_install(&arena, str_of(folder), read_file("got.pem"),
					read_file("f.pem"), issuing_pass, &made, &fault), RC_OK);
	assert_non_null(strstr(fault.detail, "pathLenConstraint"));
	/* another root with the same name */
	make_foreign_root();
	assert_int_not_equal(ca_install(&arena, str_of(folder), read_file("got.pem"),
					read_file("f.pem"), issuing_pass, &made, &fault), RC_OK);
	/* expired */
	shell(folder, true, "printf '" GOOD_CA "' >ext; openssl x509 -req -in issuing.csr -CA f.pem "
			    "-CAkey f.key -extfile ext -days -1 -out got.pem");
	assert_int_not_equal(ca_install(&arena, str_of(folder), read_file("got.pem"),
					read_file("f.pem"), issuing_pass, &made, &fault), RC_OK);
	assert_non_null(strstr(fault.detail, "not valid now"));
}

static void test_ca_import__an_intermediate_of_others(void **state)
{
	struct secret *pass;
	struct ca_created made;
	struct bytes chain, key;
	struct str into = str_of(arena_printf(&arena, "%s/ca", folder));

	(void)state;
	must(secret_new(str_bytes(STR("theirs")), &pass));
	make_foreign_root();
	shell(folder, true,
	      "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:theirs "
	      "-out i.key; openssl req -new -key i.key -passin pass:theirs -subj '/CN=Theirs' "
	      "-out issuing.csr");
	foreign_signs(GOOD_CA);
	shell(folder, true, "cat got.pem f.pem >chain"); /* and the other way round below */
	chain = read_file("chain");
	key = read_file("i.key");
	assert_int_not_equal(ca_import(&arena, into, chain, key, root_pass, issuing_pass, &made, &fault),
			     RC_OK);
	assert_int_equal(ca_import(&arena, into, read_file("got.pem"), key, pass, issuing_pass, &made,
				   &fault), RC_INVALID);
	assert_int_equal(ca_import(&arena, into, read_file("f.pem"), key, pass, issuing_pass, &made,
				   &fault), RC_INVALID);
	assert_int_equal(access(into.p, F_OK), -1);
	must(ca_import(&arena, into, chain, key, pass, issuing_pass, &made, &fault));
	shell(into.p, true, "openssl pkey -in issuing.key -passin 'pass:issuing secret' -pubout >../a; "
			    "openssl x509 -in issuing.pem -pubkey -noout | cmp - ../a && "
			    "openssl verify -CAfile root.pem issuing.pem");
	secret_free(pass);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ca_create__files_and_certificates),
		T(test_ca_create__every_kind_of_key),
		T(test_ca_create__options_that_make_no_ca),
		T(test_ca_create__touches_nothing_that_is_there),
		T(test_ca_create__issuing_ends_with_the_root),
		T(test_rfc5280_4_2_1_10__constraints_hold_for_openssl),
		T(test_ca_create_csr__and_install_what_a_foreign_root_signed),
		T(test_ca_install__path_length_and_validity),
		T(test_ca_import__an_intermediate_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
