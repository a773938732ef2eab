/* http_conn.c - one connection, from accept() to close().
 *
 *   [PROXY] --> HANDSHAKE --> OPEN --request--> WAITING --http_reply()--> [SENDING] --> OPEN or LINGER
 *
 * In OPEN the connection reads; in WAITING and SENDING it does not, so that a peer holds at most one
 * request, one reply and one buffer of pipelined octets here. Whoever enters from the loop, or from
 * http_reply(), counts itself in `entered`; conn_close() only marks the connection when somebody is
 * inside, so that code need not ask after each call whether it still has memory, only whether it is
 * dead. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_impl.h"

#define DISCARD_MAX (256 * 1024) /* of what a peer sends after the last reply */

static void on_event(evutil_socket_t fd, short what, void *arg);
static void on_posted(struct loop_work *w);

static void conn_enter(struct http_conn *c)
{
	c->entered++;
}

static void conn_leave(struct http_conn *c)
{
	if (--c->entered == 0 && c->dead && !c->posted)
		free(c);
}

/* --- exchanges: a few are kept, so that an idle connection has none and a busy one finds one --- */

void exchange_free(struct http_exchange *x)
{
	if (!x)
		return;
	http1_parser_free(x->parser);
	free(x);
}

static struct http_exchange *exchange_take(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_exchange *x = s->spare;

	if (x) {
		s->spare = x->next;
		s->spare_count--;
		x->next = NULL;
	} else {
		x = calloc(1, sizeof(*x));
		if (!x || http1_parser_new(s->options.max_body, &x->parser) != RC_OK) {
			free(x);
			return NULL;
		}
	}
	x->server = s;
	x->conn = c;
	x->peer = c->peer;
	x->is_unix = c->is_unix;
	x->is_tls = c->tls != NULL;
	x->uid = c->uid;
	x->gid = c->gid;
	x->pid = c->pid;
	x->user = NULL;
	return x;
}

/* Not in the pending list any more. */
static void exchange_release(struct http_exchange *x)
{
	struct http_server *s = x->server;

	if (!s || s->spare_count == SPARE_EXCHANGES) {
		exchange_free(x);
		return;
	}
	http1_parser_next(x->parser);
	x->conn = NULL;
	x->next = s->spare;
	s->spare = x;
	s->spare_count++;
}

static void exchange_link(struct http_exchange *x)
{
	struct http_server *s = x->server;

	x->next = s->pending;
	x->at = &s->pending;
	if (x->next)
		x->next->at = &x->next;
	s->pending = x;
}

static void exchange_unlink(struct http_exchange *x)
{
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	x->at = NULL;
	x->next = NULL;
}

/* --- the socket --- */

static enum io_result socket_result(ssize_t n)
{
	if (n >= 0)
		return IO_OK;
	return errno == EAGAIN || errno == EWOULDBLOCK ? IO_WANT_READ : IO_BROKEN;
}

static enum io_result conn_read(struct http_conn *c, void *p, size_t len, size_t *out_len)
{
	enum io_result r;
	ssize_t n;

	if (c->tls)
		return tls_conn_read(c->tls, p, len, out_len);
	do
		n = recv(c->fd, p, len, 0);
	while (n < 0 && errno == EINTR);
	r = socket_result(n);
	*out_len = n > 0 ? (size_t)n : 0;
	return n == 0 ? IO_EOF : r;
}

static enum io_result conn_write(struct http_conn *c, const void *p, size_t len, size_t *out_len)
{
	enum io_result r;
	ssize_t n;

	if (c->tls)
		return tls_conn_write(c->tls, p, len, out_len);
	do
		n = send(c->fd, p, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	r = socket_result(n);
	*out_len = n > 0 ? (size_t)n : 0;
	return r == IO_WANT_READ ? IO_WANT_WRITE : r;
}

/* One of the events is set, or none. The read event stays set from request to request and is taken
 * back only when octets come too early, so that a keep-alive request costs no epoll_ctl(). */
static void conn_wait(struct http_conn *c, bool read, bool write)
{
	bool ok = true;

	if (write && !c->write_event)
		c->write_event = event_new(loop_event_base(c->server->options.loop), c->fd,
					   EV_WRITE | EV_PERSIST, on_event, c);
	if (read && !c->reading)
		ok = event_add(c->read_event, NULL) == 0;
	else if (!read && c->reading)
		event_del(c->read_event);
	if (write && !c->writing)
		ok = c->write_event && event_add(c->write_event, NULL) == 0;
	else if (!write && c->writing)
		event_del(c->write_event);
	c->reading = read;
	c->writing = write;
	if (!ok) {
		c->reading = c->writing = false; /* closing deletes what was set */
		conn_close(c);
	}
}

/* Waits for what the socket must do next, or gives the connection up. */
static void conn_wait_for(struct http_conn *c, enum io_result r)
{
	if (r == IO_WANT_READ)
		conn_wait(c, true, false);
	else if (r == IO_WANT_WRITE)
		conn_wait(c, false, true);
	else
		conn_close(c);
}

/* --- life --- */

static void held_done(struct held_body *h)
{
	if (h->free)
		h->free(h->arg);
	*h = (struct held_body){ 0 };
}

/* The peer is known: TLS, or requests at once. */
static void conn_begin(struct http_conn *c)
{
	if (!c->tls_server) {
		c->state = CONN_OPEN;
		conn_set_deadline(c, server_tick(), c->server->draining ? DRAIN_IDLE_S : IDLE_S);
		conn_wait(c, true, false);
		return;
	}
	if (c->peer.len)
		addr_text(&c->peer, c->peer_text);
	c->tls = tls_conn_new(c->tls_server, c->fd, c->peer_text);
	if (!c->tls) {
		conn_close(c);
		return;
	}
	c->state = CONN_HANDSHAKE;
	conn_set_deadline(c, server_tick(), HANDSHAKE_S);
	conn_wait(c, true, false);
}

void conn_new(struct listener *l, int fd, const struct addr *peer)
{
	struct http_server *s = l->server;
	struct http_conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->work.fn = on_posted;
	c->server = s;
	c->fd = fd;
	c->is_unix = l->is_unix;
	c->next = s->conns;
	c->at = &s->conns;
	if (c->next)
		c->next->at = &c->next;
	s->conns = c;
	s->conn_count++;
	if (peer)
		c->peer = *peer;
	if (c->is_unix) {
		struct ucred cred = { 0 };
		socklen_t len = sizeof(cred);

		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
			conn_close(c); /* nobody is root because of a failed call */
			return;
		}
		c->uid = cred.uid;
		c->gid = cred.gid;
		c->pid = cred.pid;
	}
	c->tls_server = l->tls;
	c->read_event = event_new(loop_event_base(s->options.loop), fd, EV_READ | EV_PERSIST,
				  on_event, c);
	if (!c->read_event) {
		conn_close(c);
		return;
	}
	if (peer && s->options.proxies.header && proxies_trust(&s->options.proxies, peer)) {
		c->state = CONN_PROXY;
		conn_set_deadline(c, server_tick(), HANDSHAKE_S);
		conn_wait(c, true, false);
		return;
	}
	conn_begin(c);
}

void conn_close(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (c->dead)
		return;
	c->dead = true;
	conn_set_deadline(c, 0, -1);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	if (c->read_event)
		event_free(c->read_event);
	if (c->write_event)
		event_free(c->write_event);
	tls_conn_free(c->tls);
	proxy_reader_done(&c->proxy);
	close(c->fd);
	if (c->x && c->state == CONN_WAITING)
		c->x->conn = NULL; /* the handler's until http_reply() */
	else if (c->x)
		exchange_release(c->x);
	free(c->rest);
	buf_done(&c->out);
	held_done(&c->held);
	s->conn_count--;
	server_on_gone(s);
	if (c->entered == 0 && !c->posted)
		free(c);
}

bool conn_is_idle(const struct http_conn *c)
{
	return c->state == CONN_OPEN && !c->x && !c->rest;
}

void conn_close_idle(struct http_conn *c)
{
	if (c->tls)
		tls_conn_close(c->tls);
	conn_close(c);
}

/* After the last reply: tells the peer that no more comes, and lets it read what it was sent. A
 * close() at once would answer octets still under way with a reset, which may destroy the reply
 * before the peer has read it (RFC 9112 §9.6). */
static void conn_linger(struct http_conn *c)
{
	c->state = CONN_LINGER;
	free(c->rest);
	c->rest = NULL;
	if (c->tls)
		tls_conn_close(c->tls);
	tls_conn_free(c->tls);
	c->tls = NULL;
	if (shutdown(c->fd, SHUT_WR) != 0) {
		conn_close(c);
		return;
	}
	conn_set_deadline(c, server_tick(), LINGER_S);
	conn_wait(c, true, false);
}

static void conn_discard(struct http_conn *c)
{
	ssize_t n = recv(c->fd, c->server->input, sizeof(c->server->input), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->discarded += (size_t)n;
	if (n <= 0 || c->discarded > DISCARD_MAX)
		conn_close(c);
}

/* --- sending --- */

/* Reads on. What is here already comes by way of the loop: http_reply() must not call on_request,
 * and a peer that pipelines must not keep the others waiting. */
static void conn_resume(struct http_conn *c)
{
	conn_wait(c, true, false);
	if (c->dead || c->posted || (!c->rest && !(c->tls && tls_conn_pending(c->tls))))
		return;
	c->posted = true;
	loop_post(c->server->options.loop, &c->work);
}

/* Everything was taken by the socket. */
static void conn_sent(struct http_conn *c)
{
	if (c->close_after) {
		conn_linger(c);
		return;
	}
	c->state = CONN_OPEN;
	if (c->x) /* it was an interim reply (100 Continue) */
		conn_set_deadline(c, c->request_tick, REQUEST_S);
	else
		conn_set_deadline(c, server_tick(), IDLE_S);
	if (!c->feeding)
		conn_resume(c);
}

/* Writes head and then body from *at on, and moves it, until the socket takes no more. */
static enum io_result conn_put(struct http_conn *c, struct bytes head, struct bytes body, size_t *at)
{
	enum io_result r = IO_OK;

	while (*at < head.len + body.len && r == IO_OK) {
		bool in_head = *at < head.len;
		size_t from = in_head ? *at : *at - head.len, len = 0;

		r = conn_write(c, (in_head ? head.p : body.p) + from, (in_head ? head.len : body.len) - from,
			       &len);
		if (r == IO_OK)
			*at += len;
	}
	return r;
}

static void conn_flush(struct http_conn *c)
{
	size_t before = c->out_at;
	enum io_result r = conn_put(c, buf_bytes(&c->out), c->held.octets, &c->out_at);

	if (c->out_at > before)
		conn_set_deadline(c, server_tick(), SEND_S);
	if (r != IO_OK) {
		conn_wait_for(c, r);
		return;
	}
	buf_done(&c->out);
	held_done(&c->held);
	conn_sent(c);
}

/* Sends what is in server->reply and then held, which is the connection's from now on; what the
 * socket does not take is kept. */
static void conn_send(struct http_conn *c, struct held_body held, bool close)
{
	struct http_server *s = c->server;
	enum io_result r;
	size_t at = 0;

	c->close_after = close;
	r = conn_put(c, buf_bytes(&s->reply), held.octets, &at);
	if (r == IO_WANT_READ || r == IO_WANT_WRITE) {
		c->state = CONN_SENDING;
		c->out = s->reply;
		c->held = held;
		c->out_at = at;
		buf_init(&s->reply, REPLY_MAX);
		conn_set_deadline(c, server_tick(), SEND_S);
		conn_wait_for(c, r);
		return;
	}
	held_done(&held);
	if (s->reply.cap > REPLY_KEEP) {
		buf_done(&s->reply);
		buf_init(&s->reply, REPLY_MAX);
	}
	if (r == IO_OK)
		conn_sent(c);
	else
		conn_close(c);
}

static void conn_refuse(struct http_conn *c, int status, const char *why)
{
	bool head_only = c->x && http1_parser_is_head(c->x->parser); /* RFC 9110 §9.3.2 */

	if (c->x)
		exchange_release(c->x);
	c->x = NULL;
	if (reply_put_refusal(c->server, status, why, head_only))
		conn_send(c, (struct held_body){ 0 }, true);
	else
		conn_close(c);
}

static void conn_send_continue(struct http_conn *c)
{
	struct buf *out = &c->server->reply;

	buf_reset(out);
	buf_add_text(out, "HTTP/1.1 100 Continue\r\n\r\n");
	if (buf_ok(out))
		conn_send(c, (struct held_body){ 0 }, false);
	else
		conn_close(c);
}

void http_reply(struct http_exchange *x, const struct http_reply *reply)
{
	struct held_body held = { .free = reply->body_free, .arg = reply->body_arg };
	struct http_server *s = x->server;
	struct http_conn *c = x->conn;
	bool fits, close;

	if (s)
		exchange_unlink(x);
	if (!c) { /* the peer has left */
		held_done(&held);
		exchange_release(x);
		if (s)
			server_on_gone(s);
		return;
	}
	close = reply->close || !x->request.keep_alive || s->draining;
	fits = reply_put(s, reply, x->request.method == HTTP_HEAD, close);
	held.octets = s->reply_held;
	/* Only now: the reply may borrow from the request. */
	c->x = NULL;
	exchange_release(x);
	conn_enter(c);
	if (fits) {
		conn_send(c, held, close);
	} else {
		held_done(&held);
		conn_close(c);
	}
	conn_leave(c);
}

/* --- reading --- */

static bool is_our_host(const struct http_conn *c, struct str host)
{
	const struct http_server_options *o = &c->server->options;

	if (!o->hosts || c->is_unix)
		return true;
	for (size_t i = 0; i < o->host_count; i++)
		if (str_eq_nocase(host, o->hosts[i]))
			return true;
	return false;
}

/* By headers of its requests. */
static bool speaks_for_others(const struct http_conn *c)
{
	const struct proxies *p = &c->server->options.proxies;

	return p->peer_count > 0 && !p->header && !c->is_unix && proxies_trust(p, &c->peer);
}

static void conn_dispatch(struct http_conn *c)
{
	struct http_exchange *x = c->x;

	if (speaks_for_others(c) && !proxy_forwarded_for(&c->server->options.proxies, &x->request, &x->peer)) {
		conn_refuse(c, 400, "policy: the proxy's X-Forwarded-For must be a list of addresses");
		return;
	}
	if (!is_our_host(c, x->request.host)) {
		conn_refuse(c, 421, "RFC 9110 §7.4: the Host is none of this server's names");
		return;
	}
	c->state = CONN_WAITING;
	conn_set_deadline(c, 0, -1);
	exchange_link(x);
	c->server->options.on_request(c->server->options.arg, x, &x->request);
}

/* Feeds the parser once; returns how many octets it took. */
static size_t conn_feed_once(struct http_conn *c, struct bytes in)
{
	const char *why = NULL;
	size_t used = 0;
	int status = 0;

	if (!c->x) {
		c->x = exchange_take(c);
		c->request_tick = server_tick();
	}
	if (!c->x) {
		conn_refuse(c, 503, "no memory for the request");
		return in.len;
	}
	switch (http1_feed(c->x->parser, in, &used, &c->x->request, &status, &why)) {
	case HTTP1_REQUEST:
		conn_dispatch(c);
		return used;
	case HTTP1_BAD:
		conn_refuse(c, status, why);
		return used;
	case HTTP1_CONTINUE:
		conn_send_continue(c);
		break;
	case HTTP1_MORE:
		break;
	}
	if (!c->dead && c->state == CONN_OPEN)
		conn_set_deadline(c, c->request_tick, http1_parser_in_body(c->x->parser)
							      ? REQUEST_S : HEADER_S);
	return used;
}

/* Handles request after request while replies come at once; returns how many octets were taken. */
static size_t conn_feed(struct http_conn *c, struct bytes in)
{
	size_t used = 0;

	c->feeding = true;
	while (used < in.len && c->state == CONN_OPEN && !c->dead)
		used += conn_feed_once(c, bytes_of(in.p + used, in.len - used));
	c->feeding = false;
	return used;
}

static void conn_feed_rest(struct http_conn *c)
{
	uint8_t *rest = c->rest;
	size_t len = c->rest_len;

	/* Taken out of the connection meanwhile, because closing frees it. */
	c->rest = NULL;
	c->rest_at += conn_feed(c, bytes_of(rest + c->rest_at, len - c->rest_at));
	if (c->rest_at == len || c->dead || c->state == CONN_LINGER)
		free(rest);
	else
		c->rest = rest;
}

static bool conn_feed_socket(struct http_conn *c)
{
	uint8_t *input = c->server->input;
	size_t len = 0, used;
	enum io_result r = conn_read(c, input, INPUT_MAX, &len);

	if (r == IO_EOF) {
		conn_close_idle(c); /* nothing is owed to the peer in this state */
		return false;
	}
	if (r != IO_OK) {
		conn_wait_for(c, r);
		return false;
	}
	used = conn_feed(c, bytes_of(input, len));
	if (used < len && !c->dead && c->state != CONN_LINGER) {
		c->rest = malloc(len - used);
		if (!c->rest) {
			conn_close(c);
			return false;
		}
		memcpy(c->rest, input + used, len - used);
		c->rest_at = 0;
		c->rest_len = len - used;
	}
	return true;
}

/* Reads and handles one buffer's worth, and sees to it that the next will be. */
static void conn_input(struct http_conn *c)
{
	if (c->rest)
		conn_feed_rest(c);
	else if (!conn_feed_socket(c))
		return;
	if (!c->dead && c->state == CONN_OPEN)
		conn_resume(c);
}

static void conn_proxy(struct http_conn *c)
{
	const struct http_server_options *o = &c->server->options;
	struct proxy_header header;
	const char *why = NULL;
	enum io_result r = proxy_header_read(&c->proxy, c->fd, &header, &why);

	if (r == IO_OK) {
		if (header.has_client)
			c->peer = header.client;
		conn_begin(c);
		return;
	}
	if (r == IO_BROKEN && o->on_proxy_refused)
		o->on_proxy_refused(o->arg, &c->peer, why);
	conn_wait_for(c, r);
}

static void conn_handshake(struct http_conn *c)
{
	enum io_result r = tls_conn_handshake(c->tls);

	if (r != IO_OK) {
		conn_wait_for(c, r);
		return;
	}
	c->state = CONN_OPEN;
	conn_set_deadline(c, server_tick(), c->server->draining ? DRAIN_IDLE_S : IDLE_S);
	/* The first request may have come with the handshake's last message and wait in libssl. */
	conn_input(c);
}

/* --- entries from the loop --- */

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	conn_enter(c);
	switch (c->state) {
	case CONN_PROXY:
		conn_proxy(c);
		break;
	case CONN_HANDSHAKE:
		conn_handshake(c);
		break;
	case CONN_OPEN:
		conn_input(c);
		break;
	case CONN_WAITING: /* more requests, or the peer's end: both wait until the reply is sent */
		conn_wait(c, false, false);
		break;
	case CONN_SENDING:
		conn_flush(c);
		break;
	case CONN_LINGER:
		conn_discard(c);
		break;
	}
	conn_leave(c);
}

static void on_posted(struct loop_work *w)
{
	struct http_conn *c = (struct http_conn *)w;

	conn_enter(c);
	c->posted = false;
	if (!c->dead && c->state == CONN_OPEN)
		conn_input(c);
	conn_leave(c);
}

void conn_expired(struct http_conn *c)
{
	conn_enter(c);
	if (c->state == CONN_OPEN && c->x && http1_parser_in_request(c->x->parser))
		conn_refuse(c, 408, "policy: the request did not arrive in time");
	else if (c->state == CONN_OPEN)
		conn_close_idle(c);
	else
		conn_close(c);
	conn_leave(c);
}

/* --- what a handler may ask of its exchange --- */

const struct addr *http_exchange_peer(const struct http_exchange *x)
{
	return &x->peer;
}

bool http_exchange_peer_cred(const struct http_exchange *x, unsigned *uid, unsigned *gid, int *pid)
{
	if (!x->is_unix)
		return false;
	*uid = x->uid;
	*gid = x->gid;
	*pid = x->pid;
	return true;
}

bool http_exchange_is_tls(const struct http_exchange *x)
{
	return x->is_tls;
}

void http_exchange_set_user(struct http_exchange *x, void *user)
{
	x->user = user;
}

void *http_exchange_user(const struct http_exchange *x)
{
	return x->user;
}
