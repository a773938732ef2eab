/* tls_client.c - see tls_client.h. */
#include "net/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/addr.h"
#include "net/tls_conn.h"

/* As in tls.c. */
#define NO_CERTIFICATE_COMPRESSION (UINT64_C(3) << 32)
#define ALPN_MAX 255

struct tls_client {
	SSL_CTX *ctx;
};

/* Of a connection: the alert that ended it, by name. */
static int alert_index = -1;
static pthread_once_t alert_once = PTHREAD_ONCE_INIT;

static void make_alert_index(void)
{
	alert_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static void on_info(const SSL *ssl, int where, int value)
{
	const char *name = tls_alert_name((unsigned)value & 0xff);

	if (where == SSL_CB_READ_ALERT && name)
		(void)SSL_set_ex_data((SSL *)(uintptr_t)ssl, alert_index, (void *)(uintptr_t)name);
}

const char *tls_conn_why(const struct tls_conn *c)
{
	const SSL *ssl = (const SSL *)c;
	const char *alert = alert_index >= 0 ? SSL_get_ex_data(ssl, alert_index) : NULL;
	long verified = SSL_get_verify_result(ssl);

	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	return alert ? alert : "";
}

/* --- our certificate --- */

/* Whoever knows our key looks at nothing else in it; so it is for ever, and about nobody. */
static X509 *make_certificate(EVP_PKEY *key)
{
	const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
	X509 *cert = X509_new();
	X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;

	if (name && X509_set_version(cert, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), "20000101000000Z") == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"assay probe", -1, -1,
				       0) == 1 &&
	    X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
	    X509_sign(cert, key, md) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

/* --- the context --- */

static enum rc tls_fault(struct fault *f, enum rc rc, const char *what, const char *file)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	rc = fault_set(f, rc, PROBLEM_NONE, "TLS: %s%s: %s", what, file, reason ? reason : "libssl gives no reason");
	ERR_clear_error();
	return rc;
}

static bool set_protocol(SSL_CTX *ctx, const char *alpn)
{
	uint8_t offer[1 + ALPN_MAX];
	size_t len = strlen(alpn);

	if (len > ALPN_MAX)
		return false;
	offer[0] = (uint8_t)len;
	memcpy(offer + 1, alpn, len);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | NO_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_info_callback(ctx, on_info);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
	       SSL_CTX_set_alpn_protos(ctx, offer, (unsigned)(1 + len)) == 0;
}

static bool show_key(SSL_CTX *ctx, EVP_PKEY *key)
{
	X509 *cert = make_certificate(key);
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		  SSL_CTX_check_private_key(ctx) == 1;

	X509_free(cert);
	return ok;
}

enum rc tls_client_new(const struct tls_client_options *o, struct tls_client **out, struct fault *f)
{
	struct tls_client *t;
	enum rc rc = RC_OK;

	/* No openssl.cnf: what is spoken is decided here alone. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return tls_fault(f, RC_INTERNAL, "libssl does not start", "");
	pthread_once(&alert_once, make_alert_index);
	t = calloc(1, sizeof(*t));
	if (!t || alert_index < 0) {
		free(t);
		return RC_NOMEM;
	}
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || !set_protocol(t->ctx, o->alpn))
		rc = tls_fault(f, RC_INTERNAL, "libssl lacks what TLS 1.3 needs here", "");
	else if (SSL_CTX_load_verify_file(t->ctx, o->root_file) != 1)
		rc = tls_fault(f, RC_INVALID, "no root certificate can be read from ", o->root_file);
	else if (!show_key(t->ctx, privkey_evp(o->key)))
		rc = tls_fault(f, RC_INVALID, "the key cannot be used", "");
	if (rc != RC_OK) {
		tls_client_free(t);
		return rc;
	}
	*out = t;
	return RC_OK;
}

void tls_client_free(struct tls_client *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

/* --- connections --- */

/* RFC 9525 §6: by name, or by address where an address was dialled. */
static bool expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct addr literal;

	X509_VERIFY_PARAM_set_time(param, (time_t)clock_now_s());
	if (addr_ip_parse(str_of(name), 0, &literal))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls_conn *tls_client_connect(struct tls_client *t, int fd, const char *name)
{
	SSL *ssl = SSL_new(t->ctx);

	if (ssl && SSL_set_fd(ssl, fd) == 1 && expect(ssl, name)) {
		SSL_set_connect_state(ssl);
		return (struct tls_conn *)ssl;
	}
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}
