/* tls.h - TLS for our own listeners: TLS 1.2 and 1.3, ECDHE with AEAD, X25519 and P-256, no
 * renegotiation, compression, tickets, session cache or 0-RTT (TRUST §6). The certificate can be
 * swapped while running; connections at hand keep theirs.
 * ALPN: "http/1.1" or none; a client that offers only others is refused with
 * no_application_protocol (RFC 7301 §3.2).
 * A tls_server may be used by several threads. It outlives the connections made from it. */
#ifndef ASSAY_NET_TLS_H
#define ASSAY_NET_TLS_H

#include "base/fault.h"
#include "crypto/key.h"

struct tls_server;

struct tls_server_options {
	bool resumption; /* stateless tickets within one process; off by default */
	/* Called (any thread) when a client ends the handshake with an alert, by the names of RFC 8446
	 * §6 with spaces; "unknown ca" or "bad certificate" means that it does not trust our root.
	 * peer: "10.0.0.1:40000", or "" when the connection has no address. */
	void (*on_alert)(void *arg, const char *peer, const char *alert);
	void *arg;
};
enum rc tls_server_new(const struct tls_server_options *o, struct tls_server **out, struct fault *f) MUST_USE;
void tls_server_free(struct tls_server *t);
/* chain: DER, leaf first. Checks that the key fits the leaf. */
enum rc tls_server_set_certificate(struct tls_server *t, const struct bytes *chain, size_t count,
				   const struct privkey *key, struct fault *f) MUST_USE;

/* Who may connect where clients must show a certificate: whoever has a key that is known. */
struct tls_known {
	const char *alpn; /* the only protocol that is spoken with them (RFC 7301) */
	/* During the handshake, on the connection's thread. */
	bool (*knows)(void *arg, const char *peer, const uint8_t spki_sha256[SHA256_LEN]);
	void *arg;
};

/* SSL * for a new connection, without a BIO yet; NULL without memory or before a certificate is set.
 * net/ only; see net/tls_conn.h. */
void *tls_server_accept(struct tls_server *t);

#endif
