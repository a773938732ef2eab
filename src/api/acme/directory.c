/* directory.c - GET directory and newNonce (RFC 8555 §7.1.1, §7.2). Nothing is advertised that does
 * not work. */
#include "acme/objects.h"
#include "api/acme/acme.h"
#include "core/subdomain.h"

static enum rc meta_profiles(struct request *req, struct acme_directory *d)
{
	struct acme_profile_doc *docs = arena_array(req->arena, req->directory->profile_count, sizeof(*docs));

	if (!docs)
		return RC_NOMEM;
	for (size_t i = 0; i < req->directory->profile_count; i++) {
		docs[i].name = req->directory->profiles[i]->name;
		docs[i].doc = req->directory->profiles[i]->description;
	}
	d->profiles = docs;
	d->profile_count = req->directory->profile_count;
	return RC_OK;
}

/* RFC 9444 §4.4 */
static bool any_subdomains(const struct config *c)
{
	for (size_t i = 0; i < c->zone_count; i++) {
		if (c->zones[i].subdomains && (c->zones[i].challenges & SUBDOMAIN_CHALLENGES))
			return true;
	}
	return false;
}

enum rc handle_directory(struct request *req, struct fault *f)
{
	struct acme_directory d = {
		.new_nonce = acme_url(req, "new-nonce", STR("")),
		.new_account = acme_url(req, "new-account", STR("")),
		.new_order = acme_url(req, "new-order", STR("")),
		.new_authz = acme_url(req, "new-authz", STR("")),
		.revoke_cert = acme_url(req, "revoke-cert", STR("")),
		.key_change = acme_url(req, "key-change", STR("")),
		.renewal_info = acme_url(req, "renewal-info", STR("")),
		.terms = req->directory->terms,
		.website = req->directory->website,
		.caa_identities = req->directory->caa_identities,
		.caa_identity_count = req->directory->caa_identity_count,
		.eab_required = req->directory->eab_required,
		.subdomains = any_subdomains(req->config),
	};
	struct str body;
	enum rc rc;

	rc = gate_no_payload(req, f);
	if (rc == RC_OK)
		rc = meta_profiles(req, &d);
	if (rc == RC_OK)
		rc = acme_directory_encode(req->arena, &d, &body);
	if (rc != RC_OK)
		return rc;
	return reply_set(req, 200, "application/json", body);
}

enum rc handle_new_nonce(struct request *req, struct fault *f)
{
	enum rc rc = gate_no_payload(req, f);

	if (rc != RC_OK)
		return rc;
	/* RFC 8555 §7.2: 200 to HEAD, 204 to GET; the nonce is added to every reply. */
	return reply_set(req, req->http->method == HTTP_HEAD ? 200 : 204, NULL, (struct str){ 0 });
}
