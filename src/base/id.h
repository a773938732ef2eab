/* id.h - 128-bit ids that sort by time of creation (48 bits of milliseconds, 80 random), so that
 * inserts append to the end of every index. Text form: 26 characters of Crockford base32, lower
 * case, which sorts like the bytes. */
#ifndef ASSAY_BASE_ID_H
#define ASSAY_BASE_ID_H

#include "base/str.h"

#define ID_LEN 16
#define ID_TEXT_LEN 26

struct id {
	uint8_t b[ID_LEN];
};

/* Unpredictable in its last 80 bits; ids made by one thread in one millisecond still ascend. */
struct id id_new(void);
void id_text(struct id id, char out[ID_TEXT_LEN + 1]);
/* Only the exact form that id_text() makes. */
bool id_parse(struct str s, struct id *out);
bool id_eq(struct id a, struct id b);
bool id_is_zero(struct id id);

#endif
