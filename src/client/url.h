/* url.h - the URLs that a server hands out, looked at before anything is sent to them (RFC 3986,
 * RFC 8555 §6.1; TRUST V45, V47). */
#ifndef ASSAY_CLIENT_URL_H
#define ASSAY_CLIENT_URL_H

#include "base/fault.h"

/* https://, a host, at most CLIENT_URL_MAX visible ASCII characters, none of them one that RFC 3986
 * §2 has not, no user, no fragment. The fault names `what` the URL is of. */
enum rc url_check(const char *what, struct str url, struct fault *f) MUST_USE;
/* "https://host:port" of a URL that url_check() accepted, as written; borrows. */
struct str url_origin(struct str url);
/* Same host without regard to case, same port, with 443 where none is written. */
bool url_origin_eq(struct str a, struct str b);

#endif
