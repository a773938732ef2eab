/* session.c - one ACME client that does what clients do and no more: no retries but for a nonce, short
 * polls where the server says "processing". */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acme/jwk.h"
#include "acme/jws.h"
#include "base/limits.h"
#include "bench.h"
#include "crypto/csr.h"

#define POLL_MS 5
#define POLLS_MAX 12000
#define TIMEOUT_MS 60000

static enum rc keep_nonce(struct session *s, const struct web_response *r)
{
	struct str nonce = web_header(r, "Replay-Nonce", 0);

	if (!nonce.p || nonce.len >= sizeof(s->nonce))
		return fault_set(&s->f, RC_INVALID, PROBLEM_NONE, "no Replay-Nonce (status %d)", r->status);
	memcpy(s->nonce, nonce.p, nonce.len);
	s->nonce[nonce.len] = '\0';
	return RC_OK;
}

enum rc session_nonce(struct session *s)
{
	struct web_request r = { .method = HTTP_HEAD, .url = s->directory.new_nonce, .max_body = 1024 };
	struct web_response out;
	enum rc rc;

	arena_reset(&s->scratch);
	rc = web_call(s->web, &s->scratch, &r, &out, &s->f);
	return rc == RC_OK ? keep_nonce(s, &out) : rc;
}

enum rc session_post(struct session *s, struct str url, struct str payload, struct web_response *out)
{
	struct web_request r = { .method = HTTP_POST, .url = url, .content_type = STR("application/jose+json"),
				 .max_body = LIMIT_JSON_RESOURCE };
	enum rc rc = RC_OK;

	for (int try = 0; rc == RC_OK && try < 3; try++) {
		if (!s->nonce[0])
			rc = session_nonce(s);
		if (rc == RC_OK)
			rc = jws_sign(&s->scratch, s->key, s->kid, str_of(s->nonce), url, payload, &r.body);
		s->nonce[0] = '\0';
		if (rc == RC_OK)
			rc = web_call(s->web, &s->scratch, &r, out, &s->f);
		if (rc == RC_OK)
			rc = keep_nonce(s, out);
		if (rc == RC_OK && out->status < 400)
			return RC_OK;
		if (rc == RC_OK && !strstr(out->body.p, "badNonce"))
			break;
	}
	if (rc == RC_OK)
		rc = fault_set(&s->f, RC_INVALID, PROBLEM_NONE, "%.*s: %d %.*s", STR_ARG(url), out->status,
			       STR_ARG(out->body));
	return rc;
}

enum rc session_open(struct session *s, const char *directory_url, const char *root_file)
{
	struct web_options o = { .root_file = str_of(root_file), .user_agent = STR("assay-bench"), .timeout_ms = TIMEOUT_MS };
	struct web_request get = { .method = HTTP_GET, .url = str_of(directory_url), .max_body = 65536 };
	struct acme_new_account body = { .terms_agreed = true };
	struct web_response out;
	struct str payload;
	enum rc rc;

	*s = (struct session){ 0 };
	arena_init(&s->arena, 1024 * 1024);
	arena_init(&s->scratch, 16 * 1024 * 1024);
	if ((rc = privkey_generate(KEY_P256, 0, &s->key)) != RC_OK || (rc = web_new(&o, &s->web, &s->f)) != RC_OK ||
	    (rc = web_call(s->web, &s->arena, &get, &out, &s->f)) != RC_OK ||
	    (rc = acme_directory_decode(&s->arena, out.body, &s->directory, &s->f)) != RC_OK ||
	    (rc = acme_new_account_encode(&s->arena, &body, &payload)) != RC_OK)
		return rc;
	jwk_thumbprint(privkey_pubkey(s->key), s->thumbprint);
	rc = session_post(s, s->directory.new_account, payload, &out);
	if (rc == RC_OK) {
		s->kid = arena_str(&s->arena, web_header(&out, "Location", 0));
		rc = s->kid.p ? RC_OK : RC_NOMEM;
	}
	return rc;
}

void session_close(struct session *s)
{
	web_free(s->web);
	privkey_free(s->key);
	arena_done(&s->arena);
	arena_done(&s->scratch);
	fault_done(&s->f);
}

static char *copy(struct str s)
{
	char *p = strndup(s.p ? s.p : "", s.len);

	if (!p)
		abort();
	return p;
}

enum rc session_order(struct session *s, const char *name, struct open_order *out)
{
	struct acme_new_order body = { .identifier_count = 1 };
	struct open_order o = { 0 };
	struct identifier id;
	struct web_response r;
	struct acme_order doc;
	struct str payload;
	enum rc rc;

	arena_reset(&s->scratch);
	body.identifiers = &id;
	if ((rc = identifier_parse(&s->scratch, STR("dns"), str_of(name), &id, &s->f)) != RC_OK ||
	    (rc = acme_new_order_encode(&s->scratch, &body, &payload)) != RC_OK ||
	    (rc = session_post(s, s->directory.new_order, payload, &r)) != RC_OK ||
	    (rc = acme_order_decode(&s->scratch, r.body, &doc, &s->f)) != RC_OK)
		return rc;
	if (doc.authorization_count != 1)
		return fault_set(&s->f, RC_INVALID, PROBLEM_NONE, "the order has no authorization");
	(void)snprintf(o.name, sizeof(o.name), "%s", name);
	o.order = copy(web_header(&r, "Location", 0));
	o.authz = copy(doc.authorizations[0]);
	o.finalize = copy(doc.finalize);
	*out = o;
	return RC_OK;
}

void open_order_done(struct open_order *o)
{
	free(o->order);
	free(o->authz);
	free(o->finalize);
	*o = (struct open_order){ 0 };
}

static void wait_a_little(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000L }, NULL);
}

static enum rc read_authz(struct session *s, const struct open_order *o, struct acme_authz *out)
{
	struct web_response r;
	enum rc rc;

	arena_reset(&s->scratch);
	rc = session_post(s, str_of(o->authz), (struct str){ 0 }, &r);
	return rc == RC_OK ? acme_authz_decode(&s->scratch, r.body, out, &s->f) : rc;
}

static enum rc wait_for_authz(struct session *s, const struct open_order *o)
{
	struct str why = { 0 };
	struct acme_authz z;

	for (int i = 0; i < POLLS_MAX; i++) {
		enum rc rc = read_authz(s, o, &z);

		if (rc != RC_OK)
			return rc;
		if (str_is(z.status, "valid"))
			return RC_OK;
		if (z.challenge_count)
			why = z.challenges[0].error;
		if (!str_is(z.status, "pending"))
			return fault_set(&s->f, RC_DENIED, PROBLEM_NONE, "the authorization is %.*s: %.*s",
					 STR_ARG(z.status), STR_ARG(why));
		wait_a_little();
	}
	return RC_TIMEOUT;
}

enum rc session_validate(struct session *s, struct open_order *o)
{
	const struct acme_challenge *http = NULL;
	char token[160], key_authorization[256];
	struct web_response r;
	struct acme_authz z;
	enum rc rc = read_authz(s, o, &z);

	for (size_t i = 0; rc == RC_OK && i < z.challenge_count; i++) {
		if (str_is(z.challenges[i].type, "http-01"))
			http = &z.challenges[i];
	}
	if (rc != RC_OK || !http)
		return rc != RC_OK ? rc : RC_INVALID;
	(void)snprintf(token, sizeof(token), "%.*s", STR_ARG(http->token));
	(void)snprintf(key_authorization, sizeof(key_authorization), "%s.%s", token, s->thumbprint);
	world_expect(str_of(token), str_of(key_authorization));
	rc = session_post(s, http->url, ACME_CHALLENGE_READY_JSON, &r);
	if (rc == RC_OK)
		rc = wait_for_authz(s, o);
	world_forget(str_of(token));
	return rc;
}

enum rc session_finalize(struct session *s, struct open_order *o, const struct privkey *key)
{
	struct san san = { .type = SAN_DNS, .value = str_bytes(str_of(o->name)) };
	struct csr_spec spec = { .sans = &san, .san_count = 1 };
	struct web_response r = { 0 };
	struct acme_order doc;
	struct bytes csr;
	struct str payload;
	enum rc rc;

	arena_reset(&s->scratch);
	if ((rc = csr_build(&s->scratch, &spec, key, &csr)) != RC_OK ||
	    (rc = acme_finalize_encode(&s->scratch, csr, &payload)) != RC_OK ||
	    (rc = session_post(s, str_of(o->finalize), payload, &r)) != RC_OK)
		return rc;
	for (int i = 0; i < POLLS_MAX; i++) {
		rc = acme_order_decode(&s->scratch, r.body, &doc, &s->f);
		if (rc != RC_OK)
			return rc;
		if (str_is(doc.status, "valid")) {
			rc = session_post(s, doc.certificate, (struct str){ 0 }, &r);
			if (rc == RC_OK && !str_starts(r.body, "-----BEGIN CERTIFICATE-----"))
				rc = RC_INVALID;
			return rc;
		}
		if (str_is(doc.status, "invalid"))
			return fault_set(&s->f, RC_DENIED, PROBLEM_NONE, "the order is invalid: %.*s", STR_ARG(doc.error));
		wait_a_little();
		arena_reset(&s->scratch);
		rc = session_post(s, str_of(o->order), (struct str){ 0 }, &r);
		if (rc != RC_OK)
			return rc;
	}
	return RC_TIMEOUT;
}
