/* serve.h - running the server: shared by `assay serve` and `assay dev`. */
#ifndef ASSAY_CMD_SERVE_H
#define ASSAY_CMD_SERVE_H

#include "core/config.h"

struct serve_options {
	const char *config_file;
	const char *ready_file; /* gets one JSON object when ready; NULL: none */
	const char *root_out;   /* a copy of the root certificate; NULL: none */
	bool strict_trainer;
	bool dev;               /* announce on standard output what a tester needs */
	bool create_store;
	const char *accept_rollback; /* "NUMBER:HASH" of the checkpoint to give up; NULL: none */
};
/* Until SIGTERM or SIGINT; returns the exit code. */
int serve_run(const struct serve_options *o);

/* Prints every error of the settings to standard error. */
void print_setting_errors(const struct setting_errors *errors);

int verb_serve(int argc, char **argv);
int verb_dev(int argc, char **argv);
int verb_init(int argc, char **argv);
int verb_ca(int argc, char **argv);
int verb_config(int argc, char **argv);

#endif
