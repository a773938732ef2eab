/* eab.c - see eab.h. The keys are those of the settings (eab_keys). */
#include "core/eab.h"

#include "acme/jws.h"

static const struct eab_key *find_key(const struct config *c, struct str kid)
{
	for (size_t i = 0; i < c->eab_key_count; i++) {
		if (str_eq(c->eab_keys[i].kid, kid))
			return &c->eab_keys[i];
	}
	return NULL;
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
		return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
				 "RFC 8555 §7.3.4: there is no external account binding key \"%.*s\"", STR_ARG(inner.kid));
	rc = jws_verify_eab(&inner, secret_bytes(key->key), account_key, url, f);
	if (rc == RC_OK)
		*out_kid = key->kid;
	return rc;
}
