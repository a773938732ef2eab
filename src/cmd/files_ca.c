/* files_ca.c - see files_ca.h. */
#include "cmd/files_ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/digest.h"

static const char *const ca_files[] = { "root.pem",    "root.key",    "issuing.pem",  "issuing.key",
					"issuing.csr", "chain.pem",   "issuing.pass" };

static enum rc failed(struct fault *f, const char *what, const char *path)
{
	return fault_set(f, RC_IO, PROBLEM_NONE, "cannot %s %s: %s", what, path, strerror(errno));
}

bool path_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

enum rc folders_make(const char *path, unsigned mode, struct fault *f)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path \"%s\" is empty or too long", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return failed(f, "create", part);
	}
	return RC_OK;
}

/* --- the folder --- */

enum rc ca_folder_open(struct ca_folder *d, const char *data, struct fault *f)
{
	char absolute[PATH_MAX];
	enum rc rc;

	*d = (struct ca_folder){ .made_data = !path_exists(data) };
	rc = folders_make(data, 0700, f);
	if (rc != RC_OK)
		return rc;
	if (!realpath(data, absolute))
		return failed(f, "find", data);
	if (strlen(absolute) >= sizeof(d->data))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", data);
	(void)snprintf(d->data, sizeof(d->data), "%.*s", (int)sizeof(d->data) - 1, absolute);
	(void)snprintf(d->ca, sizeof(d->ca), "%s/ca", d->data);
	d->made_ca = !path_exists(d->ca);
	return folders_make(d->ca, 0700, f);
}

static enum rc is_there(struct fault *f, const char *path)
{
	return fault_set(f, RC_CONFLICT, PROBLEM_NONE, "%s exists already; nothing is overwritten", path);
}

enum rc ca_folder_check_empty(const struct ca_folder *d, struct fault *f)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/assay.db", d->data);
	if (path_exists(path))
		return is_there(f, path);
	for (size_t i = 0; i < COUNT_OF(ca_files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", d->ca, ca_files[i]);
		if (path_exists(path))
			return is_there(f, path);
	}
	return RC_OK;
}

void ca_folder_undo(const struct ca_folder *d)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT_OF(ca_files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", d->ca, ca_files[i]);
		(void)unlink(path);
	}
	/* A folder that is not empty stays. */
	if (d->made_ca)
		(void)rmdir(d->ca);
	if (d->made_data)
		(void)rmdir(d->data);
}

/* By the folder's descriptor and without following links: the owner may be at work there. */
static enum rc give_files(int fd, const struct stat *owner, const char *folder, struct fault *f)
{
	for (size_t i = 0; i < COUNT_OF(ca_files); i++) {
		if (strcmp(ca_files[i], "root.key") != 0 &&
		    fchownat(fd, ca_files[i], owner->st_uid, owner->st_gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
			return failed(f, "give away the files of", folder);
	}
	if (fchown(fd, owner->st_uid, owner->st_gid) != 0)
		return failed(f, "give away", folder);
	return RC_OK;
}

enum rc ca_folder_give(const struct ca_folder *d, struct fault *f)
{
	struct stat owner;
	enum rc rc;
	int fd;

	if (stat(d->data, &owner) != 0)
		return failed(f, "look at", d->data);
	if (geteuid() != 0 || owner.st_uid == 0)
		return RC_OK;
	fd = open(d->ca, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(f, "open", d->ca);
	rc = give_files(fd, &owner, d->ca, f);
	(void)close(fd);
	return rc;
}

/* --- passphrases --- */

/* No character looks like another: it may be written down. */
static void passphrase_random(char out[PASSPHRASE_LEN + 1])
{
	static const char alphabet[31] = "23456789abcdefghjkmnpqrstuvwxyz";
	size_t len = 0;

	while (len < PASSPHRASE_LEN) {
		uint8_t octet;

		if (len % 5 == 4) {
			out[len++] = '-';
			continue;
		}
		random_bytes(&octet, 1);
		if (octet < 8 * sizeof(alphabet)) /* else the first ones were likelier */
			out[len++] = alphabet[octet % sizeof(alphabet)];
	}
	out[len] = '\0';
}

static void pass_path(const struct ca_folder *d, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/issuing.pass", d->ca);
}

enum rc issuing_passphrase_new(const struct ca_folder *d, struct secret **out, struct fault *f)
{
	char path[PATH_MAX], text[PASSPHRASE_LEN + 1];
	enum rc rc;

	pass_path(d, path);
	if (path_exists(path))
		return is_there(f, path);
	passphrase_random(text);
	rc = file_write(path, str_bytes(str_of(text)), 0600, f);
	if (rc == RC_OK)
		rc = secret_new(str_bytes(str_of(text)), out);
	secret_cleanse(text, sizeof(text));
	return rc;
}

enum rc secret_load_file(const char *path, struct secret **out, struct fault *f)
{
	char ref[PATH_MAX + 8];
	int n = snprintf(ref, sizeof(ref), "file:%s", path);

	if (n < 0 || (size_t)n >= sizeof(ref))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", path);
	return secret_load(str_of(ref), out, f);
}

enum rc issuing_passphrase_load(const struct ca_folder *d, struct secret **out, struct fault *f)
{
	char path[PATH_MAX];

	pass_path(d, path);
	return secret_load_file(path, out, f);
}

/* One line from the terminal, not shown. False: the terminal is gone. */
static bool ask_hidden(FILE *tty, const char *prompt, char *out, size_t cap)
{
	struct termios shown, hidden;
	bool is_tty = tcgetattr(fileno(tty), &shown) == 0;
	bool got;

	/* Before the prompt: what is typed in answer to it is not lost, nor shown. */
	if (is_tty) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(fileno(tty), TCSAFLUSH, &hidden);
	}
	fputs(prompt, tty);
	(void)fflush(tty);
	got = fgets(out, (int)cap, tty) != NULL;
	if (is_tty)
		(void)tcsetattr(fileno(tty), TCSADRAIN, &shown);
	fputc('\n', tty);
	if (got)
		out[strcspn(out, "\n")] = '\0';
	return got;
}

static enum rc ask_twice(FILE *tty, struct secret **out, struct fault *f)
{
	char first[512], second[512];
	enum rc rc = RC_OK;

	if (!ask_hidden(tty, "Passphrase for the root key (empty: make one): ", first, sizeof(first)))
		rc = fault_set(f, RC_IO, PROBLEM_NONE, "no passphrase was given");
	else if (first[0] && (!ask_hidden(tty, "The same again: ", second, sizeof(second)) || strcmp(first, second) != 0))
		rc = fault_set(f, RC_INVALID, PROBLEM_NONE, "the passphrases differ");
	else if (first[0])
		rc = secret_new(str_bytes(str_of(first)), out);
	secret_cleanse(first, sizeof(first));
	secret_cleanse(second, sizeof(second));
	return rc;
}

enum rc root_passphrase_get(const char *file, struct secret **out, char out_shown[PASSPHRASE_LEN + 1],
			    struct fault *f)
{
	FILE *tty;
	enum rc rc = RC_OK;

	out_shown[0] = '\0';
	if (file) {
		rc = secret_load_file(file, out, f);
		if (rc == RC_OK && secret_bytes(*out).len == 0)
			return fault_set(f, RC_INVALID, PROBLEM_NONE, "%s is empty", file);
		return rc;
	}
	tty = isatty(STDIN_FILENO) ? fopen("/dev/tty", "r+e") : NULL;
	if (tty) {
		rc = ask_twice(tty, out, f);
		(void)fclose(tty);
	}
	if (rc != RC_OK || *out)
		return rc;
	passphrase_random(out_shown);
	return secret_new(str_bytes(str_of(out_shown)), out);
}
