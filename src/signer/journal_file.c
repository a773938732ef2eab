/* journal_file.c - the records of the signer's journal and the file that they are in (journal_impl.h). */
#include <errno.h>
#include <unistd.h>

#include "signer/journal_impl.h"

#define FIRST_OF_BATCH 0x80

/* --- records --- */

uint64_t journal_get_be(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

void journal_put_be(uint8_t *p, size_t len, uint64_t v)
{
	while (len > 0) {
		p[--len] = (uint8_t)v;
		v >>= 8;
	}
}

/* CRC-32C (Castagnoli, RFC 3720 §12.1): finds every error of up to 5 bits in a record this long. */
void journal_crc_init(uint32_t table[256])
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
	journal_put_be(raw + JOURNAL_RECORD - 4, 4, crc(j, raw));
}

static bool sealed(const struct journal *j, const uint8_t raw[JOURNAL_RECORD])
{
	return (uint32_t)journal_get_be(raw + JOURNAL_RECORD - 4, 4) == crc(j, raw);
}

void journal_record_encode(const struct journal *j, const struct record *r,
			  uint8_t raw[JOURNAL_RECORD])
{
	memset(raw, 0, JOURNAL_RECORD);
	raw[0] = (uint8_t)(r->type | (r->first_of_batch ? FIRST_OF_BATCH : 0));
	journal_put_be(raw + 4, 4, r->time);
	if (r->type != RECORD_SIGNATURE) {
		memcpy(raw + 8, r->serial, SERIAL_MAX);
		memcpy(raw + 28, r->hash, SHA256_LEN);
	} else {
		raw[1] = (uint8_t)r->piece;
		journal_put_be(raw + 2, 2, (uint32_t)r->sig_len);
		journal_put_be(raw + 8, 4, r->claim);
		memcpy(raw + 12, r->sig, JOURNAL_PIECE);
	}
	seal(j, raw);
}

bool journal_record_decode(const struct journal *j, const uint8_t raw[JOURNAL_RECORD],
			  struct record *r)
{
	if (!sealed(j, raw))
		return false;
	*r = (struct record){
		.type = (enum record_type)(raw[0] & ~FIRST_OF_BATCH),
		.first_of_batch = raw[0] & FIRST_OF_BATCH,
		.time = (uint32_t)journal_get_be(raw + 4, 4),
		.piece = raw[1],
		.sig_len = journal_get_be(raw + 2, 2),
	};
	if (r->type != RECORD_SIGNATURE) {
		memcpy(r->serial, raw + 8, SERIAL_MAX);
		memcpy(r->hash, raw + 28, SHA256_LEN);
		return r->type >= RECORD_CLAIM && r->type <= RECORD_GIVEN_UP && r->piece == 0 && r->sig_len == 0;
	}
	r->claim = (uint32_t)journal_get_be(raw + 8, 4);
	memcpy(r->sig, raw + 12, JOURNAL_PIECE);
	return !r->first_of_batch && r->sig_len > 0 &&
	       r->sig_len <= SIG_MAX && r->piece * JOURNAL_PIECE < r->sig_len;
}

void journal_header_encode(const struct journal *j, unsigned version, uint8_t raw[JOURNAL_RECORD])
{
	memset(raw, 0, JOURNAL_RECORD);
	memcpy(raw, "assay signer journal", 20);
	journal_put_be(raw + 32, 4, version);
	journal_put_be(raw + 36, 4, JOURNAL_RECORD);
	seal(j, raw);
}

/* --- the file --- */

off_t journal_offset(uint32_t record)
{
	return ((off_t)record + 1) * JOURNAL_RECORD;
}

enum rc journal_file_read(int fd, uint8_t *p, size_t len, off_t at)
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

enum rc journal_file_write(int fd, const uint8_t *p, size_t len, off_t at)
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

enum rc journal_chunk(struct journal *j, uint32_t from, uint32_t end, const uint8_t **out,
			  uint32_t *out_count)
{
	uint32_t n = end - from < JOURNAL_CHUNK ? end - from : JOURNAL_CHUNK;

	if (from >= j->written) {
		*out = j->pending + (size_t)(from - j->written) * JOURNAL_RECORD;
		*out_count = n;
		return RC_OK;
	}
	if (n > j->written - from)
		n = j->written - from;
	*out = j->chunk;
	*out_count = n;
	return journal_file_read(j->fd, j->chunk, (size_t)n * JOURNAL_RECORD, journal_offset(from));
}

enum rc journal_damaged(struct journal *j, uint32_t record)
{
	return fault_set(j->f, RC_INVALID, PROBLEM_SERVER_INTERNAL,
			 "the signer's journal is damaged at offset %lld: serials may have been "
			 "forgotten. Nothing is signed until an operator has restored it",
			 (long long)journal_offset(record));
}

enum rc journal_each(struct journal *j, uint32_t from, uint32_t end, record_fn fn, void *arg)
{
	while (from < end) {
		const uint8_t *raw;
		struct record r;
		uint32_t count;
		enum rc rc = journal_chunk(j, from, end, &raw, &count);

		for (uint32_t i = 0; rc == RC_OK && i < count; i++) {
			rc = journal_record_decode(j, raw + (size_t)i * JOURNAL_RECORD, &r)
				     ? fn(j, from + i, &r, arg) : journal_damaged(j, from + i);
		}
		if (rc != RC_OK)
			return rc;
		from += count;
	}
	return RC_OK;
}

enum rc journal_get(struct journal *j, uint32_t number, struct record *out)
{
	uint8_t buf[JOURNAL_RECORD];
	const uint8_t *raw = buf;
	enum rc rc = RC_OK;

	if (number >= j->written)
		raw = j->pending + (size_t)(number - j->written) * JOURNAL_RECORD;
	else
		rc = journal_file_read(j->fd, buf, sizeof(buf), journal_offset(number));
	if (rc == RC_OK && !journal_record_decode(j, raw, out))
		rc = journal_damaged(j, number);
	return rc;
}

enum rc journal_bisect(struct journal *j, uint32_t time, uint32_t *out)
{
	uint32_t low = 0, high = j->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		struct record r;
		enum rc rc = journal_get(j, mid, &r);

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
