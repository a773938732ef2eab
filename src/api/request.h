/* request.h - the life of one request (docs/ARCHITECTURE.md): a handler is straight-line code on a
 * request thread. It reads from one snapshot, decides through core/, adds writes to req->core.tx and
 * sets a reply. When it returns RC_OK the transaction goes to the writer and the reply is held until
 * it is durable; RC_CONFLICT from the writer runs the handler again from its top. Any other rc is
 * answered with the fault as a problem document. */
#ifndef ASSAY_API_REQUEST_H
#define ASSAY_API_REQUEST_H

#include "acme/jws.h"
#include "core/account.h"
#include "core/core.h"
#include "core/watch.h"
#include "net/http_server.h"

struct request;
struct request_thread;

typedef enum rc (*handler_fn)(struct request *req, struct fault *f);

#define REPLY_HEADERS_MAX 24

struct request {
	struct loop_work work; /* first: posted back to the request's thread */
	struct watcher watcher;
	struct request_thread *thread;
	struct http_exchange *exchange;
	const struct http_request *http;
	struct arena *arena; /* everything of this request; gone after the reply */
	struct context core;
	struct config *config;
	char id[ID_TEXT_LEN + 1]; /* in the log and in the Request-Id header */

	/* ACME: filled by the gate. */
	const struct directory *directory;
	struct str base;         /* "https://host" as the client reached us */
	struct jws jws;
	struct str payload;
	struct account *account; /* that signed by kid; owned */
	struct str instance;     /* where a refusal is explained to who asked; absent: nowhere */
	struct str path_id;      /* what follows the endpoint's name in the path */
	bool acme;               /* replies carry nonce and Link: index */
	struct str operator_name; /* admin: who asks */

	handler_fn handler;
	/* Runs instead of the reply once the transaction is durable. */
	handler_fn then;
	bool drop_account; /* forget the cached account when durable: it was changed */
	struct id drop_account_id;

	const char *endpoint; /* for metrics; a literal, NULL: any other */
	const char *allow; /* methods that the resource has, for a 405 */

	struct check *check; /* admin: the doctor at work (core/check.h); owned */
	struct crl *list; /* whose octets the body is (core/revocation.h); owned */
	int status;
	struct http_header headers[REPLY_HEADERS_MAX];
	size_t header_count;
	struct str body;

	/* private to request.c */
	struct request *next;
	struct arena own_arena;
	struct loop_timer *timer;
	enum { WAIT_NONE, WAIT_LINKED, WAIT_OVER } wait;
	bool held;       /* the handler that just ran waits */
	bool look_again; /* and registered only after it had read */
	bool parked;     /* nothing runs until the watcher or its timer */
	bool sending;    /* the reply is ready */
	enum rc committed;
	unsigned tries;
	int64_t started_us;
};

/* --- replies --- */

enum rc reply_set(struct request *req, int status, const char *content_type, struct str body);
void reply_header(struct request *req, const char *name, struct str value);
enum rc reply_headerf(struct request *req, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_USE;

/* Holds the reply until the subject changes or timeout_ms have passed. True: the handler returns
 * RC_OK without a reply and runs again then. False: reply with what there is. Call it after finding
 * the subject still under way. */
bool request_wait(struct request *req, struct id subject, int timeout_ms);
/* Registers for the subject before its transaction is submitted, so that req->then misses nothing. */
void request_watch(struct request *req, struct id subject, int timeout_ms);

/* --- threads --- */

struct request_thread_options {
	struct service *service;
	/* Finds the handler by method and path, or sets the fault. */
	enum rc (*route)(struct request *req, struct fault *f);
	bool admin;    /* a Unix socket: larger bodies */
	bool proxied;  /* the settings' proxies may speak for clients here */
	bool any_host; /* what is served depends on no Host: the admin API, the roots over plain HTTP */
	unsigned max_connections;
};
enum rc request_thread_new(const struct request_thread_options *o, struct loop *loop,
			   struct request_thread **out) MUST_USE;
void request_thread_free(struct request_thread *t);
struct http_server *request_thread_http(struct request_thread *t);
struct service *request_service(struct request *req);

#endif
