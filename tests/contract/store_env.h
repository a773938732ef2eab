/* store_env.h - runs a list of tests over each back end, each test with a store of its own. */
#ifndef ASSAY_TESTS_CONTRACT_STORE_ENV_H
#define ASSAY_TESTS_CONTRACT_STORE_ENV_H

#include "store_fixture.h"

struct back_end {
	const char *name;
	bool is_durable;
};
static const struct back_end back_ends[] = { { "memory", false }, { "sqlite", true } };

/* The state of one test. */
struct env {
	const struct back_end *back_end;
	struct place place;
	struct store *s;
	struct store_read *r;
	struct arena a;
};

static inline void env_open(struct env *env)
{
	env->s = store_at(env->back_end->is_durable ? env->place.url : "memory:");
	assert_ok(store_read_open(env->s, &env->r));
}

static inline void env_close(struct env *env)
{
	store_read_close(env->r);
	store_close(env->s);
}

static const struct back_end *current; /* cmocka's group set-up has no argument */

static inline int setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->back_end = current;
	if (current->is_durable)
		place_make(&env->place);
	arena_init(&env->a, 64 * 1024 * 1024);
	env_open(env);
	*state = env;
	return 0;
}

static inline void must_not_report(void *arg, const char *line)
{
	(void)arg;
	fail_msg("store_check: %s", line);
}

static inline int teardown(void **state)
{
	struct env *env = *state;

	assert_ok(store_check(env->s, must_not_report, NULL));
	env_close(env);
	if (env->back_end->is_durable)
		place_remove(&env->place);
	arena_done(&env->a);
	free(env);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* tests: an array. The result is main's. */
#define RUN_OVER_BACK_ENDS(tests)                                                              \
	({                                                                                     \
		int failed_ = 0;                                                               \
		for (size_t i_ = 0; i_ < COUNT_OF(back_ends); i_++) {                          \
			current = &back_ends[i_];                                              \
			failed_ += cmocka_run_group_tests_name(current->name, tests, NULL, NULL); \
		}                                                                              \
		failed_;                                                                       \
	})

#endif
