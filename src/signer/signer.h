/* signer.h - the server's end of the signer process (DESIGN: the process that parses the network
 * never holds the CA key). Asynchronous, on one loop's thread: many requests may be under way; the
 * signer journals all that wait with one fsync and answers each.
 * The signer process is the program assay-signer (src/signer/main.c): it is started before any
 * network input is read, gets its law on standard input (signer_config.h) and one end of a
 * SOCK_SEQPACKET pair, and keeps no other descriptor. It notes (serial, SHA-256 of the TBS) before
 * it signs, makes that and the signature durable before it answers, refuses a serial that it has
 * seen with another TBS, and answers the same request again with the same signature (journal.c;
 * TRUST §4, the issuance protocol). */
#ifndef ASSAY_SIGNER_SIGNER_H
#define ASSAY_SIGNER_SIGNER_H

#include "base/arena.h"
#include "base/auto.h"
#include "base/fault.h"
#include "crypto/cert.h"
#include "net/loop.h"

struct signer;
struct checkpoint;

/* What was asked for. */
enum signer_kind {
	SIGNER_CERTIFICATE,
	SIGNER_RESPONDER, /* the certificate of an OCSP responder */
	SIGNER_LIST,      /* a revocation list */
	SIGNER_CHECKPOINT,
	SIGNER_OTHER,     /* no signature: looking up, ping */
	SIGNER_KINDS,
};

struct signer_options {
	struct loop *loop;
	const char *program;  /* path of assay-signer */
	struct bytes config;  /* signer_config text */
	int timeout_ms;       /* a request without an answer is sent again, then RC_UNAVAILABLE */
	unsigned max_waiting; /* RC_BUSY beyond */
	/* Called for each answer: how long it took, and how much of that until it was sent. May be NULL. */
	void (*observe)(enum signer_kind kind, enum rc rc, int64_t duration_us, int64_t wait_us);
};
/* Starts the process (posix_spawn: call before threads or sandbox) and waits for its hello. */
enum rc signer_start(const struct signer_options *o, struct signer **out, struct fault *f) MUST_USE;
/* Ends the process and waits for it. Requests still waiting are forgotten: done is not called. Not
 * from within done. */
void signer_free(struct signer *s);
AUTO_PTR_DEFINE(signer);
/* The process id of the signer's monitor; it restarts the worker when that dies. */
int signer_pid(const struct signer *s);

/* Requests that have no answer yet. Any thread. */
unsigned signer_waiting(const struct signer *s);

typedef void (*signer_done_fn)(void *arg, enum rc rc, struct bytes signature, const struct fault *f);

/* Asks for a signature over tbs by the authority's key. profile names the law that applies.
 * done runs once on the loop's thread, never from within the call: RC_OK, RC_DENIED (the law
 * forbids it; f says which rule), RC_CONFLICT (serial seen with another TBS), RC_LIMIT (the
 * signer's own cap of signatures in a minute), RC_UNAVAILABLE. signature is valid in the call.
 * Asking itself may fail: RC_BUSY (max_waiting), RC_UNAVAILABLE (the process has ended for good),
 * RC_INVALID (a name or a TBS that no message can carry); then done is not called. */
enum rc signer_sign(struct signer *s, struct str authority, struct str profile, struct bytes tbs,
		    signer_done_fn done, void *arg) MUST_USE;
/* The same for a revocation list (crypto/crl.h) of the authority, at most CRL_TBS_MAX octets, which
 * are copied. RC_CONFLICT: its number is not higher than that of every list before. Also RC_IO: there
 * is no memory file to hand it over in. */
enum rc signer_sign_crl(struct signer *s, struct str authority, struct bytes tbs, signer_done_fn done,
			void *arg) MUST_USE;
/* Has this serial ever been journalled, and with which TBS? done: RC_OK with the 32-octet hash in
 * signature, or RC_NOTFOUND. For recovery. */
enum rc signer_lookup(struct signer *s, struct bytes serial, signer_done_fn done, void *arg) MUST_USE;
/* The audit trail's row with this number has this hash: notes it, and signs that with the authority's key
 * and the signer's time. done: RC_OK, signature is MESSAGE_CHECKPOINT_TIME octets of time, then that over
 * checkpoint_encode(). RC_CONFLICT: a later row was noted, or this one with another hash. */
enum rc signer_checkpoint(struct signer *s, struct str authority, const struct checkpoint *c, signer_done_fn done,
			  void *arg) MUST_USE;
/* The newest of them. done: RC_OK, signature is as message_last_of() reads it; RC_NOTFOUND. */
enum rc signer_last_checkpoint(struct signer *s, signer_done_fn done, void *arg) MUST_USE;
/* Round trip for /health/ready; done with RC_OK or RC_UNAVAILABLE. */
enum rc signer_ping(struct signer *s, signer_done_fn done, void *arg) MUST_USE;

#endif
