/* net_kit.c - see net_kit.h. */
#include "net_kit.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define MUST(ok)                                                               \
	do {                                                                   \
		if (!(ok)) {                                                   \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #ok); \
			abort();                                               \
		}                                                              \
	} while (0)

void kit_cert_init(struct kit_cert *c, const char *name)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_NAME_new();

	c->der = NULL;
	MUST(privkey_generate(KEY_P256, 0, &c->key) == RC_OK);
	MUST(x && subject);
	MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
					-1, 0) == 1);
	MUST(X509_set_version(x, X509_VERSION_3) == 1);
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
	MUST(X509_set_subject_name(x, subject) == 1 && X509_set_issuer_name(x, subject) == 1);
	MUST(X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL);
	MUST(X509_gmtime_adj(X509_getm_notAfter(x), 3600) != NULL);
	MUST(X509_set_pubkey(x, privkey_evp(c->key)) == 1);
	MUST(X509_sign(x, privkey_evp(c->key), EVP_sha256()) > 0);
	c->len = (size_t)i2d_X509(x, &c->der);
	MUST(c->der);
	X509_NAME_free(subject);
	X509_free(x);
}

void kit_cert_done(struct kit_cert *c)
{
	privkey_free(c->key);
	OPENSSL_free(c->der);
}

void kit_use_cert(struct tls_server *t, const struct kit_cert *c)
{
	struct bytes chain = bytes_of(c->der, c->len);

	MUST(tls_server_set_certificate(t, &chain, 1, c->key, NULL) == RC_OK);
}

static void run_loop(void *arg)
{
	loop_run(arg);
}

void kit_server_start(struct kit_server *k, struct http_server_options options,
		      const struct kit_cert *cert,
		      void (*on_alert)(void *arg, const char *peer, const char *alert), void *arg)
{
	struct tls_server_options tls = { .on_alert = on_alert, .arg = arg };
	struct addr any = addr_from_ip((const uint8_t[4]){ 127, 0, 0, 1 }, 4, 0);

	memset(k, 0, sizeof(*k));
	MUST(loop_new(&k->loop) == RC_OK);
	options.loop = k->loop;
	if (cert) {
		MUST(tls_server_new(&tls, &k->tls, NULL) == RC_OK);
		kit_use_cert(k->tls, cert);
	}
	MUST(http_server_new(&options, &k->http) == RC_OK);
	MUST(http_server_listen(k->http, &any, k->tls, &k->addr, NULL) == RC_OK);
	MUST(thread_start(&k->thread, "loop", run_loop, k->loop) == RC_OK);
}

static void free_server(void *arg)
{
	struct kit_server *k = arg;

	http_server_free(k->http);
	k->http = NULL;
}

void kit_server_stop(struct kit_server *k)
{
	kit_call(k->loop, free_server, k);
	loop_stop(k->loop);
	thread_join(&k->thread);
	tls_server_free(k->tls);
	loop_free(k->loop);
}

struct call {
	struct loop_work work;
	void (*fn)(void *arg);
	void *arg;
	struct queue done;
	struct queue_item item;
};

static void run_call(struct loop_work *w)
{
	struct call *call = (struct call *)w;

	call->fn(call->arg);
	queue_put(&call->done, &call->item);
}

void kit_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct call call = { .work.fn = run_call, .fn = fn, .arg = arg };

	queue_init(&call.done);
	loop_post(l, &call.work);
	queue_take_all(&call.done);
	queue_done(&call.done);
}

static void check_timers(void *arg)
{
	loop_timers_check(arg);
}

void kit_advance_ms(struct loop *l, int64_t ms)
{
	clock_fake_advance_ms(ms);
	kit_call(l, check_timers, l);
}

static void count_connections(void *arg)
{
	struct {
		struct http_server *s;
		unsigned n;
	} *q = arg;

	q->n = http_server_connections(q->s);
}

unsigned kit_connections(struct kit_server *k)
{
	struct {
		struct http_server *s;
		unsigned n;
	} q = { k->http, 0 };

	kit_call(k->loop, count_connections, &q);
	return q.n;
}

SSL_CTX *kit_client_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	MUST(ctx);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

int kit_connect(const struct addr *a, int rcvbuf)
{
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	MUST(fd >= 0);
	/* As every ACME client does; else each request after the handshake waits for a delayed ACK. */
	MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
	/* So that a fault shows as a failed test instead of one that never ends. */
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
	if (rcvbuf)
		MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) == 0);
	MUST(connect(fd, &a->sa, a->len) == 0);
	return fd;
}

void kit_client_open_on(struct kit_client *c, int fd, SSL_CTX *ctx)
{
	c->fd = fd;
	c->ssl = NULL;
	if (!ctx)
		return;
	c->ssl = SSL_new(ctx);
	MUST(c->ssl && SSL_set_fd(c->ssl, c->fd) == 1);
	MUST(SSL_connect(c->ssl) == 1);
}

void kit_client_open(struct kit_client *c, const struct addr *a, SSL_CTX *ctx)
{
	kit_client_open_on(c, kit_connect(a, 0), ctx);
}

void kit_client_close(struct kit_client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
}

void kit_send(struct kit_client *c, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = c->ssl ? SSL_write(c->ssl, at, (int)len)
				   : send(c->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the server has closed: the reply tells why */
		at += n;
		len -= (size_t)n;
	}
}

void kit_send_text(struct kit_client *c, const char *text)
{
	kit_send(c, text, strlen(text));
}

ssize_t kit_recv(struct kit_client *c, void *p, size_t len)
{
	ssize_t n;

	if (!c->ssl) {
		n = recv(c->fd, p, len, 0);
		MUST(n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK));
		return n;
	}
	n = SSL_read(c->ssl, p, (int)len);
	if (n > 0)
		return n;
	MUST(SSL_get_error(c->ssl, (int)n) != SSL_ERROR_WANT_READ);
	return SSL_get_error(c->ssl, (int)n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t kit_recv_all(struct kit_client *c, char *p, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while ((n = kit_recv(c, p + len, cap - 1 - len)) > 0) {
		len += (size_t)n;
		MUST(len < cap - 1);
	}
	p[len] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

size_t kit_recv_head(struct kit_client *c, char *p, size_t cap)
{
	size_t len = 0;

	do {
		MUST(len + 1 < cap);
		MUST(kit_recv(c, p + len, 1) == 1);
		p[++len] = '\0';
	} while (len < 4 || memcmp(p + len - 4, "\r\n\r\n", 4) != 0);
	return len;
}

size_t kit_recv_reply(struct kit_client *c, char *p, size_t cap)
{
	size_t len = kit_recv_head(c, p, cap);
	const char *field = strstr(p, "\r\nContent-Length: ");
	size_t end;

	MUST(field);
	end = len + strtoul(field + 18, NULL, 10);
	MUST(end < cap);
	while (len < end) {
		ssize_t n = kit_recv(c, p + len, end - len);

		MUST(n > 0);
		len += (size_t)n;
	}
	p[len] = '\0';
	return len;
}
