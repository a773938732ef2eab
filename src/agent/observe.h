/* observe.h - what is: the keys and certificates on disk, and the order under way. */
#ifndef ASSAY_AGENT_OBSERVE_H
#define ASSAY_AGENT_OBSERVE_H

#include "acme/identifier.h"
#include "agent/files.h"
#include "crypto/key.h"

/* One generation (files.h). What cannot be read is as if it were not there; `trouble` says why. */
struct observed_set {
	struct str generation;    /* absent: there is none */
	struct privkey *key;      /* owned; NULL: none, or none that we can read */
	bool has_certificate;     /* fullchain.pem, with a leaf that we can read */
	bool key_matches;         /* the leaf is for this key */
	int64_t not_before, not_after;
	struct identifier *identifiers;
	size_t identifier_count;
	struct str order_server;  /* directory URL of the order under way; absent: none */
	struct str order_url;
	char trouble[FAULT_DETAIL_MAX]; /* "" if none */
};
struct observed {
	struct observed_set live, next;
};
/* Fails only where nothing can be said: no memory, no access. */
enum rc observe(const struct files *files, struct arena *a, struct observed *out, struct fault *f) MUST_USE;
void observed_done(struct observed *o);

/* What is remembered of a server between runs, as two lines: its directory, and the URL of an order
 * (a generation's file `order`) or of the account (account.h). */
enum rc url_file_write(struct arena *a, struct str server, struct str url, struct bytes *out) MUST_USE;
/* False: it is not what url_file_write() makes. */
bool url_file_read(struct str text, struct str *out_server, struct str *out_url);

#endif
