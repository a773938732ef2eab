/* addr.c - socket addresses and prefixes as text and back. Where this process may connect is in
 * addr_policy.c. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t V4_MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

void addr_text_ip(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	const char *done = NULL;

	if (a->sa.sa_family == AF_INET)
		done = inet_ntop(AF_INET, &a->in.sin_addr, out, ADDR_TEXT_MAX);
	else if (a->sa.sa_family == AF_INET6)
		done = inet_ntop(AF_INET6, &a->in6.sin6_addr, out, ADDR_TEXT_MAX);
	if (!done)
		snprintf(out, ADDR_TEXT_MAX, "unknown");
}

void addr_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];

	addr_text_ip(a, ip);
	/* inet_ntop() writes at most 45 characters. */
	snprintf(out, ADDR_TEXT_MAX, a->sa.sa_family == AF_INET6 ? "[%.45s]:%u" : "%.45s:%u", ip,
		 (unsigned)addr_port(a));
}

struct addr addr_from_ip(const uint8_t *ip, size_t ip_len, uint16_t port)
{
	struct addr a = { 0 };

	if (ip_len == 4) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		memcpy(&a.in.sin_addr, ip, 4);
		a.len = sizeof(a.in);
	} else if (ip_len == 16) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		memcpy(&a.in6.sin6_addr, ip, 16);
		a.len = sizeof(a.in6);
	}
	return a;
}

uint16_t addr_port(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

bool addr_ip_parse(struct str text, uint16_t port, struct addr *out)
{
	char ip[INET6_ADDRSTRLEN];
	uint8_t octets[16];

	if (text.len == 0 || text.len >= sizeof(ip) || memchr(text.p, '\0', text.len))
		return false;
	memcpy(ip, text.p, text.len);
	ip[text.len] = '\0';
	if (inet_pton(AF_INET, ip, octets) == 1)
		*out = addr_from_ip(octets, 4, port);
	else if (inet_pton(AF_INET6, ip, octets) == 1)
		*out = addr_from_ip(octets, 16, port);
	else
		return false;
	return true;
}

static bool parse_port(struct str text, uint16_t *out)
{
	uint32_t port = 0;

	if (text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(text.p[i] - '0');
	}
	if (port > UINT16_MAX)
		return false;
	*out = (uint16_t)port;
	return true;
}

/* Splits "host:port", "[v6]:port", "v6" and "host". out_port is absent when there is none. */
static bool split_port(struct str text, struct str *out_host, bool *out_bracketed, struct str *out_port)
{
	const char *end = text.p + text.len, *colon;

	*out_bracketed = text.len > 0 && text.p[0] == '[';
	*out_port = (struct str){ 0 };
	if (*out_bracketed) {
		const char *close = memchr(text.p, ']', text.len);

		if (!close || (close + 1 != end && close[1] != ':'))
			return false;
		*out_host = (struct str){ text.p + 1, (size_t)(close - text.p) - 1 };
		if (close + 1 != end)
			*out_port = (struct str){ close + 2, (size_t)(end - close) - 2 };
		return true;
	}
	*out_host = text;
	colon = memchr(text.p, ':', text.len);
	/* A second colon: an IPv6 address without brackets, and so without a port. */
	if (!colon || memchr(colon + 1, ':', (size_t)(end - colon) - 1))
		return true;
	*out_host = (struct str){ text.p, (size_t)(colon - text.p) };
	*out_port = (struct str){ colon + 1, (size_t)(end - colon) - 1 };
	return true;
}

enum rc addr_parse(struct str text, uint16_t fallback_port, struct addr *out, struct fault *f)
{
	static const uint8_t ANY[16] = { 0 };
	struct str host, port_text;
	uint16_t port = fallback_port;
	bool bracketed;
	struct addr a;

	if (text.len == 0 || !split_port(text, &host, &bracketed, &port_text))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\" is not an address: write 10.0.0.1:53 or [fd00::1]:53",
				 STR_ARG(text));
	if (port_text.p && !parse_port(port_text, &port))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\": the port must be a number from 0 to 65535",
				 STR_ARG(text));
	if (host.len == 0 && port_text.p && !bracketed) {
		*out = addr_from_ip(ANY, 16, port);
		return RC_OK;
	}
	if (!bracketed && str_eq_nocase(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (!addr_ip_parse(host, port, &a) || (bracketed && a.sa.sa_family != AF_INET6))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\" is not an IP address; names are not looked up here",
				 STR_ARG(text));
	*out = a;
	return RC_OK;
}

void addr_ip16(const struct addr *a, uint8_t out[16])
{
	memset(out, 0, 16);
	if (a->sa.sa_family == AF_INET) {
		memcpy(out, V4_MAPPED, sizeof(V4_MAPPED));
		memcpy(out + 12, &a->in.sin_addr, 4);
	} else if (a->sa.sa_family == AF_INET6) {
		memcpy(out, &a->in6.sin6_addr, 16);
	}
}

void addr_unmap(struct addr *a)
{
	if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		*a = addr_from_ip(a->in6.sin6_addr.s6_addr + 12, 4, ntohs(a->in6.sin6_port));
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	uint8_t ip_a[16], ip_b[16];

	addr_ip16(a, ip_a);
	addr_ip16(b, ip_b);
	return a->sa.sa_family == b->sa.sa_family && addr_port(a) == addr_port(b) &&
	       memcmp(ip_a, ip_b, 16) == 0;
}

bool prefix_contains_ip16(const struct prefix *p, const uint8_t ip[16])
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (p->bits > 128 || memcmp(p->ip, ip, whole) != 0)
		return false;
	/* "::/0" means IPv6: the v4-mapped form is only how IPv4 is kept here. */
	if (p->bits < 96 && memcmp(ip, V4_MAPPED, sizeof(V4_MAPPED)) == 0)
		return false;
	return rest == 0 || ((p->ip[whole] ^ ip[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	uint8_t ip[16];

	if (a->sa.sa_family != AF_INET && a->sa.sa_family != AF_INET6)
		return false;
	addr_ip16(a, ip);
	return prefix_contains_ip16(p, ip);
}

/* "10.0.0.0/8" with a host bit set is a slip of the pen that would admit more than was meant. */
static bool prefix_has_host_bits(const struct prefix *p)
{
	for (unsigned bit = p->bits; bit < 128; bit++)
		if (p->ip[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

enum rc prefix_parse(struct str text, struct prefix *out, struct fault *f)
{
	struct str ip_text, bits_text;
	bool cut = str_cut(text, '/', &ip_text, &bits_text);
	uint16_t bits, family_bits;
	struct prefix p = { 0 };
	struct addr a;

	if (!addr_ip_parse(ip_text, 0, &a))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\" is not an address range: write 10.0.0.0/8 or fd00::/8",
				 STR_ARG(text));
	family_bits = a.sa.sa_family == AF_INET ? 32 : 128;
	bits = family_bits;
	if (cut && (!parse_port(bits_text, &bits) || bits > family_bits ||
		    (bits_text.len > 1 && bits_text.p[0] == '0')))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\": the prefix length must be a number from 0 to %u",
				 STR_ARG(text), (unsigned)family_bits);
	addr_ip16(&a, p.ip);
	p.bits = family_bits == 32 ? 96u + bits : bits;
	if (prefix_has_host_bits(&p))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"%.*s\" has bits set beyond its prefix length", STR_ARG(text));
	*out = p;
	return RC_OK;
}
