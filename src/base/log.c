/* log.c - one event, one line, one write(2).
 *
 * A log must neither block a request nor be forged by a peer. So a line is built in 4096 octets
 * (PIPE_BUF: a pipe takes it whole or not at all) and leaves without waiting: a pipe or terminal
 * is opened a second time with O_NONBLOCK, because that flag on descriptor 2 itself would reach
 * every process that shares it; a socket (the journal) gets MSG_DONTWAIT; a file cannot block.
 * A line that does not leave is counted, and the next one that does is preceded by "log_gap" with
 * that count. Values are escaped as in JSON: control characters, line separators and the marks
 * that reorder text on a terminal never reach the output. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_LEN 4096
#define LINE_TAIL 32 /* kept free for closing a cut line */
#define REQUEST_ID_MAX 64

enum sink_kind {
	SINK_POLLED, /* ask poll(2) before each write */
	SINK_PLAIN,  /* a file, or opened with O_NONBLOCK */
	SINK_SOCKET,
};

struct sink {
	pthread_mutex_t lock; /* guards all below; a leaf lock */
	enum sink_kind kind;
	int fd;
	uint64_t dropped; /* lines since the last one that left */
	bool torn;        /* the last write was cut: the next line starts with a newline */
};

struct line { /* or two of them: a gap and the line after it */
	char p[LINE_MAX_LEN]; /* p[0] is a newline, for a torn sink */
	size_t len;
	bool json;
	bool cut; /* something did not fit; nothing more is added */
};

static struct sink sink = { PTHREAD_MUTEX_INITIALIZER, SINK_POLLED, STDERR_FILENO, 0, false };
static _Atomic int log_level = LOG_LEVEL_INFO;
static _Atomic int log_format = LOG_FORMAT_TEXT;
static atomic_bool log_to_journal;
static _Thread_local char request_id[REQUEST_ID_MAX];

static const struct {
	const char *name;
	char priority; /* syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", '3' },
	[LOG_LEVEL_WARN] = { "warn", '4' },
	[LOG_LEVEL_INFO] = { "info", '6' },
	[LOG_LEVEL_DEBUG] = { "debug", '7' },
};

/* systemd sets $JOURNAL_STREAM to device and inode of the socket that leads to the journal. */
static bool is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char expected[64];

	snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)st->st_dev,
		 (uintmax_t)st->st_ino);
	return stream && strcmp(stream, expected) == 0;
}

/* With the lock held. */
static void sink_open(struct sink *s)
{
	struct stat st;
	int fd;

	if (s->fd != STDERR_FILENO)
		close(s->fd);
	s->fd = STDERR_FILENO;
	s->kind = SINK_POLLED;
	s->torn = false;
	if (fstat(STDERR_FILENO, &st) != 0)
		return;
	atomic_store(&log_to_journal, is_journal(&st));
	if (S_ISREG(st.st_mode)) {
		s->kind = SINK_PLAIN;
	} else if (S_ISSOCK(st.st_mode)) {
		s->kind = SINK_SOCKET;
	} else {
		fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return;
		s->fd = fd;
		s->kind = SINK_PLAIN;
	}
}

void log_setup(enum log_level level, enum log_format format)
{
	atomic_store(&log_level, (int)level);
	atomic_store(&log_format, (int)format);
	pthread_mutex_lock(&sink.lock);
	sink_open(&sink);
	pthread_mutex_unlock(&sink.lock);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_request_id(const char *id)
{
	str_printable(str_of(id), request_id, sizeof(request_id));
}

static bool line_room(struct line *l, size_t len)
{
	if (l->cut || len > sizeof(l->p) - LINE_TAIL - l->len)
		l->cut = true;
	return !l->cut;
}

/* May use the tail: for what closes a line. */
static void line_close(struct line *l, const char *text)
{
	size_t len = strlen(text);

	memcpy(l->p + l->len, text, len);
	l->len += len;
}

static void line_add(struct line *l, const char *p, size_t len)
{
	if (line_room(l, len)) {
		memcpy(l->p + l->len, p, len);
		l->len += len;
	}
}

static void line_text(struct line *l, const char *text)
{
	line_add(l, text, strlen(text));
}

/* The escaped form of one character (len octets at p, code) into out; its length. */
static size_t escape(char out[8], const char *p, size_t len, uint32_t code)
{
	const char *at;

	if (code == '"' || code == '\\') {
		out[0] = '\\';
		out[1] = (char)code;
		return 2;
	}
	at = code && code < 0x20 ? strchr("\nn\rr\tt\bb\ff", (int)code) : NULL;
	if (at) {
		out[0] = '\\';
		out[1] = at[1];
		return 2;
	}
	if (utf8_is_control(code))
		return (size_t)snprintf(out, 8, "\\u%04" PRIx32, code);
	memcpy(out, p, len);
	return len;
}

static void line_quoted(struct line *l, struct str s)
{
	uint32_t code;

	line_add(l, "\"", 1);
	if (l->cut)
		return;
	for (size_t i = 0, len; i < s.len && !l->cut; i += len) {
		char unit[8];
		size_t unit_len;

		len = str_utf8_at(s, i, &code);
		if (len == 0) { /* not UTF-8, so not JSON either: say which octet it was */
			len = 1;
			unit_len = l->json ? (size_t)snprintf(unit, sizeof(unit), "\\ufffd") :
				   (size_t)snprintf(unit, sizeof(unit), "\\x%02x",
						    (uint8_t)s.p[i]);
		} else {
			unit_len = escape(unit, s.p + i, len, code);
		}
		line_add(l, unit, unit_len);
	}
	line_close(l, "\"");
}

/* Text that needs no quotes: one word that cannot be taken for another field. */
static bool is_word(struct str s)
{
	static const char also[] = "._:/@+,-*[]%~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (!c || !strchr(also, c)))
			return false;
	}
	return s.len > 0;
}

static void line_value(struct line *l, struct str s)
{
	if (l->json && !s.p)
		line_text(l, "null");
	else if (!l->json && is_word(s) && s.len <= sizeof(l->p) - LINE_TAIL - l->len)
		line_add(l, s.p, s.len);
	else
		line_quoted(l, s);
}

/* False when the name does not fit: then nothing was added. */
static bool line_name(struct line *l, const char *name)
{
	size_t len = strlen(name);

	/* The name, its punctuation, and a value that is a number. */
	if (!line_room(l, len + 32))
		return false;
	line_text(l, l->json ? ",\"" : " ");
	line_add(l, name, len);
	line_text(l, l->json ? "\":" : "=");
	return true;
}

static void line_field(struct line *l, const struct log_field *field)
{
	char text[ID_TEXT_LEN + 1];

	if (!line_name(l, field->name))
		return;
	switch (field->kind) {
	case LOG_FIELD_STR:
		line_value(l, field->s);
		break;
	case LOG_FIELD_INT:
		snprintf(text, sizeof(text), "%" PRId64, field->i);
		line_text(l, text);
		break;
	case LOG_FIELD_ID:
		id_text(field->id, text);
		line_value(l, str_of(text));
		break;
	}
}

/* Time and level. The journal keeps the time itself and takes the level from "<N>". */
static void line_start(struct line *l, enum log_level level, const char *event)
{
	bool journal = atomic_load_explicit(&log_to_journal, memory_order_relaxed);
	int64_t now_ms = clock_now_ms();
	char time[21], stamp[32], prefix[] = "<0>";

	clock_rfc3339(now_ms / 1000, time);
	snprintf(stamp, sizeof(stamp), "%.19s.%03dZ", time, (int)(now_ms % 1000));
	if (l->json) {
		line_text(l, "{\"time\":\"");
		line_text(l, stamp);
		line_text(l, "\",\"level\":\"");
		line_text(l, levels[level].name);
		line_text(l, "\",\"event\":");
		line_quoted(l, str_of(event));
	} else {
		if (journal) {
			prefix[1] = levels[level].priority;
			line_text(l, prefix);
		} else {
			line_text(l, stamp);
			line_text(l, " ");
			line_text(l, levels[level].name);
			line_text(l, " ");
		}
		line_value(l, str_of(event));
	}
	if (request_id[0])
		line_field(l, &F_TEXT("request", request_id));
}

/* Appends a whole line to what is there. */
static void line_build(struct line *l, enum log_level level, const char *event,
		       const struct log_field *fields, size_t count)
{
	line_start(l, level, event);
	for (size_t i = 0; i < count && !l->cut; i++)
		line_field(l, &fields[i]);
	if (l->cut)
		line_close(l, l->json ? ",\"truncated\":true" : " truncated=true");
	line_close(l, l->json ? "}\n" : "\n");
}

static ssize_t sink_write(const struct sink *s, const char *p, size_t len)
{
	struct pollfd ready = { .fd = s->fd, .events = POLLOUT };
	ssize_t sent;

	do {
		if (s->kind == SINK_SOCKET)
			sent = send(s->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (s->kind == SINK_PLAIN || poll(&ready, 1, 0) == 1)
			sent = write(s->fd, p, len);
		else
			return -1;
	} while (sent < 0 && errno == EINTR);
	return sent;
}

/* With the lock held. False when nothing or only a part of the line left. */
static bool sink_line(struct sink *s, const struct line *l)
{
	size_t skip = s->torn ? 0 : 1;
	ssize_t sent = sink_write(s, l->p + skip, l->len - skip);

	if (sent <= 0)
		return false;
	s->torn = (size_t)sent < l->len - skip;
	return !s->torn;
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	struct line line;
	int saved = errno;

	if (!log_enabled(level))
		return;
	line.p[0] = '\n';
	line.len = 1;
	line.cut = false;
	line.json = atomic_load_explicit(&log_format, memory_order_relaxed) == LOG_FORMAT_JSON;
	pthread_mutex_lock(&sink.lock);
	if (sink.dropped) {
		/* In one write with the line, or it would fit alone where the line does not. */
		struct log_field dropped = F_INT("dropped", sink.dropped);

		line_build(&line, LOG_LEVEL_WARN, "log_gap", &dropped, 1);
	}
	line_build(&line, level, event, fields, count);
	if (sink_line(&sink, &line))
		sink.dropped = 0;
	else
		sink.dropped++;
	pthread_mutex_unlock(&sink.lock);
	errno = saved;
}
