/* key_impl.h - what the files of src/crypto know of a key and others do not. */
#ifndef ASSAY_CRYPTO_KEY_IMPL_H
#define ASSAY_CRYPTO_KEY_IMPL_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "crypto/key.h"

struct pubkey {
	atomic_uint refs;
	enum key_type type;
	unsigned bits;
	EVP_PKEY *evp;
	struct bytes spki;       /* canonical DER, in mem */
	struct bytes part[2];    /* the JWK members, slices of spki */
	uint8_t mem[];
};

struct privkey {
	EVP_PKEY *evp;
	struct pubkey *pub;
};

/* Octets of one coordinate of the curve, 0 for other types. */
size_t key_coord_len(enum key_type type);
/* The content of the SubjectPublicKeyInfo's BIT STRING, which key identifiers are a hash of. */
struct bytes pubkey_bits_octets(const struct pubkey *k);
/* The digest of an algorithm; NULL for EdDSA. */
const EVP_MD *sig_alg_md(enum sig_alg alg);
bool sig_alg_fits_type(enum sig_alg alg, enum key_type type);

/* ECDSA signatures: raw R||S of JOSE (RFC 7518 §3.4) and Ecdsa-Sig-Value of X.509 (RFC 5480
 * appendix A), strict both ways. out needs SIG_MAX octets. */
bool ecdsa_raw_to_der(struct bytes raw, size_t coord_len, uint8_t *out, size_t *out_len);
bool ecdsa_der_to_raw(struct bytes der, size_t coord_len, uint8_t *out, size_t *out_len);

#endif
