/* validator.c - the table of validators, and what they share. */
#include "validator/validator.h"

#include <stdlib.h>

#include "validator/validator_env.h"

static const struct validator_ops *const VALIDATORS[] = {
	&VALIDATOR_HTTP01,
	&VALIDATOR_DNS01,
	&VALIDATOR_TLSALPN01,
	&VALIDATOR_DNS_ACCOUNT01,
	&VALIDATOR_DNS_PERSIST01,
	NULL,
};

const struct validator_ops *const *validators(void)
{
	return VALIDATORS;
}

const struct validator_ops *validator_by_type(struct str type)
{
	for (size_t i = 0; VALIDATORS[i]; i++)
		if (str_is(type, VALIDATORS[i]->type))
			return VALIDATORS[i];
	return NULL;
}

const struct validator_ops *validator_by_challenge(int64_t challenge)
{
	for (size_t i = 0; VALIDATORS[i]; i++)
		if (VALIDATORS[i]->challenge == challenge)
			return VALIDATORS[i];
	return NULL;
}

enum rc validator_env_new(struct loop *l, struct validator_env **out)
{
	struct validator_env *env = calloc(1, sizeof(*env));
	enum rc rc;

	if (!env)
		return RC_NOMEM;
	env->loop = l;
	rc = fetcher_new(l, &env->fetcher);
	if (rc == RC_OK)
		rc = tls_prober_new(l, &env->prober);
	if (rc != RC_OK) {
		validator_env_free(env);
		return rc;
	}
	*out = env;
	return RC_OK;
}

void validator_env_free(struct validator_env *env)
{
	if (!env)
		return;
	fetcher_free(env->fetcher);
	tls_prober_free(env->prober);
	free(env);
}
