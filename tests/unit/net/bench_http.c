/* bench_http.c - requests a second and server CPU per request over TLS with keep-alive connections,
 * server and client on one core each; or full handshakes. Not a test: prints numbers.
 *   bench_http [connections [seconds [body-octets]]] */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net_kit.h"

static const char body[] = "{\"status\":\"ready\",\"expires\":\"2026-12-24T18:00:00Z\",\"identifiers\":["
			   "{\"type\":\"dns\",\"value\":\"www.lab.internal\"}],\"authorizations\":["
			   "\"https://ca.lab.internal/acme/authz/0192a5f0\"],\"finalize\":"
			   "\"https://ca.lab.internal/acme/order/0192a5f0/finalize\"}";

static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
	static const struct http_header headers[] = {
		{ { "Content-Type", 12 }, { "application/json", 16 } },
		{ { "Replay-Nonce", 12 }, { "oFvnlFP1wIhRlYS2jTaXbA0123456789", 32 } },
		{ { "Cache-Control", 13 }, { "no-store", 8 } },
		{ { "Link", 4 }, { "<https://ca.lab.internal/acme/directory>;rel=\"index\"", 52 } },
	};
	struct http_reply reply = { .status = 200, .headers = headers,
				    .header_count = COUNT_OF(headers),
				    .body = bytes_of(body, sizeof(body) - 1) };

	(void)arg;
	(void)r;
	http_reply(x, &reply);
}

static void pin(pthread_t thread, int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

static double cpu_us(pthread_t thread)
{
	struct timespec ts;
	clockid_t id;

	pthread_getcpuclockid(thread, &id);
	clock_gettime(id, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void report(const char *what, unsigned long count, double wall_us, double cpu)
{
	printf("%-22s %8.0f/s   server CPU %6.2f us each\n", what, (double)count / wall_us * 1e6,
	       cpu / (double)count);
}

static void bench_requests(struct kit_server *k, SSL_CTX *ctx, unsigned conns, int64_t us, unsigned octets)
{
	struct kit_client *c = calloc(conns, sizeof(*c));
	char *request = malloc(octets + 512), reply[4096];
	unsigned long count = 0;
	int64_t start_us;
	double cpu;
	int len;

	len = sprintf(request, "POST /acme/new-order HTTP/1.1\r\nHost: ca.lab.internal\r\n"
		      "User-Agent: bench/1.0\r\nAccept: */*\r\nContent-Type: application/jose+json\r\n"
		      "Accept-Encoding: gzip, deflate\r\nContent-Length: %u\r\n\r\n", octets);
	memset(request + len, 'x', octets);
	for (unsigned i = 0; i < conns; i++)
		kit_client_open(&c[i], &k->addr, ctx);
	cpu = cpu_us(k->thread.id);
	start_us = clock_mono_us();
	while (clock_mono_us() - start_us < us) {
		for (unsigned i = 0; i < conns; i++)
			kit_send(&c[i], request, (size_t)len + octets);
		for (unsigned i = 0; i < conns; i++)
			kit_recv(&c[i], reply, sizeof(reply)); /* one record each */
		count += conns;
	}
	report("keep-alive requests", count, (double)(clock_mono_us() - start_us),
	       cpu_us(k->thread.id) - cpu);
	for (unsigned i = 0; i < conns; i++)
		kit_client_close(&c[i]);
	free(request);
	free(c);
}

static void bench_handshakes(struct kit_server *k, SSL_CTX *ctx, int64_t us)
{
	double cpu = cpu_us(k->thread.id);
	int64_t start_us = clock_mono_us();
	unsigned long count = 0;

	for (; clock_mono_us() - start_us < us; count++) {
		struct kit_client c;

		kit_client_open(&c, &k->addr, ctx);
		kit_client_close(&c);
	}
	report("handshakes", count, (double)(clock_mono_us() - start_us), cpu_us(k->thread.id) - cpu);
}

int main(int argc, char **argv)
{
	unsigned conns = argc > 1 ? (unsigned)atoi(argv[1]) : 32;
	int64_t us = (argc > 2 ? atoi(argv[2]) : 2) * INT64_C(1000000);
	unsigned octets = argc > 3 ? (unsigned)atoi(argv[3]) : 700;
	struct http_server_options o = { .on_request = on_request, .max_body = 65536,
					 .max_connections = 4096 };
	struct kit_server k;
	struct kit_cert cert;
	SSL_CTX *ctx = kit_client_ctx();

	signal(SIGPIPE, SIG_IGN);
	kit_cert_init(&cert, "ca.lab.internal");
	kit_server_start(&k, o, &cert, NULL, NULL);
	pin(k.thread.id, 0);
	pin(pthread_self(), 1);
	bench_requests(&k, ctx, conns, us, octets);
	bench_handshakes(&k, ctx, us);
	kit_server_stop(&k);
	kit_cert_done(&cert);
	SSL_CTX_free(ctx);
	return 0;
}
