/* http_server.h - HTTPS, HTTP and HTTP over a Unix socket for the server: connections, deadlines,
 * strict parsing, replies that may come later. One server object per request thread, each with its
 * own loop and its own listening sockets (SO_REUSEPORT).
 * Deadlines: TLS handshake 10 s, one request's header 10 s, whole request 30 s, idle 75 s. Sockets have
 * TCP_NODELAY; header and body leave in one write; SIGPIPE is ignored by the program. */
#ifndef ASSAY_NET_HTTP_SERVER_H
#define ASSAY_NET_HTTP_SERVER_H

#include "base/buf.h"
#include "net/addr.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/tls.h"

struct http_server;
struct http_exchange;

struct http_server_options {
	struct loop *loop;
	/* Called on the loop's thread when a request is complete. The handler answers by
	 * http_reply(), at once or later (on this thread). The exchange and its request live until
	 * then. */
	void (*on_request)(void *arg, struct http_exchange *x, const struct http_request *r);
	void *arg;
	size_t max_body;
	unsigned max_connections; /* accepting pauses beyond it; EMFILE pauses too, with a timer */
	/* Exact Host values that are ours, lower case, with port where not the scheme's own; NULL: any
	 * (unix sockets). A request with another Host gets 421. */
	const struct str *hosts;
	size_t host_count;
	bool reuse_port;
};

enum rc http_server_new(const struct http_server_options *o, struct http_server **out) MUST_USE;
/* Adds a listening socket: TCP with TLS when tls is given, plain otherwise; port 0 picks one, and
 * *out_bound (may be NULL) says which. */
enum rc http_server_listen(struct http_server *s, const struct addr *a, struct tls_server *tls,
			   struct addr *out_bound, struct fault *f) MUST_USE;
/* A Unix socket with this mode; an old socket file is replaced if nobody answers there. */
enum rc http_server_listen_unix(struct http_server *s, const char *path, unsigned mode,
				struct fault *f) MUST_USE;
/* A socket that systemd passed. */
enum rc http_server_listen_fd(struct http_server *s, int fd, struct tls_server *tls, struct fault *f) MUST_USE;
/* Stops accepting, closes idle connections, lets the others finish; done runs when none is left. */
void http_server_drain(struct http_server *s, void (*done)(void *arg), void *arg);
void http_server_free(struct http_server *s);
unsigned http_server_connections(const struct http_server *s);

/* --- one request and its reply --- */

struct http_reply {
	int status;
	const struct http_header *headers; /* Content-Length, Date and Connection are added */
	size_t header_count;
	struct bytes body; /* copied; not sent for HEAD */
	bool close;        /* end the connection after it */
};
/* Exactly once for each exchange; the exchange is gone afterwards (also when the peer had left). */
void http_reply(struct http_exchange *x, const struct http_reply *reply);

const struct addr *http_exchange_peer(const struct http_exchange *x);
/* "" for TCP; for a Unix socket the peer's uid, gid and pid (SO_PEERCRED). False: not a Unix socket. */
bool http_exchange_peer_cred(const struct http_exchange *x, unsigned *uid, unsigned *gid, int *pid);
bool http_exchange_is_tls(const struct http_exchange *x);
/* Room for the caller's own per-request state: freed by the caller before http_reply. */
void http_exchange_set_user(struct http_exchange *x, void *user);
void *http_exchange_user(const struct http_exchange *x);

#endif
