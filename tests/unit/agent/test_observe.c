/* test_observe.c - what is read from disk, damaged files included. */
#include "disk.h"

#include "agent/observe.h"
#include "crypto/digest.h"

static void test_url_file__what_is_written_is_read(void **state)
{
	static const char *const bad[] = { "", "\n", "\n\n", "a\n", "a\nb", "a\n\n", "\nb\n", "a\nb\nc", "a\nb\nc\n" };
	struct str server, url;
	struct bytes text;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(url_file_write(&a, STR("https://a/dir"), STR("https://a/order/1"), &text), RC_OK);
	assert_true(url_file_read((struct str){ (const char *)text.p, text.len }, &server, &url));
	assert_true(str_is(server, "https://a/dir"));
	assert_true(str_is(url, "https://a/order/1"));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(url_file_read(str_of(bad[i]), &server, &url));
	arena_done(&a);
}

static void test_observe__damaged_files_are_as_if_not_there(void **state)
{
	struct observed o = { 0 };
	struct files files;
	struct disk disk;
	struct arena a;

	(void)state;
	disk_open(&disk);
	disk_put(&disk, "privkey.pem", "-----BEGIN PRIVATE KEY-----\n`id`\n-----END PRIVATE KEY-----\n");
	disk_put(&disk, "fullchain.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	arena_init(&a, 8 << 20);
	assert_int_equal(files_open(disk.dir, &files, NULL), RC_OK);
	assert_int_equal(observe(&files, &a, &o, NULL), RC_OK);
	assert_non_null(o.live.generation.p);
	assert_null(o.live.key);
	assert_false(o.live.has_certificate);
	assert_non_null(strstr(o.live.trouble, "privkey.pem"));
	assert_null(o.next.generation.p);
	observed_done(&o);
	files_done(&files);
	arena_done(&a);
	disk_close(&disk);
}

static void test_observe__nothing(void **state)
{
	struct observed o = { 0 };
	struct files files;
	struct disk disk;
	struct arena a;

	(void)state;
	disk_open(&disk);
	arena_init(&a, 8 << 20);
	assert_int_equal(files_open(disk.dir, &files, NULL), RC_OK);
	assert_int_equal(observe(&files, &a, &o, NULL), RC_OK);
	assert_null(o.live.generation.p);
	assert_null(o.next.generation.p);
	assert_string_equal(o.live.trouble, "");
	observed_done(&o);
	files_done(&files);
	arena_done(&a);
	disk_close(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_file__what_is_written_is_read),
		cmocka_unit_test(test_observe__damaged_files_are_as_if_not_there),
		cmocka_unit_test(test_observe__nothing),
	};

	if (crypto_init(NULL) != RC_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
