/* dns_failures.c - see dns_failures.h. */
#include "net/dns_failures.h"

static uint64_t counts[DNS_FAILURES];

void dns_failures_count(enum rc rc)
{
	enum dns_failure kind = DNS_FAILURE_OTHER;

	switch (rc) {
	case RC_OK:
	case RC_NOTFOUND:
		return;
	case RC_TIMEOUT:
		kind = DNS_FAILURE_TIMEOUT;
		break;
	case RC_DENIED:
		kind = DNS_FAILURE_BOGUS;
		break;
	case RC_IO:
		kind = DNS_FAILURE_REFUSED;
		break;
	default:
		break;
	}
	__atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
}

uint64_t dns_failures(enum dns_failure kind)
{
	return __atomic_load_n(&counts[kind], __ATOMIC_RELAXED);
}

const char *dns_failure_name(enum dns_failure kind)
{
	static const char *const names[] = {
		[DNS_FAILURE_TIMEOUT] = "timeout",
		[DNS_FAILURE_BOGUS] = "bogus",
		[DNS_FAILURE_REFUSED] = "refused",
		[DNS_FAILURE_OTHER] = "other",
	};

	return names[kind];
}
