/* stub_http.h - an HTTP server for tests on loopback: a thread that takes one connection after the
 * other, reads a request head and lets the test write what it likes. */
#ifndef ASSAY_TESTS_STUB_HTTP_H
#define ASSAY_TESTS_STUB_HTTP_H

#include <openssl/types.h>

#include "net/addr.h"

struct stub_http;

struct stub_request {
	struct stub_http *server;
	char path[2200], host[300], head[4096];
	int fd;
	SSL *ssl; /* NULL: plain */
};

/* serve runs in the server's thread and returns when the connection may be closed. ip: "127.0.0.1";
 * tls: with a self-signed certificate made for the occasion. */
struct stub_http *stub_http_start(const char *ip, bool tls,
				  void (*serve)(void *arg, const struct stub_request *r), void *arg);
uint16_t stub_http_port(const struct stub_http *s);
unsigned stub_http_connections(struct stub_http *s);
/* False once the peer has gone. */
bool stub_http_send(const struct stub_request *r, const char *p, size_t len);
bool stub_http_sendf(const struct stub_request *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Waits until the peer has gone. */
void stub_http_wait(const struct stub_request *r);
void stub_http_stop(struct stub_http *s);

#endif
