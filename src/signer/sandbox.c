/* sandbox.c - everything of sandbox.h but the system call filter. */
#include "signer/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum rc failed(struct fault *f, const char *what)
{
	return fault_set(f, RC_IO, PROBLEM_SERVER_INTERNAL, "the signer cannot %s: %s", what,
			 strerror(errno));
}

enum rc sandbox_process(struct fault *f)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return failed(f, "forbid core dumps");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return failed(f, "give up new privileges");
	return RC_OK;
}

/* With a limit on locked memory MCL_FUTURE would make later allocations fail, so it is all or
 * nothing; secrets are locked one by one in any case (base/secret.c). Pages are locked when they
 * are touched (MCL_ONFAULT): locking the libraries whole would cost megabytes. */
void sandbox_lock_memory(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 &&
	    (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY))
		return;
	(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* A ruleset without rules: no path can be opened, made or removed any more. */
static enum rc no_files(struct fault *f)
{
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all.handled_access_fs), 0);
	int rc;

	if (fd < 0)
		return RC_OK; /* an older kernel, or switched off: the filter below forbids open() */
	rc = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return rc == 0 ? RC_OK : failed(f, "give up the file system");
}

static enum rc no_capabilities(struct fault *f)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &head, none) == 0 ? RC_OK : failed(f, "give up capabilities");
}

enum rc sandbox_enter(struct fault *f)
{
	enum rc rc;

	if ((rc = no_files(f)) != RC_OK || (rc = no_capabilities(f)) != RC_OK)
		return rc;
	return sandbox_filter(f);
}
