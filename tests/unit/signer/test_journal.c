/* test_journal.c - the signer's journal: what it finds again, what it cuts, what it refuses.
 * Times are given to it; nothing here waits. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "signer/journal.h"

#define NOW (JOURNAL_EPOCH + 200000000LL)

static char folder[64], path[96];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/assay-journal-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/journal", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(folder);
	return 0;
}

static void make_serial(int64_t at_s, uint32_t n, uint8_t out[SERIAL_MAX])
{
	uint32_t time = (uint32_t)(at_s - JOURNAL_EPOCH);

	memset(out, 0x11, SERIAL_MAX);
	for (int i = 0; i < 4; i++) {
		out[i] = (uint8_t)(time >> (24 - 8 * i));
		out[16 + i] = (uint8_t)(n >> (24 - 8 * i));
	}
}

static void make_hash(uint32_t n, uint8_t out[32])
{
	sha256(bytes_of(&n, sizeof(n)), out);
}

/* A signature of len octets that depends on n. */
static struct bytes make_sig(uint32_t n, size_t len)
{
	static uint8_t sig[SIG_MAX];

	for (size_t i = 0; i < len; i++)
		sig[i] = (uint8_t)(n + i * 7);
	return bytes_of(sig, len);
}

static enum rc open_at(int64_t now, uint32_t index_max, bool all, struct journal **out,
		       struct fault *f)
{
	const struct journal_options o = { .path = path, .now_s = now, .index_max = index_max,
					   .check_all = all };

	return journal_open(&o, out, f);
}

static struct journal *must_open(int64_t now)
{
	struct fault f = { 0 };
	struct journal *j = NULL;

	if (open_at(now, 0, true, &j, &f) != RC_OK)
		fail_msg("not opened: %s", f.detail);
	return j;
}

/* One batch of serials from first on. */
static void add_batch(struct journal *j, int64_t now, uint32_t first, uint32_t count, size_t sig_len)
{
	uint8_t serial[SERIAL_MAX], hash[32];
	uint32_t claims[JOURNAL_BATCH];

	for (uint32_t i = 0; i < count; i++) {
		make_serial(now, first + i, serial);
		make_hash(first + i, hash);
		assert_int_equal(journal_check_time(j, serial, now, NULL), RC_OK);
		assert_int_equal(journal_claim(j, serial, hash, now, &claims[i]), RC_OK);
	}
	assert_int_equal(journal_write(j), RC_OK);
	for (uint32_t i = 0; i < count && sig_len; i++)
		assert_int_equal(journal_signature(j, claims[i], make_sig(first + i, sig_len)), RC_OK);
	assert_int_equal(journal_commit(j), RC_OK);
}

static void check_found(struct journal *j, int64_t at, uint32_t n, size_t sig_len)
{
	static struct journal_entry e;
	uint8_t serial[SERIAL_MAX], hash[32];

	make_serial(at, n, serial);
	make_hash(n, hash);
	assert_int_equal(journal_find(j, serial, &e), RC_OK);
	assert_memory_equal(e.tbs_hash, hash, 32);
	assert_int_equal(e.sig_len, sig_len);
	if (sig_len)
		assert_memory_equal(e.sig, make_sig(n, sig_len).p, sig_len);
}

static void check_missing(struct journal *j, int64_t at, uint32_t n)
{
	static struct journal_entry e;
	uint8_t serial[SERIAL_MAX];

	make_serial(at, n, serial);
	assert_int_equal(journal_find(j, serial, &e), RC_NOTFOUND);
}

static void test_find__what_was_claimed(void **state)
{
	struct journal *j = must_open(NOW);

	(void)state;
	add_batch(j, NOW, 0, 64, 72);
	add_batch(j, NOW + 1, 100, 1, 1);
	add_batch(j, NOW + 2, 200, 64, SIG_MAX); /* the largest batch */
	add_batch(j, NOW + 3, 300, 2, 0);        /* claimed, never signed */
	for (int again = 0; again < 2; again++) {
		for (uint32_t n = 0; n < 64; n++) {
			check_found(j, NOW, n, 72);
			check_found(j, NOW + 2, 200 + n, SIG_MAX);
		}
		check_found(j, NOW + 1, 100, 1);
		check_found(j, NOW + 3, 300, 0);
		check_missing(j, NOW, 64);
		check_missing(j, NOW + 1, 0);
		journal_free(j);
		j = must_open(NOW + 4);
	}
	assert_int_equal(journal_recent_claims(j), 131);
	journal_free(j);
}

/* Claims of a batch under way are found before they are written. */
static void test_find__within_the_batch(void **state)
{
	struct journal *j = must_open(NOW);
	uint8_t serial[SERIAL_MAX], hash[32];
	uint32_t claim;

	(void)state;
	make_serial(NOW, 1, serial);
	make_hash(1, hash);
	assert_int_equal(journal_claim(j, serial, hash, NOW, &claim), RC_OK);
	check_found(j, NOW, 1, 0);
	assert_int_equal(journal_write(j), RC_OK);
	check_found(j, NOW, 1, 0);
	assert_int_equal(journal_signature(j, claim, make_sig(1, 72)), RC_OK);
	check_found(j, NOW, 1, 72);
	assert_int_equal(journal_commit(j), RC_OK);
	check_found(j, NOW, 1, 72);
	journal_free(j);
}

static void test_claim__a_batch_has_a_maximum(void **state)
{
	struct journal *j = must_open(NOW);
	uint8_t serial[SERIAL_MAX], hash[32];
	uint32_t claim;

	(void)state;
	make_hash(1, hash);
	for (uint32_t i = 0; i < JOURNAL_BATCH; i++) {
		make_serial(NOW, i, serial);
		assert_int_equal(journal_claim(j, serial, hash, NOW, &claim), RC_OK);
	}
	make_serial(NOW, 99, serial);
	assert_int_equal(journal_claim(j, serial, hash, NOW, &claim), RC_LIMIT);
	assert_int_equal(journal_signature(j, claim, bytes_of(hash, 0)), RC_LIMIT);
	journal_free(j);
}

/* A crash between claim and signature: the same serial is claimed again, and has one signature. */
static void test_claim__again_after_a_crash(void **state)
{
	struct journal *j = must_open(NOW);

	(void)state;
	add_batch(j, NOW, 7, 1, 0);
	add_batch(j, NOW, 8, 3, 72);
	journal_free(j);
	j = must_open(NOW + 5);
	check_found(j, NOW, 7, 0);
	{
		uint8_t serial[SERIAL_MAX], hash[32];
		uint32_t claim;

		make_serial(NOW, 7, serial);
		make_hash(7, hash);
		assert_int_equal(journal_claim(j, serial, hash, NOW + 5, &claim), RC_OK);
		assert_int_equal(journal_signature(j, claim, make_sig(7, 72)), RC_OK);
		assert_int_equal(journal_commit(j), RC_OK);
	}
	check_found(j, NOW, 7, 72);
	journal_free(j);
	/* by the index, and by the file: years later */
	j = must_open(NOW + 6);
	check_found(j, NOW, 7, 72);
	journal_free(j);
	j = must_open(NOW + 100000000);
	check_found(j, NOW, 7, 72);
	check_found(j, NOW, 9, 72);
	check_missing(j, NOW, 11);
	journal_free(j);
}

/* Old serials are no longer in the index: they are looked for in the file. */
static void test_find__old_serials_in_the_file(void **state)
{
	struct journal *j = must_open(NOW);
	int64_t day = 86400;

	(void)state;
	for (uint32_t d = 0; d < 50; d++)
		for (uint32_t k = 0; k < 4; k++)
			add_batch(j, NOW + d * day + k * 7000, d * 100 + k * 10, 3, 72);
	for (int again = 0; again < 2; again++) {
		for (uint32_t d = 0; d < 50; d++)
			for (uint32_t k = 0; k < 4; k++) {
				check_found(j, NOW + d * day + k * 7000, d * 100 + k * 10 + 2, 72);
				check_missing(j, NOW + d * day + k * 7000, d * 100 + k * 10 + 3);
			}
		journal_free(j);
		/* without the check of all records, as a restarted worker opens it */
		assert_int_equal(open_at(NOW + 50 * day, 0, false, &j, NULL), RC_OK);
	}
	journal_free(j);
}

/* A serial may be claimed up to 10 minutes before and 24 hours after its own time. */
static void test_find__at_the_edges_of_the_window(void **state)
{
	static const int64_t shifts[] = { -JOURNAL_FUTURE_S, 0, JOURNAL_WINDOW_S };
	struct journal *j = must_open(NOW);
	uint8_t serial[SERIAL_MAX], hash[32];
	int64_t at = NOW;
	uint32_t claim;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		at += 200000;
		add_batch(j, at + shifts[i] - 1, 1000 + i, 1, 72);
		make_serial(at, i, serial);
		make_hash(i, hash);
		assert_int_equal(journal_check_time(j, serial, at + shifts[i], NULL), RC_OK);
		assert_int_equal(journal_claim(j, serial, hash, at + shifts[i], &claim), RC_OK);
		assert_int_equal(journal_signature(j, claim, make_sig(i, 72)), RC_OK);
		assert_int_equal(journal_commit(j), RC_OK);
		add_batch(j, at + shifts[i] + 1, 2000 + i, 1, 72);
	}
	journal_free(j);
	j = must_open(NOW + 10000000);
	for (uint32_t i = 0; i < 3; i++)
		check_found(j, NOW + 200000 * (i + 1), i, 72);
	journal_free(j);
}

static void test_check_time__window_and_clock(void **state)
{
	struct journal *j = must_open(NOW);
	uint8_t serial[SERIAL_MAX];

	(void)state;
	add_batch(j, NOW, 1, 1, 72);
	make_serial(NOW, 2, serial);
	assert_int_equal(journal_check_time(j, serial, NOW - JOURNAL_FUTURE_S, NULL), RC_UNAVAILABLE);
	assert_int_equal(journal_check_time(j, serial, NOW - JOURNAL_CLOCK_BACK_S, NULL), RC_OK);
	assert_int_equal(journal_check_time(j, serial, NOW - JOURNAL_CLOCK_BACK_S - 1, NULL),
			 RC_UNAVAILABLE);
	assert_int_equal(journal_check_time(j, serial, 0, NULL), RC_UNAVAILABLE);
	assert_int_equal(journal_check_time(j, serial, NOW + JOURNAL_WINDOW_S, NULL), RC_OK);
	assert_int_equal(journal_check_time(j, serial, NOW + JOURNAL_WINDOW_S + 1, NULL), RC_DENIED);
	make_serial(NOW + JOURNAL_FUTURE_S, 2, serial);
	assert_int_equal(journal_check_time(j, serial, NOW, NULL), RC_OK);
	make_serial(NOW + JOURNAL_FUTURE_S + 1, 2, serial);
	assert_int_equal(journal_check_time(j, serial, NOW, NULL), RC_DENIED);
	journal_free(j);
}

/* More serials in the window than the index holds: none is forgotten, none invented. */
static void test_find__beyond_the_index(void **state)
{
	struct journal *j = NULL;

	(void)state;
	assert_int_equal(open_at(NOW, 256, true, &j, NULL), RC_OK);
	for (uint32_t i = 0; i < 40; i++)
		add_batch(j, NOW + i * 60, i * 100, 32, 72);
	for (int again = 0; again < 2; again++) {
		for (uint32_t i = 0; i < 40; i++) {
			check_found(j, NOW + i * 60, i * 100, 72);
			check_found(j, NOW + i * 60, i * 100 + 31, 72);
			check_missing(j, NOW + i * 60, i * 100 + 32);
		}
		journal_free(j);
		assert_int_equal(open_at(NOW + 3000, 256, true, &j, NULL), RC_OK);
	}
	journal_free(j);
}

static void test_open__one_process_at_a_time(void **state)
{
	struct journal *j = must_open(NOW), *other = NULL;
	struct fault f = { 0 };

	(void)state;
	assert_int_equal(open_at(NOW, 0, true, &other, &f), RC_BUSY);
	journal_free(j);
}

/* --- damage --- */

struct image {
	uint8_t *p;
	size_t len;
};

static struct image take_image(void)
{
	struct image m;
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	m.len = (size_t)st.st_size;
	m.p = malloc(m.len);
	assert_int_equal(read(fd, m.p, m.len), m.len);
	close(fd);
	return m;
}

static void put_image(const uint8_t *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	close(fd);
}

/* Power failure while the last batch was written, wherever. What was durable before is there,
 * nothing of the last batch is half there, and the journal goes on. */
static void test_open__torn_anywhere(void **state)
{
	struct journal *j = must_open(NOW);
	struct image m;
	size_t durable;

	(void)state;
	add_batch(j, NOW, 0, 5, 72);
	durable = 64 + 5 * 3 * 64;
	add_batch(j, NOW + 1, 10, 3, 72);
	journal_free(j);
	m = take_image();
	assert_int_equal(m.len, durable + 3 * 3 * 64);
	for (size_t len = 0; len <= m.len; len += len % 64 < 2 || len % 64 == 63 ? 1 : 15) {
		if (len >= 64 && len < durable)
			continue; /* not possible: that was synced; see the next test */
		put_image(m.p, len);
		j = must_open(NOW + 2);
		for (uint32_t n = 0; n < 5 && len >= 64; n++)
			check_found(j, NOW, n, 72);
		add_batch(j, NOW + 3, 20, 2, 72);
		journal_free(j);
		j = must_open(NOW + 4);
		check_found(j, NOW + 3, 21, 72);
		journal_free(j);
	}
	free(m.p);
}

/* The pages of the last batch may reach the disk in any order: holes of zeros, garbage. */
static void test_open__last_batch_in_pieces(void **state)
{
	struct journal *j = must_open(NOW);
	struct image m;
	size_t durable = 64 + 5 * 3 * 64;

	(void)state;
	add_batch(j, NOW, 0, 5, 72);
	add_batch(j, NOW + 1, 10, 3, 72);
	journal_free(j);
	m = take_image();
	for (size_t at = durable; at < m.len; at += 64)
		for (int fill = 0; fill < 2; fill++) {
			struct image torn = { malloc(m.len), m.len };

			memcpy(torn.p, m.p, m.len);
			memset(torn.p + at, fill ? 0xa5 : 0, 64);
			put_image(torn.p, torn.len);
			free(torn.p);
			j = must_open(NOW + 2);
			for (uint32_t n = 0; n < 5; n++)
				check_found(j, NOW, n, 72);
			journal_free(j);
		}
	free(m.p);
}

/* Any bit of a durable record: the offset is named and nothing is signed. */
static void test_open__damage_in_the_middle(void **state)
{
	struct journal *j = must_open(NOW);
	struct image m;
	size_t durable = 64 + 2 * 3 * 64;

	(void)state;
	add_batch(j, NOW, 0, 2, 72);
	add_batch(j, NOW + 1, 10, 2, 72);
	journal_free(j);
	m = take_image();
	for (size_t at = 0; at < durable; at++) {
		struct fault f = { 0 };
		char offset[32];

		m.p[at] ^= (uint8_t)(1 << at % 8);
		put_image(m.p, m.len);
		m.p[at] ^= (uint8_t)(1 << at % 8);
		assert_int_equal(open_at(NOW + 2, 0, true, &j, &f), RC_INVALID);
		if (at < 64)
			continue; /* the header has its own message */
		snprintf(offset, sizeof(offset), "offset %zu:", at / 64 * 64);
		if (!strstr(f.detail, offset))
			fail_msg("octet %zu: %s", at, f.detail);
	}
	free(m.p);
}

/* The same further back than one batch can reach. */
static void test_open__damage_far_back(void **state)
{
	struct journal *j = must_open(NOW);
	struct fault f = { 0 };
	struct image m;

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		add_batch(j, NOW + i, i * 100, 64, 72);
	journal_free(j);
	m = take_image();
	assert_true(m.len > (JOURNAL_BATCH_RECORDS + 200) * 64);
	m.p[64 + 100 * 64 + 3] ^= 1;
	put_image(m.p, m.len);
	free(m.p);
	assert_int_equal(open_at(NOW + 60, 0, true, &j, &f), RC_INVALID);
	assert_non_null(strstr(f.detail, "offset 6464:"));
}

/* Records that are whole, but not in their place. */
static void test_open__records_out_of_order(void **state)
{
	struct journal *j = must_open(NOW);
	struct fault f = { 0 };
	uint8_t swap[3 * 64];
	struct image m;

	(void)state;
	add_batch(j, NOW, 0, 1, 72);
	add_batch(j, NOW + 1, 1, 1, 72);
	add_batch(j, NOW + 2, 2, 1, 72);
	journal_free(j);
	m = take_image();
	memcpy(swap, m.p + 64, sizeof(swap));
	memmove(m.p + 64, m.p + 64 + sizeof(swap), sizeof(swap));
	memcpy(m.p + 64 + sizeof(swap), swap, sizeof(swap));
	put_image(m.p, m.len);
	free(m.p);
	assert_int_equal(open_at(NOW + 3, 0, true, &j, &f), RC_INVALID);
}

static void test_open__other_files_are_refused(void **state)
{
	uint8_t junk[128];
	struct journal *j = NULL;
	struct fault f = { 0 };

	(void)state;
	memset(junk, 'x', sizeof(junk));
	put_image(junk, sizeof(junk));
	assert_int_equal(open_at(NOW, 0, true, &j, &f), RC_INVALID);
	unlink(path);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(open_at(NOW, 0, true, &j, &f), RC_IO);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_at(NOW, 0, true, &j, &f), RC_IO);
	rmdir(path);
}

static const uint8_t tag[JOURNAL_TAG] = "checkpoints";

static void add_checkpoint(struct journal *j, uint64_t number, int64_t now, bool sign)
{
	uint8_t hash[32];
	uint32_t claim;
	int64_t at;

	make_hash((uint32_t)number, hash);
	assert_int_equal(journal_claim_checkpoint(j, tag, number, hash, now, &claim, &at), RC_OK);
	assert_true(at >= now);
	assert_int_equal(journal_write(j), RC_OK);
	if (sign)
		assert_int_equal(journal_signature(j, claim, make_sig((uint32_t)number, 71)), RC_OK);
	assert_int_equal(journal_commit(j), RC_OK);
}

static void check_checkpoint(struct journal *j, uint64_t number, bool given_up, size_t sig_len)
{
	static struct journal_checkpoint c;
	uint8_t hash[32];

	make_hash((uint32_t)number, hash);
	assert_int_equal(journal_find_checkpoint(j, &c), RC_OK);
	assert_true(c.number == number && c.given_up == given_up);
	assert_memory_equal(c.entry.tbs_hash, hash, 32);
	assert_memory_equal(c.tag, tag, JOURNAL_TAG);
	assert_int_equal(c.entry.sig_len, sig_len);
}

/* The newest is there after every start, also after one that reads only what matters for serials. */
static void test_checkpoint__is_remembered_for_ever(void **state)
{
	static struct journal_checkpoint none;
	struct journal *j = must_open(NOW);

	(void)state;
	assert_int_equal(journal_find_checkpoint(j, &none), RC_NOTFOUND);
	assert_int_equal(journal_give_up_checkpoint(j, NOW), RC_NOTFOUND);
	add_checkpoint(j, 5, NOW, true);
	add_checkpoint(j, 9, NOW + 1, true);
	check_checkpoint(j, 9, false, 71);
	for (uint32_t i = 0; i < 20; i++)
		add_batch(j, NOW + 2, i * JOURNAL_BATCH, JOURNAL_BATCH, 71);
	journal_free(j);
	for (int years = 0; years < 2; years++) {
		for (int all = 0; all < 2; all++) {
			assert_int_equal(open_at(NOW + 3 + years * 31536000LL, 0, all, &j, NULL), RC_OK);
			check_checkpoint(j, 9, false, 71);
			check_found(j, NOW + 2, 7, 71);
			journal_free(j);
		}
	}
}

static void test_checkpoint__is_given_up(void **state)
{
	struct journal *j = must_open(NOW);

	(void)state;
	add_checkpoint(j, 9, NOW, true);
	assert_int_equal(journal_give_up_checkpoint(j, NOW), RC_OK);
	assert_int_equal(journal_commit(j), RC_OK);
	check_checkpoint(j, 9, true, 0);
	journal_free(j);
	j = must_open(NOW + 1);
	check_checkpoint(j, 9, true, 0);
	add_checkpoint(j, 3, NOW + 2, false);
	check_checkpoint(j, 3, false, 0);
	journal_free(j);
	j = must_open(NOW + 3);
	check_checkpoint(j, 3, false, 0);
	assert_int_equal(journal_check_clock(j, NOW - 1000, NULL), RC_UNAVAILABLE);
	assert_int_equal(journal_check_clock(j, NOW - 200, NULL), RC_OK);
	journal_free(j);
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

/* Octet 35 of the file is its version. */
static unsigned version_of(int set)
{
	uint8_t header[JOURNAL_RECORD];
	int fd = open(path, O_RDWR);

	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	if (set >= 0) {
		header[35] = (uint8_t)set;
		seal(header);
		assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
	}
	close(fd);
	return header[35];
}

/* A journal of before there were checkpoints is read and becomes a new one; a later one is refused. */
static void test_open__version_1_becomes_version_2(void **state)
{
	struct journal *j = must_open(NOW);
	struct fault f = { 0 };

	(void)state;
	add_batch(j, NOW, 1, 3, 71);
	journal_free(j);
	assert_int_equal(version_of(1), 1);
	j = must_open(NOW + 1);
	check_found(j, NOW, 2, 71);
	add_checkpoint(j, 9, NOW + 1, true);
	journal_free(j);
	assert_int_equal(version_of(-1), 2);
	j = must_open(NOW + 2);
	check_found(j, NOW, 2, 71);
	check_checkpoint(j, 9, false, 71);
	journal_free(j);
	version_of(3);
	assert_int_equal(open_at(NOW + 3, 0, true, &j, &f), RC_INVALID);
	assert_non_null(strstr(f.detail, "version 2"));
	fault_done(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_find__what_was_claimed),
		T(test_find__within_the_batch),
		T(test_claim__a_batch_has_a_maximum),
		T(test_claim__again_after_a_crash),
		T(test_find__old_serials_in_the_file),
		T(test_find__at_the_edges_of_the_window),
		T(test_check_time__window_and_clock),
		T(test_find__beyond_the_index),
		T(test_open__one_process_at_a_time),
		T(test_open__torn_anywhere),
		T(test_open__last_batch_in_pieces),
		T(test_open__damage_in_the_middle),
		T(test_open__damage_far_back),
		T(test_open__records_out_of_order),
		T(test_open__other_files_are_refused),
		T(test_open__version_1_becomes_version_2),
		T(test_checkpoint__is_remembered_for_ever),
		T(test_checkpoint__is_given_up),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT); /* each cut is a warning */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
