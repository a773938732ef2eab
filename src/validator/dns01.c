/* dns01.c - the DNS challenges whose proof is the digest of the key authorization, in one TXT record of
 * a name that the challenge type makes from the identifier:
 *
 *   dns-01          _acme-challenge.NAME (RFC 8555 §8.4)
 *   dns-account-01  _LABEL._acme-challenge.NAME, where LABEL stands for the account, so that several
 *                   accounts can prove the same name side by side, each by an alias of its own
 *                   (draft-ietf-acme-dns-account-label §3)
 *
 * The proofs for a wildcard. How the records are asked for is in dns_txt.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "crypto/digest.h"
#include "store/records.h"
#include "validator/dns_txt.h"

#define PLACE "_acme-challenge."
#define LABEL_OCTETS 10 /* of the digest of the account's URL */
#define LABEL_LEN 16    /* in base32 */
#define NAME_MAX_LEN (1 + LABEL_LEN + 1 + sizeof(PLACE) + LIMIT_NAME)

struct validation {
	struct dns_txt *txt;
	validation_done_fn done;
	void *arg;
	const char *rule;
	struct dns_digest digest;
};

static void judge(void *arg, const struct dns_txt_view *view, struct validation_result *out)
{
	const struct validation *v = arg;

	dns_digest_judge(&v->digest, v->rule, view, out);
}

static void on_done(void *arg, const struct validation_result *result)
{
	struct validation *v = arg;

	v->done(v->arg, result);
	free(v);
}

static enum rc start(struct validator_env *env, const struct validation_request *r, const char *name,
		     struct validation *v)
{
	struct dns_txt_spec spec = { .policy = &r->policy, .name = str_of(name), .rule = v->rule, .judge = judge,
				     .done = on_done, .arg = v };
	enum rc rc = dns_digest_init(&v->digest, r->key_authorization);

	return rc == RC_OK ? dns_txt_start(env, &spec, &v->txt) : rc;
}

static enum rc validation_new(struct validator_env *env, const struct validation_request *r, const char *rule,
			      const char *name, validation_done_fn done, void *arg, struct validation **out)
{
	struct validation *v = calloc(1, sizeof(*v));
	enum rc rc;

	if (!v)
		return RC_NOMEM;
	*v = (struct validation){ .done = done, .arg = arg, .rule = rule };
	rc = start(env, r, name, v);
	if (rc != RC_OK) {
		free(v);
		return rc;
	}
	*out = v;
	return RC_OK;
}

static void dns01_cancel(struct validation *v)
{
	if (!v)
		return;
	dns_txt_cancel(v->txt);
	free(v);
}

static bool is_provable(const struct identifier *id)
{
	return id->type == IDENTIFIER_DNS && id->value.len > 0 && id->value.len <= LIMIT_NAME;
}

static enum rc dns01_start(struct validator_env *env, const struct validation_request *r,
			   validation_done_fn done, void *arg, struct validation **out)
{
	char name[NAME_MAX_LEN];

	if (!is_provable(r->identifier))
		return RC_INVALID;
	snprintf(name, sizeof(name), PLACE "%.*s", STR_ARG(r->identifier->value));
	return validation_new(env, r, "RFC 8555 §8.4", name, done, arg, out);
}

/* RFC 4648 §6, in lower case; ten octets need no padding. */
static void account_label(struct str account_url, char out[LABEL_LEN + 1])
{
	static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t digest[32];
	uint32_t bits = 0;
	unsigned count = 0;
	size_t len = 0;

	sha256(str_bytes(account_url), digest);
	for (size_t i = 0; i < LABEL_OCTETS; i++) {
		bits = bits << 8 | digest[i];
		for (count += 8; count >= 5; count -= 5)
			out[len++] = ALPHABET[bits >> (count - 5) & 31];
	}
	out[len] = '\0';
}

static enum rc dns_account01_start(struct validator_env *env, const struct validation_request *r,
				   validation_done_fn done, void *arg, struct validation **out)
{
	char name[NAME_MAX_LEN], label[LABEL_LEN + 1];

	if (!is_provable(r->identifier) || r->account_url.len == 0)
		return RC_INVALID;
	account_label(r->account_url, label);
	snprintf(name, sizeof(name), "_%s." PLACE "%.*s", label, STR_ARG(r->identifier->value));
	return validation_new(env, r, "draft-ietf-acme-dns-account-label §3", name, done, arg, out);
}

const struct validator_ops VALIDATOR_DNS01 = {
	.type = "dns-01",
	.challenge = CHALLENGE_DNS_01,
	.wildcard = true,
	.ip = false, /* RFC 8738 §7 */
	.start = dns01_start,
	.cancel = dns01_cancel,
};

const struct validator_ops VALIDATOR_DNS_ACCOUNT01 = {
	.type = "dns-account-01",
	.challenge = CHALLENGE_DNS_ACCOUNT_01,
	.wildcard = true,
	.ip = false,
	.start = dns_account01_start,
	.cancel = dns01_cancel,
};
