/* webroot.c - http-01 (RFC 8555 §8.3) by a web server that runs already: files below its root.
 * The root may belong to another user, so each step goes by openat() from the directory before and
 * follows no symbolic link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "solver/solver_impl.h"

struct webroot {
	struct solver base; /* first */
	int root;           /* the directory */
	char *path;         /* for messages */
	bool made[2];       /* of steps: there because of us */
};

static const char *const steps[] = { ".well-known", "acme-challenge" };

/* Opens the directory of challenges. With make: creates what is missing. -1: errno says why. */
static int open_challenges(struct webroot *w, bool make)
{
	int at = dup(w->root);

	for (size_t i = 0; at >= 0 && i < COUNT_OF(steps); i++) {
		int next, error;

		if (make && mkdirat(at, steps[i], 0755) == 0)
			w->made[i] = true;
		next = openat(at, steps[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* The web server's user must get in, whatever our umask is. */
		if (next >= 0 && make && w->made[i])
			(void)fchmod(next, 0755);
		error = errno;
		(void)close(at);
		errno = error;
		at = next;
	}
	return at;
}

static enum rc write_all(int fd, struct str text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.p, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		text.p += n;
		text.len -= (size_t)n;
	}
	return RC_OK;
}

static enum rc write_file(int directory, const char *token, struct str text)
{
	int fd, error;
	enum rc rc;

	/* One of a run that was killed: its order is being resumed. */
	(void)unlinkat(directory, token, 0);
	fd = openat(directory, token, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return RC_IO;
	rc = fchmod(fd, 0644) == 0 ? write_all(fd, text) : RC_IO;
	error = errno;
	(void)close(fd);
	errno = error;
	return rc;
}

static enum rc webroot_present(struct solver *s, const struct solve_request *r, struct fault *f)
{
	struct webroot *w = (struct webroot *)s;
	char token[129];
	int directory;
	enum rc rc;

	rc = solver_check_token(r->token, f);
	if (rc != RC_OK)
		return rc;
	(void)snprintf(token, sizeof(token), "%.*s", STR_ARG(r->token));
	directory = open_challenges(w, true);
	if (directory < 0)
		return fault_set(f, RC_IO, PROBLEM_NONE,
				 "cannot make or open %s/.well-known/acme-challenge (symbolic links are not followed): %m",
				 w->path);
	rc = write_file(directory, token, r->key_authorization);
	if (rc != RC_OK)
		rc = fault_set(f, rc, PROBLEM_NONE, "cannot write %s/.well-known/acme-challenge/%s: %m", w->path,
			       token);
	(void)close(directory);
	return rc;
}

/* Inner first; one that others use too is not empty and stays. */
static void remove_made(struct webroot *w)
{
	int outer;

	if (w->made[1]) {
		outer = openat(w->root, steps[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (outer >= 0) {
			if (unlinkat(outer, steps[1], AT_REMOVEDIR) == 0)
				w->made[1] = false;
			(void)close(outer);
		}
	}
	if (w->made[0] && unlinkat(w->root, steps[0], AT_REMOVEDIR) == 0)
		w->made[0] = false;
}

static enum rc webroot_cleanup(struct solver *s, const struct solve_request *r, struct fault *f)
{
	struct webroot *w = (struct webroot *)s;
	enum rc rc = solver_check_token(r->token, f);
	char token[129];
	int directory;

	if (rc != RC_OK)
		return rc; /* was never presented */
	(void)snprintf(token, sizeof(token), "%.*s", STR_ARG(r->token));
	directory = open_challenges(w, false);
	if (directory >= 0) {
		if (unlinkat(directory, token, 0) != 0 && errno != ENOENT)
			rc = fault_set(f, RC_IO, PROBLEM_NONE, "cannot remove %s/.well-known/acme-challenge/%s: %m",
				       w->path, token);
		(void)close(directory);
	}
	remove_made(w);
	return rc;
}

static void webroot_free(struct solver *s)
{
	struct webroot *w = (struct webroot *)s;

	(void)close(w->root);
	free(w->path);
	free(w);
}

static const struct solver_ops webroot_ops = {
	.name = "webroot",
	.challenge = "http-01",
	.present = webroot_present,
	.cleanup = webroot_cleanup,
	.free = webroot_free,
};

enum rc solver_webroot_new(struct str directory, struct solver **out, struct fault *f)
{
	struct webroot *w = calloc(1, sizeof(*w));
	enum rc rc = RC_NOMEM;

	if (!w)
		return RC_NOMEM;
	w->base.ops = &webroot_ops;
	w->path = strndup(directory.p ? directory.p : "", directory.len);
	if (w->path) {
		w->root = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (w->root >= 0) {
			*out = &w->base;
			return RC_OK;
		}
		rc = fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "cannot open the web root %s: %m", w->path);
	}
	free(w->path);
	free(w);
	return rc;
}
