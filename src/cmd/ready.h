/* ready.h - what is said when the server is ready: for people, and as a file for scripts. */
#ifndef ASSAY_CMD_READY_H
#define ASSAY_CMD_READY_H

#include "core/config.h"

struct ready_info {
	const struct config *config;
	const char *ready_file, *root_out; /* NULL: none */
	bool print;
};
enum rc ready_announce(const struct ready_info *info, struct fault *f) MUST_USE;

/* Writes the whole file under a temporary name, fsyncs and renames it. mode as for open(2). */
enum rc file_write(const char *path, struct bytes content, unsigned mode, struct fault *f) MUST_USE;
/* Reads a whole file of at most max bytes. */
enum rc file_read(struct arena *a, const char *path, size_t max, struct bytes *out, struct fault *f) MUST_USE;

#endif
