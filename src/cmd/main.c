/* main.c - the program `assay`: one verb, one function. */
#include <stdio.h>
#include <string.h>

#include "cmd/admin_client.h"
#include "cmd/options.h"
#include "cmd/serve.h"

static const struct verb verbs[] = {
	{ "init", verb_init, "make a certificate authority and the settings of a new server" },
	{ "serve", verb_serve, "run the server" },
	{ "dev", verb_dev, "run a throw-away CA for testing ACME clients" },
	{ "ca", verb_ca, "let a foreign root sign the issuing certificate" },
	{ "config", verb_config, "check the settings; the manual of the settings" },
	{ "status", verb_status, "is the server well, and what does it run with" },
	{ "check", verb_check, "would a name get a certificate now, and if not, why" },
	{ "account", verb_account, "ACME accounts: list, show, deactivate" },
	{ "order", verb_order, "orders: list, show, why" },
	{ "cert", verb_cert, "certificates: list, show, issue, revoke, renew-early" },
	{ "zone", verb_zone, "who may have which names: list, show, set, remove" },
	{ "eab", verb_eab, "external account binding keys: add, list, show, revoke" },
	{ "limit", verb_limit, "rate limits: show, reset" },
	{ "authority", verb_authority, "certificate authorities: list, show" },
	{ "directory", verb_directory, "ACME directories: list, show" },
	{ "probe", verb_probe, "look at names where the server cannot; list, key" },
	{ "job", verb_job, "work under way: list" },
	{ "audit", verb_audit, "what was done, and by whom: list, tail, export, verify" },
	{ 0 },
};

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("assay %s\n", ASSAY_VERSION);
		return EXIT_OK;
	}
	return verbs_run("assay", "Assay is an ACME (RFC 8555) certificate service for private networks.", verbs, argc,
			 argv);
}
