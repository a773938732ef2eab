/* sandbox.h - what the processes of the signer give up (TRUST §6). Linux only. Each step is for
 * good; there is no way back. */
#ifndef ASSAY_SIGNER_SANDBOX_H
#define ASSAY_SIGNER_SANDBOX_H

#include <stddef.h>

#include "base/fault.h"

/* For monitor and worker, first of all: no core dump, no debugger or /proc/PID/mem of the same
 * user, no new privileges. */
enum rc sandbox_process(struct fault *f) MUST_USE;
/* Keeps the worker's memory out of the swap where that cannot make an allocation fail later. */
void sandbox_lock_memory(void);
/* For the worker, when everything is open: no file system (Landlock, if the kernel has it), no
 * capabilities, no system call but those of its loop. */
enum rc sandbox_enter(struct fault *f) MUST_USE;

/* The system call filter; in sanitizer builds it is sandbox_filter_off.c, because their run-time
 * needs calls that the signer must not have. */
enum rc sandbox_filter(struct fault *f) MUST_USE;

/* What differs between machines: sandbox_arch_*.c. */
extern const unsigned SANDBOX_AUDIT_ARCH;
extern const int SANDBOX_ARCH_CALLS[]; /* older forms that the C library still uses there */
extern const size_t SANDBOX_ARCH_CALL_COUNT;

#endif
