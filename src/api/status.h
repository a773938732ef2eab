/* status.h - what became of a certificate: revocation lists and the OCSP responder, over HTTPS and over
 * plain HTTP (RFC 5280 §4.2.1.13, RFC 6960 appendix A, RFC 5019 §5: what verifies a certificate must not
 * need to verify another one first). */
#ifndef ASSAY_API_STATUS_H
#define ASSAY_API_STATUS_H

#include "api/request.h"

/* False: the path is none of these. Else *out_rc is RC_OK with the handler set, or the fault. */
bool status_route(struct request *req, enum rc *out_rc, struct fault *f);

#endif
