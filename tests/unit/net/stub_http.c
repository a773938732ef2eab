/* stub_http.c - the HTTP server for tests. */
#include "stub_http.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

struct stub_http {
	struct thread thread;
	int listener, stop;
	uint16_t port;
	SSL_CTX *tls;
	void (*serve)(void *arg, const struct stub_request *r);
	void *arg;
	atomic_uint connections;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static SSL_CTX *self_signed(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name;

	must(ctx && key && cert);
	name = X509_get_subject_name(cert);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"nobody", -1, -1, 0) &&
	     X509_set_issuer_name(cert, name) && X509_gmtime_adj(X509_getm_notBefore(cert), -20) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), -10) /* expired, too */ &&
	     X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()) &&
	     SSL_CTX_use_certificate(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key));
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

bool stub_http_send(const struct stub_request *r, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = r->ssl ? SSL_write(r->ssl, p, (int)len) : send(r->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool stub_http_sendf(const struct stub_request *r, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return stub_http_send(r, text, (size_t)len);
}

void stub_http_wait(const struct stub_request *r)
{
	struct pollfd p[] = { { .fd = r->server->stop, .events = POLLIN },
			      { .fd = r->fd, .events = POLLIN } };

	(void)poll(p, 2, -1);
}

static ssize_t receive(const struct stub_request *r, char *p, size_t len)
{
	struct pollfd polls[] = { { .fd = r->server->stop, .events = POLLIN },
				  { .fd = r->fd, .events = POLLIN } };

	if (r->ssl)
		return SSL_read(r->ssl, p, (int)len);
	(void)poll(polls, 2, -1);
	return polls[0].revents ? 0 : recv(r->fd, p, len, 0);
}

static bool read_head(struct stub_request *r)
{
	const char *host;
	size_t len = 0;

	while (len + 1 < sizeof(r->head)) {
		ssize_t n = receive(r, r->head + len, sizeof(r->head) - 1 - len);

		if (n <= 0)
			return false;
		len += (size_t)n;
		r->head[len] = '\0';
		if (strncmp(r->head, "GET ", len < 4 ? len : 4) != 0)
			return false; /* a ClientHello */
		if (!strstr(r->head, "\r\n\r\n"))
			continue;
		host = strstr(r->head, "\r\nHost: ");
		must(sscanf(r->head, "GET %2199s HTTP/1.1\r\n", r->path) == 1);
		must(host && sscanf(host, "\r\nHost: %299[^\r]", r->host) == 1);
		return true;
	}
	return false;
}

static void serve_one(struct stub_http *s, int fd)
{
	struct stub_request r = { .server = s, .fd = fd };

	atomic_fetch_add(&s->connections, 1);
	if (s->tls) {
		r.ssl = SSL_new(s->tls);
		must(r.ssl && SSL_set_fd(r.ssl, fd));
		if (SSL_accept(r.ssl) == 1 && read_head(&r)) {
			s->serve(s->arg, &r);
			SSL_shutdown(r.ssl);
		}
		SSL_free(r.ssl);
	} else if (read_head(&r)) {
		s->serve(s->arg, &r);
		(void)shutdown(fd, SHUT_WR);
	}
	close(fd);
}

static void run(void *arg)
{
	struct stub_http *s = arg;

	for (;;) {
		struct pollfd p[] = { { .fd = s->stop, .events = POLLIN },
				      { .fd = s->listener, .events = POLLIN } };
		int fd;

		(void)poll(p, 2, -1);
		if (p[0].revents)
			return;
		fd = accept(s->listener, NULL, NULL);
		if (fd >= 0)
			serve_one(s, fd);
	}
}

struct stub_http *stub_http_start(const char *ip, bool tls,
				  void (*serve)(void *arg, const struct stub_request *r), void *arg)
{
	struct stub_http *s = calloc(1, sizeof(*s));
	struct addr a;

	must(s && addr_ip_parse(str_of(ip), 0, &a));
	s->serve = serve;
	s->arg = arg;
	s->tls = tls ? self_signed() : NULL;
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->listener = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->listener >= 0 && bind(s->listener, &a.sa, a.len) == 0 && listen(s->listener, 64) == 0 &&
	     getsockname(s->listener, &a.sa, &a.len) == 0);
	s->port = addr_port(&a);
	must(thread_start(&s->thread, "stub-http", run, s) == RC_OK);
	return s;
}

uint16_t stub_http_port(const struct stub_http *s)
{
	return s->port;
}

unsigned stub_http_connections(struct stub_http *s)
{
	return atomic_load(&s->connections);
}

void stub_http_stop(struct stub_http *s)
{
	(void)!write(s->stop, &(uint64_t){ 1 }, 8);
	thread_join(&s->thread);
	close(s->listener);
	close(s->stop);
	SSL_CTX_free(s->tls);
	free(s);
}
