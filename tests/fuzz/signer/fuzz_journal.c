/* fuzz_journal.c - a journal with any content. Whatever opens must go on: a new serial is taken, and
 * is found when the file is opened again; and so is a checkpoint, by which nothing else is lost.
 * The first octet says how much of the form is put right, so that more than the CRC is reached:
 * bit 0: every whole record, the header too, is sealed again; bit 1: the input has no header. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "signer/journal.h"

#define NOW (JOURNAL_EPOCH + 200000000LL)
#define FILE_MAX (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void remove_file(void)
{
	unlink(path);
}

static void make_path(void)
{
	int fd;

	strcpy(path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-journal-XXXXXX"
						   : "/tmp/fuzz-journal-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		abort();
	close(fd);
	atexit(remove_file);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
}

static void seal(uint8_t record[JOURNAL_RECORD])
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < JOURNAL_RECORD - 4; i++) {
		c ^= record[i];
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1; /* CRC-32C */
	}
	c ^= 0xffffffff;
	for (int i = 0; i < 4; i++)
		record[JOURNAL_RECORD - 4 + i] = (uint8_t)(c >> (24 - 8 * i));
}

static void write_file(const uint8_t *data, size_t size)
{
	static uint8_t file[FILE_MAX];
	unsigned flags = data[0];
	size_t at = 0, len;
	int fd;

	memset(file, 0, JOURNAL_RECORD);
	if (flags & 2) {
		memcpy(file, "assay signer journal", 20);
		file[35] = 1;
		file[39] = JOURNAL_RECORD;
		at = JOURNAL_RECORD;
	}
	len = size - 1 < FILE_MAX - at ? size - 1 : FILE_MAX - at;
	memcpy(file + at, data + 1, len);
	len += at;
	for (size_t i = 0; (flags & 3) && i + JOURNAL_RECORD <= len; i += JOURNAL_RECORD)
		if ((flags & 1) || i == 0)
			seal(file + i);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, file, len) != (ssize_t)len)
		abort();
	close(fd);
}

static struct journal *open_journal(int64_t now, bool all)
{
	const struct journal_options o = { .path = path, .now_s = now, .check_all = all,
					   .index_max = 64 };
	struct journal *j = NULL;

	return journal_open(&o, &j, NULL) == RC_OK ? j : NULL;
}

/* The next checkpoint after whatever there is. */
static void add_checkpoint(struct journal *j, struct journal_checkpoint *out)
{
	static const uint8_t tag[JOURNAL_TAG] = "fuzz", hash[SHA256_LEN] = { 7 };
	enum rc rc = journal_find_checkpoint(j, out);
	uint32_t claim;
	int64_t at;

	if (rc != RC_OK && rc != RC_NOTFOUND)
		abort();
	if (rc == RC_OK && !out->given_up && journal_give_up_checkpoint(j, NOW) != RC_OK)
		abort();
	if (journal_claim_checkpoint(j, tag, rc == RC_OK ? out->number + 1 : 1, hash, NOW, &claim, &at) != RC_OK ||
	    journal_write(j) != RC_OK || journal_signature(j, claim, bytes_of(hash, sizeof(hash))) != RC_OK ||
	    journal_commit(j) != RC_OK || journal_find_checkpoint(j, out) != RC_OK || out->given_up ||
	    out->entry.sig_len != sizeof(hash) || out->at != at)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t serial[SERIAL_MAX] = { 0x0b, 0xeb, 0xc2, 0x00, 1, 2, 3, 4, 5, 6, 7 };
	static const uint8_t hash[SHA256_LEN] = { 9 };
	static struct journal_entry e;
	static struct journal_checkpoint noted, noted_again;
	struct journal *j;
	uint32_t claim;
	enum rc found;

	if (size < 1)
		return 0;
	if (!path[0])
		make_path();
	write_file(data, size);
	j = open_journal(NOW, true);
	if (!j)
		return 0;
	found = journal_find(j, serial, &e);
	if (found == RC_NOTFOUND && journal_check_time(j, serial, NOW, NULL) == RC_OK) {
		if (journal_claim(j, serial, hash, NOW, &claim) != RC_OK ||
		    journal_write(j) != RC_OK ||
		    journal_signature(j, claim, bytes_of(hash, sizeof(hash))) != RC_OK ||
		    journal_commit(j) != RC_OK)
			abort();
		found = RC_OK;
		e.sig_len = sizeof(hash);
		memcpy(e.tbs_hash, hash, sizeof(hash));
	}
	if (found == RC_OK)
		add_checkpoint(j, &noted);
	journal_free(j);
	if (found != RC_OK)
		return 0;
	/* Everything of that time is in the file for good; also years later, when it is searched. */
	for (int years = 0; years < 2; years++) {
		static struct journal_entry again;

		j = open_journal(NOW + years * 31536000LL, years == 0);
		if (!j)
			abort();
		found = journal_find(j, serial, &again);
		if (found == RC_OK && (memcmp(again.tbs_hash, e.tbs_hash, SHA256_LEN) != 0 ||
				       again.sig_len != e.sig_len))
			abort();
		if (journal_find_checkpoint(j, &noted_again) != RC_OK || noted_again.number != noted.number ||
		    noted_again.given_up || noted_again.entry.sig_len != noted.entry.sig_len)
			abort();
		journal_free(j);
	}
	return 0;
}
