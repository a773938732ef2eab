/* message.h - what the server and a probe say to each other over a link (net/link.h). Both ends use this
 * one strict codec (fuzzed): what it does not know it refuses, and then the link ends.
 *
 *   hello    probe -> server, first, once: version of the protocol, name, version of the program
 *   welcome  server -> probe: the keep-alive interval and what to call the service
 *   refused  server -> probe, instead: why; the link ends
 *   look     server -> probe: id, where and how to look, and by which rules: an HTTP GET, a TLS
 *            handshake or a DNS question, of just those kinds that proofs of control need
 *   seen     probe -> server: id and what came of it, with the trace
 *   cancel   server -> probe: id of a look whose result nobody waits for any more
 *   ping     either way, and pong with the same number
 *   bye      probe -> server: it is about to end and takes no more looks
 *
 * What a challenge must be answered with is in none of them: a probe reports what it sees, and the server
 * compares. Numbers are big-endian, texts have a length of two octets before them, long ones of four.
 * No state: safe from any thread. */
#ifndef ASSAY_PROBE_MESSAGE_H
#define ASSAY_PROBE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "net/fetch.h"
#include "net/tls_probe.h"

#define PROBE_PROTOCOL "assay-probe/1" /* ALPN */
#define PROBE_VERSION 1
#define PROBE_NAME_MAX 64
#define PROBE_SERVERS_MAX 16
#define PROBE_DEADLINE_MAX_MS 120000
#define PROBE_BODY_MAX LIMIT_HTTP01_BODY
#define PROBE_REDIRECTS_MAX 10
#define PROBE_TEXTS_MAX 1024
#define PROBE_ARENA_MAX (256 * 1024) /* for decoding one */

enum probe_message_type {
	PROBE_HELLO = 1,
	PROBE_WELCOME,
	PROBE_REFUSED,
	PROBE_LOOK,
	PROBE_SEEN,
	PROBE_CANCEL,
	PROBE_PING,
	PROBE_PONG,
	PROBE_BYE,
};

enum probe_look_kind { PROBE_LOOK_FETCH = 1, PROBE_LOOK_HANDSHAKE, PROBE_LOOK_ASK };

/* How the DNS is asked. */
struct probe_dns {
	const struct addr *servers; /* the zone's; none: the probe's own */
	size_t server_count;
	bool dnssec;
	int64_t timeout_ms; /* of one question, also to a server directly */
};

struct probe_look {
	enum probe_look_kind kind;
	struct probe_dns dns;
	struct addr_policy policy; /* of the zone; its lists as struct fetch_request has them */
	/* Each without its policy and resolver, which are those above. */
	struct fetch_request fetch;
	struct tls_probe_request handshake;
	struct {
		struct str name;
		enum dns_type type;
		struct addr server; /* that is asked directly (net/dns_direct.h); len 0: by the resolver */
	} ask;
};

struct probe_seen {
	enum probe_look_kind kind;
	struct fetch_result fetched;
	struct tls_probe_result shaken;
	struct dns_answer answered;
};

struct probe_message {
	enum probe_message_type type;
	uint64_t id;        /* of look, seen, cancel; the number of ping and pong */
	unsigned protocol;  /* hello: PROBE_VERSION; of another one nothing else is known */
	struct str name;    /* hello: of the probe; welcome: of the service */
	struct str version; /* hello: of the program */
	uint32_t at_once;   /* hello: looks it takes at one time */
	uint32_t keepalive_ms; /* welcome */
	struct str why;     /* refused */
	struct probe_look look;
	struct probe_seen seen;
};

/* Slices of out point into in, lists are in the arena. RC_INVALID for anything but exactly one
 * well-formed message; RC_NOMEM. */
enum rc probe_message_decode(struct arena *a, struct bytes in, struct probe_message *out) MUST_USE;
/* Appends to out. RC_LIMIT: it cannot be said (lists or texts are too long); RC_NOMEM. */
enum rc probe_message_encode(const struct probe_message *m, struct buf *out) MUST_USE;

/* Names of probes: 1 to 64 of A-Z a-z 0-9 . _ - */
bool probe_name_ok(struct str name);

#endif
