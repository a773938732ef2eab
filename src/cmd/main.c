/* main.c - the program `assay`: one verb, one function. */
#include <stdio.h>

#include "cmd/options.h"
#include "cmd/serve.h"

static const struct verb verbs[] = {
	{ "serve", verb_serve, "run the server" },
	{ "dev", verb_dev, "run a throw-away CA for testing ACME clients" },
	{ 0 },
};

int main(int argc, char **argv)
{
	return verbs_run("assay", "Assay is an ACME (RFC 8555) certificate service for private networks.", verbs, argc,
			 argv);
}
