/* The text of a zone (assay zone set): whatever is accepted is written canonically, reads as the same,
 * and writing it again changes nothing. */
#include <stdlib.h>

#include "core/zones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, once, twice;
	AUTO(fault) struct fault f = { 0 };
	AUTO(arena) struct arena a;
	enum rc rc;

	arena_init(&a, 32 << 20);
	rc = zone_text_canonical(&a, STR("z"), text, &once, &f);
	if (rc == RC_OK) {
		if (zone_text_canonical(&a, STR("z"), once, &twice, &f) != RC_OK || !str_eq(once, twice))
			abort();
	} else if (rc != RC_NOMEM && !f.detail[0]) {
		abort();
	}
	return 0;
}
