/* test_sqlite_faults.c - a full disk, a failing fsync, kill -9: nothing acknowledged is lost, and
 * nothing is acknowledged after an I/O error. The disk is a shim between SQLite and the system. */
#include "../../contract/store_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* --- the shim --- */

static atomic_bool wal_is_full, database_is_full, wal_sync_fails;
static atomic_int wal_syncs, wal_writes;

struct shim_file {
	sqlite3_file base; /* first */
	bool is_wal, is_database;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real(sqlite3_file *file)
{
	return ((struct shim_file *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
	return real(file)->pMethods->xClose(real(file));
}

static int shim_read(sqlite3_file *file, void *p, int len, sqlite3_int64 at)
{
	return real(file)->pMethods->xRead(real(file), p, len, at);
}

static int shim_write(sqlite3_file *file, const void *p, int len, sqlite3_int64 at)
{
	struct shim_file *f = (struct shim_file *)file;

	wal_writes += f->is_wal;
	if ((f->is_wal && wal_is_full) || (f->is_database && database_is_full))
		return SQLITE_FULL;
	return real(file)->pMethods->xWrite(real(file), p, len, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	struct shim_file *f = (struct shim_file *)file;

	wal_syncs += f->is_wal;
	if (f->is_wal && wal_sync_fails)
		return SQLITE_IOERR_FSYNC;
	return real(file)->pMethods->xSync(real(file), flags);
}

static int shim_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real(file)->pMethods->xFileSize(real(file), size);
}

static int shim_lock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xLock(real(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int shim_check_reserved_lock(sqlite3_file *file, int *out)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int shim_file_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int shim_sector_size(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int shim_characteristics(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int shim_shm_unmap(sqlite3_file *file, int delete_it)
{
	return real(file)->pMethods->xShmUnmap(real(file), delete_it);
}

static const sqlite3_io_methods shim_methods = {
	2, shim_close, shim_read, shim_write, shim_truncate, shim_sync, shim_file_size, shim_lock,
	shim_unlock, shim_check_reserved_lock, shim_file_control, shim_sector_size,
	shim_characteristics, shim_shm_map, shim_shm_lock, shim_shm_barrier, shim_shm_unmap,
};

static sqlite3_vfs *unix_vfs;
static sqlite3_vfs shim_vfs;

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct shim_file *f = (struct shim_file *)file;
	int rc;

	(void)vfs;
	memset(f, 0, sizeof(*f));
	f->real = (sqlite3_file *)(f + 1);
	rc = unix_vfs->xOpen(unix_vfs, name, f->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	f->is_wal = flags & SQLITE_OPEN_WAL;
	f->is_database = flags & SQLITE_OPEN_MAIN_DB;
	f->base.pMethods = &shim_methods;
	return SQLITE_OK;
}

static int install_shim(void **state)
{
	(void)state;
	unix_vfs = sqlite3_vfs_find(NULL);
	shim_vfs = *unix_vfs;
	shim_vfs.zName = "shim";
	shim_vfs.szOsFile = (int)sizeof(struct shim_file) + unix_vfs->szOsFile;
	shim_vfs.xOpen = shim_open;
	return sqlite3_vfs_register(&shim_vfs, 1);
}

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	place_make(place);
	wal_is_full = database_is_full = wal_sync_fails = false;
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	place_remove(*state);
	free(*state);
	return 0;
}

/* --- helpers --- */

static void must_not_report(void *arg, const char *line)
{
	(void)arg;
	fail_msg("store_check: %s", line);
}

static int64_t count_things(struct store *s)
{
	struct store_read *r;
	int64_t count;

	assert_ok(store_read_open(s, &r));
	assert_ok(store_count(r, &THINGS, STORE_PRIMARY, NULL, 0, &count));
	store_read_close(r);
	return count;
}

/* Results of transactions that are submitted while the first one's callback holds the writer, so
 * that the others are one group. */
struct batch {
	sem_t held, gate, all;
	atomic_int left, ok, busy, io;
};

static void on_held(void *arg, enum rc rc)
{
	struct batch *batch = arg;

	if (rc != RC_OK)
		abort();
	sem_post(&batch->held);
	sem_wait(&batch->gate);
}

static void on_done(void *arg, enum rc rc)
{
	struct batch *batch = arg;

	batch->ok += rc == RC_OK;
	batch->busy += rc == RC_BUSY;
	batch->io += rc == RC_IO;
	if (--batch->left == 0)
		sem_post(&batch->all);
}

static void batch_hold(struct store *s, struct batch *batch, int count)
{
	*batch = (struct batch){ .left = count };
	sem_init(&batch->held, 0, 0);
	sem_init(&batch->gate, 0, 0);
	sem_init(&batch->all, 0, 0);
	store_submit(s, tx_must(), on_held, batch);
	sem_wait(&batch->held);
	for (int i = 0; i < count; i++) {
		struct thing thing = thing_new(i);
		struct tx *tx = tx_must();

		assert_ok(tx_insert(tx, &THINGS, &thing));
		store_submit(s, tx, on_done, batch);
	}
}

static void batch_release(struct batch *batch)
{
	sem_post(&batch->gate);
	sem_wait(&batch->all);
}

/* --- tests --- */

static void test_commit__one_sync_for_a_lone_tx_and_one_for_a_group(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1);
	struct batch batch;
	int before;

	must_insert(s, &thing);
	thing.id = id_new();
	before = wal_syncs;
	must_insert(s, &thing);
	assert_int_equal(wal_syncs - before, 1);

	batch_hold(s, &batch, 50);
	before = wal_syncs;
	batch_release(&batch);
	assert_int_equal(batch.ok, 50);
	assert_int_equal(wal_syncs - before, 1);

	before = wal_syncs;
	assert_ok(store_ping(s)); /* nothing to write, and durable all the same */
	assert_int_equal(wal_syncs - before, 1);
	store_close(s);
}

static void test_full_disk__is_busy_and_recovers_by_itself(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1);
	struct batch batch;

	must_insert(s, &thing);
	for (int round = 0; round < 3; round++) {
		int64_t before = count_things(s);

		batch_hold(s, &batch, 20);
		wal_is_full = true;
		batch_release(&batch);
		assert_int_equal(batch.busy, 20);
		assert_int_equal(count_things(s), before); /* reading goes on, nothing was kept */
		assert_rc(RC_BUSY, store_ping(s));

		wal_is_full = false;
		batch_hold(s, &batch, 20);
		batch_release(&batch);
		assert_int_equal(batch.ok, 20);
		assert_int_equal(count_things(s), before + 20);
	}
	assert_ok(store_check(s, must_not_report, NULL));
	store_close(s);
	s = store_at(place->url);
	assert_int_equal(count_things(s), 61);
	store_close(s);
}

static void test_full_disk__a_checkpoint_waits_for_room(void **state)
{
	static char large[1024 * 1024];
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1);

	memset(large, 'x', sizeof(large));
	database_is_full = true;
	thing.note = (struct str){ large, sizeof(large) };
	for (int i = 0; i < 40; i++) {
		thing.id = id_new();
		must_insert(s, &thing);
	}
	database_is_full = false;
	for (int i = 0; i < 20; i++) {
		thing.id = id_new();
		must_insert(s, &thing);
	}
	assert_ok(store_check(s, must_not_report, NULL));
	store_close(s);
	s = store_at(place->url);
	assert_int_equal(count_things(s), 60);
	store_close(s);
}

struct fatal {
	int count;
	int done_before; /* callbacks that had run when it was called */
	struct batch *batch;
};

static void on_fatal(void *arg, const char *what)
{
	struct fatal *fatal = arg;

	fatal->count++;
	fatal->done_before = fatal->batch->ok + fatal->batch->io + fatal->batch->busy;
	if (!what || !what[0])
		abort();
}

/* V69: after one failed fsync nothing is tried again, and nobody is told that it went well. */
static void test_failed_sync__is_final(void **state)
{
	struct place *place = *state;
	struct store *s = store_at(place->url);
	struct thing thing = thing_new(1);
	struct batch batch;
	struct fatal fatal = { .batch = &batch };
	int syncs, writes;

	store_on_fatal(s, on_fatal, &fatal);
	must_insert(s, &thing);
	batch_hold(s, &batch, 20);
	wal_sync_fails = true;
	batch_release(&batch);
	assert_int_equal(batch.io, 20);
	assert_int_equal(fatal.count, 1);
	assert_int_equal(fatal.done_before, 0);

	wal_sync_fails = false; /* the lie: the next one would succeed */
	syncs = wal_syncs;
	writes = wal_writes;
	assert_rc(RC_IO, store_ping(s));
	assert_rc(RC_IO, store_commit(s, tx_must()));
	assert_int_equal(wal_syncs, syncs);
	assert_int_equal(wal_writes, writes);
	assert_int_equal(fatal.count, 1);
	store_close(s);
	assert_int_equal(wal_syncs, syncs);
	assert_int_equal(wal_writes, writes);

	s = store_at(place->url); /* a new process: copies what is there and syncs that */
	assert_true(wal_syncs > syncs);
	assert_ok(store_check(s, must_not_report, NULL));
	assert_true(count_things(s) == 1 || count_things(s) == 21);
	store_close(s);
}

static void test_failed_sync__aborts_the_process_by_default(void **state)
{
	struct place *place = *state;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct store *s = store_at(place->url);

		signal(SIGABRT, SIG_DFL);
		wal_sync_fails = true;
		(void)!store_ping(s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* --- kill -9 --- */

enum { KILLS = 30, IN_FLIGHT = 24 };

struct writer_process {
	int acks; /* pipe */
	sem_t slots;
};
struct ack {
	struct writer_process *process;
	int64_t number;
};

static void acknowledge(void *arg, enum rc rc)
{
	struct ack *ack = arg;

	if (rc != RC_OK || write(ack->process->acks, &ack->number, sizeof(ack->number)) !=
				   sizeof(ack->number))
		_exit(1);
	sem_post(&ack->process->slots);
	free(ack);
}

/* Each tx inserts two things with the same number: both are there or neither. */
static void write_until_killed(const char *url, int acks, int64_t number)
{
	struct writer_process process = { .acks = acks };
	struct store *s = store_at(url);

	sem_init(&process.slots, 0, IN_FLIGHT);
	for (;; number++) {
		struct ack *ack = malloc(sizeof(*ack));
		struct tx *tx = tx_new();

		sem_wait(&process.slots);
		if (!ack || !tx)
			_exit(1);
		*ack = (struct ack){ &process, number };
		for (int i = 0; i < 2; i++) {
			struct thing thing = thing_new(number);

			if (tx_insert(tx, &THINGS, &thing) != RC_OK)
				_exit(1);
		}
		store_submit(s, tx, acknowledge, ack);
	}
}

/* Returns the highest number in the store. */
static int64_t check_after_kill(const char *url, const int64_t *acked, size_t count)
{
	struct store *s = store_at(url);
	struct store_read *r;
	struct thing *things, *last;
	struct arena a;
	size_t found, i = 0;

	assert_ok(store_check(s, must_not_report, NULL));
	assert_ok(store_read_open(s, &r));
	arena_init(&a, 256 * 1024 * 1024);
	assert_ok(store_list(r, &(struct store_query){ .table = &THINGS, .index = THINGS_BY_NUMBER,
		.limit = 1000000 }, &a, &things, &found));
	assert_int_equal(found % 2, 0);
	for (size_t n = 0; n < found; n += 2) {
		assert_int_equal(things[n].number, things[n + 1].number);
		if (i < count && things[n].number == acked[i])
			i++;
	}
	assert_int_equal(i, count);
	last = found ? &things[found - 1] : NULL;
	i = last ? (size_t)last->number : 0;
	arena_done(&a);
	store_read_close(r);
	store_close(s);
	return (int64_t)i;
}

static void test_kill__every_acknowledged_write_survives(void **state)
{
	struct place *place = *state;
	static int64_t acked[200000];
	size_t count = 0;
	int64_t next = 1;
	unsigned random = 1;

	store_close(store_at(place->url));
	for (int kills = 0; kills < KILLS; kills++) {
		int pipes[2], status;
		size_t stop;
		pid_t pid;

		random = random * 1103515245u + 12345u;
		stop = count + 1 + (random >> 16) % 300;
		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			close(pipes[0]);
			write_until_killed(place->url, pipes[1], next);
		}
		close(pipes[1]);
		while (count < COUNT_OF(acked) &&
		       read(pipes[0], &acked[count], sizeof(acked[0])) == sizeof(acked[0]))
			if (++count == stop)
				kill(pid, SIGKILL);
		close(pipes[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		next = check_after_kill(place->url, acked, count) + 1;
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_commit__one_sync_for_a_lone_tx_and_one_for_a_group),
		T(test_full_disk__is_busy_and_recovers_by_itself),
		T(test_full_disk__a_checkpoint_waits_for_room),
		T(test_failed_sync__is_final),
		T(test_failed_sync__aborts_the_process_by_default),
		T(test_kill__every_acknowledged_write_survives),
	};

	return cmocka_run_group_tests(tests, install_shim, NULL);
}
