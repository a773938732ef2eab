/* eab.h - external account binding (RFC 8555 §7.3.4): who registers shows that the operator knows it. */
#ifndef ASSAY_CORE_EAB_H
#define ASSAY_CORE_EAB_H

#include "core/core.h"

/* Checks the binding of a newAccount request: its MAC by the key that kid names, its payload is the
 * account key, its url that of the request. absent binding: allowed unless the directory requires
 * one (externalAccountRequired). *out_kid: whose it is, absent if none. */
enum rc eab_check(struct context *c, const struct directory *d, struct str binding,
		  const struct pubkey *account_key, struct str url, struct str *out_kid,
		  struct fault *f) MUST_USE;

#endif
