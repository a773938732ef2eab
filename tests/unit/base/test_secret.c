/* test_secret.c - octets that are kept apart, compared in constant time, and loaded strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/secret.h"

static char folder[64];

static void test_secret_new__copies(void **state)
{
	AUTO_PTR(secret) struct secret *s = NULL;
	uint8_t value[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)i;
	assert_int_equal(secret_new(bytes_of(value, sizeof(value)), &s), RC_OK);
	assert_true(bytes_eq(secret_bytes(s), bytes_of(value, sizeof(value))));
	assert_true(secret_bytes(s).p != value);
	secret_free(NULL);
	assert_null(secret_bytes(NULL).p);
}

static void test_secret_new__empty_and_impossible(void **state)
{
	AUTO_PTR(secret) struct secret *s = NULL;

	(void)state;
	assert_int_equal(secret_new(bytes_of(NULL, 0), &s), RC_OK);
	assert_int_equal(secret_bytes(s).len, 0);
	secret_free(TAKE(s));
	assert_int_equal(secret_new(bytes_of("x", SIZE_MAX), &s), RC_NOMEM);
	assert_int_equal(secret_new(bytes_of("x", SIZE_MAX / 2), &s), RC_NOMEM);
	assert_null(s);
}

/* The kernel says of each mapping whether it goes into a core dump ("dd": it does not). */
static void test_secret_new__stays_out_of_core_dumps(void **state)
{
	AUTO_PTR(secret) struct secret *s = NULL;
	char line[512];
	FILE *maps;
	bool inside = false, found = false;

	(void)state;
	assert_int_equal(secret_new(bytes_of("key", 3), &s), RC_OK);
	maps = fopen("/proc/self/smaps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (uintptr_t)secret_bytes(s).p &&
				 (uintptr_t)secret_bytes(s).p < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " dd") != NULL;
	}
	fclose(maps);
	assert_true(found);
}

static void test_secret_eq__table(void **state)
{
	static const struct {
		struct str a, b;
		bool eq;
	} rows[] = {
		{ STR("same"), STR("same"), true },
		{ STR(""), STR(""), true },
		{ STR("a"), STR("b"), false },
		{ STR("a"), STR("ab"), false },
		{ STR("xbc"), STR("abc"), false },
		{ STR("abc"), STR("abx"), false },
		{ STR("a\0b"), STR("a\0c"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_PTR(secret) struct secret *a = NULL;
		AUTO_PTR(secret) struct secret *b = NULL;

		assert_int_equal(secret_new(str_bytes(rows[i].a), &a), RC_OK);
		assert_int_equal(secret_new(str_bytes(rows[i].b), &b), RC_OK);
		assert_int_equal(secret_eq(a, b), rows[i].eq);
		assert_false(secret_eq(a, NULL));
	}
	assert_false(secret_eq(NULL, NULL)); /* absent matches nothing */
}

static void test_secret_cleanse__overwrites(void **state)
{
	char key[16] = "0123456789abcde";

	(void)state;
	secret_cleanse(key, sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(key[i], 0);
	secret_cleanse(NULL, 5);
}

static void write_file(const char *name, const void *p, size_t len)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, len, file), len);
	fclose(file);
}

static struct str file_ref(const char *name)
{
	static char ref[160];

	snprintf(ref, sizeof(ref), "file:%s/%s", folder, name);
	return str_of(ref);
}

static void test_secret_load__one_trailing_newline_is_dropped(void **state)
{
	static const struct {
		struct str content, value;
	} rows[] = {
		{ STR("hunter2\n"), STR("hunter2") },
		{ STR("hunter2"), STR("hunter2") },
		{ STR("hunter2\n\n"), STR("hunter2\n") },
		{ STR(" a b \n"), STR(" a b ") },
		{ STR("\n"), STR("") },
		{ STR(""), STR("") },
		{ STR("\0\xff\n"), STR("\0\xff") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_PTR(secret) struct secret *s = NULL;
		struct fault f = { 0 };

		write_file("pass", rows[i].content.p, rows[i].content.len);
		assert_int_equal(secret_load(file_ref("pass"), &s, &f), RC_OK);
		assert_true(bytes_eq(secret_bytes(s), str_bytes(rows[i].value)));
	}
}

static void test_secret_load__at_most_64_kib(void **state)
{
	char *big = malloc(64 * 1024 + 1);
	AUTO_PTR(secret) struct secret *s = NULL;
	struct fault f = { 0 };

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 64 * 1024 + 1);
	write_file("big", big, 64 * 1024);
	assert_int_equal(secret_load(file_ref("big"), &s, &f), RC_OK);
	assert_int_equal(secret_bytes(s).len, 64 * 1024);
	secret_free(TAKE(s));
	write_file("big", big, 64 * 1024 + 1);
	assert_int_equal(secret_load(file_ref("big"), &s, &f), RC_LIMIT);
	assert_non_null(strstr(f.detail, "64 KiB"));
	assert_null(strstr(f.detail, "xxxxxxxx")); /* longer than the random part of the path */
	assert_null(s);
	free(big);
}

static void test_secret_load__credential_is_found_by_name(void **state)
{
	AUTO_PTR(secret) struct secret *s = NULL;
	struct fault f = { 0 };

	(void)state;
	write_file("ca-pass", "geheim\n", 7);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_int_equal(secret_load(STR("credential:ca-pass"), &s, &f), RC_OK);
	assert_true(bytes_eq(secret_bytes(s), bytes_of("geheim", 6)));
	secret_free(TAKE(s));
	assert_int_equal(secret_load(STR("credential:absent"), &s, &f), RC_NOTFOUND);
	assert_non_null(strstr(f.detail, "credential:absent"));
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(secret_load(STR("credential:ca-pass"), &s, &f), RC_NOTFOUND);
	assert_non_null(strstr(f.detail, "$CREDENTIALS_DIRECTORY"));
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	assert_int_equal(secret_load(STR("credential:ca-pass"), &s, &f), RC_NOTFOUND);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_null(s);
}

static void test_secret_load__refused_references(void **state)
{
	static const struct {
		struct str ref;
		enum rc rc;
	} rows[] = {
		{ STR(""), RC_INVALID },
		{ STR("hunter2"), RC_INVALID }, /* a secret itself, not a reference */
		{ STR("file:"), RC_INVALID },
		{ STR("File:/etc/hostname"), RC_INVALID },
		{ STR("env:HOME"), RC_INVALID },
		{ STR("credential:"), RC_INVALID },
		{ STR("credential:."), RC_INVALID },
		{ STR("credential:.."), RC_INVALID },
		{ STR("credential:../etc/passwd"), RC_INVALID },
		{ STR("credential:a/b"), RC_INVALID },
		{ STR("credential:/etc/passwd"), RC_INVALID },
		{ STR("file:/etc/host\0name"), RC_INVALID },
		{ STR("file:/nonexistent/pass"), RC_NOTFOUND },
		{ STR("file:/etc"), RC_DENIED },
		{ STR("file:/dev/zero"), RC_DENIED },
	};

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", "/etc", 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret *s = NULL;
		struct fault f = { 0 };

		assert_int_equal(secret_load(rows[i].ref, &s, &f), rows[i].rc);
		assert_int_equal(f.rc, rows[i].rc);
		assert_null(strstr(f.detail, "hunter2"));
		assert_null(s);
		assert_int_equal(secret_load(rows[i].ref, &s, NULL), rows[i].rc);
	}
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_secret_load__a_pipe_without_writer_does_not_hang(void **state)
{
	struct secret *s = NULL;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(secret_load(file_ref("fifo"), &s, NULL), RC_DENIED);
	unlink(path);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/assay-secret-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "pass", "big", "ca-pass", "fifo" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_new__copies),
		cmocka_unit_test(test_secret_new__empty_and_impossible),
		cmocka_unit_test(test_secret_new__stays_out_of_core_dumps),
		cmocka_unit_test(test_secret_eq__table),
		cmocka_unit_test(test_secret_cleanse__overwrites),
		cmocka_unit_test(test_secret_load__one_trailing_newline_is_dropped),
		cmocka_unit_test(test_secret_load__at_most_64_kib),
		cmocka_unit_test(test_secret_load__credential_is_found_by_name),
		cmocka_unit_test(test_secret_load__refused_references),
		cmocka_unit_test(test_secret_load__a_pipe_without_writer_does_not_hang),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
