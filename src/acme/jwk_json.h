/* jwk_json.h - a JWK that has already been parsed as JSON, for the JWS reader: "jwk" stands in the
 * middle of a protected header and is not written out again to be read. */
#ifndef ASSAY_ACME_JWK_JSON_H
#define ASSAY_ACME_JWK_JSON_H

#include "acme/json.h"
#include "crypto/key.h"

/* As jwk_parse(). */
enum rc jwk_from_json(const json_t *jwk, struct pubkey **out, struct fault *f) MUST_USE;

#endif
