/* http_server.c - listening, accepting, deadlines and draining. The connections' deadlines lie in a
 * wheel of one-second slots that one timer turns: setting one costs two list operations, and a
 * thousand idle connections cost nothing while they idle. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_impl.h"

#define BACKLOG 1024
#define ACCEPTS_AT_ONCE 64     /* then the connections at hand have their turn */
#define ACCEPT_PAUSE_MS 250    /* when there are no descriptors or no memory for more */

/* --- deadlines --- */

int64_t server_tick(void)
{
	return clock_mono_ms() / 1000;
}

static void wheel_remove(struct http_conn *c)
{
	*c->slot_at = c->slot_next;
	if (c->slot_next)
		c->slot_next->slot_at = c->slot_at;
	c->slot_at = NULL;
}

void conn_set_deadline(struct http_conn *c, int64_t from_tick, int seconds)
{
	int64_t due_tick = from_tick + seconds + 1; /* ticks are rounded down */
	struct http_conn **slot = &c->server->wheel[due_tick % WHEEL_SLOTS];

	if (c->slot_at) {
		if (seconds >= 0 && c->due_tick == due_tick)
			return;
		wheel_remove(c);
	}
	if (seconds < 0)
		return;
	c->due_tick = due_tick;
	c->slot_next = *slot;
	c->slot_at = slot;
	if (c->slot_next)
		c->slot_next->slot_at = &c->slot_next;
	*slot = c;
}

static void on_tick(void *arg)
{
	struct http_server *s = arg;
	int64_t now = server_tick();
	int64_t first = s->wheel_tick + 1;

	if (first < now - WHEEL_SLOTS + 1)
		first = now - WHEEL_SLOTS + 1;
	for (int64_t tick = first; tick <= now; tick++) {
		struct http_conn *next;

		for (struct http_conn *c = s->wheel[tick % WHEEL_SLOTS]; c; c = next) {
			next = c->slot_next;
			if (c->due_tick <= now) {
				wheel_remove(c);
				conn_expired(c); /* touches no other connection */
			}
		}
	}
	s->wheel_tick = now;
	if (s->conn_count > 0)
		loop_timer_set(s->tick_timer, 1000);
}

/* --- accepting --- */

static void accept_pause(struct http_server *s)
{
	for (struct listener *l = s->listeners; l; l = l->next)
		event_del(l->event);
	s->accepting = false;
}

static void accept_resume(struct http_server *s)
{
	if (s->accepting || s->draining || s->conn_count >= s->options.max_connections)
		return;
	s->accepting = true;
	for (struct listener *l = s->listeners; l; l = l->next)
		if (event_add(l->event, NULL) != 0)
			s->accepting = false;
	if (!s->accepting) /* no memory */
		loop_timer_set(s->accept_timer, ACCEPT_PAUSE_MS);
}

static void on_accept_timer(void *arg)
{
	accept_resume(arg);
}

/* False: nothing more to accept for now. */
static bool accept_one(struct listener *l)
{
	struct http_server *s = l->server;
	struct addr peer = { .len = sizeof(peer.in6) };
	int fd = accept4(l->fd, l->is_unix ? NULL : &peer.sa, l->is_unix ? NULL : &peer.len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The listening socket stays readable: asking again at once would spin. */
			accept_pause(s);
			loop_timer_set(s->accept_timer, ACCEPT_PAUSE_MS);
			return false;
		}
		/* Others tell of a connection that has gone already (accept(2)). */
		return errno != EAGAIN && errno != EWOULDBLOCK;
	}
	if (s->conn_count == 0) {
		s->wheel_tick = server_tick();
		loop_timer_set(s->tick_timer, 1000);
	}
	if (!l->is_unix)
		addr_unmap(&peer);
	conn_new(l, fd, l->is_unix ? NULL : &peer);
	return true;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct http_server *s = l->server;

	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		if (s->conn_count >= s->options.max_connections) {
			accept_pause(s); /* until server_on_gone() */
			return;
		}
		if (!accept_one(l))
			return;
	}
}

/* --- listening --- */

static enum rc listen_fault(struct fault *f, int error, const char *what, const char *where)
{
	enum rc rc = error == EADDRINUSE ? RC_BUSY : error == EACCES || error == EPERM ? RC_DENIED
										       : RC_IO;

	return fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "%s %s: %s", what, where, strerror(error));
}

static void listener_free(struct listener *l)
{
	struct stat st;

	if (!l)
		return;
	if (l->event)
		event_free(l->event);
	/* Not when a successor has put its own there. */
	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->path_dev && st.st_ino == l->path_ino)
		unlink(l->path);
	free(l->path);
	close(l->fd);
	free(l);
}

/* Takes the fd, also when it fails. */
static enum rc listener_add(struct http_server *s, int fd, struct tls_server *tls, bool is_unix,
			    struct listener **out)
{
	struct listener *l = calloc(1, sizeof(*l));
	int on = 1;

	if (!l) {
		close(fd);
		return RC_NOMEM;
	}
	l->server = s;
	l->fd = fd;
	l->tls = tls;
	l->is_unix = is_unix;
	/* Inherited by what is accepted; without it a reply waits for the peer's delayed ACK. */
	if (!is_unix)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->event = event_new(loop_event_base(s->options.loop), fd, EV_READ | EV_PERSIST, on_accept, l);
	if (!l->event || (s->accepting && event_add(l->event, NULL) != 0)) {
		listener_free(l);
		return RC_NOMEM;
	}
	l->next = s->listeners;
	s->listeners = l;
	if (out)
		*out = l;
	return RC_OK;
}

static bool is_all_v6(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static bool bind_and_listen(int fd, const struct addr *a, bool reuse_port)
{
	int on = 1, v6_only = !is_all_v6(a);

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
	       (a->sa.sa_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
	       bind(fd, &a->sa, a->len) == 0 && listen(fd, BACKLOG) == 0;
}

enum rc http_server_listen(struct http_server *s, const struct addr *a, struct tls_server *tls,
			   struct addr *out_bound, struct fault *f)
{
	struct addr bound = { .len = sizeof(bound.in6) };
	char where[ADDR_TEXT_MAX];
	int fd, error;
	enum rc rc;

	addr_text(a, where);
	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && is_all_v6(a)) {
		/* "All addresses" on a machine without IPv6. */
		struct addr all_v4 = addr_from_ip((const uint8_t[4]){ 0 }, 4, addr_port(a));

		return http_server_listen(s, &all_v4, tls, out_bound, f);
	}
	if (fd < 0)
		return listen_fault(f, errno, "cannot listen on", where);
	if (!bind_and_listen(fd, a, s->options.reuse_port) || getsockname(fd, &bound.sa, &bound.len) != 0) {
		error = errno;
		close(fd);
		return listen_fault(f, error, "cannot listen on", where);
	}
	rc = listener_add(s, fd, tls, false, NULL);
	if (rc != RC_OK)
		return listen_fault(f, ENOMEM, "cannot listen on", where);
	if (out_bound)
		*out_bound = bound;
	return RC_OK;
}

enum rc http_server_listen_fd(struct http_server *s, int fd, struct tls_server *tls, struct fault *f)
{
	struct addr bound = { .len = sizeof(bound.in6) };
	int listening = 0;
	socklen_t len = sizeof(listening);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 || !listening ||
	    getsockname(fd, &bound.sa, &bound.len) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		if (flags >= 0)
			close(fd);
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "descriptor %d is not a listening socket", fd);
	}
	if (listener_add(s, fd, tls, bound.sa.sa_family == AF_UNIX, NULL) != RC_OK)
		return listen_fault(f, ENOMEM, "cannot listen on", "a passed descriptor");
	return RC_OK;
}

/* Does a server answer at this socket file? Only a file that is a socket and refuses may go. */
static enum rc check_unused(const struct sockaddr_un *un, struct fault *f)
{
	struct stat st;
	int fd, error;

	if (lstat(un->sun_path, &st) != 0)
		return errno == ENOENT ? RC_OK : listen_fault(f, errno, "cannot look at", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return listen_fault(f, ENOTSOCK, "cannot replace", un->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return listen_fault(f, errno, "cannot look at", un->sun_path);
	error = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? EADDRINUSE : errno;
	close(fd);
	if (error == ECONNREFUSED)
		return RC_OK;
	return listen_fault(f, error == EAGAIN ? EADDRINUSE : error, "cannot replace", un->sun_path);
}

/* Made under another name and renamed, so that the file is never there with other permissions and
 * never missing while it is replaced. */
static int unix_socket(const struct sockaddr_un *un, unsigned mode, struct stat *out_st)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	int len = snprintf(own.sun_path, sizeof(own.sun_path), "%s.%d", un->sun_path, (int)getpid());
	int fd, error;

	if (len < 0 || (size_t)len >= sizeof(own.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	unlink(own.sun_path);
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) == 0) {
		/* Nobody can connect before listen(). */
		if (chmod(own.sun_path, mode) == 0 && lstat(own.sun_path, out_st) == 0 &&
		    listen(fd, BACKLOG) == 0 && rename(own.sun_path, un->sun_path) == 0)
			return fd;
		error = errno;
		unlink(own.sun_path);
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum rc http_server_listen_unix(struct http_server *s, const char *path, unsigned mode, struct fault *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct listener *l;
	struct stat st;
	enum rc rc;
	int fd;

	if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
		return listen_fault(f, path[0] != '/' ? EINVAL : ENAMETOOLONG, "cannot listen on", path);
	memcpy(un.sun_path, path, strlen(path));
	rc = check_unused(&un, f);
	if (rc != RC_OK)
		return rc;
	fd = unix_socket(&un, mode, &st);
	if (fd < 0)
		return listen_fault(f, errno, "cannot listen on", path);
	if (listener_add(s, fd, NULL, true, &l) != RC_OK) {
		unlink(path);
		return listen_fault(f, ENOMEM, "cannot listen on", path);
	}
	l->path = strdup(path); /* without memory the file is left behind; the next start replaces it */
	l->path_dev = st.st_dev;
	l->path_ino = st.st_ino;
	return RC_OK;
}

/* --- draining --- */

static void on_drained(struct loop_work *w)
{
	struct drain_work *d = (struct drain_work *)w;
	struct http_server *s = d->server;

	free(d);
	if (!s) /* was freed meanwhile */
		return;
	s->drain_posted = NULL;
	s->on_drained(s->on_drained_arg); /* may free s */
}

void server_on_gone(struct http_server *s)
{
	accept_resume(s);
	if (!s->draining || s->conn_count > 0 || s->pending || !s->drain_work)
		return;
	s->drain_posted = s->drain_work;
	s->drain_work = NULL;
	loop_post(s->options.loop, &s->drain_posted->work);
}

static void listeners_close(struct http_server *s)
{
	while (s->listeners) {
		struct listener *l = s->listeners;

		s->listeners = l->next;
		listener_free(l);
	}
}

void http_server_drain(struct http_server *s, void (*done)(void *arg), void *arg)
{
	struct http_conn *next;

	if (s->draining)
		return;
	s->draining = true;
	s->on_drained = done;
	s->on_drained_arg = arg;
	for (struct http_conn *c = s->conns; c; c = next) {
		next = c->next;
		if (conn_is_idle(c))
			conn_close_idle(c);
	}
	/* Who has connected already is not reset but served once. */
	for (struct listener *l = s->listeners; l; l = l->next)
		for (int i = 0; i < BACKLOG && s->conn_count < s->options.max_connections; i++)
			if (!accept_one(l))
				break;
	loop_timer_clear(s->accept_timer);
	listeners_close(s);
	server_on_gone(s);
}

/* --- the server --- */

enum rc http_server_new(const struct http_server_options *o, struct http_server **out)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s)
		return RC_NOMEM;
	s->options = *o;
	s->accepting = true;
	s->date_at_s = -1;
	buf_init(&s->reply, REPLY_MAX);
	s->drain_work = calloc(1, sizeof(*s->drain_work));
	if (!s->drain_work || loop_timer_new(o->loop, on_tick, s, &s->tick_timer) != RC_OK ||
	    loop_timer_new(o->loop, on_accept_timer, s, &s->accept_timer) != RC_OK) {
		http_server_free(s);
		return RC_NOMEM;
	}
	s->drain_work->work.fn = on_drained;
	s->drain_work->server = s;
	*out = s;
	return RC_OK;
}

void http_server_free(struct http_server *s)
{
	struct http_exchange *next;

	if (!s)
		return;
	free(s->drain_work);
	s->drain_work = NULL;
	if (s->drain_posted)
		s->drain_posted->server = NULL;
	s->draining = true; /* accepts nothing any more */
	listeners_close(s);
	while (s->conns)
		conn_close_idle(s->conns);
	for (struct http_exchange *x = s->pending; x; x = next) {
		next = x->next;
		x->server = NULL; /* freed by http_reply() */
		x->next = NULL;
		x->at = NULL;
	}
	while (s->spare) {
		struct http_exchange *x = s->spare;

		s->spare = x->next;
		exchange_free(x);
	}
	loop_timer_free(s->tick_timer);
	loop_timer_free(s->accept_timer);
	buf_done(&s->reply);
	free(s);
}

unsigned http_server_connections(const struct http_server *s)
{
	return s->conn_count;
}
