/* test_tls.c - what our listeners speak and refuse: both ends in one thread over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/tls_conn.h"
#include "net_kit.h"

struct alerts {
	int count;
	char peer[64], alert[64];
};

struct pair {
	int fds[2];
	struct tls_conn *server;
	SSL *client;
	enum io_result server_result;
	int client_result; /* SSL_get_error() */
};

static struct kit_cert cert_a, cert_b;

static void on_alert(void *arg, const char *peer, const char *alert)
{
	struct alerts *alerts = arg;

	alerts->count++;
	strncpy(alerts->peer, peer, sizeof(alerts->peer) - 1);
	strncpy(alerts->alert, alert, sizeof(alerts->alert) - 1);
}

static struct tls_server *new_tls(struct alerts *alerts, bool resumption)
{
	struct tls_server_options o = { .resumption = resumption, .on_alert = alerts ? on_alert : NULL,
					.arg = alerts };
	struct tls_server *t;

	assert_int_equal(tls_server_new(&o, &t, NULL), RC_OK);
	kit_use_cert(t, &cert_a);
	return t;
}

static void handshake(struct pair *p, struct tls_server *t, SSL_CTX *ctx, SSL_SESSION *session)
{
	int ret;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fds), 0);
	p->server = tls_conn_new(t, p->fds[0], "10.0.0.9:4711");
	p->client = SSL_new(ctx);
	assert_non_null(p->server);
	assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
	SSL_set_tlsext_host_name(p->client, "a.example");
	if (session)
		assert_int_equal(SSL_set_session(p->client, session), 1);
	p->server_result = IO_WANT_READ;
	p->client_result = SSL_ERROR_WANT_READ;
	for (int i = 0; i < 20; i++) {
		if (p->client_result == SSL_ERROR_WANT_READ) {
			ERR_clear_error();
			ret = SSL_connect(p->client);
			p->client_result = SSL_get_error(p->client, ret);
		}
		if (p->server_result == IO_WANT_READ)
			p->server_result = tls_conn_handshake(p->server);
	}
}

static void pair_done(struct pair *p)
{
	tls_conn_free(p->server);
	SSL_free(p->client);
	close(p->fds[0]);
	close(p->fds[1]);
}

static bool is_connected(const struct pair *p)
{
	return p->server_result == IO_OK && p->client_result == SSL_ERROR_NONE;
}

/* Both ways, with what the table of outcomes says in between. */
static void assert_talks(struct pair *p)
{
	char text[16] = "";
	size_t len = 0;

	assert_int_equal(tls_conn_read(p->server, text, sizeof(text), &len), IO_WANT_READ);
	assert_int_equal(SSL_write(p->client, "ping", 4), 4);
	assert_int_equal(tls_conn_read(p->server, text, 2, &len), IO_OK);
	assert_int_equal(len, 2);
	assert_true(tls_conn_pending(p->server));
	assert_int_equal(tls_conn_read(p->server, text, sizeof(text), &len), IO_OK);
	assert_int_equal(len, 2);
	assert_false(tls_conn_pending(p->server));
	assert_int_equal(tls_conn_write(p->server, "pong", 4, &len), IO_OK);
	assert_int_equal(len, 4);
	assert_int_equal(SSL_read(p->client, text, sizeof(text)), 4);
	assert_int_equal(ERR_peek_error(), 0);
}

static SSL_CTX *client(int min, int max)
{
	SSL_CTX *ctx = kit_client_ctx();

	SSL_CTX_set_security_level(ctx, 0); /* the client offers what it can; the server decides */
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, min), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max), 1);
	return ctx;
}

static void test_tls__versions_ciphers_and_groups(void **state)
{
	static const struct {
		int version;
		const char *ciphers, *groups;
		const char *expected; /* cipher; NULL: refused */
	} table[] = {
		{ TLS1_3_VERSION, NULL, NULL, "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, NULL, "X25519", "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, NULL, "P-256", "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, NULL, "P-384:P-256", "TLS_AES_128_GCM_SHA256" }, /* HelloRetryRequest */
		{ TLS1_3_VERSION, NULL, "P-384", NULL },
		{ TLS1_3_VERSION, NULL, "ffdhe2048", NULL },
		{ TLS1_2_VERSION, NULL, NULL, "ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL, "ECDHE-ECDSA-CHACHA20-POLY1305" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL, NULL },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL, NULL },
		{ TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, NULL },
		{ TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL, NULL },
		{ TLS1_2_VERSION, NULL, "P-384", NULL },
		{ TLS1_2_VERSION, "aNULL", NULL, NULL },
		{ TLS1_1_VERSION, "ALL", NULL, NULL },
		{ TLS1_VERSION, "ALL", NULL, NULL },
	};
	struct tls_server *t = new_tls(NULL, false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		SSL_CTX *ctx = client(table[i].version, table[i].version);
		struct pair p;

		if (table[i].ciphers)
			assert_int_equal(SSL_CTX_set_cipher_list(ctx, table[i].ciphers), 1);
		if (table[i].groups)
			assert_int_equal(SSL_CTX_set1_groups_list(ctx, table[i].groups), 1);
		handshake(&p, t, ctx, NULL);
		if (is_connected(&p) != (table[i].expected != NULL))
			fail_msg("row %zu", i);
		if (table[i].expected) {
			if (table[i].ciphers || table[i].version == TLS1_3_VERSION)
				assert_string_equal(SSL_get_cipher_name(p.client), table[i].expected);
			assert_talks(&p);
		} else {
			assert_int_equal(p.server_result, IO_BROKEN);
			assert_int_equal(p.client_result, SSL_ERROR_SSL);
		}
		ERR_clear_error();
		pair_done(&p);
		SSL_CTX_free(ctx);
	}
	tls_server_free(t);
	tls_server_free(NULL);
}

static void test_rfc7301_3_2__alpn(void **state)
{
	static const struct {
		const char *offered; /* wire format */
		const char *chosen;  /* NULL: no_application_protocol; "": none */
	} table[] = {
		{ "", "" },
		{ "\x08http/1.1", "http/1.1" },
		{ "\x02h2\x08http/1.1", "http/1.1" },
		{ "\x08http/1.1\x02h2", "http/1.1" },
		{ "\x02h2", NULL },
		{ "\x08http/1.0", NULL },
		{ "\x08HTTP/1.1", NULL },
		{ "\x07http/1.", NULL },
		{ "\x09http/1.1x", NULL },
		{ "\x0a" "acme-tls/1", NULL },
	};
	struct tls_server *t = new_tls(NULL, false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		SSL_CTX *ctx = client(TLS1_2_VERSION, TLS1_3_VERSION);
		const unsigned char *chosen;
		unsigned len;
		struct pair p;

		if (table[i].offered[0])
			SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)table[i].offered,
						(unsigned)strlen(table[i].offered));
		handshake(&p, t, ctx, NULL);
		assert_int_equal(is_connected(&p), table[i].chosen != NULL);
		if (table[i].chosen) {
			SSL_get0_alpn_selected(p.client, &chosen, &len);
			assert_int_equal(len, strlen(table[i].chosen));
			assert_memory_equal(chosen ? chosen : (const unsigned char *)"", table[i].chosen, len);
		} else {
			assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
		}
		ERR_clear_error();
		pair_done(&p);
		SSL_CTX_free(ctx);
	}
	tls_server_free(t);
}

static void test_tls__alert_of_a_client_that_does_not_trust_us_is_reported(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct alerts alerts = { 0 };
		struct tls_server *t = new_tls(&alerts, false);
		SSL_CTX *ctx = client(versions[i], versions[i]);
		struct pair p;

		handshake(&p, t, ctx, NULL);
		assert_true(is_connected(&p));
		SSL_shutdown(p.client); /* close_notify is no complaint */
		{
			char octet;
			size_t len;

			assert_int_equal(tls_conn_read(p.server, &octet, 1, &len), IO_EOF);
		}
		tls_conn_close(p.server);
		pair_done(&p);
		assert_int_equal(alerts.count, 0);

		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		handshake(&p, t, ctx, NULL);
		assert_int_equal(p.client_result, SSL_ERROR_SSL);
		assert_int_equal(p.server_result, IO_BROKEN);
		assert_int_equal(alerts.count, 1);
		assert_string_equal(alerts.peer, "10.0.0.9:4711");
		assert_string_equal(alerts.alert, "unknown ca");
		ERR_clear_error();
		pair_done(&p);
		SSL_CTX_free(ctx);
		tls_server_free(t);
	}
}

static bool shows(const struct pair *p, const struct kit_cert *cert)
{
	X509 *x = SSL_get1_peer_certificate(p->client);
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	bool same = bytes_eq(bytes_of(der, (size_t)len), bytes_of(cert->der, cert->len));

	OPENSSL_free(der);
	X509_free(x);
	return same;
}

static void test_tls_server_set_certificate__new_connections_see_the_new_one(void **state)
{
	struct tls_server *t = new_tls(NULL, false);
	SSL_CTX *ctx = client(TLS1_2_VERSION, TLS1_3_VERSION);
	struct pair old, new;

	(void)state;
	handshake(&old, t, ctx, NULL);
	assert_true(is_connected(&old) && shows(&old, &cert_a));
	kit_use_cert(t, &cert_b);
	assert_talks(&old);
	handshake(&new, t, ctx, NULL);
	assert_true(is_connected(&new) && shows(&new, &cert_b));
	assert_talks(&old);
	pair_done(&old);
	pair_done(&new);
	SSL_CTX_free(ctx);
	tls_server_free(t);
}

static void test_tls_server_set_certificate__refuses_what_does_not_fit_and_keeps_the_old(void **state)
{
	struct tls_server *t = new_tls(NULL, false);
	SSL_CTX *ctx = client(TLS1_2_VERSION, TLS1_3_VERSION);
	uint8_t *longer = malloc(cert_b.len + 1);
	struct bytes good = bytes_of(cert_b.der, cert_b.len);
	struct bytes bad[3], chain[2];
	struct fault f = { 0 };
	struct pair p;

	(void)state;
	memcpy(longer, cert_b.der, cert_b.len);
	longer[cert_b.len] = 0;
	bad[0] = bytes_of(longer, cert_b.len + 1);
	bad[1] = bytes_of(cert_b.der, cert_b.len - 1);
	bad[2] = (struct bytes){ 0 };
	assert_int_equal(tls_server_set_certificate(t, &good, 0, cert_b.key, &f), RC_INVALID);
	assert_int_equal(tls_server_set_certificate(t, &good, 1, cert_a.key, &f), RC_INVALID);
	assert_non_null(strstr(f.detail, "key"));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(tls_server_set_certificate(t, &bad[i], 1, cert_b.key, &f), RC_INVALID);
		chain[0] = good;
		chain[1] = bad[i];
		assert_int_equal(tls_server_set_certificate(t, chain, 2, cert_b.key, &f), RC_INVALID);
		assert_non_null(strstr(f.detail, "chain"));
	}
	assert_int_equal(ERR_peek_error(), 0);
	handshake(&p, t, ctx, NULL);
	assert_true(is_connected(&p) && shows(&p, &cert_a));
	pair_done(&p);
	/* A chain is sent whole. */
	chain[1] = bytes_of(cert_a.der, cert_a.len);
	assert_int_equal(tls_server_set_certificate(t, chain, 2, cert_b.key, &f), RC_OK);
	handshake(&p, t, ctx, NULL);
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(p.client)), 2);
	pair_done(&p);
	SSL_CTX_free(ctx);
	tls_server_free(t);
	free(longer);
	fault_done(&f);
}

static void test_tls_server__without_a_certificate_accepts_nothing(void **state)
{
	struct tls_server_options o = { 0 };
	struct tls_server *t;

	(void)state;
	assert_int_equal(tls_server_new(&o, &t, NULL), RC_OK);
	assert_null(tls_server_accept(t));
	assert_null(tls_conn_new(t, 0, ""));
	tls_server_free(t);
}

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept_session);
	kept_session = session;
	return 1;
}

static void test_tls__resumption_only_when_asked_for(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (int on = 0; on < 2; on++)
		for (size_t i = 0; i < COUNT_OF(versions); i++) {
			struct tls_server *t = new_tls(NULL, on);
			SSL_CTX *ctx = client(versions[i], versions[i]);
			SSL_SESSION *session;
			struct pair p;

			SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
			SSL_CTX_sess_set_new_cb(ctx, keep_session);
			handshake(&p, t, ctx, NULL);
			assert_talks(&p); /* TLS 1.3 sends its ticket behind the handshake */
			SSL_shutdown(p.client);
			pair_done(&p);
			session = kept_session;
			kept_session = NULL;
			assert_int_equal(session && SSL_SESSION_has_ticket(session), on);
			handshake(&p, t, ctx, session);
			assert_true(is_connected(&p));
			assert_int_equal(SSL_session_reused(p.client), on);
			SSL_shutdown(p.client);
			pair_done(&p);
			SSL_SESSION_free(session);
			SSL_SESSION_free(kept_session);
			kept_session = NULL;
			SSL_CTX_free(ctx);
			tls_server_free(t);
		}
}

static void test_tls__renegotiation_is_refused(void **state)
{
	struct tls_server *t = new_tls(NULL, false);
	SSL_CTX *ctx = client(TLS1_2_VERSION, TLS1_2_VERSION);
	struct pair p;
	char text[4];
	size_t len;

	(void)state;
	handshake(&p, t, ctx, NULL);
	assert_true(is_connected(&p));
	assert_int_equal(SSL_renegotiate(p.client), 1);
	SSL_do_handshake(p.client);
	assert_int_not_equal(tls_conn_read(p.server, text, sizeof(text), &len), IO_OK);
	assert_int_not_equal(SSL_do_handshake(p.client), 1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	pair_done(&p);
	SSL_CTX_free(ctx);
	tls_server_free(t);
}

static void test_tls__not_tls_at_all(void **state)
{
	static const struct str table[] = {
		STR("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), STR("\0\0\0\0\0\0\0\0\0\0\0"),
		STR("\x16\x03\x01\xff\xff\x01\x00\x00\x00\x00\x00"), STR("\x15\x03\x01\x00\x02\x02\x30"),
		STR("SSH-2.0-OpenSSH_9.2\r\n"),
	};
	struct alerts alerts = { 0 };
	struct tls_server *t = new_tls(&alerts, false);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct tls_conn *c;
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		c = tls_conn_new(t, fds[0], "");
		assert_int_equal(write(fds[1], table[i].p, table[i].len), table[i].len);
		if (tls_conn_handshake(c) != IO_BROKEN)
			fail_msg("row %zu", i);
		assert_int_equal(ERR_peek_error(), 0);
		tls_conn_close(c);
		tls_conn_free(c);
		close(fds[0]);
		close(fds[1]);
	}
	tls_server_free(t);
}

/* Swapping while other threads accept (for the thread sanitizer). */
struct swapper {
	struct tls_server *t;
	atomic_bool stop;
};

static void accept_on(void *arg)
{
	struct swapper *s = arg;

	while (!s->stop) {
		struct tls_conn *c = tls_conn_new(s->t, 0, "");

		if (!c)
			abort();
		tls_conn_free(c);
	}
}

static void test_tls_server_set_certificate__while_others_accept(void **state)
{
	struct swapper s = { .t = new_tls(NULL, false) };
	struct thread threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_start(&threads[i], "accept", accept_on, &s), RC_OK);
	for (int i = 0; i < 100; i++)
		kit_use_cert(s.t, i % 2 ? &cert_a : &cert_b);
	s.stop = true;
	for (int i = 0; i < 2; i++)
		thread_join(&threads[i]);
	tls_server_free(s.t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls__versions_ciphers_and_groups),
		cmocka_unit_test(test_rfc7301_3_2__alpn),
		cmocka_unit_test(test_tls__alert_of_a_client_that_does_not_trust_us_is_reported),
		cmocka_unit_test(test_tls_server_set_certificate__new_connections_see_the_new_one),
		cmocka_unit_test(test_tls_server_set_certificate__refuses_what_does_not_fit_and_keeps_the_old),
		cmocka_unit_test(test_tls_server__without_a_certificate_accepts_nothing),
		cmocka_unit_test(test_tls__resumption_only_when_asked_for),
		cmocka_unit_test(test_tls__renegotiation_is_refused),
		cmocka_unit_test(test_tls__not_tls_at_all),
		cmocka_unit_test(test_tls_server_set_certificate__while_others_accept),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	kit_cert_init(&cert_a, "a.example");
	kit_cert_init(&cert_b, "a.example");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kit_cert_done(&cert_a);
	kit_cert_done(&cert_b);
	return failed;
}
