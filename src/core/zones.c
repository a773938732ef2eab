/* zones.c - see zones.h. */
#include "core/zones.h"

#include "base/limits.h"
#include "base/log.h"
#include "core/config_build.h"

#define PAGE 100

/* Reading the store and setting the snapshot are one step: of two changes the later one's reading is
 * the one that stays. Taken before config_lock. */
static pthread_mutex_t refresh_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- reading --- */

struct zone_list {
	struct zone_record *v; /* by name */
	size_t count;
};

static enum rc list_zones(struct store_read *read, struct arena *a, struct zone_list *out)
{
	struct store_query q = { .table = &ZONES, .index = STORE_PRIMARY, .limit = LIMIT_STORED_ZONES };

	return store_list(read, &q, a, &out->v, &out->count);
}

static const struct zone_record *find_zone(const struct zone_list *list, struct str name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (str_eq(list->v[i].name, name))
			return &list->v[i];
	}
	return NULL;
}

static enum rc stored_zones(struct arena *a, const struct zone_list *list, struct stored_zone **out)
{
	*out = arena_array(a, list->count + 1, sizeof(**out));
	for (size_t i = 0; *out && i < list->count; i++)
		(*out)[i] = (struct stored_zone){ .name = list->v[i].name, .text = list->v[i].text };
	return *out ? RC_OK : RC_NOMEM;
}

/* --- bindings ---
 * A zone that lists a key that is not there gives less than its operator meant: said, never more. */

static enum rc eab_exists(struct store_read *read, const struct config *c, struct arena *a, struct str what, bool *out)
{
	struct eab_record *rows, last;
	struct store_query q = { .table = &EABS, .index = STORE_PRIMARY, .limit = PAGE,
				 .columns = STORE_COLUMNS(EAB_COL_KID, EAB_COL_NAME) };
	size_t count = PAGE;
	enum rc rc = RC_OK;

	*out = false;
	for (size_t i = 0; i < c->eab_key_count; i++)
		*out |= str_eq(c->eab_keys[i].kid, what);
	while (!*out && rc == RC_OK && count == PAGE) {
		rc = store_list(read, &q, a, &rows, &count);
		for (size_t i = 0; rc == RC_OK && i < count; i++)
			*out |= str_eq(rows[i].kid, what) || str_eq(rows[i].name, what);
		if (rc == RC_OK && count) {
			last = rows[count - 1];
			q.after = &last;
		}
	}
	return rc;
}

/* The first binding of the zone that no key has; absent: there is none. */
static enum rc missing_binding(struct store_read *read, const struct config *c, const struct zone *z, struct str *out)
{
	enum rc rc = RC_OK;

	*out = (struct str){ 0 };
	for (size_t i = 0; rc == RC_OK && !out->p && i < z->binding_count; i++) {
		AUTO(arena) struct arena a;
		bool exists;

		arena_init(&a, LIMIT_SETTINGS_BYTES);
		rc = eab_exists(read, c, &a, z->bindings[i], &exists);
		if (rc == RC_OK && !exists)
			*out = z->bindings[i];
	}
	return rc;
}

/* --- the running snapshot --- */

static void log_zones(struct store_read *read, const struct config *c, const struct stored_zone *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (v[i].why.p)
			LOG_ERROR("stored_zone_refused", F_STR("zone", v[i].name), F_STR("cause", v[i].why),
				  F_TEXT("remedy", "its names are denied; assay zone set, or assay zone remove"));
	}
	for (size_t i = 0; i < c->zone_count; i++) {
		struct str missing;

		if (missing_binding(read, c, &c->zones[i], &missing) == RC_OK && missing.p)
			LOG_WARN("zone_binding_unknown", F_STR("zone", c->zones[i].name), F_STR("binding", missing));
	}
}

static enum rc install(struct service *s, struct config *file)
{
	struct store_read *read = NULL;
	struct stored_zone *v;
	struct zone_list list;
	struct config *c;
	AUTO(arena) struct arena a;
	enum rc rc;

	arena_init(&a, 4 * LIMIT_SETTINGS_BYTES);
	rc = store_read_open(s->store, &read);
	if (rc == RC_OK)
		rc = list_zones(read, &a, &list);
	if (rc == RC_OK)
		rc = stored_zones(&a, &list, &v);
	if (rc == RC_OK)
		rc = config_with_zones(file, v, list.count, &c);
	if (rc == RC_OK) {
		log_zones(read, c, v, list.count);
		service_set_config(s, c);
	}
	store_read_close(read);
	return rc;
}

enum rc zones_install(struct service *s, struct config *file)
{
	enum rc rc;

	pthread_mutex_lock(&refresh_lock);
	rc = install(s, file);
	pthread_mutex_unlock(&refresh_lock);
	config_unref(file); /* the snapshot holds it */
	return rc;
}

enum rc zones_refresh(struct service *s)
{
	struct config *now;
	enum rc rc;

	pthread_mutex_lock(&refresh_lock);
	now = service_config(s);
	rc = install(s, now);
	pthread_mutex_unlock(&refresh_lock);
	config_unref(now);
	return rc;
}

/* --- the text of a zone --- */

static enum rc write_zone(struct arena *a, const struct config_zone *raw, struct str *out)
{
	struct config_zone nameless = *raw;
	AUTO(buf) struct buf b;

	nameless.name = (struct str){ 0 };
	buf_init(&b, 2 * LIMIT_STORED_ZONES_BYTES);
	settings_write(CONFIG_ZONE_ROWS, &nameless, 0, &b);
	if (!buf_ok(&b))
		return RC_NOMEM;
	*out = arena_str(a, buf_str(&b));
	return out->p ? RC_OK : RC_NOMEM;
}

/* As many of the errors as a fault's detail has room for. */
static enum rc refuse(const struct setting_errors *errors, struct fault *f)
{
	char text[FAULT_DETAIL_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; i < errors->count && len + strlen(errors->v[i].text) + 4 < sizeof(text); i++) {
		const char *one = errors->v[i].text;

		if (i) {
			memcpy(text + len, "; ", 2);
			len += 2;
		}
		memcpy(text + len, one, strlen(one));
		len += strlen(one);
		text[len] = '\0';
	}
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "%s", len ? text : errors->v[0].text);
}

static enum rc check_name(struct str name, struct fault *f)
{
	bool good = name.len >= 1 && name.len <= 64;

	for (size_t i = 0; good && i < name.len; i++) {
		char ch = name.p[i];

		good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
		       ch == '.' || ch == '_' || ch == '-';
	}
	if (good)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			 "the name of a zone is 1 to 64 letters, digits, dots, underscores and hyphens");
}

enum rc zone_text_canonical(struct arena *a, struct str name, struct str yaml, struct str *out, struct fault *f)
{
	struct setting_errors errors = { 0 };
	struct config_zone raw = { 0 };
	const char *file = arena_printf(a, "zone %.*s", STR_ARG(name));
	enum rc rc = check_name(name, f);

	if (rc != RC_OK)
		return rc;
	rc = file ? settings_read(a, yaml, file, CONFIG_ZONE_ROWS, &raw, &errors) : RC_NOMEM;
	if (rc == RC_INVALID)
		return refuse(&errors, f);
	if (rc == RC_OK && raw.name.p && !str_eq(raw.name, name))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "zone %.*s: its text says `name: %.*s`; leave it out", STR_ARG(name), STR_ARG(raw.name));
	return rc == RC_OK ? write_zone(a, &raw, out) : rc;
}

/* --- changing --- */

static bool is_files(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->zone_count; i++) {
		if (!c->zones[i].stored && str_eq(c->zones[i].name, name))
			return true;
	}
	return false;
}

/* The list as it will be. */
static enum rc list_after(struct context *c, const struct zone_list *now, const struct zone_change *v, size_t count,
			  struct zone_list *out)
{
	out->v = arena_array(c->arena, now->count + count + 1, sizeof(*out->v));
	out->count = 0;
	if (!out->v)
		return RC_NOMEM;
	for (size_t i = 0; i < now->count; i++) {
		bool changed = false;

		for (size_t k = 0; k < count; k++)
			changed |= str_eq(v[k].name, now->v[i].name);
		if (!changed)
			out->v[out->count++] = now->v[i];
	}
	for (size_t k = 0; k < count; k++) {
		if (v[k].kind != ZONE_REMOVED)
			out->v[out->count++] = (struct zone_record){ .name = v[k].name, .text = v[k].after };
	}
	return RC_OK;
}

static enum rc check_sizes(const struct zone_list *list, struct fault *f)
{
	size_t bytes = 0;

	for (size_t i = 0; i < list->count; i++)
		bytes += list->v[i].name.len + list->v[i].text.len;
	if (list->count <= LIMIT_STORED_ZONES && bytes <= LIMIT_STORED_ZONES_BYTES)
		return RC_OK;
	return fault_set(f, RC_LIMIT, PROBLEM_MALFORMED,
			 "the store takes at most %d zones with %d octets of text; put some into the settings file",
			 LIMIT_STORED_ZONES, LIMIT_STORED_ZONES_BYTES);
}

/* Is every zone of the outcome good that was not broken before? */
static enum rc check_outcome(struct context *c, const struct zone_list *after, const struct zone_change *v, size_t count,
			     struct fault *f)
{
	struct config *outcome = NULL;
	struct stored_zone *zones;
	enum rc rc = stored_zones(c->arena, after, &zones);

	if (rc == RC_OK)
		rc = config_with_zones((struct config *)c->config, zones, after->count, &outcome);
	for (size_t i = 0; rc == RC_OK && i < after->count; i++) {
		bool changed = false;

		for (size_t k = 0; k < count; k++)
			changed |= str_eq(v[k].name, zones[i].name);
		if (changed && zones[i].why.p)
			rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "zone \"%.*s\" cannot be: %.*s",
				       STR_ARG(zones[i].name), STR_ARG(zones[i].why));
	}
	for (size_t i = 0; rc == RC_OK && i < outcome->zone_count; i++) {
		const struct zone *z = &outcome->zones[i];
		struct str missing = { 0 };

		if (z->stored && !z->broken.p)
			rc = missing_binding(c->read, c->config, z, &missing);
		for (size_t k = 0; rc == RC_OK && missing.p && k < count; k++) {
			if (str_eq(v[k].name, z->name))
				rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
					       "zone \"%.*s\": bindings: there is no binding key with the id or name \"%.*s\"; make it first (assay eab add)",
					       STR_ARG(z->name), STR_ARG(missing));
		}
	}
	config_unref(outcome);
	return rc;
}

static enum rc write_change(struct context *c, const struct zone_list *now, const struct zone_change *v)
{
	const struct zone_record *old = find_zone(now, v->name);
	struct zone_record r = old ? *old : (struct zone_record){ .name = v->name, .version = 1, .created_at = c->now };
	static const char *const actions[] = { [ZONE_ADDED] = "zone.add", [ZONE_CHANGED] = "zone.change",
					       [ZONE_REMOVED] = "zone.remove" };
	enum rc rc;

	r.text = v->after;
	r.updated_at = c->now;
	r.updated_by = c->actor;
	if (v->kind == ZONE_ADDED)
		rc = tx_insert(c->tx, &ZONES, &r);
	else if (v->kind == ZONE_REMOVED)
		rc = tx_delete(c->tx, &ZONES, &r);
	else
		rc = tx_update(c->tx, &ZONES, &r,
			       STORE_COLUMNS(ZONE_COL_TEXT, ZONE_COL_UPDATED_AT, ZONE_COL_UPDATED_BY));
	return rc == RC_OK ? audit_add(c, actions[v->kind], v->name, "%.400s", v->after.p ? v->after.p : "") : rc;
}

enum rc zones_apply(struct context *c, const struct zone_change *v, size_t count, struct fault *f)
{
	struct zone_list now, after;
	enum rc rc = list_zones(c->read, c->arena, &now);

	if (rc == RC_OK)
		rc = list_after(c, &now, v, count, &after);
	if (rc == RC_OK)
		rc = check_sizes(&after, f);
	if (rc == RC_OK)
		rc = check_outcome(c, &after, v, count, f);
	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = write_change(c, &now, &v[i]);
	return rc;
}

static enum rc refuse_files(struct str name, struct fault *f)
{
	return fault_set(f, RC_CONFLICT, PROBLEM_CONFLICT,
			 "zone \"%.*s\" is in the settings file: change it there and reload, or choose another name",
			 STR_ARG(name));
}

enum rc zone_put(struct context *c, struct str name, struct str yaml, bool *out_changed, struct fault *f)
{
	struct zone_change change = { .name = name };
	const struct zone_record *old;
	struct zone_list now;
	enum rc rc = RC_OK;

	*out_changed = false;
	if (is_files(c->config, name))
		return refuse_files(name, f);
	if (yaml.p)
		rc = zone_text_canonical(c->arena, name, yaml, &change.after, f);
	if (rc == RC_OK)
		rc = list_zones(c->read, c->arena, &now);
	if (rc != RC_OK)
		return rc;
	old = find_zone(&now, name);
	if (!yaml.p && !old)
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such zone in the store");
	if (old)
		change.before = old->text;
	if (old && yaml.p && str_eq(old->text, change.after))
		return RC_OK;
	change.kind = !yaml.p ? ZONE_REMOVED : old ? ZONE_CHANGED : ZONE_ADDED;
	*out_changed = true;
	return zones_apply(c, &change, 1, f);
}

/* --- the document --- */

struct document {
	struct setting_items zones; /* struct config_zone */
};
/* Its zones have the file's settings but `name`, which is the key. */
static const struct setting *document_rows(struct setting rows[2])
{
	rows[0] = (struct setting){ .name = "zones", .type = SETTING_NAMED, .offset = offsetof(struct document, zones),
				    .required = true, /* an empty file is no wish to remove all */
				    .children = CONFIG_ZONE_ROWS + 1, .item_size = sizeof(struct config_zone) };
	rows[1] = (struct setting){ 0 };
	return rows;
}

static void write_indented(struct buf *b, struct str text)
{
	struct str line;

	while (text.len) {
		(void)str_cut(text, '\n', &line, &text);
		buf_addf(b, "    %.*s\n", STR_ARG(line));
	}
}

enum rc zones_document(struct context *c, struct str *out)
{
	struct zone_list list;
	AUTO(buf) struct buf b;
	enum rc rc = list_zones(c->read, c->arena, &list);

	if (rc != RC_OK)
		return rc;
	buf_init(&b, 4 * LIMIT_STORED_ZONES_BYTES);
	buf_add_text(&b, list.count ? "zones:\n" : "zones: {}\n");
	for (size_t i = 0; i < list.count; i++) {
		buf_addf(&b, "  \"%.*s\":\n", STR_ARG(list.v[i].name));
		write_indented(&b, list.v[i].text);
	}
	if (!buf_ok(&b))
		return RC_NOMEM;
	*out = arena_str(c->arena, buf_str(&b));
	return out->p ? RC_OK : RC_NOMEM;
}

static enum rc add_wanted(struct context *c, const struct zone_list *now, const struct config_zone *raw,
			  struct zone_change *v, size_t *count, struct fault *f)
{
	const struct zone_record *old = find_zone(now, raw->name);
	struct zone_change change = { .name = raw->name, .kind = old ? ZONE_CHANGED : ZONE_ADDED };
	enum rc rc = check_name(raw->name, f);

	if (rc != RC_OK)
		return rc;
	if (is_files(c->config, raw->name))
		return refuse_files(raw->name, f);
	rc = write_zone(c->arena, raw, &change.after);
	if (rc != RC_OK)
		return rc;
	if (old)
		change.before = old->text;
	if (!old || !str_eq(change.before, change.after))
		v[(*count)++] = change;
	return RC_OK;
}

enum rc zones_compare(struct context *c, struct str yaml, struct zone_change **out, size_t *out_count, struct fault *f)
{
	struct setting_errors errors = { 0 };
	struct document d = { 0 };
	struct setting rows[2];
	const struct config_zone *raw;
	struct zone_list now;
	struct zone_change *v;
	size_t count = 0;
	enum rc rc = settings_read(c->arena, yaml, "document", document_rows(rows), &d, &errors);

	if (rc == RC_INVALID)
		return refuse(&errors, f);
	if (rc == RC_OK)
		rc = list_zones(c->read, c->arena, &now);
	if (rc != RC_OK)
		return rc;
	raw = d.zones.v;
	v = arena_array(c->arena, now.count + d.zones.count + 1, sizeof(*v));
	if (!v)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < d.zones.count; i++)
		rc = add_wanted(c, &now, &raw[i], v, &count, f);
	for (size_t i = 0; rc == RC_OK && i < now.count; i++) {
		bool wanted = false;

		for (size_t k = 0; k < d.zones.count; k++)
			wanted |= str_eq(raw[k].name, now.v[i].name);
		if (!wanted)
			v[count++] = (struct zone_change){ ZONE_REMOVED, now.v[i].name, now.v[i].text, { 0 } };
	}
	*out = v;
	*out_count = count;
	return rc;
}
