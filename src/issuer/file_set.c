/* file_set.c - writing several files so that either all are there, whole and durable,
 * or none (pem_file.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "issuer/pem_file.h"

#define TEMPORARY_MAX 64

static enum rc failed(struct fault *f, const char *folder, const char *name, const char *what)
{
	return fault_set(f, errno == EEXIST ? RC_CONFLICT : RC_IO, PROBLEM_SERVER_INTERNAL,
			 "%s%s%s: %s: %s", folder, *name ? "/" : "", name, what, strerror(errno));
}

enum rc file_set_init(struct file_set *s, const char *folder, struct fault *f)
{
	*s = (struct file_set){ .folder = folder, .fd = -1 };
	s->made_folder = mkdir(folder, 0700) == 0;
	if (!s->made_folder && errno != EEXIST)
		return failed(f, folder, "", "cannot make the folder");
	s->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->fd >= 0 ? RC_OK : failed(f, folder, "", "cannot open the folder");
}

static void temporary_name(const char *name, char out[TEMPORARY_MAX])
{
	snprintf(out, TEMPORARY_MAX, ".%s.new", name);
}

static bool write_synced(int fd, struct bytes content, mode_t mode)
{
	while (content.len > 0) {
		ssize_t n = write(fd, content.p, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		content.p += n;
		content.len -= (size_t)n;
	}
	return fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

enum rc file_set_check(const struct file_set *s, const char *name, struct fault *f)
{
	struct stat st;

	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? RC_OK : failed(f, s->folder, name, "cannot be looked at");
	errno = EEXIST;
	return failed(f, s->folder, name, "is not touched");
}

enum rc file_set_add(struct file_set *s, const char *name, struct bytes content, mode_t mode,
		     struct fault *f)
{
	char temporary[TEMPORARY_MAX];
	enum rc rc = file_set_check(s, name, f);
	bool written;
	int fd;

	if (rc != RC_OK || s->count == FILE_SET_MAX)
		return rc != RC_OK ? rc : RC_LIMIT;
	temporary_name(name, temporary);
	(void)unlinkat(s->fd, temporary, 0); /* left over by a crash */
	fd = openat(s->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(f, s->folder, name, "cannot be made");
	s->names[s->count++] = name;
	written = write_synced(fd, content, mode);
	if (close(fd) != 0 || !written)
		return failed(f, s->folder, name, "cannot be written");
	return RC_OK;
}

enum rc file_set_commit(struct file_set *s, struct fault *f)
{
	char temporary[TEMPORARY_MAX];

	for (; s->named < s->count; s->named++) {
		temporary_name(s->names[s->named], temporary);
		/* Unlike rename() it never replaces what is there. */
		if (linkat(s->fd, temporary, s->fd, s->names[s->named], 0) != 0)
			return failed(f, s->folder, s->names[s->named], "cannot get its name");
	}
	for (size_t i = 0; i < s->count; i++) {
		temporary_name(s->names[i], temporary);
		(void)unlinkat(s->fd, temporary, 0);
	}
	if (fsync(s->fd) != 0)
		return failed(f, s->folder, "", "cannot be synced");
	s->count = s->named = 0;
	s->made_folder = false;
	return RC_OK;
}

void file_set_done(struct file_set *s)
{
	char temporary[TEMPORARY_MAX];

	for (size_t i = 0; i < s->count; i++) {
		temporary_name(s->names[i], temporary);
		(void)unlinkat(s->fd, temporary, 0);
		if (i < s->named)
			(void)unlinkat(s->fd, s->names[i], 0);
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->made_folder)
		(void)rmdir(s->folder);
	*s = (struct file_set){ .fd = -1 };
}
