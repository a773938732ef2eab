/* audit.c - see audit.h. */
#include "core/audit.h"

#include "base/encode.h"

bool audit_head_parse(struct str text, struct audit_check *out)
{
	struct str number, hash;
	uint8_t octets[33];
	int64_t n;
	size_t len;

	if (!str_cut(text, ':', &number, &hash) || !str_to_int(number, &n) || n < 1 || hash.len != 64 ||
	    !hex_decode(hash, octets, &len) || len != sizeof(out->noted_hash))
		return false;
	out->noted = n;
	memcpy(out->noted_hash, octets, sizeof(out->noted_hash));
	return true;
}

static enum rc broken(struct fault *f, int64_t number, const char *what)
{
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "the audit trail is broken at row %lld: %s", (long long)number,
			 what);
}

enum rc audit_check_row(struct audit_check *c, const struct audit_record *r, struct fault *f)
{
	uint8_t hash[32];

	if (r->number != c->last + 1)
		return r->number > c->last + 1 ? broken(f, c->last + 1, "it is missing")
					       : broken(f, r->number, "it is there twice or out of order");
	store_chain_hash(&AUDITS, r, hash);
	if (!bytes_eq(r->hash, bytes_of(hash, sizeof(hash))))
		return broken(f, r->number, "its content is not what was written (its hash differs)");
	if (!bytes_eq(r->before, bytes_of(c->hash, sizeof(c->hash))))
		return broken(f, r->number, "it does not follow the row before it (another was there)");
	if (r->number == c->noted) {
		c->noted_seen = true;
		if (memcmp(hash, c->noted_hash, sizeof(hash)) != 0)
			return broken(f, r->number, "it is not the row whose hash was noted; the trail was written anew");
	}
	memcpy(c->hash, hash, sizeof(hash));
	c->last = r->number;
	c->count++;
	return RC_OK;
}

enum rc audit_check_end(const struct audit_check *c, struct fault *f)
{
	if (!c->noted || c->noted_seen)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_NONE,
			 "the audit trail was cut off: it ends at row %lld, and row %lld was noted",
			 (long long)c->last, (long long)c->noted);
}
