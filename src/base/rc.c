/* rc.c - names of the result codes, for the log. */
#include "base/rc.h"

#include "base/str.h"

static const char *const rc_texts[] = {
	[RC_OK] = "ok",
	[RC_NOMEM] = "no memory",
	[RC_INVALID] = "invalid",
	[RC_NOTFOUND] = "not found",
	[RC_CONFLICT] = "conflict",
	[RC_DENIED] = "denied",
	[RC_LIMIT] = "limit reached",
	[RC_TIMEOUT] = "timed out",
	[RC_BUSY] = "busy",
	[RC_IO] = "i/o error",
	[RC_UNAVAILABLE] = "unavailable",
	[RC_INTERNAL] = "internal error",
};

const char *rc_text(enum rc rc)
{
	size_t i = (size_t)rc;

	return i < COUNT_OF(rc_texts) && rc_texts[i] ? rc_texts[i] : "unknown";
}
