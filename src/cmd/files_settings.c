/* files_settings.c - see files_settings.h. */
#include "cmd/files_settings.h"

#include "validator/validator.h"

/* Names that no public registry gives out (RFC 8375, RFC 6762 appendix G, and ICANN's .internal), and
 * the addresses of private networks (RFC 1918, RFC 4193). */
static const char *const private_names[] = { "*.internal", "*.home.arpa", "*.lan",     "*.local", "*.home",
					     "*.corp",     "*.private",   "*.intranet" };
static const char *const private_networks[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7" };

const char *const TRIAL_NAMES[TRIAL_NAME_COUNT] = { "localhost", "127.0.0.1/32" };

/* A double-quoted YAML scalar. */
static void add_quoted(struct buf *b, const char *text)
{
	buf_add_char(b, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *text);
	}
	buf_add_char(b, '"');
}

static void add_list(struct buf *b, const char *const *items, size_t count)
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < count; i++) {
		buf_add_text(b, i ? ", " : "");
		add_quoted(b, items[i]);
	}
	buf_add_text(b, "]\n");
}

static void add_path(struct buf *b, const char *key, const char *before, const char *data, const char *after)
{
	buf_addf(b, "%s: \"%s", key, before);
	for (; *data; data++) {
		if (*data == '"' || *data == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *data);
	}
	buf_addf(b, "%s\"\n", after);
}

static void add_head(struct buf *b, const struct settings_text *s)
{
	buf_add_text(b, "# Settings of Assay, written by `assay init`. `assay config manual` explains every setting,\n"
			"# `assay config check` names every error in this file with its line. A running server reads\n"
			"# the file again on SIGHUP; what the manual marks \"restart\" waits for the next start.\n\n");
	buf_add_text(b, "name: ");
	add_quoted(b, s->name);
	buf_add_text(b, "\n\n# How clients reach this server: every ACME URL begins with it, and the server issues its\n"
			"# own certificate for this host.\npublic_url: ");
	add_quoted(b, s->public_url);
	buf_add_text(b, "\n\n# acme: HTTPS. http: nothing but the root certificate, for machines that do not trust it\n"
			"# yet. admin: for `assay status` and its like; only root and the server's own user may ask.\n"
			"listen:\n  acme: ");
	add_list(b, s->listen->v, s->listen->count);
	if (s->http_listen->count) {
		buf_add_text(b, "  http: ");
		add_list(b, s->http_listen->v, s->http_listen->count);
	}
	buf_add_text(b, "  admin: [\"unix:");
	buf_add_text(b, s->admin);
	buf_add_text(b, "\"]\n\n");
	add_path(b, "store", "sqlite:", s->data, "/assay.db");
}

static void add_authority(struct buf *b, const struct settings_text *s)
{
	buf_add_text(b, "\n# The certificate authority. The key is read by the signer process alone, which signs nothing\n"
			"# outside \"permit\"");
	buf_add_text(b, s->permit->count ? "; the issuing certificate has the same limits (name constraints).\n"
					 : " (without it: any name that a zone covers).\n");
	buf_add_text(b, "authorities:\n  ca:\n");
	add_path(b, "    key", "file:", s->data, "/ca/issuing.key");
	add_path(b, "    passphrase", "file:", s->data, "/ca/issuing.pass");
	if (s->permit->count) {
		buf_add_text(b, "    permit: ");
		add_list(b, s->permit->v, s->permit->count);
	}
	buf_add_text(b, "\n# Where clients point to: PUBLIC_URL/acme/directory. The first profile is the default; there are\n"
			"# also \"client\" and \"mtls\", and your own under \"profiles\".\n"
			"directories:\n  default:\n    issuer: ca\n    profiles: [server, short]\n");
}

static void add_challenges(struct buf *b)
{
	buf_add_text(b, "    challenges: [");
	for (size_t i = 0; validators()[i]; i++)
		buf_addf(b, "%s%s", i ? ", " : "", validators()[i]->type);
	buf_add_text(b, "]\n");
}

/* Two zones must not have the same name: the trial's are in its own. */
static bool is_of_trial(const struct settings_text *s, size_t i)
{
	for (size_t k = 0; s->trial && k < TRIAL_NAME_COUNT; k++) {
		if (strcmp(s->permit->v[i], TRIAL_NAMES[k]) == 0)
			return true;
	}
	return false;
}

/* "lab.internal" is itself and all below it. */
static void add_zone_names(struct buf *b, const struct settings_text *s)
{
	const char *separator = "";

	buf_add_text(b, "  - names: [");
	for (size_t i = 0; i < s->permit->count; i++) {
		const struct name_subtree *t = &s->subtrees[i];

		if (is_of_trial(s, i))
			continue;
		buf_add_text(b, separator);
		separator = ", ";
		if (t->type == SAN_DNS)
			buf_addf(b, "\"%.*s\", \"*.%.*s\"", STR_ARG(t->dns), STR_ARG(t->dns));
		else
			add_quoted(b, s->permit->v[i]);
	}
	buf_add_text(b, "]\n");
}

/* The networks among the permitted; private ones when there is none. */
static void add_targets(struct buf *b, const struct settings_text *s)
{
	const char *networks[OPTION_LIST_MAX];
	size_t count = 0;

	for (size_t i = 0; i < s->permit->count; i++) {
		if (s->subtrees[i].type == SAN_IP && !is_of_trial(s, i))
			networks[count++] = s->permit->v[i];
	}
	buf_add_text(b, "    targets: ");
	if (count)
		add_list(b, networks, count);
	else
		add_list(b, private_networks, COUNT_OF(private_networks));
}

static void add_first_zone(struct buf *b, const struct settings_text *s)
{
	const char *names[COUNT_OF(private_names) + COUNT_OF(private_networks)];
	size_t of_trial = 0;

	for (size_t i = 0; i < s->permit->count; i++)
		of_trial += is_of_trial(s, i);
	if (s->permit->count > of_trial) {
		add_zone_names(b, s);
	} else if (s->permit->count) {
		return; /* nothing but the trial's is permitted */
	} else {
		memcpy(names, private_names, sizeof(private_names));
		memcpy(names + COUNT_OF(private_names), private_networks, sizeof(private_networks));
		buf_add_text(b, "  - names: ");
		add_list(b, names, COUNT_OF(names));
	}
	add_challenges(b);
	add_targets(b, s);
}

static void add_zones(struct buf *b, const struct settings_text *s)
{
	buf_add_text(b, "\n# What may be certified, and how control is proven. The most specific zone wins; a name that no\n"
			"# zone covers gets no certificate. \"targets\" are the networks that validation may connect to;\n"
			"# with the usual address_policy loopback, link-local and metadata addresses never are.\nzones:\n");
	add_first_zone(b, s);
	if (s->trial) {
		buf_add_text(b, "\n  # For a trial on one machine (`assay init --trial`): validation may connect to loopback, for\n"
				"  # these names only. Remove this zone before other machines use the server: whoever can run\n"
				"  # a program on this machine can prove these names.\n  - names: ");
		add_list(b, TRIAL_NAMES, TRIAL_NAME_COUNT);
		buf_add_text(b, "    challenges: [http-01]\n    address_policy: dev\n"
				"    targets: [\"127.0.0.0/8\", \"::1/128\"]\n");
	}
	if (s->http01_port)
		buf_addf(b, "\n# HTTP-01 dials this port instead of 80 (RFC 8555 §8.3 wants 80).\n"
			    "validation:\n  http01_port: %lld\n", (long long)s->http01_port);
}

void settings_text_add(struct buf *b, const struct settings_text *s)
{
	add_head(b, s);
	add_authority(b, s);
	add_zones(b, s);
}
