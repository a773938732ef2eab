/* name_law.h - may an authority certify this name? One answer for the signer, which refuses, and the
 * server, which says why beforehand (RFC 5280 §4.2.1.10). */
#ifndef ASSAY_SIGNER_NAME_LAW_H
#define ASSAY_SIGNER_NAME_LAW_H

#include "crypto/cert.h"

/* The name must be in a permitted subtree of the issuing certificate and in one of the authority's
 * own, and in no excluded one. */
bool name_law_permits(const struct cert_info *issuing, const struct name_subtree *permit,
		      size_t permit_count, const struct san *name);

#endif
