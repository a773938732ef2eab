/* files.c - see files.h. */
#include "agent/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"

#define PREFIX "gen-"

static const char *const shown[] = { "privkey.pem", "cert.pem", "chain.pem", "fullchain.pem" };
/* Everything that may lie in a generation. */
static const char *const parts[] = { "privkey.pem", "cert.pem", "chain.pem", "fullchain.pem", "order" };

static enum rc path_of(const struct files *x, struct str generation, const char *name, char out[4096],
		       struct fault *f)
{
	int n = snprintf(out, 4096, "%.*s%s%.*s%s%s", STR_ARG(x->dir), generation.p ? "/" : "", STR_ARG(generation),
			 name ? "/" : "", name ? name : "");

	return n > 0 && n < 4096 ? RC_OK :
				   fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %.*s",
					     STR_ARG(x->dir));
}

static enum rc io(struct fault *f, const char *what, const char *path)
{
	return fault_set(f, errno == ENOENT ? RC_NOTFOUND : RC_IO, PROBLEM_NONE, "cannot %s %s: %m", what, path);
}

static enum rc sync_directory(const char *path, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return io(f, "open", path);
	rc = fsync(fd) == 0 ? RC_OK : io(f, "write", path);
	(void)close(fd);
	return rc;
}

/* A symbolic link in one step, whatever was there. */
static enum rc link_to(const char *target, const char *path, struct fault *f)
{
	char temporary[4096 + 8];

	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	(void)unlink(temporary); /* of a run that was killed */
	if (symlink(target, temporary) != 0)
		return io(f, "create", temporary);
	if (rename(temporary, path) != 0) {
		enum rc rc = io(f, "create", path);

		(void)unlink(temporary);
		return rc;
	}
	return RC_OK;
}

/* --- generations --- */

static bool is_generation(const char *name)
{
	struct id id;

	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && id_parse(str_of(name + strlen(PREFIX)), &id);
}

/* What `live` points to; "" if there is none. */
static enum rc read_live(const struct files *x, char out[256], struct fault *f)
{
	char path[4096];
	ssize_t len;
	enum rc rc = path_of(x, (struct str){ 0 }, "live", path, f);

	if (rc != RC_OK)
		return rc;
	len = readlink(path, out, 255);
	out[len > 0 ? len : 0] = '\0';
	if (len < 0 && errno != ENOENT)
		return io(f, "read the link", path);
	return RC_OK;
}

/* Calls fn for each generation on disk. */
static enum rc each_generation(const struct files *x, enum rc (*fn)(void *arg, const char *name), void *arg,
			       struct fault *f)
{
	char path[4096];
	struct dirent *entry;
	enum rc rc = path_of(x, (struct str){ 0 }, NULL, path, f);
	DIR *dir;

	if (rc != RC_OK)
		return rc;
	dir = opendir(path);
	if (!dir)
		return io(f, "read", path);
	while (rc == RC_OK && (entry = readdir(dir)) != NULL) {
		if (is_generation(entry->d_name))
			rc = fn(arg, entry->d_name);
	}
	(void)closedir(dir);
	return rc;
}

struct newest {
	char name[sizeof(PREFIX) + ID_TEXT_LEN];
};

/* Ids sort by time of creation, as text too. */
static enum rc keep_newest(void *arg, const char *name)
{
	struct newest *n = arg;

	if (strcmp(name, n->name) > 0)
		(void)snprintf(n->name, sizeof(n->name), "%s", name);
	return RC_OK;
}

enum rc files_generations(const struct files *x, struct arena *a, struct str *out_live, struct str *out_next,
			  struct fault *f)
{
	struct newest newest = { "" };
	struct str found_live = { 0 }, found_next = { 0 };
	char live[256];
	enum rc rc = read_live(x, live, f);

	if (rc == RC_OK)
		rc = each_generation(x, keep_newest, &newest, f);
	if (rc != RC_OK)
		return rc;
	if (live[0])
		found_live = arena_str(a, str_of(live));
	if (newest.name[0] && strcmp(newest.name, live) > 0)
		found_next = arena_str(a, str_of(newest.name));
	if ((live[0] && !found_live.p) || (newest.name[0] && strcmp(newest.name, live) > 0 && !found_next.p))
		return RC_NOMEM;
	*out_live = found_live;
	*out_next = found_next;
	return RC_OK;
}

enum rc files_new_generation(const struct files *x, struct arena *a, struct str *out, struct fault *f)
{
	char id[ID_TEXT_LEN + 1], path[4096];
	struct str name;
	enum rc rc;

	id_text(id_new(), id);
	name = str_of(arena_printf(a, PREFIX "%s", id));
	if (!name.p)
		return RC_NOMEM;
	rc = path_of(x, name, NULL, path, f);
	if (rc == RC_OK && mkdir(path, 0755) != 0)
		rc = io(f, "create", path);
	if (rc == RC_OK)
		*out = name;
	return rc;
}

enum rc files_read(const struct files *x, struct arena *a, struct str generation, const char *name,
		   struct bytes *out, struct fault *f)
{
	char path[4096];
	enum rc rc = path_of(x, generation, name, path, f);

	return rc == RC_OK ? file_read(a, path, FILES_MAX, out, f) : rc;
}

enum rc files_write(const struct files *x, struct str generation, const char *name, struct bytes content,
		    unsigned mode, struct fault *f)
{
	char path[4096], directory[4096];
	enum rc rc = path_of(x, generation, name, path, f);

	if (rc == RC_OK)
		rc = path_of(x, generation, NULL, directory, f);
	if (rc == RC_OK)
		rc = file_write(path, content, mode, f);
	return rc == RC_OK ? sync_directory(directory, f) : rc;
}

enum rc files_remove(const struct files *x, struct str generation, const char *name, struct fault *f)
{
	char path[4096];
	enum rc rc = path_of(x, generation, name, path, f);

	if (rc == RC_OK && unlink(path) != 0 && errno != ENOENT)
		rc = io(f, "remove", path);
	return rc;
}

/* Temporary names of a killed file_write() are cleared too. */
static enum rc empty_directory(const char *path, struct fault *f)
{
	char inner[4096 + 256];
	struct dirent *entry;
	DIR *dir = opendir(path);
	enum rc rc = RC_OK;

	if (!dir)
		return io(f, "read", path);
	while (rc == RC_OK && (entry = readdir(dir)) != NULL) {
		bool ours = false;

		for (size_t i = 0; i < COUNT_OF(parts); i++)
			ours = ours || strncmp(entry->d_name, parts[i], strlen(parts[i])) == 0;
		if (!ours)
			continue; /* rmdir() will say that it is not empty */
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (unlink(inner) != 0)
			rc = io(f, "remove", inner);
	}
	(void)closedir(dir);
	return rc;
}

enum rc files_discard(const struct files *x, struct str generation, struct fault *f)
{
	char path[4096];
	enum rc rc = path_of(x, generation, NULL, path, f);

	if (rc == RC_OK)
		rc = empty_directory(path, f);
	if (rc == RC_OK && rmdir(path) != 0)
		rc = io(f, "remove", path);
	return rc;
}

/* --- switching --- */

struct removal {
	const struct files *files;
	const char *keep[2];
	struct fault *f;
};

static enum rc remove_old(void *arg, const char *name)
{
	struct removal *r = arg;

	if (strcmp(name, r->keep[0]) == 0 || strcmp(name, r->keep[1]) == 0)
		return RC_OK;
	return files_discard(r->files, str_of(name), r->f);
}

/* What programs read, by way of `live`. Files that the generation does not have get no link. */
static enum rc link_shown(const struct files *x, struct str generation, struct fault *f)
{
	char path[4096], target[64];
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(shown); i++) {
		rc = path_of(x, generation, shown[i], path, f);
		if (rc != RC_OK || access(path, F_OK) != 0)
			continue;
		(void)snprintf(target, sizeof(target), "live/%s", shown[i]);
		rc = path_of(x, (struct str){ 0 }, shown[i], path, f);
		if (rc == RC_OK)
			rc = link_to(target, path, f);
	}
	return rc;
}

enum rc files_switch(const struct files *x, struct str generation, struct fault *f)
{
	struct removal removal = { .files = x, .f = f };
	char path[4096], before[256], name[64];
	enum rc rc = read_live(x, before, f);

	(void)snprintf(name, sizeof(name), "%.*s", STR_ARG(generation));
	if (rc == RC_OK)
		rc = path_of(x, (struct str){ 0 }, "live", path, f);
	if (rc == RC_OK)
		rc = link_to(name, path, f);
	if (rc == RC_OK)
		rc = link_shown(x, generation, f);
	if (rc == RC_OK)
		rc = path_of(x, (struct str){ 0 }, NULL, path, f);
	if (rc == RC_OK)
		rc = sync_directory(path, f);
	removal.keep[0] = name;
	removal.keep[1] = before;
	return rc == RC_OK ? each_generation(x, remove_old, &removal, f) : rc;
}

/* --- opening --- */

static bool is_plain(const struct files *x, const char *name)
{
	char path[4096];
	struct stat st;

	return path_of(x, (struct str){ 0 }, name, path, NULL) == RC_OK && lstat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

static enum rc copy_shown(const struct files *x, struct str generation, const char *name, unsigned mode,
			  struct fault *f)
{
	AUTO(arena) struct arena scratch;
	struct bytes content;
	enum rc rc;

	arena_init(&scratch, FILES_MAX + 4096);
	rc = files_read(x, &scratch, (struct str){ 0 }, name, &content, f);
	if (rc == RC_NOTFOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = files_write(x, generation, name, content, mode, f);
	if (rc == RC_OK)
		secret_cleanse((void *)content.p, content.len);
	return rc;
}

/* Plain files that somebody else has put there become a generation, so that key and certificate can
 * be switched together from then on: whoever reads them sees no difference. */
static enum rc adopt(struct files *x, struct fault *f)
{
	struct str generation;
	bool any = false;
	enum rc rc;

	for (size_t i = 0; i < COUNT_OF(shown); i++)
		any = any || is_plain(x, shown[i]);
	if (!any)
		return RC_OK;
	rc = files_new_generation(x, &x->arena, &generation, f);
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(shown); i++)
		rc = copy_shown(x, generation, shown[i], i == 0 ? 0600 : 0644, f);
	return rc == RC_OK ? files_switch(x, generation, f) : rc;
}

static enum rc make_directories(const char *dir, struct fault *f)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s", dir);

	if (n <= 0 || n >= (int)sizeof(path) - 256)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", dir);
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return io(f, "create", path);
		*p = '/';
	}
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return io(f, "create", path);
	return RC_OK;
}

static enum rc take_lock(struct files *x, struct fault *f)
{
	char path[4096];
	enum rc rc = path_of(x, (struct str){ 0 }, "lock", path, f);

	if (rc != RC_OK)
		return rc;
	x->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (x->lock < 0)
		return io(f, "open", path);
	if (flock(x->lock, LOCK_EX | LOCK_NB) != 0)
		return fault_set(f, RC_BUSY, PROBLEM_NONE, "another assay-agent is at work in %.*s",
				 STR_ARG(x->dir));
	return RC_OK;
}

enum rc files_open(const char *dir, struct files *out, struct fault *f)
{
	struct files x = { .lock = -1 };
	enum rc rc = make_directories(dir, f);

	if (rc != RC_OK)
		return rc;
	arena_init(&x.arena, 64 * 1024);
	x.dir = arena_str(&x.arena, str_of(dir));
	rc = x.dir.p ? take_lock(&x, f) : RC_NOMEM;
	if (rc == RC_OK)
		rc = adopt(&x, f);
	if (rc == RC_OK)
		*out = x;
	else
		files_done(&x);
	return rc;
}

void files_done(struct files *x)
{
	if (x->lock >= 0)
		(void)close(x->lock);
	x->lock = -1;
	arena_done(&x->arena);
}
