/* view.h - one validation seen through one probe: an environment in which any validator (validator.h) works
 * as it does at home, while what it fetches, asks and shakes hands with is looked at by the probe. What a
 * validator compares with the key authorization never leaves this server.
 * Belongs to the loop's thread. */
#ifndef ASSAY_PROBE_VIEW_H
#define ASSAY_PROBE_VIEW_H

#include "probe/probes.h"
#include "validator/validator.h"

struct view;

struct view_spec {
	struct loop *loop;
	struct probes *probes;
	struct str probe;     /* its name */
	struct probe_dns dns; /* how it asks; the servers are borrowed */
};
enum rc view_new(const struct view_spec *spec, struct view **out) MUST_USE;
/* What runs in it must have ended or been cancelled; not from within its done. NULL is allowed. */
void view_free(struct view *v);
struct validator_env *view_env(struct view *v);
struct resolver *view_resolver(struct view *v);
/* Why the probe could not look, "" if it could: then a failed validation says nothing about the name. */
const char *view_trouble(const struct view *v);

#endif
