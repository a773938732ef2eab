/* json.h - the one door to jansson, with limits before parsing: bytes, nesting depth, number of
 * tokens and string length are counted in one pass over the text before jansson sees it
 * (CVE-2025-6203 and the like); duplicate members, bad UTF-8, NUL and trailing text are refused.
 * Only codecs include this. */
#ifndef ASSAY_ACME_JSON_H
#define ASSAY_ACME_JSON_H

#include <jansson.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/fault.h"

/* RC_INVALID with a malformed fault; *out is a new reference. max_bytes: LIMIT_JSON_BYTES for peers.
 * Never call jansson's own loaders: they do not survive a failed allocation (json_load.c). */
enum rc json_read(struct str text, size_t max_bytes, json_t **out, struct fault *f) MUST_USE;
/* Compact text in the arena. */
enum rc json_write(struct arena *a, const json_t *value, struct str *out) MUST_USE;

static inline void json_auto_decref(json_t **j)
{
	json_decref(*j);
}
#define AUTO_JSON __attribute__((cleanup(json_auto_decref)))

/* Writing JSON text without a tree, for hot paths: escapes strings, places commas. Errors stick in
 * the buf. */
struct buf;
struct json_out {
	struct buf *buf;
	bool comma; /* a value was written at this level */
};
void json_out_open(struct json_out *o, const char *key, char bracket); /* key NULL in arrays */
void json_out_close(struct json_out *o, char bracket);
void json_out_str(struct json_out *o, const char *key, struct str value);
void json_out_int(struct json_out *o, const char *key, int64_t value);
void json_out_bool(struct json_out *o, const char *key, bool value);
void json_out_time(struct json_out *o, const char *key, int64_t at_s); /* RFC 3339 */
void json_out_raw(struct json_out *o, const char *key, struct str json);
/* What was written, copied into the arena; RC_NOMEM when the buf or the arena was too small. */
enum rc json_out_take(struct json_out *o, struct arena *a, struct str *out) MUST_USE;

#endif
