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
/* 16 octets, IPv4 as v4-mapped. */
void addr_ip16(const struct addr *a, uint8_t out[16]);
/* 10.0.0.1 that came over an IPv6 socket is 10.0.0.1 (RFC 4291 §2.5.5.2), for logs and limits. */
void addr_unmap(struct addr *a);
bool addr_eq(const struct addr *a, const struct addr *b); /* address and port */
/* One textual address, without brackets, port or zone. */
bool addr_ip_parse(struct str text, uint16_t port, struct addr *out) MUST_USE;
/* "10.0.0.1:53", "[::1]:53", "10.0.0.1" with fallback_port; ":443" is all addresses (IPv6 dual
 * stack); "localhost:14000" gives 127.0.0.1 only. No name look-ups otherwise. */
enum rc addr_parse(struct str text, uint16_t fallback_port, struct addr *out, struct fault *f) MUST_USE;

struct prefix {
	uint8_t ip[16]; /* IPv4 as v4-mapped */
	unsigned bits;  /* 0..128, IPv4 + 96 */
};
enum rc prefix_parse(struct str text, struct prefix *out, struct fault *f) MUST_USE;
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_contains_ip16(const struct prefix *p, const uint8_t ip[16]);

enum addr_preset {
	ADDR_PRIVATE, /* RFC 1918, RFC 6598, ULA and global unicast; never the always-denied ones */
	ADDR_PUBLIC,  /* global unicast only */
	ADDR_DEV,     /* everything but multicast and unspecified: loopback too (assay dev only) */
};

/* Always denied but in ADDR_DEV: loopback, link-local, unspecified, multicast, broadcast, cloud
 * metadata (169.254.169.254, fd00:ec2::254, ...), documentation, reserved space, the IPv6 forms
 * that hide an IPv4 address (v4-mapped, v4-compatible, 6to4, Teredo, local NAT64), the well-known
 * NAT64 prefix when the IPv4 address in it is not global (RFC 6052 §3.1), and the server's own
 * listening addresses. The whole table is in addr_policy.c. */
struct addr_policy {
	enum addr_preset preset;
	const struct prefix *allow; /* if any: the address must be in one of these too */
	size_t allow_count;
	const struct prefix *deny; /* also tried on the IPv4 address inside a NAT64 one */
	size_t deny_count;
	const struct addr_policy *also; /* that must allow it too: of the probe that dials; NULL: none */
};
/* a: with the port that will be dialled. RC_DENIED (PROBLEM_CONNECTION) with the rule:
 * "policy: 127.0.0.1 is loopback (RFC 1122 §3.2.1.3), which is never dialled". */
enum rc addr_policy_check(const struct addr_policy *p, const struct addr *a, struct fault *f) MUST_USE;
/* What its range is for: "private (RFC 1918)", "global unicast". */
const char *addr_range_name(const struct addr *a);
/* The server's own listening sockets: set at start, before threads. One that listens on every
 * address (":443") stands for that port on each address that this machine has now. */
enum rc addr_policy_set_own(const struct addr *own, size_t count) MUST_USE;

#endif
