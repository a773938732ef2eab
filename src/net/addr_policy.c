/* addr_policy.c - where this process may connect when a stranger chose the name (SSRF).
 *
 * One table says what each special range is: the IANA IPv4 and IPv6 Special-Purpose Address
 * Registries (RFC 6890, RFC 8190), IPv4 and IPv6 multicast and reserved space, and the addresses at
 * which clouds serve credentials to whoever asks from inside. The longest prefix decides, whatever
 * the order of the rows. What is in no row is ordinary global unicast, for IPv6 only within
 * 2000::/3 (RFC 4291 §2.4): the rest of IPv6 is not allocated and never dialled.
 *
 * A few IPv6 ranges hide an IPv4 address, which a translator or tunnel would dial for us. The
 * well-known NAT64 prefix is needed on IPv6-only networks: the address inside is checked, and must
 * be global (RFC 6052 §3.1). For all others the place of the IPv4 address is uncertain or the
 * mechanism is deprecated: they are denied. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

enum range_use {
	USE_GLOBAL,   /* any preset */
	USE_PRIVATE,  /* ADDR_PRIVATE and ADDR_DEV */
	USE_DEV,      /* ADDR_DEV only */
	USE_NEVER,    /* not even ADDR_DEV */
	USE_NAT64,    /* as the IPv4 address in the last 32 bits, which must be global */
	USE_MAPPED,   /* ADDR_DEV: as the IPv4 address in the last 32 bits; else never */
};

struct range {
	struct prefix prefix;
	enum range_use use;
	const char *name;
};

#define V4(a, b, c, d, n) { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d }, 96 + (n) }
#define HI(w) (uint8_t)((w) >> 8)
#define LO(w) (uint8_t)((w) & 0xff)
#define V6(a, b, c, d, e, f, g, h, n)                                                           \
	{ { HI(a), LO(a), HI(b), LO(b), HI(c), LO(c), HI(d), LO(d),                              \
	    HI(e), LO(e), HI(f), LO(f), HI(g), LO(g), HI(h), LO(h) }, (n) }

static const struct range RANGES[] = {
	/* IPv4, by address */
	{ V4(0, 0, 0, 0, 8), USE_NEVER, "\"this network\" (RFC 791 §3.2)" },
	{ V4(10, 0, 0, 0, 8), USE_PRIVATE, "private (RFC 1918)" },
	{ V4(100, 64, 0, 0, 10), USE_PRIVATE, "shared address space (RFC 6598)" },
	{ V4(100, 100, 100, 200, 32), USE_DEV, "a cloud metadata service" }, /* Alibaba */
	{ V4(127, 0, 0, 0, 8), USE_DEV, "loopback (RFC 1122 §3.2.1.3)" },
	{ V4(168, 63, 129, 16, 32), USE_DEV, "a cloud metadata service" }, /* Azure */
	{ V4(169, 254, 0, 0, 16), USE_DEV, "link-local (RFC 3927)" },
	{ V4(169, 254, 42, 42, 32), USE_DEV, "a cloud metadata service" },   /* Scaleway */
	{ V4(169, 254, 169, 254, 32), USE_DEV, "a cloud metadata service" }, /* nearly all */
	{ V4(169, 254, 170, 2, 32), USE_DEV, "a cloud metadata service" },   /* AWS ECS */
	{ V4(172, 16, 0, 0, 12), USE_PRIVATE, "private (RFC 1918)" },
	{ V4(192, 0, 0, 0, 24), USE_DEV, "for IETF protocol assignments (RFC 6890 §2.1)" },
	{ V4(192, 0, 0, 192, 32), USE_DEV, "a cloud metadata service" }, /* Oracle */
	{ V4(192, 0, 2, 0, 24), USE_DEV, "for documentation (RFC 5737)" },
	{ V4(192, 88, 99, 0, 24), USE_DEV, "the 6to4 relay range (RFC 7526)" },
	{ V4(192, 168, 0, 0, 16), USE_PRIVATE, "private (RFC 1918)" },
	{ V4(198, 18, 0, 0, 15), USE_DEV, "for benchmarking (RFC 2544)" },
	{ V4(198, 51, 100, 0, 24), USE_DEV, "for documentation (RFC 5737)" },
	{ V4(203, 0, 113, 0, 24), USE_DEV, "for documentation (RFC 5737)" },
	{ V4(224, 0, 0, 0, 4), USE_NEVER, "multicast (RFC 5771)" },
	{ V4(240, 0, 0, 0, 4), USE_DEV, "reserved (RFC 1112 §4)" },
	{ V4(255, 255, 255, 255, 32), USE_NEVER, "broadcast (RFC 919 §7)" },

	/* IPv6, by address */
	{ V6(0, 0, 0, 0, 0, 0, 0, 0, 128), USE_NEVER, "unspecified (RFC 4291 §2.5.2)" },
	{ V6(0, 0, 0, 0, 0, 0, 0, 1, 128), USE_DEV, "loopback (RFC 4291 §2.5.3)" },
	{ V6(0, 0, 0, 0, 0, 0, 0, 0, 96), USE_MAPPED, "IPv4-compatible (RFC 4291 §2.5.5.1)" },
	{ V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0, 96), USE_NAT64, "a NAT64 address (RFC 6052 §2.1)" },
	{ V6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0, 48), USE_DEV, "a local NAT64 address (RFC 8215)" },
	{ V6(0x100, 0, 0, 0, 0, 0, 0, 0, 64), USE_DEV, "discard-only (RFC 6666)" },
	{ V6(0x100, 0, 0, 1, 0, 0, 0, 0, 64), USE_DEV, "a dummy prefix (RFC 9780)" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 23), USE_DEV, "for IETF protocol assignments (RFC 2928)" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 32), USE_DEV, "Teredo (RFC 4380)" },
	{ V6(0x2001, 2, 0, 0, 0, 0, 0, 0, 48), USE_DEV, "for benchmarking (RFC 5180)" },
	{ V6(0x2001, 0x10, 0, 0, 0, 0, 0, 0, 28), USE_DEV, "ORCHID (RFC 4843)" },
	{ V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0, 32), USE_DEV, "for documentation (RFC 3849)" },
	{ V6(0x2002, 0, 0, 0, 0, 0, 0, 0, 16), USE_DEV, "6to4 (RFC 3056)" },
	{ V6(0x3fff, 0, 0, 0, 0, 0, 0, 0, 20), USE_DEV, "for documentation (RFC 9637)" },
	{ V6(0x5f00, 0, 0, 0, 0, 0, 0, 0, 16), USE_DEV, "segment routing (RFC 9602)" },
	{ V6(0xfc00, 0, 0, 0, 0, 0, 0, 0, 7), USE_PRIVATE, "unique local (RFC 4193)" },
	{ V6(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42, 128), USE_DEV, "a cloud metadata service" }, /* Scaleway */
	{ V6(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe, 128), USE_DEV, "a cloud metadata service" }, /* Oracle */
	{ V6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23, 128), USE_DEV, "a cloud metadata service" },  /* AWS EKS */
	{ V6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254, 128), USE_DEV, "a cloud metadata service" }, /* AWS */
	{ V6(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254, 128), USE_DEV, "a cloud metadata service" },  /* Google */
	{ V6(0xfe80, 0, 0, 0, 0, 0, 0, 0, 10), USE_DEV, "link-local (RFC 4291 §2.5.6)" },
	{ V6(0xfec0, 0, 0, 0, 0, 0, 0, 0, 10), USE_DEV, "site-local (RFC 3879)" },
	{ V6(0xff00, 0, 0, 0, 0, 0, 0, 0, 8), USE_NEVER, "multicast (RFC 4291 §2.7)" },
};

static const struct range V4_MAPPED = {
	V4(0, 0, 0, 0, 0), USE_MAPPED, "IPv4-mapped (RFC 4291 §2.5.5.2)",
};
static const struct range GLOBAL = { .use = USE_GLOBAL, .name = "global unicast" };
static const struct range UNALLOCATED = { .use = USE_DEV, .name = "not global unicast (RFC 4291 §2.4)" };

static const struct range *range_of(const uint8_t ip[16], bool is_v4)
{
	static const struct prefix GLOBAL_V6 = V6(0x2000, 0, 0, 0, 0, 0, 0, 0, 3);
	const struct range *best = NULL;

	for (size_t i = 0; i < COUNT_OF(RANGES); i++)
		if ((!best || RANGES[i].prefix.bits > best->prefix.bits) &&
		    prefix_contains_ip16(&RANGES[i].prefix, ip))
			best = &RANGES[i];
	if (best)
		return best;
	return is_v4 || prefix_contains_ip16(&GLOBAL_V6, ip) ? &GLOBAL : &UNALLOCATED;
}

/* --- the server's own sockets --- */

static struct addr *own_addrs;
static size_t own_count;

static bool own_add(struct addr **list, size_t *count, const struct addr *a, uint16_t port)
{
	struct addr *grown = reallocarray(*list, *count + 1, sizeof(*grown));

	if (!grown)
		return false;
	*list = grown;
	grown[*count] = *a;
	if (a->sa.sa_family == AF_INET)
		grown[*count].in.sin_port = htons(port);
	else
		grown[*count].in6.sin6_port = htons(port);
	(*count)++;
	return true;
}

static bool is_any(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? a->in.sin_addr.s_addr == INADDR_ANY :
					    IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* A listener on 0.0.0.0 is reached at every IPv4 address, one on [::] at all of both families. */
static bool own_add_interfaces(struct addr **list, size_t *count, const struct addr *any,
			       const struct ifaddrs *interfaces)
{
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
		struct addr a = { 0 };

		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
			memcpy(&a.in, i->ifa_addr, sizeof(a.in));
			a.len = sizeof(a.in);
		} else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 &&
			   any->sa.sa_family == AF_INET6) {
			memcpy(&a.in6, i->ifa_addr, sizeof(a.in6));
			a.len = sizeof(a.in6);
		} else {
			continue;
		}
		if (!own_add(list, count, &a, addr_port(any)))
			return false;
	}
	return true;
}

enum rc addr_policy_set_own(const struct addr *own, size_t count)
{
	struct ifaddrs *interfaces = NULL;
	struct addr *list = NULL;
	size_t list_count = 0;
	bool ok = getifaddrs(&interfaces) == 0;

	for (size_t i = 0; ok && i < count; i++) {
		if (own[i].sa.sa_family != AF_INET && own[i].sa.sa_family != AF_INET6)
			continue; /* a Unix socket cannot be dialled by address */
		ok = is_any(&own[i]) ? own_add_interfaces(&list, &list_count, &own[i], interfaces) :
				       own_add(&list, &list_count, &own[i], addr_port(&own[i]));
	}
	freeifaddrs(interfaces);
	if (!ok) {
		free(list);
		return RC_NOMEM;
	}
	free(own_addrs);
	own_addrs = list;
	own_count = list_count;
	return RC_OK;
}

static bool is_own(const uint8_t ip[16], uint16_t port)
{
	for (size_t i = 0; i < own_count; i++) {
		uint8_t own_ip[16];

		addr_ip16(&own_addrs[i], own_ip);
		if (addr_port(&own_addrs[i]) == port && memcmp(own_ip, ip, 16) == 0)
			return true;
	}
	return false;
}

/* --- the decision --- */

static enum rc deny(struct fault *f, const struct addr *a, const char *what, const char *rule)
{
	char text[ADDR_TEXT_MAX];

	addr_text_ip(a, text);
	return fault_set(f, RC_DENIED, PROBLEM_CONNECTION, "policy: %s is %s, which is %s", text, what,
			 rule);
}

static enum rc check_use(enum addr_preset preset, const struct range *range, const struct addr *a,
			 struct fault *f)
{
	if (range->use == USE_GLOBAL || (preset == ADDR_DEV && range->use != USE_NEVER))
		return RC_OK;
	if (range->use != USE_PRIVATE)
		return deny(f, a, range->name, "never dialled");
	if (preset == ADDR_PUBLIC)
		return deny(f, a, range->name, "not dialled where only public addresses are");
	return RC_OK;
}

/* A NAT64, v4-mapped or v4-compatible address stands for the IPv4 one in its last 32 bits. */
static enum rc check_embedded(enum addr_preset preset, const struct range *range, const uint8_t ip[16],
			      const struct addr *a, uint8_t out_inner[16], struct fault *f)
{
	struct addr inner = addr_from_ip(ip + 12, 4, addr_port(a));
	const struct range *inner_range;
	char what[160];

	addr_ip16(&inner, out_inner);
	if (range->use == USE_MAPPED && preset != ADDR_DEV)
		return deny(f, a, range->name, "never dialled");
	inner_range = range_of(out_inner, true);
	/* RFC 6052 §3.1: the well-known prefix carries global addresses only. */
	if (check_use(preset == ADDR_DEV ? ADDR_DEV : ADDR_PUBLIC, inner_range, a, NULL) == RC_OK)
		return RC_OK;
	snprintf(what, sizeof(what), "%s whose IPv4 address is %s", range->name, inner_range->name);
	return deny(f, a, what, "never dialled");
}

static bool in_any(const struct prefix *list, size_t count, const uint8_t ip[16])
{
	for (size_t i = 0; i < count; i++)
		if (prefix_contains_ip16(&list[i], ip))
			return true;
	return false;
}

const char *addr_range_name(const struct addr *a)
{
	uint8_t ip[16];

	if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return V4_MAPPED.name;
	addr_ip16(a, ip);
	return range_of(ip, a->sa.sa_family == AF_INET)->name;
}

enum rc addr_policy_check(const struct addr_policy *p, const struct addr *a, struct fault *f)
{
	bool is_v4 = a->sa.sa_family == AF_INET;
	const struct range *range;
	uint8_t ip[16], inner[16];
	enum rc rc;

	if (!is_v4 && a->sa.sa_family != AF_INET6)
		return fault_set(f, RC_DENIED, PROBLEM_CONNECTION, "policy: not an IP address");
	addr_ip16(a, ip);
	range = !is_v4 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr) ? &V4_MAPPED : range_of(ip, is_v4);
	memcpy(inner, ip, sizeof(inner));
	if (range->use == USE_NAT64 || range->use == USE_MAPPED)
		rc = check_embedded(p->preset, range, ip, a, inner, f);
	else
		rc = check_use(p->preset, range, a, f);
	if (rc != RC_OK)
		return rc;
	if (p->preset != ADDR_DEV && (is_own(ip, addr_port(a)) || is_own(inner, addr_port(a))))
		return deny(f, a, "an address that this server itself listens on", "never dialled");
	if (in_any(p->deny, p->deny_count, ip) || in_any(p->deny, p->deny_count, inner))
		return deny(f, a, "in a denied range", "not dialled for this name");
	if (p->allow_count && !in_any(p->allow, p->allow_count, ip))
		return deny(f, a, "outside the allowed ranges", "not dialled for this name");
	if (p->also && addr_policy_check(p->also, a, NULL) != RC_OK)
		return deny(f, a, "outside of what this probe was allowed", "not dialled from here");
	return RC_OK;
}
