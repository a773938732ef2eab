/* world.c - what validation meets: a name server and a web server on loopback, one thread each.
 * Plain blocking sockets: they cost little beside the clients. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "bench.h"

#define BUCKETS 4096
#define DNS_MAX 512
#define CHUNK 65536

struct token {
	struct token *next;
	char token[160];
	char answer[256];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards buckets */
static struct token *buckets[BUCKETS];
static int64_t bulk, bulk_sent; /* atomic */
static int dns_fd = -1, http_fd = -1;
static struct thread dns_thread, http_thread;

/* --- tokens --- */

static struct token **token_place(struct str token)
{
	unsigned h = 5381;
	struct token **p;

	for (size_t i = 0; i < token.len; i++)
		h = h * 33 + (unsigned char)token.p[i];
	p = &buckets[h % BUCKETS];
	while (*p && !str_is(token, (*p)->token))
		p = &(*p)->next;
	return p;
}

void world_expect(struct str token, struct str key_authorization)
{
	struct token *t = calloc(1, sizeof(*t));

	if (!t || token.len >= sizeof(t->token) || key_authorization.len >= sizeof(t->answer))
		abort();
	memcpy(t->token, token.p, token.len);
	memcpy(t->answer, key_authorization.p, key_authorization.len);
	pthread_mutex_lock(&lock);
	t->next = *token_place(token);
	*token_place(token) = t;
	pthread_mutex_unlock(&lock);
}

void world_forget(struct str token)
{
	struct token **p, *t;

	pthread_mutex_lock(&lock);
	p = token_place(token);
	t = *p;
	if (t)
		*p = t->next;
	pthread_mutex_unlock(&lock);
	free(t);
}

void world_answer_bulk(int64_t octets)
{
	__atomic_store_n(&bulk, octets, __ATOMIC_RELEASE);
}

int64_t world_bulk_sent(void)
{
	return __atomic_load_n(&bulk_sent, __ATOMIC_ACQUIRE);
}

/* --- DNS (RFC 1035 §4): the question back, and one address --- */

static size_t dns_answer(uint8_t *m, size_t len, size_t cap)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1 };
	size_t i = 12;
	bool is_a;

	while (i < len && m[i] != 0)
		i += (size_t)m[i] + 1;
	if (i + 5 > len || i + 5 + sizeof(record) > cap)
		return 0;
	is_a = m[i + 1] == 0 && m[i + 2] == 1;
	m[2] = 0x84 | (m[2] & 1); /* QR AA, RD as asked */
	m[3] = 0x80;              /* RA, NOERROR */
	memset(m + 6, 0, 6);
	i += 5;
	if (!is_a)
		return i;
	m[7] = 1;
	memcpy(m + i, record, sizeof(record));
	return i + sizeof(record);
}

static void dns_main(void *arg)
{
	struct sockaddr_in peer;
	uint8_t m[DNS_MAX];

	(void)arg;
	for (;;) {
		socklen_t peer_len = sizeof(peer);
		ssize_t n = recvfrom(dns_fd, m, sizeof(m), 0, (struct sockaddr *)&peer, &peer_len);
		size_t len = n > 12 ? dns_answer(m, (size_t)n, sizeof(m)) : 0;

		if (len)
			(void)sendto(dns_fd, m, len, 0, (struct sockaddr *)&peer, peer_len);
	}
}

/* --- HTTP-01 (RFC 8555 §8.3) --- */

static void send_bulk(int fd, int64_t octets)
{
	static char chunk[CHUNK];
	char head[128];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n",
			 (long long)octets);

	if (send(fd, head, (size_t)n, MSG_NOSIGNAL) < 0)
		return;
	while (octets > 0) {
		ssize_t sent = send(fd, chunk, octets < CHUNK ? (size_t)octets : CHUNK, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		octets -= sent;
		__atomic_add_fetch(&bulk_sent, sent, __ATOMIC_ACQ_REL);
	}
}

static void answer(int fd, struct str token)
{
	char reply[512];
	struct token *t;
	int n;

	pthread_mutex_lock(&lock);
	t = *token_place(token);
	n = snprintf(reply, sizeof(reply), "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		     t ? "200 OK" : "404 Not Found", t ? strlen(t->answer) : 0, t ? t->answer : "");
	pthread_mutex_unlock(&lock);
	(void)send(fd, reply, (size_t)n, MSG_NOSIGNAL);
}

static void http_one(int fd)
{
	static const char prefix[] = "GET /.well-known/acme-challenge/";
	char request[4096];
	int64_t octets = __atomic_load_n(&bulk, __ATOMIC_ACQUIRE);
	struct str line, rest;
	size_t len = 0;

	do {
		ssize_t n = recv(fd, request + len, sizeof(request) - 1 - len, 0);

		if (n <= 0)
			return;
		len += (size_t)n;
		request[len] = '\0';
	} while (!strstr(request, "\r\n\r\n") && len < sizeof(request) - 1);
	if (octets) {
		send_bulk(fd, octets);
		return;
	}
	if (strncmp(request, prefix, sizeof(prefix) - 1) != 0)
		return;
	line = str_of(request + sizeof(prefix) - 1);
	if (str_cut(line, ' ', &line, &rest))
		answer(fd, line);
}

static void http_main(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(http_fd, NULL, NULL);

		if (fd < 0)
			continue;
		http_one(fd);
		(void)close(fd);
	}
}

/* --- starting --- */

static int bind_loopback(int type, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || (type == SOCK_STREAM && listen(fd, 1024) != 0)) {
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	return fd;
}

enum rc world_start(uint16_t dns_port, uint16_t http_port)
{
	enum rc rc;

	dns_fd = bind_loopback(SOCK_DGRAM, dns_port);
	http_fd = bind_loopback(SOCK_STREAM, http_port);
	if (dns_fd < 0 || http_fd < 0)
		return RC_IO;
	rc = thread_start(&dns_thread, "dns", dns_main, NULL);
	if (rc == RC_OK)
		rc = thread_start(&http_thread, "http-01", http_main, NULL);
	return rc;
}
