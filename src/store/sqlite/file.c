/* file.c - the store's file: created for its owner alone, in a directory where nobody else can put
 * a file in its place, written by one process at a time. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite/sqlite.h"

/* The directory part; to be freed. */
static char *directory_of(const char *path)
{
	char *copy = strdup(path), *dir;

	if (!copy)
		return NULL;
	dir = strdup(dirname(copy));
	free(copy);
	return dir;
}

static enum rc check_directory(const char *dir, struct fault *f)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "store: %s: %s", dir,
				 strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "store: %s is not a directory", dir);
	if (st.st_uid != geteuid() && st.st_uid != 0 && geteuid() != 0)
		return fault_set(f, RC_DENIED, PROBLEM_NONE,
				 "store: %s belongs to another user, who could replace the store", dir);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fault_set(f, RC_DENIED, PROBLEM_NONE,
				 "store: others may write to %s and could replace the store; run "
				 "\"chmod go-w %s\"", dir, dir);
	return RC_OK;
}

static enum rc check_file(const char *path, const struct stat *st, struct fault *f)
{
	if (!S_ISREG(st->st_mode))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "store: %s is not a regular file", path);
	if (st->st_uid != geteuid() && geteuid() != 0)
		return fault_set(f, RC_DENIED, PROBLEM_NONE,
				 "store: %s belongs to user %u, this process is user %u", path,
				 (unsigned)st->st_uid, (unsigned)geteuid());
	/* A restored copy may have the mode that cp gave it. By name, not by descriptor: closing a
	 * descriptor of the file would drop the locks that SQLite holds elsewhere in the process. */
	if ((st->st_mode & 077) && chmod(path, 0600) != 0)
		return fault_set(f, RC_DENIED, PROBLEM_NONE, "store: cannot make %s private: %s", path,
				 strerror(errno));
	return RC_OK;
}

static enum rc create_file(const char *path, struct fault *f)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fault_set(f, RC_IO, PROBLEM_NONE, "store: cannot create %s: %s", path,
				 strerror(errno));
	close(fd);
	return file_sync_directory(path);
}

enum rc file_prepare(const char *path, bool create, struct fault *f)
{
	char *dir = directory_of(path);
	struct stat st;
	enum rc rc;

	if (!dir)
		return RC_NOMEM;
	rc = check_directory(dir, f);
	free(dir);
	if (rc != RC_OK)
		return rc;
	if (lstat(path, &st) == 0)
		return check_file(path, &st, f);
	if (errno != ENOENT)
		return fault_set(f, RC_IO, PROBLEM_NONE, "store: %s: %s", path, strerror(errno));
	if (!create)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NONE,
				 "store: %s does not exist; \"assay init\" makes it", path);
	return create_file(path, f);
}

enum rc file_sync_directory(const char *path)
{
	char *dir = directory_of(path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	enum rc rc = fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;

	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

enum rc file_lock_writer(const char *path, int wait_ms, int *out_fd)
{
	/* A file of its own: SQLite's locks on the database come and go with each transaction. */
	static const int step_ms = 20;
	char name[4096];
	struct stat st;
	int fd;

	if (snprintf(name, sizeof(name), "%s-lock", path) >= (int)sizeof(name))
		return RC_INVALID;
	fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? RC_BUSY : RC_IO;
	/* Left behind by root, it must not keep the service out. */
	if (geteuid() == 0 && (stat(path, &st) != 0 || fchown(fd, st.st_uid, st.st_gid) != 0)) {
		close(fd);
		return RC_IO;
	}
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const struct timespec pause = { .tv_nsec = step_ms * 1000000L };

		if (errno != EWOULDBLOCK || wait_ms <= 0) {
			enum rc rc = errno == EWOULDBLOCK ? RC_BUSY : RC_IO;

			close(fd);
			return rc;
		}
		/* flock() has no time limit of its own, and this happens only while two
		 * processes quarrel. */
		nanosleep(&pause, NULL);
		wait_ms -= step_ms;
	}
	*out_fd = fd;
	return RC_OK;
}
