/* proxy_header.c - see proxy_header.h. */
#include "net/proxy_header.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"

bool proxies_trust(const struct proxies *p, const struct addr *a)
{
	for (size_t i = 0; i < p->peer_count; i++) {
		if (prefix_contains(&p->peers[i], a))
			return true;
	}
	return false;
}

/* --- version 1: one line of text (§2.1) --- */

#define V1_MAX 107 /* with CR LF, for the longest addresses and ports */

static bool parse_port(struct str text, uint16_t *out)
{
	int64_t n;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.p[0] == '0') || !str_to_int(text, &n) || n < 0 ||
	    n > 65535)
		return false;
	*out = (uint16_t)n;
	return true;
}

/* "TCP4 SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT" */
static bool parse_v1_addresses(struct str line, struct addr *out)
{
	struct str family, source, target, source_port, target_port;
	struct addr unused;
	uint16_t port, port2;
	sa_family_t want;

	if (!str_cut(line, ' ', &family, &line) || !str_cut(line, ' ', &source, &line) ||
	    !str_cut(line, ' ', &target, &line) || !str_cut(line, ' ', &source_port, &target_port))
		return false;
	want = str_is(family, "TCP4") ? AF_INET : str_is(family, "TCP6") ? AF_INET6 : AF_UNSPEC;
	return parse_port(source_port, &port) && parse_port(target_port, &port2) &&
	       addr_ip_parse(target, port2, &unused) && addr_ip_parse(source, port, out) &&
	       out->sa.sa_family == want && unused.sa.sa_family == want;
}

static enum proxy_result parse_v1(struct bytes in, struct proxy_header *out, const char **out_why)
{
	const uint8_t *end = memchr(in.p, '\n', in.len < V1_MAX ? in.len : V1_MAX);
	struct proxy_header h = { 0 };
	struct str line;

	*out_why = "PROXY protocol §2.1: the line is malformed";
	if (!end)
		return in.len < V1_MAX ? PROXY_MORE : PROXY_BAD;
	h.len = (size_t)(end - in.p) + 1;
	if (h.len < sizeof("PROXY \r\n") || end[-1] != '\r')
		return PROXY_BAD;
	line = (struct str){ (const char *)in.p + 6, h.len - 8 };
	/* What follows UNKNOWN is to be ignored. */
	if (!str_is(line, "UNKNOWN") && !str_starts(line, "UNKNOWN ")) {
		if (!parse_v1_addresses(line, &h.client))
			return PROXY_BAD;
		h.has_client = true;
	}
	*out = h;
	return PROXY_DONE;
}

/* --- version 2: binary (§2.2) --- */

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

#define V2_FIXED 16

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPECIFIED = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

static enum proxy_result parse_v2(struct bytes in, struct proxy_header *out, const char **out_why)
{
	struct proxy_header h = { 0 };
	size_t ip_len, rest;

	if (in.len < V2_FIXED)
		return PROXY_MORE;
	*out_why = "PROXY protocol §2.2: the header is malformed";
	rest = (size_t)in.p[14] << 8 | in.p[15];
	h.len = V2_FIXED + rest;
	if ((in.p[12] != V2_LOCAL && in.p[12] != V2_PROXY) || h.len > LIMIT_PROXY_HEADER)
		return PROXY_BAD;
	if (in.len < h.len)
		return PROXY_MORE;
	/* Of LOCAL the rest is to be ignored, and so are the additions (TLV) behind the addresses. */
	if (in.p[12] == V2_PROXY && in.p[13] != V2_UNSPECIFIED) {
		ip_len = in.p[13] == V2_TCP4 ? 4 : in.p[13] == V2_TCP6 ? 16 : 0;
		if (ip_len == 0 || rest < 2 * ip_len + 4)
			return PROXY_BAD;
		h.client = addr_from_ip(in.p + V2_FIXED, ip_len,
					(uint16_t)(in.p[V2_FIXED + 2 * ip_len] << 8 | in.p[V2_FIXED + 2 * ip_len + 1]));
		h.has_client = true;
	}
	*out = h;
	return PROXY_DONE;
}

enum proxy_result proxy_header_parse(struct bytes in, struct proxy_header *out, const char **out_why)
{
	struct proxy_header h;
	enum proxy_result r;

	*out_why = "policy: this peer is in proxies.peers, so its connections begin with a PROXY header; this one does not";
	if (in.len == 0)
		return PROXY_MORE;
	if (in.p[0] == v2_signature[0])
		r = memcmp(in.p, v2_signature, in.len < sizeof(v2_signature) ? in.len : sizeof(v2_signature)) == 0
			    ? parse_v2(in, &h, out_why)
			    : PROXY_BAD;
	else
		r = memcmp(in.p, "PROXY ", in.len < 6 ? in.len : 6) == 0 ? parse_v1(in, &h, out_why) : PROXY_BAD;
	if (r != PROXY_DONE)
		return r;
	if (h.has_client)
		addr_unmap(&h.client);
	*out = h;
	return PROXY_DONE;
}

void proxy_reader_done(struct proxy_reader *r)
{
	free(r->part);
	*r = (struct proxy_reader){ 0 };
}

static ssize_t receive(int fd, void *p, size_t len, int flags)
{
	ssize_t n;

	do
		n = recv(fd, p, len, flags);
	while (n < 0 && errno == EINTR);
	return n;
}

static enum io_result keep_part(struct proxy_reader *r, const uint8_t *data, size_t len)
{
	uint8_t *part = realloc(r->part, len);

	if (!part)
		return IO_BROKEN;
	memcpy(part, data, len);
	r->part = part;
	r->part_len = len;
	return IO_WANT_READ;
}

enum io_result proxy_header_read(struct proxy_reader *r, int fd, struct proxy_header *out, const char **out_why)
{
	uint8_t data[LIMIT_PROXY_HEADER];
	size_t have = r->part_len;
	struct proxy_header h;
	enum proxy_result result;
	ssize_t n;

	*out_why = "the connection ended before its PROXY header";
	if (have)
		memcpy(data, r->part, have);
	n = receive(fd, data + have, sizeof(data) - have, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return IO_WANT_READ;
	if (n <= 0)
		return IO_BROKEN;
	result = proxy_header_parse(bytes_of(data, have + (size_t)n), &h, out_why);
	if (result == PROXY_BAD)
		return IO_BROKEN;
	if (result == PROXY_DONE)
		n = (ssize_t)(h.len - have);
	/* What was looked at is there to be taken. */
	if (receive(fd, data + have, (size_t)n, 0) != n)
		return IO_BROKEN;
	if (result == PROXY_MORE)
		return keep_part(r, data, have + (size_t)n);
	proxy_reader_done(r);
	*out = h;
	return IO_OK;
}

/* --- X-Forwarded-For --- */

static struct str trim(struct str s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* "192.0.2.1", "2001:db8::1", and with a port, as some gateways write it: "192.0.2.1:5", "[2001:db8::1]:5". */
static bool parse_forwarded(struct str text, struct addr *out)
{
	struct str ip, rest, port_text;
	uint16_t port;

	if (addr_ip_parse(text, 0, out))
		return true;
	if (text.len && text.p[0] == '[') {
		if (!str_cut((struct str){ text.p + 1, text.len - 1 }, ']', &ip, &rest) ||
		    !addr_ip_parse(ip, 0, out) || out->sa.sa_family != AF_INET6)
			return false;
		if (rest.len == 0)
			return true;
		if (rest.p[0] != ':')
			return false;
		port_text = (struct str){ rest.p + 1, rest.len - 1 };
	} else if (!str_cut(text, ':', &ip, &port_text)) {
		return false;
	}
	return parse_port(port_text, &port) && addr_ip_parse(ip, port, out);
}

/* The last element of a list; what is before it is left. False: there was no comma. */
static bool cut_last(struct str *list, struct str *out)
{
	for (size_t i = list->len; i > 0; i--) {
		if (list->p[i - 1] == ',') {
			*out = trim((struct str){ list->p + i, list->len - i });
			list->len = i - 1;
			return true;
		}
	}
	*out = trim(*list);
	return false;
}

bool proxy_forwarded_for(const struct proxies *p, const struct http_request *r, struct addr *peer)
{
	for (size_t i = r->header_count; i > 0; i--) {
		struct str list = r->headers[i - 1].value, one;
		bool more;

		if (!str_eq_nocase(r->headers[i - 1].name, STR("X-Forwarded-For")))
			continue;
		do {
			struct addr a;

			more = cut_last(&list, &one);
			if (!parse_forwarded(one, &a))
				return false;
			addr_unmap(&a);
			*peer = a;
			if (!proxies_trust(p, &a))
				return true;
		} while (more);
	}
	return true;
}
