/* admin.c - which path of the admin API is whose (default deny), and who may use it. */
#include "api/admin/admin.h"

#include <unistd.h>

static enum rc check_peer(struct request *req, struct fault *f)
{
	unsigned uid, gid;
	int pid;

	if (http_exchange_peer_cred(req->exchange, &uid, &gid, &pid) && (uid == 0 || uid == geteuid()))
		return RC_OK;
	return fault_set(f, RC_DENIED, PROBLEM_UNAUTHORIZED,
			 "policy: the admin socket serves root and the server's own user only");
}

enum rc admin_route(struct request *req, struct fault *f)
{
	enum rc rc = check_peer(req, f);

	if (rc != RC_OK)
		return rc;
	return fault_set(f, RC_NOTFOUND, PROBLEM_NOT_FOUND, "the admin API has nothing at this path");
}
