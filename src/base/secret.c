/* secret.c - each secret has pages of its own: locked, left out of core dumps, cleansed. Secrets
 * are few (keys, passphrases, tokens), so whole pages are a fair price. */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

#define SECRET_MAX (64 * 1024)

struct secret {
	size_t map_len; /* octets of the mapping that this struct begins */
	size_t len;
	uint8_t p[];
};

void secret_cleanse(void *p, size_t len)
{
	if (p && len)
		explicit_bzero(p, len);
}

static enum rc secret_alloc(size_t len, struct secret **out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), map_len;
	struct secret *s;

	if (len > SIZE_MAX - sizeof(*s) - page)
		return RC_NOMEM;
	map_len = (sizeof(*s) + len + page - 1) / page * page;
	s = mmap(NULL, map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return RC_NOMEM;
	/* Both are best effort: a small RLIMIT_MEMLOCK must not stop a test or a small machine. */
	(void)mlock(s, map_len);
	(void)madvise(s, map_len, MADV_DONTDUMP);
	s->map_len = map_len;
	s->len = len;
	*out = s;
	return RC_OK;
}

enum rc secret_new(struct bytes value, struct secret **out)
{
	struct secret *s;
	enum rc rc = secret_alloc(value.len, &s);

	if (rc != RC_OK)
		return rc;
	if (value.len)
		memcpy(s->p, value.p, value.len);
	*out = s;
	return RC_OK;
}

void secret_free(struct secret *s)
{
	size_t map_len;

	if (!s)
		return;
	map_len = s->map_len;
	secret_cleanse(s, map_len);
	munmap(s, map_len); /* unlocks too */
}

struct bytes secret_bytes(const struct secret *s)
{
	return s ? bytes_of(s->p, s->len) : bytes_of(NULL, 0);
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
	volatile uint8_t differ = 0;

	if (!a || !b || a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		differ |= a->p[i] ^ b->p[i];
	return differ == 0;
}

/* The file that ref means, to be freed. */
static enum rc ref_path(struct str ref, char **out, struct fault *f)
{
	static const char file[] = "file:", credential[] = "credential:";
	const char *folder;
	struct str name;
	char *path;

	if (ref.len == 0 || memchr(ref.p, '\0', ref.len))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "a secret is given as file:PATH or credential:NAME");
	if (str_starts(ref, file) && ref.len > sizeof(file) - 1) {
		path = strndup(ref.p + sizeof(file) - 1, ref.len - (sizeof(file) - 1));
		if (!path)
			return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "out of memory");
		*out = path;
		return RC_OK;
	}
	if (!str_starts(ref, credential))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "a secret is given as file:PATH or credential:NAME");
	name = (struct str){ ref.p + sizeof(credential) - 1, ref.len - (sizeof(credential) - 1) };
	if (name.len == 0 || str_is(name, ".") || str_is(name, "..") ||
	    memchr(name.p, '/', name.len))
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%.*s: a credential is one file name", STR_ARG(ref));
	folder = secure_getenv("CREDENTIALS_DIRECTORY");
	if (!folder || folder[0] != '/')
		return fault_set(f, RC_NOTFOUND, PROBLEM_SERVER_INTERNAL,
				 "%.*s: $CREDENTIALS_DIRECTORY is not set; pass the credential "
				 "with LoadCredential= of the systemd unit", STR_ARG(ref));
	if (asprintf(&path, "%s/%.*s", folder, STR_ARG(name)) < 0)
		return fault_set(f, RC_NOMEM, PROBLEM_SERVER_INTERNAL, "out of memory");
	*out = path;
	return RC_OK;
}

/* Reads all of fd into value; RC_LIMIT when it is longer than SECRET_MAX. */
static enum rc read_all(int fd, struct secret *value)
{
	size_t len = 0;

	/* value has room for one octet more, which must stay unread. */
	while (len <= SECRET_MAX) {
		ssize_t got = read(fd, value->p + len, SECRET_MAX + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return RC_IO;
		if (got == 0) {
			value->len = len;
			return RC_OK;
		}
		len += (size_t)got;
	}
	return RC_LIMIT;
}

static enum rc load_fd(int fd, struct secret **out)
{
	AUTO_PTR(secret) struct secret *all = NULL;
	struct stat st;
	enum rc rc;

	if (fstat(fd, &st) != 0)
		return RC_IO;
	if (!S_ISREG(st.st_mode))
		return RC_DENIED;
	rc = secret_alloc(SECRET_MAX + 1, &all);
	if (rc != RC_OK)
		return rc;
	rc = read_all(fd, all);
	if (rc != RC_OK)
		return rc;
	if (all->len > 0 && all->p[all->len - 1] == '\n')
		all->len--;
	return secret_new(secret_bytes(all), out); /* in as few pages as it needs */
}

enum rc secret_load(struct str ref, struct secret **out, struct fault *f)
{
	char *path = NULL;
	int fd, error;
	enum rc rc;

	rc = ref_path(ref, &path, f);
	if (rc != RC_OK)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	error = errno;
	free(path);
	if (fd < 0)
		return fault_set(f, error == ENOENT ? RC_NOTFOUND : RC_IO,
				 PROBLEM_SERVER_INTERNAL, "%.*s: cannot be opened: %s",
				 STR_ARG(ref), strerrordesc_np(error));
	rc = load_fd(fd, out);
	close(fd);
	if (rc == RC_OK)
		return RC_OK;
	return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "%.*s: %s", STR_ARG(ref),
			 rc == RC_DENIED ? "is not a regular file" :
			 rc == RC_LIMIT ? "is longer than 64 KiB" :
			 rc == RC_NOMEM ? "out of memory" : "cannot be read");
}
