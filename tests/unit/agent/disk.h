/* disk.h - a directory for one test. */
#ifndef ASSAY_TEST_AGENT_DISK_H
#define ASSAY_TEST_AGENT_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/files.h"

struct disk {
	char dir[64];
};

static inline void disk_open(struct disk *d)
{
	strcpy(d->dir, "/tmp/test_agent.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
}

static inline int disk_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void disk_close(struct disk *d)
{
	assert_int_equal(nftw(d->dir, disk_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline const char *disk_path(struct disk *d, const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", d->dir, name);
	return p;
}

static inline void disk_put(struct disk *d, const char *name, const char *text)
{
	FILE *file = fopen(disk_path(d, name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* "" when there is none. */
static inline const char *disk_get(struct disk *d, const char *name)
{
	static char text[4][16384];
	static unsigned turn;
	char *p = text[turn++ % 4];
	FILE *file = fopen(disk_path(d, name), "r");

	p[0] = '\0';
	if (file) {
		p[fread(p, 1, sizeof(text[0]) - 1, file)] = '\0';
		fclose(file);
	}
	return p;
}

static inline mode_t disk_mode(struct disk *d, const char *name)
{
	struct stat st;

	assert_int_equal(stat(disk_path(d, name), &st), 0);
	return st.st_mode & 07777;
}

static inline bool disk_is_link(struct disk *d, const char *name)
{
	struct stat st;

	return lstat(disk_path(d, name), &st) == 0 && S_ISLNK(st.st_mode);
}

/* Generations on disk. */
static inline int disk_generations(struct disk *d)
{
	char command[256];
	int count = 0;
	FILE *out;

	snprintf(command, sizeof(command), "ls -d %s/gen-* 2>/dev/null | wc -l", d->dir);
	out = popen(command, "r");
	assert_int_equal(fscanf(out, "%d", &count), 1);
	pclose(out);
	return count;
}

#endif
