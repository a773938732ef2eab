/* encode.h - base64url (RFC 4648 §5, unpadded as RFC 7515 §2 has it), base64, hex. */
#ifndef ASSAY_BASE_ENCODE_H
#define ASSAY_BASE_ENCODE_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/str.h"

#define B64URL_LEN(n) (((n) * 4 + 2) / 3)

/* out needs B64URL_LEN(len) + 1 bytes; NUL-terminated; returns the length. */
size_t b64url_encode(struct bytes in, char *out);
/* Strict: no padding, no white space, no other alphabet, canonical final bits.
 * out needs in.len * 3 / 4 + 1 bytes. */
bool b64url_decode(struct str in, uint8_t *out, size_t *out_len);
/* The same into an arena: RC_INVALID or RC_NOMEM. */
enum rc b64url_decode_arena(struct arena *a, struct str in, struct bytes *out) MUST_USE;
/* Standard alphabet with padding, no line breaks; PEM reads with white space allowed. */
#define B64_LEN(n) (((n) + 2) / 3 * 4)
size_t b64_encode(struct bytes in, char *out);
bool b64_decode_ws(struct str in, uint8_t *out, size_t *out_len);
/* Lower case; out needs 2 * len + 1. */
void hex_encode(struct bytes in, char *out);
bool hex_decode(struct str in, uint8_t *out, size_t *out_len);

#endif
