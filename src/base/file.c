/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rc io_fault(struct fault *f, const char *what, const char *path)
{
	return fault_set(f, errno == ENOENT ? RC_NOTFOUND : RC_IO, PROBLEM_NONE, "cannot %s %s: %s", what, path,
			 strerror(errno));
}

enum rc file_write(const char *path, struct bytes content, unsigned mode, struct fault *f)
{
	char temporary[4096];
	size_t done = 0;
	int fd, n;

	n = snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return io_fault(f, "create", temporary);
	while (done < content.len) {
		ssize_t w = write(fd, content.p + done, content.len - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		done += (size_t)w;
	}
	if (done < content.len || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
		enum rc rc = io_fault(f, "write", temporary);

		(void)close(fd);
		(void)unlink(temporary);
		return rc;
	}
	(void)close(fd);
	if (rename(temporary, path) != 0) {
		enum rc rc = io_fault(f, "rename to", path);

		(void)unlink(temporary);
		return rc;
	}
	return RC_OK;
}

enum rc file_read(struct arena *a, const char *path, size_t max, struct bytes *out, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rc rc = RC_OK;
	size_t len = 0;
	struct stat st;
	uint8_t *p;

	if (fd < 0)
		return io_fault(f, "open", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > max) {
		(void)close(fd);
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "%s is not a file of at most %zu octets", path, max);
	}
	p = arena_alloc(a, (size_t)st.st_size + 1);
	if (!p)
		rc = RC_NOMEM;
	while (rc == RC_OK && len < (size_t)st.st_size) {
		ssize_t n = read(fd, p + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			rc = io_fault(f, "read", path);
		else
			len += (size_t)n;
	}
	(void)close(fd);
	if (rc == RC_OK)
		*out = bytes_of(p, len);
	return rc;
}
