/* issue_value.h - the grammar that CAA records and persistent validation records share (RFC 8659 §4.2):
 * "ca.example; tag=value; tag=value". Slices of what a stranger wrote; no state. */
#ifndef ASSAY_VALIDATOR_ISSUE_VALUE_H
#define ASSAY_VALIDATOR_ISSUE_VALUE_H

#include "base/str.h"

struct issue_value {
	struct str issuer;     /* "" when nobody is named */
	struct str parameters; /* for issue_value_next() */
};

/* False when any of it breaks the grammar. final_dot: one dot behind the issuer is tolerated, and left
 * out. */
bool issue_value_parse(struct str text, bool final_dot, struct issue_value *out);
/* The parameters one after the other; *rest begins as issue_value.parameters. False: no more. */
bool issue_value_next(struct str *rest, struct str *out_tag, struct str *out_value);

#endif
