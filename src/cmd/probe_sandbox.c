/* probe_sandbox.c - see probe_sandbox.h. A list of what is refused (with EPERM), and not of what is allowed
 * as the signer has it: libcurl, libunbound and the C library use too much of the kernel for that. The
 * unit file (assay-probe.service) goes further, where systemd starts the probe. */
#include "cmd/probe_sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signer/sandbox.h"

static const int refused[] = {
	SYS_listen, SYS_accept, SYS_accept4, SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
	SYS_process_vm_writev, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare,
	SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff,
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
	SYS_capset, SYS_io_uring_setup,
};

#define STATEMENT(code, value) ((struct sock_filter)BPF_STMT(code, value))

static enum rc failed(struct fault *f, const char *what)
{
	return fault_set(f, RC_IO, PROBLEM_NONE, "the probe cannot %s: %s", what, strerror(errno));
}

static enum rc drop_capabilities(struct fault *f)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { 0 };
	struct __user_cap_data_struct now[2] = { 0 };

	/* An ordinary user has none, and a unit file may well forbid to ask for fewer. */
	if (syscall(SYS_capget, &head, now) == 0 && memcmp(now, none, sizeof(now)) == 0)
		return RC_OK;
	return syscall(SYS_capset, &head, none) == 0 ? RC_OK : failed(f, "give up capabilities");
}

static enum rc refuse_calls(struct fault *f)
{
	struct sock_filter program[2 * COUNT_OF(refused) + 5];
	struct sock_fprog all = { .filter = program };
	size_t n = 0;

	/* Calls by the numbers of another architecture would not be recognised. */
	program[n++] = STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_AUDIT_ARCH, 1, 0);
	program[n++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program[n++] = STATEMENT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i], 0, 1);
		program[n++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	}
	program[n++] = STATEMENT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	all.len = (unsigned short)n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) == 0 ? RC_OK : failed(f, "give up system calls");
}

enum rc probe_sandbox(struct fault *f)
{
	const struct rlimit none = { 0, 0 };
	enum rc rc;

	if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return failed(f, "forbid core dumps");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return failed(f, "give up new privileges");
	rc = drop_capabilities(f);
	return rc == RC_OK ? refuse_calls(f) : rc;
}
