/* renewal_info.c - GET renewalInfo (RFC 9773 §4): when to renew a certificate. Unsigned and the same
 * for everybody. */
#include "acme/objects.h"
#include "api/acme/acme.h"
#include "core/ari.h"

enum rc handle_renewal_info(struct request *req, struct fault *f)
{
	struct acme_renewal_info doc = { .explanation_url = req->config->raw.renewal.explanation_url };
	struct cert_record cert;
	struct ari_window w;
	struct str body;
	enum rc rc;

	rc = ari_find(&req->core, req->path_id, &cert, f);
	if (rc != RC_OK)
		return rc;
	w = ari_window(&cert);
	doc.start = w.start;
	doc.end = w.end;
	rc = acme_renewal_info_encode(req->arena, &doc, &body);
	/* RFC 9773 §4.3: whole seconds, which all clients read (FIELD Q26). */
	if (rc == RC_OK)
		rc = reply_headerf(req, "Retry-After", "%d", ari_retry_after(req->config, &cert));
	if (rc != RC_OK)
		return rc;
	return reply_set(req, 200, "application/json", body);
}
