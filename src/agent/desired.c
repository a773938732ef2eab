/* desired.c - see desired.h. */
#include "agent/desired.h"

#include "base/limits.h"

static const struct {
	const char *name;
	enum key_type type;
	unsigned rsa_bits;
} keys[] = {
	{ "p256", KEY_P256, 0 },	 { "p384", KEY_P384, 0 },	  { "rsa2048", KEY_RSA, 2048 },
	{ "rsa3072", KEY_RSA, 3072 }, { "rsa4096", KEY_RSA, 4096 }, { "ed25519", KEY_ED25519, 0 },
};

static enum rc read_key(const char *text, struct desired *d, struct fault *f)
{
	d->any_key = text == NULL;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (strcmp(text ? text : "p256", keys[i].name) == 0) {
			d->key_type = keys[i].type;
			d->rsa_bits = keys[i].rsa_bits;
			return RC_OK;
		}
	}
	return fault_set(f, RC_INVALID, PROBLEM_NONE,
			 "\"%s\" is no kind of key: p256, p384, rsa2048, rsa3072, rsa4096 or ed25519", text);
}

static bool has(const struct desired *d, const struct identifier *id)
{
	for (size_t i = 0; i < d->identifier_count; i++) {
		if (identifier_eq(&d->identifiers[i], id))
			return true;
	}
	return false;
}

static enum rc add(struct arena *a, struct desired *d, struct str type, const char *value, struct fault *f)
{
	struct identifier id;
	enum rc rc = identifier_parse(a, type, str_of(value), &id, f);

	if (rc != RC_OK)
		return rc;
	if (id.wildcard)
		return fault_set(f, RC_INVALID, PROBLEM_UNSUPPORTED_IDENTIFIER,
				 "%s: a wildcard cannot be proved by http-01 (RFC 8555 §8.3)", value);
	if (!has(d, &id)) /* the same name twice is one name */
		d->identifiers[d->identifier_count++] = id;
	return RC_OK;
}

enum rc desired_read(struct arena *a, const struct desired_text *text, struct desired *out, struct fault *f)
{
	struct desired d = { .renew_before_s = text->renew_before_s, .force = text->force };
	size_t count = text->dns_count + text->ip_count;
	enum rc rc = RC_OK;

	if (count == 0 || count > LIMIT_IDENTIFIERS)
		return fault_set(f, RC_INVALID, PROBLEM_NONE, "a certificate has 1 to %d names: --dns NAME, --ip ADDRESS",
				 LIMIT_IDENTIFIERS);
	d.server = arena_str(a, str_of(text->server));
	d.profile = arena_str(a, str_of(text->profile));
	d.identifiers = arena_array(a, count, sizeof(*d.identifiers));
	if (!d.server.p || (text->profile && !d.profile.p) || !d.identifiers)
		return RC_NOMEM;
	for (size_t i = 0; rc == RC_OK && i < text->dns_count; i++)
		rc = add(a, &d, STR("dns"), text->dns[i], f);
	for (size_t i = 0; rc == RC_OK && i < text->ip_count; i++)
		rc = add(a, &d, STR("ip"), text->ip[i], f);
	if (rc == RC_OK)
		rc = read_key(text->key, &d, f);
	if (rc == RC_OK)
		*out = d;
	return rc;
}

bool desired_key_fits(const struct desired *d, const struct pubkey *k)
{
	return d->any_key || (pubkey_type(k) == d->key_type &&
			      (d->key_type != KEY_RSA || pubkey_bits(k) == d->rsa_bits));
}
