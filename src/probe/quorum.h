/* quorum.h - when have enough of several perspectives agreed? Pure arithmetic: no state, any thread. */
#ifndef ASSAY_PROBE_QUORUM_H
#define ASSAY_PROBE_QUORUM_H

#include <stddef.h>

struct quorum {
	size_t asked;     /* perspectives */
	size_t needed;    /* that must say valid; 1..asked */
	size_t valid;     /* have said so */
	size_t invalid;   /* have said no */
	size_t missing;   /* could not tell for now: not connected, no DNS answer, ... */
};

enum quorum_verdict {
	QUORUM_OPEN,      /* who has not answered yet decides */
	QUORUM_VALID,
	QUORUM_INVALID,   /* cannot be reached, whatever those that could not tell would say */
	QUORUM_TRANSIENT, /* cannot be reached now, but might with those that could not tell */
};

/* needed of 0 means all. */
struct quorum quorum_of(size_t asked, size_t needed);
enum quorum_verdict quorum_verdict(const struct quorum *q);

#endif
