/* own_cert.h - the server's own TLS certificate: issued by its CA at start, renewed while running
 * when a third of its life is left. The key is made anew each time and never leaves memory. */
#ifndef ASSAY_API_OWN_CERT_H
#define ASSAY_API_OWN_CERT_H

#include "core/core.h"
#include "net/loop.h"
#include "net/tls.h"

struct own_cert;

/* On the jobs' loop. ready runs once, on that loop, when the first certificate is in place. */
enum rc own_cert_start(struct service *s, struct loop *loop, struct tls_server *tls,
		       void (*ready)(void *arg), void *arg, struct own_cert **out) MUST_USE;
void own_cert_free(struct own_cert *o);

#endif
