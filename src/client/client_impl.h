/* client_impl.h - what the files of this folder share: the session and its signed requests. */
#ifndef ASSAY_CLIENT_CLIENT_IMPL_H
#define ASSAY_CLIENT_CLIENT_IMPL_H

#include "base/limits.h"
#include "client/client.h"
#include "net/web.h"

#define CLIENT_URL_MAX 2048
#define CLIENT_NONCE_MAX 512
#define CLIENT_ORIGINS_MAX 10
#define CLIENT_ARENA (4 * 1024 * 1024)      /* one answer and what is read from it */
#define CLIENT_BODY_MAX LIMIT_JSON_RESOURCE
#define CLIENT_CHAIN_MAX (1024 * 1024)      /* PEM (TRUST V50) */
#define CLIENT_CHAIN_CERTS 10
#define CLIENT_DEADLINE_S 300

/* A server that refuses nonces again and again is asked again this often at most, so that one which
 * refuses nine of ten (test servers do) still serves; the first few times at once, as RFC 8555 §6.5
 * wants, then with a pause. */
#define CLIENT_BAD_NONCE_MAX 150
#define CLIENT_BAD_NONCE_AT_ONCE 5
#define CLIENT_BAD_NONCE_PAUSE_MS 50

struct client {
	struct web *web;
	struct arena arena; /* the directory and what it says */
	struct acme_directory directory;
	struct str directory_url;
	/* scheme://host:port of the directory and of the resources that it names. Every URL that the
	 * server sends later must be one of these: no request that we sign goes elsewhere. */
	struct str origins[CLIENT_ORIGINS_MAX];
	size_t origin_count;
	const struct privkey *key; /* borrowed */
	char account_url[CLIENT_URL_MAX + 1]; /* "" before registration */
	char nonce[CLIENT_NONCE_MAX + 1];     /* the last one the server gave; "": none */
	int64_t deadline_ms;                  /* of the operation under way, monotonic */
	void (*wait_ms)(void *arg, int64_t ms);
	void *wait_arg;
};

/* Starts an operation: all its requests and waits together end within deadline_s. */
void client_begin(struct client *c, int64_t deadline_s);
/* Waits; RC_TIMEOUT without waiting when the operation's deadline would pass meanwhile, and then
 * the fault says what was waited for. */
enum rc client_wait(struct client *c, int64_t ms, const char *what, struct fault *f) MUST_USE;

/* How a request says who asks (RFC 8555 §6.2). */
enum client_auth { CLIENT_BY_KID, CLIENT_BY_JWK, CLIENT_UNSIGNED /* GET; the directory only */ };

/* payload absent: POST-as-GET (RFC 8555 §6.3). */
struct client_request {
	const char *what;  /* "newOrder": for people */
	struct str url;
	struct str payload;
	struct str accept; /* absent: JSON */
	enum client_auth auth;
	size_t max_body;   /* 0: CLIENT_BODY_MAX */
};
/* One request and its answer. An answer of 2xx is RC_OK; anything else is the fault that the
 * server's problem document tells, named by `what`. Refused nonces, and 429 and 503 that say when to
 * come again, are tried again within the deadline. */
enum rc client_call(struct client *c, struct arena *a, const struct client_request *r,
		    struct web_response *out, struct fault *f) MUST_USE;
/* May the same request succeed in a moment? */
bool client_is_transient(enum rc rc);
/* Retry-After in seconds, -1 if there is none. */
int64_t client_retry_after(const struct web_response *r);
/* The gap before look number `look` at something that is not settled yet (retry.h). */
enum rc client_wait_look(struct client *c, unsigned look, int64_t retry_after_s, const char *what,
			 struct fault *f) MUST_USE;

/* A URL that the server sent: https, well-formed (url_check) and on one of its origins. */
enum rc client_check_url(const struct client *c, const char *what, struct str url, struct fault *f) MUST_USE;
/* The Location of an answer, checked and in the arena. */
enum rc client_location(const struct client *c, struct arena *a, const struct web_response *r, const char *what,
			struct str *out, struct fault *f) MUST_USE;
/* Prefixes the detail, keeps the rest. */
void client_fault_prefix(struct fault *f, const char *prefix);

/* --- authz.c --- */

/* Brings every authorization of an order to "valid" (RFC 8555 §7.5): presents, answers, polls. What
 * was presented is taken away again, however this ends. */
enum rc client_authorize(struct client *c, struct arena *a, const struct client_order *o,
			 const struct acme_order *order, struct fault *f) MUST_USE;

/* --- chain.c --- */

/* Reads a PEM chain and checks it against the request that it answers: the leaf's key and names are
 * the request's, it is valid now, and the second certificate signed it (RFC 8555 §7.4.2, §9.1). */
enum rc chain_read(struct arena *a, struct str pem, struct bytes csr, struct bytes **out, size_t *out_count,
		   struct fault *f) MUST_USE;

#endif
