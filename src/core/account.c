/* account.c - accounts: creation, update, key change, deactivation (RFC 8555 §7.3), and the cache of
 * verified account keys that spares each request the decoding of its key. */
#include "core/account.h"

#include <stdlib.h>

#include "acme/jwk.h"
#include "base/buf.h"
#include "base/limits.h"
#include "core/eab.h"

/* --- cache ---
 * A plain array of slots indexed by the id's random octets: bounded, no eviction list; a collision
 * replaces. An entry is dropped after a change of its account is durable; since accounts are only
 * ever changed through this process's writer, a hit needs no look at the store. */

struct account_cache {
	pthread_mutex_t lock; /* guards slots; a leaf */
	unsigned count;
	uint64_t generation; /* counts drops: an entry read before a drop is not put in after it */
	struct account *slots[];
};

enum rc account_cache_new(unsigned max, struct account_cache **out)
{
	struct account_cache *c = calloc(1, sizeof(*c) + max * sizeof(struct account *));

	if (!c)
		return RC_NOMEM;
	c->count = max;
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return RC_OK;
}

void account_cache_free(struct account_cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->count; i++)
		account_unref(c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void account_unref(struct account *a)
{
	if (!a || __atomic_sub_fetch(&a->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pubkey_free(a->key);
	free(a);
}

static struct account **cache_slot(struct account_cache *c, struct id id)
{
	unsigned n;

	memcpy(&n, id.b + ID_LEN - sizeof(n), sizeof(n));
	return &c->slots[n % c->count];
}

static struct account *cache_get(struct account_cache *c, struct id id, uint64_t *out_generation)
{
	struct account *a;

	pthread_mutex_lock(&c->lock);
	*out_generation = c->generation;
	a = *cache_slot(c, id);
	if (a && id_eq(a->id, id))
		__atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
	else
		a = NULL;
	pthread_mutex_unlock(&c->lock);
	return a;
}

static void cache_put(struct account_cache *c, struct account *a, uint64_t generation)
{
	struct account *old = NULL;

	pthread_mutex_lock(&c->lock);
	if (generation == c->generation) {
		struct account **slot = cache_slot(c, a->id);

		old = *slot;
		*slot = a;
		__atomic_add_fetch(&a->refs, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&c->lock);
	account_unref(old);
}

void account_cache_drop(struct account_cache *c, struct id id)
{
	struct account *old = NULL;

	pthread_mutex_lock(&c->lock);
	c->generation++;
	if (*cache_slot(c, id) && id_eq((*cache_slot(c, id))->id, id)) {
		old = *cache_slot(c, id);
		*cache_slot(c, id) = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	account_unref(old);
}

static enum rc account_from_record(const struct account_record *r, struct account **out)
{
	struct account *a = calloc(1, sizeof(*a) + r->directory.len + r->eab_kid.len + 1);
	enum rc rc;

	if (!a)
		return RC_NOMEM;
	rc = jwk_parse(r->jwk, &a->key, NULL);
	if (rc != RC_OK) {
		free(a);
		return rc == RC_NOMEM ? rc : RC_INTERNAL;
	}
	a->refs = 1;
	a->id = r->id;
	a->version = r->version;
	a->status = r->status;
	memcpy(a + 1, r->directory.p, r->directory.len);
	a->directory = (struct str){ (const char *)(a + 1), r->directory.len };
	if (r->eab_kid.p) {
		memcpy((char *)(a + 1) + r->directory.len, r->eab_kid.p, r->eab_kid.len);
		a->eab_kid = (struct str){ (const char *)(a + 1) + r->directory.len, r->eab_kid.len };
	}
	jwk_thumbprint(a->key, a->thumbprint);
	*out = a;
	return RC_OK;
}

const char *account_status_name(int64_t status)
{
	switch ((enum account_status)status) {
	case ACCOUNT_VALID:
		return "valid";
	case ACCOUNT_DEACTIVATED:
		return "deactivated";
	case ACCOUNT_REVOKED:
		return "revoked";
	}
	return "unknown";
}

static enum rc check_usable(int64_t status, struct fault *f)
{
	if (status == ACCOUNT_VALID)
		return RC_OK;
	(void)fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			"RFC 8555 §7.3.6: the account is %s; register a new one with another key",
			account_status_name(status));
	if (f)
		f->status = 401; /* RFC 8555 §7.3.6 names this status */
	return RC_DENIED;
}

static enum rc no_account(struct fault *f)
{
	return fault_set(f, RC_NOTFOUND, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
			 "RFC 8555 §6.7: there is no such account here; register with newAccount");
}

/* From the cache, else from the store into the cache. */
static enum rc account_find(struct context *c, struct id id, struct account **out, struct fault *f)
{
	struct account_record key = { .id = id }, r;
	uint64_t generation;
	struct account *a;
	enum rc rc;

	a = cache_get(c->service->accounts, id, &generation);
	if (!a) {
		rc = store_get(c->read, &ACCOUNTS, STORE_PRIMARY, &key, c->arena, &r);
		if (rc == RC_NOTFOUND)
			return no_account(f);
		if (rc == RC_OK)
			rc = account_from_record(&r, &a);
		if (rc != RC_OK)
			return rc;
		cache_put(c->service->accounts, a, generation);
	}
	*out = a;
	return RC_OK;
}

enum rc account_authenticate(struct context *c, struct str directory, struct id id,
			     struct account **out, struct fault *f)
{
	struct account *a;
	enum rc rc = account_find(c, id, &a, f);

	if (rc != RC_OK)
		return rc;
	if (!str_eq(a->directory, directory))
		rc = no_account(f);
	else
		rc = check_usable(a->status, f);
	if (rc != RC_OK) {
		account_unref(a);
		return rc;
	}
	*out = a;
	return RC_OK;
}

enum rc account_owner(struct context *c, struct id id, struct account **out, struct fault *f)
{
	struct account *a;
	enum rc rc = account_find(c, id, &a, f);

	if (rc != RC_OK)
		return rc;
	rc = check_usable(a->status, f);
	if (rc == RC_OK)
		*out = a;
	else
		account_unref(a);
	return rc;
}

enum rc account_get(struct context *c, struct id id, struct account_record *out, struct fault *f)
{
	struct account_record key = { .id = id };
	enum rc rc = store_get(c->read, &ACCOUNTS, STORE_PRIMARY, &key, c->arena, out);

	return rc == RC_NOTFOUND ? no_account(f) : rc;
}

enum rc account_find_by_key(struct context *c, struct str directory, const struct pubkey *key,
			    struct account_record *out)
{
	uint8_t thumbprint[32];
	struct account_record wanted = { .directory = directory,
					 .thumbprint = bytes_of(thumbprint, sizeof(thumbprint)) };

	jwk_thumbprint_sha256(key, thumbprint);
	return store_get(c->read, &ACCOUNTS, ACCOUNTS_BY_KEY, &wanted, c->arena, out);
}

/* One a line; acme_contacts_check() has refused control characters. */
static enum rc contacts_text(struct arena *a, const struct acme_new_account *body, struct str *out)
{
	AUTO(buf) struct buf b;

	buf_init(&b, LIMIT_CONTACTS * (LIMIT_CONTACT + 1));
	for (size_t i = 0; i < body->contact_count; i++) {
		if (i > 0)
			buf_add_char(&b, '\n');
		buf_add_str(&b, body->contacts[i]);
	}
	if (!buf_ok(&b))
		return RC_NOMEM;
	*out = b.len ? arena_str(a, buf_str(&b)) : (struct str){ 0 };
	return b.len && !out->p ? RC_NOMEM : RC_OK;
}

static enum rc account_insert(struct context *c, const struct directory *d, const struct new_account *n,
			      struct str eab_kid, struct account_record *out)
{
	uint8_t *thumbprint = arena_alloc(c->arena, 32);
	struct account_record r = {
		.id = id_new(),
		.version = 1,
		.directory = d->name,
		.status = ACCOUNT_VALID,
		.eab_kid = eab_kid,
		.eab = eab_kid.p ? n->body->eab : (struct str){ 0 },
		.created_at = c->now,
		.terms_agreed_at = n->body->terms_agreed ? c->now : 0,
		.created_from = n->peer,
	};
	enum rc rc;

	if (!thumbprint)
		return RC_NOMEM;
	jwk_thumbprint_sha256(n->key, thumbprint);
	r.thumbprint = bytes_of(thumbprint, 32);
	rc = jwk_to_json(c->arena, n->key, &r.jwk);
	if (rc == RC_OK)
		rc = contacts_text(c->arena, n->body, &r.contacts);
	if (rc == RC_OK)
		rc = tx_insert(c->tx, &ACCOUNTS, &r);
	if (rc == RC_OK) {
		c->actor = str_of(arena_printf(c->arena, "account %.*s", STR_ARG(id_str(c->arena, r.id))));
		rc = audit_add(c, "account.create", id_str(c->arena, r.id), "key=%s from=%.*s eab=%.*s",
			       key_type_name(pubkey_type(n->key), pubkey_bits(n->key)), STR_ARG(n->peer),
			       STR_ARG(eab_kid));
	}
	if (rc == RC_OK)
		*out = r;
	return rc;
}

enum rc account_create(struct context *c, const struct directory *d, const struct new_account *n,
		       struct account_record *out, bool *out_created, struct fault *f)
{
	enum rc rc = account_find_by_key(c, d->name, n->key, out);
	struct str eab_kid = { 0 };

	*out_created = false;
	if (rc == RC_OK)
		return check_usable(out->status, f); /* RFC 8555 §7.3.1: the one there is, unchanged */
	if (rc != RC_NOTFOUND)
		return rc;
	if (n->body->only_return_existing)
		return fault_set(f, RC_NOTFOUND, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
				 "RFC 8555 §7.3.1: no account has this key");
	if (d->terms.p && !n->body->terms_agreed)
		return fault_set(f, RC_DENIED, PROBLEM_USER_ACTION_REQUIRED,
				 "RFC 8555 §7.3.3: agree to the terms of service at %.*s (termsOfServiceAgreed)",
				 STR_ARG(d->terms));
	rc = pubkey_check_strength(n->key, f);
	if (rc == RC_OK)
		rc = acme_contacts_check(n->body->contacts, n->body->contact_count, f);
	if (rc == RC_OK)
		rc = eab_check(c, d, n->body->eab, n->key, n->url, &eab_kid, f);
	if (rc == RC_OK)
		rc = account_insert(c, d, n, eab_kid, out);
	*out_created = rc == RC_OK;
	return rc;
}

enum rc account_deactivate(struct context *c, struct account_record *account)
{
	enum rc rc;

	account->status = ACCOUNT_DEACTIVATED;
	rc = tx_update(c->tx, &ACCOUNTS, account, 1u << ACCOUNT_COL_STATUS);
	if (rc == RC_OK)
		rc = audit_add(c, "account.deactivate", id_str(c->arena, account->id), "%s", "");
	return rc;
}

enum rc account_update(struct context *c, struct account_record *account,
		       const struct acme_new_account *body, struct fault *f)
{
	uint32_t columns = 0;
	enum rc rc;

	if (body->status == ACCOUNT_DEACTIVATE)
		return account_deactivate(c, account);
	if (body->has_contact) {
		rc = acme_contacts_check(body->contacts, body->contact_count, f);
		if (rc == RC_OK)
			rc = contacts_text(c->arena, body, &account->contacts);
		if (rc != RC_OK)
			return rc;
		columns |= 1u << ACCOUNT_COL_CONTACTS;
	}
	if (body->terms_agreed && !account->terms_agreed_at) {
		account->terms_agreed_at = c->now;
		columns |= 1u << ACCOUNT_COL_TERMS_AGREED_AT;
	}
	if (!columns)
		return RC_OK; /* RFC 8555 §7.3.2: nothing to change is a read */
	rc = tx_update(c->tx, &ACCOUNTS, account, columns);
	if (rc == RC_OK)
		rc = audit_add(c, "account.update", id_str(c->arena, account->id), "contacts=%zu",
			       body->contact_count);
	return rc;
}

enum rc account_change_key(struct context *c, struct account_record *account,
			   const struct pubkey *new_key, struct id *out_owner, struct fault *f)
{
	uint8_t *thumbprint = arena_alloc(c->arena, 32);
	struct account_record other;
	enum rc rc;

	if (!thumbprint)
		return RC_NOMEM;
	rc = pubkey_check_strength(new_key, f);
	if (rc != RC_OK)
		return rc;
	rc = account_find_by_key(c, account->directory, new_key, &other);
	if (rc == RC_OK) {
		*out_owner = other.id;
		return fault_set(f, RC_CONFLICT, PROBLEM_CONFLICT,
				 "RFC 8555 §7.3.5: the new key already belongs to an account (see Location)");
	}
	if (rc != RC_NOTFOUND)
		return rc;
	jwk_thumbprint_sha256(new_key, thumbprint);
	account->thumbprint = bytes_of(thumbprint, 32);
	rc = jwk_to_json(c->arena, new_key, &account->jwk);
	if (rc == RC_OK)
		rc = tx_update(c->tx, &ACCOUNTS, account,
			       1u << ACCOUNT_COL_THUMBPRINT | 1u << ACCOUNT_COL_JWK);
	if (rc == RC_OK)
		rc = audit_add(c, "account.key-change", id_str(c->arena, account->id), "key=%s",
			       key_type_name(pubkey_type(new_key), pubkey_bits(new_key)));
	return rc;
}

struct str account_url(struct arena *a, const struct config *c, const struct directory *d, struct id id)
{
	char text[ID_TEXT_LEN + 1];

	if (!d)
		return (struct str){ 0 };
	id_text(id, text);
	return str_of(arena_printf(a, "%.*s%.*s/acct/%s", STR_ARG(c->base_url), STR_ARG(d->prefix), text));
}
