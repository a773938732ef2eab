/* account.h - accounts (RFC 8555 §7.1.2, §7.3). */
#ifndef ASSAY_CORE_ACCOUNT_H
#define ASSAY_CORE_ACCOUNT_H

#include "acme/objects.h"
#include "core/core.h"

/* An account that signed a request, from the cache: immutable, counted. */
struct account {
	int refs;
	struct id id;
	int64_t version;
	int64_t status;
	struct str directory, eab_kid; /* in the same block; eab_kid absent: none */
	struct pubkey *key;
	char thumbprint[44];
};
void account_unref(struct account *a);

enum rc account_cache_new(unsigned max, struct account_cache **out) MUST_USE;
void account_cache_free(struct account_cache *c);
/* Forget it: after a change is durable. */
void account_cache_drop(struct account_cache *c, struct id id);

/* For request authentication: accountDoesNotExist when there is none (or it belongs to another
 * directory), unauthorized when it is deactivated or revoked (RFC 8555 §7.3.6). */
enum rc account_authenticate(struct context *c, struct str directory, struct id id,
			     struct account **out, struct fault *f) MUST_USE;
/* The account that an order or authorization belongs to, for a job: in whatever directory; unauthorized
 * as above when it is no longer valid. */
enum rc account_owner(struct context *c, struct id id, struct account **out, struct fault *f) MUST_USE;
enum rc account_get(struct context *c, struct id id, struct account_record *out,
		    struct fault *f) MUST_USE;
enum rc account_find_by_key(struct context *c, struct str directory, const struct pubkey *key,
			    struct account_record *out) MUST_USE;

/* newAccount (RFC 8555 §7.3): an existing key gives its account and *out_created false. url is that
 * of the request, for the external account binding; peer its sender's address. */
struct new_account {
	const struct pubkey *key;
	const struct acme_new_account *body;
	struct str url, peer;
};
enum rc account_create(struct context *c, const struct directory *d, const struct new_account *n,
		       struct account_record *out, bool *out_created, struct fault *f) MUST_USE;
/* Update or deactivation (RFC 8555 §7.3.2, §7.3.6). */
enum rc account_update(struct context *c, struct account_record *account,
		       const struct acme_new_account *body, struct fault *f) MUST_USE;
/* keyChange (RFC 8555 §7.3.5), after both signatures have been verified. RC_CONFLICT with
 * PROBLEM_CONFLICT and *out_owner: the new key belongs to another account. */
enum rc account_change_key(struct context *c, struct account_record *account,
			   const struct pubkey *new_key, struct id *out_owner, struct fault *f) MUST_USE;
enum rc account_deactivate(struct context *c, struct account_record *account) MUST_USE;
/* As clients see it: RFC 8657 §3 and the challenges that are bound to an account compare it. In the
 * arena; absent when that is full. d NULL: absent. */
struct str account_url(struct arena *a, const struct config *c, const struct directory *d, struct id id);
const char *account_status_name(int64_t status);

#endif
