/* dns_failures.h - how many questions to the DNS got no good answer, by kind, since the process began. Any
 * thread. */
#ifndef ASSAY_NET_DNS_FAILURES_H
#define ASSAY_NET_DNS_FAILURES_H

#include <stdint.h>

#include "base/rc.h"

enum dns_failure {
	DNS_FAILURE_TIMEOUT,
	DNS_FAILURE_BOGUS,   /* DNSSEC (RFC 4035 §5.5) */
	DNS_FAILURE_REFUSED, /* SERVFAIL, REFUSED, an answer that is none */
	DNS_FAILURE_OTHER,
	DNS_FAILURES,
};

/* Counts the rc of a dns_answer. An absence is an answer. */
void dns_failures_count(enum rc rc);
uint64_t dns_failures(enum dns_failure kind);
const char *dns_failure_name(enum dns_failure kind); /* "timeout" */

#endif
