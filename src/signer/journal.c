/* journal.c - the signer's journal (journal.h).
 *
 * The file is a header and then records, 64 octets each, with a CRC in their last four:
 *   claim      this serial is for the TBS with this SHA-256
 *   signature  one piece of the signature that claim number N got
 *   list       the revocation list of this issuer with this number is the TBS with this SHA-256
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
#include "signer/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/log.h"

#define VERSION 1
#define CHUNK 256 /* records read at once */
#define JOURNAL_ISSUERS 128 /* whose lists are remembered */

enum record_type { RECORD_CLAIM = 1, RECORD_SIGNATURE = 2, RECORD_CRL = 3 };
#define FIRST_OF_BATCH 0x80

/* All numbers are big-endian. Layout: 0 type, 1 piece index, 2-3 signature length, 4-7 time, then
 * claim: 8-27 serial, 28-59 hash; signature: 8-11 claim, 12-59 piece; list: 8-19 tag, 20-27 number,
 * 28-59 hash; 60-63 CRC. */
struct record {
	enum record_type type;
	bool first_of_batch;
	uint32_t time;
	uint8_t serial[SERIAL_MAX]; /* of a list: tag and number */
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
	struct serial_index index;
	struct fault *f; /* while opening */
	uint32_t crc_table[256];
	uint8_t pending[JOURNAL_BATCH_RECORDS * JOURNAL_RECORD];
	uint8_t chunk[CHUNK * JOURNAL_RECORD];
};

/* --- records --- */

static uint32_t get_be(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static void put_be(uint8_t *p, size_t len, uint32_t v)
{
	while (len > 0) {
		p[--len] = (uint8_t)v;
		v >>= 8;
	}
}

/* CRC-32C (Castagnoli, RFC 3720 §12.1): finds every error of up to 5 bits in a record this long. */
static void crc_init(uint32_t table[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		table[i] = c;
	}
}

static uint32_t crc(const struct journal *j, const uint8_t *p)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < JOURNAL_RECORD - 4; i++)
		c = j->crc_table[(c ^ p[i]) & 0xff] ^ c >> 8;
	return c ^ 0xffffffff;
}

static void seal(const struct journal *j, uint8_t raw[JOURNAL_RECORD])
{
	put_be(raw + JOURNAL_RECORD - 4, 4, crc(j, raw));
}

static bool sealed(const struct journal *j, const uint8_t raw[JOURNAL_RECORD])
{
	return get_be(raw + JOURNAL_RECORD - 4, 4) == crc(j, raw);
}

static void record_encode(const struct journal *j, const struct record *r,
			  uint8_t raw[JOURNAL_RECORD])
{
	memset(raw, 0, JOURNAL_RECORD);
	raw[0] = (uint8_t)(r->type | (r->first_of_batch ? FIRST_OF_BATCH : 0));
	put_be(raw + 4, 4, r->time);
	if (r->type != RECORD_SIGNATURE) {
		memcpy(raw + 8, r->serial, SERIAL_MAX);
		memcpy(raw + 28, r->hash, SHA256_LEN);
	} else {
		raw[1] = (uint8_t)r->piece;
		put_be(raw + 2, 2, (uint32_t)r->sig_len);
		put_be(raw + 8, 4, r->claim);
		memcpy(raw + 12, r->sig, JOURNAL_PIECE);
	}
	seal(j, raw);
}

static bool record_decode(const struct journal *j, const uint8_t raw[JOURNAL_RECORD],
			  struct record *r)
{
	if (!sealed(j, raw))
		return false;
	*r = (struct record){
		.type = (enum record_type)(raw[0] & ~FIRST_OF_BATCH),
		.first_of_batch = raw[0] & FIRST_OF_BATCH,
		.time = get_be(raw + 4, 4),
		.piece = raw[1],
		.sig_len = get_be(raw + 2, 2),
	};
	if (r->type == RECORD_CLAIM || r->type == RECORD_CRL) {
		memcpy(r->serial, raw + 8, SERIAL_MAX);
		memcpy(r->hash, raw + 28, SHA256_LEN);
		return r->piece == 0 && r->sig_len == 0;
	}
	r->claim = get_be(raw + 8, 4);
	memcpy(r->sig, raw + 12, JOURNAL_PIECE);
	return r->type == RECORD_SIGNATURE && !r->first_of_batch && r->sig_len > 0 &&
	       r->sig_len <= SIG_MAX && r->piece * JOURNAL_PIECE < r->sig_len;
}

static void header_encode(const struct journal *j, uint8_t raw[JOURNAL_RECORD])
{
	memset(raw, 0, JOURNAL_RECORD);
	memcpy(raw, "assay signer journal", 20);
	put_be(raw + 32, 4, VERSION);
	put_be(raw + 36, 4, JOURNAL_RECORD);
	seal(j, raw);
}

/* --- the file --- */

static off_t offset_of(uint32_t record)
{
	return ((off_t)record + 1) * JOURNAL_RECORD;
}

static enum rc read_full(int fd, uint8_t *p, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		p += n;
		len -= (size_t)n;
		at += n;
	}
	return RC_OK;
}

static enum rc write_full(int fd, const uint8_t *p, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return RC_IO;
		p += n;
		len -= (size_t)n;
		at += n;
	}
	return RC_OK;
}

/* Points out at up to CHUNK raw records from number from on; those of the batch under way come
 * from memory. */
static enum rc load_chunk(struct journal *j, uint32_t from, uint32_t end, const uint8_t **out,
			  uint32_t *out_count)
{
	uint32_t n = end - from < CHUNK ? end - from : CHUNK;

	if (from >= j->written) {
		*out = j->pending + (size_t)(from - j->written) * JOURNAL_RECORD;
		*out_count = n;
		return RC_OK;
	}
	if (n > j->written - from)
		n = j->written - from;
	*out = j->chunk;
	*out_count = n;
	return read_full(j->fd, j->chunk, (size_t)n * JOURNAL_RECORD, offset_of(from));
}

static enum rc damaged(struct journal *j, uint32_t record)
{
	return fault_set(j->f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
			 "the signer's journal is damaged at offset %lld: serials may have been "
			 "forgotten. Nothing is signed until an operator has restored it",
			 (long long)offset_of(record));
}

/* What to do with each record of a range. Stops when it returns anything but RC_OK. */
typedef enum rc (*record_fn)(struct journal *j, uint32_t number, const struct record *r, void *arg);

static enum rc for_each(struct journal *j, uint32_t from, uint32_t end, record_fn fn, void *arg)
{
	while (from < end) {
		const uint8_t *raw;
		struct record r;
		uint32_t count;
		enum rc rc = load_chunk(j, from, end, &raw, &count);

		for (uint32_t i = 0; rc == RC_OK && i < count; i++) {
			rc = record_decode(j, raw + (size_t)i * JOURNAL_RECORD, &r)
				     ? fn(j, from + i, &r, arg) : damaged(j, from + i);
		}
		if (rc != RC_OK)
			return rc;
		from += count;
	}
	return RC_OK;
}

/* Leaves the chunk alone, so that it may be called from within for_each(). */
static enum rc get_record(struct journal *j, uint32_t number, struct record *out)
{
	uint8_t buf[JOURNAL_RECORD];
	const uint8_t *raw = buf;
	enum rc rc = RC_OK;

	if (number >= j->written)
		raw = j->pending + (size_t)(number - j->written) * JOURNAL_RECORD;
	else
		rc = read_full(j->fd, buf, sizeof(buf), offset_of(number));
	if (rc == RC_OK && !record_decode(j, raw, out))
		rc = damaged(j, number);
	return rc;
}

/* The first record that is not older than time; records ascend by time. */
static enum rc bisect(struct journal *j, uint32_t time, uint32_t *out)
{
	uint32_t low = 0, high = j->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		struct record r;
		enum rc rc = get_record(j, mid, &r);

		if (rc != RC_OK)
			return rc;
		if (r.time < time)
			low = mid + 1;
		else
			high = mid;
	}
	*out = low;
	return RC_OK;
}

/* --- finding --- */

/* Collects the pieces of one claim's signature; they follow each other, in the claim's batch. */
struct gather {
	uint32_t claim;
	unsigned next_piece;
	size_t len;
	uint8_t sig[JOURNAL_PIECES_MAX * JOURNAL_PIECE];
	bool complete;
};

#define RC_STOP RC_NOTFOUND /* ends for_each() early, for its callers here */

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
	rc = for_each(j, number + 1, end, gather_piece, &g);
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
	enum rc rc = bisect(j, time > JOURNAL_FUTURE_S ? time - JOURNAL_FUTURE_S : 0, &from);

	if (rc == RC_OK)
		rc = for_each(j, from, j->count, search_record, &s);
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
		enum rc rc = get_record(j, e->record - 1, claim);

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

/* The time of the next record: never before the one before it, so that bisect() holds. */
static uint32_t next_time(const struct journal *j, int64_t now_s)
{
	uint32_t now = journal_time(now_s);

	return now > j->last_time ? now : j->last_time;
}

static enum rc check_time(const struct journal *j, uint64_t time, int64_t now_s, const char *what,
			  struct fault *f)
{
	uint64_t now = next_time(j, now_s);

	if (now - journal_time(now_s) > JOURNAL_CLOCK_BACK_S)
		return fault_set(f, RC_UNAVAILABLE, PROBLEM_SERVER_INTERNAL,
				 "the signer's clock is %llu s behind the last entry of its "
				 "journal: set the clock right",
				 (unsigned long long)(now - journal_time(now_s)));
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

/* The oldest serial time that the index must cover. */
static uint32_t index_oldest(uint32_t now)
{
	return now > JOURNAL_WINDOW_S ? now - JOURNAL_WINDOW_S : 0;
}

/* Notes in the index that the serial's claim is now this record. */
static enum rc index_claim(struct journal *j, const uint8_t serial[SERIAL_MAX], uint32_t number)
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
	return serial_index_add(&j->index, serial, number, index_oldest(j->last_time));
}

static uint8_t *pending_end(struct journal *j)
{
	return j->pending + (size_t)(j->count - j->written) * JOURNAL_RECORD;
}

static bool batch_is_full(const struct journal *j)
{
	return j->batch_claims == JOURNAL_BATCH || j->count >= UINT32_MAX - JOURNAL_BATCH_RECORDS;
}

/* Adds a claim of either kind to the batch. */
static uint32_t add_claim(struct journal *j, enum record_type type, const uint8_t id[SERIAL_MAX],
			  const uint8_t tbs_hash[SHA256_LEN], int64_t now_s)
{
	struct record r = {
		.type = type,
		.first_of_batch = j->batch_claims == 0,
		.time = next_time(j, now_s),
	};

	memcpy(r.serial, id, SERIAL_MAX);
	memcpy(r.hash, tbs_hash, SHA256_LEN);
	record_encode(j, &r, pending_end(j));
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
	rc = index_claim(j, serial, j->count);
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

/* Remembers a list unless a newer one of its issuer is known. */
static void note_crl(struct journal *j, const uint8_t id[SERIAL_MAX], uint32_t record)
{
	struct newest_crl *c = newest_crl(j, id);

	if (c && compare_numbers(id, c->id) < 0)
		return;
	if (!c)
		c = place_for_crl(j);
	memcpy(c->id, id, SERIAL_MAX);
	c->record = record;
}

enum rc journal_find_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], struct journal_crl *out)
{
	const struct newest_crl *c = newest_crl(j, tag);
	struct record r;
	enum rc rc;

	if (!c)
		return RC_NOTFOUND;
	rc = get_record(j, c->record, &r);
	if (rc != RC_OK)
		return rc;
	out->number = (uint64_t)get_be(c->id + JOURNAL_TAG, 4) << 32 | get_be(c->id + JOURNAL_TAG + 4, 4);
	return entry_of(j, c->record, &r, &out->entry);
}

enum rc journal_claim_crl(struct journal *j, const uint8_t tag[JOURNAL_TAG], uint64_t number,
			  const uint8_t tbs_hash[SHA256_LEN], int64_t now_s, uint32_t *out_record)
{
	uint8_t id[SERIAL_MAX];

	if (batch_is_full(j))
		return RC_LIMIT;
	memcpy(id, tag, JOURNAL_TAG);
	put_be(id + JOURNAL_TAG, 4, (uint32_t)(number >> 32));
	put_be(id + JOURNAL_TAG + 4, 4, (uint32_t)number);
	note_crl(j, id, j->count);
	*out_record = add_claim(j, RECORD_CRL, id, tbs_hash, now_s);
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
		record_encode(j, &r, pending_end(j));
		j->count++;
	}
	return RC_OK;
}

enum rc journal_write(struct journal *j)
{
	enum rc rc = write_full(j->fd, j->pending,
				(size_t)(j->count - j->written) * JOURNAL_RECORD,
				offset_of(j->written));

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

/* --- opening --- */

static enum rc system_fault(struct journal *j, const char *what)
{
	return fault_set(j->f, RC_IO, PROBLEM_SERVER_INTERNAL, "the signer's journal: %s: %s", what,
			 strerror(errno));
}

/* So that the name of a file just made survives a power failure too. */
static enum rc sync_folder(struct journal *j, const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	enum rc rc = RC_OK;

	if (fd < 0 || fsync(fd) != 0)
		rc = system_fault(j, "cannot sync its folder");
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

static enum rc open_file(struct journal *j, const char *path, off_t *out_size)
{
	struct stat st;

	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return system_fault(j, "cannot open it");
	if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK
			       ? fault_set(j->f, RC_BUSY, PROBLEM_SERVER_INTERNAL,
					   "%s is in use by another signer", path)
			       : system_fault(j, "cannot lock it");
	if (fstat(j->fd, &st) != 0)
		return system_fault(j, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return fault_set(j->f, RC_INVALID, PROBLEM_SERVER_INTERNAL, "%s is no file", path);
	*out_size = st.st_size;
	return RC_OK;
}

/* Writes the header of a new file, or reads that of an old one. A file shorter than its header was
 * being made when the power went. */
static enum rc open_header(struct journal *j, const char *path, off_t *size)
{
	uint8_t want[JOURNAL_RECORD], have[JOURNAL_RECORD];
	enum rc rc;

	header_encode(j, want);
	if (*size < JOURNAL_RECORD) {
		*size = JOURNAL_RECORD;
		if (ftruncate(j->fd, 0) != 0 ||
		    write_full(j->fd, want, sizeof(want), 0) != RC_OK || fsync(j->fd) != 0)
			return system_fault(j, "cannot write its header");
		return sync_folder(j, path);
	}
	rc = read_full(j->fd, have, sizeof(have), 0);
	if (rc != RC_OK)
		return system_fault(j, "cannot read its header");
	if (memcmp(want, have, sizeof(have)) != 0)
		return fault_set(j->f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%s is no signer journal of version %d, or its header is damaged",
				 path, VERSION);
	return RC_OK;
}

/* Is there a whole record behind number that begins a batch? */
static enum rc batch_begins_behind(struct journal *j, uint32_t number, bool *out)
{
	*out = false;
	for (number++; number < j->count;) {
		const uint8_t *raw;
		uint32_t count;
		struct record r;
		enum rc rc = load_chunk(j, number, j->count, &raw, &count);

		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < count; i++)
			if (record_decode(j, raw + (size_t)i * JOURNAL_RECORD, &r) &&
			    r.first_of_batch)
				*out = true;
		number += count;
	}
	return RC_OK;
}

static enum rc cut(struct journal *j, uint32_t number)
{
	if (ftruncate(j->fd, offset_of(number)) != 0 || fsync(j->fd) != 0)
		return system_fault(j, "cannot cut its torn end");
	LOG_WARN("signer_journal_cut", F_INT("offset", offset_of(number)),
		 F_INT("records", j->count - number));
	j->count = j->written = number;
	return RC_OK;
}

/* Finds the first bad record in what may be the last batch, and cuts there if nothing was durable
 * behind it. */
static enum rc cut_torn_batch(struct journal *j, uint32_t tail)
{
	for (uint32_t i = tail; i < j->count; i++) {
		uint8_t raw[JOURNAL_RECORD];
		struct record r;
		bool durable;
		enum rc rc = read_full(j->fd, raw, sizeof(raw), offset_of(i));

		if (rc != RC_OK)
			return system_fault(j, "cannot read it");
		if (record_decode(j, raw, &r))
			continue;
		rc = batch_begins_behind(j, i, &durable);
		if (rc != RC_OK)
			return rc;
		return durable ? damaged(j, i) : cut(j, i);
	}
	return RC_OK;
}

static enum rc rewrite_tail(struct journal *j, uint32_t tail)
{
	size_t len = (size_t)(j->count > tail ? j->count - tail : 0) * JOURNAL_RECORD;

	if (read_full(j->fd, j->pending, len, offset_of(tail)) != RC_OK ||
	    write_full(j->fd, j->pending, len, offset_of(tail)) != RC_OK || fdatasync(j->fd) != 0)
		return system_fault(j, "cannot write its end again");
	return RC_OK;
}

struct load {
	uint32_t last_time;
	uint32_t recent_since;
};

static enum rc load_record(struct journal *j, uint32_t number, const struct record *r, void *arg)
{
	struct load *load = arg;

	if (r->time < load->last_time)
		return damaged(j, number); /* sealed, but not by us in this place */
	load->last_time = r->time;
	if (r->type == RECORD_SIGNATURE)
		return r->claim < number ? RC_OK : damaged(j, number);
	if (r->time >= load->recent_since)
		j->recent++;
	if (r->type == RECORD_CRL) {
		note_crl(j, r->serial, number);
		return RC_OK;
	}
	if (serial_time(r->serial) < j->index.floor)
		return RC_OK;
	return index_claim(j, r->serial, number);
}

static enum rc open_records(struct journal *j, const struct journal_options *o, off_t size)
{
	uint64_t count = (uint64_t)(size - JOURNAL_RECORD) / JOURNAL_RECORD;
	bool partial = size % JOURNAL_RECORD != 0;
	struct load load = { 0 };
	struct record last;
	uint32_t tail, from = 0, now;
	enum rc rc;

	if (count >= UINT32_MAX - JOURNAL_BATCH_RECORDS)
		return fault_set(j->f, RC_LIMIT, PROBLEM_SERVER_INTERNAL,
				 "the signer's journal is full");
	j->count = j->written = (uint32_t)count;
	if (partial && (rc = cut(j, j->count)) != RC_OK)
		return rc;
	tail = j->count > JOURNAL_BATCH_RECORDS ? j->count - JOURNAL_BATCH_RECORDS : 0;
	if ((rc = cut_torn_batch(j, tail)) != RC_OK || (rc = rewrite_tail(j, tail)) != RC_OK)
		return rc;
	if (j->count > 0) {
		if ((rc = get_record(j, j->count - 1, &last)) != RC_OK)
			return rc;
		j->last_time = last.time;
	}
	now = next_time(j, o->now_s);
	load.recent_since = now > 60 ? now - 60 : 0;
	rc = serial_index_init(&j->index, index_oldest(now),
			       o->index_max ? o->index_max : SERIAL_INDEX_SLOTS_MAX);
	/* A serial of the window was claimed at most JOURNAL_FUTURE_S before its own time. */
	if (rc == RC_OK && !o->check_all && j->index.floor > JOURNAL_FUTURE_S)
		rc = bisect(j, j->index.floor - JOURNAL_FUTURE_S, &from);
	if (rc == RC_OK)
		rc = for_each(j, from, j->count, load_record, &load);
	return rc;
}

enum rc journal_open(const struct journal_options *o, struct journal **out, struct fault *f)
{
	AUTO_PTR(journal) struct journal *j = calloc(1, sizeof(*j));
	off_t size = 0;
	enum rc rc;

	if (!j)
		return RC_NOMEM;
	j->fd = -1;
	j->f = f;
	crc_init(j->crc_table);
	if ((rc = open_file(j, o->path, &size)) != RC_OK ||
	    (rc = open_header(j, o->path, &size)) != RC_OK ||
	    (rc = open_records(j, o, size)) != RC_OK)
		return rc;
	j->f = NULL;
	*out = TAKE(j);
	return RC_OK;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	serial_index_done(&j->index);
	free(j);
}

unsigned journal_recent_claims(const struct journal *j)
{
	return j->recent;
}

int journal_fd(const struct journal *j)
{
	return j->fd;
}
