/* link.h - messages over mutually authenticated TLS 1.3, between programs of ours: each is its length in
 * four octets, big-endian, and then that many octets, at most LIMIT_LINK_MESSAGE. What a peer makes us
 * keep is bounded both ways; a peer that does not read what it is sent loses the link.
 * Belongs to the loop's thread. */
#ifndef ASSAY_NET_LINK_H
#define ASSAY_NET_LINK_H

#include "net/addr.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/tls_client.h"

struct link;

struct link_handler {
	void (*up)(void *arg);                            /* the handshake is done; may send */
	bool (*message)(void *arg, struct bytes message); /* false: it makes no sense, the link ends */
	/* Once, when the peer or the network ends the link, or a limit does; not after link_close(). The
	 * link is gone afterwards. why: for people, printable. */
	void (*down)(void *arg, const char *why);
	void *arg;
};

/* Connects within connect_ms and shakes hands within LINK_HANDSHAKE_MS. name: what the peer's
 * certificate must be for. None of handler's functions runs within the call. */
enum rc link_dial(struct loop *l, struct tls_client *tls, const struct addr *a, const char *name,
		  int64_t connect_ms, const struct link_handler *handler, struct link **out) MUST_USE;
/* At any time, also within a function of the handler. NULL is allowed. */
void link_close(struct link *k);
/* The same, but what was given to link_send() is sent first, as far as the socket takes it at once. */
void link_finish(struct link *k);
/* RC_LIMIT: it is too long, or the peer has left too much unread. */
enum rc link_send(struct link *k, struct bytes message) MUST_USE;
const struct addr *link_peer(const struct link *k);
/* SHA-256 of the peer's SubjectPublicKeyInfo, once the link is up. */
bool link_peer_key(const struct link *k, uint8_t out[SHA256_LEN]);

struct link_listener;

struct link_listener_options {
	struct loop *loop;
	struct tls_server *tls;  /* whose certificate is shown; both outlive the links */
	struct tls_known known;  /* who may link up */
	/* A new connection: true and *out_handler filled in, or false: it is closed. The link is told so
	 * that the handler can find it; it is not up yet. */
	bool (*accept)(void *arg, struct link *k, struct link_handler *out_handler);
	void *arg;
};
/* out_bound may be NULL. */
enum rc link_listen(const struct link_listener_options *o, const struct addr *a, struct link_listener **out,
		    struct addr *out_bound, struct fault *f) MUST_USE;
/* Links that came in stay. NULL is allowed. */
void link_listener_free(struct link_listener *n);

#define LINK_HANDSHAKE_MS 10000

#endif
