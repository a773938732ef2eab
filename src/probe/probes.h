/* probes.h - the server's end: the probes that dial in, and what is asked of them. A probe is known by its
 * key and its name, both from the settings; whoever has another key does not get through the handshake.
 * A probe can do nothing here but say what it saw when it was asked to look.
 * Belongs to the loop's thread, but for probes_list(), which any may call. */
#ifndef ASSAY_PROBE_PROBES_H
#define ASSAY_PROBE_PROBES_H

#include "net/link.h"
#include "probe/message.h"

struct probes;

struct probes_options {
	struct loop *loop;
	struct tls_server *tls;
	int64_t keepalive_ms; /* 0: 15 s; who says nothing for two of them is gone */
};
enum rc probes_new(const struct probes_options *o, struct probes **out) MUST_USE;
/* Looks under way must have ended or been cancelled. NULL is allowed. */
void probes_free(struct probes *p);

/* A probe of the settings. */
struct probe_pin {
	struct str name;
	uint8_t key[SHA256_LEN]; /* of its SubjectPublicKeyInfo */
};
/* Who may dial in from now on; those that are not among them, or have another key, are cut off. */
enum rc probes_allow(struct probes *p, const struct probe_pin *pins, size_t count, struct str service) MUST_USE;
enum rc probes_listen(struct probes *p, const struct addr *a, struct addr *out_bound, struct fault *f) MUST_USE;
/* Listens no more; who is connected may finish what it is looking at. */
void probes_drain(struct probes *p);

/* --- looks --- */

#define PROBE_TROUBLE_MAX 200

/* Says why this probe cannot be asked now: "probe b is not connected since ...". False: it can. */
bool probes_missing(struct probes *p, struct str name, char why[PROBE_TROUBLE_MAX]);

struct probe_errand;
/* The look is encoded at once and waits its turn where the probe has enough to do. done runs once, never
 * from within: with what was seen, or with NULL and why there is nothing: the probe went away, or did not
 * answer within deadline_ms and a little more. RC_UNAVAILABLE: probes_missing() says why; RC_LIMIT: the
 * look is too large to be sent; RC_BUSY: too many wait. */
enum rc probes_look(struct probes *p, struct str name, const struct probe_look *look, int64_t deadline_ms,
		    void (*done)(void *arg, const struct probe_seen *seen, const char *why), void *arg,
		    struct probe_errand **out) MUST_USE;
/* Not once done has begun. NULL is allowed. */
void probes_cancel(struct probe_errand *e);

/* --- for people --- */

struct probe_status {
	char name[PROBE_NAME_MAX + 1];
	bool connected;
	int64_t since;     /* connected, or not connected, since; 0: never was since the start */
	int64_t last_seen; /* when it last said anything; 0: never */
	char address[ADDR_TEXT_MAX]; /* it is, or was last, connected from; "" */
	char version[65];
	uint64_t looks;    /* that it was asked for */
	uint64_t failures; /* of them, without an answer */
	unsigned under_way, waiting;
};
#define PROBES_LISTED_MAX 256
/* Fills at most max; returns how many there are in the settings. */
size_t probes_list(struct probes *p, struct probe_status *out, size_t max);
/* Connections that were turned away because their key or name was not known. */
uint64_t probes_refused(struct probes *p);

#endif
