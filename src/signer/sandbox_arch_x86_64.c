/* sandbox_arch_x86_64.c - sandbox.h for x86-64. */
#include <linux/audit.h>
#include <sys/syscall.h>

#include "signer/sandbox.h"

const unsigned SANDBOX_AUDIT_ARCH = AUDIT_ARCH_X86_64;
const int SANDBOX_ARCH_CALLS[] = { SYS_poll, SYS_time, SYS_gettimeofday };
const size_t SANDBOX_ARCH_CALL_COUNT = COUNT_OF(SANDBOX_ARCH_CALLS);
