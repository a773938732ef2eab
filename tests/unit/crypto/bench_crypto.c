/* bench_crypto.c - what the operations of an issuance cost, in microseconds of CPU each.
 * Not a test: run it by hand on an idle machine (docs/ARCHITECTURE.md says what the numbers mean). */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"
#include "crypto/key.h"

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

int main(void)
{
	struct signed_data p256 = { 0 }, rsa = { 0 };

	need(crypto_init(NULL) == RC_OK, "crypto_init");
	need(privkey_generate(KEY_P256, 0, &p256.key) == RC_OK, "generate");
	need(privkey_generate(KEY_RSA, 2048, &rsa.key) == RC_OK, "generate");
	measure("sha256 of 600 octets", hash, NULL);
	measure("pubkey_from_ec p256", from_ec, &p256);
	measure("sign p256", sign, &p256);
	measure("sign rsa2048", sign, &rsa);
	need(privkey_sign_jose(p256.key, bytes_of(data, sizeof(data)), p256.sig, &p256.len) == RC_OK, "s");
	measure("verify jose ES256", verify, &p256);
	need(privkey_sign_jose(rsa.key, bytes_of(data, sizeof(data)), rsa.sig, &rsa.len) == RC_OK, "s");
	measure("verify jose RS256 (2048)", verify, &rsa);
	privkey_free(p256.key);
	privkey_free(rsa.key);
	return 0;
}
