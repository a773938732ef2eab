/* fetch_hop.h - one GET from one address that was vetted: the part of a fetch that libcurl does.
 * Belongs to the loop's thread. */
#ifndef ASSAY_NET_FETCH_HOP_H
#define ASSAY_NET_FETCH_HOP_H

#include "base/buf.h"
#include "net/addr.h"
#include "net/loop.h"

struct hops; /* libcurl's multi handle on one loop */
struct hop;

struct hop_spec {
	const char *url;
	struct addr addr; /* dialled, whatever the URL says */
	struct addr_policy policy;
	size_t max_body;
	const char *user_agent;
};

enum hop_outcome {
	HOP_RESPONSE,   /* with status 200: and its whole body; else only its head was read */
	HOP_NO_CONNECT, /* another address may do better */
	HOP_NO_TLS,
	HOP_BROKEN,     /* the connection was made, no proper response came */
	HOP_TOO_LARGE,  /* the body */
	HOP_FAILED,     /* our own fault: rc says which */
};

struct hop_result {
	enum hop_outcome outcome;
	enum rc rc; /* of HOP_FAILED */
	int status;
	struct str location; /* the one Location, absent if none */
	int64_t date_at;     /* Date (RFC 9110 §6.6.1); 0: none that can be read */
	struct bytes body;
	bool transient;   /* of HOP_BROKEN: may pass */
	const char *text; /* "connection refused", ...; "" for a response */
};

enum rc hops_new(struct loop *l, struct hops **out) MUST_USE;
void hops_free(struct hops *h); /* hops that are under way are cancelled */

/* done runs once, never from within hop_start; result lives only during the call. */
enum rc hop_start(struct hops *h, const struct hop_spec *spec,
		  void (*done)(void *arg, const struct hop_result *result), void *arg,
		  struct hop **out) MUST_USE;
void hop_cancel(struct hop *hop); /* not once done has begun; NULL is allowed */
/* Of a hop that is under way, or from within done. There is no deadline in here: who started the
 * hop cancels it. */
enum hop_stage { HOP_CONNECTING, HOP_IN_TLS, HOP_CONNECTED };
enum hop_stage hop_stage(const struct hop *hop);

#endif
