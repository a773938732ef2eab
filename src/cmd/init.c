/* init.c - `assay init`: a certificate authority, its passphrase, and the settings of a new server.
 * Everything is checked before anything is written, nothing that exists is overwritten, and when a
 * step fails what the steps before it made is removed. */
#include <errno.h>
#include <libgen.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "acme/identifier.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "cmd/files_ca.h"
#include "cmd/files_pem.h"
#include "cmd/files_settings.h"
#include "cmd/serve.h"
#include "core/config.h"
#include "crypto/digest.h"
#include "issuer/ca_create.h"
#include "net/addr.h"

#define YEAR (365 * INT64_C(86400))
#define CHAIN_FILE_MAX (256 * 1024)

struct init {
	const char *data, *config, *name, *public_url, *admin, *key, *root_pass_file;
	const char *import, *import_key, *import_pass_file;
	struct option_list listen, http_listen, permit;
	int64_t root_lifetime_s, issuing_lifetime_s, http01_port;
	bool trial, existing_ca;

	struct arena *arena;
	struct ca_folder folder;
	struct ca_create_options ca;
	struct name_subtree subtrees[OPTION_LIST_MAX];
	struct ca_created created;
	struct secret *root_pass, *issuing_pass;
	char shown_pass[PASSPHRASE_LEN + 1];
};

static enum rc refuse(struct fault *f, const char *what, const char *why)
{
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "%s: %s", what, why);
}

/* --- defaults --- */

/* https://<fully qualified name of this machine>, with the port of the first listener. */
static enum rc default_url(struct init *i, struct fault *f)
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *info = NULL;
	struct addr listen;
	char host[256] = "";
	uint16_t port = 443;

	if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
		return refuse(f, "--public-url", "this machine has no name; say how clients reach it");
	if (getaddrinfo(host, NULL, &hints, &info) == 0 && info->ai_canonname && strchr(info->ai_canonname, '.'))
		(void)snprintf(host, sizeof(host), "%s", info->ai_canonname);
	if (info)
		freeaddrinfo(info);
	if (addr_parse(str_of(i->listen.v[0]), 443, &listen, NULL) == RC_OK)
		port = addr_port(&listen);
	i->public_url = port == 443 ? arena_printf(i->arena, "https://%s", host)
				    : arena_printf(i->arena, "https://%s:%u", host, port);
	return i->public_url ? RC_OK : RC_NOMEM;
}

static void add_permit(struct init *i, const char *text)
{
	for (size_t k = 0; k < i->permit.count; k++) {
		if (strcmp(i->permit.v[k], text) == 0)
			return;
	}
	i->permit.v[i->permit.count++] = text;
}

static enum rc fill_in(struct init *i, struct fault *f)
{
	if (!i->listen.count) {
		i->listen.v[i->listen.count++] = ":443";
		if (!i->http_listen.count)
			i->http_listen.v[i->http_listen.count++] = ":80";
	}
	if (i->trial && i->permit.count + TRIAL_NAME_COUNT > OPTION_LIST_MAX)
		return refuse(f, "--permit", "is given too often");
	/* Without any limit the trial's names need none. */
	for (size_t k = 0; i->trial && i->permit.count && k < TRIAL_NAME_COUNT; k++)
		add_permit(i, TRIAL_NAMES[k]);
	return i->public_url ? RC_OK : default_url(i, f);
}

/* --- checks --- */

/* One line of YAML, whatever the quoting. */
static enum rc check_text(const char *what, const char *text, struct fault *f)
{
	if (!text[0] || !str_is_utf8(str_of(text)))
		return refuse(f, what, "must be text in UTF-8");
	for (const char *p = text; *p; p++) {
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			return refuse(f, what, "has control characters");
	}
	return RC_OK;
}

static enum rc check_lists(const struct init *i, struct fault *f)
{
	const struct option_list *lists[] = { &i->listen, &i->http_listen };
	enum rc rc = RC_OK;

	for (size_t l = 0; l < COUNT_OF(lists); l++) {
		for (size_t k = 0; rc == RC_OK && k < lists[l]->count; k++) {
			struct addr a;

			rc = check_text("--listen", lists[l]->v[k], f);
			if (rc == RC_OK)
				rc = addr_parse(str_of(lists[l]->v[k]), 443, &a, f);
		}
	}
	return rc;
}

static enum rc parse_permit(struct init *i, struct fault *f)
{
	for (size_t k = 0; k < i->permit.count; k++) {
		enum rc rc = name_subtree_parse(i->arena, str_of(i->permit.v[k]), &i->subtrees[k], f);

		if (rc != RC_OK)
			return rc;
	}
	i->ca.permit = i->subtrees;
	i->ca.permit_count = i->permit.count;
	return RC_OK;
}

/* The server issues its own certificate: its host must be one that the authority may certify. */
static enum rc check_url(struct init *i, struct fault *f)
{
	struct str url = str_of(i->public_url), host, rest;
	struct identifier id;
	struct san san;

	if (!str_starts(url, "https://"))
		return refuse(f, "--public-url", "must begin with https://");
	host = (struct str){ url.p + 8, url.len - 8 };
	if (str_starts(host, "["))
		(void)str_cut((struct str){ host.p + 1, host.len - 1 }, ']', &host, &rest);
	else
		(void)str_cut(host, ':', &host, &rest);
	if (identifier_parse(i->arena, STR("ip"), host, &id, NULL) != RC_OK &&
	    identifier_parse(i->arena, STR("dns"), host, &id, NULL) != RC_OK)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "--public-url: \"%.*s\" is not the name or address of a host; it is https://HOST or https://HOST:PORT",
				 STR_ARG(host));
	if (identifier_san(i->arena, &id, &san) != RC_OK)
		return RC_NOMEM;
	if (!name_subtrees_permit(i->subtrees, i->permit.count, &san))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "--public-url: this authority could not certify its own server: %.*s is outside --permit; "
				 "add --permit %.*s, or give another --public-url",
				 STR_ARG(host), STR_ARG(host));
	return RC_OK;
}

static enum rc check_mode(const struct init *i, struct fault *f)
{
	if (i->existing_ca && i->import)
		return refuse(f, "--existing-ca", "and --import exclude each other");
	if (!i->import != !i->import_key)
		return refuse(f, "--import", "needs --import-key, and the reverse");
	if (i->http01_port < 0 || i->http01_port > 65535)
		return refuse(f, "--http01-port", "is not a port");
	if (path_exists(i->config))
		return fault_set(f, RC_CONFLICT, PROBLEM_NONE,
				 "%s exists already; nothing is overwritten: remove it, or name another with --config",
				 i->config);
	return RC_OK;
}

static enum rc check(struct init *i, struct fault *f)
{
	enum rc rc = check_mode(i, f);

	if (rc == RC_OK)
		rc = key_kind_parse(i->key, &i->ca.key_type, &i->ca.rsa_bits, f);
	if (rc == RC_OK)
		rc = fill_in(i, f);
	if (rc == RC_OK)
		rc = check_text("--name", i->name, f);
	if (rc == RC_OK)
		rc = check_text("--public-url", i->public_url, f);
	if (rc == RC_OK)
		rc = check_lists(i, f);
	if (rc == RC_OK)
		rc = parse_permit(i, f);
	return rc == RC_OK ? check_url(i, f) : rc;
}

/* The socket is in the service manager's folder for the packaged server, else beside the data. */
static enum rc choose_socket(struct init *i, struct fault *f)
{
	if (!i->admin)
		i->admin = strcmp(i->folder.data, DATA_DEFAULT) == 0
				   ? "/run/assay/admin.sock"
				   : arena_printf(i->arena, "%s/admin.sock", i->folder.data);
	if (!i->admin)
		return RC_NOMEM;
	if (strlen(i->admin) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "the path of the admin socket is too long (%s); give a shorter one with --admin", i->admin);
	if (i->admin[0] != '/' || strpbrk(i->admin, "\"\\"))
		return refuse(f, "--admin", "must be an absolute path without quotes");
	return check_text("--data", i->folder.data, f);
}

/* --- the authority --- */

static enum rc import_ca(struct init *i, struct fault *f)
{
	AUTO_PTR(secret) struct secret *key = NULL;
	AUTO_PTR(secret) struct secret *pass = NULL;
	struct bytes chain;
	enum rc rc;

	rc = file_read(i->arena, i->import, CHAIN_FILE_MAX, &chain, f);
	if (rc == RC_OK)
		rc = secret_load_file(i->import_key, &key, f);
	if (rc == RC_OK && i->import_pass_file)
		rc = secret_load_file(i->import_pass_file, &pass, f);
	if (rc == RC_OK)
		rc = ca_import(i->arena, i->ca.directory, chain, secret_bytes(key), pass, i->issuing_pass, &i->created, f);
	return rc;
}

/* What `assay ca install` left there. */
static enum rc use_existing_ca(struct init *i, struct fault *f)
{
	const char *chain = arena_printf(i->arena, "%s/chain.pem", i->folder.ca);
	struct authority a;
	enum rc rc;

	if (!chain)
		return RC_NOMEM;
	rc = authority_load(i->arena, STR("ca"), chain, NULL, &a, f);
	if (rc != RC_OK)
		return rc;
	memcpy(i->created.fingerprint, a.fingerprint, sizeof(i->created.fingerprint));
	i->created.root_file = str_of(arena_printf(i->arena, "%s/root.pem", i->folder.ca));
	return i->created.root_file.p ? RC_OK : RC_NOMEM;
}

static enum rc make_ca(struct init *i, struct fault *f)
{
	enum rc rc;

	if (i->existing_ca)
		return use_existing_ca(i, f);
	rc = issuing_passphrase_new(&i->folder, &i->issuing_pass, f);
	if (rc != RC_OK)
		return rc;
	if (i->import)
		return import_ca(i, f);
	rc = root_passphrase_get(i->root_pass_file, &i->root_pass, i->shown_pass, f);
	i->ca.name = str_of(i->name);
	i->ca.root_lifetime_s = i->root_lifetime_s;
	i->ca.issuing_lifetime_s = i->issuing_lifetime_s;
	i->ca.root_passphrase = i->root_pass;
	i->ca.issuing_passphrase = i->issuing_pass;
	return rc == RC_OK ? ca_create(i->arena, &i->ca, &i->created, f) : rc;
}

/* --- the settings --- */

/* What was written must be what the server accepts. */
static enum rc check_written(struct init *i, struct str text, struct fault *f)
{
	struct setting_errors errors = { 0 };
	struct config *c;
	enum rc rc = config_from_text(i->arena, text, i->config, &c, &errors);

	if (rc == RC_OK) {
		config_unref(c);
		return rc;
	}
	return fault_set(f, rc, PROBLEM_NONE, "these options do not make good settings: %s",
			 errors.count ? errors.v[0].text : rc_text(rc));
}

static enum rc write_settings(struct init *i, struct fault *f)
{
	const struct settings_text s = {
		.name = i->name, .public_url = i->public_url, .admin = i->admin, .listen = &i->listen,
		.http_listen = &i->http_listen, .data = i->folder.data, .permit = &i->permit,
		.subtrees = i->subtrees, .trial = i->trial, .http01_port = i->http01_port,
	};
	char *copy = arena_cstr(i->arena, str_of(i->config));
	AUTO(buf) struct buf b;
	enum rc rc;

	buf_init(&b, LIMIT_SETTINGS_BYTES / 8);
	settings_text_add(&b, &s);
	if (!buf_ok(&b) || !copy)
		return RC_NOMEM;
	rc = check_written(i, buf_str(&b), f);
	if (rc == RC_OK)
		rc = folders_make(dirname(copy), 0755, f);
	return rc == RC_OK ? file_write(i->config, buf_bytes(&b), 0644, f) : rc;
}

/* --- what to do next --- */

static void print_fingerprint(const uint8_t fingerprint[SHA256_LEN])
{
	printf("SHA-256          ");
	for (size_t i = 0; i < SHA256_LEN; i++)
		printf("%02X%s", fingerprint[i], i + 1 < SHA256_LEN ? ":" : "\n");
}

/* The package brings a unit; it waited for the settings that are there now. */
static bool has_unit(void)
{
	return path_exists("/run/systemd/system") &&
	       (path_exists("/usr/lib/systemd/system/assay.service") || path_exists("/lib/systemd/system/assay.service"));
}

static void print_done(const struct init *i)
{
	bool usual = strcmp(i->config, CONFIG_DEFAULT) == 0;

	printf("settings         %s\n", i->config);
	printf("root             %.*s\n", STR_ARG(i->created.root_file));
	print_fingerprint(i->created.fingerprint);
	if (!i->existing_ca && !i->import)
		printf("root key         %s/root.key (encrypted)\n\n"
		       "Nothing that runs needs the root key: move it to a place that is not on a network, and keep\n"
		       "its passphrase apart from it.\n", i->folder.ca);
	if (i->shown_pass[0])
		printf("\nPassphrase of the root key, made just now and stored nowhere. Write it down:\n\n    %s\n",
		       i->shown_pass);
	if (!i->permit.count && !i->existing_ca && !i->import)
		printf("\nThis root may certify any name. `assay init --permit lab.internal` would limit it, so that\n"
		       "whoever trusts it risks no other name.\n");
	if (usual && has_unit())
		printf("\nNext:\n  systemctl enable --now assay\n");
	else
		printf("\nNext:\n  assay serve%s%s\n", usual ? "" : " --config ", usual ? "" : i->config);
	printf("  REQUESTS_CA_BUNDLE=%.*s certbot certonly --standalone \\\n"
	       "    --server %s/acme/directory --domain NAME\n",
	       STR_ARG(i->created.root_file), i->public_url);
}

/* --- all of it --- */

static enum rc run_init(struct init *i, struct fault *f)
{
	enum rc rc = crypto_init(f);

	if (rc == RC_OK)
		rc = check(i, f);
	if (rc == RC_OK)
		rc = ca_folder_open(&i->folder, i->data, f);
	if (rc != RC_OK)
		return rc;
	i->ca.directory = str_of(i->folder.ca);
	if (!i->existing_ca) {
		rc = ca_folder_check_empty(&i->folder, f);
		if (rc != RC_OK)
			return rc; /* what is there is not ours to undo */
	}
	rc = choose_socket(i, f);
	if (rc == RC_OK)
		rc = make_ca(i, f);
	if (rc == RC_OK)
		rc = ca_folder_give(&i->folder, f);
	if (rc == RC_OK)
		rc = write_settings(i, f);
	if (rc != RC_OK && !i->existing_ca)
		ca_folder_undo(&i->folder);
	return rc;
}

#define INIT_TEXT                                                                                          \
	"Makes a root and an issuing certificate, and the settings file of a new server. With --permit\n"  \
	"the issuing certificate is limited to those names and networks (critical name constraints), so\n" \
	"that trusting its root endangers no other name.\n\n"                                              \
	"  assay init --name 'Home Lab' --permit lab.internal --permit 10.0.0.0/8 \\\n"                    \
	"    --public-url https://ca.lab.internal\n"                                                       \
	"  assay init --import chain.pem --import-key issuing.key   (an intermediate that you have)\n\n"   \
	"`assay ca csr` begins when a root that you have elsewhere is to sign the issuing certificate."

int verb_init(int argc, char **argv)
{
	struct init i = { .data = DATA_DEFAULT, .config = CONFIG_DEFAULT, .name = "Assay", .key = "p256",
			  .root_lifetime_s = 20 * YEAR, .issuing_lifetime_s = 5 * YEAR };
	const struct option table[] = {
		{ "data", OPTION_TEXT, &i.data, "DIR", "keys, certificates and the store (" DATA_DEFAULT ")" },
		{ "config", OPTION_TEXT, &i.config, "FILE", "settings file to write (" CONFIG_DEFAULT ")" },
		{ "name", OPTION_TEXT, &i.name, "NAME", "name of the CA, in its certificates (Assay)" },
		{ "public-url", OPTION_TEXT, &i.public_url, "URL", "how clients reach the server (https:// and this machine's name)" },
		{ "listen", OPTION_LIST, &i.listen, "ADDR", "where to serve ACME; several times (:443)" },
		{ "http-listen", OPTION_LIST, &i.http_listen, "ADDR", "where to serve the root over plain HTTP (:80, unless --listen is given)" },
		{ "admin", OPTION_TEXT, &i.admin, "PATH", "admin socket (/run/assay/admin.sock, or admin.sock in another --data)" },
		{ "permit", OPTION_LIST, &i.permit, "X", "DNS zone or network that may be certified; several times" },
		{ "key", OPTION_TEXT, &i.key, "KIND", "p256 (default), p384, ed25519, rsa2048, rsa3072, rsa4096" },
		{ "root-lifetime", OPTION_DURATION, &i.root_lifetime_s, "TIME", "of the root certificate (20y)" },
		{ "issuing-lifetime", OPTION_DURATION, &i.issuing_lifetime_s, "TIME", "of the issuing certificate (5y)" },
		{ "root-passphrase-file", OPTION_TEXT, &i.root_pass_file, "FILE", "passphrase of the root key (asked for, or made)" },
		{ "import", OPTION_TEXT, &i.import, "CHAIN", "use this issuing certificate; PEM, up to its root" },
		{ "import-key", OPTION_TEXT, &i.import_key, "KEY", "its key, PEM" },
		{ "import-passphrase-file", OPTION_TEXT, &i.import_pass_file, "FILE", "passphrase of that key" },
		{ "existing-ca", OPTION_FLAG, &i.existing_ca, NULL, "use what `assay ca install` put into DIR; write only the settings" },
		{ "trial", OPTION_FLAG, &i.trial, NULL, "let localhost be validated over loopback, to try it on one machine" },
		{ "http01-port", OPTION_INT, &i.http01_port, "PORT", "port that HTTP-01 dials (80)" },
		{ 0 },
	};
	AUTO(fault) struct fault f = { 0 };
	AUTO(arena) struct arena arena;
	int code;
	enum rc rc;

	if (!options_parse(argc, argv, table, "assay init [options]", INIT_TEXT, NULL, 0, NULL, &code))
		return code;
	arena_init(&arena, 8 * LIMIT_SETTINGS_BYTES);
	i.arena = &arena;
	rc = run_init(&i, &f);
	if (rc == RC_OK)
		print_done(&i);
	else
		fprintf(stderr, "assay init: %s\n", f.detail[0] ? f.detail : rc_text(rc));
	secret_free(i.root_pass);
	secret_free(i.issuing_pass);
	secret_cleanse(i.shown_pass, sizeof(i.shown_pass));
	return rc == RC_OK ? EXIT_OK : EXIT_FAILED;
}
