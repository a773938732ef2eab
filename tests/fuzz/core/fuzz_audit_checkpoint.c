/* fuzz_audit_checkpoint.c - a row of an exported audit trail that says it is a checkpoint: subject, a line
 * end, detail. What is taken is written the same again. */
#include <stdlib.h>

#include "core/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_record r = { .action = AUDIT_CHECKPOINT }, again = { 0 };
	struct audit_checkpoint c;
	AUTO(arena) struct arena a;

	arena_init(&a, 64 * 1024);
	str_cut((struct str){ (const char *)data, size }, '\n', &r.subject, &r.detail);
	if (audit_checkpoint_parse(&a, &r, &c) != RC_OK)
		return 0;
	if (audit_checkpoint_text(&a, &c, &again) != RC_OK || !str_eq(again.subject, r.subject) ||
	    !str_eq(again.detail, r.detail))
		abort();
	return 0;
}
