/* audit.h - checking the audit trail: a chain of rows, each with its number, the hash of the one
 * before and its own (store.h: struct store_chain). Whoever changes, removes, adds or swaps a row
 * breaks the chain there; whoever cuts off its end, or computes it anew, is found by a head that was
 * noted elsewhere, and by the checkpoints in the trail, which an authority's key has signed
 * (core/checkpoints.h). Needs no store: anybody can check an export. */
#ifndef ASSAY_CORE_AUDIT_H
#define ASSAY_CORE_AUDIT_H

#include "crypto/checkpoint.h"
#include "store/records.h"

/* --- checkpoints in the trail --- */

#define AUDIT_CHECKPOINT STR("audit.checkpoint")
#define AUDIT_KEY_ID_MAX 64

struct audit_checkpoint {
	struct checkpoint checkpoint;
	struct str authority;
	struct bytes key_id; /* subject key identifier of the authority's certificate */
	struct bytes sig;
};
/* Action, subject and detail of its row, in the arena. */
enum rc audit_checkpoint_text(struct arena *a, const struct audit_checkpoint *c, struct audit_record *out) MUST_USE;
/* The other way round; RC_INVALID for anything but the exact form. */
enum rc audit_checkpoint_parse(struct arena *a, const struct audit_record *r, struct audit_checkpoint *out) MUST_USE;

/* --- checking --- */

/* A checkpoint's row comes soon after the one that it is about: one that is further back is refused. */
#define AUDIT_WINDOW 65536

/* A head that was noted before: the row must be there and be the same. */
struct audit_head {
	int64_t number; /* 0: none */
	uint8_t hash[32];
	bool seen;
};

/* Of an authority that may have signed. */
struct audit_key {
	struct bytes key_id;
	struct pubkey *key;
};

struct audit_check {
	int64_t count, last; /* rows seen; number of the last */
	uint8_t hash[32];    /* of the last */
	struct audit_head noted;  /* by somebody elsewhere */
	struct audit_head signer; /* by the signer */
	const struct audit_key *keys;
	size_t key_count;         /* 0: signatures are not checked */
	int64_t checkpoints;      /* seen */
	struct checkpoint newest; /* of them */
	struct arena arena;
	uint8_t (*window)[32]; /* hashes of the rows before, by number; from the heap */
};
enum rc audit_check_init(struct audit_check *c) MUST_USE;
void audit_check_done(struct audit_check *c);
/* "17:9f86d0..."; false when malformed. */
bool audit_head_parse(struct str text, struct audit_head *out);
/* The next row in order of number; the fault names the first that is wrong. */
enum rc audit_check_row(struct audit_check *c, const struct audit_record *r, struct fault *f) MUST_USE;
/* After the last row: are the noted heads there? */
enum rc audit_check_end(const struct audit_check *c, struct fault *f) MUST_USE;

#endif
