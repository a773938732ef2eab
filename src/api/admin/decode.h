/* decode.h - what admin clients send, as structs: query parameters and JSON bodies. Strict: a member
 * or parameter that is not known is refused by its name, so that a typing error never does something
 * else than was meant. No threads, no store. */
#ifndef ASSAY_API_ADMIN_DECODE_H
#define ASSAY_API_ADMIN_DECODE_H

#include "base/arena.h"
#include "base/fault.h"

#define ADMIN_PAGE 100      /* objects in a page unless ?limit= says otherwise */
#define ADMIN_PAGE_MAX 1000

/* One parameter that a resource knows. */
struct query_param {
	const char *name;
	struct str *out; /* left alone when the query does not have it; percent-decoded */
};
/* "a=b&c=d" (absent: nothing): percent-decoded UTF-8 without control characters, each name at most
 * once and one of the table's, which ends with a NULL name. */
enum rc admin_query_decode(struct arena *a, struct str query, const struct query_param *table,
			   struct fault *f) MUST_USE;
/* A name in the path. */
enum rc admin_segment_decode(struct arena *a, struct str segment, struct str *out, struct fault *f) MUST_USE;
/* 1..ADMIN_PAGE_MAX; an absent text is ADMIN_PAGE. */
enum rc admin_limit_decode(struct str text, int64_t *out, struct fault *f) MUST_USE;

/* POST /v1/certs. Names may be left out: those of the request are taken then. */
struct admin_issue {
	struct str *dns, *ip;
	size_t dns_count, ip_count;
	struct str profile, authority; /* absent: the first directory's */
	int64_t duration_s;            /* 0: the profile's */
	struct str csr;                /* PEM */
};
enum rc admin_issue_decode(struct arena *a, struct str json, struct admin_issue *out,
			   struct fault *f) MUST_USE;
/* POST /v1/certs/SERIAL/revoke: reason as a name or number of RFC 5280 §5.3.1; 0 when left out. */
enum rc admin_revoke_decode(struct arena *a, struct str json, int64_t *out_reason, struct fault *f) MUST_USE;
struct json_t;
/* Every member of the object is one of these; the list ends with NULL. */
enum rc admin_only_members(const struct json_t *object, const char *const *known, struct fault *f) MUST_USE;
/* No body, or an empty object. */
enum rc admin_nothing_decode(struct str json, struct fault *f) MUST_USE;

#endif
