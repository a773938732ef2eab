/* objects.h - the JSON objects of RFC 8555 §7.1 as structs, both directions: the server decodes
 * requests and encodes resources, the client engine the reverse. jansson stays in the .c file.
 * Decoders: unknown members are ignored (FIELD Q5), a member of the wrong type is malformed with
 * its name in the detail, limits come before parsing. Slices live in the arena.
 * Encoders never emit null members; times are RFC 3339 in UTC. */
#ifndef ASSAY_ACME_OBJECTS_H
#define ASSAY_ACME_OBJECTS_H

#include "acme/identifier.h"
#include "base/arena.h"
#include "base/fault.h"
#include "crypto/key.h"

/* --- what clients send --- */

struct acme_new_account {
	bool has_contact; /* absent means unchanged, [] means none (FIELD Q7) */
	struct str *contacts;
	size_t contact_count;
	bool terms_agreed;
	bool only_return_existing;
	struct str eab; /* JSON text of externalAccountBinding, absent if none */
	/* Account update only. Any other status is ignored, as RFC 8555 §7.3.2 demands. */
	enum { ACCOUNT_KEEP, ACCOUNT_DEACTIVATE } status;
};
enum rc acme_new_account_decode(struct arena *a, struct str json, struct acme_new_account *out,
				struct fault *f) MUST_USE;
/* Checks the contacts: mailto: only, one address, no hfields (RFC 8555 §7.3): unsupportedContact,
 * invalidContact. */
enum rc acme_contacts_check(const struct str *contacts, size_t count, struct fault *f) MUST_USE;

struct acme_new_order {
	struct identifier *identifiers; /* in the order given, duplicates removed, at least one */
	size_t identifier_count;
	/* A domain above each identifier that the client can prove instead (RFC 9444 §4.3); one whose value
	 * is absent: none. NULL: none has one. */
	struct identifier *ancestors;
	int64_t not_before, not_after; /* 0: not asked for */
	struct str profile;            /* absent if none */
	struct str replaces;           /* absent if none */
};
/* All bad identifiers are reported at once as subproblems (RFC 8555 §6.7.1); more than
 * LIMIT_IDENTIFIERS is refused before any is looked at. */
enum rc acme_new_order_decode(struct arena *a, struct str json, struct acme_new_order *out,
			      struct fault *f) MUST_USE;

/* newAuthz (RFC 8555 §7.4.1). */
struct acme_new_authz {
	struct identifier identifier;
	bool subdomains; /* also for the names below it (RFC 9444 §4.2) */
};
enum rc acme_new_authz_decode(struct arena *a, struct str json, struct acme_new_authz *out,
			      struct fault *f) MUST_USE;

struct acme_finalize {
	struct bytes csr; /* DER; base64url padding is stripped (FIELD Q10) */
};
enum rc acme_finalize_decode(struct arena *a, struct str json, struct acme_finalize *out,
			     struct fault *f) MUST_USE;

struct acme_revoke {
	struct bytes certificate; /* DER */
	bool has_reason;
	int64_t reason;
};
enum rc acme_revoke_decode(struct arena *a, struct str json, struct acme_revoke *out,
			   struct fault *f) MUST_USE;

struct acme_key_change {
	struct str account; /* URL */
	struct str old_key; /* JSON text of the JWK */
};
enum rc acme_key_change_decode(struct arena *a, struct str json, struct acme_key_change *out,
			       struct fault *f) MUST_USE;
/* {"status":"deactivated"} for an authorization; anything else is malformed. An empty object or
 * POST-as-GET leaves *out_deactivate false. */
enum rc acme_authz_update_decode(struct arena *a, struct str json, bool *out_deactivate,
				 struct fault *f) MUST_USE;
/* A challenge response: any JSON object (FIELD Q3). */
enum rc acme_challenge_decode(struct str json, struct fault *f) MUST_USE;

/* --- what the server shows --- */

struct acme_profile_doc {
	struct str name, doc;
};
struct acme_directory {
	struct str new_nonce, new_account, new_order, new_authz, revoke_cert, key_change,
		renewal_info; /* absent ones are not advertised */
	struct str terms, website;
	const struct str *caa_identities;
	size_t caa_identity_count;
	bool eab_required;
	bool subdomains; /* subdomainAuthAllowed (RFC 9444 §4.4) */
	const struct acme_profile_doc *profiles;
	size_t profile_count;
};
enum rc acme_directory_encode(struct arena *a, const struct acme_directory *d, struct str *out) MUST_USE;
enum rc acme_directory_decode(struct arena *a, struct str json, struct acme_directory *out,
			      struct fault *f) MUST_USE;

struct acme_account {
	struct str status; /* "valid", "deactivated", "revoked" */
	const struct str *contacts;
	size_t contact_count;
	bool terms_agreed;
	struct str orders; /* URL */
	int64_t created_at; /* 0: not shown */
	struct str eab;     /* JSON text echoed, absent if none */
	struct str jwk;     /* JSON text ("key" member), absent: not shown */
};
enum rc acme_account_encode(struct arena *a, const struct acme_account *x, struct str *out) MUST_USE;
enum rc acme_account_decode(struct arena *a, struct str json, struct acme_account *out,
			    struct fault *f) MUST_USE;

struct acme_order {
	struct str status;
	const struct identifier *identifiers;
	size_t identifier_count;
	int64_t not_before, not_after, expires; /* 0: absent */
	const struct str *authorizations;
	size_t authorization_count;
	struct str finalize, certificate; /* certificate absent until valid */
	struct str profile, replaces;
	struct str error; /* problem document JSON, absent if none */
};
enum rc acme_order_encode(struct arena *a, const struct acme_order *x, struct str *out) MUST_USE;
enum rc acme_order_decode(struct arena *a, struct str json, struct acme_order *out,
			  struct fault *f) MUST_USE;

struct acme_challenge {
	struct str type, url, status;
	struct str token;  /* absent in dns-persist-01 */
	/* dns-persist-01 alone (draft-ietf-acme-dns-persist §3.1); not read by the client engine. */
	struct str account_uri;
	const struct str *issuers;
	size_t issuer_count;
	int64_t validated; /* 0: absent */
	struct str error;  /* problem document JSON, absent if none */
};
enum rc acme_challenge_encode(struct arena *a, const struct acme_challenge *x, struct str *out) MUST_USE;
/* A token that is not 22 to 128 characters of base64url is refused (RFC 8555 §8.3). */
enum rc acme_challenge_from_json(struct arena *a, struct str json, struct acme_challenge *out,
				 struct fault *f) MUST_USE;

struct acme_authz {
	struct str status;
	struct identifier identifier; /* shown without "*."; decoding puts it back */
	int64_t expires;              /* 0: absent */
	bool wildcard;
	bool subdomains;              /* subdomainAuthAllowed (RFC 9444 §4.1) */
	const struct acme_challenge *challenges;
	size_t challenge_count;
};
enum rc acme_authz_encode(struct arena *a, const struct acme_authz *x, struct str *out) MUST_USE;
enum rc acme_authz_decode(struct arena *a, struct str json, struct acme_authz *out,
			  struct fault *f) MUST_USE;

enum rc acme_orders_encode(struct arena *a, const struct str *urls, size_t count, struct str *out) MUST_USE;
enum rc acme_orders_decode(struct arena *a, struct str json, struct str **out, size_t *out_count,
			   struct fault *f) MUST_USE;

/* What the owner of an order or authorization may know about what became of it: where "instance" of a
 * problem document leads (RFC 7807 §3.1). Assay's own. */
struct acme_explanation {
	const char *kind;  /* "order", "authorization" */
	struct str url;    /* of that */
	struct str status;
	const struct identifier *identifier; /* of an authorization; NULL: none */
	struct str challenge; /* the one that was tried, absent: none */
	struct str error;  /* problem document JSON, absent if none */
	struct str trace;  /* lines: what was done, found and answered */
	const struct str *authorizations; /* explanations of an order's; in its order */
	size_t authorization_count;
};
enum rc acme_explanation_encode(struct arena *a, const struct acme_explanation *x, struct str *out) MUST_USE;

struct acme_renewal_info { /* RFC 9773 §4.2 */
	int64_t start, end;
	struct str explanation_url; /* absent if none */
};
enum rc acme_renewal_info_encode(struct arena *a, const struct acme_renewal_info *x, struct str *out) MUST_USE;

/* --- what clients send, made by the client engine --- */
/* Deactivates an account or an authorization (RFC 8555 §7.3.6, §7.5.2); answers a challenge. */
#define ACME_DEACTIVATE_JSON STR("{\"status\":\"deactivated\"}")
#define ACME_CHALLENGE_READY_JSON STR("{}")
enum rc acme_new_account_encode(struct arena *a, const struct acme_new_account *x, struct str *out) MUST_USE;
enum rc acme_new_order_encode(struct arena *a, const struct acme_new_order *x, struct str *out) MUST_USE;
enum rc acme_finalize_encode(struct arena *a, struct bytes csr, struct str *out) MUST_USE;
/* reason < 0: none is given. */
enum rc acme_revoke_encode(struct arena *a, struct bytes cert, int reason, struct str *out) MUST_USE;
enum rc acme_key_change_encode(struct arena *a, struct str account_url, const struct pubkey *old_key,
			       struct str *out) MUST_USE;

#endif
