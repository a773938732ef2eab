/* tls_probe.h - one TLS handshake with a host that we do not trust, to see which certificate it shows
 * for a name and a protocol (RFC 8737 §3): resolve once, vet each address by policy, dial exactly the
 * vetted address, IPv6 first with IPv4 fallback when dialling fails, one deadline for all.
 * Nothing is verified here and no application data is sent. TLS 1.2 and 1.3 only (RFC 8737 §4).
 * Belongs to the loop's thread. */
#ifndef ASSAY_NET_TLS_PROBE_H
#define ASSAY_NET_TLS_PROBE_H

#include "net/resolver.h"

struct tls_prober;
/* One per loop. */
enum rc tls_prober_new(struct loop *l, struct tls_prober **out) MUST_USE;
/* What is under way is cancelled. Not from within done. NULL is allowed. */
void tls_prober_free(struct tls_prober *p);

struct tls_probe_request {
	struct str host;        /* DNS name or IP literal without brackets */
	uint16_t port;
	struct str server_name; /* in the SNI extension: a DNS name (RFC 6066 §3) */
	const char *alpn;       /* the only protocol that is offered (RFC 7301 §3.1); static */
	const struct addr_policy *policy; /* copied; its lists and the resolver are borrowed until done */
	struct resolver *resolver;
	int64_t deadline_ms;    /* for everything together, from now */
};

struct tls_probe_result {
	/* OK: the handshake was completed; DENIED: policy, or DNSSEC; NOTFOUND: no address; TIMEOUT;
	 * UNAVAILABLE: DNS failed, nobody to connect to, or no TLS; else our own trouble. */
	enum rc rc;
	enum problem problem; /* PROBLEM_NONE with RC_OK, else dns, connection, tls, serverInternal */
	bool transient;
	struct addr dialled;      /* that a connection was made to; len 0 if none was */
	struct str alpn;          /* what the server chose, absent if nothing */
	struct bytes certificate; /* the first, DER; absent if none was shown */
	size_t certificate_count;
	char why[400];   /* one sentence for the problem's detail, as fetch.h has it */
	struct str trace;
};

struct tls_probe;
/* done runs once on the loop's thread, never from within tls_probe_start; result and its slices live
 * only during the call. RC_INVALID: no such host can be. */
enum rc tls_probe_start(struct tls_prober *p, const struct tls_probe_request *r,
			void (*done)(void *arg, const struct tls_probe_result *result), void *arg,
			struct tls_probe **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void tls_probe_cancel(struct tls_probe *op);

#endif
