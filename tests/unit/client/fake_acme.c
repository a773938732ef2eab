/* fake_acme.c - see fake_acme.h. */
#include "fake_acme.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acme/jws.h"
#include "base/clock.h"
#include "base/limits.h"
#include "crypto/cert.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

#define MUST(ok)                                                               \
	do {                                                                   \
		if (!(ok)) {                                                   \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #ok); \
			abort();                                               \
		}                                                              \
	} while (0)

#define DAY_S 86400
#define TOKEN "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* --- the CA --- */

struct leaf {
	const struct san *sans;
	size_t count;
	const struct pubkey *key;
	const struct privkey *signer;
	bool ca, expired;
};

static void key_id(const struct pubkey *k, uint8_t out[20])
{
	struct bytes spki = pubkey_spki(k);

	sha1(bytes_of(spki.p + spki.len - 65, 65), out); /* P-256: the point, without the octet before */
}

static struct bytes make_cert(struct arena *a, const struct leaf *l)
{
	uint8_t serial[17], issuer_id[20], sig[SIG_MAX];
	struct tbs_spec spec = { .alg = SIG_ES256, .key = l->key, .ca = l->ca, .path_len = -1, .sans = l->sans,
				 .san_count = l->count, .san_critical = true };
	struct bytes tbs, der;
	size_t sig_len;

	random_bytes(serial, sizeof(serial));
	serial[0] = 0x5a;
	key_id(privkey_pubkey(l->signer), issuer_id);
	spec.serial = bytes_of(serial, sizeof(serial));
	spec.authority_key_id = bytes_of(issuer_id, sizeof(issuer_id));
	spec.not_before = clock_now_s() - (l->expired ? 3 : 1) * DAY_S;
	spec.not_after = clock_now_s() + (l->expired ? -1 : 30) * DAY_S;
	spec.key_usage = l->ca ? KU_KEY_CERT_SIGN | KU_CRL_SIGN : KU_DIGITAL_SIGNATURE;
	spec.ext_key_usage = l->ca ? 0 : EKU_SERVER_AUTH;
	MUST(dn_build(a, (struct str){ 0 }, STR("Fake CA"), &spec.issuer_dn) == RC_OK);
	if (l->ca)
		spec.subject_dn = spec.issuer_dn;
	else
		MUST(dn_build(a, (struct str){ 0 }, (struct str){ 0 }, &spec.subject_dn) == RC_OK);
	MUST(tbs_build(a, &spec, &tbs) == RC_OK);
	MUST(privkey_sign_x509(l->signer, tbs, sig, &sig_len) == RC_OK);
	MUST(cert_assemble(a, tbs, SIG_ES256, bytes_of(sig, sig_len), &der) == RC_OK);
	return der;
}

static void make_ca(struct fake_acme *x)
{
	struct san localhost = { .type = SAN_DNS, .value = { (const uint8_t *)"localhost", 9 } };
	struct buf pem;
	struct bytes der;
	int fd;

	MUST(privkey_generate(KEY_P256, 0, &x->root_key) == RC_OK);
	MUST(privkey_generate(KEY_P256, 0, &x->other_key) == RC_OK);
	MUST(privkey_generate(KEY_P256, 0, &x->tls.key) == RC_OK);
	x->root = make_cert(&x->arena, &(struct leaf){ .key = privkey_pubkey(x->root_key), .signer = x->root_key,
						       .ca = true });
	der = make_cert(&x->arena, &(struct leaf){ .sans = &localhost, .count = 1, .signer = x->root_key,
						   .key = privkey_pubkey(x->tls.key) });
	x->tls.der = (uint8_t *)der.p;
	x->tls.len = der.len;
	strcpy(x->root_file, "/tmp/fake_acme.XXXXXX");
	fd = mkstemp(x->root_file);
	buf_init(&pem, 1 << 16);
	pem_add(&pem, "CERTIFICATE", x->root);
	MUST(fd >= 0 && write(fd, pem.p, pem.len) == (ssize_t)pem.len);
	close(fd);
	buf_done(&pem);
}

static void add_chain(struct fake_acme *x, struct buf *out)
{
	struct san other = { .type = SAN_DNS, .value = { (const uint8_t *)"evil.test", 9 } };
	struct san more[2] = { other };
	struct leaf l = { .signer = x->root_key };
	struct bytes second = x->root;
	struct csr csr = { 0 };

	MUST(csr_parse(&x->arena, x->csr, &csr, NULL) == RC_OK);
	more[1] = csr.sans[0];
	l.key = x->evil == CERTIFICATE_OTHER_KEY ? privkey_pubkey(x->other_key) : csr.key;
	l.sans = csr.sans;
	l.count = csr.san_count;
	if (x->evil == CERTIFICATE_OTHER_NAME)
		l.sans = &other;
	if (x->evil == CERTIFICATE_MORE_NAMES) {
		l.sans = more;
		l.count = 2;
	}
	l.ca = x->evil == CERTIFICATE_IS_CA;
	l.expired = x->evil == CERTIFICATE_EXPIRED;
	if (x->evil == CERTIFICATE_OTHER_ISSUER)
		second = make_cert(&x->arena, &(struct leaf){ .key = privkey_pubkey(x->other_key),
							      .signer = x->other_key, .ca = true });
	pem_add(out, "CERTIFICATE", make_cert(&x->arena, &l));
	if (x->evil == CERTIFICATE_TEXT)
		buf_add_text(out, "`touch /tmp/owned`; \x1b[2J\n");
	pem_add(out, "CERTIFICATE", second);
	csr_done(&csr);
}

/* --- replies --- */

struct out {
	struct http_reply reply;
	struct http_header headers[8];
	char location[256];
	struct buf body;
};

static void header(struct out *o, const char *name, const char *value)
{
	o->headers[o->reply.header_count].name = str_of(name);
	o->headers[o->reply.header_count++].value = str_of(value);
	o->reply.headers = o->headers;
}

static void problem(struct out *o, int status, const char *type, const char *detail)
{
	o->reply.status = status;
	header(o, "Content-Type", "application/problem+json");
	buf_addf(&o->body, "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"%s\"}", type, detail);
}

static void huge(struct out *o, const char *begin)
{
	buf_add_text(&o->body, begin);
	for (int i = 0; i < 2 * 1024 * 1024; i += 16)
		buf_add_text(&o->body, "\"aaaaaaaaaaaaa\",");
}

static void directory(struct fake_acme *x, struct out *o)
{
	const char *order = x->evil == DIRECTORY_PLAIN_HTTP ? "http://localhost" : x->base;

	if (x->evil == DIRECTORY_IS_HTML) {
		buf_add_text(&o->body, "<html>It works!</html>");
	} else if (x->evil == DIRECTORY_REDIRECTS) {
		o->reply.status = 302;
		header(o, "Location", x->directory);
	} else if (x->evil == DIRECTORY_HUGE) {
		huge(o, "{\"newNonce\":[");
	} else {
		buf_addf(&o->body,
			 "{\"newNonce\":\"%s/nonce\",\"newAccount\":\"%s/account\",\"newOrder\":\"%s/new\","
			 "\"revokeCert\":\"%s/revoke\",\"keyChange\":\"%s/key\","
			 "\"meta\":{\"externalAccountRequired\":%s}}",
			 x->base, x->base, order, x->base, x->base,
			 x->evil == DIRECTORY_WANTS_EAB ? "true" : "false");
	}
}

static void account(struct fake_acme *x, struct out *o)
{
	if (x->evil == ACCOUNT_FORGOTTEN)
		x->evil = GOOD;
	o->reply.status = 201;
	(void)snprintf(o->location, sizeof(o->location), "%s/account/1", x->base);
	header(o, "Location", o->location);
	buf_addf(&o->body, "{\"status\":\"%s\"}", x->evil == ACCOUNT_DEACTIVATED ? "deactivated" : "valid");
}

static void show_order(struct fake_acme *x, struct out *o)
{
	const char *name = x->evil == ORDER_OTHER_NAME ? "evil.test" : x->name;
	const char *authz = x->evil == AUTHZ_ELSEWHERE ? "https://evil.test" : x->base;

	if (x->evil == ORDER_HUGE) {
		huge(o, "{\"status\":\"pending\",\"authorizations\":[");
		return;
	}
	buf_addf(&o->body,
		 "{\"status\":\"%s\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}],"
		 "\"authorizations\":[\"%s/authz\"],\"finalize\":\"%s/finalize\"%s%s%s}",
		 x->status, name, authz, x->base,
		 strcmp(x->status, "valid") == 0 && x->evil != CERTIFICATE_MISSING ? ",\"certificate\":\"" : "",
		 strcmp(x->status, "valid") == 0 && x->evil != CERTIFICATE_MISSING ? x->base : "",
		 strcmp(x->status, "valid") == 0 && x->evil != CERTIFICATE_MISSING ? "/certificate\"" : "");
}

static void refuse_order(struct fake_acme *x, struct out *o)
{
	if (x->evil == ORDER_PROBLEM_ESCAPES) {
		problem(o, 403, "rejectedIdentifier", "\\u001b[2J\\u001b]0;owned\\u0007 `id` $(id)\\nassay-agent: all is well");
	} else if (x->evil == ORDER_REDIRECTS) {
		o->reply.status = 307;
		header(o, "Location", "https://evil.test/new");
	} else if (x->evil == ORDER_TERMS_CHANGED) {
		problem(o, 403, "userActionRequired", "the terms have changed");
		header(o, "Link", "<https://ca.test/terms-2>;rel=\"terms-of-service\"");
	} else {
		problem(o, 429, "rateLimited", "too many orders");
		header(o, "Retry-After", x->evil == ORDER_RATE_LIMITED_LONG ? "7200" : "7");
	}
}

static bool order_is_refused(const struct fake_acme *x)
{
	return x->evil == ORDER_PROBLEM_ESCAPES || x->evil == ORDER_RATE_LIMITED_LONG ||
	       x->evil == ORDER_REDIRECTS || x->evil == ORDER_TERMS_CHANGED ||
	       (x->evil == ORDER_RATE_LIMITED_ONCE && x->orders == 1);
}

static void new_order(struct fake_acme *x, struct out *o, const struct jws *jws)
{
	struct acme_new_order order;

	x->orders++;
	if (order_is_refused(x)) {
		refuse_order(x, o);
		return;
	}
	MUST(acme_new_order_decode(&x->arena, jws->payload, &order, NULL) == RC_OK);
	(void)snprintf(x->name, sizeof(x->name), "%.*s", STR_ARG(order.identifiers[0].shown));
	strcpy(x->status, x->evil == ORDER_UNKNOWN_STATUS ? "weird" : "pending");
	x->authz_done = x->evil == AUTHZ_VALID;
	if (x->authz_done)
		strcpy(x->status, "ready");
	o->reply.status = 201;
	(void)snprintf(o->location, sizeof(o->location), "%s/order",
		       x->evil == LOCATION_ELSEWHERE ? "https://evil.test" :
		       x->evil == LOCATION_PLAIN_HTTP ? "http://localhost" : x->base);
	if (x->evil != LOCATION_MISSING)
		header(o, "Location", o->location);
	show_order(x, o);
}

static void read_order(struct fake_acme *x, struct out *o)
{
	if (strcmp(x->status, "processing") == 0 && x->evil == PROCESSING_A_WHILE && ++x->reads > 3)
		strcpy(x->status, "valid");
	header(o, "Retry-After", "3");
	show_order(x, o);
}

static void authz(struct fake_acme *x, struct out *o)
{
	const char *token = x->evil == TOKEN_PATH ? "../../../../etc/cron.d/aaaaaaaaaaaaa" :
			    x->evil == TOKEN_SHELL ? "`touch /tmp/owned;`$(id)aaaaaaaaaaaa" :
			    x->evil == TOKEN_SHORT ? "aaaa" : TOKEN;
	bool failed = x->evil == AUTHZ_INVALID && x->challenges > 0;

	if (x->evil == AUTHZ_READ_FAILS_TWICE && x->challenges > 0 && ++x->reads <= 2) {
		problem(o, 500, "serverInternal", "in a moment");
		return;
	}
	buf_addf(&o->body, "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},\"challenges\":[",
		 failed ? "invalid" : x->authz_done ? "valid" : "pending",
		 x->evil == AUTHZ_OTHER_NAME ? "evil.test" : x->name);
	buf_addf(&o->body, "{\"type\":\"%s\",\"status\":\"%s\",\"url\":\"%s/challenge\",\"token\":\"%s\"%s}]}",
		 x->evil == AUTHZ_NO_HTTP01 ? "dns-01" : "http-01",
		 failed ? "invalid" : x->authz_done ? "valid" : "pending",
		 x->evil == CHALLENGE_ELSEWHERE ? "https://evil.test" : x->base, token,
		 failed ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:connection\",\"detail\":\"10.0.0.5:80 \\u001b[31mrefused\"}" :
			  "");
}

static void challenge(struct fake_acme *x, struct out *o)
{
	x->challenges++;
	if (x->evil != AUTHZ_INVALID && x->evil != AUTHZ_PENDING_FOREVER) {
		x->authz_done = true;
		strcpy(x->status, "ready");
	} else if (x->evil == AUTHZ_INVALID) {
		strcpy(x->status, "invalid");
	}
	buf_addf(&o->body, "{\"type\":\"http-01\",\"status\":\"processing\",\"url\":\"%s/challenge\",\"token\":\"" TOKEN "\"}",
		 x->base);
}

static void finalize(struct fake_acme *x, struct out *o, const struct jws *jws)
{
	struct acme_finalize body;

	x->finalizes++;
	if (x->evil == FINALIZE_FAILS_ONCE && x->finalizes == 1) {
		problem(o, 503, "serverInternal", "in a moment");
		return;
	}
	MUST(acme_finalize_decode(&x->arena, jws->payload, &body, NULL) == RC_OK);
	x->csr = body.csr;
	if (x->evil == PROCESSING_FOREVER || x->evil == PROCESSING_A_WHILE)
		strcpy(x->status, "processing");
	else if (x->evil != READY_FOREVER)
		strcpy(x->status, "valid");
	show_order(x, o);
}

static void certificate(struct fake_acme *x, struct out *o)
{
	if (x->evil == CERTIFICATE_GARBAGE)
		buf_add_text(&o->body, "-----BEGIN CERTIFICATE-----\n`id`\n-----END CERTIFICATE-----\n");
	else if (x->evil == CERTIFICATE_HUGE)
		huge(o, "-----BEGIN CERTIFICATE-----\n");
	else
		add_chain(x, &o->body);
}

/* --- requests --- */

static void add_nonce(struct fake_acme *x, struct out *o)
{
	if (x->evil == NONCE_POISON)
		header(o, "Replay-Nonce", "a b\"};alert(1)");
	else if (x->evil != NONCE_MISSING)
		header(o, "Replay-Nonce", "bm9uY2U");
}

static bool refuses_nonce(struct fake_acme *x)
{
	if (x->evil == NONCE_REFUSED_ALWAYS || (x->evil == NONCE_REFUSED_TWICE && x->nonces_refused < 2)) {
		x->nonces_refused++;
		return true;
	}
	return false;
}

static void route_post(struct fake_acme *x, struct out *o, struct str path, const struct jws *jws)
{
	if (refuses_nonce(x))
		problem(o, 400, "badNonce", "no good");
	else if (str_is(path, "/account"))
		account(x, o);
	else if (x->evil == ACCOUNT_FORGOTTEN)
		problem(o, 400, "accountDoesNotExist", "who are you?");
	else if (str_is(path, "/new"))
		new_order(x, o, jws);
	else if (str_is(path, "/order"))
		read_order(x, o);
	else if (str_is(path, "/authz"))
		authz(x, o);
	else if (str_is(path, "/challenge"))
		challenge(x, o);
	else if (str_is(path, "/finalize"))
		finalize(x, o, jws);
	else if (str_is(path, "/certificate"))
		certificate(x, o);
	else if (str_is(path, "/key") || str_is(path, "/revoke") || str_is(path, "/account/1"))
		buf_add_text(&o->body, "{\"status\":\"valid\"}");
	else
		o->reply.status = 404;
}

/* RFC 8555 §6.4: the URL as it was given. */
static void check_url(struct fake_acme *x, const struct jws *jws, struct str path)
{
	char *url = arena_printf(&x->arena, "%s%.*s", x->base, STR_ARG(path));

	MUST(url && str_is(jws->url, url));
}

static void on_request(void *arg, struct http_exchange *exchange, const struct http_request *r)
{
	struct fake_acme *x = arg;
	struct out o = { .reply.status = 200 };
	struct jws jws = { 0 };
	struct fault f = { 0 };
	char *many = NULL;

	x->requests++;
	MUST(http_header_get(r, "User-Agent").len > 0); /* RFC 8555 §6.1 */
	buf_init(&o.body, 8 * 1024 * 1024);
	add_nonce(x, &o);
	if (r->method != HTTP_POST) {
		if (str_is(r->path, "/dir"))
			directory(x, &o);
		if (str_is(r->path, "/dir") && x->evil == DIRECTORY_HEADERS_HUGE) {
			many = calloc(1, 90 * 1024);
			memset(many, 'x', 90 * 1024 - 1);
			header(&o, "X-Huge", many);
		}
	} else {
		if (jws_parse(&x->arena, r->body, &jws, &f) != RC_OK) {
			fprintf(stderr, "%s\n", f.detail);
			abort();
		}
		check_url(x, &jws, r->path);
		route_post(x, &o, r->path, &jws);
	}
	o.reply.body = buf_bytes(&o.body);
	http_reply(exchange, &o.reply);
	jws_done(&jws);
	buf_done(&o.body);
	free(many);
}

void fake_acme_start(struct fake_acme *x, enum evil evil)
{
	struct http_server_options o = { .on_request = on_request, .arg = x, .max_body = LIMIT_HTTP_BODY,
					 .max_connections = 100 };

	memset(x, 0, sizeof(*x));
	arena_init(&x->arena, 64 * 1024 * 1024);
	x->evil = evil;
	strcpy(x->status, "pending");
	make_ca(x);
	/* Before the first request, which only the directory's URL allows. */
	kit_server_start(&x->server, o, &x->tls, NULL, NULL);
	(void)snprintf(x->base, sizeof(x->base), "https://localhost:%u", addr_port(&x->server.addr));
	(void)snprintf(x->directory, sizeof(x->directory), "%s/dir", x->base);
}

void fake_acme_stop(struct fake_acme *x)
{
	kit_server_stop(&x->server);
	(void)unlink(x->root_file);
	privkey_free(x->root_key);
	privkey_free(x->other_key);
	privkey_free(x->tls.key);
	arena_done(&x->arena);
}
