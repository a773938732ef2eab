/* http_impl.h - what http_server.c (listening, deadlines, draining), http_conn.c (one connection)
 * and http_reply.c (the octets of a reply) share. Private to these three. */
#ifndef ASSAY_NET_HTTP_IMPL_H
#define ASSAY_NET_HTTP_IMPL_H

#include <event2/event.h>

#include "net/http_server.h"
#include "net/tls_conn.h"

#define HANDSHAKE_S 10
#define HEADER_S 10
#define REQUEST_S 30
#define IDLE_S 75
#define SEND_S 30
#define LINGER_S 5
#define DRAIN_IDLE_S 2 /* for a connection that was just accepted when draining began */

/* A turn of the deadline wheel, in seconds: more than the longest deadline and its rounding. */
#define WHEEL_SLOTS 128
_Static_assert(IDLE_S + 2 < WHEEL_SLOTS, "every deadline lies within one turn");

#define INPUT_MAX (16 * 1024)          /* one TLS record */
#define REPLY_MAX (64 * 1024 * 1024)
#define REPLY_KEEP (64 * 1024)         /* of the block that replies are put together in */
#define SPARE_EXCHANGES 32

struct http_exchange {
	struct http_exchange *next, **at; /* in server->pending while the handler has it, else spare */
	struct http_server *server;       /* NULL when the server was freed */
	struct http_conn *conn;           /* NULL when the connection is gone */
	struct http1_parser *parser;      /* owns the request's memory */
	struct http_request request;
	struct addr peer;
	bool is_unix, is_tls;
	unsigned uid, gid;
	int pid;
	void *user;
};

enum conn_state {
	CONN_PROXY,   /* the peer is a proxy that must say first whom it speaks for */
	CONN_HANDSHAKE,
	CONN_OPEN,    /* idle or reading a request */
	CONN_WAITING, /* the handler has the exchange; nothing is read */
	CONN_SENDING, /* out holds what the socket did not take yet */
	CONN_LINGER,  /* our side is closed; waits for the peer's end (RFC 9112 §9.6) */
};

/* The caller's octets, until they are sent or nobody can be sent them. */
struct held_body {
	struct bytes octets;
	void (*free)(void *arg); /* NULL: there is none */
	void *arg;
};

struct http_conn {
	struct loop_work work; /* first: reads on without an event of the socket */
	struct http_server *server;
	struct http_conn *next, **at;           /* in server->conns */
	struct http_conn *slot_next, **slot_at; /* in a slot of the wheel; slot_at NULL: no deadline */
	int64_t due_tick;
	enum conn_state state;
	bool reading, writing; /* which event is set */
	bool close_after;      /* SENDING: the reply is the last */
	bool feeding;          /* conn_feed() is on the stack and goes on by itself */
	bool posted;           /* the loop has work */
	bool dead;             /* closed; freed when neither entered nor posted */
	unsigned entered;      /* calls on the stack that still use it */
	int fd;
	struct tls_server *tls_server; /* NULL: plain */
	struct tls_conn *tls;
	struct proxy_reader proxy;
	struct event *read_event, *write_event; /* write_event: made when first needed */
	struct http_exchange *x;  /* being read, or with the handler; NULL when idle */
	int64_t request_tick;     /* when the first octets of an incomplete request came */
	uint8_t *rest;            /* octets of later requests that were read with an earlier one */
	size_t rest_at, rest_len;
	struct buf out;
	struct held_body held; /* follows out */
	size_t out_at;         /* of both */
	size_t discarded; /* LINGER */
	struct addr peer;
	bool is_unix;
	unsigned uid, gid;
	int pid;
	char peer_text[ADDR_TEXT_MAX]; /* for the TLS alerts */
};

struct listener {
	struct listener *next;
	struct http_server *server;
	struct event *event;
	int fd;
	struct tls_server *tls;
	bool is_unix;
	char *path; /* of a Unix socket that we made */
	uint64_t path_dev, path_ino;
};

/* Posted when draining is done; outlives the server if need be. */
struct drain_work {
	struct loop_work work;
	struct http_server *server;
};

struct http_server {
	struct http_server_options options;
	struct listener *listeners;
	bool accepting;
	struct loop_timer *accept_timer; /* ends a pause for want of descriptors */

	struct http_conn *conns;
	unsigned conn_count;
	struct http_conn *wheel[WHEEL_SLOTS];
	int64_t wheel_tick; /* all slots up to here were looked at */
	struct loop_timer *tick_timer;

	struct http_exchange *pending;
	struct http_exchange *spare;
	unsigned spare_count;

	struct drain_work *drain_work; /* NULL once posted */
	struct drain_work *drain_posted;
	bool draining;
	void (*on_drained)(void *arg);
	void *on_drained_arg;

	struct buf reply;        /* where replies are put together */
	struct bytes reply_held; /* what follows it from the caller's own octets, or nothing */
	int64_t date_at_s;
	char date[32];
	uint8_t input[INPUT_MAX];
};

/* --- http_conn.c --- */

/* Takes the fd. l says TLS or not; peer is NULL for a Unix socket. */
void conn_new(struct listener *l, int fd, const struct addr *peer);
/* At once, without a farewell. */
void conn_close(struct http_conn *c);
bool conn_is_idle(const struct http_conn *c);
void conn_close_idle(struct http_conn *c);
/* Its deadline has passed. */
void conn_expired(struct http_conn *c);
void exchange_free(struct http_exchange *x);

/* --- http_server.c --- */

/* Sets, moves or (seconds < 0) clears the deadline, counted from from_tick. */
void conn_set_deadline(struct http_conn *c, int64_t from_tick, int seconds);
int64_t server_tick(void);
/* After a connection or a pending exchange has gone. */
void server_on_gone(struct http_server *s);

/* --- http_reply.c --- */

/* Puts the reply's octets into s->reply and s->reply_held. False: it does not fit. head_only: for
 * HEAD. */
bool reply_put(struct http_server *s, const struct http_reply *reply, bool head_only, bool close);
/* The same for what is refused before any handler sees it. */
bool reply_put_refusal(struct http_server *s, int status, const char *why, bool head_only);

#endif
