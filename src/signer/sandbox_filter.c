/* sandbox_filter.c - the system calls of the worker's loop; any other kills it (seccomp(2)).
 * The list is short because everything is open and fetched before: what is left is to take
 * messages, to look into the journal and to write it, to sign, to answer and to log.
 * Memory that is both writable and executable, or becomes executable, is refused by the arguments
 * of mmap() and mprotect(). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "signer/sandbox.h"

static const int calls[] = {
	/* messages */
	SYS_ppoll, SYS_recvmmsg, SYS_sendmmsg,
	/* a revocation list that comes as a sealed memory file: its seals, its size */
	SYS_fcntl, SYS_lseek, SYS_close,
	/* the journal */
	SYS_pread64, SYS_pwrite64, SYS_fdatasync,
	/* log lines: to a file, a pipe or the socket of the journal */
	SYS_write, SYS_sendto,
	/* time; random numbers for ECDSA, which libcrypto seeds anew when the process id changed */
	SYS_clock_gettime, SYS_getrandom, SYS_getpid,
	/* memory */
	SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_munlock, SYS_futex,
	/* signals and the end, also by abort() */
	SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_restart_syscall, SYS_gettid,
	SYS_tgkill, SYS_exit, SYS_exit_group,
};

static const int no_exec_calls[] = { SYS_mmap, SYS_mprotect };

#define LOAD(field) \
	(struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, what)
#define SKIP_UNLESS_EQUAL(value, skip) \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), 0, skip)
#define SKIP_IF_EQUAL(value, skip) \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)
#define SKIP_IF_ANY(bits, skip) \
	(struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, skip, 0)

/* The low half of the third argument, protection flags, on the little-endian machines we run on. */
#define PROTECTION args[2]

static size_t allow(struct sock_filter *p, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*p++ = SKIP_UNLESS_EQUAL(list[i], 1);
		*p++ = RETURN(SECCOMP_RET_ALLOW);
	}
	return 2 * count;
}

static size_t allow_without_exec(struct sock_filter *p, int call)
{
	p[0] = SKIP_UNLESS_EQUAL(call, 4);
	p[1] = LOAD(PROTECTION);
	p[2] = SKIP_IF_ANY(PROT_EXEC, 1);
	p[3] = RETURN(SECCOMP_RET_ALLOW);
	p[4] = RETURN(SECCOMP_RET_KILL_PROCESS);
	return 5;
}

enum rc sandbox_filter(struct fault *f)
{
	size_t room = 8 + 2 * (COUNT_OF(calls) + SANDBOX_ARCH_CALL_COUNT) +
		      5 * COUNT_OF(no_exec_calls);
	struct sock_filter *p = calloc(room, sizeof(*p));
	struct sock_fprog program = { .filter = p };
	size_t n = 0;
	int rc;

	if (!p)
		return RC_NOMEM;
	p[n++] = LOAD(arch);
	p[n++] = SKIP_IF_EQUAL(SANDBOX_AUDIT_ARCH, 1);
	p[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
	p[n++] = LOAD(nr);
	n += allow(p + n, calls, COUNT_OF(calls));
	n += allow(p + n, SANDBOX_ARCH_CALLS, SANDBOX_ARCH_CALL_COUNT);
	for (size_t i = 0; i < COUNT_OF(no_exec_calls); i++)
		n += allow_without_exec(p + n, no_exec_calls[i]);
	p[n++] = RETURN(SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	rc = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	free(p);
	if (rc != 0)
		return fault_set(f, RC_IO, PROBLEM_SERVER_INTERNAL,
				 "the signer cannot limit its system calls (seccomp): %s",
				 strerror(errno));
	return RC_OK;
}
