/* http01.c - the HTTP challenge (RFC 8555 §8.3): GET http://NAME/.well-known/acme-challenge/TOKEN
 * must answer 200 with the key authorization. Which addresses may be dialled, redirects, limits and
 * the deadline are net/fetch.c's.
 *
 * Another try is worth while when nothing definite was said: no connection, no DNS answer, 404 (the
 * file may be on its way to the other web servers of that name) and 5xx. A 200 with something else
 * is definite. The body is never shown to anybody: it may come from a host that the client cannot
 * reach itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/records.h"
#include "validator/validator.h"
#include "validator/validator_env.h"

#define PATH "/.well-known/acme-challenge/"
#define TOKEN_MAX 256
#define KEY_AUTHORIZATION_MAX 512

struct validation {
	struct fetch *fetch;
	validation_done_fn done;
	void *arg;
	int64_t started_ms;
	uint16_t port;
	char name[LIMIT_NAME + 1];
	char token[TOKEN_MAX + 1];
	size_t key_authorization_len;
	char key_authorization[KEY_AUTHORIZATION_MAX];
};

/* RFC 8555 §8.3: white space at the end of the body is ignored, and nothing else is. */
static struct str without_trailing_space(struct bytes body)
{
	struct str s = { (const char *)body.p, body.len };

	while (s.len > 0 && memchr(" \t\r\n\v\f", s.p[s.len - 1], 6))
		s.len--;
	return s;
}

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

static void judge_body(const struct validation *v, const struct fetch_result *r, const char *peer,
		       struct validation_result *out)
{
	struct str body = without_trailing_space(r->body);
	size_t token_len = strlen(v->token);

	if (str_eq(body, (struct str){ v->key_authorization, v->key_authorization_len })) {
		out->valid = true;
		return;
	}
	if (body.len > token_len && memcmp(body.p, v->token, token_len) == 0 && body.p[token_len] == '.')
		fail(out, PROBLEM_INCORRECT_RESPONSE, false,
		     "RFC 8555 §8.3: %s (%s) answered with the right token but another account key: serve "
		     "the key authorization of the account that made this order", v->name, peer);
	else
		fail(out, PROBLEM_INCORRECT_RESPONSE, false,
		     "RFC 8555 §8.3: %s (%s) answered 200, but its %zu octets are not the key authorization "
		     "of this challenge: serve exactly that at " PATH "%s", v->name, peer, r->body.len,
		     v->token);
}

static void judge_response(const struct validation *v, const struct fetch_result *r,
			   struct validation_result *out)
{
	char peer[ADDR_TEXT_MAX];

	addr_text(&r->dialled, peer);
	/* RFC 8555 §8.3 names no status; anything but 200 is a page about something else. */
	if (r->status == 200)
		judge_body(v, r, peer, out);
	else
		fail(out, PROBLEM_INCORRECT_RESPONSE, r->status == 404 || r->status >= 500,
		     "RFC 8555 §8.3: %s at %s, not 200 with the key authorization: serve that on port %u "
		     "at " PATH "%s", r->why, peer, (unsigned)v->port, v->token);
}

static const char *remedy(const struct fetch_result *r)
{
	switch (r->problem) {
	case PROBLEM_DNS:
		return r->rc == RC_DENIED ? "repair the zone's signatures" :
					    "publish an A or AAAA record that this server's resolver sees";
	case PROBLEM_TLS:
		return "repair TLS there, or do not redirect the challenge to https";
	case PROBLEM_UNAUTHORIZED:
		return "serve the key authorization and nothing else";
	case PROBLEM_SERVER_INTERNAL:
		return "try again later";
	default:
		break;
	}
	switch (r->rc) {
	case RC_DENIED:
		return "ask the administrator of this service if it should be allowed";
	case RC_LIMIT:
	case RC_INVALID:
		return "answer the challenge with HTTP/1.1, directly or by a few plain redirects";
	default:
		return "let a web server answer there, and let the firewall pass it";
	}
}

static void on_fetched(void *arg, const struct fetch_result *r)
{
	struct validation *v = arg;
	struct validation_result result = {
		.trace = r->trace,
		.connected = r->dialled.len > 0,
		.http_status = r->status,
		.http_date = r->date_at,
	};

	if (r->rc == RC_OK)
		judge_response(v, r, &result);
	else
		fail(&result, r->problem == PROBLEM_UNAUTHORIZED ? PROBLEM_INCORRECT_RESPONSE : r->problem,
		     r->transient, "RFC 8555 §8.3: %s; %s", r->why, remedy(r));
	result.duration_ms = clock_mono_ms() - v->started_ms;
	v->done(v->arg, &result);
	free(v);
}

static bool is_base64url(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		      c == '_'))
			return false;
	}
	return s.len > 0;
}

static enum rc http01_start(struct validator_env *env, const struct validation_request *r,
			    validation_done_fn done, void *arg, struct validation **out)
{
	uint16_t ports[] = { r->policy.http01_port, r->policy.https_port };
	char path[sizeof(PATH) + TOKEN_MAX];
	struct fetch_request request = {
		.host = r->identifier->value,
		.port = r->policy.http01_port,
		.policy = &r->policy.targets,
		.resolver = r->policy.resolver,
		.redirect_ports = ports,
		.redirect_port_count = COUNT_OF(ports),
		.max_redirects = LIMIT_HTTP01_REDIRECTS,
		.max_body = LIMIT_HTTP01_BODY,
		.deadline_ms = r->policy.deadline_ms,
		.user_agent = STR("Assay/" ASSAY_VERSION " (validation)"),
	};
	struct validation *v;
	enum rc rc;

	/* RFC 8555 §8.3: the token has no characters outside the base64url alphabet, so that none can
	 * mean something in a URL. */
	if (r->identifier->wildcard || r->identifier->value.len > LIMIT_NAME || !is_base64url(r->token) ||
	    r->token.len > TOKEN_MAX || r->key_authorization.len == 0 ||
	    r->key_authorization.len > KEY_AUTHORIZATION_MAX)
		return RC_INVALID;
	v = calloc(1, sizeof(*v));
	if (!v)
		return RC_NOMEM;
	v->done = done;
	v->arg = arg;
	v->started_ms = clock_mono_ms();
	v->port = r->policy.http01_port;
	memcpy(v->name, r->identifier->value.p, r->identifier->value.len);
	memcpy(v->token, r->token.p, r->token.len);
	memcpy(v->key_authorization, r->key_authorization.p, r->key_authorization.len);
	v->key_authorization_len = r->key_authorization.len;
	snprintf(path, sizeof(path), PATH "%s", v->token);
	request.path = str_of(path);
	rc = fetch_start(env->fetcher, &request, on_fetched, v, &v->fetch);
	if (rc != RC_OK) {
		free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

static void http01_cancel(struct validation *v)
{
	if (!v)
		return;
	fetch_cancel(v->fetch);
	free(v);
}

const struct validator_ops VALIDATOR_HTTP01 = {
	.type = "http-01",
	.challenge = CHALLENGE_HTTP_01,
	.wildcard = false,
	.ip = true,
	.start = http01_start,
	.cancel = http01_cancel,
};
