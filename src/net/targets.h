/* targets.h - from a host to the addresses that may be dialled, for everything that goes out to
 * strangers: both families are asked at once, each address is vetted by policy, IPv6 comes first and
 * each gets a fair share of the time that is left. What is dialled is the address that was vetted, so
 * a name that changes its answer between check and connect (DNS rebinding) gains nothing.
 * Lies inside whoever dials; belongs to the loop's thread. */
#ifndef ASSAY_NET_TARGETS_H
#define ASSAY_NET_TARGETS_H

#include "base/buf.h"
#include "net/resolver.h"

struct targets_spec {
	const char *host;           /* a DNS name; or how the literal is called */
	const struct addr *literal; /* NULL: host is resolved */
	uint16_t port;
	const struct addr_policy *policy;
	struct resolver *resolver;
	struct buf *trace;
	/* Runs once, perhaps from within targets_find(), unless cancelled before. */
	void (*found)(void *arg);
	void *arg;
};

struct targets {
	struct targets_spec spec;   /* all of it is borrowed until found has begun */
	int64_t asked_ms;
	struct dns_query *question[2]; /* AAAA, A */
	struct dns_answer answer[2];   /* without its slices */
	struct addr addrs[LIMIT_DNS_ADDRESSES];
	size_t count, next;
	char failures[260];         /* "[fd00::1]:80: connection refused, ..." */

	/* What found may read. Without an address, rc says why: NOTFOUND, DENIED (policy or DNSSEC),
	 * UNAVAILABLE (the DNS failed), else our own trouble. */
	enum rc rc;
	enum problem problem;
	bool transient;
	char why[400];
};

void targets_find(struct targets *t, const struct targets_spec *spec);
/* Before found has run: is the DNS being asked? */
bool targets_asking(const struct targets *t);
/* The address to dial now, and how much of the time that is left it may take to connect. False when
 * all have been given. */
bool targets_next(struct targets *t, int64_t left_ms, struct addr *out, int64_t *out_share_ms);
/* The address that was given last could not be reached. */
void targets_failed(struct targets *t, const char *text);
void targets_cancel(struct targets *t);
/* Why a connection could not be made, for people: "connection refused". */
const char *targets_errno_text(int err);

#endif
