/* test_authority.c - chains from PEM files: order, links, alternates, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer/issuer.h"
#include "shell.h"

static char folder[64];
static struct arena arena;
static struct fault fault;

#define CA_EXTENSIONS                                                                          \
	"basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign,cRLSign\\n"            \
	"subjectKeyIdentifier=hash\\nauthorityKeyIdentifier=keyid\\n"

static void make_root(const char *name)
{
	shell(folder, true, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
			    "%s.key -subj /CN=%s -days 3650 -out %s.pem "
			    "-addext keyUsage=critical,keyCertSign,cRLSign", name, name, name);
}

static void make_request(const char *name)
{
	shell(folder, true, "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
			    "%s.key -subj /CN=%s -out %s.csr", name, name, name);
}

static void certify(const char *name, const char *issuer, const char *out, const char *extensions)
{
	shell(folder, true, "printf '%s' >ext; openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key "
			    "-extfile ext -days 365 -out %s.pem",
	      extensions, name, issuer, issuer, out);
}

/* root <- mid <- issuing, and issuing cross-signed by other. */
static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 16 * 1024 * 1024);
	strcpy(folder, "/tmp/assay-authority-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	make_root("root");
	make_root("other");
	make_request("mid");
	make_request("issuing");
	make_request("leaf");
	certify("mid", "root", "mid", CA_EXTENSIONS);
	certify("issuing", "mid", "issuing", CA_EXTENSIONS);
	certify("issuing", "other", "cross", CA_EXTENSIONS);
	certify("leaf", "issuing", "leaf", "subjectAltName=DNS:a.example\\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shell("/tmp", true, "rm -rf %s", folder);
	fault_done(&fault);
	arena_done(&arena);
	return 0;
}

static enum rc load(const char *files, const char *alternate, struct authority *out)
{
	const char *alternates[] = { NULL, NULL };

	shell(folder, true, "cat %s >chain.pem", files);
	if (alternate) {
		shell(folder, true, "cat %s >alternate.pem", alternate);
		alternates[0] = arena_printf(&arena, "%s/alternate.pem", folder);
	}
	return authority_load(&arena, STR("lab"), arena_printf(&arena, "%s/chain.pem", folder),
			      alternates, out, &fault);
}

static void test_load__puts_the_chain_in_order(void **state)
{
	static const char *const orders[] = {
		"issuing.pem mid.pem root.pem",
		"issuing.pem root.pem mid.pem",
	};
	struct authority a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		assert_int_equal(load(orders[i], NULL, &a), RC_OK);
		assert_int_equal(a.chain_count, 3);
		assert_int_equal(a.alternate_count, 0);
		assert_int_equal(a.alg, SIG_ES256);
		for (size_t k = 0; k < 3; k++) {
			static const char *const names[] = { "issuing", "mid", "root" };
			struct cert_info info;

			assert_int_equal(cert_parse(&arena, a.chain[k], &info, &fault), RC_OK);
			assert_true(str_is(info.subject_cn, names[k]));
		}
	}
	/* a root alone, and a chain whose root is not known */
	assert_int_equal(load("root.pem", NULL, &a), RC_OK);
	assert_int_equal(a.chain_count, 1);
	assert_int_equal(load("issuing.pem mid.pem", NULL, &a), RC_OK);
}

static void test_load__alternates(void **state)
{
	struct authority a;

	(void)state;
	assert_int_equal(load("issuing.pem mid.pem root.pem", "cross.pem other.pem", &a), RC_OK);
	assert_int_equal(a.alternate_count, 1);
	assert_int_equal(a.alternate_counts[0], 2);
	assert_int_equal(load("issuing.pem mid.pem root.pem", "mid.pem root.pem", &a), RC_INVALID);
	assert_non_null(strstr(fault.detail, "another key"));
}

static void test_load__refusals_name_file_and_reason(void **state)
{
	static const struct {
		const char *files, *detail;
	} bad[] = {
		{ "leaf.pem issuing.pem mid.pem root.pem", "RFC 5280 §4.2.1.9" },
		{ "issuing.pem root.pem", "chain.pem" },
		{ "issuing.pem mid.pem root.pem other.pem", "another chain" },
		{ "issuing.pem mid.pem other.pem", "chain.pem" },
		{ "/dev/null", "no block" },
		{ "issuing.csr", "no block" },
	};
	struct authority a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_not_equal(load(bad[i].files, NULL, &a), RC_OK);
		if (!strstr(fault.detail, "chain.pem: ") || !strstr(fault.detail, bad[i].detail))
			fail_msg("%s: %s", bad[i].files, fault.detail);
	}
	certify("issuing", "mid", "issuing", "basicConstraints=critical,CA:TRUE\\n"
					     "keyUsage=critical,cRLSign\\nsubjectKeyIdentifier=hash\\n");
	assert_int_equal(load("issuing.pem mid.pem root.pem", NULL, &a), RC_INVALID);
	assert_non_null(strstr(fault.detail, "RFC 5280 §4.2.1.3"));
	assert_int_equal(authority_load(&arena, STR("lab"), "/nonexistent/chain.pem", NULL, &a, &fault),
			 RC_NOTFOUND);
}

/* root (pathlen 0) <- mid <- issuing: each link looks right, the chain is not. */
static void test_rfc5280_4_2_1_9__path_length_over_the_chain(void **state)
{
	struct authority a;

	(void)state;
	shell(folder, true, "openssl req -x509 -key root.key -subj /CN=root -days 3650 -out root.pem "
			    "-addext keyUsage=critical,keyCertSign,cRLSign "
			    "-addext basicConstraints=critical,CA:TRUE,pathlen:1");
	assert_int_equal(load("issuing.pem mid.pem root.pem", NULL, &a), RC_INVALID);
	assert_non_null(strstr(fault.detail, "RFC 5280 §4.2.1.9"));
}

/* The certificate that a stranger signed in the name of ours. */
static void test_load__forged_link_is_refused(void **state)
{
	struct authority a;

	(void)state;
	shell(folder, true, "openssl req -x509 -key other.key -subj /CN=mid -days 3650 -out mid.pem "
			    "-addext keyUsage=critical,keyCertSign,cRLSign");
	assert_int_not_equal(load("issuing.pem mid.pem", NULL, &a), RC_OK);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_load__puts_the_chain_in_order),
		T(test_load__alternates),
		T(test_load__refusals_name_file_and_reason),
		T(test_rfc5280_4_2_1_9__path_length_over_the_chain),
		T(test_load__forged_link_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
