/* admin_cert.c - `assay cert list|show|issue|revoke`. A key that `issue` needs is made here: the
 * server never sees it. */
#include <ctype.h>
#include <stdio.h>

#include "acme/identifier.h"
#include "base/file.h"
#include "base/limits.h"
#include "cmd/admin_client.h"
#include "cmd/files_pem.h"
#include "cmd/table_print.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

#define ORDER_ASKS 6 /* the server holds each for up to 10 s */

/* --- list, show --- */

static void cert_row(struct admin *x, const struct node *n, void *arg)
{
	struct table *t = arg;

	table_cell(t, node_str(n, "serial"));
	table_cell(t, node_str(n, "status"));
	table_cell(t, time_short(&x->arena, node_str(n, "not_after")));
	table_cell(t, node_str(n, "profile"));
	table_cell(t, node_list(&x->arena, node_get(n, "names")));
}

static int cert_list(int argc, char **argv)
{
	static const char *const headings[] = { "SERIAL", "STATUS", "UNTIL", "PROFILE", "NAMES" };
	const char *account = NULL, *name = NULL, *status = NULL, *before = NULL;
	int64_t most = ADMIN_LIST_MOST;
	struct admin x;
	const struct option options[] = {
		{ "name", OPTION_TEXT, &name, "NAME", "only those with this name or address" },
		{ "account", OPTION_TEXT, &account, "ID", "only this account's" },
		{ "status", OPTION_TEXT, &status, "STATUS", "only valid, expired or revoked ones" },
		{ "expires-before", OPTION_TEXT, &before, "TIME", "only those that end before it: 2026-12-31T00:00:00Z, or 30d from now" },
		{ "limit", OPTION_INT, &most, "N", "at most so many (100)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct table t;
	int code;

	admin_init(&x, "assay cert list");
	table_init(&t, &x.arena, headings, COUNT_OF(headings));
	if (options_parse(argc, argv, options, "assay cert list [options]",
			  "Lists certificates, the newest first (with --expires-before: the next to end first).\n\n"
			  "  assay cert list --status valid --expires-before 30d",
			  NULL, 0, NULL, &code)) {
		code = admin_list(&x,
				  admin_target(&x, "/v1/certs", "name", name, "account", account, "status", status,
					       "expires_before", before, NULL),
				  "certs", most, cert_row, &t);
		if (code == EXIT_OK && !x.json && !table_print(&t, stdout))
			code = admin_no_memory(&x);
	}
	admin_done(&x);
	return code;
}

static void print_cert(struct admin *x)
{
	const struct node *n = x->answer;
	struct arena *a = &x->arena;

	fact_print(stdout, "serial", node_str(n, "serial"));
	fact_print(stdout, "status", node_str(n, "status"));
	fact_print(stdout, "names", node_list(a, node_get(n, "names")));
	fact_print(stdout, "authority", node_str(n, "authority"));
	fact_print(stdout, "profile", node_str(n, "profile"));
	fact_print(stdout, "account", node_bool(n, "by_operator") ? STR("(operator)") : node_str(n, "account"));
	fact_print(stdout, "order", node_str(n, "order"));
	fact_print(stdout, "from", time_short(a, node_str(n, "not_before")));
	fact_print(stdout, "until", time_short(a, node_str(n, "not_after")));
	fact_print(stdout, "revoked", time_short(a, node_str(n, "revoked_at")));
	fact_print(stdout, "reason", node_str(n, "revoked_reason"));
	fact_print(stdout, "revoked by", node_str(n, "revoked_by"));
}

/* As other tools print serials: upper case, with colons. */
static const char *serial_path(struct admin *x, const char *word, const char *after)
{
	char *serial = arena_alloc(&x->arena, strlen(word) + 1);
	size_t len = 0;

	if (!serial)
		return NULL;
	for (; *word; word++) {
		if (*word != ':')
			serial[len++] = (char)tolower((unsigned char)*word);
	}
	return admin_path(x, "/v1/certs/", serial, after);
}

static int cert_show(int argc, char **argv)
{
	struct admin x;
	const struct option options[] = { ADMIN_OPTIONS(&x), { 0 } };
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay cert show");
	if (options_parse(argc, argv, options, "assay cert show SERIAL [options]",
			  "Shows a certificate, then the PEM of it and its chain. The serial is hexadecimal, colons and\n"
			  "case do not matter.\n\n"
			  "  assay cert show $(openssl x509 -in web.pem -noout -serial | cut -d= -f2)",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the serial of a certificate", &code)) {
		code = admin_get(&x, serial_path(&x, words[0], ""));
		if (code == EXIT_OK && x.json) {
			code = admin_print_json(&x);
		} else if (code == EXIT_OK) {
			print_cert(&x);
			printf("\n%.*s%.*s", STR_ARG(node_str(x.answer, "pem")), STR_ARG(node_str(x.answer, "chain")));
		}
	}
	admin_done(&x);
	return code;
}

static int cert_revoke(int argc, char **argv)
{
	const char *reason = NULL;
	struct admin x;
	const struct option options[] = {
		{ "reason", OPTION_TEXT, &reason, "REASON",
		  "unspecified (default), keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	const char *words[1];
	size_t count;
	int code;

	admin_init(&x, "assay cert revoke");
	if (options_parse(argc, argv, options, "assay cert revoke SERIAL [options]",
			  "Revokes a certificate (RFC 5280 §5.3.1). This cannot be taken back.\n\n"
			  "  assay cert revoke 0c8f21d4a7c35b3a6b3c9a5f0e6d7c8b9a0f1e2d --reason keyCompromise",
			  words, 1, &count, &code) &&
	    admin_word(&x, words, count, "the serial of a certificate", &code)) {
		code = admin_post(&x, serial_path(&x, words[0], "/revoke"), revoke_body_encode(&x.arena, reason));
		if (code == EXIT_OK && x.json)
			code = admin_print_json(&x);
		else if (code == EXIT_OK)
			print_cert(&x);
	}
	admin_done(&x);
	return code;
}

/* --- issue --- */

struct issue {
	struct admin admin;
	struct option_list dns, ip;
	const char *profile, *authority, *duration, *csr_file, *key_type, *out;
	struct secret *key; /* PEM; NULL: somebody else's */
};

static enum rc add_sans(struct issue *s, const char *type, const struct option_list *names, struct san *sans,
			size_t *count, struct fault *f)
{
	for (size_t i = 0; i < names->count; i++) {
		struct identifier id;
		enum rc rc = identifier_parse(&s->admin.arena, str_of(type), str_of(names->v[i]), &id, f);

		if (rc == RC_OK)
			rc = identifier_san(&s->admin.arena, &id, &sans[*count]);
		if (rc != RC_OK)
			return rc;
		(*count)++;
	}
	return RC_OK;
}

static enum rc make_key_and_request(struct issue *s, struct buf *pem, struct fault *f)
{
	AUTO_PTR(privkey) struct privkey *key = NULL;
	struct san sans[2 * OPTION_LIST_MAX];
	struct csr_spec spec = { .sans = sans };
	enum key_type type;
	unsigned bits;
	struct bytes der;
	enum rc rc;

	rc = key_kind_parse(s->key_type, &type, &bits, f);
	if (rc == RC_OK)
		rc = add_sans(s, "dns", &s->dns, sans, &spec.san_count, f);
	if (rc == RC_OK)
		rc = add_sans(s, "ip", &s->ip, sans, &spec.san_count, f);
	if (rc == RC_OK)
		rc = privkey_generate(type, bits, &key);
	if (rc == RC_OK)
		rc = csr_build(&s->admin.arena, &spec, key, &der);
	if (rc == RC_OK)
		rc = privkey_to_pem(key, NULL, &s->key);
	if (rc == RC_OK)
		pem_add(pem, "CERTIFICATE REQUEST", der);
	return rc;
}

static enum rc make_request(struct issue *s, struct str *out, struct fault *f)
{
	AUTO(buf) struct buf pem;
	struct bytes file;
	enum rc rc;

	if (s->csr_file) {
		rc = file_read(&s->admin.arena, s->csr_file, 2 * LIMIT_CSR_BYTES, &file, f);
		if (rc == RC_OK)
			*out = (struct str){ (const char *)file.p, file.len };
		return rc;
	}
	buf_init(&pem, 2 * LIMIT_CSR_BYTES);
	rc = make_key_and_request(s, &pem, f);
	if (rc != RC_OK)
		return rc;
	*out = buf_ok(&pem) ? arena_str(&s->admin.arena, buf_str(&pem)) : (struct str){ 0 };
	return out->p ? RC_OK : RC_NOMEM;
}

/* The answer was 202: the order is under way. The server holds each question until it is settled. */
static int wait_for_order(struct admin *x)
{
	const char *order = arena_cstr(&x->arena, node_str(x->answer, "id"));
	struct str status = node_str(x->answer, "status");

	for (int i = 0; i < ORDER_ASKS && order && str_is(status, "processing"); i++) {
		int code = admin_get(x, admin_path(x, "/v1/orders/", order, ""));

		if (code != EXIT_OK)
			return code;
		status = node_str(x->answer, "status");
	}
	if (order && str_is(status, "valid"))
		return admin_get(x, serial_path(x, arena_cstr(&x->arena, node_str(x->answer, "certificate")), ""));
	fprintf(stderr, "%s: the order is %.*s; `assay order why %s` says why\n", x->verb, STR_ARG(status),
		order ? order : "");
	return EXIT_FAILED;
}

static int deliver(struct issue *s)
{
	struct admin *x = &s->admin;
	struct pem_files files = { .folder = s->out, .cert = node_str(x->answer, "pem"),
				   .chain = node_str(x->answer, "chain") };
	AUTO(fault) struct fault f = { 0 };
	enum rc rc;

	if (s->key)
		files.key = secret_bytes(s->key);
	if (s->out) {
		rc = pem_files_write(&files, &f);
		if (rc != RC_OK) {
			fprintf(stderr, "%s: %s\n", x->verb, f.detail[0] ? f.detail : rc_text(rc));
			return EXIT_FAILED;
		}
	}
	if (x->json)
		return admin_print_json(x);
	if (s->out) {
		print_cert(x);
		fact_print(stdout, "written to", str_of(s->out));
		return EXIT_OK;
	}
	if (s->key)
		(void)fwrite(files.key.p, 1, files.key.len, stdout);
	printf("%.*s%.*s", STR_ARG(files.cert), STR_ARG(files.chain));
	return EXIT_OK;
}

static int run_issue(struct issue *s)
{
	struct admin *x = &s->admin;
	struct issue_body body = { .dns = &s->dns, .ip = &s->ip, .profile = s->profile, .authority = s->authority,
				   .duration = s->duration };
	AUTO(fault) struct fault f = { 0 };
	struct str json;
	enum rc rc;
	int code;

	if (!s->csr_file && s->dns.count + s->ip.count == 0) {
		fprintf(stderr, "%s: needs --dns NAME, --ip ADDRESS or --csr FILE\n", x->verb);
		return EXIT_USAGE;
	}
	if (x->json && !s->csr_file && !s->out) {
		fprintf(stderr, "%s: --json has no place for the key that is made here; give --out DIR or --csr FILE\n",
			x->verb);
		return EXIT_USAGE;
	}
	rc = crypto_init(&f);
	if (rc == RC_OK)
		rc = make_request(s, &body.csr, &f);
	if (rc != RC_OK) {
		fprintf(stderr, "%s: %s\n", x->verb, f.detail[0] ? f.detail : rc_text(rc));
		return EXIT_FAILED;
	}
	json = issue_body_encode(&x->arena, &body);
	if (!json.p)
		return admin_no_memory(x);
	code = admin_post(x, "/v1/certs", json);
	if (code == EXIT_OK && x->status == 202)
		code = wait_for_order(x);
	return code == EXIT_OK ? deliver(s) : code;
}

static int cert_issue(int argc, char **argv)
{
	struct issue s = { .key_type = "p256" };
	const struct option options[] = {
		{ "dns", OPTION_LIST, &s.dns, "NAME", "a DNS name; may be given several times" },
		{ "ip", OPTION_LIST, &s.ip, "ADDRESS", "an address; may be given several times" },
		{ "duration", OPTION_TEXT, &s.duration, "TIME", "how long it is valid: 90d, 36h (default: the profile's)" },
		{ "profile", OPTION_TEXT, &s.profile, "NAME", "profile (default: the first directory's first)" },
		{ "authority", OPTION_TEXT, &s.authority, "NAME", "authority (default: the first directory's)" },
		{ "csr", OPTION_TEXT, &s.csr_file, "FILE", "sign this request (PEM) instead of making a key here" },
		{ "key-type", OPTION_TEXT, &s.key_type, "KIND", "p256 (default), p384, ed25519, rsa2048, rsa3072, rsa4096" },
		{ "out", OPTION_TEXT, &s.out, "DIR", "write privkey.pem, cert.pem, chain.pem, fullchain.pem there" },
		ADMIN_OPTIONS(&s.admin), { 0 },
	};
	int code;

	admin_init(&s.admin, "assay cert issue");
	if (options_parse(argc, argv, options, "assay cert issue [options]",
			  "Issues a certificate on the operator's word, without ACME and without a challenge; what the\n"
			  "authority may sign still holds. Unless --csr is given a key is made here, which the server\n"
			  "never sees. Without --out the PEM goes to standard output.\n\n"
			  "  assay cert issue --dns nas.lan --ip 10.0.0.7 --duration 90d --out /etc/ssl/nas\n"
			  "  assay cert issue --csr printer.csr >printer.pem",
			  NULL, 0, NULL, &code))
		code = run_issue(&s);
	secret_free(s.key);
	admin_done(&s.admin);
	return code;
}

/* --- renew-early --- */

static int cert_renew_early(int argc, char **argv)
{
	const char *authority = NULL, *name = NULL, *key_hash = NULL, *within = "24h";
	bool all = false;
	struct admin x;
	const struct option options[] = {
		{ "authority", OPTION_TEXT, &authority, "NAME", "those that this authority issued" },
		{ "name", OPTION_TEXT, &name, "NAME", "those with this name or address" },
		{ "key-hash", OPTION_TEXT, &key_hash, "HEX", "those with this key: SHA-256 of its SubjectPublicKeyInfo" },
		{ "all", OPTION_FLAG, &all, NULL, "every certificate that is valid" },
		{ "within", OPTION_TEXT, &within, "TIME", "spread over this time from now on (24h)" },
		ADMIN_OPTIONS(&x), { 0 },
	};
	struct str after = { 0 };
	int64_t moved = 0;
	int code;

	admin_init(&x, "assay cert renew-early");
	if (!options_parse(argc, argv, options, "assay cert renew-early [options]",
			   "Tells clients that know RFC 9773 to renew now: moves the suggested windows of all valid\n"
			   "certificates that fit, each to its own moment within the time given. Clients ask about\n"
			   "every six hours.\n\n"
			   "  assay cert renew-early --authority main --within 48h",
			   NULL, 0, NULL, &code)) {
		admin_done(&x);
		return code;
	}
	do {
		const struct body_member members[] = {
			{ .name = "authority", .text = authority }, { .name = "name", .text = name },
			{ .name = "key_hash", .text = key_hash }, { .name = "all", .flag = all },
			{ .name = "within", .text = within }, { .name = "after", .text = after.p }, { 0 },
		};

		code = admin_post(&x, "/v1/certs/renew-early", body_encode(&x.arena, members));
		if (code != EXIT_OK)
			break;
		moved += node_int(x.answer, "moved");
		after = arena_str(&x.arena, node_str(x.answer, "next"));
	} while (after.p);
	if (code == EXIT_OK && x.json)
		printf("{\"moved\":%lld}\n", (long long)moved);
	else if (code == EXIT_OK)
		printf("%lld certificates are to be renewed\n", (long long)moved);
	admin_done(&x);
	return code;
}

int verb_cert(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "list", cert_list, "certificates, the newest first" },
		{ "show", cert_show, "one certificate and its chain" },
		{ "issue", cert_issue, "issue one on the operator's word" },
		{ "revoke", cert_revoke, "revoke one" },
		{ "renew-early", cert_renew_early, "let clients renew now, spread over some time" },
		{ 0 },
	};

	return verbs_run("assay cert", "Certificates of the running server.", verbs, argc, argv);
}
