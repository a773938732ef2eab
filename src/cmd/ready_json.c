/* ready_json.c - the ready file holds one JSON object: directory, root, admin_url, admin_token, pid, eab. */
#include "cmd/ready.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/json.h"
#include "base/encode.h"
#include "base/file.h"
#include "crypto/pem.h"

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
	for (size_t i = 0; info->show_eab_keys && i < c->eab_key_count; i++) {
		struct bytes key = secret_bytes(c->eab_keys[i].key);
		char text[1024];

		json_out_open(&o, NULL, '{');
		json_out_str(&o, "kid", c->eab_keys[i].kid);
		json_out_str(&o, "hmac_key", (struct str){ text, b64url_encode(key, text) });
		json_out_close(&o, '}');
	}
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	buf_add_char(&b, '\n');
	if (!buf_ok(&b))
		return RC_NOMEM;
	return file_write(info->ready_file, buf_bytes(&b), 0600, f);
}

/* The root's file beside the first authority's key, where init leaves it; empty if it is not there. */
static void find_root_file(const struct config *c, char out[4096])
{
	const struct config_authority *raw = c->raw.authorities.v;
	struct str folder = { raw[0].key.p + 5, raw[0].key.len - 5 }; /* after "file:" */

	while (folder.len && folder.p[folder.len - 1] != '/')
		folder.len--;
	(void)snprintf(out, 4096, "%.*sroot.pem", STR_ARG(folder));
	if (access(out, R_OK) != 0)
		out[0] = '\0';
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
			rc = fault_set(f, RC_IO, PROBLEM_NONE, "cannot find %s: %s", info->root_out, strerror(errno));
	} else {
		find_root_file(info->config, root_file);
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
