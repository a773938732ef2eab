/* tls.c - what our TLS listeners speak, and the certificate that they show. Each certificate has an
 * SSL_CTX of its own; a swap replaces the pointer, and connections hold a reference to theirs.
 * RFC 8446, RFC 5246, RFC 7301, RFC 9325 §3-4. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "net/tls_conn.h"

/* SSL_OP_NO_TX_CERTIFICATE_COMPRESSION and _RX_ (RFC 8879; CVE-2025-66199) of OpenSSL 3.2 and later;
 * bits without meaning before. */
#define NO_CERTIFICATE_COMPRESSION (UINT64_C(3) << 32)
#define CLIENT_CERTIFICATES_MAX 8192 /* octets of what a client shows */

struct tls_server {
	struct tls_server_options options;
	pthread_mutex_t lock; /* guards ctx; a leaf lock */
	SSL_CTX *ctx;         /* NULL until a certificate is set */
};

/* Of connections whose clients must be known: struct tls_known. */
static int known_index = -1;
static pthread_once_t known_once = PTHREAD_ONCE_INIT;

static void make_known_index(void)
{
	known_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static const struct tls_known *known_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, known_index);
}

/* --- alerts of the client --- */

/* RFC 8446 §6, and no_renegotiation of RFC 5246 §7.2. */
static const char *const alert_names[256] = {
	[10] = "unexpected message", [20] = "bad record mac", [22] = "record overflow",
	[40] = "handshake failure", [42] = "bad certificate", [43] = "unsupported certificate",
	[44] = "certificate revoked", [45] = "certificate expired", [46] = "certificate unknown",
	[47] = "illegal parameter", [48] = "unknown ca", [49] = "access denied",
	[50] = "decode error", [51] = "decrypt error", [70] = "protocol version",
	[71] = "insufficient security", [80] = "internal error", [86] = "inappropriate fallback",
	[100] = "no renegotiation", [109] = "missing extension", [110] = "unsupported extension",
	[112] = "unrecognized name", [113] = "bad certificate status response",
	[115] = "unknown psk identity", [116] = "certificate required",
	[120] = "no application protocol",
};
enum { ALERT_CLOSE_NOTIFY = 0, ALERT_USER_CANCELED = 90 };

const char *tls_alert_name(unsigned alert)
{
	return alert < COUNT_OF(alert_names) ? alert_names[alert] : NULL;
}

static void on_info(const SSL *ssl, int where, int value)
{
	const struct tls_server *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *peer = SSL_get_app_data(ssl);
	unsigned alert = (unsigned)value & 0xff;
	char unknown[16];

	if (where != SSL_CB_READ_ALERT || SSL_is_init_finished(ssl) ||
	    alert == ALERT_CLOSE_NOTIFY || alert == ALERT_USER_CANCELED || !t->options.on_alert)
		return;
	snprintf(unknown, sizeof(unknown), "alert %u", alert);
	t->options.on_alert(t->options.arg, peer ? peer : "",
			    alert_names[alert] ? alert_names[alert] : unknown);
}

/* --- the context --- */

/* Our own matcher instead of SSL_select_next_proto() (CVE-2024-5535). offered is a list of
 * length-prefixed names (RFC 7301 §3.1). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *offered, unsigned offered_len, void *arg)
{
	const struct tls_known *known = known_of(ssl);
	struct str wanted = known ? str_of(known->alpn) : STR("http/1.1");
	size_t at = 0;

	(void)arg;
	while (at < offered_len) {
		size_t len = offered[at++];

		if (len == 0 || len > offered_len - at)
			break;
		if (bytes_eq(bytes_of(offered + at, len), str_bytes(wanted))) {
			*out = (const unsigned char *)wanted.p;
			*out_len = (unsigned char)wanted.len;
			return SSL_TLSEXT_ERR_OK;
		}
		at += len;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

static bool set_protocol(SSL_CTX *ctx)
{
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       /* TLS 1.2: forward secrecy and AEAD only (RFC 9325 §4.1, §4.2). */
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					     "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1;
}

static void set_options(struct tls_server *t, SSL_CTX *ctx)
{
	bool resumption = t->options.resumption;

	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_CIPHER_SERVER_PREFERENCE | NO_CERTIFICATE_COMPRESSION);
	/* The cache in memory is never used (CVE-2024-2511). The keys of tickets are made with the
	 * context and known to nobody else. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, resumption ? 1 : 0);
	if (!resumption)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	/* An idle connection holds no record buffers; one recv() takes a whole record. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* clients show no certificate */
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_info_callback(ctx, on_info);
}

static enum rc tls_fault(struct fault *f, enum rc rc, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	rc = fault_set(f, rc, PROBLEM_SERVER_INTERNAL, "TLS: %s: %s", what,
		       reason ? reason : "libssl gives no reason");
	ERR_clear_error();
	return rc;
}

static X509 *read_certificate(struct bytes der)
{
	const unsigned char *p = der.p;
	X509 *cert = der.len <= INT32_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;

	if (cert && p != der.p + der.len) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

static enum rc use_certificate(SSL_CTX *ctx, const struct bytes *chain, size_t count,
			       const struct privkey *key, struct fault *f)
{
	for (size_t i = 0; i < count; i++) {
		X509 *cert = read_certificate(chain[i]);
		bool ok = cert && (i == 0 ? SSL_CTX_use_certificate(ctx, cert)
					  : SSL_CTX_add1_chain_cert(ctx, cert)) == 1;

		X509_free(cert);
		if (!ok)
			return tls_fault(f, RC_INVALID, i == 0 ? "the certificate cannot be used"
							       : "the chain cannot be used");
	}
	if (SSL_CTX_use_PrivateKey(ctx, privkey_evp(key)) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return tls_fault(f, RC_INVALID, "the key does not fit the certificate");
	return RC_OK;
}

/* --- the server --- */

enum rc tls_server_new(const struct tls_server_options *o, struct tls_server **out, struct fault *f)
{
	struct tls_server *t;

	/* No openssl.cnf: what is spoken is decided here alone. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return tls_fault(f, RC_INTERNAL, "libssl does not start");
	pthread_once(&known_once, make_known_index);
	if (known_index < 0)
		return RC_NOMEM;
	t = calloc(1, sizeof(*t));
	if (!t)
		return RC_NOMEM;
	t->options = *o;
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return RC_OK;
}

void tls_server_free(struct tls_server *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

enum rc tls_server_set_certificate(struct tls_server *t, const struct bytes *chain, size_t count,
				   const struct privkey *key, struct fault *f)
{
	SSL_CTX *ctx, *old;
	enum rc rc;

	if (count == 0)
		return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL, "TLS: no certificate");
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx)
		return tls_fault(f, RC_NOMEM, "no context");
	set_options(t, ctx);
	if (set_protocol(ctx))
		rc = use_certificate(ctx, chain, count, key, f);
	else
		rc = tls_fault(f, RC_INTERNAL, "libssl lacks what TLS 1.2 and 1.3 need here");
	if (rc != RC_OK) {
		SSL_CTX_free(ctx);
		return rc;
	}
	pthread_mutex_lock(&t->lock);
	old = t->ctx;
	t->ctx = ctx;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return RC_OK;
}

void *tls_server_accept(struct tls_server *t)
{
	SSL_CTX *ctx;
	SSL *ssl = NULL;

	/* The reference is taken under the lock, the costly SSL_new() done without. */
	pthread_mutex_lock(&t->lock);
	ctx = t->ctx;
	if (ctx)
		SSL_CTX_up_ref(ctx);
	pthread_mutex_unlock(&t->lock);
	if (ctx)
		ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	if (ssl)
		SSL_set_accept_state(ssl);
	else
		ERR_clear_error();
	return ssl;
}

/* --- one connection: struct tls_conn is libssl's SSL --- */

static SSL *ssl_of(struct tls_conn *c)
{
	return (SSL *)c;
}

struct tls_conn *tls_conn_new(struct tls_server *t, int fd, const char *peer)
{
	SSL *ssl = tls_server_accept(t);

	if (!ssl)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1 || SSL_set_app_data(ssl, (char *)(uintptr_t)peer) != 1) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	return (struct tls_conn *)ssl;
}

/* --- clients that must be known --- */

static bool key_digest(const X509 *cert, uint8_t out[SHA256_LEN])
{
	uint8_t *der = NULL;
	int len = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : -1;

	if (len > 0)
		sha256(bytes_of(der, (size_t)len), out);
	OPENSSL_free(der);
	return len > 0;
}

/* Called for each thing that libssl finds wrong, and once for what is right. The certificate is made by
 * the client itself, so only its key is asked about; that the client has the private one is what the
 * handshake itself proves (RFC 8446 §4.4.3). */
static int on_client_certificate(int ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_known *known = known_of(ssl);
	const char *peer = SSL_get_app_data(ssl);
	uint8_t digest[SHA256_LEN];

	(void)ok;
	if (known && X509_STORE_CTX_get_error_depth(ctx) == 0 &&
	    key_digest(X509_STORE_CTX_get0_cert(ctx), digest) &&
	    known->knows(known->arg, peer ? peer : "", digest))
		return 1;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REJECTED); /* alert bad_certificate */
	return 0;
}

struct tls_conn *tls_conn_new_known(struct tls_server *t, int fd, const char *peer,
				    const struct tls_known *known)
{
	struct tls_conn *c = tls_conn_new(t, fd, peer);
	SSL *ssl = ssl_of(c);

	if (!c)
		return NULL;
	if (SSL_set_ex_data(ssl, known_index, (void *)(uintptr_t)known) != 1 ||
	    SSL_set_min_proto_version(ssl, TLS1_3_VERSION) != 1) {
		tls_conn_free(c);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_client_certificate);
	SSL_set_verify_depth(ssl, 0);
	SSL_set_max_cert_list(ssl, CLIENT_CERTIFICATES_MAX);
	return c;
}

bool tls_conn_peer_key(const struct tls_conn *c, uint8_t out[SHA256_LEN])
{
	return key_digest(SSL_get0_peer_certificate((const SSL *)c), out);
}

void tls_conn_free(struct tls_conn *c)
{
	SSL_free(ssl_of(c));
}

/* Every outcome that SSL_get_error(3) knows; any other means that the connection is lost. The queue
 * is emptied, because the next call on this thread would take what is left in it for its own. */
static enum io_result outcome(SSL *ssl, int ret)
{
	switch (SSL_get_error(ssl, ret)) {
	case SSL_ERROR_NONE:
		return IO_OK;
	case SSL_ERROR_WANT_READ:
		return IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN: /* close_notify */
		return IO_EOF;
	default:
		ERR_clear_error();
		return IO_BROKEN;
	}
}

enum io_result tls_conn_handshake(struct tls_conn *c)
{
	ERR_clear_error();
	return outcome(ssl_of(c), SSL_do_handshake(ssl_of(c)));
}

enum io_result tls_conn_read(struct tls_conn *c, void *p, size_t len, size_t *out_len)
{
	ERR_clear_error();
	return outcome(ssl_of(c), SSL_read_ex(ssl_of(c), p, len, out_len));
}

enum io_result tls_conn_write(struct tls_conn *c, const void *p, size_t len, size_t *out_len)
{
	ERR_clear_error();
	return outcome(ssl_of(c), SSL_write_ex(ssl_of(c), p, len, out_len));
}

bool tls_conn_pending(const struct tls_conn *c)
{
	return SSL_has_pending((const SSL *)c) == 1;
}

void tls_conn_close(struct tls_conn *c)
{
	if (SSL_is_init_finished(ssl_of(c)))
		SSL_shutdown(ssl_of(c));
	ERR_clear_error();
}
