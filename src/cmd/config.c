/* config.c - `assay config check|manual`; diff, apply and export are in admin_zone.c. */
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "cmd/admin_client.h"
#include "cmd/files_ca.h"
#include "cmd/options.h"
#include "cmd/serve.h"
#include "core/config.h"
#include "crypto/digest.h"

static int config_check(int argc, char **argv)
{
	const char *file = CONFIG_DEFAULT;
	const struct option table[] = {
		{ "config", OPTION_TEXT, &file, "FILE", "settings file (" CONFIG_DEFAULT ")" },
		{ 0 },
	};
	struct setting_errors errors = { 0 };
	AUTO(fault) struct fault f = { 0 };
	struct config *c = NULL;
	AUTO(arena) struct arena a;
	enum rc rc;
	int code;

	if (!options_parse(argc, argv, table, "assay config check [options]",
			   "Reads the settings as the server would, certificates included, and prints every error with\n"
			   "file, line and column; or \"ok\". Exit code 0: ok, 1: errors.\n\n"
			   "  assay config check --config new.yaml && systemctl reload assay",
			   NULL, 0, NULL, &code))
		return code;
	arena_init(&a, 8 * LIMIT_SETTINGS_BYTES);
	rc = crypto_init(&f);
	if (rc == RC_OK)
		rc = config_load(&a, file, &c, &errors);
	config_unref(c);
	if (rc == RC_OK) {
		puts("ok");
		return EXIT_OK;
	}
	print_setting_errors(&errors);
	if (!errors.count)
		fprintf(stderr, "%s: %s\n", file, f.detail[0] ? f.detail : rc_text(rc));
	return EXIT_FAILED;
}

/* Does the file end with this manual? */
static int compare_manual(const char *file, struct str manual)
{
	AUTO(fault) struct fault f = { 0 };
	AUTO(arena) struct arena a;
	struct bytes content;
	struct str text;

	arena_init(&a, LIMIT_SETTINGS_BYTES);
	if (file_read(&a, file, LIMIT_SETTINGS_BYTES / 2, &content, &f) != RC_OK) {
		fprintf(stderr, "assay config manual: %s\n", f.detail);
		return EXIT_FAILED;
	}
	text = (struct str){ (const char *)content.p, content.len };
	if (text.len >= manual.len && memcmp(text.p + text.len - manual.len, manual.p, manual.len) == 0)
		return EXIT_OK;
	fprintf(stderr, "%s does not end with what `assay config manual` prints\n", file);
	return EXIT_FAILED;
}

static int config_print_manual(int argc, char **argv)
{
	const char *file = NULL;
	const struct option table[] = {
		{ "check", OPTION_TEXT, &file, "FILE", "print nothing; exit 0 if FILE ends with the manual, else 1" },
		{ 0 },
	};
	AUTO(buf) struct buf b;
	int code;

	if (!options_parse(argc, argv, table, "assay config manual [options]",
			   "Prints every setting with its type, range, default and meaning (Markdown).\n\n"
			   "  assay config manual | less",
			   NULL, 0, NULL, &code))
		return code;
	buf_init(&b, LIMIT_SETTINGS_BYTES);
	config_manual(&b);
	if (!buf_ok(&b)) {
		fputs("assay config manual: out of memory\n", stderr);
		return EXIT_FAILED;
	}
	if (file)
		return compare_manual(file, buf_str(&b));
	(void)fwrite(b.p, 1, b.len, stdout);
	return EXIT_OK;
}

int verb_config(int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ "check", config_check, "read the settings and name every error" },
		{ "manual", config_print_manual, "every setting, explained" },
		{ "export", config_export, "the store's zones as a document" },
		{ "diff", config_diff, "what a document would change" },
		{ "apply", config_apply, "make the store's zones those of a document" },
		{ 0 },
	};

	return verbs_run("assay config", "The settings: the file, and the store's part of them.", verbs, argc, argv);
}
