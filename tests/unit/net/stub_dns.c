/* stub_dns.c - the DNS server for tests. */
#include "stub_dns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

#define ROWS_MAX 64
#define MESSAGE_MAX 60000

struct stub_dns {
	struct thread thread;
	const struct stub_dns_row *rows;
	atomic_uint asked[ROWS_MAX], asked_tcp;
	int udp, tcp, stop;
	struct addr where;
};

struct message {
	uint8_t p[MESSAGE_MAX];
	size_t len;
	unsigned ttl;
};

static void add(struct message *m, const void *p, size_t len)
{
	if (len > sizeof(m->p) - m->len)
		abort();
	memcpy(m->p + m->len, p, len);
	m->len += len;
}

static void add_u16(struct message *m, unsigned v)
{
	add(m, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static void add_name(struct message *m, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		add(m, &(uint8_t){ (uint8_t)len }, 1);
		add(m, name, len);
		name += len + (name[len] == '.');
	}
	add(m, "", 1);
}

/* Owner, type, IN, TTL, data, and the count of answers. */
static void add_record(struct message *m, const char *owner, unsigned type, const void *rdata, size_t len)
{
	unsigned count = (unsigned)m->p[6] << 8 | m->p[7];

	add_name(m, owner);
	add_u16(m, type);
	add_u16(m, 1);
	add_u16(m, 0);
	add_u16(m, m->ttl);
	add_u16(m, (unsigned)len);
	add(m, rdata, len);
	count++;
	m->p[6] = (uint8_t)(count >> 8);
	m->p[7] = (uint8_t)count;
}

static void add_txt(struct message *m, const char *owner, const char *text, size_t len)
{
	struct message rdata = { .len = 0 };

	for (size_t at = 0; at <= len;) {
		const char *plus = memchr(text + at, '+', len - at);
		size_t part = plus ? (size_t)(plus - text) - at : len - at;

		add(&rdata, &(uint8_t){ (uint8_t)part }, 1);
		add(&rdata, text + at, part);
		at += part + 1;
	}
	add_record(m, owner, 16, rdata.p, rdata.len);
}

static void add_caa(struct message *m, const char *owner, const char *item)
{
	struct message rdata = { .len = 0 };
	unsigned flags;
	char tag[32], value[200];

	if (sscanf(item, "%u %31s %199s", &flags, tag, value) != 3)
		abort();
	add(&rdata, &(uint8_t){ (uint8_t)flags }, 1);
	add(&rdata, &(uint8_t){ (uint8_t)strlen(tag) }, 1);
	add(&rdata, tag, strlen(tag));
	add(&rdata, value, strlen(value));
	add_record(m, owner, 257, rdata.p, rdata.len);
}

static void add_host(struct message *m, const char *owner, const char *item)
{
	struct message rdata = { .len = 0 };

	add_name(&rdata, item);
	add_record(m, owner, 2, rdata.p, rdata.len);
}

static void add_data(struct message *m, const char *owner, int type, const char *data)
{
	while (data && *data) {
		size_t len = strcspn(data, "|");
		char item[1024];
		uint8_t ip[16];

		snprintf(item, sizeof(item), "%.*s", (int)len, data);
		if (type == 1 && inet_pton(AF_INET, item, ip) == 1)
			add_record(m, owner, 1, ip, 4);
		else if (type == 28 && inet_pton(AF_INET6, item, ip) == 1)
			add_record(m, owner, 28, ip, 16);
		else if (type == 2)
			add_host(m, owner, item);
		else if (type == 16)
			add_txt(m, owner, item, len);
		else if (type == 257)
			add_caa(m, owner, item);
		data += len + (data[len] == '|');
	}
}

/* The row for (name, type), and whether the name is known at all. */
static const struct stub_dns_row *find(struct stub_dns *s, const char *name, int type, bool *known)
{
	*known = false;
	for (const struct stub_dns_row *r = s->rows; r->name; r++) {
		if (strcasecmp(r->name, name) != 0)
			continue;
		*known = true;
		if (r->type == 0 || r->type == type || r->cname)
			return r;
	}
	return NULL;
}

static void answer_row(struct stub_dns *s, struct message *m, const struct stub_dns_row *r, int type,
		       bool tcp)
{
	unsigned before = atomic_fetch_add(&s->asked[r - s->rows], 1);
	struct message cname = { .len = 0 };
	bool known;

	m->ttl = r->later ? 0 : 60;
	if (r->act == STUB_DNS_TRUNCATE && !tcp) {
		m->p[2] |= 0x02;
		return;
	}
	for (unsigned i = 0; r && r->cname && i < 20; i++) {
		cname.len = 0;
		add_name(&cname, r->cname);
		add_record(m, r->name, 5, cname.p, cname.len);
		r = find(s, r->cname, type, &known);
	}
	if (r && !r->cname)
		add_data(m, r->name, type, before && r->later ? r->later : r->data);
}

/* Turns the query in m into its response; false: none is sent. */
static bool respond(struct stub_dns *s, struct message *m, bool tcp)
{
	static const uint8_t BROKEN[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0xff, 0xff, 1, 2, 3 };
	char name[300] = "";
	size_t at = 12, len = 0;
	const struct stub_dns_row *r;
	bool known;
	int type;

	while (at < m->len && m->p[at] && len + m->p[at] + 1u < sizeof(name)) {
		len += (size_t)snprintf(name + len, sizeof(name) - len, "%s%.*s", len ? "." : "",
					m->p[at], (char *)m->p + at + 1);
		at += m->p[at] + 1u;
	}
	if (at + 5 > m->len)
		return false;
	type = m->p[at + 1] << 8 | m->p[at + 2];
	m->len = at + 5;
	m->p[2] = 0x85; /* a response, authoritative, recursion desired */
	m->p[3] = 0x80;
	memset(m->p + 6, 0, 6); /* without the query's OPT record: as a server without EDNS */
	r = find(s, name, type, &known);
	if (!r) {
		m->p[3] |= known ? 0 : 3;
		return true;
	}
	switch (r->act) {
	case STUB_DNS_LAME:
		m->p[2] = 0x81;
		answer_row(s, m, r, type, tcp);
		return true;
	case STUB_DNS_LOWERS:
		for (size_t i = 12; !tcp && i < m->len; i++)
			m->p[i] = (uint8_t)tolower(m->p[i]);
		answer_row(s, m, r, type, tcp);
		return true;
	case STUB_DNS_ANSWER:
	case STUB_DNS_FORGED:
	case STUB_DNS_TRUNCATE:
		answer_row(s, m, r, type, tcp);
		return true;
	case STUB_DNS_NXDOMAIN:
		m->p[3] |= 3;
		break;
	case STUB_DNS_SERVFAIL:
		m->p[3] |= 2;
		break;
	case STUB_DNS_REFUSED:
		m->p[3] |= 5;
		break;
	case STUB_DNS_LIE:
		m->len = 12;
		add_name(m, "other.example");
		add_u16(m, (unsigned)type);
		add_u16(m, 1);
		add_data(m, "other.example", type, r->data);
		break;
	case STUB_DNS_GARBAGE:
		m->p[7] = 1;
		add(m, BROKEN, sizeof(BROKEN));
		break;
	case STUB_DNS_TCP_ONLY:
		if (!tcp)
			return false;
		answer_row(s, m, r, type, tcp);
		return true;
	case STUB_DNS_SILENT:
		break;
	}
	atomic_fetch_add(&s->asked[r - s->rows], 1);
	return r->act != STUB_DNS_SILENT;
}

static bool read_whole(int fd, uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, p + at, len - at);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void serve_tcp(struct stub_dns *s, struct message *m)
{
	int fd = accept(s->tcp, NULL, NULL);
	uint8_t prefix[2];

	if (fd < 0)
		return;
	if (read_whole(fd, prefix, 2) && (m->len = (size_t)prefix[0] << 8 | prefix[1]) < sizeof(m->p) &&
	    read_whole(fd, m->p, m->len)) {
		atomic_fetch_add(&s->asked_tcp, 1);
		if (respond(s, m, true)) {
			prefix[0] = (uint8_t)(m->len >> 8);
			prefix[1] = (uint8_t)m->len;
			(void)!write(fd, prefix, 2);
			(void)!write(fd, m->p, m->len);
		}
	}
	close(fd);
}

/* The name of the query is that of a row that is FORGED. */
static bool is_forged(struct stub_dns *s, const struct message *m)
{
	for (const struct stub_dns_row *r = s->rows; r->name; r++) {
		struct message name = { .len = 0 };

		add_name(&name, r->name);
		if (r->act == STUB_DNS_FORGED && m->len > 12 + name.len &&
		    strncasecmp((const char *)m->p + 12, (const char *)name.p, name.len) == 0)
			return true;
	}
	return false;
}

/* NXDOMAIN with another id, of another name, and with the right id but in other letters; and half a
 * packet. */
static void forge(struct stub_dns *s, const struct message *query, const struct sockaddr_storage *peer,
		  socklen_t peer_len)
{
	static _Thread_local struct message m;

	for (unsigned i = 0; i < 4; i++) {
		m = *query;
		m.p[2] = 0x84;
		m.p[3] = 0x03;
		if (i == 0)
			m.p[0] ^= 1;
		else if (i == 1)
			m.p[13] = m.p[13] == 'x' ? 'y' : 'x';
		else if (i == 2)
			m.p[13] ^= 'a' - 'A';
		else
			m.len = 11;
		(void)!sendto(s->udp, m.p, m.len, 0, (const struct sockaddr *)peer, peer_len);
	}
}

static void serve_udp(struct stub_dns *s, struct message *m)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	ssize_t n = recvfrom(s->udp, m->p, sizeof(m->p), 0, (struct sockaddr *)&peer, &peer_len);

	if (n < 12)
		return;
	m->len = (size_t)n;
	if (is_forged(s, m))
		forge(s, m, &peer, peer_len);
	if (respond(s, m, false))
		(void)!sendto(s->udp, m->p, m->len, 0, (struct sockaddr *)&peer, peer_len);
}

static void run(void *arg)
{
	static _Thread_local struct message m;
	struct stub_dns *s = arg;

	for (;;) {
		struct pollfd p[] = { { .fd = s->stop, .events = POLLIN },
				      { .fd = s->udp, .events = POLLIN },
				      { .fd = s->tcp, .events = POLLIN } };

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents)
			return;
		if (p[1].revents)
			serve_udp(s, &m);
		if (p[2].revents)
			serve_tcp(s, &m);
	}
}

static int bound(int type, struct addr *a)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, &a->sa, a->len) != 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	(void)getsockname(fd, &a->sa, &a->len);
	return fd;
}

struct stub_dns *stub_dns_start_at(const struct stub_dns_row *rows, const struct addr *where)
{
	struct stub_dns *s = calloc(1, sizeof(*s));
	struct addr a = *where;

	if (!s)
		abort();
	s->rows = rows;
	s->udp = bound(SOCK_DGRAM, &a);
	s->tcp = s->udp >= 0 ? bound(SOCK_STREAM, &a) : -1;
	if (s->tcp < 0) {
		if (s->udp >= 0)
			close(s->udp);
		free(s);
		return NULL;
	}
	s->where = a;
	s->stop = eventfd(0, EFD_CLOEXEC);
	if (listen(s->tcp, 64) != 0 || thread_start(&s->thread, "stub-dns", run, s) != RC_OK)
		abort();
	return s;
}

struct stub_dns *stub_dns_start(const struct stub_dns_row *rows, struct addr *out)
{
	struct addr a = addr_from_ip((uint8_t[]){ 127, 0, 0, 1 }, 4, 0);
	struct stub_dns *s;

	do /* until the port is free for both */
		s = stub_dns_start_at(rows, &a);
	while (!s);
	*out = s->where;
	return s;
}

unsigned stub_dns_asked(struct stub_dns *s, size_t row)
{
	return atomic_load(&s->asked[row]);
}

unsigned stub_dns_asked_tcp(struct stub_dns *s)
{
	return atomic_load(&s->asked_tcp);
}

void stub_dns_stop(struct stub_dns *s)
{
	(void)!write(s->stop, &(uint64_t){ 1 }, 8);
	thread_join(&s->thread);
	close(s->udp);
	close(s->tcp);
	close(s->stop);
	free(s);
}
