/* agent.c - the program `assay-agent`: options, words for people on stderr, exit codes. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "acme/objects.h"
#include "acme/problem.h"
#include "agent/once.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/log.h"
#include "cmd/options.h"
#include "crypto/digest.h"

#define USER_AGENT "assay-agent/" ASSAY_VERSION

static const char once_usage[] = "assay-agent once --server URL --dns NAME (--webroot DIR | --listen ADDR:PORT) --out DIR";
static const char once_text[] =
	"Sees to it that DIR holds a key and a certificate for these names, valid for a while yet:\n"
	"requests one when there is none, when it expires soon, when the names or the kind of key\n"
	"differ or when key and certificate do not belong together; else it does nothing. Run it\n"
	"as often as you like, from a timer say. A run that was interrupted is gone on with.\n"
	"\n"
	"  assay-agent once --server https://ca.lab.internal/acme/directory --root root.pem \\\n"
	"      --dns web1.lab.internal --webroot /var/www/html --out /etc/ssl/web1\n"
	"\n"
	"The server fetches http://NAME/.well-known/acme-challenge/... from port 80: either a web\n"
	"server there answers with the files of --webroot, or the agent itself by --listen :80.\n"
	"\n"
	"DIR gets privkey.pem, cert.pem, chain.pem and fullchain.pem, which always belong together:\n"
	"nginx wants fullchain.pem and privkey.pem. The account's key is DIR/account.key unless\n"
	"--account-key says otherwise. Using a server means agreeing to its terms of service.\n"
	"\n"
	"Exit code: 0 the certificate is there, 1 it could not be had, 2 wrong usage.";

struct once_text {
	struct desired_text desired;
	struct option_list dns, ip, contacts;
	const char *root, *webroot, *listen, *out, *account_key, *eab_kid, *eab_key;
};

static void print_line(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "assay-agent: %s\n", text);
}

static int print_fault(const struct fault *f, enum rc rc)
{
	fprintf(stderr, "assay-agent: %s\n", f->detail[0] ? f->detail : rc_text(rc));
	for (size_t i = 0; i < f->sub_count; i++) {
		if (strstr(f->detail, f->subs[i].detail))
			continue; /* said above */
		fprintf(stderr, "assay-agent:   %s %s: %s (%s)\n", f->subs[i].identifier_type, f->subs[i].identifier,
			f->subs[i].detail, problem_name(f->subs[i].problem));
	}
	if (f->retry_after_s > 0)
		fprintf(stderr, "assay-agent: try again in %d s\n", f->retry_after_s);
	return EXIT_FAILED;
}

static int usage(const char *why)
{
	fprintf(stderr, "assay-agent: %s\nusage: %s; --help says more\n", why, once_usage);
	return EXIT_USAGE;
}

/* What is missing or contradicts itself; NULL: nothing. */
static const char *complaint(const struct once_text *t)
{
	if (!t->desired.server)
		return "--server is missing: the URL of the ACME directory";
	if (!str_starts(str_of(t->desired.server), "https://"))
		return "--server must be an https:// URL (RFC 8555 §6.1)";
	if (t->dns.count + t->ip.count == 0)
		return "--dns or --ip is missing: what the certificate is for";
	if (!t->out)
		return "--out is missing: the directory for key and certificate";
	if (!t->webroot == !t->listen)
		return "exactly one of --webroot and --listen is needed: how control of the names is proved";
	if (!t->eab_kid != !t->eab_key)
		return "--eab-kid and --eab-key belong together";
	return NULL;
}

/* The key of an external account binding, as CAs hand it out: base64url, perhaps padded. */
static enum rc load_eab_key(struct arena *a, const char *path, struct bytes *out, struct fault *f)
{
	AUTO_PTR(secret) struct secret *secret = NULL;
	char *reference = arena_printf(a, "file:%s", path);
	struct bytes text;
	struct str key;
	enum rc rc;

	if (!reference)
		return RC_NOMEM;
	rc = secret_load(str_of(reference), &secret, f);
	if (rc != RC_OK)
		return rc;
	text = secret_bytes(secret);
	key = (struct str){ (const char *)text.p, text.len };
	while (key.len > 0 && (key.p[key.len - 1] == '=' || key.p[key.len - 1] == '\r' || key.p[key.len - 1] == '\n'))
		key.len--;
	rc = b64url_decode_arena(a, key, out);
	return rc != RC_INVALID ? rc :
				  fault_set(f, rc, PROBLEM_NONE,
					    "%s: the key of an external account binding is written in base64url", path);
}

static void print_result(const struct once_result *r, const char *dir)
{
	char until[21], renewal[21];

	clock_rfc3339(r->not_after, until);
	clock_rfc3339(r->renew_at, renewal);
	if (r->action == PLAN_NOTHING)
		fprintf(stderr, "assay-agent: nothing to do: %s/fullchain.pem is valid until %s, renewal from %s on\n", dir,
			until, renewal);
	else
		fprintf(stderr, "assay-agent: %s/fullchain.pem is a new certificate, valid until %s\n", dir, until);
}

static int run_once(const struct once_text *t, struct arena *a)
{
	AUTO(fault) struct fault f = { 0 };
	struct str contacts[LIMIT_CONTACTS];
	struct apply_options o = {
		.root_file = t->root,
		.account_key = t->account_key,
		.contacts = contacts,
		.contact_count = t->contacts.count,
		.eab_kid = str_of(t->eab_kid),
		.solver = t->webroot ? "webroot" : "listener",
		.solver_argument = t->webroot ? t->webroot : t->listen,
		.user_agent = USER_AGENT,
		.say = print_line,
	};
	struct once_result result;
	struct desired desired;
	enum rc rc;

	if (t->contacts.count > LIMIT_CONTACTS)
		return usage("too many contacts");
	for (size_t i = 0; i < t->contacts.count; i++)
		contacts[i] = str_of(t->contacts.v[i]);
	rc = acme_contacts_check(contacts, t->contacts.count, &f);
	if (rc == RC_OK)
		rc = desired_read(a, &t->desired, &desired, &f);
	if (rc != RC_OK)
		return usage(f.detail[0] ? f.detail : rc_text(rc));
	rc = crypto_init(&f);
	if (rc == RC_OK && t->eab_key)
		rc = load_eab_key(a, t->eab_key, &o.eab_key, &f);
	if (rc == RC_OK)
		rc = agent_once(t->out, &desired, &o, &result, &f);
	if (o.eab_key.p)
		secret_cleanse((void *)o.eab_key.p, o.eab_key.len);
	if (rc != RC_OK)
		return print_fault(&f, rc);
	print_result(&result, t->out);
	return EXIT_OK;
}

static int verb_once(int argc, char **argv)
{
	struct once_text t = { 0 };
	const struct option table[] = {
		{ "server", OPTION_TEXT, &t.desired.server, "URL", "the ACME directory" },
		{ "root", OPTION_TEXT, &t.root, "FILE", "trust these roots (PEM) instead of the system's" },
		{ "dns", OPTION_LIST, &t.dns, "NAME", "a name of the certificate; may be repeated" },
		{ "ip", OPTION_LIST, &t.ip, "ADDRESS", "an address of the certificate; may be repeated" },
		{ "webroot", OPTION_TEXT, &t.webroot, "DIR", "root of the web server that answers on port 80" },
		{ "listen", OPTION_TEXT, &t.listen, "ADDR:PORT", "answer by a listener of our own; \":80\": everywhere" },
		{ "out", OPTION_TEXT, &t.out, "DIR", "where key and certificate go" },
		{ "key", OPTION_TEXT, &t.desired.key, "KIND",
		  "p256 (default), p384, rsa2048, rsa3072, rsa4096, ed25519" },
		{ "account-key", OPTION_TEXT, &t.account_key, "FILE", "made when absent; default DIR/account.key" },
		{ "contact", OPTION_LIST, &t.contacts, "URL", "mailto:you@example.org; may be repeated" },
		{ "profile", OPTION_TEXT, &t.desired.profile, "NAME", "one of the server's profiles" },
		{ "eab-kid", OPTION_TEXT, &t.eab_kid, "ID", "key id of an external account binding" },
		{ "eab-key", OPTION_TEXT, &t.eab_key, "FILE", "its key, base64url" },
		{ "renew-before", OPTION_DURATION, &t.desired.renew_before_s, "TIME",
		  "30d: how long before its end it is renewed; default: a third of its life" },
		{ "force", OPTION_FLAG, &t.desired.force, NULL, "request a new one in any case" },
		{ 0 },
	};
	AUTO(arena) struct arena arena;
	const char *why;
	int status;

	if (!options_parse(argc, argv, table, once_usage, once_text, NULL, 0, NULL, &status))
		return status;
	why = complaint(&t);
	if (why)
		return usage(why);
	t.desired.dns = t.dns.v;
	t.desired.dns_count = t.dns.count;
	t.desired.ip = t.ip.v;
	t.desired.ip_count = t.ip.count;
	arena_init(&arena, LIMIT_REQUEST_ARENA);
	return run_once(&t, &arena);
}

static int verb_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("assay-agent %s\n", ASSAY_VERSION);
	return EXIT_OK;
}

static const struct verb verbs[] = {
	{ "once", verb_once, "have one certificate, now" },
	{ "version", verb_version, "which assay-agent this is" },
	{ "--version", verb_version, NULL },
	{ 0 },
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	log_setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	return verbs_run("assay-agent",
			 "assay-agent keeps the certificates of a machine valid, from Assay or any other ACME (RFC 8555) server.",
			 verbs, argc, argv);
}
