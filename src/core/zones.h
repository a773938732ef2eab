/* zones.h - the zones of the store: set, removed, and as one document, while the server runs. They stand
 * beside those of the settings file, which are the file's and cannot be changed here (DESIGN: settings).
 * Any thread; zones_refresh() and zones_install() take one lock of their own. */
#ifndef ASSAY_CORE_ZONES_H
#define ASSAY_CORE_ZONES_H

#include "core/core.h"

/* Makes the settings file's config (taken) and the zones of the store the running settings, as one
 * snapshot. A stored zone that is wrong stops nothing: it is logged, and its names are denied. */
enum rc zones_install(struct service *s, struct config *file) MUST_USE;
/* The same with the file's config that is running: after a change is durable. */
enum rc zones_refresh(struct service *s) MUST_USE;

/* The text of a zone as it is kept and compared: every setting that is not the default, always written
 * the same. RC_INVALID with all that is wrong with it, in the arena. */
enum rc zone_text_canonical(struct arena *a, struct str name, struct str yaml, struct str *out,
			    struct fault *f) MUST_USE;

enum zone_change_kind { ZONE_ADDED, ZONE_CHANGED, ZONE_REMOVED };
struct zone_change {
	enum zone_change_kind kind;
	struct str name;
	struct str before, after; /* canonical; absent: none */
};

/* One zone from YAML, or none (text absent: removed, RC_NOTFOUND when there is none). Checked against
 * the running settings and all other zones. *out_changed false: it was so already. */
enum rc zone_put(struct context *c, struct str name, struct str yaml, bool *out_changed, struct fault *f) MUST_USE;
/* The store's part of the settings as one YAML document: "zones:" by name. */
enum rc zones_document(struct context *c, struct str *out) MUST_USE;
/* What would have to change for the store to equal the document. */
enum rc zones_compare(struct context *c, struct str yaml, struct zone_change **out, size_t *out_count,
		      struct fault *f) MUST_USE;
/* Does it, all in the context's transaction, once the outcome as a whole has been found good. */
enum rc zones_apply(struct context *c, const struct zone_change *v, size_t count, struct fault *f) MUST_USE;

#endif
