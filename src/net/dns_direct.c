/* dns_direct.c - the life of one question:
 *
 *   UDP -> UDP again, from another port -> TCP -> no answer
 *    \______ truncated _________________/
 *
 * Who would forge an answer must guess a random id, a random port and the case of each letter (RFC
 * 5452), for which each try takes new ones, and the socket is connected, so that the kernel drops what
 * comes from elsewhere. What arrives and is not the answer is not looked at any further; it does not end
 * the wait. Over TCP the name goes out as it is, for servers that do not keep the case. */
#include "net/dns_direct.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "net/dns_failures.h"
#include "net/dns_message.h"
#include "net/targets.h"

#define UDP_TRIES 2
#define TRIES (UDP_TRIES + 1) /* and TCP; each has the same share of the time */
#define ARENA_MAX (160 * 1024) /* a response has at most 64 KiB */
#define TCP_PREFIX 2 /* RFC 1035 §4.2.2 */
#define TCP_OCTETS (TCP_PREFIX + UINT16_MAX)

struct dns_direct {
	struct loop *loop;
	struct loop_timer *timer; /* the next try, or the end; and what failed at once is told from it */
	struct event *event;      /* of fd, or NULL */
	int fd;
	void (*done)(void *arg, const struct dns_answer *answer);
	void *arg;
	struct addr server;
	struct dns_name name; /* as it was given */
	enum dns_type type;
	int64_t share_ms;
	unsigned tries;
	bool failed, truncated;
	uint8_t query[TCP_PREFIX + DNS_QUERY_OCTETS]; /* the latest, with its length in front */
	size_t query_len;                             /* without */
	uint8_t *response; /* over TCP, with its length in front */
	size_t response_len;
	struct arena arena;
	struct dns_answer answer;
};

static void hang_up(struct dns_direct *q)
{
	if (q->event)
		event_free(q->event);
	q->event = NULL;
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

static void direct_free(struct dns_direct *q)
{
	hang_up(q);
	loop_timer_free(q->timer);
	arena_done(&q->arena);
	free(q->response);
	free(q);
}

static void finish(struct dns_direct *q)
{
	hang_up(q);
	dns_failures_count(q->answer.rc);
	q->done(q->arg, &q->answer);
	direct_free(q);
}

/* Told from the timer, since it may have failed before anybody could know of the question. */
static void fail(struct dns_direct *q, const char *what)
{
	hang_up(q);
	q->answer = (struct dns_answer){ .rc = RC_IO };
	snprintf(q->answer.why, sizeof(q->answer.why), "%s%s", q->truncated ? "truncated over UDP; over TCP: " :
		 q->tries == TRIES ? "no answer over UDP; over TCP: " : "", what);
	q->failed = true;
	loop_timer_set(q->timer, 0);
}

/* What is our own trouble says nothing about the server, which must not get away with it. */
static void fail_errno(struct dns_direct *q, int err)
{
	fail(q, targets_errno_text(err));
	if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM)
		q->answer.rc = RC_BUSY;
}

static void fail_nomem(struct dns_direct *q)
{
	fail_errno(q, ENOMEM);
}

/* --- the response --- */

static void accept_response(struct dns_direct *q, struct bytes packet)
{
	struct dns_answer *a = &q->answer;

	dns_message_read(&q->arena, packet, &q->name, q->type, a);
	if (a->rc == RC_IO && !a->why[0])
		snprintf(a->why, sizeof(a->why), "%s", dns_rcode_text(a->rcode));
	if ((a->rc == RC_OK || a->rc == RC_NOTFOUND) && !a->authoritative) {
		*a = (struct dns_answer){ .rc = RC_IO, .rcode = a->rcode };
		snprintf(a->why, sizeof(a->why), "it has no authority for this name (RFC 1035 §4.1.1: AA is not set)");
	}
	finish(q);
}

static struct bytes query_of(const struct dns_direct *q)
{
	return bytes_of(q->query + TCP_PREFIX, q->query_len);
}

/* --- TCP --- */

static void on_tcp_readable(evutil_socket_t fd, short what, void *arg)
{
	struct dns_direct *q = arg;
	size_t want = TCP_PREFIX;
	ssize_t n;

	(void)what;
	if (q->response_len >= TCP_PREFIX)
		want += (size_t)q->response[0] << 8 | q->response[1];
	n = read(fd, q->response + q->response_len, want - q->response_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n == 0)
			fail(q, "it closed the connection");
		else
			fail_errno(q, errno);
		return;
	}
	q->response_len += (size_t)n;
	if (q->response_len < TCP_PREFIX ||
	    q->response_len < TCP_PREFIX + ((size_t)q->response[0] << 8 | q->response[1]))
		return;
	if (dns_reply_match(bytes_of(q->response + TCP_PREFIX, q->response_len - TCP_PREFIX), query_of(q)) !=
	    DNS_REPLY_WHOLE) {
		fail(q, "RFC 5452 §9.1: it answers another question");
		return;
	}
	accept_response(q, bytes_of(q->response + TCP_PREFIX, q->response_len - TCP_PREFIX));
}

static bool watch(struct dns_direct *q, short what, event_callback_fn fn)
{
	if (q->event)
		event_free(q->event);
	q->event = event_new(loop_event_base(q->loop), q->fd, what, fn, q);
	return q->event && event_add(q->event, NULL) == 0;
}

static void on_tcp_connected(evutil_socket_t fd, short what, void *arg)
{
	struct dns_direct *q = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err != 0) {
		fail_errno(q, err);
		return;
	}
	/* So little always fits into the buffer of a new connection. */
	if (send(fd, q->query, TCP_PREFIX + q->query_len, MSG_NOSIGNAL) != (ssize_t)(TCP_PREFIX + q->query_len))
		fail_errno(q, errno);
	else if (!watch(q, EV_READ | EV_PERSIST, on_tcp_readable))
		fail_nomem(q);
}

/* --- asking --- */

static void write_query(struct dns_direct *q, bool mix_case)
{
	struct dns_name name = q->name;
	uint16_t id;

	random_bytes(&id, sizeof(id));
	if (mix_case)
		dns_name_mix_case(&name);
	q->query_len = dns_query_write(q->query + TCP_PREFIX, id, &name, q->type);
	q->query[0] = (uint8_t)(q->query_len >> 8);
	q->query[1] = (uint8_t)q->query_len;
}

/* A new socket, and so a port that nobody knows. False: fail() has been called. */
static bool dial(struct dns_direct *q, int type)
{
	hang_up(q);
	q->fd = socket(q->server.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd >= 0 && (connect(q->fd, &q->server.sa, q->server.len) == 0 || errno == EINPROGRESS))
		return true;
	fail_errno(q, errno);
	return false;
}

static void ask_tcp(struct dns_direct *q)
{
	q->tries = TRIES;
	q->response_len = 0;
	q->response = malloc(TCP_OCTETS);
	write_query(q, false);
	if (!q->response) {
		fail_nomem(q);
		return;
	}
	if (!dial(q, SOCK_STREAM))
		return;
	if (!watch(q, EV_WRITE, on_tcp_connected)) {
		fail_nomem(q);
		return;
	}
	loop_timer_set(q->timer, q->share_ms);
}

static void on_udp_readable(evutil_socket_t fd, short what, void *arg)
{
	struct dns_direct *q = arg;
	uint8_t packet[DNS_UDP_OCTETS];
	ssize_t n = recv(fd, packet, sizeof(packet), 0);

	(void)what;
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail_errno(q, errno);
		return;
	}
	switch (dns_reply_match(bytes_of(packet, (size_t)n), query_of(q))) {
	case DNS_REPLY_FOREIGN:
		return;
	case DNS_REPLY_TRUNCATED:
		q->truncated = true;
		ask_tcp(q);
		return;
	case DNS_REPLY_WHOLE:
		accept_response(q, bytes_of(packet, (size_t)n));
		return;
	}
}

static void ask_udp(struct dns_direct *q)
{
	q->tries++;
	write_query(q, true);
	if (!dial(q, SOCK_DGRAM))
		return;
	if (send(q->fd, q->query + TCP_PREFIX, q->query_len, MSG_NOSIGNAL) != (ssize_t)q->query_len)
		fail_errno(q, errno);
	else if (!watch(q, EV_READ | EV_PERSIST, on_udp_readable))
		fail_nomem(q);
	else
		loop_timer_set(q->timer, q->share_ms);
}

static void on_timer(void *arg)
{
	struct dns_direct *q = arg;

	if (q->failed) {
		finish(q);
	} else if (q->tries < UDP_TRIES) {
		ask_udp(q);
	} else if (q->tries < TRIES) {
		ask_tcp(q);
	} else {
		q->answer = (struct dns_answer){ .rc = RC_TIMEOUT };
		finish(q);
	}
}

enum rc dns_direct_ask(struct loop *l, const struct dns_direct_spec *spec,
		       void (*done)(void *arg, const struct dns_answer *answer), void *arg,
		       struct dns_direct **out)
{
	struct dns_direct *q = calloc(1, sizeof(*q));
	enum rc rc;

	if (!q)
		return RC_NOMEM;
	*q = (struct dns_direct){ .loop = l, .fd = -1, .done = done, .arg = arg, .server = spec->server,
				  .type = spec->type, .share_ms = spec->timeout_ms / TRIES };
	arena_init(&q->arena, ARENA_MAX);
	rc = dns_name_parse(spec->name, &q->name) ? loop_timer_new(l, on_timer, q, &q->timer) : RC_INVALID;
	if (rc != RC_OK) {
		direct_free(q);
		return rc;
	}
	ask_udp(q);
	*out = q;
	return RC_OK;
}

void dns_direct_cancel(struct dns_direct *q)
{
	if (q)
		direct_free(q);
}
