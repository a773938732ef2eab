/* pages.h - what is served without a JWS beside the directory: roots for bootstrap, terms of
 * service, health. */
#ifndef ASSAY_API_PAGES_H
#define ASSAY_API_PAGES_H

#include "api/request.h"

/* The handler of exactly this path, or NULL. */
handler_fn page_find(struct str path);
/* For plain HTTP listeners: only the roots and health. */
enum rc pages_route(struct request *req, struct fault *f);

#endif
