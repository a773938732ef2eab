/* quorum.c - see quorum.h. */
#include "probe/quorum.h"

struct quorum quorum_of(size_t asked, size_t needed)
{
	return (struct quorum){ .asked = asked, .needed = needed == 0 || needed > asked ? asked : needed };
}

enum quorum_verdict quorum_verdict(const struct quorum *q)
{
	size_t open = q->asked - q->valid - q->invalid - q->missing;

	if (q->valid >= q->needed)
		return QUORUM_VALID;
	if (q->valid + open >= q->needed)
		return QUORUM_OPEN;
	return q->valid + open + q->missing >= q->needed ? QUORUM_TRANSIENT : QUORUM_INVALID;
}
