/* ready.h - what is said when the server is ready: for people, and as a file for scripts. */
#ifndef ASSAY_CMD_READY_H
#define ASSAY_CMD_READY_H

#include "core/config.h"

struct ready_info {
	const struct config *config;
	const char *ready_file, *root_out; /* NULL: none */
	bool print;
	bool show_eab_keys; /* assay dev: they are for the tester */
};
enum rc ready_announce(const struct ready_info *info, struct fault *f) MUST_USE;

#endif
