/* fuzz_problem.c - octets as a problem document. What is read is written as JSON that reads the same. */
#include <stdlib.h>

#include "acme/problem.h"
#include "base/auto.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a;
	AUTO(fault) struct fault f = { 0 };
	AUTO(fault) struct fault back = { 0 };
	struct str json, again;

	arena_init(&a, LIMIT_REQUEST_ARENA);
	if (fault_from_json((struct str){ (const char *)data, size }, &f) != RC_OK)
		return 0;
	require(f.rc != RC_OK && f.problem != PROBLEM_NONE);
	require(fault_status(&f) >= 100 && fault_status(&f) <= 599);
	require(fault_to_json(&a, &f, NULL, &json) == RC_OK);
	require(fault_from_json(json, &back) == RC_OK);
	require(fault_to_json(&a, &back, NULL, &again) == RC_OK);
	require(str_eq(json, again));
	return 0;
}
