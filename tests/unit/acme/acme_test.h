/* acme_test.h - what the tests of this folder share: a fixture arena, a fault, and short checks. */
#ifndef ASSAY_TEST_ACME_TEST_H
#define ASSAY_TEST_ACME_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "acme/problem.h"
#include "base/arena.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypto/digest.h"

/* Fails with the name of the row, which assert_* alone would not tell. */
#define ROW_CHECK(condition, row)                                                      \
	do {                                                                           \
		if (!(condition))                                                      \
			fail_msg("row \"%s\": %s (%s:%d)", row, #condition, __FILE__, __LINE__); \
	} while (0)

/* Group set-up. */
static inline int start_crypto(void **state)
{
	(void)state;
	return crypto_init(NULL) == RC_OK ? 0 : -1;
}

static inline void check_refused(const char *row, enum rc rc, const struct fault *f,
				 enum problem problem, const char *words)
{
	if (rc == RC_OK)
		fail_msg("row \"%s\" was accepted", row);
	if (f->rc != rc || f->problem != problem)
		fail_msg("row \"%s\": %s \"%s\"", row, problem_name(f->problem), f->detail);
	if (words && !strstr(f->detail, words))
		fail_msg("row \"%s\": detail \"%s\" lacks \"%s\"", row, f->detail, words);
	/* Every refusal cites a rule: an RFC's section, or our own policy. */
	if (strncmp(f->detail, "policy", 6) != 0 && !strstr(f->detail, "§"))
		fail_msg("row \"%s\": detail \"%s\" cites nothing", row, f->detail);
}

static inline void check_accepted(const char *row, enum rc rc, const struct fault *f)
{
	if (rc != RC_OK)
		fail_msg("row \"%s\" was refused: %s \"%s\"", row, problem_name(f->problem), f->detail);
}

/* Checking every access costs time too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COST_FACTOR 10
#else
#define COST_FACTOR 1
#endif

/* CPU time: what a peer makes us spend, whatever else the machine does. */
static inline double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6) / COST_FACTOR;
}

#endif
