/* files_settings.h - the settings file that `assay init` writes: YAML with comments that explain. */
#ifndef ASSAY_CMD_FILES_SETTINGS_H
#define ASSAY_CMD_FILES_SETTINGS_H

#include "base/buf.h"
#include "cmd/options.h"
#include "crypto/x509name.h"

/* What --trial lets be proven over loopback. */
#define TRIAL_NAME_COUNT 2
extern const char *const TRIAL_NAMES[TRIAL_NAME_COUNT];

struct settings_text {
	const char *name, *public_url, *admin; /* admin: path of the socket */
	const struct option_list *listen, *http_listen;
	const char *data;               /* absolute */
	const struct option_list *permit; /* as given; empty: names and addresses of private networks */
	const struct name_subtree *subtrees; /* the same, parsed */
	bool trial;
	int64_t http01_port; /* 0: 80 */
};
/* Adds the file's text; the buffer fails when it is too small. Text that YAML cannot hold in one line
 * must have been refused before. */
void settings_text_add(struct buf *b, const struct settings_text *s);

#endif
