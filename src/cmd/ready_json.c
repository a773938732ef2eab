/* ready_json.c - the ready file holds one JSON object: directory, root, admin_url, admin_token, pid, eab. */
#include "cmd/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acme/json.h"
#include "base/encode.h"
#include "crypto/pem.h"

static enum rc io_fault(struct fault *f, const char *what, const char *path)
{
	return fault_set(f, errno == ENOENT ? RC_NOTFOUND : RC_IO, PROBLEM_NONE, "cannot %s %s: %s", what, path,
			 strerror(errno));
}

enum rc file_write(const char *path, struct bytes content, unsigned mode, struct fault *f)
{
	char temporary[4096];
	size_t done = 0;
	int fd, n;

	n = snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "the path is too long: %s", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return io_fault(f, "create", temporary);
	while (done < content.len) {
		ssize_t w = write(fd, content.p + done, content.len - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		done += (size_t)w;
	}
	if (done < content.len || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
		enum rc rc = io_fault(f, "write", temporary);

		(void)close(fd);
		(void)unlink(temporary);
		return rc;
	}
	(void)close(fd);
	if (rename(temporary, path) != 0) {
		enum rc rc = io_fault(f, "rename to", path);

		(void)unlink(temporary);
		return rc;
	}
	return RC_OK;
}

enum rc file_read(struct arena *a, const char *path, size_t max, struct bytes *out, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rc rc = RC_OK;
	size_t len = 0;
	struct stat st;
	uint8_t *p;

	if (fd < 0)
		return io_fault(f, "open", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > max) {
		(void)close(fd);
		return fault_set(f, RC_LIMIT, PROBLEM_NONE, "%s is not a file of at most %zu octets", path, max);
	}
	p = arena_alloc(a, (size_t)st.st_size + 1);
	if (!p)
		rc = RC_NOMEM;
	while (rc == RC_OK && len < (size_t)st.st_size) {
		ssize_t n = read(fd, p + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			rc = io_fault(f, "read", path);
		else
			len += (size_t)n;
	}
	(void)close(fd);
	if (rc == RC_OK)
		*out = bytes_of(p, len);
	return rc;
}

static enum rc write_ready_file(const struct ready_info *info, const char *root_file, struct fault *f)
{
	const struct config *c = info->config;
	AUTO(buf) struct buf b;
	struct json_out o = { .buf = &b };
	char url[1024];

	buf_init(&b, 64 * 1024);
	json_out_open(&o, NULL, '{');
	(void)snprintf(url, sizeof(url), "%.*s%.*s/directory", STR_ARG(c->base_url), STR_ARG(c->directories[0].prefix));
	json_out_str(&o, "directory", str_of(url));
	json_out_str(&o, "root", str_of(root_file));
	json_out_str(&o, "admin_url", c->raw.listen.admin.count ? c->raw.listen.admin.v[0] : STR(""));
	json_out_str(&o, "admin_token", STR("")); /* the Unix socket knows its peer by user id */
	json_out_int(&o, "pid", getpid());
	json_out_open(&o, "eab", '[');
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_add_char(&b, '\n');
	if (!buf_ok(&b))
		return RC_NOMEM;
	return file_write(info->ready_file, buf_bytes(&b), 0600, f);
}

enum rc ready_announce(const struct ready_info *info, struct fault *f)
{
	const struct authority *a = &info->config->authorities[0];
	char root_file[4096], hex[65];
	AUTO(buf) struct buf pem;
	enum rc rc = RC_OK;

	buf_init(&pem, 64 * 1024);
	pem_add(&pem, "CERTIFICATE", a->chain[a->chain_count - 1]);
	hex_encode(bytes_of(a->fingerprint, 32), hex);
	if (info->root_out) {
		rc = file_write(info->root_out, buf_bytes(&pem), 0644, f);
		if (rc == RC_OK && !realpath(info->root_out, root_file))
			rc = io_fault(f, "find", info->root_out);
	} else {
		root_file[0] = '\0';
	}
	if (rc == RC_OK && info->ready_file)
		rc = write_ready_file(info, root_file, f);
	if (rc == RC_OK && info->print) {
		printf("directory    %.*s%.*s/directory\n", STR_ARG(info->config->base_url),
		       STR_ARG(info->config->directories[0].prefix));
		if (root_file[0])
			printf("root         %s\n", root_file);
		printf("fingerprint  %s\n", hex);
		(void)fflush(stdout);
	}
	return rc;
}
