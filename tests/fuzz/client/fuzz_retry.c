/* fuzz_retry.c - Retry-After: whatever it says, the wait has its bounds (TRUST V48, V52). */
#include <stdlib.h>

#include "base/clock.h"
#include "client/retry.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str value = { (const char *)data, size };
	int64_t s = -1, at_s;

	if (retry_after_parse(value, NOW, &s)) {
		int64_t gap = retry_gap_ms(size % 64, s, UINT32_MAX);

		require(s >= 0 && s <= RETRY_AFTER_MAX_S);
		require(gap >= s * 1000 && gap >= RETRY_GAP_MIN_MS && gap <= RETRY_AFTER_MAX_S * 1250LL + RETRY_GAP_MAX_MS * 2);
	} else {
		require(s == -1);
	}
	if (http_date_parse(value, NOW, &at_s)) {
		char text[21];

		clock_rfc3339(at_s, text);
		require(at_s >= 0 && text[4] == '-' && size >= 24);
	}
	return 0;
}
