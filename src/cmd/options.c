/* options.c - see options.h. */
#include "cmd/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/near.h"

static void print_help(const struct option *table, const char *usage, const char *text)
{
	printf("usage: %s\n\n%s\n", usage, text);
	if (table->name)
		printf("\n");
	for (const struct option *o = table; o->name; o++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

static const struct option *find(const struct option *table, struct str name)
{
	for (const struct option *o = table; o->name; o++) {
		if (str_is(name, o->name))
			return o;
	}
	return NULL;
}

/* The option that was meant, or NULL. A word that an option begins with is near enough too. */
static const char *meant(const struct option *table, struct str name)
{
	struct near near;

	near_init(&near, name);
	for (const struct option *o = table; o->name; o++)
		near_try(&near, o->name);
	for (const struct option *o = table; o->name && !near.best; o++) {
		if (name.len >= 3 && strncmp(o->name, name.p, 3) == 0)
			near.best = o->name;
	}
	return near.best;
}

static bool store_value(const struct option *o, const char *value)
{
	struct option_list *list = o->target;

	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)o->target = true;
		return true;
	case OPTION_TEXT:
		*(const char **)o->target = value;
		return true;
	case OPTION_INT:
		return str_to_int(str_of(value), o->target);
	case OPTION_DURATION:
		return str_to_duration_s(str_of(value), o->target);
	case OPTION_LIST:
		if (list->count == OPTION_LIST_MAX)
			return false;
		list->v[list->count++] = value;
		return true;
	}
	return false;
}

static bool parse_one(int argc, char **argv, int *i, const struct option *table, const char *usage)
{
	struct str name, value;
	bool has_value = str_cut(str_of(argv[*i] + 2), '=', &name, &value);
	const struct option *o = find(table, name);
	const char *text = has_value ? value.p : NULL;

	if (!o) {
		const char *hint = meant(table, name);

		fprintf(stderr, "%s: there is no option --%.*s%s%s\n", usage, STR_ARG(name),
			hint ? "; did you mean --" : "", hint ? hint : "");
		return false;
	}
	if (o->type == OPTION_FLAG && has_value) {
		fprintf(stderr, "%s: --%s takes no value\n", usage, o->name);
		return false;
	}
	if (o->type != OPTION_FLAG && !text) {
		if (*i + 1 >= argc) {
			fprintf(stderr, "%s: --%s needs a value (%s)\n", usage, o->name, o->value);
			return false;
		}
		text = argv[++*i];
	}
	if (!store_value(o, text)) {
		fprintf(stderr, "%s: --%s: \"%s\" is not a good value (%s)\n", usage, o->name, text, o->value);
		return false;
	}
	return true;
}

bool options_parse(int argc, char **argv, const struct option *table, const char *usage, const char *text,
		   const char **words, size_t max_words, size_t *out_words, int *out_exit)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(table, usage, text);
			*out_exit = EXIT_OK;
			return false;
		}
		if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
			if (!parse_one(argc, argv, &i, table, usage)) {
				*out_exit = EXIT_USAGE;
				return false;
			}
		} else if (count < max_words) {
			words[count++] = argv[i];
		} else {
			fprintf(stderr, "%s: unexpected word \"%s\"; see --help\n", usage, argv[i]);
			*out_exit = EXIT_USAGE;
			return false;
		}
	}
	if (out_words)
		*out_words = count;
	return true;
}

static void print_verbs(FILE *to, const char *program, const char *about, const struct verb *verbs)
{
	fprintf(to, "usage: %s VERB [options]\n\n%s\n\n", program, about);
	for (const struct verb *v = verbs; v->name; v++) {
		if (v->help)
			fprintf(to, "  %-12s %s\n", v->name, v->help);
	}
	fprintf(to, "\n%s VERB --help says more.\n", program);
}

int verbs_run(const char *program, const char *about, const struct verb *verbs, int argc, char **argv)
{
	struct near near;

	if (argc < 2) {
		print_verbs(stderr, program, about, verbs);
		return EXIT_USAGE;
	}
	for (const struct verb *v = verbs; v->name; v++) {
		if (strcmp(argv[1], v->name) == 0)
			return v->run(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_verbs(stdout, program, about, verbs);
		return EXIT_OK;
	}
	near_init(&near, str_of(argv[1]));
	for (const struct verb *v = verbs; v->name; v++)
		near_try(&near, v->name);
	fprintf(stderr, "%s: there is no verb \"%s\"%s%s; see %s --help\n", program, argv[1],
		near.best ? "; did you mean " : "", near.best ? near.best : "", program);
	return EXIT_USAGE;
}
