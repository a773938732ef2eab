/* audit.c - see audit.h. */
#include "core/audit.h"

#include <stdlib.h>

#include "base/encode.h"

#define CHECKPOINT_ARENA (16 * 1024)

/* --- checkpoints in the trail --- */

enum rc audit_checkpoint_text(struct arena *a, const struct audit_checkpoint *c, struct audit_record *out)
{
	char *head = arena_alloc(a, CHECKPOINT_HEAD_MAX), *sig = arena_alloc(a, B64URL_LEN(SIG_MAX) + 1);
	char key_id[2 * AUDIT_KEY_ID_MAX + 1];
	const char *detail;

	if (c->key_id.len > AUDIT_KEY_ID_MAX || c->sig.len > SIG_MAX)
		return RC_INVALID;
	if (!head || !sig)
		return RC_NOMEM;
	checkpoint_head_text(c->checkpoint.number, c->checkpoint.hash, head);
	hex_encode(c->key_id, key_id);
	b64url_encode(c->sig, sig);
	detail = arena_printf(a, "authority=%.*s key=%s at=%lld signature=%s", STR_ARG(c->authority), key_id,
			      (long long)c->checkpoint.at, sig);
	if (!detail)
		return RC_NOMEM;
	out->action = AUDIT_CHECKPOINT;
	out->subject = str_of(head);
	out->detail = str_of(detail);
	return RC_OK;
}

/* The value of the next "name=value" word. */
static bool next_word(struct str *rest, const char *name, struct str *out)
{
	struct str word, key;

	str_cut(*rest, ' ', &word, rest);
	return str_cut(word, '=', &key, out) && str_is(key, name);
}

enum rc audit_checkpoint_parse(struct arena *a, const struct audit_record *r, struct audit_checkpoint *out)
{
	struct str rest = r->detail, key_id, at, sig;
	struct audit_record again;
	struct audit_checkpoint c;
	uint8_t *octets;
	size_t len;
	enum rc rc;

	if (!str_eq(r->action, AUDIT_CHECKPOINT) ||
	    !checkpoint_head_parse(r->subject, &c.checkpoint.number, c.checkpoint.hash) ||
	    !next_word(&rest, "authority", &c.authority) || !next_word(&rest, "key", &key_id) ||
	    !next_word(&rest, "at", &at) || !next_word(&rest, "signature", &sig) || rest.p || key_id.len == 0 ||
	    key_id.len > 2 * AUDIT_KEY_ID_MAX || sig.len == 0 || sig.len > B64URL_LEN(SIG_MAX) ||
	    !str_to_int(at, &c.checkpoint.at))
		return RC_INVALID;
	octets = arena_alloc(a, key_id.len / 2 + 1);
	if (!octets)
		return RC_NOMEM;
	if (!hex_decode(key_id, octets, &len))
		return RC_INVALID;
	c.key_id = bytes_of(octets, len);
	rc = b64url_decode_arena(a, sig, &c.sig);
	if (rc == RC_OK)
		rc = audit_checkpoint_text(a, &c, &again);
	if (rc != RC_OK)
		return rc;
	*out = c;
	return str_eq(again.detail, r->detail) ? RC_OK : RC_INVALID; /* numbers and hex have one form */
}

/* --- checking --- */

enum rc audit_check_init(struct audit_check *c)
{
	*c = (struct audit_check){ .window = calloc(AUDIT_WINDOW, sizeof(*c->window)) };
	arena_init(&c->arena, CHECKPOINT_ARENA);
	return c->window ? RC_OK : RC_NOMEM;
}

void audit_check_done(struct audit_check *c)
{
	free(c->window);
	c->window = NULL;
	arena_done(&c->arena);
}

bool audit_head_parse(struct str text, struct audit_head *out)
{
	return checkpoint_head_parse(text, &out->number, out->hash);
}

static enum rc broken(struct fault *f, int64_t number, const char *what)
{
	return fault_set(f, RC_INVALID, PROBLEM_NONE, "the audit trail is broken at row %lld: %s", (long long)number,
			 what);
}

static const struct pubkey *key_of(const struct audit_check *c, struct bytes key_id)
{
	for (size_t i = 0; i < c->key_count; i++)
		if (bytes_eq(c->keys[i].key_id, key_id))
			return c->keys[i].key;
	return NULL;
}

static enum rc check_signature(const struct audit_check *c, int64_t number, const struct audit_checkpoint *made,
			       struct fault *f)
{
	const struct pubkey *key;

	if (c->key_count == 0)
		return RC_OK;
	key = key_of(c, made->key_id);
	if (!key)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "the checkpoint in row %lld was signed by a key of authority %.*s that is not known here: "
				 "give that authority's certificate as --ca",
				 (long long)number, STR_ARG(made->authority));
	if (checkpoint_verify(&made->checkpoint, key, made->sig) != RC_OK)
		return broken(f, number, "it is a checkpoint that the authority did not sign");
	return RC_OK;
}

static enum rc check_checkpoint(struct audit_check *c, const struct audit_record *r, struct fault *f)
{
	struct audit_checkpoint made;
	int64_t about;
	enum rc rc = audit_checkpoint_parse(&c->arena, r, &made);

	if (rc != RC_OK)
		return rc == RC_NOMEM ? rc : broken(f, r->number, "it is a checkpoint that cannot be read");
	about = made.checkpoint.number;
	if (about >= r->number || about < r->number - AUDIT_WINDOW)
		return broken(f, r->number, "it is a checkpoint of a row that is not before it, or too far back");
	if (memcmp(c->window[about % AUDIT_WINDOW], made.checkpoint.hash, sizeof(made.checkpoint.hash)) != 0)
		return fault_set(f, RC_INVALID, PROBLEM_NONE,
				 "the audit trail is broken at or before row %lld: it is not the row that the checkpoint in "
				 "row %lld is about; the trail was written anew",
				 (long long)about, (long long)r->number);
	rc = check_signature(c, r->number, &made, f);
	if (rc != RC_OK)
		return rc;
	c->checkpoints++;
	c->newest = made.checkpoint;
	arena_reset(&c->arena);
	return RC_OK;
}

static enum rc check_head(struct audit_head *h, const struct audit_check *c, const char *what, struct fault *f)
{
	if (c->last != h->number)
		return RC_OK;
	h->seen = true;
	return memcmp(c->hash, h->hash, sizeof(h->hash)) == 0 ? RC_OK : broken(f, c->last, what);
}

enum rc audit_check_row(struct audit_check *c, const struct audit_record *r, struct fault *f)
{
	uint8_t hash[32];
	enum rc rc;

	if (r->number != c->last + 1)
		return r->number > c->last + 1 ? broken(f, c->last + 1, "it is missing")
					       : broken(f, r->number, "it is there twice or out of order");
	store_chain_hash(&AUDITS, r, hash);
	if (!bytes_eq(r->hash, bytes_of(hash, sizeof(hash))))
		return broken(f, r->number, "its content is not what was written (its hash differs)");
	if (!bytes_eq(r->before, bytes_of(c->hash, sizeof(c->hash))))
		return broken(f, r->number, "it does not follow the row before it (another was there)");
	if (str_eq(r->action, AUDIT_CHECKPOINT) && (rc = check_checkpoint(c, r, f)) != RC_OK)
		return rc;
	memcpy(c->window[r->number % AUDIT_WINDOW], hash, sizeof(hash));
	memcpy(c->hash, hash, sizeof(hash));
	c->last = r->number;
	c->count++;
	rc = check_head(&c->noted, c, "it is not the row whose hash was noted; the trail was written anew", f);
	return rc == RC_OK ? check_head(&c->signer, c, "it is not the row that the signer noted; the trail was written anew",
					f)
			   : rc;
}

static enum rc check_end(const struct audit_check *c, const struct audit_head *h, const char *by, struct fault *f)
{
	if (!h->number || h->seen)
		return RC_OK;
	return fault_set(f, RC_INVALID, PROBLEM_NONE,
			 "the audit trail was cut off: it ends at row %lld, and row %lld was noted%s", (long long)c->last,
			 (long long)h->number, by);
}

enum rc audit_check_end(const struct audit_check *c, struct fault *f)
{
	enum rc rc = check_end(c, &c->noted, "", f);

	return rc == RC_OK ? check_end(c, &c->signer, " by the signer", f) : rc;
}
