/* dns01.c - the DNS challenge (RFC 8555 §8.4): one TXT record of _acme-challenge.NAME must be the
 * base64url SHA-256 digest of the key authorization. The only proof for a wildcard.
 *
 * Exactly that name is asked, no parent and no sibling (TRUST V34); where it is an alias, the resolver
 * follows (CNAME, DNAME), as people do who keep their challenges in another zone. Other records beside
 * the right one do not matter: a name and its wildcard are proven at the same place (FIELD Q12).
 *
 * A record that is absent or old may be on its way, so another try is worth while. An answer whose
 * signatures are wrong is a refusal, never an absence (RFC 4035 §5.5). What a stranger's record says is
 * shown to nobody: an alias may lead where the client cannot look. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "net/trace.h"
#include "store/records.h"
#include "validator/validator.h"
#include "validator/validator_env.h"

#define LABEL "_acme-challenge."
#define SHA256_OCTETS 32
#define KEY_AUTHORIZATION_MAX 512

struct validation {
	struct dns_query *question; /* NULL: none can be asked, the timer tells why */
	struct loop_timer *timer;   /* the deadline */
	validation_done_fn done;
	void *arg;
	int64_t started_ms, deadline_ms;
	char name[sizeof(LABEL) + LIMIT_NAME];
	char expected[B64URL_LEN(SHA256_OCTETS) + 1];
	size_t key_authorization_len;
	char key_authorization[KEY_AUTHORIZATION_MAX];
	struct buf trace;
};

static void validation_free(struct validation *v)
{
	resolver_cancel(v->question);
	loop_timer_free(v->timer);
	buf_done(&v->trace);
	free(v);
}

static void fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void fail(struct validation_result *out, enum problem problem, bool transient, const char *fmt, ...)
{
	char raw[sizeof(out->detail)];
	va_list args;

	out->problem = problem;
	out->transient = transient;
	va_start(args, fmt);
	vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	str_printable(str_of(raw), out->detail, sizeof(out->detail));
}

static void end(struct validation *v, struct validation_result *result)
{
	result->trace = buf_str(&v->trace);
	result->duration_ms = clock_mono_ms() - v->started_ms;
	v->done(v->arg, result);
	validation_free(v);
}

/* --- the records --- */

/* What people do instead: "" when it is something else. */
static const char *near_miss(const struct validation *v, struct str text)
{
	size_t len = strlen(v->expected);

	if (str_eq(text, (struct str){ v->key_authorization, v->key_authorization_len }))
		return "; one is the key authorization itself, not its digest";
	if (text.len > len && text.len <= len + 2 && memcmp(text.p, v->expected, len) == 0)
		return "; one has the right value with padding or white space behind it";
	if (text.len == len + 2 && memcmp(text.p + 1, v->expected, len) == 0)
		return "; one has the right value between quotes of its own";
	if (text.len == len && str_eq_nocase(text, (struct str){ v->expected, len }))
		return "; one has the right value but for upper and lower case";
	return "";
}

static void judge_texts(const struct validation *v, const struct dns_answer *a,
			struct validation_result *out)
{
	const char *hint = "";

	for (size_t i = 0; i < a->text_count; i++) {
		if (str_is(a->texts[i], v->expected)) {
			out->valid = true;
			return;
		}
		if (!*hint)
			hint = near_miss(v, a->texts[i]);
	}
	fail(out, PROBLEM_INCORRECT_RESPONSE, true,
	     "RFC 8555 §8.4: none of the %zu TXT records of %s is the digest of this challenge's key "
	     "authorization%s: publish \"%s\"", a->text_count, v->name, hint, v->expected);
}

static void judge(const struct validation *v, const struct dns_answer *a, struct validation_result *out)
{
	switch (a->rc) {
	case RC_OK:
		judge_texts(v, a, out);
		return;
	case RC_NOTFOUND:
		fail(out, PROBLEM_INCORRECT_RESPONSE, true,
		     "RFC 8555 §8.4: %s %s: publish a TXT record with \"%s\" there", v->name,
		     a->nxdomain ? "does not exist in the DNS (NXDOMAIN)" : "has no TXT record", v->expected);
		return;
	case RC_DENIED:
		fail(out, PROBLEM_DNS, false, "RFC 8555 §8.4: the DNS answer for %s TXT is refused: %s; repair "
		     "the zone's signatures", v->name, a->why);
		return;
	case RC_IO:
	case RC_TIMEOUT:
		fail(out, PROBLEM_DNS, true, "RFC 8555 §8.4: the DNS gave no answer for %s TXT: %s; repair the "
		     "zone's name servers, or try again later", v->name, a->why);
		return;
	default:
		fail(out, PROBLEM_SERVER_INTERNAL, true, "this server could not read the answer for %s TXT: %s",
		     v->name, rc_text(a->rc));
	}
}

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct validation *v = arg;
	struct validation_result result = { .valid = false };
	char count[40];

	v->question = NULL;
	snprintf(count, sizeof(count), "%zu text%s", a->text_count, a->text_count == 1 ? "" : "s");
	trace_add(&v->trace, "dns %s TXT: %s%s%.*s%s (%lld ms)", v->name,
		  a->rc == RC_OK ? count : a->rc == RC_NOTFOUND ? (a->nxdomain ? "NXDOMAIN" : "none") : a->why,
		  a->canonical.len ? ", CNAME " : "", STR_ARG(a->canonical), a->secure ? ", DNSSEC" : "",
		  (long long)(clock_mono_ms() - v->started_ms));
	judge(v, a, &result);
	end(v, &result);
}

static void on_timer(void *arg)
{
	struct validation *v = arg;
	struct validation_result result = { .valid = false };

	if (v->question) {
		trace_add(&v->trace, "dns %s TXT: no answer (%lld ms)", v->name,
			  (long long)(clock_mono_ms() - v->started_ms));
		fail(&result, PROBLEM_DNS, true, "RFC 8555 §8.4: the DNS did not answer for %s TXT within %lld ms; "
		     "repair the zone's name servers, or try again later", v->name, (long long)v->deadline_ms);
	} else {
		trace_add(&v->trace, "dns %s TXT: not asked, the name is too long", v->name);
		fail(&result, PROBLEM_DNS, false, "RFC 1035 §2.3.4: %s has more than %d octets, so there is no "
		     "such name; prove control in another way", v->name, LIMIT_NAME);
	}
	end(v, &result);
}

/* --- starting --- */

static enum rc ask(struct validation *v, struct resolver *resolver)
{
	enum rc rc = resolver_ask(resolver, str_of(v->name), DNS_TXT, on_answer, v, &v->question);

	if (rc == RC_OK)
		loop_timer_set(v->timer, v->deadline_ms);
	if (rc != RC_INVALID)
		return rc;
	loop_timer_set(v->timer, 0); /* done must not run from within start */
	return RC_OK;
}

static enum rc dns01_start(struct validator_env *env, const struct validation_request *r,
			   validation_done_fn done, void *arg, struct validation **out)
{
	uint8_t digest[SHA256_OCTETS];
	struct validation *v;
	enum rc rc;

	if (r->identifier->type != IDENTIFIER_DNS || r->identifier->value.len == 0 ||
	    r->identifier->value.len > LIMIT_NAME || r->key_authorization.len == 0 ||
	    r->key_authorization.len > KEY_AUTHORIZATION_MAX)
		return RC_INVALID;
	v = calloc(1, sizeof(*v));
	if (!v)
		return RC_NOMEM;
	v->done = done;
	v->arg = arg;
	v->started_ms = clock_mono_ms();
	v->deadline_ms = r->policy.deadline_ms;
	buf_init(&v->trace, LIMIT_TRACE);
	snprintf(v->name, sizeof(v->name), LABEL "%.*s", STR_ARG(r->identifier->value));
	memcpy(v->key_authorization, r->key_authorization.p, r->key_authorization.len);
	v->key_authorization_len = r->key_authorization.len;
	sha256(str_bytes(r->key_authorization), digest);
	b64url_encode(bytes_of(digest, sizeof(digest)), v->expected);
	rc = loop_timer_new(env->loop, on_timer, v, &v->timer);
	if (rc == RC_OK)
		rc = ask(v, r->policy.resolver);
	if (rc != RC_OK) {
		validation_free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

static void dns01_cancel(struct validation *v)
{
	if (v)
		validation_free(v);
}

const struct validator_ops VALIDATOR_DNS01 = {
	.type = "dns-01",
	.challenge = CHALLENGE_DNS_01,
	.wildcard = true,
	.ip = false, /* RFC 8738 §7 */
	.start = dns01_start,
	.cancel = dns01_cancel,
};
