/* monitor.c - starts the worker and starts it again when it dies (monitor.h).
 * The monitor holds the config text and the socket and touches neither: it parses nothing and never
 * calls libcrypto, so it stays small and has nothing to be attacked through. Because it holds the
 * socket too, that survives the worker, and each new worker says hello with the next epoch. */
#include "signer/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "signer/worker.h"

#define RESTART_MIN_MS 20
#define RESTART_MAX_MS 640
#define USELESS_MS 10000  /* a worker that cannot use its key or journal: each try decrypts the key */
#define STEADY_MS 10000   /* a worker that lived so long starts the gaps anew */
#define STOP_WAIT_MS 3000 /* for the worker's last round */

struct monitor {
	int socket;
	struct str config;
	pid_t worker; /* 0: none */
	uint64_t epoch;
	int64_t started_ms, start_at_ms;
	int gap_ms;
	int code;
};

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop |= signo == SIGTERM;
}

static void start_worker(struct monitor *m)
{
	pid_t self = getpid(), pid;

	m->epoch++;
	m->started_ms = clock_mono_ms();
	pid = fork();
	if (pid == 0) {
		/* Goes with the monitor, even if that was killed just now. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != self)
			_exit(WORKER_FAILED);
		_exit(worker_run(m->socket, m->config, m->epoch));
	}
	if (pid < 0) {
		LOG_ERROR("signer_fork_failed", F_INT("errno", errno));
		m->start_at_ms = m->started_ms + RESTART_MAX_MS;
		return;
	}
	m->worker = pid;
}

/* Plans the next worker. False when there is no point in one. */
static bool worker_ended(struct monitor *m, int status)
{
	int64_t now = clock_mono_ms();

	m->worker = 0;
	m->code = WIFEXITED(status) ? WEXITSTATUS(status) : WORKER_FAILED;
	if (m->code == WORKER_DONE || (m->code == WORKER_USELESS && m->epoch == 1))
		return false;
	if (now - m->started_ms >= STEADY_MS)
		m->gap_ms = RESTART_MIN_MS;
	m->start_at_ms = now + (m->code == WORKER_USELESS ? USELESS_MS : m->gap_ms);
	LOG_ERROR("signer_worker_died", F_INT("epoch", m->epoch), F_INT("exit", m->code),
		  F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
		  F_INT("restart_in_ms", m->start_at_ms - now));
	return true;
}

/* Reaps the worker if it has ended. False when the monitor is to end too. */
static bool look_after_worker(struct monitor *m)
{
	int status;

	if (m->worker && waitpid(m->worker, &status, WNOHANG) == m->worker &&
	    !worker_ended(m, status))
		return false;
	if (!m->worker && clock_mono_ms() >= m->start_at_ms)
		start_worker(m);
	return true;
}

/* Waits for the server's end to close, a signal, or timeout_ms; signals come only here.
 * False: the server's end is closed. */
static bool wait_event(const struct monitor *m, int64_t timeout_ms)
{
	struct pollfd p = { .fd = m->socket };
	struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&p, 1, timeout_ms < 0 ? NULL : &t, &none) <= 0 ||
	       !(p.revents & (POLLHUP | POLLERR));
}

/* Lets the worker finish its round, then ends it. */
static void stop_worker(struct monitor *m)
{
	int64_t deadline = clock_mono_ms() + STOP_WAIT_MS, left;
	const sigset_t *none = &(sigset_t){ 0 };

	if (!m->worker)
		return;
	kill(m->worker, SIGTERM);
	while (waitpid(m->worker, NULL, WNOHANG) == 0) {
		left = deadline - clock_mono_ms();
		if (left <= 0) {
			kill(m->worker, SIGKILL);
			waitpid(m->worker, NULL, 0);
			return;
		}
		ppoll(NULL, 0, &(struct timespec){ left / 1000, left % 1000 * 1000000 }, none);
	}
}

static void signals_set_up(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t held;

	/* Held back but for the moments in ppoll(), so that none is missed before it. */
	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, NULL);
	sigaction(SIGCHLD, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* A ^C or a reload is the server's affair; the signer serves until its end is closed. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full file is an error of pwrite(), not an end without answer */
}

int monitor_run(int socket, struct str config)
{
	struct monitor m = { .socket = socket, .config = config, .gap_ms = RESTART_MIN_MS };
	bool open = true;

	signals_set_up();
	while (open && !stop) {
		if (!look_after_worker(&m))
			return m.code;
		open = wait_event(&m, m.worker ? -1 : m.start_at_ms - clock_mono_ms());
	}
	stop_worker(&m);
	return 0;
}
