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

/* Names that stand alone in texts for people and programs: 1 to 64 letters, digits, dots, underscores
 * and hyphens. */
void config_check_word(struct builder *b, struct str name, unsigned line, const char *what);

/* All patterns of all zones, equal ones next to each other, by zone then. */
struct owned_pattern {
	const struct zone_pattern *pattern;
	const struct zone *zone;
	unsigned line;
};
bool config_sort_patterns(struct builder *b, struct owned_pattern **out, size_t *out_count) MUST_USE;

/* False: no memory. What is wrong is added to the errors. */
bool config_build_patterns(struct builder *b, const struct setting_strs *list, const char *what,
			   struct zone_pattern **out, size_t *out_count) MUST_USE;
/* One zone, without looking at the others. */
bool config_build_zone(struct builder *b, const struct config_zone *raw, size_t number, unsigned line,
		       struct zone *z) MUST_USE;
bool config_build_zones(struct builder *b) MUST_USE;
bool config_build_block(struct builder *b) MUST_USE;
bool config_build_prefixes(struct builder *b, const struct setting_strs *list, const char *what,
			   const struct prefix **out, size_t *out_count) MUST_USE;

#endif
