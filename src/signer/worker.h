/* worker.h - the process that has the keys: takes messages, decides, journals, signs, answers. */
#ifndef ASSAY_SIGNER_WORKER_H
#define ASSAY_SIGNER_WORKER_H

#include "base/str.h"

/* Exit codes, for the monitor. */
enum {
	WORKER_DONE = 0,   /* the server's end was closed, or SIGTERM */
	WORKER_FAILED = 1, /* the journal or the socket failed: start another */
	WORKER_USELESS = 78, /* config, certificates, keys or journal are not fit (EX_CONFIG) */
};

/* Runs until the server's end is closed or a signal asks to stop; returns the exit code. Says hello
 * with the epoch, also when it cannot serve. One thread; call after fork(). */
int worker_run(int socket, struct str config, uint64_t epoch);

#endif
