/* fixture.h - a small authority in a temporary folder, and the real assay-signer with it seen from
 * the server's end of the socket. Everything aborts the test on failure. */
#ifndef ASSAY_TESTS_SIGNER_FIXTURE_H
#define ASSAY_TESTS_SIGNER_FIXTURE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "crypto/cert.h"
#include "signer/messages.h"
#include "signer/signer_config.h"

#define FIXTURE_WAIT_MS 20000 /* for anything that must come */

struct fixture {
	char folder[64];
	struct arena arena;
	struct str chain_file, root_file, key_file, passphrase_file, journal_file;
	struct cert_info issuing;
	struct pubkey *issuing_key; /* the authority's */
	struct privkey *key;        /* the subscriber's */
	struct san san;             /* dns host.lab.internal */
	struct bytes subject;       /* empty Name */
	struct signer_profile profiles[1];
	struct signer_authority authority;
	struct signer_config config;
	/* the process */
	pid_t pid;
	int socket;
	uint64_t epoch, next_id;
};

/* For a group of tests, as its set-up and tear-down: making an authority takes half a second. */
int fixture_authority_make(void **state);
int fixture_authority_remove(void **state);

/* Authority "lab", P-256 key, encrypted with a passphrase, permitted lab.internal and 10.0.0.0/8 by its
 * certificate; profile "server". The journal is new. */
void fixture_init(struct fixture *x);
void fixture_done(struct fixture *x);

/* Starts the program with x->config and waits for its hello, whose status is returned. */
enum rc fixture_start(struct fixture *x, char detail[FAULT_DETAIL_MAX]);
/* The same with any text for a config. */
enum rc fixture_start_text(struct fixture *x, struct str text, char detail[FAULT_DETAIL_MAX]);
/* Closes the socket and waits; returns the exit code, or -1 when a signal ended it. */
int fixture_stop(struct fixture *x);

/* A TBS that the law allows: change what you like, then build. The serial is new at each call. */
struct tbs_spec fixture_spec(struct fixture *x);
struct bytes fixture_build(struct fixture *x, const struct tbs_spec *spec);
struct bytes fixture_tbs(struct fixture *x);
/* Replaces the first occurrence, in a copy. */
struct bytes fixture_patch(struct fixture *x, struct bytes in, struct bytes from, struct bytes to);

struct reply {
	enum rc status;
	uint64_t id, epoch;
	enum message_op op;
	uint8_t payload[SIG_MAX];
	size_t payload_len;
	char detail[FAULT_DETAIL_MAX];
};
/* Returns the request's id. */
uint64_t fixture_send(struct fixture *x, enum message_op op, const char *authority,
		      const char *profile, struct bytes payload);
void fixture_send_raw(struct fixture *x, const void *p, size_t len);
/* The next message, waited for. False when the signer's end is closed. */
bool fixture_receive(struct fixture *x, struct reply *out);
/* Is there one at this moment? */
bool fixture_waiting(const struct fixture *x);
enum rc fixture_sign(struct fixture *x, struct bytes tbs, struct reply *out);
/* The worker's process id, found as the child of the monitor. */
pid_t fixture_worker(const struct fixture *x);
/* Kilobytes from /proc/PID/status, "VmRSS" or "VmHWM". */
long fixture_memory_kb(pid_t pid, const char *what);
long fixture_cpu_us(pid_t pid);

#endif
