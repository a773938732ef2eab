/* responder.h - the OCSP responder (RFC 6960, RFC 5019): a delegated key for each authority, made in this
 * process and certified by the signer for a week under a law of its own, and the answers.
 * responder_answer() may be called from any thread. */
#ifndef ASSAY_CORE_RESPONDER_H
#define ASSAY_CORE_RESPONDER_H

#include "core/core.h"
#include "net/loop.h"
#include "signer/signer.h"

struct responder;

struct responder_options {
	struct service *service;
	struct loop *loop;
	struct signer *signer;
	/* Runs once on the loop: there is a key for each authority, or the signer or the store does not
	 * let us make one for now. */
	void (*ready)(void *arg);
	void *arg;
};
enum rc responder_start(const struct responder_options *o, struct responder **out) MUST_USE;
/* As revocation_stop() and revocation_free(). */
void responder_stop(struct responder *r);
void responder_free(struct responder *r);

struct responder_reply {
	struct bytes der; /* in the context's arena, or static */
	/* 0: not to be cached. */
	int64_t this_update, next_update, refresh_at;
};
/* Always an answer, also to what is malformed (RFC 6960 §2.3), but for RC_NOMEM, RC_BUSY and RC_IO.
 * What it says of a certificate is what the store has at this moment: of what is kept only the
 * signature is used again, and only while the certificate's row is unchanged. */
enum rc responder_answer(struct context *c, struct bytes request, struct responder_reply *out) MUST_USE;

#endif
