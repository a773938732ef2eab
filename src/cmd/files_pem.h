/* files_pem.h - keys and certificates as files, for the verbs that make them. */
#ifndef ASSAY_CMD_FILES_PEM_H
#define ASSAY_CMD_FILES_PEM_H

#include "base/fault.h"
#include "crypto/key.h"

/* "p256", "rsa3072"; the fault lists what there is. */
enum rc key_kind_parse(const char *text, enum key_type *out_type, unsigned *out_rsa_bits,
		       struct fault *f) MUST_USE;

/* A certificate in a folder, which is made if it does not exist: privkey.pem (0600, when there is a
 * key), cert.pem, chain.pem, fullchain.pem. Each file is replaced whole; the key goes first. */
struct pem_files {
	const char *folder;
	struct bytes key; /* PEM; absent: none */
	struct str cert, chain;
};
enum rc pem_files_write(const struct pem_files *p, struct fault *f) MUST_USE;

#endif
