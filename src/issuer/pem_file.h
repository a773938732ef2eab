/* pem_file.h - files of a certificate authority: reading certificates, and writing files whole or
 * not at all. Used at start and by the operator's commands; no thread. */
#ifndef ASSAY_ISSUER_PEM_FILE_H
#define ASSAY_ISSUER_PEM_FILE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/fault.h"
#include "base/file.h"
#include "crypto/cert.h"

#define CHAIN_MAX 8 /* certificates in one chain */

/* A chain, each link checked: chain[0] is the first certificate of the input and a CA's, each next
 * one issued the one before. The input's order does not matter after the first; a certificate that
 * belongs nowhere is an error. *out_rooted: the last one is self-signed. */
struct chain {
	struct bytes *der;
	struct cert_info *info;
	size_t count;
	bool rooted;
};
enum rc chain_read(struct arena *a, struct bytes pem, struct chain *out, struct fault *f) MUST_USE;

/* Files that appear together: each is written beside its place and synced, then all get their names,
 * which must be free, then the folder is synced. */
#define FILE_SET_MAX 8
struct file_set {
	const char *folder;
	int fd;           /* of the folder */
	bool made_folder;
	size_t count, named;
	const char *names[FILE_SET_MAX];
};
/* Makes the folder (0700) if it does not exist. */
enum rc file_set_init(struct file_set *s, const char *folder, struct fault *f) MUST_USE;
/* RC_CONFLICT when the name is taken; file_set_add() and file_set_commit() look too. */
enum rc file_set_check(const struct file_set *s, const char *name, struct fault *f) MUST_USE;
/* name must outlive the set. */
enum rc file_set_add(struct file_set *s, const char *name, struct bytes content, mode_t mode,
		     struct fault *f) MUST_USE;
enum rc file_set_commit(struct file_set *s, struct fault *f) MUST_USE;
/* Removes what was not committed. */
void file_set_done(struct file_set *s);

#endif
