/* resource.h - what the resources of the admin API share: handlers, pages of a list, the objects as
 * JSON. Paths and methods are in the table of admin.c. */
#ifndef ASSAY_API_ADMIN_RESOURCE_H
#define ASSAY_API_ADMIN_RESOURCE_H

#include "acme/json.h"
#include "api/admin/decode.h"
#include "api/request.h"
#include "base/buf.h"
#include "core/order.h"

/* --- handlers; req->path_id is what "*" of the path stands for --- */

enum rc admin_status(struct request *req, struct fault *f);
enum rc admin_check(struct request *req, struct fault *f);
enum rc admin_accounts(struct request *req, struct fault *f);
enum rc admin_account(struct request *req, struct fault *f);
enum rc admin_account_deactivate(struct request *req, struct fault *f);
enum rc admin_orders(struct request *req, struct fault *f);
enum rc admin_order(struct request *req, struct fault *f);
enum rc admin_order_why(struct request *req, struct fault *f);
enum rc admin_certs(struct request *req, struct fault *f);
enum rc admin_cert(struct request *req, struct fault *f);
enum rc admin_cert_issue(struct request *req, struct fault *f);
enum rc admin_cert_revoke(struct request *req, struct fault *f);
enum rc admin_renew_early(struct request *req, struct fault *f);
enum rc admin_eab_keys(struct request *req, struct fault *f);
enum rc admin_eab_key(struct request *req, struct fault *f);
enum rc admin_eab_add(struct request *req, struct fault *f);
enum rc admin_eab_revoke(struct request *req, struct fault *f);
enum rc admin_limits(struct request *req, struct fault *f);
enum rc admin_limits_reset(struct request *req, struct fault *f);
enum rc admin_authorities(struct request *req, struct fault *f);
enum rc admin_authority(struct request *req, struct fault *f);
enum rc admin_directories(struct request *req, struct fault *f);
enum rc admin_directory(struct request *req, struct fault *f);
enum rc admin_zones(struct request *req, struct fault *f);
enum rc admin_zone(struct request *req, struct fault *f);
enum rc admin_zone_set(struct request *req, struct fault *f);
enum rc admin_zone_remove(struct request *req, struct fault *f);
enum rc admin_document(struct request *req, struct fault *f);
enum rc admin_document_apply(struct request *req, struct fault *f);
enum rc admin_probes(struct request *req, struct fault *f);
enum rc admin_jobs(struct request *req, struct fault *f);
enum rc admin_audit_chain(struct request *req, struct fault *f);
enum rc admin_audit_checkpoint(struct request *req, struct fault *f);
enum rc admin_audit_checkpoint_make(struct request *req, struct fault *f);
enum rc admin_audit(struct request *req, struct fault *f);

/* --- answers --- */

/* A writer whose text becomes the reply. reply_json() ends and frees it. */
struct answer {
	struct buf buf;
	struct json_out out;
};
void answer_init(struct answer *a);
void answer_done(struct answer *a);
enum rc reply_json(struct request *req, int status, struct answer *a) MUST_USE;

/* RC_NOTFOUND with "there is no such <what>". */
enum rc admin_not_found(const char *what, struct fault *f);

/* --- pages ---
 * A list is {"NAME": [...], "next": "..."}, newest first unless the resource says otherwise; "next"
 * is there when more may follow and goes into ?after= of the next request. One request reads at most
 * a bounded number of rows, so a page may be short, or empty, and have a "next". */

struct listing {
	const char *name;        /* "orders" */
	struct store_query query; /* table, index, key, direction; limit and after are set here */
	size_t record_size;
	int64_t limit;
	const void *after;       /* record to go on behind; NULL: from the first */
	/* Is it wanted? NULL: all. */
	bool (*wanted)(const void *record, const void *arg);
	enum rc (*show)(struct request *req, struct json_out *o, const void *record);
	/* The text for ?after=, in the request's arena. */
	struct str (*cursor)(struct request *req, const void *record);
	const void *arg;
};
enum rc reply_listing(struct request *req, const struct listing *l) MUST_USE;

/* --- objects --- */

struct str serial_str(struct arena *a, struct bytes serial); /* hex */
/* The names of identifiers_to_text(), without their types: no name looks like an address. */
void show_identifiers(struct json_out *o, const char *key, struct str text);
/* Left out when 0. */
void show_time(struct json_out *o, const char *key, int64_t at_s);
void show_text(struct json_out *o, const char *key, struct str text); /* left out when absent */
/* Lines of text as an array. */
void show_lines(struct json_out *o, const char *key, struct str text);
struct check_line;
/* "lines": what was found step by step, each with its grade; WARN and FAIL have a remedy. */
void show_check_line(struct json_out *o, const struct check_line *line);
enum rc show_cert(struct request *req, struct json_out *o, const struct cert_record *c, bool with_pem) MUST_USE;
/* The members of an order, without the braces. */
enum rc show_order_members(struct request *req, struct json_out *o, const struct order *order) MUST_USE;
void show_zone(struct request *req, struct json_out *o, const char *key, const struct zone *z);
void show_directory_url(struct request *req, struct json_out *o, const struct directory *d);
/* The order that req->path_id names. */
enum rc admin_load_order(struct request *req, struct order *out, struct fault *f) MUST_USE;

#endif
