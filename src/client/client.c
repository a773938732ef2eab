/* client.c - the session: the directory, nonces, signed requests, and what is tried again (RFC 8555
 * §6). Nothing that the server sends is believed before it has been looked at: TRUST V45-V52. */
#include "client/client_impl.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/jws.h"
#include "acme/problem.h"
#include "base/clock.h"
#include "client/link.h"
#include "client/retry.h"
#include "client/url.h"
#include "crypto/digest.h"

#define TIMEOUT_S 30
#define BUSY_MAX 5 /* times that 429 or 503 with Retry-After is waited for in one request */

/* --- time --- */

static void wait_real(void *arg, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	(void)arg;
	while (ms > 0) {
		(void)poll(NULL, 0, ms < 60000 ? (int)ms : 60000);
		ms = until - clock_mono_ms();
	}
}

void client_begin(struct client *c, int64_t deadline_s)
{
	c->deadline_ms = clock_mono_ms() + deadline_s * 1000;
}

enum rc client_wait(struct client *c, int64_t ms, const char *what, struct fault *f)
{
	if (ms > c->deadline_ms - clock_mono_ms()) {
		enum rc rc = fault_set(f, RC_TIMEOUT, PROBLEM_NONE,
				       "%s: not done in time; run again later to go on with it", what);

		if (f)
			f->retry_after_s = (int)((ms + 999) / 1000);
		return rc;
	}
	c->wait_ms(c->wait_arg, ms);
	return RC_OK;
}

enum rc client_wait_look(struct client *c, unsigned look, int64_t retry_after_s, const char *what,
			 struct fault *f)
{
	uint32_t chance;

	random_bytes(&chance, sizeof(chance));
	return client_wait(c, retry_gap_ms(look, retry_after_s, chance), what, f);
}

bool client_is_transient(enum rc rc)
{
	return rc == RC_UNAVAILABLE || rc == RC_TIMEOUT;
}

int64_t client_retry_after(const struct web_response *r)
{
	int64_t s;

	return retry_after_parse(web_header(r, "Retry-After", 0), clock_now_s(), &s) ? s : -1;
}

/* --- URLs --- */

enum rc client_check_url(const struct client *c, const char *what, struct str url, struct fault *f)
{
	enum rc rc = url_check(what, url, f);

	for (size_t i = 0; rc == RC_OK && i < c->origin_count; i++) {
		if (url_origin_eq(url_origin(url), c->origins[i]))
			return RC_OK;
	}
	return rc != RC_OK ? rc :
			     fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				       "the URL of %s leads to another server than the directory's (policy): \"%.*s\"",
				       what, (int)(url.len < 200 ? url.len : 200), url.p);
}

enum rc client_location(const struct client *c, struct arena *a, const struct web_response *r, const char *what,
			struct str *out, struct fault *f)
{
	struct str url = web_header(r, "Location", 0), copy;
	enum rc rc;

	if (!url.p)
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "RFC 8555 §7.1: the answer to %s has no Location", what);
	rc = client_check_url(c, what, url, f);
	if (rc != RC_OK)
		return rc;
	copy = arena_str(a, url);
	if (!copy.p)
		return RC_NOMEM;
	*out = copy;
	return RC_OK;
}

static void add_origin(struct client *c, struct str url)
{
	struct str origin = url_origin(url);

	for (size_t i = 0; i < c->origin_count; i++) {
		if (url_origin_eq(origin, c->origins[i]))
			return;
	}
	if (c->origin_count < CLIENT_ORIGINS_MAX)
		c->origins[c->origin_count++] = origin;
}

/* --- faults --- */

void client_fault_prefix(struct fault *f, const char *prefix)
{
	struct fault kept;

	if (!f || f->rc == RC_OK)
		return;
	kept = *f;
	f->subs = NULL; /* not freed by fault_set() */
	f->sub_count = 0;
	fault_set(f, kept.rc, kept.problem, "%s: %s", prefix, kept.detail);
	f->status = kept.status;
	f->retry_after_s = kept.retry_after_s;
	f->subs = kept.subs;
	f->sub_count = kept.sub_count;
}

static enum rc status_rc(int status)
{
	if (status == 404)
		return RC_NOTFOUND;
	if (status == 429)
		return RC_LIMIT;
	return status >= 500 ? RC_UNAVAILABLE : RC_INVALID;
}

/* RFC 8555 §7.3.3: where the new terms are. */
static void add_terms(const struct web_response *r, struct fault *f)
{
	struct str value;
	struct link link;

	for (size_t i = 0; (value = web_header(r, "Link", i)).p; i++) {
		while (link_next(&value, &link)) {
			if (link_has_rel(&link, "terms-of-service") &&
			    url_check("the terms of service", link.target, NULL) == RC_OK) {
				fault_set(f, f->rc, f->problem, "%s; read and accept %.*s", f->detail,
					  STR_ARG(link.target));
				return;
			}
		}
	}
}

/* What an answer that is not 2xx says. */
static enum rc answer_fault(const struct client_request *r, const struct web_response *answer,
			    struct fault *f)
{
	int64_t retry_s = client_retry_after(answer);
	char prefix[120];

	if (answer->status >= 300 && answer->status < 400) {
		struct str to = web_header(answer, "Location", 0);

		fault_set(f, RC_INVALID, PROBLEM_NONE,
			  "%s: the server redirects (status %d) to \"%.*s\", which is not followed (policy); check the directory URL",
			  r->what, answer->status, (int)(to.len < 200 ? to.len : 200), to.p ? to.p : "");
	} else if (answer->status >= 400 && fault_from_json(answer->body, f) == RC_OK) {
		(void)snprintf(prefix, sizeof(prefix), "%s: the server refuses (%s)", r->what,
			       problem_name(f->problem));
		if (f->problem == PROBLEM_USER_ACTION_REQUIRED)
			add_terms(answer, f);
		client_fault_prefix(f, prefix);
	} else {
		fault_set(f, status_rc(answer->status), PROBLEM_NONE,
			  "%s: %.*s answers with status %d and no problem document (RFC 7807); is it an ACME server?",
			  r->what, STR_ARG(r->url), answer->status);
	}
	f->status = answer->status;
	f->retry_after_s = retry_s > 0 ? (int)retry_s : 0;
	return f->rc;
}

/* --- nonces (RFC 8555 §6.5) --- */

/* Keeps the answer's nonce. One that is no base64url is ignored, as RFC 8555 §6.5.1 demands. */
static void keep_nonce(struct client *c, const struct web_response *r)
{
	struct str nonce = web_header(r, "Replay-Nonce", 0);

	c->nonce[0] = '\0';
	if (!nonce.p || nonce.len > CLIENT_NONCE_MAX)
		return;
	for (size_t i = 0; i < nonce.len; i++) {
		char ch = nonce.p[i];

		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
		      ch == '-' || ch == '_'))
			return;
	}
	memcpy(c->nonce, nonce.p, nonce.len);
	c->nonce[nonce.len] = '\0';
}

static enum rc fetch_nonce(struct client *c, struct arena *a, struct fault *f)
{
	struct web_request r = { .method = HTTP_HEAD, .url = c->directory.new_nonce, .max_body = 0 };
	struct web_response answer;
	enum rc rc = web_call(c->web, a, &r, &answer, f);

	if (rc != RC_OK)
		return rc;
	keep_nonce(c, &answer);
	if (c->nonce[0])
		return RC_OK;
	/* RFC 8555 §7.2: 200 with a Replay-Nonce. */
	return fault_set(f, answer.status == 200 ? RC_INVALID : status_rc(answer.status), PROBLEM_NONE,
			 "newNonce: %.*s answers with status %d and no usable Replay-Nonce", STR_ARG(r.url),
			 answer.status);
}

/* --- requests --- */

static enum rc sign(struct client *c, struct arena *a, const struct client_request *r, struct str *out,
		    struct fault *f)
{
	struct str kid = { 0 };
	enum rc rc;

	if (r->auth == CLIENT_BY_KID) {
		if (!c->account_url[0])
			return fault_set(f, RC_NOTFOUND, PROBLEM_ACCOUNT_DOES_NOT_EXIST,
					 "%s: no account is registered in this session", r->what);
		kid = str_of(c->account_url);
	}
	if (!c->nonce[0]) {
		rc = fetch_nonce(c, a, f);
		if (rc != RC_OK)
			return rc;
	}
	rc = jws_sign(a, c->key, kid, str_of(c->nonce), r->url, r->payload, out);
	c->nonce[0] = '\0'; /* used, whatever becomes of the request */
	return rc;
}

static enum rc send_once(struct client *c, struct arena *a, const struct client_request *r,
			 struct web_response *out, struct fault *f)
{
	struct web_request w = {
		.method = r->auth == CLIENT_UNSIGNED ? HTTP_GET : HTTP_POST,
		.url = r->url,
		.content_type = STR("application/jose+json"), /* RFC 8555 §6.2 */
		.accept = r->accept.p ? r->accept : STR("application/json, application/problem+json"),
		.language = STR("en"), /* RFC 8555 §6.1: of error messages */
		.max_body = r->max_body ? r->max_body : CLIENT_BODY_MAX,
	};
	enum rc rc = RC_OK;

	if (r->auth != CLIENT_UNSIGNED)
		rc = sign(c, a, r, &w.body, f);
	if (rc == RC_OK)
		rc = web_call(c->web, a, &w, out, f);
	if (rc == RC_OK)
		keep_nonce(c, out);
	return rc;
}

static enum rc copy_answer(struct arena *a, const struct web_response *from, struct web_response *out)
{
	struct web_response r = *from;

	r.body = arena_str(a, from->body);
	r.headers = arena_array(a, from->header_count ? from->header_count : 1, sizeof(*r.headers));
	if (!r.body.p || !r.headers)
		return RC_NOMEM;
	for (size_t i = 0; i < from->header_count; i++) {
		r.headers[i].name = arena_str(a, from->headers[i].name);
		r.headers[i].value = arena_str(a, from->headers[i].value);
		if (!r.headers[i].name.p || !r.headers[i].value.p)
			return RC_NOMEM;
	}
	*out = r;
	return RC_OK;
}

struct attempts {
	unsigned refused_nonces, busy;
};

/* After a refusal: RC_OK when the request is to be made again, now that it was waited for. */
static enum rc try_again(struct client *c, const struct client_request *r, struct attempts *n,
			 const struct web_response *answer, struct fault *f)
{
	int64_t retry_s = client_retry_after(answer);
	enum rc rc = f->rc;

	if (f->problem == PROBLEM_BAD_NONCE) { /* RFC 8555 §6.5: with the nonce that came along */
		if (n->refused_nonces++ >= CLIENT_BAD_NONCE_MAX)
			return rc;
		if (n->refused_nonces <= CLIENT_BAD_NONCE_AT_ONCE)
			return RC_OK;
		return client_wait(c, CLIENT_BAD_NONCE_PAUSE_MS, r->what, f);
	}
	if ((answer->status != 429 && answer->status != 503) || retry_s < 0 || n->busy >= BUSY_MAX)
		return rc;
	/* Too far away: the server's own words are the better fault. */
	return client_wait_look(c, n->busy++, retry_s, r->what, NULL) == RC_OK ? RC_OK : rc;
}

static enum rc call(struct client *c, struct arena *a, const struct client_request *r,
		    struct web_response *out, struct fault *f)
{
	AUTO(arena) struct arena scratch;
	struct attempts n = { 0 };
	enum rc rc;

	arena_init(&scratch, CLIENT_ARENA);
	for (;;) {
		struct web_response answer;

		arena_reset(&scratch);
		rc = send_once(c, &scratch, r, &answer, f);
		if (rc != RC_OK)
			return rc;
		if (answer.status / 100 == 2)
			return copy_answer(a, &answer, out);
		rc = answer_fault(r, &answer, f);
		if (rc != RC_OK)
			rc = try_again(c, r, &n, &answer, f);
		if (rc != RC_OK)
			return rc;
	}
}

enum rc client_call(struct client *c, struct arena *a, const struct client_request *r,
		    struct web_response *out, struct fault *f)
{
	AUTO(fault) struct fault own = { 0 }; /* what is tried again depends on the problem */

	return call(c, a, r, out, f ? f : &own);
}

/* --- the session --- */

static enum rc check_directory(struct client *c, struct fault *f)
{
	const struct acme_directory *d = &c->directory;
	const struct {
		const char *name;
		struct str url;
	} urls[] = {
		{ "newNonce", d->new_nonce },	{ "newAccount", d->new_account },
		{ "newOrder", d->new_order },	{ "revokeCert", d->revoke_cert },
		{ "keyChange", d->key_change }, { "renewalInfo", d->renewal_info },
	};

	add_origin(c, c->directory_url);
	for (size_t i = 0; i < COUNT_OF(urls); i++) {
		enum rc rc;

		if (!urls[i].url.p)
			continue;
		rc = url_check(urls[i].name, urls[i].url, f);
		if (rc != RC_OK)
			return rc;
		add_origin(c, urls[i].url);
	}
	return RC_OK;
}

static enum rc read_directory(struct client *c, struct fault *f)
{
	struct client_request r = { .what = "directory", .url = c->directory_url, .auth = CLIENT_UNSIGNED };
	struct web_response answer;
	enum rc rc;

	rc = client_call(c, &c->arena, &r, &answer, f);
	if (rc != RC_OK)
		return rc;
	rc = acme_directory_decode(&c->arena, answer.body, &c->directory, f);
	if (rc != RC_OK) {
		client_fault_prefix(f, "this is not the directory of an ACME server");
		return rc;
	}
	return check_directory(c, f);
}

enum rc client_new(const struct client_options *o, struct client **out, struct fault *f)
{
	struct web_options web = { .root_file = o->root_file, .user_agent = o->user_agent,
				   .timeout_ms = (o->timeout_s > 0 ? o->timeout_s : TIMEOUT_S) * 1000 };
	AUTO_PTR(client) struct client *c = NULL;
	enum rc rc;

	rc = url_check("the directory", o->directory_url, f);
	if (rc != RC_OK)
		return rc;
	c = calloc(1, sizeof(*c));
	if (!c)
		return RC_NOMEM;
	arena_init(&c->arena, CLIENT_ARENA);
	c->key = o->account_key;
	c->wait_ms = o->wait_ms ? o->wait_ms : wait_real;
	c->wait_arg = o->wait_arg;
	c->directory_url = arena_str(&c->arena, o->directory_url);
	if (!c->directory_url.p)
		return RC_NOMEM;
	rc = web_new(&web, &c->web, f);
	if (rc != RC_OK)
		return rc;
	client_begin(c, CLIENT_DEADLINE_S);
	rc = read_directory(c, f);
	if (rc == RC_OK)
		*out = TAKE(c);
	return rc;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	web_free(c->web);
	arena_done(&c->arena);
	free(c);
}

const struct acme_directory *client_directory(const struct client *c)
{
	return &c->directory;
}
