/* near.c - see near.h. */
#include "base/near.h"

#define NEAR_LEN 40 /* no key, value, option or verb is longer */

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b (optimal
 * string alignment); case and the kind of dash do not count. */
static unsigned edit_distance(struct str a, struct str b)
{
	unsigned rows[3][NEAR_LEN + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (unsigned k = 0; k <= b.len; k++)
		last[k] = k;
	for (unsigned i = 1; i <= a.len; i++) {
		row[0] = i;
		for (unsigned k = 1; k <= b.len; k++) {
			char x = fold(a.p[i - 1]), y = fold(b.p[k - 1]);

			row[k] = min3(last[k] + 1, row[k - 1] + 1, last[k - 1] + (x != y));
			if (i > 1 && k > 1 && x == fold(b.p[k - 2]) && fold(a.p[i - 2]) == y &&
			    before[k - 2] + 1 < row[k])
				row[k] = before[k - 2] + 1;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

void near_init(struct near *n, struct str word)
{
	/* A third of the letters may be wrong. */
	*n = (struct near){ word, NULL, (word.len < 3 ? 1 : (unsigned)(word.len / 3)) + 1 };
}

void near_try(struct near *n, const char *candidate)
{
	struct str c = str_of(candidate);
	unsigned distance;

	if (n->word.len == 0 || n->word.len > NEAR_LEN || c.len > NEAR_LEN)
		return;
	distance = edit_distance(n->word, c);
	if (distance < n->distance && distance < c.len) {
		n->distance = distance;
		n->best = candidate;
	}
}
