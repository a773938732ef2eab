/* fetch_url.h - the URLs that a fetch goes to: the first, which we write, and those that a redirect
 * names, which a stranger writes (RFC 3986, RFC 9110 §10.2.2). */
#ifndef ASSAY_NET_FETCH_URL_H
#define ASSAY_NET_FETCH_URL_H

#include "base/limits.h"
#include "net/addr.h"

#define FETCH_URL_MAX 2048

struct fetch_url {
	char text[FETCH_URL_MAX + 1]; /* absolute, as libcurl takes it; without user and fragment */
	char host[LIMIT_NAME + 2];    /* a DNS name, or an IP address without brackets */
	bool https;
	uint16_t port;
	bool is_literal;
	struct addr literal; /* with port */
};

/* http://HOST:PORT/PATH. path: origin-form, visible ASCII. *out_why says what is wrong. */
enum rc fetch_url_first(struct str host, uint16_t port, struct str path, struct fetch_url *out,
			const char **out_why) MUST_USE;
/* What Location means, seen from the URL that answered with it. */
enum rc fetch_url_redirect(const struct fetch_url *from, struct str location, struct fetch_url *out,
			   const char **out_why) MUST_USE;

#endif
