/* dns_persist01.c - the DNS challenge whose record stays (draft-ietf-acme-dns-persist): a TXT record of
 * _validation-persist.NAME names this CA and the account that may have certificates for NAME. It has no
 * token, so the same record proves control again at each renewal, for as long as it is there; whoever
 * holds the account's key needs no access to the DNS.
 *
 * The form is that of Boulder and Pebble (draft -01): accounturi is the account's URL in clear text.
 * How the records are asked for is in dns_txt.c; what one says is judged in dns_persist_record.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/records.h"
#include "validator/dns_persist_record.h"
#include "validator/dns_txt.h"

#define PLACE "_validation-persist."
#define RULE "draft-ietf-acme-dns-persist §4"
#define ARENA_MAX (8 * 1024)

struct validation {
	struct dns_txt *txt;
	validation_done_fn done;
	void *arg;
	struct arena arena; /* of what the request holds */
	struct dns_persist_request request;
};

static void validation_free(struct validation *v)
{
	arena_done(&v->arena);
	free(v);
}

static void judge(void *arg, const struct dns_txt_view *view, struct validation_result *out)
{
	const struct validation *v = arg;
	const struct dns_persist_request *r = &v->request;
	enum dns_persist_verdict worst = DNS_PERSIST_FOREIGN;
	const char *why = view->absent ? view->absent : "has no record for this CA";
	char prefix[60] = "";

	for (size_t i = 0; i < view->text_count; i++) {
		const char *one;
		enum dns_persist_verdict verdict = dns_persist_judge(view->texts[i], r, &out->valid_until, &one);

		if (verdict == DNS_PERSIST_VALID) {
			out->valid = true;
			return;
		}
		/* What is broken is told before what is for somebody else. */
		if (verdict == DNS_PERSIST_FOREIGN || (worst != DNS_PERSIST_FOREIGN && verdict >= worst))
			continue;
		worst = verdict;
		why = one;
		snprintf(prefix, sizeof(prefix), "has a record for this CA that does not do: ");
	}
	dns_txt_fail(out, worst == DNS_PERSIST_MALFORMED ? PROBLEM_MALFORMED : PROBLEM_UNAUTHORIZED, true,
		     RULE ": %s %s%s; publish a TXT record with \"%.*s; accounturi=%.*s%s\" there", view->name, prefix,
		     why, STR_ARG(r->issuers[0]), STR_ARG(r->account_url), r->wildcard ? "; policy=wildcard" : "");
}

static void on_done(void *arg, const struct validation_result *result)
{
	struct validation *v = arg;

	v->done(v->arg, result);
	validation_free(v);
}

static enum rc copy_request(struct validation *v, const struct validation_request *r)
{
	size_t count = r->issuer_count < LIMIT_ISSUER_NAMES ? r->issuer_count : LIMIT_ISSUER_NAMES;
	struct str *issuers = arena_array(&v->arena, count, sizeof(*issuers));

	if (!issuers)
		return RC_NOMEM;
	for (size_t i = 0; i < count; i++) {
		issuers[i] = arena_str(&v->arena, r->issuers[i]);
		if (!issuers[i].p)
			return RC_NOMEM;
		issuers[i].len -= str_ends(issuers[i], "."); /* as the challenge shows it */
	}
	v->request = (struct dns_persist_request){
		.issuers = issuers,
		.issuer_count = count,
		.account_url = arena_str(&v->arena, r->account_url),
		.wildcard = r->identifier->wildcard,
		.now = clock_now_s(),
	};
	return v->request.account_url.p ? RC_OK : RC_NOMEM;
}

static enum rc persist01_start(struct validator_env *env, const struct validation_request *r,
			       validation_done_fn done, void *arg, struct validation **out)
{
	char name[sizeof(PLACE) + LIMIT_NAME];
	struct dns_txt_spec spec = { .policy = &r->policy, .rule = RULE, .judge = judge, .done = on_done };
	struct validation *v;
	enum rc rc;

	if (r->identifier->type != IDENTIFIER_DNS || r->identifier->value.len == 0 ||
	    r->identifier->value.len > LIMIT_NAME || r->account_url.len == 0 || r->issuer_count == 0)
		return RC_INVALID;
	v = calloc(1, sizeof(*v));
	if (!v)
		return RC_NOMEM;
	v->done = done;
	v->arg = arg;
	arena_init(&v->arena, ARENA_MAX);
	snprintf(name, sizeof(name), PLACE "%.*s", STR_ARG(r->identifier->value));
	spec.name = str_of(name);
	spec.arg = v;
	rc = copy_request(v, r);
	if (rc == RC_OK)
		rc = dns_txt_start(env, &spec, &v->txt);
	if (rc != RC_OK) {
		validation_free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

static void persist01_cancel(struct validation *v)
{
	if (!v)
		return;
	dns_txt_cancel(v->txt);
	validation_free(v);
}

const struct validator_ops VALIDATOR_DNS_PERSIST01 = {
	.type = "dns-persist-01",
	.challenge = CHALLENGE_DNS_PERSIST_01,
	.wildcard = true, /* with policy=wildcard in the record (§5) */
	.ip = false,
	.start = persist01_start,
	.cancel = persist01_cancel,
};
