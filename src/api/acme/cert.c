/* cert.c - certificate download and revocation (RFC 8555 §7.4.2, §7.6). */
#include "core/cert.h"
#include "acme/objects.h"
#include "api/acme/acme.h"
#include "base/encode.h"

/* "SERIAL" or "SERIAL/N" for the Nth alternate chain. */
static enum rc parse_path(struct request *req, uint8_t serial[SERIAL_MAX], size_t *out_len, int64_t *out_alternate,
			  struct fault *f)
{
	struct str hex, number;

	*out_alternate = 0;
	if (str_cut(req->path_id, '/', &hex, &number) &&
	    (!str_to_int(number, out_alternate) || *out_alternate < 1 || number.len > 2 || number.p[0] == '0'))
		hex.len = 0;
	if (hex.len != 2 * SERIAL_MAX || !hex_decode(hex, serial, out_len))
		return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such certificate");
	return RC_OK;
}

enum rc handle_cert(struct request *req, struct fault *f)
{
	uint8_t serial[SERIAL_MAX];
	struct cert_record cert;
	int64_t alternate;
	size_t len, alternates;
	struct str chain, hex;
	enum rc rc;

	rc = gate_no_payload(req, f);
	if (rc == RC_OK)
		rc = parse_path(req, serial, &len, &alternate, f);
	if (rc == RC_OK)
		rc = cert_load(&req->core, bytes_of(serial, len), &cert, f);
	if (rc == RC_OK && !id_eq(cert.account, req->account->id))
		rc = fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "there is no such certificate");
	if (rc == RC_OK)
		rc = cert_chain_pem(&req->core, &cert, (size_t)alternate, &chain, &alternates, f);
	hex = (struct str){ req->path_id.p, 2 * SERIAL_MAX };
	/* RFC 8555 §7.4.2: the other chains; never rel="up" here (FIELD Q22). */
	for (size_t i = 0; rc == RC_OK && i <= alternates; i++) {
		if (i == (size_t)alternate)
			continue;
		rc = i == 0 ? reply_headerf(req, "Link", "<%.*s>;rel=\"alternate\"",
					    STR_ARG(acme_url(req, "cert", hex)))
			    : reply_headerf(req, "Link", "<%.*s/%zu>;rel=\"alternate\"",
					    STR_ARG(acme_url(req, "cert", hex)), i);
	}
	if (rc != RC_OK)
		return rc;
	return reply_set(req, 200, "application/pem-certificate-chain", chain);
}

enum rc handle_revoke(struct request *req, struct fault *f)
{
	struct acme_revoke body;
	enum rc rc;

	rc = acme_revoke_decode(req->arena, req->payload, &body, f);
	if (rc == RC_OK)
		rc = cert_revoke(&req->core, body.certificate, req->account, req->jws.jwk, body.has_reason,
				 body.reason, f);
	if (rc != RC_OK)
		return rc;
	return reply_set(req, 200, NULL, (struct str){ 0 }); /* FIELD Q17: empty body */
}
