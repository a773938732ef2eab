/* main.c - the program assay-signer: the process that holds the authorities' keys.
 * It is started by `assay serve` and by nothing else: the law on standard input (signer_config.h),
 * its end of the socket pair as descriptor 3, log lines to standard error. No arguments. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/log.h"
#include "signer/monitor.h"
#include "signer/sandbox.h"
#include "signer/signer_config.h"
#include "signer/worker.h"

#define SOCKET 3

static bool read_config(struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		buf_add(out, chunk, (size_t)n);
	}
	return buf_ok(out);
}

static bool is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* Standard input and output lead nowhere from here on; nothing above the socket is kept but the
 * one more descriptor that the log opens later. */
static bool close_descriptors(void)
{
	int null = open("/dev/null", O_RDWR);

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       close_range(SOCKET + 1, ~0U, 0) == 0;
}

int main(int argc, char **argv)
{
	struct fault f = { 0 };
	AUTO(buf) struct buf config;
	bool whole;

	(void)argv;
	buf_init(&config, SIGNER_CONFIG_MAX);
	if (argc != 1 || !is_socket(SOCKET)) {
		fputs("assay-signer is started by assay; it takes no arguments.\n", stderr);
		return 2;
	}
	umask(077);
	whole = read_config(&config) && close_descriptors();
	/* Before sandbox_process(): the log opens its sink through /proc. */
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	if (!whole) {
		LOG_ERROR("signer_not_started", F_TEXT("detail", "its config cannot be read"));
		return WORKER_USELESS;
	}
	if (sandbox_process(&f) != RC_OK) {
		LOG_ERROR("signer_not_started", F_TEXT("detail", f.detail));
		return WORKER_USELESS;
	}
	return monitor_run(SOCKET, buf_str(&config));
}
