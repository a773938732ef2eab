/* key_private.c - private keys: making, reading, writing and signing (RFC 5208, RFC 5915,
 * RFC 5958, RFC 8017, RFC 8018). */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/evp.h"
#include "crypto/key_impl.h"

/* scrypt: N=2^14, r=8, p=5 needs 16 MiB, what libcrypto reads back without raising its limit. */
#define SCRYPT_N (1 << 14)
#define SCRYPT_R 8
#define SCRYPT_P 5
#define PEM_MAX (64 * 1024)

void privkey_free(struct privkey *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->evp);
	pubkey_free(k->pub);
	free(k);
}

struct pubkey *privkey_pubkey(const struct privkey *k)
{
	return k->pub;
}

void *privkey_evp(const struct privkey *k)
{
	return k->evp;
}

/* The public half in our own form, so that a private key passes the same gates. */
static enum rc public_half(EVP_PKEY *evp, struct pubkey **out, struct fault *f)
{
	unsigned char *der = NULL;
	enum rc rc;
	int len;

	if (EVP_PKEY_is_a(evp, "EC"))
		EVP_PKEY_set_utf8_string_param(evp, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					       "uncompressed");
	len = i2d_PUBKEY(evp, &der);
	if (len <= 0) {
		rc = evp_failed(RC_INVALID);
		return fault_set(f, rc, PROBLEM_BAD_PUBLIC_KEY, "the key has no public half");
	}
	rc = pubkey_from_spki(bytes_of(der, (size_t)len), out, f);
	OPENSSL_free(der);
	return rc;
}

/* Takes evp, also on failure. */
static enum rc privkey_new(EVP_PKEY *evp, struct privkey **out, struct fault *f)
{
	AUTO_PTR(privkey) struct privkey *k = calloc(1, sizeof(*k));
	enum rc rc;

	if (!k) {
		EVP_PKEY_free(evp);
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "no memory for a key");
	}
	k->evp = evp;
	rc = public_half(evp, &k->pub, f);
	if (rc == RC_OK)
		*out = TAKE(k);
	return rc;
}

enum rc privkey_generate(enum key_type type, unsigned rsa_bits, struct privkey **out)
{
	EVP_PKEY *key = NULL;

	evp();
	switch (type) {
	case KEY_RSA:
		if (rsa_bits < LIMIT_RSA_BITS_MIN || rsa_bits > LIMIT_RSA_BITS_MAX || rsa_bits % 8 != 0)
			return RC_INVALID;
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits);
		break;
	case KEY_P256:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		break;
	case KEY_P384:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
		break;
	case KEY_P521:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
		break;
	case KEY_ED25519:
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	default:
		return RC_INVALID;
	}
	return key ? privkey_new(key, out, NULL) : evp_failed(RC_IO);
}

struct passphrase {
	const struct secret *secret;
	bool asked;
};

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
	struct passphrase *p = arg;
	struct bytes b;

	(void)rwflag;
	p->asked = true;
	if (!p->secret)
		return -1;
	b = secret_bytes(p->secret);
	if (b.len > (size_t)size)
		return -1;
	memcpy(buf, b.p, b.len);
	return (int)b.len;
}

/* A file may pair a private key with another public one; then every signature would be wrong. */
static bool halves_belong_together(const struct privkey *k)
{
	static const uint8_t data[] = "do the halves of this key belong together?";
	uint8_t sig[SIG_MAX];
	size_t len;

	return privkey_sign_x509(k, bytes_of(data, sizeof(data)), sig, &len) == RC_OK &&
	       pubkey_verify_x509(k->pub, key_x509_sig_alg(k->pub->type), bytes_of(data, sizeof(data)),
				  bytes_of(sig, len)) == RC_OK;
}

static EVP_PKEY *read_pem(struct bytes pem, struct passphrase *pass)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, give_passphrase, pass, NULL, NULL) :
			      NULL;

	BIO_free(bio);
	return key;
}

enum rc privkey_from_pem(struct bytes pem, const struct secret *passphrase, struct privkey **out,
			 struct fault *f)
{
	AUTO_PTR(privkey) struct privkey *k = NULL;
	struct passphrase pass = { .secret = passphrase };
	EVP_PKEY *key;
	enum rc rc;

	if (pem.len == 0 || pem.len > PEM_MAX)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 7468 §10: a private key in PEM has 1 to %d octets", PEM_MAX);
	evp();
	key = read_pem(pem, &pass);
	if (!key && pass.asked) {
		rc = evp_failed(RC_DENIED);
		return fault_set(f, rc, PROBLEM_MALFORMED,
				 passphrase ? "the private key does not open with this passphrase" :
					      "the private key is encrypted and no passphrase was given");
	}
	if (!key)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 7468 §10: no private key that can be read (PKCS#8, SEC1 or "
				 "PKCS#1 PEM): %s", evp_reason());
	ERR_clear_error();
	rc = privkey_new(key, &k, f);
	if (rc != RC_OK)
		return rc;
	if (!halves_belong_together(k))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "the private key does not belong to the public key beside it");
	*out = TAKE(k);
	return RC_OK;
}

/* EncryptedPrivateKeyInfo with PBES2 (RFC 8018 §6.2): scrypt (RFC 7914) and AES-256-CBC. */
static bool write_encrypted(BIO *bio, EVP_PKEY *key, struct bytes pass)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	X509_ALGOR *pbe = NULL;
	X509_SIG *sealed = NULL;
	uint8_t salt[16];
	bool ok = false;

	random_bytes(salt, sizeof(salt));
	if (!info)
		return false;
	pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), NULL, SCRYPT_N, SCRYPT_R,
				    SCRYPT_P);
	if (pbe)
		sealed = PKCS8_set0_pbe((const char *)pass.p, (int)pass.len, info, pbe);
	if (sealed)
		ok = PEM_write_bio_PKCS8(bio, sealed) == 1;
	else
		X509_ALGOR_free(pbe); /* PKCS8_set0_pbe() takes it only when it succeeds */
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(info);
	return ok;
}

enum rc privkey_to_pem(const struct privkey *k, const struct secret *passphrase, struct secret **out)
{
	BIO *bio = BIO_new(BIO_s_secmem()); /* cleanses what it held */
	char *text;
	long len;
	bool ok;
	enum rc rc;

	if (!bio)
		return evp_failed(RC_NOMEM);
	if (passphrase)
		ok = write_encrypted(bio, k->evp, secret_bytes(passphrase));
	else
		ok = PEM_write_bio_PKCS8PrivateKey(bio, k->evp, NULL, NULL, 0, NULL, NULL) == 1;
	len = ok ? BIO_get_mem_data(bio, &text) : 0;
	rc = len > 0 ? secret_new(bytes_of(text, (size_t)len), out) : evp_failed(RC_IO);
	BIO_free(bio);
	return rc;
}

enum rc privkey_make_file(const char *path, enum key_type type, struct privkey **out, struct fault *f)
{
	AUTO_PTR(privkey) struct privkey *key = NULL;
	AUTO_PTR(secret) struct secret *pem = NULL;
	enum rc rc = privkey_generate(type, 0, &key);

	if (rc == RC_OK)
		rc = privkey_to_pem(key, NULL, &pem);
	if (rc == RC_OK)
		rc = file_write(path, secret_bytes(pem), 0600, f);
	if (rc == RC_OK)
		*out = TAKE(key);
	return rc;
}

static enum rc sign(const struct privkey *k, enum sig_alg alg, struct bytes data, uint8_t *sig,
		    size_t *sig_len)
{
	EVP_MD_CTX *ctx = evp_md_ctx();
	size_t len = SIG_MAX;

	if (!ctx)
		return RC_NOMEM;
	if (EVP_DigestSignInit(ctx, NULL, sig_alg_md(alg), NULL, k->evp) != 1 ||
	    EVP_DigestSign(ctx, sig, &len, data.p, data.len) != 1)
		return evp_failed(RC_IO);
	*sig_len = len;
	return RC_OK;
}

enum rc privkey_sign_jose(const struct privkey *k, struct bytes data, uint8_t sig[SIG_MAX],
			  size_t *sig_len)
{
	size_t coord_len = key_coord_len(k->pub->type), len;
	uint8_t der[SIG_MAX];
	enum rc rc;

	if (coord_len == 0)
		return sign(k, key_jose_sig_alg(k->pub->type), data, sig, sig_len);
	rc = sign(k, key_jose_sig_alg(k->pub->type), data, der, &len);
	if (rc != RC_OK)
		return rc;
	return ecdsa_der_to_raw(bytes_of(der, len), coord_len, sig, sig_len) ? RC_OK : RC_INTERNAL;
}

enum rc privkey_sign_x509(const struct privkey *k, struct bytes data, uint8_t sig[SIG_MAX],
			  size_t *sig_len)
{
	return sign(k, key_x509_sig_alg(k->pub->type), data, sig, sig_len);
}
