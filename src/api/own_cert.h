/* own_cert.h - the server's own TLS certificate: issued by its CA at start, renewed while running
 * when a third of its life is left. The key is made anew each time and never leaves memory. */
#ifndef ASSAY_API_OWN_CERT_H
#define ASSAY_API_OWN_CERT_H

#include "core/core.h"
#include "net/loop.h"
#include "net/tls.h"

struct own_cert;

struct own_cert_options {
	struct service *service;
	struct loop *loop; /* the jobs' */
	struct tls_server *tls;
	/* One of them runs, once and on the loop: the first certificate is in place, or it never will be - the
	 * authority has expired or may not certify these names. Nothing is tried again then. */
	void (*ready)(void *arg);
	void (*refused)(void *arg, const char *why);
	void *arg;
};
enum rc own_cert_start(const struct own_cert_options *o, struct own_cert **out) MUST_USE;
void own_cert_free(struct own_cert *o);

#endif
