/* files_ca.h - the folder of a certificate authority in the making, for `assay init` and `assay ca`:
 * paths, passphrases, whose the files are, and leaving nothing behind on failure. */
#ifndef ASSAY_CMD_FILES_CA_H
#define ASSAY_CMD_FILES_CA_H

#include <limits.h>

#include "base/fault.h"
#include "base/secret.h"

#define DATA_DEFAULT "/var/lib/assay"
#define CONFIG_DEFAULT "/etc/assay/assay.yaml"
#define PASSPHRASE_LEN 29 /* six groups of four, 118 bits */

struct ca_folder {
	char data[PATH_MAX - 64]; /* absolute */
	char ca[PATH_MAX - 32];   /* DATA/ca */
	bool made_data, made_ca;
};
/* Makes DATA and DATA/ca (0700) where they do not exist. */
enum rc ca_folder_open(struct ca_folder *d, const char *data, struct fault *f) MUST_USE;
/* RC_CONFLICT naming the first file of a CA, or the store, that is there already. */
enum rc ca_folder_check_empty(const struct ca_folder *d, struct fault *f) MUST_USE;
/* Removes what ca_folder_check_empty() had found absent, and the folders that were made. */
void ca_folder_undo(const struct ca_folder *d);
/* As root: the folder's files, but for root.key, become the data folder's owner's, so that the
 * server's user can read them. */
enum rc ca_folder_give(const struct ca_folder *d, struct fault *f) MUST_USE;

/* Makes one at random and writes it to DATA/ca/issuing.pass (0600), which must not exist. */
enum rc issuing_passphrase_new(const struct ca_folder *d, struct secret **out, struct fault *f) MUST_USE;
enum rc issuing_passphrase_load(const struct ca_folder *d, struct secret **out, struct fault *f) MUST_USE;
/* From the file; else asked for twice on the terminal; else, or when the answer is empty, made at
 * random: then *out_shown is its text, to be printed once. out_shown[0] is '\0' otherwise. */
enum rc root_passphrase_get(const char *file, struct secret **out, char out_shown[PASSPHRASE_LEN + 1],
			    struct fault *f) MUST_USE;
/* "file:PATH" made from a path on the command line. */
enum rc secret_load_file(const char *path, struct secret **out, struct fault *f) MUST_USE;

/* mkdir -p. */
enum rc folders_make(const char *path, unsigned mode, struct fault *f) MUST_USE;
bool path_exists(const char *path);

#endif
