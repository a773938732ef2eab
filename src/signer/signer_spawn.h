/* signer_spawn.h - starts and ends the process assay-signer for signer.c. */
#ifndef ASSAY_SIGNER_SIGNER_SPAWN_H
#define ASSAY_SIGNER_SIGNER_SPAWN_H

#include <sys/types.h>

#include "base/fault.h"

/* Starts program with config on its standard input; *out_socket is the server's end, not blocking,
 * close-on-exec. */
enum rc signer_spawn(const char *program, struct bytes config, pid_t *out_pid, int *out_socket,
		     struct fault *f) MUST_USE;
/* Waits until the process, whose socket was closed, has ended; kills it if it does not. */
void signer_reap(pid_t pid);

#endif
