/* keystore.c - the table of key stores (keystore.h). */
#include "signer/keystore.h"

static const struct keystore *const keystores[] = {
	&KEYSTORE_FILE,
};

enum rc signing_key_open(struct str ref, struct str passphrase_ref, struct signing_key **out,
			 struct fault *f)
{
	struct str scheme, rest;

	if (str_cut(ref, ':', &scheme, &rest))
		for (size_t i = 0; i < COUNT_OF(keystores); i++)
			if (str_is(scheme, keystores[i]->scheme))
				return keystores[i]->open(ref, passphrase_ref, out, f);
	return fault_set(f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
			 "%.*s: no such kind of key; a key is given as file:PATH", STR_ARG(ref));
}

void signing_key_free(struct signing_key *k)
{
	if (k)
		k->ops->free(k);
}
