/* log.h - structured log: one line per event, text (journald-friendly, with <N> priority when
 * stderr is the journal) or JSON. Values are escaped, so no peer can forge a line. Thread-safe;
 * never blocks the caller on a full pipe (drops, counts, and says how many were dropped).
 *   LOG_INFO("order_ready", F_ID("order", order->id), F_INT("identifiers", n)); */
#ifndef ASSAY_BASE_LOG_H
#define ASSAY_BASE_LOG_H

#include "base/id.h"
#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
	const char *name;
	enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_ID } kind;
	struct str s;
	int64_t i;
	struct id id;
};

#define F_STR(n, v) ((struct log_field){ .name = (n), .kind = LOG_FIELD_STR, .s = (v) })
#define F_TEXT(n, v) ((struct log_field){ .name = (n), .kind = LOG_FIELD_STR, .s = str_of(v) })
#define F_INT(n, v) ((struct log_field){ .name = (n), .kind = LOG_FIELD_INT, .i = (int64_t)(v) })
#define F_ID(n, v) ((struct log_field){ .name = (n), .kind = LOG_FIELD_ID, .id = (v) })

void log_setup(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define LOG_AT(level, event, ...)                                                          \
	do {                                                                               \
		if (log_enabled(level)) {                                                  \
			const struct log_field log_fields_[] = { { .name = 0 }, ##__VA_ARGS__ }; \
			log_event(level, event, log_fields_ + 1, COUNT_OF(log_fields_) - 1); \
		}                                                                          \
	} while (0)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, ##__VA_ARGS__)
#define LOG_WARN(event, ...) LOG_AT(LOG_LEVEL_WARN, event, ##__VA_ARGS__)
#define LOG_INFO(event, ...) LOG_AT(LOG_LEVEL_INFO, event, ##__VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, ##__VA_ARGS__)

/* The id of the request that this thread is working on, added to every line; "" for none. */
void log_request_id(const char *id);

#endif
