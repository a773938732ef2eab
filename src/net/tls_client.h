/* tls_client.h - our own outbound connections over TLS 1.3 to a server of ours that must know our key:
 * its chain and name are verified against roots from a file, and we show a certificate that we make
 * ourselves for the purpose, of which only the key means something (RFC 8446 §4.3.2, RFC 9525).
 * Strangers are dialled by fetch.h and tls_probe.h. Belongs to one thread. */
#ifndef ASSAY_NET_TLS_CLIENT_H
#define ASSAY_NET_TLS_CLIENT_H

#include "net/tls.h"

struct tls_client;
struct tls_conn;

struct tls_client_options {
	const char *root_file;     /* PEM of the roots to trust; nothing else is */
	const struct privkey *key;
	const char *alpn;          /* static; the server must choose it */
};
/* RC_INVALID: the file holds no certificate; RC_IO: it cannot be read. */
enum rc tls_client_new(const struct tls_client_options *o, struct tls_client **out, struct fault *f) MUST_USE;
/* Connections made from it must be gone. NULL is allowed. */
void tls_client_free(struct tls_client *t);

/* For a connected or connecting socket, which stays the caller's; see tls_conn.h. name: the server's DNS
 * name or address. NULL without memory. */
struct tls_conn *tls_client_connect(struct tls_client *t, int fd, const char *name);

#endif
