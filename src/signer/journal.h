/* journal.h - the signer's own memory of what it signed: an append-only file of 64-octet records.
 * One serial is used for one TBS, and for one TBS one signature is ever released (TRUST §4, I2).
 * journal.c says how and why. One thread, one process (the file is locked).
 *
 * A batch: journal_claim() for each new serial, journal_write(), then the signatures are made and
 * noted with journal_signature(), then journal_commit(), then the answers go out. */
#ifndef ASSAY_SIGNER_JOURNAL_H
#define ASSAY_SIGNER_JOURNAL_H

#include "base/auto.h"
#include "base/fault.h"
#include "crypto/cert.h"
#include "signer/serial_index.h"

#define JOURNAL_RECORD 64
#define JOURNAL_BATCH 64          /* claims in one batch at most */
#define JOURNAL_WINDOW_S 86400    /* a serial is new for so long after its own time */
#define JOURNAL_FUTURE_S 600      /* and may lie so far ahead of the signer's clock */
#define JOURNAL_CLOCK_BACK_S 300  /* the clock may go back by so much */
#define JOURNAL_EPOCH 1577836800  /* 2020-01-01, from which serials and records count */

/* A signature takes its pieces of 48 octets, one to a record. */
#define JOURNAL_PIECE 48
#define JOURNAL_PIECES_MAX ((SIG_MAX + JOURNAL_PIECE - 1) / JOURNAL_PIECE)
#define JOURNAL_BATCH_RECORDS (JOURNAL_BATCH * (1 + JOURNAL_PIECES_MAX))

struct journal;

struct journal_options {
	const char *path;   /* made when it does not exist */
	int64_t now_s;
	bool check_all;     /* every record since the first, not only those that matter from now on */
	uint32_t index_max; /* slots; 0: SERIAL_INDEX_SLOTS_MAX */
};
/* Cuts a torn last batch (and logs it), refuses a damaged file: RC_INVALID, the fault names the
 * offset. RC_BUSY when another process has it. */
enum rc journal_open(const struct journal_options *o, struct journal **out, struct fault *f) MUST_USE;
void journal_free(struct journal *j);
AUTO_PTR_DEFINE(journal);

struct journal_entry {
	uint32_t record; /* number of the claim */
	uint8_t tbs_hash[SHA256_LEN];
	uint8_t sig[SIG_MAX];
	size_t sig_len; /* 0: never signed, as far as the journal knows */
};
/* RC_OK, RC_NOTFOUND; RC_IO and RC_INVALID: the journal cannot be trusted any more. */
enum rc journal_find(struct journal *j, const uint8_t serial[SERIAL_MAX],
		     struct journal_entry *out) MUST_USE;
/* May a serial that was not found be claimed at this time? RC_DENIED when its own time is outside
 * the window, RC_UNAVAILABLE when the clock went back behind the journal. */
enum rc journal_check_time(const struct journal *j, const uint8_t serial[SERIAL_MAX], int64_t now_s,
			   struct fault *f) MUST_USE;

/* Notes that the serial is for this TBS; a batch takes JOURNAL_BATCH of them. */
enum rc journal_claim(struct journal *j, const uint8_t serial[SERIAL_MAX],
		      const uint8_t tbs_hash[SHA256_LEN], int64_t now_s, uint32_t *out_record) MUST_USE;
enum rc journal_signature(struct journal *j, uint32_t claim, struct bytes sig) MUST_USE;
/* Revocation lists. Of each issuer, known by a tag, the number of the newest one is remembered: a list
 * is new when its number is higher. Numbers are milliseconds since 1970, and only those within the
 * window of the clock are accepted; so it is enough to remember as far back as serials are, and a
 * number older than that can never come again. */
#define JOURNAL_TAG 12
struct journal_crl {
	uint64_t number;
	struct journal_entry entry;
};
/* RC_OK; RC_NOTFOUND: none in the window. RC_IO, RC_INVALID as for journal_find(). */
enum rc journal_find_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], struct journal_crl *out) MUST_USE;
/* As journal_check_time(), for a number. */
enum rc journal_check_crl_time(const struct journal *j, uint64_t number, int64_t now_s,
			       struct fault *f) MUST_USE;
/* The number must not be below that of journal_find_crl(). */
enum rc journal_claim_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], uint64_t number,
			  const uint8_t tbs_hash[SHA256_LEN], int64_t now_s, uint32_t *out_record) MUST_USE;

/* Checkpoints of the server's audit trail (crypto/checkpoint.h). The newest is remembered for ever, and
 * whether an operator has given it up because the server's store was restored from an older copy. */
struct journal_checkpoint {
	uint64_t number;
	int64_t at; /* seconds since 1970 */
	uint8_t tag[JOURNAL_TAG]; /* of the authority that signed it */
	bool given_up;
	struct journal_entry entry; /* its tbs_hash is the hash of the trail's row */
};
/* RC_OK; RC_NOTFOUND: there was never one. RC_IO, RC_INVALID as for journal_find(). */
enum rc journal_find_checkpoint(struct journal *j, struct journal_checkpoint *out) MUST_USE;
/* RC_UNAVAILABLE when the clock went back behind the journal. */
enum rc journal_check_clock(const struct journal *j, int64_t now_s, struct fault *f) MUST_USE;
/* Notes a checkpoint; its time never falls. */
enum rc journal_claim_checkpoint(struct journal *j, const uint8_t tag[JOURNAL_TAG], uint64_t number,
				 const uint8_t hash[SHA256_LEN], int64_t now_s, uint32_t *out_record,
				 int64_t *out_at) MUST_USE;
/* Notes that the newest checkpoint is given up. */
enum rc journal_give_up_checkpoint(struct journal *j, int64_t now_s) MUST_USE;

/* Hands what was noted to the kernel, so that it survives the end of this process. */
enum rc journal_write(struct journal *j) MUST_USE;
/* Makes all of it durable and ends the batch. After an error of this or of journal_write() the
 * journal must not be used again (TRUST V69). */
enum rc journal_commit(struct journal *j) MUST_USE;

/* Claims since a time, as far as the journal was read at start (for the cap per minute). */
unsigned journal_recent_claims(const struct journal *j);
/* For the sandbox. */
int journal_fd(const struct journal *j);

#endif
