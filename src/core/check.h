/* check.h - the doctor: would this name get a certificate now, and if not, why? Goes the way of an
 * order - name, account, zone, profile, authority, limits, proof of control, CAA - and says at each
 * step what it found, with cause and remedy. Nothing is issued, stored or counted.
 *
 * What goes out to strangers goes through the validators themselves, with a token that nobody has: the
 * same addresses, policy, resolver and deadlines as a validation. Belongs to the jobs' loop, and only
 * the operator may ask. */
#ifndef ASSAY_CORE_CHECK_H
#define ASSAY_CORE_CHECK_H

#include "core/core.h"

#define CHECK_LINES_MAX 128
/* Longer than any check can take: all its steps have deadlines. */
#define CHECK_MOST_MS 50000

enum check_grade { CHECK_OK, CHECK_WARN, CHECK_FAIL };
const char *check_grade_name(enum check_grade grade); /* "ok", "warn", "fail" */

struct check_line {
	enum check_grade grade;
	const char *topic;  /* "zone", "http-01", ...; static */
	struct str text;    /* what was found, and for a fault its cause */
	struct str remedy;  /* of WARN and FAIL */
	struct str trace;   /* what was tried, lines; absent if nothing was */
};

/* As the operator wrote it; only the name must be there. */
struct check_request {
	struct str name;
	struct str account;   /* id, or URL that ends in it; absent: anybody's */
	struct str directory; /* absent: the account's, or the first */
	struct str profile;   /* absent: the one that an order without a profile gets */
	struct str challenge; /* absent: whatever the zone offers */
};

/* Lives as long as its check. */
struct check_report {
	struct str name; /* canonical, as far as it could be read */
	struct str account, directory, zone, profile, authority; /* absent: not known */
	const struct check_line *lines;
	size_t line_count;
	bool would_issue;
	struct str cause, remedy; /* the first FAIL; or how it would be issued */
};

struct check;
/* The store is read at once, in the context's snapshot; what must be asked outside goes on by itself.
 * RC_INVALID, RC_NOTFOUND: what was asked makes no sense; RC_BUSY: too many checks, or the settings
 * were just reloaded. */
enum rc check_start(struct context *c, const struct check_request *r, struct check **out,
		    struct fault *f) MUST_USE;
/* NULL: not yet; core/watch fires for check_id() then. */
const struct check_report *check_report(const struct check *k);
struct id check_id(const struct check *k);
/* Also while it is under way. NULL is allowed. */
void check_free(struct check *k);

/* --- for jobs.c: nothing is asked any more, the checks stay their owners' --- */
struct jobs;
void checks_end(struct jobs *j);

#endif
