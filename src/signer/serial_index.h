/* serial_index.h - where in the journal a recent serial is: a hash table of 16-octet entries, made
 * as it grows, with a fixed maximum. It holds every serial whose own time (its first 4 octets) is
 * not before floor; when it is full the older half is dropped and the floor rises. So it is never
 * wrong about what it covers, and says what it covers. One thread. */
#ifndef ASSAY_SIGNER_SERIAL_INDEX_H
#define ASSAY_SIGNER_SERIAL_INDEX_H

#include "base/rc.h"
#include "base/str.h"
#include "crypto/cert.h"

#define SERIAL_INDEX_SLOTS_MIN (1u << 10)
#define SERIAL_INDEX_SLOTS_MAX (1u << 19) /* 8 MiB, some 390,000 serials */

struct serial_entry {
	uint64_t key;    /* octets 12-19 of the serial */
	uint32_t time;   /* octets 0-3 */
	uint32_t record; /* number in the journal, plus 1; 0: the slot is free */
};

struct serial_index {
	struct serial_entry *slots;
	uint32_t slot_count; /* a power of two */
	uint32_t slots_max;  /* the same; smaller in tests */
	uint32_t count;
	uint32_t floor;      /* what is older may be missing */
	uint64_t multiplier; /* odd and random: nobody outside can aim at one slot */
};

/* The serial's time: seconds since 2020. */
uint32_t serial_time(const uint8_t serial[SERIAL_MAX]);

enum rc serial_index_init(struct serial_index *x, uint32_t floor, uint32_t slots_max) MUST_USE;
void serial_index_done(struct serial_index *x);
/* The next entry that may be this serial's, after prev or the first for NULL; NULL at the end. Two
 * serials may look the same here: the caller compares the journal's record. */
struct serial_entry *serial_index_next(const struct serial_index *x,
				       const uint8_t serial[SERIAL_MAX],
				       const struct serial_entry *prev);
/* Serials older than the floor are passed over. Drops what is older than oldest when it needs room.
 * Entries move: no pointer from serial_index_next() stays valid. */
enum rc serial_index_add(struct serial_index *x, const uint8_t serial[SERIAL_MAX], uint32_t record,
			 uint32_t oldest) MUST_USE;

#endif
