/* files.h - how a certificate lies on disk.
 *
 *     DIR/gen-ID/   privkey.pem (0600) cert.pem chain.pem fullchain.pem    one generation
 *                   order                                                  while it is being made
 *     DIR/live      -> gen-ID: the generation in use
 *     DIR/privkey.pem, cert.pem, chain.pem, fullchain.pem -> live/...      what programs read
 *     DIR/lock
 *
 * A generation is complete before `live` is switched to it, by one rename: whoever opens the files
 * at whatever time gets a key and a certificate that belong together. A generation newer than the
 * live one is the work of a run that was interrupted, and the next run goes on with it. */
#ifndef ASSAY_AGENT_FILES_H
#define ASSAY_AGENT_FILES_H

#include "base/arena.h"
#include "base/auto.h"
#include "base/fault.h"
#include "base/secret.h"

#define FILES_MAX (1024 * 1024) /* octets of one file */

struct files {
	struct str dir;     /* absolute or as given */
	struct arena arena; /* paths */
	int lock;
};

/* Makes the directory (0755) if need be, locks it against other agents and takes over plain files
 * that are there already. RC_BUSY: another agent works there. */
enum rc files_open(const char *dir, struct files *out, struct fault *f) MUST_USE;
void files_done(struct files *x);

/* Names of the live generation and of a newer one; absent if there is none. In the arena. */
enum rc files_generations(const struct files *x, struct arena *a, struct str *out_live, struct str *out_next,
			  struct fault *f) MUST_USE;
/* A new, empty one, newer than all. */
enum rc files_new_generation(const struct files *x, struct arena *a, struct str *out, struct fault *f) MUST_USE;
/* One of a generation's files. RC_NOTFOUND: it has none. */
enum rc files_read(const struct files *x, struct arena *a, struct str generation, const char *name,
		   struct bytes *out, struct fault *f) MUST_USE;
/* Written whole or not at all, and durable. */
enum rc files_write(const struct files *x, struct str generation, const char *name, struct bytes content,
		    unsigned mode, struct fault *f) MUST_USE;
enum rc files_remove(const struct files *x, struct str generation, const char *name, struct fault *f) MUST_USE;
/* Makes a complete generation the live one, then removes all but it and the one before. */
enum rc files_switch(const struct files *x, struct str generation, struct fault *f) MUST_USE;
/* Removes a generation that is not live. */
enum rc files_discard(const struct files *x, struct str generation, struct fault *f) MUST_USE;

#endif
