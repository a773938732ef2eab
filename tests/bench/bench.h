/* bench.h - assay-bench: many ACME clients against a running `assay dev`, on one machine.
 * world.c is what the server's validation meets, session.c one client, proc.c what the server costs. */
#ifndef ASSAY_TESTS_BENCH_BENCH_H
#define ASSAY_TESTS_BENCH_BENCH_H

#include "acme/objects.h"
#include "crypto/key.h"
#include "net/web.h"

/* --- world.c: any thread --- */

/* A DNS server that answers 127.0.0.1 to every A question, and the answers to HTTP-01 challenges.
 * Both on loopback, in threads that live as long as the program. */
enum rc world_start(uint16_t dns_port, uint16_t http_port) MUST_USE;
void world_expect(struct str token, struct str key_authorization);
void world_forget(struct str token);
/* From now on every answer is an endless body of this many octets; 0: the right one. */
void world_answer_bulk(int64_t octets);
int64_t world_bulk_sent(void);

/* --- session.c: one thread each --- */

enum { PHASE_ORDER, PHASE_VALIDATE, PHASE_FINALIZE, PHASE_COUNT };

struct session {
	struct web *web;
	struct privkey *key;
	struct acme_directory directory;
	struct arena arena;  /* directory and account URL; as long as the session */
	struct arena scratch;
	struct str kid;
	char nonce[256];
	char thumbprint[64];
	struct fault f;
};

/* An order under way: URLs in the heap, so that thousands may be open. */
struct open_order {
	char *order, *authz, *finalize;
	char name[80];
};

enum rc session_open(struct session *s, const char *directory_url, const char *root_file) MUST_USE;
void session_close(struct session *s);
/* One signed request. The answer's body lives in s->scratch until the next call. */
enum rc session_post(struct session *s, struct str url, struct str payload, struct web_response *out) MUST_USE;
enum rc session_nonce(struct session *s) MUST_USE;
enum rc session_order(struct session *s, const char *name, struct open_order *out) MUST_USE;
enum rc session_validate(struct session *s, struct open_order *o) MUST_USE;
enum rc session_finalize(struct session *s, struct open_order *o, const struct privkey *key) MUST_USE;
void open_order_done(struct open_order *o);

/* --- proc.c --- */

struct usage {
	double cpu_ms;     /* user and system, of the process and all below it */
	int64_t rss_kib, peak_kib;
};
/* False: there is no such process. */
bool usage_read(int pid, struct usage *out);

#endif
