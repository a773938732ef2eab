/* journal.c - the signer's journal (journal.h).
 *
 * The file is a header and then records, 64 octets each, with a CRC in their last four:
 *   claim      this serial is for the TBS with this SHA-256
 *   signature  one piece of the signature that claim number N got
 *   list       the revocation list of this issuer with this number is the TBS with this SHA-256
 *   checkpoint row N of the server's audit trail has this chain hash
 *   given up   an operator says that the trail may go on from before that checkpoint
 * Records are written in batches. The first record of a batch is a claim and says so.
 *
 * Order. Claims are handed to the kernel before anything is signed, so that they outlive this
 * process whatever happens to it; the signatures follow, then one fdatasync() makes both durable,
 * and only then answers leave. So a signature that somebody has is in the journal, with the one TBS
 * it is for, also after a power failure, and whoever asks again gets the same one. ECDSA signatures
 * differ each time, so without this there could be two certificates with one serial. What a crash
 * leaves is a claim without a signature: nobody got one, and the same TBS may be signed then.
 *
 * Reading it again. A batch begins only when the one before is durable, so damage may only be
 * in the last batch: that is cut off, nobody was answered. A bad record with the
 * begin of a batch behind it is damage to what was durable: the signer does not start, because it
 * could no longer know every serial. The tail is written once more and synced before it is relied
 * on: after a failed fsync the kernel may show octets that never reached the disk (TRUST V69).
 *
 * Finding a serial. Serials carry their own time in their first 4 octets; one is accepted as new
 * from 10 minutes before to 24 hours after that. Records carry the time of their claim, which never
 * falls. So a serial with time s can only be in the records from s - 10 min to s + 24 h, and these
 * are found by bisection. Recent ones are found through an index in memory (serial_index.h), of
 * fixed size: what it no longer covers is looked for in the file. */
#include <unistd.h>

#include "signer/journal_impl.h"

/* --- finding --- */

/* Collects the pieces of one claim's signature; they follow each other, in the claim's batch. */
struct gather {
	uint32_t claim;
	unsigned next_piece;
	size_t len;
	uint8_t sig[JOURNAL_PIECES_MAX * JOURNAL_PIECE];
	bool complete;
};

#define RC_STOP RC_NOTFOUND /* ends journal_each() early, for its callers here */

static enum rc gather_piece(struct journal *j, uint32_t number, const struct record *r, void *arg)
{
	struct gather *g = arg;

	(void)j;
	(void)number;
	if (r->first_of_batch)
		return RC_STOP;
	if (r->type != RECORD_SIGNATURE || r->claim != g->claim)
		return RC_OK;
	if (r->piece != g->next_piece || (g->next_piece > 0 && r->sig_len != g->len))
		return RC_STOP; /* cut in the middle: it never left */
	g->len = r->sig_len;
	memcpy(g->sig + g->next_piece++ * JOURNAL_PIECE, r->sig, JOURNAL_PIECE);
	g->complete = g->next_piece * JOURNAL_PIECE >= g->len;
	return g->complete ? RC_STOP : RC_OK;
}

static enum rc entry_of(struct journal *j, uint32_t number, const struct record *claim,
			struct journal_entry *out)
{
	struct gather g = { .claim = number };
	uint32_t end = number + JOURNAL_BATCH_RECORDS;
	enum rc rc;

	if (end > j->count)
		end = j->count;
	rc = journal_each(j, number + 1, end, gather_piece, &g);
	if (rc != RC_OK && rc != RC_STOP)
		return rc;
	out->record = number;
	memcpy(out->tbs_hash, claim->hash, SHA256_LEN);
	out->sig_len = g.complete ? g.len : 0;
	if (g.complete)
		memcpy(out->sig, g.sig, g.len);
	return RC_OK;
}

/* Looks for one serial in the file. A claim may be there twice: without a signature when a crash
 * came between, then with one; so the last counts. */
struct search {
	const uint8_t *serial;
	uint64_t until; /* time of the last record that may have it */
	bool found;
	uint32_t number;
	struct record claim;
};

static enum rc search_record(struct journal *j, uint32_t number, const struct record *r, void *arg)
{
	struct search *s = arg;

	(void)j;
	if (r->time > s->until)
		return RC_STOP;
	if (r->type == RECORD_CLAIM && memcmp(r->serial, s->serial, SERIAL_MAX) == 0) {
		s->found = true;
		s->number = number;
		s->claim = *r;
	}
	return RC_OK;
}

static enum rc find_in_file(struct journal *j, const uint8_t serial[SERIAL_MAX],
			    struct journal_entry *out)
{
	uint32_t time = serial_time(serial), from;
	struct search s = { .serial = serial, .until = (uint64_t)time + JOURNAL_WINDOW_S };
	enum rc rc = journal_bisect(j, time > JOURNAL_FUTURE_S ? time - JOURNAL_FUTURE_S : 0, &from);

	if (rc == RC_OK)
		rc = journal_each(j, from, j->count, search_record, &s);
	if (rc != RC_OK && rc != RC_STOP)
		return rc;
	return s.found ? entry_of(j, s.number, &s.claim, out) : RC_NOTFOUND;
}

/* The serial's entry of the index and its claim; NULL in *out when there is none. */
static enum rc find_in_index(struct journal *j, const uint8_t serial[SERIAL_MAX],
			     struct serial_entry **out, struct record *claim)
{
	struct serial_entry *e = NULL;

	while ((e = serial_index_next(&j->index, serial, e))) {
		enum rc rc = journal_get(j, e->record - 1, claim);

		if (rc != RC_OK)
			return rc;
		if (claim->type == RECORD_CLAIM && memcmp(claim->serial, serial, SERIAL_MAX) == 0)
			break;
	}
	*out = e;
	return RC_OK;
}

enum rc journal_find(struct journal *j, const uint8_t serial[SERIAL_MAX], struct journal_entry *out)
{
	struct serial_entry *e;
	struct record claim;
	enum rc rc;

	if (serial_time(serial) < j->index.floor)
		return find_in_file(j, serial, out);
	rc = find_in_index(j, serial, &e, &claim);
	if (rc != RC_OK)
		return rc;
	return e ? entry_of(j, e->record - 1, &claim, out) : RC_NOTFOUND;
}

/* Seconds since 2020, saturating: the clock may be anything. */
static uint32_t journal_time(int64_t at_s)
{
	if (at_s < JOURNAL_EPOCH)
		return 0;
	return at_s - JOURNAL_EPOCH > UINT32_MAX ? UINT32_MAX : (uint32_t)(at_s - JOURNAL_EPOCH);
}

uint32_t journal_next_time(const struct journal *j, int64_t now_s)
{
	uint32_t now = journal_time(now_s);

	return now > j->last_time ? now : j->last_time;
}

enum rc journal_check_clock(const struct journal *j, int64_t now_s, struct fault *f)
{
	uint32_t behind = journal_next_time(j, now_s) - journal_time(now_s);

	if (behind <= JOURNAL_CLOCK_BACK_S)
		return RC_OK;
	return fault_set(f, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL,
			 "the signer's clock is %u s behind the last entry of its journal: set the clock right",
			 behind);
}

static enum rc check_time(const struct journal *j, uint64_t time, int64_t now_s, const char *what,
			  struct fault *f)
{
	uint64_t now = journal_next_time(j, now_s);
	enum rc rc = journal_check_clock(j, now_s, f);

	if (rc != RC_OK)
		return rc;
	if (time + JOURNAL_WINDOW_S < now)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "policy: the %s was made more than %d hours ago", what,
				 JOURNAL_WINDOW_S / 3600);
	if (time > now + JOURNAL_FUTURE_S)
		return fault_set(f, RC_DENIED, PROBLEM_SERVER_INTERNAL,
				 "policy: the %s's time lies in the future", what);
	return RC_OK;
}

enum rc journal_check_time(const struct journal *j, const uint8_t serial[SERIAL_MAX], int64_t now_s,
			   struct fault *f)
{
	return check_time(j, serial_time(serial), now_s, "serial", f);
}

enum rc journal_check_crl_time(const struct journal *j, uint64_t number, int64_t now_s,
			       struct fault *f)
{
	return check_time(j, journal_time((int64_t)(number / 1000)), now_s, "CRL number", f);
}

/* --- writing --- */

uint32_t journal_index_oldest(uint32_t now)
{
	return now > JOURNAL_WINDOW_S ? now - JOURNAL_WINDOW_S : 0;
}

enum rc journal_index_claim(struct journal *j, const uint8_t serial[SERIAL_MAX], uint32_t number)
{
	struct serial_entry *e;
	struct record claim;
	enum rc rc = find_in_index(j, serial, &e, &claim);

	if (rc != RC_OK)
		return rc;
	if (e) {
		e->record = number + 1;
		return RC_OK;
	}
	return serial_index_add(&j->index, serial, number, journal_index_oldest(j->last_time));
}

static uint8_t *pending_end(struct journal *j)
{
	return j->pending + (size_t)(j->count - j->written) * JOURNAL_RECORD;
}

static bool batch_is_full(const struct journal *j)
{
	return j->batch_claims == JOURNAL_BATCH || j->count >= UINT32_MAX - JOURNAL_BATCH_RECORDS;
}

/* Adds a claim of any kind to the batch. */
static uint32_t add_claim(struct journal *j, enum record_type type, const uint8_t id[SERIAL_MAX],
			  const uint8_t tbs_hash[SHA256_LEN], int64_t now_s)
{
	struct record r = {
		.type = type,
		.first_of_batch = j->batch_claims == 0,
		.time = journal_next_time(j, now_s),
	};

	memcpy(r.serial, id, SERIAL_MAX);
	memcpy(r.hash, tbs_hash, SHA256_LEN);
	journal_record_encode(j, &r, pending_end(j));
	j->last_time = r.time;
	j->batch_claims++;
	return j->count++;
}

enum rc journal_claim(struct journal *j, const uint8_t serial[SERIAL_MAX],
		      const uint8_t tbs_hash[SHA256_LEN], int64_t now_s, uint32_t *out_record)
{
	enum rc rc;

	if (batch_is_full(j))
		return RC_LIMIT;
	rc = journal_index_claim(j, serial, j->count);
	if (rc == RC_OK)
		*out_record = add_claim(j, RECORD_CLAIM, serial, tbs_hash, now_s);
	return rc;
}

/* --- revocation lists --- */

static struct newest_crl *newest_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG])
{
	for (size_t i = 0; i < j->crl_count; i++)
		if (memcmp(j->crls[i].id, tag, JOURNAL_TAG) == 0)
			return &j->crls[i];
	return NULL;
}

/* Numbers compare as their octets. */
static int compare_numbers(const uint8_t a[SERIAL_MAX], const uint8_t b[SERIAL_MAX])
{
	return memcmp(a + JOURNAL_TAG, b + JOURNAL_TAG, SERIAL_MAX - JOURNAL_TAG);
}

/* A place for another issuer: when all are taken, that of the oldest list. A law has fewer issuers
 * than there are places, so that one is of a former law and far outside the window. */
static struct newest_crl *place_for_crl(struct journal *j)
{
	struct newest_crl *oldest = &j->crls[0];

	if (j->crl_count < JOURNAL_ISSUERS)
		return &j->crls[j->crl_count++];
	for (size_t i = 1; i < JOURNAL_ISSUERS; i++)
		if (compare_numbers(j->crls[i].id, oldest->id) < 0)
			oldest = &j->crls[i];
	return oldest;
}

void journal_note_crl(struct journal *j, const uint8_t id[SERIAL_MAX], uint32_t record)
{
	struct newest_crl *c = newest_crl(j, id);

	if (c && compare_numbers(id, c->id) < 0)
		return;
	if (!c)
		c = place_for_crl(j);
	memcpy(c->id, id, SERIAL_MAX);
	c->record = record;
}

static void numbered_id(const uint8_t tag[JOURNAL_TAG], uint64_t number, uint8_t out[SERIAL_MAX])
{
	memcpy(out, tag, JOURNAL_TAG);
	journal_put_be(out + JOURNAL_TAG, SERIAL_MAX - JOURNAL_TAG, number);
}

enum rc journal_find_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], struct journal_crl *out)
{
	const struct newest_crl *c = newest_crl(j, tag);
	struct record r;
	enum rc rc;

	if (!c)
		return RC_NOTFOUND;
	rc = journal_get(j, c->record, &r);
	if (rc != RC_OK)
		return rc;
	out->number = journal_get_be(c->id + JOURNAL_TAG, 8);
	return entry_of(j, c->record, &r, &out->entry);
}

enum rc journal_claim_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], uint64_t number,
			  const uint8_t tbs_hash[SHA256_LEN], int64_t now_s, uint32_t *out_record)
{
	uint8_t id[SERIAL_MAX];

	if (batch_is_full(j))
		return RC_LIMIT;
	numbered_id(tag, number, id);
	journal_note_crl(j, id, j->count);
	*out_record = add_claim(j, RECORD_CRL, id, tbs_hash, now_s);
	return RC_OK;
}

/* --- checkpoints --- */

enum rc journal_find_checkpoint(struct journal *j, struct journal_checkpoint *out)
{
	struct record r;
	enum rc rc;

	if (j->checkpoint == 0)
		return RC_NOTFOUND;
	rc = journal_get(j, j->checkpoint - 1, &r);
	if (rc != RC_OK)
		return rc;
	memcpy(out->tag, r.serial, JOURNAL_TAG);
	out->number = journal_get_be(r.serial + JOURNAL_TAG, SERIAL_MAX - JOURNAL_TAG);
	out->at = JOURNAL_EPOCH + (int64_t)r.time;
	out->given_up = r.type == RECORD_GIVEN_UP;
	return entry_of(j, j->checkpoint - 1, &r, &out->entry);
}

enum rc journal_claim_checkpoint(struct journal *j, const uint8_t tag[JOURNAL_TAG], uint64_t number,
				 const uint8_t hash[SHA256_LEN], int64_t now_s, uint32_t *out_record,
				 int64_t *out_at)
{
	uint8_t id[SERIAL_MAX];

	if (batch_is_full(j))
		return RC_LIMIT;
	numbered_id(tag, number, id);
	*out_record = add_claim(j, RECORD_CHECKPOINT, id, hash, now_s);
	*out_at = JOURNAL_EPOCH + (int64_t)j->last_time;
	j->checkpoint = *out_record + 1;
	return RC_OK;
}

enum rc journal_give_up_checkpoint(struct journal *j, int64_t now_s)
{
	struct journal_checkpoint last;
	uint8_t id[SERIAL_MAX];
	enum rc rc = journal_find_checkpoint(j, &last);

	if (rc != RC_OK)
		return rc;
	if (batch_is_full(j))
		return RC_LIMIT;
	numbered_id(last.tag, last.number, id);
	j->checkpoint = add_claim(j, RECORD_GIVEN_UP, id, last.entry.tbs_hash, now_s) + 1;
	return RC_OK;
}

/* --- signatures and the end of a batch --- */

enum rc journal_signature(struct journal *j, uint32_t claim, struct bytes sig)
{
	struct record r = {
		.type = RECORD_SIGNATURE,
		.time = j->last_time,
		.claim = claim,
		.sig_len = sig.len,
	};
	size_t pieces = (sig.len + JOURNAL_PIECE - 1) / JOURNAL_PIECE;

	if (sig.len == 0 || sig.len > SIG_MAX ||
	    j->count - j->written + pieces > JOURNAL_BATCH_RECORDS)
		return RC_LIMIT;
	for (; r.piece < pieces; r.piece++) {
		size_t at = r.piece * JOURNAL_PIECE;
		size_t len = sig.len - at < JOURNAL_PIECE ? sig.len - at : JOURNAL_PIECE;

		memset(r.sig, 0, sizeof(r.sig));
		memcpy(r.sig, sig.p + at, len);
		journal_record_encode(j, &r, pending_end(j));
		j->count++;
	}
	return RC_OK;
}

enum rc journal_write(struct journal *j)
{
	enum rc rc = journal_file_write(j->fd, j->pending,
				(size_t)(j->count - j->written) * JOURNAL_RECORD,
				journal_offset(j->written));

	if (rc == RC_OK)
		j->written = j->count;
	return rc;
}

enum rc journal_commit(struct journal *j)
{
	enum rc rc = journal_write(j);

	if (rc != RC_OK)
		return rc;
	if (fdatasync(j->fd) != 0)
		return RC_IO;
	j->batch_claims = 0;
	return RC_OK;
}
