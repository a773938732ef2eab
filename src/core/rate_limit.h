/* rate_limit.h - rate limits (RFC 8555 §6.6): how often an address, an account, a name, a binding key or
 * all of a directory may do something. Each is a bucket: so many at once, refilled evenly over its
 * period. Any thread; a look-up costs about a microsecond and never touches the store.
 *
 * Memory is bounded: a fixed table; where it is full the bucket that is nearest to untouched gives
 * way. What is in the buckets is saved once a minute and at stop, so a restart forgives little. */
#ifndef ASSAY_CORE_RATE_LIMIT_H
#define ASSAY_CORE_RATE_LIMIT_H

#include "core/core.h"
#include "net/addr.h"

struct limits;
struct identifier;

enum rc limits_new(struct limits **out) MUST_USE;
void limits_free(struct limits *l);
/* Before threads start: what the last run saved. */
enum rc limits_load(struct limits *l, struct store_read *read) MUST_USE;
/* Adds what has changed since the last call to the transaction. */
enum rc limits_save(struct limits *l, struct tx *tx) MUST_USE;

/* The name of the rule ("new-orders-per-account-hour") and of its subject ("account ID"). */
const char *limit_rule_name(enum limit_rule rule);
/* "100/h", "5/7d", "off": false when malformed. */
bool limit_parse(struct str text, struct limit *out);
/* The figures of the preset. */
struct limit limit_preset(int preset, enum limit_rule rule);

/* Takes one, or says rateLimited with the rule's name and Retry-After. */
enum rc limits_take(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		    struct fault *f) MUST_USE;
/* Is there one to take? Takes none. */
enum rc limits_check(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		     struct fault *f) MUST_USE;
/* Is there one to take? For a question that no client asked: a refusal is not counted either. */
enum rc limits_look(struct limits *l, const struct config *c, enum limit_rule rule, struct str subject,
		    struct fault *f) MUST_USE;
/* limits_take() for the prefix of a peer's address: /32 and /64. */
enum rc limits_take_address(struct limits *l, const struct config *c, enum limit_rule rule,
			    const struct addr *peer, struct fault *f) MUST_USE;

/* All that count for a new order, or none of them. Once in a request, however often it runs. */
enum rc limits_new_order(struct context *c, const struct directory *d, struct id account, struct str eab_kid,
			 const struct identifier *names, size_t count, struct fault *f) MUST_USE;
/* Would limits_new_order() refuse? Takes and counts nothing; account absent: but for what is about it. */
enum rc limits_look_order(struct context *c, const struct directory *d, struct str account, struct str eab_kid,
			  const struct identifier *names, size_t count, struct fault *f) MUST_USE;
/* One certificate for each of the names and each of their zones, at finalize. */
enum rc limits_new_cert(struct context *c, const struct identifier *names, size_t count,
			struct fault *f) MUST_USE;

/* --- for the operator --- */

struct limit_state {
	enum limit_rule rule;
	struct str subject; /* in the arena */
	int64_t used;       /* not yet refilled */
};
/* The fullest, at most max of them. */
enum rc limits_list(struct limits *l, const struct config *c, struct arena *a, size_t max,
		    struct limit_state **out, size_t *out_count) MUST_USE;
/* Empties the buckets of the subject, absent: all; returns how many. */
size_t limits_reset(struct limits *l, struct str subject);
/* How often a rule has refused since the start. */
uint64_t limits_refused(const struct limits *l, enum limit_rule rule);

#endif
