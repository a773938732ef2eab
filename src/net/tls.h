/* tls.h - TLS for our own listeners: TLS 1.2 and 1.3, ECDHE with AEAD, X25519 and P-256, no
 * renegotiation, compression, tickets, session cache or 0-RTT (TRUST §6). The certificate can be
 * swapped while running; connections at hand keep theirs.
 * A tls_server may be used by several threads. */
#ifndef ASSAY_NET_TLS_H
#define ASSAY_NET_TLS_H

#include "base/fault.h"
#include "crypto/key.h"

struct tls_server;

struct tls_server_options {
	bool resumption; /* stateless tickets within one process; off by default */
	/* Called (any thread) when a client ends the handshake with an alert; e.g. "unknown ca" means
	 * it does not trust our root. */
	void (*on_alert)(void *arg, const char *peer, const char *alert);
	void *arg;
};
enum rc tls_server_new(const struct tls_server_options *o, struct tls_server **out, struct fault *f) MUST_USE;
void tls_server_free(struct tls_server *t);
/* chain: DER, leaf first. Checks that the key fits the leaf. */
enum rc tls_server_set_certificate(struct tls_server *t, const struct bytes *chain, size_t count,
				   const struct privkey *key, struct fault *f) MUST_USE;

/* SSL * for a new connection; net/ only. */
void *tls_server_accept(struct tls_server *t);

#endif
