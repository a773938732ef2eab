/* keystore_file.c - private keys in PEM files, as ca_create() makes them (keystore.h). */
#include <stdlib.h>

#include "signer/keystore.h"

struct file_key {
	struct signing_key key;
	struct privkey *private;
};

static struct pubkey *file_pubkey(const struct signing_key *k)
{
	return privkey_pubkey(((const struct file_key *)k)->private);
}

static enum rc file_sign(struct signing_key *k, struct bytes tbs, uint8_t sig[SIG_MAX],
			 size_t *sig_len)
{
	return privkey_sign_x509(((struct file_key *)k)->private, tbs, sig, sig_len);
}

static void file_free(struct signing_key *k)
{
	privkey_free(((struct file_key *)k)->private);
	free(k);
}

static const struct signing_key_ops file_ops = {
	.pubkey = file_pubkey,
	.sign = file_sign,
	.free = file_free,
};

static enum rc file_open(struct str ref, struct str passphrase_ref, struct signing_key **out,
			 struct fault *f)
{
	AUTO_PTR(secret) struct secret *pem = NULL;
	AUTO_PTR(secret) struct secret *passphrase = NULL;
	AUTO_PTR(privkey) struct privkey *private = NULL;
	struct file_key *k;
	enum rc rc = secret_load(ref, &pem, f);

	if (rc == RC_OK && passphrase_ref.len)
		rc = secret_load(passphrase_ref, &passphrase, f);
	if (rc == RC_OK)
		rc = privkey_from_pem(secret_bytes(pem), passphrase, &private, f);
	if (rc != RC_OK)
		return rc;
	k = calloc(1, sizeof(*k));
	if (!k)
		return RC_NOMEM;
	k->key.ops = &file_ops;
	k->private = TAKE(private);
	*out = &k->key;
	return RC_OK;
}

const struct keystore KEYSTORE_FILE = {
	.scheme = "file",
	.open = file_open,
};
