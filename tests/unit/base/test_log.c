/* test_log.c - no peer forges a line, and no reader blocks a request (TRUST V42). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define NOW_MS 1795259045067 /* 2026-11-21T11:04:05.067Z */
#define STAMP "2026-11-21T11:04:05.067Z "

/* Descriptor 2 is something else for a while. */
static struct capture {
	int saved;
	int read_fd;
	char text[1 << 20];
} capture;

static void capture_start(int write_fd, int read_fd)
{
	capture.saved = dup(STDERR_FILENO);
	capture.read_fd = read_fd;
	assert_true(capture.saved >= 0);
	assert_int_equal(dup2(write_fd, STDERR_FILENO), STDERR_FILENO);
	close(write_fd);
	assert_int_equal(fcntl(read_fd, F_SETFL, O_NONBLOCK), 0);
}

static void capture_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	capture_start(fds[1], fds[0]);
}

/* What was written since the last call. */
static const char *captured(void)
{
	size_t len = 0;
	ssize_t got;

	while ((got = read(capture.read_fd, capture.text + len,
			   sizeof(capture.text) - 1 - len)) > 0)
		len += (size_t)got;
	capture.text[len] = '\0';
	assert_int_equal(strlen(capture.text), len); /* a NUL never gets out */
	return capture.text;
}

static void capture_stop(void)
{
	dup2(capture.saved, STDERR_FILENO);
	close(capture.saved);
	close(capture.read_fd);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

static int setup(void **state)
{
	(void)state;
	clock_fake(NOW_MS);
	log_request_id("");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_real();
	return 0;
}

static void test_log_event__text_line(void **state)
{
	struct id id = { { [15] = 1 } };

	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	LOG_INFO("order_ready", F_ID("order", id), F_INT("identifiers", -3),
		 F_TEXT("name", "*.lab.internal"), F_TEXT("who", "two words"), F_TEXT("none", ""));
	assert_string_equal(captured(), STAMP "info order_ready order=00000000000000000000000001 "
			    "identifiers=-3 name=*.lab.internal who=\"two words\" none=\"\"\n");
	LOG_WARN("bare");
	assert_string_equal(captured(), STAMP "warn bare\n");
	LOG_DEBUG("hidden", F_INT("n", 1));
	assert_string_equal(captured(), "");
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	LOG_WARN("hidden");
	LOG_ERROR("shown", F_INT("least", INT64_MIN));
	assert_string_equal(captured(), STAMP "error shown least=-9223372036854775808\n");
	capture_stop();
}

static void test_log_event__json_line(void **state)
{
	struct id id = { { [15] = 1 } };

	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	LOG_DEBUG("order_ready", F_ID("order", id), F_INT("n", 7), F_TEXT("who", "a \"b\" \\"),
		  F_STR("absent", ((struct str){ NULL, 0 })));
	assert_string_equal(captured(),
			    "{\"time\":\"2026-11-21T11:04:05.067Z\",\"level\":\"debug\","
			    "\"event\":\"order_ready\",\"order\":\"00000000000000000000000001\","
			    "\"n\":7,\"who\":\"a \\\"b\\\" \\\\\",\"absent\":null}\n");
	capture_stop();
}

static void log_in_thread(void *arg)
{
	(void)arg;
	LOG_INFO("other");
	log_request_id("two");
	LOG_INFO("other");
}

static void test_log_request_id__belongs_to_its_thread(void **state)
{
	struct thread t = { 0 };

	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_request_id("one");
	assert_int_equal(thread_start(&t, "log", log_in_thread, NULL), RC_OK);
	thread_join(&t);
	LOG_INFO("mine", F_INT("n", 1));
	log_request_id("");
	LOG_INFO("mine");
	log_request_id(NULL);
	LOG_INFO("mine");
	assert_string_equal(captured(), STAMP "info other\n" STAMP "info other request=two\n"
			    STAMP "info mine request=one n=1\n" STAMP "info mine\n"
			    STAMP "info mine\n");
	capture_stop();
}

static const struct str hostile[] = {
	STR("a\nb"), STR("a\r\n2026-11-21T11:04:05.067Z info order_ready"), STR("\x1b[2J\x1b]0;x\x07"),
	STR("a\0b"), STR("\0"), STR("\x7f\x80\x9b"), STR("\xc2\x9b" "31m"), STR("\xc2\x85"),
	STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\xe2\x80\xae" "evil"), STR("\xc0\x8a"), /* overlong LF */
	STR("\xe0\x80\x8a"), STR("\xed\xa0\x80"), STR("\xf4\x90\x80\x80"), STR("\xff\xfe"),
	STR("\xc3"), STR("x\" level=error y=\""), STR("\",\"level\":\"error\",\"x\":\""),
	STR("\\"), STR("\\\""), STR("a=b c=d"), STR("<3>fake"), STR("\xef\xbb\xbf"), STR("\n\n\n"),
	STR("\t\b\f\v\a"), STR("ok \xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"),
};

static void test_log_event__text_cannot_be_forged(void **state)
{
	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		const char *text, *start = STAMP "info e v=\"", *p;
		struct str line;
		uint32_t code;

		LOG_INFO("e", F_STR("v", hostile[i]), F_INT("last", 1));
		text = captured();
		assert_int_equal(count_lines(text), 1);
		line = str_of(text);
		assert_true(str_starts(line, start));
		assert_true(str_ends(line, "\" last=1\n"));
		line.len--;
		for (size_t k = 0, len; k < line.len; k += len) {
			len = str_utf8_at(line, k, &code);
			assert_true(len > 0 && !utf8_is_control(code));
		}
		/* The first quote that is not escaped ends the value. */
		for (p = text + strlen(start); *p != '"'; p++)
			p += *p == '\\';
		assert_string_equal(p, "\" last=1\n");
	}
	LOG_INFO("e", F_STR("v", STR("a\nb\x1b\0\xff")));
	assert_string_equal(captured(), STAMP "info e v=\"a\\nb\\u001b\\u0000\\xff\"\n");
	capture_stop();
}

static void test_log_event__json_cannot_be_forged(void **state)
{
	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		const char *text;
		json_t *json, *v;
		json_error_t error;

		LOG_INFO("e", F_STR("v", hostile[i]), F_INT("last", 1));
		text = captured();
		assert_int_equal(count_lines(text), 1);
		json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
		if (!json)
			fail_msg("row %zu: %s", i, error.text);
		assert_int_equal(json_object_size(json), 5);
		assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
		assert_int_equal(json_integer_value(json_object_get(json, "last")), 1);
		v = json_object_get(json, "v");
		if (str_is_utf8(hostile[i])) {
			assert_int_equal(json_string_length(v), hostile[i].len);
			assert_memory_equal(json_string_value(v), hostile[i].p, hostile[i].len);
		}
		json_decref(json);
	}
	LOG_INFO("e", F_STR("v", STR("a\xff")));
	assert_non_null(strstr(captured(), "\"v\":\"a\\ufffd\"}\n"));
	capture_stop();
}

static void test_log_event__long_values_are_cut(void **state)
{
	static const char *const units[] = { "x", "\n", "\xe2\x82\xac", "\xff", "\"", " " };
	static char value[100000];

	(void)state;
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		capture_pipe();
		log_setup(LOG_LEVEL_INFO, (enum log_format)format);
		for (size_t i = 0; i < COUNT_OF(units) * 40; i++) {
			const char *unit = units[i % COUNT_OF(units)];
			size_t len = i < COUNT_OF(units) ? sizeof(value) : 3900 + i;
			const char *text;

			for (size_t k = 0; k + strlen(unit) <= sizeof(value); k += strlen(unit))
				memcpy(value + k, unit, strlen(unit));
			LOG_INFO("long", F_INT("first", 1), F_STR("v", ((struct str){ value, len })),
				 F_TEXT("w", "after"), F_INT("last", 9));
			text = captured();
			assert_int_equal(count_lines(text), 1);
			assert_true(strlen(text) <= 4096);
			assert_true(str_is_utf8(str_of(text)));
			if (strlen(text) > 4000 || i < COUNT_OF(units))
				assert_true(strstr(text, "truncated") || strstr(text, "last"));
			if (format == LOG_FORMAT_JSON) {
				json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

				assert_non_null(json);
				assert_true(json_object_get(json, "truncated") ||
					    json_object_get(json, "last"));
				json_decref(json);
			}
		}
		capture_stop();
	}
}

/* Fills the pipe or socket, drains it, and expects the gap to be counted to the line. */
static void check_gap(void)
{
	enum { LINES = 3000 };
	size_t kept;
	char expected[200];

	for (int i = 0; i < LINES; i++) /* would block for ever */
		LOG_INFO("fill", F_TEXT("v", "some fifty octets that make the pipe full, yes"));
	kept = count_lines(captured());
	assert_in_range(kept, 1, LINES - 1);
	assert_null(strstr(capture.text, "log_gap"));
	LOG_INFO("after");
	snprintf(expected, sizeof(expected), STAMP "warn log_gap dropped=%zu\n" STAMP "info after\n",
		 LINES - kept);
	assert_string_equal(captured(), expected);
	LOG_INFO("again");
	assert_string_equal(captured(), STAMP "info again\n");
}

static void test_log_event__full_pipe_drops_and_counts_before_setup(void **state)
{
	(void)state;
	capture_pipe();
	check_gap();
	capture_stop();
}

static void test_log_event__full_pipe_drops_and_counts(void **state)
{
	(void)state;
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	check_gap();
	/* Who shares descriptor 2 does not see O_NONBLOCK. */
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	capture_stop();
}

static void test_log_event__full_socket_drops_and_counts(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	capture_start(fds[1], fds[0]);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	check_gap();
	capture_stop();
}

static void test_log_event__journal_gets_the_priority(void **state)
{
	char stream[64];
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	capture_start(fds[1], fds[0]);
	log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	LOG_ERROR("a", F_TEXT("v", "\n<0>forged"));
	LOG_WARN("b");
	LOG_INFO("c");
	LOG_DEBUG("d");
	assert_string_equal(captured(), "<3>a v=\"\\n<0>forged\"\n<4>b\n<6>c\n<7>d\n");
	capture_stop(); /* the old stderr is not the journal: time and level return */
	capture_pipe();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	LOG_INFO("e");
	assert_string_equal(captured(), STAMP "info e\n");
	capture_stop();
	unsetenv("JOURNAL_STREAM");
}

enum { WRITERS = 4, PER_WRITER = 400 };

static void write_many(void *arg)
{
	char text[300];

	memset(text, 'a' + (int)(intptr_t)arg, sizeof(text));
	for (int i = 0; i < PER_WRITER; i++)
		LOG_INFO("many", F_STR("v", ((struct str){ text, sizeof(text) })));
}

static void test_log_event__lines_of_threads_do_not_mix(void **state)
{
	FILE *file = tmpfile();
	struct thread threads[WRITERS] = { 0 };
	const char *p;

	(void)state;
	assert_non_null(file);
	capture_start(dup(fileno(file)), dup(fileno(file)));
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_APPEND), 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	for (intptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(thread_start(&threads[i], "w", write_many, (void *)i), RC_OK);
	for (int i = 0; i < WRITERS; i++)
		thread_join(&threads[i]);
	lseek(capture.read_fd, 0, SEEK_SET);
	p = captured();
	assert_int_equal(count_lines(p), WRITERS * PER_WRITER);
	for (int i = 0; i < WRITERS * PER_WRITER; i++) {
		assert_memory_equal(p, STAMP "info many v=", strlen(STAMP "info many v="));
		p += strlen(STAMP "info many v=");
		assert_int_equal(strspn(p, (char[]){ *p, '\0' }), 300);
		p += 300;
		assert_int_equal(*p++, '\n');
	}
	capture_stop();
	fclose(file);
}

static void test_log_event__keeps_errno(void **state)
{
	(void)state;
	capture_pipe();
	close(capture.read_fd);
	capture.read_fd = open("/dev/null", O_RDONLY);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	errno = 0;
	close(STDERR_FILENO);
	errno = ENOTTY;
	LOG_INFO("nobody reads");
	assert_int_equal(errno, ENOTTY);
	capture_stop();
	capture_pipe(); /* what was lost is said by the next line */
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	LOG_INFO("back");
	assert_string_equal(captured(), STAMP "warn log_gap dropped=1\n" STAMP "info back\n");
	capture_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: log_setup() has not been called yet. */
		cmocka_unit_test_setup_teardown(
			test_log_event__full_pipe_drops_and_counts_before_setup, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_event__text_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_event__json_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_request_id__belongs_to_its_thread, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__text_cannot_be_forged, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__json_cannot_be_forged, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__long_values_are_cut, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__full_pipe_drops_and_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__full_socket_drops_and_counts, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__journal_gets_the_priority, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__lines_of_threads_do_not_mix, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_log_event__keeps_errno, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
