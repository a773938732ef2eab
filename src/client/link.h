/* link.h - the Link header (RFC 8288), as ACME servers send it: alternate chains, the index, the
 * terms of service of a userActionRequired (RFC 8555 §7.1, §7.3.3, §7.4.2). */
#ifndef ASSAY_CLIENT_LINK_H
#define ASSAY_CLIENT_LINK_H

#include "base/str.h"

struct link {
	struct str target; /* between < and >, as sent */
	struct str rel;    /* one or several relation types with spaces between; absent if none */
};

/* Takes the first link of a header value off *rest. False: none is left, or what is left is no
 * link; a malformed rest is never half read. Slices point into the value. */
bool link_next(struct str *rest, struct link *out);
/* Is rel (one relation type, compared without case) among the link's? */
bool link_has_rel(const struct link *l, const char *rel);

#endif
