/* signer_spawn.c - fork and exec of the signer (signer_spawn.h): its own address space layout, its
 * own process group, no descriptor of ours but the standard ones and the socket. */
#include "signer/signer_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET 3       /* where main.c expects it */
#define ABOVE 10       /* descriptors are moved out of the way of 0 to 3 */
#define REAP_MS 10000

extern char **environ;

static enum rc failed(struct fault *f, const char *what, int error)
{
	return fault_set(f, RC_IO, PROBLEM_SERVER_INTERNAL, "%s: %s", what, strerror(error));
}

static int move_up(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);

	if (fd >= 0)
		close(fd);
	return moved;
}

/* The config in memory, as a file that begins at its start; -1 on failure. */
static int config_file(struct bytes config)
{
	int fd = move_up(memfd_create("signer-config", MFD_CLOEXEC));

	if (fd < 0)
		return -1;
	while (config.len > 0) {
		ssize_t n = write(fd, config.p, config.len);

		if (n < 0) {
			close(fd);
			return -1;
		}
		config.p += n;
		config.len -= (size_t)n;
	}
	(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int spawn(const char *program, int config, int socket, pid_t *out_pid)
{
	char *const argv[] = { (char *)"assay-signer", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&actions, config, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket, SOCKET);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0); /* a ^C at the terminal is not for it */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	error = posix_spawn(out_pid, program, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

enum rc signer_spawn(const char *program, struct bytes config, pid_t *out_pid, int *out_socket,
		     struct fault *f)
{
	int pair[2] = { -1, -1 }, file = -1, error;
	enum rc rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return failed(f, "socketpair", errno);
	pair[1] = move_up(pair[1]);
	file = config_file(config);
	if (pair[1] < 0 || file < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) {
		rc = failed(f, "cannot prepare the signer's descriptors", errno);
	} else {
		error = spawn(program, file, pair[1], out_pid);
		rc = error ? failed(f, program, error) : RC_OK;
	}
	if (rc == RC_OK)
		*out_socket = pair[0];
	else
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	if (file >= 0)
		close(file);
	return rc;
}

void signer_reap(pid_t pid)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };

	if (p.fd >= 0) {
		if (poll(&p, 1, REAP_MS) <= 0)
			kill(pid, SIGKILL); /* its worker goes with it */
		close(p.fd);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
