/* keystore_file.c - private keys in PEM files, as ca_create() makes them (keystore.h).
 *
 * An encrypted key is decrypted in a child that lives for this alone: scrypt is made to take much
 * memory (16 MiB), and the signer's worker, which stays for months, should not have grown by it. The
 * key comes back in memory that the two share and nobody else sees, which is cleansed at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* What the child gives back. */
struct decrypted {
	bool done; /* else it died */
	enum rc rc;
	char detail[FAULT_DETAIL_MAX];
	size_t len;
	uint8_t pem[24 * 1024]; /* more than PKCS#8 of RSA-8192 */
};

static void decrypt(struct bytes pem, const struct secret *passphrase, struct decrypted *out)
{
	AUTO_PTR(privkey) struct privkey *private = NULL;
	AUTO_PTR(secret) struct secret *plain = NULL;
	struct fault f = { 0 };

	out->rc = privkey_from_pem(pem, passphrase, &private, &f);
	if (out->rc == RC_OK)
		out->rc = privkey_to_pem(private, NULL, &plain);
	if (out->rc == RC_OK && secret_bytes(plain).len > sizeof(out->pem))
		out->rc = RC_LIMIT;
	if (out->rc == RC_OK) {
		out->len = secret_bytes(plain).len;
		memcpy(out->pem, secret_bytes(plain).p, out->len);
	}
	snprintf(out->detail, sizeof(out->detail), "%s", f.detail);
	fault_done(&f);
	out->done = true;
}

static enum rc from_decrypted(const struct decrypted *d, struct privkey **out, struct fault *f)
{
	if (!d->done)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL,
				 "the key's decryption ended early; it needs 16 MiB");
	if (d->rc != RC_OK)
		return fault_set(f, d->rc, PROBLEM_SERVER_INTERNAL, "%s", d->detail);
	return privkey_from_pem(bytes_of(d->pem, d->len), NULL, out, f);
}

static enum rc decrypt_apart(struct bytes pem, const struct secret *passphrase,
			     struct privkey **out, struct fault *f)
{
	struct decrypted *d = mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t self = getpid(), pid;
	enum rc rc;

	if (d == MAP_FAILED)
		return RC_NOMEM;
	(void)mlock(d, sizeof(*d));
	(void)madvise(d, sizeof(*d), MADV_DONTDUMP);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == self)
			decrypt(pem, passphrase, d);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	rc = from_decrypted(d, out, f);
	secret_cleanse(d, sizeof(*d));
	munmap(d, sizeof(*d));
	return rc;
}

static enum rc file_open(struct str ref, struct str passphrase_ref, struct signing_key **out,
			 struct fault *f)
{
	AUTO_PTR(secret) struct secret *pem = NULL;
	AUTO_PTR(secret) struct secret *passphrase = NULL;
	AUTO_PTR(privkey) struct privkey *private = NULL;
	AUTO(fault) struct fault why = { 0 };
	struct file_key *k;
	enum rc rc = secret_load(ref, &pem, f);

	if (rc == RC_OK && passphrase_ref.len)
		rc = secret_load(passphrase_ref, &passphrase, f);
	if (rc != RC_OK)
		return rc; /* the fault names the file */
	rc = passphrase ? decrypt_apart(secret_bytes(pem), passphrase, &private, &why)
			: privkey_from_pem(secret_bytes(pem), NULL, &private, &why);
	if (rc != RC_OK)
		return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "%.*s%s%.*s: %s", STR_ARG(ref),
				 passphrase ? " with " : "", STR_ARG(passphrase_ref),
				 why.detail[0] ? why.detail : rc_text(rc));
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
