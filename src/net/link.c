/* link.c - one link, from connect() or accept() to its end:
 *
 *   CONNECTING (dialled ones) --> HANDSHAKE --> UP
 *
 * Whoever enters from the loop counts itself in `inside`; an end that comes meanwhile only marks the link
 * dead, so that code need not ask after each call whether it still has memory. */
#include "net/link.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "net/targets.h"
#include "net/tls_conn.h"

#define LENGTH_OCTETS 4
#define READ_OCTETS 16384
#define READS_AT_ONCE 16 /* then others have their turn */
#define WHY_MAX 200

enum link_state { LINK_CONNECTING, LINK_HANDSHAKE, LINK_UP };

struct link {
	struct loop *loop;
	struct link_handler handler;
	enum link_state state;
	int fd;
	struct addr peer;
	char peer_text[ADDR_TEXT_MAX];
	struct tls_conn *tls;
	struct tls_known known; /* of accepted ones */
	struct event *readable, *writable;
	struct loop_timer *timer; /* of connecting and the handshake */
	struct buf in, out;
	size_t out_sent;
	unsigned inside;
	bool dead;
};

/* --- the end --- */

static void link_free(struct link *k)
{
	if (k->readable)
		event_free(k->readable);
	if (k->writable)
		event_free(k->writable);
	loop_timer_free(k->timer);
	tls_conn_free(k->tls);
	if (k->fd >= 0)
		close(k->fd);
	buf_done(&k->in);
	buf_done(&k->out);
	free(k);
}

static void leave(struct link *k)
{
	if (--k->inside == 0 && k->dead)
		link_free(k);
}

void link_close(struct link *k)
{
	if (!k || k->dead)
		return;
	k->dead = true;
	if (k->state == LINK_UP)
		tls_conn_close(k->tls);
	if (k->inside == 0)
		link_free(k);
}

/* Only from within. */
static void fail(struct link *k, const char *why)
{
	char text[WHY_MAX];

	if (k->dead)
		return;
	k->dead = true;
	(void)str_printable(str_of(why), text, sizeof(text));
	k->handler.down(k->handler.arg, text);
}

static void fail_io(struct link *k, enum io_result r)
{
	const char *why = k->tls ? tls_conn_why(k->tls) : "";
	char text[WHY_MAX];

	snprintf(text, sizeof(text), "%s%s%s",
		 k->state < LINK_UP ? "no TLS" : r == IO_EOF ? "it was closed at the other end" : "the connection broke",
		 why[0] ? ": " : "", why);
	fail(k, text);
}

/* --- messages --- */

static size_t length_at(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;

	return (size_t)u[0] << 24 | (size_t)u[1] << 16 | (size_t)u[2] << 8 | u[3];
}

/* Hands on each whole message that has come. */
static void take_messages(struct link *k)
{
	size_t at = 0, left;

	while (!k->dead && k->in.len - at >= LENGTH_OCTETS) {
		size_t len = length_at(k->in.p + at);

		if (len == 0 || len > LIMIT_LINK_MESSAGE) {
			fail(k, "a message of a length that is not allowed");
			return;
		}
		if (k->in.len - at - LENGTH_OCTETS < len)
			break;
		at += LENGTH_OCTETS;
		if (!k->handler.message(k->handler.arg, bytes_of(k->in.p + at, len)))
			fail(k, "a message that makes no sense");
		at += len;
	}
	left = k->in.len - at;
	if (at > 0 && !k->dead) {
		memmove(k->in.p, k->in.p + at, left);
		k->in.len = left;
	}
}

static enum io_result receive(struct link *k)
{
	char piece[READ_OCTETS];
	enum io_result r = IO_OK;
	size_t len;

	for (int i = 0; i < READS_AT_ONCE && !k->dead; i++) {
		r = tls_conn_read(k->tls, piece, sizeof(piece), &len);
		if (r != IO_OK)
			return r;
		buf_add(&k->in, piece, len);
		if (!buf_ok(&k->in)) {
			fail(k, "no memory for what came");
			return IO_BROKEN;
		}
		take_messages(k);
	}
	return r;
}

static enum io_result send_queued(struct link *k)
{
	while (k->out_sent < k->out.len) {
		size_t len;
		enum io_result r = tls_conn_write(k->tls, k->out.p + k->out_sent, k->out.len - k->out_sent, &len);

		if (r != IO_OK)
			return r;
		k->out_sent += len;
	}
	buf_reset(&k->out);
	k->out_sent = 0;
	return IO_OK;
}

/* --- the loop --- */

static void wait_for(struct link *k, bool write)
{
	bool ok = event_add(k->readable, NULL) == 0;

	if (write)
		ok = ok && event_add(k->writable, NULL) == 0;
	else
		event_del(k->writable);
	if (!ok)
		fail(k, "no memory to wait for it");
}

static bool is_over(enum io_result r)
{
	return r == IO_EOF || r == IO_BROKEN;
}

/* Both directions as far as they go. */
static void exchange(struct link *k)
{
	enum io_result in = receive(k), out;

	if (k->dead)
		return;
	out = send_queued(k);
	if (is_over(in) || is_over(out)) {
		fail_io(k, is_over(in) ? in : out);
		return;
	}
	wait_for(k, in == IO_WANT_WRITE || out == IO_WANT_WRITE);
	if (in == IO_OK) /* there is more, perhaps within libssl */
		event_active(k->readable, EV_READ, 1);
}

static void shake_hands(struct link *k)
{
	enum io_result r = tls_conn_handshake(k->tls);

	if (r == IO_WANT_READ || r == IO_WANT_WRITE) {
		wait_for(k, r == IO_WANT_WRITE);
		return;
	}
	if (r != IO_OK) {
		fail_io(k, r);
		return;
	}
	k->state = LINK_UP;
	loop_timer_clear(k->timer);
	k->handler.up(k->handler.arg);
	if (!k->dead)
		exchange(k);
}

static void connected(struct link *k)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err != 0) {
		fail(k, targets_errno_text(err));
		return;
	}
	k->state = LINK_HANDSHAKE;
	loop_timer_set(k->timer, LINK_HANDSHAKE_MS);
	shake_hands(k);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct link *k = arg;

	(void)fd;
	(void)what;
	k->inside++;
	if (k->state == LINK_CONNECTING)
		connected(k);
	else if (k->state == LINK_HANDSHAKE)
		shake_hands(k);
	else
		exchange(k);
	leave(k);
}

static void on_timer(void *arg)
{
	struct link *k = arg;

	k->inside++;
	fail(k, k->state == LINK_CONNECTING ? "timed out" : "the TLS handshake timed out");
	leave(k);
}

/* --- what others call --- */

enum rc link_send(struct link *k, struct bytes message)
{
	const uint8_t length[LENGTH_OCTETS] = { (uint8_t)(message.len >> 24), (uint8_t)(message.len >> 16),
						(uint8_t)(message.len >> 8), (uint8_t)message.len };

	if (k->dead || k->state != LINK_UP)
		return RC_UNAVAILABLE;
	if (message.len == 0 || message.len > LIMIT_LINK_MESSAGE ||
	    message.len + LENGTH_OCTETS > LIMIT_LINK_QUEUE - k->out.len)
		return RC_LIMIT;
	buf_add(&k->out, length, sizeof(length));
	buf_add(&k->out, message.p, message.len);
	if (!buf_ok(&k->out))
		return RC_NOMEM;
	event_active(k->writable, EV_WRITE, 1); /* leaves in a turn of its own, with what else is sent now */
	return RC_OK;
}

void link_finish(struct link *k)
{
	if (k && !k->dead && k->state == LINK_UP)
		(void)send_queued(k); /* it may have been lost, which is the same */
	link_close(k);
}

const struct addr *link_peer(const struct link *k)
{
	return &k->peer;
}

bool link_peer_key(const struct link *k, uint8_t out[SHA256_LEN])
{
	return k->state == LINK_UP && tls_conn_peer_key(k->tls, out);
}

/* --- beginning --- */

/* Takes fd. */
static struct link *link_new(struct loop *l, int fd, const struct addr *peer)
{
	struct link *k = calloc(1, sizeof(*k));
	int on = 1;

	if (!k) {
		close(fd);
		return NULL;
	}
	k->loop = l;
	k->fd = fd;
	k->peer = *peer;
	addr_text(peer, k->peer_text);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	buf_init(&k->in, LENGTH_OCTETS + LIMIT_LINK_MESSAGE + READ_OCTETS);
	buf_init(&k->out, LIMIT_LINK_QUEUE);
	k->readable = event_new(loop_event_base(l), fd, EV_READ, on_event, k);
	k->writable = event_new(loop_event_base(l), fd, EV_WRITE, on_event, k);
	if (!k->readable || !k->writable || loop_timer_new(l, on_timer, k, &k->timer) != RC_OK) {
		link_free(k);
		return NULL;
	}
	return k;
}

enum rc link_dial(struct loop *l, struct tls_client *tls, const struct addr *a, const char *name,
		  int64_t connect_ms, const struct link_handler *handler, struct link **out)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	struct link *k;

	if (fd < 0)
		return RC_IO;
	if (connect(fd, &a->sa, a->len) != 0 && errno != EINPROGRESS) {
		close(fd);
		return RC_UNAVAILABLE;
	}
	k = link_new(l, fd, a);
	if (!k)
		return RC_NOMEM;
	k->handler = *handler;
	k->tls = tls_client_connect(tls, fd, name);
	if (!k->tls || event_add(k->writable, NULL) != 0) {
		link_free(k);
		return RC_NOMEM;
	}
	loop_timer_set(k->timer, connect_ms);
	*out = k;
	return RC_OK;
}

/* --- listening --- */

#define BACKLOG 64
#define ACCEPTS_AT_ONCE 16
#define ACCEPT_PAUSE_MS 250 /* when there are no descriptors or no memory for more */

struct link_listener {
	struct link_listener_options options;
	int fd;
	struct event *event;
	struct loop_timer *pause;
};

static void accepted(struct link_listener *n, int fd, struct addr *peer)
{
	struct link *k;

	/* RFC 4291 §2.5.5.2: 10.0.0.1 that came over an IPv6 socket is 10.0.0.1. */
	if (peer->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr))
		*peer = addr_from_ip(peer->in6.sin6_addr.s6_addr + 12, 4, ntohs(peer->in6.sin6_port));
	k = link_new(n->options.loop, fd, peer);

	if (!k)
		return;
	k->state = LINK_HANDSHAKE;
	k->known = n->options.known;
	if (!n->options.accept(n->options.arg, k, &k->handler)) {
		link_free(k);
		return;
	}
	k->tls = tls_conn_new_known(n->options.tls, fd, k->peer_text, &k->known);
	k->inside++;
	loop_timer_set(k->timer, LINK_HANDSHAKE_MS);
	if (k->tls)
		wait_for(k, false);
	else
		fail(k, "no TLS here");
	leave(k);
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
	struct link_listener *n = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct addr peer = { .len = sizeof(peer.in6) };
		int fd = accept4(listening, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			accepted(n, fd, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The listening socket stays readable: asking again at once would spin. */
			event_del(n->event);
			loop_timer_set(n->pause, ACCEPT_PAUSE_MS);
		}
		return;
	}
}

static void on_pause(void *arg)
{
	struct link_listener *n = arg;

	if (event_add(n->event, NULL) != 0)
		loop_timer_set(n->pause, ACCEPT_PAUSE_MS);
}

static int bind_and_listen(const struct addr *a)
{
	bool all_v6 = a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, v6_only = !all_v6, error;

	if (fd < 0 && errno == EAFNOSUPPORT && all_v6) {
		/* "All addresses" on a machine without IPv6. */
		struct addr all_v4 = addr_from_ip((const uint8_t[4]){ 0 }, 4, addr_port(a));

		return bind_and_listen(&all_v4);
	}
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (a->sa.sa_family != AF_INET6 ||
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
	    bind(fd, &a->sa, a->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum rc link_listen(const struct link_listener_options *o, const struct addr *a, struct link_listener **out,
		    struct addr *out_bound, struct fault *f)
{
	struct addr bound = { .len = sizeof(bound.in6) };
	struct link_listener *n = calloc(1, sizeof(*n));
	char where[ADDR_TEXT_MAX];
	enum rc rc;

	if (!n)
		return RC_NOMEM;
	n->options = *o;
	n->fd = bind_and_listen(a);
	if (n->fd < 0 || getsockname(n->fd, &bound.sa, &bound.len) != 0) {
		addr_text(a, where);
		rc = fault_set(f, errno == EADDRINUSE ? RC_BUSY : RC_IO, PROBLEM_SERVER_INTERNAL,
			       "cannot listen on %s: %s", where, strerror(errno));
		link_listener_free(n);
		return rc;
	}
	n->event = event_new(loop_event_base(o->loop), n->fd, EV_READ | EV_PERSIST, on_accept, n);
	rc = n->event && event_add(n->event, NULL) == 0 ? loop_timer_new(o->loop, on_pause, n, &n->pause) : RC_NOMEM;
	if (rc != RC_OK) {
		link_listener_free(n);
		return rc;
	}
	if (out_bound)
		*out_bound = bound;
	*out = n;
	return RC_OK;
}

void link_listener_free(struct link_listener *n)
{
	if (!n)
		return;
	if (n->event)
		event_free(n->event);
	loop_timer_free(n->pause);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}
