/* file.h - whole files: read with a maximum, written so that a reader or a crash never sees half. */
#ifndef ASSAY_BASE_FILE_H
#define ASSAY_BASE_FILE_H

#include "base/arena.h"
#include "base/fault.h"

/* Writes the whole file under a temporary name, fsyncs and renames it. mode as for open(2). */
enum rc file_write(const char *path, struct bytes content, unsigned mode, struct fault *f) MUST_USE;
/* Reads a whole file of at most max bytes. */
enum rc file_read(struct arena *a, const char *path, size_t max, struct bytes *out, struct fault *f) MUST_USE;

#endif
