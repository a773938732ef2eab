/* probe_sandbox.h - what `assay probe` gives up before it dials: it never listens, never starts a program,
 * never gains a privilege. Linux only; for good. */
#ifndef ASSAY_CMD_PROBE_SANDBOX_H
#define ASSAY_CMD_PROBE_SANDBOX_H

#include "base/fault.h"

enum rc probe_sandbox(struct fault *f) MUST_USE;

#endif
