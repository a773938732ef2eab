/* worker_impl.h - what the two parts of the signer's worker share: worker.c talks, signs and makes durable,
 * worker_decide.c decides. Private to src/signer. */
#ifndef ASSAY_SIGNER_WORKER_IMPL_H
#define ASSAY_SIGNER_WORKER_IMPL_H

#include "signer/journal.h"
#include "signer/law.h"
#include "signer/messages.h"

/* One message and its answer. */
struct slot {
	struct message request;
	bool answer;         /* the message was one to answer */
	bool sign;           /* a claim was made: a signature is due */
	const struct slot *same; /* the same TBS was asked for earlier in this batch */
	int fd;              /* that came along; -1: none */
	struct bytes tbs;    /* to be signed: the payload, or the memory file */
	const struct law_authority *authority;
	uint8_t serial[SERIAL_MAX];
	uint8_t hash[SHA256_LEN];
	uint32_t claim;
	struct checkpoint checkpoint; /* of such a request */
	uint8_t octets[CHECKPOINT_LEN]; /* that are signed for it */
	uint8_t payload[MESSAGE_PAYLOAD_MAX];
	size_t payload_len;
	struct fault fault; /* its rc is the answer's status */
	uint8_t out[MESSAGE_REPLY_MAX];
	uint8_t in[MESSAGE_REQUEST_MAX];
};

struct worker {
	int socket;
	uint64_t epoch;
	struct arena config_arena, arena;
	struct signer_config config;
	struct law law;
	struct journal *journal;
	int64_t minute_from_s; /* the cap per minute: since when counted, and how many */
	unsigned minute_count;
	bool refused_garbage; /* logged once; a server that sends it would fill the log */
	bool refused_checkpoint; /* likewise */
	size_t count;         /* slots in use in this round */
	struct slot slots[JOURNAL_BATCH];
};

/* Each decides one request. Its answer, if it is a refusal or a repetition, is in the slot, and sign says
 * whether a signature is due; an error returned here means that the journal failed. */
enum rc slot_decide(struct worker *w, struct slot *s, int64_t now_s) MUST_USE;
/* A list is signed when its number is higher than that of every list before, or when it is the last one
 * again. */
enum rc slot_decide_list(struct worker *w, struct slot *s, int64_t now_s) MUST_USE;
/* A checkpoint is signed when its row comes after that of the one before. What is signed is made here, of
 * nothing but the number, the hash and the signer's own time. */
enum rc slot_decide_checkpoint(struct worker *w, struct slot *s, int64_t now_s) MUST_USE;
enum rc slot_answer_last_checkpoint(struct worker *w, struct slot *s) MUST_USE;
enum rc slot_answer_lookup(struct worker *w, struct slot *s) MUST_USE;
/* The time, then the signature of payload_len octets that payload begins with. */
void slot_put_time(struct slot *s);
/* What came along is let go. */
void slot_done(struct slot *s);

/* What the operator said when the server was started. It names one checkpoint: a worker that starts later,
 * when there is a newer one, gives up nothing. */
enum rc worker_give_up_checkpoint(struct worker *w) MUST_USE;

#endif
