/* fuzz_settings.c - any text is settings or is refused with errors that can be shown, within the
 * arena, and the same text gives the same answer. */
#include <stdlib.h>

#include "base/auto.h"
#include "base/limits.h"
#include "settings/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct zone {
	struct setting_strs names;
	int caa;
	struct setting_items probes;
};
struct probe {
	struct str address;
	int64_t port;
};
struct authority {
	struct str name, key;
	int64_t lifetime_s;
};
struct top {
	struct str name;
	struct {
		struct setting_strs acme;
		bool reuse;
	} listen;
	struct setting_items authorities, zones;
};

static const char *const caa_names[] = { "off", "report", "enforce", NULL };

static enum rc check_name(struct str value, struct fault *f)
{
	if (value.len < 100)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "\"%.*s\" is long", STR_ARG(value));
}

static const struct setting listen_rows[] = {
	{ .name = "acme", .type = SETTING_STR_LIST, .offset = 0, .fallback = ":443" },
	{ .name = "reuse", .type = SETTING_BOOL, .offset = sizeof(struct setting_strs) },
	{ 0 },
};
static const struct setting probe_rows[] = {
	{ .name = "address", .type = SETTING_STR, .offset = offsetof(struct probe, address),
	  .required = true },
	{ .name = "port", .type = SETTING_INT, .offset = offsetof(struct probe, port), .min = 1,
	  .max = 65535, .fallback = "80" },
	{ 0 },
};
static const struct setting zone_rows[] = {
	{ .name = "names", .type = SETTING_STR_LIST, .offset = offsetof(struct zone, names),
	  .required = true, .check = check_name },
	{ .name = "caa", .type = SETTING_ENUM, .offset = offsetof(struct zone, caa),
	  .values = caa_names },
	{ .name = "probes", .type = SETTING_LIST, .offset = offsetof(struct zone, probes),
	  .children = probe_rows, .item_size = sizeof(struct probe) },
	{ 0 },
};
static const struct setting authority_rows[] = {
	{ .name = "key", .type = SETTING_STR, .offset = offsetof(struct authority, key) },
	{ .name = "lifetime", .type = SETTING_DURATION,
	  .offset = offsetof(struct authority, lifetime_s), .fallback = "90d", .min = 3600,
	  .max = 397 * 86400 },
	{ 0 },
};
static const struct setting rows[] = {
	{ .name = "name", .type = SETTING_STR, .offset = offsetof(struct top, name),
	  .check = check_name },
	{ .name = "listen", .type = SETTING_MAP, .offset = offsetof(struct top, listen),
	  .children = listen_rows },
	{ .name = "authorities", .type = SETTING_NAMED, .offset = offsetof(struct top, authorities),
	  .children = authority_rows, .item_size = sizeof(struct authority) },
	{ .name = "zones", .type = SETTING_LIST, .offset = offsetof(struct top, zones),
	  .children = zone_rows, .item_size = sizeof(struct zone) },
	{ 0 },
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_str(struct str s)
{
	require(str_is_utf8(s));
	require(s.len == 0 || memchr(s.p, '\0', s.len) == NULL);
}

static void check_strs(const struct setting_strs *strs)
{
	for (size_t i = 0; i < strs->count; i++)
		check_str(strs->v[i]);
}

static void check_top(const struct top *top)
{
	check_str(top->name);
	check_strs(&top->listen.acme);
	for (size_t i = 0; i < top->authorities.count; i++) {
		const struct authority *a = (const struct authority *)top->authorities.v + i;

		require(a->name.len > 0 && a->lifetime_s >= 3600);
		require(top->authorities.lines[i] > 0);
		check_str(a->name);
		check_str(a->key);
	}
	for (size_t i = 0; i < top->zones.count; i++) {
		const struct zone *z = (const struct zone *)top->zones.v + i;

		require(z->caa >= 0 && z->caa <= 2);
		check_strs(&z->names);
		for (size_t k = 0; k < z->probes.count; k++) {
			const struct probe *p = (const struct probe *)z->probes.v + k;

			require(p->address.p && p->port >= 1 && p->port <= 65535);
			check_str(p->address);
		}
	}
}

static void check_errors(const struct setting_errors *errors)
{
	require(errors->count > 0 && errors->count <= LIMIT_SETTINGS_ERRORS);
	for (size_t i = 0; i < errors->count; i++) {
		const char *text = errors->v[i].text;

		check_str(str_of(text));
		require(strlen(text) > 0 && strlen(text) < 4096 && !strpbrk(text, "\n\r\x1b"));
		require(i == 0 || errors->v[i - 1].line <= errors->v[i].line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str yaml = { (const char *)data, size };
	struct setting_errors errors, again_errors;
	AUTO(arena) struct arena a;
	AUTO(arena) struct arena again;
	struct top top, again_top;
	enum rc rc;

	arena_init(&a, 16 << 20);
	arena_init(&again, 16 << 20);
	rc = settings_read(&a, yaml, "f", rows, &top, &errors);
	if (rc == RC_OK)
		check_top(&top);
	else if (rc == RC_INVALID)
		check_errors(&errors);
	else
		require(rc == RC_NOMEM);
	require(settings_read(&again, yaml, "f", rows, &again_top, &again_errors) == rc);
	require(errors.count == again_errors.count);
	return 0;
}
