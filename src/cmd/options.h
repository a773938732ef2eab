/* options.h - command line options as a table: parsing, "did you mean" and --help come from it. */
#ifndef ASSAY_CMD_OPTIONS_H
#define ASSAY_CMD_OPTIONS_H

#include "base/str.h"

enum option_type {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_INT,      /* int64_t */
	OPTION_DURATION, /* int64_t seconds */
	OPTION_LIST,     /* struct option_list: may be given several times */
};

#define OPTION_LIST_MAX 100
struct option_list {
	const char *v[OPTION_LIST_MAX];
	size_t count;
};

struct option {
	const char *name; /* without "--" */
	enum option_type type;
	void *target;
	const char *value; /* placeholder: "FILE"; NULL for flags */
	const char *help;
};

/* Exit codes that scripts can use. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_FOUND = 3, EXIT_UNREACHABLE = 4 };

/* Parses argv[1..]; "--name value" and "--name=value". Words that are no options are gathered in
 * words (argv order, up to max). True: go on. False: *out_exit is what to exit with; --help or an
 * error has been printed. usage: "assay dev [options]"; text: what the verb does. */
bool options_parse(int argc, char **argv, const struct option *table, const char *usage, const char *text,
		   const char **words, size_t max_words, size_t *out_words, int *out_exit);

/* One verb of a program. */
struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help; /* NULL: hidden */
};
/* Runs the verb named by argv[1], or prints what there is. */
int verbs_run(const char *program, const char *about, const struct verb *verbs, int argc, char **argv);

#endif
