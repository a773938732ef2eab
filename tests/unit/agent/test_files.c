/* test_files.c - generations on disk: what readers see, at every step. */
#include "disk.h"

struct fixture {
	struct disk disk;
	struct files files;
	struct arena arena;
};

static void open_files(struct fixture *x)
{
	arena_init(&x->arena, 1 << 20);
	assert_int_equal(files_open(x->disk.dir, &x->files, NULL), RC_OK);
}

static void close_files(struct fixture *x)
{
	files_done(&x->files);
	arena_done(&x->arena);
}

static struct str make(struct fixture *x, const char *key, const char *cert)
{
	struct str g;

	assert_int_equal(files_new_generation(&x->files, &x->arena, &g, NULL), RC_OK);
	assert_int_equal(files_write(&x->files, g, "privkey.pem", str_bytes(str_of(key)), 0600, NULL), RC_OK);
	if (cert)
		assert_int_equal(files_write(&x->files, g, "fullchain.pem", str_bytes(str_of(cert)), 0644, NULL), RC_OK);
	return g;
}

static void generations(struct fixture *x, struct str *live, struct str *next)
{
	assert_int_equal(files_generations(&x->files, &x->arena, live, next, NULL), RC_OK);
}

static void test_files__a_generation_is_seen_when_it_is_switched_to(void **state)
{
	struct str first, second, third, live, next;
	struct fixture x;

	(void)state;
	disk_open(&x.disk);
	open_files(&x);
	generations(&x, &live, &next);
	assert_null(live.p);
	assert_null(next.p);
	first = make(&x, "key1", "cert1");
	generations(&x, &live, &next);
	assert_null(live.p);
	assert_true(str_eq(next, first));
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "");
	assert_int_equal(files_switch(&x.files, first, NULL), RC_OK);
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "key1");
	assert_string_equal(disk_get(&x.disk, "fullchain.pem"), "cert1");
	assert_int_equal(disk_mode(&x.disk, "privkey.pem"), 0600);
	assert_int_equal(disk_mode(&x.disk, "fullchain.pem"), 0644);
	assert_true(disk_is_link(&x.disk, "privkey.pem"));
	assert_false(disk_is_link(&x.disk, "chain.pem")); /* the generation has none */
	second = make(&x, "key2", "cert2");
	generations(&x, &live, &next);
	assert_true(str_eq(live, first) && str_eq(next, second));
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "key1");
	assert_int_equal(files_switch(&x.files, second, NULL), RC_OK);
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "key2");
	generations(&x, &live, &next);
	assert_true(str_eq(live, second));
	assert_null(next.p);
	third = make(&x, "key3", "cert3");
	assert_int_equal(files_switch(&x.files, third, NULL), RC_OK);
	assert_int_equal(disk_generations(&x.disk), 2); /* it and the one before */
	close_files(&x);
	disk_close(&x.disk);
}

static void test_files__one_agent_at_a_time(void **state)
{
	struct fault f = { 0 };
	struct files second;
	struct fixture x;

	(void)state;
	disk_open(&x.disk);
	open_files(&x);
	assert_int_equal(files_open(x.disk.dir, &second, &f), RC_BUSY);
	assert_non_null(strstr(f.detail, "another assay-agent"));
	close_files(&x);
	open_files(&x); /* given back */
	close_files(&x);
	fault_done(&f);
	disk_close(&x.disk);
}

static void test_files__plain_files_are_taken_over_unchanged(void **state)
{
	struct str live, next;
	struct fixture x;

	(void)state;
	disk_open(&x.disk);
	disk_put(&x.disk, "privkey.pem", "their key");
	disk_put(&x.disk, "cert.pem", "their cert");
	disk_put(&x.disk, "notes.txt", "not ours");
	open_files(&x);
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "their key");
	assert_string_equal(disk_get(&x.disk, "cert.pem"), "their cert");
	assert_true(disk_is_link(&x.disk, "privkey.pem") && disk_is_link(&x.disk, "cert.pem"));
	assert_int_equal(disk_mode(&x.disk, "privkey.pem"), 0600);
	assert_false(disk_is_link(&x.disk, "fullchain.pem"));
	generations(&x, &live, &next);
	assert_non_null(live.p);
	close_files(&x);
	/* One of them is replaced by hand: the others stay what they were. */
	assert_int_equal(unlink(disk_path(&x.disk, "privkey.pem")), 0);
	disk_put(&x.disk, "privkey.pem", "newer key");
	open_files(&x);
	assert_string_equal(disk_get(&x.disk, "live/privkey.pem"), "newer key");
	assert_string_equal(disk_get(&x.disk, "live/cert.pem"), "their cert");
	assert_string_equal(disk_get(&x.disk, "notes.txt"), "not ours");
	close_files(&x);
	disk_close(&x.disk);
}

static void test_files__leftovers_of_a_killed_run(void **state)
{
	struct str g, live, next;
	struct fixture x;

	(void)state;
	disk_open(&x.disk);
	open_files(&x);
	g = make(&x, "key1", "cert1");
	/* Half a link and half a file. */
	assert_int_equal(symlink("gen-nothing", disk_path(&x.disk, "live.new")), 0);
	assert_int_equal(files_switch(&x.files, g, NULL), RC_OK);
	assert_string_equal(disk_get(&x.disk, "privkey.pem"), "key1");
	g = make(&x, "key2", NULL);
	{
		char name[128];

		snprintf(name, sizeof(name), "%.*s/cert.pem.4711.tmp", STR_ARG(g));
		disk_put(&x.disk, name, "half");
	}
	assert_int_equal(files_discard(&x.files, g, NULL), RC_OK);
	generations(&x, &live, &next);
	assert_null(next.p);
	/* Folders that are none of ours do not count. */
	assert_int_equal(mkdir(disk_path(&x.disk, "gen-zzz"), 0755), 0);
	generations(&x, &live, &next);
	assert_null(next.p);
	close_files(&x);
	disk_close(&x.disk);
}

static void test_files__missing_and_unreachable(void **state)
{
	struct fault f = { 0 };
	struct bytes content;
	struct files files;
	struct fixture x;
	struct str g;

	(void)state;
	disk_open(&x.disk);
	open_files(&x);
	g = make(&x, "key1", NULL);
	assert_int_equal(files_read(&x.files, &x.arena, g, "cert.pem", &content, &f), RC_NOTFOUND);
	assert_int_equal(files_remove(&x.files, g, "order", &f), RC_OK); /* was not there */
	close_files(&x);
	disk_put(&x.disk, "file", "");
	assert_int_equal(files_open(disk_path(&x.disk, "file/dir"), &files, &f), RC_IO);
	assert_int_equal(files_open(disk_path(&x.disk, "a/b/c"), &files, &f), RC_OK); /* made */
	files_done(&files);
	fault_done(&f);
	disk_close(&x.disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files__a_generation_is_seen_when_it_is_switched_to),
		cmocka_unit_test(test_files__one_agent_at_a_time),
		cmocka_unit_test(test_files__plain_files_are_taken_over_unchanged),
		cmocka_unit_test(test_files__leftovers_of_a_killed_run),
		cmocka_unit_test(test_files__missing_and_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
