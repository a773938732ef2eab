/* eab.h - external account binding (RFC 8555 §7.3.4): who registers shows that the operator knows it.
 * Keys are those of the settings, and those that the operator makes while the server runs: for one
 * account or many, expiring, limited to names and profiles. Their HMAC keys are sealed in the store
 * under the service key, a file beside it. */
#ifndef ASSAY_CORE_EAB_H
#define ASSAY_CORE_EAB_H

#include "core/core.h"

struct identifier;

/* Checks the binding of a newAccount request: its MAC by the key that kid names, its payload is the
 * account key, its url that of the request. absent binding: allowed unless the directory requires
 * one (externalAccountRequired). *out_kid: whose it is, absent if none. Uses the key up in the
 * context's transaction, on the version that was read: a key for one account makes one. */
enum rc eab_check(struct context *c, const struct directory *d, struct str binding,
		  const struct pubkey *account_key, struct str url, struct str *out_kid,
		  struct fault *f) MUST_USE;

/* What the accounts of a key may order; nothing set: anything. */
struct eab_scope {
	struct str kid;
	struct str name;     /* what the operator calls it; absent: nothing */
	bool known;          /* the key is still there */
	struct str profiles; /* one a line, absent: any */
	struct zone_pattern *names;
	size_t name_count;   /* 0: any */
};
/* Unauthorized when the key was revoked. kid absent or of the settings: an empty scope. */
enum rc eab_scope_of(struct context *c, struct str kid, struct eab_scope *out, struct fault *f) MUST_USE;
bool eab_allows_profile(const struct eab_scope *s, struct str profile);
enum rc eab_check_profile(const struct eab_scope *s, struct str profile, struct fault *f) MUST_USE;
/* All names outside the scope are reported together (RFC 8555 §6.7.1). */
enum rc eab_check_names(const struct eab_scope *s, const struct identifier *v, size_t count,
			struct fault *f) MUST_USE;

/* --- the operator's side --- */

struct eab_new {
	struct str name;
	int64_t uses;       /* 0: any number */
	int64_t lifetime_s; /* 0: for ever */
	const struct str *zones, *profiles;
	size_t zone_count, profile_count;
};
/* *out_key: the HMAC key as base64url without padding (FIELD Q8); it is shown once. */
enum rc eab_add(struct context *c, const struct eab_new *n, struct eab_record *out, struct str *out_key,
		struct fault *f) MUST_USE;
enum rc eab_load(struct context *c, struct str kid, struct eab_record *out, struct fault *f) MUST_USE;
enum rc eab_revoke(struct context *c, struct eab_record *r) MUST_USE;
/* "active", "used", "expired", "revoked" */
const char *eab_status(const struct eab_record *r, int64_t now);

/* The key that seals secrets in this store: the file "service.key" (0600) beside it, made when it
 * does not exist. A store in memory gets one that ends with it. */
enum rc eab_service_key(struct str store_url, struct secret **out, struct fault *f) MUST_USE;

#endif
