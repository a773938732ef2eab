/* status_load.c - assay-status-load: OCSP questions over keep-alive connections, as many as the server
 * answers. Each connection has one question under way; the questions (DER files) take turns.
 *
 *   assay-status-load ADDRESS PORT plain|tls get|post CONNECTIONS SECONDS FILE...
 *
 * Prints "ANSWERS SECONDS": every answer must be a 200 with application/ocsp-response. One thread, no
 * library but libssl: what it costs is beside the server's core, not on it. The server is not verified. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"

#define CONNECTIONS_MAX 1024
#define QUESTIONS_MAX 4096
#define ROOM 8192

struct question {
	char *text;
	size_t len;
};

struct connection {
	int fd;
	SSL *ssl;
	char in[ROOM];
	size_t have;
	size_t next; /* question */
};

static struct question questions[QUESTIONS_MAX];
static size_t question_count;
static struct connection *connections;
static uint64_t answers;

static void __attribute__((noreturn)) PRINTF_LIKE(1, 2) die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* --- questions --- */

static size_t escaped(const char *base64, char *out)
{
	size_t n = 0;

	for (; *base64; base64++)
		if (*base64 == '/' || *base64 == '+' || *base64 == '=')
			n += (size_t)sprintf(out + n, "%%%02X", (unsigned char)*base64);
		else
			out[n++] = *base64;
	out[n] = '\0';
	return n;
}

static void add_question(const char *path, const char *host, bool get)
{
	struct question *q = &questions[question_count];
	uint8_t der[1024];
	char base64[2048], url[6144];
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(der, 1, sizeof(der), file) : 0;

	if (len == 0 || len == sizeof(der) || question_count == QUESTIONS_MAX)
		die("%s: no question, or too many", path);
	fclose(file);
	q->text = malloc(ROOM);
	if (!q->text)
		die("no memory");
	if (get) {
		b64_encode(bytes_of(der, len), base64);
		escaped(base64, url);
		q->len = (size_t)snprintf(q->text, ROOM, "GET /ocsp/%s HTTP/1.1\r\nHost: %s\r\n\r\n", url, host);
	} else {
		q->len = (size_t)snprintf(q->text, ROOM,
					  "POST /ocsp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/ocsp-request\r\n"
					  "Content-Length: %zu\r\n\r\n", host, len);
		memcpy(q->text + q->len, der, len);
		q->len += len;
	}
	question_count++;
}

/* --- connections --- */

static void ask(struct connection *c)
{
	const struct question *q = &questions[c->next];
	ssize_t n = c->ssl ? SSL_write(c->ssl, q->text, (int)q->len) : write(c->fd, q->text, q->len);

	if (n != (ssize_t)q->len) /* it fits in any socket's buffer */
		die("cannot ask: %s", strerror(errno));
	c->next = (c->next + 1) % question_count;
}

/* Octets of the whole answer; 0: not all there. */
static size_t answer_len(struct connection *c)
{
	char *end = memmem(c->in, c->have, "\r\n\r\n", 4), *length;
	size_t len;

	if (!end)
		return 0;
	*end = '\0';
	if (strncmp(c->in, "HTTP/1.1 200", 12) != 0 || !strcasestr(c->in, "application/ocsp-response"))
		die("not an answer: %.200s", c->in);
	length = strcasestr(c->in, "\r\ncontent-length:");
	if (!length)
		die("an answer without a length");
	len = (size_t)(end - c->in) + 4 + strtoul(length + 17, NULL, 10);
	*end = '\r';
	if (len > ROOM)
		die("an answer of %zu octets", len);
	return c->have >= len ? len : 0;
}

static void on_readable(struct connection *c)
{
	for (;;) {
		ssize_t n = c->ssl ? SSL_read(c->ssl, c->in + c->have, (int)(ROOM - 1 - c->have))
				   : read(c->fd, c->in + c->have, ROOM - 1 - c->have);

		if (n <= 0) {
			if (c->ssl ? SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN)
				return;
			die("the server has closed a connection");
		}
		c->have += (size_t)n;
		c->in[c->have] = '\0';
		if (answer_len(c) == 0)
			continue;
		if (answer_len(c) != c->have)
			die("more than one answer");
		c->have = 0;
		answers++;
		ask(c);
		if (!c->ssl)
			return; /* the next answer is another event */
	}
}

static void connect_to(struct connection *c, const struct sockaddr_in *to, SSL_CTX *tls)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
		die("cannot connect: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls) {
		c->ssl = SSL_new(tls);
		SSL_set_tlsext_host_name(c->ssl, "localhost");
		SSL_set_fd(c->ssl, c->fd);
		if (SSL_connect(c->ssl) != 1)
			die("no TLS");
	}
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct epoll_event events[CONNECTIONS_MAX];
	SSL_CTX *tls = NULL;
	int64_t begin, end;
	long count, seconds;
	char host[64];
	int epoll;

	if (argc < 8 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		die("assay-status-load ADDRESS PORT plain|tls get|post CONNECTIONS SECONDS FILE...");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	count = strtol(argv[5], NULL, 10);
	seconds = strtol(argv[6], NULL, 10);
	if (count < 1 || count > CONNECTIONS_MAX || seconds < 1 || seconds > 60)
		die("1 to %d connections, 1 to 60 seconds", CONNECTIONS_MAX);
	snprintf(host, sizeof(host), "localhost:%s", argv[2]);
	for (int i = 7; i < argc; i++)
		add_question(argv[i], host, strcmp(argv[4], "get") == 0);
	if (strcmp(argv[3], "tls") == 0 && !(tls = SSL_CTX_new(TLS_client_method())))
		die("no TLS");
	connections = calloc((size_t)count, sizeof(*connections));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || epoll < 0)
		die("no memory");
	for (long i = 0; i < count; i++) {
		connect_to(&connections[i], &to, tls);
		connections[i].next = (size_t)i % question_count;
		epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd,
			  &(struct epoll_event){ .events = EPOLLIN, .data.ptr = &connections[i] });
	}
	begin = clock_mono_us();
	end = begin + seconds * 1000000;
	for (long i = 0; i < count; i++)
		ask(&connections[i]);
	while (clock_mono_us() < end) {
		int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 10000);

		if (n <= 0)
			die("no answer for ten seconds");
		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
	}
	printf("%llu %.3f\n", (unsigned long long)answers, (double)(clock_mono_us() - begin) / 1e6);
	return 0;
}
