/* files_pem.c - see files_pem.h. */
#include "cmd/files_pem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

enum rc key_kind_parse(const char *text, enum key_type *out_type, unsigned *out_rsa_bits, struct fault *f)
{
	static const struct {
		const char *name;
		enum key_type type;
		unsigned rsa_bits;
	} kinds[] = {
		{ "p256", KEY_P256, 0 },       { "p384", KEY_P384, 0 },      { "ed25519", KEY_ED25519, 0 },
		{ "rsa2048", KEY_RSA, 2048 }, { "rsa3072", KEY_RSA, 3072 }, { "rsa4096", KEY_RSA, 4096 },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (strcmp(text, kinds[i].name) == 0) {
			*out_type = kinds[i].type;
			*out_rsa_bits = kinds[i].rsa_bits;
			return RC_OK;
		}
	}
	return fault_set(f, RC_INVALID, PROBLEM_NONE,
			 "there is no kind of key \"%s\"; it is p256, p384, ed25519, rsa2048, rsa3072 or rsa4096", text);
}

static enum rc write_one(const struct pem_files *p, const char *name, struct bytes content, unsigned mode,
			 struct fault *f)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", p->folder, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", p->folder);
	return file_write(path, content, mode, f);
}

enum rc pem_files_write(const struct pem_files *p, struct fault *f)
{
	AUTO(buf) struct buf full;
	enum rc rc = RC_OK;

	buf_init(&full, 1024 * 1024);
	buf_add_str(&full, p->cert);
	buf_add_str(&full, p->chain);
	if (!buf_ok(&full))
		return RC_NOMEM;
	if (mkdir(p->folder, 0755) != 0 && errno != EEXIST)
		return fault_set(f, RC_IO, PROBLEM_NONE, "cannot create %s: %s", p->folder, strerror(errno));
	if (p->key.p)
		rc = write_one(p, "privkey.pem", p->key, 0600, f);
	if (rc == RC_OK)
		rc = write_one(p, "cert.pem", str_bytes(p->cert), 0644, f);
	if (rc == RC_OK)
		rc = write_one(p, "chain.pem", str_bytes(p->chain), 0644, f);
	if (rc == RC_OK)
		rc = write_one(p, "fullchain.pem", buf_bytes(&full), 0644, f);
	return rc;
}
