/* stub_tls.c - the TLS server for tests: a thread that takes one connection after the other. */
#include "stub_tls.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* --- certificates --- */

static EVP_PKEY *make_key(enum stub_key kind)
{
	switch (kind) {
	case STUB_KEY_P256:
		return EVP_EC_gen("P-256");
	case STUB_KEY_P384:
		return EVP_EC_gen("P-384");
	case STUB_KEY_RSA2048:
		return EVP_RSA_gen(2048);
	case STUB_KEY_RSA1024:
		return EVP_RSA_gen(1024);
	case STUB_KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	return NULL;
}

static X509_NAME *make_name(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	must(name && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
						0));
	return name;
}

static void add_extension(X509 *cert, const struct stub_cert_plan *plan)
{
	uint8_t authorization[34] = { 0x04, 32 };
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(plan->oid ? plan->oid : "1.3.6.1.5.5.7.1.31", 1);
	X509_EXTENSION *extension;

	if (plan->digest)
		memcpy(authorization + 2, plan->digest, 32);
	must(oid && ASN1_OCTET_STRING_set(value, plan->value ? plan->value : authorization,
					  plan->value ? (int)plan->value_len : (int)sizeof(authorization)));
	extension = X509_EXTENSION_create_by_OBJ(NULL, oid, !plan->not_critical, value);
	must(extension && X509_add_ext(cert, extension, -1));
	if (plan->twice)
		must(X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
}

struct stub_cert stub_cert_make(const struct stub_cert_plan *plan)
{
	const char *subject = plan->subject ? plan->subject : "challenge";
	X509_NAME *own = make_name(subject), *issuer = make_name(plan->issuer ? plan->issuer : subject);
	EVP_PKEY *key = make_key(plan->key), *other = plan->signed_by_other ? make_key(plan->key) : NULL;
	X509 *cert = X509_new();

	must(key && cert && X509_set_version(cert, plan->version1 ? 0 : 2) &&
	     ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711) && X509_set_subject_name(cert, own) &&
	     X509_set_issuer_name(cert, issuer) && X509_set_pubkey(cert, key) &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -86400L * 30) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), plan->expired ? -86400L : 86400L));
	if (plan->sans && !plan->version1) {
		X509_EXTENSION *sans = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, plan->sans);

		must(sans && X509_add_ext(cert, sans, -1));
		X509_EXTENSION_free(sans);
	}
	if (!plan->version1 && (!plan->oid || *plan->oid))
		add_extension(cert, plan);
	must(X509_sign(cert, other ? other : key, plan->key == STUB_KEY_ED25519 ? NULL : EVP_sha256()));
	EVP_PKEY_free(other);
	X509_NAME_free(own);
	X509_NAME_free(issuer);
	return (struct stub_cert){ cert, key };
}

void stub_cert_done(struct stub_cert *c)
{
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	*c = (struct stub_cert){ 0 };
}

/* --- the server --- */

struct stub_tls {
	struct thread thread;
	int listener, stop;
	uint16_t port;
	pthread_mutex_t lock; /* guards plan, seen */
	pthread_cond_t ended;
	struct stub_tls_plan plan;
	struct stub_tls_seen seen;
};

/* libssl's order: before any certificate is chosen. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct stub_tls_seen *now = arg;
	const unsigned char *p;
	size_t len, at = 2, out = 0;

	(void)alert;
	/* server_name: list length, type, name length, name. */
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) && len > 5)
		snprintf(now->sni, sizeof(now->sni), "%.*s", (int)(len - 5), (const char *)p + 5);
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &len))
		while (at < len && at + 1 + p[at] <= len && out < sizeof(now->alpn)) {
			out += (size_t)snprintf(now->alpn + out, sizeof(now->alpn) - out, "%s%.*s",
						out ? "," : "", p[at], (const char *)p + at + 1);
			at += 1u + p[at];
		}
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
		   unsigned offered_len, void *arg)
{
	const struct stub_tls_plan *plan = arg;

	(void)ssl;
	(void)offered;
	(void)offered_len;
	if (!plan->alpn)
		return SSL_TLSEXT_ERR_NOACK;
	if (!*plan->alpn)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = (const unsigned char *)plan->alpn;
	*out_len = (unsigned char)strlen(plan->alpn);
	return SSL_TLSEXT_ERR_OK;
}

static void wait_gone(int fd)
{
	char octets[4096];

	while (read(fd, octets, sizeof(octets)) > 0)
		;
}

/* The handshake with fd; *now tells what it was like. */
static void serve_tls(int fd, const struct stub_tls_plan *plan, struct stub_tls_seen *now)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char octets[4096];
	SSL *ssl;
	int n;

	must(ctx);
	SSL_CTX_set_security_level(ctx, 0);
	must(SSL_CTX_set_min_proto_version(ctx, plan->min_version ? plan->min_version : TLS1_VERSION) &&
	     SSL_CTX_set_max_proto_version(ctx, plan->max_version) &&
	     SSL_CTX_use_certificate(ctx, plan->cert->cert) && SSL_CTX_use_PrivateKey(ctx, plan->cert->key));
	if (plan->second)
		must(SSL_CTX_add1_chain_cert(ctx, plan->second) == 1);
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, now);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, (void *)(uintptr_t)plan);
	ssl = SSL_new(ctx);
	must(ssl && SSL_set_fd(ssl, fd) == 1);
	now->handshake = SSL_accept(ssl) == 1;
	while (now->handshake && (n = SSL_read(ssl, octets, sizeof(octets))) > 0)
		now->application_octets += (size_t)n;
	now->closed_properly = now->handshake && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
	ERR_clear_error();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void serve(int fd, const struct stub_tls_plan *plan, struct stub_tls_seen *now)
{
	static const char HTTP[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	/* The head of a handshake record and of a ServerHello that never comes. */
	static const uint8_t PART[] = { 22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3 };
	char octets[4096];

	switch (plan->act) {
	case STUB_TLS_SERVE:
		serve_tls(fd, plan, now);
		return;
	case STUB_TLS_HANG:
		wait_gone(fd);
		return;
	case STUB_TLS_CLOSE:
		(void)!read(fd, octets, sizeof(octets));
		return;
	case STUB_TLS_PLAIN:
		(void)!read(fd, octets, sizeof(octets));
		(void)!write(fd, HTTP, sizeof(HTTP) - 1);
		wait_gone(fd);
		return;
	case STUB_TLS_STALL:
		(void)!read(fd, octets, sizeof(octets));
		(void)!write(fd, PART, sizeof(PART));
		wait_gone(fd);
		return;
	}
}

static void run(void *arg)
{
	struct stub_tls *s = arg;

	for (;;) {
		struct pollfd p[] = { { .fd = s->stop, .events = POLLIN },
				      { .fd = s->listener, .events = POLLIN } };
		struct stub_tls_seen now = { 0 };
		struct stub_tls_plan plan;
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents)
			return;
		fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		pthread_mutex_lock(&s->lock);
		plan = s->plan;
		pthread_mutex_unlock(&s->lock);
		serve(fd, &plan, &now);
		close(fd);
		pthread_mutex_lock(&s->lock);
		now.connections = s->seen.connections + 1;
		s->seen = now;
		pthread_cond_broadcast(&s->ended);
		pthread_mutex_unlock(&s->lock);
	}
}

struct stub_tls *stub_tls_start(const char *ip)
{
	struct stub_tls *s = calloc(1, sizeof(*s));
	struct addr a;

	must(s && addr_ip_parse(str_of(ip), 0, &a));
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ended, NULL);
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->listener = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->listener >= 0 && bind(s->listener, &a.sa, a.len) == 0 && listen(s->listener, 64) == 0 &&
	     getsockname(s->listener, &a.sa, &a.len) == 0);
	s->port = addr_port(&a);
	must(thread_start(&s->thread, "stub-tls", run, s) == RC_OK);
	return s;
}

uint16_t stub_tls_port(const struct stub_tls *s)
{
	return s->port;
}

void stub_tls_set(struct stub_tls *s, const struct stub_tls_plan *plan)
{
	pthread_mutex_lock(&s->lock);
	s->plan = *plan;
	pthread_mutex_unlock(&s->lock);
}

struct stub_tls_seen stub_tls_wait(struct stub_tls *s, unsigned connections)
{
	struct stub_tls_seen seen;

	pthread_mutex_lock(&s->lock);
	while (s->seen.connections < connections)
		pthread_cond_wait(&s->ended, &s->lock);
	seen = s->seen;
	pthread_mutex_unlock(&s->lock);
	return seen;
}

void stub_tls_stop(struct stub_tls *s)
{
	(void)!write(s->stop, &(uint64_t){ 1 }, 8);
	thread_join(&s->thread);
	close(s->listener);
	close(s->stop);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
