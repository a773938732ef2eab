/* nonce.h - anti-replay nonces (RFC 8555 §6.5). A nonce is one AES block over (time, counter) under
 * a key made at start: nothing is stored for a nonce that nobody redeems, and none from before a
 * restart is ever good again. A redeemed nonce sets one bit in a page of its time slice; pages are
 * made when first needed and dropped with their slice.
 * Thread-safe. */
#ifndef ASSAY_CORE_NONCE_H
#define ASSAY_CORE_NONCE_H

#include "base/rc.h"
#include "base/str.h"

#define NONCE_TEXT_LEN 22

struct nonces;
enum rc nonces_new(int64_t lifetime_s, struct nonces **out) MUST_USE;
void nonces_free(struct nonces *n);
void nonce_mint(struct nonces *n, char out[NONCE_TEXT_LEN + 1]);
/* True exactly once for each nonce that was minted less than lifetime_s ago. */
bool nonce_redeem(struct nonces *n, struct str text);
/* Memory held for redeemed nonces, for status and tests. */
size_t nonces_bytes(struct nonces *n);

#endif
