/* client.h - the ACME client engine (RFC 8555 from the other side), used by the agent and by the
 * registration authority: a session with one server, an account, and one resumable order.
 * Blocking, on libcurl by net/web.h; a session belongs to one thread.
 * Distrusts the server: https only in every URL it is given, no redirect to another origin, sizes
 * and times limited, tokens and texts checked before anybody uses them (TRUST V45-V52). */
#ifndef ASSAY_CLIENT_CLIENT_H
#define ASSAY_CLIENT_CLIENT_H

#include "acme/objects.h"
#include "base/auto.h"
#include "solver/solver.h"

struct client;

struct client_options {
	struct str directory_url; /* https:// */
	struct str root_file;     /* PEM of roots to trust instead of the system's; absent: system's */
	const struct privkey *account_key; /* borrowed */
	struct str user_agent;
	int64_t timeout_s;        /* one request, default 30 */
	/* Tests: wait this way between polls instead of sleeping by clock; NULL: real waiting. */
	void (*wait_ms)(void *arg, int64_t ms);
	void *wait_arg;
};
/* Fetches the directory. Nothing is registered yet. */
enum rc client_new(const struct client_options *o, struct client **out, struct fault *f) MUST_USE;
void client_free(struct client *c);
AUTO_PTR_DEFINE(client);
/* What the server publishes; borrowed until client_free(). */
const struct acme_directory *client_directory(const struct client *c);

struct client_account {
	const struct str *contacts;
	size_t contact_count;
	bool agree_terms;
	bool only_existing;
	struct str eab_kid;    /* absent: none */
	struct bytes eab_key;
};
/* newAccount (RFC 8555 §7.3); an existing key gives its account. The URL is kept in the session and
 * copied to out_url (may be NULL). */
enum rc client_register(struct client *c, struct arena *a, const struct client_account *account,
			struct str *out_url, struct fault *f) MUST_USE;
/* Continues with an account URL known from before. */
enum rc client_set_account(struct client *c, struct str url, struct fault *f) MUST_USE;
/* keyChange (RFC 8555 §7.3.5). The session goes on with new_key, which is borrowed from then on. */
enum rc client_key_change(struct client *c, const struct privkey *new_key, struct fault *f) MUST_USE;
/* Deactivates the account, for good (RFC 8555 §7.3.6). */
enum rc client_deactivate(struct client *c, struct fault *f) MUST_USE;

/* --- one order (client/order.c opens with the diagram of RFC 8555 §7.1.6) --- */

struct client_order {
	const struct identifier *identifiers;
	size_t identifier_count;
	struct str profile;          /* absent: the server's default */
	int64_t not_before, not_after;
	/* Chooses the solver for an identifier; NULL: it cannot be solved (the order fails). */
	struct solver *(*solver_for)(void *arg, const struct identifier *id);
	void *arg;
	struct bytes csr;            /* DER */
	struct str order_url;        /* absent: a new order; else the one to resume */
	/* Called as soon as the order exists, so that it can be resumed after a crash. */
	void (*on_order)(void *arg, struct str order_url);
	int64_t deadline_s;          /* for everything, default 300 */
};
/* What a fault of client_obtain() means: RC_TIMEOUT, RC_UNAVAILABLE, RC_LIMIT, RC_BUSY: try later
 * (f->retry_after_s), the order can be resumed; else this order has failed for good. */
/* newOrder -> authorizations -> challenges -> finalize -> certificate. *out_chain: the DER
 * certificates, leaf first, checked: the leaf's key and names are those of the CSR. Solvers are
 * cleaned up in every case. f carries the server's problem, subproblems included. */
enum rc client_obtain(struct client *c, struct arena *a, const struct client_order *order,
		      struct bytes **out_chain, size_t *out_count, struct fault *f) MUST_USE;
/* revokeCert by the account (RFC 8555 §7.6). reason < 0: none is given. */
enum rc client_revoke(struct client *c, struct bytes cert_der, int reason, struct fault *f) MUST_USE;

#endif
