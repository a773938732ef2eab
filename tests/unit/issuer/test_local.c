/* test_local.c - from an order to a certificate: prepare(), the real signer, issue(); openssl(1)
 * judges. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "crypto/pem.h"
#include "issuer/ca_create.h"
#include "issuer/issuer.h"
#include "shell.h"

#define DAY 86400LL

static char folder[64];
static struct arena arena;
static struct fault fault;
static struct loop *loop;
static struct signer *signer;
static struct issuer *issuer;
static struct authority authority;
static struct privkey *key;
static struct csr csr;
static struct signer_profile laws[8];
static enum key_type authority_type = KEY_P256; /* of the next set-up */

static void must(enum rc rc)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_text(rc), fault.detail);
}

static void make_authority(void)
{
	struct ca_create_options o = { .directory = str_of(folder), .name = STR("Lab"),
				       .key_type = authority_type, .rsa_bits = 3072,
				       .permit_count = 2 };
	struct secret *pass;
	struct ca_created made;
	struct name_subtree permit[2];

	must(name_subtree_parse(&arena, STR("lab.internal"), &permit[0], NULL));
	must(name_subtree_parse(&arena, STR("10.0.0.0/8"), &permit[1], NULL));
	must(secret_new(str_bytes(STR("x")), &pass));
	o.permit = permit;
	o.root_passphrase = pass;
	must(ca_create(&arena, &o, &made, &fault));
	secret_free(pass);
	must(authority_load(&arena, STR("lab"), made.chain_file.p, NULL, &authority, &fault));
	authority.ocsp_url = STR("http://ca.lab.internal/ocsp");
	authority.ca_issuers_url = STR("http://ca.lab.internal/issuing.crt");
	authority.crl_url = STR("http://ca.lab.internal/lab.crl");
}

static void start_signer(void)
{
	struct signer_authority a = {
		.name = STR("lab"),
		.certificate_file = str_of(arena_printf(&arena, "%s/chain.pem", folder)),
		.key_ref = str_of(arena_printf(&arena, "file:%s/issuing.key", folder)),
		.ocsp_url = authority.ocsp_url,
		.ca_issuers_url = authority.ca_issuers_url,
		.crl_url = authority.crl_url,
		.profiles = laws,
	};
	struct signer_config c = {
		.journal_file = str_of(arena_printf(&arena, "%s/journal", folder)),
		.max_backdate_s = DAY + 3600,
		.authorities = &a,
		.authority_count = 1,
	};
	struct signer_options o = { .loop = loop, .program = ASSAY_SIGNER_PROGRAM,
				    .timeout_ms = 5000, .max_waiting = 64 };
	AUTO(buf) struct buf text;

	for (const struct profile *p = PROFILES_BUILT_IN; p->name.p; p++)
		profile_signer_law(p, &laws[a.profile_count++]);
	buf_init(&text, SIGNER_CONFIG_MAX);
	signer_config_write(&c, &text);
	o.config = buf_bytes(&text);
	must(signer_start(&o, &signer, &fault));
	must(issuer_local_new(signer, &issuer));
}

static void use_key(enum key_type type, unsigned bits)
{
	/* A request full of what must not get into a certificate. */
	static const struct san other = { .type = SAN_DNS,
					  .value = { (const uint8_t *)"evil.example", 12 } };
	struct csr_spec spec = { .cn = STR("evil.example"), .organization = STR("Evil Inc"),
				 .sans = &other, .san_count = 1 };
	struct bytes der;

	csr_done(&csr);
	privkey_free(key);
	must(privkey_generate(type, bits, &key));
	must(csr_build(&arena, &spec, key, &der));
	must(csr_parse(&arena, der, &csr, &fault));
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 * 1024 * 1024);
	strcpy(folder, "/tmp/assay-local-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	must(loop_new(&loop));
	make_authority();
	start_signer();
	use_key(KEY_P256, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	issuer->ops->free(issuer);
	signer_free(signer);
	loop_free(loop);
	csr_done(&csr);
	csr = (struct csr){ 0 };
	privkey_free(key);
	key = NULL;
	fault_done(&fault);
	arena_done(&arena);
	shell("/tmp", true, "rm -rf %s", folder);
	return 0;
}

static const struct profile *profile_of(const char *name)
{
	const struct profile *p = PROFILES_BUILT_IN;

	while (!str_is(p->name, name))
		p++;
	return p;
}

/* names: "dns:a.lab.internal ip:10.0.0.1", as identifiers_from_text() has them. */
static struct issue_request request_for(const char *profile, const char *names)
{
	struct issue_request r = { .authority = &authority, .profile = profile_of(profile),
				   .csr = &csr };
	struct identifier *v;

	must(identifiers_from_text(&arena, str_of(names), &v, &r.identifier_count));
	r.identifiers = v;
	return r;
}

struct result {
	unsigned done;
	enum rc rc;
	char file[16];
	struct bytes certificate;
	char detail[FAULT_DETAIL_MAX];
};

static void on_issued(void *arg, enum rc rc, struct bytes certificate, const struct fault *f)
{
	struct result *r = arg;

	r->done++;
	r->rc = rc;
	r->certificate = arena_bytes(&arena, certificate);
	snprintf(r->detail, sizeof(r->detail), "%s", f ? f->detail : "");
	loop_stop(loop);
}

static struct result issue_claim(const char *profile, struct bytes claim)
{
	struct result r = { 0 };

	must(issuer->ops->issue(issuer, STR("lab"), str_of(profile), claim, on_issued, &r));
	assert_int_equal(r.done, 0);
	loop_run(loop);
	assert_int_equal(r.done, 1);
	return r;
}

static struct issue_claim prepare(const struct issue_request *r)
{
	struct issue_claim claim;

	must(issuer->ops->prepare(issuer, r, &arena, &claim, &fault));
	return claim;
}

/* Issued, and written to leaf.pem for openssl(1). */
static struct cert_info issue(const struct issue_request *request)
{
	struct issue_claim claim = prepare(request);
	struct result r = issue_claim(request->profile->name.p, claim.claim);
	struct cert_info info;
	AUTO(buf) struct buf pem;
	FILE *file;

	if (r.rc != RC_OK)
		fail_msg("%s: %s", rc_text(r.rc), r.detail);
	must(cert_parse(&arena, r.certificate, &info, &fault));
	assert_true(bytes_eq(info.serial, claim.serial));
	assert_int_equal(info.not_before, claim.not_before);
	assert_int_equal(info.not_after, claim.not_after);
	assert_true(bytes_eq(info.spki, pubkey_spki(csr.key)));
	buf_init(&pem, 64 * 1024);
	pem_add(&pem, "CERTIFICATE", r.certificate);
	file = fopen(arena_printf(&arena, "%s/leaf.pem", folder), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(pem.p, 1, pem.len, file), pem.len);
	fclose(file);
	shell(folder, true, "openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem leaf.pem");
	return info;
}

static const char *text_of_leaf(void)
{
	return shell(folder, true, "openssl x509 -in leaf.pem -noout -text");
}

static void check_text(const char *const *has, const char *const *has_not)
{
	const char *text = text_of_leaf();

	for (; *has; has++)
		if (!strstr(text, *has))
			fail_msg("no \"%s\" in:\n%s", *has, text);
	for (; *has_not; has_not++)
		if (strstr(text, *has_not))
			fail_msg("\"%s\" in:\n%s", *has_not, text);
}

static void test_issue__server(void **state)
{
	static const char *const has[] = {
		"Issuer: O = Lab, CN = Lab Issuing CA", "Subject: CN = a.lab.internal",
		"X509v3 Key Usage: critical\n                Digital Signature\n",
		"TLS Web Server Authentication\n",
		"X509v3 Subject Alternative Name: \n                "
		"DNS:a.lab.internal, DNS:*.b.lab.internal, IP Address:10.1.2.3\n",
		"OCSP - URI:http://ca.lab.internal/ocsp",
		"CA Issuers - URI:http://ca.lab.internal/issuing.crt",
		"URI:http://ca.lab.internal/lab.crl", "X509v3 Authority Key Identifier", NULL,
	};
	static const char *const has_not[] = { "evil", "Evil", "CA:TRUE", "Client", "Encipherment", NULL };
	struct issue_request r = request_for("server",
					     "dns:a.lab.internal dns:*.b.lab.internal ip:10.1.2.3");
	struct cert_info info = issue(&r);
	struct cert_info issuing = authority.issuing;

	(void)state;
	check_text(has, has_not);
	must(cert_check_issued(&info, &issuing, &fault));
	/* TRUST V28; the authority is young, so it begins with it and not an hour ago */
	assert_int_equal(info.not_after - info.not_before + 1, 90 * DAY);
	assert_true(info.not_before <= clock_now_s());
	shell(folder, true, "openssl verify -purpose sslserver -verify_hostname x.b.lab.internal "
			    "-CAfile root.pem -untrusted issuing.pem leaf.pem");
	shell(folder, true, "openssl verify -verify_ip 10.1.2.3 -CAfile root.pem -untrusted issuing.pem "
			    "leaf.pem");
	shell(folder, false, "openssl verify -purpose sslclient -CAfile root.pem -untrusted issuing.pem "
			     "leaf.pem");
}

static void test_issue__the_other_profiles(void **state)
{
	static const struct {
		const char *profile, *names;
		enum key_type key;
		unsigned bits;
		int64_t days;
		const char *has[4], *has_not[4];
	} cases[] = {
		{ "short", "dns:a.lab.internal", KEY_P256, 0, 6,
		  { "Subject: \n", "X509v3 Subject Alternative Name: critical", "Server" }, { "CN = a" } },
		{ "client", "dns:a.lab.internal", KEY_P384, 0, 90,
		  { "Subject: CN = a.lab.internal", "TLS Web Client Authentication" }, { "Server" } },
		{ "mtls", "dns:a.lab.internal", KEY_ED25519, 0, 90,
		  { "TLS Web Server Authentication, TLS Web Client Authentication" }, { "Encipher" } },
		{ "server", "dns:a.lab.internal", KEY_RSA, 2048, 90,
		  { "Digital Signature, Key Encipherment" }, { "Client" } },
		{ "client", "dns:a.lab.internal", KEY_RSA, 3072, 90,
		  { "Digital Signature\n" }, { "Encipherment" } },
		{ "server", "ip:10.0.0.1", KEY_P521, 0, 90,
		  { "Subject: \n", "X509v3 Subject Alternative Name: critical" }, { "CN = 10" } },
		/* the first name that a CN can hold */
		{ "server", "dns:a0123456789012345678901234567890.b0123456789012345678901234567890."
			    "lab.internal dns:b.lab.internal", KEY_P256, 0, 90,
		  { "Subject: CN = b.lab.internal" }, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct issue_request r;
		struct cert_info info;

		use_key(cases[i].key, cases[i].bits);
		r = request_for(cases[i].profile, cases[i].names);
		info = issue(&r);
		check_text(cases[i].has, cases[i].has_not);
		assert_int_equal(info.not_after - info.not_before + 1, cases[i].days * DAY);
	}
}

/* Also: what libcrypto does for each of them passes the worker's filter of system calls. */
static void test_issue__by_every_kind_of_authority(void **state)
{
	static const enum key_type types[] = { KEY_RSA, KEY_P384, KEY_P521, KEY_ED25519, KEY_P256 };

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct issue_request r;

		teardown(state);
		authority_type = types[i];
		setup(state);
		r = request_for("server", "dns:a.lab.internal");
		issue(&r);
		issue(&r);
	}
}

static enum rc prepare_rc(const struct issue_request *r)
{
	struct issue_claim claim;

	return issuer->ops->prepare(issuer, r, &arena, &claim, &fault);
}

static void test_prepare__names_outside_are_refused(void **state)
{
	static const char *const names[] = { "dns:lab.example", "dns:evillab.internal",
					     "dns:*.internal", "ip:11.0.0.1", "ip:fd00::1",
					     "dns:a.lab.internal dns:b.example" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct issue_request r = request_for("server", names[i]);

		assert_int_equal(prepare_rc(&r), RC_DENIED);
		assert_int_equal(fault.problem, PROBLEM_REJECTED_IDENTIFIER);
	}
	assert_int_equal(fault.sub_count, 1);
	assert_string_equal(fault.subs[0].identifier, "b.example");
}

static void test_prepare__own_permit_narrows(void **state)
{
	struct name_subtree permit[2];
	struct issue_request r = request_for("server", "dns:a.lab.internal");

	(void)state;
	must(name_subtree_parse(&arena, STR("b.lab.internal"), &permit[0], NULL));
	must(name_subtree_parse(&arena, STR("192.168.0.0/16"), &permit[1], NULL));
	authority.permit = permit;
	authority.permit_count = 2;
	assert_int_equal(prepare_rc(&r), RC_DENIED);
	r = request_for("server", "dns:x.b.lab.internal");
	must(prepare_rc(&r));
	r = request_for("server", "ip:192.168.0.1"); /* not in the certificate */
	assert_int_equal(prepare_rc(&r), RC_DENIED);
}

static void test_prepare__profile_without_addresses(void **state)
{
	struct profile p = *profile_of("server");
	struct issue_request r = request_for("server", "dns:a.lab.internal ip:10.0.0.1");

	(void)state;
	p.names_ip = false;
	r.profile = &p;
	assert_int_equal(prepare_rc(&r), RC_DENIED);
	assert_string_equal(fault.subs[0].identifier, "10.0.0.1");
}

static void test_rfc8555_7_4__requested_validity(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	int64_t now = clock_now_s();
	const struct {
		int64_t before, after;
		enum rc rc;
	} cases[] = {
		{ 0, now + 30 * DAY, RC_OK },
		{ now, 0, RC_OK },
		{ now, now + 398 * DAY - 100, RC_OK },
		{ now + 10 * DAY, now + 20 * DAY, RC_OK },
		{ now, now + 398 * DAY + 100, RC_INVALID },
		{ now + 390 * DAY, now + 400 * DAY, RC_INVALID }, /* proven today, not next year */
		{ now - DAY, 0, RC_INVALID },
		{ now, now - 1, RC_INVALID },
		{ now + 100, now + 50, RC_INVALID },
		{ INT64_MAX, 0, RC_INVALID },
		{ 0, INT64_MAX, RC_INVALID },
		{ 1, INT64_MAX, RC_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		r.not_before = cases[i].before;
		r.not_after = cases[i].after;
		if (prepare_rc(&r) != cases[i].rc)
			fail_msg("case %zu: %s", i, fault.detail);
	}
	r.not_before = now;
	r.not_after = now + 30 * DAY;
	{
		struct cert_info info = issue(&r);

		assert_int_equal(info.not_before, now);
		assert_int_equal(info.not_after, now + 30 * DAY);
	}
}

/* RFC 5280 §6.1.3: no leaf outlives its issuer; near the end of the issuer there are none. */
static void test_prepare__issuer_near_its_end(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	int64_t now = clock_now_s();
	struct issue_claim claim;

	(void)state;
	authority.issuing.not_after = now + 10 * DAY;
	claim = prepare(&r);
	assert_int_equal(claim.not_after, now + 10 * DAY);
	r.not_after = now + 11 * DAY; /* asked for: told, not clamped */
	assert_int_equal(prepare_rc(&r), RC_INVALID);
	r.not_after = 0;
	authority.issuing.not_after = now + 3500;
	assert_int_equal(prepare_rc(&r), RC_DENIED);
	authority.issuing.not_after = now - 1;
	assert_int_equal(prepare_rc(&r), RC_DENIED);
	authority.issuing.not_after = now + 100 * DAY;
	authority.issuing.not_before = now + 60;
	assert_int_equal(prepare_rc(&r), RC_UNAVAILABLE); /* the clock may be set yet */
}

static void test_issue__again_gives_the_same_certificate(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	struct issue_claim claim = prepare(&r);
	struct result first = issue_claim("server", claim.claim), again;

	(void)state;
	must(first.rc);
	/* also with a new issuer object, as after a restart of the server */
	issuer->ops->free(issuer);
	must(issuer_local_new(signer, &issuer));
	again = issue_claim("server", claim.claim);
	must(again.rc);
	assert_true(bytes_eq(first.certificate, again.certificate));
}

static void test_issue__tampered_claims(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	struct issue_claim claim = prepare(&r);
	uint8_t *copy = arena_alloc(&arena, claim.claim.len);
	struct result result = { 0 };
	unsigned signed_count = 0;

	(void)state;
	assert_int_equal(issuer->ops->issue(issuer, STR("lab"), STR("server"), bytes_of("", 0),
					    on_issued, &result), RC_INVALID);
	/* Any octet changed: refused here or by the signer, but for what is the server's to choose, as
	 * a serial's random part. Then the certificate says what was asked for, and nobody gets a
	 * second one with that serial. */
	for (size_t i = 0; i < claim.claim.len; i += 5) {
		enum rc rc;

		memcpy(copy, claim.claim.p, claim.claim.len);
		copy[i] ^= 0x04;
		result = (struct result){ 0 };
		rc = issuer->ops->issue(issuer, STR("lab"), STR("server"),
					bytes_of(copy, claim.claim.len), on_issued, &result);
		if (rc == RC_OK)
			loop_run(loop);
		if (rc != RC_OK || result.rc != RC_OK)
			continue;
		signed_count++;
		assert_non_null(memmem(result.certificate.p, result.certificate.len,
				       copy + claim.claim.len - 200, 200));
	}
	assert_true(signed_count < 20);
}

/* The claim names another key than the signer's: its certificate would be worthless. */
static void test_issue__signature_of_another_key_is_refused(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	struct authority other = authority;
	struct result result;

	(void)state;
	other.issuing.spki = pubkey_spki(privkey_pubkey(key)); /* the same length */
	r.authority = &other;
	result = issue_claim("server", prepare(&r).claim);
	assert_int_equal(result.rc, RC_DENIED);
	assert_non_null(strstr(result.detail, "RFC 5280 §4.1.1.3"));
}

static void test_issue__without_the_signer(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	struct issue_claim claim = prepare(&r);
	struct result result = { 0 };
	siginfo_t gone;

	(void)state;
	kill(signer_pid(signer), SIGKILL);
	/* Its worker dies with it (PR_SET_PDEATHSIG), not before it is gone. */
	assert_int_equal(waitid(P_PID, (id_t)signer_pid(signer), &gone, WEXITED | WNOWAIT), 0);
	must(issuer->ops->issue(issuer, STR("lab"), STR("server"), claim.claim, on_issued, &result));
	loop_run(loop);
	assert_int_equal(result.rc, RC_UNAVAILABLE);
	assert_int_equal(issuer->ops->issue(issuer, STR("lab"), STR("server"), claim.claim, on_issued,
					    &result), RC_UNAVAILABLE);
	assert_int_equal(result.done, 1);
}

#define LOAD 2000

static void test_prepare__costs_little(void **state)
{
	struct issue_request r = request_for("server", "dns:a.lab.internal");
	int64_t begin = clock_mono_us();
	AUTO(arena) struct arena a;
	struct issue_claim claim;

	(void)state;
	arena_init(&a, LIMIT_REQUEST_ARENA);
	for (int i = 0; i < LOAD; i++) {
		must(issuer->ops->prepare(issuer, &r, &a, &claim, &fault));
		arena_reset(&a);
	}
	print_message("prepare: %.1f us, %zu octets of claim\n",
		      (double)(clock_mono_us() - begin) / LOAD, claim.claim.len);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_issue__server),
		T(test_issue__the_other_profiles),
		T(test_issue__by_every_kind_of_authority),
		T(test_prepare__names_outside_are_refused),
		T(test_prepare__own_permit_narrows),
		T(test_prepare__profile_without_addresses),
		T(test_rfc8555_7_4__requested_validity),
		T(test_prepare__issuer_near_its_end),
		T(test_issue__again_gives_the_same_certificate),
		T(test_issue__tampered_claims),
		T(test_issue__signature_of_another_key_is_refused),
		T(test_issue__without_the_signer),
		T(test_prepare__costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
