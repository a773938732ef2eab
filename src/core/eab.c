/* eab.c - see eab.h. */
#include "core/eab.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "acme/identifier.h"
#include "acme/jws.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "crypto/seal.h"

#define KEY_LEN 32
#define NAME_MAX_LEN 200
#define ZONES_MAX 100
/* acme.sh looks for these words, then goes on with the account it has (FIELD Q8). */
#define NOT_AWAITING "The account is not awaiting external account binding"

static const struct eab_key *find_key(const struct config *c, struct str kid)
{
	for (size_t i = 0; i < c->eab_key_count; i++) {
		if (str_eq(c->eab_keys[i].kid, kid))
			return &c->eab_keys[i];
	}
	return NULL;
}

/* --- registering --- */

const char *eab_status(const struct eab_record *r, int64_t now)
{
	if (r->revoked_at)
		return "revoked";
	if (r->uses && r->used >= r->uses)
		return "used";
	return r->expires_at && r->expires_at <= now ? "expired" : "active";
}

static enum rc unknown_key(struct str kid, struct fault *f)
{
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "RFC 8555 §7.3.4: there is no external account binding key \"%.*s\"", STR_ARG(kid));
}

/* A key of the store: its MAC first, so that only who has it learns of its state. */
static enum rc use_stored(struct context *c, const struct jws *inner, const struct pubkey *account_key,
			  struct str url, struct str *out_kid, struct fault *f)
{
	struct eab_record r;
	struct bytes key;
	enum rc rc = store_get(c->read, &EABS, STORE_PRIMARY, &(struct eab_record){ .kid = inner->kid },
			       c->arena, &r);

	if (rc == RC_NOTFOUND)
		return unknown_key(inner->kid, f);
	if (rc == RC_OK)
		rc = unseal(c->arena, secret_bytes(c->service->seal_key).p, r.kid, r.sealed, &key);
	if (rc != RC_OK)
		return rc == RC_INVALID ? RC_INTERNAL : rc;
	rc = jws_verify_eab(inner, key, account_key, url, f);
	secret_cleanse((void *)key.p, key.len);
	if (rc != RC_OK)
		return rc;
	if (!str_is(str_of(eab_status(&r, c->now)), "active"))
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.3.4: the binding key \"%.*s\" is %s. " NOT_AWAITING
				 "; ask the operator for another key",
				 STR_ARG(r.kid), eab_status(&r, c->now));
	r.used++;
	rc = tx_update(c->tx, &EABS, &r, STORE_COLUMNS(EAB_COL_USED));
	if (rc == RC_OK)
		*out_kid = r.kid;
	return rc;
}

enum rc eab_check(struct context *c, const struct directory *d, struct str binding,
		  const struct pubkey *account_key, struct str url, struct str *out_kid, struct fault *f)
{
	AUTO(jws) struct jws inner = { 0 };
	const struct eab_key *key;
	enum rc rc;

	*out_kid = (struct str){ 0 };
	if (!binding.p) {
		if (!d->eab_required)
			return RC_OK;
		return fault_set(f, RC_DENIED, PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
				 "RFC 8555 §7.3.4: this directory needs an external account binding; ask the operator "
				 "for a key id and HMAC key");
	}
	rc = jws_parse_eab(c->arena, binding, &inner, f);
	if (rc != RC_OK)
		return rc;
	key = find_key(c->config, inner.kid);
	if (!key)
		return use_stored(c, &inner, account_key, url, out_kid, f);
	rc = jws_verify_eab(&inner, secret_bytes(key->key), account_key, url, f);
	if (rc == RC_OK)
		*out_kid = key->kid;
	return rc;
}

/* --- what its accounts may order --- */

static size_t count_lines(struct str text)
{
	size_t count = text.len > 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.p[i] == '\n';
	return count;
}

enum rc eab_scope_of(struct context *c, struct str kid, struct eab_scope *out, struct fault *f)
{
	struct eab_scope s = { .kid = kid };
	struct str rest, line;
	struct eab_record r;
	enum rc rc;

	if (kid.p && find_key(c->config, kid)) {
		s.known = true;
		s.name = kid;
	}
	*out = s;
	if (!kid.p || s.known)
		return RC_OK;
	rc = store_get(c->read, &EABS, STORE_PRIMARY, &(struct eab_record){ .kid = kid }, c->arena, &r);
	if (rc == RC_NOTFOUND) /* it was in the settings, whose keys limit nothing; those of the store stay */
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	if (r.revoked_at)
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "policy: the external account binding key \"%.*s\" of this account was revoked",
				 STR_ARG(kid));
	s.known = true;
	s.name = r.name;
	s.profiles = r.profiles;
	s.names = arena_array(c->arena, count_lines(r.zones) + 1, sizeof(*s.names));
	if (!s.names)
		return RC_NOMEM;
	for (rest = r.zones; rest.len;) {
		(void)str_cut(rest, '\n', &line, &rest);
		rc = zone_pattern_parse(c->arena, line, &s.names[s.name_count++], NULL);
		if (rc != RC_OK) /* eab_add() has checked them */
			return rc == RC_NOMEM ? rc : RC_INTERNAL;
	}
	*out = s;
	return RC_OK;
}

bool eab_allows_profile(const struct eab_scope *s, struct str profile)
{
	struct str rest = s->profiles, line;

	if (!s->profiles.len)
		return true;
	while (rest.len) {
		(void)str_cut(rest, '\n', &line, &rest);
		if (str_eq(line, profile))
			return true;
	}
	return false;
}

enum rc eab_check_profile(const struct eab_scope *s, struct str profile, struct fault *f)
{
	if (eab_allows_profile(s, profile))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_INVALID_PROFILE,
			 "policy: the external account binding key \"%.*s\" of this account does not allow profile \"%.*s\"",
			 STR_ARG(s->kid), STR_ARG(profile));
}

static bool allows_name(const struct eab_scope *s, const struct identifier *id)
{
	for (size_t i = 0; i < s->name_count; i++) {
		if (zone_pattern_fit(&s->names[i], id))
			return true;
	}
	return s->name_count == 0;
}

enum rc eab_check_names(const struct eab_scope *s, const struct identifier *v, size_t count, struct fault *f)
{
	struct fault refused = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (allows_name(s, &v[i]))
			continue;
		if (refused.problem == PROBLEM_NONE)
			(void)fault_set(&refused, RC_DENIED, PROBLEM_REJECTED_IDENTIFIER,
					"policy: the external account binding key \"%.*s\" of this account does not cover %.*s",
					STR_ARG(s->kid), STR_ARG(v[i].shown));
		fault_add_sub(&refused, PROBLEM_REJECTED_IDENTIFIER, identifier_type_name(v[i].type), v[i].shown,
			      "not covered by the account's binding key");
	}
	if (refused.problem == PROBLEM_NONE)
		return RC_OK;
	if (f)
		*f = refused;
	else
		fault_done(&refused);
	return RC_DENIED;
}

/* --- the operator's side --- */

static enum rc lines_of(struct arena *a, const struct str *v, size_t count, struct str *out)
{
	AUTO(buf) struct buf b;

	buf_init(&b, ZONES_MAX * (LIMIT_NAME + 8));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(&b, '\n');
		buf_add_str(&b, v[i]);
	}
	if (!buf_ok(&b))
		return RC_NOMEM;
	*out = count ? arena_str(a, buf_str(&b)) : (struct str){ 0 };
	return count && !out->p ? RC_NOMEM : RC_OK;
}

static bool has_control(struct str text)
{
	uint32_t code;

	for (size_t i = 0; i < text.len;) {
		size_t len = str_utf8_at(text, i, &code);

		if (len == 0 || utf8_is_control(code))
			return true;
		i += len;
	}
	return false;
}

static enum rc check_new(struct context *c, const struct eab_new *n, struct fault *f)
{
	struct zone_pattern p;

	if (has_control(n->name))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"name\" has control characters; leave them out");
	if (n->name.len > NAME_MAX_LEN)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"name\" has more than %d octets", NAME_MAX_LEN);
	if (n->zone_count > ZONES_MAX || n->profile_count > ZONES_MAX)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "at most %d zones and profiles", ZONES_MAX);
	for (size_t i = 0; i < n->zone_count; i++) {
		enum rc rc = zone_pattern_parse(c->arena, n->zones[i], &p, f);

		if (rc != RC_OK)
			return rc;
	}
	for (size_t i = 0; i < n->profile_count; i++) {
		if (!config_profile(c->config, n->profiles[i]))
			return fault_set(f, RC_INVALID, PROBLEM_INVALID_PROFILE, "there is no profile \"%.*s\"",
					 STR_ARG(n->profiles[i]));
	}
	return RC_OK;
}

static enum rc make_key(struct context *c, struct eab_record *r, struct str *out_key)
{
	uint8_t key[KEY_LEN];
	char *text = arena_alloc(c->arena, B64URL_LEN(KEY_LEN) + 1);
	enum rc rc;

	if (!text)
		return RC_NOMEM;
	random_bytes(key, sizeof(key));
	rc = seal(c->arena, secret_bytes(c->service->seal_key).p, r->kid, bytes_of(key, sizeof(key)), &r->sealed);
	*out_key = (struct str){ text, b64url_encode(bytes_of(key, sizeof(key)), text) };
	secret_cleanse(key, sizeof(key));
	return rc;
}

enum rc eab_add(struct context *c, const struct eab_new *n, struct eab_record *out, struct str *out_key,
		struct fault *f)
{
	struct eab_record r = {
		.version = 1,
		.kid = id_str(c->arena, id_new()),
		.name = n->name,
		.uses = n->uses,
		.created_at = c->now,
		.created_by = c->actor,
		.expires_at = n->lifetime_s ? c->now + n->lifetime_s : 0,
	};
	enum rc rc = check_new(c, n, f);

	if (rc == RC_OK && !r.kid.p)
		rc = RC_NOMEM;
	if (rc == RC_OK)
		rc = lines_of(c->arena, n->zones, n->zone_count, &r.zones);
	if (rc == RC_OK)
		rc = lines_of(c->arena, n->profiles, n->profile_count, &r.profiles);
	if (rc == RC_OK)
		rc = make_key(c, &r, out_key);
	if (rc == RC_OK)
		rc = tx_insert(c->tx, &EABS, &r);
	if (rc == RC_OK)
		rc = audit_add(c, "eab.add", r.kid, "uses=%lld expires=%lld", (long long)r.uses,
			       (long long)r.expires_at);
	if (rc == RC_OK)
		*out = r;
	return rc;
}

enum rc eab_load(struct context *c, struct str kid, struct eab_record *out, struct fault *f)
{
	enum rc rc = store_get(c->read, &EABS, STORE_PRIMARY, &(struct eab_record){ .kid = kid }, c->arena, out);

	if (rc == RC_NOTFOUND)
		return fault_set(f, rc, PROBLEM_NOT_FOUND, "there is no such binding key");
	return rc;
}

enum rc eab_revoke(struct context *c, struct eab_record *r)
{
	enum rc rc;

	if (r->revoked_at) /* doing it twice is no error: what was asked for is so */
		return RC_OK;
	r->revoked_at = c->now;
	rc = tx_update(c->tx, &EABS, r, STORE_COLUMNS(EAB_COL_REVOKED_AT));
	return rc == RC_OK ? audit_add(c, "eab.revoke", r->kid, "%s", "") : rc;
}

/* --- the service key --- */

static enum rc make_service_key(const char *path, struct fault *f)
{
	uint8_t key[SEAL_KEY_LEN];
	enum rc rc;

	random_bytes(key, sizeof(key));
	rc = file_write(path, bytes_of(key, sizeof(key)), 0600, f);
	secret_cleanse(key, sizeof(key));
	return rc;
}

enum rc eab_service_key(struct str store_url, struct secret **out, struct fault *f)
{
	char path[PATH_MAX];
	struct str file = store_url;
	struct bytes key;
	AUTO(arena) struct arena a;
	enum rc rc;

	arena_init(&a, 4096);
	if (!str_starts(store_url, "sqlite:")) {
		uint8_t random[SEAL_KEY_LEN];

		random_bytes(random, sizeof(random));
		return secret_new(bytes_of(random, sizeof(random)), out);
	}
	file = (struct str){ file.p + 7, file.len - 7 };
	while (file.len && file.p[file.len - 1] != '/')
		file.len--;
	if (file.len + sizeof("service.key") > sizeof(path))
		return RC_INVALID;
	(void)snprintf(path, sizeof(path), "%.*sservice.key", STR_ARG(file));
	if (access(path, F_OK) != 0) {
		rc = make_service_key(path, f);
		if (rc != RC_OK)
			return rc;
	}
	rc = file_read(&a, path, 1024, &key, f);
	if (rc == RC_OK && key.len != SEAL_KEY_LEN)
		rc = fault_set(f, RC_INVALID, PROBLEM_NONE, "%s: must have %d octets; restore it from a backup", path,
			       SEAL_KEY_LEN);
	if (rc == RC_OK)
		rc = secret_new(key, out);
	if (rc == RC_OK)
		secret_cleanse((void *)key.p, key.len);
	return rc;
}
