/* admin.h - the admin API over the local Unix socket: JSON objects, one file per resource. The peer's
 * user id is its credential: the server's own user and root (policy); anybody else is refused. Every
 * verb of the CLI is a client of this API (docs/admin-api.md). */
#ifndef ASSAY_API_ADMIN_ADMIN_H
#define ASSAY_API_ADMIN_ADMIN_H

#include "api/request.h"

enum rc admin_route(struct request *req, struct fault *f);

#endif
