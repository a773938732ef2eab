/* fake_acme.h - an ACME server in a thread, with a CA of its own, that does one thing wrong. One
 * order at a time, for the name that was ordered first. It believes every signature. */
#ifndef ASSAY_TEST_CLIENT_FAKE_ACME_H
#define ASSAY_TEST_CLIENT_FAKE_ACME_H

#include <stdatomic.h>

#include "client/client.h"
#include "net_kit.h"

enum evil {
	GOOD,
	DIRECTORY_PLAIN_HTTP,   /* newOrder is http:// */
	DIRECTORY_IS_HTML,
	DIRECTORY_REDIRECTS,
	DIRECTORY_HUGE,
	DIRECTORY_HEADERS_HUGE,
	DIRECTORY_WANTS_EAB,
	NONCE_MISSING,
	NONCE_POISON,           /* newNonce gives characters that no nonce has */
	NONCE_REFUSED_TWICE,
	NONCE_REFUSED_ALWAYS,
	ACCOUNT_DEACTIVATED,
	ACCOUNT_FORGOTTEN,      /* until newAccount */
	LOCATION_ELSEWHERE,     /* of the order: another host */
	LOCATION_PLAIN_HTTP,
	LOCATION_MISSING,
	ORDER_HUGE,
	ORDER_OTHER_NAME,
	ORDER_UNKNOWN_STATUS,
	ORDER_PROBLEM_ESCAPES,  /* newOrder is refused with terminal escapes */
	ORDER_RATE_LIMITED_ONCE,
	ORDER_RATE_LIMITED_LONG,
	ORDER_REDIRECTS,
	ORDER_TERMS_CHANGED,
	AUTHZ_ELSEWHERE,
	AUTHZ_OTHER_NAME,
	AUTHZ_VALID,            /* nothing has to be proved */
	AUTHZ_INVALID,          /* the validation fails */
	AUTHZ_PENDING_FOREVER,
	AUTHZ_NO_HTTP01,
	AUTHZ_READ_FAILS_TWICE, /* 500 */
	TOKEN_PATH,
	TOKEN_SHELL,
	TOKEN_SHORT,
	CHALLENGE_ELSEWHERE,
	PROCESSING_FOREVER,
	PROCESSING_A_WHILE,
	READY_FOREVER,          /* finalize changes nothing */
	FINALIZE_FAILS_ONCE,    /* 503 without Retry-After */
	CERTIFICATE_MISSING,
	CERTIFICATE_OTHER_KEY,
	CERTIFICATE_OTHER_NAME,
	CERTIFICATE_MORE_NAMES,
	CERTIFICATE_OTHER_ISSUER, /* the second of the chain did not sign it */
	CERTIFICATE_IS_CA,
	CERTIFICATE_EXPIRED,
	CERTIFICATE_GARBAGE,
	CERTIFICATE_HUGE,
	CERTIFICATE_TEXT,       /* poison between the blocks */
};

struct fake_acme {
	struct kit_server server;
	struct kit_cert tls;      /* for localhost, of root */
	struct privkey *root_key, *other_key;
	struct arena arena;
	struct bytes root;        /* DER */
	char root_file[64], directory[64], base[48];
	enum evil evil;
	atomic_int requests, orders, challenges, finalizes, reads, nonces_refused;
	/* Of the order under way; the loop's thread only. */
	char status[32], name[256];
	bool authz_done;
	struct bytes csr;
};

void fake_acme_start(struct fake_acme *x, enum evil evil);
void fake_acme_stop(struct fake_acme *x);

#endif
