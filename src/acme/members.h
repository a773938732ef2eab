/* members.h - reading the members of one JSON object, for the codecs of this folder.
 * A reader knows the section that defines the object, so that every fault cites it and names the
 * member. A member that is null counts as absent: Go programs write null for an empty slice. */
#ifndef ASSAY_ACME_MEMBERS_H
#define ASSAY_ACME_MEMBERS_H

#include "acme/json.h"

struct members {
	struct arena *arena;
	const json_t *object; /* borrowed */
	const char *section;  /* "RFC 8555 §7.4" */
	struct fault *f;
};

/* "%.*s" of what a peer sent: enough to recognise it, not so much that the remedy is cut off. */
#define SHOWN_MAX 100
#define SHOWN(s) (int)((s).len < SHOWN_MAX ? (s).len : SHOWN_MAX), (s).p ? (s).p : ""

enum member_need { MEMBER_OPTIONAL, MEMBER_REQUIRED };

/* json_read(), and the value must be an object. */
enum rc json_read_object(struct str text, size_t max_bytes, const char *section, json_t **out,
			 struct fault *f) MUST_USE;
/* Reads the object that m is about; the caller keeps it in *out_root for as long as m is used. */
enum rc members_open(struct members *m, struct str json, size_t max_bytes, json_t **out_root) MUST_USE;
/* The member, or NULL when it is absent or null. */
const json_t *member_get(const struct members *m, const char *name);
/* Borrowed from the JSON value. */
struct str json_text(const json_t *string);

/* Each leaves *out as it is when an optional member is absent. */
enum rc member_str(const struct members *m, const char *name, enum member_need need,
		   struct str *out) MUST_USE;
enum rc member_bool(const struct members *m, const char *name, bool *out) MUST_USE;
enum rc member_int(const struct members *m, const char *name, bool *out_present, int64_t *out) MUST_USE;
/* RFC 3339; an empty string counts as absent. */
enum rc member_time(const struct members *m, const char *name, int64_t *out) MUST_USE;
/* An array of at most max strings. */
enum rc member_strs(const struct members *m, const char *name, enum member_need need, size_t max,
		    struct str **out, size_t *out_count) MUST_USE;
/* An object, as compact JSON text. */
enum rc member_object(const struct members *m, const char *name, enum member_need need,
		      struct str *out) MUST_USE;
/* A required array. */
enum rc member_array(const struct members *m, const char *name, const json_t **out) MUST_USE;
/* A required base64url string of at most max octets; '=' at the end is forgiven (FIELD Q10). */
enum rc member_octets(const struct members *m, const char *name, size_t max,
		      struct bytes *out) MUST_USE;

/* Strict base64url (RFC 7515 §2) into the arena; the fault says what is wrong with it. */
enum rc base64url_read(struct arena *a, const char *section, const char *name, struct str text,
		       struct bytes *out, struct fault *f) MUST_USE;

#endif
