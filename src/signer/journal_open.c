/* journal_open.c - opening the signer's journal: what may be cut off, what is damage, and what is
 * remembered of the records (journal.c says why). */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "signer/journal_impl.h"

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

/* Writes the header of a new file, or reads that of an old one. A journal of the version before has
 * nothing that this one does not have; its header is replaced, so that a program that does not know
 * checkpoints refuses it, and does not take them for damage. 64 octets within one sector are written
 * whole or not at all. A file shorter than its header was
 * being made when the power went. */
static enum rc open_header(struct journal *j, const char *path, off_t *size)
{
	uint8_t want[JOURNAL_RECORD], old[JOURNAL_RECORD], have[JOURNAL_RECORD];
	enum rc rc;

	journal_header_encode(j, JOURNAL_VERSION, want);
	journal_header_encode(j, JOURNAL_VERSION_OLD, old);
	if (*size < JOURNAL_RECORD) {
		*size = JOURNAL_RECORD;
		if (ftruncate(j->fd, 0) != 0 ||
		    journal_file_write(j->fd, want, sizeof(want), 0) != RC_OK || fsync(j->fd) != 0)
			return system_fault(j, "cannot write its header");
		return sync_folder(j, path);
	}
	rc = journal_file_read(j->fd, have, sizeof(have), 0);
	if (rc != RC_OK)
		return system_fault(j, "cannot read its header");
	if (memcmp(want, have, sizeof(have)) == 0)
		return RC_OK;
	if (memcmp(old, have, sizeof(have)) != 0)
		return fault_set(j->f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
				 "%s is no signer journal of version %d, or its header is damaged",
				 path, JOURNAL_VERSION);
	if (journal_file_write(j->fd, want, sizeof(want), 0) != RC_OK || fsync(j->fd) != 0)
		return system_fault(j, "cannot write its header");
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
		enum rc rc = journal_chunk(j, number, j->count, &raw, &count);

		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < count; i++)
			if (journal_record_decode(j, raw + (size_t)i * JOURNAL_RECORD, &r) &&
			    r.first_of_batch)
				*out = true;
		number += count;
	}
	return RC_OK;
}

static enum rc cut(struct journal *j, uint32_t number)
{
	if (ftruncate(j->fd, journal_offset(number)) != 0 || fsync(j->fd) != 0)
		return system_fault(j, "cannot cut its torn end");
	LOG_WARN("signer_journal_cut", F_INT("offset", journal_offset(number)),
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
		enum rc rc = journal_file_read(j->fd, raw, sizeof(raw), journal_offset(i));

		if (rc != RC_OK)
			return system_fault(j, "cannot read it");
		if (journal_record_decode(j, raw, &r))
			continue;
		rc = batch_begins_behind(j, i, &durable);
		if (rc != RC_OK)
			return rc;
		return durable ? journal_damaged(j, i) : cut(j, i);
	}
	return RC_OK;
}

static enum rc rewrite_tail(struct journal *j, uint32_t tail)
{
	size_t len = (size_t)(j->count > tail ? j->count - tail : 0) * JOURNAL_RECORD;

	if (journal_file_read(j->fd, j->pending, len, journal_offset(tail)) != RC_OK ||
	    journal_file_write(j->fd, j->pending, len, journal_offset(tail)) != RC_OK || fdatasync(j->fd) != 0)
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
		return journal_damaged(j, number); /* sealed, but not by us in this place */
	load->last_time = r->time;
	if (r->type == RECORD_SIGNATURE)
		return r->claim < number ? RC_OK : journal_damaged(j, number);
	if (r->time >= load->recent_since)
		j->recent++;
	if (r->type == RECORD_CRL)
		journal_note_crl(j, r->serial, number);
	else if (r->type != RECORD_CLAIM)
		j->checkpoint = number + 1;
	if (r->type != RECORD_CLAIM)
		return RC_OK;
	if (serial_time(r->serial) < j->index.floor)
		return RC_OK;
	return journal_index_claim(j, r->serial, number);
}

static enum rc load_checkpoint(struct journal *j, uint32_t number, const struct record *r, void *arg)
{
	(void)arg;
	if (r->type == RECORD_CHECKPOINT || r->type == RECORD_GIVEN_UP)
		j->checkpoint = number + 1;
	return RC_OK;
}

/* The newest checkpoint counts however old it is, so it may be before what load_record() has seen. A
 * server makes one every few minutes while it has something to say: this ends soon. */
static enum rc find_checkpoint(struct journal *j, uint32_t before)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && before > 0 && j->checkpoint == 0) {
		uint32_t from = before > JOURNAL_CHUNK ? before - JOURNAL_CHUNK : 0;

		rc = journal_each(j, from, before, load_checkpoint, NULL);
		before = from;
	}
	return rc;
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
		if ((rc = journal_get(j, j->count - 1, &last)) != RC_OK)
			return rc;
		j->last_time = last.time;
	}
	now = journal_next_time(j, o->now_s);
	load.recent_since = now > 60 ? now - 60 : 0;
	rc = serial_index_init(&j->index, journal_index_oldest(now),
			       o->index_max ? o->index_max : SERIAL_INDEX_SLOTS_MAX);
	/* A serial of the window was claimed at most JOURNAL_FUTURE_S before its own time. */
	if (rc == RC_OK && !o->check_all && j->index.floor > JOURNAL_FUTURE_S)
		rc = journal_bisect(j, j->index.floor - JOURNAL_FUTURE_S, &from);
	if (rc == RC_OK)
		rc = journal_each(j, from, j->count, load_record, &load);
	if (rc == RC_OK)
		rc = find_checkpoint(j, from);
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
	journal_crc_init(j->crc_table);
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
