/* solver.c - the table of solvers, and what they share. */
#include "solver/solver_impl.h"

#define TOKEN_MIN 22 /* 128 bits (RFC 8555 §8.3) */
#define TOKEN_MAX 128

static const struct {
	const char *name;
	enum rc (*make)(struct str argument, struct solver **out, struct fault *f);
} solvers[] = {
	{ "webroot", solver_webroot_new },
	{ "listener", solver_listener_new },
};

enum rc solver_new(struct str name, struct str argument, struct solver **out, struct fault *f)
{
	for (size_t i = 0; i < COUNT_OF(solvers); i++) {
		if (str_is(name, solvers[i].name))
			return solvers[i].make(argument, out, f);
	}
	return fault_set(f, RC_NOTFOUND, PROBLEM_NONE, "there is no solver \"%.*s\": webroot or listener",
			 STR_ARG(name));
}

void solver_free(struct solver *s)
{
	if (s)
		s->ops->free(s);
}

enum rc solver_check_token(struct str token, struct fault *f)
{
	bool good = token.len >= TOKEN_MIN && token.len <= TOKEN_MAX;

	for (size_t i = 0; good && i < token.len; i++) {
		char c = token.p[i];

		good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		       c == '_';
	}
	return good ? RC_OK :
		      fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				"RFC 8555 §8.3: a challenge token is 22 to 128 base64url characters; this one is not answered");
}
