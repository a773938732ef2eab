/* config_stored.c - the zones of the store beside those of the settings file. They were good when they
 * were set, but the file may have changed since: what they name may be gone, or the file may have taken
 * a name. Such a zone keeps its names and gives them to nobody, so that they do not fall to a wider
 * zone that means less (TRUST: unknown means denied). */
#include <stdlib.h>

#include "base/limits.h"
#include "core/config_build.h"

static void note(struct arena *a, struct stored_zone *v, const char *why)
{
	if (!v->why.p)
		v->why = str_of(arena_cstr(a, str_of(why)));
}

static bool file_has_name(const struct config *base, struct str name)
{
	for (size_t i = 0; i < base->zone_count; i++) {
		if (str_eq(base->zones[i].name, name))
			return true;
	}
	return false;
}

/* Reads one into the next place of the config; false: no memory. */
static bool add_zone(struct config *c, struct stored_zone *v)
{
	struct setting_errors errors = { 0 };
	struct builder b = { .c = c, .a = &c->arena, .errors_arena = &c->arena, .errors = &errors };
	struct config_zone *raw = (struct config_zone *)c->raw.zones.v + c->zone_count;
	struct zone *z = &c->zones[c->zone_count];
	struct str text = arena_str(&c->arena, v->text), name = arena_str(&c->arena, v->name);
	enum rc rc;

	b.file = arena_printf(&c->arena, "zone %.*s", STR_ARG(v->name));
	if (!text.p || !name.p || !b.file)
		return false;
	if (file_has_name(c->base, name)) {
		note(&c->arena, v, "the settings file has a zone of this name, and that one counts");
		return true;
	}
	rc = settings_read(&c->arena, text, b.file, CONFIG_ZONE_ROWS, raw, &errors);
	if (rc == RC_OK && raw->name.p && !str_eq(raw->name, name))
		note(&c->arena, v, "its text has another name; leave `name` out");
	raw->name = name;
	if (rc == RC_OK && !config_build_zone(&b, raw, c->zone_count, 1, z))
		return false;
	if (errors.count)
		note(&c->arena, v, errors.v[0].text);
	if (rc != RC_OK)
		return rc == RC_INVALID;
	z->stored = true;
	z->broken = v->why;
	c->zone_count++;
	c->raw.zones.count++;
	return true;
}

static void break_zone(struct config *c, const struct zone *z, struct stored_zone *v, size_t count, const char *why)
{
	struct zone *own = &c->zones[z->number];

	for (size_t i = 0; i < count; i++) {
		if (!str_eq(v[i].name, own->name))
			continue;
		note(&c->arena, &v[i], why);
		own->broken = v[i].why;
	}
}

/* A pattern of two zones: the file's counts; of two stored ones neither. */
static bool check_patterns(struct config *c, struct stored_zone *v, size_t count)
{
	struct builder b = { .c = c, .a = &c->arena };
	struct owned_pattern *p;
	size_t pattern_count;

	if (!config_sort_patterns(&b, &p, &pattern_count))
		return false;
	for (size_t i = 1; i < pattern_count; i++) {
		const char *why;

		if (zone_pattern_compare(p[i - 1].pattern, p[i].pattern) != 0)
			continue;
		why = arena_printf(&c->arena, "zone \"%.*s\" has %.*s already; remove it from one of them",
				   STR_ARG(p[i - 1].zone->name), STR_ARG(p[i].pattern->text));
		if (!why)
			return false;
		if (p[i].zone->stored)
			break_zone(c, p[i].zone, v, count, why);
		if (p[i - 1].zone->stored && p[i - 1].zone != p[i].zone)
			break_zone(c, p[i - 1].zone, v, count,
				   "another zone of the store has one of its names too; remove it from one of them");
	}
	return true;
}

static bool make_room(struct config *c, size_t more)
{
	const struct config *base = c->base;
	size_t count = base->zone_count + more + 1;
	struct config_zone *raw = arena_array(&c->arena, count, sizeof(*raw));
	unsigned *lines = arena_array(&c->arena, count, sizeof(*lines));

	c->zones = arena_array(&c->arena, count, sizeof(*c->zones));
	if (!c->zones || !raw || !lines)
		return false;
	if (base->zone_count) {
		memcpy(c->zones, base->zones, base->zone_count * sizeof(*c->zones));
		memcpy(raw, base->raw.zones.v, base->zone_count * sizeof(*raw));
		memcpy(lines, base->raw.zones.lines, base->zone_count * sizeof(*lines));
	}
	c->raw.zones.v = raw;
	c->raw.zones.lines = lines;
	return true;
}

enum rc config_with_zones(struct config *base, struct stored_zone *v, size_t count, struct config **out)
{
	struct config *c = calloc(1, sizeof(*c));
	bool good;

	if (!c)
		return RC_NOMEM;
	base = base->base ? base->base : base;
	*c = *base;
	c->refs = 1;
	c->base = config_ref(base);
	arena_init(&c->arena, 4 * LIMIT_SETTINGS_BYTES);
	good = make_room(c, count);
	for (size_t i = 0; good && i < count; i++) {
		v[i].why = (struct str){ 0 };
		good = add_zone(c, &v[i]);
	}
	good = good && check_patterns(c, v, count);
	for (size_t i = 0; good && i < c->zone_count; i++) {
		if (c->zones[i].broken.p)
			c->zones[i].challenges = 0;
	}
	if (!good) {
		config_unref(c);
		return RC_NOMEM;
	}
	*out = c;
	return RC_OK;
}
