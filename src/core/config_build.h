/* config_build.h - between the files that make a config (config.c, config_rows.c, config_zones.c), for
 * nobody else. */
#ifndef ASSAY_CORE_CONFIG_BUILD_H
#define ASSAY_CORE_CONFIG_BUILD_H

#include "core/config.h"

/* The whole file, and one element of its zones. */
extern const struct setting CONFIG_ROWS[], CONFIG_ZONE_ROWS[];

struct builder {
	struct config *c;
	struct arena *a; /* the config's own */
	struct arena *errors_arena;
	struct setting_errors *errors;
	const char *file;
};
void config_bad(struct builder *b, unsigned line, const char *what, const char *why);
/* Of the i-th string, for errors. */
unsigned config_line_of(const struct setting_strs *list, size_t i);

/* False: no memory. What is wrong is added to the errors. */
bool config_build_zones(struct builder *b) MUST_USE;
bool config_build_block(struct builder *b) MUST_USE;
bool config_build_prefixes(struct builder *b, const struct setting_strs *list, const char *what,
			   const struct prefix **out, size_t *out_count) MUST_USE;

#endif
