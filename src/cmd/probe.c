/* probe.c - `assay probe`: looks at names where the server cannot, and says what it saw (probe/home.h).
 * Dials out and never listens. `assay probe key` makes its key, `assay probe list` asks the server which
 * probes there are. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/log.h"
#include "cmd/admin_client.h"
#include "cmd/notify.h"
#include "cmd/options.h"
#include "cmd/probe_sandbox.h"
#include "cmd/table_print.h"
#include "crypto/digest.h"
#include "probe/home.h"

#define DRAIN_MS 30000
#define PORT 8444
#define HOST_MAX 254
#define KEY_FILE_MAX (64 * 1024)

struct probe_options {
	const char *server, *root, *key, *name, *trust_anchor, *log_format;
	struct option_list resolvers, allow, deny;
};

struct probe_run {
	struct loop *loop;
	struct tls_client *tls;
	struct home *home;
	struct loop_timer *drain_timer;
	bool stopping;
	char host[HOST_MAX];
	struct addr resolvers[PROBE_SERVERS_MAX];
	struct prefix allow[OPTION_LIST_MAX], deny[OPTION_LIST_MAX];
};

static int failed(const char *what, const struct fault *f, enum rc rc)
{
	fprintf(stderr, "assay probe: %s: %s\n", what, f && f->detail[0] ? f->detail : rc_text(rc));
	return EXIT_FAILED;
}

/* --- the key --- */

static enum rc load_key(const char *file, struct privkey **out, struct fault *f)
{
	AUTO(arena) struct arena a;
	struct stat st;
	struct bytes pem;
	enum rc rc;

	if (stat(file, &st) == 0 && (st.st_mode & 077))
		return fault_set(f, RC_DENIED, PROBLEM_NONE, "%s can be read by others: chmod 600 it", file);
	arena_init(&a, 2 * KEY_FILE_MAX);
	rc = file_read(&a, file, KEY_FILE_MAX, &pem, f);
	if (rc == RC_OK) {
		rc = privkey_from_pem(pem, NULL, out, f);
		secret_cleanse((void *)(uintptr_t)pem.p, pem.len);
	}
	return rc;
}

static int probe_key(int argc, char **argv)
{
	const char *file = NULL, *name = "NAME";
	const struct option table[] = {
		{ "key", OPTION_TEXT, &file, "FILE", "the probe's private key; made if it does not exist" },
		{ "name", OPTION_TEXT, &name, "NAME", "the probe's name, for the line that is printed" },
		{ 0 },
	};
	AUTO_PTR(privkey) struct privkey *key = NULL;
	AUTO(fault) struct fault f = { 0 };
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	int code;
	enum rc rc;

	if (!options_parse(argc, argv, table, "assay probe key --key FILE [--name NAME]",
			   "Makes the key of a probe, if there is none, and prints the lines for the server's settings\n"
			   "file by which it will be known.\n\n"
			   "  assay probe key --key /var/lib/assay-probe/key.pem --name dmz",
			   NULL, 0, NULL, &code))
		return code;
	if (!file || !probe_name_ok(str_of(name))) {
		fputs(file ? "assay probe key: --name: 1 to 64 of A-Z a-z 0-9 . _ -\n" : "assay probe key: --key FILE is missing\n",
		      stderr);
		return EXIT_USAGE;
	}
	rc = access(file, F_OK) != 0 && errno == ENOENT ? privkey_make_file(file, KEY_P256, &key, &f) : load_key(file, &key, &f);
	if (rc != RC_OK)
		return failed(file, &f, rc);
	pubkey_spki_sha256(privkey_pubkey(key), digest);
	hex_encode(bytes_of(digest, sizeof(digest)), hex);
	printf("probes:\n  %s: {key: \"%s\"}\n", name, hex);
	return EXIT_OK;
}

/* --- running --- */

static void on_status(void *arg, bool connected, const char *text)
{
	char state[500];

	(void)arg;
	(void)connected;
	snprintf(state, sizeof(state), "STATUS=%s", text);
	notify_service_manager(state);
}

static void on_drained(void *arg)
{
	loop_stop(((struct probe_run *)arg)->loop);
}

static void on_drain_timer(void *arg)
{
	LOG_WARN("drain_timeout");
	on_drained(arg);
}

static void on_term(void *arg, int signo)
{
	struct probe_run *r = arg;

	LOG_INFO("stopping", F_INT("signal", signo));
	if (r->stopping) { /* asked twice */
		on_drained(r);
		return;
	}
	r->stopping = true;
	notify_service_manager("STOPPING=1");
	loop_timer_set(r->drain_timer, DRAIN_MS);
	home_drain(r->home, on_drained, r);
}

static enum rc parse_prefixes(const struct option_list *list, struct prefix *out, struct fault *f)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; rc == RC_OK && i < list->count; i++)
		rc = prefix_parse(str_of(list->v[i]), &out[i], f);
	return rc;
}

/* "ca.lab.internal:8444", "10.0.0.2", "[fd00::2]:8444". */
static enum rc parse_server(const char *text, char host[HOST_MAX], uint16_t *out_port, struct fault *f)
{
	struct str s = str_of(text), name = s, port = { 0 };
	struct addr literal;
	int64_t number = PORT;

	if (addr_ip_parse(s, PORT, &literal)) {
		port = (struct str){ 0 };
	} else if (s.len && s.p[0] == '[') {
		(void)str_cut((struct str){ s.p + 1, s.len - 1 }, ']', &name, &port);
		if (port.len && port.p[0] == ':')
			port = (struct str){ port.p + 1, port.len - 1 };
	} else {
		(void)str_cut(s, ':', &name, &port);
	}
	if (name.len == 0 || name.len >= HOST_MAX ||
	    (port.len && (!str_to_int(port, &number) || number < 1 || number > UINT16_MAX)))
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "\"%s\" is not HOST, HOST:PORT or [ADDRESS]:PORT", text);
	memcpy(host, name.p, name.len);
	host[name.len] = '\0';
	*out_port = (uint16_t)number;
	return RC_OK;
}

static enum rc parse_options(const struct probe_options *o, struct probe_run *r, struct home_options *out,
			     struct fault *f)
{
	struct watcher_options *w = &out->watcher;
	enum rc rc = parse_server(o->server, r->host, &out->port, f);

	if (rc == RC_OK)
		rc = parse_prefixes(&o->allow, r->allow, f);
	if (rc == RC_OK)
		rc = parse_prefixes(&o->deny, r->deny, f);
	if (rc == RC_OK && o->resolvers.count > PROBE_SERVERS_MAX)
		rc = fault_set(f, RC_LIMIT, PROBLEM_NONE, "--resolver: at most %d", PROBE_SERVERS_MAX);
	for (size_t i = 0; rc == RC_OK && i < o->resolvers.count; i++)
		rc = addr_parse(str_of(o->resolvers.v[i]), 53, &r->resolvers[i], f);
	out->host = r->host;
	out->name = str_of(o->name);
	w->resolvers = r->resolvers;
	w->resolver_count = o->resolvers.count;
	w->trust_anchor_file = o->trust_anchor;
	w->local = (struct addr_policy){ .preset = ADDR_PRIVATE, .allow = r->allow, .allow_count = o->allow.count,
					 .deny = r->deny, .deny_count = o->deny.count };
	return rc;
}

static enum rc start(const struct probe_options *o, struct probe_run *r, struct fault *f)
{
	struct home_options home = { .status = on_status };
	struct tls_client_options tls = { .root_file = o->root, .alpn = PROBE_PROTOCOL };
	AUTO_PTR(privkey) struct privkey *key = NULL;
	enum rc rc = parse_options(o, r, &home, f);

	if (rc == RC_OK)
		rc = load_key(o->key, &key, f);
	tls.key = key;
	if (rc == RC_OK)
		rc = tls_client_new(&tls, &r->tls, f);
	if (rc == RC_OK)
		rc = loop_new(&r->loop);
	if (rc == RC_OK)
		rc = probe_sandbox(f);
	home.loop = r->loop;
	home.tls = r->tls;
	if (rc == RC_OK)
		rc = home_new(&home, &r->home, f);
	if (rc == RC_OK)
		rc = loop_timer_new(r->loop, on_drain_timer, r, &r->drain_timer);
	if (rc == RC_OK)
		rc = loop_signal(r->loop, SIGTERM, on_term, r);
	return rc == RC_OK ? loop_signal(r->loop, SIGINT, on_term, r) : rc;
}

static int run(const struct probe_options *o)
{
	struct probe_run r = { 0 };
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;
	int code = EXIT_OK;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	log_setup(LOG_LEVEL_INFO, strcmp(o->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
	rc = crypto_init(&f);
	if (rc == RC_OK)
		rc = start(o, &r, &f);
	if (rc == RC_OK) {
		LOG_INFO("probe_started", F_TEXT("name", o->name), F_TEXT("server", o->server));
		notify_service_manager("READY=1");
		loop_run(r.loop);
		LOG_INFO("stopped");
	} else {
		code = failed("cannot start", &f, rc);
	}
	home_free(r.home);
	loop_timer_free(r.drain_timer);
	if (r.loop)
		loop_free(r.loop);
	tls_client_free(r.tls);
	return code;
}

static int probe_run(int argc, char **argv)
{
	struct probe_options o = { .log_format = "text" };
	const struct option table[] = {
		{ "server", OPTION_TEXT, &o.server, "HOST:PORT", "where the server takes probes (its listen.probes; port 8444)" },
		{ "root", OPTION_TEXT, &o.root, "FILE", "root certificate of the server's CA (PEM); no other is trusted" },
		{ "key", OPTION_TEXT, &o.key, "FILE", "this probe's private key (`assay probe key`)" },
		{ "name", OPTION_TEXT, &o.name, "NAME", "this probe's name in the server's settings" },
		{ "resolver", OPTION_LIST, &o.resolvers, "ADDR", "ask this DNS server instead of the zone's; may be repeated" },
		{ "allow", OPTION_LIST, &o.allow, "PREFIX", "connect to nothing else, whatever the server says; may be repeated" },
		{ "deny", OPTION_LIST, &o.deny, "PREFIX", "never connect there; may be repeated" },
		{ "trust-anchor", OPTION_TEXT, &o.trust_anchor, "FILE", "DNSSEC trust anchor (default: the root key)" },
		{ "log-format", OPTION_TEXT, &o.log_format, "text|json", "form of the log lines (default text)" },
		{ 0 },
	};
	int code;

	if (!options_parse(argc, argv, table,
			   "assay probe --server HOST:PORT --root FILE --key FILE --name NAME [options]\n"
			   "       assay probe key --key FILE [--name NAME]\n"
			   "       assay probe list [options]",
			   "Looks at names for a server that cannot reach them itself, until SIGTERM. It dials the server and\n"
			   "listens nowhere; when the server is away it tries again, for ever.\n\n"
			   "  assay probe --server ca.lab.internal:8444 --root root.pem --key key.pem --name dmz \\\n"
			   "              --allow 10.9.0.0/16",
			   NULL, 0, NULL, &code))
		return code;
	if (!o.server || !o.root || !o.key || !o.name || !probe_name_ok(str_of(o.name))) {
		fputs("assay probe: --server, --root, --key and --name are needed; see assay probe --help\n", stderr);
		return EXIT_USAGE;
	}
	return run(&o);
}

/* --- which probes there are --- */

static int print_probes(struct admin *x)
{
	static const char *const headings[] = { "PROBE", "STATE", "SINCE", "LAST SEEN", "ADDRESS", "LOOKS", "FAILURES",
						"UNDER WAY", "VERSION" };
	const struct node *list = node_get(x->answer, "probes");
	struct table t;

	table_init(&t, &x->arena, headings, COUNT_OF(headings));
	for (size_t i = 0; i < node_count(list); i++) {
		const struct node *n = node_at(list, i);
		long long under_way = (long long)(node_int(n, "under_way") + node_int(n, "waiting"));

		table_cell(&t, node_str(n, "name"));
		table_cell(&t, node_bool(n, "connected") ? STR("connected") : STR("AWAY"));
		table_cell(&t, time_short(&x->arena, node_str(n, "since")));
		table_cell(&t, time_short(&x->arena, node_str(n, "last_seen")));
		table_cell(&t, node_str(n, "address"));
		table_cell(&t, str_of(arena_printf(&x->arena, "%lld", (long long)node_int(n, "looks"))));
		table_cell(&t, str_of(arena_printf(&x->arena, "%lld", (long long)node_int(n, "failures"))));
		table_cell(&t, str_of(arena_printf(&x->arena, "%lld", under_way)));
		table_cell(&t, node_str(n, "version"));
	}
	return table_print(&t, stdout) ? EXIT_OK : admin_no_memory(x);
}

static int probe_list(int argc, char **argv)
{
	struct admin x;
	const struct option table[] = { ADMIN_OPTIONS(&x), { 0 } };
	int code;

	admin_init(&x, "assay probe list");
	if (options_parse(argc, argv, table, "assay probe list [options]",
			  "Lists the probes of the running server's settings: which are connected and since when, and what\n"
			  "they were asked for.\n\n"
			  "  assay probe list",
			  NULL, 0, NULL, &code)) {
		code = admin_get(&x, "/v1/probes");
		if (code == EXIT_OK)
			code = x.json ? admin_print_json(&x) : print_probes(&x);
	}
	admin_done(&x);
	return code;
}

int verb_probe(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "key") == 0)
		return probe_key(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		return probe_list(argc - 1, argv + 1);
	return probe_run(argc, argv);
}
