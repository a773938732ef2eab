/* key.c - public keys: strict reading, then libcrypto (RFC 5280 §4.1.2.7, RFC 5480, RFC 8017,
 * RFC 8410; JWK members as RFC 7518 §6 and RFC 8037 §2 have them).
 * The SubjectPublicKeyInfo is read here octet by octet before libcrypto sees a number of it: only
 * the algorithm identifiers of the table below, which are compared as a whole, can pass. That keeps
 * out explicit curve parameters (CVE-2020-0601, CVE-2022-0778), binary curves (CVE-2024-9143) and
 * numbers of a size that only costs time (CVE-2023-6237). */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/evp.h"
#include "crypto/key_impl.h"

#define RSA_EXPONENT_MAX 8 /* octets */

static const struct key_kind {
	const char *name;  /* as people write it */
	const char *group; /* libcrypto's name of the curve */
	unsigned bits;
	size_t coord_len;
	enum sig_alg jose, x509;
	struct bytes algorithm; /* the whole AlgorithmIdentifier */
} kinds[] = {
#define DER(text) { (const uint8_t *)(text), sizeof(text) - 1 }
	[KEY_RSA] = { "rsa", NULL, 0, 0, SIG_RS256, SIG_RS256,
		      DER("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00") },
	[KEY_P256] = { "p256", "P-256", 256, 32, SIG_ES256, SIG_ES256,
		       DER("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
			   "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	[KEY_P384] = { "p384", "P-384", 384, 48, SIG_ES384, SIG_ES384,
		       DER("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22") },
	[KEY_P521] = { "p521", "P-521", 521, 66, SIG_ES512, SIG_ES512,
		       DER("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23") },
	[KEY_ED25519] = { "ed25519", NULL, 256, 32, SIG_EDDSA, SIG_EDDSA,
			  DER("\x30\x05\x06\x03\x2b\x65\x70") },
#undef DER
};

static bool is_ec(enum key_type type)
{
	return type == KEY_P256 || type == KEY_P384 || type == KEY_P521;
}

size_t key_coord_len(enum key_type type)
{
	return is_ec(type) ? kinds[type].coord_len : 0;
}

/* A key that has passed the reader: slices of what was read. */
struct raw_key {
	enum key_type type;
	struct bytes part[2];
};

static enum rc bad_key(struct fault *f, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY, "%s", why);
}

static unsigned number_bits(struct bytes n)
{
	unsigned bits = (unsigned)n.len * 8;

	for (uint8_t top = n.p[0]; top < 0x80 && bits > 0; top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

/* Size gates before any arithmetic. n and e have no leading zeros. */
static enum rc rsa_gate(struct bytes n, struct bytes e, struct fault *f)
{
	unsigned bits;

	if (n.len == 0 || e.len == 0 || n.p[0] == 0 || e.p[0] == 0)
		return bad_key(f, "RFC 8017 §3.1: RSA modulus and exponent are positive integers in "
				  "their shortest form");
	bits = n.len > LIMIT_RSA_BITS_MAX / 8 ? LIMIT_RSA_BITS_MAX + 1 : number_bits(n);
	if (bits < LIMIT_RSA_BITS_MIN)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "policy (CA/Browser Forum BR §6.1.5): the RSA modulus has %u bits, at "
				 "least %d are needed", bits, LIMIT_RSA_BITS_MIN);
	if (bits > LIMIT_RSA_BITS_MAX)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "policy: the RSA modulus has more than %d bits", LIMIT_RSA_BITS_MAX);
	if (e.len > RSA_EXPONENT_MAX)
		return bad_key(f, "policy: the RSA exponent is 2^64 or more");
	if (!(e.p[e.len - 1] & 1) || (e.len == 1 && e.p[0] < 3))
		return bad_key(f, "CA/Browser Forum BR §6.1.6: the RSA exponent must be odd and at "
				  "least 3");
	if (!(n.p[n.len - 1] & 1))
		return bad_key(f, "RFC 8017 §3.1: the RSA modulus is even, so it is no product of odd "
				  "primes");
	return RC_OK;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 §A.1.1) */
static enum rc read_rsa(struct bytes bits, struct raw_key *out, struct fault *f)
{
	struct der seq;

	if (!der_only(bits, DER_SEQUENCE, &seq) || !der_get_unsigned(&seq, &out->part[0]) ||
	    !der_get_unsigned(&seq, &out->part[1]) || !der_at_end(&seq))
		return bad_key(f, "RFC 8017 §A.1.1: the RSA key is not SEQUENCE { modulus, "
				  "publicExponent } of two non-negative integers in DER");
	return rsa_gate(out->part[0], out->part[1], f);
}

static enum rc read_ec(struct bytes bits, size_t coord_len, struct raw_key *out, struct fault *f)
{
	if (bits.len > 0 && (bits.p[0] == 2 || bits.p[0] == 3))
		return bad_key(f, "policy: the EC point is compressed; send it uncompressed (RFC 5480 "
				  "§2.2)");
	if (bits.len != 1 + 2 * coord_len || bits.p[0] != 4)
		return bad_key(f, "RFC 5480 §2.2: the EC point is not 04, X, Y with coordinates of the "
				  "curve's length");
	out->part[0] = bytes_of(bits.p + 1, coord_len);
	out->part[1] = bytes_of(bits.p + 1 + coord_len, coord_len);
	return RC_OK;
}

/* Says why an AlgorithmIdentifier is none of ours. */
static enum rc refuse_algorithm(struct bytes algorithm, struct fault *f)
{
	static const char only[] = "only RSA, P-256, P-384, P-521 and Ed25519 keys are accepted";
	static const struct bytes ec = { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x02\x01", 7 };
	static const struct bytes rsa = { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 };
	static const struct bytes ed25519 = { (const uint8_t *)"\x2b\x65\x70", 3 };
	struct der d = der_over(algorithm), inner;
	struct der_item oid, params;
	char text[DER_OID_TEXT_MAX];

	if (der_check(algorithm) || !der_enter(&d, DER_SEQUENCE, &inner) ||
	    !der_get(&inner, DER_OID, &oid))
		return bad_key(f, "RFC 5280 §4.1.1.2: the key's AlgorithmIdentifier is malformed");
	if (bytes_eq(oid.body, ec) && der_get(&inner, DER_OID, &params) && der_at_end(&inner)) {
		der_oid_text(params.body, text);
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY, "policy: curve %s; %s", text,
				 only);
	}
	if (bytes_eq(oid.body, ec))
		return bad_key(f, "RFC 5480 §2.1.1: an EC key must name its curve; explicit or implied "
				  "parameters are refused");
	if (bytes_eq(oid.body, rsa))
		return bad_key(f, "RFC 3279 §2.3.1: the parameters of an RSA key must be NULL");
	if (bytes_eq(oid.body, ed25519))
		return bad_key(f, "RFC 8410 §3: the parameters of an Ed25519 key must be absent");
	der_oid_text(oid.body, text);
	return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY, "policy: key algorithm %s; %s", text,
			 only);
}

static enum rc read_spki(struct bytes der, struct raw_key *out, struct fault *f)
{
	struct der d;
	struct der_item algorithm;
	struct bytes bits;

	if (!der_only(der, DER_SEQUENCE, &d) || !der_get(&d, DER_SEQUENCE, &algorithm))
		return bad_key(f, "RFC 5280 §4.1: the SubjectPublicKeyInfo is malformed");
	for (size_t i = KEY_RSA; i < COUNT_OF(kinds); i++)
		if (bytes_eq(algorithm.whole, kinds[i].algorithm))
			out->type = (enum key_type)i;
	if (out->type == KEY_NONE)
		return refuse_algorithm(algorithm.whole, f);
	if (!der_get_bit_octets(&d, &bits) || !der_at_end(&d))
		return bad_key(f, "RFC 5280 §4.1: the SubjectPublicKeyInfo is malformed");
	if (out->type == KEY_RSA)
		return read_rsa(bits, out, f);
	if (is_ec(out->type))
		return read_ec(bits, kinds[out->type].coord_len, out, f);
	if (bits.len != kinds[KEY_ED25519].coord_len)
		return bad_key(f, "RFC 8410 §4: an Ed25519 key has 32 octets");
	out->part[0] = bits;
	return RC_OK;
}

/* --- libcrypto's object --- */

static EVP_PKEY *fromdata(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *curve_of(enum key_type type)
{
	return type == KEY_P256 ? evp()->p256 : type == KEY_P384 ? evp()->p384 : evp()->p521;
}

/* libcrypto checks that the point is on the curve and not at infinity (SEC 1 §3.2.2.1). A copy of a
 * curve that is there costs a quarter of one that is made from its name. */
static EVP_PKEY *evp_from_ec(enum key_type type, const struct bytes part[2])
{
	uint8_t point[1 + 2 * 66] = { 4 };
	EVP_PKEY *pkey = EVP_PKEY_new();
	size_t len = part[0].len;

	memcpy(point + 1, part[0].p, len);
	memcpy(point + 1 + len, part[1].p, len);
	if (pkey && EVP_PKEY_copy_parameters(pkey, curve_of(type)) == 1 &&
	    EVP_PKEY_set1_encoded_public_key(pkey, point, 1 + 2 * len) == 1)
		return pkey;
	EVP_PKEY_free(pkey);
	return NULL;
}

/* OSSL_PARAM wants integers in the machine's order. */
static bool native_number(struct bytes number, uint8_t *out)
{
	BIGNUM *bn = BN_bin2bn(number.p, (int)number.len, NULL);
	bool ok = bn && BN_bn2nativepad(bn, out, (int)number.len) >= 0;

	BN_free(bn);
	return ok;
}

static EVP_PKEY *evp_from_rsa(const struct bytes part[2])
{
	uint8_t n[LIMIT_RSA_BITS_MAX / 8], e[RSA_EXPONENT_MAX];
	OSSL_PARAM params[3];

	if (!native_number(part[0], n) || !native_number(part[1], e))
		return NULL;
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, part[0].len);
	params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, part[1].len);
	params[2] = OSSL_PARAM_construct_end();
	return fromdata("RSA", params);
}

static EVP_PKEY *evp_from_raw(const struct raw_key *raw)
{
	switch (raw->type) {
	case KEY_RSA:
		return evp_from_rsa(raw->part);
	case KEY_ED25519:
		return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw->part[0].p,
						      raw->part[0].len);
	default:
		return evp_from_ec(raw->type, raw->part);
	}
}

/* --- making a key --- */

/* The canonical SubjectPublicKeyInfo; part[] become slices of it. */
static bool write_spki(struct der_writer *w, const struct raw_key *raw, struct bytes part[2])
{
	size_t spki = der_open(w, DER_SEQUENCE), bits, seq;

	der_add_raw(w, kinds[raw->type].algorithm);
	bits = der_open(w, DER_BIT_STRING);
	der_add_raw(w, bytes_of("", 1));
	if (raw->type == KEY_RSA) {
		seq = der_open(w, DER_SEQUENCE);
		der_add_unsigned(w, raw->part[0]);
		der_add_unsigned(w, raw->part[1]);
		der_close(w, seq);
	} else {
		if (is_ec(raw->type))
			der_add_raw(w, bytes_of("\x04", 1));
		der_add_raw(w, raw->part[0]);
		der_add_raw(w, raw->part[1]);
	}
	der_close(w, bits);
	der_close(w, spki);
	if (w->failed)
		return false;
	/* The numbers are the last thing in it: e, with its header of 2 octets and perhaps a sign
	 * octet, then n before it; or the coordinates. */
	part[1] = bytes_of(w->buf + w->len - raw->part[1].len, raw->part[1].len);
	part[0] = part[1];
	if (raw->type == KEY_RSA)
		part[0].p -= 2 + (raw->part[1].p[0] >= 0x80 ? 1 : 0);
	part[0].p -= raw->part[0].len;
	part[0].len = raw->part[0].len;
	if (raw->type == KEY_ED25519)
		part[1] = bytes_of(NULL, 0);
	return true;
}

static enum rc pubkey_new(const struct raw_key *raw, struct pubkey **out, struct fault *f)
{
	size_t cap = raw->part[0].len + raw->part[1].len + 64;
	AUTO_PTR(pubkey) struct pubkey *k = calloc(1, sizeof(*k) + cap);
	struct der_writer w;

	if (!k)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for a key");
	atomic_init(&k->refs, 1);
	k->type = raw->type;
	k->bits = raw->type == KEY_RSA ? number_bits(raw->part[0]) : kinds[raw->type].bits;
	w = der_writer_over(k->mem, cap);
	if (!write_spki(&w, raw, k->part))
		return fault_set(f, RC_INTERNAL, PROBLEM_SERVER_INTERNAL, "key larger than its room");
	k->spki = bytes_of(w.buf, w.len);
	evp(); /* settings of libcrypto first, whoever comes here first */
	k->evp = evp_from_raw(raw);
	if (!k->evp) {
		if (evp_failed(RC_INVALID) == RC_NOMEM)
			return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for a key");
		return bad_key(f, is_ec(raw->type) ?
					  "SEC 1 §3.2.2.1: the EC point is not on its curve" :
					  "the key is not usable");
	}
	*out = TAKE(k);
	return RC_OK;
}

enum rc pubkey_from_spki(struct bytes der, struct pubkey **out, struct fault *f)
{
	struct raw_key raw = { 0 };
	enum rc rc = read_spki(der, &raw, f);

	return rc == RC_OK ? pubkey_new(&raw, out, f) : rc;
}

enum rc pubkey_from_ec(enum key_type type, struct bytes x, struct bytes y, struct pubkey **out,
		       struct fault *f)
{
	struct raw_key raw = { type, { x, y } };

	if (!is_ec(type))
		return bad_key(f, "RFC 7518 §6.2.1.1: not a curve that is supported");
	if (x.len != kinds[type].coord_len || y.len != kinds[type].coord_len)
		return fault_set(f, RC_INVALID, PROBLEM_BAD_PUBLIC_KEY,
				 "RFC 7518 §6.2.1.2: coordinates of %s have exactly %zu octets, these "
				 "have %zu and %zu", kinds[type].group, kinds[type].coord_len, x.len, y.len);
	return pubkey_new(&raw, out, f);
}

enum rc pubkey_from_rsa(struct bytes n, struct bytes e, struct pubkey **out, struct fault *f)
{
	struct raw_key raw = { KEY_RSA, { n, e } };
	enum rc rc;

	if ((n.len > 0 && n.p[0] == 0) || (e.len > 0 && e.p[0] == 0))
		return bad_key(f, "RFC 7518 §2: a Base64urlUInt has no leading zero octets");
	rc = rsa_gate(n, e, f);
	return rc == RC_OK ? pubkey_new(&raw, out, f) : rc;
}

enum rc pubkey_from_ed25519(struct bytes x, struct pubkey **out, struct fault *f)
{
	struct raw_key raw = { KEY_ED25519, { x } };

	if (x.len != kinds[KEY_ED25519].coord_len)
		return bad_key(f, "RFC 8037 §2: an Ed25519 key has 32 octets");
	return pubkey_new(&raw, out, f);
}

struct pubkey *pubkey_ref(struct pubkey *k)
{
	if (k)
		atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void pubkey_free(struct pubkey *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_PKEY_free(k->evp);
	free(k);
}

/* --- what a key is --- */

enum key_type pubkey_type(const struct pubkey *k)
{
	return k->type;
}

unsigned pubkey_bits(const struct pubkey *k)
{
	return k->bits;
}

const char *key_type_name(enum key_type type, unsigned bits)
{
	static _Thread_local char rsa[16];

	if (type <= KEY_NONE || (size_t)type >= COUNT_OF(kinds))
		return "none";
	if (type != KEY_RSA)
		return kinds[type].name;
	snprintf(rsa, sizeof(rsa), "rsa%u", bits);
	return rsa;
}

struct bytes pubkey_spki(const struct pubkey *k)
{
	return k->spki;
}

void pubkey_spki_sha256(const struct pubkey *k, uint8_t out[SHA256_LEN])
{
	sha256(k->spki, out);
}

bool pubkey_eq(const struct pubkey *a, const struct pubkey *b)
{
	return bytes_eq(a->spki, b->spki); /* canonical, so equal octets are equal keys */
}

void pubkey_jwk_parts(const struct pubkey *k, struct bytes *a, struct bytes *b)
{
	*a = k->part[0];
	*b = k->part[1];
}

struct bytes pubkey_bits_octets(const struct pubkey *k)
{
	struct der d, inner;
	struct der_item algorithm;
	struct bytes bits = { NULL, 0 };

	d = der_over(k->spki);
	if (!der_enter(&d, DER_SEQUENCE, &inner) || !der_next(&inner, &algorithm) ||
	    !der_get_bit_octets(&inner, &bits))
		return bytes_of(NULL, 0);
	return bits;
}

enum sig_alg key_x509_sig_alg(enum key_type type)
{
	return type > KEY_NONE && (size_t)type < COUNT_OF(kinds) ? kinds[type].x509 : SIG_NONE;
}

enum sig_alg key_jose_sig_alg(enum key_type type)
{
	return type > KEY_NONE && (size_t)type < COUNT_OF(kinds) ? kinds[type].jose : SIG_NONE;
}
