/* revocation_delta.c - delta lists (RFC 5280 §5.2.4): what was revoked since the authority's full list was made.
 *
 * With a delta the full list is made anew at half of its lifetime only, and names the delta's place
 * (freshestCRL); a revocation is in the delta within seconds. Walking what was revoked since takes no
 * longer than there is new, so that an authority with a million revoked certificates publishes a
 * revocation as soon as one with ten.
 *
 * A delta has every entry since a while before its base was made: one too many changes nothing, and the
 * clock may have gone back a little meanwhile. Its number is of the same series as the full lists', and
 * higher than its base's. Nothing is ever removed: there are no holds, and what is expired stays in the
 * full list for its time. A new base has a new delta right behind it; a client that still has the old base
 * may use it with that too, once its own base is the one named or later (RFC 5280 §5.2.4). */
#include "base/clock.h"
#include "core/revocation_impl.h"
#include "crypto/digest.h"

#define OVERLAP_S 3600

const struct list *delta_base(const struct list *delta)
{
	return delta - 1;
}

enum rc delta_add(struct revocation *r, size_t authority)
{
	const struct authority *a = &r->config->authorities[authority];
	struct list *l = &r->lists[r->count], *base = l - 1;

	l->authority = authority;
	l->delta = true;
	l->name = str_of(arena_printf(&r->names, "%.*s-delta", STR_ARG(a->name)));
	base->delta_url = crl_delta_url(&r->names, a->crl_url);
	buf_init(&l->entries, 0);
	r->count++;
	return l->name.p && base->delta_url.p ? RC_OK : RC_NOMEM;
}

static void add_row(struct revocation *r, const struct cert_record *row, int64_t now)
{
	struct list *l = &r->lists[r->at];
	const struct authority *a = list_authority(r, l);

	if (str_eq(a->name, row->authority) && row->not_after + a->crl_lifetime_s >= now)
		crl_add_entry(&l->entries, row->serial, row->revoked_at, row->revoked_reason);
}

/* On the thread. */
static void step_scan(struct revocation *r)
{
	struct list *l = &r->lists[r->at];
	int64_t since = delta_base(l)->this_update - OVERLAP_S;
	uint64_t base = delta_base(l)->current->number;
	struct bytes pieces[2];

	buf_done(&l->entries);
	buf_init(&l->entries, CRL_TBS_MAX / 2);
	r->rc = revocation_scan(r, &since, add_row);
	if (r->rc == RC_OK && !buf_ok(&l->entries))
		r->rc = RC_NOMEM;
	/* The same entries over another base are another delta. */
	pieces[0] = buf_bytes(&l->entries);
	pieces[1] = bytes_of(&base, sizeof(base));
	sha256_pieces(pieces, COUNT_OF(pieces), l->new_content);
}

static void scanned(struct revocation *r)
{
	if (r->rc != RC_OK) {
		revocation_round_end(r, r->rc, "scan");
	} else if (list_is_current(r, &r->lists[r->at])) {
		r->at++;
		revocation_next_list(r);
	} else {
		revocation_build(r);
	}
}

void delta_begin(struct revocation *r)
{
	revocation_run(r, step_scan, scanned);
}
