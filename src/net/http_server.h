/* http_server.h - HTTPS, HTTP and HTTP over a Unix socket for the server: connections, deadlines,
 * strict parsing, replies that may come later. One server object per request thread, each with its
 * own loop and its own listening sockets (SO_REUSEPORT).
 * Deadlines: TLS handshake and a PROXY header before it 10 s, one request's header 10 s, whole request 30 s (then 408), idle 75 s,
 * 30 s for a peer to take some more of a reply; each may be up to 1 s late. Sockets have TCP_NODELAY;
 * header and body leave in one write; SIGPIPE is ignored by the program.
 * Requests of one connection are handled one after the other: what a peer sends while its request
 * is being handled stays in the kernel. What the parser refuses is answered here, with a problem
 * document (RFC 7807), and ends the connection. Everything belongs to the loop's thread. */
#ifndef ASSAY_NET_HTTP_SERVER_H
#define ASSAY_NET_HTTP_SERVER_H

#include "base/buf.h"
#include "net/addr.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/proxy_header.h"
#include "net/tls.h"

struct http_server;
struct http_exchange;

struct http_server_options {
	struct loop *loop;
	/* Called on the loop's thread when a request is complete. The handler answers by
	 * http_reply(), at once or later (on this thread). The exchange and its request live until
	 * then, also when the peer leaves or the server is freed before. */
	void (*on_request)(void *arg, struct http_exchange *x, const struct http_request *r);
	void *arg;
	size_t max_body;
	unsigned max_connections; /* accepting pauses beyond it; EMFILE pauses too, with a timer */
	/* Exact Host values that are ours, lower case, with port where not the scheme's own; NULL: any
	 * (unix sockets). A request with another Host gets 421. */
	const struct str *hosts;
	size_t host_count;
	bool reuse_port;
	/* Peers that speak for others, on all TCP listeners; http_exchange_peer() is then whom they speak for.
	 * A header that is malformed ends the connection: on_proxy_refused (may be NULL) hears why. */
	struct proxies proxies;
	void (*on_proxy_refused)(void *arg, const struct addr *proxy, const char *why);
};

enum rc http_server_new(const struct http_server_options *o, struct http_server **out) MUST_USE;
/* Adds a listening socket: TCP with TLS when tls is given, plain otherwise; port 0 picks one, and
 * *out_bound (may be NULL) says which. */
enum rc http_server_listen(struct http_server *s, const struct addr *a, struct tls_server *tls,
			   struct addr *out_bound, struct fault *f) MUST_USE;
/* A Unix socket with this mode; an old socket file is replaced if nobody answers there. */
enum rc http_server_listen_unix(struct http_server *s, const char *path, unsigned mode,
				struct fault *f) MUST_USE;
/* A listening socket that systemd passed; the server's from now on, also when this fails. */
enum rc http_server_listen_fd(struct http_server *s, int fd, struct tls_server *tls, struct fault *f) MUST_USE;
/* Stops accepting, closes idle connections, lets the others finish; done runs when neither a
 * connection nor an unanswered exchange is left, never from within this call; it may free the
 * server. */
void http_server_drain(struct http_server *s, void (*done)(void *arg), void *arg);
/* Closes what is left. Not from within on_request. */
void http_server_free(struct http_server *s);
unsigned http_server_connections(const struct http_server *s);

/* --- one request and its reply --- */

struct http_reply {
	int status;
	/* Content-Length, Date and Connection are added, so they may not be among these. A name that
	 * is no token or a value with a control character (a CR LF that came from a peer) is never
	 * sent: the peer gets a 500 instead. */
	const struct http_header *headers;
	size_t header_count;
	struct bytes body; /* copied, unless body_free is set; not sent for HEAD */
	/* For a large body that is the caller's: it is sent from where it is, and body_free(body_arg)
	 * runs exactly once, on this thread, when nobody needs it any more. */
	void (*body_free)(void *body_arg);
	void *body_arg;
	bool close; /* end the connection after it */
};
/* Exactly once for each exchange; the exchange is gone afterwards (also when the peer had left). */
void http_reply(struct http_exchange *x, const struct http_reply *reply);

/* The client: the connection's peer, or whom a trusted proxy speaks for. len is 0 for a Unix socket. An IPv4 peer of an IPv6 socket is shown as IPv4. */
const struct addr *http_exchange_peer(const struct http_exchange *x);
/* For a Unix socket the peer's uid, gid and pid when it connected (SO_PEERCRED). False: not a Unix
 * socket. */
bool http_exchange_peer_cred(const struct http_exchange *x, unsigned *uid, unsigned *gid, int *pid);
bool http_exchange_is_tls(const struct http_exchange *x);
/* Room for the caller's own per-request state: freed by the caller before http_reply. */
void http_exchange_set_user(struct http_exchange *x, void *user);
void *http_exchange_user(const struct http_exchange *x);

#endif
