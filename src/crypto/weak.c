/* weak.c - keys that anybody can break, refused as account keys and in requests (RFC 8555 §11.1
 * asks servers to be strict about keys; CA/Browser Forum BR §6.1.1.3 and §6.1.6 list the checks).
 *
 * - size and exponent: BR §6.1.6: the exponent should be at least 2^16+1;
 * - small factors: gcd of the modulus with the product of all primes below 2^16;
 * - ROCA, CVE-2017-15361: primes of the form k*M + (65537^a mod M), M a product of the first primes.
 *   Such a modulus is a power of 65537 modulo each of those primes; another one is so by chance once
 *   in about 2^27;
 * - Fermat, CVE-2022-26320: primes so close that n = a^2 - b^2 is found from the root of n upwards;
 * - Debian, CVE-2008-0166: keys from a generator with 15 bits of seed, by fingerprint from a list.
 *
 * All arithmetic is on public numbers, so nothing here needs constant time. */
#include <openssl/bn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/evp.h"
#include "crypto/key_impl.h"

#define SMALL_PRIME_LIMIT 65536
#define FERMAT_ROUNDS 100
#define FINGERPRINT_LEN 10          /* octets: the last 20 hex digits of a SHA-1 */
#define FINGERPRINTS_MAX 20000000   /* over all lists: 200 MB */
#define LINE_MAX_LEN 128

static const unsigned roca_primes[] = {
	3,  5,  7,  11, 13, 17, 19, 23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
	73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
};

/* Made once, const afterwards. */
static BIGNUM *small_primes; /* the product of all odd primes below SMALL_PRIME_LIMIT */
static bool roca_power[COUNT_OF(roca_primes)][168]; /* [i][r]: is r a power of 65537 modulo prime i? */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* Sorted; written by weak_keys_load() before there are threads. */
static uint8_t (*fingerprints)[FINGERPRINT_LEN];
static size_t fingerprint_count, fingerprint_room;

static enum rc weak(struct fault *f, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY, "%s", why);
}

/* --- tables --- */

/* The product of the primes in [from, to), by halves, so that the factors stay of like size. */
static BIGNUM *product(const uint8_t *composite, unsigned from, unsigned to, BN_CTX *ctx)
{
	BIGNUM *left, *right, *out = BN_new();

	if (!out)
		return NULL;
	if (to - from == 1) {
		if (BN_set_word(out, composite[from] ? 1 : from) == 1)
			return out;
		BN_free(out);
		return NULL;
	}
	left = product(composite, from, from + (to - from) / 2, ctx);
	right = product(composite, from + (to - from) / 2, to, ctx);
	if (!left || !right || BN_mul(out, left, right, ctx) != 1) {
		BN_free(out);
		out = NULL;
	}
	BN_free(left);
	BN_free(right);
	return out;
}

static void make_tables(void)
{
	uint8_t *composite = calloc(1, SMALL_PRIME_LIMIT);
	BN_CTX *ctx = BN_CTX_new();

	if (composite && ctx) {
		for (unsigned i = 2; i * i < SMALL_PRIME_LIMIT; i++)
			for (unsigned k = i * i; !composite[i] && k < SMALL_PRIME_LIMIT; k += i)
				composite[k] = 1;
		small_primes = product(composite, 3, SMALL_PRIME_LIMIT, ctx);
	}
	free(composite);
	BN_CTX_free(ctx);
	for (size_t i = 0; i < COUNT_OF(roca_primes); i++)
		for (unsigned r = 1; !roca_power[i][r]; r = r * 65537 % roca_primes[i])
			roca_power[i][r] = true;
}

/* --- checks of a modulus --- */

/* The work space of the checks of one key. */
struct work {
	BIGNUM *n, *root, *square, *step, *tmp;
	BN_CTX *ctx;
};

static void work_done(struct work *w)
{
	BN_free(w->n);
	BN_free(w->root);
	BN_free(w->square);
	BN_free(w->step);
	BN_free(w->tmp);
	BN_CTX_free(w->ctx);
}

static bool work_init(struct work *w, struct bytes n)
{
	*w = (struct work){ .n = BN_bin2bn(n.p, (int)n.len, NULL), .root = BN_new(),
			    .square = BN_new(), .step = BN_new(), .tmp = BN_new(),
			    .ctx = BN_CTX_new() };
	return w->n && w->root && w->square && w->step && w->tmp && w->ctx;
}

/* gcd(n, product) is 1 exactly when the product has an inverse modulo n; finding that out is several
 * times cheaper than BN_gcd(), which takes care to leak nothing. RC_OK: no small factor. */
static enum rc small_factors(struct work *w)
{
	if (!small_primes)
		return RC_NOMEM;
	if (BN_mod(w->tmp, small_primes, w->n, w->ctx) != 1)
		return evp_failed(RC_NOMEM);
	if (BN_is_zero(w->tmp))
		return RC_INVALID;
	if (!BN_mod_inverse(w->tmp, w->tmp, w->n, w->ctx))
		return evp_failed(RC_INVALID);
	return RC_OK;
}

static bool is_roca(const BIGNUM *n)
{
	for (size_t i = 0; i < COUNT_OF(roca_primes); i++)
		if (!roca_power[i][BN_mod_word(n, roca_primes[i])])
			return false;
	return true;
}

/* The integer part of the square root, by Newton's method from above. */
static bool square_root(BIGNUM *out, const BIGNUM *of, struct work *w)
{
	if (BN_is_zero(of)) {
		BN_zero(out);
		return true;
	}
	if (BN_one(out) != 1 || BN_lshift(out, out, (BN_num_bits(of) + 1) / 2) != 1)
		return false;
	for (;;) {
		if (BN_div(w->tmp, NULL, of, out, w->ctx) != 1 || BN_add(w->tmp, w->tmp, out) != 1 ||
		    BN_rshift1(w->tmp, w->tmp) != 1)
			return false;
		if (BN_cmp(w->tmp, out) >= 0)
			return true;
		if (!BN_copy(out, w->tmp))
			return false;
	}
}

/* Squares are few modulo these: 12/64 * 16/63 * 21/65 * 6/11, so that a root is rarely taken. */
static bool may_be_square(const BIGNUM *n)
{
	static const unsigned moduli[] = { 64, 63, 65, 11 };
	BN_ULONG rest = BN_mod_word(n, 64 * 63 * 65 * 11);

	for (size_t i = 0; i < COUNT_OF(moduli); i++) {
		unsigned r = (unsigned)(rest % moduli[i]), k = 0;

		while (k < moduli[i] && k * k % moduli[i] != r)
			k++;
		if (k == moduli[i])
			return false;
	}
	return true;
}

/* Fermat: is a^2 - n a square for one of the first a above the root of n? RC_INVALID if so. */
static enum rc close_primes(struct work *w)
{
	BIGNUM *b = BN_new();
	enum rc rc = RC_NOMEM;

	if (!b || !square_root(w->root, w->n, w) || BN_sqr(w->square, w->root, w->ctx) != 1)
		goto out;
	if (BN_cmp(w->square, w->n) != 0 && (BN_add_word(w->root, 1) != 1 ||
					     BN_sqr(w->square, w->root, w->ctx) != 1))
		goto out;
	/* square = a^2 - n from here on; the next one is larger by step = 2a + 1. */
	if (BN_sub(w->square, w->square, w->n) != 1 || BN_lshift1(w->step, w->root) != 1 ||
	    BN_add_word(w->step, 1) != 1)
		goto out;
	for (int i = 0; i < FERMAT_ROUNDS; i++) {
		if (may_be_square(w->square)) {
			if (!square_root(b, w->square, w) || BN_sqr(b, b, w->ctx) != 1)
				goto out;
			if (BN_cmp(b, w->square) == 0) {
				rc = RC_INVALID;
				goto out;
			}
		}
		if (BN_add(w->square, w->square, w->step) != 1 || BN_add_word(w->step, 2) != 1)
			goto out;
	}
	rc = RC_OK;
out:
	BN_free(b);
	return rc;
}

/* --- Debian's list --- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, FINGERPRINT_LEN);
}

/* The format of Debian's openssl-blacklist: the last 20 hex digits of the SHA-1 of what
 * "openssl rsa -modulus" prints. */
static bool is_listed(struct bytes n)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[sizeof("Modulus=\n") + SIG_MAX * 2] = "Modulus=";
	size_t len = sizeof("Modulus=") - 1;
	uint8_t id[20];

	if (fingerprint_count == 0 || n.len > SIG_MAX)
		return false;
	for (size_t i = 0; i < n.len; i++) {
		text[len++] = digits[n.p[i] >> 4];
		text[len++] = digits[n.p[i] & 15];
	}
	text[len++] = '\n';
	sha1(bytes_of(text, len), id);
	return bsearch(id + sizeof(id) - FINGERPRINT_LEN, fingerprints, fingerprint_count,
		       FINGERPRINT_LEN, compare) != NULL;
}

static bool add_fingerprint(const uint8_t id[FINGERPRINT_LEN])
{
	size_t room = fingerprint_room ? fingerprint_room * 2 : 4096;
	void *p;

	if (fingerprint_count == FINGERPRINTS_MAX)
		return false;
	if (fingerprint_count == fingerprint_room) {
		p = realloc(fingerprints, room * FINGERPRINT_LEN);
		if (!p)
			return false;
		fingerprints = p;
		fingerprint_room = room;
	}
	memcpy(fingerprints[fingerprint_count++], id, FINGERPRINT_LEN);
	return true;
}

/* One line: 20 hex digits, or a comment, or nothing. */
static enum rc load_line(struct str line, const char *path, unsigned number, struct fault *f)
{
	uint8_t id[LINE_MAX_LEN];
	size_t len;

	while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r' ||
				line.p[line.len - 1] == ' '))
		line.len--;
	if (line.len == 0 || line.p[0] == '#')
		return RC_OK;
	if (line.len != 2 * FINGERPRINT_LEN || !hex_decode(line, id, &len))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%s:%u: a line of an openssl-blacklist has 20 hex digits", path, number);
	if (!add_fingerprint(id))
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL,
				 "%s:%u: no room for more than %zu weak keys", path, number,
				 fingerprint_count);
	return RC_OK;
}

enum rc weak_keys_load(const char *path, struct fault *f)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_LEN];
	unsigned number = 0;
	size_t before = fingerprint_count, kept = 0;
	enum rc rc = RC_OK;

	if (!file)
		return fault_set(f, RC_NOTFOUND, PROBLEM_SERVER_INTERNAL, "%s: cannot be opened: %m", path);
	while (rc == RC_OK && fgets(line, sizeof(line), file))
		rc = load_line(str_of(line), path, ++number, f);
	if (rc == RC_OK && ferror(file))
		rc = fault_set(f, RC_IO, PROBLEM_SERVER_INTERNAL, "%s: cannot be read: %m", path);
	fclose(file);
	if (rc != RC_OK) {
		fingerprint_count = before; /* all of a file or nothing: the rest is still sorted */
		return rc;
	}
	if (fingerprint_count == 0)
		return RC_OK;
	qsort(fingerprints, fingerprint_count, FINGERPRINT_LEN, compare);
	for (size_t i = 1; i < fingerprint_count; i++)
		if (compare(fingerprints[kept], fingerprints[i]) != 0)
			memmove(fingerprints[++kept], fingerprints[i], FINGERPRINT_LEN);
	fingerprint_count = kept + 1;
	return RC_OK;
}

/* --- the check --- */

static enum rc check_rsa(const struct pubkey *k, struct fault *f)
{
	struct bytes n = k->part[0], e = k->part[1];
	AUTO(work) struct work w = { 0 };
	enum rc rc;

	if (k->bits % 8 != 0)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "CA/Browser Forum BR §6.1.5: the RSA modulus has %u bits, which is not "
				 "divisible by 8", k->bits);
	if (e.len < 3) /* below 2^16; 2^16 itself is even and gone already */
		return weak(f, "policy (CA/Browser Forum BR §6.1.6): the RSA exponent is below 65537");
	if (is_listed(n))
		return weak(f, "CA/Browser Forum BR §6.1.1.3: a Debian weak key (CVE-2008-0166)");
	pthread_once(&tables_once, make_tables);
	if (!work_init(&w, n))
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory to check a key");
	if (is_roca(w.n))
		return weak(f, "CA/Browser Forum BR §6.1.1.3: a ROCA weak key (CVE-2017-15361)");
	rc = small_factors(&w);
	if (rc == RC_INVALID)
		return weak(f, "CA/Browser Forum BR §6.1.6: the RSA modulus has a prime factor below 2^16");
	if (rc == RC_OK)
		rc = close_primes(&w);
	if (rc == RC_INVALID)
		return weak(f, "CA/Browser Forum BR §6.1.1.3: the RSA primes are so close that Fermat's "
			       "method finds them (CVE-2022-26320)");
	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "no memory to check a key");
	return RC_OK;
}

/* y coordinates of the points of order 1, 2, 4 and 8 (RFC 7748 §7 on low order; RFC 8032 §5.1.3 on
 * the encoding); the sign bit is not looked at. With such a key any signature can be made to fit. */
static enum rc check_ed25519(struct bytes x, struct fault *f)
{
	static const uint8_t low_order[][32] = {
		{ 0 },
		{ 1 },
		{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
		  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
		  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
		{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
		  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
		  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
		{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	};
	uint8_t y[32], high = 0xff;

	memcpy(y, x.p, sizeof(y));
	y[31] &= 0x7f;
	for (size_t i = 0; i < COUNT_OF(low_order); i++)
		if (memcmp(y, low_order[i], sizeof(y)) == 0)
			return weak(f, "policy (RFC 8032 §5.1): an Ed25519 point of low order");
	for (size_t i = 1; i < 31; i++)
		high &= y[i];
	if (high == 0xff && y[31] == 0x7f && y[0] >= 0xed)
		return weak(f, "RFC 8032 §5.1.3: an Ed25519 point that is not encoded canonically");
	return RC_OK;
}

enum rc pubkey_check_strength(const struct pubkey *k, struct fault *f)
{
	switch (k->type) {
	case KEY_RSA:
		return check_rsa(k, f);
	case KEY_ED25519:
		return check_ed25519(k->part[0], f);
	default:
		return RC_OK; /* a point on one of our curves has no weak form that shows */
	}
}
