/* bench_crypto.c - what the operations of an issuance cost, in microseconds of CPU each.
 * Not a test: run it by hand on an idle machine (docs/ARCHITECTURE.md says what the numbers mean). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/digest.h"

static const uint8_t data[600] = { 1, 2, 3 };

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void need(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "bench_crypto: %s failed\n", what);
		exit(1);
	}
}

/* Runs fn for about a third of a second of CPU and prints the mean. */
static void measure(const char *name, void (*fn)(void *arg), void *arg)
{
	unsigned count = 0;
	double start, now;

	fn(arg);
	start = cpu_us();
	do {
		for (int i = 0; i < 8; i++)
			fn(arg);
		count += 8;
		now = cpu_us();
	} while (now - start < 300e3);
	printf("%-34s %9.1f us\n", name, (now - start) / count);
}

struct signed_data {
	struct privkey *key;
	uint8_t sig[SIG_MAX];
	size_t len;
};

static void verify(void *arg)
{
	struct signed_data *s = arg;
	struct pubkey *k = privkey_pubkey(s->key);

	need(pubkey_verify_jose(k, key_jose_sig_alg(pubkey_type(k)), bytes_of(data, sizeof(data)),
				bytes_of(s->sig, s->len)) == RC_OK, "verify");
}

static void sign(void *arg)
{
	struct signed_data *s = arg;

	need(privkey_sign_x509(s->key, bytes_of(data, sizeof(data)), s->sig, &s->len) == RC_OK, "sign");
}

static void from_ec(void *arg)
{
	struct signed_data *s = arg;
	struct bytes x, y;
	struct pubkey *k;

	pubkey_jwk_parts(privkey_pubkey(s->key), &x, &y);
	need(pubkey_from_ec(KEY_P256, x, y, &k, NULL) == RC_OK, "pubkey_from_ec");
	pubkey_free(k);
}

static void hash(void *arg)
{
	uint8_t out[32];

	(void)arg;
	sha256(bytes_of(data, sizeof(data)), out);
}

struct issuance {
	struct arena arena;
	struct bytes csr, tbs;
	struct tbs_spec spec;
	struct tbs_limits limits;
};

static void parse_csr(void *arg)
{
	struct issuance *i = arg;
	struct csr csr;

	arena_reset(&i->arena);
	need(csr_parse(&i->arena, i->csr, &csr, NULL) == RC_OK, "csr_parse");
	csr_done(&csr);
}

static void build_tbs(void *arg)
{
	struct issuance *i = arg;
	struct bytes tbs;

	arena_reset(&i->arena);
	need(tbs_build(&i->arena, &i->spec, &tbs) == RC_OK, "tbs_build");
}

static void check_tbs(void *arg)
{
	struct issuance *i = arg;

	arena_reset(&i->arena);
	need(tbs_check(&i->arena, i->tbs, &i->limits, NULL, NULL) == RC_OK, "tbs_check");
}

static void check_strength(void *arg)
{
	need(pubkey_check_strength(arg, NULL) == RC_OK, "pubkey_check_strength");
}

static void issuance_init(struct issuance *i, struct arena *keep, const struct privkey *key)
{
	static const struct san sans[] = {
		{ .type = SAN_DNS, .value = { (const uint8_t *)"host1.lab.internal", 18 } },
		{ .type = SAN_DNS, .value = { (const uint8_t *)"host2.lab.internal", 18 } },
	};
	static const uint8_t id[20] = { 7 }, serial[17] = { 0x40 };
	const struct csr_spec request = { .cn = STR("host1.lab.internal"), .sans = sans, .san_count = 2 };

	arena_init(&i->arena, 1 << 20);
	need(csr_build(keep, &request, key, &i->csr) == RC_OK, "csr_build");
	i->spec = (struct tbs_spec){
		.serial = bytes_of(serial, 17), .alg = SIG_ES256, .not_before = 1800000000,
		.not_after = 1800000000 + 90 * 86400 - 1, .key = privkey_pubkey(key), .path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE, .ext_key_usage = EKU_SERVER_AUTH, .sans = sans,
		.san_count = 2, .authority_key_id = bytes_of(id, 20), .crl_url = STR("http://ca.lab/ca.crl"),
	};
	need(dn_build(keep, STR("Home Lab"), STR("Lab CA"), &i->spec.issuer_dn) == RC_OK, "dn_build");
	need(dn_build(keep, str_of(NULL), STR("host1.lab.internal"), &i->spec.subject_dn) == RC_OK, "dn");
	need(tbs_build(keep, &i->spec, &i->tbs) == RC_OK, "tbs_build");
	i->limits = (struct tbs_limits){
		.alg = SIG_ES256, .issuer_dn = i->spec.issuer_dn, .authority_key_id = bytes_of(id, 20),
		.issuer_not_after = 1900000000, .max_lifetime_s = 90 * 86400, .now = 1800000000,
		.allowed_extensions = ~0U, .allowed_key_usage = ~0U, .allowed_ext_key_usage = ~0U,
		.crl_url = i->spec.crl_url,
	};
}

static void signatures(void)
{
	struct signed_data p256 = { 0 }, rsa = { 0 };

	need(privkey_generate(KEY_P256, 0, &p256.key) == RC_OK, "generate");
	need(privkey_generate(KEY_RSA, 2048, &rsa.key) == RC_OK, "generate");
	measure("sha256 of 600 octets", hash, NULL);
	measure("pubkey_from_ec p256", from_ec, &p256);
	measure("sign p256", sign, &p256);
	measure("sign rsa2048", sign, &rsa);
	need(privkey_sign_jose(p256.key, bytes_of(data, sizeof(data)), p256.sig, &p256.len) == RC_OK, "sign");
	measure("verify JOSE ES256", verify, &p256);
	need(privkey_sign_jose(rsa.key, bytes_of(data, sizeof(data)), rsa.sig, &rsa.len) == RC_OK, "sign");
	measure("verify JOSE RS256 (2048)", verify, &rsa);
	privkey_free(p256.key);
	privkey_free(rsa.key);
}

static void issuances(const char *kind, enum key_type type, unsigned bits)
{
	struct issuance i = { 0 };
	struct privkey *key;
	struct arena keep;
	char name[64];

	arena_init(&keep, 1 << 20);
	need(privkey_generate(type, bits, &key) == RC_OK, "generate");
	issuance_init(&i, &keep, key);
	snprintf(name, sizeof(name), "csr_parse %s", kind);
	measure(name, parse_csr, &i);
	snprintf(name, sizeof(name), "tbs_build %s", kind);
	measure(name, build_tbs, &i);
	snprintf(name, sizeof(name), "tbs_check %s", kind);
	measure(name, check_tbs, &i);
	snprintf(name, sizeof(name), "pubkey_check_strength %s", kind);
	measure(name, check_strength, privkey_pubkey(key));
	privkey_free(key);
	arena_done(&i.arena);
	arena_done(&keep);
}

int main(void)
{
	need(crypto_init(NULL) == RC_OK, "crypto_init");
	signatures();
	issuances("p256", KEY_P256, 256);
	issuances("rsa2048", KEY_RSA, 2048);
	issuances("rsa4096", KEY_RSA, 4096);
	return 0;
}
