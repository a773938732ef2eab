/* journal_impl.h - what the parts of the journal share. Private to src/signer:
 *   journal_file.c  what a record looks like, and where it is in the file
 *   journal_open.c  the start: what a crash left is cut off, what is there is remembered
 *   journal.c       finding and writing while the signer runs; its head says how and why */
#ifndef ASSAY_SIGNER_JOURNAL_IMPL_H
#define ASSAY_SIGNER_JOURNAL_IMPL_H

#include <sys/types.h>

#include "signer/journal.h"

/* Version 2 has checkpoints. A journal of version 1 becomes one of version 2 when it is opened. */
#define JOURNAL_VERSION 2
#define JOURNAL_VERSION_OLD 1
#define JOURNAL_CHUNK 256   /* records read at once */
#define JOURNAL_ISSUERS 128 /* whose lists are remembered */

enum record_type {
	RECORD_CLAIM = 1,
	RECORD_SIGNATURE = 2,
	RECORD_CRL = 3,
	RECORD_CHECKPOINT = 4,
	RECORD_GIVEN_UP = 5, /* a checkpoint that an operator has given up */
};

/* All numbers are big-endian. Layout: 0 type, 1 piece index, 2-3 signature length, 4-7 time, then
 * claim: 8-27 serial, 28-59 hash; signature: 8-11 claim, 12-59 piece; list and checkpoint: 8-19 tag,
 * 20-27 number, 28-59 hash; 60-63 CRC. */
struct record {
	enum record_type type;
	bool first_of_batch;
	uint32_t time;
	uint8_t serial[SERIAL_MAX]; /* of a list or checkpoint: tag and number */
	uint8_t hash[SHA256_LEN];
	unsigned piece;
	size_t sig_len;
	uint32_t claim;
	uint8_t sig[JOURNAL_PIECE];
};

/* The newest revocation list of an issuer. */
struct newest_crl {
	uint8_t id[SERIAL_MAX]; /* tag and number, as in its record */
	uint32_t record;
};

struct journal {
	int fd;
	uint32_t count;     /* records, with those not yet written */
	uint32_t written;   /* handed to the kernel */
	uint32_t last_time; /* of the newest record */
	uint32_t batch_claims;
	unsigned recent;
	struct newest_crl crls[JOURNAL_ISSUERS];
	size_t crl_count;
	uint32_t checkpoint; /* number of the newest one's record, plus 1; 0: there is none */
	struct serial_index index;
	struct fault *f; /* while opening */
	uint32_t crc_table[256];
	uint8_t pending[JOURNAL_BATCH_RECORDS * JOURNAL_RECORD];
	uint8_t chunk[JOURNAL_CHUNK * JOURNAL_RECORD];
};

/* --- records --- */

uint64_t journal_get_be(const uint8_t *p, size_t len);
void journal_put_be(uint8_t *p, size_t len, uint64_t v);
void journal_crc_init(uint32_t table[256]);
void journal_record_encode(const struct journal *j, const struct record *r, uint8_t raw[JOURNAL_RECORD]);
/* False for anything that journal_record_encode() does not write. */
bool journal_record_decode(const struct journal *j, const uint8_t raw[JOURNAL_RECORD], struct record *r);
/* The head of the file. */
void journal_header_encode(const struct journal *j, unsigned version, uint8_t raw[JOURNAL_RECORD]);

/* --- the file --- */

off_t journal_offset(uint32_t record);
enum rc journal_file_read(int fd, uint8_t *p, size_t len, off_t at) MUST_USE;
enum rc journal_file_write(int fd, const uint8_t *p, size_t len, off_t at) MUST_USE;
/* Points out at up to JOURNAL_CHUNK raw records from number from on; those of the batch under way
 * come from memory. */
enum rc journal_chunk(struct journal *j, uint32_t from, uint32_t end, const uint8_t **out,
		      uint32_t *out_count) MUST_USE;
/* RC_INVALID with the place. */
enum rc journal_damaged(struct journal *j, uint32_t record);

/* What to do with each record of a range. Stops when it returns anything but RC_OK. */
typedef enum rc (*record_fn)(struct journal *j, uint32_t number, const struct record *r, void *arg);
enum rc journal_each(struct journal *j, uint32_t from, uint32_t end, record_fn fn, void *arg) MUST_USE;
/* Leaves the chunk alone, so that it may be called from within journal_each(). */
enum rc journal_get(struct journal *j, uint32_t number, struct record *out) MUST_USE;
/* The first record that is not older than time; records ascend by time. */
enum rc journal_bisect(struct journal *j, uint32_t time, uint32_t *out) MUST_USE;

/* --- what is remembered of the records (journal.c) --- */

/* The time of the next record: never before the one before it, so that journal_bisect() holds. */
uint32_t journal_next_time(const struct journal *j, int64_t now_s);
/* The oldest serial time that the index must cover. */
uint32_t journal_index_oldest(uint32_t now);
/* Notes in the index that the serial's claim is now this record. */
enum rc journal_index_claim(struct journal *j, const uint8_t serial[SERIAL_MAX], uint32_t number) MUST_USE;
/* Remembers a list unless a newer one of its issuer is known. */
void journal_note_crl(struct journal *j, const uint8_t id[SERIAL_MAX], uint32_t record);

#endif
