/* tls_conn.h - one TLS connection on a non-blocking socket; private to net/. Keeps libssl's types and
 * its error queue out of http_conn.c and link.c. Belongs to the connection's thread. */
#ifndef ASSAY_NET_TLS_CONN_H
#define ASSAY_NET_TLS_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "net/tls.h"

/* The outcome of anything done on a socket, with or without TLS. */
enum io_result {
	IO_OK,
	IO_WANT_READ,  /* again when the socket is readable */
	IO_WANT_WRITE, /* again when it is writable */
	IO_EOF,        /* the peer sends nothing more */
	IO_BROKEN,     /* of no further use, not even for a farewell */
};

struct tls_conn;

/* peer is kept for on_alert and must outlive the connection. The fd stays the caller's. NULL as
 * tls_server_accept(). */
struct tls_conn *tls_conn_new(struct tls_server *t, int fd, const char *peer);
/* Of a client that must prove to have a key that we know (RFC 8446 §4.3.2): TLS 1.3 only, and the
 * handshake fails otherwise. Nothing else of its certificate is looked at. The identity is borrowed. */
struct tls_conn *tls_conn_new_known(struct tls_server *t, int fd, const char *peer,
				    const struct tls_known *known);
void tls_conn_free(struct tls_conn *c);
/* SHA-256 of the SubjectPublicKeyInfo that the peer has proven to have; false if it showed none. */
bool tls_conn_peer_key(const struct tls_conn *c, uint8_t out[SHA256_LEN]);
/* Why a connection of tls_client.h is IO_BROKEN, if TLS knows: "" otherwise. */
const char *tls_conn_why(const struct tls_conn *c);
/* An alert's name by RFC 8446 §6, or NULL. */
const char *tls_alert_name(unsigned alert);
enum io_result tls_conn_handshake(struct tls_conn *c);
/* IO_OK: at least one octet. */
enum io_result tls_conn_read(struct tls_conn *c, void *p, size_t len, size_t *out_len);
/* After IO_WANT_*, the same octets must be offered again, wherever they lie by then. */
enum io_result tls_conn_write(struct tls_conn *c, const void *p, size_t len, size_t *out_len);
/* Octets that were read from the socket and wait in libssl: the socket will not announce them. */
bool tls_conn_pending(const struct tls_conn *c);
/* Sends close_notify if the socket takes it. Not after IO_BROKEN. */
void tls_conn_close(struct tls_conn *c);

#endif
