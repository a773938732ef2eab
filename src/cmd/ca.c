/* ca.c - `assay ca csr|install`: an issuing certificate that a root elsewhere signs. */
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "cmd/files_ca.h"
#include "cmd/files_pem.h"
#include "cmd/options.h"
#include "cmd/serve.h"
#include "crypto/digest.h"
#include "issuer/ca_create.h"

#define PEM_FILE_MAX (256 * 1024)

struct ca_verb {
	const char *data, *name, *key, *chain, *root;
	struct arena arena;
	struct ca_folder folder;
	struct secret *pass;
};

static int finish(struct ca_verb *v, const char *verb, enum rc rc, const struct fault *f)
{
	if (rc != RC_OK)
		fprintf(stderr, "%s: %s\n", verb, f->detail[0] ? f->detail : rc_text(rc));
	secret_free(v->pass);
	arena_done(&v->arena);
	return rc == RC_OK ? EXIT_OK : EXIT_FAILED;
}

/* --- csr --- */

static enum rc run_csr(struct ca_verb *v, struct str *out_file, struct fault *f)
{
	struct ca_create_options o = { .name = str_of(v->name) };
	enum rc rc = crypto_init(f);

	if (rc == RC_OK)
		rc = key_kind_parse(v->key, &o.key_type, &o.rsa_bits, f);
	if (rc == RC_OK)
		rc = ca_folder_open(&v->folder, v->data, f);
	if (rc == RC_OK)
		rc = ca_folder_check_empty(&v->folder, f);
	if (rc != RC_OK)
		return rc;
	rc = issuing_passphrase_new(&v->folder, &v->pass, f);
	o.directory = str_of(v->folder.ca);
	o.issuing_passphrase = v->pass;
	if (rc == RC_OK)
		rc = ca_create_csr(&v->arena, &o, out_file, f);
	if (rc == RC_OK)
		rc = ca_folder_give(&v->folder, f);
	if (rc != RC_OK)
		ca_folder_undo(&v->folder);
	return rc;
}

static int ca_csr(int argc, char **argv)
{
	struct ca_verb v = { .data = DATA_DEFAULT, .name = "Assay", .key = "p256" };
	const struct option table[] = {
		{ "data", OPTION_TEXT, &v.data, "DIR", "where the key goes (" DATA_DEFAULT ")" },
		{ "name", OPTION_TEXT, &v.name, "NAME", "name of the CA, in its certificate (Assay)" },
		{ "key", OPTION_TEXT, &v.key, "KIND", "p256 (default), p384, ed25519, rsa2048, rsa3072, rsa4096" },
		{ 0 },
	};
	AUTO(fault) struct fault f = { 0 };
	struct str file;
	enum rc rc;
	int code;

	if (!options_parse(argc, argv, table, "assay ca csr [options]",
			   "Makes the key of an issuing certificate (DIR/ca/issuing.key) and a request for a root that you\n"
			   "have elsewhere to sign (DIR/ca/issuing.csr). The certificate must be a CA's: CA:TRUE, pathlen 0,\n"
			   "keyCertSign and cRLSign, with a subject key identifier; name constraints are welcome.\n\n"
			   "  assay ca csr --name 'Home Lab'\n"
			   "  ... have the root sign /var/lib/assay/ca/issuing.csr ...\n"
			   "  assay ca install --chain issuing.pem --root root.pem\n"
			   "  assay init --existing-ca --public-url https://ca.lab.internal",
			   NULL, 0, NULL, &code))
		return code;
	arena_init(&v.arena, LIMIT_SETTINGS_BYTES);
	rc = run_csr(&v, &file, &f);
	if (rc == RC_OK)
		printf("request          %.*s\n\nHave it signed, then: assay ca install --data %s --chain FILE [--root FILE]\n",
		       STR_ARG(file), v.folder.data);
	return finish(&v, "assay ca csr", rc, &f);
}

/* --- install --- */

static enum rc run_install(struct ca_verb *v, struct ca_created *out, struct fault *f)
{
	struct bytes chain, root = { 0 };
	enum rc rc;

	if (!v->chain)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "--chain FILE is missing: the certificate that the root signed");
	rc = crypto_init(f);
	if (rc == RC_OK && !path_exists(v->data))
		rc = fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "there is no %s; begin with `assay ca csr`", v->data);
	if (rc == RC_OK)
		rc = ca_folder_open(&v->folder, v->data, f);
	if (rc == RC_OK)
		rc = issuing_passphrase_load(&v->folder, &v->pass, f);
	if (rc == RC_OK)
		rc = file_read(&v->arena, v->chain, PEM_FILE_MAX, &chain, f);
	if (rc == RC_OK && v->root)
		rc = file_read(&v->arena, v->root, PEM_FILE_MAX, &root, f);
	if (rc == RC_OK)
		rc = ca_install(&v->arena, str_of(v->folder.ca), chain, root, v->pass, out, f);
	return rc == RC_OK ? ca_folder_give(&v->folder, f) : rc;
}

static int ca_install_verb(int argc, char **argv)
{
	struct ca_verb v = { .data = DATA_DEFAULT };
	const struct option table[] = {
		{ "data", OPTION_TEXT, &v.data, "DIR", "where `assay ca csr` put the key (" DATA_DEFAULT ")" },
		{ "chain", OPTION_TEXT, &v.chain, "FILE", "the issuing certificate, then those above it (PEM)" },
		{ "root", OPTION_TEXT, &v.root, "FILE", "the root, if it is not in the chain (PEM)" },
		{ 0 },
	};
	AUTO(fault) struct fault f = { 0 };
	struct ca_created created;
	enum rc rc;
	int code;

	if (!options_parse(argc, argv, table, "assay ca install --chain FILE [options]",
			   "Installs the certificate that a root elsewhere signed for the key of `assay ca csr`, after\n"
			   "checking that it fits: the key, CA:TRUE, key usage, path length, validity, the whole chain.\n\n"
			   "  assay ca install --chain issuing.pem --root root.pem",
			   NULL, 0, NULL, &code))
		return code;
	arena_init(&v.arena, LIMIT_SETTINGS_BYTES);
	rc = run_install(&v, &created, &f);
	if (rc == RC_OK)
		printf("chain            %.*s\n\nNext, unless there are settings already:\n"
		       "  assay init --existing-ca --data %s\n",
		       STR_ARG(created.chain_file), v.folder.data);
	return finish(&v, "assay ca install", rc, &f);
}

int verb_ca(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "csr", ca_csr, "make a key and a request for a foreign root" },
		{ "install", ca_install_verb, "install what that root signed" },
		{ 0 },
	};

	return verbs_run("assay ca", "An issuing certificate under a root that you have elsewhere.", verbs, argc, argv);
}
