/* renew.c - POST /v1/certs/renew-early: moves the renewal windows of certificates (RFC 9773 §4.2). */
#include "acme/members.h"
#include "api/admin/resource.h"
#include "base/encode.h"
#include "base/limits.h"
#include "core/ari.h"
#include "crypto/digest.h"

#define WITHIN_S 86400
#define WITHIN_MAX_S (90 * 86400)

static enum rc read_hex(struct request *req, struct str text, const char *what, struct bytes *out, struct fault *f)
{
	uint8_t *p = arena_alloc(req->arena, text.len / 2 + 1);
	size_t len;

	if (!p)
		return RC_NOMEM;
	if (!text.len || !hex_decode(text, p, &len))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED, "\"%s\" must be hexadecimal", what);
	*out = bytes_of(p, len);
	return RC_OK;
}

static enum rc read_body(struct request *req, struct ari_early *out, struct fault *f)
{
	static const char *const known[] = { "authority", "name", "key_hash", "all", "within", "after", NULL };
	struct members m = { .arena = req->arena, .section = "admin API", .f = f };
	struct str within = { 0 }, key_hash = { 0 }, after = { 0 };
	AUTO_JSON json_t *object = NULL;
	struct ari_early e = { .within_s = WITHIN_S };
	enum rc rc = json_read_object(req->http->body, LIMIT_JSON_BYTES, "admin API", &object, f);

	if (rc == RC_OK)
		rc = admin_only_members(object, known, f);
	m.object = object;
	if (rc == RC_OK)
		rc = member_str(&m, "authority", MEMBER_OPTIONAL, &e.authority);
	if (rc == RC_OK)
		rc = member_str(&m, "name", MEMBER_OPTIONAL, &e.name);
	if (rc == RC_OK)
		rc = member_str(&m, "key_hash", MEMBER_OPTIONAL, &key_hash);
	if (rc == RC_OK)
		rc = member_str(&m, "within", MEMBER_OPTIONAL, &within);
	if (rc == RC_OK)
		rc = member_str(&m, "after", MEMBER_OPTIONAL, &after);
	if (rc == RC_OK && key_hash.p)
		rc = read_hex(req, key_hash, "key_hash", &e.key_hash, f);
	if (rc == RC_OK && key_hash.p && e.key_hash.len != SHA256_LEN)
		rc = fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
			       "\"key_hash\" must be the SHA-256 of a SubjectPublicKeyInfo, %d hexadecimal digits",
			       2 * SHA256_LEN);
	if (rc == RC_OK && after.p)
		rc = read_hex(req, after, "after", &e.after, f);
	if (rc != RC_OK)
		return rc;
	if (within.p && (!str_to_duration_s(within, &e.within_s) || e.within_s > WITHIN_MAX_S))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "\"within\" must be a time up to 90d, such as \"24h\"");
	/* Everything is moved only when that was said. */
	if (!e.authority.p && !e.name.p && !e.key_hash.p && !json_is_true(member_get(&m, "all")))
		return fault_set(f, RC_INVALID, PROBLEM_MALFORMED,
				 "say which certificates: \"authority\", \"name\", \"key_hash\" or \"all\": true");
	*out = e;
	return RC_OK;
}

enum rc admin_renew_early(struct request *req, struct fault *f)
{
	struct ari_early e;
	struct ari_moved moved;
	AUTO(answer) struct answer a;
	enum rc rc;

	answer_init(&a);
	rc = read_body(req, &e, f);
	if (rc == RC_OK)
		rc = ari_renew_early(&req->core, &e, &moved);
	if (rc != RC_OK)
		return rc;
	json_out_open(&a.out, NULL, '{');
	json_out_int(&a.out, "moved", moved.count);
	if (moved.next.p)
		json_out_str(&a.out, "next", serial_str(req->arena, moved.next));
	json_out_close(&a.out, '}');
	return reply_json(req, 200, &a);
}
