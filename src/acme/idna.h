/* idna.h - internationalised labels (RFC 5891), the only use of libidn2. Only names that contain
 * xn-- labels or are not ASCII come here. Thread-safe. */
#ifndef ASSAY_ACME_IDNA_H
#define ASSAY_ACME_IDNA_H

#include "base/limits.h"
#include "base/rc.h"
#include "base/str.h"

/* Is this lower-case label, which begins with xn--, what its U-label is encoded as, and is that a
 * valid U-label of IDNA2008 (RFC 5891 §5.4)? RC_INVALID: no. */
enum rc idna_check_a_label(struct str label) MUST_USE;
/* The name that a user who wrote Unicode probably wants, for a hint. False when there is none. */
bool idna_to_ascii(struct str name, char out[LIMIT_NAME + 1]);

#endif
