/* monitor.h - the parent of the worker: keeps one running while the server lives. */
#ifndef ASSAY_SIGNER_MONITOR_H
#define ASSAY_SIGNER_MONITOR_H

#include "base/str.h"

/* Returns the program's exit code when the server's end of the socket is closed, on SIGTERM, or
 * when the very first worker finds that it cannot serve. */
int monitor_run(int socket, struct str config);

#endif
