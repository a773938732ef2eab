/* tls_probe.c - the life of one probe:
 *
 *   resolve, vet (targets.c) -> connect -> handshake -> finished <--- deadline, at any time
 *                                  | cannot connect
 *                                  v
 *                              the next address
 *
 * Finished probes are delivered in a later turn of the loop, so that done never runs inside
 * tls_probe_start(). A prober with a relay (relay.h) only delivers. The certificate is not looked at by libssl beyond what the handshake needs: path
 * building for a hostile chain would only cost time. */
#include "net/tls_probe.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/relay.h"
#include "net/targets.h"
#include "net/trace.h"

/* SSL_OP_NO_TX_CERTIFICATE_COMPRESSION and _RX_ of OpenSSL 3.2 and later, as in tls.c. */
#define NO_CERTIFICATE_COMPRESSION (UINT64_C(3) << 32)
#define ALPN_MAX 255 /* RFC 7301 §3.1 */

struct tls_probe {
	TAILQ_ENTRY(tls_probe) link; /* in prober->open or prober->finished */
	struct tls_prober *prober;
	void (*done)(void *arg, const struct tls_probe_result *result);
	void *arg;
	bool finished;

	struct addr_policy policy;
	char host[LIMIT_NAME + 1], server_name[LIMIT_NAME + 1];
	const char *alpn;
	bool is_literal;
	struct addr literal;
	uint16_t port;
	struct loop_timer *timer; /* the deadline, or the time of this address to connect */
	int64_t deadline_ms, due_ms, step_ms;

	struct targets targets;
	struct addr peer; /* that is dialled */
	int fd;           /* -1: none */
	SSL *ssl;         /* NULL until connected */
	struct event *ready;
	struct errand *errand; /* instead of all these, with a relay */

	uint8_t *certificate; /* owned */
	char chosen[ALPN_MAX];
	struct buf trace;
	struct tls_probe_result result;
};

TAILQ_HEAD(tls_probe_list, tls_probe);

struct tls_prober {
	struct loop *loop;
	SSL_CTX *ctx;        /* NULL with a relay */
	struct relay *relay; /* NULL: looks itself */
	struct event *deliver;
	struct tls_probe_list open, finished;
};

static void dial(struct tls_probe *op);

static int64_t since_ms(const struct tls_probe *op)
{
	return clock_mono_ms() - op->step_ms;
}

/* --- the end --- */

static void hang_up(struct tls_probe *op)
{
	if (op->ready)
		event_free(op->ready);
	op->ready = NULL;
	SSL_free(op->ssl);
	op->ssl = NULL;
	if (op->fd >= 0)
		close(op->fd);
	op->fd = -1;
}

/* Lets go of everything that could still call us. */
static void stop(struct tls_probe *op)
{
	targets_cancel(&op->targets);
	hang_up(op);
	if (op->errand)
		op->prober->relay->ops->cancel(op->errand);
	op->errand = NULL;
	if (op->timer)
		loop_timer_clear(op->timer);
}

static void finish(struct tls_probe *op, enum rc rc, enum problem problem, bool transient, const char *fmt,
		   ...) PRINTF_LIKE(5, 6);
static void finish(struct tls_probe *op, enum rc rc, enum problem problem, bool transient, const char *fmt,
		   ...)
{
	struct tls_prober *p = op->prober;
	char raw[sizeof(op->result.why)];
	va_list args;

	stop(op);
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	str_printable(str_of(raw), op->result.why, sizeof(op->result.why));
	op->result.rc = rc;
	op->result.problem = problem;
	op->result.transient = transient;
	op->finished = true;
	TAILQ_REMOVE(&p->open, op, link);
	TAILQ_INSERT_TAIL(&p->finished, op, link);
	event_active(p->deliver, EV_TIMEOUT, 1);
}

static void finish_internal(struct tls_probe *op, enum rc rc)
{
	finish(op, rc, PROBLEM_SERVER_INTERNAL, true, "this server could not make the connection: %s",
	       rc_text(rc));
}

static void probe_free(struct tls_probe *op)
{
	stop(op);
	loop_timer_free(op->timer);
	TAILQ_REMOVE(op->finished ? &op->prober->finished : &op->prober->open, op, link);
	OPENSSL_free(op->certificate);
	buf_done(&op->trace);
	free(op);
}

static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct tls_prober *p = arg;
	size_t count = 0;
	struct tls_probe *op;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(op, &p->finished, link)
		count++;
	while (count-- > 0 && (op = TAILQ_FIRST(&p->finished))) {
		op->result.trace = buf_str(&op->trace);
		op->done(op->arg, &op->result);
		probe_free(op);
	}
	if (!TAILQ_EMPTY(&p->finished))
		event_active(p->deliver, EV_TIMEOUT, 1);
}

static void deadline(struct tls_probe *op)
{
	char peer[ADDR_TEXT_MAX];

	if (op->fd < 0) {
		trace_add(&op->trace, "dns %s: no answer (%lld ms)", op->host, (long long)since_ms(op));
		finish(op, RC_TIMEOUT, PROBLEM_DNS, true, "the DNS did not answer for %s within %lld ms",
		       op->host, (long long)op->deadline_ms);
		return;
	}
	addr_text(&op->peer, peer);
	if (!op->ssl) {
		trace_add(&op->trace, "connect %s: timed out (%lld ms)", peer, (long long)since_ms(op));
		targets_failed(&op->targets, "timed out");
		finish(op, RC_TIMEOUT, PROBLEM_CONNECTION, true, "could not connect to %s: %s", op->host,
		       op->targets.failures);
		return;
	}
	trace_add(&op->trace, "tls %s: the handshake timed out (%lld ms)", peer, (long long)since_ms(op));
	finish(op, RC_TIMEOUT, PROBLEM_TLS, true, "no TLS with %s (%s): the handshake timed out", op->host,
	       peer);
}

static void not_connected(struct tls_probe *op, const char *text)
{
	char peer[ADDR_TEXT_MAX];

	addr_text(&op->peer, peer);
	trace_add(&op->trace, "connect %s: %s (%lld ms)", peer, text, (long long)since_ms(op));
	targets_failed(&op->targets, text);
	hang_up(op);
	dial(op);
}

static void on_timer(void *arg)
{
	struct tls_probe *op = arg;
	int64_t left_ms = op->due_ms - clock_mono_ms();

	if (left_ms <= 0) {
		deadline(op);
		return;
	}
	loop_timer_set(op->timer, left_ms);
	if (op->fd >= 0 && !op->ssl)
		not_connected(op, "timed out");
}

/* --- the handshake --- */

/* What libssl calls it, in the words of the RFCs where it matters. */
static const char *tls_error_text(void)
{
	unsigned long err = ERR_peek_error();
	const char *text;

	if (ERR_GET_LIB(err) == ERR_LIB_SSL) {
		switch (ERR_GET_REASON(err)) {
		case SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL:
			return "it refused the protocol (alert no_application_protocol, RFC 7301 §3.2)";
		case SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME:
			return "it does not know the name (alert unrecognized_name, RFC 6066 §3)";
		case SSL_R_UNSUPPORTED_PROTOCOL:
		case SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION:
			return "it speaks neither TLS 1.2 nor TLS 1.3";
		case SSL_R_WRONG_VERSION_NUMBER:
			return "what answers there is not TLS";
		case SSL_R_UNEXPECTED_EOF_WHILE_READING:
			return "it closed the connection during the handshake";
		default:
			break;
		}
	}
	text = ERR_reason_error_string(err);
	return text ? text : "it broke the connection during the handshake";
}

static void handshake_done(struct tls_probe *op)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(op->ssl);
	struct tls_probe_result *r = &op->result;
	const unsigned char *chosen;
	char peer[ADDR_TEXT_MAX];
	unsigned chosen_len;
	int len;

	addr_text(&op->peer, peer);
	SSL_get0_alpn_selected(op->ssl, &chosen, &chosen_len);
	if (chosen_len > 0 && chosen_len <= sizeof(op->chosen)) {
		memcpy(op->chosen, chosen, chosen_len);
		r->alpn = (struct str){ op->chosen, chosen_len };
	}
	r->certificate_count = chain ? (size_t)sk_X509_num(chain) : 0;
	if (r->certificate_count > 0) {
		len = i2d_X509(sk_X509_value(chain, 0), &op->certificate);
		if (len <= 0) {
			ERR_clear_error();
			finish_internal(op, RC_NOMEM);
			return;
		}
		r->certificate = bytes_of(op->certificate, (size_t)len);
	}
	trace_add(&op->trace, "tls %s: %s, SNI %s, ALPN %.*s, %zu certificate%s (%lld ms)", peer,
		  SSL_get_version(op->ssl), op->server_name, r->alpn.p ? (int)r->alpn.len : 4,
		  r->alpn.p ? r->alpn.p : "none", r->certificate_count, r->certificate_count == 1 ? "" : "s",
		  (long long)since_ms(op));
	/* close_notify, and nothing before it (RFC 8737 §3: no application data). */
	(void)SSL_shutdown(op->ssl);
	ERR_clear_error();
	finish(op, RC_OK, PROBLEM_NONE, false, "%s showed a certificate", op->host);
}

static void watch(struct tls_probe *op, short what);

static void handshake(struct tls_probe *op)
{
	char peer[ADDR_TEXT_MAX];
	const char *text;
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(op->ssl);
	if (ret == 1) {
		handshake_done(op);
		return;
	}
	switch (SSL_get_error(op->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		watch(op, EV_READ);
		return;
	case SSL_ERROR_WANT_WRITE:
		watch(op, EV_WRITE);
		return;
	default:
		break;
	}
	addr_text(&op->peer, peer);
	text = tls_error_text();
	ERR_clear_error();
	trace_add(&op->trace, "tls %s: %s (%lld ms)", peer, text, (long long)since_ms(op));
	finish(op, RC_UNAVAILABLE, PROBLEM_TLS, true, "no TLS with %s (%s): %s", op->host, peer, text);
}

static bool begin_tls(struct tls_probe *op)
{
	uint8_t offer[1 + ALPN_MAX];
	size_t len = strlen(op->alpn);

	offer[0] = (uint8_t)len;
	memcpy(offer + 1, op->alpn, len);
	op->ssl = SSL_new(op->prober->ctx);
	return op->ssl && SSL_set_fd(op->ssl, op->fd) == 1 &&
	       SSL_set_alpn_protos(op->ssl, offer, (unsigned)(1 + len)) == 0 &&
	       SSL_set_tlsext_host_name(op->ssl, op->server_name) == 1;
}

static void connected(struct tls_probe *op)
{
	char peer[ADDR_TEXT_MAX];

	addr_text(&op->peer, peer);
	trace_add(&op->trace, "connect %s: ok (%lld ms)", peer, (long long)since_ms(op));
	op->result.dialled = op->peer;
	op->step_ms = clock_mono_ms();
	loop_timer_set(op->timer, op->due_ms > op->step_ms ? op->due_ms - op->step_ms : 0);
	if (!begin_tls(op)) {
		ERR_clear_error();
		finish_internal(op, RC_NOMEM);
		return;
	}
	SSL_set_connect_state(op->ssl);
	handshake(op);
}

/* --- the connection --- */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct tls_probe *op = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)what;
	if (op->ssl) {
		handshake(op);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		err = errno;
	if (err != 0)
		not_connected(op, targets_errno_text(err));
	else
		connected(op);
}

/* Calls on_ready once. */
static void watch(struct tls_probe *op, short what)
{
	if (op->ready)
		event_free(op->ready);
	op->ready = event_new(loop_event_base(op->prober->loop), op->fd, what, on_ready, op);
	if (!op->ready || event_add(op->ready, NULL) != 0)
		finish_internal(op, RC_NOMEM);
}

/* Begins to connect to the peer; 0 or errno. */
static int connect_to(struct tls_probe *op)
{
	op->fd = socket(op->peer.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (op->fd < 0)
		return errno;
	return connect(op->fd, &op->peer.sa, op->peer.len) == 0 || errno == EINPROGRESS ? 0 : errno;
}

/* Dials the next address. */
static void dial(struct tls_probe *op)
{
	char peer[ADDR_TEXT_MAX];
	int64_t share_ms;
	int err;

	for (;;) {
		op->step_ms = clock_mono_ms();
		if (!targets_next(&op->targets, op->due_ms - op->step_ms, &op->peer, &share_ms)) {
			finish(op, RC_UNAVAILABLE, PROBLEM_CONNECTION, true, "could not connect to %s: %s",
			       op->host, op->targets.failures);
			return;
		}
		err = connect_to(op);
		if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM) {
			finish_internal(op, RC_BUSY);
			return;
		}
		if (err == 0) {
			loop_timer_set(op->timer, share_ms);
			watch(op, EV_WRITE);
			return;
		}
		addr_text(&op->peer, peer);
		trace_add(&op->trace, "connect %s: %s", peer, targets_errno_text(err));
		targets_failed(&op->targets, targets_errno_text(err));
		hang_up(op);
	}
}

static void on_found(void *arg)
{
	struct tls_probe *op = arg;
	struct targets *t = &op->targets;

	if (t->rc == RC_OK)
		dial(op);
	else
		finish(op, t->rc, t->problem, t->transient, "%s", t->why);
}

/* --- with a relay --- */

static void on_seen(void *arg, const struct tls_probe_result *r)
{
	struct tls_probe *op = arg;

	op->errand = NULL;
	op->result.dialled = r->dialled;
	op->result.certificate_count = r->certificate_count;
	if (r->alpn.p && r->alpn.len <= sizeof(op->chosen)) {
		memcpy(op->chosen, r->alpn.p, r->alpn.len);
		op->result.alpn = (struct str){ op->chosen, r->alpn.len };
	}
	if (r->certificate.len) {
		op->certificate = OPENSSL_memdup(r->certificate.p, r->certificate.len);
		op->result.certificate = bytes_of(op->certificate, r->certificate.len);
	}
	buf_add_str(&op->trace, r->trace);
	if ((r->certificate.len && !op->certificate) || !buf_ok(&op->trace))
		finish_internal(op, RC_NOMEM);
	else
		finish(op, r->rc, r->problem, r->transient, "%s", r->why);
}

/* --- starting --- */

static bool set_names(struct tls_probe *op, const struct tls_probe_request *r)
{
	if (r->host.len == 0 || r->host.len >= sizeof(op->host) || r->server_name.len == 0 ||
	    r->server_name.len >= sizeof(op->server_name) || strlen(r->alpn) > ALPN_MAX || !*r->alpn ||
	    memchr(r->host.p, '\0', r->host.len) || memchr(r->server_name.p, '\0', r->server_name.len))
		return false;
	memcpy(op->host, r->host.p, r->host.len);
	memcpy(op->server_name, r->server_name.p, r->server_name.len);
	op->is_literal = addr_ip_parse(r->host, r->port, &op->literal);
	return true;
}

enum rc tls_probe_start(struct tls_prober *p, const struct tls_probe_request *r,
			void (*done)(void *arg, const struct tls_probe_result *result), void *arg,
			struct tls_probe **out)
{
	struct tls_probe *op = calloc(1, sizeof(*op));
	struct targets_spec spec;
	enum rc rc;

	if (!op)
		return RC_NOMEM;
	op->prober = p;
	op->done = done;
	op->arg = arg;
	op->fd = -1;
	op->policy = *r->policy;
	op->alpn = r->alpn;
	op->port = r->port;
	op->deadline_ms = r->deadline_ms;
	op->step_ms = clock_mono_ms();
	op->due_ms = op->step_ms + r->deadline_ms;
	buf_init(&op->trace, LIMIT_TRACE);
	TAILQ_INSERT_TAIL(&p->open, op, link);
	if (!set_names(op, r))
		rc = RC_INVALID;
	else if (p->relay)
		rc = p->relay->ops->handshake(p->relay, r, on_seen, op, &op->errand);
	else
		rc = loop_timer_new(p->loop, on_timer, op, &op->timer);
	if (rc != RC_OK) {
		probe_free(op);
		return rc;
	}
	*out = op;
	if (p->relay)
		return RC_OK;
	loop_timer_set(op->timer, r->deadline_ms);
	spec = (struct targets_spec){
		.host = op->host,
		.literal = op->is_literal ? &op->literal : NULL,
		.port = op->port,
		.policy = &op->policy,
		.resolver = r->resolver,
		.trace = &op->trace,
		.found = on_found,
		.arg = op,
	};
	targets_find(&op->targets, &spec);
	return RC_OK;
}

void tls_probe_cancel(struct tls_probe *op)
{
	if (op)
		probe_free(op);
}

/* Whose certificate it is and what it says is for the caller to judge. */
static int on_verify(X509_STORE_CTX *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 1;
}

static SSL_CTX *client_context(void)
{
	SSL_CTX *ctx;

	/* No openssl.cnf: what is spoken is decided here alone. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return NULL;
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return NULL;
	/* What a challenge responder may be built with; nothing secret crosses this connection. */
	SSL_CTX_set_security_level(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
				 NO_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
	SSL_CTX_set_max_cert_list(ctx, 2 * LIMIT_CERT_BYTES);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static enum rc new_prober(struct loop *l, struct relay *relay, struct tls_prober **out)
{
	struct tls_prober *p = calloc(1, sizeof(*p));

	if (!p)
		return RC_NOMEM;
	TAILQ_INIT(&p->open);
	TAILQ_INIT(&p->finished);
	p->loop = l;
	p->relay = relay;
	if (!relay)
		p->ctx = client_context();
	p->deliver = event_new(loop_event_base(l), -1, 0, on_deliver, p);
	if ((!relay && !p->ctx) || !p->deliver) {
		ERR_clear_error();
		tls_prober_free(p);
		return RC_NOMEM;
	}
	*out = p;
	return RC_OK;
}

enum rc tls_prober_new(struct loop *l, struct tls_prober **out)
{
	return new_prober(l, NULL, out);
}

enum rc tls_prober_new_relayed(struct loop *l, struct relay *relay, struct tls_prober **out)
{
	return new_prober(l, relay, out);
}

void tls_prober_free(struct tls_prober *p)
{
	struct tls_probe *op;

	if (!p)
		return;
	while ((op = TAILQ_FIRST(&p->open)) || (op = TAILQ_FIRST(&p->finished)))
		probe_free(op);
	SSL_CTX_free(p->ctx);
	if (p->deliver)
		event_free(p->deliver);
	free(p);
}
