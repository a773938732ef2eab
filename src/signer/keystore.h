/* keystore.h - where an authority's private key lives. A key store is one file and one row in the
 * table of keystore.c: it opens a reference and gives an object that signs. One thread. */
#ifndef ASSAY_SIGNER_KEYSTORE_H
#define ASSAY_SIGNER_KEYSTORE_H

#include "base/auto.h"
#include "base/fault.h"
#include "crypto/key.h"

struct signing_key;

struct signing_key_ops {
	/* Borrowed from the key. */
	struct pubkey *(*pubkey)(const struct signing_key *k);
	/* X.509 form, with the algorithm key_x509_sig_alg() of the key's type. RC_UNAVAILABLE: the
	 * store does not answer for now. */
	enum rc (*sign)(struct signing_key *k, struct bytes tbs, uint8_t sig[SIG_MAX],
			size_t *sig_len);
	void (*free)(struct signing_key *k);
};
/* Each kind of key begins with this. */
struct signing_key {
	const struct signing_key_ops *ops;
};

struct keystore {
	const char *scheme; /* "file": what stands before the first ':' of a reference */
	/* passphrase_ref may be absent. */
	enum rc (*open)(struct str ref, struct str passphrase_ref, struct signing_key **out,
			struct fault *f);
};
extern const struct keystore KEYSTORE_FILE;

/* By the reference's scheme. The fault names the reference, never the content. */
enum rc signing_key_open(struct str ref, struct str passphrase_ref, struct signing_key **out,
			 struct fault *f) MUST_USE;
void signing_key_free(struct signing_key *k);
AUTO_PTR_DEFINE(signing_key);

#endif
