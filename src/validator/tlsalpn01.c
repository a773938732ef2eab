/* tlsalpn01.c - the TLS challenge with ALPN (RFC 8737): the host that the name leads to must speak
 * "acme-tls/1" on port 443 and show a certificate that it made for this challenge alone. Which
 * addresses may be dialled and the deadline are net/tls_probe.c's.
 *
 * Being reached is not enough, and neither is the name in a certificate: a machine that serves many
 * people shows its default certificate to everybody. Only the protocol that nobody speaks by accident
 * together with the digest of this challenge's key authorization is proof (TRUST V35).
 *
 * Another try is worth while when no such responder was there (yet): no connection, no TLS, another
 * protocol. A certificate shown under "acme-tls/1" is definite. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "store/records.h"
#include "validator/validator.h"
#include "validator/validator_env.h"

#define PROTOCOL "acme-tls/1" /* RFC 8737 §4 */
#define CERT_ARENA (256 * 1024)
#define REVERSE_NAME_MAX 80   /* 32 nibbles, each with a dot, and "ip6.arpa" */

struct validation {
	struct tls_probe *probe;
	validation_done_fn done;
	void *arg;
	int64_t started_ms;
	char name[LIMIT_NAME + 1];
	uint8_t ip[16];
	size_t ip_len; /* 0: name is a DNS name */
	uint8_t digest[SHA256_LEN];
};

static void fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
{
	va_list args;

	out->problem = problem;
	out->transient = transient;
	va_start(args, fmt);
	vsnprintf(out->detail, sizeof(out->detail), fmt, args);
	va_end(args);
}

/* RFC 8738 §6: an address is asked for by its name in the reverse tree (RFC 1035 §3.5,
 * RFC 3596 §2.5), because SNI takes no addresses. */
static void reverse_name(const uint8_t *ip, size_t ip_len, char out[REVERSE_NAME_MAX])
{
	static const char HEX[] = "0123456789abcdef";
	size_t len = 0;

	if (ip_len == 4) {
		snprintf(out, REVERSE_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
		return;
	}
	for (size_t i = ip_len; i-- > 0;) {
		out[len++] = HEX[ip[i] & 0xf];
		out[len++] = '.';
		out[len++] = HEX[ip[i] >> 4];
		out[len++] = '.';
	}
	memcpy(out + len, "ip6.arpa", sizeof("ip6.arpa"));
}

/* --- the certificate (RFC 8737 §3) --- */

static enum rc bad(struct fault *f, const char *rule)
{
	return fault_set(f, RC_INVALID, PROBLEM_INCORRECT_RESPONSE, "%s", rule);
}

/* "subjectAltName extension containing the dNSName being validated and no other entries". */
static enum rc check_name(const struct validation *v, const struct cert_info *cert, struct fault *f)
{
	const struct san *san = cert->sans;

	if (!(cert->extensions & EXT_SAN))
		return bad(f, "RFC 8737 §3: the certificate has no subjectAltName");
	if (cert->san_count != 1)
		return fault_set(f, RC_INVALID, PROBLEM_INCORRECT_RESPONSE,
				 "RFC 8737 §3: the certificate has %zu subject alternative names; it must have "
				 "%s alone", cert->san_count, v->name);
	if (v->ip_len) {
		if (san->type == SAN_IP && bytes_eq(san->value, bytes_of(v->ip, v->ip_len)))
			return RC_OK;
		return bad(f, "RFC 8738 §6: the certificate's subject alternative name is not this iPAddress");
	}
	if (san->type == SAN_DNS &&
	    str_eq_nocase((struct str){ (const char *)san->value.p, san->value.len }, str_of(v->name)))
		return RC_OK;
	return bad(f, "RFC 8737 §3: the certificate's subject alternative name is not the dNSName that is "
		      "being validated");
}

/* "a critical acmeIdentifier extension containing the expected SHA-256 digest". */
static enum rc check_acme_identifier(const struct validation *v, const struct cert_info *cert,
				     struct fault *f)
{
	struct cert_acme_identifier said;
	enum rc rc = cert_acme_identifier(cert, &said, f);

	if (rc != RC_OK)
		return rc;
	if (said.draft)
		return bad(f, "RFC 8737 §6.1: the certificate has 1.3.6.1.5.5.7.1.30.1, which only drafts had; "
			      "acmeIdentifier is 1.3.6.1.5.5.7.1.31");
	if (!said.present)
		return bad(f, "RFC 8737 §3: the certificate has no acmeIdentifier extension "
			      "(1.3.6.1.5.5.7.1.31)");
	if (!said.critical)
		return bad(f, "RFC 8737 §3: the certificate's acmeIdentifier extension is not critical");
	if (!said.digest.p)
		return bad(f, "RFC 8737 §3: the certificate's acmeIdentifier is not a DER OCTET STRING of 32 "
			      "octets and nothing else");
	if (!bytes_eq(said.digest, bytes_of(v->digest, sizeof(v->digest))))
		return bad(f, "RFC 8737 §3: the certificate's acmeIdentifier is not the SHA-256 digest of this "
			      "challenge's key authorization");
	return RC_OK;
}

static enum rc check_certificate(const struct validation *v, struct bytes der, struct fault *f)
{
	AUTO(arena) struct arena arena;
	struct cert_info cert;
	enum rc rc;

	arena_init(&arena, CERT_ARENA);
	rc = cert_parse(&arena, der, &cert, f);
	if (rc == RC_OK)
		rc = check_name(v, &cert, f);
	if (rc == RC_OK)
		rc = check_acme_identifier(v, &cert, f);
	return rc == RC_OK ? cert_check_self_signed(&cert, f) : rc;
}

/* --- the outcome --- */

static void judge(const struct validation *v, const struct tls_probe_result *r,
		  struct validation_result *out)
{
	AUTO(fault) struct fault f = { 0 };
	char peer[ADDR_TEXT_MAX];
	enum rc rc;

	addr_text(&r->dialled, peer);
	if (!str_is(r->alpn, PROTOCOL)) {
		fail(out, PROBLEM_INCORRECT_RESPONSE, true,
		     "RFC 8737 §3: %s (%s) speaks TLS but did not choose the protocol \"" PROTOCOL "\" (ALPN): let "
		     "the responder of this challenge answer there", v->name, peer);
		return;
	}
	if (r->certificate_count != 1) {
		fail(out, PROBLEM_INCORRECT_RESPONSE, false,
		     "RFC 8737 §3: %s (%s) showed %zu certificates: show the self-signed one of this challenge "
		     "alone", v->name, peer, r->certificate_count);
		return;
	}
	rc = check_certificate(v, r->certificate, &f);
	if (rc == RC_OK)
		out->valid = true;
	else if (rc == RC_NOMEM)
		fail(out, PROBLEM_SERVER_INTERNAL, true, "this server could not read the certificate of %s (%s)",
		     v->name, peer);
	else
		fail(out, PROBLEM_INCORRECT_RESPONSE, false,
		     "%s (%s) answered with a wrong certificate: %.400s", v->name, peer, f.detail);
}

static const char *remedy(const struct tls_probe_result *r)
{
	switch (r->problem) {
	case PROBLEM_DNS:
		return r->rc == RC_DENIED ? "repair the zone's signatures" :
					    "publish an A or AAAA record that this server's resolver sees";
	case PROBLEM_TLS:
		return "let a responder that speaks \"" PROTOCOL "\" over TLS 1.2 or 1.3 answer there";
	case PROBLEM_SERVER_INTERNAL:
		return "try again later";
	default:
		return r->rc == RC_DENIED ? "ask the administrator of this service if it should be allowed" :
					    "let the responder listen there, and let the firewall pass it";
	}
}

static void on_probed(void *arg, const struct tls_probe_result *r)
{
	struct validation *v = arg;
	struct validation_result result = { .trace = r->trace, .connected = r->dialled.len > 0 };

	if (r->rc == RC_OK)
		judge(v, r, &result);
	else
		fail(&result, r->problem, r->transient, "RFC 8737 §3: %s; %s", r->why, remedy(r));
	result.duration_ms = clock_mono_ms() - v->started_ms;
	v->done(v->arg, &result);
	free(v);
}

static enum rc tlsalpn01_start(struct validator_env *env, const struct validation_request *r,
			       validation_done_fn done, void *arg, struct validation **out)
{
	char reverse[REVERSE_NAME_MAX];
	struct tls_probe_request request = {
		.host = r->identifier->value,
		.port = r->policy.tls_alpn01_port,
		.server_name = r->identifier->value,
		.alpn = PROTOCOL,
		.policy = &r->policy.targets,
		.resolver = r->policy.resolver,
		.deadline_ms = r->policy.deadline_ms,
	};
	struct validation *v;
	enum rc rc;

	if (r->identifier->wildcard || r->identifier->value.len > LIMIT_NAME || r->key_authorization.len == 0 ||
	    (r->identifier->type == IDENTIFIER_IP && r->identifier->ip_len != 4 && r->identifier->ip_len != 16))
		return RC_INVALID;
	v = calloc(1, sizeof(*v));
	if (!v)
		return RC_NOMEM;
	v->done = done;
	v->arg = arg;
	v->started_ms = clock_mono_ms();
	memcpy(v->name, r->identifier->value.p, r->identifier->value.len);
	if (r->identifier->type == IDENTIFIER_IP) {
		v->ip_len = r->identifier->ip_len;
		memcpy(v->ip, r->identifier->ip, v->ip_len);
		reverse_name(v->ip, v->ip_len, reverse);
		request.server_name = str_of(reverse);
	}
	sha256(str_bytes(r->key_authorization), v->digest);
	rc = tls_probe_start(env->prober, &request, on_probed, v, &v->probe);
	if (rc != RC_OK) {
		free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

static void tlsalpn01_cancel(struct validation *v)
{
	if (!v)
		return;
	tls_probe_cancel(v->probe);
	free(v);
}

const struct validator_ops VALIDATOR_TLSALPN01 = {
	.type = "tls-alpn-01",
	.challenge = CHALLENGE_TLS_ALPN_01,
	.wildcard = false,
	.ip = true,
	.start = tlsalpn01_start,
	.cancel = tlsalpn01_cancel,
};
