/* net_kit.h - what the tests of src/net share: a certificate, a server whose loop runs in a thread of
 * its own, and a blocking client with or without TLS. Every failure ends the test program. */
#ifndef ASSAY_TEST_NET_KIT_H
#define ASSAY_TEST_NET_KIT_H

#include <openssl/ssl.h>

#include "base/thread.h"
#include "net/http_server.h"

struct kit_cert {
	struct privkey *key;
	uint8_t *der;
	size_t len;
};

/* Self-signed, P-256. */
void kit_cert_init(struct kit_cert *c, const char *name);
void kit_cert_done(struct kit_cert *c);
void kit_use_cert(struct tls_server *t, const struct kit_cert *c);

struct kit_server {
	struct loop *loop;
	struct http_server *http;
	struct tls_server *tls; /* NULL: plain */
	struct addr addr;
	struct thread thread;
};

/* options.loop is set here. on_alert may be NULL. */
void kit_server_start(struct kit_server *k, struct http_server_options options,
		      const struct kit_cert *cert,
		      void (*on_alert)(void *arg, const char *peer, const char *alert), void *arg);
void kit_server_stop(struct kit_server *k);
/* Runs fn on the loop's thread and waits for its end. */
void kit_call(struct loop *l, void (*fn)(void *arg), void *arg);
/* Turns the fake clock and lets the loop see it. */
void kit_advance_ms(struct loop *l, int64_t ms);
unsigned kit_connections(struct kit_server *k);

struct kit_client {
	int fd;
	SSL *ssl;
};

/* A client context that trusts nothing and checks nothing; alpn: wire format, or NULL. */
SSL_CTX *kit_client_ctx(void);
/* rcvbuf: 0, or the receive buffer's size in octets, for a peer that takes little at once. */
int kit_connect(const struct addr *a, int rcvbuf);
void kit_client_open_on(struct kit_client *c, int fd, SSL_CTX *ctx);
void kit_client_open(struct kit_client *c, const struct addr *a, SSL_CTX *ctx);
void kit_client_close(struct kit_client *c);
void kit_send(struct kit_client *c, const void *p, size_t len);
void kit_send_text(struct kit_client *c, const char *text);
/* What came, at least one octet; 0 at the end of the stream, -1 when it broke. */
ssize_t kit_recv(struct kit_client *c, void *p, size_t len);
/* Everything up to the end, NUL-terminated; the length, or -1 when it broke. */
ssize_t kit_recv_all(struct kit_client *c, char *p, size_t cap);
/* Exactly one reply (header and Content-Length octets), NUL-terminated, into p; its length. Octets
 * that belong to the next reply must not have come yet, or are left for it in the socket. */
size_t kit_recv_reply(struct kit_client *c, char *p, size_t cap);
/* The same for a reply to HEAD, or 100, 204, 304: header only. */
size_t kit_recv_head(struct kit_client *c, char *p, size_t cap);

#endif
