/* audit.h - checking the audit trail: a chain of rows, each with its number, the hash of the one
 * before and its own (store.h: struct store_chain). Whoever changes, removes, adds or swaps a row
 * breaks the chain there; whoever cuts off its end leaves a head that is older than one that was
 * noted elsewhere. Needs no store and no key: anybody can check an export. */
#ifndef ASSAY_CORE_AUDIT_H
#define ASSAY_CORE_AUDIT_H

#include "store/records.h"

struct audit_check {
	int64_t count, last; /* rows seen; number of the last */
	uint8_t hash[32];    /* of the last */
	/* A head that was noted before ("NUMBER:HASH"): the row must be there and be the same. */
	int64_t noted;       /* 0: none */
	uint8_t noted_hash[32];
	bool noted_seen;
};
/* "17:9f86d0..."; false when malformed. */
bool audit_head_parse(struct str text, struct audit_check *out);
/* The next row in order of number; the fault names the first that is wrong. */
enum rc audit_check_row(struct audit_check *c, const struct audit_record *r, struct fault *f) MUST_USE;
/* After the last row: is the noted head there? */
enum rc audit_check_end(const struct audit_check *c, struct fault *f) MUST_USE;

#endif
