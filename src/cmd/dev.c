/* dev.c - `assay dev`: a throw-away CA for people who test ACME clients. Nothing but `assay init` and
 * `assay serve` with a settings file of its own in a temporary directory. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "cmd/options.h"
#include "cmd/serve.h"
#include "crypto/digest.h"
#include "issuer/ca_create.h"

#define EAB_KEYS 3

struct dev {
	const char *listen, *resolver, *data, *root_out, *ready_file;
	int64_t http01_port, tls_alpn01_port;
	bool eab_required, strict;
};

static enum rc make_eab_keys(const char *data, struct fault *f)
{
	enum rc rc = RC_OK;

	for (int i = 1; rc == RC_OK && i <= EAB_KEYS; i++) {
		uint8_t random[32];
		char text[B64URL_LEN(sizeof(random)) + 1], path[4096];

		random_bytes(random, sizeof(random));
		b64url_encode(bytes_of(random, sizeof(random)), text);
		(void)snprintf(path, sizeof(path), "%s/ca/eab-%d", data, i);
		rc = file_write(path, str_bytes(str_of(text)), 0600, f);
	}
	return rc;
}

static enum rc make_ca(struct arena *a, const char *data, struct fault *f)
{
	AUTO_PTR(secret) struct secret *root = NULL;
	AUTO_PTR(secret) struct secret *issuing = NULL;
	struct ca_create_options o = {
		.name = STR("Assay Dev"),
		.key_type = KEY_P256,
		.root_lifetime_s = INT64_C(10) * 365 * 86400,
		.issuing_lifetime_s = INT64_C(5) * 365 * 86400,
	};
	uint8_t random[24];
	char text[B64URL_LEN(sizeof(random)) + 1], path[4096];
	struct ca_created created;
	enum rc rc;

	random_bytes(random, sizeof(random));
	b64url_encode(bytes_of(random, sizeof(random)), text);
	(void)snprintf(path, sizeof(path), "%s/ca", data);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fault_set(f, RC_IO, PROBLEM_NONE, "cannot create %s: %s", path, strerror(errno));
	o.directory = str_of(path);
	rc = secret_new(str_bytes(str_of(text)), &root);
	if (rc == RC_OK)
		rc = secret_new(str_bytes(str_of(text)), &issuing);
	o.root_passphrase = root;
	o.issuing_passphrase = issuing;
	if (rc == RC_OK)
		rc = ca_create(a, &o, &created, f);
	if (rc == RC_OK) {
		char pass[4200];

		(void)snprintf(pass, sizeof(pass), "%s/issuing.pass", path);
		rc = file_write(pass, str_bytes(str_of(text)), 0600, f);
	}
	if (rc == RC_OK)
		rc = make_eab_keys(data, f);
	return rc;
}

/* In a process of its own: the keys are never in the memory of the one that serves, and the 16 MiB
 * that scrypt takes to encrypt them are not either. */
static enum rc make_ca_apart(const char *data, struct fault *f)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		AUTO(arena) struct arena a;
		enum rc rc;

		arena_init(&a, LIMIT_SETTINGS_BYTES);
		rc = crypto_init(f);
		if (rc == RC_OK)
			rc = make_ca(&a, data, f);
		if (rc != RC_OK)
			fprintf(stderr, "assay dev: %s\n", f->detail[0] ? f->detail : rc_text(rc));
		_exit(rc == RC_OK ? EXIT_OK : EXIT_FAILED);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_OK)
		return fault_set(f, RC_IO, PROBLEM_NONE, "the CA could not be made in %s", data);
	return RC_OK;
}

static enum rc write_settings(const struct dev *d, const char *data, struct fault *f)
{
	const char *port = strrchr(d->listen, ':');
	char path[4096];
	AUTO(buf) struct buf b;

	if (!port)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "--listen must be ADDRESS:PORT");
	buf_init(&b, 64 * 1024);
	buf_addf(&b, "name: Assay Dev\npublic_url: https://%s\n", d->listen);
	buf_addf(&b, "hosts: [\"localhost%s\", \"127.0.0.1%s\", \"[::1]%s\"]\n", port, port, port);
	buf_addf(&b, "listen: {acme: [\"%s\"], admin: [\"unix:%s/admin.sock\"]}\n", d->listen, data);
	buf_addf(&b, "store: sqlite:%s/assay.db\n", data);
	buf_addf(&b, "authorities:\n  dev: {key: \"file:%s/ca/issuing.key\", passphrase: \"file:%s/ca/issuing.pass\"}\n",
		 data, data);
	buf_addf(&b, "directories:\n  default: {issuer: dev, profiles: [server, short, client, mtls], eab_required: %s}\n",
		 d->eab_required ? "true" : "false");
	buf_add_text(&b, "eab_keys:\n");
	for (int i = 1; i <= EAB_KEYS; i++)
		buf_addf(&b, "  kid-%d: {key: \"file:%s/ca/eab-%d\"}\n", i, data, i);
	buf_add_text(&b, "zones:\n  - names: [\"*\"]\n    challenges: [http-01, tls-alpn-01, dns-01]\n"
			 "    address_policy: dev\n    caa: off\n");
	if (d->resolver)
		buf_addf(&b, "    resolver: \"%s\"\n", d->resolver);
	/* One port stands for 443: redirects to https go there too. */
	buf_addf(&b, "validation: {http01_port: %lld, https_port: %lld, tls_alpn01_port: %lld, first_retry: 1s}\n",
		 (long long)d->http01_port, (long long)d->tls_alpn01_port, (long long)d->tls_alpn01_port);
	if (!buf_ok(&b))
		return RC_NOMEM;
	(void)snprintf(path, sizeof(path), "%s/assay.yaml", data);
	return file_write(path, buf_bytes(&b), 0600, f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int run_dev(const struct dev *d, const char *data)
{
	struct serve_options o = { .ready_file = d->ready_file, .root_out = d->root_out,
				   .strict_trainer = d->strict, .dev = true, .create_store = true };
	char config[4096], root[4096], key[4096], eab[4096];
	AUTO(fault) struct fault f = { 0 };
	enum rc rc = RC_OK;

	(void)umask(077);
	(void)snprintf(config, sizeof(config), "%s/assay.yaml", data);
	(void)snprintf(root, sizeof(root), "%s/root.pem", data);
	(void)snprintf(key, sizeof(key), "%s/ca/issuing.key", data);
	(void)snprintf(eab, sizeof(eab), "%s/ca/eab-1", data);
	if (access(key, F_OK) != 0)
		rc = make_ca_apart(data, &f);
	else if (access(eab, F_OK) != 0)
		rc = make_eab_keys(data, &f);
	if (rc == RC_OK)
		rc = write_settings(d, data, &f);
	if (rc != RC_OK) {
		fprintf(stderr, "assay dev: %s\n", f.detail[0] ? f.detail : rc_text(rc));
		return EXIT_FAILED;
	}
	o.config_file = config;
	if (!o.root_out)
		o.root_out = root;
	return serve_run(&o);
}

int verb_dev(int argc, char **argv)
{
	struct dev d = { .listen = "127.0.0.1:14000", .http01_port = 5002, .tls_alpn01_port = 5001 };
	const struct option table[] = {
		{ "listen", OPTION_TEXT, &d.listen, "ADDR:PORT", "where to serve (default 127.0.0.1:14000)" },
		{ "http01-port", OPTION_INT, &d.http01_port, "PORT", "port that HTTP-01 validation dials (5002)" },
		{ "tls-alpn01-port", OPTION_INT, &d.tls_alpn01_port, "PORT", "port that TLS-ALPN-01 dials (5001)" },
		{ "resolver", OPTION_TEXT, &d.resolver, "ADDR:PORT", "DNS server for validation (the system's)" },
		{ "data", OPTION_TEXT, &d.data, "DIR", "keep state there instead of a temporary directory" },
		{ "eab-required", OPTION_FLAG, &d.eab_required, NULL, "accounts need an external account binding" },
		{ "root-out", OPTION_TEXT, &d.root_out, "FILE", "write the root certificate there" },
		{ "ready-file", OPTION_TEXT, &d.ready_file, "FILE", "write a JSON object there when ready" },
		{ "strict", OPTION_FLAG, &d.strict, NULL, "a trainer for clients: some nonces are refused, order varies" },
		{ 0 },
	};
	char temporary[] = "/tmp/assay-dev-XXXXXX";
	char absolute[4096];
	int code;

	if (!options_parse(argc, argv, table, "assay dev [options]",
			   "A throw-away CA for testing ACME clients: validation may dial loopback, everything\n"
			   "is allowed, and the state is gone when it stops. Directory: https://LISTEN/acme/directory",
			   NULL, 0, NULL, &code))
		return code;
	if (!d.data) {
		if (!mkdtemp(temporary)) {
			fprintf(stderr, "assay dev: cannot make a temporary directory: %s\n", strerror(errno));
			return EXIT_FAILED;
		}
		code = run_dev(&d, temporary);
		(void)nftw(temporary, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		return code;
	}
	if ((mkdir(d.data, 0700) != 0 && errno != EEXIST) || !realpath(d.data, absolute)) {
		fprintf(stderr, "assay dev: cannot use %s: %s\n", d.data, strerror(errno));
		return EXIT_FAILED;
	}
	return run_dev(&d, absolute);
}
