/* sandbox_arch_aarch64.c - sandbox.h for 64-bit ARM. */
#include <linux/audit.h>
#include <sys/syscall.h>

#include "signer/sandbox.h"

const unsigned SANDBOX_AUDIT_ARCH = AUDIT_ARCH_AARCH64;
const int SANDBOX_ARCH_CALLS[] = { SYS_gettimeofday };
const size_t SANDBOX_ARCH_CALL_COUNT = COUNT_OF(SANDBOX_ARCH_CALLS);
