/* addr.h - socket addresses, prefixes, and the policy of where this process may connect (SSRF:
 * TRUST V05, V17). A policy is applied to the address that is dialled, after resolution, for every
 * redirect and every retry. */
#ifndef ASSAY_NET_ADDR_H
#define ASSAY_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/fault.h"

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

#define ADDR_TEXT_MAX 64
/* "10.0.0.1:80", "[fd00::1]:80". */
void addr_text(const struct addr *a, char out[ADDR_TEXT_MAX]);
void addr_text_ip(const struct addr *a, char out[ADDR_TEXT_MAX]);
/* ip: 4 or 16 octets. */
struct addr addr_from_ip(const uint8_t *ip, size_t ip_len, uint16_t port);
uint16_t addr_port(const struct addr *a);
/* "10.0.0.1:53", "[::1]:53", "10.0.0.1" with fallback_port; ":443" is all addresses (IPv6 dual
 * stack); "localhost:14000" gives 127.0.0.1 only. No name look-ups otherwise. */
enum rc addr_parse(struct str text, uint16_t fallback_port, struct addr *out, struct fault *f) MUST_USE;

struct prefix {
	uint8_t ip[16]; /* IPv4 as v4-mapped */
	unsigned bits;  /* 0..128, IPv4 + 96 */
};
enum rc prefix_parse(struct str text, struct prefix *out, struct fault *f) MUST_USE;
bool prefix_contains(const struct prefix *p, const struct addr *a);

enum addr_preset {
	ADDR_PRIVATE, /* RFC 1918, ULA and global unicast; never the always-denied ones */
	ADDR_PUBLIC,  /* global unicast only */
	ADDR_DEV,     /* everything but multicast and unspecified: loopback too (assay dev only) */
};

/* Always denied but in ADDR_DEV: loopback, link-local, unspecified, multicast, broadcast, cloud
 * metadata (169.254.169.254, fd00:ec2::254, ...), documentation, 6to4/NAT64/Teredo/v4-mapped forms
 * that embed a denied IPv4 address, and the server's own listening addresses. */
struct addr_policy {
	enum addr_preset preset;
	const struct prefix *allow; /* if any: the address must be in one of these too */
	size_t allow_count;
	const struct prefix *deny;
	size_t deny_count;
};
/* RC_DENIED with the rule ("policy: 127.0.0.1 is loopback, which is never dialled"). */
enum rc addr_policy_check(const struct addr_policy *p, const struct addr *a, struct fault *f) MUST_USE;
/* Is it in the server's own set (set at start, before threads)? */
void addr_policy_set_own(const struct addr *own, size_t count);

#endif
