/* proxy_header.h - whom a proxy speaks for: the PROXY protocol, versions 1 and 2 (the specification of
 * HAProxy, doc/proxy-protocol.txt, §2), which comes before everything else on a connection, and
 * X-Forwarded-For, a header of each request. Either is believed only of peers that the operator has
 * named (TRUST V18): from all others the first is a broken TLS hello and the second a header like any
 * other. */
#ifndef ASSAY_NET_PROXY_HEADER_H
#define ASSAY_NET_PROXY_HEADER_H

#include "net/addr.h"
#include "net/http1.h"
#include "net/tls_conn.h"

/* The trusted peers and how they say it. Borrowed. */
struct proxies {
	const struct prefix *peers;
	size_t peer_count; /* 0: nobody is believed */
	bool header;       /* by the PROXY protocol, which is then required of them; else X-Forwarded-For */
};
bool proxies_trust(const struct proxies *p, const struct addr *a);

/* --- PROXY protocol --- */

struct proxy_header {
	size_t len;      /* octets of the connection that it takes */
	bool has_client; /* false: the proxy speaks for itself (LOCAL, UNKNOWN) */
	struct addr client;
};
enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_BAD };
/* The header at the start of what a connection sent. PROXY_MORE: all octets of in belong to it, and it
 * goes on. PROXY_BAD: *out_why names the rule. */
enum proxy_result proxy_header_parse(struct bytes in, struct proxy_header *out, const char **out_why);

/* What came of a header so far; zero at first. */
struct proxy_reader {
	uint8_t *part;
	size_t part_len;
};
void proxy_reader_done(struct proxy_reader *r);
/* Takes octets of the header, and no others, from the socket. IO_OK: it is complete. IO_BROKEN with
 * *out_why: it is none. */
enum io_result proxy_header_read(struct proxy_reader *r, int fd, struct proxy_header *out, const char **out_why);

/* --- X-Forwarded-For --- */

/* *peer, a trusted proxy, becomes the nearest address in the request's headers that is no trusted
 * proxy, or the farthest when all are; it stays when there is no such header. What lies behind the
 * address that counts was written by strangers and is not looked at. False: malformed. */
bool proxy_forwarded_for(const struct proxies *p, const struct http_request *r, struct addr *peer) MUST_USE;

#endif
